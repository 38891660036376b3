//! The Kubernetes API of the simulated clusters, and what lives in them.
//!
//! As the region it is plain functions over state: a request is answered from the [`Store`](store::Store) after the
//! controllers have done what is due by then. Only a door may wait, for a watch.
//!
//! | file | what it holds |
//! |---|---|
//! | `store.rs` | all objects of one cluster, their versions, and the changes that watches tell |
//! | `controllers/` | what acts on them: controllers, scheduler, kubelets, Karpenter |
//! | `chart/` | the stand-in for Karpenter's chart |

pub mod chart;
pub mod controllers;
pub mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// What its controllers remember.
    pub work: controllers::Work,
}
