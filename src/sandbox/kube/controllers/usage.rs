//! What `metrics.k8s.io` says nodes and pods use: a share of what pods ask for, the same for a pod at a time.

use serde_json::{Value as Json, json};

use super::meta::{is_true, items, name, namespace};
use super::pods;
use super::quantity::{self, Amounts};
use crate::sandbox::kube::Cluster;
use crate::sandbox::kube::store::{Store, time};
use crate::sandbox::state::Millis;

/// Whether somebody gathers figures: a ready pod of metrics-server.
#[must_use]
pub fn metrics_served(store: &Store) -> bool {
    store
        .list("pods")
        .any(|pod| pod["metadata"]["labels"]["app.kubernetes.io/name"] == "metrics-server" && is_true(pod, "Ready"))
}

/// Thousandths of what is asked for: 30 to 80 %, another share every minute.
fn share(pod: &Json, now: Millis) -> i128 {
    let minute = now / 60_000;
    let bytes = super::meta::uid(pod).bytes().map(u64::from).sum::<u64>();
    i128::from(300 + (bytes.wrapping_mul(31).wrapping_add(u64::try_from(minute).unwrap_or_default() * 17)) % 500)
}

fn used(container: &Json, pod: &Json, now: Millis) -> Amounts {
    let mut asked = quantity::amounts(&container["resources"]["requests"]);
    asked.retain(|name, _| name == "cpu" || name == "memory");
    asked.entry("cpu".to_owned()).or_insert(10);
    asked.entry("memory".to_owned()).or_insert(32 * 1024 * 1_024_000);
    for (name, amount) in &mut asked {
        *amount = *amount * share(pod, now) / 1000;
        if name == "memory" {
            *amount = *amount / 1_024_000 * 1_024_000;
        }
    }
    asked
}

/// `PodMetrics` of the pods that run.
#[must_use]
pub fn pod_metrics(cluster: &Cluster, now: Millis) -> Vec<Json> {
    let store = &cluster.store;
    let running = store.list("pods").filter(|pod| is_true(pod, "Ready"));
    running
        .map(|pod| {
            let containers: Vec<Json> = items(pod, "/spec/containers")
                .iter()
                .map(|one| json!({"name": one["name"], "usage": quantity::printed(&used(one, pod, now))}))
                .collect();
            json!({
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
                "metadata": {"name": name(pod), "namespace": namespace(pod), "labels": pod["metadata"]["labels"], "creationTimestamp": time(now)},
                "timestamp": time(now), "window": "15s", "containers": containers,
            })
        })
        .collect()
}

/// `NodeMetrics` of the nodes that are ready.
#[must_use]
pub fn node_metrics(cluster: &Cluster, now: Millis) -> Vec<Json> {
    let store = &cluster.store;
    let ready = store.list("nodes").filter(|node| is_true(node, "Ready"));
    ready
        .map(|node| {
            // The system itself.
            let mut sum = Amounts::from([("cpu".to_owned(), 60), ("memory".to_owned(), 400 * 1024 * 1_024_000)]);
            for pod in store.list("pods").filter(|pod| pods::node(pod) == name(node) && is_true(pod, "Ready")) {
                for container in items(pod, "/spec/containers") {
                    quantity::add(&mut sum, &used(container, pod, now));
                }
            }
            json!({
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "NodeMetrics",
                "metadata": {"name": name(node), "labels": node["metadata"]["labels"], "creationTimestamp": time(now)},
                "timestamp": time(now), "window": "20s", "usage": quantity::printed(&sum),
            })
        })
        .collect()
}
