//! StorageClasses: what kind of volume a claim gets.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::fields::Piece;
use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource, Scope,
    Value,
};

/// One StorageClass of the EBS CSI driver.
#[derive(Clone, Debug)]
pub struct StorageClass {
    /// Its name, and third part of the address.
    pub name: String,
    /// Where it is.
    pub home: Home,
    /// Whether claims that name no class get it.
    pub default: bool,
    /// Parameters of the driver.
    pub parameters: BTreeMap<String, String>,
}

/// Tag of a live class of ours that names the other classes which say that they are the default.
pub const ALSO_DEFAULT: &str = "also-default";

const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";

const SHAPE: Shape = Shape {
    api: Api { group: "storage.k8s.io", version: "v1", kind: "StorageClass", plural: "storageclasses" },
    pieces: &[
        Piece::text("default", "/metadata/annotations/storageclass.kubernetes.io~1is-default-class"),
        Piece::text("provisioner", "/provisioner"),
        Piece::text("parameters", "/parameters"),
        Piece::text("reclaimPolicy", "/reclaimPolicy"),
        Piece::text("volumeBindingMode", "/volumeBindingMode"),
        Piece::typed("allowVolumeExpansion", "/allowVolumeExpansion"),
    ],
    ready: object::at_once,
};

impl Resource for StorageClass {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "storage-class",
        noun: "StorageClass",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            object::NAME,
            Field::in_place("default", "Whether claims that name no class get it"),
            Field::replaces("provisioner", Order::DeleteFirst, "The driver that makes volumes"),
            Field::replaces("parameters", Order::DeleteFirst, "Volume type, encryption, tags of volumes"),
            Field::replaces("reclaimPolicy", Order::DeleteFirst, "What becomes of a volume when its claim goes"),
            Field::replaces("volumeBindingMode", Order::DeleteFirst, "When a volume is made: with its first pod"),
            Field::in_place("allowVolumeExpansion", "Whether claims may grow"),
        ],
        rank: 96,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "The class of claims that name none: gp3, encrypted, made in the zone of the pod that wants it. Volumes that \
               exist stay as they are when the class is replaced. Source: Kubernetes, \"Storage Classes\"; Amazon EBS CSI \
               driver, docs/parameters.md.",
    };

    fn address(&self) -> Address {
        Address::keyed("kubernetes", "storage-class", &self.name)
    }

    fn want(&self, _: &Facts) -> Fields {
        self.home.want(
            &self.name,
            [
                ("default", self.default.then(|| Value::text("true"))),
                ("provisioner", Some(Value::text("ebs.csi.aws.com"))),
                ("parameters", Some(Value::tags(&self.parameters))),
                ("reclaimPolicy", Some(Value::text("Delete"))),
                ("volumeBindingMode", Some(Value::text("WaitForFirstConsumer"))),
                ("allowVolumeExpansion", Some(Value::text("true"))),
            ],
        )
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    /// All classes are listed, for of two defaults Kubernetes takes the newer one: somebody else's would be used in place of
    /// ours.
    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (cluster, client) in object::clusters(cloud, scope).await? {
            let all = object::listed(&client, &SHAPE.api, None, "").await?;
            let defaults: Vec<_> = all.iter().filter(|class| is_default(class)).map(object::name).collect();
            for class in &all {
                let name = object::name(class);
                let wanted = scope.wanted.iter().any(|(_, fields)| fields.get("name") == Some(&Value::text(name)));
                if !wanted && class["metadata"]["labels"][object::LABEL_ENVIRONMENT] != scope.environment.as_str() {
                    continue;
                }
                let mut live = object::found(&SHAPE, &cluster, class, scope);
                let others: Vec<_> = defaults.iter().filter(|default| **default != name).copied().collect();
                if !others.is_empty() && is_default(class) {
                    live.tags.insert(ALSO_DEFAULT.to_owned(), others.join(", "));
                }
                found.push(live);
            }
        }
        Ok(found)
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        object::read(cloud, scope, id, &SHAPE).await
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

/// Whether a class says that it is the default.
fn is_default(class: &Json) -> bool {
    class["metadata"]["annotations"][DEFAULT] == "true"
}
