//! `rem-ci plan ENV...`

use std::path::PathBuf;

use futures_util::future::FutureExt as _;

use super::{Common, Format, Say, args, priced};
use crate::config::Spec;
use crate::guard::Verb;
use crate::problem::{Exit, Problem};
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
    #[command(flatten)]
    pub(super) inputs: priced::Inputs,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
}

/// Looks at one environment.
pub(super) async fn one(
    common: &Common,
    environment: &str,
    offline: bool,
    inputs: &priced::Read,
    say: &Say,
) -> Result<(Looked, Mode), Halt> {
    let mut loaded = Common::load(environment)?;
    inputs.replace(&mut loaded);
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
    let mut looked = look(&loaded, world.as_ref(), ask).await?;
    inputs.compare(&mut looked, &loaded, environment).await?;
    Ok((looked, mode))
}

/// What is kept of a look, when there are many: the graph and all that was read go at once.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) report: PlanReport,
    pub(super) spec: Spec,
    refused: bool,
    changes: bool,
}

impl Seen {
    fn of(looked: &Looked, mode: Mode) -> Self {
        let unknown = looked.plan.summary().get("unknown").is_some_and(|count| *count > 0);
        Self {
            report: plan_report(looked, mode),
            spec: looked.spec.clone(),
            refused: looked.refused(),
            changes: looked.plan.changes() || unknown,
        }
    }
}

/// Looks at all of them without AWS: nothing to wait for, so over all processors at once.
fn offline_all(environments: &[String], inputs: &priced::Read) -> Vec<Result<Seen, Halt>> {
    let each = |environment: &String| {
        let mut loaded = Common::load(environment)?;
        inputs.replace(&mut loaded);
        let today = crate::cloud::Clock::Wall.today();
        let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today };
        let pends = || Halt::new(Exit::Failed, Problem::error("bug", "an offline plan waited", "please report this"));
        let mut looked = look(&loaded, None, ask).now_or_never().ok_or_else(pends)??;
        inputs.compare(&mut looked, &loaded, environment).now_or_never().ok_or_else(pends)??;
        Ok(Seen::of(&looked, Mode::Offline))
    };
    spread(environments, each)
}

/// Does something with each, over all processors; the results are in order.
fn spread<T: Sync, R: Send>(items: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(threads).max(1);
    let work = |some: &[T]| some.iter().map(&each).collect::<Vec<R>>();
    std::thread::scope(|scope| {
        let (first, rest) = items.split_at(share.min(items.len()));
        let others: Vec<_> = rest.chunks(share).map(|some| scope.spawn(|| work(some))).collect();
        let mut all = work(first);
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        all
    })
}

/// Looks at several, and says everything that is wrong with any of them before it gives up.
pub(super) async fn all(
    common: &Common,
    environments: &[String],
    offline: bool,
    inputs: &priced::Read,
    say: &Say,
) -> Result<Vec<Seen>, Halt> {
    let mut looks = Vec::new();
    let mut halted: Option<Halt> = None;
    let mut done = if offline { offline_all(environments, inputs) } else { Vec::new() }.into_iter();
    for environment in environments {
        let seen = match done.next() {
            Some(seen) => seen,
            None => one(common, environment, offline, inputs, say).await.map(|(looked, mode)| Seen::of(&looked, mode)),
        };
        match (seen, &mut halted) {
            (Ok(seen), _) => looks.push(seen),
            (Err(halt), None) => halted = Some(halt),
            (Err(halt), Some(first)) => first.problems.extend(halt.problems),
        }
    }
    halted.map_or(Ok(looks), Err)
}

/// How looks end: an error-severity finding over changes over nothing to do.
pub(super) fn exit(looks: &[Seen], detailed: bool) -> Exit {
    if looks.iter().any(|seen| seen.refused) {
        Exit::Refused
    } else if detailed && looks.iter().any(|seen| seen.changes) {
        Exit::Changes
    } else {
        Exit::Done
    }
}

pub(super) async fn run(common: &args::Common, args: &Args, say: &Say) -> Result<Exit, Halt> {
    let inputs = args.inputs.read()?;
    let looks = all(common, &args.environments, args.offline, &inputs, say).await?;
    let exit = exit(&looks, args.detailed_exitcode);
    let pictures: Vec<_> = match say.format {
        Format::Markdown => looks.iter().map(|seen| super::graph::topology(&seen.spec)).collect(),
        _ => Vec::new(),
    };
    let reports: Vec<PlanReport> = looks.into_iter().map(|seen| seen.report).collect();
    let text = match say.format {
        Format::Human => {
            let style = say.style(Stream::Stdout);
            human::joined(&spread(&reports, |report| human::plan(report, style)))
        }
        Format::Json => json::plans(&reports),
        Format::Markdown => markdown::plans(&reports, &pictures, markdown::SUMMARY_LIMIT),
    };
    say.result_to(&text, args.out.as_deref())?;
    Ok(exit)
}
