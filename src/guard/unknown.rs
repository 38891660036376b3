//! What could not be read is not absent.

use super::{Case, Guard, Verb};
use crate::engine::{Action, UNREACHABLE};
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
            "cluster-silent",
            "The cluster's API server gave no answer, so what is inside it is not known: nothing there is created, changed or \
             deleted in this run. The endpoint that was tried, and how, is in the title. A private endpoint needs a runner inside the \
             VPC, `connect: ssm` with the Session Manager plugin, or `connect: runner-cidr`; a kubeconfig of your own can be named with \
             --kubeconfig.",
        ),
        (
            "assumed",
            "The cluster's API server gave no answer, so what is inside it is taken to be as the last apply left it, by that apply's own \
             record. Rows planned so are marked; they can be approved, and an apply, which must reach the cluster, may do no more than \
             they say.",
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
        .filter(|(_, failure)| failure.code != UNREACHABLE)
        .map(|(kind, failure)| {
            let title = format!("{kind} could not be read: {failure}");
            Problem::error("unreadable", title, "allow the call for this role, or run again if it was throttled or cut")
        })
        .collect();
    // One endpoint that does not answer is one finding, however many kinds are behind it.
    // Before a destroy `drain-unreachable` says it, with what to acknowledge.
    let silent = case.plan.sorted.unknown.values().find(|failure| failure.code == UNREACHABLE);
    let silent = silent.filter(|_| case.verb == Verb::Apply);
    findings.extend(silent.map(|failure| {
        let title = format!("the cluster cannot be reached: {}", failure.message);
        let help =
            "run from where it can be reached, or set `connect` in the file (ssm, runner-cidr), or pass --kubeconfig";
        Problem::error("cluster-silent", title, help)
    }));
    if !case.plan.sorted.assumed.is_empty() {
        let title = "the cluster cannot be reached: what is inside it is assumed to be as the last apply left it";
        let help = "an apply must reach the cluster, and may do no more there than this plan says";
        findings.push(Problem::warning("assumed", title, help));
    }
    let held = case.plan.steps.iter().filter(|step| {
        step.action == Action::Unknown && step.live.as_ref().is_some_and(|live| !live.attached.is_empty())
    });
    findings.extend(held.map(|step| {
        let title = step.reason.clone().unwrap_or_default();
        Problem::error("in-use", title, "move or remove what hangs on it, then run again").about(&step.address)
    }));
    findings
}
