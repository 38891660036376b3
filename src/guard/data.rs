//! What holds data does not go by the way.

use super::{Case, Guard, Verb, acknowledgeable};
use crate::engine::Action;
use crate::problem::Problem;

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
            _ => return None,
        };
        let title = format!("{what} would be lost ({})", step.action.word());
        Some(acknowledgeable(code, step, title, "keep what the file said before"))
    })
    .collect()
}
