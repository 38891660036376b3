//! Namespaces, and definitions of custom kinds, on their way out: emptied, then gone.

use super::crd;
use super::store::{Key, Store, text};
use crate::sandbox::region::Here;
use crate::sandbox::state::Millis;

/// Holds a namespace until it is empty. The API has it in `spec.finalizers`; here it stands where the store looks.
pub const FINALIZER: &str = "kubernetes";

/// Empties the namespaces that are to go, and ends those that are empty.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    for cluster in here.region.kube.clusters.values_mut() {
        definitions(&mut cluster.store, now);
        empty(&mut cluster.store, now);
    }
}

/// Ends the objects of definitions that are to go, and then the definitions.
fn definitions(store: &mut Store, now: Millis) {
    let leaving = store.list(crd::RESOURCE).filter(|one| !text(one, "/metadata/deletionTimestamp").is_empty());
    let leaving: Vec<String> = leaving.map(|one| text(one, "/metadata/name").to_owned()).collect();
    for name in leaving {
        // A definition is called as its objects' resource.
        let keys: Vec<Key> = store.list(&name).map(Key::of).collect();
        for key in keys {
            store.delete(now, &name, &key, 0).ok();
        }
        if store.list(&name).next().is_none() {
            let_go(store, crd::RESOURCE, &Key::global(name), crd::FINALIZER);
        }
    }
}

fn let_go(store: &mut Store, resource: &str, key: &Key, finalizer: &str) {
    store.change(resource, key, |one| {
        if let Some(finalizers) = one["metadata"]["finalizers"].as_array_mut() {
            finalizers.retain(|held| held != finalizer);
        }
    });
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
            let_go(store, "namespaces", &Key::global(namespace), FINALIZER);
        }
    }
}

fn grace(resource: &str, object: &serde_json::Value) -> u64 {
    let looked_after = resource == "pods" && !text(object, "/spec/nodeName").is_empty();
    let own = object.pointer("/spec/terminationGracePeriodSeconds").and_then(serde_json::Value::as_u64);
    if looked_after { own.unwrap_or(30) } else { 0 }
}
