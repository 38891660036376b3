//! What the kinds inside a cluster share: whose an object is, how it is found, applied and ended.
//!
//! An object is ours by a label (the environment, by which it is found) and two annotations (the stack and the address,
//! which the label's alphabet does not fit). Whatever is wanted and stands there without them is a clash.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{FutureExt as _, try_join_all};
use serde_json::{Value as Json, json};

use super::fields::{Piece, owned, put, to_json, visible};
use crate::cloud::Cloud;
use crate::cloud::kubernetes::{Api, MANAGER, Place, objects};
use crate::engine::{
    Class, Cx, Failure, Field, Fields, Live, Order, Read, Ready, Scope, TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK, Value,
};
use crate::resources::aws::eks;

/// Label that holds the environment's name.
pub(super) const LABEL_ENVIRONMENT: &str = "rem-ci.dev/environment";
/// Annotation that holds the address.
pub(super) const ANNOTATION_RESOURCE: &str = "rem-ci.dev/resource";
/// Annotation that holds the stack id.
pub(super) const ANNOTATION_STACK: &str = "rem-ci.dev/stack";

/// Tag of a live pool that holds how many nodes it has, for whoever judges what its end would mean.
pub const NODES: &str = "nodes";

/// A kind whose resources are one cluster-scoped object each.
pub(super) struct Shape {
    /// Where its objects are.
    pub(super) api: Api,
    /// Every field besides [`Home`]'s three.
    pub(super) pieces: &'static [Piece],
    /// Whether an object that is not on its way out can be built upon.
    pub(super) ready: fn(&Json) -> Ready,
}

/// Which cluster an object is in.
#[derive(Clone, Debug)]
pub struct Home {
    /// The cluster's name, as a reference.
    pub cluster: Value,
    /// The cluster's name, as text.
    pub cluster_name: String,
    /// What must be there before anybody can be let in: our access entries.
    pub doors: Vec<crate::engine::Address>,
}

/// The rows of every kind's table of fields that [`Home`] fills in.
pub(super) const CLUSTER: Field = Field::replaces("cluster", Order::DeleteFirst, "The cluster it is in");
/// See [`CLUSTER`].
pub(super) const CLUSTER_NAME: Field =
    Field::replaces("clusterName", Order::DeleteFirst, "The cluster's name, by which a read finds the object");
/// See [`CLUSTER`].
pub(super) const NAME: Field = Field::replaces("name", Order::DeleteFirst, "The object's name");

/// IAM actions that every kind in a cluster needs: to find the cluster and ask it.
pub(super) const ACTIONS: &[&str] = &["eks:DescribeCluster", "eks:ListClusters"];

impl Home {
    /// The fields of an object of this name here.
    pub(super) fn want(&self, name: &str, more: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Fields {
        let mut want = Fields::from([
            ("cluster".to_owned(), self.cluster.clone()),
            ("clusterName".to_owned(), Value::text(&self.cluster_name)),
            ("name".to_owned(), Value::text(name)),
        ]);
        let some = more.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?)));
        want.extend(some.filter(|(_, value)| !empty(value)));
        want
    }
}

/// What is empty is not said: an apply with and without it are the same.
fn empty(value: &Value) -> bool {
    match value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) | Value::Set(items) => items.is_empty(),
        _ => false,
    }
}

/// The environment's clusters that can be asked, by name. One that is not up yet, or is ending, has nothing in it.
pub(super) async fn clusters(cloud: &Cloud, scope: &Scope) -> Read<Vec<(String, kube::Client)>> {
    let everything = scope.everything.iter().chain(&scope.wanted);
    let names: BTreeSet<String> =
        everything.filter_map(|(_, fields)| Some(fields.get("clusterName")?.as_text()?.to_owned())).collect();
    let key = names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let found = cloud.homes.join(&key, || {
        let (cloud, scope) = (cloud.clone(), scope.clone());
        async move {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            eks::clusters(&cloud, &scope, &names).await
        }
        .boxed()
    });
    let found = found.await?;
    let ours = found.into_iter().filter(|cluster| eks::ours(cluster.tags(), scope));
    let asked = try_join_all(ours.map(async |cluster| {
        let client = cloud.kube_of(&cluster).await?;
        Ok::<_, Failure>(client.zip(cluster.name))
    }));
    Ok(asked.await?.into_iter().flatten().map(|(client, name)| (name, client)).collect())
}

/// What a list gives; where the API server does not serve the resource, there is none of it.
pub(super) async fn listed(
    client: &kube::Client,
    api: &Api,
    namespace: Option<&str>,
    selector: &str,
) -> Read<Vec<Json>> {
    match objects::list(client, api, namespace, selector).await {
        Err(failure) if failure.class == Class::Gone => Ok(Vec::new()),
        listed => listed,
    }
}

