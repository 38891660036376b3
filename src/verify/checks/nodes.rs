//! The API server, the system nodes, and every instance's metadata service.

use serde_json::Value as Json;

use super::over;
use crate::config::Spec;
use crate::verify::Check;
use crate::verify::diagnose::system;
use crate::verify::landing::taint;
use crate::verify::observed::Observed;
use crate::verify::read::{self, items, text};

pub(super) fn checks(seen: &Observed, spec: &Spec) -> Vec<Check> {
    let ready = over("verify-api-ready", "the API server is ready by its own word", &seen.kube.ready, |lines| {
        let bad: Vec<_> = lines.iter().filter(|line| line.starts_with("[-]")).cloned().collect();
        let good = lines.iter().filter(|line| line.starts_with("[+]")).count();
        match (bad.is_empty(), good) {
            (false, _) => (false, bad),
            (true, 0) => (true, vec!["/readyz: ok".to_owned()]),
            (true, good) => (true, vec![format!("/readyz: ok, {good} checks")]),
        }
    });
    let wanted = usize::from(spec.system_nodes.count);
    let title = format!("{wanted} system nodes are Ready, tainted and AL2023");
    let nodes = over("verify-system-nodes-ready", &title, &seen.kube.nodes, |nodes| system_nodes(nodes, wanted));
    let all = over(
        "verify-nodes-ready",
        "every node is Ready and of the cluster's version or older",
        &seen.kube.nodes,
        |nodes| every(nodes, &spec.cluster.version),
    );
    let tokens = over("verify-metadata", "no instance answers metadata without a token", &seen.aws.instances, |all| {
        let running = || all.iter().filter(|instance| instance.state == "running");
        let open: Vec<_> = running().filter(|instance| instance.tokens != "required").collect();
        let words = |one: &&crate::verify::observed::Instance| format!("{}: tokens {}", one.id, one.tokens);
        match open.as_slice() {
            [] => (true, vec![format!("{} instances, tokens required", running().count())]),
            open => (false, open.iter().map(words).collect()),
        }
    });
    vec![ready, nodes, all, tokens]
}

fn system_nodes(nodes: &[Json], wanted: usize) -> (bool, Vec<String>) {
    let own: Vec<_> = nodes.iter().filter(|node| system(node)).collect();
    let mut passed = own.len() == wanted;
    let mut evidence = vec![format!("{} of {wanted} are there", own.len())];
    for node in own {
        let image = text(node, "/status/nodeInfo/osImage");
        let tainted = items(node, "/spec/taints").map(taint).find(|taint| taint.key == "CriticalAddonsOnly");
        let ready = read::holds(node, "Ready");
        passed &= ready && tainted.is_some() && image.contains("Amazon Linux 2023");
        let words = read::condition(node, "Ready").map_or("no condition Ready".to_owned(), |ready| ready.words());
        let tainted = tainted.map_or("no taint".to_owned(), |taint| taint.to_string());
        evidence.push(format!("{}: {words}, {tainted}, {image}", read::name(node)));
    }
    (passed, evidence)
}

/// Nodes that are on their way out or only just made are not counted against anybody.
fn every(nodes: &[Json], version: &str) -> (bool, Vec<String>) {
    let minor = |text: &str| -> Option<u64> { text.trim_start_matches('v').split('.').nth(1)?.parse().ok() };
    let most = minor(version).unwrap_or(u64::MAX);
    let mut bad = Vec::new();
    for node in nodes.iter().filter(|node| read::leaving(node).is_none()) {
        let kubelet = text(node, "/status/nodeInfo/kubeletVersion");
        let ready = read::condition(node, "Ready");
        if !ready.as_ref().is_some_and(read::Condition::holds) {
            let words = ready.map_or("no condition Ready".to_owned(), |ready| ready.words());
            bad.push(format!("{}: {words}", read::name(node)));
        } else if minor(kubelet).is_some_and(|minor| minor > most || most - minor > 3) {
            bad.push(format!("{}: kubelet {kubelet} with a control plane of {version}", read::name(node)));
        }
    }
    if bad.is_empty() { (true, vec![format!("{} nodes", nodes.len())]) } else { (false, bad) }
}
