//! The control plane, who may speak to it, its add-ons and its system nodes.
//!
//! In two steps, because pod roles stand between them: they trust the OIDC provider, which needs the cluster's issuer.

use std::collections::BTreeMap;

use super::{Identity, parts};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::config::spec::{self, Access};
use crate::engine::{Address, Graph, Ref, Value};
use crate::resources::aws::access_entry::{AccessEntry, CALLER, EntryType, OPERATOR};
use crate::resources::aws::addon::{self, Addon};
use crate::resources::aws::cluster::Cluster;
use crate::resources::aws::node_group::{self, NodeGroup};
use crate::resources::aws::pod_identity_association::PodIdentityAssociation;

/// The name of the node group and third part of its address.
pub const SYSTEM: &str = "system";

/// The taint of the system nodes: what Karpenter's chart tolerates without being told.
pub const SYSTEM_TAINT: &str = "CriticalAddonsOnly=true:NoSchedule";

/// The label of the system nodes.
pub const SYSTEM_LABEL: (&str, &str) = ("rem-ci.dev/pool", SYSTEM);

/// The Kubernetes group of the plan role: it may read what rem-ci manages, by RBAC of ours, and has no access policy.
pub const PLAN_GROUP: &str = "rem-ci:plan";

/// The access policy of whoever works in the cluster.
const ADMIN: &str = "AmazonEKSClusterAdminPolicy";

/// Adds the control plane. It needs subnets, role, key and log group; nodes' routes are not its business, so that it starts
/// as early as can be.
pub fn control_plane(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    network: &parts::Network,
    roles: &parts::BaseRoles,
    key_arn: Option<Value>,
    log_group: Option<Address>,
) -> parts::ControlPlane {
    let cluster: Ref<Cluster> = graph.add(Cluster {
        spec: spec.cluster.clone(),
        role: roles.cluster.clone(),
        vpc: network.vpc.clone(),
        subnets: network.private_subnets.clone(),
        encryption_key: key_arn,
        tags: id.tags.clone(),
        after: log_group.into_iter().collect(),
    });
    parts::ControlPlane {
        address: cluster.address().clone(),
        name: cluster.attr("name"),
        issuer: cluster.token("issuer"),
        security_group: cluster.attr("security-group"),
        cluster_name: spec.cluster.name.clone(),
        doors: Vec::new(),
    }
}

/// Adds the access entries, the add-ons, the system nodes and Pod Identity associations; gives the node group and what must
/// be there before the API server lets us in. `launch_template` is its id and its version number; the template leaves the
/// instance type, which comes third, to the group.
#[expect(clippy::too_many_arguments, reason = "each is what another part of the model hands over; called once")]
pub fn nodes_and_addons(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    network: &parts::Network,
    cluster: &parts::ControlPlane,
    base: &parts::BaseRoles,
    pods: &parts::PodRoles,
    launch_template: (Value, Value, String),
) -> (Ref<NodeGroup>, Vec<Address>) {
    let mut doors = access(graph, spec, id, cluster, base);
    // All at once with the nodes: the CNI is ready before the first of them has booted, and a Deployment waits, DEGRADED,
    // until one is Ready, which is some time before EKS calls the group ACTIVE.
    add_ons(graph, spec, id, cluster, pods);
    let (template, version, instance_type) = launch_template;
    let group = graph.add(NodeGroup {
        cluster: cluster.name.clone(),
        cluster_name: spec.cluster.name.clone(),
        name: SYSTEM.to_owned(),
        version: spec.cluster.version.clone(),
        ami_type: node_group::ami_type(&instance_type),
        instance_type: Some(instance_type),
        count: spec.system_nodes.count,
        subnets: network.private_subnets.clone(),
        role: base.system_node.clone(),
        launch_template: template,
        launch_template_version: version,
        labels: BTreeMap::from([(SYSTEM_LABEL.0.to_owned(), SYSTEM_LABEL.1.to_owned())]),
        taints: vec![SYSTEM_TAINT.to_owned()],
        tags: id.tags.clone(),
        after: network.egress.clone(),
    });
    if let (spec::Identity::PodIdentity, Some(role)) = (spec.karpenter.identity, &pods.karpenter) {
        graph.add(PodIdentityAssociation {
            key: "karpenter".to_owned(),
            cluster: cluster.name.clone(),
            cluster_name: spec.cluster.name.clone(),
            namespace: spec.karpenter.namespace.clone(),
            service_account: "karpenter".to_owned(),
            role: role.clone(),
            tags: id.tags.clone(),
        });
    }
    if spec.connect == spec::Connect::Ssm && !spec.cluster.endpoint.public {
        // The road leads over a node.
        doors.push(group.address().clone());
    }
    (group, doors)
}

