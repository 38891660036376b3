//! `rem-ci destroy ENV --confirm NAME`

use std::time::Duration;

use super::apply::{problems, show};
use super::{Common, Format, Say, progress};
use crate::engine::Event;
use crate::problem::{Exit, Problem};
use crate::run::{self, Approval, Halt, Wishes};
use crate::view::out::Stream;
use crate::view::{human, json, markdown};

/// Arguments of `destroy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// The environment's name once more: acknowledges the end of its cluster, VPC and nodes
    #[arg(long, value_name = "NAME")]
    pub(super) confirm: Option<String>,
    /// Destroy only by the plan with this digest
    #[arg(long, value_name = "DIGEST")]
    pub(super) expect_plan: Option<String>,
    /// Acknowledge a finding by exactly its digest
    #[arg(long, value_name = "CODE:DIGEST")]
    pub(super) acknowledge: Vec<String>,
    /// Delete pods that a disruption budget holds back, once the drain has taken so long (10m, 1h)
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(super) force_drain_after: Option<Duration>,
    /// Go ahead without a lock where there is no state bucket
    #[arg(long)]
    pub(super) no_lock: bool,
    /// Taken for scripts that pass it everywhere; `--confirm` is what counts
    #[arg(long, short)]
    pub(super) yes: bool,
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let (looked, _) = run::look_before(&loaded, &world, &args.acknowledge).await?;
    show(say, &looked, &world);
    if args.confirm.as_deref() != Some(&loaded.spec.name) {
        let title = format!("destroy wants the environment's name typed: {}", looked.digest);
        let help = format!("pass --confirm {} if all of the above is to go", loaded.spec.name);
        return Err(Halt::new(Exit::Refused, Problem::error("not-confirmed", title, help)));
    }
    let approval = Approval {
        digest: args.expect_plan.clone().unwrap_or_default(),
        plan: None,
        acknowledged: args.acknowledge.clone(),
        no_lock: args.no_lock,
        only: None,
    };
    let board = progress::start(say, "destroy", &looked);
    let stop = progress::signals();
    let sink = |event: &Event| board.event(event);
    let wishes = Wishes { force_after: args.force_drain_after };
    let run = Box::pin(run::destroy(&loaded, &world, &approval, wishes, &sink, &stop));
    let destroyed = board.during(world.mode, run).await;
    board.finish();
    let destroyed = destroyed?;
    let mut trouble = problems(&destroyed.applied.outcome, &args.environment, "destroy");
    if !destroyed.problems.is_empty() {
        // They say what the stage that they stopped says, one by one and with what to do.
        trouble.retain(|problem| destroyed.problems.iter().all(|one| !problem.title.contains(&one.title)));
        trouble.splice(0..0, destroyed.problems.iter().cloned());
    }
    trouble.extend(destroyed.leftovers.iter().map(|left| {
        let title = format!("{} {} is left behind ({})", left.noun, left.id, left.why);
        Problem::error("leftover", title, "run destroy again; if it stays, remove it by hand and look who made it")
    }));
    let report = destroyed.report(trouble);
    match say.format {
        Format::Human => say.result(&human::apply(&report, say.style(Stream::Stdout))),
        Format::Json => say.result(&json::apply(&report)),
        Format::Markdown => say.result(&markdown::applied(&report, None, markdown::SUMMARY_LIMIT)),
    };
    Ok(destroyed.exit())
}
