use serde_json::json;

use super::*;

const LIMITS: Piece = Piece::text("limits", "/spec/limits");
const DISRUPTION: Piece = Piece::typed("disruption", "/spec/disruption");

fn map(pairs: &[(&str, &str)]) -> Value {
    Value::tags(pairs.iter().map(|(key, value)| (*key, *value)))
}

#[test]
fn numbers_and_booleans_are_what_the_schema_wants() {
    let value = Value::map([
        ("volumeSize", Value::text("50Gi")),
        ("encrypted", Value::text("true")),
        ("iops", Value::text("3000")),
    ]);
    assert_eq!(to_json(&value, "ebs", true), json!({"volumeSize": "50Gi", "encrypted": true, "iops": 3000}));
    // A label is text, whatever its key.
    assert_eq!(to_json(&map(&[("weight", "1")]), "labels", false), json!({"weight": "1"}));
}

#[test]
fn pointers_make_their_way() {
    let mut object = json!({});
    put(&mut object, "/metadata/annotations/storageclass.kubernetes.io~1is-default-class", json!("true"));
    assert_eq!(object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"], "true");
}

#[test]
fn defaults_of_others_do_not_count() {
    let object = json!({"spec": {"disruption": {"consolidateAfter": "1m", "budgets": [{"nodes": "10%"}]}}});
    let want = map(&[("consolidateAfter", "1m")]);
    assert_eq!(visible(&object, &json!({}), &DISRUPTION, Some(&want)), Some(want));
    assert_eq!(visible(&object, &json!({}), &LIMITS, Some(&map(&[("cpu", "1")]))), None);
}

#[test]
fn what_we_own_and_no_longer_want_counts() {
    let object = json!({
        "metadata": {"managedFields": [
            {"manager": "rem-ci", "operation": "Apply", "fieldsV1": {"f:spec": {"f:limits": {"f:cpu": {}, "f:memory": {}}}}},
            {"manager": "argocd", "operation": "Apply", "fieldsV1": {"f:spec": {"f:limits": {"f:nodes": {}}}}},
            {"manager": "rem-ci", "operation": "Update", "subresource": "status", "fieldsV1": {"f:spec": {"f:weight": {}}}},
        ]},
        "spec": {"limits": {"cpu": "100", "memory": "400Gi", "nodes": "5"}, "weight": 3},
    });
    let owned = owned(&object);
    let want = map(&[("cpu", "50")]);
    assert_eq!(visible(&object, &owned, &LIMITS, Some(&want)), Some(map(&[("cpu", "100"), ("memory", "400Gi")])));
    assert_eq!(visible(&object, &owned, &Piece::typed("weight", "/spec/weight"), None), None);
}

#[test]
fn a_map_owned_as_a_whole_counts_as_a_whole() {
    let owned = json!({"f:spec": {"f:selector": {}}});
    let object = json!({"spec": {"selector": {"a": "1", "b": {"c": "2"}}}});
    let piece = Piece::text("selector", "/spec/selector");
    let whole = Value::map([("a", Value::text("1")), ("b", map(&[("c", "2")]))]);
    assert_eq!(visible(&object, &owned, &piece, None), Some(whole));
}

#[test]
fn lists_count_as_a_whole() {
    let object = json!({"spec": {"taints": [{"key": "a", "effect": "NoSchedule", "timeAdded": null}]}});
    let piece = Piece::text("taints", "/spec/taints");
    let found = visible(&object, &json!({"f:spec": {"f:taints": {}}}), &piece, None);
    assert!(matches!(found, Some(Value::List(items)) if items.len() == 1));
}
