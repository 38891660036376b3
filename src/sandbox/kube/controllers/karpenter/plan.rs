//! Where pods could go: on nodes there are, on nodes that come, on nodes that could be. Provisioning and consolidation ask
//! the same question.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::affinity::{self, Placed};
use super::super::fit;
use super::super::inside::Inside;
use super::super::meta::{is_true, items, label, leaving, name};
use super::super::quantity::{self, Amounts};
use super::super::{daemons, pods};
use super::class::CLASSES;
use super::offers::{self, Offer};
use super::pool::{self, POOLS};
use crate::sandbox::kube::store::{Key, text};

/// A node to be made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Its pool.
    pub(super) pool: Json,
    /// What it may become, cheapest first.
    pub(super) offers: Vec<Arc<Offer>>,
    /// Its pods.
    pub(super) pods: Vec<Json>,
    /// What they and the daemons ask for.
    pub(super) requests: Amounts,
    /// Labels whose value a pod has chosen.
    chosen: BTreeMap<String, String>,
    host: String,
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Nodes to be made.
    pub(super) plans: Vec<Plan>,
    /// Pods that a node takes, and its name.
    pub(super) taken: Vec<(Json, String)>,
    /// Pods that go nowhere, and why.
    pub(super) failed: Vec<(Json, String)>,
}

/// A pool that can be used, with what it offers.
struct Source {
    pool: Json,
    taints: Vec<Json>,
    offers: Vec<Arc<Offer>>,
    open: Vec<(String, Vec<String>)>,
    daemons: Amounts,
    used: Amounts,
}

/// Finds places for pods; nodes (by name) and claims in `without` do not count.
pub(super) fn plan(inside: &Inside<'_, '_>, wanted: &[Json], without: &BTreeSet<String>) -> Outcome {
    let nodes = standing(inside, without);
    let all: Vec<Json> = inside
        .store
        .list("pods")
        .filter(|pod| !pods::node(pod).is_empty() && !without.contains(pods::node(pod)))
        .cloned()
        .collect();
    let mut order: Vec<&Json> = wanted.iter().collect();
    let asked = |pod: &Json, of: &str| pods::requests(&pod["spec"]).get(of).copied().unwrap_or_default();
    order.sort_by_key(|pod| (-asked(pod, "cpu"), -asked(pod, "memory"), name(pod).to_owned()));
    let (mut rooms, mut placed) = fit::rooms(&nodes, &all);
    let mut outcome = Outcome::default();
    let mut sources: Option<Vec<Source>> = None;
    let zones: Vec<Json> = zones(inside);
    // Pods on plans lie where the plan's best offer is.
    let mut planned: Vec<(Json, Json)> = Vec::new();
    for pod in order {
        let domains: Vec<&Json> = nodes.iter().map(|node| &node["metadata"]["labels"]).collect();
        let room = rooms.iter_mut().find(|room| fit::refused(pod, room, &placed, &domains).is_none());
        if let Some(room) = room {
            quantity::add(&mut room.used, &pods::requests(&pod["spec"]));
            placed.push(Placed::new(pod, &room.node["metadata"]["labels"]));
            outcome.taken.push((pod.clone(), name(room.node).to_owned()));
            continue;
        }
        let sources = sources.get_or_insert_with(|| usable(inside));
        let mut others: Vec<Placed<'_>> = placed.clone();
        others.extend(planned.iter().map(|(pod, labels)| Placed::new(pod, labels)));
        let mut domains = domains;
        domains.extend(&*zones);
        match new(sources, &mut outcome.plans, pod, &others, &domains) {
            Ok(at) => {
                let labels = best_labels(&outcome.plans[at]);
                planned.push((pod.clone(), labels));
            }
            Err(why) => outcome.failed.push((pod.clone(), why)),
        }
    }
    outcome
}

/// The zones of all classes, as domains to spread over.
fn zones(inside: &Inside<'_, '_>) -> Vec<Json> {
    let subnets = inside.store.list(CLASSES).flat_map(|class| items(class, "/status/subnets"));
    let zones: BTreeSet<&str> = subnets.map(|subnet| text(subnet, "/zone")).collect();
    zones.into_iter().map(|zone| json!({"topology.kubernetes.io/zone": zone})).collect()
}

