//! Pods that no pool takes, and pods that may land anywhere.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{Case, Cause, Subject};
use crate::verify::landing::{self, Obstacle, Pool, obstacles, refusal, tolerates};
use crate::verify::read::{self, items, text};

/// So long a pod may wait before anybody asks why, in seconds.
const PATIENCE: i64 = 30;
/// So long after Karpenter has begun to make a node for it.
const CLAIMED: i64 = 300;
/// More pods of one kind are counted, not named.
const MOST: usize = 10;

pub(super) fn causes(case: &Case<'_>) -> Vec<Cause> {
    let mut found = Vec::new();
    for pod in &case.seen.kube.pods {
        if read::leaving(pod).is_none() && !read::of_daemon_set(pod) && found.len() < MOST {
            found.extend(unplaced(case, pod));
        }
    }
    found.extend(unchosen(case));
    found
}

fn describe(pod: &Json) -> String {
    format!("kubectl -n {} describe pod {}", read::namespace(pod), read::name(pod))
}

/// How far a pool is from taking a pod: the gravest of what stands between them.
fn distance(found: &[Obstacle]) -> u8 {
    let one = |obstacle: &Obstacle| match obstacle {
        Obstacle::NotReady | Obstacle::Limit(_) => 1,
        Obstacle::Taint(_) => 2,
        Obstacle::Size(_) => 3,
        Obstacle::Selector(_) => 4,
    };
    found.iter().map(one).max().unwrap_or(0)
}

/// Why a pod has no node, where the reason is between it and the pools. Limits and classes that are not Ready are named
/// elsewhere.
fn unplaced(case: &Case<'_>, pod: &Json) -> Option<Cause> {
    let waits = read::unscheduled(pod)?;
    let controller = read::label(pod, "app.kubernetes.io/name") == Some("karpenter");
    if case.seen.now - waits.since.max(read::created(pod)) < PATIENCE || case.pools.is_empty() || controller {
        return None;
    }
    let (nodes, pods) = (case.seen.kube.nodes.known()?, case.seen.kube.pods.known()?);
    if nodes.iter().any(|node| refusal(node, pod, pods).is_none()) {
        return None;
    }
    let name = read::full_name(pod);
    let stand: Vec<(&Pool, Vec<Obstacle>)> =
        case.pools.iter().map(|pool| (pool, obstacles(pod, pool, &case.spec.region))).collect();
    let nearest = stand.iter().map(|(_, found)| distance(found)).min().unwrap_or(0);
    let words = |(pool, found): &(&Pool, Vec<Obstacle>)| {
        let why: Vec<_> = found.iter().map(Obstacle::words).collect();
        format!("{}: {}", pool.name, why.join("; "))
    };
    let mut seen: Vec<_> = stand.iter().filter(|(_, found)| distance(found) == nearest).map(words).collect();
    let (code, title) = match nearest {
        0 => return waiting(case, pod, &name, &stand),
        1 => return None,
        2 => ("cause-taint", format!("{name} does not tolerate the taint of the pool that it fits")),
        3 => ("cause-pod-too-large", format!("{name} asks for more than any instance type of its pools has")),
        _ => ("cause-selector", format!("{name} asks for a node that no pool can make")),
    };
    if nearest == 2 {
        let near = stand.iter().filter(|(_, found)| distance(found) == 2);
        let taint = near.flat_map(|(pool, _)| &pool.taints).find(|taint| !landing::tolerated(pod, taint));
        seen.extend(taint.map(|taint| {
            format!("add tolerations: [{{key: {}, value: \"{}\", effect: {}}}]", taint.key, taint.value, taint.effect)
        }));
    }
    seen.push(format!("waiting for {}", read::ago(case.seen.now - read::created(pod))));
    Some(Cause::new(code, title, seen).about(Subject::Pod(name)).run(describe(pod)))
}

