//! The definitions of Karpenter's own resources, out of its chart.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use serde_json::{Value as Json, json};

use super::helm_release::{ANNOTATION_CHART, chart_fields, chart_of};
use super::object::{self, Home};
use crate::cloud::kubernetes::{Api, MANAGER, Place, objects};
use crate::cloud::{Cloud, helm};
use crate::config::spec;
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Ready, Resource, Scope,
    Value,
};
use crate::resources::aws::eks;

/// Karpenter's CustomResourceDefinitions.
#[derive(Clone, Debug)]
pub struct Crds {
    /// Where they are.
    pub home: Home,
    /// Version, place and digest of the chart.
    pub chart: spec::Karpenter,
}

const API: Api = Api {
    group: "apiextensions.k8s.io",
    version: "v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
};

/// The definitions that every version has; newer ones have more.
const DEFINITIONS: [&str; 3] =
    ["ec2nodeclasses.karpenter.k8s.aws", "nodeclaims.karpenter.sh", "nodepools.karpenter.sh"];

const ID: &str = "crds";

impl Crds {
    /// Their address.
    #[must_use]
    pub fn at() -> Address {
        Address::single("karpenter", Self::KIND.name)
    }
}

impl Resource for Crds {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "crds",
        noun: "Karpenter's CustomResourceDefinitions",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            Field::in_place("version", "Version of the chart they are from"),
            Field::in_place("chart", "Where the chart is"),
            Field::in_place("chartDigest", "What its file must be"),
            Field::in_place("definitions", "The definitions that every version has"),
        ],
        rank: 97,
        custody: Custody::Owned,
        // A definition is served a moment after it is there.
        patience: Patience::secs(2, 2, 10, 600),
        docs: "Helm installs a chart's definitions once and never again, so they are applied by us from the same checked file, \
               before the controller and with every version of it. Deleting them deletes all pools and classes, so they go \
               last. Source: Helm, \"Custom Resource Definitions\"; Karpenter, \"Upgrade Guide\", CRD Upgrades.",
    };

    fn address(&self) -> Address {
        Self::at()
    }

    fn want(&self, _: &Facts) -> Fields {
        let mut want = self.home.want(ID, chart_fields(&self.chart));
        want.remove("name");
        want.insert("definitions".to_owned(), Value::texts(DEFINITIONS));
        want
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.clone()
    }

    fn moves(changes: &[Change]) -> &'static [&'static str] {
        // What uses a new version's fields waits for it.
        if changes.iter().any(|change| change.field == "version") { &["version"] } else { &[] }
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (cluster, client) in object::clusters(cloud, scope).await? {
            let ours = object::listed(&client, &API, None, &object::selector(scope)).await?;
            if !ours.is_empty() || scope.wanted.is_empty() {
                found.extend(live(&cluster, &ours, scope));
                continue;
            }
            let there = DEFINITIONS.iter().map(|name| objects::get(&client, &API, Place::global(name)));
            let there: Vec<_> = try_join_all(there).await?.into_iter().flatten().collect();
            let mut theirs = live(&cluster, &there, scope);
            if let Some(theirs) = &mut theirs {
                eks::stand_in(theirs, scope, |_| true);
            }
            found.extend(theirs);
        }
        Ok(found)
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let (cluster, _) = eks::split(id);
        let Some(client) = cloud.kube(cluster).await? else { return Ok(None) };
        let ours = object::listed(&client, &API, None, &object::selector(scope)).await?;
        Ok(live(cluster, &ours, scope))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let cluster = eks::text(want, "cluster");
        let client = object::client(cloud, cluster).await?;
        let chart = chart_of(want);
        let definitions = cloud.helm.crds(&chart).await?;
        let each = definitions.into_iter().map(|definition| applied(&client, cx, &chart, definition));
        try_join_all(each).await?;
        Ok(eks::inside(cluster, ID))
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        Self::create(cloud, cx, want).await.map(drop)
    }

    async fn delete(cloud: &Cloud, cx: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, _) = eks::split(&live.id);
        let Some(client) = cloud.kube(cluster).await? else { return Ok(()) };
        let selector = format!("{}={}", object::LABEL_ENVIRONMENT, cx.environment);
        let ours = object::listed(&client, &API, None, &selector).await?;
        let each = ours.iter().map(|one| {
            let uid = object::text(one, "/metadata/uid");
            objects::delete(&client, &API, Place::global(object::name(one)), uid)
        });
        try_join_all(each).await.map(drop)
    }
}

async fn applied(client: &kube::Client, cx: &Cx, chart: &helm::Chart, mut definition: Json) -> Result<(), Failure> {
    object::own(&mut definition, cx);
    definition["metadata"]["annotations"][ANNOTATION_CHART] = json!(chart.version);
    let name = object::name(&definition).to_owned();
    objects::apply(client, &API, Place::global(&name), MANAGER, &definition).await.map(drop).map_err(object::soon)
}

/// All definitions as the one thing they are.
fn live(cluster: &str, definitions: &[Json], scope: &Scope) -> Option<Live> {
    let first = definitions.first()?;
    let mut live = object::bare(cluster, ID, first);
    live.fields.remove("name");
    live.names.remove("uid");
    let versions: BTreeSet<&str> = definitions
        .iter()
        .map(|one| one["metadata"]["annotations"][ANNOTATION_CHART].as_str().unwrap_or_default())
        .collect();
    let version = versions.into_iter().collect::<Vec<_>>().join(", ");
    live.names.insert("version".to_owned(), version.clone());
    super::helm_release::put_chart(&mut live, scope, version);
    let names: BTreeSet<&str> = definitions.iter().map(object::name).collect();
    let usual = DEFINITIONS.iter().filter(|name| names.contains(*name));
    live.fields.insert("definitions".to_owned(), Value::texts(usual));
    live.ready = definitions.iter().map(ready).find(|ready| *ready != Ready::Yes).unwrap_or(Ready::Yes);
    Some(live)
}

fn ready(definition: &Json) -> Ready {
    let conditions = definition.pointer("/status/conditions").and_then(Json::as_array).into_iter().flatten();
    let mut established = conditions.filter(|one| one["type"] == "Established" && one["status"] == "True");
    match (object::leaving(definition), established.next()) {
        (Some(leaving), _) => leaving,
        (None, Some(_)) => Ready::Yes,
        (None, None) => Ready::NotYet(format!("{} is not served yet", object::name(definition))),
    }
}

#[cfg(test)]
mod tests;
