//! The controller: rollout, log, queue, permissions, definitions.

use serde_json::Value as Json;

use super::{not_proven, over};
use crate::config::Spec;
use crate::model::Identity;
use crate::verify::Check;
use crate::verify::diagnose::{CHART, DEFINITIONS, deployment, diagnose, environment, errors, missing};
use crate::verify::observed::{Observed, Seen};
use crate::verify::read::{self, number};

/// Errors older than this have been got over, in seconds: Karpenter tries again within minutes, and says so again.
const RECENT: i64 = 180;

pub(super) fn checks(seen: &Observed, spec: &Spec, id: &Identity) -> Vec<Check> {
    let version = &spec.karpenter.version;
    let title = format!("Karpenter {version} is rolled out");
    let rollout = over("verify-karpenter-rollout", &title, &seen.kube.deployments, |all| rollout(all, spec));
    let title = "Karpenter's definitions are those of its version";
    let definitions =
        over("verify-karpenter-definitions", title, &seen.kube.definitions, |all| definitions(all, version));
    let title = "Karpenter's log has no errors";
    let log = over("verify-karpenter-log", title, &seen.kube.karpenter_log, |lines| {
        let recent: Vec<_> = errors(seen).into_iter().filter(|line| seen.now - line.at <= RECENT).collect();
        let mut evidence =
            vec![format!("{} lines, {} errors in the last {}", lines.len(), recent.len(), read::ago(RECENT))];
        let mut told: Vec<String> = Vec::new();
        for line in recent.iter().rev() {
            if told.len() < 3 && !told.contains(&line.text) {
                told.push(line.text.clone());
            }
        }
        evidence.extend(told);
        (recent.is_empty(), evidence)
    });
    vec![rollout, definitions, log, queue(seen, spec, id), identity(seen, spec, id), permissions(seen, spec, id)]
}

/// Whether the controller's service account gets the controller's role.
fn identity(seen: &Observed, spec: &Spec, id: &Identity) -> Check {
    let (code, title) = ("verify-karpenter-identity", "the controller's service account gets its role");
    let unread = [
        seen.kube.service_accounts.why(),
        seen.aws.controller.why(),
        seen.aws.providers.why(),
        seen.aws.associations.why(),
        seen.aws.cluster.why(),
    ];
    if let Some(why) = unread.into_iter().flatten().next() {
        return not_proven(code, title, why);
    }
    let wrong: Vec<_> =
        diagnose(seen, spec, id, None).into_iter().filter(|cause| IDENTITY.contains(&cause.code)).collect();
    if wrong.is_empty() {
        let role = seen.aws.controller.known().and_then(Option::as_ref).map(|role| role.arn.clone());
        return Check::new(code, title, true, role.into_iter().collect());
    }
    let evidence = wrong.into_iter().flat_map(|cause| std::iter::once(cause.title).chain(cause.evidence)).collect();
    Check::new(code, title, false, evidence)
}

/// Causes that keep the controller from its role.
const IDENTITY: [&str; 4] =
    ["cause-provider-missing", "cause-service-account", "cause-association-missing", "cause-trust"];

fn rollout(all: &[Json], spec: &Spec) -> (bool, Vec<String>) {
    let namespace = &spec.karpenter.namespace;
    let Some(found) = deployment(all, namespace) else {
        return (false, vec![format!("no Deployment with app.kubernetes.io/name=karpenter in {namespace}")]);
    };
    let wanted = number(found, "/spec/replicas");
    let at = |key: &str| number(found, &format!("/status/{key}"));
    let complete = at("observedGeneration") >= number(found, "/metadata/generation")
        && at("updatedReplicas") == wanted
        && at("replicas") == wanted
        && at("availableReplicas") == wanted;
    let enough = wanted == i64::from(spec.karpenter.values.replicas);
    let chart = read::annotation(found, CHART).or_else(|| read::label(found, "app.kubernetes.io/version"));
    let chart = chart.unwrap_or("none");
    let evidence = vec![
        format!("chart {chart}"),
        format!("{} of {wanted} replicas available, {} updated", at("availableReplicas"), at("updatedReplicas")),
    ];
    (complete && enough && chart == spec.karpenter.version, evidence)
}

fn definitions(all: &[Json], version: &str) -> (bool, Vec<String>) {
    let each = DEFINITIONS.map(|name| match all.iter().find(|one| read::name(one) == name) {
        None => (false, format!("{name}: missing")),
        Some(one) => {
            let established = read::condition(one, "Established").is_none_or(|condition| condition.holds());
            let own = read::annotation(one, CHART);
            let holds = established && own.is_none_or(|own| own == version);
            (holds, format!("{name}: {}", own.map_or("present".to_owned(), |own| format!("of {own}"))))
        }
    });
    (each.iter().all(|(holds, _)| *holds), each.into_iter().map(|(_, text)| text).collect())
}

/// The way from the queue to the controller: it was told of the very queue that the rules feed, and takes from it.
fn queue(seen: &Observed, spec: &Spec, id: &Identity) -> Check {
    let (code, title) = ("verify-queue-read", "the controller reads the interruption queue");
    let (deployments, queue) = match (&seen.kube.deployments, &seen.aws.queue) {
        (Seen::Unknown(why), _) | (_, Seen::Unknown(why)) => return not_proven(code, title, why),
        (Seen::Known(deployments), Seen::Known(queue)) => (deployments, queue),
    };
    let Some(controller) = deployment(deployments, &spec.karpenter.namespace) else {
        return Check::new(code, title, false, vec!["there is no controller".to_owned()]);
    };
    let told = environment(controller, "INTERRUPTION_QUEUE");
    let word = if told.is_empty() { "empty" } else { told };
    let mut evidence = vec![format!("INTERRUPTION_QUEUE is {word}")];
    let Some(queue) = queue else {
        evidence.push(format!("queue {} does not exist", id.derived("interruption")));
        return Check::new(code, title, false, evidence);
    };
    evidence.push(format!("the rules feed {}", queue.name));
    evidence.push(format!("{} messages wait", queue.waiting));
    Check::new(code, title, told == queue.name && queue.waiting <= 10, evidence)
}

fn permissions(seen: &Observed, spec: &Spec, id: &Identity) -> Check {
    let (code, title) = ("verify-karpenter-permissions", "the controller's role has every action its version calls");
    let role = match &seen.aws.controller {
        Seen::Unknown(why) => return not_proven(code, title, why),
        Seen::Known(None) => return Check::new(code, title, false, vec!["the role does not exist".to_owned()]),
        Seen::Known(Some(role)) => role,
    };
    match missing(spec, id, role) {
        None => not_proven(code, title, "the actions of this version are not known"),
        Some(missing) if missing.is_empty() => {
            Check::new(code, title, true, vec![format!("{} policies on {}", role.policies.len(), role.arn)])
        }
        Some(missing) => {
            Check::new(code, title, false, missing.into_iter().map(|one| format!("{one} is missing")).collect())
        }
    }
}
