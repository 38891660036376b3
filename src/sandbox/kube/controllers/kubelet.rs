//! The kubelets: pods on nodes start, get ready, crash and end.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::container::{self, Fate};
use super::inside::Inside;
use super::meta::{asked_to_leave, is_true, items, leaving, moment, name, set_condition, since, uid};
use super::{karpenter, nodes, pods, volumes};
use crate::sandbox::kube::store::{Key, text, time};
use crate::sandbox::state::Millis;

/// How long a container takes to end after it was asked to.
const STOPPING: Millis = 2_000;

pub(super) fn run(inside: &mut Inside<'_, '_>) {
    let here = &*inside.here;
    let up: BTreeSet<&str> = inside
        .store
        .list("nodes")
        .filter(|node| here.region.ec2.instances.get(nodes::instance(node)).is_some_and(|one| one.going.is_none()))
        .map(name)
        .collect();
    // Most pods are ready and stay so.
    let busy = |pod: &&Json| {
        let calm =
            is_true(pod, "Ready") && !leaving(pod) && up.contains(pods::node(pod)) && !karpenter::is_controller(pod);
        !pods::node(pod).is_empty() && !calm
    };
    let bound: Vec<Json> = inside.store.list("pods").filter(busy).cloned().collect();
    for pod in bound {
        let Some(node) = inside.store.get("nodes", &Key::global(pods::node(&pod))).cloned() else { continue };
        let machine = inside.here.region.ec2.instances.get(nodes::instance(&node));
        if machine.is_none_or(|machine| machine.going.is_some()) {
            lost(inside, &pod);
            continue;
        }
        if leaving(&pod) {
            stop(inside, &pod);
        } else if !pods::ended(&pod) {
            // Only pods on the host's own network run before there is another.
            if is_true(&node, "Ready") || pod["spec"]["hostNetwork"] == true {
                live(inside, &pod, &node);
            }
        }
    }
}

/// The machine has ended under a pod: nobody reports it ready any more.
fn lost(inside: &mut Inside<'_, '_>, pod: &Json) {
    let now = inside.now();
    if is_true(pod, "Ready") {
        inside.store.change("pods", &Key::of(pod), |pod| {
            set_condition(pod, now, "Ready", "False", "NodeNotReady", "");
        });
    }
}

/// Ends a pod: its containers within seconds, whatever its grace period.
fn stop(inside: &mut Inside<'_, '_>, pod: &Json) {
    let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or_default() * 1000;
    let at = asked_to_leave(pod) + STOPPING.min(grace);
    if is_true(pod, "Ready") {
        for container in items(pod, "/spec/containers") {
            let message = format!("Stopping container {}", text(container, "/name"));
            inside.event(pod, "kubelet", "Normal", "Killing", &message);
        }
        let now = inside.now();
        inside.store.change("pods", &Key::of(pod), |pod| {
            set_condition(pod, now, "Ready", "False", "ContainersNotReady", "");
        });
    }
    if inside.reached(at) {
        inside.store.remove("pods", &Key::of(pod));
    }
}

/// Brings a pod as far as it is by now.
fn live(inside: &mut Inside<'_, '_>, pod: &Json, node: &Json) {
    let begun = since(pod, "PodScheduled").max(since(node, "Ready").min(inside.now()));
    let begun = if pod["spec"]["hostNetwork"] == true { since(pod, "PodScheduled") } else { begun };
    let pulled = begun + 1000 + container::pull(inside, pod);
    let started = moment(&pod["status"]["startTime"]);
    if started == 0 {
        accept(inside, pod, node);
    }
    if !volumes::bound(inside, pod) || !inside.reached(pulled) {
        return;
    }
    let key = Key::of(pod);
    match container::fate(inside, pod) {
        Fate::NoImage(image) => no_image(inside, pod, &image),
        Fate::Crashes(why) => crash(inside, pod, &why),
        Fate::Runs(after) => {
            let first = running_since(pod);
            let from = if first == 0 { inside.now() } else { first };
            if first == 0 {
                start(inside, pod);
            }
            if inside.reached(from + after)
                && let Some(pod) = inside.store.get("pods", &key).filter(|pod| !is_true(pod, "Ready")).cloned()
            {
                ready(inside, &pod);
            }
        }
        Fate::Ends(after) => {
            let first = running_since(pod);
            if first == 0 {
                start(inside, pod);
            }
            let from = if first == 0 { inside.now() } else { first };
            if inside.reached(from + after) {
                succeed(inside, &key);
            }
        }
    }
}

