//! Karpenter's controller, installed from its chart.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::object::{self, Home};
use crate::cloud::Cloud;
use crate::cloud::helm::{Chart, Release, Source, Values};
use crate::cloud::kubernetes::{Api, MANAGER, Place, objects};
use crate::config::spec;
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready,
    Resource, Scope, Value,
};
use crate::resources::aws::eks;

/// The release of Karpenter's chart.
#[derive(Clone, Debug)]
pub struct HelmRelease {
    /// Where it is.
    pub home: Home,
    /// Chart, namespace and values of the file.
    pub karpenter: spec::Karpenter,
    /// Name of the interruption queue.
    pub queue: String,
    /// ARN of the controller's role, with IRSA.
    pub role: Option<String>,
    /// Labels of the nodes that it runs on.
    pub nodes: BTreeMap<String, String>,
    /// What must be there before it is installed.
    pub before: Vec<Address>,
    /// What must stand until it has ended.
    pub stands: Vec<Address>,
}

/// Name of the release, of its Deployment and of its service account.
pub const RELEASE: &str = "karpenter";

/// Annotation that holds the version of the chart.
pub const ANNOTATION_CHART: &str = "rem-ci.dev/chart";

/// Annotation that holds the digest of the values.
pub const ANNOTATION_VALUES: &str = "rem-ci.dev/values";

const API: Api = Api { group: "apps", version: "v1", kind: "Deployment", plural: "deployments" };

impl HelmRelease {
    /// Its address.
    #[must_use]
    pub fn at() -> Address {
        Address::single("karpenter", Self::KIND.name)
    }

    fn values(&self) -> Values {
        Values {
            cluster: self.home.cluster_name.clone(),
            queue: self.queue.clone(),
            role: self.role.clone(),
            nodes: self.nodes.clone(),
            own: self.karpenter.values.clone(),
        }
    }
}

impl Resource for HelmRelease {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "helm-release",
        noun: "Karpenter's Helm release",
        actions: object::ACTIONS,
        fields: &[
            object::CLUSTER,
            object::CLUSTER_NAME,
            Field::replaces("namespace", Order::DeleteFirst, "Where it runs"),
            Field::in_place("version", "Version of the chart and of the controller"),
            Field::in_place("chart", "Where the chart is"),
            Field::in_place("chartDigest", "What its file must be"),
            Field::in_place("values", "All values that are set; the chart's own defaults apply to the rest"),
            Field::in_place("valuesDigest", "Digest of the values, which is all that a read can see of them"),
        ],
        rank: 97,
        custody: Custody::Owned,
        // Two replicas pull an image and elect a leader; the first time they wait for the nodes to boot.
        patience: Patience::secs(40, 40, 20, 1800),
        docs: "Karpenter's controller, from a chart whose digest was checked. A plan reads no Secrets, in which Helm keeps its \
               releases: version and digest of the values stand in annotations of the Deployment. It is ready when the rollout \
               is complete, which waits for nodes; it ends after the pools and classes, whose nodes it gives back. Source: \
               Karpenter, \"Getting Started\", \"Settings\"; Helm, \"helm upgrade\".",
    };

    fn address(&self) -> Address {
        Self::at()
    }

    fn want(&self, _: &Facts) -> Fields {
        let values = self.values();
        let mut want = self.home.want(RELEASE, chart_fields(&self.karpenter));
        want.remove("name");
        want.insert("namespace".to_owned(), Value::text(&self.karpenter.namespace));
        // JSON through and through, so that numbers and booleans stay what they are.
        want.insert("values".to_owned(), Value::Policy(values.json().to_string()));
        want.insert("valuesDigest".to_owned(), Value::Text(values.digest()));
        want
    }

    fn after(&self) -> Vec<Address> {
        self.home.doors.iter().chain(&self.before).cloned().collect()
    }

    fn leans(&self) -> Vec<Address> {
        self.stands.clone()
    }

    fn mends() -> bool {
        true
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (cluster, client) in object::clusters(cloud, scope).await? {
            let mut ours = object::listed(&client, &API, None, &object::selector(scope)).await?;
            ours.retain(|deployment| object::name(deployment) == RELEASE);
            found.extend(ours.iter().map(|deployment| live(&cluster, deployment, scope)));
            let missing = scope.wanted.iter().filter(|_| ours.is_empty());
            for (_, fields) in missing.filter(|(_, fields)| eks::text(fields, "clusterName") == cluster) {
                let place = Place::new(eks::text(fields, "namespace"), RELEASE);
                let theirs = objects::get(&client, &API, place).await?;
                found.extend(theirs.map(|theirs| {
                    let mut live = live(&cluster, &theirs, scope);
                    eks::stand_in(&mut live, scope, |_| true);
                    live
                }));
            }
        }
        Ok(found)
    }

    async fn read(cloud: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let (cluster, namespace) = eks::split(id);
        let Some(client) = cloud.kube(cluster).await? else { return Ok(None) };
        let deployment = objects::get(&client, &API, Place::new(namespace, RELEASE)).await?;
        Ok(deployment.map(|deployment| live(cluster, &deployment, scope)))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let (cluster, namespace) = (eks::text(want, "cluster"), eks::text(want, "namespace"));
        let client = object::client(cloud, cluster).await?;
        let Some(access) = cloud.access(cluster).await? else { return Err(gone(cluster)) };
        let marks = marks(cx, want);
        let mut values = json!({});
        if let Some(Value::Policy(text)) = want.get("values") {
            values = serde_json::from_str(text).map_err(|error| Failure::fatal("helm", error.to_string()))?;
        }
        values["additionalLabels"] = marks["labels"].clone();
        values["additionalAnnotations"] = marks["annotations"].clone();
        let chart = chart_of(want);
        let release = Release { name: RELEASE.to_owned(), namespace: namespace.to_owned(), chart, values };
        cloud.helm.apply(&release, &access).await?;
        // A chart that puts them elsewhere, or nowhere, would leave the release without an owner.
        let place = Place::new(namespace, RELEASE);
        if let Some(deployment) = objects::get(&client, &API, place).await?
            && !marked(&deployment, &marks)
        {
            let mut metadata = marks;
            metadata["name"] = json!(RELEASE);
            metadata["namespace"] = json!(namespace);
            let object = json!({"apiVersion": API.api_version(), "kind": API.kind, "metadata": metadata});
            objects::apply(&client, &API, place, MANAGER, &object).await?;
        }
        Ok(eks::inside(cluster, namespace))
    }

    async fn update(cloud: &Cloud, cx: &Cx, _: &Live, want: &Fields, _: &[Change]) -> Result<(), Failure> {
        Self::create(cloud, cx, want).await.map(drop)
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, namespace) = eks::split(&live.id);
        match cloud.access(cluster).await? {
            Some(access) => cloud.helm.uninstall(RELEASE, namespace, &access).await,
            None => Ok(()),
        }
    }
}

