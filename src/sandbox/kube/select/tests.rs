use serde_json::json;

use super::*;

#[test]
fn label_selectors_mean_what_kubectl_says() {
    let object = json!({ "metadata": { "labels": { "app": "web", "tier": "front" } } });
    let holds = |text: &str| Selector::parse(text, "").expect("a selector").matches(&object);
    for yes in ["", "app=web", "app==web", "app", "!gone", "app in (db, web)", "app notin (db),tier!=back", "none!=x"] {
        assert!(holds(yes), "{yes}");
    }
    for no in ["app=db", "gone", "!app", "app in (db)", "app notin (web)", "app=web,tier=back"] {
        assert!(!holds(no), "{no}");
    }
    for bad in ["app in web", "a b", "app within (x)"] {
        assert_eq!(Selector::parse(bad, "").expect_err("no selector").code, 400, "{bad}");
    }
}

#[test]
fn field_selectors_look_at_fields() {
    let pod = json!({ "metadata": { "name": "a", "namespace": "n" }, "spec": { "nodeName": "x" }, "status": { "phase": "Running" } });
    let holds = |text: &str| Selector::parse("", text).expect("a selector").matches(&pod);
    assert!(holds("spec.nodeName=x,status.phase!=Pending"));
    assert!(holds("metadata.name=a") && !holds("metadata.namespace!=n"));
    assert!(holds("spec.unschedulable=false"));
    assert!(Selector::parse("", "nothing").is_err());
}

#[test]
fn an_empty_selector_of_an_object_selects_all_and_none_nothing() {
    let labels = json!({ "a": "b" });
    assert!(selects(&json!({}), &labels));
    assert!(!selects(&json!(null), &labels));
    assert!(selects(&json!({ "matchExpressions": [{ "key": "a", "operator": "In", "values": ["b"] }] }), &labels));
    assert!(!selects(&json!({ "matchLabels": { "a": "c" } }), &labels));
}
