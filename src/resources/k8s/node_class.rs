//! EC2NodeClasses: what Karpenter's nodes are made of.

use std::collections::BTreeMap;

use super::fields::Piece;
use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope, Value,
};

/// One EC2NodeClass.
#[derive(Clone, Debug)]
pub struct NodeClass {
    /// Its name, and third part of the address.
    pub name: String,
    /// Where it is.
    pub home: Home,
    /// The API that it is of, and the one that ends its instances.
    pub karpenter: Karpenter,
    /// Name of the nodes' role.
    pub role: Value,
    /// `al2023@default`, or an exact alias; none where `ami_terms` say it.
    pub ami_alias: Option<String>,
    /// Other terms, as they are.
    pub ami_terms: Value,
    /// `AL2023`, where no alias says it.
    pub ami_family: Option<String>,
    /// Ids of subnets.
    pub subnets: Vec<Value>,
    /// Ids of security groups.
    pub security_groups: Vec<Value>,
    /// Tags of instances, volumes and interfaces.
    pub tags: BTreeMap<String, String>,
    /// Volumes.
    pub volumes: Value,
    /// Metadata service.
    pub metadata: Value,
    /// Kubelet settings.
    pub kubelet: Value,
    /// Boot script.
    pub user_data: Option<String>,
    /// One-minute metrics.
    pub detailed_monitoring: Option<bool>,
    /// `RAID0`.
    pub instance_store: Option<String>,
}

/// What must be there for objects of Karpenter's own API.
#[derive(Clone, Debug)]
pub struct Karpenter {
    /// The definitions: without them there is no such object.
    pub crds: Address,
    /// The controller, and what it needs itself: it gives nodes back, so it ends later.
    pub controller: Vec<Address>,
}

/// The API of EC2NodeClasses.
pub const API: Api = Api { group: "karpenter.k8s.aws", version: "v1", kind: "EC2NodeClass", plural: "ec2nodeclasses" };

const SHAPE: Shape = Shape {
    api: API,
    pieces: &[
        Piece::text("role", "/spec/role"),
        Piece::text("amiSelectorTerms", "/spec/amiSelectorTerms"),
        Piece::text("amiFamily", "/spec/amiFamily"),
        Piece::text("subnetSelectorTerms", "/spec/subnetSelectorTerms"),
        Piece::text("securityGroupSelectorTerms", "/spec/securityGroupSelectorTerms"),
        Piece::text("tags", "/spec/tags"),
        Piece::typed("blockDeviceMappings", "/spec/blockDeviceMappings"),
        Piece::typed("metadataOptions", "/spec/metadataOptions"),
        Piece::typed("kubelet", "/spec/kubelet"),
        Piece::text("userData", "/spec/userData"),
        Piece::typed("detailedMonitoring", "/spec/detailedMonitoring"),
        Piece::text("instanceStorePolicy", "/spec/instanceStorePolicy"),
    ],
    ready: object::by_condition,
};

/// The fact that holds the alias a class of this name was made with.
#[must_use]
pub fn alias_fact(name: &str) -> String {
    format!("node-class/{name}/alias")
}

/// The fact that holds what a family's `default` is now: `al2023@v20261118`.
#[must_use]
pub fn default_fact(family: &str) -> String {
    format!("ami-alias/{family}/default")
}

/// The alias in the terms of a class, live or recorded.
#[must_use]
pub fn alias(terms: &Value) -> Option<&str> {
    terms.items().iter().find_map(|term| term.get("alias")?.as_text())
}

impl NodeClass {
    /// The address of the class of this name.
    #[must_use]
    pub fn at(name: &str) -> Address {
        Address::keyed("karpenter", "node-class", name)
    }

