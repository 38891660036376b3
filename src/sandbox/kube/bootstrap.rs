//! What is in a cluster from its first moment on, before anything of its owner's: namespaces, the service `kubernetes`, roles,
//! priority classes, flow control (read from a new EKS cluster's API).

use serde_json::{Value as Json, json};

use super::Cluster;
use super::store::{Key, Store};
use crate::sandbox::state::Millis;

/// A new cluster of this Kubernetes version (`1.36`), with the first address of its service range for the API.
#[must_use]
pub fn bootstrap(now: Millis, version: &str, service_ip: &str) -> Cluster {
    let mut store = Store::default();
    for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        namespace(&mut store, now, name);
    }
    let labels = json!({ "component": "apiserver", "provider": "kubernetes" });
    put(
        &mut store,
        now,
        "services",
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": labels },
            "spec": {
                "clusterIP": service_ip, "clusterIPs": [service_ip], "type": "ClusterIP", "sessionAffinity": "None",
                "ipFamilies": [if service_ip.contains(':') { "IPv6" } else { "IPv4" }], "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
                "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 443 }],
            },
            "status": { "loadBalancer": {} },
        }),
    );
    roles(&mut store, now);
    flow_control(&mut store, now);
    for (name, value) in [("system-cluster-critical", 2_000_000_000_u64), ("system-node-critical", 2_000_001_000)] {
        put(
            &mut store,
            now,
            "priorityclasses.scheduling.k8s.io",
            json!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": { "name": name },
                "value": value, "preemptionPolicy": "PreemptLowerPriority",
                "description": "Used for system critical pods that must not be moved from their current node.",
            }),
        );
    }
    put(
        &mut store,
        now,
        "csidrivers.storage.k8s.io",
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": { "name": "efs.csi.aws.com" },
            "spec": { "attachRequired": false, "podInfoOnMount": false, "volumeLifecycleModes": ["Persistent"] },
        }),
    );
    // Clusters made before 1.30 have this class as their default one; newer ones have it without the mark.
    put(
        &mut store,
        now,
        "storageclasses.storage.k8s.io",
        json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "gp2" },
            "provisioner": "kubernetes.io/aws-ebs", "parameters": { "fsType": "ext4", "type": "gp2" },
            "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        }),
    );
    Cluster { store, version: version.to_owned(), ..Cluster::default() }
}

/// Makes a namespace with what belongs in each.
pub(super) fn namespace(store: &mut Store, now: Millis, name: &str) {
    put(
        store,
        now,
        "namespaces",
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
            "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" },
        }),
    );
    furnish(store, now, name);
}

/// What the controllers put into a new namespace.
pub(super) fn furnish(store: &mut Store, now: Millis, namespace: &str) {
    if store.get("serviceaccounts", &Key::new(namespace, "default")).is_none() {
        put(
            store,
            now,
            "serviceaccounts",
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": namespace },
            }),
        );
    }
    if store.get("configmaps", &Key::new(namespace, "kube-root-ca.crt")).is_none() {
        put(
            store,
            now,
            "configmaps",
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kube-root-ca.crt", "namespace": namespace },
                "data": { "ca.crt": "" },
            }),
        );
    }
}

fn put(store: &mut Store, now: Millis, resource: &str, object: Json) {
    // Nothing of these names is there yet.
    store.create(now, resource, object).ok();
}

const READ: &[&str] = &["get", "list", "watch"];
const WRITE: &[&str] = &["create", "delete", "deletecollection", "patch", "update"];

