//! Kubernetes goes up one minor at a time, and never down.

use super::{Case, Guard};
use crate::engine::Value;
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[
        (
            "version-downgrade",
            "EKS cannot lower a cluster's Kubernetes version by an edit (a rollback within seven days of an upgrade is an operation \
             of its own). If AWS has moved the version by a forced upgrade, write the new one into the file.",
        ),
        (
            "version-skips-minor",
            "EKS upgrades one Kubernetes minor version at a time. Go through each one, and let the nodes follow.",
        ),
    ],
    check,
};

fn minor(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn check(case: &Case<'_>) -> Vec<Problem> {
    let steps = case.plan.steps.iter().filter(|step| step.kind == "cluster");
    let moves = steps.filter_map(|step| {
        let change = step.changes.iter().find(|change| change.field == "version")?;
        let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_text).and_then(minor);
        Some((step, text(&change.before)?, text(&change.after)?))
    });
    moves
        .filter_map(|(step, (from_major, from), (to_major, to))| {
            let (code, title, help) = if (to_major, to) < (from_major, from) {
                let title = format!("the cluster runs {from_major}.{from}, the file says {to_major}.{to}");
                ("version-downgrade", title, format!("write version: \"{from_major}.{from}\""))
            } else if to > from + 1 {
                let title = format!("{from_major}.{from} to {to_major}.{to} skips a minor version");
                ("version-skips-minor", title, format!("write version: \"{from_major}.{}\" first", from + 1))
            } else {
                return None;
            };
            Some(Problem::error(code, title, help).about(&step.address).at((case.place)("cluster.version")))
        })
        .collect()
}
