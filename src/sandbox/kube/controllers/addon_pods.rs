//! The workloads of EKS's add-ons: names, labels, tolerations, requests and service accounts as their documentation has
//! them ("Amazon EKS add-ons" in the user guide); what their containers do is not of interest here.

use serde_json::{Value as Json, json};

use super::meta::items;

/// One workload of an add-on.
struct Workload {
    name: &'static str,
    /// On every node; else so many replicas.
    replicas: Option<u32>,
    account: &'static str,
    namespace: &'static str,
    containers: &'static [&'static str],
    cpu: &'static str,
    memory: &'static str,
    /// Label that selects it.
    label: (&'static str, &'static str),
    host: bool,
    /// The part of the configuration that holds its tolerations; empty for the top.
    part: &'static str,
}

const fn workload(
    name: &'static str,
    replicas: Option<u32>,
    account: &'static str,
    containers: &'static [&'static str],
    (cpu, memory): (&'static str, &'static str),
    label: (&'static str, &'static str),
    (host, part): (bool, &'static str),
) -> Workload {
    Workload { name, replicas, account, namespace: "kube-system", containers, cpu, memory, label, host, part }
}

const WORKLOADS: &[(&str, Workload)] = &[
    (
        "vpc-cni",
        workload(
            "aws-node",
            None,
            "aws-node",
            &["aws-node", "aws-eks-nodeagent"],
            ("25m", ""),
            ("k8s-app", "aws-node"),
            (true, ""),
        ),
    ),
    (
        "kube-proxy",
        workload(
            "kube-proxy",
            None,
            "kube-proxy",
            &["kube-proxy"],
            ("100m", ""),
            ("k8s-app", "kube-proxy"),
            (true, ""),
        ),
    ),
    (
        "coredns",
        workload("coredns", Some(2), "coredns", &["coredns"], ("100m", "70Mi"), ("k8s-app", "kube-dns"), (false, "")),
    ),
    (
        "eks-pod-identity-agent",
        workload(
            "eks-pod-identity-agent",
            None,
            "default",
            &["eks-pod-identity-agent"],
            ("", ""),
            ("app.kubernetes.io/name", "eks-pod-identity-agent"),
            (true, ""),
        ),
    ),
    (
        "aws-ebs-csi-driver",
        workload(
            "ebs-csi-controller",
            Some(2),
            "ebs-csi-controller-sa",
            &["ebs-plugin", "csi-provisioner", "csi-attacher", "csi-resizer"],
            ("10m", "40Mi"),
            ("app", "ebs-csi-controller"),
            (false, "controller"),
        ),
    ),
    (
        "aws-ebs-csi-driver",
        workload(
            "ebs-csi-node",
            None,
            "ebs-csi-node-sa",
            &["ebs-plugin", "node-driver-registrar"],
            ("10m", "40Mi"),
            ("app", "ebs-csi-node"),
            (false, "node"),
        ),
    ),
    (
        "metrics-server",
        workload(
            "metrics-server",
            Some(2),
            "metrics-server",
            &["metrics-server"],
            ("100m", "200Mi"),
            ("app.kubernetes.io/name", "metrics-server"),
            (false, ""),
        ),
    ),
    (
        "aws-efs-csi-driver",
        workload(
            "efs-csi-controller",
            Some(2),
            "efs-csi-controller-sa",
            &["efs-plugin"],
            ("", ""),
            ("app", "efs-csi-controller"),
            (false, "controller"),
        ),
    ),
    (
        "aws-efs-csi-driver",
        workload(
            "efs-csi-node",
            None,
            "efs-csi-node-sa",
            &["efs-plugin"],
            ("", ""),
            ("app", "efs-csi-node"),
            (true, "node"),
        ),
    ),
    (
        "snapshot-controller",
        workload(
            "snapshot-controller",
            Some(2),
            "snapshot-controller",
            &["snapshot-controller"],
            ("10m", "32Mi"),
            ("app", "snapshot-controller"),
            (false, ""),
        ),
    ),
    (
        "eks-node-monitoring-agent",
        workload(
            "eks-node-monitoring-agent",
            None,
            "eks-node-monitoring-agent",
            &["eks-node-monitoring-agent"],
            ("10m", "30Mi"),
            ("app.kubernetes.io/name", "eks-node-monitoring-agent"),
            (true, ""),
        ),
    ),
];

