//! StatefulSets: pods in order, each with its own claims.

use serde_json::{Value as Json, json};

use super::inside::Inside;
use super::meta::{is_true, items, leaving, name, namespace, owned_by, uid};
use super::{pod_maker, pods};
use crate::sandbox::kube::store::Key;

const SETS: &str = "statefulsets.apps";
const SOURCE: &str = "statefulset-controller";

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let sets: Vec<Json> = inside.store.list(SETS).filter(|set| !leaving(set)).cloned().collect();
    for set in sets {
        let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or_default();
        let ordered = set["spec"]["podManagementPolicy"] != "Parallel";
        let space = namespace(&set).to_owned();
        let (mut have, mut ready) = (0, 0);
        for at in 0..wanted {
            let pod_name = format!("{}-{at}", name(&set));
            match inside.store.get("pods", &Key::new(space.clone(), pod_name.clone())) {
                Some(pod) if pods::ended(pod) => {
                    let key = Key::of(pod);
                    inside.delete("pods", &key, 0);
                    break;
                }
                Some(pod) => {
                    have += 1;
                    ready += usize::from(is_true(pod, "Ready") && !leaving(pod));
                    if ordered && !is_true(pod, "Ready") {
                        break;
                    }
                }
                None => {
                    make(inside, &set, &pod_name, at);
                    have += 1;
                    if ordered {
                        break;
                    }
                }
            }
        }
        let beyond = |pod: &Json| {
            let number = name(pod).rsplit('-').next().and_then(|number| number.parse::<usize>().ok());
            owned_by(pod, uid(&set)) && !leaving(pod) && number.is_some_and(|number| number >= wanted)
        };
        let last = inside.store.list("pods").filter(|pod| beyond(pod)).map(Key::of).last();
        if let Some(key) = last {
            inside.delete("pods", &key, 30);
        }
        inside.store.change(SETS, &Key::of(&set), |set| {
            set["status"] = json!({
                "observedGeneration": set["metadata"]["generation"], "replicas": have, "readyReplicas": ready,
                "availableReplicas": ready, "currentReplicas": have, "updatedReplicas": have, "collisionCount": 0,
            });
        });
    }
}

fn make(inside: &mut Inside<'_, '_>, set: &Json, pod_name: &str, at: usize) {
    let mut volumes = items(set, "/spec/template/spec/volumes").to_vec();
    for template in items(set, "/spec/volumeClaimTemplates") {
        let claim = format!("{}-{pod_name}", name(template));
        let mut object = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": claim, "namespace": namespace(set), "labels": set["spec"]["selector"]["matchLabels"],
                "finalizers": ["kubernetes.io/pvc-protection"],
            },
            "spec": template["spec"], "status": {"phase": "Pending"},
        });
        // As the admission of DefaultStorageClass does for a claim that names none.
        if let Some(class) = super::volumes::class(inside, &object) {
            object["spec"]["storageClassName"] = class["metadata"]["name"].clone();
        }
        inside.ensure("persistentvolumeclaims", object);
        volumes.push(json!({"name": name(template), "persistentVolumeClaim": {"claimName": claim}}));
    }
    let (pod, service) = (pod_name.to_owned(), set["spec"]["serviceName"].clone());
    pod_maker::make(inside, set, &set["spec"]["template"], pod_name, SOURCE, |object| {
        object["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"] = json!(pod);
        object["metadata"]["labels"]["apps.kubernetes.io/pod-index"] = json!(at.to_string());
        object["spec"]["hostname"] = json!(pod);
        object["spec"]["subdomain"] = service;
        if !volumes.is_empty() {
            object["spec"]["volumes"] = json!(volumes);
        }
    });
}
