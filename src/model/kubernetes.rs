//! What an environment needs in its cluster besides Karpenter: the default StorageClass, and what the plan role may see.

use std::collections::BTreeMap;

use super::cluster::PLAN_GROUP;
use super::{Identity, parts};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::engine::{Graph, TAG_ENVIRONMENT, TAG_STACK};
use crate::resources::k8s::cluster_role::{ClusterRole, ClusterRoleBinding, Rule};
use crate::resources::k8s::storage_class::StorageClass;

const READ: &[&str] = &["get", "list", "watch"];

/// What a plan, a status and a drift check look at. No Secrets, no ConfigMaps, no logs, and nothing that runs in a pod.
const SEEN: &[Rule] = &[
    Rule {
        groups: &[""],
        resources: &[
            "endpoints",
            "events",
            "namespaces",
            "nodes",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "replicationcontrollers",
            "serviceaccounts",
            "services",
        ],
        verbs: READ,
    },
    Rule { groups: &["apps"], resources: &["daemonsets", "deployments", "replicasets", "statefulsets"], verbs: READ },
    Rule { groups: &["batch"], resources: &["cronjobs", "jobs"], verbs: READ },
    Rule { groups: &["events.k8s.io"], resources: &["events"], verbs: READ },
    Rule { groups: &["policy"], resources: &["poddisruptionbudgets"], verbs: READ },
    Rule { groups: &["networking.k8s.io"], resources: &["ingressclasses", "ingresses"], verbs: READ },
    Rule { groups: &["storage.k8s.io"], resources: &["csinodes", "storageclasses", "volumeattachments"], verbs: READ },
    Rule { groups: &["karpenter.sh"], resources: &["*"], verbs: READ },
    Rule { groups: &["karpenter.k8s.aws"], resources: &["*"], verbs: READ },
    Rule { groups: &["apiextensions.k8s.io"], resources: &["customresourcedefinitions"], verbs: READ },
    Rule { groups: &["flowcontrol.apiserver.k8s.io"], resources: &["flowschemas"], verbs: READ },
    Rule {
        groups: &["rbac.authorization.k8s.io"],
        resources: &["clusterrolebindings", "clusterroles", "rolebindings", "roles"],
        verbs: READ,
    },
    Rule { groups: &["metrics.k8s.io"], resources: &["nodes", "pods"], verbs: &["get", "list"] },
];

/// Adds them.
pub fn add(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity, plane: &parts::ControlPlane) {
    // Without the driver nobody would make a volume of the class.
    if spec.addons.contains_key("aws-ebs-csi-driver") {
        // `tagSpecification_N`: Amazon EBS CSI driver, docs/tagging.md.
        let parameters = BTreeMap::from([
            ("type".to_owned(), "gp3".to_owned()),
            ("encrypted".to_owned(), "true".to_owned()),
            ("tagSpecification_1".to_owned(), format!("{TAG_ENVIRONMENT}={}", id.environment)),
            ("tagSpecification_2".to_owned(), format!("{TAG_STACK}={}", id.stack)),
        ]);
        graph.add(StorageClass { name: "gp3".to_owned(), home: plane.home(), default: true, parameters });
    }
    if spec.roles.plan.is_some() {
        let role = graph.add(ClusterRole {
            key: "plan".to_owned(),
            name: "rem-ci-plan".to_owned(),
            home: plane.home(),
            rules: SEEN.to_vec(),
        });
        graph.add(ClusterRoleBinding {
            key: "plan".to_owned(),
            name: "rem-ci-plan".to_owned(),
            home: plane.home(),
            role: role.attr("name"),
            group: PLAN_GROUP.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests;
