//! A healthy environment as plain data, for tests: the shipped `prod`, applied a day ago, with one node in each pool. A
//! test breaks one thing in it.

use serde_json::{Value as Json, json};

use super::observed::{
    Addon, Association, Aws, Cluster, Entry, Instance, Kube, NodeGroup, Observed, Queue, Role, Rule, Seen, Subnet,
};
use crate::config::Spec;
use crate::model::policies::{karpenter as policies, token};
use crate::model::{Identity, policies::trust};

/// 2026-11-24 12:00 UTC.
pub(crate) const NOW: i64 = 1_795_521_600;

pub(crate) fn spec() -> Spec {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    crate::config::load("prod", root, jiff::civil::date(2026, 11, 24)).expect("prod").spec
}

/// The moment so many seconds before [`NOW`], as Kubernetes writes it.
pub(crate) fn ago(seconds: i64) -> String {
    jiff::Timestamp::from_second(NOW - seconds).expect("a time").strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

const DAY: i64 = 86_400;

pub(crate) fn condition(kind: &str, holds: bool, reason: &str, message: &str) -> Json {
    let status = if holds { "True" } else { "False" };
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(600)})
}

/// Sets a condition of an object.
pub(crate) fn set(object: &mut Json, kind: &str, holds: bool, reason: &str, message: &str) {
    let conditions = object["status"]["conditions"].as_array_mut().expect("conditions");
    conditions.retain(|condition| condition["type"] != kind);
    conditions.push(condition(kind, holds, reason, message));
}

pub(crate) fn node(name: &str, id: &str, labels: &Json, taints: &Json) -> Json {
    let mut all = json!({
        "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux", "kubernetes.io/hostname": name,
        "topology.kubernetes.io/zone": "us-east-1a",
    });
    for (key, value) in labels.as_object().expect("labels") {
        all[key] = value.clone();
    }
    json!({
        "metadata": {"name": name, "labels": all, "creationTimestamp": ago(DAY)},
        "spec": {"providerID": format!("aws:///us-east-1a/{id}"), "taints": taints},
        "status": {
            "allocatable": {"cpu": "7910m", "memory": "30Gi", "pods": "58"},
            "capacity": {"cpu": "8", "memory": "32Gi", "pods": "58"},
            "nodeInfo": {"osImage": "Amazon Linux 2023.9.20251110", "kubeletVersion": "v1.36.1-eks-1234567"},
            "conditions": [condition("Ready", true, "KubeletReady", "kubelet is posting ready status")],
        },
    })
}

pub(crate) fn pool_node(pool: &str, id: &str, market: &str) -> Json {
    let labels = json!({
        "karpenter.sh/nodepool": pool, "workload-type": pool, "karpenter.sh/capacity-type": market,
        "node.kubernetes.io/instance-type": "m7i.2xlarge",
    });
    let taints = match pool {
        "general-purpose" => json!([]),
        other => json!([{"key": "workload-type", "value": other, "effect": "NoSchedule"}]),
    };
    node(&format!("{pool}-node"), id, &labels, &taints)
}

fn system_node(name: &str, id: &str) -> Json {
    let labels = json!({"eks.amazonaws.com/nodegroup": "system", "node.kubernetes.io/instance-type": "t3.medium"});
    let mut node =
        node(name, id, &labels, &json!([{"key": "CriticalAddonsOnly", "value": "true", "effect": "NoSchedule"}]));
    node["status"]["allocatable"] = json!({"cpu": "1930m", "memory": "3Gi", "pods": "17"});
    node
}

/// A running pod; without a node it waits for one since five minutes.
pub(crate) fn pod(namespace: &str, name: &str, node: &str, requests: Json) -> Json {
    let waits = node.is_empty();
    let mut conditions = vec![condition(
        "PodScheduled",
        !waits,
        if waits { "Unschedulable" } else { "" },
        if waits { "0/5 nodes are available" } else { "" },
    )];
    if !waits {
        conditions.push(condition("Ready", true, "", ""));
    }
    let mut pod = json!({
        "metadata": {"name": name, "namespace": namespace, "labels": {}, "creationTimestamp": ago(300)},
        "spec": {"containers": [{"name": "app", "image": "app:1", "resources": {"requests": requests}}], "tolerations": []},
        "status": {"phase": if waits { "Pending" } else { "Running" }, "conditions": conditions},
    });
    if !waits {
        pod["spec"]["nodeName"] = node.into();
        pod["status"]["containerStatuses"] =
            json!([{"name": "app", "image": "app:1", "ready": true, "restartCount": 0, "state": {"running": {}}}]);
    }
    pod
}

