use std::collections::BTreeSet;

use super::*;
use crate::model::policies::MANAGED_POLICY_LIMIT;

const SUBJECT: Subject<'_> = Subject {
    partition: "aws",
    region: "us-east-1",
    account: "123456789012",
    cluster: "rem-prod",
    node_role: "arn:aws:iam::123456789012:role/rem-ci/prod/rem-ci-prod-karpenter-node-01234567",
    queue: "arn:aws:sqs:us-east-1:123456789012:rem-ci-prod-interruption-01234567",
};

/// The statements of all policies of a version, by name.
fn statements(version: &str) -> std::collections::BTreeMap<String, Json> {
    let policies = policies(minor(version).unwrap(), &SUBJECT);
    let documents = policies.iter().map(|(_, document)| serde_json::from_str(document.as_text().unwrap()).unwrap());
    documents
        .flat_map(|document: Json| document["Statement"].as_array().unwrap().clone())
        .map(|statement| (statement["Sid"].as_str().unwrap().to_owned(), statement))
        .collect()
}

fn texts(json: &Json) -> BTreeSet<&str> {
    match json {
        Json::String(one) => BTreeSet::from([one.as_str()]),
        many => many.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect(),
    }
}

/// Everything a version may do, statement by statement.
fn actions(version: &str) -> BTreeSet<String> {
    let statements = statements(version);
    let of = |statement: &Json| texts(&statement["Action"]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    statements.values().flat_map(of).collect()
}

fn gained(from: &str, to: &str) -> Vec<String> {
    actions(to).difference(&actions(from)).cloned().collect()
}

#[test]
fn every_minor_from_1_1_to_1_15_is_known_and_no_other() {
    let known: Vec<_> = (0..=20).filter(|n| minor(&format!("1.{n}.0")).is_some()).collect();
    assert_eq!(known, (1..=15).collect::<Vec<_>>());
    assert!(MINORS.iter().zip(1..).all(|(row, n)| row.minor == n));
    for version in ["0.37.0", "2.1.0", "1", "1.x.0", "", "11.5.0"] {
        assert_eq!(minor(version), None, "{version}");
    }
    assert_eq!(minor("1.15.1").unwrap().minor, 15);
    assert_eq!(minor("v1.1.10").unwrap().minor, 1);
}

#[test]
fn each_minor_gains_what_its_upgrade_guide_says() {
    assert_eq!(gained("1.1.0", "1.2.0"), [""; 0]);
    assert_eq!(gained("1.2.0", "1.3.0"), ["ec2:DescribeCapacityReservations"]);
    assert_eq!(gained("1.3.0", "1.6.0"), [""; 0]);
    assert_eq!(gained("1.6.0", "1.7.0"), ["iam:ListInstanceProfiles"]);
    assert_eq!(gained("1.7.0", "1.10.0"), [""; 0]);
    assert_eq!(gained("1.10.0", "1.11.0"), ["ec2:DescribePlacementGroups"]);
    assert_eq!(gained("1.11.0", "1.12.0"), ["arc-zonal-shift:GetManagedResource", "ec2:DescribeInstanceStatus"]);
    assert_eq!(gained("1.12.0", "1.15.1"), [""; 0]);
    // Nothing is ever lost.
    for pair in MINORS.windows(2) {
        let [old, new] = [pair[0], pair[1]].map(|row| format!("1.{}.0", row.minor));
        assert_eq!(gained(&new, &old), [""; 0], "{old} to {new}");
    }
}

#[test]
fn launches_reach_reservations_and_placement_groups_from_their_minor_on() {
    let resources = |version: &str, statement: &str| {
        let statements = statements(version);
        let resources = texts(&statements[statement]["Resource"]);
        resources.iter().map(|arn| arn.rsplit(':').next().unwrap().to_owned()).collect::<BTreeSet<_>>()
    };
    let access = |version| resources(version, "AllowScopedEC2InstanceAccessActions");
    let tagged = |version| resources(version, "AllowScopedEC2InstanceActionsWithTags");
    let has = |set: BTreeSet<String>, kind: &str| set.contains(&format!("{kind}/*"));
    assert!(!has(access("1.2.0"), "capacity-reservation"));
    assert!(has(access("1.3.0"), "capacity-reservation"));
    assert!(has(access("1.15.0"), "capacity-reservation"));
    assert!(!has(access("1.10.0"), "placement-group"));
    assert!(has(access("1.11.0"), "placement-group"));
    assert!(has(tagged("1.8.0"), "capacity-reservation"));
    assert!(!has(tagged("1.9.0"), "capacity-reservation"));
    assert_eq!(tagged("1.15.0").len(), 6);
}

#[test]
fn nothing_that_changes_anything_is_without_a_condition() {
    for row in MINORS {
        for (sid, statement) in statements(&format!("1.{}.0", row.minor)) {
            let changes = texts(&statement["Action"]).iter().any(|action| {
                let verb = action.split(':').nth(1).unwrap();
                !["Describe", "Get", "List", "Receive"].iter().any(|read| verb.starts_with(read))
            });
            // Images, subnets and the like are only launched from; the queue is one ARN.
            let scoped =
                ["AllowScopedEC2InstanceAccessActions", "AllowInterruptionQueueActions"].contains(&sid.as_str());
            assert!(!changes || scoped || statement["Condition"].is_object(), "1.{}: {sid}", row.minor);
        }
    }
}

#[test]
fn the_lifecycle_statements_are_tied_to_this_cluster() {
    let statements = statements("1.15.1");
    assert_eq!(
        statements["AllowScopedDeletion"]["Condition"],
        json!({
            "StringEquals": { "aws:ResourceTag/kubernetes.io/cluster/rem-prod": "owned" },
            "StringLike": { "aws:ResourceTag/karpenter.sh/nodepool": "*" },
        })
    );
    assert_eq!(statements["AllowPassingInstanceRole"]["Resource"], SUBJECT.node_role);
    assert_eq!(statements["AllowInterruptionQueueActions"]["Resource"], SUBJECT.queue);
    assert_eq!(
        statements["AllowZonalShiftStatusReadOnly"]["Condition"]["StringEquals"]["arc-zonal-shift:ResourceIdentifier"],
        "arn:aws:eks:us-east-1:123456789012:cluster/rem-prod"
    );
    let images = texts(&statements["AllowScopedEC2InstanceAccessActions"]["Resource"]);
    assert!(images.contains("arn:aws:ec2:us-east-1::image/*"));
    assert!(images.contains("arn:aws:ec2:us-east-1:*:subnet/*"));
}

#[test]
fn every_policy_fits_with_the_longest_names_there_are() {
    let (cluster, role, queue) = ("c".repeat(100), "r".repeat(64), "q".repeat(80));
    let environment = "e".repeat(32);
    let node_role = format!("arn:aws-us-gov:iam::123456789012:role/rem-ci/{environment}/{role}");
    let queue = format!("arn:aws-us-gov:sqs:ap-northeast-1:123456789012:{queue}");
    let subject = Subject {
        partition: "aws-us-gov",
        // As long as any region's name.
        region: "ap-southeast-14",
        account: "123456789012",
        cluster: &cluster,
        node_role: &node_role,
        queue: &queue,
    };
    for row in MINORS {
        let policies = policies(row, &subject);
        assert!(policies.len() <= 10, "a role takes ten policies");
        for (key, document) in policies {
            let length = document.as_text().unwrap().chars().filter(|char| !char.is_whitespace()).count();
            assert!(length <= MANAGED_POLICY_LIMIT, "1.{} {key}: {length}", row.minor);
        }
    }
}

#[test]
fn the_single_policy_of_old_would_not_fit() {
    // The reason for the split of versions that came as one.
    let cluster = "c".repeat(100);
    let subject = Subject { cluster: &cluster, ..SUBJECT };
    let whole: usize =
        policies(minor("1.1.0").unwrap(), &subject).iter().map(|(_, document)| document.as_text().unwrap().len()).sum();
    assert!(whole > MANAGED_POLICY_LIMIT, "{whole}");
}
