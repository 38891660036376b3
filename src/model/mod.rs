//! Spec to Graph, pure: what should exist.
//!
//! | file | section of addresses | what it adds |
//! |---|---|---|
//! | `access.rs` | | names of what bootstrap makes; it builds its own graph |
//! | `network.rs` | `network/` | VPC, subnets, gateways, routes, security groups, endpoints |
//! | `identity.rs` | `identity/` | roles and policies of cluster, nodes and add-ons, OIDC provider, spot service-linked role |
//! | `cluster.rs` | `cluster/` | key, log group, control plane, node group, add-ons, access |
//! | `interruption.rs` | `interruption/` | queue and rules |
//! | `karpenter.rs`, `karpenter/objects.rs` | `karpenter/` | controller role, its policies by chart version, node role; the controller, classes and pools |
//! | `kubernetes.rs` | `kubernetes/` | StorageClass, what the plan role may see |

pub mod access;
pub mod cluster;
pub mod identity;
pub mod interruption;
pub mod karpenter;
pub mod kubernetes;
pub mod network;
pub mod parts;
pub mod policies;
pub mod subnets;

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::cloud::Cloud;
use crate::config::Spec;
use crate::engine::{Graph, Value};
use crate::resources::aws::auto_scaling_group::AutoScalingGroup;
use crate::resources::aws::cluster_security_group::ClusterSecurityGroup;
use crate::resources::aws::kms_key::{KmsKey, default_policy};
use crate::resources::aws::launch_template::LaunchTemplate;
use crate::resources::aws::log_group::LogGroup;

/// Everything an environment should consist of, needs first.
#[must_use]
pub fn build(spec: &Spec) -> Graph<Cloud> {
    let id = Identity::of(spec);
    let mut graph = Graph::default();
    let network = network::add(&mut graph, spec, &id);
    let base = identity::base_roles(&mut graph, spec, &id);
    let queue = interruption::add(&mut graph, spec, &id);
    let key = spec.cluster.secrets_encryption.then(|| {
        let key = graph.add(KmsKey {
            alias: format!("alias/{}", id.derived("cluster")),
            description: format!("Secrets of the EKS cluster {}", spec.cluster.name),
            policy: default_policy(id.partition, &id.account),
            tags: id.tags.clone(),
        });
        key.attr("arn")
    });
    let logs = graph.add(LogGroup {
        cluster: spec.cluster.name.clone(),
        retention_days: spec.cluster.logging.retention_days,
        tags: id.tags.clone(),
    });
    let logs = Some(logs.address().clone());
    let mut plane = cluster::control_plane(&mut graph, spec, &id, &network, &base, key, logs);
    graph.add(ClusterSecurityGroup {
        cluster: spec.cluster.name.clone(),
        after: plane.address.clone(),
        tags: id.tags.clone(),
    });
    let mut pods = identity::pod_roles(&mut graph, spec, &id, &plane);
    pods.karpenter = Some(karpenter::add(&mut graph, spec, &id, &plane, &base.karpenter_node, &queue));
    let template = launch_template(&mut graph, spec, &id, &network, &plane);
    let (group, doors) = cluster::nodes_and_addons(&mut graph, spec, &id, &network, &plane, &base, &pods, template);
    graph.add(AutoScalingGroup {
        key: cluster::SYSTEM.to_owned(),
        cluster: spec.cluster.name.clone(),
        node_group: cluster::SYSTEM.to_owned(),
        after: group.address().clone(),
        tags: id.tags.clone(),
    });
    plane.doors = doors;
    kubernetes::add(&mut graph, spec, &id, &plane);
    karpenter::objects::add(&mut graph, spec, &id, &network, &plane, &base, &interruption::queue_name(&id));
    graph
}

/// The system nodes' launch template: its id, its version, and the instance type that it leaves to the group.
fn launch_template(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    network: &parts::Network,
    plane: &parts::ControlPlane,
) -> (Value, Value, String) {
    let mut node_tags = id.tags.clone();
    node_tags.insert(crate::engine::TAG_ENVIRONMENT.to_owned(), id.environment.clone());
    node_tags.insert(crate::engine::TAG_STACK.to_owned(), id.stack.clone());
    node_tags.insert("Name".to_owned(), format!("{}-{}", spec.cluster.name, cluster::SYSTEM));
    // A template that names any group replaces EKS's own choice, so the cluster's comes along.
    let own = network.node_security_group.iter().cloned();
    let groups: Vec<Value> = own.collect();
    let groups =
        if groups.is_empty() { groups } else { std::iter::once(plane.security_group.clone()).chain(groups).collect() };
    let template = graph.add(LaunchTemplate {
        key: cluster::SYSTEM.to_owned(),
        name: id.derived(cluster::SYSTEM),
        volume_gib: spec.system_nodes.volume_gib,
        security_groups: groups,
        node_tags,
        tags: id.tags.clone(),
    });
    (template.attr("id"), template.attr("version"), spec.system_nodes.instance_type.clone())
}

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
