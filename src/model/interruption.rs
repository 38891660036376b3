//! The interruption queue and the EventBridge rules that feed it: how Karpenter hears of an instance's end before it comes.

use std::collections::BTreeMap;

use serde_json::json;

use super::Identity;
use super::policies::{interruption_queue, karpenter};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::engine::{Address, Graph, Value};
use crate::resources::aws::event_rule::EventRule;
use crate::resources::aws::sqs_queue::SqsQueue;

/// Seconds that a warning is of use: EC2 gives two minutes' notice. Source: Karpenter, "CloudFormation",
/// KarpenterInterruptionQueue.
const RETENTION_SECONDS: u32 = 300;

/// Target id, as Karpenter's own template has it.
const TARGET: &str = "KarpenterInterruptionQueueTarget";

/// One event that Karpenter's interruption controller understands.
struct Event {
    /// Key of the address and part of the name. Short: a rule's name has 64 characters for all.
    key: &'static str,
    source: &'static str,
    detail_type: &'static str,
    /// For the rule's description.
    tells: &'static str,
}

/// Source: Karpenter, "CloudFormation", Interruption Handling.
const EVENTS: [Event; 4] = [
    Event {
        key: "health",
        source: "aws.health",
        detail_type: "AWS Health Event",
        tells: "AWS has scheduled maintenance or retirement",
    },
    Event {
        key: "spot",
        source: "aws.ec2",
        detail_type: "EC2 Spot Instance Interruption Warning",
        tells: "a spot instance ends in two minutes",
    },
    Event {
        key: "rebalance",
        source: "aws.ec2",
        detail_type: "EC2 Instance Rebalance Recommendation",
        tells: "a spot instance is at higher risk",
    },
    Event {
        key: "state",
        source: "aws.ec2",
        detail_type: "EC2 Instance State-change Notification",
        tells: "an instance stops or ends",
    },
];

/// Since Karpenter 1.10.
const RESERVATION: Event = Event {
    key: "reservation",
    source: "aws.ec2",
    detail_type: "EC2 Capacity Reservation Instance Interruption Warning",
    tells: "an interruptible capacity reservation is reclaimed",
};

/// The queue's name.
#[must_use]
pub fn queue_name(id: &Identity) -> String {
    id.derived("interruption")
}

/// Adds the queue and its rules. Gives the queue's ARN.
///
/// A Karpenter minor that is not known, which the configuration's check refuses, gets the rules that all have.
pub fn add(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity) -> Value {
    let fifth = karpenter::minor(&spec.karpenter.version).is_some_and(|minor| minor.reservation_rule);
    let events: Vec<_> = EVENTS.iter().chain(fifth.then_some(&RESERVATION)).collect();
    let name = queue_name(id);
    let rule_arns: Vec<_> =
        events.iter().map(|event| id.arn("events", &format!("rule/{}", id.derived(event.key)))).collect();
    // ARNs of queue and rules follow from their names: as references they would be a circle.
    let policy = interruption_queue(&id.arn("sqs", &name), &rule_arns);
    let queue = graph.add(SqsQueue {
        address: Address::single("interruption", "sqs-queue"),
        name,
        policy,
        retention_seconds: RETENTION_SECONDS,
        tags: id.tags.clone(),
    });
    for event in events {
        graph.add(EventRule {
            address: Address::keyed("interruption", "event-rule", event.key),
            name: id.derived(event.key),
            description: format!("Tells Karpenter of {} that {}.", spec.cluster.name, event.tells),
            pattern: json!({ "source": [event.source], "detail-type": [event.detail_type] }),
            targets: BTreeMap::from([(TARGET.to_owned(), queue.attr("arn"))]),
            tags: id.tags.clone(),
        });
    }
    queue.attr("arn")
}
