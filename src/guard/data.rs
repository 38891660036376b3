//! What holds data does not go by the way.

use super::{Case, Guard, Verb, acknowledgeable};
use crate::engine::{Action, Step, Value};
use crate::problem::Problem;
use crate::resources::k8s::NODES;

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "delete-kms-key",
            "The key of the cluster's Secrets would be scheduled for deletion or replaced. Without it, every Secret encrypted \
             under it is lost, backups too. Acknowledge exactly this, or keep it (onDestroy.kmsKey: keep).",
        ),
        (
            "delete-log-group",
            "The control plane's log group would be deleted or replaced, and the audit logs in it with it.",
        ),
        (
            "delete-stateful-pool",
            "A NodePool whose nodes are meant to stay (they never expire, or are never consolidated) would be deleted or replaced \
             while it has nodes: all of them are drained, and what runs on them moves or ends. Move the workloads first, or \
             acknowledge exactly this. A renamed pool is one that is made and one that is deleted.",
        ),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        // What a destroy deletes of these, `onDestroy: delete` in the file has said.
        return Vec::new();
    }
    let ends = case.plan.steps.iter().filter(|step| matches!(step.action, Action::Delete | Action::Replace(_)));
    ends.filter_map(|step| {
        let (code, what) = match step.kind.as_str() {
            "kms-key" => ("delete-kms-key", "the key of the cluster's Secrets"),
            "log-group" => ("delete-log-group", "the control plane's logs"),
            "node-pool" if stateful(step) => {
                let title =
                    format!("{} nodes that are meant to stay would be drained ({})", nodes(step), step.action.word());
                return Some(acknowledgeable(
                    "delete-stateful-pool",
                    step,
                    title,
                    "keep the pool, or move what runs on it",
                ));
            }
            _ => return None,
        };
        let title = format!("{what} would be lost ({})", step.action.word());
        Some(acknowledgeable(code, step, title, "keep what the file said before"))
    })
    .collect()
}

/// How many nodes a live pool has; as text, for Kubernetes counts it.
fn nodes(step: &Step) -> &str {
    step.live.as_ref().and_then(|live| live.tags.get(NODES)).map_or("0", String::as_str)
}

/// Whether a live pool has nodes and keeps them: what it is called says nothing.
fn stateful(step: &Step) -> bool {
    let Some(live) = &step.live else { return false };
    let never = |value: Option<&Value>| value.and_then(Value::as_text) == Some("Never");
    let consolidate = live.fields.get("disruption").and_then(|disruption| disruption.get("consolidateAfter"));
    nodes(step) != "0" && (never(live.fields.get("expireAfter")) || never(consolidate))
}
