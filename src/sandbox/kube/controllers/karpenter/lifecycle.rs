//! NodeClaims: launched, registered, initialized; and those that never get there, or get too old.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{born, condition, is_true, items, label, leaving, name, reference, set_condition, since};
use super::super::node_object::{self, Extra};
use super::super::nodes;
use super::class::{CLASSES, ready};
use super::launch::{self, Failed};
use super::leader::{Leader, acting};
use super::pool::POOLS;
use super::{CLAIMS, identity, log};
use crate::sandbox::aws::eks;
use crate::sandbox::kube::store::{Key, text};

/// Seconds from the launch to the kubelet's first word.
const JOIN: (u64, u64) = (32, 55);

/// Seconds from there to Ready.
const READY: (u64, u64) = (6, 14);

/// How long a claim may be without a node before it goes, in milliseconds.
const PATIENCE: i64 = 15 * 60 * 1000;

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    // Kubelets start and report whether Karpenter runs or not.
    kubelets(inside);
    let Some(leader) = acting(inside) else { return };
    let claims: Vec<Json> = inside.store.list(CLAIMS).filter(|claim| !leaving(claim)).cloned().collect();
    for claim in claims {
        if is_true(&claim, "Launched") {
            if !gone(inside, &claim) {
                register(inside, &claim);
                expire(inside, &claim);
            }
        } else {
            start(inside, &leader, &claim);
        }
    }
}

/// The instance of a claim.
pub(super) fn instance(claim: &Json) -> &str {
    text(claim, "/status/providerID").rsplit('/').next().unwrap_or_default()
}

/// The claim of a node.
pub(super) fn of_node<'a>(inside: &'a Inside<'_, '_>, node: &Json) -> Option<&'a Json> {
    let provider = text(node, "/spec/providerID");
    inside.store.list(CLAIMS).find(|claim| !provider.is_empty() && text(claim, "/status/providerID") == provider)
}

fn start(inside: &mut Inside<'_, '_>, leader: &Leader, claim: &Json) {
    let pool = inside.store.get(POOLS, &Key::global(label(claim, "karpenter.sh/nodepool"))).cloned();
    let class = inside.store.get(CLASSES, &Key::global(text(claim, "/spec/nodeClassRef/name"))).cloned();
    let (Some(pool), Some(class)) = (pool, class) else { return };
    let now = inside.now();
    if !is_true(&class, "Ready") {
        let message = format!("NodeClaim {} event: NodeClass not ready", name(claim));
        inside.event(claim, "karpenter", "Warning", "NodeClassNotReady", &message);
        end(inside, claim);
        return;
    }
    match launch::launch(inside, leader, claim, &pool, &class) {
        Ok((id, offer)) => {
            let provider = format!("aws:///{}/{id}", offer.zone);
            let image =
                inside.here.region.ec2.instances.get(&id).map(|instance| instance.image.clone()).unwrap_or_default();
            let changed = inside.store.change(CLAIMS, &Key::of(claim), |claim| {
                launch::describe(claim, &offer, &provider, &image);
                set_condition(claim, now, "Launched", "True", "Launched", "");
                set_condition(
                    claim,
                    now,
                    "Registered",
                    "Unknown",
                    "AwaitingReconciliation",
                    "object is awaiting reconciliation",
                );
                set_condition(
                    claim,
                    now,
                    "Initialized",
                    "Unknown",
                    "AwaitingReconciliation",
                    "object is awaiting reconciliation",
                );
                set_condition(
                    claim,
                    now,
                    "Ready",
                    "Unknown",
                    "ReconcilingDependents",
                    "Initialized=Unknown, Registered=Unknown",
                );
            });
            log::line(
                inside,
                "INFO",
                "launched nodeclaim",
                &json!({
                    "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "provider-id": provider,
                    "instance-type": offer.kind, "zone": offer.zone, "capacity-type": offer.capacity,
                }),
            );
            if let Some(claim) = changed {
                transition(inside, &claim, "Launched");
            }
        }
        Err(Failed::Capacity(why)) => {
            let message = format!("NodeClaim {} event: {why}", name(claim));
            inside.event(claim, "karpenter", "Warning", "InsufficientCapacityError", &message);
            log::line(
                inside,
                "ERROR",
                "failed launching nodeclaim",
                &json!({
                    "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "error": why,
                }),
            );
            end(inside, claim);
        }
        Err(Failed::Other(why)) => {
            if inside.work.karpenter.news(&format!("launch/{}", name(claim)), &why) {
                inside.event(claim, "karpenter", "Warning", "LaunchFailed", &why);
            }
            log::error(inside, "nodeclaim.lifecycle", name(claim), &why);
            inside.store.change(CLAIMS, &Key::of(claim), |claim| {
                let short: String = why.chars().take(300).collect();
                set_condition(claim, now, "Launched", "Unknown", "LaunchFailed", &short);
                set_condition(claim, now, "Ready", "Unknown", "ReconcilingDependents", "Launched=Unknown");
            });
        }
    }
}

