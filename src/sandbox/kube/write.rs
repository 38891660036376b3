//! Create, update, patch and delete.

use serde_json::{Value as Json, json};

use super::Cluster;
use super::admit::{self, Draft};
use super::answer::{Ask, Reply};
use super::owned::{self, Writer};
use super::patch::{self, How};
use super::read::{listed, meant, shown};
use super::shape::Shape;
use super::status::{self, Failure};
use super::store::{Key, Refused, Store, text};
use super::{bootstrap, crd, delete, fields, schema};

pub(super) fn answer(cluster: &mut Cluster, ask: &Ask<'_>) -> Result<Reply, Failure> {
    let dry = ask.query.dry()?;
    let store = &mut cluster.store;
    match ask.verb {
        "create" => create(store, ask, dry),
        "update" => {
            let object = ask.body()?;
            let old = current(store, ask)?;
            replace(store, ask, &old, object, dry)
        }
        "patch" => patch(store, ask, dry),
        "delete" => {
            let options = delete::Options::read(ask)?;
            let key = Key::new(ask.target.namespace.clone(), ask.target.name.clone());
            let (object, gone) = delete::one(store, ask, &key, &options, dry || options.dry)?;
            // A pod's deletion answers with the pod, others with a Status once there is nothing to show.
            if gone && ask.kind.resource() != "pods" {
                let answer = status::success(&ask.kind, &ask.target.name, &object["metadata"]["uid"]);
                return Ok(Reply::Json(200, answer));
            }
            Ok(Reply::Json(200, shown(object, &ask.kind)))
        }
        "deletecollection" => {
            let options = delete::Options::read(ask)?;
            let mut items = Vec::new();
            for object in meant(store, ask)? {
                let (object, _) = delete::one(store, ask, &Key::of(&object), &options, dry || options.dry)?;
                items.push(object);
            }
            let metadata = json!({ "resourceVersion": store.version().to_string() });
            Ok(Reply::Json(200, listed(ask, items, metadata)))
        }
        _ => Err(Failure::method()),
    }
}

fn current(store: &Store, ask: &Ask<'_>) -> Result<Json, Failure> {
    let key = Key::new(ask.target.namespace.clone(), ask.target.name.clone());
    let object = store.get(&ask.kind.resource(), &key).cloned();
    object.map(|object| shown(object, &ask.kind)).ok_or_else(|| Failure::absent(&ask.kind, &ask.target.name))
}

/// Who writes with this request.
pub(super) fn writer<'a>(ask: &'a Ask<'_>, version: &'a str, apply: bool) -> Writer<'a> {
    Writer { manager: ask.manager(), apply, version, subresource: &ask.target.subresource, now: ask.now }
}

/// A store with nothing but what a trial needs.
fn trial(store: &Store, ask: &Ask<'_>, dry: bool) -> Option<Store> {
    let key = Key::new(ask.target.namespace.clone(), ask.target.name.clone());
    dry.then(|| store.only(&ask.kind.resource(), &key))
}

fn create(store: &mut Store, ask: &Ask<'_>, dry: bool) -> Result<Reply, Failure> {
    if !ask.target.name.is_empty() || (ask.kind.namespaced && ask.target.namespace.is_empty()) {
        return Err(Failure::method());
    }
    let object = ask.body()?;
    let mut object = admit::identified(ask, object)?;
    if text(&object, "/metadata/name").is_empty() {
        let prefix = text(&object, "/metadata/generateName").to_owned();
        object["metadata"]["name"] = json!(admit::generated(store, &prefix));
    }
    if !text(&object, "/metadata/resourceVersion").is_empty() {
        return Err(Failure::bad("resourceVersion should not be set on objects to be created"));
    }
    admit::name(&ask.kind, text(&object, "/metadata/name"))?;
    let schema = crd::schema(store, &ask.kind);
    let warnings = known(ask, &mut object, schema.as_ref())?;
    let mut object = stored(store, ask, object, None, schema.as_ref())?;
    let version = ask.kind.api_version();
    owned::updated(None, &mut object, &writer(ask, &version, false), Shape::root(schema.as_ref()));
    let object = put_new(store, ask, object, dry)?;
    Ok(warned(201, shown(object, &ask.kind), warnings))
}

