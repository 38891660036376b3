//! What EKS's add-ons put into a cluster, and take away again.

use serde_json::{Value as Json, json};

use super::addon_pods;
use super::inside::Inside;
use super::meta::label;
use crate::sandbox::aws::eks;
use crate::sandbox::kube::bootstrap;
use crate::sandbox::kube::store::{Key, text};

/// Marks what an add-on owns.
const OWNER: &str = "eks.amazonaws.com/component";

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let Some(cluster) = inside.eks() else { return };
    let mut wanted: Vec<(String, String, Json, String)> = Vec::new();
    for (name, addon) in &cluster.addons {
        let values = eks::addon_values(name, text(&addon.body, "/configurationValues")).unwrap_or_default();
        let (version, role) = (text(&addon.body, "/addonVersion"), text(&addon.body, "/serviceAccountRoleArn"));
        wanted.push((name.clone(), version.to_owned(), values, role.to_owned()));
    }
    if cluster.self_managed {
        for name in ["vpc-cni", "kube-proxy", "coredns"] {
            if !cluster.addons.contains_key(name) {
                wanted.push((name.to_owned(), "self-managed".to_owned(), json!({}), String::new()));
            }
        }
    }
    for (name, version, values, role) in &wanted {
        for (resource, mut object) in addon_pods::objects(name, version, values, role, inside.here.name) {
            object["metadata"]["labels"][OWNER] = json!(name);
            put(inside, resource, object);
        }
    }
    for resource in ["deployments.apps", "daemonsets.apps", "serviceaccounts", "services"] {
        let gone: Vec<Key> = inside
            .store
            .list(resource)
            .filter(|object| !label(object, OWNER).is_empty() && wanted.iter().all(|one| one.0 != label(object, OWNER)))
            .map(Key::of)
            .collect();
        for key in gone {
            inside.delete(resource, &key, 0);
        }
    }
}

/// Makes an object, or brings its spec back to what the add-on wants.
fn put(inside: &mut Inside<'_, '_>, resource: &str, object: Json) {
    let key = Key::of(&object);
    let Some(known) = inside.store.get(resource, &key) else {
        let space = Key::global(key.namespace.clone());
        if inside.store.get("namespaces", &space).is_none() {
            let now = inside.now();
            bootstrap::namespace(&mut inside.store, now, &space.name);
        }
        inside.ensure(resource, object);
        return;
    };
    let same = known["spec"] == object["spec"] && known["metadata"]["annotations"] == object["metadata"]["annotations"];
    if !same && resource != "services" {
        inside.store.change(resource, &key, |known| {
            known["spec"] = object["spec"].clone();
            known["metadata"]["labels"] = object["metadata"]["labels"].clone();
            known["metadata"]["annotations"] = object["metadata"]["annotations"].clone();
        });
    }
}
