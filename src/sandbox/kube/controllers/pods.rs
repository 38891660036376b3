//! Reading pods.

use serde_json::Value as Json;

use super::meta::{items, owner};
use super::quantity::{self, Amounts};
use crate::sandbox::kube::store::text;

/// The node it is bound to; empty while there is none.
pub(super) fn node(pod: &Json) -> &str {
    text(pod, "/spec/nodeName")
}

/// Whether it has ended by itself.
pub(super) fn ended(pod: &Json) -> bool {
    ["Succeeded", "Failed"].contains(&text(pod, "/status/phase"))
}

/// Whether a DaemonSet runs it.
pub(super) fn of_daemon(pod: &Json) -> bool {
    owner(pod).is_some_and(|owner| owner["kind"] == "DaemonSet")
}

/// What it asks for: its containers together, or its largest init container where that is more; and one pod.
pub(in crate::sandbox) fn requests(spec: &Json) -> Amounts {
    let mut sum = Amounts::new();
    for container in items(spec, "/containers") {
        quantity::add(&mut sum, &of_container(container));
    }
    for container in items(spec, "/initContainers") {
        for (name, amount) in of_container(container) {
            let have = sum.entry(name).or_default();
            *have = (*have).max(amount);
        }
    }
    quantity::add(&mut sum, &quantity::amounts(&spec["overhead"]));
    sum.insert("pods".to_owned(), 1000);
    sum
}

/// A limit without a request is the request.
fn of_container(container: &Json) -> Amounts {
    let mut amounts = quantity::amounts(&container["resources"]["limits"]);
    amounts.extend(quantity::amounts(&container["resources"]["requests"]));
    amounts
}

/// Whether a toleration tolerates a taint.
fn tolerates(toleration: &Json, taint: &Json) -> bool {
    let key = toleration["key"].as_str().unwrap_or_default();
    let effect = toleration["effect"].as_str().unwrap_or_default();
    let exists = toleration["operator"] == "Exists";
    let fits = if key.is_empty() { exists } else { taint["key"] == key };
    let value = |of: &Json| of["value"].as_str().unwrap_or_default().to_owned();
    fits && (effect.is_empty() || taint["effect"] == effect) && (exists || value(toleration) == value(taint))
}

/// The first taint that keeps a pod off, out of those with an effect that does.
pub(super) fn untolerated<'a>(spec: &Json, taints: &'a [Json]) -> Option<&'a Json> {
    let tolerations = items(spec, "/tolerations");
    let hard = taints.iter().filter(|taint| taint["effect"] != "PreferNoSchedule");
    hard.into_iter().find(|taint| !tolerations.iter().any(|one| tolerates(one, taint)))
}
