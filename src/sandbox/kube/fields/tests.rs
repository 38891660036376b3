use serde_json::{Value as Json, json};

use super::*;

fn set(value: &Json) -> Set {
    let mut set = Set::new();
    leaves(value, Shape::Core("", ""), &mut Path::new(), &mut set);
    set
}

fn pod() -> Json {
    json!({
        "metadata": { "labels": { "a": "b" }, "finalizers": ["x"] },
        "spec": { "containers": [{ "name": "c", "image": "i", "args": ["1", "2"] }], "nodeSelector": { "k": "v" } },
    })
}

#[test]
fn a_set_is_written_as_fields_v1_and_read_again() {
    let set = set(&pod());
    let want = json!({
        "f:metadata": { "f:finalizers": { "v:\"x\"": {} }, "f:labels": { "f:a": {} } },
        "f:spec": {
            "f:containers": { "k:{\"name\":\"c\"}": { ".": {}, "f:args": {}, "f:image": {}, "f:name": {} } },
            "f:nodeSelector": {},
        },
    });
    assert_eq!(encode(&set), want);
    assert_eq!(decode(&want), set);
}

#[test]
fn what_differs_is_told_as_touched_and_gone() {
    let mut new = pod();
    new["spec"]["containers"][0]["image"] = json!("j");
    new["metadata"]["labels"] = json!({ "c": "d" });
    new["spec"]["nodeSelector"]["k"] = json!("w");
    let (touched, gone) = changed(&pod(), &new, Shape::Core("", ""));
    let told = |set: &Set| set.iter().map(|path| shown(path)).collect::<Vec<_>>();
    assert_eq!(told(&touched), [".metadata.labels.c", ".spec.containers[name=\"c\"].image", ".spec.nodeSelector"]);
    assert_eq!(told(&gone), [".metadata.labels.a"]);
}

#[test]
fn lists_are_merged_as_their_kind_says() {
    let live = json!({ "spec": { "containers": [{ "name": "a", "image": "1" }], "tolerations": [{ "key": "x" }] } });
    let more = json!({ "spec": { "containers": [{ "name": "b" }, { "name": "a", "tty": true }], "tolerations": [{ "key": "y" }] } });
    let all = merged(&live, &more, Shape::Core("", ""));
    let want = json!({ "spec": {
        "containers": [{ "name": "a", "image": "1", "tty": true }, { "name": "b" }], "tolerations": [{ "key": "y" }],
    } });
    assert_eq!(all, want);
}

#[test]
fn removing_a_last_field_removes_what_held_it() {
    let mut object = pod();
    for path in decode(&json!({ "f:metadata": { "f:labels": { "f:a": {} }, "f:finalizers": { "v:\"x\"": {} } } })) {
        remove(&mut object, &path, Shape::Core("", ""));
    }
    assert!(object.get("metadata").is_none(), "{object}");
    let item = decode(&json!({ "f:spec": { "f:containers": { "k:{\"name\":\"c\"}": {} } } }));
    for path in item {
        remove(&mut object, &path, Shape::Core("", ""));
    }
    assert_eq!(object, json!({ "spec": { "nodeSelector": { "k": "v" } } }));
}
