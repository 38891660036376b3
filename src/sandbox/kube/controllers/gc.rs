//! What goes with something else: dependents with their owners, a namespace's objects, pods with their nodes.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::inside::Inside;
use super::meta::{finalizer, has_finalizer, items, leaving, moment, name, namespace, uid};
use super::pods;
use crate::sandbox::kube::store::Key;

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    dependents(inside);
    namespaces(inside);
    homeless(inside);
    forgotten(inside);
}

/// Events are kept for an hour.
fn forgotten(inside: &mut Inside<'_, '_>) {
    let old = inside.now() - 3_600_000;
    let old: Vec<Key> =
        inside.store.list("events").filter(|event| moment(&event["lastTimestamp"]) < old).map(Key::of).collect();
    for key in old {
        inside.store.remove("events", &key);
    }
}

/// Everything, as resource and object.
fn everything(inside: &Inside<'_, '_>) -> Vec<(String, Key)> {
    let mut all = Vec::new();
    for resource in inside.store.resources().filter(|resource| *resource != "events") {
        all.extend(inside.store.list(resource).map(|object| (resource.to_owned(), Key::of(object))));
    }
    all
}

/// Objects whose owners are all gone go; owners that wait for their dependents (`foregroundDeletion`) or let them go
/// (`orphan`) are served.
fn dependents(inside: &mut Inside<'_, '_>) {
    let mut alive: BTreeSet<String> = BTreeSet::new();
    let mut blocked: BTreeSet<String> = BTreeSet::new();
    let (mut foreground, mut orphaning) = (Vec::new(), BTreeSet::new());
    let all = everything(inside);
    for (resource, key) in &all {
        let Some(object) = inside.store.get(resource, key) else { continue };
        if leaving(object) && has_finalizer(object, "foregroundDeletion") {
            foreground.push((resource.clone(), key.clone(), uid(object).to_owned()));
        } else {
            alive.insert(uid(object).to_owned());
        }
        if leaving(object) && has_finalizer(object, "orphan") {
            orphaning.insert((resource.clone(), key.clone(), uid(object).to_owned()));
        }
    }
    for (resource, key) in &all {
        let Some(object) = inside.store.get(resource, key) else { continue };
        let owners = items(object, "/metadata/ownerReferences").to_vec();
        if owners.is_empty() {
            continue;
        }
        let orphan = owners.iter().any(|owner| orphaning.iter().any(|(_, _, uid)| owner["uid"] == *uid));
        if orphan {
            inside.store.change(resource, key, |object| {
                if let Some(metadata) = object["metadata"].as_object_mut() {
                    metadata.remove("ownerReferences");
                }
            });
            continue;
        }
        for owner in &owners {
            blocked.insert(owner["uid"].as_str().unwrap_or_default().to_owned());
        }
        let kept = owners.iter().any(|owner| owner["uid"].as_str().is_some_and(|uid| alive.contains(uid)));
        if !kept && !leaving(object) {
            let grace = grace(resource, object);
            inside.delete(resource, key, grace);
        }
    }
    for (resource, key, _) in &orphaning {
        inside.store.change(resource, key, |object| finalizer(object, "orphan", false));
    }
    for (resource, key, uid) in foreground {
        if !blocked.contains(&uid) {
            inside.store.change(&resource, &key, |object| finalizer(object, "foregroundDeletion", false));
        }
    }
}

/// Seconds that an object gets to end: pods on a node what they ask for.
fn grace(resource: &str, object: &Json) -> u64 {
    if resource != "pods" || pods::node(object).is_empty() || pods::ended(object) {
        return 0;
    }
    object["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap_or(30)
}

/// A namespace that goes takes everything in it along, and goes when it is empty.
fn namespaces(inside: &mut Inside<'_, '_>) {
    let all = everything(inside);
    let known: BTreeSet<String> = inside.store.list("namespaces").map(|space| name(space).to_owned()).collect();
    let going: BTreeSet<String> =
        inside.store.list("namespaces").filter(|space| leaving(space)).map(|space| name(space).to_owned()).collect();
    let mut full = BTreeSet::new();
    for (resource, key) in &all {
        if key.namespace.is_empty() || (known.contains(&key.namespace) && !going.contains(&key.namespace)) {
            continue;
        }
        let Some(object) = inside.store.get(resource, key) else { continue };
        let (left, grace) = (leaving(object), grace(resource, object));
        if !left {
            inside.delete(resource, key, grace);
        }
        if inside.store.get(resource, key).is_some() {
            full.insert(key.namespace.clone());
        }
    }
    for space in going {
        let key = Key::global(space.clone());
        if full.contains(&space) {
            inside
                .store
                .change("namespaces", &key, |space| space["status"]["phase"] = serde_json::json!("Terminating"));
            continue;
        }
        let events: Vec<Key> =
            inside.store.list("events").filter(|event| namespace(event) == space).map(Key::of).collect();
        for event in events {
            inside.store.remove("events", &event);
        }
        inside.store.change("namespaces", &key, |space| {
            finalizer(space, "kubernetes", false);
            if let Some(spec) = space["spec"].as_object_mut() {
                spec.remove("finalizers");
            }
        });
    }
}

/// Pods whose node is gone go at once; pods that were never on one have nothing to end.
fn homeless(inside: &mut Inside<'_, '_>) {
    let nodes: BTreeSet<&str> = inside.store.list("nodes").map(name).collect();
    let lost = |pod: &&Json| match pods::node(pod) {
        "" => leaving(pod),
        node => !nodes.contains(node),
    };
    let lost: Vec<Key> = inside.store.list("pods").filter(lost).map(Key::of).collect();
    for key in lost {
        inside.store.remove("pods", &key);
    }
}
