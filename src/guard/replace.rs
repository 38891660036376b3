//! Replacing or deleting a cluster, a VPC or the system nodes.

use super::{Case, Guard, Verb, acknowledgeable};
use crate::engine::{Action, Value};
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "replace-cluster",
            "The EKS cluster would be deleted and made anew: every workload and all state in it would be gone.",
        ),
        ("delete-cluster", "The EKS cluster would be deleted, because the file no longer wants it."),
        ("replace-vpc", "The VPC would be deleted and made anew, and everything in it with it."),
        ("delete-vpc", "The VPC would be deleted, because the file no longer wants it."),
        (
            "replace-system-nodes",
            "The system nodes would be replaced: the Karpenter controller and the add-ons stop until new ones are up.",
        ),
        ("delete-system-nodes", "The system nodes would be deleted, and the Karpenter controller with them."),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        // The environment's name was typed for exactly this.
        return Vec::new();
    }
    let steps = case.plan.steps.iter();
    steps
        .filter_map(|step| {
            let replaces = matches!(step.action, Action::Replace(_));
            if !replaces && step.action != Action::Delete {
                return None;
            }
            // A group that never came up carries nothing, and EKS can only delete it.
            let stillborn = step.reason.as_deref().is_some_and(|reason| reason.starts_with("CREATE_FAILED"));
            let (code, what) = match (step.kind.as_str(), replaces) {
                ("node-group", true) if stillborn => return None,
                ("cluster", true) => ("replace-cluster", "the EKS cluster"),
                ("cluster", false) => ("delete-cluster", "the EKS cluster"),
                ("vpc", true) => ("replace-vpc", "the VPC"),
                ("vpc", false) => ("delete-vpc", "the VPC"),
                ("node-group", true) => ("replace-system-nodes", "the system nodes"),
                ("node-group", false) => ("delete-system-nodes", "the system nodes"),
                _ => return None,
            };
            let why = step.reason.clone().or_else(|| {
                let changes = step.changes.iter();
                let said = changes.map(|change| {
                    let text = |value: &Option<Value>| {
                        value.as_ref().map_or("nothing".to_owned(), |v| v.to_json().to_string())
                    };
                    format!("{} {} -> {}", change.field, text(&change.before), text(&change.after))
                });
                Some(said.collect::<Vec<_>>().join(", "))
            });
            let done = if replaces { "replaced" } else { "deleted" };
            let title = format!("{what} would be {done} ({})", why.unwrap_or_default());
            Some(acknowledgeable(code, step, title, "put back what the file said before"))
        })
        .collect()
}
