//! The decisions, over objects as an API server gives them.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::decide::{balanced, blocked, digest, empty_instances, leaving_nodes, must_leave, signature, stuck, volumes};
use super::objects::{full, karpenter_runs, selects};
use crate::resources::k8s::hold::{Inside, Thing};

fn pod(space: &str, name: &str, node: &str, labels: &Json) -> Json {
    json!({
        "metadata": { "namespace": space, "name": name, "uid": format!("uid-{name}"), "labels": labels,
            "ownerReferences": [{ "kind": "StatefulSet", "name": "db", "controller": true }] },
        "spec": { "nodeName": node, "terminationGracePeriodSeconds": 120 },
        "status": { "phase": "Running" },
    })
}

fn budget(allowed: i64) -> Json {
    json!({
        "metadata": { "namespace": "shop", "name": "db" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": "db" } } },
        "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "expectedPods": 1 },
    })
}

fn claim(name: &str, leaving: bool) -> Json {
    let mut claim = json!({
        "metadata": { "name": name, "uid": format!("uid-{name}"), "finalizers": ["karpenter.sh/termination"] },
        "status": { "nodeName": format!("node-{name}"), "providerID": format!("aws:///us-east-1a/i-{name}") },
    });
    if leaving {
        claim["metadata"]["deletionTimestamp"] = json!("2026-11-24T12:00:00Z");
    }
    claim
}

fn node(name: &str) -> Json {
    json!({ "metadata": { "name": format!("node-{name}"), "uid": format!("uid-node-{name}") },
            "spec": { "providerID": format!("aws:///us-east-1a/i-{name}") } })
}

/// Two nodes of Karpenter, one of them on its way out with a database on it.
fn inside(allowed: i64) -> Inside {
    Inside {
        claims: vec![claim("a", true), claim("b", false)],
        nodes: vec![node("a"), node("b")],
        pods: vec![
            pod("shop", "db-0", "node-a", &json!({ "app": "db" })),
            pod("shop", "web-0", "node-a", &json!({ "app": "web" })),
            pod("shop", "db-1", "node-b", &json!({ "app": "db" })),
        ],
        budgets: vec![budget(allowed)],
        ..Inside::default()
    }
}

#[test]
fn a_budget_that_allows_nothing_holds_back_what_it_selects_on_leaving_nodes_alone() {
    let inside = inside(0);
    let held = blocked(&inside, &leaving_nodes(&inside));
    assert_eq!(held.iter().map(|one| one.pod.as_str()).collect::<Vec<_>>(), ["shop/db-0"]);
    assert_eq!(held[0].why, "PodDisruptionBudget shop/db allows 0 disruptions (minAvailable 1, 1 of 1 healthy)");
    assert_eq!(held[0].remedy, "kubectl --namespace shop scale statefulset/db --replicas 0");
    assert_eq!((held[0].node.as_str(), held[0].grace), ("node-a", 120));
    let free = self::inside(1);
    assert!(blocked(&free, &leaving_nodes(&free)).is_empty());
}

#[test]
fn the_same_budget_of_another_namespace_or_for_a_pod_that_goes_already_holds_nothing() {
    let mut other = inside(0);
    other.budgets[0]["metadata"]["namespace"] = json!("elsewhere");
    assert!(blocked(&other, &leaving_nodes(&other)).is_empty());
    let mut going = inside(0);
    going.pods[0]["metadata"]["deletionTimestamp"] = json!("2026-11-24T12:00:00Z");
    assert!(blocked(&going, &leaving_nodes(&going)).is_empty());
}

#[test]
fn karpenters_own_annotation_holds_a_pod_back_too() {
    let mut inside = inside(1);
    inside.pods[1]["metadata"]["annotations"] = json!({ "karpenter.sh/do-not-disrupt": "true" });
    let held = blocked(&inside, &leaving_nodes(&inside));
    assert_eq!(held[0].pod, "shop/web-0");
    assert_eq!(held[0].remedy, "kubectl --namespace shop annotate pod/web-0 karpenter.sh/do-not-disrupt-");
}

#[test]
fn who_belongs_to_a_node_or_is_done_need_not_leave_it() {
    let plain = pod("shop", "web-0", "node-a", &json!({}));
    assert!(must_leave(&plain));
    let mut daemon = plain.clone();
    daemon["metadata"]["ownerReferences"] = json!([{ "kind": "DaemonSet", "name": "aws-node" }]);
    let mut done = plain.clone();
    done["status"]["phase"] = json!("Succeeded");
    let mut mirror = plain.clone();
    mirror["metadata"]["annotations"] = json!({ "kubernetes.io/config.mirror": "x" });
    let mut tolerant = plain.clone();
    tolerant["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    assert!([daemon, done, mirror, tolerant].iter().all(|pod| !must_leave(pod)));
    let mut other = plain;
    other["spec"]["tolerations"] = json!([{ "key": "workload-type", "operator": "Exists" }]);
    assert!(must_leave(&other), "a toleration of something else");
}

#[test]
fn a_selector_is_read_as_kubernetes_reads_it() {
    let pod = pod("shop", "db-0", "node-a", &json!({ "app": "db", "tier": "back" }));
    let takes = |selector: Json| selects(Some(&selector), &pod);
    assert!(takes(json!({})), "an empty one takes all");
    assert!(!selects(None, &pod));
    assert!(takes(json!({ "matchExpressions": [{ "key": "tier", "operator": "In", "values": ["front", "back"] }] })));
    assert!(!takes(json!({ "matchExpressions": [{ "key": "tier", "operator": "NotIn", "values": ["back"] }] })));
    assert!(takes(json!({ "matchExpressions": [{ "key": "none", "operator": "NotIn", "values": ["x"] }] })));
    assert!(takes(json!({ "matchExpressions": [{ "key": "tier", "operator": "Exists" }] })));
    assert!(!takes(json!({ "matchExpressions": [{ "key": "tier", "operator": "DoesNotExist" }] })));
    assert!(!takes(json!({ "matchLabels": { "app": "db", "tier": "front" } })));
}

#[test]
fn finalizers_are_stuck_only_where_the_instance_is_gone() {
    let mut inside = inside(0);
    inside.claims[1] = claim("b", true);
    inside.nodes[1]["metadata"]["finalizers"] = json!(["karpenter.sh/termination"]);
    inside.nodes[1]["metadata"]["deletionTimestamp"] = json!("2026-11-24T12:00:00Z");
    let standing = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert!(stuck(&inside, &standing(&["i-a", "i-b"])).is_empty());
    let found: Vec<(Thing, String)> =
        stuck(&inside, &standing(&["i-a"])).iter().map(|(thing, object)| (*thing, full(object))).collect();
    assert_eq!(found, [(Thing::Claim, "b".to_owned()), (Thing::Node, "node-b".to_owned())]);
    // One that was never launched: Karpenter may still do it, unless it does not run.
    inside.claims[0]["status"] = json!({});
    inside.karpenter = vec![json!({ "status": { "readyReplicas": 2 } })];
    assert!(karpenter_runs(&inside));
    assert!(stuck(&inside, &standing(&["i-b"])).is_empty());
    inside.karpenter.clear();
    assert_eq!(stuck(&inside, &standing(&["i-b"])).len(), 1);
    // A node group's node has no finalizer of Karpenter's.
    inside.nodes[1]["metadata"]["finalizers"] = json!(["example.com/hold"]);
    assert_eq!(stuck(&inside, &standing(&[])).iter().filter(|(thing, _)| *thing == Thing::Node).count(), 0);
}

#[test]
fn an_instance_is_empty_when_nobody_is_left_who_must_leave() {
    let mut inside = inside(1);
    assert!(empty_instances(&inside).is_empty());
    for pod in &mut inside.pods {
        pod["metadata"]["ownerReferences"] = json!([{ "kind": "DaemonSet", "name": "aws-node" }]);
    }
    assert_eq!(empty_instances(&inside), ["i-a"], "b is not on its way out");
}

#[test]
fn only_what_has_a_load_balancer_of_aws_goes_for_it() {
    let of = |name: &str, rest: Json| {
        let mut object = json!({ "metadata": { "namespace": "shop", "name": name }, "spec": {} });
        json_patch::merge(&mut object, &rest);
        object
    };
    let inside = Inside {
        services: vec![
            of("web", json!({ "spec": { "type": "LoadBalancer" } })),
            of("inner", json!({ "spec": { "type": "ClusterIP" } })),
        ],
        ingresses: vec![
            of("alb", json!({ "spec": { "ingressClassName": "alb" } })),
            of(
                "nginx",
                json!({ "spec": { "ingressClassName": "nginx" }, "status": { "loadBalancer": { "ingress": [{}] } } }),
            ),
            of("old", json!({ "metadata": { "annotations": { "kubernetes.io/ingress.class": "alb" } } })),
            of("held", json!({ "metadata": { "finalizers": ["group.ingress.k8s.aws/shared"] } })),
        ],
        ingress_classes: vec![
            json!({ "metadata": { "name": "alb" }, "spec": { "controller": "ingress.k8s.aws/alb" } }),
            json!({ "metadata": { "name": "nginx" }, "spec": { "controller": "k8s.io/ingress-nginx" } }),
        ],
        gateways: vec![of("edge", json!({ "spec": { "gatewayClassName": "aws-alb" } })), of("mesh", json!({}))],
        gateway_classes: vec![
            json!({ "metadata": { "name": "aws-alb" }, "spec": { "controllerName": "gateway.k8s.aws/alb" } }),
        ],
        ..Inside::default()
    };
    let found: Vec<String> =
        balanced(&inside).iter().map(|(thing, object)| format!("{} {}", thing.noun(), full(object))).collect();
    let wanted = ["Service shop/web", "Ingress shop/alb", "Ingress shop/old", "Ingress shop/held", "Gateway shop/edge"];
    assert_eq!(found, wanted);
}

#[test]
fn volumes_are_known_by_their_handles_and_an_acknowledgement_is_of_exactly_these() {
    let volume = |name: &str, rest: Json| {
        let mut object = json!({
            "metadata": { "name": name },
            "spec": { "capacity": { "storage": "20Gi" }, "persistentVolumeReclaimPolicy": "Delete",
                "claimRef": { "namespace": "shop", "name": "data-db-0" } },
        });
        json_patch::merge(&mut object, &rest);
        object
    };
    let ebs = |id: &str| json!({ "spec": { "csi": { "driver": "ebs.csi.aws.com", "volumeHandle": id } } });
    let inside = Inside {
        volumes: vec![
            volume("pvc-1", ebs("vol-1")),
            volume("pvc-2", json!({ "spec": { "csi": { "driver": "efs.csi.aws.com", "volumeHandle": "fs-1" } } })),
            volume(
                "pv-old",
                json!({ "spec": {
                "persistentVolumeReclaimPolicy": "Retain",
                "awsElasticBlockStore": { "volumeID": "aws://us-east-1a/vol-2" } } }),
            ),
        ],
        ..Inside::default()
    };
    let found = volumes(&inside);
    assert_eq!(
        found.iter().map(|one| (one.id.as_str(), one.reclaimed)).collect::<Vec<_>>(),
        [("vol-1", true), ("vol-2", false)]
    );
    assert_eq!((found[0].claim.as_str(), found[0].size.as_str()), ("shop/data-db-0", "20Gi"));
    let code = "persistent-volumes";
    assert_eq!(digest(code, ["vol-2", "vol-1"]), digest(code, ["vol-1", "vol-2"]));
    assert_ne!(digest(code, ["vol-1"]), digest(code, ["vol-1", "vol-2"]));
    assert_ne!(digest(code, ["vol-1"]), digest("drain-unreachable", ["vol-1"]));
}

#[test]
fn a_drain_gets_on_when_a_pod_or_a_claim_goes() {
    let before = inside(0);
    let mut after = inside(0);
    after.pods[1]["metadata"]["deletionTimestamp"] = json!("2026-11-24T12:00:00Z");
    assert_ne!(signature(&before), signature(&after));
    assert_eq!(signature(&before), signature(&inside(1)), "what a budget says is no progress");
    after.claims.pop();
    assert_ne!(signature(&before), signature(&after));
}
