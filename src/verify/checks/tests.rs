use serde_json::json;

use super::*;
use crate::verify::tests::world::{self, healthy, list, log, named, one, pod, set, waiting};

fn checks(seen: &Observed) -> Vec<Check> {
    let spec = world::spec();
    inside(seen, &spec, &Identity::of(&spec))
}

/// After a break exactly this check does not hold.
#[track_caller]
fn fails(code: &str, broken: impl FnOnce(&mut Observed)) -> Check {
    let mut seen = healthy();
    broken(&mut seen);
    let failed: Vec<_> = checks(&seen).into_iter().filter(|check| !check.passed).collect();
    let codes: Vec<_> = failed.iter().map(|check| check.code).collect();
    assert_eq!(codes, [code], "{failed:#?}");
    failed.into_iter().next().expect("one")
}

#[test]
fn every_check_of_a_healthy_world_holds_with_evidence() {
    let checks = checks(&healthy());
    for check in &checks {
        assert!(check.passed && !check.evidence.is_empty() && !check.help.is_empty(), "{check:#?}");
    }
    assert_eq!(checks.len(), 15);
}

#[test]
fn what_could_not_be_read_is_not_proven() {
    for check in checks(&Observed::default()) {
        assert!(!check.passed && check.evidence[0].starts_with("not proven: "), "{check:#?}");
    }
}

#[test]
fn each_break_fails_its_own_check() {
    fails("verify-api-ready", |seen| list(&mut seen.kube.ready).push("[-]etcd failed".to_owned()));
    fails("verify-system-nodes-ready", |seen| named(&mut seen.kube.nodes, "system-1")["spec"]["taints"] = json!([]));
    fails("verify-system-nodes-ready", |seen| {
        named(&mut seen.kube.nodes, "system-1")["status"]["nodeInfo"]["osImage"] = "Amazon Linux 2".into();
    });
    fails("verify-nodes-ready", |seen| {
        set(named(&mut seen.kube.nodes, "burst-node"), "Ready", false, "KubeletNotReady", "");
    });
    fails("verify-nodes-ready", |seen| {
        named(&mut seen.kube.nodes, "burst-node")["status"]["nodeInfo"]["kubeletVersion"] = "v1.37.0".into();
    });
    fails("verify-metadata", |seen| list(&mut seen.aws.instances)[3].tokens = "optional".into());
    fails("verify-karpenter-rollout", |seen| {
        named(&mut seen.kube.deployments, "karpenter")["status"]["availableReplicas"] = 1.into();
    });
    fails("verify-karpenter-rollout", |seen| {
        named(&mut seen.kube.deployments, "karpenter")["metadata"]["generation"] = 2.into();
    });
    fails("verify-karpenter-definitions", |seen| list(&mut seen.kube.definitions).truncate(1));
    let check = fails("verify-karpenter-log", |seen| {
        list(&mut seen.kube.karpenter_log).push(log("ERROR", "Reconciler error", "AccessDenied"));
    });
    assert!(check.evidence.contains(&"Reconciler error: AccessDenied".to_owned()), "{check:?}");
    fails("verify-queue-read", |seen| {
        named(&mut seen.kube.deployments, "karpenter")["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    });
    fails("verify-karpenter-identity", |seen| list(&mut seen.aws.providers).clear());
    fails("verify-karpenter-identity", |seen| {
        named(&mut seen.kube.service_accounts, "karpenter")["metadata"]["annotations"] = json!({});
    });
    let check = fails("verify-karpenter-permissions", |seen| one(&mut seen.aws.controller).policies.truncate(1));
    assert!(check.evidence.contains(&"sqs:ReceiveMessage is missing".to_owned()), "{check:?}");
    fails("verify-node-class", |seen| set(named(&mut seen.kube.node_classes, "default"), "Ready", false, "", ""));
    let check = fails("verify-node-pool", |seen| {
        list(&mut seen.kube.node_pools).retain(|pool| pool["metadata"]["name"] != "burst");
    });
    assert_eq!(check.title, "NodePool burst is Ready");
    fails("verify-pending-pods", |seen| list(&mut seen.kube.pods).push(waiting("worker", "burst")));
    fails("verify-pending-pods", |seen| {
        list(&mut seen.kube.pods).push(pod("kube-system", "coredns-9", "", json!({"cpu": "100m"})));
    });
}

#[test]
fn a_pod_that_waits_for_a_reason_does_not_fail_anything() {
    let mut seen = healthy();
    list(&mut seen.kube.pods).push(waiting("worker", "no-such-pool"));
    let failed: Vec<_> = checks(&seen).into_iter().filter(|check| !check.passed).collect();
    assert_eq!(failed, []);
}
