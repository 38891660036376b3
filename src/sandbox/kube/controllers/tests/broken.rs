//! Broken worlds, made by state alone, and what Karpenter says of each.

use serde_json::json;

use super::lab::{Lab, arn, pod, pool};
use crate::sandbox::aws::ec2::Shortage;

fn general() -> serde_json::Value {
    pool("general", &["spot", "on-demand"], &json!({}))
}

fn deny(lab: &mut Lab, action: &str) {
    let policy = json!({"Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": action, "Resource": "*"},
    ]});
    lab.with(|here| {
        let role = here.iam.roles.get_mut("karpenter").expect("the role");
        role.inline.insert("all".to_owned(), policy.to_string());
    });
}

fn waits(lab: &mut Lab) -> String {
    lab.create("pods", pod("web", "1", &json!({})));
    lab.pass(180);
    assert_eq!(lab.get("pods", "default/web")["spec"]["nodeName"], json!(null));
    lab.events("web").join("\n")
}

#[test]
fn a_pool_at_its_limit() {
    let mut full = general();
    full["spec"]["limits"] = json!({"cpu": "1"});
    let mut lab = Lab::running(&[full]);
    assert!(waits(&mut lab).contains("all available instance types exceed limits for nodepool: \"general\""));
}

#[test]
fn a_taint_that_is_not_tolerated() {
    let mut lab = Lab::running(&[pool(
        "stateful",
        &["spot"],
        &json!({"taints": [{"key": "workload-type", "value": "stateful", "effect": "NoSchedule"}]}),
    )]);
    assert!(waits(&mut lab).contains("did not tolerate taint (taint=workload-type=stateful:NoSchedule)"));
}

#[test]
fn a_selector_that_no_pool_satisfies() {
    let mut lab = Lab::running(&[general()]);
    lab.create("pods", pod("web", "1", &json!({"nodeSelector": {"workload-type": "gpu"}})));
    lab.pass(60);
    let told = lab.events("web").join("\n");
    assert!(told.contains("key workload-type, workload-type In [gpu] not in workload-type In [general]"), "{told}");
}

#[test]
fn no_spot_capacity_anywhere_takes_on_demand_or_waits() {
    let mut lab = Lab::running(&[general()]);
    lab.region().ec2.capacity_gone.push(Shortage { capacity: "spot".to_owned(), ..Shortage::default() });
    lab.create("pods", pod("web", "1", &json!({})));
    lab.pass(120);
    let host = lab.get("pods", "default/web")["spec"]["nodeName"].as_str().expect("a node").to_owned();
    assert_eq!(lab.get("nodes", &host)["metadata"]["labels"]["karpenter.sh/capacity-type"], "on-demand");
    let mut lab = Lab::running(&[pool("burst", &["spot"], &json!({}))]);
    lab.region().ec2.capacity_gone.push(Shortage { capacity: "spot".to_owned(), ..Shortage::default() });
    waits(&mut lab);
    let told = lab.events("burst-").join("\n");
    assert!(told.contains("InsufficientCapacityError") && told.contains("InsufficientInstanceCapacity"), "{told}");
}

#[test]
fn the_vcpu_quota() {
    let mut lab = Lab::running(&[pool("stateful", &["on-demand"], &json!({}))]);
    lab.region().ec2.limits.vcpus = (4, 640);
    waits(&mut lab);
    assert!(lab.events("stateful-").join("\n").contains("VcpuLimitExceeded"));
}

#[test]
fn subnets_without_addresses() {
    let mut lab = Lab::running(&[general()]);
    lab.with(|here| {
        for subnet in here.region.ec2.subnets.values_mut() {
            subnet.cidr = format!("{}/30", subnet.cidr.network()).parse().expect("a block");
        }
    });
    waits(&mut lab);
    assert!(lab.events("general-").join("\n").contains("InsufficientFreeAddressesInSubnet"));
}

#[test]
fn a_missing_right_is_named() {
    let mut lab = Lab::running(&[general()]);
    deny(&mut lab, "ec2:CreateFleet");
    lab.pass(30);
    let (status, message) = lab.condition("ec2nodeclasses.karpenter.k8s.aws", "default", "ValidationSucceeded");
    assert_eq!((status.as_str(), message.as_str()), ("False", "Controller isn't authorized to call ec2:CreateFleet"));
    assert_eq!(lab.condition("nodepools.karpenter.sh", "general", "Ready").0, "False");
    assert!(waits(&mut lab).contains("no nodepools found"));
    deny(&mut lab, "ssm:GetParameter");
    lab.pass(30);
    assert!(lab.condition("ec2nodeclasses.karpenter.k8s.aws", "default", "AMIsReady").1.contains("ssm:GetParameter"));
    deny(&mut lab, "iam:GetRole");
    lab.pass(30);
    assert_eq!(
        lab.condition("nodepools.karpenter.sh", "general", "Ready").0,
        "True",
        "what it does not need does not hurt"
    );
}

