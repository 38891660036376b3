//! `rem-ci destroy ENV --confirm NAME`

use super::apply::{first_look, problems, show};
use super::{Common, Format, Say, progress};
use crate::engine::Event;
use crate::guard::Verb;
use crate::problem::{Exit, Problem};
use crate::run::{self, Approval, Halt};
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
    let looked = first_look(&loaded, &world, Verb::Destroy, &args.acknowledge).await?;
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
    let destroyed = board.during(world.mode, run::destroy(&loaded, &world, &approval, &sink, &stop)).await;
    board.finish();
    let destroyed = destroyed?;
    let mut trouble = problems(&destroyed.applied.outcome, &args.environment, "destroy");
    trouble.extend(destroyed.leftovers.iter().map(|left| {
        let title = format!("{} {} is left behind ({})", left.noun, left.id, left.why);
        Problem::error("leftover", title, "run destroy again; if it stays, remove it by hand and look who made it")
    }));
    let report = destroyed.report(trouble);
    match say.format {
        Format::Human => say.result(&human::apply(&report, say.style(Stream::Stdout))),
        Format::Json => say.result(&json::apply(&report)),
        Format::Markdown => say.result(&markdown::apply_summary(
            &report,
            None,
            &markdown::CommentMeta::default(),
            markdown::SUMMARY_LIMIT,
        )),
    };
    Ok(destroyed.exit())
}
