//! From pods that wait to NodeClaims.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{condition, is_true, items, leaving, name, namespace, uid};
use super::super::{pods, quantity, volumes};
use super::class::{self, CLASSES};
use super::leader::acting;
use super::plan::{Outcome, Plan, plan};
use super::{CLAIMS, log, pool};
use crate::sandbox::kube::store::{Key, text};

/// How long Karpenter gathers pods before it acts.
const BATCH_MS: i64 = 2_000;

/// At most so many instance types are named in a claim.
const KINDS: usize = 60;

/// Whether a pod waits for a node that is not there.
fn waits(pod: &Json) -> bool {
    pods::node(pod).is_empty()
        && !leaving(pod)
        && !pods::ended(pod)
        && !pods::of_daemon(pod)
        && condition(pod, "PodScheduled")["reason"] == "Unschedulable"
}

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    if acting(inside).is_none() {
        return;
    }
    let waiting: Vec<Json> =
        inside.store.list("pods").filter(|pod| waits(pod)).map(|pod| volumes::zoned(inside, pod)).collect();
    inside
        .work
        .karpenter
        .told
        .retain(|key, _| !key.starts_with("pod/") || waiting.iter().any(|pod| key == &format!("pod/{}", uid(pod))));
    if waiting.is_empty() {
        inside.work.karpenter.moments.remove("batch");
        return;
    }
    let now = inside.now();
    if waiting.iter().all(|pod| nominated(inside, pod)) {
        inside.work.karpenter.moments.remove("batch");
        return;
    }
    let first = *inside.work.karpenter.moments.entry("batch".to_owned()).or_insert(now);
    if !inside.reached(first + BATCH_MS) {
        return;
    }
    inside.work.karpenter.moments.remove("batch");
    let outcome = plan(inside, &waiting, &BTreeSet::new());
    report(inside, &outcome);
    for plan in outcome.plans {
        make(inside, &plan);
    }
    // What EC2 has had none of is asked for again then.
    let again = inside
        .work
        .karpenter
        .moments
        .iter()
        .filter(|(key, at)| key.starts_with("gone/") && **at > now)
        .map(|(_, at)| *at)
        .min();
    if let Some(at) = again.filter(|_| !outcome.failed.is_empty()) {
        inside.wake(at);
    }
}

/// Whether a node that starts is meant for a pod.
fn nominated(inside: &Inside<'_, '_>, pod: &Json) -> bool {
    let told = inside.work.karpenter.told.get(&format!("pod/{}", uid(pod)));
    let place = told.and_then(|told| told.strip_prefix("Pod should schedule on: nodeclaim/"));
    let claim = place.and_then(|place| inside.store.get(CLAIMS, &Key::global(place)));
    claim.is_some_and(|claim| !leaving(claim) && !is_true(claim, "Initialized"))
}

fn report(inside: &mut Inside<'_, '_>, outcome: &Outcome) {
    for (pod, why) in &outcome.failed {
        let message = format!("Failed to schedule pod, {why}");
        if inside.work.karpenter.news(&format!("pod/{}", uid(pod)), &message) {
            inside.event(pod, "karpenter", "Warning", "FailedScheduling", &message);
            log::line(
                inside,
                "ERROR",
                "could not schedule pod",
                &json!({"Pod": format!("{}/{}", namespace(pod), name(pod)), "error": why}),
            );
        }
    }
    for (pod, node) in &outcome.taken {
        nominate(inside, pod, node);
    }
    let count: usize = outcome.plans.iter().map(|plan| plan.pods.len()).sum();
    if count > 0 {
        let told: Vec<String> = outcome
            .plans
            .iter()
            .flat_map(|plan| &plan.pods)
            .take(5)
            .map(|pod| format!("{}/{}", namespace(pod), name(pod)))
            .collect();
        log::line(
            inside,
            "INFO",
            "found provisionable pod(s)",
            &json!({"controller": "provisioner", "Pods": told.join(", ")}),
        );
        log::line(
            inside,
            "INFO",
            "computed new nodeclaim(s) to fit pod(s)",
            &json!({"controller": "provisioner", "nodeclaims": outcome.plans.len(), "pods": count}),
        );
    }
}

