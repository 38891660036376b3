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

mod class;
mod identity;
mod images;
mod launch;
mod leader;
mod log;
mod pool;
mod profile;

pub(super) use class::run as classes;
pub(super) use leader::{is_controller, run as lead, unsound};
pub(super) use log::of as log_of;
pub(super) use pool::run as pools;

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
}