    fn terms(&self, facts: &Facts) -> Value {
        let Some(alias) = &self.ami_alias else { return self.ami_terms.clone() };
        let alias = match alias.split_once('@') {
            Some((family, "default")) => {
                // A choice of another family is no choice of this one.
                let kept = alias_fact(&self.name);
                let same = facts.get(&kept).is_some_and(|kept| kept.split('@').next() == Some(family));
                let offered = default_fact(family);
                let keys = if same { vec![kept.as_str(), &offered] } else { vec![offered.as_str()] };
                facts.first(&keys)
            }
            _ => Value::text(alias),
        };
        match alias {
            Value::Pending(fact) => Value::Pending(fact),
            alias => Value::List(vec![Value::map([("alias", alias)])]),
        }
    }
}

impl Resource for NodeClass {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "node-class",
        noun: "EC2NodeClass",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            object::NAME,
            Field::rolls("role", "Name of the nodes' role; Karpenter makes the instance profile"),
            Field::rolls(
                "amiSelectorTerms",
                "The image; an alias is pinned at creation and moves when the file says so",
            ),
            Field::rolls("amiFamily", "How nodes are set up, where no alias says it"),
            Field::rolls("subnetSelectorTerms", "Subnets, by id"),
            Field::rolls("securityGroupSelectorTerms", "Security groups, by id"),
            Field::rolls("tags", "Tags of instances, volumes and interfaces"),
            Field::rolls("blockDeviceMappings", "Volumes: gp3, encrypted"),
            Field::rolls("metadataOptions", "Instance metadata: tokens required (IMDSv2), hop limit 1"),
            Field::rolls("kubelet", "Kubelet settings"),
            Field::rolls("userData", "Boot script, runs as root"),
            Field::rolls("detailedMonitoring", "One-minute metrics"),
            Field::rolls("instanceStorePolicy", "`RAID0` puts instance-store volumes under the kubelet"),
        ],
        rank: 98,
        custody: Custody::Owned,
        // Ready a few seconds after the controller is: it asks EC2 for subnets, groups and images, and makes dry runs.
        patience: Patience::secs(15, 10, 20, 1800),
        docs: "What nodes are made of. Every change of it is drift to Karpenter, which replaces nodes one after the other within \
               the budgets of their pools. Subnets and groups are chosen by id: by tag, a foreign one with a copied tag would \
               do. Karpenter lets go of it when its last node is gone, so it ends after its pools and before Karpenter. Source: \
               Karpenter, \"NodeClasses\" and \"Disruption\", Drift.",
    };

    fn address(&self) -> Address {
        Self::at(&self.name)
    }

    fn want(&self, facts: &Facts) -> Fields {
        let by_id = |ids: &[Value]| Value::List(ids.iter().map(|id| Value::map([("id", id.clone())])).collect());
        self.home.want(
            &self.name,
            [
                ("role", Some(self.role.clone())),
                ("amiSelectorTerms", Some(self.terms(facts))),
                ("amiFamily", self.ami_family.as_ref().map(Value::text)),
                ("subnetSelectorTerms", Some(by_id(&self.subnets))),
                ("securityGroupSelectorTerms", Some(by_id(&self.security_groups))),
                ("tags", Some(Value::tags(&self.tags))),
                ("blockDeviceMappings", Some(self.volumes.clone())),
                ("metadataOptions", Some(self.metadata.clone())),
                ("kubelet", Some(self.kubelet.clone())),
                ("userData", self.user_data.as_ref().map(Value::text)),
                ("detailedMonitoring", self.detailed_monitoring.map(Value::text)),
                ("instanceStorePolicy", self.instance_store.as_ref().map(Value::text)),
            ],
        )
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.iter().chain([&self.karpenter.crds]).cloned().collect()
    }

    fn leans(&self) -> Vec<Address> {
        self.karpenter.controller.clone()
    }

    fn mends() -> bool {
        true
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let found = object::sweep(cloud, scope, &SHAPE).await?;
        Ok(found.into_iter().map(with_facts).collect())
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        Ok(object::read(cloud, scope, id, &SHAPE).await?.map(with_facts))
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

/// The alias that it was made with stays.
fn with_facts(mut live: Live) -> Live {
    if let Some(alias) = live.fields.get("amiSelectorTerms").and_then(alias) {
        live.facts.insert(alias_fact(live.text("name")), alias.to_owned());
    }
    live
}

#[cfg(test)]
mod tests;