fn best_labels(plan: &Plan) -> Json {
    let mut labels = plan.offers.first().map(|offer| offer.node["metadata"]["labels"].clone()).unwrap_or_default();
    labels["kubernetes.io/hostname"] = json!(plan.host);
    labels
}

/// Nodes as they are, or will be when they are ready; claims that have none yet.
fn standing(inside: &Inside<'_, '_>, without: &BTreeSet<String>) -> Vec<Json> {
    let mut nodes = Vec::new();
    let mut hosts = BTreeSet::new();
    for node in inside.store.list("nodes") {
        let out = leaving(node)
            || without.contains(name(node))
            || items(node, "/spec/taints").iter().any(|taint| taint["key"] == "karpenter.sh/disrupted");
        hosts.insert(name(node).to_owned());
        if out {
            continue;
        }
        let mut node = node.clone();
        // What will go by itself while a node of Karpenter's starts does not count.
        if !label(&node, "karpenter.sh/nodepool").is_empty() && !is_true(&node, "Ready") {
            let passing = |taint: &Json| {
                taint["key"]
                    .as_str()
                    .is_some_and(|key| key.starts_with("node.kubernetes.io/") || key == "karpenter.sh/unregistered")
            };
            let kept: Vec<Json> =
                items(&node, "/spec/taints").iter().filter(|taint| !passing(taint)).cloned().collect();
            super::super::nodes::set_taints(&mut node, kept);
        }
        nodes.push(node);
    }
    for claim in inside.store.list(super::CLAIMS).filter(|claim| !leaving(claim) && !without.contains(name(claim))) {
        if hosts.contains(text(claim, "/status/nodeName")) {
            continue;
        }
        let mut labels = claim["metadata"]["labels"].clone();
        for one in items(claim, "/spec/requirements").iter().filter(|one| one["operator"] == "In") {
            let key = one["key"].as_str().unwrap_or_default();
            if labels[key].is_null() {
                labels[key] = one["values"][0].clone();
            }
        }
        labels["kubernetes.io/hostname"] = json!(name(claim));
        let mut room = claim["status"]["allocatable"].clone();
        if room.is_null() {
            room = claim["spec"]["resources"]["requests"].clone();
            room["pods"] = json!("110");
        }
        nodes.push(json!({
            "metadata": {"name": name(claim), "labels": labels}, "spec": {"taints": items(claim, "/spec/taints")},
            "status": {"allocatable": room},
        }));
    }
    nodes
}

/// Pools that are ready, by weight; of equal ones the older first: names do not count.
fn usable(inside: &Inside<'_, '_>) -> Vec<Source> {
    let mut pools: Vec<Json> = inside
        .store
        .list(POOLS)
        .filter(|pool| is_true(pool, "Ready") && !leaving(pool) && pool["spec"]["replicas"].is_null())
        .cloned()
        .collect();
    pools.sort_by_key(|pool| (-pool["spec"]["weight"].as_i64().unwrap_or_default(), super::super::meta::born(pool)));
    pools
        .into_iter()
        .filter_map(|pool| {
            let class =
                inside.store.get(CLASSES, &Key::global(text(&pool, "/spec/template/spec/nodeClassRef/name")))?.clone();
            let offers: Vec<Arc<Offer>> = offers::of(inside, &pool, &class, &[]).into_iter().map(Arc::new).collect();
            let taints = items(&pool, "/spec/template/spec/taints").to_vec();
            let daemons = offers.first().map(|offer| overhead(inside, &offer.node, &taints)).unwrap_or_default();
            let (used, open) =
                (pool::used(inside, name(&pool)), offers::open(items(&pool, "/spec/template/spec/requirements")));
            Some(Source { pool, taints, offers, open, daemons, used })
        })
        .collect()
}

