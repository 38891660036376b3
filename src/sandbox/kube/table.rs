//! `Table`: what `kubectl get` prints, as the server prepares it (API conventions, "Receiving resources as Tables").

mod cells;
mod columns;
mod human;
mod jsonpath;

use serde_json::{Value as Json, json};

use super::answer::{Ask, Reply};
use super::crd;
use super::store::{Store, text};
use super::types::Kind;
use crate::sandbox::state::Millis;

/// Whether the client asks for tables.
pub(super) fn wanted(ask: &Ask<'_>) -> bool {
    ask.header("accept").split(',').next().is_some_and(|first| first.contains("as=Table"))
}

/// An answer as a table, where the client asks for one.
pub(super) fn render(store: &Store, ask: &Ask<'_>, reply: Reply) -> Reply {
    let Reply::Json(code, json) = reply else { return reply };
    if !wanted(ask) || !["get", "list"].contains(&ask.verb) || json["kind"] == "Status" {
        return Reply::Json(code, json);
    }
    let whole = ask.query.text("includeObject") == "Object";
    let table = if let Some(items) = json["items"].as_array() {
        of(store, &ask.kind, items, &json["metadata"], ask.now, whole)
    } else {
        let metadata = json!({ "resourceVersion": json["metadata"]["resourceVersion"] });
        of(store, &ask.kind, std::slice::from_ref(&json), &metadata, ask.now, whole)
    };
    Reply::Json(code, table)
}

/// A table of one row, for an event of a watch.
pub(super) fn one(store: &Store, kind: &Kind, object: &Json, now: Millis) -> Json {
    let metadata = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
    of(store, kind, std::slice::from_ref(object), &metadata, now, false)
}

fn of(store: &Store, kind: &Kind, items: &[Json], metadata: &Json, now: Millis, whole: bool) -> Json {
    let custom = crd::version(store, kind);
    let columns = custom.map_or_else(|| columns::core(&kind.resource()), columns::custom);
    let rows: Vec<Json> = items
        .iter()
        .map(|object| {
            let cells: Vec<Json> = columns
                .iter()
                .map(|column| match &column.path {
                    Some(path) => jsonpath::cell(object, path, &column.kind, now),
                    None => cells::cell(&kind.resource(), &column.name, object, now),
                })
                .collect();
            let mut shown = json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
            if whole {
                shown = super::read::shown(object.clone(), kind);
            }
            json!({ "cells": cells, "object": shown })
        })
        .collect();
    let definitions: Vec<Json> = columns
        .iter()
        .map(|column| {
            let format = if column.name == "Name" { "name" } else { "" };
            json!({
                "name": column.name, "type": column.kind, "format": format, "description": "", "priority": column.priority,
            })
        })
        .collect();
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions,
        "rows": rows,
    })
}

/// How old an object is.
fn age(object: &Json, now: Millis) -> String {
    human::since(text(object, "/metadata/creationTimestamp"), now)
}
