//! Disruption: nodes that have drifted, that are empty, whose pods fit elsewhere or on something cheaper. Replacements come
//! first; budgets, annotations and PodDisruptionBudgets hold it back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::super::inside::Inside;
use super::super::meta::{annotation, is_true, label, leaving, name, namespace, uid};
use super::super::{pdb, pods, volumes};
use super::leader::{Leader, acting};
use super::plan::{Outcome, plan};
use super::pool::POOLS;
use super::{CLAIMS, budgets, log, offers, provision};
use crate::sandbox::kube::store::{Key, text};

/// So many instance types must be left for a spot node to replace a spot node.
const FLEXIBLE: usize = 15;

/// A node that could be disrupted.
struct Candidate {
    claim: Json,
    node: Json,
    pool: Json,
    pods: Vec<Json>,
    price: u64,
}

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(leader) = acting(inside) else { return };
    finish(inside);
    let candidates = candidates(inside);
    if candidates.is_empty() {
        return;
    }
    let mut left = room(inside, &candidates);
    let mut scene = scene(inside);
    for (reason, fits) in
        [("Drifted", drifted as fn(&Candidate) -> bool), ("Empty", empty), ("Underutilized", underused)]
    {
        for one in candidates.iter().filter(|one| fits(one)) {
            if inside.work.karpenter.replaced.contains_key(name(&one.claim)) || leaving_now(inside, &one.claim) {
                continue;
            }
            if let Some(why) = blocked(inside, one) {
                if reason != "Empty" && inside.work.karpenter.news(&format!("blocked/{}", uid(&one.claim)), &why) {
                    for about in [&one.claim, &one.node] {
                        inside.event(about, "karpenter", "Normal", "DisruptionBlocked", &why);
                    }
                }
                continue;
            }
            let budget = left.get_mut(&(name(&one.pool).to_owned(), reason)).filter(|budget| **budget > 0);
            let Some(budget) = budget else { continue };
            // The same question has the same answer.
            if !one.pods.is_empty()
                && !inside.work.karpenter.news(&format!("tried/{reason}/{}", uid(&one.claim)), &scene)
            {
                continue;
            }
            if disrupt(inside, &leader, one, reason) {
                scene = self::scene(inside);
                *budget -= 1;
                for ((pool, other), budget) in &mut left {
                    if *pool == name(&one.pool) && *other != reason {
                        *budget = budget.saturating_sub(1);
                    }
                }
            }
        }
    }
    // A window may open with the next minute.
    if candidates.iter().any(|one| budgets::scheduled(&one.pool) && (drifted(one) || empty(one))) {
        let next = (inside.now().div_euclid(60_000) + 1) * 60_000;
        inside.wake(next);
    }
}

/// Who is where, as one text: what a simulation depends on.
fn scene(inside: &Inside<'_, '_>) -> String {
    let mut hash = Sha256::new();
    for pod in inside.store.list("pods").filter(|pod| !pods::ended(pod)) {
        hash.update(format!("{}/{}/{};", uid(pod), pods::node(pod), leaving(pod)));
    }
    for node in inside.store.list("nodes") {
        hash.update(format!("{}/{}/{};", name(node), is_true(node, "Ready"), node["spec"]["taints"]));
    }
    for resource in [CLAIMS, POOLS] {
        for object in inside.store.list(resource) {
            hash.update(format!("{}/{}/{};", uid(object), leaving(object), object["metadata"]["generation"]));
        }
    }
    hex::encode(&hash.finalize()[..12])
}

fn drifted(one: &Candidate) -> bool {
    is_true(&one.claim, "Drifted")
}

fn empty(one: &Candidate) -> bool {
    one.pods.is_empty() && is_true(&one.claim, "Consolidatable")
}

fn underused(one: &Candidate) -> bool {
    let policy = text(&one.pool, "/spec/disruption/consolidationPolicy");
    !one.pods.is_empty() && is_true(&one.claim, "Consolidatable") && policy != "WhenEmpty"
}

fn leaving_now(inside: &Inside<'_, '_>, claim: &Json) -> bool {
    inside.store.get(CLAIMS, &Key::of(claim)).is_none_or(leaving)
}

