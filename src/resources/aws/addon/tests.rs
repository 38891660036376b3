use serde_json::json;

use super::*;

fn addon(version: &str) -> Addon {
    Addon {
        cluster: Value::text("rem-prod"),
        cluster_name: "rem-prod".to_owned(),
        name: "coredns".to_owned(),
        version: version.to_owned(),
        configuration: configuration("coredns", None),
        service_account_role: None,
        pod_identity: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

fn facts(pairs: &[(&str, &str)]) -> Facts {
    Facts(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

#[test]
fn a_version_is_chosen_once_and_then_stays() {
    let offered = [("addon/coredns/default", "v1.12.4"), ("addon/coredns/latest", "v1.13.0")];
    let version = |choice: &str, known: &[(&str, &str)]| addon(choice).want(&facts(known))["version"].clone();
    assert_eq!(version("default", &offered), Value::text("v1.12.4"));
    assert_eq!(version("latest", &offered), Value::text("v1.13.0"));
    let live = [offered[0], offered[1], ("addon/coredns/version", "v1.11.1")];
    assert_eq!(version("latest", &live), Value::text("v1.11.1"));
    assert_eq!(version("v1.12.0", &live), Value::text("v1.12.0"));
    assert_eq!(version("default", &[]), Value::Pending("addon/coredns/default".to_owned()));
}

#[test]
fn deployments_tolerate_the_system_nodes_and_the_user_has_the_last_word() {
    let user = json!({ "replicaCount": 3 });
    let merged = configuration("coredns", Some(&user)).unwrap();
    assert_eq!(merged["replicaCount"], 3);
    assert_eq!(merged["tolerations"][0]["key"], "CriticalAddonsOnly");
    let own = json!({ "tolerations": [] });
    assert_eq!(configuration("coredns", Some(&own)).unwrap()["tolerations"], json!([]));
    let deep = json!({ "controller": { "replicaCount": 1 } });
    let merged = configuration("aws-ebs-csi-driver", Some(&deep)).unwrap();
    assert_eq!(merged["controller"]["tolerations"][0]["operator"], "Exists");
    assert_eq!(configuration("vpc-cni", None), None);
}

#[test]
fn configurations_are_equal_whatever_their_order_spacing_or_language() {
    let ours = normal(&json!({ "b": { "y": 1, "x": true }, "a": "1" }));
    assert_eq!(normal_text("{ \"a\": \"1\", \"b\": {\"x\": true, \"y\": 1} }"), Some(ours.clone()));
    assert_eq!(normal_text("b: {y: 1, x: true}\na: '1'\n"), Some(ours));
    assert_eq!(normal_text("{}"), None);
}

#[test]
fn a_read_gives_every_field_back() {
    let given = sdk::Addon::builder()
        .cluster_name("rem-prod")
        .addon_name("coredns")
        .addon_version("v1.12.4")
        .configuration_values("{\"tolerations\": [{\"operator\": \"Exists\", \"key\": \"CriticalAddonsOnly\"}]}")
        .status(sdk::AddonStatus::Active)
        .build();
    let live = live(&given, std::iter::empty());
    assert_eq!(live.fields, addon("default").want(&Facts(live.facts.clone())));
    assert_eq!(live.id, "rem-prod/coredns");
}

#[test]
fn degraded_passes_and_a_failed_create_does_not() {
    let issue = sdk::AddonIssue::builder().code(sdk::AddonIssueCode::InsufficientNumberOfReplicas).message("0 of 2");
    let health = sdk::AddonHealth::builder().issues(issue.build()).build();
    let state = |status| ready(&sdk::Addon::builder().status(status).health(health.clone()).build());
    assert_eq!(
        state(sdk::AddonStatus::Degraded),
        Ready::NotYet("DEGRADED: InsufficientNumberOfReplicas: 0 of 2".to_owned())
    );
    assert!(matches!(state(sdk::AddonStatus::CreateFailed), Ready::Never(_)));
    assert_eq!(state(sdk::AddonStatus::UpdateFailed), Ready::Yes);
}
