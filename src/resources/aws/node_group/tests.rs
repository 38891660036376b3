use super::*;

#[test]
fn the_architecture_follows_from_the_letters_after_the_generation() {
    for arm in
        ["m7g.large", "c7gd.xlarge", "r8gn.large", "is4gen.large", "t4g.medium", "a1.large", "g5g.xlarge", "x2gd.metal"]
    {
        assert!(is_arm(arm), "{arm}");
    }
    for intel in [
        "t3.medium",
        "g5.xlarge",
        "g4dn.xlarge",
        "m7i.large",
        "gr6.4xlarge",
        "inf2.xlarge",
        "m7a.large",
        "m7i-flex.large",
    ] {
        assert_eq!(is_arm(intel), intel == "{intel}");
    }
}

fn wanted() -> NodeGroup {
    NodeGroup {
        cluster: Value::text("rem-prod"),
        cluster_name: "rem-prod".to_owned(),
        name: "system".to_owned(),
        version: "1.36".to_owned(),
        ami_type: ami_type("t3.medium"),
        instance_type: Some("t3.medium".to_owned()),
        count: 2,
        subnets: vec![Value::text("subnet-1")],
        role: Value::text("arn:aws:iam::123456789012:role/n"),
        launch_template: Value::text("lt-1"),
        launch_template_version: Value::text("3"),
        labels: BTreeMap::from([("rem-ci.dev/pool".to_owned(), "system".to_owned())]),
        taints: vec!["CriticalAddonsOnly=true:NoSchedule".to_owned()],
        tags: BTreeMap::new(),
        after: Vec::new(),
    }
}

fn given() -> sdk::builders::NodegroupBuilder {
    sdk::Nodegroup::builder()
        .cluster_name("rem-prod")
        .nodegroup_name("system")
        .version("1.36")
        .release_version("1.36.0-20261105")
        .ami_type(sdk::AmiTypes::Al2023X8664Standard)
        .capacity_type(sdk::CapacityTypes::OnDemand)
        .instance_types("t3.medium")
        .node_role("arn:aws:iam::123456789012:role/n")
        .subnets("subnet-1")
        .scaling_config(sdk::NodegroupScalingConfig::builder().min_size(2).desired_size(2).max_size(2).build())
        .update_config(sdk::NodegroupUpdateConfig::builder().max_unavailable(1).build())
        .launch_template(sdk::LaunchTemplateSpecification::builder().id("lt-1").name("x").version("3").build())
        .labels("rem-ci.dev/pool", "system")
        .taints(taint_of("CriticalAddonsOnly=true:NoSchedule").unwrap())
        .status(sdk::NodegroupStatus::Active)
}

#[test]
fn what_eks_gives_back_is_what_was_wanted() {
    let live = live(&given().build());
    let want = wanted().want(&Facts(live.facts.clone()));
    assert_eq!(want, live.fields);
    assert_eq!(want.len(), NodeGroup::KIND.fields.len());
    assert_eq!(want["releaseVersion"], Value::text("1.36.0-20261105"));
}

#[test]
fn a_release_stays_until_the_version_moves() {
    let live = live(&given().build());
    let mut newer = wanted();
    newer.version = "1.37".to_owned();
    assert!(!newer.want(&Facts(live.facts)).contains_key("releaseVersion"));
}

#[test]
fn a_changed_taint_is_set_anew_and_a_foreign_one_removed() {
    let want = ["CriticalAddonsOnly=true:NoSchedule".to_owned()];
    let have = ["CriticalAddonsOnly=false:NoSchedule".to_owned(), "other:NoExecute".to_owned()];
    let payload = taints(&want, &have).unwrap();
    assert_eq!(payload.add_or_update_taints().len(), 1);
    assert_eq!(payload.remove_taints().iter().map(taint_text).collect::<Vec<_>>(), ["other:NoExecute"]);
    assert!(taints(&want, &want).is_none());
}

#[test]
fn a_failed_create_says_why() {
    let issue = sdk::Issue::builder()
        .code(sdk::NodegroupIssueCode::NodeCreationFailure)
        .message("instances failed to join")
        .resource_ids("i-1");
    let health = sdk::NodegroupHealth::builder().issues(issue.build()).build();
    let failed = given().status(sdk::NodegroupStatus::CreateFailed).health(health).build();
    let why = "CREATE_FAILED: NodeCreationFailure: instances failed to join (i-1)";
    assert_eq!(ready(&failed), Ready::Never(why.to_owned()));
}
