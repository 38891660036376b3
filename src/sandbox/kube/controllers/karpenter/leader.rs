//! Whether Karpenter runs: the replica that acts, its settings and its role; and what keeps one from starting.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{is_true, items, label, leaving, name, namespace};
use super::{identity, log};
use crate::sandbox::kube::store::{Key, text, time};

/// The replica that acts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Leader {
    /// `namespace/name`.
    pub(super) pod: String,
    /// ARN of the role its calls are signed with.
    pub(super) role: String,
    /// Name of the queue it reads; empty for none.
    pub(super) queue: String,
    /// Major and minor version.
    pub(super) version: (u32, u32),
    /// Whether a spot node may be replaced by a cheaper one.
    pub(super) spot_to_spot: bool,
}

/// CRDs it cannot start without.
const NEEDED: &[(&str, &str)] = &[
    ("nodepools.karpenter.sh", "NodePool"),
    ("nodeclaims.karpenter.sh", "NodeClaim"),
    ("ec2nodeclasses.karpenter.k8s.aws", "EC2NodeClass"),
];

/// Whether a pod is one of Karpenter's controller.
pub(in super::super) fn is_controller(pod: &Json) -> bool {
    label(pod, "app.kubernetes.io/name") == "karpenter" && !environment(pod).is_empty()
}

fn environment(pod: &Json) -> Vec<(&str, &str)> {
    let variables = items(pod, "/spec/containers").iter().flat_map(|container| items(container, "/env"));
    variables.map(|one| (text(one, "/name"), text(one, "/value"))).collect()
}

fn variable<'a>(pod: &'a Json, wanted: &str) -> &'a str {
    environment(pod).iter().find(|(name, _)| *name == wanted).map(|(_, value)| *value).unwrap_or_default()
}

fn version(pod: &Json) -> (u32, u32) {
    let image = items(pod, "/spec/containers").first().map(|container| text(container, "/image")).unwrap_or_default();
    let tag = image.split('@').next().unwrap_or_default().rsplit(':').next().unwrap_or_default();
    let mut parts = tag.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next().unwrap_or(1), parts.next().unwrap_or_default())
}

/// Why a controller's pod ends right after its start, if it does: the last words of its log.
pub(in super::super) fn unsound(inside: &mut Inside<'_, '_>, pod: &Json) -> Option<String> {
    let why = fault(inside, pod)?;
    let key = format!("{}/{}", namespace(pod), name(pod));
    log::line_of(inside, &key, "ERROR", "panic", &json!({"error": why}));
    Some(why)
}

fn fault(inside: &mut Inside<'_, '_>, pod: &Json) -> Option<String> {
    let crd = |resource: &str| {
        inside.store.get("customresourcedefinitions.apiextensions.k8s.io", &Key::global(resource)).is_some()
    };
    if let Some((_, kind)) = NEEDED.iter().find(|(resource, _)| !crd(resource)) {
        return Some(format!(
            "if kind is a CRD, it should be installed before calling Start, no matches for kind \"{kind}\""
        ));
    }
    let cluster = variable(pod, "CLUSTER_NAME").to_owned();
    if cluster.is_empty() {
        return Some("validating options, missing field, cluster-name".to_owned());
    }
    let role = match identity::role(inside, pod) {
        Ok(role) => role,
        Err(why) => {
            return Some(format!(
                "ec2 api connectivity check failed, operation error EC2: DescribeInstanceTypes, {why}"
            ));
        }
    };
    if let Err(fault) = identity::may(inside, &role, "ec2", "DescribeInstanceTypes", json!({})) {
        return Some(format!(
            "ec2 api connectivity check failed, {}",
            identity::words("EC2", "DescribeInstanceTypes", &fault)
        ));
    }
    if let Err(fault) = identity::may(inside, &role, "eks", "DescribeCluster", json!({"name": cluster}))
        && variable(pod, "CLUSTER_ENDPOINT").is_empty()
    {
        return Some(format!(
            "failed to resolve cluster endpoint, {}",
            identity::words("EKS", "DescribeCluster", &fault)
        ));
    }
    if cluster != inside.name {
        return Some(format!(
            "failed to resolve cluster endpoint, operation error EKS: DescribeCluster, https response error StatusCode: 404, ResourceNotFoundException: No cluster found for name: {cluster}."
        ));
    }
    let queue = variable(pod, "INTERRUPTION_QUEUE").to_owned();
    if !queue.is_empty() {
        if let Err(fault) = identity::may(inside, &role, "sqs", "GetQueueUrl", json!({"QueueName": queue})) {
            return Some(format!("getting queue url, {}", identity::words("SQS", "GetQueueUrl", &fault)));
        }
        if inside.here.region.sqs.queues.get(&queue).is_none_or(|queue| queue.gone.is_some()) {
            return Some("getting queue url, operation error SQS: GetQueueUrl, https response error StatusCode: 400, AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist.".to_owned());
        }
    }
    None
}

/// Chooses the replica that acts: the one that does already, or the first ready one.
pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let ready = |pod: &&Json| is_controller(pod) && is_true(pod, "Ready") && !leaving(pod);
    let all: Vec<Json> = inside.store.list("pods").filter(ready).cloned().collect();
    let old = inside.work.karpenter.leader.clone();
    let key = |pod: &Json| format!("{}/{}", namespace(pod), name(pod));
    let kept = all.iter().find(|pod| old.as_ref().is_some_and(|old| old.pod == key(pod)));
    let chosen = kept.or_else(|| all.first()).cloned();
    let leader = chosen.map(|pod| Leader {
        // What it has been given may be taken from it later: then its calls are refused.
        role: identity::role(inside, &pod).unwrap_or_default(),
        queue: variable(&pod, "INTERRUPTION_QUEUE").to_owned(),
        version: version(&pod),
        spot_to_spot: variable(&pod, "FEATURE_GATES").contains("SpotToSpotConsolidation=true"),
        pod: key(&pod),
    });
    if leader == old {
        return;
    }
    let taken = leader.as_ref().map(|leader| leader.pod.clone());
    inside.work.karpenter.leader = leader;
    let Some(pod) = taken else { return };
    let now = inside.now();
    let space = pod.split('/').next().unwrap_or_default().to_owned();
    let key = Key::new(space.clone(), "karpenter-leader-election");
    let holder = pod.split('/').next_back().unwrap_or_default().to_owned();
    let spec = json!({"holderIdentity": holder, "acquireTime": time(now), "renewTime": time(now), "leaseDurationSeconds": 15, "leaseTransitions": 1});
    inside.ensure("leases.coordination.k8s.io", json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": key.name, "namespace": space}, "spec": spec,
    }));
    inside.store.change("leases.coordination.k8s.io", &key, |lease| {
        lease["spec"] = spec;
    });
    log::line(
        inside,
        "INFO",
        "attempting to acquire leader lease",
        &json!({"lease": format!("{}/{}", key.namespace, key.name)}),
    );
    log::line(
        inside,
        "INFO",
        "successfully acquired lease",
        &json!({"lease": format!("{}/{}", key.namespace, key.name)}),
    );
    log::line(inside, "INFO", "Starting workers", &json!({"controller": "provisioner", "worker count": 10}));
}

/// The replica that acts and has a role.
pub(super) fn acting(inside: &Inside<'_, '_>) -> Option<Leader> {
    inside.work.karpenter.leader.clone()
}
