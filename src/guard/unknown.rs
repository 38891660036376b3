//! What could not be read is not absent.

use super::{Case, Guard};
use crate::engine::Action;
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "unreadable",
            "A kind of resource could not be read: denied, throttled until the retries ran out, cut short or unreachable. \
             Nothing of that kind, and nothing that needs it, is created, changed or deleted in this run. Give the role the \
             action that is named, or try again.",
        ),
        (
            "in-use",
            "Something of ours is no longer wanted, but things that are not ours hang on it: it is left alone until they are gone.",
        ),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    let mut findings: Vec<Problem> = case
        .plan
        .sorted
        .unknown
        .iter()
        .map(|(kind, failure)| {
            let title = format!("{kind} could not be read: {failure}");
            Problem::error("unreadable", title, "allow the call for this role, or run again if it was throttled or cut")
        })
        .collect();
    let held = case.plan.steps.iter().filter(|step| {
        step.action == Action::Unknown && step.live.as_ref().is_some_and(|live| !live.attached.is_empty())
    });
    findings.extend(held.map(|step| {
        let title = step.reason.clone().unwrap_or_default();
        Problem::error("in-use", title, "move or remove what hangs on it, then run again").about(&step.address)
    }));
    findings
}
