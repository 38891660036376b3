//! Pods get nodes of the right pool, and the nodes go again.

use serde_json::{Value as Json, json};

use super::lab::{Lab, pod, pool};

fn tolerant(pool: &str) -> Json {
    json!({
        "nodeSelector": {"workload-type": pool},
        "tolerations": [{"key": "workload-type", "operator": "Equal", "value": pool, "effect": "NoSchedule"}],
    })
}

fn tainted(name: &str, capacity: &[&str]) -> Json {
    pool(name, capacity, &json!({"taints": [{"key": "workload-type", "value": name, "effect": "NoSchedule"}]}))
}

fn three() -> Vec<Json> {
    vec![
        pool("general", &["spot", "on-demand"], &json!({})),
        tainted("stateful", &["on-demand"]),
        tainted("burst", &["spot"]),
    ]
}

#[test]
fn a_pod_gets_a_node_and_the_node_goes_with_it() {
    let mut lab = Lab::running(&three());
    lab.create("pods", pod("web", "1", &json!({})));
    lab.pass(4);
    let claims = lab.list("nodeclaims.karpenter.sh");
    assert_eq!(claims.len(), 1, "{:?}", lab.events("web"));
    let claim = claims[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert!(claim.starts_with("general-"));
    assert_eq!(lab.condition("nodeclaims.karpenter.sh", &claim, "Launched").0, "True");
    assert!(
        lab.events("web").iter().any(|event| event == &format!("Nominated: Pod should schedule on: nodeclaim/{claim}"))
    );
    lab.pass(120);
    assert_eq!(lab.condition("nodeclaims.karpenter.sh", &claim, "Ready").0, "True");
    assert_eq!(lab.condition("pods", "default/web", "Ready").0, "True");
    let host = lab.get("pods", "default/web")["spec"]["nodeName"].as_str().expect("a node").to_owned();
    let node = lab.get("nodes", &host);
    assert_eq!(node["metadata"]["labels"]["karpenter.sh/nodepool"], "general");
    assert_eq!(node["metadata"]["labels"]["karpenter.sh/capacity-type"], "spot", "the cheaper way");
    assert!(node["spec"]["taints"].is_null(), "{}", node["spec"]);
    let id = node["spec"]["providerID"].as_str().and_then(|id| id.rsplit('/').next()).expect("an id").to_owned();
    let tags = lab.region().ec2.tags[&id].clone();
    for (key, value) in [
        ("kubernetes.io/cluster/prod", "owned"),
        ("karpenter.sh/nodepool", "general"),
        ("eks:eks-cluster-name", "prod"),
        ("team", "platform"),
        ("Name", host.as_str()),
    ] {
        assert_eq!(tags.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert_eq!(lab.get("nodepools.karpenter.sh", "general")["status"]["resources"]["nodes"], "1");
    let now = lab.now;
    lab.store().delete(now, "pods", &crate::sandbox::kube::store::Key::new("default", "web"), 30).expect("a pod");
    lab.pass(240);
    assert!(lab.list("nodeclaims.karpenter.sh").is_empty());
    assert_eq!(lab.list("nodes").len(), 2);
    assert_eq!(lab.region().ec2.instances[&id].state(i64::MAX).1, "terminated");
}

#[test]
fn a_toleration_permits_and_a_selector_chooses() {
    let mut lab = Lab::running(&three());
    lab.create("pods", pod("chosen", "1", &tolerant("stateful")));
    let mut only = tolerant("stateful");
    only.as_object_mut().expect("an object").remove("nodeSelector");
    lab.create("pods", pod("permitted", "1", &only));
    lab.pass(120);
    let mut on = |name: &str| {
        let host = lab.get("pods", &format!("default/{name}"))["spec"]["nodeName"].as_str().expect("a node").to_owned();
        lab.get("nodes", &host)["metadata"]["labels"].clone()
    };
    assert_eq!(on("chosen")["karpenter.sh/nodepool"], "stateful");
    assert_eq!(on("chosen")["karpenter.sh/capacity-type"], "on-demand");
    // Nothing keeps it from a spot node: the cheapest pool that takes it does.
    assert_ne!(on("permitted")["karpenter.sh/nodepool"], "general-only");
}

#[test]
fn a_renamed_pool_changes_nothing() {
    let run = |names: [&str; 2]| {
        let mut lab =
            Lab::running(&[pool(names[0], &["on-demand"], &json!({})), pool(names[1], &["spot"], &json!({}))]);
        lab.create("pods", pod("web", "1", &json!({})));
        lab.pass(120);
        let host = lab.get("pods", "default/web")["spec"]["nodeName"].as_str().expect("a node").to_owned();
        let labels = lab.get("nodes", &host)["metadata"]["labels"].clone();
        (labels["karpenter.sh/capacity-type"].clone(), labels["node.kubernetes.io/instance-type"].clone())
    };
    assert_eq!(run(["a", "b"]), run(["z", "c"]));
}

#[test]
fn several_pods_share_a_node_and_a_large_one_gets_a_large_one() {
    let mut lab = Lab::running(&three());
    for at in 0..6 {
        let now = lab.now;
        lab.store().create(now, "pods", pod(&format!("web-{at}"), "500m", &json!({}))).expect("a pod");
    }
    lab.pass(120);
    assert_eq!(lab.list("nodeclaims.karpenter.sh").len(), 1);
    lab.create("pods", pod("huge", "30", &json!({})));
    lab.pass(120);
    let host = lab.get("pods", "default/huge")["spec"]["nodeName"].as_str().expect("a node").to_owned();
    let cpu: u64 =
        lab.get("nodes", &host)["status"]["capacity"]["cpu"].as_str().expect("cores").parse().expect("a number");
    assert!(cpu >= 32, "{cpu}");
}

#[test]
fn pods_that_keep_apart_get_nodes_of_their_own() {
    let mut lab = Lab::running(&three());
    let apart = json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"group": "db"}}, "topologyKey": "kubernetes.io/hostname"},
    ]}}});
    for at in 0..3 {
        let mut one = pod(&format!("db-{at}"), "100m", &apart);
        one["metadata"]["labels"]["group"] = json!("db");
        let now = lab.now;
        lab.store().create(now, "pods", one).expect("a pod");
    }
    lab.pass(150);
    assert_eq!(lab.list("nodeclaims.karpenter.sh").len(), 3);
    let mut hosts: Vec<Json> = lab
        .list("pods")
        .iter()
        .filter(|pod| pod["metadata"]["labels"]["group"] == "db")
        .map(|pod| pod["spec"]["nodeName"].clone())
        .collect();
    hosts.sort_by_key(ToString::to_string);
    hosts.dedup();
    assert_eq!(hosts.len(), 3);
}

#[test]
fn the_same_seed_is_the_same_story() {
    let run = || {
        let mut lab = Lab::running(&three());
        lab.create("pods", pod("web", "1", &json!({})));
        lab.pass(200);
        serde_json::to_string(&lab.list("nodeclaims.karpenter.sh")).expect("text")
    };
    assert_eq!(run(), run());
}
