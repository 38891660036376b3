use serde_json::json;

use super::*;

fn strategically(object: &Json, patch: &Json) -> Json {
    patched(object, patch, How::Strategic, Shape::Core("", "")).expect("patched")
}

#[test]
fn a_strategic_patch_finds_items_by_their_key() {
    let object = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }, { "name": "b" }], "args": ["x"] } });
    let patch = json!({ "spec": {
        "$setElementOrder/containers": [{ "name": "a" }],
        "containers": [{ "name": "a", "image": "2" }, { "name": "b", "$patch": "delete" }, { "name": "c" }], "args": ["y"],
    } });
    let want = json!({ "spec": { "containers": [{ "name": "a", "image": "2" }, { "name": "c" }], "args": ["y"] } });
    assert_eq!(strategically(&object, &patch), want);
}

#[test]
fn directives_replace_retain_and_delete() {
    let object = json!({ "metadata": { "finalizers": ["a", "b"] }, "spec": { "strategy": { "type": "x", "rolling": 1 }, "gone": { "a": 1 } } });
    let patch = json!({
        "metadata": { "$deleteFromPrimitiveList/finalizers": ["a"] },
        "spec": { "strategy": { "$retainKeys": ["type"], "type": "y" }, "gone": { "$patch": "delete" } },
    });
    let want = json!({ "metadata": { "finalizers": ["b"] }, "spec": { "strategy": { "type": "y" } } });
    assert_eq!(strategically(&object, &patch), want);
    let patch = json!({ "spec": { "$patch": "replace", "new": 1 } });
    assert_eq!(strategically(&object, &patch)["spec"], json!({ "new": 1 }));
}

#[test]
fn a_json_patch_that_does_not_fit_is_refused() {
    let object = json!({ "a": 1 });
    let patch = |op: Json| patched(&object, &op, How::Json, Shape::Free);
    assert_eq!(patch(json!([{ "op": "add", "path": "/b", "value": 2 }])).expect("patched"), json!({ "a": 1, "b": 2 }));
    assert_eq!(patch(json!([{ "op": "test", "path": "/a", "value": 2 }])).expect_err("refused").code, 422);
    assert_eq!(patch(json!({ "not": "a list" })).expect_err("refused").code, 400);
    assert_eq!(How::of("text/plain").expect_err("refused").code, 415);
}
