//! Kinds that CustomResourceDefinitions bring: what they serve, their schemas, and the conditions of a definition itself.

use serde_json::{Value as Json, json};

use super::status::Cause;
use super::store::{Key, Store, text, time};
use super::types::{self, Kind};
use crate::sandbox::state::Millis;

/// Where definitions are stored.
pub const RESOURCE: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// Holds a definition until the objects of its kind are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

fn words(list: &Json) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn versions(definition: &Json) -> impl Iterator<Item = &Json> {
    let versions = definition.pointer("/spec/versions").and_then(Json::as_array);
    versions.into_iter().flatten().filter(|version| version["served"] == true)
}

fn kind(definition: &Json, version: &Json) -> Kind {
    let names = &definition["spec"]["names"];
    let subresources = version["subresources"].as_object().into_iter().flatten();
    Kind {
        group: text(definition, "/spec/group").to_owned(),
        version: text(version, "/name").to_owned(),
        plural: text(names, "/plural").to_owned(),
        singular: match text(names, "/singular") {
            "" => text(names, "/kind").to_lowercase(),
            singular => singular.to_owned(),
        },
        kind: text(names, "/kind").to_owned(),
        short: words(&names["shortNames"]),
        categories: words(&names["categories"]),
        namespaced: text(definition, "/spec/scope") == "Namespaced",
        subresources: subresources.map(|(name, _)| name.clone()).collect(),
        custom: true,
    }
}

/// A definition whose kinds are served: established, and not on its way out.
fn serves(definition: &Json) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Json::as_array);
    let established = |one: &Json| one["type"] == "Established" && one["status"] == "True";
    conditions.is_some_and(|all| all.iter().any(established))
}

/// All kinds that definitions bring.
#[must_use]
pub fn all(store: &Store) -> Vec<Kind> {
    let definitions = store.list(RESOURCE).filter(|definition| serves(definition));
    definitions.flat_map(|definition| versions(definition).map(|version| kind(definition, version))).collect()
}

/// All kinds of a cluster.
#[must_use]
pub fn kinds(store: &Store) -> Vec<Kind> {
    types::builtin().chain(all(store)).collect()
}

/// The kind that a path names.
#[must_use]
pub fn find(store: &Store, group: &str, version: &str, plural: &str) -> Option<Kind> {
    types::find(group, version, plural).or_else(|| {
        let definition = store.get(RESOURCE, &Key::global(format!("{plural}.{group}")))?;
        let version = versions(definition).find(|one| text(one, "/name") == version)?;
        serves(definition).then(|| kind(definition, version))
    })
}

/// The version of a definition that serves a kind.
#[must_use]
pub fn version<'a>(store: &'a Store, kind: &Kind) -> Option<&'a Json> {
    let definition = store.get(RESOURCE, &Key::global(kind.resource()))?;
    kind.custom.then(|| versions(definition).find(|one| text(one, "/name") == kind.version))?
}

/// The schema of a custom kind.
#[must_use]
pub fn schema(store: &Store, kind: &Kind) -> Option<Json> {
    version(store, kind)?.pointer("/schema/openAPIV3Schema").cloned()
}

/// Ends the objects of definitions that are to go, and then the definitions. Says whether anything was done.
pub fn settle(store: &mut Store, now: Millis) -> bool {
    let before = store.version();
    let leaving = store.list(RESOURCE).filter(|one| !text(one, "/metadata/deletionTimestamp").is_empty());
    let leaving: Vec<String> = leaving.map(|one| text(one, "/metadata/name").to_owned()).collect();
    for name in leaving {
        // A definition is called as its objects' resource.
        let keys: Vec<Key> = store.list(&name).map(Key::of).collect();
        for key in keys {
            store.delete(now, &name, &key, 0).ok();
        }
        if store.list(&name).next().is_none() {
            store.change(RESOURCE, &Key::global(name), |one| {
                if let Some(finalizers) = one["metadata"]["finalizers"].as_array_mut() {
                    finalizers.retain(|held| held != FINALIZER);
                }
            });
        }
    }
    store.version() != before
}

/// What is wrong with a definition.
#[must_use]
pub fn causes(definition: &Json) -> Vec<Cause> {
    let mut found = Vec::new();
    let mut required = |field: &str, is: bool| {
        if !is {
            let message = "Required value".to_owned();
            found.push(Cause { reason: "FieldValueRequired", field: field.to_owned(), message });
        }
    };
    let (group, plural) = (text(definition, "/spec/group"), text(definition, "/spec/names/plural"));
    required("spec.group", !group.is_empty());
    required("spec.names.plural", !plural.is_empty());
    required("spec.names.kind", !text(definition, "/spec/names/kind").is_empty());
    required("spec.scope", ["Namespaced", "Cluster"].contains(&text(definition, "/spec/scope")));
    let all = definition.pointer("/spec/versions").and_then(Json::as_array).cloned().unwrap_or_default();
    required("spec.versions", !all.is_empty());
    for (at, version) in all.iter().enumerate() {
        let schema = version.pointer("/schema/openAPIV3Schema").is_some_and(Json::is_object);
        required(&format!("spec.versions[{at}].schema.openAPIV3Schema"), schema);
    }
    let name = text(definition, "/metadata/name");
    if name != format!("{plural}.{group}") {
        found.push(Cause::invalid(
            "metadata.name",
            format!("Invalid value: {name:?}: must be spec.names.plural+\".\"+spec.group"),
        ));
    }
    if all.iter().filter(|version| version["storage"] == true).count() != 1 {
        found.push(Cause::invalid(
            "spec.versions",
            "Invalid value: must have exactly one version marked as storage version",
        ));
    }
    found
}

/// Fills in what the server does by itself: accepted names, conditions, stored versions.
pub fn establish(definition: &mut Json, now: Millis) {
    let names = &mut definition["spec"]["names"];
    if text(names, "/singular").is_empty() {
        names["singular"] = json!(text(names, "/kind").to_lowercase());
    }
    if text(names, "/listKind").is_empty() {
        names["listKind"] = json!(format!("{}List", text(names, "/kind")));
    }
    if definition["spec"]["conversion"].is_null() {
        definition["spec"]["conversion"] = json!({ "strategy": "None" });
    }
    let all = definition.pointer("/spec/versions").and_then(Json::as_array);
    let stored: Vec<Json> =
        all.into_iter().flatten().filter(|one| one["storage"] == true).map(|one| one["name"].clone()).collect();
    let accepted = definition["spec"]["names"].clone();
    let had = definition.pointer("/status/conditions").is_some();
    let status = &mut definition["status"];
    status["acceptedNames"] = accepted;
    status["storedVersions"] = json!(stored);
    if !had {
        let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": time(now), "reason": reason, "message": message });
        status["conditions"] = json!([
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ]);
    }
}