fn nominate(inside: &mut Inside<'_, '_>, pod: &Json, place: &str) {
    let of_claim = inside.store.get(CLAIMS, &Key::global(place)).is_some();
    let message = format!("Pod should schedule on: {}/{place}", if of_claim { "nodeclaim" } else { "node" });
    if inside.work.karpenter.news(&format!("pod/{}", uid(pod)), &message) {
        inside.event(pod, "karpenter", "Normal", "Nominated", &message);
    }
}

/// Makes the claim of a plan and gives its name.
pub(super) fn make(inside: &mut Inside<'_, '_>, plan: &Plan) -> Option<String> {
    let pool = &plan.pool;
    let suffix = inside.suffix(&format!("claim/{}/{}", name(pool), inside.store.version()), 5);
    let claim_name = format!("{}-{suffix}", name(pool));
    let template = &pool["spec"]["template"];
    let class_name = text(template, "/spec/nodeClassRef/name").to_owned();
    let class = inside.store.get(CLASSES, &Key::global(class_name.clone())).cloned()?;
    let mut labels: Map<String, Json> = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("karpenter.sh/nodepool".to_owned(), json!(name(pool)));
    labels.insert("karpenter.k8s.aws/ec2nodeclass".to_owned(), json!(class_name));
    let mut annotations: Map<String, Json> =
        template["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    for (key, value) in [
        ("karpenter.sh/nodepool-hash", pool::hash(pool)),
        ("karpenter.sh/nodepool-hash-version", "v3".to_owned()),
        ("karpenter.k8s.aws/ec2nodeclass-hash", class::hash(&class)),
        ("karpenter.k8s.aws/ec2nodeclass-hash-version", "v4".to_owned()),
    ] {
        annotations.insert(key.to_owned(), json!(value));
    }
    let mut spec = json!({
        "nodeClassRef": template["spec"]["nodeClassRef"], "requirements": requirements(plan),
        "resources": {"requests": quantity::printed(&plan.requests)},
        "expireAfter": if template["spec"]["expireAfter"].is_null() { json!("720h") } else { template["spec"]["expireAfter"].clone() },
    });
    for field in ["taints", "startupTaints", "terminationGracePeriod"] {
        if !template["spec"][field].is_null() {
            spec[field] = template["spec"][field].clone();
        }
    }
    let claim = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": {
            "name": claim_name, "labels": labels, "annotations": annotations, "finalizers": ["karpenter.sh/termination"],
            "ownerReferences": [{
                "apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": name(pool), "uid": uid(pool), "blockOwnerDeletion": true,
            }],
        },
        "spec": spec,
    });
    if !inside.ensure(CLAIMS, claim) {
        return None;
    }
    let asked = quantity::printed(&plan.requests);
    log::line(
        inside,
        "INFO",
        "created nodeclaim",
        &json!({
            "controller": "provisioner", "NodePool": {"name": name(pool)}, "NodeClaim": {"name": claim_name}, "requests": asked,
        }),
    );
    for pod in &plan.pods {
        nominate(inside, pod, &claim_name);
    }
    Some(claim_name)
}

/// The pool's requirements, narrowed to what the plan leaves open.
fn requirements(plan: &Plan) -> Vec<Json> {
    let of = |key: &str| {
        let mut values: Vec<&str> = Vec::new();
        for value in plan.offers.iter().filter_map(|offer| offer.node["metadata"]["labels"][key].as_str()) {
            if !values.contains(&value) && values.len() < KINDS {
                values.push(value);
            }
        }
        json!({"key": key, "operator": "In", "values": values})
    };
    let narrowed = [
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/zone",
        "karpenter.sh/capacity-type",
        "karpenter.sh/nodepool",
        "karpenter.k8s.aws/ec2nodeclass",
    ];
    let mut all: Vec<Json> = items(&plan.pool, "/spec/template/spec/requirements")
        .iter()
        .filter(|one| !narrowed.contains(&one["key"].as_str().unwrap_or_default()))
        .map(|one| match one["key"].as_str() {
            // A label of the pool's own gets the value that a pod has chosen.
            Some(key) if one["operator"] == "In" && !key.starts_with("karpenter.k8s.aws/") => of(key),
            _ => one.clone(),
        })
        .collect();
    all.extend(narrowed.iter().map(|key| of(key)));
    all.sort_by_key(|one| one["key"].as_str().unwrap_or_default().to_owned());
    all
}
