//! Why a pod does not fit a node, in the scheduler's words.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::affinity::{self, Placed};
use super::meta::{items, leaving, name};
use super::pods;
use super::quantity::{self, Amounts};

/// A node, with what is on it.
pub(super) struct Room<'a> {
    /// The node.
    pub(super) node: &'a Json,
    /// What it can give.
    pub(super) allocatable: Amounts,
    /// What is taken.
    pub(super) used: Amounts,
}

/// Every node with what is on it, and every placed pod.
pub(super) fn rooms<'a>(nodes: &'a [Json], all: &'a [Json]) -> (Vec<Room<'a>>, Vec<Placed<'a>>) {
    let mut used: BTreeMap<&str, Amounts> = BTreeMap::new();
    let by_name: BTreeMap<&str, &Json> = nodes.iter().map(|node| (name(node), node)).collect();
    let mut placed = Vec::new();
    for pod in all.iter().filter(|pod| !pods::node(pod).is_empty() && !pods::ended(pod)) {
        quantity::add(used.entry(pods::node(pod)).or_default(), &pods::requests(&pod["spec"]));
        if let Some(node) = by_name.get(pods::node(pod)).filter(|_| !leaving(pod)) {
            placed.push(Placed::new(pod, &node["metadata"]["labels"]));
        }
    }
    let room = |node: &'a Json| Room {
        allocatable: quantity::amounts(&node["status"]["allocatable"]),
        used: used.get(name(node)).cloned().unwrap_or_default(),
        node,
    };
    (nodes.iter().map(room).collect(), placed)
}

/// Why a pod may not go to a node; nothing when it may. The first reason counts, in the order of the scheduler's plugins.
pub(super) fn refused(pod: &Json, room: &Room<'_>, placed: &[Placed<'_>], domains: &[&Json]) -> Option<String> {
    let (spec, labels) = (&pod["spec"], &room.node["metadata"]["labels"]);
    if room.node["spec"]["unschedulable"] == true {
        return Some("node(s) were unschedulable".to_owned());
    }
    if let Some(taint) = pods::untolerated(spec, items(room.node, "/spec/taints")) {
        let of = |field: &str| taint[field].as_str().unwrap_or_default().to_owned();
        return Some(format!("node(s) had untolerated taint {{{}: {}}}", of("key"), of("value")));
    }
    if !affinity::node(spec, room.node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    for (resource, amount) in pods::requests(spec) {
        let free = room.allocatable.get(&resource).copied().unwrap_or_default()
            - room.used.get(&resource).copied().unwrap_or_default();
        if amount > free {
            return Some(if resource == "pods" {
                "Too many pods".to_owned()
            } else {
                format!("Insufficient {resource}")
            });
        }
    }
    if !affinity::spread(pod, labels, placed, domains) {
        return Some("node(s) didn't match pod topology spread constraints".to_owned());
    }
    (!affinity::among_pods(pod, labels, placed)).then(|| "node(s) didn't match pod anti-affinity rules".to_owned())
}
