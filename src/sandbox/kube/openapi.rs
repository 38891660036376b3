//! `/openapi/v3`: enough for `kubectl explain`, for its validation and for `apply`, which look for a kind's PATCH and the
//! parameters that it takes. Schemas are whole for custom kinds, and one level deep for core ones.

use serde_json::{Map, Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::answer::Reply;
use super::crd;
use super::status::Failure;
use super::store::Store;
use super::types::Kind;

/// Answers a path under `/openapi`.
pub(super) fn answer(store: &Store, kinds: &[Kind], path: &str) -> Result<Reply, Failure> {
    match path.strip_prefix("/openapi/v3") {
        Some("") => Ok(Reply::Json(200, index(store, kinds))),
        Some(rest) => {
            let rest = rest.trim_start_matches('/');
            let ours: Vec<&Kind> = kinds.iter().filter(|kind| place(kind) == rest).collect();
            if ours.is_empty() { Err(Failure::no_path()) } else { Ok(Reply::Json(200, document(store, &ours))) }
        }
        None => Err(Failure::no_path()),
    }
}

/// `api/v1`, `apis/apps/v1`.
fn place(kind: &Kind) -> String {
    let root = if kind.group.is_empty() { "api" } else { "apis" };
    format!("{root}/{}", kind.api_version())
}

fn index(store: &Store, kinds: &[Kind]) -> Json {
    let mut paths = Map::new();
    for kind in kinds {
        let place = place(kind);
        if !paths.contains_key(&place) {
            let ours: Vec<&Kind> = kinds.iter().filter(|other| super::openapi::place(other) == place).collect();
            // Clients keep a document for as long as its address says the same.
            let hash = hex::encode(&Sha256::digest(document(store, &ours).to_string())[..16]).to_uppercase();
            paths.insert(place.clone(), json!({ "serverRelativeURL": format!("/openapi/v3/{place}?hash={hash}") }));
        }
    }
    json!({ "paths": paths })
}

fn document(store: &Store, kinds: &[&Kind]) -> Json {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    for kind in kinds {
        let gvk = json!({ "group": kind.group, "version": kind.version, "kind": kind.kind });
        let name = format!(
            "io.k8s.{}.{}.{}",
            if kind.group.is_empty() { "core" } else { &kind.group },
            kind.version,
            kind.kind
        );
        let middle = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
        let path = format!("/{}{middle}/{}/{{name}}", place(kind), kind.plural);
        let parameters: Vec<Json> = ["dryRun", "fieldManager", "fieldValidation", "force"]
            .iter()
            .map(|name| json!({ "name": name, "in": "query", "schema": { "type": if *name == "force" { "boolean" } else { "string" } } }))
            .collect();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        let content = json!({ "application/json": { "schema": reference } });
        let responses = json!({ "200": { "description": "OK", "content": content } });
        paths.insert(
            path,
            json!({
                "get": { "responses": responses, "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": gvk },
                "patch": {
                    "parameters": parameters, "responses": responses, "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": gvk,
                },
            }),
        );
        let mut schema = crd::schema(store, kind).unwrap_or_else(|| {
            let object = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
            json!({ "type": "object", "properties": { "spec": object, "status": object } })
        });
        schema["x-kubernetes-group-version-kind"] = json!([gvk]);
        for (field, kind) in [("apiVersion", "string"), ("kind", "string"), ("metadata", "object")] {
            schema["properties"][field] = json!({ "type": kind });
        }
        schemas.insert(name, schema);
    }
    json!({
        "openapi": "3.0.0", "info": { "title": "Kubernetes", "version": "sandbox" }, "paths": paths,
        "components": { "schemas": schemas },
    })
}
