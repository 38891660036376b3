//! The Kubernetes API of the simulated clusters, and what lives in them.
//!
//! As the region it is plain functions over state: a request is answered from the [`Store`](store::Store) after the
//! controllers have done what is due by then. Only a door may wait, for a watch.
//!
//! | file | what it holds |
//! |---|---|
//! | `store.rs` | all objects of one cluster, their versions, and the changes that watches tell |
//! | `answer.rs` | one request: which cluster, who, what; faults; then one of the following |
//! | `door.rs` | the doors: a tower service in process, streams of watches |
//! | `rest.rs`, `proto.rs`, `status.rs` | what is asked for, and bodies that are no JSON; answers that are no objects |
//! | `read.rs`, `page.rs`, `select.rs`, `watch.rs`, `table.rs` | get, list, watch; what `kubectl get` prints |
//! | `write.rs`, `delete.rs`, `admit.rs` | create, update, patch, delete; what stands before the store |
//! | `patch.rs`, `owned.rs`, `fields.rs`, `shape.rs` | patches; server-side apply, field by field |
//! | `types.rs`, `core.rs`, `defaults.rs` | core kinds: names, validation, defaults |
//! | `crd.rs`, `schema.rs` | custom kinds: registration, schemas |
//! | `auth.rs`, `rbac.rs`, `review.rs` | who calls, what they may do |
//! | `subresource.rs`, `eviction.rs` | scale, log, eviction, binding |
//! | `discovery.rs`, `openapi.rs` | what the API says of itself |
//! | `bootstrap.rs` | what is in a cluster from its first moment on |
//! | `controllers/` | what lives in a cluster beside its API |
//! | `chart/` | the stand-in for Karpenter's chart |

mod admit;
mod answer;
pub mod auth;
pub mod bootstrap;
pub mod chart;
pub mod controllers;
mod core;
pub mod crd;
mod defaults;
mod delete;
pub mod discovery;
pub mod door;
pub mod eviction;
pub mod fields;
mod openapi;
pub mod owned;
pub mod page;
pub mod patch;
mod proto;
pub mod rbac;
mod read;
pub mod rest;
mod review;
pub mod schema;
pub mod select;
pub mod shape;
pub mod status;
pub mod store;
mod subresource;
mod table;
pub mod types;
pub mod watch;
mod write;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use answer::{Door, Outcome, Place, answer};
pub use bootstrap::bootstrap;
pub use door::{Kubernetes, Streaming};
pub use watch::{News, Watch};

use super::state;

/// The insides of a region's clusters, by the cluster's name. A cluster gets one when EKS has made its control plane, and
/// loses it with the cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By the cluster's name.
    pub clusters: BTreeMap<String, Cluster>,
}

/// What is inside one cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Cluster {
    /// Its objects.
    pub store: store::Store,
    /// The version of its API: `1.36`.
    pub version: String,
    /// What its controllers remember.
    pub work: controllers::Work,
}

/// A number that is another whenever any object of any cluster is.
#[must_use]
pub fn version(state: &state::State) -> u64 {
    let regions = state.accounts.values().flat_map(|account| account.regions.values());
    let clusters = regions.flat_map(|region| region.kube.clusters.values());
    clusters.map(|cluster| 1 + cluster.store.version()).sum()
}
