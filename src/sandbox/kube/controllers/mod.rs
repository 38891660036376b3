//! What lives in a cluster beside its API.

use serde_json::Value as Json;

use super::Cluster;
use super::store::Store;
use crate::sandbox::region::Here;
use crate::sandbox::state::{Millis, RegionState};

/// Brings every cluster of the region to `here.now`.
pub fn settle(_here: &mut Here<'_>) {}

/// When something happens by itself next.
#[must_use]
pub fn next_due(region: &RegionState) -> Option<Millis> {
    region.eks.due.iter().map(|event| event.at).min()
}

/// Whether anything measures what nodes and pods use.
#[must_use]
pub fn metrics_served(_store: &Store) -> bool {
    false
}

/// `NodeMetrics` of all nodes.
#[must_use]
pub fn node_metrics(_cluster: &Cluster, _now: Millis) -> Vec<Json> {
    Vec::new()
}

/// `PodMetrics` of all pods.
#[must_use]
pub fn pod_metrics(_cluster: &Cluster, _now: Millis) -> Vec<Json> {
    Vec::new()
}

/// A container's log: lines with their times, oldest first.
#[must_use]
pub fn logs(_cluster: &Cluster, _namespace: &str, _pod: &str, _container: &str) -> Vec<(Millis, String)> {
    Vec::new()
}
