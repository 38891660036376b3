//! How a controller makes a pod from a template.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{namespace, reference};
use crate::sandbox::kube::store::{Key, text};

/// A pod of `owner` with a name. `source` is the controller in whose name events are.
pub(super) fn make(
    inside: &mut Inside<'_, '_>,
    owner: &Json,
    template: &Json,
    name: &str,
    source: &str,
    change: impl FnOnce(&mut Json),
) -> Option<Json> {
    let namespace = namespace(owner).to_owned();
    let account = match text(template, "/spec/serviceAccountName") {
        "" => "default",
        account => account,
    };
    if account != "default" && inside.store.get("serviceaccounts", &Key::new(namespace.clone(), account)).is_none() {
        let message = format!(
            "Error creating: pods \"{name}\" is forbidden: error looking up service account {namespace}/{account}: serviceaccount \"{account}\" not found"
        );
        inside.event(owner, source, "Warning", "FailedCreate", &message);
        return None;
    }
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "ownerReferences": [reference(owner)],
            "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
        },
        "spec": template["spec"],
        "status": {"phase": "Pending"},
    });
    change(&mut pod);
    complete(&mut pod);
    if !inside.ensure("pods", pod) {
        return None;
    }
    inside.event(owner, source, "Normal", "SuccessfulCreate", &format!("Created pod: {name}"));
    inside.store.get("pods", &Key::new(namespace, name)).cloned()
}

/// What the API server fills in.
fn complete(pod: &mut Json) {
    if let Some(metadata) = pod["metadata"].as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    let spec = &mut pod["spec"];
    for (field, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("schedulerName", json!("default-scheduler")),
        ("serviceAccountName", json!("default")),
        ("securityContext", json!({})),
        ("enableServiceLinks", json!(true)),
        ("preemptionPolicy", json!("PreemptLowerPriority")),
        ("priority", json!(0)),
    ] {
        if spec[field].is_null() {
            spec[field] = value;
        }
    }
    match spec["priorityClassName"].as_str() {
        Some("system-cluster-critical") => spec["priority"] = json!(2_000_000_000),
        Some("system-node-critical") => spec["priority"] = json!(2_000_001_000),
        _ => {}
    }
    spec["serviceAccount"] = spec["serviceAccountName"].clone();
    // The DefaultTolerationSeconds plugin.
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let covered = tolerations.iter().any(|one| {
            (one["key"] == key || one["key"].is_null())
                && ["", "NoExecute"].contains(&one["effect"].as_str().unwrap_or_default())
        });
        if !covered {
            tolerations
                .push(json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}));
        }
    }
    spec["tolerations"] = json!(tolerations);
    let class = class(spec);
    pod["status"]["qosClass"] = json!(class);
}

/// Guaranteed, Burstable or BestEffort.
fn class(spec: &Json) -> &'static str {
    let containers = super::meta::items(spec, "/containers");
    let none = |map: &Json| map.as_object().is_none_or(serde_json::Map::is_empty);
    if containers.iter().all(|one| none(&one["resources"]["requests"]) && none(&one["resources"]["limits"])) {
        return "BestEffort";
    }
    let exact = |one: &Json| {
        let (requests, limits) = (&one["resources"]["requests"], &one["resources"]["limits"]);
        ["cpu", "memory"].iter().all(|name| {
            !limits[*name].is_null()
                && (requests.is_null() || requests[*name].is_null() || requests[*name] == limits[*name])
        })
    };
    if containers.iter().all(exact) { "Guaranteed" } else { "Burstable" }
}
