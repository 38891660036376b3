//! Proof that an environment works, and why one does not. Every check carries its evidence, and what to do when it does
//! not hold; [`codes`] lists them all.
//!
//! | file | what it does |
//! |---|---|
//! | `cluster.rs` | checks by AWS: control plane, add-ons, access entries |
//! | `nodes.rs` | checks by AWS: node group, its Auto Scaling group and launch template |
//! | `interruption.rs` | checks by AWS: queue, its policy, the rules that feed it |
//! | `observed.rs` | everything that can be seen at one moment, as plain data |
//! | `observe.rs` | looks: the only reads of what is below |
//! | `checks.rs` | checks by what the cluster itself says |
//! | `canary.rs` | proof by doing: pods that get nodes, a message that is taken |
//! | `status.rs` | how it is right now |
//! | `diagnose/` | causes, the likeliest first |
//! | `landing.rs` | where a pod may land, and why |
//! | `read.rs`, `policy.rs` | short ways into objects and documents |

pub mod canary;
pub mod checks;
mod cluster;
pub mod diagnose;
mod interruption;
pub mod landing;
mod nodes;
pub mod observe;
pub mod observed;
mod policy;
mod read;
pub mod status;

use futures_util::future::{join, try_join3};

use crate::cloud::{Clock, Cloud};
use crate::config::Spec;
use crate::engine::{Failure, Live, Ready, Scope};
use crate::model::Identity;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// A kebab word of [`codes`].
    pub code: &'static str,
    /// What is claimed.
    pub title: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen, one fact each.
    pub evidence: Vec<String>,
    /// What to do when it does not hold.
    pub help: &'static str,
}

impl Check {
    fn new(code: &'static str, title: impl Into<String>, passed: bool, evidence: Vec<String>) -> Self {
        let help = CODES.iter().find(|(known, _)| *known == code).map_or("", |(_, help)| *help);
        Self { code, title: title.into(), passed, evidence, help }
    }
}

const CODES: &[(&str, &str)] = &[
    ("verify-cluster-active", "see `aws eks describe-cluster`; a FAILED control plane has to be made again"),
    ("verify-cluster-version", "run `rem-ci plan`: the version in the file and the live one differ"),
    ("verify-endpoint-access", "run `rem-ci plan` and apply it: who reaches the API server is not what the file says"),
    ("verify-logging", "run `rem-ci plan` and apply it: audit trails are missing until then"),
    ("verify-addon-healthy", "read the issues above, then the add-on's pods: kubectl -n kube-system get pods"),
    (
        "verify-node-group",
        "read the health issues above; capacity and launch template errors pass when their cause does",
    ),
    (
        "verify-system-nodes",
        "see the Auto Scaling group's activities: instances fail to start, or the size was changed by hand",
    ),
    ("verify-launch-template", "run `rem-ci plan` and apply it: nodes are made from an unsafe or foreign template"),
    ("verify-interruption", "run `rem-ci plan` and apply it: spot interruptions do not reach Karpenter until then"),
    ("verify-node-access", "run `rem-ci plan` and apply it: nodes of this role cannot join until then"),
    ("verify-api-ready", "ask the API server itself: kubectl get --raw '/readyz?verbose'; AWS runs it and mends it"),
    ("verify-system-nodes-ready", "look at the nodes: kubectl describe nodes -l eks.amazonaws.com/nodegroup=system"),
    ("verify-nodes-ready", "run `rem-ci diagnose`: it names what keeps a node from being Ready"),
    (
        "verify-metadata",
        "an instance was changed by hand, or made by somebody else: replace it; the templates ask for tokens",
    ),
    ("verify-karpenter-rollout", "run `rem-ci diagnose`: it says why a replica has no node, crashes or is not Ready"),
    (
        "verify-karpenter-definitions",
        "run `rem-ci plan` and apply it: the controller needs the definitions of its own version",
    ),
    (
        "verify-karpenter-log",
        "run `rem-ci diagnose`: it knows the errors that have a cause; read the rest of the log for others",
    ),
    (
        "verify-queue-read",
        "run `rem-ci plan` and apply it: spot nodes die without a drain until the controller reads its queue",
    ),
    (
        "verify-karpenter-identity",
        "run `rem-ci plan` and apply it, then restart the controller: its pods read their role once",
    ),
    ("verify-karpenter-permissions", "run `rem-ci plan` and apply it: the policies follow the chart's version"),
    (
        "verify-node-class",
        "run `rem-ci diagnose`: it takes the class's conditions apart; its pools launch nothing until then",
    ),
    ("verify-node-pool", "run `rem-ci diagnose`: it takes the pool's conditions apart; it launches nothing until then"),
    ("verify-pending-pods", "run `rem-ci diagnose ENV NAMESPACE/POD`: it says what keeps the pod from a node"),
    (
        "verify-canary",
        "run `rem-ci diagnose`: a pod that asked for a node of this pool did not get one, or the node did not go",
    ),
    (
        "verify-canary-message",
        "look for errors of SQS in the controller's log: a message was sent to its queue and nobody took it",
    ),
];

/// Every code of this room with what to do about it, for `rem-ci explain`.
#[must_use]
pub const fn codes() -> &'static [(&'static str, &'static str)] {
    CODES
}

/// Looks at everything AWS can tell of an environment, in parallel. Reads only.
///
/// # Errors
/// The first read that failed for another reason than absence: what could not be looked at is not proven.
pub async fn aws(cloud: &Cloud, spec: &Spec, id: &Identity) -> Result<Vec<Check>, Failure> {
    let (cluster, nodes, interruption) = try_join3(
        Box::pin(cluster::checks(cloud, spec, id)),
        Box::pin(nodes::checks(cloud, spec, id)),
        Box::pin(interruption::checks(cloud, spec, id)),
    )
    .await?;
    Ok(cluster.into_iter().chain(nodes).chain(interruption).collect())
}

/// Looks at everything, AWS and the inside of the cluster. Reads only.
///
/// # Errors
/// As [`aws`]; what could not be read inside the cluster is a check that does not hold.
pub async fn all(cloud: &Cloud, clock: &Clock, spec: &Spec, id: &Identity) -> Result<Vec<Check>, Failure> {
    let (aws, seen) = join(Box::pin(aws(cloud, spec, id)), Box::pin(observe::observe(cloud, clock, spec, id))).await;
    Ok(aws?.into_iter().chain(checks::inside(&seen, spec, id)).collect())
}

/// The scope of reads by id.
fn scope(id: &Identity) -> Scope {
    Scope {
        environment: id.environment.clone(),
        stack: id.stack.clone(),
        wanted: Vec::new(),
        everything: std::sync::Arc::default(),
        after_incomplete: false,
    }
}

/// Whether a thing is there and ready, with AWS's words for it.
fn state(live: Option<&Live>) -> (bool, String) {
    match live.map(|live| &live.ready) {
        None => (false, "it does not exist".to_owned()),
        Some(Ready::Yes) => (true, "ACTIVE".to_owned()),
        Some(Ready::NotYet(why) | Ready::Leaving(why) | Ready::Never(why)) => (false, why.clone()),
    }
}

#[cfg(test)]
pub(crate) mod tests;
