//! `rem-ci plan ENV...`

use std::path::PathBuf;

use super::{Common, Format, Say, args};
use crate::guard::Verb;
use crate::problem::Exit;
use crate::run::{Halt, Look, Looked, look, plan_report};
use crate::view::out::Stream;
use crate::view::report::{Mode, PlanReport};
use crate::view::{human, json, markdown};

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(required = true, value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Ask no AWS at all: everything is taken as absent
    #[arg(long)]
    pub(super) offline: bool,
    /// Write the result to FILE instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Looks at one environment.
pub(super) async fn one(common: &Common, environment: &str, offline: bool, say: &Say) -> Result<(Looked, Mode), Halt> {
    let loaded = Common::load(environment)?;
    let world = common.world_or_offline(&loaded, offline, say).await?;
    let mode = world.as_ref().map_or(Mode::Offline, |world| world.mode);
    let record = match &world {
        Some(world) => crate::run::recorded(world, &loaded.spec).await?,
        None => None,
    };
    let ask = Look {
        verb: Verb::Apply,
        after_incomplete: record.is_some_and(|record| record.incomplete()),
        acknowledged: &[],
        today: crate::cloud::Clock::Wall.today(),
    };
    Ok((look(&loaded, world.as_ref(), ask).await?, mode))
}

/// Looks at several, and says everything that is wrong with any of them before it gives up.
pub(super) async fn all(
    common: &Common,
    environments: &[String],
    offline: bool,
    say: &Say,
) -> Result<Vec<(Looked, PlanReport)>, Halt> {
    let mut looks = Vec::new();
    let mut halted: Option<Halt> = None;
    for environment in environments {
        match (one(common, environment, offline, say).await, &mut halted) {
            (Ok((looked, mode)), _) => {
                let report = plan_report(&looked, mode);
                looks.push((looked, report));
            }
            (Err(halt), None) => halted = Some(halt),
            (Err(halt), Some(first)) => first.problems.extend(halt.problems),
        }
    }
    halted.map_or(Ok(looks), Err)
}

/// How looks end: an error-severity finding over changes over nothing to do.
pub(super) fn exit(looks: &[(Looked, PlanReport)], detailed: bool) -> Exit {
    let unknown = |looked: &Looked| looked.plan.summary().get("unknown").is_some_and(|count| *count > 0);
    if looks.iter().any(|(looked, _)| looked.refused()) {
        Exit::Refused
    } else if detailed && looks.iter().any(|(looked, _)| looked.plan.changes() || unknown(looked)) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

pub(super) async fn run(common: &args::Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let looks = all(common, &args.environments, args.offline, say).await?;
    let reports: Vec<PlanReport> = looks.iter().map(|(_, report)| report.clone()).collect();
    let text = match say.format {
        Format::Human => human::plans(&reports, say.style(Stream::Stdout)),
        Format::Json => json::plans(&reports),
        Format::Markdown => {
            let pictures: Vec<_> = looks.iter().map(|(looked, _)| super::graph::topology(&looked.spec)).collect();
            markdown::plan_comment(&reports, &pictures, &markdown::CommentMeta::default(), markdown::SUMMARY_LIMIT)
        }
    };
    say.result_to(&text, args.out.as_deref())?;
    Ok(exit(&looks, args.detailed_exitcode))
}