fn transition(inside: &mut Inside<'_, '_>, claim: &Json, kind: &str) {
    let message = format!("Status condition transitioned, Type: {kind}, Status: Unknown -> True, Reason: {kind}");
    inside.event(claim, "karpenter", "Normal", kind, &message);
}

/// Takes a claim away that has nothing.
fn end(inside: &mut Inside<'_, '_>, claim: &Json) {
    inside.store.remove(CLAIMS, &Key::of(claim));
}

/// A claim whose instance is gone is deleted.
fn gone(inside: &mut Inside<'_, '_>, claim: &Json) -> bool {
    let now = inside.now();
    let state = inside.here.region.ec2.instances.get(instance(claim)).map(|one| one.state(now).1);
    if matches!(state, Some("pending" | "running")) {
        return false;
    }
    log::line(
        inside,
        "INFO",
        "garbage collected nodeclaim",
        &json!({
            "controller": "nodeclaim.garbagecollection", "NodeClaim": {"name": name(claim)}, "provider-id": text(claim, "/status/providerID"),
        }),
    );
    inside.delete(CLAIMS, &Key::of(claim), 0);
    true
}

/// Instances of claims become nodes, and nodes get ready.
fn kubelets(inside: &mut Inside<'_, '_>) {
    let claims: Vec<Json> = inside.store.list(CLAIMS).filter(|claim| is_true(claim, "Launched")).cloned().collect();
    for claim in claims {
        let id = instance(&claim).to_owned();
        let Some(machine) = inside.here.region.ec2.instances.get(&id).filter(|machine| machine.going.is_none()) else {
            continue;
        };
        let (launched, subnet, dns, profile) =
            (machine.launched, machine.subnet.clone(), machine.private_dns.clone(), machine.instance_profile.clone());
        let key = Key::global(dns.clone());
        match inside.store.get("nodes", &key).cloned() {
            None => {
                let joins = (launched + inside.span(&format!("join/{id}"), JOIN.0, JOIN.1)) / 1000 * 1000;
                // A node that was deleted does not come back by itself.
                if leaving(&claim) || is_true(&claim, "Registered") || !inside.reached(joins) {
                    continue;
                }
                let role = profile
                    .as_deref()
                    .and_then(|arn| arn.rsplit('/').next())
                    .and_then(|profile| inside.here.iam.profiles.get(profile)?.role.clone());
                let role = role
                    .and_then(|role| inside.here.iam.roles.get(&role))
                    .map(|role| role.arn.clone())
                    .unwrap_or_default();
                if eks::may_join(inside.here, &inside.name, &subnet, &role) {
                    join(inside, &claim, &id);
                }
            }
            Some(node) if !is_true(&node, "Ready") => {
                let at = born(&node) + inside.span(&format!("ready/{id}"), READY.0, READY.1);
                let cni = inside.eks().is_some_and(|cluster| {
                    let addon = cluster.addons.get("vpc-cni").map(|addon| text(&addon.body, "/status").to_owned());
                    cluster.self_managed
                        || addon.is_some_and(|status| ["ACTIVE", "UPDATING", "DEGRADED"].contains(&status.as_str()))
                });
                if inside.reached(at) && cni {
                    let now = inside.now();
                    inside.store.change("nodes", &key, |node| {
                        node["status"]["conditions"] = node_object::conditions(now, true, now);
                        let kept: Vec<Json> = items(node, "/spec/taints")
                            .iter()
                            .filter(|taint| taint["key"] != "node.kubernetes.io/not-ready")
                            .cloned()
                            .collect();
                        nodes::set_taints(node, kept);
                    });
                    inside.event(
                        &node,
                        "kubelet",
                        "Normal",
                        "NodeReady",
                        &format!("Node {dns} status is now: NodeReady"),
                    );
                }
            }
            Some(_) => {}
        }
    }
}

