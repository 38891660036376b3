//! NodePools: which nodes Karpenter may make, for whom, how many, and when they go.

use std::collections::BTreeMap;

use super::fields::Piece;
use super::node_class::{self, Karpenter};
use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, Value,
};
use crate::resources::aws::eks;

/// One NodePool.
#[derive(Clone, Debug)]
pub struct NodePool {
    /// Its name, and third part of the address.
    pub name: String,
    /// The name it had before, where it was renamed.
    pub was: Option<String>,
    /// Where it is.
    pub home: Home,
    /// The API that it is of, and the one that drains its nodes.
    pub karpenter: Karpenter,
    /// Name of its EC2NodeClass.
    pub node_class: Value,
    /// Labels of its nodes.
    pub labels: BTreeMap<String, String>,
    /// Annotations of its nodes.
    pub annotations: BTreeMap<String, String>,
    /// What its nodes may be.
    pub requirements: Value,
    /// Taints of its nodes.
    pub taints: Value,
    /// Taints that go once a node is set up.
    pub startup_taints: Value,
    /// Age at which a node is replaced.
    pub expire_after: Option<String>,
    /// How long a draining node may take.
    pub termination_grace_period: Option<String>,
    /// Consolidation and budgets.
    pub disruption: Value,
    /// Upper bounds.
    pub limits: BTreeMap<String, String>,
    /// Preferred over pools of less weight.
    pub weight: Option<u8>,
    /// A fixed number of nodes.
    pub replicas: Option<u32>,
}

/// The label that every node has, with its pool's name: what a pod names to choose a pool.
pub const POOL_LABEL: &str = "workload-type";

/// The API of NodePools.
pub const API: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodePool", plural: "nodepools" };

/// The API of what a pool makes nodes by.
pub const CLAIMS: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodeClaim", plural: "nodeclaims" };

const SHAPE: Shape = Shape {
    api: API,
    pieces: &[
        Piece::text("nodeClassGroup", "/spec/template/spec/nodeClassRef/group"),
        Piece::text("nodeClassKind", "/spec/template/spec/nodeClassRef/kind"),
        Piece::text("nodeClass", "/spec/template/spec/nodeClassRef/name"),
        Piece::text("labels", "/spec/template/metadata/labels"),
        Piece::text("annotations", "/spec/template/metadata/annotations"),
        Piece::typed("requirements", "/spec/template/spec/requirements"),
        Piece::text("taints", "/spec/template/spec/taints"),
        Piece::text("startupTaints", "/spec/template/spec/startupTaints"),
        Piece::text("expireAfter", "/spec/template/spec/expireAfter"),
        Piece::text("terminationGracePeriod", "/spec/template/spec/terminationGracePeriod"),
        Piece::text("disruption", "/spec/disruption"),
        Piece::text("limits", "/spec/limits"),
        Piece::typed("weight", "/spec/weight"),
        Piece::typed("replicas", "/spec/replicas"),
    ],
    ready: object::by_condition,
};

impl NodePool {
    /// The address of the pool of this name.
    #[must_use]
    pub fn at(name: &str) -> Address {
        Address::keyed("karpenter", "node-pool", name)
    }
}

