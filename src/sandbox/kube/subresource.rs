//! What pods and workloads have beside themselves: scale, log, eviction, binding.

use serde_json::{Value as Json, json};

use super::answer::{Ask, Reply};
use super::owned::updated;
use super::patch::{self, How};
use super::shape::Shape;
use super::status::Failure;
use super::store::{Key, text};
use super::{Cluster, controllers, crd, delete, eviction, write};

pub(super) fn answer(cluster: &mut Cluster, ask: &Ask<'_>) -> Result<Reply, Failure> {
    let key = Key::new(ask.target.namespace.clone(), ask.target.name.clone());
    let object = cluster.store.get(&ask.kind.resource(), &key).cloned();
    let object = object.ok_or_else(|| Failure::absent(&ask.kind, &ask.target.name))?;
    match (ask.target.subresource.as_str(), ask.verb) {
        ("scale", _) => scale(cluster, ask, &object),
        ("log", "get") => log(cluster, ask, &object),
        ("eviction", "create") => {
            let options = delete::Options::read(ask)?;
            let body = ask.body().unwrap_or_default();
            let seconds = body.pointer("/deleteOptions/gracePeriodSeconds").and_then(Json::as_u64);
            if ask.query.dry()? {
                eviction::allowed(&cluster.store, &object)?;
            } else {
                eviction::evict(&mut cluster.store, ask.now, &key, seconds.or(options.grace()))?;
            }
            let status =
                json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 });
            Ok(Reply::Json(201, status))
        }
        ("binding", "create") => {
            let node = text(&ask.body()?, "/target/name").to_owned();
            if !text(&object, "/spec/nodeName").is_empty() {
                let why = format!("pod {} is already assigned to node {:?}", key.name, text(&object, "/spec/nodeName"));
                return Err(Failure::conflict(&ask.kind, &key.name, &why));
            }
            cluster.store.change("pods", &key, |pod| pod["spec"]["nodeName"] = json!(node));
            Ok(Reply::Json(
                201,
                json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }),
            ))
        }
        ("finalize", "update") => {
            let body = ask.body()?;
            let finalizers = body.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
            let empty = finalizers.as_array().is_none_or(Vec::is_empty);
            let changed = cluster.store.change("namespaces", &key, |one| {
                one["spec"]["finalizers"] = finalizers;
                if let Some(list) = one["metadata"]["finalizers"].as_array_mut().filter(|_| empty) {
                    list.retain(|finalizer| finalizer != "kubernetes");
                }
            });
            Ok(Reply::Json(200, changed.unwrap_or(object)))
        }
        _ => Err(Failure::method()),
    }
}

/// The pointers of replicas and of the selector in a kind.
fn places(cluster: &Cluster, ask: &Ask<'_>) -> (String, String) {
    let scale = crd::version(&cluster.store, &ask.kind).map(|version| &version["subresources"]["scale"]);
    let place = |field: &str, default: &str| {
        let path = scale.map_or(default, |scale| text(scale, &format!("/{field}")));
        path.replace('.', "/")
    };
    (place("specReplicasPath", ".spec.replicas"), place("statusReplicasPath", ".status.replicas"))
}

fn scale(cluster: &mut Cluster, ask: &Ask<'_>, object: &Json) -> Result<Reply, Failure> {
    let (wanted, have) = places(cluster, ask);
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Json::as_object);
    let labels: Vec<String> = labels
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    let shown = |object: &Json| {
        json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": {
                "name": object["metadata"]["name"], "namespace": object["metadata"]["namespace"],
                "uid": object["metadata"]["uid"], "resourceVersion": object["metadata"]["resourceVersion"],
                "creationTimestamp": object["metadata"]["creationTimestamp"],
            },
            "spec": { "replicas": object.pointer(&wanted).cloned().unwrap_or_else(|| json!(0)) },
            "status": {
                "replicas": object.pointer(&have).cloned().unwrap_or_else(|| json!(0)), "selector": labels.join(","),
            },
        })
    };
    let old = shown(object);
    let new = match ask.verb {
        "get" => return Ok(Reply::Json(200, old)),
        "update" => ask.body()?,
        _ => {
            let how = How::of(ask.header("content-type"))?;
            let body: Json =
                serde_yaml::from_slice(ask.request.body()).map_err(|error| Failure::bad(error.to_string()))?;
            patch::patched(&old, &body, how, Shape::Free)?
        }
    };
    let Some(replicas) = new.pointer("/spec/replicas").and_then(Json::as_u64) else {
        return Err(Failure::bad("spec.replicas is no number of replicas"));
    };
    let mut next = object.clone();
    if let (Some(field), Some(spec)) = (wanted.strip_prefix("/spec/"), next["spec"].as_object_mut()) {
        spec.insert(field.to_owned(), json!(replicas));
    }
    let schema = crd::schema(&cluster.store, &ask.kind);
    let version = ask.kind.api_version();
    updated(Some(object), &mut next, &write::writer(ask, &version, false), Shape::root(schema.as_ref()));
    let dry = ask.query.dry()?;
    let next = write::put(&mut cluster.store, ask, next, dry)?;
    Ok(Reply::Json(200, shown(&next)))
}

fn log(cluster: &Cluster, ask: &Ask<'_>, pod: &Json) -> Result<Reply, Failure> {
    let names: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
        .map(|container| text(container, "/name"))
        .collect();
    let name = &ask.target.name;
    let container = match ask.query.text("container") {
        "" => names.first().copied().unwrap_or_default(),
        container if names.contains(&container) => container,
        container => {
            return Err(Failure::bad(format!("container {container} is not valid for pod {name}")));
        }
    };
    if text(pod, "/spec/nodeName").is_empty() {
        return Err(Failure::bad(format!("pod {name} does not have a host assigned")));
    }
    let statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let waiting = statuses.into_iter().find(|status| text(status, "/name") == container);
    let waiting = waiting.map(|status| text(status, "/state/waiting/reason")).unwrap_or_default();
    // Of a container that crashed, the log of its last run is there.
    if !waiting.is_empty() && waiting != "CrashLoopBackOff" {
        let message = format!("container {container:?} in pod {name:?} is waiting to start: {waiting}");
        return Err(Failure::bad(message));
    }
    let since = ask.query.number("sinceSeconds").and_then(|seconds| i64::try_from(seconds).ok());
    let since = since.map_or(i64::MIN, |seconds| ask.now - seconds * 1000);
    let lines = controllers::logs(cluster, &ask.target.namespace, name, container);
    let lines: Vec<_> = lines.into_iter().filter(|(at, _)| *at >= since).collect();
    let tail = ask.query.number("tailLines").and_then(|lines| usize::try_from(lines).ok()).unwrap_or(usize::MAX);
    let mut text = String::new();
    for (at, line) in lines.iter().skip(lines.len().saturating_sub(tail)) {
        if ask.query.on("timestamps") {
            text.push_str(&crate::sandbox::region::iso(*at));
            text.push(' ');
        }
        text.push_str(line);
        text.push('\n');
    }
    Ok(Reply::Text(text))
}