#[test]
fn an_alias_that_is_gone_and_subnets_that_are_not_tagged() {
    let mut lab = Lab::running(&[general()]);
    lab.store().change(
        "ec2nodeclasses.karpenter.k8s.aws",
        &crate::sandbox::kube::store::Key::global("default"),
        |class| {
            class["spec"]["amiSelectorTerms"] = json!([{"alias": "al2023@v20200101"}]);
            class["spec"]["subnetSelectorTerms"] = json!([{"tags": {"karpenter.sh/discovery": "other"}}]);
        },
    );
    lab.pass(10);
    let kind = "ec2nodeclasses.karpenter.k8s.aws";
    assert_eq!(lab.condition(kind, "default", "AMIsReady").1, "AMISelector did not match any AMIs");
    assert_eq!(lab.condition(kind, "default", "SubnetsReady").1, "SubnetSelector did not match any Subnets");
    assert_eq!(lab.condition(kind, "default", "Ready").0, "False");
}

#[test]
fn a_node_role_without_an_access_entry_never_joins() {
    let mut lab = Lab::running(&[general()]);
    lab.cluster().entries.remove(&arn("nodes"));
    lab.create("pods", pod("web", "1", &json!({})));
    lab.pass(180);
    let claim = lab.list("nodeclaims.karpenter.sh")[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(lab.condition("nodeclaims.karpenter.sh", &claim, "Registered").1, "Node not registered with cluster");
    lab.pass(900);
    assert_eq!(lab.condition("nodepools.karpenter.sh", "general", "NodeRegistrationHealthy").0, "False");
    assert_eq!(
        lab.get("nodeclaims.karpenter.sh", &claim)["metadata"]["name"],
        json!(null),
        "it is given up after a quarter of an hour"
    );
}

#[test]
fn without_its_queue_karpenter_does_not_start_and_with_the_wrong_key_it_does_not_read() {
    let mut lab = Lab::new();
    lab.region().sqs.queues.clear();
    lab.karpenter(&[general()]);
    lab.pass(60);
    lab.join();
    lab.pass(60);
    let pods = lab.list("pods");
    let crashed =
        pods.iter().find(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "karpenter").expect("a pod");
    let last = crashed["status"]["containerStatuses"][0]["lastState"]["terminated"]["message"]
        .as_str()
        .expect("words")
        .to_owned();
    assert!(last.contains("NonExistentQueue"), "{last}");
    let mut lab = Lab::new();
    lab.release(&json!({
        "settings": {"clusterName": "prod", "interruptionQueueName": "prod"},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": arn("karpenter")}},
    }));
    lab.pass(60);
    lab.join();
    lab.pass(60);
    assert_eq!(lab.get("deployments.apps", "kube-system/karpenter")["status"]["readyReplicas"], 2);
    lab.with(|here| {
        let message = crate::sandbox::aws::sqs::Message {
            body: "{}".to_owned(),
            sent: here.now,
            visible: here.now,
            ..Default::default()
        };
        here.region.sqs.queues.get_mut("prod").expect("it").messages.push(message);
    });
    lab.pass(30);
    assert_eq!(lab.region().sqs.queues["prod"].messages.len(), 1, "nobody reads it");
}

#[test]
fn a_pod_identity_association_needs_its_agent() {
    let mut lab = Lab::new();
    lab.with(|here| {
        let role = here.iam.roles.get_mut("karpenter").expect("it");
        role.trust = json!({"Statement": [{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}).to_string();
        let body = json!({"namespace": "kube-system", "serviceAccount": "karpenter", "roleArn": role.arn});
        let one = crate::sandbox::aws::eks::Association { body, ..Default::default() };
        let cluster = here.region.eks.clusters.get_mut("prod").expect("it");
        cluster.associations.insert("a-1".to_owned(), one);
        cluster.addons.remove("eks-pod-identity-agent");
    });
    lab.release(&json!({"settings": {"clusterName": "prod", "interruptionQueue": "prod"}}));
    lab.pass(60);
    lab.join();
    lab.pass(60);
    assert_eq!(lab.get("deployments.apps", "kube-system/karpenter")["status"]["readyReplicas"], json!(null));
    let addon =
        json!({"addonName": "eks-pod-identity-agent", "addonVersion": "v1.3.10-eksbuild.3", "status": "ACTIVE"});
    lab.cluster().addons.insert(
        "eks-pod-identity-agent".to_owned(),
        crate::sandbox::aws::eks::Addon { body: addon, ..Default::default() },
    );
    lab.pass(400);
    assert_eq!(lab.get("deployments.apps", "kube-system/karpenter")["status"]["readyReplicas"], 2);
}
