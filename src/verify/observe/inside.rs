//! What the cluster says: its lists, its own health, the controller's log.

use futures_util::future::{join_all, join4, join5};
use serde_json::Value as Json;

use crate::cloud::Cloud;
use crate::cloud::kubernetes::{Api, Client, Place, objects, text as text_at};
use crate::config::Spec;
use crate::engine::{Class, Read};
use crate::verify::diagnose::DEFINITIONS;
use crate::verify::observed::{Kube, Seen};
use crate::verify::read::{self, text};

/// Lines of each controller pod: some minutes of a busy one, hours of a quiet one.
const TAIL: usize = 300;

const fn api(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str) -> Api {
    Api { group, version, kind, plural }
}

const NODES: Api = api("", "v1", "Node", "nodes");
pub(in crate::verify) const PODS: Api = api("", "v1", "Pod", "pods");
const SERVICE_ACCOUNTS: Api = api("", "v1", "ServiceAccount", "serviceaccounts");
const CLAIMS: Api = api("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims");
const EVENTS: Api = api("", "v1", "Event", "events");
const COMPONENTS: Api = api("", "v1", "ComponentStatus", "componentstatuses");
const DEPLOYMENTS: Api = api("apps", "v1", "Deployment", "deployments");
const DAEMON_SETS: Api = api("apps", "v1", "DaemonSet", "daemonsets");
const BUDGETS: Api = api("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
const STORAGE_CLASSES: Api = api("storage.k8s.io", "v1", "StorageClass", "storageclasses");
const RESOURCES: Api = api("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
const NODE_POOLS: Api = api("karpenter.sh", "v1", "NodePool", "nodepools");
pub(in crate::verify) const NODE_CLAIMS: Api = api("karpenter.sh", "v1", "NodeClaim", "nodeclaims");
const NODE_CLASSES: Api = api("karpenter.k8s.aws", "v1", "EC2NodeClass", "ec2nodeclasses");
const METRICS: Api = api("metrics.k8s.io", "v1beta1", "NodeMetrics", "nodes");

/// Everything, in parallel.
pub(super) async fn kube(cloud: &Cloud, spec: &Spec) -> Kube {
    let client = match cloud.kube(&spec.cluster.name).await {
        Ok(Some(client)) => client,
        Ok(None) => return unknown("there is no cluster, or its control plane is not up"),
        Err(failure) => return unknown(&failure.to_string()),
    };
    let namespace = spec.karpenter.namespace.as_str();
    let first = Box::pin(join5(
        list(&client, &NODES, None),
        list(&client, &PODS, None),
        list(&client, &DEPLOYMENTS, None),
        list(&client, &DAEMON_SETS, None),
        list(&client, &SERVICE_ACCOUNTS, Some(namespace)),
    ));
    let second = Box::pin(join5(
        list(&client, &CLAIMS, None),
        list(&client, &STORAGE_CLASSES, None),
        list(&client, &BUDGETS, None),
        list(&client, &EVENTS, None),
        definitions(&client),
    ));
    let third = Box::pin(join5(
        list(&client, &NODE_POOLS, None),
        list(&client, &NODE_CLASSES, None),
        list(&client, &NODE_CLAIMS, None),
        list(&client, &COMPONENTS, None),
        list(&client, &METRICS, None),
    ));
    let ((nodes, pods, deployments, daemon_sets, service_accounts), second, third, ready) =
        join4(first, second, third, ready(&client)).await;
    let (claims, storage_classes, budgets, events, definitions) = second;
    let (node_pools, node_classes, node_claims, components, node_metrics) = third;
    let karpenter_log = match &pods {
        Seen::Known(pods) => log(&client, pods, namespace).await,
        Seen::Unknown(why) => Seen::Unknown(why.clone()),
    };
    Kube {
        ready,
        components,
        nodes,
        pods,
        deployments,
        daemon_sets,
        service_accounts,
        claims,
        storage_classes,
        budgets,
        events,
        definitions,
        node_pools,
        node_classes,
        node_claims,
        karpenter_log,
        node_metrics,
    }
}

/// Nothing, for one reason.
fn unknown(why: &str) -> Kube {
    let lists = || Seen::Unknown(why.to_owned());
    Kube {
        ready: Seen::Unknown(why.to_owned()),
        components: lists(),
        nodes: lists(),
        pods: lists(),
        deployments: lists(),
        daemon_sets: lists(),
        service_accounts: lists(),
        claims: lists(),
        storage_classes: lists(),
        budgets: lists(),
        events: lists(),
        definitions: lists(),
        node_pools: lists(),
        node_classes: lists(),
        node_claims: lists(),
        karpenter_log: Seen::Unknown(why.to_owned()),
        node_metrics: lists(),
    }
}

/// All of a resource. One that the API server does not serve has no objects: its definition is a part of its own.
async fn list(client: &Client, api: &Api, namespace: Option<&str>) -> Seen<Vec<Json>> {
    match objects::list(client, api, namespace, "").await {
        Err(failure) if failure.class == Class::Gone => Seen::Known(Vec::new()),
        read => Seen::of(read),
    }
}

/// The definitions that Karpenter needs, as far as they are there. By name: all of a cluster's may be hundreds.
async fn definitions(client: &Client) -> Seen<Vec<Json>> {
    let each = DEFINITIONS.map(|name| objects::get(client, &RESOURCES, Place::global(name)));
    let all: Read<Vec<_>> = join_all(each).await.into_iter().collect();
    Seen::of(all.map(|found| found.into_iter().flatten().collect()))
}

/// The API server's own word, a check a line. One that is not ready says so with an error, and the same lines in it.
async fn ready(client: &Client) -> Seen<Vec<String>> {
    match text_at(client, "kubernetes:get readyz", "/readyz?verbose").await {
        Ok(text) => Seen::Known(text.lines().map(str::to_owned).collect()),
        Err(failure) if failure.message.contains("[-]") => Seen::Known(
            failure.message.replace("\\n", "\n").lines().map(|line| line.trim_matches('"').to_owned()).collect(),
        ),
        Err(failure) => Seen::Unknown(failure.to_string()),
    }
}

/// The last lines of every pod of the controller that has begun, in the order of their times.
async fn log(client: &Client, pods: &[Json], namespace: &str) -> Seen<Vec<String>> {
    let own = pods.iter().filter(|pod| {
        read::namespace(pod) == namespace
            && read::label(pod, "app.kubernetes.io/name") == Some("karpenter")
            && read::items(pod, "/status/containerStatuses").any(|status| !status["state"]["waiting"].is_object())
    });
    let each = own.map(async |pod| {
        let uri = format!("/api/v1/namespaces/{namespace}/pods/{}/log?tailLines={TAIL}", read::name(pod));
        text_at(client, "kubernetes:get pods/log", &uri).await
    });
    let all: Read<Vec<String>> = join_all(each).await.into_iter().collect();
    Seen::of(all.map(|texts| {
        let mut lines: Vec<String> = texts.iter().flat_map(|text| text.lines()).map(str::to_owned).collect();
        let time = |line: &String| {
            let json: Json = serde_json::from_str(line).unwrap_or_default();
            text(&json, "/time").to_owned()
        };
        lines.sort_by_cached_key(time);
        lines
    }))
}
