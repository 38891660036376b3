//! Reading and writing what all objects have: labels, owners, conditions, selectors.

use serde_json::{Value as Json, json};

use crate::sandbox::kube::store::{text, time};
use crate::sandbox::state::Millis;

pub(super) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

pub(super) fn namespace(object: &Json) -> &str {
    text(object, "/metadata/namespace")
}

pub(super) fn uid(object: &Json) -> &str {
    text(object, "/metadata/uid")
}

pub(super) fn label<'a>(object: &'a Json, key: &str) -> &'a str {
    object["metadata"]["labels"][key].as_str().unwrap_or_default()
}

pub(super) fn annotation<'a>(object: &'a Json, key: &str) -> &'a str {
    object["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// Whether somebody has asked for its end.
pub(super) fn leaving(object: &Json) -> bool {
    object["metadata"].get("deletionTimestamp").is_some_and(|at| !at.is_null())
}

/// A list in an object; empty when it is not there.
pub(super) fn items<'a>(object: &'a Json, pointer: &str) -> &'a [Json] {
    object.pointer(pointer).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Milliseconds of an RFC 3339 time; 0 when it is none.
pub(super) fn moment(value: &Json) -> Millis {
    let time = value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok());
    time.map(jiff::Timestamp::as_millisecond).unwrap_or_default()
}

/// When it was made.
pub(super) fn born(object: &Json) -> Millis {
    moment(&object["metadata"]["creationTimestamp"])
}

/// When its end was asked for: the deletion timestamp is that and the grace period.
pub(super) fn asked_to_leave(object: &Json) -> Millis {
    let grace = object["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or_default();
    moment(&object["metadata"]["deletionTimestamp"]) - grace * 1000
}

/// The owner that manages it.
pub(super) fn owner(object: &Json) -> Option<&Json> {
    items(object, "/metadata/ownerReferences").iter().find(|owner| owner["controller"] == true)
}

/// Whether `owner` manages it.
pub(super) fn owned_by(object: &Json, owner_uid: &str) -> bool {
    !owner_uid.is_empty() && owner(object).is_some_and(|owner| owner["uid"] == owner_uid)
}

/// A reference to an owner that manages.
pub(super) fn reference(owner: &Json) -> Json {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": name(owner), "uid": uid(owner),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Whether labels satisfy a `LabelSelector`. One without any demand selects everything; no selector at all selects nothing.
pub(super) fn selects(selector: &Json, labels: &Json) -> bool {
    if !selector.is_object() {
        return false;
    }
    let equal = selector["matchLabels"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    equal
        && items(selector, "/matchExpressions").iter().all(|one| {
            let have = labels[one["key"].as_str().unwrap_or_default()].as_str();
            let listed = have.is_some_and(|have| items(one, "/values").iter().any(|value| value == have));
            match one["operator"].as_str().unwrap_or_default() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => have.is_some(),
                "DoesNotExist" => have.is_none(),
                _ => false,
            }
        })
}

/// One of an object's conditions.
pub(super) fn condition<'a>(object: &'a Json, kind: &str) -> &'a Json {
    items(object, "/status/conditions").iter().find(|one| one["type"] == kind).unwrap_or(&Json::Null)
}

/// Whether a condition is `True`.
pub(super) fn is_true(object: &Json, kind: &str) -> bool {
    condition(object, kind)["status"] == "True"
}

/// Since when a condition is what it is.
pub(super) fn since(object: &Json, kind: &str) -> Millis {
    moment(&condition(object, kind)["lastTransitionTime"])
}

/// Sets a condition; its transition time changes with its status.
pub(super) fn set_condition(object: &mut Json, now: Millis, kind: &str, status: &str, reason: &str, message: &str) {
    let same = condition(object, kind)["status"] == status;
    let mut new = json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": if same { condition(object, kind)["lastTransitionTime"].clone() } else { json!(time(now)) },
    });
    if object["apiVersion"].as_str().is_some_and(|version| version.contains("karpenter")) {
        new["observedGeneration"] = object["metadata"]["generation"].clone();
    }
    if !object["status"].is_object() {
        object["status"] = json!({});
    }
    let place = &mut object["status"]["conditions"];
    match place.as_array_mut() {
        Some(all) => match all.iter_mut().find(|one| one["type"] == kind) {
            Some(known) => *known = new,
            None => all.push(new),
        },
        None => *place = json!([new]),
    }
}

/// Adds a finalizer, or takes it away.
pub(super) fn finalizer(object: &mut Json, name: &str, wanted: bool) {
    let mut all: Vec<Json> = items(object, "/metadata/finalizers").to_vec();
    let has = all.iter().any(|one| one == name);
    if has == wanted {
        return;
    }
    if wanted {
        all.push(json!(name));
    } else {
        all.retain(|one| one != name);
    }
    if all.is_empty() {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("finalizers");
        }
    } else {
        object["metadata"]["finalizers"] = json!(all);
    }
}

/// Whether it has a finalizer.
pub(super) fn has_finalizer(object: &Json, name: &str) -> bool {
    items(object, "/metadata/finalizers").iter().any(|one| one == name)
}
