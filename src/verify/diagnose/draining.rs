//! Budgets that block a drain; nodes, claims and pools that do not go.

use serde_json::Value as Json;

use super::{Case, Cause, Subject};
use crate::verify::landing::taint;
use crate::verify::read::{self, items, number, text};

/// So long a drain may take before it counts as held up, in seconds.
const PATIENCE: i64 = 300;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = budgets(case);
    let blocked = !found.is_empty();
    found.extend(stuck(case, blocked));
    found.extend(expired(case));
    found
}

/// Nodes on their way out, each since when.
fn leaving<'a>(case: &'a Case<'_>) -> Vec<(&'a Json, i64)> {
    let disrupted =
        |node: &Json| items(node, "/spec/taints").map(taint).any(|taint| taint.key.starts_with("karpenter.sh/disrupt"));
    let since = |node: &'a Json| match read::leaving(node) {
        Some(since) => Some((node, since)),
        None => disrupted(node).then_some((node, case.seen.now)),
    };
    case.seen.kube.nodes.iter().filter_map(since).collect()
}

/// Whether a label selector as objects carry it fits an object.
fn selects(selector: &Json, object: &Json) -> bool {
    let labels = selector["matchLabels"].as_object().into_iter().flatten();
    let all = labels.clone().all(|(key, value)| read::label(object, key) == value.as_str());
    let expressions = items(selector, "/matchExpressions").all(|expression| {
        let own = read::label(object, text(expression, "/key"));
        let listed = items(expression, "/values").any(|value| value.as_str() == own);
        match text(expression, "/operator") {
            "In" => own.is_some() && listed,
            "NotIn" => own.is_none() || !listed,
            "Exists" => own.is_some(),
            "DoesNotExist" => own.is_none(),
            _ => false,
        }
    });
    all && expressions && selector.is_object()
}

fn budgets(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    let closed = case
        .seen
        .kube
        .budgets
        .iter()
        .filter(|budget| budget["status"].is_object() && number(budget, "/status/disruptionsAllowed") == 0);
    for budget in closed {
        let mut seen = Vec::new();
        for (node, _) in leaving(case) {
            let held = case.seen.kube.pods.iter().filter(|pod| {
                text(pod, "/spec/nodeName") == read::name(node)
                    && read::namespace(pod) == read::namespace(budget)
                    && read::alive(pod)
                    && selects(&budget["spec"]["selector"], pod)
            });
            seen.extend(held.map(|pod| format!("{} on {}", read::full_name(pod), read::name(node))));
        }
        if seen.is_empty() {
            continue;
        }
        let status = |key: &str| number(budget, &format!("/status/{key}"));
        seen.insert(
            0,
            format!(
                "{} of {} healthy, {} are wanted: 0 evictions allowed",
                status("currentHealthy"),
                status("expectedPods"),
                status("desiredHealthy")
            ),
        );
        let name = read::full_name(budget);
        let mut cause = Cause::new("cause-budget-blocks", format!("PodDisruptionBudget {name} blocks a drain"), seen);
        cause.subject = Subject::Environment;
        found.push(cause.run(format!("kubectl -n {} describe pdb {}", read::namespace(budget), read::name(budget))));
    }
    found
}

/// Objects that are marked for deletion and stay.
fn stuck(case: &Case<'_>, blocked: bool) -> Vec<Cause> {
    let kube = &case.seen.kube;
    let kinds = [
        ("node", &kube.nodes),
        ("nodeclaim", &kube.node_claims),
        ("nodepool", &kube.node_pools),
        ("ec2nodeclass", &kube.node_classes),
    ];
    let mut found = Vec::new();
    for (kind, objects) in kinds {
        for object in objects {
            let Some(since) = read::leaving(object) else { continue };
            let instance = instance(case, object);
            let gone = instance == Some("gone");
            let waits = case.seen.now - since;
            // A drain that a budget holds up is named by the budget.
            if (waits < PATIENCE && !gone) || waits < 60 || (blocked && !gone) {
                continue;
            }
            let name = read::name(object);
            let finalizers: Vec<_> = items(object, "/metadata/finalizers").filter_map(Json::as_str).collect();
            let mut seen = vec![
                format!("marked for deletion {} ago", read::ago(waits)),
                format!("finalizers: {}", finalizers.join(", ")),
            ];
            seen.extend(instance.map(|state| format!("its instance is {state}")));
            let title = format!("{kind} {name} does not go: {}", finalizers.first().copied().unwrap_or("no finalizer"));
            let command = format!("kubectl get {kind} {name} -o yaml");
            found.push(Cause::new("cause-finalizer", title, seen).about(Subject::Node(name.to_owned())).run(command));
        }
    }
    found
}

/// The state of an object's instance; `gone` where EC2 has none.
fn instance<'a>(case: &'a Case<'_>, object: &Json) -> Option<&'a str> {
    let provider = [text(object, "/spec/providerID"), text(object, "/status/providerID")];
    let id = provider.iter().find_map(|provider| provider.rsplit('/').next().filter(|id| id.starts_with("i-")))?;
    let all = case.seen.aws.instances.known()?;
    let found = all.iter().find(|instance| instance.id == id).map_or("gone", |instance| instance.state.as_str());
    Some(if found == "terminated" { "gone" } else { found })
}

fn expired(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for claim in &case.seen.kube.node_claims {
        let after = text(claim, "/spec/expireAfter");
        let Ok(after) = humantime::parse_duration(after) else { continue };
        let after = i64::try_from(after.as_secs()).unwrap_or(i64::MAX);
        let late = (case.seen.now - read::created(claim)).saturating_sub(after);
        if late < 2 * PATIENCE {
            continue;
        }
        let node = text(claim, "/status/nodeName");
        let kept = case.seen.kube.pods.iter().filter(|pod| {
            text(pod, "/spec/nodeName") == node && read::annotation(pod, "karpenter.sh/do-not-disrupt") == Some("true")
        });
        let mut seen = vec![format!("expired {} ago", read::ago(late))];
        seen.extend(kept.map(|pod| format!("{} says karpenter.sh/do-not-disrupt", read::full_name(pod))));
        let name = read::name(claim);
        let cause = Cause::new("cause-node-expired", format!("node {node} of {name} has expired and stays"), seen);
        found.push(cause.about(Subject::Node(node.to_owned())).run(format!("kubectl describe nodeclaim {name}")));
    }
    found
}