/// A pod without a node that names a pool and tolerates its taint.
pub(crate) fn waiting(name: &str, pool: &str) -> Json {
    let mut pod = pod("default", name, "", json!({"cpu": "1", "memory": "1Gi"}));
    pod["spec"]["nodeSelector"] = json!({"workload-type": pool});
    pod["spec"]["tolerations"] = json!([{"key": "workload-type", "value": pool, "effect": "NoSchedule"}]);
    pod
}

pub(crate) fn claim(pool: &str, id: &str) -> Json {
    let holds = |kind| condition(kind, true, kind, "");
    json!({
        "metadata": {"name": format!("{pool}-x7k2p"), "labels": {"karpenter.sh/nodepool": pool}, "creationTimestamp": ago(600)},
        "spec": {"expireAfter": "720h"},
        "status": {
            "providerID": format!("aws:///us-east-1a/{id}"), "nodeName": format!("{pool}-node"),
            "conditions": [holds("Launched"), holds("Registered"), holds("Initialized"), holds("Ready")],
        },
    })
}

pub(crate) fn event(kind: &str, namespace: &str, name: &str, reason: &str, message: &str) -> Json {
    json!({
        "metadata": {"name": format!("{name}.1"), "namespace": namespace, "creationTimestamp": ago(120)},
        "involvedObject": {"kind": kind, "name": name, "namespace": namespace}, "type": "Warning",
        "reason": reason, "message": message, "lastTimestamp": ago(60), "count": 3,
    })
}

pub(crate) fn log(level: &str, message: &str, error: &str) -> String {
    json!({"level": level, "time": ago(60), "logger": "controller", "message": message, "error": error}).to_string()
}

fn live_pool(name: &str, pool: &crate::config::spec::NodePool) -> Json {
    let ready = ["Ready", "NodeClassReady", "ValidationSucceeded"].map(|kind| condition(kind, true, kind, ""));
    json!({
        "metadata": {"name": name, "creationTimestamp": ago(DAY)},
        "spec": {
            "template": {
                "metadata": {"labels": {"workload-type": name}},
                "spec": {"requirements": pool.requirements, "taints": pool.taints, "nodeClassRef": {"name": pool.node_class}},
            },
            "limits": pool.limits,
        },
        "status": {"conditions": ready, "resources": {"cpu": "8", "memory": "32Gi", "nodes": "1", "pods": "58"}, "nodes": 1},
    })
}

fn controller_pod(name: &str, node: &str) -> Json {
    let mut pod = pod("karpenter", name, node, json!({"cpu": "1", "memory": "1Gi"}));
    pod["metadata"]["labels"] = json!({"app.kubernetes.io/name": "karpenter"});
    pod["spec"]["tolerations"] = json!([{"key": "CriticalAddonsOnly", "operator": "Exists"}]);
    pod
}

fn deployment(namespace: &str, name: &str, replicas: u8) -> Json {
    json!({
        "metadata": {"name": name, "namespace": namespace, "generation": 1, "labels": {}, "creationTimestamp": ago(DAY)},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "controller", "env": []}]}}},
        "status": {
            "observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas, "readyReplicas": replicas,
            "availableReplicas": replicas,
        },
    })
}

pub(crate) const ISSUER: &str = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLE";

/// Everything as it should be.
pub(crate) fn healthy() -> Observed {
    let spec = spec();
    let id = Identity::of(&spec);
    Observed { now: NOW, aws: aws(&spec, &id), kube: kube(&spec, &id) }
}

