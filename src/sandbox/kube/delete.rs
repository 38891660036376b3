//! Deletion: options, finalizers for propagation, grace.

use serde_json::{Value as Json, json};

use super::answer::Ask;
use super::crd;
use super::status::Failure;
use super::store::{Key, Store, text};

/// `DeleteOptions`, from the body or the query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// `Background`, `Foreground`, `Orphan`; empty for the kind's own way.
    propagation: String,
    grace_s: Option<u64>,
    uid: String,
    version: String,
    /// Whether the body says that nothing is to be kept.
    pub(super) dry: bool,
}

impl Options {
    /// Seconds, if the client says any.
    pub(super) fn grace(&self) -> Option<u64> {
        self.grace_s
    }

    pub(super) fn read(ask: &Ask<'_>) -> Result<Self, Failure> {
        let body = if ask.request.body().is_empty() { json!({}) } else { ask.body()? };
        let either = |field: &str| match text(&body, &format!("/{field}")) {
            "" => ask.query.text(field).to_owned(),
            own => own.to_owned(),
        };
        let propagation = either("propagationPolicy");
        if !["", "Background", "Foreground", "Orphan"].contains(&propagation.as_str()) {
            return Err(Failure::new(
                422,
                "Invalid",
                format!("DeleteOptions is invalid: propagationPolicy: Unsupported value: {propagation:?}"),
            ));
        }
        Ok(Self {
            propagation,
            grace_s: body["gracePeriodSeconds"].as_u64().or_else(|| ask.query.number("gracePeriodSeconds")),
            uid: text(&body, "/preconditions/uid").to_owned(),
            version: text(&body, "/preconditions/resourceVersion").to_owned(),
            dry: body["dryRun"].as_array().is_some_and(|all| all.iter().any(|one| one == "All")),
        })
    }
}

/// Asks for one object's end. Gives its last state, and whether it is gone.
pub(super) fn one(
    store: &mut Store,
    ask: &Ask<'_>,
    key: &Key,
    options: &Options,
    dry: bool,
) -> Result<(Json, bool), Failure> {
    let resource = ask.kind.resource();
    let absent = || Failure::absent(&ask.kind, &key.name);
    let object = store.get(&resource, key).ok_or_else(absent)?.clone();
    for (what, want, have) in [
        ("UID", &options.uid, text(&object, "/metadata/uid")),
        ("ResourceVersion", &options.version, text(&object, "/metadata/resourceVersion")),
    ] {
        if !want.is_empty() && want != have {
            let why = format!("Precondition failed: {what} in precondition: {want}, {what} in object meta: {have}");
            return Err(Failure::conflict(&ask.kind, &key.name, &why));
        }
    }
    if resource == "namespaces" && ["default", "kube-system", "kube-public"].contains(&key.name.as_str()) {
        let message = format!("namespaces {:?} is forbidden: this namespace may not be deleted", key.name);
        return Err(Failure::new(403, "Forbidden", message));
    }
    let mut trial = dry.then(|| store.only(&resource, key));
    let store = trial.as_mut().unwrap_or(store);
    let finalizer = match options.propagation.as_str() {
        "Foreground" => Some("foregroundDeletion"),
        "Orphan" => Some("orphan"),
        // A namespace stays until everything in it is gone.
        _ if resource == "namespaces" => Some("kubernetes"),
        _ if resource == crd::RESOURCE => Some(crd::FINALIZER),
        _ => None,
    };
    if let Some(finalizer) = finalizer.filter(|_| text(&object, "/metadata/deletionTimestamp").is_empty()) {
        store.change(&resource, key, |object| {
            let had = object["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
            if !had.iter().any(|one| one == finalizer) {
                let all: Vec<Json> = had.into_iter().chain([json!(finalizer)]).collect();
                object["metadata"]["finalizers"] = json!(all);
            }
            if resource == "namespaces" {
                object["status"]["phase"] = json!("Terminating");
            }
        });
    }
    let object = store.delete(ask.now, &resource, key, grace(&resource, &object, options)).map_err(|_| absent())?;
    let gone = store.get(&resource, key).is_none();
    Ok((object, gone))
}

/// Seconds: only pods have any, and only those that a kubelet looks after.
fn grace(resource: &str, object: &Json, options: &Options) -> u64 {
    if resource != "pods" || text(object, "/spec/nodeName").is_empty() {
        return 0;
    }
    if ["Succeeded", "Failed"].contains(&text(object, "/status/phase")) {
        return 0;
    }
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(Json::as_u64);
    options.grace_s.or(own).unwrap_or(30)
}