fn warned(code: u16, object: Json, warnings: Vec<String>) -> Reply {
    if warnings.is_empty() { Reply::Json(code, object) } else { Reply::Warned(code, object, warnings) }
}

fn put_new(store: &mut Store, ask: &Ask<'_>, object: Json, dry: bool) -> Result<Json, Failure> {
    let name = text(&object, "/metadata/name").to_owned();
    let resource = ask.kind.resource();
    if dry {
        if store.get(&resource, &Key::of(&object)).is_some() {
            return Err(Failure::exists(&ask.kind, &name));
        }
        let made = store.only(&resource, &Key::default()).create(ask.now, &resource, object);
        let mut made = made.map_err(|_| Failure::exists(&ask.kind, &name))?;
        if let Some(metadata) = made["metadata"].as_object_mut() {
            metadata.remove("resourceVersion");
        }
        return Ok(made);
    }
    let made = store.create(ask.now, &resource, object).map_err(|_| Failure::exists(&ask.kind, &name))?;
    if resource == "namespaces" {
        bootstrap::furnish(store, ask.now, &name);
    }
    Ok(made)
}

/// Takes out fields that a custom kind does not have; they are told as a warning, or refused, as `fieldValidation` says.
fn known(ask: &Ask<'_>, object: &mut Json, schema: Option<&Json>) -> Result<Vec<String>, Failure> {
    let lost = schema.map(|schema| schema::prune(object, schema)).unwrap_or_default();
    let told: Vec<String> = lost.iter().map(|field| format!("unknown field \"{field}\"")).collect();
    match ask.query.text("fieldValidation") {
        "Strict" if !told.is_empty() => {
            let kind = &ask.kind;
            let message = format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                kind.kind,
                kind.version,
                kind.kind,
                told.join(", ")
            );
            Err(Failure::bad(message))
        }
        "Ignore" => Ok(Vec::new()),
        _ => Ok(told),
    }
}

/// The object as it is to be stored: defaults filled in, the part that this path may not change taken from what is there,
/// checked.
fn stored(
    store: &Store,
    ask: &Ask<'_>,
    mut object: Json,
    old: Option<&Json>,
    schema: Option<&Json>,
) -> Result<Json, Failure> {
    admit::keep(ask, &mut object, old);
    if let Some(schema) = schema {
        schema::default(&mut object, schema);
    }
    let mut draft = Draft { kind: &ask.kind, object, old, now: ask.now, subresource: &ask.target.subresource };
    admit::prepare(store, &mut draft)?;
    admit::check(store, &draft, schema)?;
    Ok(draft.object)
}

fn replace(store: &mut Store, ask: &Ask<'_>, old: &Json, object: Json, dry: bool) -> Result<Reply, Failure> {
    let mut object = admit::identified(ask, object)?;
    let uid = text(&object, "/metadata/uid").to_owned();
    if !uid.is_empty() && uid != text(old, "/metadata/uid") {
        let why = format!(
            "Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            text(old, "/metadata/uid")
        );
        return Err(Failure::conflict(&ask.kind, &ask.target.name, &why));
    }
    let schema = crd::schema(store, &ask.kind);
    let warnings = known(ask, &mut object, schema.as_ref())?;
    let mut object = stored(store, ask, object, Some(old), schema.as_ref())?;
    let version = ask.kind.api_version();
    owned::updated(Some(old), &mut object, &writer(ask, &version, false), Shape::root(schema.as_ref()));
    let object = put(store, ask, object, dry)?;
    Ok(warned(200, shown(object, &ask.kind), warnings))
}

