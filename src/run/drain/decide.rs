//! What is to be done with what is inside: from lists of objects to decisions, pure.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::objects::{
    annotation, finalizers, full, instance, items, karpenter_runs, leaving, name, namespace, node_of, number, selects,
    text, uid,
};
use crate::resources::k8s::hold::{Inside, Thing};

/// Everything that has a load balancer of AWS made for it: Services of type LoadBalancer; Ingresses and Gateways of the AWS
/// Load Balancer Controller. An Ingress of another controller lives behind a Service and needs no end of its own.
///
/// Sources: Kubernetes, "Service"; AWS Load Balancer Controller guide, "IngressClass" and "Gateway API".
pub(super) fn balanced(inside: &Inside) -> Vec<(Thing, &Json)> {
    let controlled = |classes: &[Json], class: &str, pointer: &str, controller: &str| {
        classes.iter().any(|one| name(one) == class && text(one, pointer).starts_with(controller))
    };
    let held = |object: &Json, by: &str| finalizers(object).iter().any(|finalizer| finalizer.contains(by));
    let services = inside.services.iter().filter(|one| {
        text(one, "/spec/type") == "LoadBalancer" || held(one, "service.kubernetes.io/load-balancer-cleanup")
    });
    let ingresses = inside.ingresses.iter().filter(|one| {
        let class = text(one, "/spec/ingressClassName");
        annotation(one, "kubernetes.io/ingress.class") == "alb"
            || controlled(&inside.ingress_classes, class, "/spec/controller", "ingress.k8s.aws/")
            || held(one, ".k8s.aws/")
    });
    let gateways = inside.gateways.iter().filter(|one| {
        let class = text(one, "/spec/gatewayClassName");
        controlled(&inside.gateway_classes, class, "/spec/controllerName", "gateway.k8s.aws/") || held(one, ".k8s.aws/")
    });
    let services = services.map(|one| (Thing::Service, one));
    services
        .chain(ingresses.map(|one| (Thing::Ingress, one)))
        .chain(gateways.map(|one| (Thing::Gateway, one)))
        .collect()
}

/// A volume that a workload has written to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Volume {
    /// `vol-…`, or the driver's own handle.
    pub(super) id: String,
    /// `namespace/name` of the claim it is bound to.
    pub(super) claim: String,
    /// As the object says it: `20Gi`.
    pub(super) size: String,
    /// Name of the PersistentVolume; empty where only EC2 knows of it.
    pub(super) object: String,
    /// Whether Kubernetes would delete what is on it along with its claim.
    pub(super) reclaimed: bool,
}

/// The volumes with data in them: every PersistentVolume that is backed by EBS.
pub(super) fn volumes(inside: &Inside) -> Vec<Volume> {
    let mut found: Vec<Volume> = inside
        .volumes
        .iter()
        .filter_map(|one| {
            let driver = text(one, "/spec/csi/driver");
            let handle = if driver == "ebs.csi.aws.com" {
                text(one, "/spec/csi/volumeHandle")
            } else {
                text(one, "/spec/awsElasticBlockStore/volumeID")
            };
            let (space, claim) = (text(one, "/spec/claimRef/namespace"), text(one, "/spec/claimRef/name"));
            (!handle.is_empty()).then(|| Volume {
                id: handle.rsplit('/').next().unwrap_or_default().to_owned(),
                claim: if claim.is_empty() { String::new() } else { format!("{space}/{claim}") },
                size: text(one, "/spec/capacity/storage").to_owned(),
                object: name(one).to_owned(),
                reclaimed: text(one, "/spec/persistentVolumeReclaimPolicy") != "Retain",
            })
        })
        .collect();
    found.sort();
    found
}

/// What an acknowledgement must repeat: 12 hex digits over a code and the ids it is about, so that one for three volumes says
/// nothing of a fourth.
pub(super) fn digest<'a>(code: &str, ids: impl IntoIterator<Item = &'a str>) -> String {
    let ids: BTreeSet<&str> = ids.into_iter().collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    hex::encode(&Sha256::digest(format!("rem-ci/ack/1\n{code}\n{}\n", ids.join("\n")).as_bytes())[..6])
}

/// A pod that may not be moved from a node that is to go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Blocked {
    /// `namespace/name`.
    pub(super) pod: String,
    pub(super) uid: String,
    pub(super) node: String,
    /// Why: the budget and what it says.
    pub(super) why: String,
    /// The command that would end the reason.
    pub(super) remedy: String,
    /// Seconds that it asked for to end in.
    pub(super) grace: i64,
}

/// Whether a pod has to leave before its node can go. Those of the node itself (DaemonSets, static pods), those that are
/// done, and those that tolerate what Karpenter taints a leaving node with do not.
///
/// Source: Karpenter, "Disruption", Termination controller.
pub(super) fn must_leave(pod: &Json) -> bool {
    let done = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    let of_node = items(pod, "/metadata/ownerReferences")
        .iter()
        .any(|owner| matches!(text(owner, "/kind"), "DaemonSet" | "Node"));
    let mirror = !annotation(pod, "kubernetes.io/config.mirror").is_empty();
    let tolerates = items(pod, "/spec/tolerations").iter().any(|toleration| {
        let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
        let exists = text(toleration, "/operator") == "Exists";
        (key == "karpenter.sh/disrupted" || (key.is_empty() && exists)) && matches!(effect, "" | "NoSchedule")
    });
    !(done || of_node || mirror || tolerates)
}

