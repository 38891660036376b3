//! The executor: runs a plan's operations at their critical path, each the moment its needs are met.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::event::Event;
use super::failure::Failure;
use super::kind::{AnyKind, Kind};
use super::ops::{Half, Op, operations};
use super::plan::{Action, Plan};
use super::snapshot::Owner;
use super::step::{Halt, Run};
use super::tally::tallied;
use super::value::Address;

/// Code of a gate's refusal: the right to write is gone for good, and the run ends.
pub const LOCK_LOST: &str = "LockLost";

/// Asked before every call that changes something.
pub trait Gate {
    /// Whether there is still the right to write: the lock's lease is longer than the call may take.
    ///
    /// # Errors
    /// Why there is not.
    fn check(&self) -> Result<(), Failure>;
}

/// A gate that is always open: nobody else can be here (a test's own region), or `--no-lock` was typed.
#[derive(Clone, Copy, Debug)]
pub struct Open;

impl Gate for Open {
    fn check(&self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Tells a run to stop: calls in flight end, nothing new begins.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    told: Arc<AtomicBool>,
    bell: Arc<Notify>,
}

impl Stop {
    /// Tells it.
    pub fn tell(&self) {
        self.told.store(true, Ordering::SeqCst);
        self.bell.notify_waiters();
    }

    /// Whether it was told.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.told.load(Ordering::SeqCst)
    }

    /// Ends when it is told.
    pub async fn stopped(&self) {
        loop {
            let rung = self.bell.notified();
            if self.told.load(Ordering::SeqCst) {
                return;
            }
            rung.await;
        }
    }
}

/// How one operation went.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Which resource.
    pub address: Address,
    /// The action's word; the two halves of a replace are `create` and `delete`.
    pub action: &'static str,
    /// Since the run began.
    pub start: Duration,
    /// Since the run began.
    pub end: Duration,
    /// Requests it made.
    pub calls: u64,
    /// How much longer it could have taken without making the run longer.
    pub slack: Duration,
    /// Why it failed.
    pub error: Option<Failure>,
}

/// How a run went.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// In the order of their ends.
    pub reports: Vec<Report>,
    /// Addresses that were never started, because something they need failed or the run was stopped.
    pub skipped: Vec<Address>,
    /// From the first to the last moment.
    pub took: Duration,
    /// The longest chain of operations.
    pub critical_path: Vec<(Address, Duration)>,
    /// Told to stop.
    pub interrupted: bool,
}

impl Outcome {
    /// Whether everything came to its end.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.skipped.is_empty() && !self.interrupted && self.reports.iter().all(|report| report.error.is_none())
    }

    /// The same run, begun so much earlier: something else was done before it.
    pub fn shift(&mut self, before: Duration) {
        for report in &mut self.reports {
            report.start += before;
            report.end += before;
        }
        self.took += before;
    }

    /// The sum along the critical path.
    #[must_use]
    pub fn critical(&self) -> Duration {
        self.critical_path.iter().map(|(_, took)| *took).sum()
    }
}

/// What an apply is given besides the plan.
pub struct Setting<'a, W: 'static> {
    /// What the kinds' calls go through.
    pub world: &'a W,
    /// A kind's row by name.
    pub kind_of: &'a dyn Fn(&str) -> Option<&'static dyn AnyKind<W>>,
    /// Whose it is.
    pub owner: &'a Owner,
    /// Digest of what was approved, and what makes this approval's tokens its own.
    pub approval: &'a str,
    /// See [`Gate`].
    pub gate: &'a dyn Gate,
    /// Told of everything that happens.
    pub sink: &'a dyn Fn(&Event),
    /// See [`Stop`].
    pub stop: &'a Stop,
}

