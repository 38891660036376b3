//! Karpenter in the cluster: its namespace, definitions and controller, and the classes and pools of the file.

use std::collections::BTreeMap;

use super::SERVICE_ACCOUNT;
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::config::spec::{self, Identity as Access};
use crate::engine::{Address, Graph, TAG_ENVIRONMENT, TAG_STACK, Value};
use crate::model::{Identity, cluster, parts};
use crate::resources::aws::node_group::NodeGroup;
use crate::resources::k8s::crds::Crds;
use crate::resources::k8s::flow_schema::FlowSchema;
use crate::resources::k8s::helm_release::HelmRelease;
use crate::resources::k8s::namespace::Namespace;
use crate::resources::k8s::node_class::{self, NodeClass};
use crate::resources::k8s::node_pool::{NodePool, POOL_LABEL};

/// Namespaces that are there without us, and whose requests have the priority that ours are given.
const SYSTEM: &str = "kube-system";

/// Adds all of it. `queue` is the interruption queue's name.
pub fn add(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    network: &parts::Network,
    plane: &parts::ControlPlane,
    base: &parts::BaseRoles,
    queue: &str,
) {
    let namespace = namespace(graph, spec, plane);
    let crds = graph.add(Crds { home: plane.home(), chart: spec.karpenter.clone() }).address().clone();
    let role = (spec.karpenter.identity == Access::Irsa)
        .then(|| id.iam_arn(&format!("role{}{}", id.iam_path(), id.derived("karpenter"))));
    // It is installed as soon as it has a place and its permissions; its pods wait for nodes by themselves.
    let there = |address: Address| graph.get(&address).map(|node| node.address.clone());
    let before = [
        namespace,
        Some(crds.clone()),
        there(Address::keyed("karpenter", "iam-role", "controller")),
        there(Address::keyed("cluster", "pod-identity-association", "karpenter")),
        there(Address::single("interruption", "sqs-queue")),
    ];
    let before = before.into_iter().flatten().collect();
    // While it gives nodes back at the end, it needs nodes itself, their network, and names.
    let stands = spec.addons.keys().map(|name| Address::keyed("cluster", "addon", name));
    let stands = stands.chain([NodeGroup::at(cluster::SYSTEM)]).filter_map(there).collect();
    let release = graph.add(HelmRelease {
        home: plane.home(),
        karpenter: spec.karpenter.clone(),
        queue: queue.to_owned(),
        role,
        nodes: BTreeMap::from([(cluster::SYSTEM_LABEL.0.to_owned(), cluster::SYSTEM_LABEL.1.to_owned())]),
        before,
        stands,
    });
    let karpenter = node_class::Karpenter { crds, controller: vec![release.address().clone()] };
    let mut classes = BTreeMap::new();
    for (name, class) in &spec.node_classes {
        let class = node_class(id, network, plane, base, &karpenter, name, class, spec);
        classes.insert(name.as_str(), graph.add(class).attr("name"));
    }
    for (name, pool) in &spec.node_pools {
        // The configuration's check refuses a pool of a class that is not there.
        let Some(class) = classes.get(pool.node_class.as_str()) else { continue };
        graph.add(node_pool(plane, &karpenter, name, pool, class.clone(), spec));
    }
}

/// A namespace of its own, with the priority that kube-system has. Source of both schemas: Karpenter, "Getting Started",
/// "Preventing APIServer Request Throttling".
fn namespace(graph: &mut Graph<Cloud>, spec: &Spec, plane: &parts::ControlPlane) -> Option<Address> {
    let name = spec.karpenter.namespace.as_str();
    if name == SYSTEM {
        return None;
    }
    for (key, level, precedence, leases) in
        [("leader-election", "leader-election", 200, true), ("workload", "workload-high", 1000, false)]
    {
        graph.add(FlowSchema {
            key: key.to_owned(),
            name: format!("karpenter-{key}"),
            home: plane.home(),
            namespace: name.to_owned(),
            service_account: SERVICE_ACCOUNT.to_owned(),
            level,
            precedence,
            leases,
        });
    }
    let own = name != "default";
    own.then(|| graph.add(Namespace { name: name.to_owned(), home: plane.home() }).address().clone())
}

#[expect(clippy::too_many_arguments, reason = "each is what another part of the model hands over; called once")]
fn node_class(
    id: &Identity,
    network: &parts::Network,
    plane: &parts::ControlPlane,
    base: &parts::BaseRoles,
    karpenter: &node_class::Karpenter,
    name: &str,
    class: &spec::NodeClass,
    spec: &Spec,
) -> NodeClass {
    let mut tags = id.tags.clone();
    tags.extend(class.tags.clone());
    tags.insert(TAG_ENVIRONMENT.to_owned(), id.environment.clone());
    tags.insert(TAG_STACK.to_owned(), id.stack.clone());
    let terms = class.ami_selector_terms.iter().map(|term| Value::from_json(&serde_json::json!(term)));
    NodeClass {
        name: name.to_owned(),
        home: plane.home(),
        karpenter: karpenter.clone(),
        role: base.karpenter_node_name.clone(),
        ami_alias: class.ami_alias.clone(),
        ami_terms: Value::List(terms.collect()),
        ami_family: class.ami_family.clone(),
        subnets: network.private_subnets.clone(),
        security_groups: std::iter::once(plane.security_group.clone())
            .chain(network.node_security_group.clone())
            .collect(),
        tags,
        volumes: volumes(class, spec),
        metadata: metadata(class),
        kubelet: Value::from_json(&serde_json::json!(class.kubelet)),
        user_data: class.user_data.clone(),
        detailed_monitoring: class.detailed_monitoring,
        instance_store: class.instance_store_policy.clone(),
    }
}