/// Stores another state of an object.
pub(super) fn put(store: &mut Store, ask: &Ask<'_>, object: Json, dry: bool) -> Result<Json, Failure> {
    let mut trial = trial(store, ask, dry);
    let store = trial.as_mut().unwrap_or(store);
    store.update(&ask.kind.resource(), object).map_err(|refused| match refused {
        Refused::Stale => Failure::conflict(&ask.kind, &ask.target.name, &refused.to_string()),
        _ => Failure::absent(&ask.kind, &ask.target.name),
    })
}

fn patch(store: &mut Store, ask: &Ask<'_>, dry: bool) -> Result<Reply, Failure> {
    let how = How::of(ask.header("content-type"))?;
    if how == How::Strategic && ask.kind.custom {
        return Err(Failure::media(
            "application/strategic-merge-patch+json",
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
        ));
    }
    if how == How::Apply {
        return apply(store, ask, dry);
    }
    let old = current(store, ask)?;
    let schema = crd::schema(store, &ask.kind);
    let body = serde_json::from_slice(ask.request.body()).map_err(|error| Failure::bad(error.to_string()))?;
    let object = patch::patched(&old, &body, how, Shape::root(schema.as_ref()))?;
    replace(store, ask, &old, object, dry)
}

fn apply(store: &mut Store, ask: &Ask<'_>, dry: bool) -> Result<Reply, Failure> {
    if ask.query.text("fieldManager").is_empty() {
        let message =
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        let cause = status::Cause {
            reason: "FieldValueRequired",
            field: "fieldManager".to_owned(),
            message: "Required value: is required for apply patch".to_owned(),
        };
        return Err(Failure::new(422, "Invalid", message).with_causes(&[cause]));
    }
    let config: Json = serde_yaml::from_slice(ask.request.body())
        .map_err(|error| Failure::bad(format!("error decoding YAML: {error}")))?;
    if config.pointer("/metadata/managedFields").is_some_and(|list| !list.is_null()) {
        return Err(Failure::bad("metadata.managedFields must be nil"));
    }
    let mut config = admit::identified(ask, config)?;
    // Who applies by a path owns nothing that this path cannot change.
    if let Some(fields) = config.as_object_mut().filter(|_| ask.kind.has("status")) {
        let status = ask.target.subresource == "status";
        fields.retain(|name, _| {
            ["apiVersion", "kind", "metadata"].contains(&name.as_str()) || (name == "status") == status
        });
    }
    let schema = crd::schema(store, &ask.kind);
    if let Some(field) = schema.as_ref().and_then(|schema| schema::prune(&mut config, schema).into_iter().next()) {
        let kind = &ask.kind;
        let message = format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): .{field}: field not declared in schema",
            ask.target.namespace,
            ask.target.name,
            kind.api_version(),
            kind.kind
        );
        return Err(Failure::new(500, "", message));
    }
    let old = match current(store, ask) {
        Ok(old) => Some(old),
        Err(failure) if failure.code == 404 && ask.target.subresource.is_empty() => {
            ask.may(store, "create")?;
            None
        }
        Err(failure) => return Err(failure),
    };
    if old.is_none() && !text(&config, "/metadata/resourceVersion").is_empty() {
        let why = "Precondition failed: the object does not exist";
        return Err(Failure::conflict(&ask.kind, &ask.target.name, why));
    }
    let version = ask.kind.api_version();
    let force = ask.query.on("force");
    let shape = Shape::root(schema.as_ref());
    let object = owned::applied(old.as_ref(), &config, &writer(ask, &version, true), force, shape)?;
    let object = stored(store, ask, object, old.as_ref(), schema.as_ref())?;
    let Some(old) = old else {
        admit::name(&ask.kind, &ask.target.name)?;
        return Ok(Reply::Json(201, shown(put_new(store, ask, object, dry)?, &ask.kind)));
    };
    // The time of the last apply alone is no change.
    let same = fields::timeless(&object) == fields::timeless(&old);
    let object = if same { old } else { put(store, ask, object, dry)? };
    Ok(Reply::Json(200, shown(object, &ask.kind)))
}
