//! One changed field taken apart into leaves: `routes.0.0.0.0/0`, `limits.cpu`, `logging.types + scheduler`.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::report::FieldRow;
use super::text;
use crate::engine::{Change, Effect, Kind, Value};

/// The leaves in which before and after differ. Maps are entered by key, lists by index, sets by element, policies as the
/// JSON they are.
#[must_use]
pub fn field_rows(change: &Change) -> Vec<FieldRow> {
    let mut rows = Vec::new();
    walk(&mut rows, &change.field, change.before.as_ref(), change.after.as_ref());
    rows
}

/// [`field_rows`] with what the kind says of the field: whether it forces a replacement, and whether it may be shown.
#[must_use]
pub fn field_rows_of(kind: &Kind, change: &Change) -> Vec<FieldRow> {
    let Some(field) = kind.field(&change.field) else { return field_rows(change) };
    if field.sensitive {
        let masked = |value: &Option<Value>| value.as_ref().map(|_| Value::text("(sensitive)"));
        return vec![FieldRow {
            path: change.field.clone(),
            before: masked(&change.before),
            after: masked(&change.after),
            forces_replace: matches!(field.effect, Effect::Replace(_)),
            sensitive: true,
        }];
    }
    let mut rows = field_rows(change);
    for row in &mut rows {
        row.forces_replace = matches!(field.effect, Effect::Replace(_));
    }
    rows
}

fn walk(rows: &mut Vec<FieldRow>, path: &str, before: Option<&Value>, after: Option<&Value>) {
    if before == after {
        return;
    }
    let under = |key: &str| format!("{path}.{key}");
    match (before, after) {
        (Some(Value::Map(old)), Some(Value::Map(new))) => by_key(rows, &under, old, new),
        (None, Some(Value::Map(new))) if !new.is_empty() => by_key(rows, &under, &BTreeMap::new(), new),
        (Some(Value::Map(old)), None) if !old.is_empty() => by_key(rows, &under, old, &BTreeMap::new()),
        (Some(Value::List(old)), Some(Value::List(new))) => by_index(rows, &under, old, new),
        (None, Some(Value::List(new))) if !new.is_empty() => by_index(rows, &under, &[], new),
        (Some(Value::List(old)), None) if !old.is_empty() => by_index(rows, &under, old, &[]),
        (Some(Value::Set(old)), Some(Value::Set(new))) => by_element(rows, path, old, new),
        (None, Some(Value::Set(new))) if !new.is_empty() => by_element(rows, path, &[], new),
        (Some(Value::Set(old)), None) if !old.is_empty() => by_element(rows, path, old, &[]),
        (Some(Value::Policy(old)), Some(Value::Policy(new))) => {
            match (serde_json::from_str(old), serde_json::from_str(new)) {
                (Ok(old), Ok(new)) => by_json(rows, path, Some(&old), Some(&new)),
                _ => leaf_row(rows, path, before, after),
            }
        }
        _ => leaf_row(rows, path, before, after),
    }
}

fn leaf_row(rows: &mut Vec<FieldRow>, path: &str, before: Option<&Value>, after: Option<&Value>) {
    rows.push(FieldRow {
        path: path.to_owned(),
        before: before.cloned(),
        after: after.cloned(),
        forces_replace: false,
        sensitive: false,
    });
}

fn by_key(
    rows: &mut Vec<FieldRow>,
    under: &dyn Fn(&str) -> String,
    old: &BTreeMap<String, Value>,
    new: &BTreeMap<String, Value>,
) {
    let mut keys: Vec<_> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        walk(rows, &under(key), old.get(key), new.get(key));
    }
}

fn by_index(rows: &mut Vec<FieldRow>, under: &dyn Fn(&str) -> String, old: &[Value], new: &[Value]) {
    for index in 0..old.len().max(new.len()) {
        walk(rows, &under(&index.to_string()), old.get(index), new.get(index));
    }
}

fn by_element(rows: &mut Vec<FieldRow>, path: &str, old: &[Value], new: &[Value]) {
    for gone in old.iter().filter(|item| !new.contains(item)) {
        leaf_row(rows, path, Some(gone), None);
    }
    for come in new.iter().filter(|item| !old.contains(item)) {
        leaf_row(rows, path, None, Some(come));
    }
}

fn by_json(rows: &mut Vec<FieldRow>, path: &str, old: Option<&Json>, new: Option<&Json>) {
    if old == new {
        return;
    }
    let text = |json: Option<&Json>| {
        json.map(|json| Value::Text(json.as_str().map_or_else(|| json.to_string(), str::to_owned)))
    };
    match (old, new) {
        (Some(Json::Object(a)), Some(Json::Object(b))) => {
            let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                by_json(rows, &format!("{path}.{key}"), a.get(key), b.get(key));
            }
        }
        (Some(Json::Array(a)), Some(Json::Array(b))) if a.iter().chain(b).any(|item| !item.is_string()) => {
            for index in 0..a.len().max(b.len()) {
                by_json(rows, &format!("{path}.{index}"), a.get(index), b.get(index));
            }
        }
        (Some(a), Some(b)) if a.is_array() || b.is_array() => {
            // Lists of strings in a policy are sets, and one string stands for a list of one.
            let items = |json: &Json| json.as_array().cloned().unwrap_or_else(|| vec![json.clone()]);
            let (a, b) = (items(a), items(b));
            for gone in a.iter().filter(|item| !b.contains(item)) {
                leaf_row(rows, path, text(Some(gone)).as_ref(), None);
            }
            for come in b.iter().filter(|item| !a.contains(item)) {
                leaf_row(rows, path, None, text(Some(come)).as_ref());
            }
        }
        _ => leaf_row(rows, path, text(old).as_ref(), text(new).as_ref()),
    }
}

/// A leaf as people read it, raw: references as addresses without their section, the unknown as `known after apply`. The
/// views still make it inert.
#[must_use]
pub fn leaf(value: &Value) -> String {
    match value {
        Value::Text(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Text(text) => text.clone(),
        Value::Ref { node, attr } => match attr.as_str() {
            "id" | "arn" | "name" => short(node.as_str()).to_owned(),
            attr => format!("{}.{attr}", short(node.as_str())),
        },
        Value::Template(text) | Value::Policy(text) => untoken(text),
        Value::Pending(_) => "known after apply".to_owned(),
        Value::List(items) | Value::Set(items) => {
            format!("[{}]", items.iter().map(leaf).collect::<Vec<_>>().join(", "))
        }
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, entry)| format!("{}: {}", untoken(key), leaf(entry)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// An address without its section: `nat-gateway/1`.
pub(super) fn short(address: &str) -> &str {
    address.split_once('/').map_or(address, |(_, rest)| rest)
}

/// `$[network/vpc#id]` as `<vpc>`.
fn untoken(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("$[") {
        out.push_str(before);
        match after.split_once(']') {
            Some((token, after)) if token.contains('#') => {
                let (node, _) = token.split_once('#').unwrap_or((token, ""));
                out.push('<');
                out.push_str(short(node));
                out.push('>');
                rest = after;
            }
            _ => {
                out.push_str("$[");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A leaf made visible, or the mask.
pub(super) fn shown(row: &FieldRow, value: &Value) -> String {
    if row.sensitive { "(sensitive)".to_owned() } else { text::visible(&leaf(value)) }
}

/// A path with its tokens as addresses, made visible.
pub(super) fn shown_path(row: &FieldRow) -> String {
    text::visible(&untoken(&row.path))
}
