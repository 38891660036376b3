//! The job summary: what the comment says, with nothing folded away for its length, and a chart of what an apply did when.
//!
//! GitHub takes 1 MiB a step, so here a plan of five thousand resources is whole; where a comment was cut it names this.

use super::comment::{Comment, Environment, Origin, Stage};
use super::markdown::{SUMMARY_LIMIT, gantt};

/// The summary of one job, of at most `limit` bytes.
#[must_use]
pub fn summary(origin: &Origin, environments: &[Environment], limit: usize) -> String {
    let mut comment = Comment::default();
    for environment in environments {
        comment.put(origin, environment);
    }
    let charts = environments.iter().filter_map(|environment| match &environment.stage {
        Stage::Ended(ended) => gantt(&ended.report.steps),
        _ => None,
    });
    comment.summary(charts.collect(), limit.min(SUMMARY_LIMIT))
}
