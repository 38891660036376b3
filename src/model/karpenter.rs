//! The Karpenter controller's role and policies. The role of its nodes is made with the other roles that need no cluster.

pub mod objects;

use super::policies::{karpenter, token, trust};
use super::{Identity, identity, parts};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::config::spec::Identity as Access;
use crate::engine::{Address, Graph, Value};
use crate::resources::aws::iam_policy::IamPolicy;
use crate::resources::aws::iam_role::IamRole;

/// Name of the controller's service account, as the chart makes it.
pub const SERVICE_ACCOUNT: &str = "karpenter";

/// Adds the controller's policies, as its chart version needs them, and its role. Gives the role's ARN.
///
/// A minor that is not known, which the configuration's check refuses, gets no policy: none is better than a wrong one.
pub fn add(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    plane: &parts::ControlPlane,
    node_role: &Value,
    queue_arn: &Value,
) -> Value {
    let (node_role, queue) = (token(node_role), token(queue_arn));
    // The cluster by its name as text: so these policies exist long before the cluster does.
    let subject = karpenter::Subject {
        partition: id.partition,
        region: &id.region,
        account: &id.account,
        cluster: &spec.cluster.name,
        node_role: &node_role,
        queue: &queue,
    };
    let documents = karpenter::minor(&spec.karpenter.version).map(|minor| karpenter::policies(minor, &subject));
    let mut policies = Vec::new();
    for (key, document) in documents.unwrap_or_default() {
        let policy = graph.add(IamPolicy {
            address: Address::keyed("karpenter", "iam-policy", key),
            name: id.derived(&format!("karpenter-{key}")),
            path: id.iam_path(),
            document,
            tags: id.tags.clone(),
        });
        policies.push(policy.attr("arn"));
    }
    let accounts = [SERVICE_ACCOUNT];
    let namespace = &spec.karpenter.namespace;
    let trust = match spec.karpenter.identity {
        Access::Irsa => trust::irsa(&identity::provider_arn(graph, id, plane), &plane.issuer, namespace, &accounts),
        Access::PodIdentity => trust::pod_identity(&identity::cluster_arn(spec, id), namespace, &accounts),
    };
    let role = graph.add(IamRole {
        policies,
        ..identity::role(
            spec,
            id,
            Address::keyed("karpenter", "iam-role", "controller"),
            "karpenter",
            format!("Karpenter's controller in the cluster {}.", spec.cluster.name),
            trust,
        )
    });
    role.attr("arn")
}

#[cfg(test)]
mod tests;
