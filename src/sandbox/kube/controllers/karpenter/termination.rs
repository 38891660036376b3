//! The end of nodes: tainted, drained within the budgets, their instance ended, their finalizers taken away. Nothing of it
//! happens while Karpenter does not run.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{
    annotation, asked_to_leave, finalizer, has_finalizer, items, leaving, moment, name, namespace, set_condition, uid,
};
use super::super::{nodes, pdb, pods};
use super::leader::{Leader, acting};
use super::lifecycle::{self, span};
use super::{CLAIMS, log};
use crate::sandbox::aws::ec2;
use crate::sandbox::kube::eviction;
use crate::sandbox::kube::store::{Key, text};

const FINALIZER: &str = "karpenter.sh/termination";

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(leader) = acting(inside) else { return };
    let claims: Vec<Json> =
        inside.store.list(CLAIMS).filter(|claim| leaving(claim) && has_finalizer(claim, FINALIZER)).cloned().collect();
    for claim in claims {
        let provider = text(&claim, "/status/providerID").to_owned();
        let node = inside
            .store
            .list("nodes")
            .find(|node| !provider.is_empty() && text(node, "/spec/providerID") == provider)
            .cloned();
        match node {
            Some(node) if !leaving(&node) => inside.delete("nodes", &Key::of(&node), 0),
            Some(_) => {}
            None => finish(inside, &leader, &claim),
        }
    }
    let ending: Vec<Json> =
        inside.store.list("nodes").filter(|node| leaving(node) && has_finalizer(node, FINALIZER)).cloned().collect();
    for node in ending {
        // Whoever deletes a node deletes its claim.
        let claim = lifecycle::of_node(inside, &node).cloned();
        if let Some(claim) = claim.as_ref().filter(|claim| !leaving(claim)) {
            inside.delete(CLAIMS, &Key::of(claim), 0);
        }
        drain(inside, &leader, &node, claim.as_ref());
    }
}

/// Ends the instance of a claim without a node, then the claim.
fn finish(inside: &mut Inside<'_, '_>, leader: &Leader, claim: &Json) {
    let id = lifecycle::instance(claim).to_owned();
    if stopped(inside, leader, &id, name(claim)) {
        log::line(
            inside,
            "INFO",
            "deleted nodeclaim",
            &json!({
                "controller": "nodeclaim.lifecycle", "NodeClaim": {"name": name(claim)}, "provider-id": text(claim, "/status/providerID"),
            }),
        );
        inside.store.change(CLAIMS, &Key::of(claim), |claim| finalizer(claim, FINALIZER, false));
    }
}

/// Whether an instance is gone; asks for its end if it is not.
fn stopped(inside: &mut Inside<'_, '_>, leader: &Leader, id: &str, about: &str) -> bool {
    let now = inside.now();
    let Some(machine) = inside.here.region.ec2.instances.get(id) else { return true };
    if let Some((_, gone)) = machine.going {
        inside.wake(gone);
        return gone <= now;
    }
    match lifecycle::may_terminate(inside, leader, id) {
        Ok(()) => {
            let at = ec2::instance::terminate(inside.here, &[id.to_owned()]);
            inside.wake(at);
        }
        Err(why) => log::error(inside, "nodeclaim.lifecycle", about, &why),
    }
    false
}

/// Until when a drain may take: the claim's grace period, or what somebody wrote on it.
fn deadline(claim: Option<&Json>) -> Option<i64> {
    let claim = claim?;
    let written = moment(&json!(annotation(claim, "karpenter.sh/nodeclaim-termination-timestamp")));
    if written > 0 {
        return Some(written);
    }
    Some(asked_to_leave(claim) + span(text(claim, "/spec/terminationGracePeriod"))?)
}

fn drain(inside: &mut Inside<'_, '_>, leader: &Leader, node: &Json, claim: Option<&Json>) {
    let now = inside.now();
    let disrupted = |taint: &Json| taint["key"] == "karpenter.sh/disrupted";
    if !items(node, "/spec/taints").iter().any(disrupted) {
        inside.store.change("nodes", &Key::of(node), |node| {
            let mut taints = items(node, "/spec/taints").to_vec();
            taints.push(json!({"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}));
            nodes::set_taints(node, taints);
        });
        log::line(
            inside,
            "INFO",
            "tainted node",
            &json!({"controller": "node.termination", "Node": {"name": name(node)}, "taint.Key": "karpenter.sh/disrupted", "taint.Effect": "NoSchedule"}),
        );
    }
    let machine = nodes::instance(node).to_owned();
    let alive = inside.here.region.ec2.instances.get(&machine).is_some_and(|machine| machine.going.is_none());
    let forced = deadline(claim).is_some_and(|at| inside.reached(at));
    if alive && !emptied(inside, node, forced) {
        return;
    }
    if let Some(claim) = claim {
        inside.store.change(CLAIMS, &Key::of(claim), |claim| {
            set_condition(claim, now, "Drained", "True", "Drained", "");
            set_condition(claim, now, "InstanceTerminating", "True", "InstanceTerminating", "");
        });
    }
    if stopped(inside, leader, &machine, name(node)) {
        log::line(
            inside,
            "INFO",
            "deleted node",
            &json!({"controller": "node.termination", "Node": {"name": name(node)}}),
        );
        inside.store.change("nodes", &Key::of(node), |node| finalizer(node, FINALIZER, false));
    }
}

/// Evicts what may be evicted. True when nothing is left that has to go.
fn emptied(inside: &mut Inside<'_, '_>, node: &Json, forced: bool) -> bool {
    let now = inside.now();
    let taint = json!([{"key": "karpenter.sh/disrupted", "effect": "NoSchedule"}]);
    let left: Vec<Json> = inside
        .store
        .list("pods")
        .filter(|pod| {
            let stays =
                pods::of_daemon(pod) || pods::untolerated(&pod["spec"], items(&json!({"t": taint}), "/t")).is_none();
            pods::node(pod) == name(node) && !pods::ended(pod) && !stays
        })
        .cloned()
        .collect();
    let mut held = Vec::new();
    for pod in left.iter().filter(|pod| !leaving(pod)) {
        if forced {
            inside.delete("pods", &Key::of(pod), 0);
            continue;
        }
        if annotation(pod, "karpenter.sh/do-not-disrupt") == "true" {
            held.push(format!(
                "pod {}/{} has the \"karpenter.sh/do-not-disrupt\" annotation",
                namespace(pod),
                name(pod)
            ));
            continue;
        }
        if let Some(budget) = pdb::forbids(inside, pod).filter(|_| eviction::allowed(&inside.store, pod).is_err()) {
            held.push(format!("Cannot evict pod as it would violate the pod's disruption budget (Pod={}/{}, PodDisruptionBudget={budget})", namespace(pod), name(pod)));
            continue;
        }
        if eviction::evict(&mut inside.store, now, &Key::of(pod), None).is_ok() {
            inside.event(pod, "karpenter", "Normal", "Evicted", "Evicted pod: Forceful Termination");
        }
    }
    if !held.is_empty() {
        let message =
            format!("Failed to drain node, {} pods are waiting to be evicted: {}", left.len(), held.join("; "));
        if inside.work.karpenter.news(&format!("drain/{}", uid(node)), &message) {
            inside.event(node, "karpenter", "Warning", "FailedDraining", &message);
            log::line(
                inside,
                "ERROR",
                "failed draining node",
                &json!({"controller": "node.termination", "Node": {"name": name(node)}, "error": message}),
            );
        }
    }
    left.is_empty()
}
