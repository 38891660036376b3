//! What a new cluster has before anybody writes to it, and what every namespace has.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::name;
use crate::sandbox::kube::store::Key;

const NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];

/// Namespaces, the API's own Service, priority classes, the `gp2` storage class (no default since 1.30: user guide, "Use
/// Kubernetes volume storage with Amazon EBS"), and a service account in each namespace.
pub(super) fn run(inside: &mut Inside<'_, '_>) {
    for namespace in NAMESPACES {
        let key = Key::global(*namespace);
        if inside.store.get("namespaces", &key).is_none() {
            inside.ensure(
                "namespaces",
                json!({
                    "apiVersion": "v1", "kind": "Namespace",
                    "metadata": {"name": namespace, "labels": {"kubernetes.io/metadata.name": namespace}},
                    "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
                }),
            );
        }
    }
    let objects = [
        ("services", Key::new("default", "kubernetes"), api_service()),
        ("storageclasses.storage.k8s.io", Key::global("gp2"), gp2()),
        (
            "priorityclasses.scheduling.k8s.io",
            Key::global("system-cluster-critical"),
            critical("cluster", 2_000_000_000),
        ),
        ("priorityclasses.scheduling.k8s.io", Key::global("system-node-critical"), critical("node", 2_000_001_000)),
    ];
    // The storage class is a plain object: whoever deletes it does not get it back.
    let new = inside.work.at == 0;
    for (resource, key, object) in objects {
        if (new || resource != "storageclasses.storage.k8s.io") && inside.store.get(resource, &key).is_none() {
            inside.ensure(resource, object);
        }
    }
    let without: Vec<String> = inside
        .store
        .list("namespaces")
        .map(|namespace| name(namespace).to_owned())
        .filter(|namespace| inside.store.get("serviceaccounts", &Key::new(namespace.clone(), "default")).is_none())
        .collect();
    for namespace in without {
        inside.ensure(
            "serviceaccounts",
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {"name": "default", "namespace": namespace},
            }),
        );
    }
}

fn api_service() -> Json {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP", "clusterIP": "172.20.0.1", "clusterIPs": ["172.20.0.1"], "sessionAffinity": "None",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443}],
        },
        "status": {"loadBalancer": {}},
    })
}

fn gp2() -> Json {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp2"},
        "provisioner": "kubernetes.io/aws-ebs", "parameters": {"fsType": "ext4", "type": "gp2"},
        "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
    })
}

fn critical(what: &str, value: u32) -> Json {
    json!({
        "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": format!("system-{what}-critical")},
        "value": value, "preemptionPolicy": "PreemptLowerPriority",
        "description": format!("Used for system critical pods that must run in the {what}."),
    })
}
