//! Which columns a kind has.

use serde_json::Value as Json;

use crate::sandbox::kube::store::text;

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// As it is headed, before `kubectl` writes it in capitals.
    pub(super) name: String,
    /// `string`, `integer`, `boolean`, `date`.
    pub(super) kind: String,
    /// 0 is always shown, 1 with `-o wide`.
    pub(super) priority: u8,
    /// Of a custom kind: where its value is.
    pub(super) path: Option<String>,
}

/// Resource, columns, columns of `-o wide`.
const CORE: &[(&str, &str, &str)] = &[
    ("pods", "Name,Ready,Status,Restarts,Age", "IP,Node,Nominated Node,Readiness Gates"),
    ("nodes", "Name,Status,Roles,Age,Version", "Internal-IP,External-IP,OS-Image,Kernel-Version,Container-Runtime"),
    ("deployments.apps", "Name,Ready,Up-to-date,Available,Age", "Containers,Images,Selector"),
    (
        "daemonsets.apps",
        "Name,Desired,Current,Ready,Up-to-date,Available,Node Selector,Age",
        "Containers,Images,Selector",
    ),
    ("replicasets.apps", "Name,Desired,Current,Ready,Age", "Containers,Images,Selector"),
    ("statefulsets.apps", "Name,Ready,Age", "Containers,Images"),
    ("jobs.batch", "Name,Status,Completions,Duration,Age", "Containers,Images,Selector"),
    ("services", "Name,Type,Cluster-IP,External-IP,Port(s),Age", "Selector"),
    ("events", "Last Seen,Type,Reason,Object,Message", "Source,First Seen,Count,Name"),
    ("namespaces", "Name,Status,Age", ""),
    ("configmaps", "Name,Data,Age", ""),
    ("secrets", "Name,Type,Data,Age", ""),
    ("serviceaccounts", "Name,Secrets,Age", ""),
    (
        "persistentvolumeclaims",
        "Name,Status,Volume,Capacity,Access Modes,StorageClass,VolumeAttributesClass,Age",
        "VolumeMode",
    ),
    (
        "persistentvolumes",
        "Name,Capacity,Access Modes,Reclaim Policy,Status,Claim,StorageClass,VolumeAttributesClass,Reason,Age",
        "VolumeMode",
    ),
    ("poddisruptionbudgets.policy", "Name,Min Available,Max Unavailable,Allowed Disruptions,Age", ""),
    ("storageclasses.storage.k8s.io", "Name,Provisioner,ReclaimPolicy,VolumeBindingMode,AllowVolumeExpansion,Age", ""),
    ("customresourcedefinitions.apiextensions.k8s.io", "Name,Created At", ""),
    ("componentstatuses", "Name,Status,Message,Error", ""),
    ("clusterroles.rbac.authorization.k8s.io", "Name,Created At", ""),
    ("roles.rbac.authorization.k8s.io", "Name,Created At", ""),
    ("clusterrolebindings.rbac.authorization.k8s.io", "Name,Role,Age", ""),
    ("rolebindings.rbac.authorization.k8s.io", "Name,Role,Age", ""),
    ("priorityclasses.scheduling.k8s.io", "Name,Value,Global-Default,Age,PreemptionPolicy", ""),
    ("flowschemas.flowcontrol.apiserver.k8s.io", "Name,PriorityLevel,MatchingPrecedence,Age", ""),
    ("leases.coordination.k8s.io", "Name,Holder,Age", ""),
];

fn column(name: &str, priority: u8) -> Column {
    Column { name: name.to_owned(), kind: "string".to_owned(), priority, path: None }
}

/// Of a core kind.
pub(super) fn core(resource: &str) -> Vec<Column> {
    let (_, narrow, wide) = CORE.iter().find(|row| row.0 == resource).unwrap_or(&("", "Name,Age", ""));
    let names = |list: &'static str| list.split(',').filter(|name| !name.is_empty());
    names(narrow).map(|name| column(name, 0)).chain(names(wide).map(|name| column(name, 1))).collect()
}

/// Of a custom kind, as the version of its definition says.
pub(super) fn custom(version: &Json) -> Vec<Column> {
    let mut columns = vec![column("Name", 0)];
    let more = version["additionalPrinterColumns"].as_array().filter(|list| !list.is_empty());
    for one in more.into_iter().flatten() {
        columns.push(Column {
            name: text(one, "/name").to_owned(),
            kind: text(one, "/type").to_owned(),
            priority: u8::from(one["priority"].as_u64().unwrap_or_default() > 0),
            path: Some(text(one, "/jsonPath").to_owned()),
        });
    }
    if more.is_none() {
        columns.push(Column {
            kind: "date".to_owned(),
            path: Some(".metadata.creationTimestamp".to_owned()),
            ..column("Age", 0)
        });
    }
    columns
}