impl Resource for NodePool {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "node-pool",
        noun: "NodePool",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            object::NAME,
            Field::replaces("nodeClassGroup", Order::DeleteFirst, "API group of its class; Karpenter refuses a change"),
            Field::replaces("nodeClassKind", Order::DeleteFirst, "Kind of its class; Karpenter refuses a change"),
            Field::rolls("nodeClass", "Name of its EC2NodeClass"),
            Field::rolls("labels", "Labels of its nodes, `workload-type` among them"),
            Field::rolls("annotations", "Annotations of its nodes"),
            Field::rolls("requirements", "What its nodes may be; nodes that no longer fit are replaced"),
            Field::rolls("taints", "Taints of its nodes"),
            Field::rolls("startupTaints", "Taints that go once a node is set up"),
            Field::rolls("expireAfter", "Age at which a node is replaced, budgets or not"),
            Field::rolls("terminationGracePeriod", "How long a draining node may take before it is ended by force"),
            Field::in_place("disruption", "When nodes may go, and how many at once"),
            Field::in_place("limits", "Upper bounds on what the pool may hold"),
            Field::in_place("weight", "Preferred over pools of less weight"),
            Field::in_place("replicas", "Number of nodes of a pool of fixed size"),
            Field::replaces("fixedSize", Order::DeleteFirst, "Whether it has one; Karpenter refuses a change"),
        ],
        rank: 99,
        custody: Custody::Owned,
        // Its nodes are drained first: minutes, and for ever behind a PodDisruptionBudget that allows nothing.
        patience: Patience::secs(20, 10, 180, 2400),
        docs: "Which nodes Karpenter may make, and when they go. A change of its template is drift to Karpenter, which replaces \
               nodes one after the other within the budgets; limits, weight and disruption move nothing. It is gone when its \
               nodes are: they are drained by Karpenter, which therefore ends later. Source: Karpenter, \"NodePools\" and \
               \"Disruption\".",
    };

    fn address(&self) -> Address {
        Self::at(&self.name)
    }

    fn want(&self, _: &Facts) -> Fields {
        let text = |text: &Option<String>| text.as_ref().map(Value::text);
        self.home.want(
            &self.name,
            [
                ("nodeClassGroup", Some(Value::text(node_class::API.group))),
                ("nodeClassKind", Some(Value::text(node_class::API.kind))),
                ("nodeClass", Some(self.node_class.clone())),
                ("labels", Some(Value::tags(&self.labels))),
                ("annotations", Some(Value::tags(&self.annotations))),
                ("requirements", Some(self.requirements.clone())),
                ("taints", Some(self.taints.clone())),
                ("startupTaints", Some(self.startup_taints.clone())),
                ("expireAfter", text(&self.expire_after)),
                ("terminationGracePeriod", text(&self.termination_grace_period)),
                ("disruption", Some(self.disruption.clone())),
                ("limits", Some(Value::tags(&self.limits))),
                ("weight", self.weight.map(Value::text)),
                ("replicas", self.replicas.map(Value::text)),
                ("fixedSize", self.replicas.map(|_| Value::text("true"))),
            ],
        )
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.iter().chain([&self.karpenter.crds]).cloned().collect()
    }

    fn leans(&self) -> Vec<Address> {
        self.karpenter.controller.clone()
    }

    fn formerly(&self) -> Option<Address> {
        self.was.as_deref().map(Self::at)
    }

    fn mends() -> bool {
        true
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        object::sweep(cloud, scope, &SHAPE).await.map(|found| found.into_iter().map(sized).collect())
    }

    /// A pool that is gone while nodes of it are still being given back counts as leaving.
    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        if let Some(live) = object::read(cloud, scope, id, &SHAPE).await? {
            return Ok(Some(sized(live)));
        }
        let (cluster, name) = eks::split(id);
        let Some(client) = cloud.kube(cluster).await? else { return Ok(None) };
        let claims = object::listed(&client, &CLAIMS, None, &format!("karpenter.sh/nodepool={name}")).await?;
        if claims.is_empty() {
            return Ok(None);
        }
        let mut live = Live::new(id);
        live.ready = Ready::Leaving(format!("{} of its nodes are still draining", claims.len()));
        Ok(Some(live))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        object::apply(cloud, cx, want, &SHAPE).await
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        object::apply(cloud, cx, want, &SHAPE).await.map(drop)
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        object::delete(cloud, live, &SHAPE).await
    }
}

/// Whether its size is fixed, which no change can bring about.
fn sized(mut live: Live) -> Live {
    if live.fields.contains_key("replicas") {
        live.fields.insert("fixedSize".to_owned(), Value::text("true"));
    }
    live
}

#[cfg(test)]
mod tests;
