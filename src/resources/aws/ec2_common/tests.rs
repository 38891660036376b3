use std::collections::BTreeMap;

use super::*;
use crate::engine::{Facts, Kind, Resource};
use crate::resources::aws::auto_scaling_group::AutoScalingGroup;
use crate::resources::aws::cluster_security_group::ClusterSecurityGroup;
use crate::resources::aws::kms_key::{KmsKey, default_policy};
use crate::resources::aws::launch_template::LaunchTemplate;
use crate::resources::aws::log_group::LogGroup;
use crate::resources::aws::subnet::SubnetTags;

fn cx() -> Cx {
    Cx {
        address: Address::single("network", "vpc"),
        environment: "prod".to_owned(),
        stack: "0123456789abcdef".to_owned(),
        token: "token".to_owned(),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn tags_are_set_removed_and_left_alone() {
    let want = fields([("tags", Some(Value::tags([("Name", "new"), ("team", "platform")])))]);
    let tags = [("Name", "old"), ("team", "platform"), ("stray", "x"), ("aws:cloudformation:stack", "y")];
    let tags: Vec<_> = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let mut have = live("vpc-1", &tags);
    have.tags.extend(cx().ownership());
    assert_eq!(tag_changes(&cx(), &have, &want), (map(&[("Name", "new")]), vec!["stray".to_owned()]));

    // A child shows only the tags it manages: EKS's own are not surplus.
    have.fields.insert("tags".to_owned(), Value::tags([("team", "platform")]));
    assert_eq!(tag_changes(&cx(), &have, &want).1, Vec::<String>::new());
}

#[test]
fn taking_over_sets_the_ownership_tags() {
    let want = fields([("tags", Some(Value::tags([("Name", "x")])))]);
    let (missing, _) = tag_changes(&cx(), &live("vpc-1", &[tag("Name", "x")]), &want);
    let expected =
        [("rem-ci:environment", "prod"), ("rem-ci:resource", "network/vpc"), ("rem-ci:stack", "0123456789abcdef")];
    assert_eq!(missing, map(&expected));
}

#[test]
fn a_sweep_keeps_its_own_kind_and_strays() {
    let of = |tags: &[(&str, &str)]| is_of("security-group", &map(tags));
    assert!(of(&[("rem-ci:resource", "network/security-group/nodes")]));
    assert!(of(&[("rem-ci:environment", "prod")]), "a stray is shown");
    assert!(of(&[("rem-ci:resource", "nonsense")]), "so is nonsense");
    assert!(!of(&[("rem-ci:resource", "cluster/cluster-security-group")]));
    assert!(!of(&[("rem-ci:environment", "prod"), ("karpenter.sh/nodepool", "burst")]));
}

#[test]
fn a_half_made_thing_is_looked_for_not_made_again() {
    let failure = |class| Failure { class, ..Failure::fatal("ec2:ModifyVpcAttribute", "x") };
    for class in [Class::Gone, Class::Passing, Class::Throttled, Class::Unknown] {
        assert_eq!(half_made(failure(class)).class, Class::Unknown);
    }
    for class in [Class::Denied, Class::Fatal] {
        assert_eq!(half_made(failure(class)).class, class);
    }
    assert_eq!(not_known_yet(failure(Class::Gone)).class, Class::Passing);
    assert_eq!(not_known_yet(failure(Class::Denied)).class, Class::Denied);
}

#[test]
fn set_differences() {
    let texts = |items: &[&str]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(difference(&texts(&["a", "b"]), &texts(&["b", "c"])), (texts(&["c"]), texts(&["a"])));
    assert_eq!(some_set::<&str>([]), None);
}

/// Address and kind agree, and a kind wants no field that it has not declared.
fn sound<K: Resource>(instance: &K) -> Fields {
    let kind: Kind = K::KIND;
    assert_eq!(instance.address().kind(), kind.name);
    let want = instance.want(&Facts::default());
    for field in want.keys() {
        assert!(kind.field(field).is_some(), "{}: `{field}` is not declared", kind.name);
    }
    for action in kind.actions {
        assert!(action.split_once(':').is_some(), "{action}");
    }
    want
}

#[test]
fn the_cluster_side_kinds_want_what_they_declare() {
    let tags = map(&[("team", "platform")]);
    let after = Address::single("cluster", "cluster");
    let group = ClusterSecurityGroup { cluster: "rem-prod".to_owned(), after: after.clone(), tags: tags.clone() };
    assert_eq!(sound(&group)["cluster"], "rem-prod".into());
    assert_eq!(group.after(), std::slice::from_ref(&after));

    let group = AutoScalingGroup {
        key: "system".to_owned(),
        cluster: "rem-prod".to_owned(),
        node_group: "system".to_owned(),
        after,
        tags: tags.clone(),
    };
    assert_eq!(sound(&group)["propagated"], Value::texts(["team"]));

    let logs = LogGroup { cluster: "rem-prod".to_owned(), retention_days: 90, tags: tags.clone() };
    assert_eq!(sound(&logs)["name"], "/aws/eks/rem-prod/cluster".into());
    assert_eq!(sound(&logs)["retentionDays"], "90".into());

    let key = KmsKey {
        alias: "alias/rem-ci-prod-cluster-01234567".to_owned(),
        description: "Secrets of rem-prod".to_owned(),
        policy: default_policy("aws", "123456789012"),
        tags: tags.clone(),
    };
    assert!(matches!(&sound(&key)["policy"], Value::Policy(text) if text.contains("arn:aws:iam::123456789012:root")));

    let template = LaunchTemplate {
        key: "system".to_owned(),
        name: "rem-ci-prod-system-01234567".to_owned(),
        volume_gib: 20,
        security_groups: Vec::new(),
        node_tags: tags.clone(),
        tags,
    };
    assert_eq!(sound(&template)["metadata"].get("tokens"), Some(&"required".into()));

    let role = SubnetTags { public: false, number: 2, subnet: "subnet-1".to_owned() };
    assert_eq!(sound(&role)["tags"], Value::tags([("kubernetes.io/role/internal-elb", "1")]));
    assert_eq!(role.address().as_str(), "network/subnet-tags/private-2");
}
