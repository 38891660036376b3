//! Defaults of core kinds that clients and controllers can see (Kubernetes API reference).

use serde_json::{Map, Value as Json, json};

use super::store::{Key, Store, text};
use super::types::Kind;

/// Sets a field that is not there.
fn set(object: &mut Json, field: &str, value: Json) {
    if let Json::Object(fields) = object {
        fields.entry(field.to_owned()).or_insert(value);
    }
}

/// The map at a field, made if it is not there.
fn map<'a>(object: &'a mut Json, field: &str) -> &'a mut Json {
    set(object, field, Json::Object(Map::new()));
    &mut object[field]
}

/// Fills an object in.
pub(super) fn fill(store: &Store, kind: &Kind, object: &mut Json, old: Option<&Json>) {
    match kind.resource().as_str() {
        "pods" => pods(store, object, old),
        "deployments.apps" => {
            let spec = map(object, "spec");
            set(spec, "replicas", json!(1));
            set(spec, "progressDeadlineSeconds", json!(600));
            set(spec, "revisionHistoryLimit", json!(10));
            let strategy = map(spec, "strategy");
            set(strategy, "type", json!("RollingUpdate"));
            if strategy["type"] == "RollingUpdate" {
                let rolling = map(strategy, "rollingUpdate");
                set(rolling, "maxSurge", json!("25%"));
                set(rolling, "maxUnavailable", json!("25%"));
            }
            template(spec);
        }
        "daemonsets.apps" => {
            let spec = map(object, "spec");
            set(spec, "revisionHistoryLimit", json!(10));
            let strategy = map(spec, "updateStrategy");
            set(strategy, "type", json!("RollingUpdate"));
            if strategy["type"] == "RollingUpdate" {
                let rolling = map(strategy, "rollingUpdate");
                set(rolling, "maxSurge", json!(0));
                set(rolling, "maxUnavailable", json!(1));
            }
            template(spec);
        }
        "replicasets.apps" => {
            let spec = map(object, "spec");
            set(spec, "replicas", json!(1));
            template(spec);
        }
        "statefulsets.apps" => {
            let spec = map(object, "spec");
            set(spec, "replicas", json!(1));
            set(spec, "podManagementPolicy", json!("OrderedReady"));
            set(spec, "revisionHistoryLimit", json!(10));
            set(map(spec, "updateStrategy"), "type", json!("RollingUpdate"));
            template(spec);
        }
        "jobs.batch" => {
            let spec = map(object, "spec");
            set(spec, "backoffLimit", json!(6));
            set(spec, "completions", json!(1));
            set(spec, "parallelism", json!(1));
            set(spec, "completionMode", json!("NonIndexed"));
            set(spec, "suspend", json!(false));
            template(spec);
        }
        "services" => service(store, object, old),
        "storageclasses.storage.k8s.io" => {
            set(object, "reclaimPolicy", json!("Delete"));
            set(object, "volumeBindingMode", json!("Immediate"));
        }
        "flowschemas.flowcontrol.apiserver.k8s.io" => set(map(object, "spec"), "matchingPrecedence", json!(1000)),
        "persistentvolumeclaims" => {
            let class = store.list("storageclasses.storage.k8s.io").find(|class| {
                class["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
            });
            let spec = map(object, "spec");
            set(spec, "volumeMode", json!("Filesystem"));
            if let Some(class) = class.filter(|_| old.is_none()) {
                set(spec, "storageClassName", class["metadata"]["name"].clone());
            }
            if old.is_none() {
                object["status"] = json!({ "phase": "Pending" });
            }
        }
        "namespaces" => {
            let name = object["metadata"]["name"].clone();
            set(map(&mut object["metadata"], "labels"), "kubernetes.io/metadata.name", name);
            set(map(object, "spec"), "finalizers", json!(["kubernetes"]));
            if old.is_none() {
                object["status"] = json!({ "phase": "Active" });
            }
        }
        "secrets" => {
            set(object, "type", json!("Opaque"));
            strings(object);
        }
        "clusterrolebindings.rbac.authorization.k8s.io" | "rolebindings.rbac.authorization.k8s.io" => {
            set(&mut object["roleRef"], "apiGroup", json!("rbac.authorization.k8s.io"));
            for subject in object["subjects"].as_array_mut().into_iter().flatten() {
                if subject["kind"] != "ServiceAccount" {
                    set(subject, "apiGroup", json!("rbac.authorization.k8s.io"));
                }
            }
        }
        "priorityclasses.scheduling.k8s.io" => set(object, "preemptionPolicy", json!("PreemptLowerPriority")),
        _ => {}
    }
}

/// `stringData` becomes `data`.
fn strings(object: &mut Json) {
    use base64::Engine as _;
    let given = object.as_object_mut().and_then(|fields| fields.remove("stringData"));
    for (name, value) in given.as_ref().and_then(Json::as_object).into_iter().flatten() {
        let encoded = base64::prelude::BASE64_STANDARD.encode(value.as_str().unwrap_or_default());
        map(object, "data")[name] = json!(encoded);
    }
}

fn template(spec: &mut Json) {
    if spec["template"].is_object() {
        pod_spec(map(&mut spec["template"], "spec"));
    }
}

fn pod_spec(spec: &mut Json) {
    set(spec, "restartPolicy", json!("Always"));
    set(spec, "dnsPolicy", json!("ClusterFirst"));
    set(spec, "schedulerName", json!("default-scheduler"));
    set(spec, "terminationGracePeriodSeconds", json!(30));
    set(spec, "securityContext", json!({}));
    if let Some(account) = spec["serviceAccountName"].as_str().map(str::to_owned) {
        set(spec, "serviceAccount", json!(account));
    }
    for list in ["containers", "initContainers"] {
        for container in spec[list].as_array_mut().into_iter().flatten() {
            let image = text(container, "/image").to_owned();
            let tag = image.rsplit('/').next().unwrap_or_default();
            let latest = !tag.contains(':') || tag.ends_with(":latest");
            set(
                container,
                "imagePullPolicy",
                json!(if latest && !image.contains('@') { "Always" } else { "IfNotPresent" }),
            );
            set(container, "resources", json!({}));
            set(container, "terminationMessagePath", json!("/dev/termination-log"));
            set(container, "terminationMessagePolicy", json!("File"));
            for port in container["ports"].as_array_mut().into_iter().flatten() {
                set(port, "protocol", json!("TCP"));
            }
            // What is limited and not requested is requested as it is limited.
            let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
            if !limits.is_empty() {
                let requests = map(&mut container["resources"], "requests");
                for (name, value) in limits {
                    set(requests, &name, value);
                }
            }
        }
    }
}

fn pods(store: &Store, object: &mut Json, old: Option<&Json>) {
    let priority = text(object, "/spec/priorityClassName").to_owned();
    let spec = map(object, "spec");
    set(spec, "serviceAccountName", json!("default"));
    pod_spec(spec);
    set(spec, "enableServiceLinks", json!(true));
    set(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
    let class = store.get("priorityclasses.scheduling.k8s.io", &Key::global(priority));
    set(spec, "priority", class.map_or_else(|| json!(0), |class| class["value"].clone()));
    if old.is_none() {
        tolerate(spec);
        let class = quality(spec);
        object["status"] = json!({ "phase": "Pending", "qosClass": class });
    }
}

/// Every pod puts up with a node that is not ready for five minutes.
fn tolerate(spec: &mut Json) {
    set(spec, "tolerations", json!([]));
    let Some(all) = spec["tolerations"].as_array_mut() else { return };
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let known = all.iter().any(|one| {
            let any = one["key"].is_null() && one["operator"] == "Exists";
            let effect = one["effect"].is_null() || one["effect"] == "NoExecute";
            (any || one["key"] == key) && effect
        });
        if !known {
            all.push(json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }));
        }
    }
}