/// The kubelet's first word: a node with what Karpenter told it to say.
fn join(inside: &mut Inside<'_, '_>, claim: &Json, id: &str) {
    let minor = inside.eks().map(|cluster| cluster.version().to_owned()).unwrap_or_default();
    let mut taints = items(claim, "/spec/taints").to_vec();
    taints.extend(items(claim, "/spec/startupTaints").iter().cloned());
    taints.push(json!({"key": "karpenter.sh/unregistered", "effect": "NoExecute"}));
    let labels = claim["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    if let Some(node) = node_object::make(inside.here, id, Extra { labels, taints }, &minor) {
        inside.ensure("nodes", node.clone());
        let message = format!("Node {0} event: Registered Node {0} in Controller", name(&node));
        inside.event(&node, "node-controller", "Normal", "RegisteredNode", &message);
    }
}

/// Registration, initialization, and the patience with both.
fn register(inside: &mut Inside<'_, '_>, claim: &Json) {
    let now = inside.now();
    let provider = text(claim, "/status/providerID").to_owned();
    let node = inside.store.list("nodes").find(|node| text(node, "/spec/providerID") == provider).cloned();
    let Some(node) = node else {
        if !is_true(claim, "Registered") {
            missing(inside, claim);
        }
        return;
    };
    if !is_true(claim, "Registered") {
        inside.store.change("nodes", &Key::of(&node), |node| {
            let kept: Vec<Json> = items(node, "/spec/taints")
                .iter()
                .filter(|taint| taint["key"] != "karpenter.sh/unregistered")
                .cloned()
                .collect();
            nodes::set_taints(node, kept);
            node["metadata"]["labels"]["karpenter.sh/registered"] = json!("true");
            super::super::meta::finalizer(node, "karpenter.sh/termination", true);
            let mut owner = reference(claim);
            if let Some(owner) = owner.as_object_mut() {
                owner.remove("controller");
            }
            node["metadata"]["ownerReferences"] = json!([owner]);
        });
        let host = name(&node).to_owned();
        inside
            .here
            .region
            .ec2
            .tags
            .entry(instance(claim).to_owned())
            .or_default()
            .insert("Name".to_owned(), host.clone());
        let changed = inside.store.change(CLAIMS, &Key::of(claim), |claim| {
            claim["status"]["nodeName"] = json!(host);
            set_condition(claim, now, "Registered", "True", "Registered", "");
            set_condition(claim, now, "Ready", "Unknown", "ReconcilingDependents", "Initialized=Unknown");
        });
        log::line(
            inside,
            "INFO",
            "registered nodeclaim",
            &json!({
                "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "provider-id": provider, "Node": {"name": host},
            }),
        );
        if let Some(claim) = changed {
            transition(inside, &claim, "Registered");
            healthy(inside, &claim, true);
        }
        return;
    }
    if is_true(claim, "Initialized") {
        return;
    }
    let starting = items(claim, "/spec/startupTaints");
    let left = items(&node, "/spec/taints")
        .iter()
        .find(|taint| starting.iter().any(|one| one["key"] == taint["key"] && one["effect"] == taint["effect"]));
    let why = if is_true(&node, "Ready") {
        left.map(|taint| {
            let message = format!("StartupTaint \"{}:{}\" still exists", text(taint, "/key"), text(taint, "/effect"));
            ("StartupTaintsExist", message)
        })
    } else {
        Some(("NodeNotReady", "Node status is NotReady".to_owned()))
    };
    if let Some((reason, message)) = why {
        inside.store.change(CLAIMS, &Key::of(claim), |claim| {
            set_condition(claim, now, "Initialized", "Unknown", reason, &message);
        });
        return;
    }
    inside.store.change("nodes", &Key::of(&node), |node| {
        node["metadata"]["labels"]["karpenter.sh/initialized"] = json!("true");
    });
    let changed = inside.store.change(CLAIMS, &Key::of(claim), |claim| {
        set_condition(claim, now, "Initialized", "True", "Initialized", "");
        ready(claim, now, [("Launched", "True"), ("Registered", "True"), ("Initialized", "True")].into_iter());
    });
    log::line(
        inside,
        "INFO",
        "initialized nodeclaim",
        &json!({
            "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "provider-id": provider, "Node": {"name": name(&node)},
        }),
    );
    if let Some(claim) = changed {
        transition(inside, &claim, "Initialized");
    }
}