/// Since when the first container runs; 0 while it does not.
fn running_since(pod: &Json) -> Millis {
    let state = pod.pointer("/status/containerStatuses/0/state/running/startedAt");
    state.map(moment).unwrap_or_default()
}

fn containers(pod: &Json, state: &Json, ready: bool) -> Json {
    let restarts = pod.pointer("/status/containerStatuses/0/restartCount").and_then(Json::as_u64).unwrap_or_default();
    let last = pod.pointer("/status/containerStatuses/0/lastState").cloned().unwrap_or_else(|| json!({}));
    items(pod, "/spec/containers")
        .iter()
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": container["image"],
                "containerID": format!("containerd://{}", uid(pod).replace('-', "")),
                "ready": ready, "started": ready, "restartCount": restarts, "state": state, "lastState": last,
            })
        })
        .collect()
}

/// The kubelet has seen the pod.
fn accept(inside: &mut Inside<'_, '_>, pod: &Json, node: &Json) {
    let now = inside.now();
    let host = node.pointer("/status/addresses/0/address").cloned().unwrap_or_default();
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["status"]["phase"] = json!("Pending");
        pod["status"]["startTime"] = json!(time(now));
        pod["status"]["hostIP"] = host.clone();
        pod["status"]["hostIPs"] = json!([{"ip": host}]);
        pod["status"]["containerStatuses"] =
            containers(pod, &json!({"waiting": {"reason": "ContainerCreating"}}), false);
        set_condition(pod, now, "Initialized", "True", "PodCompleted", "");
        let names: Vec<&str> = items(&pod["spec"], "/containers").iter().map(|one| text(one, "/name")).collect();
        let message = format!("containers with unready status: [{}]", names.join(" "));
        set_condition(pod, now, "ContainersReady", "False", "ContainersNotReady", &message);
        set_condition(pod, now, "Ready", "False", "ContainersNotReady", &message);
    });
    for container in items(pod, "/spec/containers") {
        let message = format!("Pulling image \"{}\"", text(container, "/image"));
        inside.event(pod, "kubelet", "Normal", "Pulling", &message);
    }
}

/// An address of a pod's own, in its node's neighbourhood.
fn address(inside: &Inside<'_, '_>, pod: &Json) -> String {
    let host = text(pod, "/status/hostIP").to_owned();
    if pod["spec"]["hostNetwork"] == true {
        return host;
    }
    let mut parts: Vec<String> = host.split('.').map(str::to_owned).collect();
    let chance = inside.here.chance(&format!("address/{}", uid(pod)));
    if let [_, _, third, last] = parts.as_mut_slice() {
        let low = third.parse::<u64>().unwrap_or_default() & !3;
        (*third, *last) = ((low + chance % 4).to_string(), (4 + chance / 4 % 248).to_string());
    }
    parts.join(".")
}

fn start(inside: &mut Inside<'_, '_>, pod: &Json) {
    let now = inside.now();
    for container in items(pod, "/spec/containers") {
        let (image, of) = (text(container, "/image"), text(container, "/name"));
        inside.event(pod, "kubelet", "Normal", "Pulled", &format!("Successfully pulled image \"{image}\""));
        inside.event(pod, "kubelet", "Normal", "Created", &format!("Created container: {of}"));
        inside.event(pod, "kubelet", "Normal", "Started", &format!("Started container {of}"));
    }
    let ip = address(inside, inside.store.get("pods", &Key::of(pod)).unwrap_or(pod));
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["status"]["phase"] = json!("Running");
        pod["status"]["podIP"] = json!(ip);
        pod["status"]["podIPs"] = json!([{"ip": ip}]);
        pod["status"]["containerStatuses"] = containers(pod, &json!({"running": {"startedAt": time(now)}}), false);
    });
}

