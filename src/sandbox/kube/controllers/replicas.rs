//! ReplicaSets: as many pods as wanted.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{born, is_true, leaving, name, owner, uid};
use super::{pod_maker, pods};
use crate::sandbox::kube::store::Key;

const SETS: &str = "replicasets.apps";
const SOURCE: &str = "replicaset-controller";

/// Living pods of an owner's.
fn living<'a>(by_owner: &'a BTreeMap<String, Vec<Json>>, owner: &Json) -> &'a [Json] {
    by_owner.get(uid(owner)).map(Vec::as_slice).unwrap_or_default()
}

/// Pods by the uid of their controller: those that neither end nor have ended.
pub(super) fn by_owner(inside: &Inside<'_, '_>, kind: &str) -> BTreeMap<String, Vec<Json>> {
    let mut found: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    for pod in inside.store.list("pods") {
        let Some(owner) = owner(pod).filter(|owner| owner["kind"] == kind) else { continue };
        if !leaving(pod) && !pods::ended(pod) {
            found.entry(owner["uid"].as_str().unwrap_or_default().to_owned()).or_default().push(pod.clone());
        }
    }
    found
}

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let sets: Vec<Json> = inside.store.list(SETS).filter(|set| !leaving(set)).cloned().collect();
    let by_owner = by_owner(inside, "ReplicaSet");
    for set in sets {
        let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or_default();
        let mut have = living(&by_owner, &set).to_vec();
        let mut number = set["status"]["observedGeneration"].as_u64().unwrap_or_default() * 1000;
        while have.len() < wanted {
            number += 1;
            let suffix = inside.suffix(&format!("pod/{}/{number}/{}", name(&set), inside.store.version()), 5);
            let pod = format!("{}-{suffix}", name(&set));
            match pod_maker::make(inside, &set, &set["spec"]["template"], &pod, SOURCE, |_| ()) {
                Some(pod) => have.push(pod),
                None => break,
            }
        }
        if have.len() > wanted {
            // Pods that do not run go first, then the youngest (kube-controller-manager, "ActivePods").
            have.sort_by_key(|pod| (is_true(pod, "Ready"), !pods::node(pod).is_empty(), -born(pod)));
            for pod in &have[..have.len() - wanted] {
                let grace = if pods::node(pod).is_empty() { 0 } else { 30 };
                inside.delete("pods", &Key::of(pod), grace);
                let message = format!("Deleted pod: {}", name(pod));
                inside.event(&set, SOURCE, "Normal", "SuccessfulDelete", &message);
            }
            have.drain(..have.len() - wanted);
        }
        let ready = have.iter().filter(|pod| is_true(pod, "Ready")).count();
        let (generation, have) = (set["metadata"]["generation"].clone(), have.len());
        inside.store.change(SETS, &Key::of(&set), |set| {
            set["status"] = json!({"replicas": have, "fullyLabeledReplicas": have, "observedGeneration": generation});
            if ready > 0 {
                set["status"]["readyReplicas"] = json!(ready);
                set["status"]["availableReplicas"] = json!(ready);
            }
        });
    }
}
