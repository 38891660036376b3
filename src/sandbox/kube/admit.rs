//! What stands between a request's object and the store: its identity, what the path may not change, and admission.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::answer::Ask;
use super::chart;
use super::status::{Cause, Failure};
use super::store::{Key, Store, text};
use super::types::Kind;
use super::{core, crd, defaults, schema};
use crate::sandbox::state::Millis;

/// An object on its way into the store.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) kind: &'a Kind,
    pub(super) object: Json,
    pub(super) old: Option<&'a Json>,
    pub(super) now: Millis,
    pub(super) subresource: &'a str,
}

/// The object with the identity that the path gives it.
///
/// # Errors
/// 400 where it says another.
pub(super) fn identified(ask: &Ask<'_>, mut object: Json) -> Result<Json, Failure> {
    if !object.is_object() {
        return Err(Failure::bad("the body is no object"));
    }
    let kind = &ask.kind;
    match (text(&object, "/apiVersion"), text(&object, "/kind")) {
        ("", "") => {}
        (_, "") => return Err(Failure::bad("Object 'Kind' is missing")),
        (version, name) => {
            if name != kind.kind || (!version.is_empty() && version != kind.api_version()) {
                let message = format!(
                    "the API version in the data ({version}, {name}) does not match the expected API version ({}, {})",
                    kind.api_version(),
                    kind.kind
                );
                return Err(Failure::bad(message));
            }
        }
    }
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    if object["metadata"].is_null() {
        object["metadata"] = json!({});
    }
    let (have, want) = (text(&object, "/metadata/namespace").to_owned(), &ask.target.namespace);
    if !have.is_empty() && kind.namespaced && have != *want {
        return Err(Failure::bad(format!(
            "the namespace of the provided object does not match the namespace sent on the request ({have}, {want})"
        )));
    }
    if kind.namespaced {
        object["metadata"]["namespace"] = json!(want);
    } else if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("namespace");
    }
    let (have, want) = (text(&object, "/metadata/name").to_owned(), &ask.target.name);
    if !want.is_empty() {
        if !have.is_empty() && have != *want {
            return Err(Failure::bad(format!(
                "the name of the object ({have}) does not match the name on the URL ({want})"
            )));
        }
        object["metadata"]["name"] = json!(want);
    }
    Ok(object)
}

/// A name for `generateName`, the same in every run with the same history.
pub(super) fn generated(store: &Store, prefix: &str) -> String {
    let digest = Sha256::digest(format!("{prefix}/{}", store.version()).as_bytes());
    let letters = b"bcdfghjklmnpqrstvwxz2456789";
    let tail: String = digest[..5].iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect();
    format!("{prefix}{tail}")
}

/// Whether a name is one: a DNS subdomain, or a path segment where the kind allows more (RBAC).
pub(super) fn name(kind: &Kind, name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        let cause = Cause {
            reason: "FieldValueRequired",
            field: "metadata.name".to_owned(),
            message: "Required value: name or generateName is required".to_owned(),
        };
        return Err(Failure::invalid(kind, name, &[cause]));
    }
    let good = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter);
    let ends =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit());
    let free = kind.group == "rbac.authorization.k8s.io";
    if free || (name.len() <= 253 && name.chars().all(good) && ends(name.chars().next()) && ends(name.chars().last())) {
        return Ok(());
    }
    let message = format!(
        "Invalid value: {name:?}: a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character"
    );
    Err(Failure::invalid(kind, name, &[Cause::invalid("metadata.name", message)]))
}

/// Puts back what this path may not change: the status beside the main resource, everything else beside a subresource.
pub(super) fn keep(ask: &Ask<'_>, object: &mut Json, old: Option<&Json>) {
    let nothing = json!({});
    let before = old.unwrap_or(&nothing);
    let restore = |object: &mut Json, field: &str| {
        let Some(fields) = object.as_object_mut() else { return };
        match before.get(field) {
            Some(value) => fields.insert(field.to_owned(), value.clone()),
            None => fields.remove(field),
        };
    };
    if ask.target.subresource == "status" {
        let names: Vec<String> = before.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        for name in names.iter().filter(|name| !["status", "metadata", "apiVersion", "kind"].contains(&name.as_str())) {
            restore(object, name);
        }
        if let Some(fields) = object.as_object_mut() {
            fields.retain(|name, _| ["status", "metadata"].contains(&name.as_str()) || names.contains(name));
        }
        for field in ["labels", "annotations", "finalizers", "ownerReferences"] {
            match before["metadata"].get(field) {
                Some(value) => object["metadata"][field] = value.clone(),
                None => {
                    object["metadata"].as_object_mut().map(|metadata| metadata.remove(field));
                }
            }
        }
        return;
    }
    // A kubelet registers its node with a status.
    let registers = ask.kind.resource() == "nodes" && old.is_none();
    if ask.kind.has("status") && !registers {
        restore(object, "status");
    }
}

/// Defaults, and what the server decides by itself.
pub(super) fn prepare(store: &Store, draft: &mut Draft<'_>) -> Result<(), Failure> {
    let name = text(&draft.object, "/metadata/name").to_owned();
    let namespace = text(&draft.object, "/metadata/namespace").to_owned();
    if draft.kind.namespaced && draft.old.is_none() {
        let place = store.get("namespaces", &Key::global(namespace.clone()));
        let place = place.ok_or_else(|| {
            let mut failure = Failure::new(404, "NotFound", format!("namespaces {namespace:?} not found"));
            failure.details = json!({ "name": namespace, "kind": "namespaces" });
            failure
        })?;
        if !text(place, "/metadata/deletionTimestamp").is_empty() {
            let message = format!(
                "{} {name:?} is forbidden: unable to create new content in namespace {namespace} because it is being terminated",
                draft.kind.resource()
            );
            let cause = Cause {
                reason: "NamespaceTerminating",
                field: "metadata.namespace".to_owned(),
                message: format!("namespace {namespace} is being terminated"),
            };
            return Err(Failure::new(403, "Forbidden", message).with_causes(&[cause]));
        }
    }
    if !draft.kind.custom && draft.subresource.is_empty() {
        defaults::fill(store, draft.kind, &mut draft.object, draft.old);
    }
    if draft.kind.resource() == crd::RESOURCE && draft.subresource.is_empty() {
        let found = crd::causes(&draft.object);
        if !found.is_empty() {
            return Err(Failure::invalid(draft.kind, &name, &found));
        }
        crd::establish(&mut draft.object, draft.now);
    }
    Ok(())
}

/// Refuses what is not valid: by the schema, by the kind's rules, by what may not change.
pub(super) fn check(store: &Store, draft: &Draft<'_>, schema: Option<&Json>) -> Result<(), Failure> {
    let name = text(&draft.object, "/metadata/name");
    let mut found = Vec::new();
    if let Some(schema) = schema {
        found.extend(schema::causes(&draft.object, schema));
        // Rules are only asked where the schema holds, as the server asks them.
        if found.is_empty() {
            let resource = draft.kind.resource();
            let definition =
                store.get("customresourcedefinitions.apiextensions.k8s.io", &Key::global(resource.as_str()));
            let version = definition.map(|one| text(one, "/metadata/annotations/sandbox.rem-ci.dev~1rules"));
            let broken = chart::rules_at(version.unwrap_or_default(), &resource, &draft.object, draft.old);
            found.extend(
                broken
                    .into_iter()
                    .map(|(path, message)| Cause::invalid(path, format!("Invalid value: \"object\": {message}"))),
            );
        }
    } else {
        found.extend(core::causes(store, draft));
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::invalid(draft.kind, name, &found)) }
}
