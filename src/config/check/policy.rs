//! Workloads, cost, waivers, acknowledgements, renames.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::identity::suggest;
use super::{Check, karpenter, shapes};
use crate::config::codes::code;
use crate::config::spec::{Policy, Waiver};
use crate::problem::{Problem, Severity};

/// Budgets that can be set: subtotals of the cost summary.
const BUDGETS: &[&str] = &["fixed", "expected", "max", "total", "delta", "deltaPercent"];

/// What discounts can be on.
const DISCOUNTS: &[&str] = &["all", "cloudwatch", "ebs", "ec2", "eks", "elb", "kms", "vpc"];

pub(super) fn check(check: &mut Check<'_>) {
    workloads(check);
    cost(check);
    waivers(check);
    for (index, text) in check.spec.acknowledge.iter().enumerate() {
        let good =
            text.split_once(':').is_some_and(|(code, digest)| shapes::name(code, 64) && shapes::hex(digest, 12..=12));
        if !good {
            let help = "CODE:DIGEST as the plan prints it: replace-cluster:4f2c9a01b7de";
            check.error(
                &format!("acknowledge[{index}]"),
                code::ACKNOWLEDGE,
                format!("`{text}` acknowledges nothing"),
                help,
            );
        }
    }
    moved(check);
}

fn workloads(check: &mut Check<'_>) {
    for (name, workload) in &check.spec.workloads {
        let path = format!("workloads.{name}");
        if let Some(pool) = &workload.pool
            && !check.spec.node_pools.contains_key(pool)
            && check.sound("nodePools")
        {
            let names: Vec<&str> = check.spec.node_pools.keys().map(String::as_str).collect();
            let title = format!("there is no node pool `{pool}`");
            check.error(&format!("{path}.pool"), code::POOL_UNKNOWN, title, suggest(pool, &names));
        }
        if let Some(arch) = workload.arch.as_ref().filter(|arch| !matches!(arch.as_str(), "amd64" | "arm64")) {
            let help = suggest(arch, &["amd64", "arm64"]);
            check.error(&format!("{path}.arch"), code::REQUIREMENT, format!("`{arch}` is not an architecture"), help);
        }
        if let Some(share) = workload.spot_share_percent.filter(|share| *share > 100) {
            check.error(&format!("{path}.spotSharePercent"), code::PERCENT, format!("{share} percent"), "0 to 100");
        }
        karpenter::quantities(check, &format!("{path}.requests"), &workload.requests);
        for key in ["cpu", "memory"] {
            if !workload.requests.contains_key(key) {
                let help = "pods are packed onto nodes by both, `requests: {cpu: 500m, memory: 1Gi}`";
                check.error(&format!("{path}.requests"), code::QUANTITY, format!("no request for {key}"), help);
            }
        }
    }
}

fn cost(check: &mut Check<'_>) {
    for (name, threshold) in &check.spec.cost.budget {
        let path = format!("cost.budget.{name}");
        if !BUDGETS.contains(&name.as_str()) {
            check.key_error(&path, code::COST_BUDGET, format!("there is no budget `{name}`"), suggest(name, BUDGETS));
        }
        match (threshold.warn, threshold.fail) {
            (Some(warn), Some(fail)) if warn > fail => {
                let help = "warn first, then fail";
                check.error(
                    &format!("{path}.warn"),
                    code::COST_BUDGET,
                    format!("warns at {warn}, fails at {fail}"),
                    help,
                );
            }
            (None, None) => {
                check.error(
                    &path,
                    code::COST_BUDGET,
                    "neither `warn` nor `fail`",
                    "`{warn: 300, fail: 400}`, USD a month",
                );
            }
            _ => {}
        }
    }
    for (service, percent) in &check.spec.cost.discount {
        let path = format!("cost.discount.{service}");
        if !DISCOUNTS.contains(&service.as_str()) {
            let title = format!("there is no discount on `{service}`");
            check.key_error(&path, code::COST_BUDGET, title, suggest(service, DISCOUNTS));
        } else if *percent > 100 {
            check.error(&path, code::PERCENT, format!("{percent} percent"), "0 to 100");
        }
    }
    let assumptions = &check.spec.cost.assumptions;
    let shares =
        [("spotSharePercent", assumptions.spot_share_percent), ("spotSavingPercent", assumptions.spot_saving_percent)];
    for (name, share) in shares {
        if let Some(share) = share.filter(|share| *share > 100) {
            check.error(&format!("cost.assumptions.{name}"), code::PERCENT, format!("{share} percent"), "0 to 100");
        }
    }
}