fn gone(cluster: &str) -> Failure {
    let message = format!("the cluster {cluster} is not up");
    Failure { class: Class::Passing, ..Failure::fatal("helm", message) }
}

/// Labels and annotations that make it ours, and say what it is of.
fn marks(cx: &Cx, want: &Fields) -> Json {
    let mut object = json!({});
    object::own(&mut object, cx);
    object["metadata"]["annotations"][ANNOTATION_CHART] = json!(eks::text(want, "version"));
    object["metadata"]["annotations"][ANNOTATION_VALUES] = json!(eks::text(want, "valuesDigest"));
    object["metadata"].take()
}

fn marked(deployment: &Json, marks: &Json) -> bool {
    ["labels", "annotations"].iter().all(|part| {
        let mut wanted = marks[part].as_object().into_iter().flatten();
        wanted.all(|(key, value)| deployment["metadata"][part].get(key) == Some(value))
    })
}

/// The fields that say which chart.
pub(super) fn chart_fields(karpenter: &spec::Karpenter) -> [(&'static str, Option<Value>); 3] {
    let chart = Chart::of(karpenter);
    let place = match &chart.source {
        Source::Registry(repository) => format!("oci://{repository}"),
        Source::File(path) => path.display().to_string(),
    };
    [
        ("version", Some(Value::text(&chart.version))),
        ("chart", Some(Value::Text(place))),
        ("chartDigest", chart.digest.as_ref().map(Value::text)),
    ]
}

/// The chart that resolved fields say.
pub(super) fn chart_of(want: &Fields) -> Chart {
    let place = eks::text(want, "chart");
    Chart {
        source: match place.strip_prefix("oci://") {
            Some(repository) => Source::Registry(repository.to_owned()),
            None => Source::File(PathBuf::from(place)),
        },
        version: eks::text(want, "version").to_owned(),
        digest: eks::some_text(want, "chartDigest"),
    }
}

/// The same of something live, which says its version and nothing else: one of the wanted version is from the wanted chart.
pub(super) fn put_chart(live: &mut Live, scope: &Scope, version: String) {
    let wanted = scope.wanted.iter().find(|(_, want)| eks::text(want, "version") == version);
    for field in ["chart", "chartDigest"] {
        if let Some(value) = wanted.and_then(|(_, want)| want.get(field)) {
            live.fields.insert(field.to_owned(), value.clone());
        }
    }
    live.fields.insert("version".to_owned(), Value::Text(version));
}

fn live(cluster: &str, deployment: &Json, scope: &Scope) -> Live {
    let namespace = object::text(deployment, "/metadata/namespace");
    let mut live = object::bare(cluster, object::name(deployment), deployment);
    live.id = eks::inside(cluster, namespace);
    live.fields.remove("name");
    let annotation = |name: &str| deployment["metadata"]["annotations"][name].as_str().unwrap_or_default().to_owned();
    put_chart(&mut live, scope, annotation(ANNOTATION_CHART));
    let digest = annotation(ANNOTATION_VALUES);
    let wanted = scope.wanted.iter().find(|(_, want)| eks::text(want, "valuesDigest") == digest);
    if let Some(values) = wanted.and_then(|(_, want)| want.get("values")) {
        live.fields.insert("values".to_owned(), values.clone());
    }
    live.fields.insert("valuesDigest".to_owned(), Value::Text(digest));
    live.fields.insert("namespace".to_owned(), Value::text(namespace));
    live.ready = object::leaving(deployment).unwrap_or_else(|| rolled_out(deployment));
    live
}

/// Whether a rollout is complete, as `kubectl rollout status` judges it.
fn rolled_out(deployment: &Json) -> Ready {
    let number = |pointer: &str| deployment.pointer(pointer).and_then(Json::as_u64).unwrap_or_default();
    let wanted = deployment.pointer("/spec/replicas").and_then(Json::as_u64).unwrap_or(1);
    let (updated, available) = (number("/status/updatedReplicas"), number("/status/availableReplicas"));
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return Ready::NotYet("the rollout has not begun".to_owned());
    }
    if updated < wanted || number("/status/replicas") > updated {
        return Ready::NotYet(format!("{updated} of {wanted} replicas are of the new version"));
    }
    if available < wanted {
        return Ready::NotYet(format!("{available} of {wanted} replicas are available"));
    }
    Ready::Yes
}

#[cfg(test)]
mod tests;
