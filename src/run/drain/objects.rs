//! Reading objects as the API server gave them: small pure functions, on which every decision is built.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::resources::k8s::hold::Inside;

/// The text at a JSON pointer; empty when there is none.
pub(super) fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// A number at a JSON pointer; 0 when there is none.
pub(super) fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or_default()
}

/// A list at a JSON pointer; empty when there is none.
pub(super) fn items<'a>(object: &'a Json, pointer: &str) -> &'a [Json] {
    object.pointer(pointer).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// `metadata.name`.
pub(super) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`; empty for cluster-scoped objects.
pub(super) fn namespace(object: &Json) -> &str {
    text(object, "/metadata/namespace")
}

/// `namespace/name`, or the name of a cluster-scoped object.
pub(super) fn full(object: &Json) -> String {
    match namespace(object) {
        "" => name(object).to_owned(),
        namespace => format!("{namespace}/{}", name(object)),
    }
}

/// `metadata.uid`.
pub(super) fn uid(object: &Json) -> &str {
    text(object, "/metadata/uid")
}

/// Whether somebody has asked for its end.
pub(super) fn leaving(object: &Json) -> bool {
    !text(object, "/metadata/deletionTimestamp").is_empty()
}

/// What it waits for before it goes.
pub(super) fn finalizers(object: &Json) -> Vec<&str> {
    items(object, "/metadata/finalizers").iter().filter_map(Json::as_str).collect()
}

/// An annotation; empty when there is none.
pub(super) fn annotation<'a>(object: &'a Json, key: &str) -> &'a str {
    object["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

fn labels(object: &Json) -> BTreeMap<&str, &str> {
    let labels = object.pointer("/metadata/labels").and_then(Json::as_object);
    labels.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?))).collect()
}

/// Whether a LabelSelector takes an object. An empty selector takes all, none takes nothing (Kubernetes API reference,
/// LabelSelector; PodDisruptionBudgetSpec v1).
pub(super) fn selects(selector: Option<&Json>, object: &Json) -> bool {
    let Some(selector) = selector.filter(|selector| selector.is_object()) else { return false };
    let labels = labels(object);
    let wanted = selector.get("matchLabels").and_then(Json::as_object);
    let all = wanted.into_iter().flatten().all(|(key, value)| labels.get(key.as_str()) == value.as_str().as_ref());
    all && items(selector, "/matchExpressions").iter().all(|expression| {
        let have = labels.get(text(expression, "/key"));
        let among = || have.is_some_and(|have| items(expression, "/values").iter().any(|value| value == have));
        match text(expression, "/operator") {
            "In" => among(),
            "NotIn" => !among(),
            "Exists" => have.is_some(),
            "DoesNotExist" => have.is_none(),
            _ => false,
        }
    })
}

/// Whether a Karpenter that could work runs: only then anybody acts on its finalizers.
pub(super) fn karpenter_runs(inside: &Inside) -> bool {
    inside.karpenter.iter().any(|deployment| number(deployment, "/status/readyReplicas") > 0)
}

/// The Node of a NodeClaim, by name or by the instance both are of.
pub(super) fn node_of<'a>(inside: &'a Inside, claim: &Json) -> Option<&'a Json> {
    let (node, provider) = (text(claim, "/status/nodeName"), text(claim, "/status/providerID"));
    inside.nodes.iter().find(|one| {
        (!node.is_empty() && name(one) == node) || (!provider.is_empty() && text(one, "/spec/providerID") == provider)
    })
}

/// The instance of a NodeClaim or Node: `aws:///us-east-1a/i-0abc` is `i-0abc`.
pub(super) fn instance(object: &Json) -> Option<&str> {
    let status = text(object, "/status/providerID");
    let provider = if status.is_empty() { text(object, "/spec/providerID") } else { status };
    provider.rsplit('/').next().filter(|id| id.starts_with("i-"))
}
