//! What moved without us: one issue for each environment, opened, changed and closed.

use super::desk::{Desk, halted, invalid};
use super::pull_request::shown;
use super::role::Role;
use super::{outputs, touched};
use crate::github::Marked;
use crate::guard::Verb;
use crate::problem::Exit;
use crate::run::{self, Halt, Look, look, plan_report};
use crate::view::Untrusted;
use crate::view::comment::COMMENT_LIMIT;
use crate::view::issue;
use crate::view::markdown::{self, SUMMARY_LIMIT};
use crate::view::report::DriftReport;

/// The label by which the issues are found.
pub const LABEL: &str = "rem-ci drift";

/// The first line of an environment's issue.
fn marker(name: &str) -> String {
    format!("<!-- rem-ci:drift:{name} -->")
}

/// Looks at every environment.
///
/// # Errors
/// What ends the run: the first environment's trouble, after all were tried.
pub(super) async fn drift(desk: &Desk<'_>) -> Result<Exit, Halt> {
    let names = if desk.inputs.environments.is_empty() {
        let all = touched::all(&desk.git, desk.sha(), desk.today()).map_err(invalid)?;
        all.into_iter().map(|found| found.name).collect()
    } else {
        desk.inputs.environments.clone()
    };
    let mut first: Option<Halt> = None;
    let mut reports = Vec::new();
    for name in &names {
        match Box::pin(one(desk, name)).await {
            Ok(report) => reports.push(report),
            Err(halt) => {
                halt.problems.iter().for_each(|problem| desk.note(problem));
                first.get_or_insert(halt);
            }
        }
    }
    outputs::plans(desk.paper, &reports.iter().map(|report| &report.plan).collect::<Vec<_>>());
    first.map_or(Ok(Exit::Done), Err)
}

async fn one(desk: &Desk<'_>, name: &str) -> Result<DriftReport, Halt> {
    let mut loaded = desk.load(desk.sha(), name)?;
    let world = desk.open(&loaded.spec, Role::Plan, None).await?;
    let record = run::recorded(&world, &loaded.spec).await?;
    let baseline = match record {
        Some(record) => {
            let baseline = format!("the apply of {}", record.ended.as_deref().unwrap_or(&record.started));
            loaded.spec = record.spec;
            baseline
        }
        None => "the default branch: no apply is recorded".to_owned(),
    };
    let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: desk.today() };
    let looked = Box::pin(look(&loaded, Some(&world), ask)).await?;
    let moved = looked.plan.changes() || looked.plan.summary()["unknown"] > 0;
    let plan = shown(desk, &plan_report(&looked, world.mode));
    let report = DriftReport { baseline: Untrusted::new(baseline), plan };
    desk.paper.summary(&markdown::drift(&report, SUMMARY_LIMIT));
    let origin = desk.origin(desk.sha(), &desk.happened.default_branch, "");
    if moved {
        let body = issue::drifted(&report, &marker(name), &origin, COMMENT_LIMIT);
        let marked = Marked { title: issue::title(name), body, label: LABEL.to_owned() };
        desk.hub().put_issue(&marked).await.map_err(halted)?;
    } else {
        let word = issue::settled(name, &origin);
        desk.hub().close_issue(LABEL, &marker(name), Some(&word)).await.map_err(halted)?;
    }
    world.close()?;
    Ok(report)
}