/// What the DaemonSets take of a node like this.
fn overhead(inside: &Inside<'_, '_>, node: &Json, taints: &[Json]) -> Amounts {
    let mut node = node.clone();
    node["spec"]["taints"] = json!(taints);
    let mut sum = Amounts::new();
    for set in inside.store.list("daemonsets.apps").filter(|set| daemons::wants(set, &node)) {
        quantity::add(&mut sum, &pods::requests(&set["spec"]["template"]["spec"]));
    }
    sum
}

/// Puts a pod on a plan, an old one or a new one; gives its place among the plans, or why there is none.
fn new(
    sources: &[Source],
    plans: &mut Vec<Plan>,
    pod: &Json,
    others: &[Placed<'_>],
    domains: &[&Json],
) -> Result<usize, String> {
    for (at, plan) in plans.iter_mut().enumerate() {
        let source = sources.iter().find(|source| name(&source.pool) == name(&plan.pool));
        if let Some(source) = source
            && let Ok(next) = joined(source, plan, pod, others, domains, &Amounts::new())
        {
            *plan = next;
            return Ok(at);
        }
    }
    if sources.is_empty() {
        return Err("no nodepools found".to_owned());
    }
    let mut told = Vec::new();
    let mut found: Option<Plan> = None;
    for source in sources {
        let mut used = source.used.clone();
        for plan in plans.iter().filter(|plan| name(&plan.pool) == name(&source.pool)) {
            quantity::add(&mut used, &plan.offers.first().map(|offer| offer.size.clone()).unwrap_or_default());
            *used.entry("nodes".to_owned()).or_default() += 1000;
        }
        let empty = Plan {
            pool: source.pool.clone(),
            offers: source.offers.clone(),
            pods: Vec::new(),
            requests: source.daemons.clone(),
            chosen: BTreeMap::new(),
            host: format!("plan-{}", plans.len()),
        };
        let weight = |pool: &Json| pool["spec"]["weight"].as_i64().unwrap_or_default();
        if found.as_ref().is_some_and(|plan| weight(&plan.pool) > weight(&source.pool)) {
            break;
        }
        match joined(source, &empty, pod, others, domains, &used) {
            Ok(plan) => {
                let price = |plan: &Plan| plan.offers.first().map_or(u64::MAX, |offer| offer.price);
                if found.as_ref().is_none_or(|known| price(&plan) < price(known)) {
                    found = Some(plan);
                }
            }
            Err(why) => told.push(why),
        }
    }
    match found {
        Some(plan) => {
            plans.push(plan);
            Ok(plans.len() - 1)
        }
        None => Err(told.join("; ")),
    }
}

/// A plan with one more pod, or why it cannot take it. With `used`, the pool's limits count.
fn joined(
    source: &Source,
    plan: &Plan,
    pod: &Json,
    others: &[Placed<'_>],
    domains: &[&Json],
    used: &Amounts,
) -> Result<Plan, String> {
    let pool = name(&source.pool);
    let overhead = || serde_json::to_string(&quantity::printed(&source.daemons)).unwrap_or_default();
    let odd = |why: &str| format!("incompatible with nodepool \"{pool}\", daemonset overhead={}, {why}", overhead());
    let spec = &pod["spec"];
    if let Some(taint) = pods::untolerated(spec, &source.taints) {
        let of = |field: &str| taint[field].as_str().unwrap_or_default();
        let value = if of("value").is_empty() { String::new() } else { format!("={}", of("value")) };
        return Err(odd(&format!("did not tolerate taint (taint={}{value}:{})", of("key"), of("effect"))));
    }
    let mut next = plan.clone();
    for (key, values) in &source.open {
        let Some(wanted) =
            spec["nodeSelector"][key].as_str().filter(|wanted| values.iter().any(|value| value == wanted))
        else {
            continue;
        };
        match next.chosen.get(key) {
            Some(chosen) if chosen != wanted => {
                return Err(odd(&format!(
                    "incompatible requirements, key {key}, {key} In [{wanted}] not in {key} In [{chosen}]"
                )));
            }
            _ => {
                next.chosen.insert(key.clone(), wanted.to_owned());
                for offer in &mut next.offers {
                    Arc::make_mut(offer).node["metadata"]["labels"][key] = json!(wanted);
                }
            }
        }
    }
    if spec["nodeSelector"].is_object() || spec["affinity"]["nodeAffinity"].is_object() {
        next.offers.retain(|offer| affinity::node(spec, &offer.node));
        if next.offers.is_empty() {
            return Err(odd(&unmatched(source, spec)));
        }
    }
    topology(&mut next, pod, others, domains);
    if next.offers.is_empty() {
        return Err(odd("unsatisfiable topology constraint for pod"));
    }
    quantity::add(&mut next.requests, &pods::requests(spec));
    let requests = next.requests.clone();
    next.offers.retain(|offer| {
        requests.iter().all(|(name, amount)| offer.allocatable.get(name).copied().unwrap_or_default() >= *amount)
    });
    if next.offers.is_empty() {
        let asked = serde_json::to_string(&quantity::printed(&requests)).unwrap_or_default();
        return Err(odd(&format!(
            "no instance type satisfied resources {asked} and requirements (no instance type has enough resources)"
        )));
    }
    if !used.is_empty() {
        let limits = quantity::amounts(&source.pool["spec"]["limits"]);
        next.offers.retain(|offer| {
            limits.iter().all(|(name, limit)| {
                let more = if name == "nodes" { 1000 } else { offer.size.get(name).copied().unwrap_or_default() };
                used.get(name).copied().unwrap_or_default() + more <= *limit
            })
        });
        if next.offers.is_empty() {
            return Err(format!("all available instance types exceed limits for nodepool: \"{pool}\""));
        }
    }
    for one in items(&source.pool, "/spec/template/spec/requirements") {
        let Some(least) = one["minValues"].as_u64() else { continue };
        let key = one["key"].as_str().unwrap_or_default();
        let kinds: BTreeSet<&str> =
            next.offers.iter().filter_map(|offer| offer.node["metadata"]["labels"][key].as_str()).collect();
        if (kinds.len() as u64) < least {
            return Err(odd(&format!("minValues requirement is not met for label(s) (label(s)=[{key}])")));
        }
    }
    next.pods.push(pod.clone());
    Ok(next)
}

/// Which selector no offer satisfies.
fn unmatched(source: &Source, spec: &Json) -> String {
    for (key, value) in spec["nodeSelector"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let mut have: Vec<&str> =
            source.offers.iter().filter_map(|offer| offer.node["metadata"]["labels"][key].as_str()).collect();
        have.sort_unstable();
        have.dedup();
        if have.is_empty() {
            return format!("incompatible requirements, label \"{key}\" does not have known values");
        }
        if !have.contains(&value) {
            have.truncate(5);
            return format!(
                "incompatible requirements, key {key}, {key} In [{value}] not in {key} In [{}]",
                have.join(" ")
            );
        }
    }
    "incompatible requirements, node affinity".to_owned()
}

/// Keeps the offers in one zone that spread and affinities between pods allow, if the pod has any.
fn topology(plan: &mut Plan, pod: &Json, others: &[Placed<'_>], domains: &[&Json]) {
    let affinity = &pod["spec"]["affinity"];
    let cares = pod["spec"]["topologySpreadConstraints"].is_array()
        || affinity["podAntiAffinity"].is_object()
        || affinity["podAffinity"].is_object();
    if !cares {
        return;
    }
    let mut judged: BTreeMap<String, bool> = BTreeMap::new();
    for offer in &plan.offers {
        if judged.contains_key(&offer.zone) {
            continue;
        }
        let mut labels = offer.node["metadata"]["labels"].clone();
        labels["kubernetes.io/hostname"] = json!(plan.host);
        let fine = affinity::among_pods(pod, &labels, others) && affinity::spread(pod, &labels, others, domains);
        judged.insert(offer.zone.clone(), fine);
    }
    let zone = plan.offers.iter().find(|offer| judged.get(&offer.zone) == Some(&true)).map(|offer| offer.zone.clone());
    plan.offers.retain(|offer| Some(&offer.zone) == zone.as_ref());
}
