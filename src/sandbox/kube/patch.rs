//! Patches: JSON (RFC 6902), merge (RFC 7396) and strategic merge (Kubernetes documentation, "Update API Objects in Place
//! Using kubectl patch").

use serde_json::{Map, Value as Json};

use super::shape::{Listing, Shape};
use super::status::Failure;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// RFC 6902.
    Json,
    /// RFC 7396.
    Merge,
    /// Merge, with lists by key.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl How {
    /// By its media type.
    ///
    /// # Errors
    /// 415 for any other.
    pub fn of(media: &str) -> Result<Self, Failure> {
        match media.split(';').next().unwrap_or_default().trim() {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" => Ok(Self::Apply),
            other => Err(Failure::media(
                other,
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )),
        }
    }
}

/// The object after a patch.
///
/// # Errors
/// 400 for a patch that cannot be read, 422 for one that does not fit.
pub fn patched(object: &Json, patch: &Json, how: How, shape: Shape<'_>) -> Result<Json, Failure> {
    let mut object = object.clone();
    match how {
        How::Json => {
            let patch: json_patch::Patch =
                serde_json::from_value(patch.clone()).map_err(|error| Failure::bad(error.to_string()))?;
            json_patch::patch(&mut object, &patch).map_err(|error| {
                Failure::new(
                    422,
                    "Invalid",
                    format!("the server rejected our request due to an error in our request: {error}"),
                )
            })?;
        }
        How::Merge => json_patch::merge(&mut object, patch),
        How::Strategic | How::Apply => strategic(&mut object, patch, shape),
    }
    Ok(object)
}

const DIRECTIVE: &str = "$patch";

fn strategic(object: &mut Json, patch: &Json, shape: Shape<'_>) {
    let Json::Object(changes) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Json::Object(Map::new());
    }
    let replace = changes.get(DIRECTIVE).is_some_and(|word| word == "replace");
    let retained = changes.get("$retainKeys").and_then(Json::as_array);
    let Json::Object(fields) = object else { return };
    if replace {
        fields.clear();
    }
    if let Some(keep) = retained {
        fields.retain(|name, _| keep.iter().any(|kept| kept == name));
    }
    for (name, change) in changes {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            let lost = change.as_array().cloned().unwrap_or_default();
            if let Some(Json::Array(items)) = fields.get_mut(list) {
                items.retain(|item| !lost.contains(item));
            }
            continue;
        }
        // Orders of lists are of no account here.
        if name.starts_with('$') {
            continue;
        }
        let place = shape.child(name);
        match change {
            Json::Null => {
                fields.remove(name);
            }
            Json::Object(inner) if inner.get(DIRECTIVE).is_some_and(|word| word == "delete") => {
                fields.remove(name);
            }
            Json::Array(items) => {
                let old = fields.entry(name.clone()).or_insert_with(|| Json::Array(Vec::new()));
                list(old, items, place);
            }
            _ => strategic(fields.entry(name.clone()).or_insert(Json::Null), change, place),
        }
    }
}

fn list(old: &mut Json, changes: &[Json], shape: Shape<'_>) {
    let listing = match shape {
        // These two are merged by key in a patch although apply takes them as a whole or by more keys.
        Shape::Core("spec", "taints" | "tolerations") => Listing::Keys(vec!["key".to_owned()]),
        _ => shape.listing(),
    };
    let Json::Array(items) = old else {
        *old = Json::Array(changes.to_vec());
        return;
    };
    if changes.iter().any(|change| change[DIRECTIVE] == "replace") {
        *items = changes.iter().filter(|change| change.get(DIRECTIVE).is_none()).cloned().collect();
        return;
    }
    match listing {
        Listing::Atomic => *items = changes.to_vec(),
        Listing::Set => {
            for change in changes {
                if !items.contains(change) {
                    items.push(change.clone());
                }
            }
        }
        // A patch tells items apart by the first key alone.
        Listing::Keys(keys) => {
            let key = keys.first().cloned().unwrap_or_default();
            for change in changes {
                let at = items.iter().position(|item| item.get(&key) == change.get(&key));
                match (at, change[DIRECTIVE] == "delete") {
                    (Some(at), true) => {
                        items.remove(at);
                    }
                    (None, true) => {}
                    (Some(at), false) => strategic(&mut items[at], change, shape.item()),
                    (None, false) => items.push(change.clone()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
