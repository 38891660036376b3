//! DaemonSets: a pod on every node that takes it.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{is_true, items, leaving, name, uid};
use super::{affinity, pod_maker, pods, replicas};
use crate::sandbox::kube::store::Key;

const SETS: &str = "daemonsets.apps";
const SOURCE: &str = "daemonset-controller";

/// Taints that every daemon tolerates (Kubernetes documentation, "DaemonSet: Taints and tolerations").
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// A template with what the controller adds, for one node.
fn pinned(template: &Json, node: &str) -> Json {
    let mut template = template.clone();
    let mut tolerations = items(&template, "/spec/tolerations").to_vec();
    for (key, effect) in TOLERATED {
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": effect}));
    }
    // The kubelet's own taint of a node that is not ready has this effect besides.
    tolerations.push(json!({"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoSchedule"}));
    template["spec"]["tolerations"] = json!(tolerations);
    let required = &mut template["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let field = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    match required["nodeSelectorTerms"].as_array_mut() {
        Some(terms) => terms.iter_mut().for_each(|term| term["matchFields"] = field.clone()),
        None => *required = json!({"nodeSelectorTerms": [{"matchFields": field}]}),
    }
    template
}

/// Whether a DaemonSet wants a pod on a node.
pub(super) fn wants(set: &Json, node: &Json) -> bool {
    let spec = &set["spec"]["template"]["spec"];
    let passing = |taint: &Json| {
        let of = |field: &str| taint[field].as_str().unwrap_or_default();
        of("key") == "node.kubernetes.io/not-ready" || TOLERATED.contains(&(of("key"), of("effect")))
    };
    let taints: Vec<Json> = items(node, "/spec/taints").iter().filter(|taint| !passing(taint)).cloned().collect();
    affinity::node(spec, node) && pods::untolerated(spec, &taints).is_none()
}

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let sets: Vec<Json> = inside.store.list(SETS).filter(|set| !leaving(set)).cloned().collect();
    let nodes: Vec<Json> = inside.store.list("nodes").cloned().collect();
    let by_owner = replicas::by_owner(inside, "DaemonSet");
    for set in sets {
        let have = by_owner.get(uid(&set)).cloned().unwrap_or_default();
        // A pod that waits for its node is known by the field its affinity names.
        let on = |pod: &Json| {
            let pinned = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0";
            match pods::node(pod) {
                "" => pod.pointer(pinned).and_then(Json::as_str).unwrap_or_default().to_owned(),
                node => node.to_owned(),
            }
        };
        let (mut wanted, mut ready, mut present) = (0, 0, 0);
        for node in &nodes {
            let pod = have.iter().find(|pod| on(pod) == name(node));
            let wants = wants(&set, node);
            wanted += usize::from(wants);
            match pod {
                Some(pod) if wants => {
                    present += 1;
                    ready += usize::from(is_true(pod, "Ready"));
                }
                None if wants && !leaving(node) => {
                    let template = pinned(&set["spec"]["template"], name(node));
                    let suffix =
                        inside.suffix(&format!("daemon/{}/{}/{}", name(&set), name(node), inside.store.version()), 5);
                    let pod = format!("{}-{suffix}", name(&set));
                    present += usize::from(pod_maker::make(inside, &set, &template, &pod, SOURCE, |_| ()).is_some());
                }
                _ => {}
            }
        }
        let gone = have.iter().filter(|pod| !nodes.iter().any(|node| name(node) == on(pod) && wants(&set, node)));
        for pod in gone.cloned().collect::<Vec<_>>() {
            // Whoever tolerates what drains a node stays until the node goes.
            if nodes.iter().all(|node| name(node) != on(&pod)) {
                inside.delete("pods", &Key::of(&pod), 0);
            }
        }
        inside.store.change(SETS, &Key::of(&set), |set| {
            set["status"] = json!({
                "currentNumberScheduled": present, "desiredNumberScheduled": wanted, "numberMisscheduled": 0,
                "numberReady": ready, "numberAvailable": ready, "updatedNumberScheduled": present,
                "numberUnavailable": wanted - ready, "observedGeneration": set["metadata"]["generation"],
            });
        });
    }
}
