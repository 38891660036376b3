//! What acts in a simulated cluster: the controllers, the scheduler, the kubelets and Karpenter, as plain functions over
//! the [store](super::store) and the region. None has a task or a timer: [`settle`] brings a cluster to a moment, and
//! [`next_due`] says when something happens by itself next.
//!
//! A controller looks at the whole of what it cares for and writes what should be (level, not edge), so that running it
//! twice changes nothing. It runs when a resource that it watches has changed, when the region around the cluster has, or
//! when a moment has come that it asked for. Chance belongs to names ([`Here::chance`](crate::sandbox::region::Here::chance)):
//! nothing here moves what the region draws.
//!
//! | file | what it holds |
//! |---|---|
//! | `run.rs` | when which controller runs, and what the cluster remembers |
//! | `inside.rs` | what a controller is given |
//! | `world.rs` | what of the region a cluster notices |
//! | `meta.rs`, `quantity.rs`, `pods.rs` | reading objects: labels, owners, conditions; amounts; pods |
//! | `nodes.rs`, `node_object.rs` | nodes of managed node groups; how a node looks |
//! | `addons.rs`, `addon_pods.rs` | what EKS's add-ons run |
//! | `deployments.rs`, `replicas.rs`, `daemons.rs`, `stateful.rs`, `jobs.rs`, `pod_maker.rs` | workloads |
//! | `gc.rs` | owners, namespaces, pods without a node |
//! | `pdb.rs` | disruption budgets |
//! | `scheduler.rs`, `fit.rs`, `affinity.rs` | which pod goes to which node |
//! | `kubelet.rs`, `container.rs` | pods on nodes: starting, crashing, ending |
//! | `services.rs`, `volumes.rs` | load balancers and EBS volumes |
//! | `usage.rs` | figures for `metrics.k8s.io` |
//! | `karpenter/` | the controller that makes nodes |

mod addon_pods;
mod addons;
mod affinity;
mod container;
mod daemons;
mod deployments;
mod fit;
mod gc;
mod inside;
mod jobs;
pub(in crate::sandbox) mod karpenter;
mod kubelet;
mod meta;
mod node_object;
mod nodes;
mod pdb;
mod pod_maker;
mod pods;
mod quantity;
mod replicas;
mod run;
mod scheduler;
mod services;
mod stateful;
#[cfg(test)]
mod tests;
mod usage;
mod volumes;
mod world;

pub use run::{Work, logs, next_due, settle};
pub use usage::{metrics_served, node_metrics, pod_metrics};
