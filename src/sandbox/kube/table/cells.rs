//! What stands in the columns of core kinds.

use serde_json::{Value as Json, json};

use super::{age, human};
use crate::sandbox::kube::store::text;
use crate::sandbox::state::Millis;

const NONE: &str = "<none>";

/// The cell of a column.
pub(super) fn cell(resource: &str, column: &str, object: &Json, now: Millis) -> Json {
    let name = || text(object, "/metadata/name");
    let shown = match (resource, column) {
        ("storageclasses.storage.k8s.io", "Name") => {
            let default = &object["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"];
            if default == "true" { format!("{} (default)", name()) } else { name().to_owned() }
        }
        (_, "Name") => name().to_owned(),
        (_, "Age") => age(object, now),
        (_, "Created At") => text(object, "/metadata/creationTimestamp").to_owned(),
        ("pods", _) => return pod(column, object),
        ("nodes", _) => node(column, object),
        ("events", _) => event(column, object, now),
        ("services", _) => service(column, object),
        (_, "Containers" | "Images" | "Selector") => template(column, object),
        _ => return plain(resource, column, object, now),
    };
    json!(shown)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { NONE.to_owned() } else { text.to_owned() }
}

fn list<'a>(object: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> {
    object.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

fn pod(column: &str, pod: &Json) -> Json {
    let states = || list(pod, "/status/containerStatuses");
    json!(match column {
        "Ready" => {
            let ready = states().filter(|state| state["ready"] == true).count();
            format!("{ready}/{}", list(pod, "/spec/containers").count())
        }
        "Restarts" => states().filter_map(|state| state["restartCount"].as_u64()).sum::<u64>().to_string(),
        "Status" => status(pod),
        "IP" => or_none(text(pod, "/status/podIP")),
        "Node" => or_none(text(pod, "/spec/nodeName")),
        "Nominated Node" => or_none(text(pod, "/status/nominatedNodeName")),
        _ => NONE.to_owned(),
    })
}

/// What a pod is doing, in a word.
fn status(pod: &Json) -> String {
    if !text(pod, "/metadata/deletionTimestamp").is_empty() {
        return "Terminating".to_owned();
    }
    let mut word = match text(pod, "/status/reason") {
        "" => text(pod, "/status/phase"),
        reason => reason,
    };
    for state in list(pod, "/status/containerStatuses") {
        for pointer in ["/state/waiting/reason", "/state/terminated/reason"] {
            let reason = text(state, pointer);
            if !reason.is_empty() {
                word = reason;
            }
        }
    }
    if word.is_empty() { "Unknown".to_owned() } else { word.to_owned() }
}

fn node(column: &str, node: &Json) -> String {
    let address = |kind: &str| {
        let found = list(node, "/status/addresses").find(|address| address["type"] == kind);
        or_none(found.map(|address| text(address, "/address")).unwrap_or_default())
    };
    let info = |field: &str| text(node, &format!("/status/nodeInfo/{field}")).to_owned();
    match column {
        "Status" => {
            let ready = list(node, "/status/conditions").find(|condition| condition["type"] == "Ready");
            let mut word = match ready.map(|ready| text(ready, "/status")) {
                Some("True") => "Ready",
                Some(_) => "NotReady",
                None => "Unknown",
            }
            .to_owned();
            if node["spec"]["unschedulable"] == true {
                word.push_str(",SchedulingDisabled");
            }
            word
        }
        "Roles" => {
            let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
            let roles: Vec<&str> = labels
                .filter_map(|(key, value)| {
                    let role = key.strip_prefix("node-role.kubernetes.io/").filter(|role| !role.is_empty());
                    role.or_else(|| value.as_str().filter(|role| key == "kubernetes.io/role" && !role.is_empty()))
                })
                .collect();
            or_none(&roles.join(","))
        }
        "Version" => info("kubeletVersion"),
        "Internal-IP" => address("InternalIP"),
        "External-IP" => address("ExternalIP"),
        "OS-Image" => info("osImage"),
        "Kernel-Version" => info("kernelVersion"),
        _ => info("containerRuntimeVersion"),
    }
}