/// The selector of everything of an environment.
pub(super) fn selector(scope: &Scope) -> String {
    format!("{LABEL_ENVIRONMENT}={}", scope.environment)
}

/// All of a kind: by the label, and by the wanted names where nothing has both.
pub(super) async fn sweep(cloud: &Cloud, scope: &Scope, shape: &Shape) -> Read<Vec<Live>> {
    let clusters = clusters(cloud, scope).await?;
    let found = try_join_all(clusters.iter().map(async |(cluster, client)| {
        let mut found = listed(client, &shape.api, None, &selector(scope)).await?;
        let names: BTreeSet<String> = found.iter().map(|object| name(object).to_owned()).collect();
        let missing = scope.wanted.iter().filter(|(_, fields)| eks::text(fields, "clusterName") == cluster);
        let missing = missing.map(|(_, fields)| eks::text(fields, "name")).filter(|name| !names.contains(*name));
        let others = try_join_all(missing.map(|name| objects::get(client, &shape.api, Place::global(name))));
        found.extend(others.await?.into_iter().flatten());
        Ok::<_, Failure>(found.iter().map(|object| self::found(shape, cluster, object, scope)).collect::<Vec<_>>())
    }));
    Ok(found.await?.into_iter().flatten().collect())
}

/// What a sweep makes of an object: one that was found by its name alone stands in the place of the wanted one.
pub(super) fn found(shape: &Shape, cluster: &str, object: &Json, scope: &Scope) -> Live {
    let mut live = live(shape, cluster, object, scope);
    let name = live.text("name").to_owned();
    eks::stand_in(&mut live, scope, |fields| eks::text(fields, "name") == name);
    live
}

/// One, by its id.
pub(super) async fn read(cloud: &Cloud, scope: &Scope, id: &str, shape: &Shape) -> Read<Option<Live>> {
    let (cluster, name) = eks::split(id);
    let Some(client) = cloud.kube(cluster).await? else { return Ok(None) };
    let object = objects::get(&client, &shape.api, Place::global(name)).await?;
    Ok(object.map(|object| live(shape, cluster, &object, scope)))
}

/// The client of the cluster that is wanted. A cluster that does not answer yet, or does not know us yet, soon will: our
/// access entry takes a few seconds to be known everywhere.
pub(super) async fn client(cloud: &Cloud, cluster: &str) -> Result<kube::Client, Failure> {
    cloud.kube(cluster).await?.ok_or_else(|| Failure {
        class: Class::Passing,
        call: "kubernetes".to_owned(),
        code: String::new(),
        message: format!("the cluster {cluster} is not up"),
    })
}

/// Makes it, or brings it to what is wanted.
pub(super) async fn apply(cloud: &Cloud, cx: &Cx, want: &Fields, shape: &Shape) -> Result<String, Failure> {
    let (cluster, name) = (eks::text(want, "cluster"), eks::text(want, "name"));
    let client = client(cloud, cluster).await?;
    let manifest = manifest(shape, cx, want);
    objects::apply(&client, &shape.api, Place::global(name), MANAGER, &manifest).await.map_err(soon)?;
    Ok(eks::inside(cluster, name))
}

/// A refusal that passes: an access entry that was just made is not known at once ("Grant IAM users access to Kubernetes
/// with EKS access entries", EKS user guide, on eventual consistency).
pub(super) fn soon(failure: Failure) -> Failure {
    match failure.code.as_str() {
        "Unauthorized" => Failure { class: Class::Passing, ..failure },
        _ => failure,
    }
}

/// Asks for its end.
pub(super) async fn delete(cloud: &Cloud, live: &Live, shape: &Shape) -> Result<(), Failure> {
    let (cluster, name) = eks::split(&live.id);
    let Some(client) = cloud.kube(cluster).await? else { return Ok(()) };
    objects::delete(&client, &shape.api, Place::global(name), live.name("uid")).await
}

/// The label and the annotations that make an object ours.
pub(super) fn own(object: &mut Json, cx: &Cx) {
    object["metadata"]["labels"][LABEL_ENVIRONMENT] = json!(cx.environment);
    object["metadata"]["annotations"][ANNOTATION_RESOURCE] = json!(cx.address.as_str());
    object["metadata"]["annotations"][ANNOTATION_STACK] = json!(cx.stack);
}

/// What is applied.
fn manifest(shape: &Shape, cx: &Cx, want: &Fields) -> Json {
    let mut object = json!({
        "apiVersion": shape.api.api_version(),
        "kind": shape.api.kind,
        "metadata": {"name": eks::text(want, "name")},
    });
    own(&mut object, cx);
    for piece in shape.pieces {
        if let Some(value) = want.get(piece.field) {
            let key = piece.path.rsplit('/').next().unwrap_or_default();
            put(&mut object, piece.path, to_json(value, key, piece.typed));
        }
    }
    object
}

