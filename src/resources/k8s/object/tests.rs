use super::*;

const SHAPE: Shape = Shape {
    api: Api { group: "karpenter.sh", version: "v1", kind: "NodePool", plural: "nodepools" },
    pieces: &[Piece::text("limits", "/spec/limits"), Piece::typed("weight", "/spec/weight")],
    ready: by_condition,
};

fn cx() -> Cx {
    Cx {
        address: crate::engine::Address::keyed("karpenter", "node-pool", "burst"),
        environment: "prod".to_owned(),
        stack: "0123456789abcdef".to_owned(),
        token: String::new(),
    }
}

fn want() -> Fields {
    let home = Home { cluster: Value::text("rem-prod"), cluster_name: "rem-prod".to_owned(), doors: Vec::new() };
    home.want("burst", [("limits", Some(Value::tags([("cpu", "100")]))), ("weight", Some(Value::text(10)))])
}

fn scope() -> Scope {
    Scope {
        environment: "prod".to_owned(),
        stack: "0123456789abcdef".to_owned(),
        wanted: vec![(cx().address, want())],
        everything: std::sync::Arc::default(),
        after_incomplete: false,
    }
}

#[test]
fn what_is_applied_reads_back_as_what_is_wanted_and_is_ours() {
    let mut object = manifest(&SHAPE, &cx(), &want());
    assert_eq!(object["spec"], json!({"limits": {"cpu": "100"}, "weight": 10}));
    // The API server adds this and that.
    object["spec"]["disruption"] = json!({"budgets": [{"nodes": "10%"}]});
    object["metadata"]["uid"] = json!("u-1");
    let live = found(&SHAPE, "rem-prod", &object, &scope());
    assert_eq!(live.fields, want());
    assert_eq!((live.stands_for, live.id.as_str()), (None, "rem-prod/burst"));
    for (tag, value) in cx().ownership() {
        assert_eq!(live.tags[&tag], value);
    }
}

#[test]
fn an_object_of_that_name_without_our_marks_stands_in_the_way() {
    let object = json!({"metadata": {"name": "burst"}, "spec": {}});
    assert_eq!(found(&SHAPE, "rem-prod", &object, &scope()).stands_for, Some(cx().address));
}

fn conditions(conditions: &[(&str, &str, &str)]) -> Json {
    let all = conditions.iter().map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason}));
    json!({"metadata": {"generation": 2}, "status": {"conditions": all.collect::<Vec<_>>()}})
}

#[test]
fn readiness_is_the_condition_ready_and_the_first_false_one_says_why() {
    assert_eq!(by_condition(&conditions(&[("AMIsReady", "True", ""), ("Ready", "True", "")])), Ready::Yes);
    assert_eq!(
        by_condition(&conditions(&[("AMIsReady", "False", "AMINotFound"), ("Ready", "False", "AMIsReady=False")])),
        Ready::NotYet("AMIsReady: AMINotFound".to_owned())
    );
    assert!(matches!(by_condition(&json!({})), Ready::NotYet(_)));
    let mut stale = conditions(&[("Ready", "True", "")]);
    stale["status"]["conditions"][0]["observedGeneration"] = json!(1);
    assert!(matches!(by_condition(&stale), Ready::NotYet(_)));
    stale["status"]["conditions"][0]["observedGeneration"] = json!(2);
    assert_eq!(by_condition(&stale), Ready::Yes);
}

#[test]
fn what_leaves_says_what_it_waits_for() {
    let object = json!({"metadata": {
        "deletionTimestamp": "2026-11-24T12:00:00Z", "finalizers": ["karpenter.k8s.aws/termination"],
    }});
    assert_eq!(
        leaving(&object),
        Some(Ready::Leaving("terminating, waits for karpenter.k8s.aws/termination".to_owned()))
    );
    assert_eq!(leaving(&json!({"metadata": {}})), None);
}

#[test]
fn nodes_are_counted_where_karpenter_says_them() {
    assert_eq!(nodes(&json!({"status": {"nodes": 3}})), Some("3".to_owned()));
    assert_eq!(nodes(&json!({"status": {"resources": {"nodes": "2"}}})), Some("2".to_owned()));
    assert_eq!(nodes(&json!({"status": {}})), None);
}
