//! Instances that never become nodes, and nodes that are not Ready.

use serde_json::Value as Json;

use super::controller::system;
use super::{Case, Cause, Subject};
use crate::config::spec::NatGateways;
use crate::verify::observed::Instance;
use crate::verify::read::{self, text};

/// An instance becomes a node within 40 to 70 seconds; after this it will not by itself.
const PATIENCE: i64 = 180;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = entries(case);
    let lost = lost(case);
    let mut ways = routes(case);
    if let Some(first) = ways.first_mut() {
        first.evidence.extend(lost.iter().map(|(name, ..)| format!("{name} runs and is no node")));
    }
    found.extend(ways);
    let group = case.seen.aws.cluster.known().and_then(Option::as_ref).map(|cluster| cluster.security_group.as_str());
    for (name, instance) in &lost {
        if let (Some(group), Some(instance)) = (group.filter(|group| !group.is_empty()), instance)
            && !instance.groups.is_empty()
            && !instance.groups.iter().any(|own| own == group)
        {
            let seen = vec![
                format!("{} has {}", instance.id, instance.groups.join(", ")),
                format!("the cluster's group is {group}"),
            ];
            let title = format!("{name} does not carry the cluster's security group");
            let cause = Cause::new("cause-node-security-group", title, seen).about(Subject::Node(name.clone()));
            found.push(cause.run(format!("rem-ci apply {}", case.spec.name)));
        }
    }
    if found.is_empty() {
        found.extend(lost.iter().map(|(name, instance)| unexplained(case, name, instance.as_ref().map(|one| &**one))));
    }
    found.extend(case.seen.kube.nodes.iter().filter_map(|node| not_ready(case, node)));
    found
}

/// Claims that were launched and never registered, and running instances without a node.
fn lost<'a>(case: &'a Case<'_>) -> Vec<(String, Option<&'a Instance>)> {
    let Some(nodes) = case.seen.kube.nodes.known() else { return Vec::new() };
    let instances = &case.seen.aws.instances;
    let mut found: Vec<(String, Option<&Instance>)> = Vec::new();
    for claim in &case.seen.kube.node_claims {
        let launched = read::condition(claim, "Launched").filter(read::Condition::holds);
        let registered = read::holds(claim, "Registered");
        let late = launched.is_some_and(|launched| case.seen.now - launched.since.max(read::created(claim)) > PATIENCE);
        if late && !registered && read::leaving(claim).is_none() {
            let id = text(claim, "/status/providerID").rsplit('/').next().unwrap_or_default();
            let instance = instances.iter().find(|instance| instance.id == id);
            found.push((format!("{} ({id})", read::name(claim)), instance));
        }
    }
    for instance in instances {
        let node = nodes.iter().any(|node| text(node, "/spec/providerID").ends_with(&format!("/{}", instance.id)));
        let known = found.iter().any(|(name, _)| name.contains(&instance.id));
        let late = instance.launched > 0 && case.seen.now - instance.launched > PATIENCE;
        if instance.state == "running" && !node && !known && late {
            found.push((instance.id.clone(), Some(instance)));
        }
    }
    found
}

/// Access entries of the roles of nodes: Karpenter's by what its classes name, and the system nodes'.
fn entries(case: &Case<'_>) -> Vec<Cause> {
    let Some(entries) = case.seen.aws.entries.known() else { return Vec::new() };
    if !matches!(case.seen.aws.cluster.known(), Some(Some(cluster)) if cluster.status == "ACTIVE") {
        return Vec::new();
    }
    let classes = case.seen.kube.node_classes.iter().map(|class| text(class, "/spec/role").to_owned());
    let mut roles: std::collections::BTreeSet<_> = classes.filter(|role| !role.is_empty()).collect();
    if roles.is_empty() {
        roles.insert(case.id.derived("karpenter-node"));
    }
    roles.insert(case.id.derived("system-node"));
    let mut found = Vec::new();
    for role in roles {
        let last = role.rsplit('/').next().unwrap_or(&role);
        let entry = entries.iter().find(|entry| entry.principal.rsplit('/').next() == Some(last));
        let seen = match entry {
            Some(entry) if entry.kind == "EC2_LINUX" => continue,
            Some(entry) => format!("the entry of {} is of type {}", entry.principal, entry.kind),
            None => format!("none of {} access entries is of role {last}", entries.len()),
        };
        let mut seen = vec![seen];
        seen.extend(lost(case).iter().map(|(name, _)| format!("{name} runs and is no node")));
        let title = format!("nodes of role {last} may not join the cluster");
        found.push(Cause::new("cause-node-entry", title, seen).run(format!("rem-ci apply {}", case.spec.name)));
    }
    found
}

fn routes(case: &Case<'_>) -> Vec<Cause> {
    if case.spec.network.nat_gateways == NatGateways::None || case.spec.network.existing.is_some() {
        return Vec::new();
    }
    let closed = case.seen.aws.subnets.iter().filter(|subnet| subnet.way_out.is_empty() || !subnet.way_out_active);
    let seen: Vec<_> = closed
        .map(|subnet| match subnet.way_out.as_str() {
            "" => format!("{} in {} has no default route", subnet.id, subnet.zone),
            way => format!("{} in {}: its default route leads to {way}, which is gone", subnet.id, subnet.zone),
        })
        .collect();
    if seen.is_empty() {
        return Vec::new();
    }
    let title = "private subnets have no way out: nodes in them cannot join";
    vec![Cause::new("cause-node-route", title, seen).run(format!("rem-ci apply {}", case.spec.name))]
}

fn unexplained(case: &Case<'_>, name: &str, instance: Option<&Instance>) -> Cause {
    let mut seen = vec![format!("{name} runs and is no node")];
    seen.extend(
        instance
            .map(|one| format!("{}, {}, started {} ago", one.kind, one.zone, read::ago(case.seen.now - one.launched))),
    );
    let id = instance.map_or("INSTANCE", |one| one.id.as_str());
    let title = format!("{name} does not become a node");
    let cause = Cause::new("cause-node-not-joining", title, seen).about(Subject::Node(name.to_owned()));
    cause.likely().run(format!("aws ec2 get-console-output --latest --output text --instance-id {id}"))
}

fn not_ready(case: &Case<'_>, node: &Json) -> Option<Cause> {
    let ready = read::condition(node, "Ready");
    let holds = ready.as_ref().is_some_and(read::Condition::holds);
    let since = ready.as_ref().map_or(0, |ready| ready.since).max(read::created(node));
    if holds || read::leaving(node).is_some() || case.seen.now - since < 60 {
        return None;
    }
    let name = read::name(node);
    let mut seen = vec![ready.map_or("no condition Ready".to_owned(), |ready| ready.words())];
    seen.push(format!("for {}", read::ago(case.seen.now - since)));
    let whose = if system(node) {
        "system node".to_owned()
    } else {
        read::label(node, "karpenter.sh/nodepool").unwrap_or("no pool").to_owned()
    };
    seen.push(whose);
    let cni = case
        .seen
        .kube
        .pods
        .iter()
        .find(|pod| text(pod, "/spec/nodeName") == name && read::label(pod, "k8s-app") == Some("aws-node"));
    match cni {
        None => seen.push("aws-node does not run on it".to_owned()),
        Some(pod) if !read::holds(pod, "Ready") => seen.push("aws-node on it is not Ready".to_owned()),
        Some(_) => {}
    }
    let cause = Cause::new("cause-node-not-ready", format!("node {name} is not Ready"), seen)
        .about(Subject::Node(name.to_owned()));
    Some(cause.run(format!("kubectl describe node {name}")))
}
