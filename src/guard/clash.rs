//! Something that is not ours stands under a name we want.

use super::{Case, Guard};
use crate::problem::{Problem, Severity};

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "name-clash",
            "A resource of that name exists and does not carry this environment's three tags: it belongs to somebody else, or to \
             another owner's environment of the same name. rem-ci never takes over or deletes what is not its own. Rename the \
             cluster or the environment, or remove the other resource.",
        ),
        (
            "stray",
            "A resource carries this environment's tag but is not fully its own: another stack id, an address the catalogue does \
             not know, or a VPC that is not ours. It is shown and never touched.",
        ),
    ],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    let clashes = case.plan.sorted.clashes.iter().filter(|(address, _)| case.plan.step(address).is_some());
    let mut findings: Vec<Problem> = clashes
        .map(|(address, live)| {
            let owner = live.tags.get(crate::engine::TAG_STACK);
            let environment = live.tags.get(crate::engine::TAG_ENVIRONMENT);
            let whose = match (owner, environment) {
                (None, _) => "has no owner tags".to_owned(),
                (Some(stack), None) => format!("belongs to stack {stack}"),
                (Some(stack), Some(name)) => format!("belongs to environment {name} (stack {stack})"),
            };
            Problem::error(
                "name-clash",
                format!("{} exists and {whose}", live.id),
                "rename the cluster or the environment, or remove the other resource",
            )
            .about(address)
        })
        .collect();
    findings.extend(case.plan.sorted.strays.iter().map(|(kind, live)| {
        let title = format!("{kind} {} carries this environment's tag but is not fully its own", live.id);
        Problem::new("stray", Severity::Note, title, "it is left alone; correct or remove its rem-ci: tags")
    }));
    findings
}