fn ready(inside: &mut Inside<'_, '_>, pod: &Json) {
    let now = inside.now();
    inside.store.change("pods", &Key::of(pod), |pod| {
        let state = pod.pointer("/status/containerStatuses/0/state").cloned().unwrap_or_default();
        pod["status"]["containerStatuses"] = containers(pod, &state, true);
        set_condition(pod, now, "ContainersReady", "True", "", "");
        set_condition(pod, now, "Ready", "True", "", "");
        for one in pod["status"]["conditions"].as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
            one.retain(|_, value| value != "");
        }
    });
}

fn succeed(inside: &mut Inside<'_, '_>, key: &Key) {
    let now = inside.now();
    inside.store.change("pods", key, |pod| {
        let from = pod.pointer("/status/containerStatuses/0/state/running/startedAt").cloned().unwrap_or_default();
        let state =
            json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": from, "finishedAt": time(now)}});
        pod["status"]["phase"] = json!("Succeeded");
        pod["status"]["containerStatuses"] = containers(pod, &state, false);
        set_condition(pod, now, "Ready", "False", "PodCompleted", "");
    });
}

fn no_image(inside: &mut Inside<'_, '_>, pod: &Json, image: &str) {
    let waiting = text(pod, "/status/containerStatuses/0/state/waiting/reason");
    let (reason, message) = match waiting {
        "ErrImagePull" | "ImagePullBackOff" => ("ImagePullBackOff", format!("Back-off pulling image \"{image}\"")),
        _ => (
            "ErrImagePull",
            format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": not found"),
        ),
    };
    if waiting == "ImagePullBackOff" {
        return;
    }
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["status"]["containerStatuses"] =
            containers(pod, &json!({"waiting": {"reason": reason, "message": message}}), false);
    });
    let words = if reason == "ErrImagePull" { format!("Failed to pull image \"{image}\": {message}") } else { message };
    let event = if reason == "ErrImagePull" { "Failed" } else { "BackOff" };
    inside.event(pod, "kubelet", "Warning", event, &words);
    let again = inside.now() + 10_000;
    inside.wake(again);
}

/// A container that ends at once is started again after 10 s, 20 s, … up to 5 minutes.
fn crash(inside: &mut Inside<'_, '_>, pod: &Json, why: &str) {
    let now = inside.now();
    let restarts = pod.pointer("/status/containerStatuses/0/restartCount").and_then(Json::as_i64).unwrap_or_default();
    let ended =
        pod.pointer("/status/containerStatuses/0/lastState/terminated/finishedAt").map(moment).unwrap_or_default();
    let wait = (10_000_i64 << restarts.clamp(0, 5)).min(300_000);
    if ended > 0 && running_since(pod) == 0 && !inside.reached(ended + wait) {
        return;
    }
    let code = json!({"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": time(now), "startedAt": time(now), "message": why}});
    let names: Vec<String> = items(pod, "/spec/containers").iter().map(|one| text(one, "/name").to_owned()).collect();
    let message = format!(
        "back-off restarting failed container={} pod={}_{}({})",
        names.join(","),
        name(pod),
        super::meta::namespace(pod),
        uid(pod)
    );
    inside.store.change("pods", &Key::of(pod), |pod| {
        pod["status"]["phase"] = json!("Running");
        pod["status"]["containerStatuses"] =
            containers(pod, &json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}), false);
        for one in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
            one["restartCount"] = json!(restarts + 1);
            one["lastState"] = code.clone();
        }
        set_condition(pod, now, "ContainersReady", "False", "ContainersNotReady", "");
        set_condition(
            pod,
            now,
            "Ready",
            "False",
            "ContainersNotReady",
            &format!("containers with unready status: [{}]", names.join(" ")),
        );
    });
    inside.event(
        pod,
        "kubelet",
        "Warning",
        "BackOff",
        &format!("Back-off restarting failed container {} in pod {}", names.join(","), name(pod)),
    );
    inside.wake(now + (10_000_i64 << (restarts + 1).clamp(0, 5)).min(300_000));
}
