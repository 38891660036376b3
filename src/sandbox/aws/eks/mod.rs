//! EKS, as its API reference and its user guide describe it: clusters, their updates, node groups, add-ons, access
//! entries and pod identity associations. Whatever takes time is an [`Event`] in the state; [`settle`] brings them
//! about in the order of their times, so that a look an hour later sees what an hour of looking would have seen.
//!
//! Objects are kept as the API shows them (`body`), with what the API does not show beside.

mod access;
mod access_policies;
mod addon;
mod addon_catalogue;
mod addon_table;
mod cluster;
mod cluster_check;
mod cluster_update;
mod common;
mod nodegroup;
mod nodegroup_update;
mod outside;
mod pod_identity;
mod tags;
#[cfg(test)]
mod tests;
mod updates;
mod versions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use access::Entry;
pub use addon::Addon;
pub(in crate::sandbox) use addon_catalogue::check as addon_values;
pub use cluster::Cluster;
pub(in crate::sandbox) use nodegroup::may_join;
pub use nodegroup::{Group, Node};
pub use outside::SubnetInfo;

pub use pod_identity::Association;
pub use updates::Update;
pub(in crate::sandbox::aws) use versions::patches;

use crate::sandbox::region::{Here, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub clusters: BTreeMap<String, Cluster>,
    /// What is to come, in no order.
    pub due: Vec<Event>,
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Millis,
    /// The cluster's name.
    pub cluster: String,
    /// What.
    pub what: What,
}

/// What happens by itself. Texts are names of a node group or an add-on, or an update's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A cluster is ready.
    ClusterActive,
    /// EKS flushes its logs while a cluster goes.
    ClusterLogs,
    /// A cluster has gone.
    ClusterGone,
    /// An update ends.
    UpdateDone(String),
    /// A node group's instances start.
    GroupLaunch(String),
    /// A node group's instances try to join.
    NodesJoin(String),
    /// A node group is ready, if its nodes are.
    GroupActive(String),
    /// A node group has gone.
    GroupGone(String),
    /// An add-on's pods are looked at.
    AddonCheck(String),
    /// An add-on has had its twenty minutes.
    AddonTimeout(String),
    /// An add-on has gone.
    AddonGone(String),
}

impl State {
    /// The body of a cluster, as `DescribeCluster` shows it.
    #[must_use]
    pub fn body(&self, cluster: &str) -> Option<&Json> {
        self.clusters.get(cluster).map(|cluster| &cluster.body)
    }

    /// The ARN of something in a cluster: `nodegroup`, `addon`, `access-entry` (by principal).
    #[must_use]
    pub fn arn(&self, cluster: &str, kind: &str, name: &str) -> Option<String> {
        let cluster = self.clusters.get(cluster)?;
        let arn = match kind {
            "nodegroup" => &cluster.groups.get(name)?.body["nodegroupArn"],
            "addon" => &cluster.addons.get(name)?.body["addonArn"],
            "access-entry" => &cluster.entries.get(name)?.body["accessEntryArn"],
            _ => return None,
        };
        arn.as_str().map(str::to_owned)
    }

    /// When something happens by itself next.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.due.iter().map(|event| event.at).min()
    }

    /// A cluster's nodes that are ready, with their group.
    pub fn ready_nodes(&self, cluster: &str) -> impl Iterator<Item = (&Group, &Node)> {
        self.clusters
            .get(cluster)
            .into_iter()
            .flat_map(|cluster| cluster.groups.values())
            .flat_map(|group| group.nodes.iter().filter(|node| node.ready).map(move |node| (group, node)))
    }
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    cluster::handle(here, call)
        .or_else(|| cluster_update::handle(here, call))
        .or_else(|| updates::handle(here, call))
        .or_else(|| nodegroup::handle(here, call))
        .or_else(|| nodegroup_update::handle(here, call))
        .or_else(|| addon::handle(here, call))
        .or_else(|| addon_catalogue::handle(here, call))
        .or_else(|| versions::handle(here, call))
        .or_else(|| access::handle(here, call))
        .or_else(|| access_policies::handle(here, call))
        .or_else(|| pod_identity::handle(here, call))
        .or_else(|| tags::handle(here, call))
        .unwrap_or_else(|| Err(unsupported("eks", &call.operation)))
}

/// Brings what is due to its end, each at its own time.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    while let Some(next) = (0..here.region.eks.due.len())
        .filter(|at| here.region.eks.due[*at].at <= now)
        .min_by_key(|at| here.region.eks.due[*at].at)
    {
        let event = here.region.eks.due.remove(next);
        here.now = event.at;
        happen(here, &event.cluster, event.what);
    }
    here.now = now;
}

fn happen(here: &mut Here<'_>, cluster: &str, what: What) {
    match what {
        What::ClusterActive => cluster::active(here, cluster),
        What::ClusterLogs => cluster::flush_logs(here, cluster),
        What::ClusterGone => cluster::gone(here, cluster),
        What::UpdateDone(id) => updates::done(here, cluster, &id),
        What::GroupLaunch(group) => nodegroup::launch(here, cluster, &group),
        What::NodesJoin(group) => nodegroup::join(here, cluster, &group),
        What::GroupActive(group) => nodegroup::active(here, cluster, &group),
        What::GroupGone(group) => nodegroup::gone(here, cluster, &group),
        What::AddonCheck(addon) => addon::check(here, cluster, &addon),
        What::AddonTimeout(addon) => addon::timeout(here, cluster, &addon),
        What::AddonGone(addon) => addon::gone(here, cluster, &addon),
    }
}

/// Puts an event into the state.
fn later(here: &mut Here<'_>, at: Millis, cluster: &str, what: What) {
    here.region.eks.due.push(Event { at, cluster: cluster.to_owned(), what });
}