/// The quality of service: `Guaranteed`, `Burstable`, `BestEffort`.
fn quality(spec: &Json) -> &'static str {
    let containers: Vec<&Json> = spec["containers"].as_array().into_iter().flatten().collect();
    let asks = |one: &&Json| one["resources"]["requests"].as_object().is_some_and(|all| !all.is_empty());
    let full = |one: &&Json| {
        let resources = &one["resources"];
        ["cpu", "memory"].iter().all(|name| {
            let limit = &resources["limits"][*name];
            !limit.is_null() && *limit == resources["requests"][*name]
        })
    };
    if containers.iter().all(full) {
        "Guaranteed"
    } else if containers.iter().any(asks) {
        "Burstable"
    } else {
        "BestEffort"
    }
}

fn service(store: &Store, object: &mut Json, old: Option<&Json>) {
    let kubernetes = store.get("services", &Key::new("default", "kubernetes"));
    let first = kubernetes.map_or("10.100.0.1", |service| text(service, "/spec/clusterIP")).to_owned();
    let used = store.list("services").count();
    let spec = map(object, "spec");
    set(spec, "type", json!("ClusterIP"));
    set(spec, "sessionAffinity", json!("None"));
    set(spec, "internalTrafficPolicy", json!("Cluster"));
    set(spec, "ipFamilyPolicy", json!("SingleStack"));
    set(spec, "ipFamilies", json!([if first.contains(':') { "IPv6" } else { "IPv4" }]));
    let outside = ["LoadBalancer", "NodePort"].contains(&text(spec, "/type"));
    if let Some(address) = old.and_then(|old| old.pointer("/spec/clusterIP")) {
        set(spec, "clusterIP", address.clone());
    } else if text(spec, "/type") != "ExternalName" {
        set(spec, "clusterIP", json!(address(&first, used)));
    }
    if !spec["clusterIP"].is_null() {
        let addresses = json!([spec["clusterIP"]]);
        set(spec, "clusterIPs", addresses);
    }
    if outside {
        set(spec, "externalTrafficPolicy", json!("Cluster"));
    }
    if text(spec, "/type") == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    for (at, port) in spec["ports"].as_array_mut().into_iter().flatten().enumerate() {
        set(port, "protocol", json!("TCP"));
        let same = port["port"].clone();
        set(port, "targetPort", same);
        if outside {
            let known = old.and_then(|old| old.pointer(&format!("/spec/ports/{at}/nodePort")).cloned());
            set(port, "nodePort", known.unwrap_or_else(|| json!(30_000 + (used * 37 + at) % 2_768)));
        }
    }
    if old.is_none() {
        object["status"] = json!({ "loadBalancer": {} });
    }
}

/// The address so many after the first one of a range.
fn address(first: &str, after: usize) -> String {
    let after = u32::try_from(after).unwrap_or_default();
    match first.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(first)) => {
            std::net::Ipv4Addr::from(u32::from(first).wrapping_add(9 + after)).to_string()
        }
        Ok(std::net::IpAddr::V6(first)) => {
            std::net::Ipv6Addr::from(u128::from(first).wrapping_add(9 + u128::from(after))).to_string()
        }
        Err(_) => first.to_owned(),
    }
}
