use serde_json::{Value as Json, json};

use super::{crds, objects, rules, rules_at};

fn class() -> Json {
    json!({"spec": {
        "role": "nodes", "amiSelectorTerms": [{"alias": "al2023@v20261118"}],
        "subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "prod"}}],
        "securityGroupSelectorTerms": [{"tags": {"karpenter.sh/discovery": "prod"}}],
    }})
}

fn pool() -> Json {
    json!({"spec": {"template": {"spec": {
        "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"},
        "requirements": [{"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["spot", "on-demand"]}],
    }}}})
}

fn said(resource: &str, new: &Json, old: Option<&Json>) -> Vec<String> {
    rules(resource, new, old).into_iter().map(|(path, message)| format!("{path}: {message}")).collect()
}

const CLASS: &str = "ec2nodeclasses.karpenter.k8s.aws";
const POOL: &str = "nodepools.karpenter.sh";

#[test]
fn sound_objects_break_no_rule() {
    assert!(said(CLASS, &class(), Some(&class())).is_empty());
    assert!(said(POOL, &pool(), Some(&pool())).is_empty());
}

#[test]
fn each_rule_of_a_class_has_its_cause() {
    for (pointer, value, word) in [
        ("/spec/instanceProfile", json!("own"), "exactly one of ['role', 'instanceProfile']"),
        ("/spec/amiSelectorTerms/0/id", json!("ami-1"), "'id' is mutually exclusive"),
        ("/spec/amiSelectorTerms/0/alias", json!("ubuntu@latest"), "family is not supported"),
        ("/spec/amiFamily", json!("Bottlerocket"), "consistent with the family"),
        ("/spec/tags", json!({"karpenter.sh/nodepool": "x"}), "restricted tag matching karpenter.sh/nodepool"),
        ("/spec/tags", json!({"kubernetes.io/cluster/x": "owned"}), "kubernetes.io/cluster/"),
        ("/spec/subnetSelectorTerms/0", json!({}), "expected at least one, got none"),
        ("/spec/blockDeviceMappings", json!([{"deviceName": "/dev/xvda", "ebs": {}}]), "snapshotID or volumeSize"),
        ("/spec/kubelet", json!({"evictionSoft": {"memory.available": "5%"}}), "matching evictionSoftGracePeriod"),
    ] {
        let mut object = class();
        if let Some(place) = object.pointer_mut(pointer) {
            *place = value;
        } else {
            let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
            object.pointer_mut(parent).expect("a parent")[key] = value;
        }
        let told = said(CLASS, &object, None);
        assert!(told.iter().any(|one| one.contains(word)), "{pointer}: {told:?}");
    }
}

#[test]
fn a_role_may_change_only_in_later_versions() {
    let mut new = class();
    new["spec"]["role"] = json!("others");
    assert_eq!(rules_at("1.1.0", CLASS, &new, Some(&class())).len(), 1);
    assert!(rules_at("1.14.1", CLASS, &new, Some(&class())).is_empty());
}

#[test]
fn each_rule_of_a_pool_has_its_cause() {
    let requirement = |key: &str, operator: &str, values: Json| {
        let mut object = pool();
        object["spec"]["template"]["spec"]["requirements"] =
            json!([{"key": key, "operator": operator, "values": values}]);
        said(POOL, &object, None)
    };
    assert!(requirement("karpenter.k8s.aws/instance-cpu", "Gt", json!(["-1"]))[0].contains("single positive integer"));
    assert!(requirement("karpenter.sh/nodepool", "In", json!(["x"]))[0].contains("restricted"));
    assert!(requirement("karpenter.sh/custom", "Exists", json!([]))[0].contains("karpenter.sh"));
    assert!(requirement("node.kubernetes.io/instance-type", "In", json!([]))[0].contains("must have a value"));
    assert!(requirement("workload-type", "In", json!(["x"])).is_empty());
    let mut moved = pool();
    moved["spec"]["template"]["spec"]["nodeClassRef"]["group"] = json!("other.example");
    assert!(said(POOL, &moved, Some(&pool()))[0].contains("group is immutable"));
    let mut fixed = pool();
    fixed["spec"]["replicas"] = json!(3);
    fixed["spec"]["weight"] = json!(10);
    assert_eq!(said(POOL, &fixed, Some(&pool())).len(), 2, "no weight, and no change of the mode");
    let mut budget = pool();
    budget["spec"]["disruption"] = json!({"budgets": [{"nodes": "0", "schedule": "@daily"}]});
    assert!(said(POOL, &budget, None)[0].contains("'schedule' must be set with 'duration'"));
}

fn env(values: &Json, name: &str) -> Option<String> {
    let all = objects("1.14.1", "kube-system", values);
    let deployment = all.iter().find(|object| object["kind"] == "Deployment").expect("a deployment");
    let env =
        deployment.pointer("/spec/template/spec/containers/0/env").and_then(Json::as_array).expect("an environment");
    env.iter().find(|one| one["name"] == name).and_then(|one| one["value"].as_str().map(str::to_owned))
}

#[test]
fn settings_land_where_the_controller_reads_them() {
    let right = json!({"settings": {"clusterName": "prod", "interruptionQueue": "prod", "featureGates": {"spotToSpotConsolidation": true}}});
    assert_eq!(env(&right, "INTERRUPTION_QUEUE").as_deref(), Some("prod"));
    assert_eq!(env(&right, "CLUSTER_NAME").as_deref(), Some("prod"));
    assert!(env(&right, "FEATURE_GATES").expect("gates").contains("SpotToSpotConsolidation=true"));
    let wrong = json!({"settings": {"clusterName": "prod", "interruptionQueueName": "prod"}});
    assert_eq!(
        env(&wrong, "INTERRUPTION_QUEUE"),
        None,
        "a name that the chart does not know is ignored without a word"
    );
}

#[test]
fn versions_differ_where_the_api_does() {
    let fields = |version: &str| {
        let all = crds(version);
        let pool = all.iter().find(|crd| crd["metadata"]["name"] == POOL).expect("nodepools").clone();
        pool.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties").cloned().expect("fields")
    };
    assert!(fields("1.1.0")["replicas"].is_null());
    assert!(fields("1.14.1")["replicas"].is_object());
    let policies = |version: &str| fields(version)["disruption"]["properties"]["consolidationPolicy"]["enum"].clone();
    assert_eq!(policies("1.1.0"), json!(["WhenEmpty", "WhenEmptyOrUnderutilized"]));
    assert_eq!(policies("1.14.1"), json!(["WhenEmpty", "WhenEmptyOrUnderutilized", "Balanced"]));
}
