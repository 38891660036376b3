//! Why something does not work: causes over what was [observed](super::observed), the likeliest first. Pure.
//!
//! A cause is a fact that explains what people see, not a symptom: a Pending pod is no cause, the policy without
//! `ec2:CreateFleet` is. Each file looks for its own; what one cause explains, another may still name as a consequence, so
//! the order of [`Cause::rank`] puts what lies deeper first.
//!
//! | file | what it looks for |
//! |---|---|
//! | `cause.rs` | what a cause is, and the order of causes |
//! | `codes.rs` | all codes with what to do about them |
//! | `controller.rs` | the controller itself: absent, crashing, nowhere to run, its CRDs |
//! | `identity.rs` | its AWS permissions: provider, service account, association, trust, policies |
//! | `wiring.rs` | interruption: queue, rules, the chart's value |
//! | `classes.rs` | EC2NodeClasses that are not Ready, each condition |
//! | `capacity.rs` | pools at their limit or too narrow; spot, quotas, addresses |
//! | `joining.rs` | instances that never become nodes; nodes that are not Ready |
//! | `pods.rs` | pods that no pool takes, or that may land anywhere |
//! | `running.rs` | images, volumes |
//! | `draining.rs` | budgets that block a drain, nodes and claims that do not go |
//! | `platform.rs` | control plane, API server, add-ons, throttling |
//! | `signs.rs` | what events, conditions and log lines say of launches |

mod capacity;
mod cause;
mod classes;
mod codes;
mod controller;
mod draining;
mod identity;
mod joining;
mod platform;
mod pods;
mod running;
mod signs;
mod wiring;

pub use cause::{Cause, Certainty, Subject};
pub use codes::codes;
pub(super) use controller::{CHART, DEFINITIONS, deployment, environment, system};
pub(super) use identity::missing;
pub(super) use signs::errors;

use super::landing::{Landing, Pool, landing};
use super::observed::Observed;
use super::read;
use crate::config::Spec;
use crate::model::Identity;

/// What all the files look at.
struct Case<'a> {
    seen: &'a Observed,
    spec: &'a Spec,
    id: &'a Identity,
    signs: Vec<signs::Sign>,
    pools: Vec<Pool>,
}

/// All causes that can be seen, the likeliest first. With a pod (`namespace/name`), those that concern it come first, and
/// causes about other pods are left out.
#[must_use]
pub fn diagnose(seen: &Observed, spec: &Spec, id: &Identity, pod: Option<&str>) -> Vec<Cause> {
    let pools = seen.kube.node_pools.iter().map(Pool::live).collect();
    let case = Case { seen, spec, id, signs: signs::all(seen), pools };
    let looks: [fn(&Case<'_>) -> Vec<Cause>; 10] = [
        platform::causes,
        controller::causes,
        identity::causes,
        wiring::causes,
        classes::causes,
        capacity::causes,
        joining::causes,
        pods::causes,
        running::causes,
        draining::causes,
    ];
    let mut found: Vec<_> = looks.iter().flat_map(|look| look(&case)).collect();
    cause::order(&mut found, pod);
    found
}

/// Where one pod of the cluster may land; none where there is no such pod.
#[must_use]
pub fn landing_of(seen: &Observed, spec: &Spec, pod: &str) -> Option<Vec<Landing>> {
    let pod = seen.kube.pods.iter().find(|object| read::full_name(object) == pod)?;
    let pools: Vec<_> = seen.kube.node_pools.iter().map(Pool::live).collect();
    let (nodes, pods) = (seen.kube.nodes.known(), seen.kube.pods.known());
    let none = Vec::new();
    Some(landing(pod, &pools, nodes.unwrap_or(&none), pods.unwrap_or(&none), &spec.region))
}

#[cfg(test)]
mod tests;
