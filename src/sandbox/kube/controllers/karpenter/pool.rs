//! NodePool: whether it can be used, and what its nodes use.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::super::inside::Inside;
use super::super::meta::{is_true, label, leaving, name, set_condition};
use super::super::quantity::{self, Amounts};
use super::class::{CLASSES, ready};
use super::leader::acting;
use crate::sandbox::kube::store::{Key, text};

pub(super) const POOLS: &str = "nodepools.karpenter.sh";

/// What makes a pool's nodes drift when it changes: the template, without what only new nodes need.
pub(super) fn hash(pool: &Json) -> String {
    let mut template = pool["spec"]["template"].clone();
    if let Some(spec) = template["spec"].as_object_mut() {
        spec.remove("requirements");
        spec.remove("nodeClassRef");
    }
    let digest = Sha256::digest(template.to_string());
    digest[..8].iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte)).to_string()
}

/// Capacity of a pool's nodes, and of its launches that are no node yet.
pub(super) fn used(inside: &Inside<'_, '_>, pool: &str) -> Amounts {
    let mut sum = Amounts::new();
    let mut count = 0;
    for claim in
        inside.store.list("nodeclaims.karpenter.sh").filter(|claim| label(claim, "karpenter.sh/nodepool") == pool)
    {
        quantity::add(&mut sum, &quantity::amounts(&claim["status"]["capacity"]));
        count += 1000;
    }
    sum.insert("nodes".to_owned(), count);
    sum
}

pub(in super::super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(leader) = acting(inside) else { return };
    let now = inside.now();
    let pools: Vec<Json> = inside.store.list(POOLS).filter(|pool| !leaving(pool)).cloned().collect();
    for pool in pools {
        let wanted = text(&pool, "/spec/template/spec/nodeClassRef/name").to_owned();
        let class = inside.store.get(CLASSES, &Key::global(wanted)).cloned();
        let judged = match &class {
            None => ("False", "NodeClassNotFound", "NodeClass not found on cluster"),
            Some(class) if leaving(class) => ("False", "NodeClassTerminating", "NodeClass is Terminating"),
            Some(class) if is_true(class, "Ready") => ("True", "NodeClassReady", ""),
            Some(class) => match text(super::super::meta::condition(class, "Ready"), "/status") {
                "False" => {
                    ("False", "UnhealthyDependents", text(super::super::meta::condition(class, "Ready"), "/message"))
                }
                _ => ("Unknown", "NodeClassReadinessUnknown", "NodeClass Readiness Unknown"),
            },
        };
        let (status, reason, message) = (judged.0, judged.1.to_owned(), judged.2.to_owned());
        let (sum, hash, was) = (used(inside, name(&pool)), hash(&pool), is_true(&pool, "Ready"));
        let object = inside.store.change(POOLS, &Key::of(&pool), |pool| {
            pool["metadata"]["annotations"]["karpenter.sh/nodepool-hash"] = json!(hash);
            pool["metadata"]["annotations"]["karpenter.sh/nodepool-hash-version"] = json!("v3");
            let mut resources = quantity::printed(&sum);
            for field in ["cpu", "memory", "ephemeral-storage", "pods"] {
                if resources[field].is_null() {
                    resources[field] = json!("0");
                }
            }
            pool["status"]["resources"] = resources;
            if leader.version >= (1, 7) {
                pool["status"]["nodes"] = json!(sum.get("nodes").copied().unwrap_or_default() / 1000);
            }
            set_condition(pool, now, "ValidationSucceeded", "True", "ValidationSucceeded", "");
            set_condition(pool, now, "NodeClassReady", status, &reason, &message);
            ready(pool, now, [("ValidationSucceeded", "True"), ("NodeClassReady", status)].into_iter());
        });
        if let Some(pool) = object.filter(|pool| was != is_true(pool, "Ready")) {
            let (from, to) = if was { ("True", "False") } else { ("Unknown", "True") };
            let message = format!(
                "Status condition transitioned, Type: Ready, Status: {from} -> {to}, Reason: {}",
                text(super::super::meta::condition(&pool, "Ready"), "/reason")
            );
            inside.event(&pool, "karpenter", "Normal", "Ready", &message);
        }
    }
}
