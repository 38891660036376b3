//! What AWS offers: zones, add-on versions, cluster versions. Read once a run, in parallel with the sweeps.
//! The AWS kinds, and their catalogue in the order of deletion.

pub mod auto_scaling_group;
pub mod cluster_security_group;
mod ec2_common;
pub mod eip;
pub mod facts;
pub mod internet_gateway;
pub mod kms_key;
pub mod launch_template;
pub mod log_group;
pub mod nat_gateway;
pub mod route_table;
pub mod security_group;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;
mod derived;
pub mod event_rule;
pub mod facts;
mod iam;
pub mod iam_policy;
pub mod iam_role;
pub mod oidc_provider;
pub mod service_linked_role;
pub mod sqs_queue;
pub mod access_entry;
pub mod addon;
pub mod cluster;
mod eks;
pub mod facts;
pub mod node_group;
pub mod pod_identity_association;

use crate::cloud::Cloud;
use crate::engine::{AnyKind, kind};

/// Every AWS kind. Order does not matter; `rank` does.
pub static KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<vpc::Vpc>(),
    kind::<subnet::Subnet>(),
    kind::<subnet::SubnetTags>(),
    kind::<internet_gateway::InternetGateway>(),
    kind::<eip::Eip>(),
    kind::<nat_gateway::NatGateway>(),
    kind::<route_table::RouteTable>(),
    kind::<security_group::SecurityGroup>(),
    kind::<vpc_endpoint::VpcEndpoint>(),
    kind::<launch_template::LaunchTemplate>(),
    kind::<cluster_security_group::ClusterSecurityGroup>(),
    kind::<auto_scaling_group::AutoScalingGroup>(),
    kind::<kms_key::KmsKey>(),
    kind::<log_group::LogGroup>(),
    kind::<event_rule::EventRule>(),
    kind::<iam_policy::IamPolicy>(),
    kind::<iam_role::IamRole>(),
    kind::<oidc_provider::OidcProvider>(),
    kind::<service_linked_role::ServiceLinkedRole>(),
    kind::<sqs_queue::SqsQueue>(),
    kind::<node_group::NodeGroup>(),
    kind::<addon::Addon>(),
    kind::<pod_identity_association::PodIdentityAssociation>(),
    kind::<access_entry::AccessEntry>(),
    kind::<cluster::Cluster>(),
];
