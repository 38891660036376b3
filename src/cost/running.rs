//! Workloads out of what runs: `kubectl get pods -A -o json`.
//!
//! Pods of one owner that ask for the same are one workload. Requests are what the scheduler counts: the containers' sum, or the largest init
//! container's where that is more, sidecars and the pod's overhead on top (Kubernetes, "Init containers", "Sidecar containers").

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::check::quantity;
use crate::config::spec::{Quantity, Requirement, Spread, Toleration, Workload};

/// What a list of pods comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// By `namespace/owner`.
    pub workloads: BTreeMap<String, Workload>,
    /// Pods that are done, that belong to a node itself, or that run on the system nodes.
    pub skipped: usize,
}

/// Reads a list of pods.
///
/// # Errors
/// Why it is none, a lower-case fragment.
pub fn running(text: &str) -> Result<Running, String> {
    let list: Json = serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
    let items = list.get("items").and_then(Json::as_array).ok_or("it has no `items`: it is no list of pods")?;
    if let Some(other) = items.iter().find_map(|item| item.get("kind")?.as_str().filter(|kind| *kind != "Pod")) {
        return Err(format!("it lists a {other}, not pods only"));
    }
    let mut found = Running::default();
    let mut groups: BTreeMap<String, Vec<Workload>> = BTreeMap::new();
    for pod in items {
        match workload(pod) {
            Some((name, one)) => {
                let variants = groups.entry(name).or_default();
                match variants.iter_mut().find(|known| Workload { replicas: one.replicas, ..(*known).clone() } == one) {
                    Some(known) => known.replicas += u32::from(!known.daemon_set),
                    None => variants.push(one),
                }
            }
            None => found.skipped += 1,
        }
    }
    for (name, variants) in groups {
        for (index, variant) in variants.into_iter().enumerate() {
            let name = if index == 0 { name.clone() } else { format!("{name} #{}", index + 1) };
            found.workloads.insert(name, variant);
        }
    }
    Ok(found)
}

/// One pod as a workload of one; `None` where it is not Karpenter's to place.
fn workload(pod: &Json) -> Option<(String, Workload)> {
    let spec = pod.get("spec")?;
    let phase = pod.pointer("/status/phase").and_then(Json::as_str).unwrap_or_default();
    let owner = pod.pointer("/metadata/ownerReferences/0");
    let owner_kind = text(owner, "kind");
    if matches!(phase, "Succeeded" | "Failed") || owner_kind == "Node" {
        return None;
    }
    let tolerations: Vec<Toleration> =
        list(spec, "tolerations").iter().filter_map(|one| serde_json::from_value(one.clone()).ok()).collect();
    let daemon_set = owner_kind == "DaemonSet";
    let system = |toleration: &Toleration| toleration.key.as_deref() == Some("CriticalAddonsOnly");
    if !daemon_set && tolerations.iter().any(system) {
        // Karpenter itself, CoreDNS and their like: they run on the system nodes, which have lines of their own.
        return None;
    }
    // Kubernetes adds these two to every pod; they say nothing of its author's wishes.
    let added = |toleration: &Toleration| {
        matches!(toleration.key.as_deref(), Some("node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable"))
    };
    let mut made = Workload {
        replicas: 1,
        requests: requests(spec),
        tolerations: tolerations.into_iter().filter(|one| !added(one)).collect(),
        spread: spread(spec),
        daemon_set,
        ..Workload::default()
    };
    selectors(spec, &mut made);
    let name = match owner_kind {
        // A ReplicaSet is called like its Deployment and a hash.
        "ReplicaSet" => text(owner, "name").rsplit_once('-').map_or("", |(name, _)| name),
        "" => text(pod.get("metadata"), "name"),
        _ => text(owner, "name"),
    };
    let namespace = text(pod.get("metadata"), "namespace");
    Some((format!("{namespace}/{name}"), made))
}

