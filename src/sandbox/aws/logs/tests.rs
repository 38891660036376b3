use serde_json::{Value as Json, json};

use crate::sandbox::aws::trial::Trial;

const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/eks/a/cluster";

fn named() -> Json {
    json!({ "logGroupName": "/aws/eks/a/cluster" })
}

#[test]
fn a_group_is_made_once_and_deleted_once() {
    let mut trial = Trial::new();
    trial.good("logs", "CreateLogGroup", named());
    assert_eq!(trial.code("logs", "CreateLogGroup", named()), "ResourceAlreadyExistsException");
    let shown = trial.good("logs", "DescribeLogGroups", json!({ "logGroupNamePrefix": "/aws/eks" }));
    assert_eq!(shown["logGroups"][0]["arn"], format!("{ARN}:*"));
    assert!(shown["logGroups"][0]["retentionInDays"].is_null());
    trial.good("logs", "DeleteLogGroup", named());
    assert_eq!(trial.code("logs", "DeleteLogGroup", named()), "ResourceNotFoundException");
}

#[test]
fn retention_takes_the_listed_days_only() {
    let mut trial = Trial::new();
    trial.good("logs", "CreateLogGroup", named());
    let put = |days: i64| json!({ "logGroupName": "/aws/eks/a/cluster", "retentionInDays": days });
    assert_eq!(trial.code("logs", "PutRetentionPolicy", put(31)), "InvalidParameterException");
    trial.good("logs", "PutRetentionPolicy", put(30));
    let days = |trial: &mut Trial| {
        trial.good("logs", "DescribeLogGroups", json!({}))["logGroups"][0]["retentionInDays"].clone()
    };
    assert_eq!(days(&mut trial), 30);
    trial.good("logs", "DeleteRetentionPolicy", named());
    assert!(days(&mut trial).is_null());
}

#[test]
fn lists_page_and_filter() {
    let mut trial = Trial::new();
    for name in ["/a/1", "/a/2", "/b/A"] {
        trial.good("logs", "CreateLogGroup", json!({ "logGroupName": name }));
    }
    let first = trial.good("logs", "DescribeLogGroups", json!({ "logGroupNamePrefix": "/a", "limit": 1 }));
    assert_eq!(first["logGroups"][0]["logGroupName"], "/a/1");
    let next = json!({ "logGroupNamePrefix": "/a", "limit": 1, "nextToken": first["nextToken"] });
    let second = trial.good("logs", "DescribeLogGroups", next);
    assert_eq!(second["logGroups"][0]["logGroupName"], "/a/2");
    assert!(second["nextToken"].is_null());
    let part = trial.good("logs", "DescribeLogGroups", json!({ "logGroupNamePattern": "b/a" }));
    assert_eq!(part["logGroups"].as_array().unwrap().len(), 1);
}

#[test]
fn tags_go_by_the_arn_without_a_star() {
    let mut trial = Trial::new();
    let made = json!({ "logGroupName": "/aws/eks/a/cluster", "tags": { "a": "1" } });
    trial.good("logs", "CreateLogGroup", made);
    trial.good("logs", "TagResource", json!({ "resourceArn": ARN, "tags": { "b": "2" } }));
    trial.good("logs", "UntagResource", json!({ "resourceArn": ARN, "tagKeys": ["a"] }));
    let tags = trial.good("logs", "ListTagsForResource", json!({ "resourceArn": ARN }));
    assert_eq!(tags["tags"], json!({ "b": "2" }));
    let odd = json!({ "resourceArn": format!("{ARN}:*") });
    assert_eq!(trial.code("logs", "ListTagsForResource", odd), "InvalidParameterException");
}

#[test]
fn a_key_must_let_the_service_in() {
    let mut trial = Trial::new();
    trial.good("logs", "CreateLogGroup", named());
    let key = trial.good("kms", "CreateKey", json!({}))["KeyMetadata"]["Arn"].clone();
    let with = json!({ "logGroupName": "/aws/eks/a/cluster", "kmsKeyId": key });
    assert_eq!(trial.code("logs", "AssociateKmsKey", with.clone()), "InvalidParameterException");
    let policy = json!({ "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "Service": "logs.us-east-1.amazonaws.com" }, "Action": "kms:GenerateDataKey*",
          "Resource": "*", "Condition": { "ArnLike": { "kms:EncryptionContext:aws:logs:arn": format!("{ARN}*") } } },
    ]});
    trial.good("kms", "PutKeyPolicy", json!({ "KeyId": key, "Policy": policy.to_string() }));
    trial.good("logs", "AssociateKmsKey", with);
    assert_eq!(trial.good("logs", "DescribeLogGroups", json!({}))["logGroups"][0]["kmsKeyId"], key);
    trial.good("logs", "DisassociateKmsKey", named());
    assert!(trial.good("logs", "DescribeLogGroups", json!({}))["logGroups"][0]["kmsKeyId"].is_null());
}

#[test]
fn a_service_makes_its_group_without_touching_one_that_is_there() {
    let mut state = super::State::default();
    state.ensure("g", 1);
    state.ensure("g", 2);
    assert!(state.exists("g") && !state.exists("h"));
    assert_eq!(state.groups["g"].created, 1);
}
