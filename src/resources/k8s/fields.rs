//! A manifest and the engine's [`Fields`], either way.
//!
//! A diff owns only what we apply: of a live object those parts count that the file wants, and those that the API server
//! says we own (`metadata.managedFields`). Defaults, status and what others have added are none of our business.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::cloud::kubernetes::MANAGER;
use crate::engine::Value;

/// A field of a kind, and where it stands in the manifest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Key in the kind's fields.
    pub(super) field: &'static str,
    /// JSON pointer (RFC 6901).
    pub(super) path: &'static str,
    /// Whether numbers and booleans in it are to be those; else all is text, as in labels.
    pub(super) typed: bool,
}

impl Piece {
    /// A field that is text all through.
    pub(super) const fn text(field: &'static str, path: &'static str) -> Self {
        Self { field, path, typed: false }
    }

    /// A field with numbers or booleans in it.
    pub(super) const fn typed(field: &'static str, path: &'static str) -> Self {
        Self { field, path, typed: true }
    }
}

/// Keys whose values are whole numbers, in all schemas used here.
const NUMBERS: &[&str] = &[
    "evictionMaxPodGracePeriod",
    "httpPutResponseHopLimit",
    "imageGCHighThresholdPercent",
    "imageGCLowThresholdPercent",
    "iops",
    "matchingPrecedence",
    "maxPods",
    "minValues",
    "podsPerCore",
    "replicas",
    "throughput",
    "volumeInitializationRate",
    "weight",
];

/// Keys whose values are true or false.
const FLAGS: &[&str] = &[
    "allowVolumeExpansion",
    "associatePublicIPAddress",
    "clusterScope",
    "cpuCFSQuota",
    "deleteOnTermination",
    "detailedMonitoring",
    "encrypted",
    "rootVolume",
];

/// The JSON of a resolved value.
pub(super) fn to_json(value: &Value, key: &str, typed: bool) -> Json {
    match value {
        Value::Text(text) if typed && NUMBERS.contains(&key) => {
            text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
        }
        Value::Text(text) if typed && FLAGS.contains(&key) => {
            text.parse::<bool>().map_or_else(|_| json!(text), |flag| json!(flag))
        }
        Value::List(items) | Value::Set(items) => items.iter().map(|item| to_json(item, key, typed)).collect(),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, entry)| (key.clone(), to_json(entry, key, typed)));
            Json::Object(entries.collect())
        }
        other => other.to_json(),
    }
}

/// The parts of a JSON pointer.
fn parts(path: &str) -> impl Iterator<Item = String> {
    path.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"))
}

/// Puts a value at a pointer, with the objects on the way.
pub(super) fn put(object: &mut Json, path: &str, value: Json) {
    let mut at = object;
    for part in parts(path) {
        if !at.is_object() {
            *at = Json::Object(Map::new());
        }
        at = &mut at[part];
    }
    *at = value;
}

/// What we own of an object, as one tree of `f:` keys.
pub(super) fn owned(object: &Json) -> Json {
    let mut tree = json!({});
    let entries = object.pointer("/metadata/managedFields").and_then(Json::as_array).into_iter().flatten();
    for entry in entries.filter(|entry| entry["manager"] == MANAGER && entry.get("subresource").is_none()) {
        merge(&mut tree, &entry["fieldsV1"]);
    }
    tree
}

fn merge(tree: &mut Json, more: &Json) {
    let (Some(tree), Some(more)) = (tree.as_object_mut(), more.as_object()) else { return };
    for (key, value) in more {
        merge(tree.entry(key.clone()).or_insert_with(|| json!({})), value);
    }
}

/// The part of a live object at a piece that counts.
pub(super) fn visible(object: &Json, owned: &Json, piece: &Piece, want: Option<&Value>) -> Option<Value> {
    let live = object.pointer(piece.path)?;
    let owned = parts(piece.path).try_fold(owned, |tree, part| tree.get(format!("f:{part}")));
    if want.is_none() && owned.is_none() {
        return None;
    }
    part(live, want, owned)
}

fn part(live: &Json, want: Option<&Value>, owned: Option<&Json>) -> Option<Value> {
    let Json::Object(entries) = live else {
        return (!live.is_null()).then(|| Value::from_json(live));
    };
    // A leaf of the tree that is a map here is owned as a whole.
    let whole = owned.and_then(Json::as_object).is_some_and(Map::is_empty);
    let mut kept = BTreeMap::new();
    for (key, entry) in entries {
        let wanted = want.and_then(|want| want.get(key));
        let owned = if whole { owned } else { owned.and_then(|tree| tree.get(format!("f:{key}"))) };
        if (wanted.is_some() || owned.is_some())
            && let Some(value) = part(entry, wanted, owned)
        {
            kept.insert(key.clone(), value);
        }
    }
    (whole || !kept.is_empty()).then_some(Value::Map(kept))
}

#[cfg(test)]
mod tests;
