//! What claims say of themselves: whether they are what they should be (`Drifted`), and whether they have been quiet long
//! enough to be consolidated (`Consolidatable`).

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::super::affinity;
use super::super::inside::Inside;
use super::super::meta::{annotation, condition, is_true, items, label, leaving, name, set_condition, uid};
use super::super::pods;
use super::class::{self, CLASSES};
use super::leader::acting;
use super::lifecycle::{self, span};
use super::pool::{self, POOLS};
use super::{CLAIMS, log};
use crate::sandbox::kube::store::{Key, text, time};

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    if acting(inside).is_none() {
        return;
    }
    let claims: Vec<Json> =
        inside.store.list(CLAIMS).filter(|claim| !leaving(claim) && is_true(claim, "Launched")).cloned().collect();
    for claim in claims {
        let pool = inside.store.get(POOLS, &Key::global(label(&claim, "karpenter.sh/nodepool"))).cloned();
        let class = inside.store.get(CLASSES, &Key::global(text(&claim, "/spec/nodeClassRef/name"))).cloned();
        let (Some(pool), Some(class)) = (pool, class) else { continue };
        drifted(inside, &claim, &pool, &class);
        quiet(inside, &claim, &pool);
    }
}

/// Why a claim is not what its pool and class want now.
fn reason(inside: &Inside<'_, '_>, claim: &Json, pool: &Json, class: &Json) -> Option<&'static str> {
    if annotation(claim, "karpenter.sh/nodepool-hash") != pool::hash(pool) {
        return Some("NodePoolDrifted");
    }
    let labels = &claim["metadata"]["labels"];
    let unfit = items(pool, "/spec/template/spec/requirements")
        .iter()
        .any(|one| !affinity::expression(one, labels[one["key"].as_str().unwrap_or_default()].as_str()));
    if unfit {
        return Some("RequirementsDrifted");
    }
    if annotation(claim, "karpenter.k8s.aws/ec2nodeclass-hash") != class::hash(class) {
        return Some("NodeClassDrifted");
    }
    let listed = |field: &str, id: &str| items(class, &format!("/status/{field}")).iter().any(|one| one["id"] == id);
    if !items(class, "/status/amis").is_empty() && !listed("amis", text(claim, "/status/imageID")) {
        return Some("AMIDrift");
    }
    let machine = inside.here.region.ec2.instances.get(lifecycle::instance(claim))?;
    if !items(class, "/status/subnets").is_empty() && !listed("subnets", &machine.subnet) {
        return Some("SubnetDrift");
    }
    let groups = items(class, "/status/securityGroups");
    let same =
        groups.len() == machine.groups.len() && machine.groups.iter().all(|group| listed("securityGroups", group));
    (!groups.is_empty() && !same).then_some("SecurityGroupDrift")
}

fn drifted(inside: &mut Inside<'_, '_>, claim: &Json, pool: &Json, class: &Json) {
    let now = inside.now();
    let reason = reason(inside, claim, pool, class);
    match reason {
        Some(reason) if condition(claim, "Drifted")["reason"] != reason => {
            inside
                .store
                .change(CLAIMS, &Key::of(claim), |claim| set_condition(claim, now, "Drifted", "True", reason, ""));
            log::line(
                inside,
                "DEBUG",
                "marking drifted",
                &json!({"controller": "nodeclaim.disruption", "NodeClaim": {"name": name(claim)}, "reason": reason}),
            );
        }
        None if is_true(claim, "Drifted") => {
            inside.store.change(CLAIMS, &Key::of(claim), |claim| drop(claim, "Drifted"));
        }
        _ => {}
    }
}

/// Takes a condition away.
fn drop(object: &mut Json, kind: &str) {
    if let Some(all) = object["status"]["conditions"].as_array_mut() {
        all.retain(|one| one["type"] != kind);
    }
}

/// Pods came or went: the time for consolidation begins anew.
fn quiet(inside: &mut Inside<'_, '_>, claim: &Json, pool: &Json) {
    let now = inside.now();
    let host = text(claim, "/status/nodeName");
    if !is_true(claim, "Initialized") || host.is_empty() {
        return;
    }
    let on =
        inside.store.list("pods").filter(|pod| pods::node(pod) == host && !pods::of_daemon(pod) && !pods::ended(pod));
    let mut all: Vec<&str> = on.map(uid).collect();
    all.sort_unstable();
    let print = hex::encode(&Sha256::digest(all.join(","))[..8]);
    let about = format!("quiet/{}", uid(claim));
    if inside.work.karpenter.news(&about, &print) {
        inside.work.karpenter.moments.insert(about.clone(), now);
        inside.store.change(CLAIMS, &Key::of(claim), |claim| claim["status"]["lastPodEventTime"] = json!(time(now)));
    }
    let begun = inside.work.karpenter.moments.get(&about).copied().unwrap_or(now);
    let after = match text(pool, "/spec/disruption/consolidateAfter") {
        "" => Some(0),
        text => span(text),
    };
    // Initialization counts as an event too.
    let begun = begun.max(super::super::meta::since(claim, "Initialized"));
    let done = after.is_some_and(|after| inside.reached(begun + after));
    let Some(claim) = inside.store.get(CLAIMS, &Key::of(claim)).cloned() else { return };
    match (done, is_true(&claim, "Consolidatable")) {
        (true, false) => {
            inside.store.change(CLAIMS, &Key::of(&claim), |claim| {
                set_condition(claim, now, "Consolidatable", "True", "Consolidatable", "");
            });
        }
        (false, true) => {
            inside.store.change(CLAIMS, &Key::of(&claim), |claim| drop(claim, "Consolidatable"));
        }
        _ => {}
    }
}
