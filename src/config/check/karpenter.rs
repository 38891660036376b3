//! The Karpenter controller.

use std::collections::BTreeMap;

use super::{Check, addons, shapes};
use crate::config::codes::code;
use crate::config::decode::nearest;
use crate::config::spec::Quantity;

/// `settings.featureGates` of the chart, 1.1 to 1.15.
const GATES: &[&str] =
    &["capacityBuffer", "nodeOverlay", "nodeRepair", "reservedCapacity", "spotToSpotConsolidation", "staticCapacity"];

pub(super) fn check(check: &mut Check<'_>) {
    let karpenter = &check.spec.karpenter;
    if !shapes::dns_label(&karpenter.namespace) {
        let help = "a-z, 0-9 and `-`, up to 63 characters";
        check.error(
            "karpenter.namespace",
            code::NAMESPACE,
            format!("`{}` is not a namespace", karpenter.namespace),
            help,
        );
    }
    addons::needs(check, "karpenter.identity", karpenter.identity);
    if let Some(digest) = &karpenter.chart_digest
        && !digest.strip_prefix("sha256:").is_some_and(|digits| shapes::hex(digits, 64..=64))
    {
        let help = "`sha256:` and 64 hex digits; `rem-ci pin` writes it";
        check.error("karpenter.chartDigest", code::CHART_DIGEST, format!("`{digest}` is not a digest"), help);
    }
    if let Some(chart) = &karpenter.chart {
        let remote = chart.strip_prefix("oci://").is_some_and(|rest| !rest.is_empty() && !rest.contains("://"));
        let local = !chart.contains("://") && !chart.is_empty();
        if !remote && !local {
            let help = "a mirror, `oci://registry/karpenter/karpenter`, or the path of a .tgz file";
            check.error("karpenter.chart", code::CHART, format!("`{chart}` is not where a chart can be"), help);
        }
    }
    let values = &karpenter.values;
    if values.replicas == 0 {
        check.error(
            "karpenter.values.replicas",
            code::REPLICAS,
            "no replica of Karpenter",
            "use 2: one leads, one waits",
        );
    } else if values.replicas == 1 {
        let help = "while it restarts, no node is made or replaced; use 2";
        check.warning("karpenter.values.replicas", code::REPLICAS_ONE, "a single replica of Karpenter", help);
    }
    for gate in values.feature_gates.keys() {
        if !GATES.contains(&gate.as_str()) {
            let path = format!("karpenter.values.featureGates.{gate}");
            let help = nearest(gate, GATES.iter().copied())
                .map_or_else(|| format!("known: {}", GATES.join(", ")), |near| format!("did you mean `{near}`?"));
            check.error(&path, code::FEATURE_GATE, format!("Karpenter has no feature gate `{gate}`"), help);
        }
    }
    if let Some(resources) = &values.resources {
        quantities(check, "karpenter.values.resources.requests", &resources.requests);
        quantities(check, "karpenter.values.resources.limits", &resources.limits);
    }
}

/// Every value must be a Kubernetes quantity.
pub(super) fn quantities(check: &mut Check<'_>, path: &str, all: &BTreeMap<String, Quantity>) {
    for (name, quantity) in all {
        if shapes::quantity(&quantity.to_string()).is_none() {
            let help = "a number with a suffix or none: 100, 500m, 16Gi";
            check.error(&format!("{path}.{name}"), code::QUANTITY, format!("`{quantity}` is not a quantity"), help);
        }
    }
}
