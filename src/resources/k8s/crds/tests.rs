use super::*;

fn definition(name: &str, version: &str, established: &str) -> Json {
    json!({
        "metadata": {"name": name, "annotations": {ANNOTATION_CHART: version}},
        "status": {"conditions": [{"type": "Established", "status": established}]},
    })
}

fn scope() -> Scope {
    Scope {
        environment: "prod".to_owned(),
        stack: "0".to_owned(),
        wanted: Vec::new(),
        everything: std::sync::Arc::default(),
        after_incomplete: false,
    }
}

#[test]
fn definitions_count_as_one_and_are_ready_when_all_are_served() {
    let all = |established: [&str; 3]| -> Vec<Json> {
        DEFINITIONS.iter().zip(established).map(|(name, status)| definition(name, "1.15.1", status)).collect()
    };
    let one = live("c", &all(["True"; 3]), &scope()).expect("definitions");
    assert_eq!((one.text("version"), &one.ready), ("1.15.1", &Ready::Yes));
    assert_eq!(one.fields["definitions"], Value::texts(DEFINITIONS));
    let late = live("c", &all(["True", "False", "True"]), &scope()).expect("definitions");
    assert_eq!(late.ready, Ready::NotYet("nodeclaims.karpenter.sh is not served yet".to_owned()));
    assert_eq!(live("c", &[], &scope()), None);
}

#[test]
fn a_missing_one_and_a_version_of_another_show() {
    let two = [definition(DEFINITIONS[0], "1.1.0", "True"), definition(DEFINITIONS[1], "1.15.1", "True")];
    let mixed = live("c", &two, &scope()).expect("definitions");
    assert_eq!(mixed.text("version"), "1.1.0, 1.15.1");
    assert_eq!(mixed.fields["definitions"].items().len(), 2);
}
