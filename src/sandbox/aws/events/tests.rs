use serde_json::{Value as Json, json};

use crate::sandbox::aws::trial::Trial;
use crate::sandbox::region;

const RULE: &str = "arn:aws:events:us-east-1:123456789012:rule/spot";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:jobs";

fn rule() -> Json {
    json!({ "Name": "spot", "EventPattern": r#"{"source":["aws.ec2","me"]}"#, "Description": "d",
        "Tags": [{ "Key": "a", "Value": "1" }] })
}

fn target(id: &str) -> Json {
    json!({ "Id": id, "Arn": QUEUE })
}

#[test]
fn a_rule_needs_a_pattern_or_a_schedule() {
    let mut trial = Trial::new();
    assert_eq!(trial.code("events", "PutRule", json!({ "Name": "a" })), "ValidationException");
    let odd = json!({ "Name": "a", "EventPattern": "{}" });
    assert_eq!(trial.code("events", "PutRule", odd), "InvalidEventPatternException");
    let odd = json!({ "Name": "a", "ScheduleExpression": "hourly" });
    assert_eq!(trial.code("events", "PutRule", odd), "ValidationException");
    let odd = json!({ "Name": "a".repeat(65), "ScheduleExpression": "rate(1 day)" });
    assert_eq!(trial.code("events", "PutRule", odd), "ValidationException");
    trial.good("events", "PutRule", json!({ "Name": "a", "ScheduleExpression": "rate(1 day)" }));
}

#[test]
fn a_put_replaces_every_field_but_tags() {
    let mut trial = Trial::new();
    assert_eq!(trial.good("events", "PutRule", rule())["RuleArn"], RULE);
    let again = json!({ "Name": "spot", "EventPattern": r#"{"source":["x"]}"#, "State": "DISABLED",
        "Tags": [{ "Key": "b", "Value": "2" }] });
    trial.good("events", "PutRule", again);
    let shown = trial.good("events", "DescribeRule", json!({ "Name": "spot" }));
    assert!(shown["Description"].is_null());
    assert_eq!(shown["State"], "DISABLED");
    let tags = trial.good("events", "ListTagsForResource", json!({ "ResourceARN": RULE }));
    assert_eq!(tags["Tags"], json!([{ "Key": "a", "Value": "1" }]));
    trial.good("events", "EnableRule", json!({ "Name": "spot" }));
    assert_eq!(trial.good("events", "DescribeRule", json!({ "Name": "spot" }))["State"], "ENABLED");
}

#[test]
fn a_rule_with_targets_is_not_deleted() {
    let mut trial = Trial::new();
    trial.good("events", "PutRule", rule());
    trial.good("events", "PutTargets", json!({ "Rule": "spot", "Targets": [target("q")] }));
    assert_eq!(trial.code("events", "DeleteRule", json!({ "Name": "spot" })), "ValidationException");
    trial.good("events", "RemoveTargets", json!({ "Rule": "spot", "Ids": ["q", "unknown"] }));
    trial.good("events", "DeleteRule", json!({ "Name": "spot" }));
    assert_eq!(trial.code("events", "DescribeRule", json!({ "Name": "spot" })), "ResourceNotFoundException");
    trial.good("events", "DeleteRule", json!({ "Name": "spot" }));
}

#[test]
fn five_targets_are_the_most() {
    let mut trial = Trial::new();
    let put = |ids: &[&str]| json!({ "Rule": "spot", "Targets": ids.iter().map(|id| target(id)).collect::<Vec<_>>() });
    assert_eq!(trial.code("events", "PutTargets", put(&["1"])), "ResourceNotFoundException");
    trial.good("events", "PutRule", rule());
    trial.good("events", "PutTargets", put(&["1", "2", "3", "4", "5"]));
    trial.good("events", "PutTargets", put(&["5"]));
    assert_eq!(trial.code("events", "PutTargets", put(&["6"])), "LimitExceededException");
    let first = trial.good("events", "ListTargetsByRule", json!({ "Rule": "spot", "Limit": 3 }));
    assert_eq!(first["Targets"].as_array().unwrap().len(), 3);
    let next = json!({ "Rule": "spot", "Limit": 3, "NextToken": first["NextToken"] });
    assert_eq!(trial.good("events", "ListTargetsByRule", next)["Targets"].as_array().unwrap().len(), 2);
}

