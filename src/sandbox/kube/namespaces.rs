//! Namespaces on their way out: emptied, then gone.

use super::store::{Key, Store, text};
use crate::sandbox::region::Here;
use crate::sandbox::state::Millis;

/// Empties the namespaces that are to go, and ends those that are empty.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    for cluster in here.region.kube.clusters.values_mut() {
        empty(&mut cluster.store, now);
    }
}

fn empty(store: &mut Store, now: Millis) {
    let leaving = store.list("namespaces").filter(|one| !text(one, "/metadata/deletionTimestamp").is_empty());
    let leaving: Vec<String> = leaving.map(|one| text(one, "/metadata/name").to_owned()).collect();
    for namespace in leaving {
        let resources: Vec<String> = store.resources().map(str::to_owned).collect();
        let mut left = false;
        for resource in resources {
            let inside = store.list(&resource).filter(|one| text(one, "/metadata/namespace") == namespace);
            let keys: Vec<(Key, u64)> = inside.map(|one| (Key::of(one), grace(&resource, one))).collect();
            for (key, grace) in keys {
                store.delete(now, &resource, &key, grace).ok();
                left |= store.get(&resource, &key).is_some();
            }
        }
        if !left {
            store.change("namespaces", &Key::global(namespace), |one| {
                if let Some(finalizers) = one["metadata"]["finalizers"].as_array_mut() {
                    finalizers.retain(|finalizer| finalizer != "kubernetes");
                }
            });
        }
    }
}

fn grace(resource: &str, object: &serde_json::Value) -> u64 {
    let looked_after = resource == "pods" && !text(object, "/spec/nodeName").is_empty();
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(serde_json::Value::as_u64);
    if looked_after { own.unwrap_or(30) } else { 0 }
}
