//! PodDisruptionBudgets: how many pods may go at the moment.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{is_true, leaving, namespace, selects, set_condition};
use super::pods;
use crate::sandbox::kube::store::Key;

const BUDGETS: &str = "poddisruptionbudgets.policy";

/// A number, or a share of `all`, rounded up.
fn of(value: &Json, all: i64) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.trim_end_matches('%').parse::<i64>().ok().map(|percent| (all * percent + 99) / 100),
        _ => None,
    }
}

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let now = inside.now();
    let budgets: Vec<Json> = inside.store.list(BUDGETS).cloned().collect();
    for budget in budgets {
        let fits = |pod: &&Json| {
            namespace(pod) == namespace(&budget)
                && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
                && !pods::ended(pod)
        };
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        let expected = count(inside.store.list("pods").filter(fits).count());
        let healthy =
            count(inside.store.list("pods").filter(fits).filter(|pod| is_true(pod, "Ready") && !leaving(pod)).count());
        let least =
            match (of(&budget["spec"]["minAvailable"], expected), of(&budget["spec"]["maxUnavailable"], expected)) {
                (Some(least), _) => least,
                (None, Some(most)) => (expected - most).max(0),
                (None, None) => 0,
            };
        let allowed = if expected == 0 { 0 } else { (healthy - least).max(0) };
        inside.store.change(BUDGETS, &Key::of(&budget), |budget| {
            let kept = budget["status"]["conditions"].clone();
            budget["status"] = json!({
                "currentHealthy": healthy, "desiredHealthy": least, "expectedPods": expected,
                "disruptionsAllowed": allowed, "observedGeneration": budget["metadata"]["generation"],
            });
            if kept.is_array() {
                budget["status"]["conditions"] = kept;
            }
            let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
            set_condition(budget, now, "DisruptionAllowed", status, reason, "");
        });
    }
}

/// The first budget that forbids the eviction of a pod, as `namespace/name`.
pub(super) fn forbids(inside: &Inside<'_, '_>, pod: &Json) -> Option<String> {
    let budget = inside.store.list(BUDGETS).find(|budget| {
        namespace(budget) == namespace(pod)
            && selects(&budget["spec"]["selector"], &pod["metadata"]["labels"])
            && budget["status"]["disruptionsAllowed"].as_i64().unwrap_or_default() < 1
    })?;
    Some(format!("{}/{}", namespace(budget), super::meta::name(budget)))
}