fn add_ons(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    cluster: &parts::ControlPlane,
    pods: &parts::PodRoles,
) {
    for (name, wanted) in &spec.addons {
        let role = pods.addons.get(name);
        let account = addon::service_account(name);
        let (service_account_role, pod_identity) = match (wanted.identity, role, account) {
            (Some(spec::Identity::Irsa), Some(role), _) => (Some(role.clone()), BTreeMap::new()),
            (Some(spec::Identity::PodIdentity), Some(role), Some(account)) => {
                (None, BTreeMap::from([(account.to_owned(), role.clone())]))
            }
            _ => (None, BTreeMap::new()),
        };
        graph.add(Addon {
            cluster: cluster.name.clone(),
            cluster_name: spec.cluster.name.clone(),
            name: name.clone(),
            version: wanted.version.clone(),
            configuration: addon::configuration(name, wanted.configuration.as_ref()),
            service_account_role,
            pod_identity,
            tags: id.tags.clone(),
        });
    }
}

/// Entries for the people of the file, for the roles of the Action as far as they are named, and for Karpenter's nodes. The
/// system nodes' entry is made by EKS along with the node group. An entry of the file for a principal that is also one of
/// the roles stands for both: EKS has one entry a principal.
fn access(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    cluster: &parts::ControlPlane,
    base: &parts::BaseRoles,
) -> Vec<Address> {
    let mut doors = Vec::new();
    let mut add = |key: &str, principal: Value, kind, groups: Vec<String>, policies: BTreeMap<String, Vec<String>>| {
        let admin = policies.keys().any(|arn| arn.ends_with(&format!("/{ADMIN}")));
        let entry = graph.add(AccessEntry {
            key: key.to_owned(),
            cluster: cluster.name.clone(),
            cluster_name: spec.cluster.name.clone(),
            principal,
            kind,
            groups,
            policies,
            tags: id.tags.clone(),
        });
        if admin {
            doors.push(entry.address().clone());
        }
    };
    let mut named: Vec<&str> = Vec::new();
    for (name, access) in &spec.cluster.access {
        let principal = Value::text(&access.principal);
        add(&format!("user-{name}"), principal, EntryType::Standard, access.groups.clone(), policies(access, id));
        named.push(&access.principal);
    }
    let admin =
        Access { principal: String::new(), policy: Some(ADMIN.to_owned()), namespaces: Vec::new(), groups: Vec::new() };
    let roles = &spec.roles;
    for (key, role, is_admin) in
        [("apply", &roles.apply, true), ("destroy", &roles.destroy, true), ("plan", &roles.plan, false)]
    {
        let Some(role) = role.as_deref().filter(|role| !named.contains(role)) else { continue };
        let (groups, policies) =
            if is_admin { (Vec::new(), policies(&admin, id)) } else { (vec![PLAN_GROUP.to_owned()], BTreeMap::new()) };
        add(&format!("role-{key}"), Value::text(role), EntryType::Standard, groups, policies);
        // One role for several verbs gets the strongest access, which comes first.
        named.push(role);
    }
    let somebody = spec.cluster.access.values().any(|access| {
        access.namespaces.is_empty() && access.policy.as_ref().is_some_and(|policy| policy.ends_with(ADMIN))
    });
    if roles.apply.is_none() && !somebody {
        // Nobody else could work in the cluster: its creator gets no rights by having made it.
        add(OPERATOR, Value::Pending(CALLER.to_owned()), EntryType::Standard, Vec::new(), policies(&admin, id));
    }
    add("karpenter-node", base.karpenter_node.clone(), EntryType::Ec2Linux, Vec::new(), BTreeMap::new());
    doors
}

/// Namespaces by policy ARN. A policy is named as EKS names it, or by its whole ARN.
fn policies(access: &Access, id: &Identity) -> BTreeMap<String, Vec<String>> {
    let arn = |name: &String| {
        if name.starts_with("arn:") {
            name.clone()
        } else {
            format!("arn:{}:eks::aws:cluster-access-policy/{name}", id.partition)
        }
    };
    access.policy.iter().map(|name| (arn(name), access.namespaces.clone())).collect()
}

#[cfg(test)]
mod tests;
