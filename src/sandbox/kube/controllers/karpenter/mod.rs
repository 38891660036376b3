//! Karpenter, as its documentation and its source describe it (kubernetes-sigs/karpenter and
//! aws/karpenter-provider-aws, versions 1.1 to 1.15): it only acts while a Deployment with its label has a ready pod whose
//! configuration is sound, and every call to AWS is judged by the policies of the role that the pod really gets. Which pool
//! takes a pod follows from requirements, taints, requests, limits and weight, never from a name.
//!
//! | file | what it holds |
//! |---|---|
//! | `leader.rs` | whether it runs, with which settings, as which role |
//! | `identity.rs` | which role a pod gets, and whether AWS lets it do something |
//! | `log.rs` | its log |
//! | `class.rs`, `images.rs`, `profile.rs` | EC2NodeClass: what its selectors find |
//! | `pool.rs` | NodePool: conditions and what is in use |
//! | `offers.rs`, `plan.rs` | what EC2 offers at which price; where pods could go |
//! | `provision.rs`, `launch.rs`, `lifecycle.rs` | from pods that wait to nodes |
//! | `drift.rs`, `budgets.rs`, `disruption.rs` | nodes that are not needed, or not what they should be |
//! | `interruption.rs` | messages of the queue |
//! | `termination.rs` | draining, and the end of nodes and claims |

mod budgets;
mod class;
mod disruption;
mod drift;
mod identity;
mod images;
mod interruption;
mod launch;
mod leader;
mod lifecycle;
mod log;
mod offers;
mod plan;
mod pool;
mod profile;
mod provision;
mod termination;

pub(super) use class::run as classes;
pub(super) use disruption::run as disrupt;
pub(super) use drift::run as judge;
pub(super) use identity::allowed;
pub(super) use interruption::run as listen;
pub(super) use leader::{is_controller, run as lead, unsound};
pub(super) use lifecycle::run as claims;
pub(super) use log::of as log_of;
pub(in crate::sandbox) use offers::spot_price;
pub(super) use pool::run as pools;
pub(super) use provision::run as provision;
pub(super) use termination::run as terminate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::state::Millis;

/// What Karpenter remembers beside its objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The replica that acts, if one does.
    leader: Option<leader::Leader>,
    /// Lines of its log, by `namespace/pod`.
    log: BTreeMap<String, Vec<(Millis, String)>>,
    /// Moments by what they are about.
    moments: BTreeMap<String, Millis>,
    /// What was said last, by what it is about.
    told: BTreeMap<String, String>,
    /// Claims that wait for their replacements: those, by the claim's name.
    replaced: BTreeMap<String, Vec<String>>,
}

impl Memory {
    /// Whether a message is news; it is not the next time.
    fn news(&mut self, about: &str, message: &str) -> bool {
        self.told.insert(about.to_owned(), message.to_owned()).as_deref() != Some(message)
    }
}

/// The resource of NodeClaims.
const CLAIMS: &str = "nodeclaims.karpenter.sh";
