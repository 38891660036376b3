//! Deployments: a ReplicaSet for each template, scaled against each other within the bounds of the strategy.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::inside::Inside;
use super::meta::{condition, items, leaving, name, namespace, owned_by, reference, set_condition, uid};
use crate::sandbox::kube::store::Key;

const SETS: &str = "replicasets.apps";

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let deployments: Vec<Json> = inside.store.list("deployments.apps").filter(|one| !leaving(one)).cloned().collect();
    for deployment in deployments {
        if deployment["spec"]["paused"] != true {
            roll(inside, &deployment);
        }
        report(inside, &deployment);
    }
}

fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or_default()
}

fn wanted(object: &Json) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// What a template is known by: the `pod-template-hash`.
fn hash(inside: &Inside<'_, '_>, deployment: &Json) -> String {
    let digest = hex::encode(Sha256::digest(deployment["spec"]["template"].to_string()));
    inside.suffix(&format!("template/{}/{digest}", name(deployment)), 10)
}

/// Most and least pods while it rolls, from `25%` or `1`.
fn bounds(deployment: &Json, replicas: i64) -> (i64, i64) {
    let strategy = &deployment["spec"]["strategy"];
    if strategy["type"] == "Recreate" {
        return (replicas, 0);
    }
    let of = |value: &Json, up: bool| match value {
        Json::Number(number) => number.as_i64().unwrap_or_default(),
        value => {
            let percent = value.as_str().unwrap_or("25%").trim_end_matches('%').parse::<i64>().unwrap_or(25);
            (replicas * percent + if up { 99 } else { 0 }) / 100
        }
    };
    let surge = of(&strategy["rollingUpdate"]["maxSurge"], true);
    let mut down = of(&strategy["rollingUpdate"]["maxUnavailable"], false);
    if surge == 0 && down == 0 {
        down = 1;
    }
    (replicas + surge, (replicas - down).max(0))
}

fn sets(inside: &Inside<'_, '_>, deployment: &Json) -> Vec<Json> {
    let uid = uid(deployment).to_owned();
    inside.store.list(SETS).filter(|set| owned_by(set, &uid)).cloned().collect()
}

fn revision(set: &Json) -> u64 {
    super::meta::annotation(set, "deployment.kubernetes.io/revision").parse().unwrap_or_default()
}

fn roll(inside: &mut Inside<'_, '_>, deployment: &Json) {
    let replicas = wanted(deployment);
    let (most, least) = bounds(deployment, replicas);
    let hash = hash(inside, deployment);
    let new_name = format!("{}-{hash}", name(deployment));
    let all = sets(inside, deployment);
    let (new, old): (Vec<Json>, Vec<Json>) = all.iter().cloned().partition(|set| name(set) == new_name);
    let newest = all.iter().map(revision).max().unwrap_or_default();
    let old_size: i64 = old.iter().map(wanted).sum();
    let recreate = deployment["spec"]["strategy"]["type"] == "Recreate";
    let room = if recreate && old.iter().any(|set| number(set, "/status/replicas") > 0) {
        0
    } else {
        (most - old_size).max(0)
    };
    match new.first() {
        None => {
            let size = replicas.min(room);
            make(inside, deployment, &new_name, &hash, size, newest + 1);
        }
        Some(set) => {
            let key = Key::of(set);
            let have = wanted(set);
            let size = if have > replicas { replicas } else { replicas.min(have.max(room)) };
            if size != have {
                scale(inside, deployment, &key, have, size);
            }
            if revision(set) < newest {
                let next = (newest + 1).to_string();
                inside.store.change(SETS, &key, |set| {
                    set["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!(next);
                });
            }
        }
    }
    shrink(inside, deployment, &new_name, replicas, if recreate { 0 } else { least });
    prune(inside, deployment, &new_name);
}

/// Old ReplicaSets give way: unhealthy pods first, then as many as may be missing.
fn shrink(inside: &mut Inside<'_, '_>, deployment: &Json, new_name: &str, replicas: i64, least: i64) {
    let all = sets(inside, deployment);
    let new = all.iter().find(|set| name(set) == new_name);
    let (size, available) = new.map_or((replicas, 0), |set| (wanted(set), number(set, "/status/availableReplicas")));
    let old: Vec<&Json> = all.iter().filter(|set| name(set) != new_name && wanted(set) > 0).collect();
    let total: i64 = old.iter().map(|set| wanted(set)).sum::<i64>() + size;
    let mut may = total - least - (size - available).max(0);
    for healthy in [false, true] {
        for set in &old {
            let current = inside.store.get(SETS, &Key::of(set)).map(wanted).unwrap_or_default();
            let broken = (current - number(set, "/status/availableReplicas")).max(0);
            let step = if healthy { current } else { broken }.min(may);
            if step > 0 {
                may -= step;
                scale(inside, deployment, &Key::of(set), current, current - step);
            }
        }
    }
}

/// Empty ReplicaSets beyond the history go.
fn prune(inside: &mut Inside<'_, '_>, deployment: &Json, new_name: &str) {
    let kept = usize::try_from(deployment["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(10);
    let mut old: Vec<Json> = sets(inside, deployment)
        .into_iter()
        .filter(|set| name(set) != new_name && wanted(set) == 0 && number(set, "/status/replicas") == 0)
        .collect();
    old.sort_by_key(revision);
    for set in old.iter().take(old.len().saturating_sub(kept)) {
        inside.delete(SETS, &Key::of(set), 0);
    }
}

fn make(inside: &mut Inside<'_, '_>, deployment: &Json, new_name: &str, hash: &str, size: i64, revision: u64) {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": new_name, "namespace": namespace(deployment), "labels": template["metadata"]["labels"],
            "annotations": {
                "deployment.kubernetes.io/revision": revision.to_string(),
                "deployment.kubernetes.io/desired-replicas": wanted(deployment).to_string(),
            },
            "ownerReferences": [reference(deployment)],
        },
        "spec": {"replicas": size, "selector": selector, "template": template},
        "status": {"replicas": 0},
    });
    if inside.ensure(SETS, set) && size > 0 {
        let message = format!("Scaled up replica set {new_name} from 0 to {size}");
        inside.event(deployment, "deployment-controller", "Normal", "ScalingReplicaSet", &message);
    }
}