/// A claim without a node says so, and goes after a quarter of an hour.
fn missing(inside: &mut Inside<'_, '_>, claim: &Json) {
    let now = inside.now();
    if condition(claim, "Registered")["reason"] != "NodeNotFound" {
        inside.store.change(CLAIMS, &Key::of(claim), |claim| {
            set_condition(claim, now, "Registered", "Unknown", "NodeNotFound", "Node not registered with cluster");
        });
    }
    if inside.reached(since(claim, "Launched") + PATIENCE) {
        log::line(
            inside,
            "INFO",
            "terminating due to registration ttl",
            &json!({
                "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "timeout": "15m0s",
            }),
        );
        healthy(inside, claim, false);
        inside.delete(CLAIMS, &Key::of(claim), 0);
    }
}

/// What a launch says about its pool.
fn healthy(inside: &mut Inside<'_, '_>, claim: &Json, well: bool) {
    if acting(inside).is_none_or(|leader| leader.version < (1, 4)) {
        return;
    }
    let now = inside.now();
    inside.store.change(POOLS, &Key::global(label(claim, "karpenter.sh/nodepool")), |pool| {
        if well {
            set_condition(pool, now, "NodeRegistrationHealthy", "True", "NodeRegistrationHealthy", "");
        } else {
            set_condition(
                pool,
                now,
                "NodeRegistrationHealthy",
                "False",
                "RegistrationFailed",
                "Failed to register node",
            );
        }
    });
}

/// `expireAfter` is forceful: no budget holds it.
fn expire(inside: &mut Inside<'_, '_>, claim: &Json) {
    let after = span(text(claim, "/spec/expireAfter"));
    let Some(after) = after else { return };
    if inside.reached(born(claim) + after) {
        log::line(
            inside,
            "INFO",
            "deleting expired nodeclaim",
            &json!({"controller": "nodeclaim.expiration", "NodeClaim": {"name": name(claim)}}),
        );
        inside.event(claim, "karpenter", "Normal", "DisruptionTerminating", "Disrupting NodeClaim: Expired");
        inside.delete(CLAIMS, &Key::of(claim), 0);
    }
}

/// Milliseconds of `30s`, `1h30m`; nothing for `Never` and what is no span.
pub(super) fn span(text: &str) -> Option<i64> {
    let mut sum = 0;
    let mut number = String::new();
    for letter in text.chars() {
        let unit = match letter {
            digit if digit.is_ascii_digit() => {
                number.push(digit);
                continue;
            }
            's' => 1000,
            'm' => 60_000,
            'h' => 3_600_000,
            _ => return None,
        };
        sum += number.parse::<i64>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(sum)
}

/// Whether Karpenter may end instances.
pub(super) fn may_terminate(inside: &mut Inside<'_, '_>, leader: &Leader, id: &str) -> Result<(), String> {
    identity::may(inside, &leader.role, "ec2", "TerminateInstances", json!({"InstanceId": [id]}))
        .map_err(|fault| format!("terminating instance, {}", identity::words("EC2", "TerminateInstances", &fault)))
}