fn kube(spec: &Spec, id: &Identity) -> Kube {
    let role = id.iam_arn(&format!("role{}{}", id.iam_path(), id.derived("karpenter")));
    let mut karpenter = deployment("karpenter", "karpenter", 2);
    karpenter["metadata"]["labels"] = json!({"app.kubernetes.io/name": "karpenter"});
    karpenter["metadata"]["annotations"] = json!({"rem-ci.dev/chart": spec.karpenter.version});
    let variable = |name: &str, value: &str| json!({"name": name, "value": value});
    karpenter["spec"]["template"]["spec"]["containers"][0]["env"] = json!([
        variable("CLUSTER_NAME", &spec.cluster.name),
        variable("INTERRUPTION_QUEUE", &id.derived("interruption"))
    ]);
    let definition = |name: &str| {
        let properties = json!({"spec": {"properties": {"replicas": {}, "capacityReservationSelectorTerms": {}}}});
        json!({
            "metadata": {"name": name, "annotations": {"rem-ci.dev/chart": spec.karpenter.version}},
            "spec": {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"properties": properties}}}]},
        })
    };
    let conditions =
        ["AMIsReady", "SubnetsReady", "SecurityGroupsReady", "InstanceProfileReady", "ValidationSucceeded", "Ready"];
    let class = json!({
        "metadata": {"name": "default", "creationTimestamp": ago(DAY)},
        "spec": {"role": id.derived("karpenter-node"), "amiSelectorTerms": [{"alias": "al2023@v20261115"}]},
        "status": {"conditions": conditions.map(|kind| condition(kind, true, kind, ""))},
    });
    let mut dns = pod("kube-system", "coredns-1", "system-1", json!({"cpu": "100m", "memory": "70Mi"}));
    dns["metadata"]["labels"] = json!({"k8s-app": "kube-dns"});
    dns["spec"]["tolerations"] = json!([{"key": "CriticalAddonsOnly", "operator": "Exists"}]);
    let cni = |node: &str| {
        let mut pod = pod("kube-system", &format!("aws-node-{node}"), node, json!({"cpu": "50m"}));
        pod["metadata"]["labels"] = json!({"k8s-app": "aws-node"});
        pod["metadata"]["ownerReferences"] = json!([{"kind": "DaemonSet", "name": "aws-node"}]);
        pod
    };
    let names = ["system-1", "system-2", "general-purpose-node", "stateful-node", "burst-node"];
    let mut pods = vec![controller_pod("karpenter-1", "system-1"), controller_pod("karpenter-2", "system-2"), dns];
    pods.extend(names.map(cni));
    pods.push(pod("default", "my-app", "general-purpose-node", json!({"cpu": "1", "memory": "2Gi"})));
    Kube {
        ready: Seen::Known(vec!["[+]ping ok".to_owned(), "[+]etcd ok".to_owned()]),
        components: Seen::Known(Vec::new()),
        nodes: Seen::Known(vec![
            system_node("system-1", "i-00000000000000001"),
            system_node("system-2", "i-00000000000000002"),
            pool_node("general-purpose", "i-00000000000000003", "spot"),
            pool_node("stateful", "i-00000000000000004", "on-demand"),
            pool_node("burst", "i-00000000000000005", "spot"),
        ]),
        pods: Seen::Known(pods),
        deployments: Seen::Known(vec![
            karpenter,
            deployment("kube-system", "coredns", 2),
            deployment("kube-system", "ebs-csi-controller", 2),
            deployment("kube-system", "metrics-server", 2),
        ]),
        daemon_sets: Seen::Known(Vec::new()),
        service_accounts: Seen::Known(vec![json!({
            "metadata": {"name": "karpenter", "namespace": "karpenter", "annotations": {"eks.amazonaws.com/role-arn": role}},
        })]),
        claims: Seen::Known(Vec::new()),
        storage_classes: Seen::Known(vec![json!({
            "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        })]),
        budgets: Seen::Known(Vec::new()),
        events: Seen::Known(Vec::new()),
        definitions: Seen::Known(
            ["nodepools.karpenter.sh", "nodeclaims.karpenter.sh", "ec2nodeclasses.karpenter.k8s.aws"]
                .map(definition)
                .to_vec(),
        ),
        node_pools: Seen::Known(spec.node_pools.iter().map(|(name, pool)| live_pool(name, pool)).collect()),
        node_classes: Seen::Known(vec![class]),
        node_claims: Seen::Known(vec![
            claim("general-purpose", "i-00000000000000003"),
            claim("stateful", "i-00000000000000004"),
            claim("burst", "i-00000000000000005"),
        ]),
        karpenter_log: Seen::Known(vec![log("INFO", "discovered ssm parameter", "")]),
        node_metrics: Seen::Known(Vec::new()),
    }
}

fn aws(spec: &Spec, id: &Identity) -> Aws {
    let provider = id.iam_arn(&format!("oidc-provider/{ISSUER}"));
    let json = |value: &crate::engine::Value| serde_json::from_str::<Json>(&token(value)).expect("a document");
    let irsa = |namespace: &str, accounts: &[&str]| json(&trust::irsa(&provider, ISSUER, namespace, accounts));
    let role = |what: &str| id.iam_arn(&format!("role{}{}", id.iam_path(), id.derived(what)));
    let minor = policies::minor(&spec.karpenter.version).expect("a minor");
    let queue = id.arn("sqs", &id.derived("interruption"));
    let subject = policies::Subject {
        partition: id.partition,
        region: &id.region,
        account: &id.account,
        cluster: &spec.cluster.name,
        node_role: &role("karpenter-node"),
        queue: &queue,
    };
    let documents =
        policies::policies(minor, &subject).into_iter().map(|(name, document)| (name.to_owned(), json(&document)));
    let names = spec.addons.keys();
    let addon_role = |name: &str| match name {
        "vpc-cni" => role("vpc-cni"),
        "aws-ebs-csi-driver" => role("ebs-csi"),
        _ => String::new(),
    };
    let addons = names.map(|name| Addon {
        name: name.clone(),
        status: "ACTIVE".into(),
        version: "v1.0.0".into(),
        issues: vec![],
        role: addon_role(name),
    });
    let events = [
        "AWS Health Event",
        "EC2 Spot Instance Interruption Warning",
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "EC2 Capacity Reservation Instance Interruption Warning",
    ];
    let rule = |event: &str| Rule {
        name: format!("rule of {event}"),
        enabled: true,
        pattern: json!({"detail-type": [event]}).to_string(),
        targets: vec![queue.clone()],
    };
    let policy = crate::model::policies::interruption_queue(&queue, &[]);
    let pools = ["", "", "general-purpose", "stateful", "burst"];
    let instance = |(pool, number): (&str, i64)| Instance {
        id: format!("i-{number:017}"),
        state: "running".into(),
        kind: if pool.is_empty() { "t3.medium".into() } else { "m7i.2xlarge".into() },
        zone: "us-east-1a".into(),
        subnet: "subnet-1".into(),
        groups: vec!["sg-cluster".into()],
        tokens: "required".into(),
        pool: pool.into(),
        spot: matches!(pool, "general-purpose" | "burst"),
        launched: NOW - DAY,
    };
    let subnet = |(number, zone): (u8, &str)| Subnet {
        id: format!("subnet-{number}"),
        zone: zone.into(),
        free: 4000,
        way_out: format!("nat-{number}"),
        way_out_active: true,
    };
    let trusted =
        |what: &str, account: &str| Role { arn: role(what), trust: irsa("kube-system", &[account]), policies: vec![] };
    Aws {
        cluster: Seen::Known(Some(Cluster {
            status: "ACTIVE".into(),
            version: spec.cluster.version.clone(),
            issuer: ISSUER.into(),
            endpoint: "https://EXAMPLE.gr7.us-east-1.eks.amazonaws.com".into(),
            security_group: "sg-cluster".into(),
        })),
        addons: Seen::Known(addons.collect()),
        node_group: Seen::Known(Some(NodeGroup { status: "ACTIVE".into(), desired: 2, issues: vec![] })),
        entries: Seen::Known(
            ["karpenter-node", "system-node"]
                .map(|what| Entry { principal: role(what), kind: "EC2_LINUX".into() })
                .to_vec(),
        ),
        queue: Seen::Known(Some(Queue {
            name: id.derived("interruption"),
            arn: queue.clone(),
            policy: token(&policy),
            waiting: 0,
            in_flight: 0,
        })),
        rules: Seen::Known(events.map(rule).to_vec()),
        controller: Seen::Known(Some(Role {
            arn: role("karpenter"),
            trust: irsa("karpenter", &["karpenter"]),
            policies: documents.collect(),
        })),
        addon_roles: Seen::Known(vec![
            ("vpc-cni".to_owned(), trusted("vpc-cni", "aws-node")),
            ("aws-ebs-csi-driver".to_owned(), trusted("ebs-csi", "ebs-csi-controller-sa")),
        ]),
        providers: Seen::Known(vec![provider]),
        associations: Seen::Known(vec![Association {
            namespace: "karpenter".into(),
            account: "karpenter".into(),
            role: role("karpenter"),
        }]),
        subnets: Seen::Known([(1, "us-east-1a"), (2, "us-east-1b"), (3, "us-east-1c")].map(subnet).to_vec()),
        instances: Seen::Known(pools.into_iter().zip(1..).map(instance).collect()),
    }
}

/// The items of a part, to break one.
pub(crate) fn list<T>(seen: &mut Seen<Vec<T>>) -> &mut Vec<T> {
    match seen {
        Seen::Known(items) => items,
        Seen::Unknown(why) => panic!("{why}"),
    }
}

/// A part that is there, to break it.
pub(crate) fn one<T>(seen: &mut Seen<Option<T>>) -> &mut T {
    match seen {
        Seen::Known(Some(value)) => value,
        _ => panic!("it is not there"),
    }
}

/// The object of a list with this name.
pub(crate) fn named<'a>(seen: &'a mut Seen<Vec<Json>>, name: &str) -> &'a mut Json {
    list(seen).iter_mut().find(|object| object["metadata"]["name"] == name).expect("the object")
}