fn text<'a>(of: Option<&'a Json>, key: &str) -> &'a str {
    of.and_then(|of| of.get(key)).and_then(Json::as_str).unwrap_or_default()
}

fn list<'a>(of: &'a Json, key: &str) -> &'a [Json] {
    of.get(key).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// What one pod requests; empty where it says nothing.
fn requests(spec: &Json) -> BTreeMap<String, Quantity> {
    let asks = |of: &Json, pointer: &str, key: &str| -> Option<u128> {
        let value = of.pointer(pointer)?.get(key)?;
        quantity(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str())
    };
    let mut requests = BTreeMap::new();
    for key in ["cpu", "memory", "nvidia.com/gpu"] {
        let container = |of: &Json| asks(of, "/resources/requests", key).or_else(|| asks(of, "/resources/limits", key));
        let sum: u128 = list(spec, "containers").iter().filter_map(container).sum();
        let inits = list(spec, "initContainers").iter();
        let (mut sidecars, mut largest) = (0, 0);
        for init in inits {
            let asked = container(init).unwrap_or(0);
            if init.get("restartPolicy").and_then(Json::as_str) == Some("Always") {
                sidecars += asked;
            } else {
                largest = largest.max(sidecars + asked);
            }
        }
        let overhead = asks(spec, "/overhead", key).unwrap_or(0);
        let total = (sum + sidecars).max(largest) + overhead;
        if total > 0 {
            // Thousandths: of a core that is a milli-cpu, all else is whole.
            let quantity = match key {
                "cpu" => Quantity::Text(format!("{total}m")),
                _ => Quantity::Number(u64::try_from(total.div_ceil(1000)).unwrap_or(u64::MAX)),
            };
            requests.insert(key.to_owned(), quantity);
        }
    }
    requests
}

/// Node selectors and required affinity: the pool, spot or not, and what the type must be.
fn selectors(spec: &Json, made: &mut Workload) {
    let mut wanted: Vec<Requirement> = Vec::new();
    if let Some(selector) = spec.get("nodeSelector").and_then(Json::as_object) {
        let one = |(key, value): (&String, &Json)| Requirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: value.as_str().map(str::to_owned).into_iter().collect(),
            min_values: None,
        };
        wanted.extend(selector.iter().map(one));
    }
    let terms =
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions";
    if let Some(expressions) = spec.pointer(terms).and_then(Json::as_array) {
        wanted.extend(expressions.iter().filter_map(|one| serde_json::from_value(one.clone()).ok()));
    }
    for requirement in wanted {
        let only = requirement.values.first().filter(|_| requirement.operator == "In" && requirement.values.len() == 1);
        match (requirement.key.as_str(), only) {
            ("karpenter.sh/nodepool" | "workload-type", Some(pool)) => made.pool = Some(pool.clone()),
            ("karpenter.sh/capacity-type", Some(kind)) => {
                made.spot_share_percent = Some(if kind == "spot" { 100 } else { 0 });
            }
            (key, _) if key.starts_with("karpenter.sh/") || key == "kubernetes.io/hostname" => {}
            _ => made.requirements.push(requirement),
        }
    }
}

fn spread(spec: &Json) -> Option<Spread> {
    let constraints = list(spec, "topologySpreadConstraints").iter();
    let hard = constraints.filter(|one| text(Some(one), "whenUnsatisfiable") == "DoNotSchedule");
    let keys: Vec<&str> = hard.map(|one| text(Some(one), "topologyKey")).collect();
    let apart = "/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let apart = spec.pointer(apart).and_then(Json::as_array);
    let apart =
        apart.is_some_and(|terms| terms.iter().any(|term| text(Some(term), "topologyKey") == "kubernetes.io/hostname"));
    if apart || keys.contains(&"kubernetes.io/hostname") {
        return Some(Spread::Host);
    }
    keys.contains(&"topology.kubernetes.io/zone").then_some(Spread::Zone)
}

#[cfg(test)]
mod tests;