/// The root volume of families that say nothing else (`/dev/xvda`: Karpenter, "NodeClasses", blockDeviceMappings), or the
/// volumes of the file. Always encrypted.
fn volumes(class: &spec::NodeClass, spec: &Spec) -> Value {
    if !class.block_device_mappings.is_empty() {
        let each = class.block_device_mappings.iter().map(|mapping| Value::from_json(&serde_json::json!(mapping)));
        return Value::List(each.collect());
    }
    let family = class.ami_alias.as_deref().and_then(|alias| alias.split('@').next()).unwrap_or_default();
    let family = class.ami_family.as_deref().unwrap_or(family).to_lowercase();
    let gib = class.volume_gib.unwrap_or(spec.system_nodes.volume_gib);
    let ebs = |gib: u16| {
        Value::tags([
            ("deleteOnTermination", "true"),
            ("encrypted", "true"),
            ("volumeSize", &format!("{gib}Gi")),
            ("volumeType", "gp3"),
        ])
    };
    let mapping = |device: &str, gib| Value::map([("deviceName", Value::text(device)), ("ebs", ebs(gib))]);
    Value::List(match family.as_str() {
        // Its system volume is small and read-only; pods and images live on the second.
        "bottlerocket" => vec![mapping("/dev/xvda", 4), mapping("/dev/xvdb", gib)],
        family if family.starts_with("windows") => vec![mapping("/dev/sda1", gib)],
        _ => vec![mapping("/dev/xvda", gib)],
    })
}

/// Tokens required and one hop, so that no pod gets at its node's role; the file may say more, not less.
fn metadata(class: &spec::NodeClass) -> Value {
    let mut options = BTreeMap::from([
        ("httpEndpoint".to_owned(), Value::text("enabled")),
        ("httpProtocolIPv6".to_owned(), Value::text("disabled")),
        ("httpPutResponseHopLimit".to_owned(), Value::text(1)),
        ("httpTokens".to_owned(), Value::text("required")),
    ]);
    options.extend(class.metadata_options.iter().map(|(key, value)| (key.clone(), Value::from_json(value))));
    Value::Map(options)
}

fn node_pool(
    plane: &parts::ControlPlane,
    karpenter: &node_class::Karpenter,
    name: &str,
    pool: &spec::NodePool,
    class: Value,
    spec: &Spec,
) -> NodePool {
    let was = spec.moved.iter().find(|moved| moved.to.strip_prefix("nodePools/") == Some(name));
    let mut labels = pool.labels.clone();
    labels.insert(POOL_LABEL.to_owned(), name.to_owned());
    NodePool {
        name: name.to_owned(),
        was: was.and_then(|moved| Some(moved.from.strip_prefix("nodePools/")?.to_owned())),
        home: plane.home(),
        karpenter: karpenter.clone(),
        node_class: class,
        labels,
        annotations: pool.annotations.clone(),
        requirements: Value::List(pool.requirements.iter().map(requirement).collect()),
        taints: taints(&pool.taints),
        startup_taints: taints(&pool.startup_taints),
        expire_after: pool.expire_after.clone(),
        termination_grace_period: pool.termination_grace_period.clone(),
        disruption: pool.disruption.as_ref().map_or_else(|| Value::Map(BTreeMap::new()), disruption),
        limits: pool.limits.iter().map(|(key, quantity)| (key.clone(), quantity.to_string())).collect(),
        weight: pool.weight,
        replicas: pool.replicas,
    }
}

fn texts(texts: &[String]) -> Value {
    Value::List(texts.iter().map(Value::text).collect())
}

fn requirement(requirement: &spec::Requirement) -> Value {
    let mut parts = vec![("key", Value::text(&requirement.key)), ("operator", Value::text(&requirement.operator))];
    if !requirement.values.is_empty() {
        parts.push(("values", texts(&requirement.values)));
    }
    parts.extend(requirement.min_values.map(|count| ("minValues", Value::text(count))));
    Value::map(parts)
}

fn taints(taints: &[spec::Taint]) -> Value {
    let each = taints.iter().map(|taint| {
        let value = taint.value.as_ref().map(|value| ("value", Value::text(value)));
        let parts = [("key", Value::text(&taint.key)), ("effect", Value::text(&taint.effect))];
        Value::map(parts.into_iter().chain(value))
    });
    Value::List(each.collect())
}

fn disruption(disruption: &spec::Disruption) -> Value {
    let mut parts = vec![
        ("consolidationPolicy", Value::text(&disruption.consolidation_policy)),
        ("consolidateAfter", Value::text(&disruption.consolidate_after)),
    ];
    let budgets = disruption.budgets.iter().map(|budget| {
        let mut parts = vec![("nodes", Value::text(&budget.nodes))];
        if !budget.reasons.is_empty() {
            parts.push(("reasons", texts(&budget.reasons)));
        }
        parts.extend(budget.schedule.as_ref().map(|schedule| ("schedule", Value::text(schedule))));
        parts.extend(budget.duration.as_ref().map(|duration| ("duration", Value::text(duration))));
        Value::map(parts)
    });
    let budgets: Vec<_> = budgets.collect();
    if !budgets.is_empty() {
        parts.push(("budgets", Value::List(budgets)));
    }
    Value::map(parts)
}