fn scale(inside: &mut Inside<'_, '_>, deployment: &Json, key: &Key, from: i64, to: i64) {
    inside.store.change(SETS, key, |set| set["spec"]["replicas"] = json!(to));
    let way = if to > from { "up" } else { "down" };
    let message = format!("Scaled {way} replica set {} from {from} to {to}", key.name);
    inside.event(deployment, "deployment-controller", "Normal", "ScalingReplicaSet", &message);
}

/// Status and rollout conditions.
fn report(inside: &mut Inside<'_, '_>, deployment: &Json) {
    let now = inside.now();
    let new_name = format!("{}-{}", name(deployment), hash(inside, deployment));
    let all = sets(inside, deployment);
    let sum = |field: &str| all.iter().map(|set| number(set, &format!("/status/{field}"))).sum::<i64>();
    let new = all.iter().find(|set| name(set) == new_name);
    let replicas = wanted(deployment);
    let (have, ready, available) = (sum("replicas"), sum("readyReplicas"), sum("availableReplicas"));
    let updated = new.map(|set| number(set, "/status/replicas")).unwrap_or_default();
    let (_, least) = bounds(deployment, replicas);
    let done = updated == replicas && available == replicas && have == replicas;
    let limit = deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600) * 1000;
    let progressing = condition(deployment, "Progressing");
    let moved = [
        (number(deployment, "/status/updatedReplicas"), updated),
        (number(deployment, "/status/readyReplicas"), ready),
        (number(deployment, "/status/availableReplicas"), available),
        (number(deployment, "/status/observedGeneration"), number(deployment, "/metadata/generation")),
    ]
    .iter()
    .any(|(old, new)| old != new);
    let last = super::meta::moment(&progressing["lastUpdateTime"]);
    let late = !done && !moved && last > 0 && inside.reached(last + limit);
    let set = new.map_or("", |set| name(set)).to_owned();
    let key = Key::of(deployment);
    inside.store.change("deployments.apps", &key, |deployment| {
        let status = json!({
            "observedGeneration": deployment["metadata"]["generation"], "replicas": have, "updatedReplicas": updated,
            "readyReplicas": ready, "availableReplicas": available,
            "unavailableReplicas": (replicas.max(have) - available).max(0),
            "conditions": items(deployment, "/status/conditions"),
        });
        deployment["status"] = status;
        if let Some(status) = deployment["status"].as_object_mut() {
            status.retain(|field, value| field == "observedGeneration" || *value != json!(0));
        }
        if available >= least {
            set_condition(
                deployment,
                now,
                "Available",
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            );
        } else {
            set_condition(
                deployment,
                now,
                "Available",
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            );
        }
        if done {
            let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
            set_condition(deployment, now, "Progressing", "True", "NewReplicaSetAvailable", &message);
        } else if late {
            let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
            set_condition(deployment, now, "Progressing", "False", "ProgressDeadlineExceeded", &message);
        } else if condition(deployment, "Progressing")["reason"] != "ProgressDeadlineExceeded" || moved {
            let message = format!("ReplicaSet \"{set}\" is progressing.");
            set_condition(deployment, now, "Progressing", "True", "ReplicaSetUpdated", &message);
        }
        for one in deployment["status"]["conditions"].as_array_mut().into_iter().flatten() {
            if one["lastUpdateTime"].is_null()
                || (one["type"] == "Progressing" && moved)
                || one["lastUpdateTime"].as_str() < one["lastTransitionTime"].as_str()
            {
                one["lastUpdateTime"] = json!(crate::sandbox::kube::store::time(now));
            }
        }
    });
}
