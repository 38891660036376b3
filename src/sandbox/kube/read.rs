//! Get, list and the beginning of a watch.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::Cluster;
use super::answer::{Ask, Reply};
use super::select::Selector;
use super::status::Failure;
use super::store::{Key, Store, What, text};
use super::types::Kind;
use super::watch::Watch;
use super::{controllers, page};

/// How long a watch lasts whose client names no time: half an hour at least (kube-apiserver, `--min-request-timeout`).
const PATIENCE: Duration = Duration::from_mins(30);

pub(super) fn answer(cluster: &Cluster, ask: &Ask<'_>) -> Result<Reply, Failure> {
    let key = Key::new(ask.target.namespace.clone(), ask.target.name.clone());
    match ask.verb {
        "get" => {
            let object = virtual_one(cluster, ask).or_else(|| cluster.store.get(&ask.kind.resource(), &key).cloned());
            let object = object.ok_or_else(|| Failure::absent(&ask.kind, &ask.target.name))?;
            Ok(Reply::Json(200, shown(object, &ask.kind)))
        }
        "list" => list(cluster, ask),
        _ => watch(&cluster.store, ask),
    }
}

/// An object in the version that was asked for.
#[must_use]
pub(super) fn shown(mut object: Json, kind: &Kind) -> Json {
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    object
}

/// Objects that are nowhere stored: figures, and the health of the control plane.
fn computed(cluster: &Cluster, ask: &Ask<'_>) -> Option<Vec<Json>> {
    match (ask.kind.group.as_str(), ask.kind.plural.as_str()) {
        ("metrics.k8s.io", "nodes") => Some(controllers::node_metrics(cluster, ask.now)),
        ("metrics.k8s.io", "pods") => Some(controllers::pod_metrics(cluster, ask.now)),
        ("", "componentstatuses") => {
            let healthy = |name: &str, message: &str| {
                json!({
                    "apiVersion": "v1", "kind": "ComponentStatus", "metadata": { "name": name },
                    "conditions": [{ "type": "Healthy", "status": "True", "message": message }],
                })
            };
            Some(vec![healthy("controller-manager", "ok"), healthy("scheduler", "ok"), healthy("etcd-0", "ok")])
        }
        _ => None,
    }
}

fn virtual_one(cluster: &Cluster, ask: &Ask<'_>) -> Option<Json> {
    let same = |object: &Json| {
        text(object, "/metadata/name") == ask.target.name && text(object, "/metadata/namespace") == ask.target.namespace
    };
    computed(cluster, ask)?.into_iter().find(same)
}

pub(super) fn selector(ask: &Ask<'_>) -> Result<Selector, Failure> {
    Selector::parse(ask.query.text("labelSelector"), ask.query.text("fieldSelector"))
}

/// Whether an object is in the part of the collection that the path names.
pub(super) fn inside(object: &Json, namespace: &str) -> bool {
    namespace.is_empty() || text(object, "/metadata/namespace") == namespace
}

fn list(cluster: &Cluster, ask: &Ask<'_>) -> Result<Reply, Failure> {
    let selector = selector(ask)?;
    let store = &cluster.store;
    if let Some(objects) = computed(cluster, ask) {
        let items = objects.into_iter().filter(|one| inside(one, &ask.target.namespace) && selector.matches(one));
        return Ok(Reply::Json(200, listed(ask, items.collect(), json!({}))));
    }
    let fresh = ask.query.number("resourceVersion").unwrap_or_default();
    if fresh > store.version() {
        let message = format!("Too large resource version: {fresh}, current: {}", store.version());
        return Err(Failure::new(504, "Timeout", message));
    }
    let resource = ask.kind.resource();
    let token = page::Token::read(ask.query.text("continue"))?;
    let version = token.as_ref().map_or(store.version(), |token| token.version);
    let all = at(store, &resource, version).ok_or_else(page::expired)?;
    let wanted: Vec<(String, Json)> = all
        .into_iter()
        .filter(|(key, _)| token.as_ref().is_none_or(|token| *key > token.after))
        .filter(|(_, object)| inside(object, &ask.target.namespace) && selector.matches(object))
        .collect();
    let limit = ask.query.number("limit").filter(|limit| *limit > 0);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let mut metadata = json!({ "resourceVersion": version.to_string() });
    if wanted.len() > limit {
        metadata["continue"] = json!(page::Token { version, after: wanted[limit - 1].0.clone() }.written());
        if selector.is_empty() {
            metadata["remainingItemCount"] = json!(wanted.len() - limit);
        }
    }
    let items = wanted.into_iter().take(limit).map(|(_, object)| shown(object, &ask.kind)).collect();
    Ok(Reply::Json(200, listed(ask, items, metadata)))
}

