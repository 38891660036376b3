//! The AWS kinds: one file each, and the catalogue that lists them.

pub mod access_entry;
pub mod addon;
pub mod auto_scaling_group;
pub mod cluster;
pub mod cluster_security_group;
mod derived;
mod ec2_common;
pub mod eip;
pub(in crate::resources) mod eks;
pub mod event_rule;
pub mod facts;
pub mod github_provider;
mod holders;
mod iam;
pub mod iam_policy;
pub mod iam_role;
pub mod internet_gateway;
pub mod kms_key;
pub mod launch_template;
pub mod leftovers;
pub mod log_group;
pub mod nat_gateway;
pub mod node_group;
pub mod oidc_provider;
pub mod pod_identity_association;
pub mod route_table;
pub mod s3_bucket;
pub mod security_group;
pub mod service_linked_role;
pub mod sqs_queue;
pub mod subnet;
pub mod vpc;
pub mod vpc_endpoint;

use crate::cloud::Cloud;
use crate::engine::{AnyKind, kind};

pub(crate) use ec2_common::filter;

/// Every AWS kind. Order does not matter; `rank` does.
pub const KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<access_entry::AccessEntry>(),
    kind::<addon::Addon>(),
    kind::<auto_scaling_group::AutoScalingGroup>(),
    kind::<cluster::Cluster>(),
    kind::<cluster_security_group::ClusterSecurityGroup>(),
    kind::<eip::Eip>(),
    kind::<event_rule::EventRule>(),
    kind::<iam_policy::IamPolicy>(),
    kind::<iam_role::IamRole>(),
    kind::<internet_gateway::InternetGateway>(),
    kind::<kms_key::KmsKey>(),
    kind::<launch_template::LaunchTemplate>(),
    kind::<log_group::LogGroup>(),
    kind::<nat_gateway::NatGateway>(),
    kind::<node_group::NodeGroup>(),
    kind::<oidc_provider::OidcProvider>(),
    kind::<pod_identity_association::PodIdentityAssociation>(),
    kind::<route_table::RouteTable>(),
    kind::<security_group::SecurityGroup>(),
    kind::<service_linked_role::ServiceLinkedRole>(),
    kind::<sqs_queue::SqsQueue>(),
    kind::<subnet::Subnet>(),
    kind::<subnet::SubnetTags>(),
    kind::<vpc::Vpc>(),
    kind::<vpc_endpoint::VpcEndpoint>(),
];

/// What `rem-ci bootstrap` makes: read by it alone, so that no environment's plan pays for it.
pub const ACCESS_KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<github_provider::GithubProvider>(),
    kind::<iam_policy::IamPolicy>(),
    kind::<iam_role::IamRole>(),
    kind::<s3_bucket::S3Bucket>(),
];