fn event(column: &str, event: &Json, now: Millis) -> String {
    let ago = |field: &str| match text(event, field) {
        "" => human::since(text(event, "/eventTime"), now),
        time => human::since(time, now),
    };
    match column {
        "Last Seen" => ago("/lastTimestamp"),
        "First Seen" => ago("/firstTimestamp"),
        "Type" => text(event, "/type").to_owned(),
        "Reason" => text(event, "/reason").to_owned(),
        "Object" => {
            let kind = text(event, "/involvedObject/kind").to_lowercase();
            format!("{kind}/{}", text(event, "/involvedObject/name"))
        }
        "Message" => text(event, "/message").trim().to_owned(),
        "Source" => text(event, "/source/component").to_owned(),
        _ => event["count"].as_u64().unwrap_or(1).to_string(),
    }
}

fn service(column: &str, service: &Json) -> String {
    match column {
        "Type" => text(service, "/spec/type").to_owned(),
        "Cluster-IP" => or_none(text(service, "/spec/clusterIP")),
        "External-IP" => {
            let outside = list(service, "/status/loadBalancer/ingress").map(|one| match text(one, "/hostname") {
                "" => text(one, "/ip"),
                name => name,
            });
            let names: Vec<&str> = outside.collect();
            match (text(service, "/spec/type"), names.is_empty()) {
                ("LoadBalancer", true) => "<pending>".to_owned(),
                _ => or_none(&names.join(",")),
            }
        }
        "Port(s)" => {
            let ports = list(service, "/spec/ports").map(|port| {
                let protocol = match text(port, "/protocol") {
                    "" => "TCP",
                    protocol => protocol,
                };
                let node = port["nodePort"].as_u64().map(|node| format!(":{node}")).unwrap_or_default();
                format!("{}{node}/{protocol}", port["port"])
            });
            or_none(&ports.collect::<Vec<_>>().join(","))
        }
        _ => labels(&service["spec"]["selector"]),
    }
}

/// Labels as one text.
fn labels(map: &Json) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let pairs: Vec<String> =
        pairs.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    or_none(&pairs.join(","))
}

fn template(column: &str, object: &Json) -> String {
    let containers = |field: &str| {
        let all = list(object, "/spec/template/spec/containers").map(|one| text(one, &format!("/{field}")));
        all.collect::<Vec<_>>().join(",")
    };
    match column {
        "Containers" => containers("name"),
        "Images" => containers("image"),
        _ => labels(&object["spec"]["selector"]["matchLabels"]),
    }
}

