//! Namespaces.

use super::object::{self, Home, Shape};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::Api;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Fields, Kind, Live, Patience, Read, Ready, Resource, Scope,
};

/// The namespace that Karpenter runs in.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub home: Home,
}

const SHAPE: Shape = Shape {
    api: Api { group: "", version: "v1", kind: "Namespace", plural: "namespaces" },
    pieces: &[],
    ready: |namespace| match object::text(namespace, "/status/phase") {
        "Active" | "" => Ready::Yes,
        phase => Ready::Leaving(phase.to_owned()),
    },
};

impl Resource for Namespace {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "namespace",
        noun: "Namespace",
        actions: object::ACTIONS,
        fields: &[object::CLUSTER, object::CLUSTER_NAME, object::NAME],
        rank: 94,
        custody: Custody::Owned,
        // Deletion empties it first; with Karpenter gone there is little in it.
        patience: Patience::secs(0, 0, 5, 600),
        docs: "Where Karpenter runs, apart from the system's own. Deleting it deletes all that is in it, so it goes after the \
               release. Source: Kubernetes, \"Namespaces\".",
    };

    fn address(&self) -> Address {
        Address::single("karpenter", "namespace")
    }

    fn want(&self, _: &Facts) -> Fields {
        self.home.want(&self.name, [])
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        object::sweep(cloud, scope, &SHAPE).await
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
