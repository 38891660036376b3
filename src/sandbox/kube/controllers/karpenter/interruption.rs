//! The interruption queue: every message is read and deleted; those about Karpenter's own instances have consequences.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{leaving, name};
use super::leader::acting;
use super::{CLAIMS, identity, lifecycle, log};
use crate::sandbox::kube::store::{Key, text};

/// What a message is about, by its detail type: reason, event type, message, whether the node goes, field of the instance.
fn meaning(body: &Json) -> Option<(&'static str, &'static str, &'static str, bool)> {
    let state = text(body, "/detail/state");
    Some(match text(body, "/detail-type") {
        "EC2 Spot Instance Interruption Warning" => {
            ("SpotInterrupted", "Warning", "Spot interruption warning was triggered", true)
        }
        "EC2 Instance Rebalance Recommendation" => {
            ("SpotRebalanceRecommendation", "Normal", "Spot rebalance recommendation was triggered", false)
        }
        "EC2 Capacity Reservation Instance Interruption Warning" => (
            "CapacityReservationInterrupted",
            "Warning",
            "Capacity reservation interruption warning was triggered",
            true,
        ),
        "AWS Health Event" => {
            ("InstanceUnhealthy", "Warning", "An unhealthy warning was triggered for the instance", true)
        }
        "EC2 Instance State-change Notification" => match state {
            "stopping" | "stopped" => ("InstanceStopping", "Warning", "Instance is stopping", true),
            "shutting-down" | "terminated" => ("InstanceTerminating", "Warning", "Instance is terminating", true),
            _ => return None,
        },
        _ => return None,
    })
}

/// The instances a message names.
fn instances(body: &Json) -> Vec<String> {
    let mut all: Vec<String> = ["/detail/instance-id", "/detail/EC2InstanceId"]
        .iter()
        .map(|at| text(body, at).to_owned())
        .filter(|id| !id.is_empty())
        .collect();
    let affected = body.pointer("/detail/affectedEntities").and_then(Json::as_array).into_iter().flatten();
    all.extend(affected.map(|one| text(one, "/entityValue").to_owned()));
    all
}

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(leader) = acting(inside).filter(|leader| !leader.queue.is_empty()) else { return };
    let waiting = inside
        .here
        .region
        .sqs
        .queues
        .get(&leader.queue)
        .filter(|queue| queue.gone.is_none())
        .map(|queue| queue.messages.clone());
    let Some(messages) = waiting else {
        log::error(
            inside,
            "interruption",
            &leader.queue,
            "getting messages from queue, operation error SQS: ReceiveMessage, https response error StatusCode: 400, AWS.SimpleQueueService.NonExistentQueue: The specified queue does not exist.",
        );
        return;
    };
    if messages.is_empty() {
        return;
    }
    for operation in ["ReceiveMessage", "DeleteMessage"] {
        let asked = json!({"QueueUrl": format!("https://sqs/{}/{}", inside.here.account, leader.queue)});
        if let Err(fault) = identity::may(inside, &leader.role, "sqs", operation, asked) {
            log::error(
                inside,
                "interruption",
                &leader.queue,
                &format!("getting messages from queue, {}", identity::words("SQS", operation, &fault)),
            );
            return;
        }
    }
    if let Some(queue) = inside.here.region.sqs.queues.get_mut(&leader.queue) {
        queue.messages.clear();
    }
    for message in messages {
        let Ok(body) = serde_json::from_str::<Json>(&message.body) else {
            log::line(
                inside,
                "ERROR",
                "failed parsing interruption message",
                &json!({"controller": "interruption", "error": "unmarshalling the message"}),
            );
            continue;
        };
        if let Some(meaning) = meaning(&body) {
            for id in instances(&body) {
                act(inside, &id, meaning);
            }
        }
    }
}

fn act(inside: &mut Inside<'_, '_>, id: &str, (reason, kind, message, goes): (&str, &str, &str, bool)) {
    let Some(claim) = inside.store.list(CLAIMS).find(|claim| lifecycle::instance(claim) == id).cloned() else { return };
    let node = inside.store.get("nodes", &Key::global(text(&claim, "/status/nodeName"))).cloned();
    for about in std::iter::once(&claim).chain(node.as_ref()) {
        inside.event(about, "karpenter", kind, reason, message);
        if goes && !leaving(&claim) {
            inside.event(
                about,
                "karpenter",
                "Warning",
                "TerminatingOnInterruption",
                "Interruption triggered termination for the NodeClaim/Node",
            );
        }
    }
    if goes && !leaving(&claim) {
        let labels = &claim["metadata"]["labels"];
        log::line(
            inside,
            "INFO",
            "initiating delete from interruption message",
            &json!({
                "controller": "interruption", "messageKind": reason, "NodeClaim": {"name": name(&claim)}, "action": "CordonAndDrain",
                "Node": {"name": text(&claim, "/status/nodeName")},
            }),
        );
        // An interrupted spot offering is not asked for again for some minutes.
        if reason == "SpotInterrupted" {
            let of = |key: &str| labels[key].as_str().unwrap_or_default().to_owned();
            let key =
                format!("gone/{}/{}/spot", of("node.kubernetes.io/instance-type"), of("topology.kubernetes.io/zone"));
            let until = inside.now() + 180_000;
            inside.work.karpenter.moments.insert(key, until);
        }
        inside.delete(CLAIMS, &Key::of(&claim), 0);
    }
}