/// Kinds whose cells are fields as they are.
fn plain(resource: &str, column: &str, object: &Json, now: Millis) -> Json {
    let number = |pointer: &str| object.pointer(pointer).and_then(Json::as_i64).unwrap_or_default();
    let word = |pointer: &str| json!(text(object, pointer));
    let value = |pointer: &str, none: &str| match object.pointer(pointer) {
        None | Some(Json::Null) => json!(none),
        Some(Json::String(text)) => json!(text),
        Some(other) => json!(other.to_string()),
    };
    let size = |field: &str| object[field].as_object().map_or(0, serde_json::Map::len);
    match (resource, column) {
        ("deployments.apps" | "statefulsets.apps", "Ready") => {
            let wanted = object.pointer("/spec/replicas").and_then(Json::as_i64).unwrap_or(1);
            json!(format!("{}/{wanted}", number("/status/readyReplicas")))
        }
        ("deployments.apps", "Up-to-date") => json!(number("/status/updatedReplicas")),
        ("deployments.apps", "Available") => json!(number("/status/availableReplicas")),
        ("daemonsets.apps", "Desired") => json!(number("/status/desiredNumberScheduled")),
        ("daemonsets.apps", "Current") => json!(number("/status/currentNumberScheduled")),
        ("daemonsets.apps", "Ready") => json!(number("/status/numberReady")),
        ("daemonsets.apps", "Up-to-date") => json!(number("/status/updatedNumberScheduled")),
        ("daemonsets.apps", "Available") => json!(number("/status/numberAvailable")),
        ("daemonsets.apps", _) => json!(labels(&object["spec"]["template"]["spec"]["nodeSelector"])),
        ("replicasets.apps", "Desired") => json!(number("/spec/replicas")),
        ("replicasets.apps", "Current") => json!(number("/status/replicas")),
        ("replicasets.apps", _) => json!(number("/status/readyReplicas")),
        ("jobs.batch", "Completions") => {
            json!(format!("{}/{}", number("/status/succeeded"), object["spec"]["completions"].as_i64().unwrap_or(1)))
        }
        ("jobs.batch", "Duration") => {
            let (from, to) = (text(object, "/status/startTime"), text(object, "/status/completionTime"));
            let end = to.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
            json!(if from.is_empty() { String::new() } else { human::since(from, end) })
        }
        ("jobs.batch", _) => {
            let done = list(object, "/status/conditions").find(|one| one["status"] == "True");
            json!(done.map_or("Running", |one| text(one, "/type")))
        }
        ("namespaces", _) => word("/status/phase"),
        ("configmaps", _) => json!(size("data") + size("binaryData")),
        ("secrets", "Type") => word("/type"),
        ("secrets", _) => json!(size("data")),
        ("serviceaccounts", _) => json!(list(object, "/secrets").count()),
        ("persistentvolumeclaims" | "persistentvolumes", _) => volume(resource, column, object),
        ("poddisruptionbudgets.policy", "Min Available") => value("/spec/minAvailable", "N/A"),
        ("poddisruptionbudgets.policy", "Max Unavailable") => value("/spec/maxUnavailable", "N/A"),
        ("poddisruptionbudgets.policy", _) => json!(number("/status/disruptionsAllowed")),
        ("storageclasses.storage.k8s.io", "Provisioner") => word("/provisioner"),
        ("storageclasses.storage.k8s.io", "ReclaimPolicy") => value("/reclaimPolicy", "Delete"),
        ("storageclasses.storage.k8s.io", "VolumeBindingMode") => value("/volumeBindingMode", "Immediate"),
        ("storageclasses.storage.k8s.io", _) => json!((object["allowVolumeExpansion"] == true).to_string()),
        ("componentstatuses", "Status") => {
            let healthy = list(object, "/conditions").any(|one| one["type"] == "Healthy" && one["status"] == "True");
            json!(if healthy { "Healthy" } else { "Unhealthy" })
        }
        ("componentstatuses", "Message") => word("/conditions/0/message"),
        ("componentstatuses", _) => json!(""),
        (_, "Role") => json!(format!("{}/{}", text(object, "/roleRef/kind"), text(object, "/roleRef/name"))),
        ("priorityclasses.scheduling.k8s.io", "Value") => json!(number("/value")),
        ("priorityclasses.scheduling.k8s.io", "Global-Default") => json!((object["globalDefault"] == true).to_string()),
        ("priorityclasses.scheduling.k8s.io", _) => value("/preemptionPolicy", "PreemptLowerPriority"),
        ("flowschemas.flowcontrol.apiserver.k8s.io", "PriorityLevel") => word("/spec/priorityLevelConfiguration/name"),
        ("flowschemas.flowcontrol.apiserver.k8s.io", _) => json!(number("/spec/matchingPrecedence")),
        ("leases.coordination.k8s.io", _) => word("/spec/holderIdentity"),
        _ => json!(""),
    }
}

fn volume(resource: &str, column: &str, object: &Json) -> Json {
    let claim = resource == "persistentvolumeclaims";
    let word = |pointer: &str| text(object, pointer).to_owned();
    let modes = list(object, "/spec/accessModes").map(|mode| match mode.as_str().unwrap_or_default() {
        "ReadWriteOnce" => "RWO",
        "ReadOnlyMany" => "ROX",
        "ReadWriteMany" => "RWX",
        _ => "RWOP",
    });
    json!(match column {
        "Status" => word("/status/phase"),
        "Volume" => word("/spec/volumeName"),
        "Capacity" if claim => word("/status/capacity/storage"),
        "Capacity" => word("/spec/capacity/storage"),
        "Access Modes" => modes.collect::<Vec<_>>().join(","),
        "Reclaim Policy" => word("/spec/persistentVolumeReclaimPolicy"),
        "Claim" => match (text(object, "/spec/claimRef/namespace"), text(object, "/spec/claimRef/name")) {
            (_, "") => String::new(),
            (namespace, name) => format!("{namespace}/{name}"),
        },
        "StorageClass" => word("/spec/storageClassName"),
        "VolumeAttributesClass" => "<unset>".to_owned(),
        "VolumeMode" => word("/spec/volumeMode"),
        _ => String::new(),
    })
}
