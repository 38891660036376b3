//! From a plan's rows to operations with true needs: what may start when.

use std::collections::{BTreeMap, BTreeSet};

use super::kind::{Kind, Order};
use super::plan::{Action, Plan, Step};
use super::value::{Address, Value};

/// One of the two halves of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Half {
    /// Create, update or wait until ready.
    Make,
    /// Delete and wait until gone.
    Drop,
}

/// An operation: a half of the step with that index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Op {
    pub(super) half: Half,
    pub(super) step: usize,
}

/// All operations of a plan, with what each waits for.
pub(super) fn operations(plan: &Plan, kind_of: &dyn Fn(&str) -> Option<&'static Kind>) -> BTreeMap<Op, BTreeSet<Op>> {
    let steps = &plan.steps;
    let make = |step| Op { half: Half::Make, step };
    let drop = |step| Op { half: Half::Drop, step };
    let mut ops: BTreeMap<Op, BTreeSet<Op>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        match step.action {
            Action::Keep | Action::Unknown => {}
            Action::Delete => {
                ops.insert(drop(index), BTreeSet::new());
            }
            Action::Create | Action::Update | Action::Roll | Action::Settle => {
                ops.insert(make(index), BTreeSet::new());
            }
            Action::Replace(_) => {
                ops.insert(make(index), BTreeSet::new());
                ops.insert(drop(index), BTreeSet::new());
            }
        }
    }
    // A graph's own rows come first and by address; rows of twins and orphans may repeat one.
    let mut by_address: BTreeMap<&Address, usize> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        by_address.entry(&step.address).or_insert(index);
    }
    let rank = |step: &Step| kind_of(&step.kind).map_or(0, |kind| kind.rank);
    let present: Vec<Op> = ops.keys().copied().collect();
    for op in &present {
        let step = &steps[op.step];
        let mut needs: BTreeSet<Op> = BTreeSet::new();
        match op.half {
            Half::Make => {
                for need in &step.needs {
                    let Some(&at) = by_address.get(need) else { continue };
                    // An edge to what is only changed in place does not delay, unless the change gives it another name.
                    let anew = matches!(steps[at].action, Action::Create | Action::Replace(_) | Action::Settle);
                    if anew || !steps[at].moves.is_empty() {
                        needs.insert(make(at));
                    }
                }
                if matches!(step.action, Action::Replace(Order::DeleteFirst)) {
                    needs.insert(drop(op.step));
                }
            }
            Half::Drop => {
                let mut passed = BTreeSet::from([op.step]);
                holders(steps, op.step, &mut passed, &mut needs);
                if matches!(step.action, Action::Replace(Order::CreateFirst)) {
                    needs.insert(make(op.step));
                }
                let leaning = steps.iter().enumerate().filter(|(_, other)| other.leans.contains(&step.address));
                needs.extend(leaning.map(|(at, _)| drop(at)));
                needs.extend(step.heir.as_ref().and_then(|heir| by_address.get(heir)).map(|at| make(*at)));
                orphan_needs(steps, op.step, &rank, &mut needs);
            }
        }
        needs.retain(|need| ops.contains_key(need));
        ops.insert(*op, needs);
    }
    ops
}

/// What must let go of a resource before it can end: those that need it and end too, and those that are moved over to
/// something else.
///
/// Where the old one ends before the new one is made, nobody can be moved over in time: whoever is changed in place, or
/// gets a successor first, waits for the new one and cannot be waited for. What hangs on *them* and ends still goes first.
fn holders(steps: &[Step], index: usize, passed: &mut BTreeSet<usize>, needs: &mut BTreeSet<Op>) {
    let step = &steps[index];
    // More than one: this is somebody on the way, who waits for the new one of the first.
    let ends_first = passed.len() > 1 || step.action == Action::Replace(Order::DeleteFirst);
    for (at, other) in steps.iter().enumerate() {
        if passed.contains(&at) || !other.needs.contains(&step.address) {
            continue;
        }
        match other.action {
            Action::Replace(Order::CreateFirst) | Action::Update | Action::Roll if ends_first => {
                passed.insert(at);
                holders(steps, at, passed, needs);
            }
            Action::Delete | Action::Replace(_) => {
                needs.insert(Op { half: Half::Drop, step: at });
            }
            // Whoever is moved over to the new one lets go of the old one by it.
            Action::Update | Action::Roll => {
                needs.insert(Op { half: Half::Make, step: at });
            }
            Action::Keep | Action::Settle | Action::Create | Action::Unknown => {}
        }
    }
}

/// Where no edge says in what order things end, rank does; and what is still mentioned by something that is being
/// changed goes after the change.
fn orphan_needs(steps: &[Step], index: usize, rank: &dyn Fn(&Step) -> u16, needs: &mut BTreeSet<Op>) {
    let step = &steps[index];
    for (other_index, other) in steps.iter().enumerate().filter(|(other, _)| *other != index) {
        let ends = matches!(other.action, Action::Delete | Action::Replace(_));
        if ends && (step.orphan || other.orphan) && rank(other) > rank(step) {
            needs.insert(Op { half: Half::Drop, step: other_index });
        }
        // One that ends before its successor is made cannot wait for those that move over to it.
        let lets_go = matches!(other.action, Action::Update | Action::Roll)
            && step.action != Action::Replace(Order::DeleteFirst)
            && step.live.as_ref().is_some_and(|live| {
                let before = other.changes.iter().filter_map(|change| change.before.as_ref());
                live.names.values().any(|name| before.clone().any(|value| mentions(value, name)))
            });
        if lets_go {
            needs.insert(Op { half: Half::Make, step: other_index });
        }
    }
}

fn mentions(value: &Value, name: &str) -> bool {
    match value {
        Value::Text(text) => text == name,
        Value::Template(text) | Value::Policy(text) => text.contains(name),
        Value::Ref { .. } | Value::Pending(_) => false,
        Value::List(items) | Value::Set(items) => items.iter().any(|item| mentions(item, name)),
        Value::Map(entries) => entries.iter().any(|(key, entry)| key == name || mentions(entry, name)),
    }
}