#[test]
fn rules_list_by_prefix_and_page() {
    let mut trial = Trial::new();
    for name in ["a-1", "a-2", "b"] {
        trial.good("events", "PutRule", json!({ "Name": name, "ScheduleExpression": "rate(1 day)" }));
    }
    let first = trial.good("events", "ListRules", json!({ "NamePrefix": "a-", "Limit": 1 }));
    assert_eq!(first["Rules"][0]["Name"], "a-1");
    let next = json!({ "NamePrefix": "a-", "Limit": 1, "NextToken": first["NextToken"] });
    let second = trial.good("events", "ListRules", next);
    assert_eq!(second["Rules"][0]["Name"], "a-2");
    assert!(second["NextToken"].is_null());
    assert_eq!(trial.code("events", "ListRules", json!({ "EventBusName": "other" })), "ResourceNotFoundException");
}

#[test]
fn tags_come_and_go() {
    let mut trial = Trial::new();
    trial.good("events", "PutRule", rule());
    trial.good("events", "TagResource", json!({ "ResourceARN": RULE, "Tags": [{ "Key": "b", "Value": "2" }] }));
    trial.good("events", "UntagResource", json!({ "ResourceARN": RULE, "TagKeys": ["a"] }));
    let tags = trial.good("events", "ListTagsForResource", json!({ "ResourceARN": RULE }));
    assert_eq!(tags["Tags"], json!([{ "Key": "b", "Value": "2" }]));
    let odd = json!({ "ResourceARN": RULE, "Tags": [{ "Key": "aws:x", "Value": "2" }] });
    assert_eq!(trial.code("events", "TagResource", odd), "ValidationException");
}

#[test]
fn a_matching_event_reaches_the_queue() {
    let mut trial = Trial::new();
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": QUEUE } });
    let queue = json!({ "QueueName": "jobs", "Attributes": { "Policy": policy.to_string() } });
    let url = trial.good("sqs", "CreateQueue", queue)["QueueUrl"].clone();
    trial.wait(1);
    trial.good("events", "PutRule", rule());
    trial.good("events", "PutTargets", json!({ "Rule": "spot", "Targets": [target("q")] }));

    let entry = |source: &str, detail: &str| json!({ "Source": source, "DetailType": "t", "Detail": detail });
    let entries = json!([entry("me", "{}"), entry("you", "{}"), entry("aws.ec2", "{}"), entry("me", "x")]);
    let answer = trial.good("events", "PutEvents", json!({ "Entries": entries }));
    assert_eq!(answer["FailedEntryCount"], 2);
    assert_eq!(answer["Entries"][2]["ErrorCode"], "NotAuthorizedForSourceException");
    assert_eq!(answer["Entries"][3]["ErrorCode"], "MalformedDetail");

    // A service may use its own source.
    let now = trial.now;
    region::with_here(&mut trial.state, now, "123456789012", "us-east-1", "", |here| {
        super::emit(
            here,
            "aws.ec2",
            "EC2 Spot Instance Interruption Warning",
            &json!([]),
            &json!({ "instance-id": "i-1" }),
        )
    });
    let got = trial.good("sqs", "ReceiveMessage", json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 }));
    let bodies: Vec<Json> = got["Messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| serde_json::from_str(message["Body"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[1]["detail"]["instance-id"], "i-1");
    assert_eq!(bodies[1]["time"], "2026-11-24T00:00:01Z");

    trial.good("events", "DisableRule", json!({ "Name": "spot" }));
    trial.good("events", "PutEvents", json!({ "Entries": [entry("me", "{}")] }));
    assert_eq!(trial.good("sqs", "ReceiveMessage", json!({ "QueueUrl": url })), json!({}));
}
