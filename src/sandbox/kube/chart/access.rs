//! What Karpenter's controller may do in the cluster.

use serde_json::{Value as Json, json};

/// A line of access: groups, resources, verbs.
type Line<'a> = (&'a [&'a str], &'a [&'a str], &'a [&'a str]);

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "update", "patch"];

const CORE: &[Line<'_>] = &[
    (
        &["karpenter.sh"],
        &["nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status", "nodeoverlays", "nodeoverlays/status"],
        READ,
    ),
    (&["karpenter.sh"], &["nodeclaims", "nodeclaims/status"], WRITE),
    (&["karpenter.sh"], &["nodepools", "nodepools/status", "nodeoverlays/status"], &["update", "patch"]),
    (
        &[""],
        &["pods", "nodes", "persistentvolumes", "persistentvolumeclaims", "replicationcontrollers", "namespaces"],
        READ,
    ),
    (&["storage.k8s.io"], &["storageclasses", "csinodes", "volumeattachments"], READ),
    (&["apps"], &["daemonsets", "deployments", "replicasets", "statefulsets"], &["list", "watch"]),
    (&["policy"], &["poddisruptionbudgets"], READ),
    (&[""], &["events"], &["create", "patch"]),
    (&[""], &["nodes"], &["patch", "delete", "update"]),
    (&[""], &["pods/eviction"], &["create"]),
    (&[""], &["pods"], &["delete"]),
];

const AWS: &[Line<'_>] = &[
    (&["karpenter.k8s.aws"], &["ec2nodeclasses"], READ),
    (&["karpenter.k8s.aws"], &["ec2nodeclasses", "ec2nodeclasses/status"], &["patch", "update"]),
];

const ADMIN: &[Line<'_>] = &[
    (
        &["karpenter.sh"],
        &["nodepools", "nodepools/status", "nodeclaims", "nodeclaims/status"],
        &["get", "list", "watch", "create", "delete", "patch"],
    ),
    (&["karpenter.k8s.aws"], &["ec2nodeclasses"], &["get", "list", "watch", "create", "delete", "patch"]),
];

const LEASES: &[Line<'_>] = &[
    (&["coordination.k8s.io"], &["leases"], &["get", "watch", "create"]),
    (&["coordination.k8s.io"], &["leases"], &["patch", "update"]),
];

fn rules(lines: &[Line<'_>]) -> Json {
    lines
        .iter()
        .map(|(groups, resources, verbs)| json!({"apiGroups": groups, "resources": resources, "verbs": verbs}))
        .collect()
}

/// Roles and bindings, with these labels, for the account `karpenter` in a namespace.
pub(super) fn access(namespace: &str, labels: &Json) -> Vec<Json> {
    let subject = json!([{"kind": "ServiceAccount", "name": "karpenter", "namespace": namespace}]);
    let mut objects = Vec::new();
    for (name, lines) in [("karpenter", AWS), ("karpenter-core", CORE)] {
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name, "labels": labels}, "rules": rules(lines),
        }));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": labels}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        }));
    }
    let mut admin = labels.clone();
    admin["rbac.authorization.k8s.io/aggregate-to-admin"] = json!("true");
    objects.push(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "karpenter-admin", "labels": admin}, "rules": rules(ADMIN),
    }));
    let dns: &[Line<'_>] = &[(&[""], &["services"], &["get"])];
    let node_leases: &[Line<'_>] = &[(&["coordination.k8s.io"], &["leases"], &["get", "list", "watch", "delete"])];
    for (name, space, lines) in [
        ("karpenter", namespace, LEASES),
        ("karpenter-dns", "kube-system", dns),
        ("karpenter-lease", "kube-node-lease", node_leases),
    ] {
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": name, "namespace": space, "labels": labels}, "rules": rules(lines),
        }));
        objects.push(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": name, "namespace": space, "labels": labels}, "subjects": subject,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        }));
    }
    objects
}
