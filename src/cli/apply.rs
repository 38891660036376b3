//! `rem-ci apply ENV`

use super::{Common, Format, Say, progress};
use crate::engine::Event;
use crate::guard::Verb;
use crate::problem::{Exit, Problem};
pub(super) use crate::run::unfinished as problems;
use crate::run::{self, Approval, Halt, Look, Looked, World, apply_report, look, plan_report, verify_report};
use crate::view::out::Stream;
use crate::view::{human, json, markdown};
use crate::{config::Loaded, verify};

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The environment: a name or a path
    #[arg(value_name = "ENV")]
    pub(super) environment: String,
    /// Apply only the plan with this digest
    #[arg(long, value_name = "DIGEST")]
    pub(super) expect_plan: Option<String>,
    /// Acknowledge a finding by exactly its digest
    #[arg(long, value_name = "CODE:DIGEST")]
    pub(super) acknowledge: Vec<String>,
    /// Do not ask
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Apply one section (network, identity, cluster, interruption, karpenter) and what it needs
    #[arg(long, value_name = "SECTION")]
    pub(super) only: Option<String>,
    /// Do not verify afterwards
    #[arg(long)]
    pub(super) no_verify: bool,
    /// Go ahead without a lock where there is no state bucket
    #[arg(long)]
    pub(super) no_lock: bool,
}

/// Shows a plan where it does not get in the way of the result.
pub(super) fn show(say: &Say, looked: &Looked, world: &World) {
    let text = human::plan_before(&plan_report(looked, world.mode), say.style(Stream::Stderr));
    if say.format == Format::Human {
        say.result(&text);
    } else {
        say.aside(&text);
    }
}

/// Whether somebody said yes.
pub(super) fn confirmed(question: &str, help: &str) -> Result<(), Halt> {
    use crate::view::out;
    let refuse = |title: &str| Halt::new(Exit::Refused, Problem::error("not-confirmed", title, help));
    if !(out::is_terminal(Stream::Stderr) && out::is_terminal_in()) {
        return Err(refuse("nobody is there to ask"));
    }
    let _ = out::aside(question);
    match out::ask() {
        Ok(answer) if answer.trim() == "yes" => Ok(()),
        _ => Err(refuse("not confirmed: nothing was changed")),
    }
}

/// The plan as it stands, refused or not.
pub(super) async fn first_look(
    loaded: &Loaded,
    world: &World,
    verb: Verb,
    acknowledged: &[String],
) -> Result<Looked, Halt> {
    let record = run::recorded(world, &loaded.spec).await?;
    let ask = Look {
        verb,
        after_incomplete: record.is_some_and(|record| record.incomplete()),
        acknowledged,
        today: world.clock.today(),
    };
    look(loaded, Some(world), ask).await
}

pub(super) async fn run(common: &Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let loaded = Common::load(&args.environment)?;
    let world = common.world(&loaded).await?;
    let looked = first_look(&loaded, &world, Verb::Apply, &args.acknowledge).await?;
    show(say, &looked, &world);
    if looked.refused() {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    if looked.plan.changes() && !args.yes && args.expect_plan.is_none() {
        let digest = &looked.digest;
        confirmed("Apply this plan? Only yes is yes: ", &format!("pass --yes, or --expect-plan {digest}"))?;
    }
    let approval = Approval {
        digest: args.expect_plan.clone().unwrap_or_else(|| looked.digest.clone()),
        plan: Some(looked.plan.canonical()),
        acknowledged: args.acknowledge.clone(),
        no_lock: args.no_lock,
        only: args.only.clone(),
    };
    let board = progress::start(say, "apply", &looked);
    let stop = progress::signals();
    let sink = |event: &Event| board.event(event);
    let applied = board.during(world.mode, Box::pin(run::apply(&loaded, &world, &approval, &sink, &stop))).await;
    board.finish();
    let applied = applied?;
    let mut exit = applied.exit();
    let checks = if exit == Exit::Done && !args.no_verify && args.only.is_none() {
        Some(verify::all(&world.cloud, &world.clock, &loaded.spec, &applied.looked.id).await?)
    } else {
        None
    };
    let report = apply_report("apply", &applied, problems(&applied.outcome, &args.environment, "apply"));
    let verified = checks.map(|checks| verify_report(&loaded.spec.name, &checks));
    if verified.as_ref().is_some_and(|verified| !verified.passed()) {
        exit = Exit::Unverified;
    }
    match say.format {
        Format::Human => {
            let style = say.style(Stream::Stdout);
            let verified = verified.map(|verified| format!("\n{}", human::verify(&verified, style)));
            say.result(&(human::apply(&report, style) + &verified.unwrap_or_default()))
        }
        // stdout is one document: the verification goes beside it, and `rem-ci verify` has it as JSON.
        Format::Json => {
            if let Some(verified) = verified {
                say.aside(&human::verify(&verified, say.style(Stream::Stderr)));
            }
            say.result(&json::apply(&report))
        }
        Format::Markdown => say.result(&markdown::applied(&report, verified.as_ref(), markdown::SUMMARY_LIMIT)),
    };
    Ok(exit)
}
