use serde_json::{Value as Json, json};

use crate::sandbox::aws::trial::Trial;
use crate::sandbox::region;

fn made(attributes: Json) -> (Trial, Json) {
    let mut trial = Trial::new();
    let answer = trial.good("sqs", "CreateQueue", json!({ "QueueName": "jobs", "Attributes": attributes }));
    trial.wait(1);
    (trial, answer["QueueUrl"].clone())
}

fn count(trial: &mut Trial, url: &Json, name: &str) -> String {
    let answer = trial.good("sqs", "GetQueueAttributes", json!({ "QueueUrl": url, "AttributeNames": ["All"] }));
    answer["Attributes"][name].as_str().unwrap().to_owned()
}

#[test]
fn a_queue_is_made_once_and_other_attributes_clash() {
    let (mut trial, url) = made(json!({ "MessageRetentionPeriod": "300" }));
    assert_eq!(url, "https://sqs.us-east-1.amazonaws.com/123456789012/jobs");
    let again = |seconds: &str| json!({ "QueueName": "jobs", "Attributes": { "MessageRetentionPeriod": seconds } });
    assert_eq!(trial.good("sqs", "CreateQueue", again("300"))["QueueUrl"], url);
    assert_eq!(trial.good("sqs", "CreateQueue", json!({ "QueueName": "jobs" }))["QueueUrl"], url);
    assert_eq!(trial.code("sqs", "CreateQueue", again("301")), "QueueNameExists");
    // A default counts as a value.
    let same = json!({ "QueueName": "jobs", "Attributes": { "VisibilityTimeout": "30" } });
    assert_eq!(trial.good("sqs", "CreateQueue", same)["QueueUrl"], url);
}

#[test]
fn names_and_attributes_are_checked() {
    let mut trial = Trial::new();
    assert_eq!(trial.code("sqs", "CreateQueue", json!({ "QueueName": "a b" })), "InvalidParameterValue");
    assert_eq!(trial.code("sqs", "CreateQueue", json!({ "QueueName": "a".repeat(81) })), "InvalidParameterValue");
    for (attributes, code) in [
        (json!({ "MessageRetentionPeriod": "59" }), "InvalidAttributeValue"),
        (json!({ "Policy": "{" }), "InvalidAttributeValue"),
        (json!({ "Retention": "60" }), "InvalidAttributeName"),
        (json!({ "QueueArn": "x" }), "InvalidAttributeName"),
        (json!({ "SqsManagedSseEnabled": "true", "KmsMasterKeyId": "k" }), "InvalidAttributeValue"),
    ] {
        let params = json!({ "QueueName": "jobs", "Attributes": attributes });
        assert_eq!(trial.code("sqs", "CreateQueue", params), code, "{attributes}");
    }
}

#[test]
fn a_deleted_queue_lingers_and_blocks_its_name_for_a_minute() {
    let (mut trial, url) = made(json!({}));
    trial.good("sqs", "DeleteQueue", json!({ "QueueUrl": url }));
    assert_eq!(trial.code("sqs", "CreateQueue", json!({ "QueueName": "jobs" })), "QueueDeletedRecently");
    trial.wait(9);
    assert_eq!(trial.code("sqs", "GetQueueUrl", json!({ "QueueName": "jobs" })), "QueueDoesNotExist");
    trial.wait(50);
    assert_eq!(trial.code("sqs", "CreateQueue", json!({ "QueueName": "jobs" })), "QueueDeletedRecently");
    trial.wait(1);
    trial.good("sqs", "CreateQueue", json!({ "QueueName": "jobs" }));
}

#[test]
fn defaults_are_told_and_encryption_switches() {
    let (mut trial, url) = made(json!({}));
    assert_eq!(count(&mut trial, &url, "SqsManagedSseEnabled"), "true");
    assert_eq!(count(&mut trial, &url, "MessageRetentionPeriod"), "345600");
    let set = json!({ "QueueUrl": url, "Attributes": { "KmsMasterKeyId": "alias/k" } });
    trial.good("sqs", "SetQueueAttributes", set);
    assert_eq!(count(&mut trial, &url, "SqsManagedSseEnabled"), "false");
    assert_eq!(count(&mut trial, &url, "KmsDataKeyReusePeriodSeconds"), "300");
    let odd = json!({ "QueueUrl": url, "AttributeNames": ["Nonsense"] });
    assert_eq!(trial.code("sqs", "GetQueueAttributes", odd), "InvalidAttributeName");
}

