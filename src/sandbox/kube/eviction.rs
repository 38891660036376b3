//! Eviction, which PodDisruptionBudgets can refuse (Kubernetes documentation, "API-initiated Eviction").

use serde_json::{Value as Json, json};

use super::select::selects;
use super::status::{Cause, Failure};
use super::store::{Key, Store, text, time};
use crate::sandbox::state::Millis;

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// The budget that counts for a pod.
fn budget<'a>(store: &'a Store, pod: &Json) -> Result<Option<&'a Json>, Failure> {
    let ours = store.list(BUDGETS).filter(|budget| {
        text(budget, "/metadata/namespace") == text(pod, "/metadata/namespace")
            && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
    });
    let ours: Vec<&Json> = ours.collect();
    if ours.len() > 1 {
        return Err(Failure::internal(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
        ));
    }
    Ok(ours.first().copied())
}

/// Whether a pod may be evicted now.
///
/// # Errors
/// 429 when its budget does not allow it, with the budget's name.
pub fn allowed(store: &Store, pod: &Json) -> Result<(), Failure> {
    // A pod that does not run counts for no budget.
    if ["Pending", "Succeeded", "Failed"].contains(&text(pod, "/status/phase"))
        || !text(pod, "/metadata/deletionTimestamp").is_empty()
    {
        return Ok(());
    }
    let Some(budget) = budget(store, pod)? else { return Ok(()) };
    let status = |field: &str| budget["status"][field].as_i64().unwrap_or_default();
    if status("disruptionsAllowed") > 0 {
        return Ok(());
    }
    let name = text(budget, "/metadata/name");
    let message = format!(
        "The disruption budget {name} needs {} healthy pods and has {} currently",
        status("desiredHealthy"),
        status("currentHealthy")
    );
    let cause = Cause { reason: "DisruptionBudget", field: String::new(), message };
    let refusal = "Cannot evict pod as it would violate the pod's disruption budget.";
    Err(Failure::new(429, "TooManyRequests", refusal).with_causes(&[cause]))
}

/// Evicts a pod: it is deleted with its own grace, or with that of the caller.
///
/// # Errors
/// As [`allowed`]; 404 when it is gone.
pub fn evict(store: &mut Store, now: Millis, key: &Key, grace_s: Option<u64>) -> Result<(), Failure> {
    let absent = || Failure::new(404, "NotFound", format!("pods {:?} not found", key.name));
    let pod = store.get("pods", key).ok_or_else(absent)?.clone();
    allowed(store, &pod)?;
    let counted = text(&pod, "/status/phase") == "Running" && text(&pod, "/metadata/deletionTimestamp").is_empty();
    let budget = budget(store, &pod)?.map(Key::of).filter(|_| counted);
    if let Some(budget) = budget {
        store.change(BUDGETS, &budget, |budget| {
            let left = budget["status"]["disruptionsAllowed"].as_i64().unwrap_or_default();
            budget["status"]["disruptionsAllowed"] = json!(left - 1);
            budget["status"]["disruptedPods"][&key.name] = json!(time(now));
        });
    }
    let own = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(Json::as_u64).unwrap_or(30);
    let placed = !text(&pod, "/spec/nodeName").is_empty();
    let grace = if placed { grace_s.unwrap_or(own) } else { 0 };
    store.delete(now, "pods", key, grace).map_err(|_| absent())?;
    Ok(())
}