/// What `view` shows of the namespaced kinds.
const VIEWED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "persistentvolumeclaims",
            "persistentvolumeclaims/status",
            "pods",
            "pods/log",
            "pods/status",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "resourcequotas",
            "resourcequotas/status",
            "serviceaccounts",
            "services",
            "services/status",
        ],
    ),
    ("discovery.k8s.io", &["endpointslices"]),
    (
        "apps",
        &[
            "controllerrevisions",
            "daemonsets",
            "daemonsets/status",
            "deployments",
            "deployments/scale",
            "deployments/status",
            "replicasets",
            "replicasets/scale",
            "replicasets/status",
            "statefulsets",
            "statefulsets/scale",
            "statefulsets/status",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers", "horizontalpodautoscalers/status"]),
    ("batch", &["cronjobs", "cronjobs/status", "jobs", "jobs/status"]),
    ("policy", &["poddisruptionbudgets", "poddisruptionbudgets/status"]),
    ("networking.k8s.io", &["ingresses", "ingresses/status", "networkpolicies"]),
    ("metrics.k8s.io", &["nodes", "pods"]),
];

/// What `edit` changes of them.
const EDITED: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "configmaps",
            "events",
            "persistentvolumeclaims",
            "pods",
            "pods/attach",
            "pods/eviction",
            "pods/exec",
            "pods/portforward",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "secrets",
            "serviceaccounts",
            "services",
        ],
    ),
    (
        "apps",
        &[
            "daemonsets",
            "deployments",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
        ],
    ),
    ("autoscaling", &["horizontalpodautoscalers"]),
    ("batch", &["cronjobs", "jobs"]),
    ("policy", &["poddisruptionbudgets"]),
    ("networking.k8s.io", &["ingresses", "networkpolicies"]),
    ("coordination.k8s.io", &["leases"]),
];

fn roles(store: &mut Store, now: Millis) {
    let rules = |table: &[(&str, &[&str])], verbs: &[&str]| -> Vec<Json> {
        table
            .iter()
            .map(|(group, resources)| json!({ "apiGroups": [group], "resources": resources, "verbs": verbs }))
            .collect()
    };
    let view = rules(VIEWED, READ);
    let mut edit = view.clone();
    edit.push(json!({ "apiGroups": [""], "resources": ["secrets"], "verbs": READ }));
    edit.extend(rules(EDITED, WRITE));
    let mut admin = edit.clone();
    let own: Vec<&str> = READ.iter().chain(WRITE).copied().collect();
    admin.push(
        json!({ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings", "roles"], "verbs": own }),
    );
    let all = vec![
        json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }),
        json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }),
    ];
    let reviews = vec![
        json!({ "apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews"], "verbs": ["create"] }),
        json!({ "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"] }),
    ];
    for (name, rules) in
        [("admin", admin), ("cluster-admin", all), ("edit", edit), ("system:basic-user", reviews), ("view", view)]
    {
        put(
            store,
            now,
            "clusterroles.rbac.authorization.k8s.io",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": { "name": name, "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" } },
                "rules": rules,
            }),
        );
    }
    for (name, group) in [("cluster-admin", "system:masters"), ("system:basic-user", "system:authenticated")] {
        put(
            store,
            now,
            "clusterrolebindings.rbac.authorization.k8s.io",
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
                "metadata": { "name": name, "labels": { "kubernetes.io/bootstrapping": "rbac-defaults" } },
                "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
                "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group }],
            }),
        );
    }
}

/// Name, priority level, precedence.
const FLOWS: &[(&str, &str, u32)] = &[
    ("catch-all", "catch-all", 10_000),
    ("exempt", "exempt", 1),
    ("global-default", "global-default", 9_900),
    ("kube-controller-manager", "workload-high", 800),
    ("kube-system-service-accounts", "workload-high", 900),
    ("probes", "exempt", 2),
    ("service-accounts", "workload-low", 9_000),
    ("system-leader-election", "leader-election", 100),
    ("system-nodes", "system", 500),
];

/// Name, shares.
const LEVELS: &[(&str, u32)] = &[
    ("catch-all", 5),
    ("global-default", 20),
    ("leader-election", 10),
    ("node-high", 40),
    ("system", 30),
    ("workload-high", 40),
    ("workload-low", 100),
];

fn flow_control(store: &mut Store, now: Millis) {
    for (name, shares) in LEVELS {
        put(
            store,
            now,
            "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
            json!({
                "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
                "metadata": { "name": name },
                "spec": {
                    "type": "Limited",
                    "limited": { "nominalConcurrencyShares": shares, "lendablePercent": 0, "limitResponse": { "type": "Reject" } },
                },
            }),
        );
    }
    put(
        store,
        now,
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
        json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
            "metadata": { "name": "exempt" }, "spec": { "type": "Exempt" },
        }),
    );
    for (name, level, precedence) in FLOWS {
        put(
            store,
            now,
            "flowschemas.flowcontrol.apiserver.k8s.io",
            json!({
                "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": { "name": name },
                "spec": { "matchingPrecedence": precedence, "priorityLevelConfiguration": { "name": level } },
            }),
        );
    }
}
