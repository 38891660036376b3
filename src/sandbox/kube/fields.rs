//! Sets of fields, as `managedFields` keeps them (FieldsV1), and what can be done with the values behind them.
//!
//! A path is its elements in the form of FieldsV1: `f:spec`, `k:{"name":"a"}`, `v:"x"`. A set holds leaves, and items of
//! lists beside their leaves.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json, json};

use super::shape::{Listing, Shape};

/// From an object's top to a field.
pub type Path = Vec<String>;

/// Fields.
pub type Set = BTreeSet<Path>;

/// As FieldsV1 writes a set.
#[must_use]
pub fn encode(set: &Set) -> Json {
    fn enter(node: &mut Map<String, Json>, path: &[String]) {
        let [element, rest @ ..] = path else {
            node.insert(".".to_owned(), json!({}));
            return;
        };
        if let Json::Object(fields) = node.entry(element.clone()).or_insert_with(|| json!({})) {
            enter(fields, rest);
        }
    }
    fn tidy(node: &mut Map<String, Json>) {
        if node.len() == 1 && node.contains_key(".") {
            node.clear();
        }
        for value in node.values_mut() {
            if let Json::Object(fields) = value {
                tidy(fields);
            }
        }
    }
    let mut root = Map::new();
    for path in set {
        enter(&mut root, path);
    }
    tidy(&mut root);
    Json::Object(root)
}

/// As FieldsV1 reads.
#[must_use]
pub fn decode(fields: &Json) -> Set {
    fn walk(node: &Map<String, Json>, path: &mut Path, set: &mut Set) {
        if node.is_empty() || node.contains_key(".") {
            set.insert(path.clone());
        }
        for (element, value) in node.iter().filter(|(element, _)| *element != ".") {
            if let Json::Object(fields) = value {
                path.push(element.clone());
                walk(fields, path, set);
                path.pop();
            }
        }
    }
    let mut set = Set::new();
    if let Json::Object(fields) = fields {
        walk(fields, &mut Path::new(), &mut set);
        set.remove(&Path::new());
    }
    set
}

/// As conflicts print a path: `.spec.containers[name="a"].image`.
#[must_use]
pub fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for element in path {
        match element.split_at(2.min(element.len())) {
            ("k:", keys) => {
                let keys: BTreeMap<String, Json> = serde_json::from_str(keys).unwrap_or_default();
                let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                text.extend(["[", &pairs.join(","), "]"]);
            }
            ("v:", value) => text.extend(["[=", value, "]"]),
            (_, field) => {
                text.push('.');
                text.push_str(field);
            }
        }
    }
    text
}

fn field(name: &str) -> String {
    format!("f:{name}")
}

/// All leaves of a value, below `path`.
pub fn leaves(value: &Json, shape: Shape<'_>, path: &mut Path, set: &mut Set) {
    match value {
        Json::Object(fields) if !fields.is_empty() && !shape.whole() => {
            for (name, value) in fields {
                path.push(field(name));
                leaves(value, shape.child(name), path, set);
                path.pop();
            }
        }
        Json::Array(items) if !items.is_empty() => {
            let listing = shape.listing();
            if listing == Listing::Atomic {
                set.insert(path.clone());
                return;
            }
            for item in items {
                let Some(element) = shape.element(&listing, item) else { continue };
                path.push(element);
                set.insert(path.clone());
                if matches!(listing, Listing::Keys(_)) {
                    leaves(item, shape.item(), path, set);
                }
                path.pop();
            }
        }
        _ => {
            set.insert(path.clone());
        }
    }
}

/// The fields of an object that somebody can own: not its identity, and not what the server keeps.
#[must_use]
pub fn owned(object: &Json, shape: Shape<'_>) -> Set {
    let mut set = Set::new();
    leaves(object, shape, &mut Path::new(), &mut set);
    strip(&mut set);
    set
}

/// Server-kept parts of metadata.
const KEPT: &[&str] = &[
    "f:name",
    "f:namespace",
    "f:uid",
    "f:creationTimestamp",
    "f:resourceVersion",
    "f:generation",
    "f:managedFields",
    "f:deletionTimestamp",
    "f:deletionGracePeriodSeconds",
    "f:selfLink",
];

fn strip(set: &mut Set) {
    set.retain(|path| match path.first().map(String::as_str) {
        None | Some("f:apiVersion" | "f:kind") => false,
        Some("f:metadata") => path.get(1).is_some_and(|field| !KEPT.contains(&field.as_str())),
        _ => true,
    });
}

