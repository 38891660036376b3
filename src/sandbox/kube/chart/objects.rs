//! What a release of the chart makes in a namespace, from its values: the settings land where the original puts them, and
//! what it does not know it ignores.

use serde_json::{Map, Value as Json, json};

use super::access::access;
use super::minor;

/// Everything but the namespace itself: service account, roles and bindings, Service, PodDisruptionBudget, Deployment.
#[must_use]
pub fn objects(version: &str, namespace: &str, values: &Json) -> Vec<Json> {
    let labels = json!({
        "helm.sh/chart": format!("karpenter-{version}"), "app.kubernetes.io/name": "karpenter",
        "app.kubernetes.io/instance": "karpenter", "app.kubernetes.io/version": version, "app.kubernetes.io/managed-by": "Helm",
    });
    let selector = json!({"app.kubernetes.io/name": "karpenter", "app.kubernetes.io/instance": "karpenter"});
    let metadata = || json!({"name": "karpenter", "namespace": namespace, "labels": labels});
    let mut account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata()});
    if values["serviceAccount"]["annotations"].is_object() {
        account["metadata"]["annotations"] = values["serviceAccount"]["annotations"].clone();
    }
    let mut objects = vec![
        account,
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata(),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector}},
        }),
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata(),
            "spec": {
                "type": "ClusterIP", "selector": selector,
                "ports": [{"name": "http-metrics", "port": 8080, "targetPort": "http-metrics", "protocol": "TCP"}],
            },
        }),
    ];
    objects.extend(access(namespace, &labels));
    objects.push(deployment(version, metadata(), &selector, values));
    objects
}

fn or(value: &Json, default: Json) -> Json {
    if value.is_null() { default } else { value.clone() }
}

fn deployment(version: &str, mut metadata: Json, selector: &Json, values: &Json) -> Json {
    if values["additionalAnnotations"].is_object() {
        metadata["annotations"] = values["additionalAnnotations"].clone();
    }
    let mut pod_labels = selector.clone();
    for (key, value) in values["podLabels"].as_object().into_iter().flatten() {
        pod_labels[key] = value.clone();
    }
    let affinity = json!({
        "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "karpenter.sh/nodepool", "operator": "DoesNotExist"}]},
        ]}},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": selector}, "topologyKey": "kubernetes.io/hostname"},
        ]},
    });
    let spread = json!([{
        "labelSelector": {"matchLabels": selector}, "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule",
    }]);
    let mut spec = json!({
        "serviceAccountName": "karpenter",
        "priorityClassName": or(&values["priorityClassName"], json!("system-cluster-critical")),
        "dnsPolicy": or(&values["dnsPolicy"], json!("ClusterFirst")),
        "nodeSelector": or(&values["nodeSelector"], json!({"kubernetes.io/os": "linux"})),
        "affinity": or(&values["affinity"], affinity),
        "topologySpreadConstraints": or(&values["topologySpreadConstraints"], spread),
        "tolerations": or(&values["tolerations"], json!([{"key": "CriticalAddonsOnly", "operator": "Exists"}])),
        "securityContext": {"fsGroup": 65532, "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container(version, values)],
    });
    if values["hostNetwork"] == true {
        spec["hostNetwork"] = json!(true);
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "replicas": or(&values["replicas"], json!(2)),
            "revisionHistoryLimit": or(&values["revisionHistoryLimit"], json!(10)),
            "strategy": or(&values["strategy"], json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}})),
            "selector": {"matchLabels": selector},
            "template": {
                "metadata": {"labels": pod_labels, "annotations": or(&values["podAnnotations"], json!({}))},
                "spec": spec,
            },
        },
    })
}