#[test]
fn lists_go_by_prefix_and_page() {
    let mut trial = Trial::new();
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        trial.good("sqs", "CreateQueue", json!({ "QueueName": name }));
    }
    trial.wait(1);
    let first = trial.good("sqs", "ListQueues", json!({ "QueueNamePrefix": "a-", "MaxResults": 2 }));
    assert_eq!(first["QueueUrls"].as_array().unwrap().len(), 2);
    let next = json!({ "QueueNamePrefix": "a-", "MaxResults": 2, "NextToken": first["NextToken"] });
    let second = trial.good("sqs", "ListQueues", next);
    assert_eq!(second["QueueUrls"].as_array().unwrap().len(), 1);
    assert!(second["NextToken"].is_null());
    assert_eq!(trial.good("sqs", "ListQueues", json!({ "QueueNamePrefix": "c" })), json!({}));
}

#[test]
fn tags_come_and_go() {
    let (mut trial, url) = made(json!({}));
    trial.good("sqs", "TagQueue", json!({ "QueueUrl": url, "Tags": { "a": "1", "b": "2" } }));
    trial.good("sqs", "UntagQueue", json!({ "QueueUrl": url, "TagKeys": ["a"] }));
    assert_eq!(trial.good("sqs", "ListQueueTags", json!({ "QueueUrl": url }))["Tags"], json!({ "b": "2" }));
}

#[test]
fn a_message_hides_comes_back_and_is_deleted_by_its_handle() {
    let (mut trial, url) = made(json!({ "VisibilityTimeout": "10", "MessageRetentionPeriod": "60" }));
    let sent = trial.good("sqs", "SendMessage", json!({ "QueueUrl": url, "MessageBody": "abc" }));
    assert_eq!(sent["MD5OfMessageBody"], "900150983cd24fb0d6963f7d28e17f72");
    let take = json!({ "QueueUrl": url, "MessageSystemAttributeNames": ["All"] });
    let first = trial.good("sqs", "ReceiveMessage", take.clone());
    assert_eq!(first["Messages"][0]["Body"], "abc");
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessagesNotVisible"), "1");
    assert_eq!(trial.good("sqs", "ReceiveMessage", take.clone()), json!({}));
    trial.wait(10);
    let second = trial.good("sqs", "ReceiveMessage", take);
    assert_eq!(second["Messages"][0]["Attributes"]["ApproximateReceiveCount"], "2");
    let gone = |one: &Json| json!({ "QueueUrl": url, "ReceiptHandle": one["Messages"][0]["ReceiptHandle"] });
    trial.good("sqs", "DeleteMessage", gone(&first));
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessagesNotVisible"), "1", "an old handle deletes nothing");
    trial.good("sqs", "DeleteMessage", gone(&second));
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessagesNotVisible"), "0");
    let odd = json!({ "QueueUrl": url, "ReceiptHandle": "x" });
    assert_eq!(trial.code("sqs", "DeleteMessage", odd), "ReceiptHandleIsInvalid");
}

#[test]
fn messages_expire_and_a_purge_is_once_a_minute() {
    let (mut trial, url) = made(json!({ "MessageRetentionPeriod": "60" }));
    trial.good("sqs", "SendMessage", json!({ "QueueUrl": url, "MessageBody": "a", "DelaySeconds": 5 }));
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessagesDelayed"), "1");
    trial.wait(60);
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessages"), "0");
    trial.good("sqs", "PurgeQueue", json!({ "QueueUrl": url }));
    assert_eq!(trial.code("sqs", "PurgeQueue", json!({ "QueueUrl": url })), "PurgeQueueInProgress");
}

#[test]
fn a_service_delivers_only_where_the_policy_lets_it() {
    let (mut trial, url) = made(json!({}));
    let arn = "arn:aws:sqs:us-east-1:123456789012:jobs";
    let deliver = |trial: &mut Trial| {
        let now = trial.now;
        region::with_here(&mut trial.state, now, "123456789012", "us-east-1", "", |here| {
            super::deliver(here, arn, "events.amazonaws.com", "arn:rule", "{}")
        })
    };
    assert!(!deliver(&mut trial), "no policy");
    let policy = json!({ "Statement": { "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
        "Action": "sqs:SendMessage", "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": "arn:rule" } } } });
    let set = json!({ "QueueUrl": url, "Attributes": { "Policy": policy.to_string() } });
    trial.good("sqs", "SetQueueAttributes", set);
    assert!(deliver(&mut trial));
    assert_eq!(count(&mut trial, &url, "ApproximateNumberOfMessages"), "1");
}
