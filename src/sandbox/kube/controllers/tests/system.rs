//! From a fresh control plane to a Karpenter that is ready.

use serde_json::json;

use super::lab::{Lab, pod, pool};

#[test]
fn nodes_register_then_get_ready_and_take_the_system() {
    let mut lab = Lab::new();
    assert!(lab.list("nodes").is_empty());
    assert_eq!(lab.get("deployments.apps", "kube-system/coredns")["spec"]["replicas"], 2);
    lab.pass(60);
    let nodes = lab.list("nodes");
    assert_eq!(nodes.len(), 2);
    let name = nodes[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(lab.condition("nodes", &name, "Ready").0, "False");
    let waiting = lab
        .list("pods")
        .into_iter()
        .find(|pod| pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("coredns")))
        .expect("a pod");
    let key = format!("kube-system/{}", waiting["metadata"]["name"].as_str().expect("a name"));
    let why = lab.condition("pods", &key, "PodScheduled").1;
    assert!(
        why.starts_with("0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }"),
        "{why}"
    );
    lab.join();
    lab.pass(20);
    assert_eq!(lab.condition("nodes", &name, "Ready").0, "True");
    for name in ["coredns", "ebs-csi-controller", "metrics-server"] {
        assert_eq!(lab.get("deployments.apps", &format!("kube-system/{name}"))["status"]["readyReplicas"], 2, "{name}");
    }
    for name in ["aws-node", "kube-proxy", "eks-pod-identity-agent", "ebs-csi-node"] {
        assert_eq!(lab.get("daemonsets.apps", &format!("kube-system/{name}"))["status"]["numberReady"], 2, "{name}");
    }
    let node = lab.get("nodes", &name);
    assert_eq!(node["metadata"]["labels"]["eks.amazonaws.com/nodegroup"], "system");
    assert_eq!(node["spec"]["taints"], json!([{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]));
    assert_eq!(node["status"]["capacity"]["pods"], "35");
}

#[test]
fn one_long_step_sees_what_many_short_ones_see() {
    let run = |step: i64| {
        let mut lab = Lab::new();
        lab.karpenter(&[pool("general", &["spot"], &json!({}))]);
        lab.pass(60);
        lab.join();
        for _ in 0..(120 / step) {
            lab.pass(step);
        }
        let mut told: Vec<String> = lab
            .list("pods")
            .iter()
            .map(|pod| {
                format!("{} {} {}", pod["metadata"]["name"], pod["spec"]["nodeName"], pod["status"]["conditions"])
            })
            .collect();
        told.sort();
        told
    };
    assert_eq!(run(120), run(5));
}

#[test]
fn karpenter_gets_ready_and_so_do_its_class_and_pools() {
    let mut lab = Lab::running(&[pool("general", &["spot", "on-demand"], &json!({}))]);
    let deployment = lab.get("deployments.apps", "kube-system/karpenter");
    assert_eq!(deployment["status"]["readyReplicas"], 2, "{:#?}", lab.events("karpenter"));
    assert_eq!(lab.condition("deployments.apps", "kube-system/karpenter", "Progressing").0, "True");
    let class = lab.get("ec2nodeclasses.karpenter.k8s.aws", "default");
    assert_eq!(class["status"]["subnets"].as_array().map(Vec::len), Some(3));
    assert_eq!(lab.condition("ec2nodeclasses.karpenter.k8s.aws", "default", "Ready").0, "True", "{class:#}");
    assert_eq!(lab.condition("nodepools.karpenter.sh", "general", "Ready").0, "True");
}

#[test]
fn a_trust_policy_for_another_account_keeps_karpenter_from_starting() {
    let mut lab = Lab::new();
    let role = lab.state.accounts.get_mut("123456789012").expect("it").iam.roles.get_mut("karpenter").expect("it");
    role.trust = role.trust.replace("kube-system:karpenter", "karpenter:karpenter");
    lab.karpenter(&[pool("general", &["spot"], &json!({}))]);
    lab.pass(60);
    lab.join();
    lab.pass(120);
    let pod = lab
        .list("pods")
        .into_iter()
        .find(|pod| pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with("karpenter")))
        .expect("a pod");
    assert_eq!(pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
    let last = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(last.contains("AssumeRoleWithWebIdentity"), "{last}");
    assert_eq!(lab.condition("nodepools.karpenter.sh", "general", "Ready").0, "");
}

#[test]
fn pods_say_what_keeps_them() {
    let mut lab = Lab::new();
    lab.pass(60);
    lab.join();
    lab.pass(30);
    lab.create("pods", pod("plain", "100m", &json!({})));
    assert_eq!(
        lab.condition("pods", "default/plain", "PodScheduled").1,
        "0/2 nodes are available: 2 node(s) had untolerated taint {CriticalAddonsOnly: true}. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
    let tolerant = json!({"tolerations": [{"operator": "Exists"}]});
    lab.create("pods", pod("large", "7", &tolerant));
    assert!(lab.condition("pods", "default/large", "PodScheduled").1.contains("2 Insufficient cpu"));
    lab.create("pods", pod("fits", "100m", &tolerant));
    lab.pass(10);
    assert_eq!(lab.condition("pods", "default/fits", "Ready").0, "True");
    let mut lost = pod("lost", "100m", &tolerant);
    lost["spec"]["containers"][0]["image"] = json!("registry.example/does-not-exist:1");
    lab.create("pods", lost);
    lab.pass(30);
    assert_eq!(
        lab.get("pods", "default/lost")["status"]["containerStatuses"][0]["state"]["waiting"]["reason"],
        "ImagePullBackOff"
    );
}

#[test]
fn nothing_due_is_nothing_done() {
    let mut lab = Lab::running(&[pool("general", &["spot"], &json!({}))]);
    let version = lab.store().version();
    lab.pass(3600);
    assert_eq!(lab.store().version(), version);
}