/// The objects of an add-on: service accounts, DaemonSets, Deployments and CoreDNS's Service.
pub(super) fn objects(
    addon: &str,
    version: &str,
    values: &Json,
    role: &str,
    region: &str,
) -> Vec<(&'static str, Json)> {
    let mut objects = Vec::new();
    for (_, workload) in WORKLOADS.iter().filter(|(of, _)| *of == addon) {
        if workload.account != "default" {
            objects.push(("serviceaccounts", account(workload, role)));
        }
        let resource = if workload.replicas.is_some() { "deployments.apps" } else { "daemonsets.apps" };
        objects.push((resource, object(workload, version, values, region)));
    }
    if addon == "coredns" {
        objects.push(("services", dns()));
    }
    objects
}

/// Only the account that calls AWS gets the role.
fn account(workload: &Workload, role: &str) -> Json {
    let mut account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {"name": workload.account, "namespace": workload.namespace, "labels": {}},
    });
    let calls = ["aws-node", "ebs-csi-controller-sa", "efs-csi-controller-sa"].contains(&workload.account);
    if calls && !role.is_empty() {
        account["metadata"]["annotations"] = json!({"eks.amazonaws.com/role-arn": role});
    }
    account
}

fn object(workload: &Workload, version: &str, values: &Json, region: &str) -> Json {
    let part = if workload.part.is_empty() { values } else { &values[workload.part] };
    let (key, value) = workload.label;
    let labels = json!({key: value});
    let mut tolerations = vec![if workload.replicas.is_none() {
        json!({"operator": "Exists"})
    } else {
        json!({"key": "CriticalAddonsOnly", "operator": "Exists"})
    }];
    tolerations.extend(items(part, "/tolerations").iter().chain(items(values, "/tolerations")).cloned());
    tolerations.dedup();
    let requests = |amount: &str, name: &str| (!amount.is_empty()).then(|| (name.to_owned(), json!(amount)));
    let asked: serde_json::Map<String, Json> =
        [requests(workload.cpu, "cpu"), requests(workload.memory, "memory")].into_iter().flatten().collect();
    let containers: Vec<Json> = workload
        .containers
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let resources = match (&part["resources"], at) {
                (own, 0) if own.is_object() => own.clone(),
                _ => json!({"requests": asked}),
            };
            json!({
                "name": name, "resources": resources, "imagePullPolicy": "IfNotPresent",
                "image": format!("602401143452.dkr.ecr.{region}.amazonaws.com/eks/{name}:{version}"),
            })
        })
        .collect();
    let mut spec = json!({
        "serviceAccountName": workload.account, "tolerations": tolerations, "containers": containers,
        "priorityClassName": if workload.replicas.is_some() { "system-cluster-critical" } else { "system-node-critical" },
    });
    if workload.host {
        spec["hostNetwork"] = json!(true);
    }
    for field in ["nodeSelector", "affinity", "topologySpreadConstraints"] {
        let own = if part[field].is_null() { &values[field] } else { &part[field] };
        if !own.is_null() {
            spec[field] = own.clone();
        }
    }
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": if workload.replicas.is_some() { "Deployment" } else { "DaemonSet" },
        "metadata": {"name": workload.name, "namespace": workload.namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    });
    if let Some(replicas) = workload.replicas {
        let own = ["replicaCount", "replicas"]
            .iter()
            .find_map(|field| part[*field].as_u64().or_else(|| values[*field].as_u64()));
        object["spec"]["replicas"] = json!(own.unwrap_or_else(|| u64::from(replicas)));
        object["spec"]["strategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}});
    }
    object
}

fn dns() -> Json {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {
            "type": "ClusterIP", "clusterIP": "172.20.0.10", "clusterIPs": ["172.20.0.10"], "sessionAffinity": "None",
            "selector": {"k8s-app": "kube-dns"},
            "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
                {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
                {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
            ],
        },
        "status": {"loadBalancer": {}},
    })
}