fn candidates(inside: &Inside<'_, '_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for claim in inside.store.list(CLAIMS).filter(|claim| !leaving(claim) && is_true(claim, "Initialized")) {
        if !is_true(claim, "Drifted") && !is_true(claim, "Consolidatable") {
            continue;
        }
        let node = inside.store.get("nodes", &Key::global(text(claim, "/status/nodeName")));
        let pool = inside.store.get(POOLS, &Key::global(label(claim, "karpenter.sh/nodepool")));
        let (Some(node), Some(pool)) = (node.filter(|node| !leaving(node)), pool) else { continue };
        let moved =
            |pod: &&Json| pods::node(pod) == name(node) && !pods::of_daemon(pod) && !pods::ended(pod) && !leaving(pod);
        let of = |key: &str| label(claim, key).to_owned();
        let price = offers::price(
            inside.here,
            &of("node.kubernetes.io/instance-type"),
            &of("topology.kubernetes.io/zone"),
            &of("karpenter.sh/capacity-type"),
        );
        found.push(Candidate {
            pods: inside.store.list("pods").filter(moved).map(|pod| volumes::zoned(inside, pod)).collect(),
            claim: claim.clone(),
            node: node.clone(),
            pool: pool.clone(),
            price,
        });
    }
    // What disturbs least comes first.
    found.sort_by_key(|one| (one.pods.len(), name(&one.claim).to_owned()));
    found
}

/// How many nodes of each pool may still be disrupted, by reason.
fn room(inside: &Inside<'_, '_>, candidates: &[Candidate]) -> BTreeMap<(String, &'static str), u64> {
    let mut left = BTreeMap::new();
    for pool in candidates.iter().map(|one| &one.pool) {
        let of: Vec<&Json> = inside
            .store
            .list(CLAIMS)
            .filter(|claim| label(claim, "karpenter.sh/nodepool") == name(pool) && is_true(claim, "Initialized"))
            .collect();
        let going = of
            .iter()
            .filter(|claim| leaving(claim) || inside.work.karpenter.replaced.contains_key(name(claim)))
            .count() as u64;
        for reason in ["Drifted", "Empty", "Underutilized"] {
            let most = budgets::allowed(pool, reason, of.len() as u64, inside.here.now);
            left.insert((name(pool).to_owned(), reason), most.saturating_sub(going));
        }
    }
    left
}

/// What forbids that a node is disrupted by choice.
fn blocked(inside: &Inside<'_, '_>, one: &Candidate) -> Option<String> {
    if annotation(&one.node, "karpenter.sh/do-not-disrupt") == "true"
        || annotation(&one.claim, "karpenter.sh/do-not-disrupt") == "true"
    {
        return Some("Disruption is blocked through the \"karpenter.sh/do-not-disrupt\" annotation".to_owned());
    }
    let held = one.pods.iter().find(|pod| annotation(pod, "karpenter.sh/do-not-disrupt") == "true");
    if let Some(pod) = held {
        return Some(format!(
            "Pod has \"karpenter.sh/do-not-disrupt\" annotation (Pod={}/{})",
            namespace(pod),
            name(pod)
        ));
    }
    one.pods
        .iter()
        .find_map(|pod| pdb::forbids(inside, pod))
        .map(|budget| format!("PDB prevents pod evictions (PodDisruptionBudget=[{budget}])"))
}

/// Disrupts a node if there is a way to; says whether it did.
fn disrupt(inside: &mut Inside<'_, '_>, leader: &Leader, one: &Candidate, reason: &'static str) -> bool {
    if one.pods.is_empty() {
        told(inside, one, reason, "Delete");
        inside.delete(CLAIMS, &Key::of(&one.claim), 0);
        return true;
    }
    let shape: String = one.pods.iter().map(|pod| name(pod).to_owned() + ",").collect();
    let without: BTreeSet<String> = [name(&one.node).to_owned(), name(&one.claim).to_owned()].into();
    let outcome = plan(inside, &one.pods, &without);
    if !outcome.failed.is_empty() {
        unable(inside, one, &shape, "Not all pods would schedule");
        return false;
    }
    if outcome.plans.is_empty() {
        told(inside, one, reason, "Delete");
        inside.delete(CLAIMS, &Key::of(&one.claim), 0);
        return true;
    }
    let Some(outcome) =
        (if reason == "Drifted" { Some(outcome) } else { cheaper(inside, leader, one, outcome, &shape) })
    else {
        return false;
    };
    told(inside, one, reason, "Replace");
    let new: Vec<String> = outcome.plans.iter().filter_map(|plan| provision::make(inside, plan)).collect();
    inside.work.karpenter.replaced.insert(name(&one.claim).to_owned(), new);
    true
}

