//! When which controller runs. A cluster lives from moment to moment: at each, its controllers run until none has anything
//! to do, then the earliest moment that one asked for is next.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::inside::Inside;
use super::meta::leaving;
use super::{
    addons, daemons, deployments, gc, jobs, karpenter, kubelet, nodes, pdb, replicas, scheduler, services, stateful,
    volumes, world,
};
use crate::sandbox::kube::Cluster;
use crate::sandbox::kube::store::What;
use crate::sandbox::region::Here;
use crate::sandbox::state::{Millis, RegionState};

/// A controller that has not come to rest after so many rounds at one moment never will.
const ROUNDS: usize = 200;

/// What a cluster's controllers remember beside its objects.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// The moment up to which the cluster has lived; 0 for a new one.
    pub at: Millis,
    /// What of the region was last noticed.
    pub world: u64,
    /// The store's version that each controller has seen.
    seen: BTreeMap<String, u64>,
    /// When each controller wants to run again.
    wakes: BTreeMap<String, Millis>,
    /// What was said last, by what it is about.
    told: BTreeMap<String, String>,
    /// Of Karpenter, beside its objects.
    pub karpenter: karpenter::Memory,
}

impl Work {
    /// Whether a message is news; it is not the next time.
    pub(super) fn news(&mut self, about: &str, message: &str) -> bool {
        self.told.insert(about.to_owned(), message.to_owned()).as_deref() != Some(message)
    }
}

/// One controller: its name, the resources it watches, whether it looks at the region, and what it does. A watched `-` is
/// the end of any object, `~` the wish for it.
struct Controller {
    name: &'static str,
    watches: &'static [&'static str],
    region: bool,
    run: fn(&mut Inside<'_, '_>),
}

const fn controller(
    name: &'static str,
    watches: &'static [&'static str],
    region: bool,
    run: fn(&mut Inside<'_, '_>),
) -> Controller {
    Controller { name, watches, region, run }
}

const CONTROLLERS: &[Controller] = &[
    controller("nodes", &["nodes"], true, nodes::run),
    controller("addons", &["nodes", "deployments.apps", "daemonsets.apps"], true, addons::run),
    controller("gc", &["-", "~", "namespaces", "nodes"], false, gc::run),
    controller("deployments", &["deployments.apps", "replicasets.apps"], false, deployments::run),
    controller("replicas", &["replicasets.apps", "pods", "serviceaccounts"], false, replicas::run),
    controller("daemons", &["daemonsets.apps", "nodes", "pods"], false, daemons::run),
    controller("stateful", &["statefulsets.apps", "pods"], false, stateful::run),
    controller("jobs", &["jobs.batch", "pods"], false, jobs::run),
    controller("pdb", &["poddisruptionbudgets.policy", "pods"], false, pdb::run),
    controller("services", &["services"], false, services::run),
    controller(
        "volumes",
        &["persistentvolumeclaims", "persistentvolumes", "pods", "storageclasses.storage.k8s.io"],
        true,
        volumes::run,
    ),
    controller("scheduler", &["pods", "nodes", "persistentvolumeclaims"], false, scheduler::run),
    controller("kubelet", &["pods", "nodes", "persistentvolumeclaims"], true, kubelet::run),
];

const LEASES: &str = "leases.coordination.k8s.io";
const CLASSES: &str = "ec2nodeclasses.karpenter.k8s.aws";
const POOLS: &str = "nodepools.karpenter.sh";
const CLAIMS: &str = "nodeclaims.karpenter.sh";

/// Karpenter's parts: all watch the lease, which tells who acts.
const KARPENTER: &[Controller] = &[
    controller("karpenter-leader", &["pods", "serviceaccounts"], true, karpenter::lead),
    controller("karpenter-classes", &[LEASES, CLASSES, CLAIMS], true, karpenter::classes),
    controller("karpenter-pools", &[LEASES, CLASSES, POOLS, CLAIMS], false, karpenter::pools),
    controller("karpenter-provisioner", &[LEASES, "pods", "nodes", POOLS, CLASSES, CLAIMS], true, karpenter::provision),
    controller("karpenter-claims", &[LEASES, CLAIMS, "nodes", CLASSES], true, karpenter::claims),
    controller("karpenter-interruption", &[LEASES, CLAIMS], true, karpenter::listen),
    controller("karpenter-drift", &[LEASES, CLAIMS, POOLS, CLASSES, "pods", "nodes"], false, karpenter::judge),
    controller("karpenter-disruption", &[LEASES, CLAIMS, POOLS, "pods", "nodes"], false, karpenter::disrupt),
    controller(
        "karpenter-termination",
        &[LEASES, CLAIMS, "nodes", "pods", "poddisruptionbudgets.policy"],
        true,
        karpenter::terminate,
    ),
];