fn date(text: &str) -> Option<Date> {
    // jiff takes more than YYYY-MM-DD; one spelling is enough.
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

fn waivers(check: &mut Check<'_>) {
    let mut seen = BTreeSet::new();
    for (index, waiver) in check.spec.policy.waivers.iter().enumerate() {
        let path = format!("policy.waivers[{index}]");
        if !shapes::name(&waiver.code, 64) {
            let help = "a code as `rem-ci explain` knows it: no-limit";
            check.error(&format!("{path}.code"), code::WAIVER, format!("`{}` is not a code", waiver.code), help);
        } else if !seen.insert(&waiver.code) {
            check.error(
                &format!("{path}.code"),
                code::WAIVER,
                format!("`{}` is waived twice", waiver.code),
                "keep one",
            );
        }
        if waiver.reason.trim().len() < 8 {
            let help = "say why in words that still make sense to who reads them when it ends";
            check.error(&format!("{path}.reason"), code::WAIVER, "no reason to speak of", help);
        }
        match date(&waiver.until) {
            None => {
                let help = "YYYY-MM-DD, the last day it holds";
                check.error(&format!("{path}.until"), code::WAIVER, format!("`{}` is not a date", waiver.until), help);
            }
            Some(until) if until < check.today => {
                let help = "what it waived counts again; remove it, or argue for a new date";
                let title = format!("the waiver of `{}` ended {until}", waiver.code);
                check.warning(&format!("{path}.until"), code::WAIVER_EXPIRED, title, help);
            }
            Some(_) => {}
        }
    }
}

fn holds(waiver: &Waiver, today: Date) -> bool {
    date(&waiver.until).is_some_and(|until| until >= today)
}

/// Marks exactly those findings that a waiver of `policy` sets aside today. Errors of a file cannot be waived.
///
/// In the Action this is called with the policy of the base commit, so that a pull request cannot waive its own findings.
pub fn waive(findings: &mut [Problem], policy: &Policy, today: Date) {
    for finding in findings {
        let waiver = policy.waivers.iter().find(|waiver| waiver.code == finding.code && holds(waiver, today));
        finding.waived = finding.severity != Severity::Error && waiver.is_some();
    }
}

fn moved(check: &mut Check<'_>) {
    let spec = check.spec;
    let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for (index, moved) in spec.moved.iter().enumerate() {
        let path = format!("moved[{index}]");
        let from = moved.from.strip_prefix("nodePools/").filter(|name| shapes::dns_name(name));
        let to = moved.to.strip_prefix("nodePools/").filter(|name| shapes::dns_name(name));
        for (field, text, name) in [("from", &moved.from, from), ("to", &moved.to, to)] {
            if name.is_none() {
                let help = "`nodePools/NAME`; only pools can be renamed";
                check.error(&format!("{path}.{field}"), code::MOVED, format!("`{text}` is not a pool"), help);
            }
        }
        let (Some(from), Some(to)) = (from, to) else { continue };
        if spec.node_pools.contains_key(from) {
            let help = "the old name must be gone from `nodePools`";
            check.error(&format!("{path}.from"), code::MOVED, format!("there still is a pool `{from}`"), help);
        }
        if !spec.node_pools.contains_key(to) && check.sound("nodePools") {
            let help = "the new name must be in `nodePools`";
            check.error(&format!("{path}.to"), code::MOVED, format!("there is no pool `{to}`"), help);
        }
        if !sources.insert(from) || !targets.insert(to) {
            check.error(&path, code::MOVED, "a pool moves twice", "one entry for each pool that was renamed");
        }
    }
}