/// Keeps of a plan what costs less than the node does: one node, and no spot for spot unless that is wanted and there is
/// enough to choose from.
fn cheaper(
    inside: &mut Inside<'_, '_>,
    leader: &Leader,
    one: &Candidate,
    mut outcome: Outcome,
    shape: &str,
) -> Option<Outcome> {
    let [plan] = outcome.plans.as_mut_slice() else {
        unable(inside, one, shape, "Can't remove without creating several nodes");
        return None;
    };
    plan.offers.retain(|offer| offer.price < one.price);
    if plan.offers.is_empty() {
        unable(inside, one, shape, "Can't replace with a cheaper node");
        return None;
    }
    let spot = label(&one.claim, "karpenter.sh/capacity-type") == "spot";
    if spot && plan.offers.iter().any(|offer| offer.capacity == "spot") {
        if !leader.spot_to_spot {
            unable(
                inside,
                one,
                shape,
                "SpotToSpotConsolidation is disabled, can't replace a spot node with a spot node",
            );
            return None;
        }
        let kinds: BTreeSet<&str> = plan.offers.iter().map(|offer| offer.kind.as_str()).collect();
        if kinds.len() < FLEXIBLE {
            let why = format!(
                "SpotToSpotConsolidation requires {FLEXIBLE} cheaper instance type options than the current candidate to consolidate, got {}",
                kinds.len()
            );
            unable(inside, one, shape, &why);
            return None;
        }
    }
    Some(outcome)
}

fn unable(inside: &mut Inside<'_, '_>, one: &Candidate, shape: &str, why: &str) {
    if inside.work.karpenter.news(&format!("unable/{}", uid(&one.claim)), &format!("{why}/{shape}")) {
        for about in [&one.claim, &one.node] {
            inside.event(about, "karpenter", "Normal", "Unconsolidatable", why);
        }
    }
}

fn told(inside: &mut Inside<'_, '_>, one: &Candidate, reason: &str, how: &str) {
    inside.event(
        &one.claim,
        "karpenter",
        "Normal",
        "DisruptionTerminating",
        &format!("Disrupting NodeClaim: {reason}/{how}"),
    );
    inside.event(
        &one.node,
        "karpenter",
        "Normal",
        "DisruptionTerminating",
        &format!("Disrupting Node: {reason}/{how}"),
    );
    log::line(
        inside,
        "INFO",
        "disrupting node(s)",
        &json!({
            "controller": "disruption", "reason": reason.to_lowercase(), "decision": how.to_lowercase(), "disrupted-node-count": 1,
            "pod-count": one.pods.len(), "disrupted-nodes": [{"Node": {"name": name(&one.node)}, "NodeClaim": {"name": name(&one.claim)}}],
        }),
    );
}

/// Claims whose replacements are there go; if a replacement has failed, they stay.
fn finish(inside: &mut Inside<'_, '_>) {
    let waiting: Vec<(String, Vec<String>)> =
        inside.work.karpenter.replaced.iter().map(|(claim, new)| (claim.clone(), new.clone())).collect();
    for (claim, new) in waiting {
        let states: Vec<Option<bool>> = new
            .iter()
            .map(|name| inside.store.get(CLAIMS, &Key::global(name.clone())).map(|claim| is_true(claim, "Initialized")))
            .collect();
        if states.iter().any(Option::is_none) {
            inside.work.karpenter.replaced.remove(&claim);
        } else if states.iter().all(|state| *state == Some(true)) {
            inside.work.karpenter.replaced.remove(&claim);
            inside.delete(CLAIMS, &Key::global(claim), 0);
        }
    }
}