/// A pod that a pool may take, and for which no node is being made.
fn waiting(case: &Case<'_>, pod: &Json, name: &str, stand: &[(&Pool, Vec<Obstacle>)]) -> Option<Cause> {
    let age = case.seen.now - read::created(pod);
    let nominated = case.seen.kube.events.iter().any(|event| {
        text(event, "/reason") == "Nominated"
            && text(event, "/involvedObject/name") == read::name(pod)
            && case.seen.now - read::last_seen(event) < CLAIMED
    });
    let pool = |claim: &Json| {
        let of = read::label(claim, "karpenter.sh/nodepool").unwrap_or_default();
        stand.iter().any(|(pool, found)| found.is_empty() && pool.name == of)
    };
    let young = |claim: &&Json| !read::holds(claim, "Initialized") && case.seen.now - read::created(claim) < CLAIMED;
    if age < 3 * PATIENCE || nominated || case.seen.kube.node_claims.iter().filter(young).any(pool) {
        return None;
    }
    let pools: Vec<_> =
        stand.iter().filter(|(_, found)| found.is_empty()).map(|(pool, _)| pool.name.as_str()).collect();
    let mut seen = vec![format!("{} may take it", pools.join(", ")), format!("waiting for {}", read::ago(age))];
    seen.extend(read::unscheduled(pod).map(|waits| waits.message.to_owned()).filter(|words| !words.is_empty()));
    let title = format!("{name} has no node, and Karpenter makes none for it");
    Some(Cause::new("cause-pod-waiting", title, seen).about(Subject::Pod(name.to_owned())).likely().run(describe(pod)))
}

/// Pods that tolerate a pool's taint and may land elsewhere: one cause for each controller of pods.
fn unchosen(case: &Case<'_>) -> Vec<Cause> {
    let mut owners = BTreeSet::new();
    let mut found = Vec::new();
    for pod in case.seen.kube.pods.iter().filter(|pod| read::alive(pod) && read::leaving(pod).is_none()) {
        let own = [case.spec.karpenter.namespace.as_str(), "kube-system"].contains(&read::namespace(pod));
        if own || read::of_daemon_set(pod) || tolerates(pod).is_empty() {
            continue;
        }
        let owner =
            items(pod, "/metadata/ownerReferences").next().map_or(read::name(pod), |owner| text(owner, "/name"));
        if !owners.insert((read::namespace(pod).to_owned(), owner.to_owned())) || found.len() >= MOST {
            continue;
        }
        found.extend(permitted_elsewhere(case, pod));
    }
    found
}

fn permitted_elsewhere(case: &Case<'_>, pod: &Json) -> Option<Cause> {
    let fits = |pool: &&Pool| {
        let found = obstacles(pod, pool, &case.spec.region);
        found.iter().all(|one| matches!(one, Obstacle::Limit(_) | Obstacle::NotReady))
    };
    let fitting: Vec<_> = case.pools.iter().filter(fits).collect();
    let permits = tolerates(pod);
    let meant = |pool: &&&Pool| pool.taints.iter().any(|taint| permits.iter().any(|own| own.key == taint.key));
    let (meant, other): (Vec<&Pool>, Vec<&Pool>) = fitting.iter().partition(|pool| meant(pool));
    if meant.is_empty() || other.is_empty() {
        return None;
    }
    let line = |pool: &&Pool, why: &str| format!("may land in {} ({}): {why}", pool.name, pool.markets().join(" or "));
    let mut seen: Vec<_> = other.iter().map(|pool| line(pool, "no taint keeps it out")).collect();
    seen.extend(meant.iter().map(|pool| line(pool, "it tolerates the taint")));
    if let Some(node) = case.seen.kube.nodes.iter().find(|node| read::name(node) == text(pod, "/spec/nodeName")) {
        let pool = read::label(node, "karpenter.sh/nodepool").unwrap_or("the system nodes");
        let market = read::label(node, "karpenter.sh/capacity-type").unwrap_or("on-demand");
        seen.push(format!("it runs in {pool} now, {market}"));
    }
    seen.push(format!("add nodeSelector: {{workload-type: {}}}", meant[0].name));
    let name = read::full_name(pod);
    let title = format!("{name} has a toleration without a selector: it may land in {}", names(&other));
    let cause = Cause::new("cause-toleration-only", title, seen).about(Subject::Pod(name.clone())).warning();
    Some(cause.run(format!("rem-ci diagnose {} {name}", case.spec.name)))
}

fn names(pools: &[&Pool]) -> String {
    pools.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ")
}
