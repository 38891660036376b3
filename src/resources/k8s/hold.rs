//! What a destroy needs of a cluster: to see what others keep in it, to end that in order, and to let go of what nobody else
//! will let go of any more. No decision is made here.

use futures_util::future::try_join_all;
use serde_json::{Value as Json, json};

use crate::cloud::Cloud;
use crate::cloud::kubernetes::{Api, Place, objects};
use crate::engine::{Class, Failure, Read};

/// A resource of which things are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    /// A Service.
    Service,
    /// An Ingress.
    Ingress,
    /// A Gateway.
    Gateway,
    /// A PersistentVolume.
    Volume,
    /// A NodePool.
    Pool,
    /// An EC2NodeClass.
    Class,
    /// A NodeClaim.
    Claim,
    /// A Node.
    Node,
    /// A Pod.
    Pod,
}

const fn api(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Api {
    Api { group, version, kind, plural }
}

const INGRESS_CLASSES: Api = api("networking.k8s.io", "v1", "IngressClass", "ingressclasses");
const GATEWAY_CLASSES: Api = api("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses");
const BUDGETS: Api = api("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
const DEPLOYMENTS: Api = api("apps", "v1", "Deployment", "deployments");

impl Thing {
    /// For people.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        self.api().kind
    }

    const fn api(self) -> Api {
        match self {
            Self::Service => api("", "v1", "Service", "services"),
            Self::Ingress => api("networking.k8s.io", "v1", "Ingress", "ingresses"),
            Self::Gateway => api("gateway.networking.k8s.io", "v1", "Gateway", "gateways"),
            Self::Volume => api("", "v1", "PersistentVolume", "persistentvolumes"),
            Self::Pool => api("karpenter.sh", "v1", "NodePool", "nodepools"),
            Self::Class => api("karpenter.k8s.aws", "v1", "EC2NodeClass", "ec2nodeclasses"),
            Self::Claim => api("karpenter.sh", "v1", "NodeClaim", "nodeclaims"),
            Self::Node => api("", "v1", "Node", "nodes"),
            Self::Pod => api("", "v1", "Pod", "pods"),
        }
    }
}

/// Lists of objects as the API server gave them. What the cluster does not serve (no Karpenter, no Gateway API) is empty.
#[derive(Clone, Debug, Default)]
pub struct Inside {
    /// Services of all namespaces.
    pub services: Vec<Json>,
    /// Ingresses.
    pub ingresses: Vec<Json>,
    /// IngressClasses.
    pub ingress_classes: Vec<Json>,
    /// Gateways.
    pub gateways: Vec<Json>,
    /// GatewayClasses.
    pub gateway_classes: Vec<Json>,
    /// PersistentVolumes.
    pub volumes: Vec<Json>,
    /// NodePools, ours and others'.
    pub pools: Vec<Json>,
    /// EC2NodeClasses, ours and others'.
    pub classes: Vec<Json>,
    /// NodeClaims.
    pub claims: Vec<Json>,
    /// Nodes.
    pub nodes: Vec<Json>,
    /// Pods of all namespaces.
    pub pods: Vec<Json>,
    /// PodDisruptionBudgets.
    pub budgets: Vec<Json>,
    /// Deployments with Karpenter's label.
    pub karpenter: Vec<Json>,
}

/// Which of the lists are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All.
    All,
    /// What has load balancers.
    Balanced,
    /// Pools, claims, nodes and what is on them.
    Nodes,
    /// Node classes, and whether Karpenter runs.
    Classes,
}

/// A way into a cluster.
pub struct Hold(kube::Client);

impl std::fmt::Debug for Hold {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Hold")
    }
}

/// The way into the cluster of that name; none when there is no cluster, or its control plane is not up.
///
/// # Errors
/// When it is there and cannot be reached, or lets us not in.
pub async fn hold(cloud: &Cloud, cluster: &str) -> Read<Option<Hold>> {
    Ok(cloud.kube(cluster).await?.map(Hold))
}

