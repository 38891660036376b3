//! Nodes of managed node groups, and the end of every node whose instance is gone.

use serde_json::{Map, Value as Json, json};

use super::inside::Inside;
use super::meta::{is_true, items, label, leaving, name};
use super::node_object::{self, Extra};
use crate::sandbox::aws::eks;
use crate::sandbox::kube::store::{Key, text};
use crate::sandbox::region::list;

/// Seconds from `running` to the kubelet's first word.
const BOOT: (u64, u64) = (12, 22);

/// The instance of a node.
pub(super) fn instance(node: &Json) -> &str {
    text(node, "/spec/providerID").rsplit('/').next().unwrap_or_default()
}

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    register(inside);
    refresh(inside);
    end(inside);
}

/// Instances of node groups that run become nodes, if the cluster lets them in.
fn register(inside: &mut Inside<'_, '_>) {
    let Some(cluster) = inside.eks() else { return };
    let minor = cluster.version().to_owned();
    let groups: Vec<(String, Json, Vec<eks::Node>)> =
        cluster.groups.iter().map(|(name, group)| (name.clone(), group.body.clone(), group.nodes.clone())).collect();
    for (group, body, nodes) in groups {
        let role = text(&body, "/nodeRole").to_owned();
        for node in nodes {
            let Some(instance) = inside.here.region.ec2.instances.get(&node.instance) else { continue };
            let (ready, subnet, dns) = (instance.ready, instance.subnet.clone(), instance.private_dns.clone());
            if instance.going.is_some() {
                continue;
            }
            let known = inside.store.get("nodes", &Key::global(dns.clone())).is_some();
            // EKS may have found it ready already: then it has joined before.
            let boots = ready + inside.span(&format!("boot/{}", node.instance), BOOT.0, BOOT.1);
            if known || !(node.ready || inside.reached(boots)) {
                continue;
            }
            if !eks::may_join(inside.here, &inside.name, &subnet, &role) {
                continue;
            }
            let extra = Extra { labels: labels(&group, &body), taints: taints(&body) };
            if let Some(object) = node_object::make(inside.here, &node.instance, extra, &minor) {
                inside.ensure("nodes", object.clone());
                inside.event(&object, "kubelet", "Normal", "Starting", "Starting kubelet.");
                let message = format!("Node {dns} event: Registered Node {dns} in Controller");
                inside.event(&object, "node-controller", "Normal", "RegisteredNode", &message);
            }
        }
    }
}

fn labels(group: &str, body: &Json) -> Map<String, Json> {
    let mut labels = body["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("eks.amazonaws.com/nodegroup".to_owned(), json!(group));
    labels.insert("eks.amazonaws.com/capacityType".to_owned(), body["capacityType"].clone());
    if let Some(id) = body["launchTemplate"]["id"].as_str() {
        labels.insert("eks.amazonaws.com/sourceLaunchTemplateId".to_owned(), json!(id));
        labels.insert(
            "eks.amazonaws.com/sourceLaunchTemplateVersion".to_owned(),
            body["launchTemplate"]["version"].clone(),
        );
    }
    labels
}

/// Taints as Kubernetes spells their effects.
fn taints(body: &Json) -> Vec<Json> {
    let effect = |one: &Json| match one["effect"].as_str() {
        Some("NO_EXECUTE") => "NoExecute",
        Some("PREFER_NO_SCHEDULE") => "PreferNoSchedule",
        _ => "NoSchedule",
    };
    list(body, "taints")
        .iter()
        .map(|one| {
            let mut taint = json!({"key": one["key"], "effect": effect(one)});
            if let Some(value) = one["value"].as_str().filter(|value| !value.is_empty()) {
                taint["value"] = json!(value);
            }
            taint
        })
        .collect()
}

/// A group's labels and taints reach its nodes, and nodes are ready when EKS has found them so.
fn refresh(inside: &mut Inside<'_, '_>) {
    let now = inside.now();
    let mut wanted = Vec::new();
    let Some(cluster) = inside.eks() else { return };
    for (group, of) in &cluster.groups {
        for node in &of.nodes {
            wanted.push((node.instance.clone(), node.ready, labels(group, &of.body), taints(&of.body)));
        }
    }
    for (id, ready, labels, taints) in wanted {
        let Some(node) = inside.store.list("nodes").find(|node| instance(node) == id) else { continue };
        let key = Key::of(node);
        let own = items(node, "/spec/taints").iter().filter(|taint| kubernetes_own(taint)).cloned();
        let mut all = taints;
        all.extend(own.filter(|taint| !(ready && taint["key"] == "node.kubernetes.io/not-ready")));
        let fresh = ready && !is_true(node, "Ready");
        let same = items(node, "/spec/taints") == all.as_slice()
            && labels.iter().all(|(key, value)| node["metadata"]["labels"][key] == *value);
        if !fresh && same {
            continue;
        }
        let object = inside.store.change("nodes", &key, |node| {
            for (key, value) in labels {
                node["metadata"]["labels"][key] = value;
            }
            set_taints(node, all);
            if fresh {
                node["status"]["conditions"] = node_object::conditions(now, true, now);
            }
        });
        if let Some(object) = object.filter(|_| fresh) {
            let message = format!("Node {} status is now: NodeReady", name(&object));
            inside.event(&object, "kubelet", "Normal", "NodeReady", &message);
        }
    }
}

/// Taints that Kubernetes and Karpenter set beside a group's own.
fn kubernetes_own(taint: &Json) -> bool {
    let key = taint["key"].as_str().unwrap_or_default();
    key.starts_with("node.kubernetes.io/") || key.starts_with("karpenter.sh/")
}

/// Writes a node's taints; none is no field at all.
pub(super) fn set_taints(node: &mut Json, taints: Vec<Json>) {
    if taints.is_empty() {
        if let Some(spec) = node["spec"].as_object_mut() {
            spec.remove("taints");
        }
    } else {
        node["spec"]["taints"] = json!(taints);
    }
}

/// The cloud provider deletes nodes whose instance has gone; a node of Karpenter's has finalizers besides.
fn end(inside: &mut Inside<'_, '_>) {
    let now = inside.now();
    let mut gone = Vec::new();
    let mut later = Vec::new();
    let mut dark = Vec::new();
    for node in inside.store.list("nodes") {
        match inside
            .here
            .region
            .ec2
            .instances
            .get(instance(node))
            .map(|instance| (instance.state(now).1, instance.going))
        {
            None | Some(("terminated", _)) => gone.push(Key::of(node)),
            Some((_, Some((_, at)))) => {
                later.push(at);
                // The kubelet stops with the machine; EKS drains its own nodes before.
                if is_true(node, "Ready") && !leaving(node) && label(node, "eks.amazonaws.com/nodegroup").is_empty() {
                    dark.push(Key::of(node));
                }
            }
            Some(_) => {}
        }
    }
    for at in later {
        inside.wake(at);
    }
    for key in dark {
        inside.store.change("nodes", &key, |node| {
            super::meta::set_condition(
                node,
                now,
                "Ready",
                "Unknown",
                "NodeStatusUnknown",
                "Kubelet stopped posting node status.",
            );
        });
    }
    for key in gone {
        inside.delete("nodes", &key, 0);
    }
}