fn container(version: &str, values: &Json) -> Json {
    let image = &values["controller"]["image"];
    let place = image["repository"].as_str().unwrap_or("public.ecr.aws/karpenter/controller");
    let tag = image["tag"].as_str().unwrap_or(version);
    let digest = image["digest"]
        .as_str()
        .filter(|digest| !digest.is_empty())
        .map(|digest| format!("@{digest}"))
        .unwrap_or_default();
    let probe = |path: &str, delay: u32| json!({"httpGet": {"path": path, "port": "http"}, "initialDelaySeconds": delay, "timeoutSeconds": 30});
    let mut env = environment(version, values);
    env.extend(values["controller"]["env"].as_array().cloned().unwrap_or_default());
    json!({
        "name": "controller", "image": format!("{place}:{tag}{digest}"), "imagePullPolicy": "IfNotPresent", "env": env,
        "ports": [
            {"name": "http-metrics", "containerPort": 8080, "protocol": "TCP"},
            {"name": "http", "containerPort": 8081, "protocol": "TCP"},
        ],
        "livenessProbe": probe("/healthz", 30), "readinessProbe": probe("/readyz", 5),
        "resources": or(&values["controller"]["resources"], json!({})),
        "securityContext": {
            "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true,
            "runAsGroup": 65532, "runAsNonRoot": true, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"},
        },
    })
}

/// The settings as the controller reads them. One that is empty is left out where the original leaves it out.
fn environment(version: &str, values: &Json) -> Vec<Json> {
    let settings = &values["settings"];
    let plain = |value: &Json| match value {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        other => other.to_string(),
    };
    let mut env: Vec<Json> = [
        ("KUBERNETES_MIN_VERSION", "1.19.0-0"),
        ("KARPENTER_SERVICE", "karpenter"),
        ("LOG_LEVEL", "info"),
        ("METRICS_PORT", "8080"),
        ("HEALTH_PROBE_PORT", "8081"),
    ]
    .iter()
    .map(|(name, value)| json!({"name": name, "value": value}))
    .collect();
    env.push(json!({"name": "SYSTEM_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}));
    env.push(json!({"name": "FEATURE_GATES", "value": gates(version, &settings["featureGates"])}));
    for (name, key, default) in [
        ("BATCH_MAX_DURATION", "batchMaxDuration", "10s"),
        ("BATCH_IDLE_DURATION", "batchIdleDuration", "1s"),
        ("CLUSTER_NAME", "clusterName", ""),
        ("CLUSTER_ENDPOINT", "clusterEndpoint", ""),
        ("CLUSTER_CA_BUNDLE", "clusterCABundle", ""),
        ("ISOLATED_VPC", "isolatedVPC", ""),
        ("EKS_CONTROL_PLANE", "eksControlPlane", ""),
        ("VM_MEMORY_OVERHEAD_PERCENT", "vmMemoryOverheadPercent", "0.075"),
        ("INTERRUPTION_QUEUE", "interruptionQueue", ""),
        ("RESERVED_ENIS", "reservedENIs", "0"),
        ("ENABLE_ZONAL_SHIFT", "enableZonalShift", ""),
    ] {
        let own = plain(&settings[key]);
        let value = if own.is_empty() { default.to_owned() } else { own };
        let known = name != "ENABLE_ZONAL_SHIFT" || minor(version) >= (1, 12);
        if known && !value.is_empty() && value != "false" {
            env.push(json!({"name": name, "value": value}));
        }
    }
    env
}

fn gates(version: &str, own: &Json) -> String {
    let at = minor(version);
    let known: [(&str, &str, bool, (u32, u32)); 5] = [
        ("NodeRepair", "nodeRepair", false, (1, 1)),
        ("ReservedCapacity", "reservedCapacity", at >= (1, 6), (1, 3)),
        ("SpotToSpotConsolidation", "spotToSpotConsolidation", false, (1, 0)),
        ("NodeOverlay", "nodeOverlay", false, (1, 7)),
        ("StaticCapacity", "staticCapacity", false, (1, 8)),
    ];
    let mut told = Map::new();
    for (name, key, default, since) in known {
        if at >= since {
            told.insert(name.to_owned(), or(&own[key], json!(default)));
        }
    }
    told.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(",")
}
