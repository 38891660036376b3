//! Spec to Graph, pure: what should exist.
//!
//! | file | section of addresses | what it adds |
//! |---|---|---|
//! | `network.rs` | `network/` | VPC, subnets, gateways, routes, security groups, endpoints |
//! | `identity.rs` | `identity/` | roles and policies of cluster, nodes and add-ons, OIDC provider, spot service-linked role |
//! | `cluster.rs` | `cluster/` | key, log group, control plane, node group, add-ons, access |
//! | `interruption.rs` | `interruption/` | queue and rules |
//! | `karpenter.rs` | `karpenter/` | controller role, its policies by chart version, node role |

pub mod network;
pub mod cluster;
pub mod parts;
pub mod subnets;
pub mod identity;
pub mod interruption;
pub mod karpenter;
pub mod parts;
pub mod policies;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::config::Spec;

/// Who and where an environment is: all that names and ARNs are made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The environment's name.
    pub environment: String,
    /// 16 hex digits.
    pub stack: String,
    /// 12 digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
    /// `aws`, `aws-us-gov`, `aws-cn`.
    pub partition: &'static str,
    /// Tags from the environment file, for everything that can be tagged.
    pub tags: BTreeMap<String, String>,
}

impl Identity {
    /// The identity of a Spec.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        Self {
            environment: spec.name.clone(),
            stack: stack_id(&spec.account, &spec.region, &spec.owner, &spec.name),
            account: spec.account.clone(),
            region: spec.region.clone(),
            partition: crate::cloud::partition(&spec.region),
            tags: spec.tags.clone(),
        }
    }

    /// The first 8 digits of the stack id: the end of every derived name.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.stack[..8]
    }

    /// An IAM ARN of this account.
    #[must_use]
    pub fn iam_arn(&self, resource: &str) -> String {
        format!("arn:{}:iam::{}:{resource}", self.partition, self.account)
    }

    /// An ARN of this account and region.
    #[must_use]
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }

    /// The path of every role and policy we make: `/rem-ci/prod/`.
    #[must_use]
    pub fn iam_path(&self) -> String {
        format!("/rem-ci/{}/", self.environment)
    }

    /// A name that no other environment's can be a prefix of: `rem-ci-prod-WHAT-1a2b3c4d`.
    #[must_use]
    pub fn derived(&self, what: &str) -> String {
        format!("rem-ci-{}-{what}-{}", self.environment, self.short())
    }
}

/// The stack id of an environment: the first 16 hex digits of a SHA-256 over account, region, owner and name.
#[must_use]
pub fn stack_id(account: &str, region: &str, owner: &str, name: &str) -> String {
    let text = format!("rem-ci/stack/1\n{account}\n{region}\n{owner}\n{name}\n");
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}
