//! AWS no longer offers what the file asks for.

use super::{Case, Guard};
use crate::engine::Action;
use crate::problem::Problem;

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "version-not-offered",
        "A new cluster cannot be made with a Kubernetes version that EKS no longer (or not yet) offers: CreateCluster would be \
         refused after everything else was made. Choose one of the versions that DescribeClusterVersions lists.",
    )],
    check,
};

fn check(case: &Case<'_>) -> Vec<Problem> {
    let version = &case.spec.cluster.version;
    let facts = &case.plan.facts.0;
    let offered: Vec<&str> = facts
        .keys()
        .filter_map(|key| key.strip_prefix("cluster-version/")?.strip_suffix("/status"))
        .filter(|version| {
            facts.get(&format!("cluster-version/{version}/status")).is_some_and(|status| status != "UNSUPPORTED")
        })
        .collect();
    let creates = case.plan.steps.iter().any(|step| step.kind == "cluster" && step.action == Action::Create);
    if !case.live || !creates || offered.is_empty() || offered.contains(&version.as_str()) {
        return Vec::new();
    }
    let title = format!("EKS does not offer Kubernetes {version} for new clusters");
    let help = format!("choose one of {}", offered.join(", "));
    vec![Problem::error("version-not-offered", title, help).at((case.place)("cluster.version"))]
}