/// A list object. Items of core kinds leave out their kind, which is the list's; the version of items of custom kinds stays.
pub(super) fn listed(ask: &Ask<'_>, mut items: Vec<Json>, metadata: Json) -> Json {
    if !ask.kind.custom {
        for fields in items.iter_mut().filter_map(Json::as_object_mut) {
            fields.remove("apiVersion");
            fields.remove("kind");
        }
    }
    json!({
        "kind": format!("{}List", ask.kind.kind), "apiVersion": ask.kind.api_version(), "metadata": metadata, "items": items,
    })
}

/// All objects of a resource as they were at a version, by namespace and name; nothing when that is not known any more.
fn at(store: &Store, resource: &str, version: u64) -> Option<BTreeMap<String, Json>> {
    let key = |object: &Json| format!("{}/{}", text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let mut all: BTreeMap<String, Json> = store.list(resource).map(|object| (key(object), object.clone())).collect();
    if version == store.version() {
        return Some(all);
    }
    for change in store.since(resource, version)?.into_iter().rev() {
        let key = key(&change.object);
        match (change.what, &change.before) {
            (What::Added, _) | (_, None) => all.remove(&key),
            (_, Some(before)) => all.insert(key, before.clone()),
        };
    }
    Some(all)
}

fn watch(store: &Store, ask: &Ask<'_>) -> Result<Reply, Failure> {
    if !ask.kind.verbs().contains(&"watch") {
        return Err(Failure::method());
    }
    let selector = selector(ask)?;
    let resource = ask.kind.resource();
    let asked = ask.query.number("resourceVersion").unwrap_or_default();
    if asked > store.version() {
        let message = format!("Too large resource version: {asked}, current: {}", store.version());
        return Err(Failure::new(504, "Timeout", message));
    }
    let initial = ask.query.on("sendInitialEvents");
    let timeout = ask.query.number("timeoutSeconds").filter(|seconds| *seconds > 0).map(Duration::from_secs);
    let mut watch = Watch {
        place: ask.place.clone(),
        kind: ask.kind.clone(),
        resource,
        namespace: ask.target.namespace.clone(),
        name: ask.target.name.clone(),
        selector,
        bookmarks: ask.query.on("allowWatchBookmarks"),
        table: super::table::wanted(ask),
        version: if asked == 0 || initial { store.version() } else { asked },
        timeout: timeout.unwrap_or(PATIENCE),
        told: Vec::new(),
        marked: ask.now,
        over: false,
    };
    if asked == 0 || initial {
        watch.begin(store, initial);
    } else if store.since(&watch.resource, asked).is_none() {
        return Err(Failure::expired(&format!("too old resource version: {asked} ({})", store.version())));
    }
    Ok(Reply::Watch(Box::new(watch)))
}

/// All objects that a request about a collection means, for `deletecollection`.
pub(super) fn meant(store: &Store, ask: &Ask<'_>) -> Result<Vec<Json>, Failure> {
    let selector = selector(ask)?;
    let resource = ask.kind.resource();
    let all = store.list(&resource);
    Ok(all.filter(|one| inside(one, &ask.target.namespace) && selector.matches(one)).cloned().collect())
}
