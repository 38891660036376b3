//! What Karpenter takes and somebody will regret.

use super::Check;
use crate::config::codes::code;
use crate::config::spec::{NodePool, Requirement};

/// Fewest types on offer for one spot node to replace another (Karpenter, "Disruption", spot consolidation).
const SPOT_TYPES: usize = 15;

pub(super) fn check(check: &mut Check<'_>, name: &str, path: &str, pool: &NodePool) {
    held(check, name, path, pool);
    spot(check, path, pool);
    budgets(check, path, pool);
    if find(pool, "kubernetes.io/arch").is_none() && find(pool, "node.kubernetes.io/instance-type").is_none() {
        check.note(
            path,
            code::ANY_ARCHITECTURE,
            "the pool may make arm64 nodes as well as amd64",
            "images without both will not start; add `{key: kubernetes.io/arch, operator: In, values: [amd64]}`",
        );
    }
}

fn find<'a>(pool: &'a NodePool, key: &str) -> Option<&'a Requirement> {
    pool.requirements.iter().find(|requirement| requirement.key == key)
}

/// A pool that asks not to be disturbed is disturbed all the same by expiry and drift.
fn held(check: &mut Check<'_>, name: &str, path: &str, pool: &NodePool) {
    let Some(disruption) = pool.disruption.as_ref().filter(|disruption| disruption.consolidate_after == "Never") else {
        return;
    };
    if pool.expire_after.as_deref() != Some("Never") {
        let after = pool.expire_after.as_deref().unwrap_or("720h");
        let at = if pool.expire_after.is_some() { format!("{path}.expireAfter") } else { path.to_owned() };
        check.warning(
            &at,
            code::STATEFUL_EXPIRY,
            format!("`{name}` never consolidates, but every node is replaced after {after}, budgets or not"),
            "set `expireAfter: Never`",
        );
    }
    let holds_drift = disruption.budgets.iter().any(|budget| {
        let drift = budget.reasons.is_empty() || budget.reasons.iter().any(|reason| reason == "Drifted");
        drift && matches!(budget.nodes.as_str(), "0" | "0%")
    });
    if !holds_drift {
        check.warning(
            &format!("{path}.disruption"),
            code::STATEFUL_DRIFT,
            format!("`{name}` never consolidates, but a new AMI or a changed node class replaces its nodes"),
            "add `budgets: [{nodes: \"0\", reasons: [Drifted]}]`, with a schedule for a window if there is one",
        );
    }
}

fn spot(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    let Some(capacity) = find(pool, "karpenter.sh/capacity-type") else { return };
    if capacity.operator != "In" || !capacity.values.iter().any(|value| value == "spot") {
        return;
    }
    let consolidates = pool.disruption.as_ref().is_some_and(|disruption| {
        disruption.consolidation_policy != "WhenEmpty" && disruption.consolidate_after != "Never"
    });
    let only = capacity.values.len() == 1;
    let gate = check.spec.karpenter.values.feature_gates.get("spotToSpotConsolidation").copied().unwrap_or_default();
    if only && consolidates && !gate {
        check.warning(
            &format!("{path}.disruption"),
            code::SPOT_TO_SPOT,
            "spot nodes are never replaced by cheaper spot nodes",
            "set `karpenter.values.featureGates.spotToSpotConsolidation: true`; it is off by default",
        );
    }
    if let Some(types) = find(pool, "node.kubernetes.io/instance-type").filter(|types| types.operator == "In")
        && types.values.len() < SPOT_TYPES
    {
        check.warning(
            path,
            code::SPOT_DIVERSITY,
            format!("spot from {} instance types", types.values.len()),
            format!("allow {SPOT_TYPES} or more: by category and generation rather than by name"),
        );
    }
}

fn budgets(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    let Some(disruption) = &pool.disruption else { return };
    for (index, budget) in disruption.budgets.iter().enumerate() {
        if matches!(budget.nodes.as_str(), "0" | "0%") && budget.schedule.is_none() && budget.reasons.is_empty() {
            check.warning(
                &format!("{path}.disruption.budgets[{index}]"),
                code::BUDGET_BLOCKS,
                "no node of the pool is ever replaced, not even for an upgrade",
                "give it `reasons`, or a `schedule` with a `duration`",
            );
        }
    }
}