/// Runs a plan. Branches that fail end there; all others go on.
pub async fn apply<W>(plan: &Plan, setting: &Setting<'_, W>) -> Outcome {
    let kind_of = |name: &str| (setting.kind_of)(name).map(|kind| -> &'static Kind { kind.kind() });
    let ops = operations(plan, &kind_of);
    let replaced = |address: &Address| {
        plan.step(address).is_some_and(|step| matches!(step.action, Action::Replace(_) | Action::Create))
    };
    let standing = plan.sorted.owned.iter().filter(|(address, _)| !replaced(address));
    let run = Run {
        world: setting.world,
        kind_of: setting.kind_of,
        owner: setting.owner,
        plan,
        approval: setting.approval,
        gate: setting.gate,
        sink: setting.sink,
        stop: setting.stop,
        began: Instant::now(),
        names: RefCell::new(standing.map(|(address, live)| (address.clone(), live.names.clone())).collect()),
    };
    let mut waiting: BTreeMap<Op, BTreeSet<Op>> = ops.clone();
    let mut running = FuturesUnordered::new();
    let mut outcome = Outcome::default();
    let mut spans: BTreeMap<Op, (Duration, Duration)> = BTreeMap::new();
    let mut ended: Vec<(Op, Report)> = Vec::new();
    loop {
        if !setting.stop.is_told() {
            let ready: Vec<Op> = waiting.iter().filter(|(_, needs)| needs.is_empty()).map(|(op, _)| *op).collect();
            for op in ready {
                waiting.remove(&op);
                let (run, start) = (&run, run.began.elapsed());
                running.push(async move {
                    let (ended, counted) = tallied(run.operate(op)).await;
                    (op, start, ended, counted.calls)
                });
            }
        }
        let Some((op, start, result, calls)) = running.next().await else { break };
        let end = run.began.elapsed();
        spans.insert(op, (start, end));
        let step = &plan.steps[op.step];
        let action = match op.half {
            Half::Drop => "delete",
            Half::Make if matches!(step.action, Action::Replace(_)) => "create",
            Half::Make => step.action.word(),
        };
        let error = match result {
            Ok(()) => {
                for needs in waiting.values_mut() {
                    needs.remove(&op);
                }
                None
            }
            Err(Halt::Failed(failure)) => {
                if failure.code == LOCK_LOST {
                    // Nothing more may be written, so there is nothing to wait for.
                    setting.stop.tell();
                }
                Some(failure)
            }
            Err(Halt::Stopped) => {
                outcome.skipped.push(step.address.clone());
                outcome.interrupted = true;
                continue;
            }
        };
        let report = Report { address: step.address.clone(), action, start, end, calls, slack: Duration::ZERO, error };
        ended.push((op, report));
    }
    outcome.interrupted |= setting.stop.is_told() && !waiting.is_empty();
    outcome.skipped.extend(waiting.keys().map(|op| plan.steps[op.step].address.clone()));
    outcome.took = run.began.elapsed();
    let (path, slack) = critical_path(&ops, &spans);
    outcome.critical_path = path
        .iter()
        .map(|op| {
            let (start, end) = spans[op];
            (plan.steps[op.step].address.clone(), end.saturating_sub(start))
        })
        .collect();
    outcome.reports = ended
        .into_iter()
        .map(|(op, report)| Report { slack: slack.get(&op).copied().unwrap_or_default(), ..report })
        .collect();
    outcome
}

/// The longest chain by measured durations, and how much each operation could have slipped.
fn critical_path(
    ops: &BTreeMap<Op, BTreeSet<Op>>,
    spans: &BTreeMap<Op, (Duration, Duration)>,
) -> (Vec<Op>, BTreeMap<Op, Duration>) {
    let took = |op: &Op| spans.get(op).map_or(Duration::ZERO, |(start, end)| end.saturating_sub(*start));
    // Ends are a topological order: whatever an operation waited for ended before it began.
    let mut order: Vec<Op> = spans.keys().copied().collect();
    order.sort_by_key(|op| (spans[op].1, spans[op].0));
    let mut head: BTreeMap<Op, Duration> = BTreeMap::new();
    let mut before: BTreeMap<Op, Op> = BTreeMap::new();
    for op in &order {
        let longest = ops[op].iter().filter(|need| head.contains_key(need)).max_by_key(|need| head[need]);
        let start = longest.map_or(Duration::ZERO, |need| head[need]);
        if let Some(need) = longest {
            before.insert(*op, *need);
        }
        head.insert(*op, start + took(op));
    }
    let mut tail: BTreeMap<Op, Duration> = BTreeMap::new();
    for op in order.iter().rev() {
        let own = tail.get(op).copied().unwrap_or_default() + took(op);
        for need in &ops[op] {
            let longest = tail.entry(*need).or_default();
            *longest = (*longest).max(own);
        }
    }
    let total = head.values().max().copied().unwrap_or_default();
    let slack = order
        .iter()
        .map(|op| (*op, total.saturating_sub(head[op] + tail.get(op).copied().unwrap_or_default())))
        .collect();
    let mut path = Vec::new();
    let mut at = order.iter().max_by_key(|op| head[op]).copied();
    while let Some(op) = at {
        path.push(op);
        at = before.get(&op).copied();
    }
    path.reverse();
    (path, slack)
}