/// What is another in `new` than in `old`: fields that are new or changed, and fields that are gone.
#[must_use]
pub fn changed(old: &Json, new: &Json, shape: Shape<'_>) -> (Set, Set) {
    let (mut touched, mut gone) = (Set::new(), Set::new());
    compare(Some(old), Some(new), shape, &mut Path::new(), &mut touched, &mut gone);
    strip(&mut touched);
    strip(&mut gone);
    (touched, gone)
}

fn compare(
    old: Option<&Json>,
    new: Option<&Json>,
    shape: Shape<'_>,
    path: &mut Path,
    touched: &mut Set,
    gone: &mut Set,
) {
    match (old, new) {
        (None, None) => {}
        (None, Some(new)) => leaves(new, shape, path, touched),
        (Some(old), None) => leaves(old, shape, path, gone),
        (Some(old), Some(new)) if old == new => {}
        (Some(Json::Object(old)), Some(Json::Object(new))) if !shape.whole() => {
            let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for name in names {
                path.push(field(name));
                compare(old.get(name), new.get(name), shape.child(name), path, touched, gone);
                path.pop();
            }
        }
        (Some(Json::Array(before)), Some(Json::Array(after))) if shape.listing() != Listing::Atomic => {
            let listing = shape.listing();
            let by = |items: &Vec<Json>| -> BTreeMap<String, Json> {
                let named = items.iter().filter_map(|item| Some((shape.element(&listing, item)?, item.clone())));
                named.collect()
            };
            let (before, after) = (by(before), by(after));
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for name in names {
                path.push(name.clone());
                match (before.get(name), after.get(name)) {
                    (None, Some(_)) => {
                        touched.insert(path.clone());
                    }
                    (Some(_), None) => {
                        gone.insert(path.clone());
                    }
                    _ => {}
                }
                if matches!(listing, Listing::Keys(_)) {
                    compare(before.get(name), after.get(name), shape.item(), path, touched, gone);
                }
                path.pop();
            }
        }
        _ => {
            touched.insert(path.clone());
        }
    }
}

/// What server-side apply makes of a live value and an applied one.
#[must_use]
pub fn merged(live: &Json, applied: &Json, shape: Shape<'_>) -> Json {
    match (live, applied) {
        (Json::Object(live), Json::Object(applied)) if !shape.whole() => {
            let mut all = live.clone();
            for (name, value) in applied {
                let value = live.get(name).map_or_else(|| value.clone(), |old| merged(old, value, shape.child(name)));
                all.insert(name.clone(), value);
            }
            Json::Object(all)
        }
        (Json::Array(live), Json::Array(applied)) => {
            let listing = shape.listing();
            if listing == Listing::Atomic {
                return Json::Array(applied.clone());
            }
            let mut all = live.clone();
            for item in applied {
                let element = shape.element(&listing, item);
                match all.iter_mut().find(|old| shape.element(&listing, old) == element) {
                    Some(old) => *old = merged(old, item, shape.item()),
                    None => all.push(item.clone()),
                }
            }
            Json::Array(all)
        }
        _ => applied.clone(),
    }
}

/// Takes a field out of an object. Maps and lists that become empty by it go too.
pub fn remove(object: &mut Json, path: &[String], shape: Shape<'_>) {
    let [element, rest @ ..] = path else { return };
    match object {
        Json::Object(fields) => {
            let Some(name) = element.strip_prefix("f:") else { return };
            if rest.is_empty() {
                fields.remove(name);
            } else if let Some(value) = fields.get_mut(name) {
                remove(value, rest, shape.child(name));
                let empty = value.as_object().is_some_and(Map::is_empty) || value.as_array().is_some_and(Vec::is_empty);
                if empty {
                    fields.remove(name);
                }
            }
        }
        Json::Array(items) => {
            let listing = shape.listing();
            let Some(at) = items.iter().position(|item| shape.element(&listing, item).as_ref() == Some(element)) else {
                return;
            };
            if rest.is_empty() {
                items.remove(at);
            } else {
                remove(&mut items[at], rest, shape.item());
            }
        }
        _ => {}
    }
}

/// An object without the times in its `managedFields`, and without its version.
#[must_use]
pub fn timeless(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
    }
    for entry in object["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
        if let Some(fields) = entry.as_object_mut() {
            fields.remove("time");
        }
    }
    object
}

#[cfg(test)]
mod tests;