/// Every controller: the cluster's own and Karpenter's.
fn all() -> impl Iterator<Item = &'static Controller> {
    CONTROLLERS.iter().chain(KARPENTER)
}

/// Brings every cluster of the region to `here.now`.
pub fn settle(here: &mut Here<'_>) {
    let names: Vec<String> = here.region.eks.clusters.keys().cloned().collect();
    here.region.kube.clusters.retain(|name, _| names.contains(name));
    for name in names {
        // A control plane that is being made or taken away does nothing.
        let up = here
            .region
            .eks
            .clusters
            .get(&name)
            .is_some_and(|cluster| ["ACTIVE", "UPDATING"].contains(&cluster.status()));
        if up {
            live(here, &name);
        }
    }
}

/// When something happens by itself next: in a cluster, or at EKS.
#[must_use]
pub fn next_due(region: &RegionState) -> Option<Millis> {
    let wakes = region.kube.clusters.values().flat_map(|cluster| cluster.work.wakes.values().copied());
    wakes.chain(region.eks.next_due()).min()
}

/// The log of a pod's container, as far as the sandbox writes one (Karpenter's): lines with their times, oldest first.
#[must_use]
pub fn logs(cluster: &Cluster, namespace: &str, pod: &str, _container: &str) -> Vec<(Millis, String)> {
    karpenter::log_of(&cluster.work.karpenter, &format!("{namespace}/{pod}"))
}

fn live(here: &mut Here<'_>, name: &str) {
    let target = here.now;
    let cluster = here.region.kube.clusters.entry(name.to_owned()).or_default();
    let (new, rested) =
        (cluster.work.at == 0, all().all(|one| cluster.work.seen.get(one.name) == Some(&cluster.store.version())));
    let next = cluster.work.wakes.values().min().copied();
    let noticed = world::print(here, name);
    let Some(cluster) = here.region.kube.clusters.get_mut(name) else { return };
    if !new && rested && cluster.work.world == noticed && next.is_none_or(|next| next > target) {
        cluster.work.at = cluster.work.at.max(target);
        return;
    }
    let (store, work) = (std::mem::take(&mut cluster.store), std::mem::take(&mut cluster.work));
    let mut inside = Inside { here, name: name.to_owned(), store, work, wake: None };
    if !new {
        // First what was written since then, at the time it was written; then the moments asked for, in their order.
        let from = inside.work.at.min(target);
        inside.here.now = from;
        rest(&mut inside, false);
        while let Some(at) = inside.work.wakes.values().min().copied().filter(|at| *at <= target) {
            inside.here.now = at.max(inside.here.now);
            rest(&mut inside, false);
        }
    }
    inside.here.now = target;
    let seen = world::print(inside.here, name);
    if new || inside.work.world != seen {
        rest(&mut inside, true);
    }
    inside.work.world = world::print(inside.here, name);
    inside.work.at = target;
    let Inside { here, store, work, .. } = inside;
    if let Some(cluster) = here.region.kube.clusters.get_mut(name) {
        cluster.store = store;
        cluster.work = work;
    }
}

/// Runs controllers until none has anything to do at this moment.
fn rest(inside: &mut Inside<'_, '_>, region: bool) {
    let mut region = region;
    for _ in 0..ROUNDS {
        let mut ran = false;
        for controller in all() {
            let due = inside.work.wakes.get(controller.name).is_some_and(|at| *at <= inside.now());
            if due || (region && controller.region) || changed(inside, controller) {
                inside.work.wakes.remove(controller.name);
                inside.work.seen.insert(controller.name.to_owned(), inside.store.version());
                inside.wake = None;
                (controller.run)(inside);
                if let Some(at) = inside.wake.take() {
                    inside.work.wakes.insert(controller.name.to_owned(), at);
                }
                ran = true;
            }
        }
        region = false;
        if !ran {
            return;
        }
    }
}

/// Whether anything that a controller watches has changed since it last ran; what has not is marked as seen.
fn changed(inside: &mut Inside<'_, '_>, controller: &Controller) -> bool {
    let version = inside.store.version();
    let Some(seen) = inside.work.seen.get(controller.name).copied() else { return true };
    if seen == version {
        return false;
    }
    let Some(changes) = inside.store.after(seen) else { return true };
    let touched: BTreeSet<&str> = changes
        .flat_map(|change| {
            let ended = change.what == What::Deleted;
            let ends = leaving(&change.object);
            std::iter::once(change.resource.as_str()).chain(ended.then_some("-")).chain(ends.then_some("~"))
        })
        .collect();
    let hit = controller.watches.iter().any(|watched| touched.contains(watched));
    if !hit {
        inside.work.seen.insert(controller.name.to_owned(), version);
    }
    hit
}
