//! How long a plan would take: the usual times of its kinds along the longest chain.

use std::collections::BTreeMap;
use std::time::Duration;

use super::kind::Kind;
use super::ops::{Half, Op, operations};
use super::plan::{Action, Plan};
use super::value::Address;
use super::wait::usual;

/// The usual time of the whole plan, and the addresses along the longest chain, first to last.
#[must_use]
pub fn estimate(plan: &Plan, kind_of: &dyn Fn(&str) -> Option<&'static Kind>) -> (Duration, Vec<Address>) {
    let ops = operations(plan, kind_of);
    let mut ends: BTreeMap<Op, Duration> = BTreeMap::new();
    let mut before: BTreeMap<Op, Op> = BTreeMap::new();
    let mut left: Vec<Op> = ops.keys().copied().collect();
    while !left.is_empty() {
        let (ready, rest): (Vec<Op>, Vec<Op>) =
            left.into_iter().partition(|op| ops[op].iter().all(|need| ends.contains_key(need)));
        if ready.is_empty() {
            break;
        }
        for op in ready {
            let step = &plan.steps[op.step];
            let word = match op.half {
                Half::Drop => "delete",
                Half::Make if matches!(step.action, Action::Replace(_)) => "create",
                Half::Make => step.action.word(),
            };
            let own = kind_of(&step.kind).map_or(Duration::ZERO, |kind| usual(&kind.patience, word));
            let longest = ops[&op].iter().max_by_key(|need| ends[need]);
            ends.insert(op, longest.map_or(Duration::ZERO, |need| ends[need]) + own);
            if let Some(need) = longest {
                before.insert(op, *need);
            }
        }
        left = rest;
    }
    let mut path = Vec::new();
    let mut at = ends.iter().max_by_key(|(_, end)| **end).map(|(op, _)| *op);
    let total = at.map_or(Duration::ZERO, |op| ends[&op]);
    while let Some(op) = at {
        let address = &plan.steps[op.step].address;
        if total > Duration::ZERO && path.last() != Some(address) {
            path.push(address.clone());
        }
        at = before.get(&op).copied();
    }
    path.reverse();
    (total, path)
}
