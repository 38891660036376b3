//! A plan against the one that was approved: what goes further, value by value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::stage::Beyond;
use crate::engine::{Address, Canonical, CanonicalNode, Value};
use crate::view::Untrusted;
use crate::view::fields::leaf;

/// Where `now` goes beyond `approved`, in the order of the plan. Empty exactly where [`Canonical::beyond`] is.
#[must_use]
pub fn beyond(now: &Canonical, approved: &Canonical) -> Vec<Beyond> {
    let allowed: BTreeMap<&Address, &CanonicalNode> =
        approved.nodes.iter().filter(|node| node.action.is_some()).map(|node| (&node.address, node)).collect();
    now.nodes.iter().flat_map(|node| one(node, allowed.get(&node.address).copied())).collect()
}

fn one(node: &CanonicalNode, allowed: Option<&CanonicalNode>) -> Vec<Beyond> {
    // Each node by itself, so that the one rule of what goes beyond stays where it is.
    let alone = |node: &CanonicalNode| Canonical { nodes: vec![node.clone()] };
    let none = Canonical { nodes: Vec::new() };
    if alone(node).beyond(&allowed.map_or(none, alone)).is_empty() {
        return Vec::new();
    }
    let say = |field: Option<&str>, approved: String, now: String| Beyond {
        address: node.address.clone(),
        field: field.map(str::to_owned),
        approved: Untrusted::new(approved),
        now: Untrusted::new(now),
    };
    let action = |node: &CanonicalNode| node.action.clone().unwrap_or_else(|| "nothing".to_owned());
    let Some(allowed) = allowed else { return vec![say(None, "nothing".to_owned(), action(node))] };
    let mut found = Vec::new();
    if allowed.action != node.action {
        found.push(say(None, action(allowed), action(node)));
    }
    let whole = matches!(node.action.as_deref(), Some("create" | "delete" | "replace"));
    let names: BTreeSet<&String> =
        if whole { node.fields.keys().chain(allowed.fields.keys()).collect() } else { node.changed.iter().collect() };
    for name in names {
        let (was, is) = (allowed.fields.get(name), node.fields.get(name));
        let meant = whole || allowed.changed.contains(name);
        if was != is {
            found.push(say(Some(name), shown(was), shown(is)));
        } else if !meant {
            found.push(say(Some(name), "no change".to_owned(), shown(is)));
        }
    }
    found
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "nothing".to_owned(), |json| leaf(&Value::from_json(json)))
}
