//! Roles of the control plane, of nodes and of add-ons, the cluster's OIDC provider, and the role of EC2 Spot.

use std::collections::BTreeMap;

use serde_json::json;

use super::policies::{self, cni_ipv6, managed, trust};
use super::{Identity, access, parts};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::config::spec::{Connect, Identity as Access, IpFamily};
use crate::engine::{Address, Graph, Value};
use crate::resources::aws::iam_role::IamRole;
use crate::resources::aws::oidc_provider::OidcProvider;
use crate::resources::aws::service_linked_role::ServiceLinkedRole;

/// What AWS's own nodes need: join the cluster, run the VPC CNI until it has a role of its own, pull images, be reached by
/// Systems Manager. The pull-only policy is enough for every Karpenter version: up to 1.3 its template named the wider
/// read-only one.
///
/// Source: EKS user guide, "Amazon EKS node IAM role"; Karpenter, "CloudFormation", KarpenterNodeRole.
const NODE_POLICIES: [&str; 4] = [
    "AmazonEKSWorkerNodePolicy",
    "AmazonEKS_CNI_Policy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
];

/// What an add-on's pods may do in AWS, and which pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddonAccess {
    /// The add-on.
    pub addon: &'static str,
    /// Part of the role's name; shorter than the add-on's, for a role's name has 64 characters for all.
    role: &'static str,
    /// Namespace of its pods.
    pub namespace: &'static str,
    /// Their service accounts; the first is the one that the add-on is given the role for.
    pub service_accounts: &'static [&'static str],
    /// AWS's policy for it, with its path.
    policy: &'static str,
}

impl AddonAccess {
    /// The name of its role in an environment.
    #[must_use]
    pub fn role_name(&self, id: &Identity) -> String {
        id.derived(self.role)
    }
}

/// The add-ons whose needs are known. Source: EKS user guide, "AWS add-ons", the IAM permissions of each.
const ADDONS: [AddonAccess; 4] = [
    AddonAccess {
        addon: "vpc-cni",
        role: "vpc-cni",
        namespace: "kube-system",
        service_accounts: &["aws-node"],
        policy: "AmazonEKS_CNI_Policy",
    },
    AddonAccess {
        addon: "aws-ebs-csi-driver",
        role: "ebs-csi",
        namespace: "kube-system",
        service_accounts: &["ebs-csi-controller-sa"],
        policy: "service-role/AmazonEBSCSIDriverPolicy",
    },
    AddonAccess {
        addon: "aws-efs-csi-driver",
        role: "efs-csi",
        namespace: "kube-system",
        service_accounts: &["efs-csi-controller-sa", "efs-csi-node-sa"],
        policy: "service-role/AmazonEFSCSIDriverPolicy",
    },
    AddonAccess {
        addon: "amazon-cloudwatch-observability",
        role: "cloudwatch",
        namespace: "amazon-cloudwatch",
        service_accounts: &["cloudwatch-agent"],
        policy: "CloudWatchAgentServerPolicy",
    },
];

/// What an add-on's pods may do in AWS; none where it is not known, and `identity` is an error in the configuration.
#[must_use]
pub fn addon_access(addon: &str) -> Option<&'static AddonAccess> {
    ADDONS.iter().find(|access| access.addon == addon)
}

/// Adds the roles that need no cluster: the control plane's, the system nodes', those of Karpenter's nodes, and EC2 Spot's.
pub fn base_roles(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity) -> parts::BaseRoles {
    graph.add(ServiceLinkedRole {
        address: Address::keyed("identity", "service-linked-role", "spot"),
        service: "spot.amazonaws.com".to_owned(),
        name: "AWSServiceRoleForEC2Spot".to_owned(),
    });
    let cluster = &spec.cluster.name;
    let control_plane = graph.add(IamRole {
        policies: vec![managed(id, "AmazonEKSClusterPolicy")],
        ..role(
            spec,
            id,
            Address::keyed("identity", "iam-role", "cluster"),
            "cluster",
            format!("The control plane of the cluster {cluster}."),
            trust::control_plane(),
        )
    });
    let mut node = |section: &str, key: &str, what: &str, description: String| {
        let mut inline = BTreeMap::new();
        if spec.cluster.ip_family == IpFamily::Ipv6 {
            inline.insert("vpc-cni-ipv6".to_owned(), cni_ipv6(id));
        }
        let address = Address::keyed(section, "iam-role", key);
        graph.add(IamRole {
            policies: NODE_POLICIES.map(|policy| managed(id, policy)).to_vec(),
            inline,
            ..role(spec, id, address, what, description, trust::instances(id))
        })
    };
    let system = node("identity", "system-node", "system-node", format!("System nodes of the cluster {cluster}."));
    let karpenter = node("karpenter", "node", "karpenter-node", format!("Karpenter's nodes of the cluster {cluster}."));
    if spec.connect == Connect::RunnerCidr {
        graph.add(closer(spec, id));
    }
    parts::BaseRoles {
        cluster: control_plane.attr("arn"),
        system_node: system.attr("arn"),
        karpenter_node: karpenter.attr("arn"),
        karpenter_node_name: karpenter.attr("name"),
    }
}