impl Hold {
    /// Reads what is inside, each list to its end, all at once.
    ///
    /// # Errors
    /// What the API server said, or why it said nothing.
    pub async fn read(&self, part: Part) -> Read<Inside> {
        let balanced = matches!(part, Part::All | Part::Balanced);
        let nodes = matches!(part, Part::All | Part::Nodes);
        let classes = matches!(part, Part::All | Part::Classes);
        let wanted = [
            (balanced, Thing::Service.api(), ""),
            (balanced, Thing::Ingress.api(), ""),
            (balanced, INGRESS_CLASSES, ""),
            (balanced, Thing::Gateway.api(), ""),
            (balanced, GATEWAY_CLASSES, ""),
            (part == Part::All, Thing::Volume.api(), ""),
            (nodes, Thing::Pool.api(), ""),
            (classes, Thing::Class.api(), ""),
            (nodes, Thing::Claim.api(), ""),
            (nodes, Thing::Node.api(), ""),
            (nodes, Thing::Pod.api(), ""),
            (nodes, BUDGETS, ""),
            (nodes || classes, DEPLOYMENTS, "app.kubernetes.io/name=karpenter"),
        ];
        let lists = wanted.iter().map(|(wanted, api, selector)| async move {
            if !wanted {
                return Ok(Vec::new());
            }
            match objects::list(&self.0, api, None, selector).await {
                Err(failure) if failure.class == Class::Gone => Ok(Vec::new()),
                listed => listed,
            }
        });
        let mut lists = try_join_all(lists).await?.into_iter();
        let mut next = || lists.next().unwrap_or_default();
        Ok(Inside {
            services: next(),
            ingresses: next(),
            ingress_classes: next(),
            gateways: next(),
            gateway_classes: next(),
            volumes: next(),
            pools: next(),
            classes: next(),
            claims: next(),
            nodes: next(),
            pods: next(),
            budgets: next(),
            karpenter: next(),
        })
    }

    /// Asks for an object's end, the rest of what it owns after it. A pod may be given its own time to end, or so many
    /// seconds. What is gone already is fine.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn delete(&self, thing: Thing, object: &Json, grace_seconds: Option<u32>) -> Result<(), Failure> {
        let mut options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": { "uid": object["metadata"]["uid"] },
        });
        if let Some(seconds) = grace_seconds {
            options["gracePeriodSeconds"] = json!(seconds);
        }
        objects::delete_with(&self.0, &thing.api(), place(object), &options).await
    }

    /// Asks for a pod to leave, which its disruption budgets may refuse: false then.
    ///
    /// # Errors
    /// What else the API server said.
    pub async fn evict(&self, pod: &Json) -> Result<bool, Failure> {
        let metadata = &pod["metadata"];
        let eviction = json!({
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": { "name": metadata["name"], "namespace": metadata["namespace"] },
            "deleteOptions": { "preconditions": { "uid": metadata["uid"] } },
        });
        match objects::create_under(&self.0, &Thing::Pod.api(), place(pod), "eviction", &eviction).await {
            Ok(()) => Ok(true),
            Err(failure) => match failure.class {
                // Gone, or another one of this name by now.
                Class::Gone | Class::Passing => Ok(true),
                Class::Throttled => Ok(false),
                _ => Err(failure),
            },
        }
    }

    /// Takes every finalizer off an object: whoever put them there will not come any more.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn let_go(&self, thing: Thing, object: &Json) -> Result<(), Failure> {
        let patch = json!({ "metadata": { "uid": object["metadata"]["uid"], "finalizers": null } });
        self.merge(thing, object, &patch).await
    }

    /// Makes Kubernetes keep what is on a volume, whatever becomes of its claim.
    ///
    /// # Errors
    /// What the API server said.
    pub async fn retain(&self, volume: &Json) -> Result<(), Failure> {
        self.merge(Thing::Volume, volume, &json!({ "spec": { "persistentVolumeReclaimPolicy": "Retain" } })).await
    }

    async fn merge(&self, thing: Thing, object: &Json, patch: &Json) -> Result<(), Failure> {
        match objects::merge(&self.0, &thing.api(), place(object), patch).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.class == Class::Gone => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

fn place(object: &Json) -> Place<'_> {
    let metadata = &object["metadata"];
    Place { namespace: metadata["namespace"].as_str(), name: metadata["name"].as_str().unwrap_or_default() }
}
