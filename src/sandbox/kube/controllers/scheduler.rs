//! The scheduler: every pod without a node is tried on every node, by priority and age.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::affinity::{self, Placed};
use super::fit::{self, Room};
use super::inside::Inside;
use super::meta::{born, condition, items, leaving, name, namespace, set_condition};
use super::{pods, quantity};
use crate::sandbox::kube::store::{Key, text};

const SOURCE: &str = "default-scheduler";

/// Whether the scheduler is to place a pod.
pub(super) fn waits(pod: &Json) -> bool {
    let ours = ["", "default-scheduler"].contains(&text(pod, "/spec/schedulerName"));
    pods::node(pod).is_empty()
        && !leaving(pod)
        && !pods::ended(pod)
        && ours
        && items(pod, "/spec/schedulingGates").is_empty()
}

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let mut waiting: Vec<Json> = inside.store.list("pods").filter(|pod| waits(pod)).cloned().collect();
    if waiting.is_empty() {
        return;
    }
    waiting.sort_by_key(|pod| (-pod["spec"]["priority"].as_i64().unwrap_or_default(), born(pod), name(pod).to_owned()));
    let nodes: Vec<Json> = inside
        .store
        .list("nodes")
        .filter(|node| !leaving(node) || !items(node, "/metadata/finalizers").is_empty())
        .cloned()
        .collect();
    let all: Vec<Json> = inside.store.list("pods").filter(|pod| !pods::node(pod).is_empty()).cloned().collect();
    let (mut rooms, mut placed) = fit::rooms(&nodes, &all);
    for pod in &waiting {
        match choose(inside, pod, &rooms, &placed) {
            Ok(at) => {
                let node = rooms[at].node;
                quantity::add(&mut rooms[at].used, &pods::requests(&pod["spec"]));
                placed.push(Placed::new(pod, &node["metadata"]["labels"]));
                bind(inside, pod, name(node));
            }
            Err(why) => leave(inside, pod, &why),
        }
    }
}

/// The place of the best node, or why there is none.
fn choose(inside: &Inside<'_, '_>, pod: &Json, rooms: &[Room<'_>], placed: &[Placed<'_>]) -> Result<usize, String> {
    let many = rooms.len();
    let unhelpful =
        format!("preemption: 0/{many} nodes are available: {many} Preemption is not helpful for scheduling.");
    if rooms.is_empty() {
        return Err("no nodes available to schedule pods".to_owned());
    }
    if let Some(why) = unbound(inside, pod) {
        return Err(format!("0/{many} nodes are available: {why}. {unhelpful}"));
    }
    let domains: Vec<&Json> = rooms
        .iter()
        .filter(|room| affinity::node(&pod["spec"], room.node))
        .map(|room| &room.node["metadata"]["labels"])
        .collect();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut fitting = Vec::new();
    for (at, room) in rooms.iter().enumerate() {
        match fit::refused(pod, room, placed, &domains).or_else(|| elsewhere(inside, pod, room.node)) {
            Some(why) => *reasons.entry(why).or_default() += 1,
            None => fitting.push((at, room)),
        }
    }
    // As the scheduler does by default: what is liked first, then where most is free.
    let best = fitting.into_iter().min_by_key(|(_, room)| {
        (-affinity::liking(&pod["spec"], room.node), used_share(room), name(room.node).to_owned())
    });
    best.map(|(at, _)| at).ok_or_else(|| {
        let mut told: Vec<String> = reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
        told.sort();
        format!("0/{many} nodes are available: {}. {unhelpful}", told.join(", "))
    })
}

fn used_share(room: &Room<'_>) -> i128 {
    let share = |resource: &str| {
        let whole = room.allocatable.get(resource).copied().unwrap_or(1).max(1);
        room.used.get(resource).copied().unwrap_or_default() * 1000 / whole
    };
    share("cpu") + share("memory")
}

/// Claims of a pod, with their objects.
fn claims<'a>(inside: &'a Inside<'_, '_>, pod: &Json) -> Vec<(String, Option<&'a Json>)> {
    items(pod, "/spec/volumes")
        .iter()
        .filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str())
        .map(|claim| (claim.to_owned(), inside.store.get("persistentvolumeclaims", &Key::new(namespace(pod), claim))))
        .collect()
}

/// What of its volumes keeps a pod from every node.
fn unbound(inside: &Inside<'_, '_>, pod: &Json) -> Option<String> {
    for (claim, object) in claims(inside, pod) {
        let Some(object) = object else {
            return Some(format!("persistentvolumeclaim \"{claim}\" not found"));
        };
        let class = text(object, "/spec/storageClassName");
        let waits = inside
            .store
            .get("storageclasses.storage.k8s.io", &Key::global(class))
            .is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer");
        if object["status"]["phase"] != "Bound" && !waits {
            return Some("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
    }
    None
}

/// Whether one of its volumes lies in another zone than a node.
fn elsewhere(inside: &Inside<'_, '_>, pod: &Json, node: &Json) -> Option<String> {
    let far = claims(inside, pod).into_iter().filter_map(|(_, claim)| claim).any(|claim| {
        let volume = inside.store.get("persistentvolumes", &Key::global(text(claim, "/spec/volumeName")));
        volume.is_some_and(|volume| {
            !affinity::node(
                &json!({"affinity": {"nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": volume["spec"]["nodeAffinity"]["required"],
                }}}),
                node,
            )
        })
    });
    far.then(|| "node(s) had volume node affinity conflict".to_owned())
}

/// Puts a pod on a node.
fn bind(inside: &mut Inside<'_, '_>, pod: &Json, node: &str) {
    let now = inside.now();
    let selected = claims(inside, pod)
        .into_iter()
        .filter_map(|(_, claim)| claim)
        .filter(|claim| claim["status"]["phase"] != "Bound")
        .map(Key::of)
        .collect::<Vec<_>>();
    for claim in selected {
        inside.store.change("persistentvolumeclaims", &claim, |claim| {
            claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] = json!(node);
        });
    }
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["spec"]["nodeName"] = json!(node);
        set_condition(pod, now, "PodScheduled", "True", "", "");
        for one in pod["status"]["conditions"].as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
            one.retain(|_, value| value != "");
        }
    });
    let message = format!("Successfully assigned {}/{} to {node}", namespace(pod), name(pod));
    inside.event(pod, SOURCE, "Normal", "Scheduled", &message);
}

/// Says why a pod has no node, when that is news.
fn leave(inside: &mut Inside<'_, '_>, pod: &Json, why: &str) {
    let now = inside.now();
    let known = condition(pod, "PodScheduled");
    if known["message"] == why {
        return;
    }
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["status"]["phase"] = json!("Pending");
        set_condition(pod, now, "PodScheduled", "False", "Unschedulable", why);
    });
    inside.event(pod, SOURCE, "Warning", "FailedScheduling", why);
}
