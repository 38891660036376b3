//! `rem-ci drift ENV...`

use super::{Common, Format, Say};
use crate::guard::Verb;
use crate::problem::Exit;
use crate::run::{Halt, Look, look, plan_report, recorded};
use crate::view::Untrusted;
use crate::view::out::Stream;
use crate::view::report::DriftReport;
use crate::view::{human, json, markdown};

/// Arguments of `drift`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Environments: names or paths
    #[arg(required = true, value_name = "ENV")]
    pub(super) environments: Vec<String>,
    /// Exit with 2 when something moved
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let mut moved = false;
    let mut reports = Vec::new();
    for environment in &args.environments {
        let mut loaded = Common::load(environment)?;
        let world = common.harmless(&loaded).await?;
        let record = recorded(&world, &loaded.spec).await?;
        let baseline = match record {
            Some(record) => {
                let baseline = format!("the apply of {}", record.ended.as_deref().unwrap_or(&record.started));
                loaded.spec = record.spec;
                baseline
            }
            None => "the working tree: no apply is recorded".to_owned(),
        };
        let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: world.clock.today() };
        let looked = look(&loaded, Some(&world), ask).await?;
        moved |= looked.plan.changes() || looked.plan.summary()["unknown"] > 0;
        reports.push(DriftReport { baseline: Untrusted::new(baseline), plan: plan_report(&looked, world.mode) });
    }
    let style = say.style(Stream::Stdout);
    let each = |text: &dyn Fn(&DriftReport) -> String| reports.iter().map(text).collect::<Vec<_>>().join("\n");
    say.result(&match say.format {
        Format::Human => each(&|report| human::drift(report, style)),
        Format::Json => json::drifts(&reports),
        Format::Markdown => each(&|report| markdown::drift(report, markdown::SUMMARY_LIMIT)),
    });
    Ok(if moved && args.detailed_exitcode { Exit::Changes } else { Exit::Done })
}