/// Pods on leaving nodes that an eviction would be refused for now. A budget counts for a pod that it selects while it allows
/// no disruption; an annotation of Karpenter's forbids it altogether.
pub(super) fn blocked(inside: &Inside, nodes: &BTreeSet<String>) -> Vec<Blocked> {
    let on_leaving = |pod: &&Json| nodes.contains(text(pod, "/spec/nodeName"));
    let pods = inside.pods.iter().filter(on_leaving).filter(|pod| must_leave(pod) && !leaving(pod));
    let mut found: Vec<Blocked> = pods
        .filter_map(|pod| {
            let space = namespace(pod);
            let budget = inside.budgets.iter().find(|budget| {
                namespace(budget) == space
                    && selects(budget.pointer("/spec/selector"), pod)
                    && number(budget, "/status/disruptionsAllowed") == 0
            });
            let held = annotation(pod, "karpenter.sh/do-not-disrupt") == "true";
            let (why, remedy) = match budget {
                Some(budget) => (said(budget), owner_remedy(pod)),
                None if held => (
                    "its annotation karpenter.sh/do-not-disrupt forbids it".to_owned(),
                    format!("kubectl --namespace {space} annotate pod/{} karpenter.sh/do-not-disrupt-", name(pod)),
                ),
                None => return None,
            };
            let grace = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Json::as_i64);
            Some(Blocked {
                pod: full(pod),
                uid: uid(pod).to_owned(),
                node: text(pod, "/spec/nodeName").to_owned(),
                why,
                remedy,
                grace: grace.unwrap_or(30),
            })
        })
        .collect();
    found.sort();
    found
}

/// A budget that allows nothing, in words: `PodDisruptionBudget shop/db allows 0 disruptions (minAvailable 1, 1 of 1 healthy)`.
fn said(budget: &Json) -> String {
    let of = |field: &str| match &budget["spec"][field] {
        Json::Null => None,
        Json::String(text) => Some(format!("{field} {text}")),
        other => Some(format!("{field} {other}")),
    };
    let asks = of("minAvailable").or_else(|| of("maxUnavailable")).map(|text| format!("{text}, ")).unwrap_or_default();
    let (healthy, expected) = (number(budget, "/status/currentHealthy"), number(budget, "/status/expectedPods"));
    format!("PodDisruptionBudget {} allows 0 disruptions ({asks}{healthy} of {expected} healthy)", full(budget))
}

/// How to let a pod go in order: scale down what makes it.
fn owner_remedy(pod: &Json) -> String {
    let space = namespace(pod);
    let owners = items(pod, "/metadata/ownerReferences");
    let owner = owners.iter().find(|owner| owner["controller"] == true).or(owners.first());
    let (kind, named) = owner.map_or(("", ""), |owner| (text(owner, "/kind"), text(owner, "/name")));
    match kind {
        // A ReplicaSet's name is its Deployment's, a dash and a hash.
        "ReplicaSet" => {
            let deployment = named.rsplit_once('-').map_or(named, |(deployment, _)| deployment);
            format!("kubectl --namespace {space} scale deployment/{deployment} --replicas 0")
        }
        "StatefulSet" => format!("kubectl --namespace {space} scale statefulset/{named} --replicas 0"),
        _ => format!("kubectl --namespace {space} delete pod/{}", name(pod)),
    }
}

/// Names of the nodes of NodeClaims that are on their way out.
pub(super) fn leaving_nodes(inside: &Inside) -> BTreeSet<String> {
    let claims = inside.claims.iter().filter(|claim| leaving(claim));
    claims.filter_map(|claim| node_of(inside, claim)).map(|node| name(node).to_owned()).collect()
}

/// What says whether a drain gets on: when nothing of this changes, nothing goes.
pub(super) fn signature(inside: &Inside) -> String {
    let nodes = leaving_nodes(inside);
    let mut parts: BTreeSet<String> = inside.claims.iter().map(full).collect();
    let pods = inside.pods.iter().filter(|pod| nodes.contains(text(pod, "/spec/nodeName")) && must_leave(pod));
    parts.extend(pods.map(|pod| format!("{} {}", uid(pod), leaving(pod))));
    parts.into_iter().collect::<Vec<_>>().join("\n")
}

/// NodeClaims and Nodes on their way out whose finalizers nobody will take off: their instance is not among those that still
/// stand. One that never had an instance counts where no Karpenter runs that could still give it one.
pub(super) fn stuck<'a>(inside: &'a Inside, standing: &BTreeSet<String>) -> Vec<(Thing, &'a Json)> {
    let dead = !karpenter_runs(inside);
    let gone = |object: &&Json| {
        leaving(object)
            && !finalizers(object).is_empty()
            && instance(object).map_or(dead, |instance| !standing.contains(instance))
    };
    let claims = inside.claims.iter().filter(gone).map(|claim| (Thing::Claim, claim));
    // A node of a node group has no finalizer of Karpenter's, and is EKS's.
    let of_karpenter = |node: &&Json| finalizers(node).iter().any(|finalizer| finalizer.starts_with("karpenter."));
    claims.chain(inside.nodes.iter().filter(of_karpenter).filter(gone).map(|node| (Thing::Node, node))).collect()
}

/// Leaving nodes that have nobody left on them, by the instance they are of.
pub(super) fn empty_instances(inside: &Inside) -> Vec<String> {
    let claims = inside.claims.iter().filter(|claim| leaving(claim));
    claims
        .filter(|claim| {
            let node = node_of(inside, claim).map(name);
            node.is_none_or(|node| {
                !inside.pods.iter().any(|pod| text(pod, "/spec/nodeName") == node && must_leave(pod))
            })
        })
        .filter_map(instance)
        .map(str::to_owned)
        .collect()
}