/// `metadata.name`.
pub(super) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// The text at a pointer; empty when there is none.
pub(super) fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// Whose an object says it is, as tags.
pub(super) fn tags(object: &Json) -> BTreeMap<String, String> {
    let said = [
        (TAG_ENVIRONMENT, object["metadata"]["labels"].get(LABEL_ENVIRONMENT)),
        (TAG_RESOURCE, object["metadata"]["annotations"].get(ANNOTATION_RESOURCE)),
        (TAG_STACK, object["metadata"]["annotations"].get(ANNOTATION_STACK)),
    ];
    said.into_iter().filter_map(|(tag, value)| Some((tag.to_owned(), value?.as_str()?.to_owned()))).collect()
}

/// The fields in which every kind is the same, with no other yet.
pub(super) fn bare(cluster: &str, name: &str, object: &Json) -> Live {
    let mut live = Live::new(eks::inside(cluster, name));
    live.tags = tags(object);
    live.names = BTreeMap::from([
        ("name".to_owned(), name.to_owned()),
        ("uid".to_owned(), text(object, "/metadata/uid").to_owned()),
    ]);
    live.fields = Fields::from([
        ("cluster".to_owned(), Value::text(cluster)),
        ("clusterName".to_owned(), Value::text(cluster)),
        ("name".to_owned(), Value::text(name)),
    ]);
    live
}

fn live(shape: &Shape, cluster: &str, object: &Json, scope: &Scope) -> Live {
    let name = name(object);
    let mut live = bare(cluster, name, object);
    let want = scope.wanted.iter().find(|(_, fields)| eks::text(fields, "name") == name).map(|(_, fields)| fields);
    let ours = owned(object);
    for piece in shape.pieces {
        let want = want.and_then(|want| want.get(piece.field));
        if let Some(value) = visible(object, &ours, piece, want) {
            live.fields.insert(piece.field.to_owned(), value);
        }
    }
    if let Some(nodes) = nodes(object) {
        live.tags.insert(NODES.to_owned(), nodes);
    }
    live.ready = leaving(object).unwrap_or_else(|| (shape.ready)(object));
    live
}

/// How many nodes a pool has, as Karpenter counts them: `status.nodes`, in older versions among its resources.
fn nodes(object: &Json) -> Option<String> {
    let status = object.get("status")?;
    let count = status.get("nodes").or_else(|| status.pointer("/resources/nodes"))?;
    Some(count.as_str().map_or_else(|| count.to_string(), str::to_owned))
}

/// What an object that is on its way out waits for.
pub(super) fn leaving(object: &Json) -> Option<Ready> {
    object.pointer("/metadata/deletionTimestamp")?;
    let finalizers = object.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    let finalizers: Vec<_> = finalizers.filter_map(Json::as_str).collect();
    Some(Ready::Leaving(match finalizers.as_slice() {
        [] => "terminating".to_owned(),
        waiting => format!("terminating, waits for {}", waiting.join(", ")),
    }))
}

/// Ready as soon as it is there.
pub(super) fn at_once(_: &Json) -> Ready {
    Ready::Yes
}

/// Ready by its condition `Ready`; while it is not, the first condition that is not true says why.
pub(super) fn by_condition(object: &Json) -> Ready {
    let conditions = object.pointer("/status/conditions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let is = |condition: &Json, kind: &str| condition["type"] == kind;
    let generation = object.pointer("/metadata/generation").and_then(Json::as_u64).unwrap_or_default();
    let Some(ready) = conditions.iter().find(|condition| is(condition, "Ready")) else {
        return Ready::NotYet("no conditions yet: the controller has not seen it".to_owned());
    };
    // What it says is of an older state of the object.
    let stale = ready["observedGeneration"].as_u64().is_some_and(|seen| seen < generation);
    if ready["status"] == "True" && !stale {
        return Ready::Yes;
    }
    if stale {
        return Ready::NotYet("the controller has not seen the change yet".to_owned());
    }
    let because = conditions.iter().find(|condition| condition["status"] == "False" && !is(condition, "Ready"));
    let because = because.or_else(|| conditions.iter().find(|one| one["status"] != "True" && !is(one, "Ready")));
    let because = because.unwrap_or(ready);
    let said = [&because["type"], &because["reason"], &because["message"]];
    let said: Vec<_> = said.into_iter().filter_map(Json::as_str).filter(|text| !text.is_empty()).collect();
    Ready::NotYet(said.join(": "))
}

#[cfg(test)]
mod tests;
