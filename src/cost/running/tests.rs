//! Pods as kubectl prints them.

use serde_json::json;

use super::running;
use crate::config::spec::{Quantity, Spread, Workload};

fn one(spec: serde_json::Value, owner: &str) -> Option<(String, Workload)> {
    let owners = if owner.is_empty() { json!([]) } else { json!([{"kind": owner, "name": "x-5d8"}]) };
    let pod =
        json!({"kind": "Pod", "metadata": {"namespace": "n", "name": "p", "ownerReferences": owners}, "spec": spec});
    let found = running(&json!({"items": [pod]}).to_string()).expect("a list");
    found.workloads.into_iter().next()
}

fn requests(spec: serde_json::Value) -> Vec<(String, String)> {
    let (_, workload) = one(spec, "ReplicaSet").expect("a workload");
    workload.requests.into_iter().map(|(key, value)| (key, value.to_string())).collect()
}

fn asks(cpu: &str, memory: &str) -> serde_json::Value {
    json!({"resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

#[test]
fn requests_are_what_the_scheduler_counts() {
    let pair =
        |cpu: &str, memory: u64| vec![("cpu".to_owned(), cpu.to_owned()), ("memory".to_owned(), memory.to_string())];
    let two = json!({"containers": [asks("100m", "1Mi"), asks("0.2", "1Mi")]});
    assert_eq!(requests(two), pair("300m", 2 << 20));
    // An init container that is larger than all that runs later; a sidecar that runs beside both.
    let mut sidecar = asks("50m", "1Mi");
    sidecar["restartPolicy"] = "Always".into();
    let inits = json!({"containers": [asks("100m", "4Mi")], "initContainers": [sidecar, asks("400m", "1Mi")]});
    assert_eq!(requests(inits), pair("450m", 5 << 20));
    let overhead = json!({"containers": [asks("100m", "1Mi")], "overhead": {"cpu": "10m"}});
    assert_eq!(requests(overhead), pair("110m", 1 << 20));
    // GPUs are limits that are requests too.
    let gpu = json!({"containers": [{"resources": {"limits": {"nvidia.com/gpu": 2}}}]});
    assert_eq!(requests(gpu), [("nvidia.com/gpu".to_owned(), "2".to_owned())]);
}

#[test]
fn selectors_say_the_pool_the_market_and_the_type() {
    let spec = json!({
        "containers": [asks("1", "1Gi")],
        "nodeSelector": {"karpenter.sh/nodepool": "burst", "karpenter.sh/capacity-type": "spot", "kubernetes.io/arch": "arm64"},
        "topologySpreadConstraints": [{"topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}],
    });
    let (name, workload) = one(spec, "ReplicaSet").expect("a workload");
    assert_eq!(name, "n/x");
    assert_eq!((workload.pool.as_deref(), workload.spot_share_percent), (Some("burst"), Some(100)));
    assert_eq!(workload.spread, Some(Spread::Zone));
    assert_eq!(workload.requirements.len(), 1);
    assert_eq!(workload.requests["cpu"], Quantity::Text("1000m".to_owned()));
    let apart = json!({"containers": [], "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"topologyKey": "kubernetes.io/hostname"}]}}});
    assert_eq!(one(apart, "StatefulSet").expect("a workload").1.spread, Some(Spread::Host));
}

#[test]
fn what_is_not_karpenter_s_is_left_out() {
    let plain = json!({"containers": [asks("1", "1Gi")]});
    assert!(one(plain.clone(), "Node").is_none(), "static pods");
    let mut system = plain.clone();
    system["tolerations"] = json!([{"key": "CriticalAddonsOnly", "operator": "Exists"}]);
    assert!(one(system.clone(), "ReplicaSet").is_none(), "on the system nodes");
    let (_, daemon) = one(system, "DaemonSet").expect("a workload");
    assert!(daemon.daemon_set);
    assert_eq!(running("{}"), Err("it has no `items`: it is no list of pods".to_owned()));
    assert!(running("<html>").is_err_and(|why| why.starts_with("it is not JSON")));
}