const CLOSER: &str = "closer";

/// The role that EventBridge Scheduler closes the endpoint with, when a run that opened it does not (`connect: runner-cidr`).
/// It may change this one cluster's configuration and nothing else.
///
/// Source: EventBridge Scheduler user guide, "Setting up", "Confused deputy prevention".
fn closer(spec: &Spec, id: &Identity) -> IamRole {
    let may = policies::document(vec![json!({
        "Effect": "Allow",
        "Action": "eks:UpdateClusterConfig",
        "Resource": cluster_arn(spec, id),
    })]);
    IamRole {
        inline: BTreeMap::from([("close-endpoint".to_owned(), may)]),
        ..role(
            spec,
            id,
            Address::keyed("identity", "iam-role", "endpoint-closer"),
            CLOSER,
            format!("Closes the endpoint of the cluster {} when its time is over.", spec.cluster.name),
            trust::scheduler(&id.account),
        )
    }
}

/// The ARN of that role, which follows from its name.
#[must_use]
pub fn closer_arn(id: &Identity) -> String {
    id.iam_arn(&format!("role{}{}", id.iam_path(), id.derived(CLOSER)))
}

/// Adds the cluster's OIDC provider and a role for every add-on with an `identity` whose needs are known.
pub fn pod_roles(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity, plane: &parts::ControlPlane) -> parts::PodRoles {
    if spec.cluster.oidc_provider {
        graph.add(OidcProvider { address: provider(), issuer: plane.issuer.clone(), tags: id.tags.clone() });
    }
    let mut roles = parts::PodRoles::default();
    for (name, addon) in &spec.addons {
        let (Some(identity), Some(access)) = (addon.identity, addon_access(name)) else { continue };
        let accounts = access.service_accounts;
        let trust = match identity {
            Access::Irsa => trust::irsa(&provider_arn(graph, id, plane), &plane.issuer, access.namespace, accounts),
            Access::PodIdentity => trust::pod_identity(&cluster_arn(spec, id), access.namespace, accounts),
        };
        let mut desired = role(
            spec,
            id,
            Address::keyed("identity", "iam-role", name),
            access.role,
            format!("The add-on {name} of the cluster {}.", spec.cluster.name),
            trust,
        );
        if name == "vpc-cni" && spec.cluster.ip_family == IpFamily::Ipv6 {
            desired.inline.insert("vpc-cni-ipv6".to_owned(), cni_ipv6(id));
        } else {
            desired.policies.push(managed(id, access.policy));
        }
        roles.addons.insert(name.clone(), graph.add(desired).attr("arn"));
    }
    roles
}

/// A role without permissions; bounded where bootstrap's roles do the work, for they may make no other.
pub(super) fn role(
    spec: &Spec,
    id: &Identity,
    address: Address,
    what: &str,
    description: String,
    trust: Value,
) -> IamRole {
    IamRole {
        address,
        name: id.derived(what),
        path: id.iam_path(),
        description,
        trust,
        policies: Vec::new(),
        inline: BTreeMap::new(),
        boundary: access::boundary(spec).map(Value::Text),
        tags: id.tags.clone(),
    }
}

fn provider() -> Address {
    Address::single("identity", "oidc-provider")
}

/// The ARN of the cluster's OIDC provider: a reference to ours, else the text it has if somebody else makes one.
pub(super) fn provider_arn(graph: &Graph<Cloud>, id: &Identity, plane: &parts::ControlPlane) -> String {
    match graph.get(&provider()) {
        Some(node) => format!("$[{}#arn]", node.address),
        None => id.iam_arn(&format!("oidc-provider/{}", plane.issuer)),
    }
}

/// The cluster's ARN, which follows from its name.
pub(super) fn cluster_arn(spec: &Spec, id: &Identity) -> String {
    id.arn("eks", &format!("cluster/{}", spec.cluster.name))
}
