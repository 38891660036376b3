//! The kinds that every cluster serves, with what discovery says of them (Kubernetes API reference, 1.36).

/// One kind of object, as it is served in one version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kind {
    /// Empty for the core group.
    pub group: String,
    /// `v1`.
    pub version: String,
    /// `pods`: as paths say it.
    pub plural: String,
    /// `pod`.
    pub singular: String,
    /// `Pod`.
    pub kind: String,
    /// `po`.
    pub short: Vec<String>,
    /// `all`.
    pub categories: Vec<String>,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// `status`, `scale`, `log`, ….
    pub subresources: Vec<String>,
    /// Whether a CustomResourceDefinition brought it.
    pub custom: bool,
}

impl Kind {
    /// As the store and fault rules name it: `pods`, `nodepools.karpenter.sh`.
    #[must_use]
    pub fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `v1`, `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// What can be done with it; reviews can only be made, metrics only be read.
    #[must_use]
    pub fn verbs(&self) -> &'static [&'static str] {
        match self.group.as_str() {
            "authorization.k8s.io" | "authentication.k8s.io" => &["create"],
            "metrics.k8s.io" => &["get", "list"],
            _ if self.plural == "componentstatuses" => &["get", "list"],
            _ if self.plural == "bindings" => &["create"],
            _ => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }

    /// Whether it has a subresource.
    #[must_use]
    pub fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|one| one == subresource)
    }
}

/// Group, version, plural, kind, short names, namespaced, subresources.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, bool, &'static str);

const ROWS: &[Row] = &[
    ("", "v1", "bindings", "Binding", "", true, ""),
    ("", "v1", "componentstatuses", "ComponentStatus", "cs", false, ""),
    ("", "v1", "configmaps", "ConfigMap", "cm", true, ""),
    ("", "v1", "endpoints", "Endpoints", "ep", true, ""),
    ("", "v1", "events", "Event", "ev", true, ""),
    ("", "v1", "limitranges", "LimitRange", "limits", true, ""),
    ("", "v1", "namespaces", "Namespace", "ns", false, "status finalize"),
    ("", "v1", "nodes", "Node", "no", false, "status"),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", true, "status"),
    ("", "v1", "persistentvolumes", "PersistentVolume", "pv", false, "status"),
    ("", "v1", "pods", "Pod", "po", true, "status log eviction binding"),
    ("", "v1", "replicationcontrollers", "ReplicationController", "rc", true, "status scale"),
    ("", "v1", "resourcequotas", "ResourceQuota", "quota", true, "status"),
    ("", "v1", "secrets", "Secret", "", true, ""),
    ("", "v1", "serviceaccounts", "ServiceAccount", "sa", true, ""),
    ("", "v1", "services", "Service", "svc", true, "status"),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        false,
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        false,
        "",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        false,
        "status",
    ),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", "", false, "status"),
    ("apps", "v1", "controllerrevisions", "ControllerRevision", "", true, ""),
    ("apps", "v1", "daemonsets", "DaemonSet", "ds", true, "status"),
    ("apps", "v1", "deployments", "Deployment", "deploy", true, "status scale"),
    ("apps", "v1", "replicasets", "ReplicaSet", "rs", true, "status scale"),
    ("apps", "v1", "statefulsets", "StatefulSet", "sts", true, "status scale"),
    ("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "", false, ""),
    ("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "", false, ""),
    ("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", true, "status"),
    ("batch", "v1", "cronjobs", "CronJob", "cj", true, "status"),
    ("batch", "v1", "jobs", "Job", "", true, "status"),
    ("coordination.k8s.io", "v1", "leases", "Lease", "", true, ""),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "", true, ""),
    ("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", "", false, "status"),
    (
        "flowcontrol.apiserver.k8s.io",
        "v1",
        "prioritylevelconfigurations",
        "PriorityLevelConfiguration",
        "",
        false,
        "status",
    ),
    ("metrics.k8s.io", "v1beta1", "nodes", "NodeMetrics", "", false, ""),
    ("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", "", true, ""),
    ("networking.k8s.io", "v1", "ingressclasses", "IngressClass", "", false, ""),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", "ing", true, "status"),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", true, ""),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", true, "status"),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", "", false, ""),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", "", false, ""),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "", true, ""),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", "", true, ""),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "pc", false, ""),
    ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "", false, ""),
    ("storage.k8s.io", "v1", "csinodes", "CSINode", "", false, ""),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", "sc", false, ""),
    ("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "", false, "status"),
];

/// What `kubectl get all` lists.
const ALL: &[&str] = &[
    "pods",
    "services",
    "replicationcontrollers",
    "daemonsets",
    "deployments",
    "replicasets",
    "statefulsets",
    "horizontalpodautoscalers",
    "cronjobs",
    "jobs",
];

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn kind(row: &Row) -> Kind {
    let (group, version, plural, kind, short, namespaced, subresources) = row;
    let all = ALL.contains(plural) && *group != "metrics.k8s.io";
    Kind {
        group: (*group).to_owned(),
        version: (*version).to_owned(),
        plural: (*plural).to_owned(),
        singular: kind.to_lowercase(),
        kind: (*kind).to_owned(),
        short: words(short),
        categories: if all { vec!["all".to_owned()] } else { Vec::new() },
        namespaced: *namespaced,
        subresources: words(subresources),
        custom: false,
    }
}

/// All of them, by group.
pub fn builtin() -> impl Iterator<Item = Kind> {
    ROWS.iter().map(kind)
}

/// The one that a path names.
#[must_use]
pub fn find(group: &str, version: &str, plural: &str) -> Option<Kind> {
    ROWS.iter().find(|row| row.0 == group && row.1 == version && row.2 == plural).map(kind)
}
