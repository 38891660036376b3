//! Queue attributes: names, ranges and defaults from SetQueueAttributes and GetQueueAttributes.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Queue, policy};
use crate::sandbox::region::texts;
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Fault};

/// Attribute, smallest, largest, default; in seconds, or bytes for the size.
const NUMBERS: &[(&str, i64, i64, Option<&str>)] = &[
    ("DelaySeconds", 0, 900, Some("0")),
    ("KmsDataKeyReusePeriodSeconds", 60, 86_400, None),
    ("MaximumMessageSize", 1024, 1_048_576, Some("1048576")),
    ("MessageRetentionPeriod", 60, 1_209_600, Some("345600")),
    ("ReceiveMessageWaitTimeSeconds", 0, 20, Some("0")),
    ("VisibilityTimeout", 0, 43_200, Some("30")),
];

const TEXTS: &[&str] = &[
    "ContentBasedDeduplication",
    "DeduplicationScope",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsMasterKeyId",
    "Policy",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
];

const READ_ONLY: &[&str] = &[
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];

/// Refuses names and values that AWS refuses.
pub(super) fn check(wanted: &BTreeMap<String, String>) -> Result<(), Fault> {
    let value_fault =
        |name: &str| Fault::new("InvalidAttributeValue", format!("Invalid value for the parameter {name}."));
    for (name, value) in wanted {
        let well = if let Some((_, least, most, _)) = NUMBERS.iter().find(|row| row.0 == name) {
            value.parse::<i64>().is_ok_and(|number| (*least..=*most).contains(&number))
        } else if TEXTS.contains(&name.as_str()) {
            match name.as_str() {
                // An empty policy takes the old one away.
                "Policy" => value.is_empty() || policy::parse(value).is_some(),
                "FifoQueue" | "SqsManagedSseEnabled" | "ContentBasedDeduplication" => {
                    value == "true" || value == "false"
                }
                _ => true,
            }
        } else {
            return Err(Fault::new("InvalidAttributeName", format!("Unknown Attribute {name}.")));
        };
        if !well {
            return Err(value_fault(name));
        }
    }
    let sse = wanted.get("SqsManagedSseEnabled").is_some_and(|value| value == "true");
    if sse && wanted.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty()) {
        return Err(Fault::new(
            "InvalidAttributeValue",
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        ));
    }
    Ok(())
}

/// Takes the values over; of the two encryptions, the one set last holds, and an empty value takes an attribute away.
pub(super) fn set(queue: &mut Queue, wanted: BTreeMap<String, String>) {
    if wanted.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty()) {
        queue.attributes.insert("SqsManagedSseEnabled".to_owned(), "false".to_owned());
    }
    if wanted.get("SqsManagedSseEnabled").is_some_and(|value| value == "true") {
        queue.attributes.remove("KmsMasterKeyId");
        queue.attributes.remove("KmsDataKeyReusePeriodSeconds");
    }
    queue.attributes.extend(wanted);
    queue.attributes.retain(|_, value| !value.is_empty());
}

/// The value that holds, with defaults; SSE-SQS is on unless a KMS key is set (developer guide, "SSE-SQS").
pub(super) fn effective(queue: &Queue, name: &str) -> Option<String> {
    let set = queue.attributes.get(name).cloned();
    set.or_else(|| match name {
        "SqsManagedSseEnabled" => Some("true".to_owned()),
        "KmsDataKeyReusePeriodSeconds" => queue.attributes.get("KmsMasterKeyId").map(|_| "300".to_owned()),
        _ => NUMBERS.iter().find(|row| row.0 == name).and_then(|row| row.3).map(str::to_owned),
    })
}

/// A number attribute.
pub(super) fn seconds(queue: &Queue, name: &str) -> i64 {
    effective(queue, name).and_then(|value| value.parse().ok()).unwrap_or_default()
}

pub(super) fn describe(queue: &Queue, arn: &str, now: Millis, params: &Json) -> Answer {
    let asked = texts(params, "AttributeNames");
    let names = NUMBERS.iter().map(|row| row.0).chain(TEXTS.iter().copied()).chain(READ_ONLY.iter().copied());
    if let Some(odd) = asked.iter().find(|name| *name != "All" && !names.clone().any(|known| known == *name)) {
        return Err(Fault::new("InvalidAttributeName", format!("Unknown Attribute {odd}.")));
    }
    let all = asked.iter().any(|name| name == "All");
    let count = |state: &dyn Fn(&super::Message) -> bool| queue.messages.iter().filter(|one| state(one)).count();
    let mut attributes = BTreeMap::new();
    for name in names.filter(|name| all || asked.iter().any(|asked| asked == name)) {
        let value = match name {
            "QueueArn" => Some(arn.to_owned()),
            "CreatedTimestamp" => Some((queue.created / 1000).to_string()),
            "LastModifiedTimestamp" => Some((queue.modified / 1000).to_string()),
            "ApproximateNumberOfMessages" => Some(count(&|one| one.visible <= now).to_string()),
            "ApproximateNumberOfMessagesDelayed" => {
                Some(count(&|one| one.visible > now && one.receives == 0).to_string())
            }
            "ApproximateNumberOfMessagesNotVisible" => {
                Some(count(&|one| one.visible > now && one.receives > 0).to_string())
            }
            _ => effective(queue, name),
        };
        if let Some(value) = value {
            attributes.insert(name, value);
        }
    }
    Ok(if attributes.is_empty() { json!({}) } else { json!({ "Attributes": attributes }) })
}
