//! Where a pod may land, and why: pure, over pools as they are in the file or in the cluster.
//!
//! A toleration *permits* nodes with that taint, it does not ask for them: a pod that should run in one pool needs a
//! selector as well. What decides is what the scheduler and Karpenter decide by: taints, selectors and required node
//! affinity against labels and requirements, requests against instance types and limits. Names of pools mean nothing.

mod allowed;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::read::{self, items, milli, of_pod, text};
use crate::config::spec::NodePool;
use allowed::Allowed;

/// Labels that the instance type or the place of a node decides: a pool that says nothing of them takes any value.
const OPEN: [&str; 8] = [
    "karpenter.sh/capacity-type",
    "node.kubernetes.io/instance-type",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "topology.k8s.aws/zone-id",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "kubernetes.io/hostname",
];

/// A taint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taint {
    /// Key.
    pub key: String,
    /// Value; empty where it has none.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

impl std::fmt::Display for Taint {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.value.as_str() {
            "" => write!(out, "{}:{}", self.key, self.effect),
            value => write!(out, "{}={value}:{}", self.key, self.effect),
        }
    }
}

/// A pool, as far as it decides about pods.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    labels: BTreeMap<String, Allowed>,
    /// Limits in thousandths, by resource.
    pub limits: BTreeMap<String, u128>,
    /// What its nodes add up to, in thousandths.
    pub used: BTreeMap<String, u128>,
    /// Whether Karpenter takes it as it is; none where nobody has judged it.
    pub ready: Option<bool>,
    /// Smallest number of values that must be on offer, by label.
    min_values: Vec<(String, usize)>,
}

impl Pool {
    /// A pool of the cluster.
    #[must_use]
    pub fn live(object: &Json) -> Self {
        let name = read::name(object);
        let template = &object["spec"]["template"];
        let mut pool = Self::named(name);
        for (key, value) in template["metadata"]["labels"].as_object().into_iter().flatten() {
            pool.demand(key, &Allowed::only(value.as_str().unwrap_or_default()));
        }
        for requirement in items(template, "/spec/requirements") {
            let values: Vec<_> = items(requirement, "/values").filter_map(Json::as_str).map(str::to_owned).collect();
            pool.demand(text(requirement, "/key"), &Allowed::of(text(requirement, "/operator"), &values));
            if let Some(least) = requirement["minValues"].as_u64() {
                let least = usize::try_from(least).unwrap_or(usize::MAX);
                pool.min_values.push((text(requirement, "/key").to_owned(), least));
            }
        }
        pool.taints = items(template, "/spec/taints").map(taint).collect();
        let quantities = |value: &Json| {
            value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), milli(value))).collect()
        };
        pool.limits = quantities(&object["spec"]["limits"]);
        pool.used = quantities(&object["status"]["resources"]);
        pool.ready = read::condition(object, "Ready").map(|ready| ready.holds());
        pool
    }

    /// A pool of the file: what it will be once it is applied.
    #[must_use]
    pub fn wanted(name: &str, spec: &NodePool) -> Self {
        let mut pool = Self::named(name);
        pool.demand("workload-type", &Allowed::only(name));
        for (key, value) in &spec.labels {
            pool.demand(key, &Allowed::only(value));
        }
        for requirement in &spec.requirements {
            pool.demand(&requirement.key, &Allowed::of(&requirement.operator, &requirement.values));
            let least = requirement.min_values.map(|least| (requirement.key.clone(), usize::from(least)));
            pool.min_values.extend(least);
        }
        pool.taints = spec
            .taints
            .iter()
            .map(|taint| Taint {
                key: taint.key.clone(),
                value: taint.value.clone().unwrap_or_default(),
                effect: taint.effect.clone(),
            })
            .collect();
        let limit = |(key, value): (&String, &crate::config::spec::Quantity)| {
            (key.clone(), crate::config::quantity(&value.to_string()).unwrap_or_default())
        };
        pool.limits = spec.limits.iter().map(limit).collect();
        pool
    }

    fn named(name: &str) -> Self {
        let labels = BTreeMap::from([("karpenter.sh/nodepool".to_owned(), Allowed::only(name))]);
        Self {
            name: name.to_owned(),
            taints: Vec::new(),
            labels,
            limits: BTreeMap::new(),
            used: BTreeMap::new(),
            ready: None,
            min_values: Vec::new(),
        }
    }

    fn demand(&mut self, key: &str, allowed: &Allowed) {
        let both = self.labels.get(key).map_or_else(|| allowed.clone(), |before| before.and(allowed));
        self.labels.insert(key.to_owned(), both);
    }

    /// What its nodes may be bought as: `on-demand`, `spot`.
    #[must_use]
    pub fn markets(&self) -> Vec<&'static str> {
        let allowed = self.labels.get("karpenter.sh/capacity-type");
        let takes = |market: &&str| allowed.is_none_or(|allowed| allowed.takes(market));
        ["on-demand", "spot"].into_iter().filter(takes).collect()
    }

    /// The first limit that is reached or that `more` (thousandths, by resource) would go over, in words.
    #[must_use]
    pub fn over_limit(&self, more: &BTreeMap<String, u128>) -> Option<String> {
        self.limits.iter().find_map(|(resource, limit)| {
            let used = self.used.get(resource).copied().unwrap_or_default();
            let more = more.get(resource).copied().unwrap_or_default();
            (used >= *limit || used + more > *limit).then(|| {
                let shown = |milli: u128| amount(resource, milli);
                let (used, limit, more) = (shown(used), shown(*limit), shown(more));
                format!("limits.{resource} is {limit}: {used} in use, another node needs {more} at least")
            })
        })
    }

    /// Requirements that nothing can satisfy, in words: an empty set of values, no instance type on offer, or fewer values
    /// than `minValues` asks for.
    #[must_use]
    pub fn too_narrow(&self, region: &str) -> Vec<String> {
        let mut found: Vec<_> = self
            .labels
            .iter()
            .filter(|(_, allowed)| allowed.is_empty() || !allowed.has_values() && !allowed.takes_none())
            .map(|(key, _)| format!("{key}: no value satisfies all of its requirements"))
            .collect();
        if !found.is_empty() {
            return found;
        }
        let Some(shapes) = shape::offered(region) else { return found };
        let fit: Vec<_> = shapes.iter().filter(|shape| self.buys(shape, &self.labels)).collect();
        if fit.is_empty() {
            return vec![format!(
                "none of the {} instance types of {region} satisfies all of its requirements",
                shapes.len()
            )];
        }
        for (key, least) in &self.min_values {
            let values: BTreeSet<_> = fit.iter().filter_map(|shape| shape.labels.get(key.as_str())).collect();
            if !values.is_empty() && values.len() < *least {
                found.push(format!("{key}: minValues {least}, but {} are on offer", values.len()));
            }
        }
        found
    }

    /// Whether it may buy an instance type for pods with these demands.
    fn buys(&self, shape: &shape::Shape, demands: &BTreeMap<String, Allowed>) -> bool {
        let labels = demands
            .iter()
            .all(|(key, allowed)| shape.labels.get(key.as_str()).is_none_or(|value| allowed.takes(value)));
        labels && (shape.spot || self.markets() != ["spot"])
    }
}

/// Whether a pool may take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landing {
    /// The pool.
    pub pool: String,
    /// Whether Karpenter may make a node of it for the pod, or the scheduler use one.
    pub may: bool,
    /// Why not, or by what it may; one fact each.
    pub reasons: Vec<String>,
    /// What the node may be bought as, for this pod.
    pub markets: Vec<&'static str>,
    /// Nodes of the pool that would take it right now.
    pub nodes: Vec<String>,
}

/// What stands between a pod and a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// A taint without toleration.
    Taint(String),
    /// A selector or an affinity that its nodes do not satisfy.
    Selector(String),
    /// No instance type holds it.
    Size(String),
    /// A limit is reached.
    Limit(String),
    /// The pool is not Ready.
    NotReady,
}

impl Obstacle {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Taint(text) | Self::Selector(text) | Self::Size(text) | Self::Limit(text) => text.clone(),
            Self::NotReady => "the pool is not Ready".to_owned(),
        }
    }
}

/// Where a pod may land: an answer per pool, in the order of the pools. `nodes` and `pods` are the cluster's; empty where
/// only the file is known.
#[must_use]
pub fn landing(pod: &Json, pools: &[Pool], nodes: &[Json], pods: &[Json], region: &str) -> Vec<Landing> {
    let each = |pool: &Pool| {
        let obstacles = obstacles(pod, pool, region);
        let may = obstacles.is_empty();
        let mut reasons: Vec<_> = obstacles.iter().map(Obstacle::words).collect();
        if may {
            reasons.push(permission(pod, pool));
        }
        let of_pool = |node: &&Json| read::label(node, "karpenter.sh/nodepool") == Some(pool.name.as_str());
        let room = nodes.iter().filter(of_pool).filter(|node| takes(node, pod, pods));
        let wanted = demands(pod).into_iter().next().unwrap_or_default();
        let market = wanted.get("karpenter.sh/capacity-type").cloned().unwrap_or_else(Allowed::anything);
        Landing {
            pool: pool.name.clone(),
            may,
            reasons,
            markets: pool.markets().into_iter().filter(|name| market.takes(name)).collect(),
            nodes: room.map(|node| read::name(node).to_owned()).collect(),
        }
    };
    pools.iter().map(each).collect()
}

/// By what a pool takes a pod.
fn permission(pod: &Json, pool: &Pool) -> String {
    let hard: Vec<_> = pool.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule").collect();
    let chosen = chooses(pod);
    match (hard.first(), chosen.as_slice()) {
        (None, []) => "no taint keeps it out, and it asks for nothing".to_owned(),
        (None, chosen) => format!("no taint keeps it out, and its selector {} fits", chosen.join(", ")),
        (Some(taint), []) => format!("it tolerates {taint}"),
        (Some(taint), chosen) => format!("it tolerates {taint}, and its selector {} fits", chosen.join(", ")),
    }
}

/// Everything that stands between a pod and a pool; nothing: it may land there.
pub(super) fn obstacles(pod: &Json, pool: &Pool, region: &str) -> Vec<Obstacle> {
    let mut found = Vec::new();
    let hard = pool.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule");
    for taint in hard.filter(|taint| !tolerated(pod, taint)) {
        found.push(Obstacle::Taint(format!("taint {taint} is not tolerated")));
    }
    let terms = demands(pod);
    let misses: Vec<_> = terms.iter().map(|term| missed(term, pool)).collect();
    let fitting: Vec<_> =
        terms.iter().zip(&misses).filter(|(_, missed)| missed.is_empty()).map(|(term, _)| term).collect();
    if fitting.is_empty() {
        let missed = misses.into_iter().next().unwrap_or_default();
        found.extend(missed.into_iter().map(Obstacle::Selector));
    } else if let Some(shapes) = shape::offered(region) {
        let (cpu, memory) = (of_pod(pod, "requests", "cpu"), of_pod(pod, "requests", "memory"));
        let holds = |shape: &shape::Shape| shape.cpu >= cpu && shape.memory >= memory;
        let buys = |shape: &shape::Shape| {
            fitting.iter().any(|term| {
                let mut both = pool.labels.clone();
                for (key, allowed) in *term {
                    let joined = both.get(key).map_or_else(|| allowed.clone(), |own| own.and(allowed));
                    both.insert(key.clone(), joined);
                }
                pool.buys(shape, &both)
            })
        };
        let sold: Vec<_> = shapes.iter().filter(|shape| buys(shape)).collect();
        let roomy = || sold.iter().filter(|shape| holds(shape));
        if sold.is_empty() {
            found.push(Obstacle::Selector("no instance type has all the labels that pod and pool ask for".to_owned()));
        } else if roomy().next().is_none() {
            let asked = format!("{} CPU and {} of memory", amount("cpu", cpu), amount("memory", memory));
            found.push(Obstacle::Size(format!("no instance type of the pool has room for {asked}")));
        } else if roomy().all(|shape| pool.over_limit(&shape.whole).is_some()) {
            // Limits bound whole nodes: what counts is the smallest instance that holds the pod.
            let least = roomy().min_by_key(|shape| shape.whole["cpu"]);
            found.extend(least.and_then(|shape| pool.over_limit(&shape.whole)).map(Obstacle::Limit));
        }
    } else {
        let more = ["cpu", "memory"].map(|resource| (resource.to_owned(), of_pod(pod, "requests", resource)));
        found.extend(pool.over_limit(&BTreeMap::from(more)).map(Obstacle::Limit));
    }
    if pool.ready == Some(false) {
        found.push(Obstacle::NotReady);
    }
    found
}

/// Selectors and required affinities that a pool's nodes do not satisfy, in words.
fn missed(term: &BTreeMap<String, Allowed>, pool: &Pool) -> Vec<String> {
    let mut found = Vec::new();
    for (key, wanted) in term {
        match pool.labels.get(key) {
            Some(own) if own.and(wanted).is_empty() => {
                found.push(format!("the pod wants {key} {}, the pool's nodes have {}", wanted.words(), own.words()));
            }
            Some(_) => {}
            None if wanted.takes_none() || OPEN.contains(&key.as_str()) || key.starts_with("karpenter.k8s.aws/") => {}
            None => found.push(format!("the pod wants {key} {}, the pool's nodes have no such label", wanted.words())),
        }
    }
    found
}

/// What a pod demands of a node's labels: alternatives, of which one must hold in full. At least one, maybe empty.
fn demands(pod: &Json) -> Vec<BTreeMap<String, Allowed>> {
    let mut base: BTreeMap<String, Allowed> = BTreeMap::new();
    for (key, value) in pod["spec"]["nodeSelector"].as_object().into_iter().flatten() {
        base.insert(key.clone(), Allowed::only(value.as_str().unwrap_or_default()));
    }
    let pointer = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = items(pod, pointer).map(|term| {
        let mut all = base.clone();
        for expression in items(term, "/matchExpressions") {
            let values: Vec<_> = items(expression, "/values").filter_map(Json::as_str).map(str::to_owned).collect();
            let allowed = Allowed::of(text(expression, "/operator"), &values);
            let key = text(expression, "/key").to_owned();
            let both = all.get(&key).map_or_else(|| allowed.clone(), |before| before.and(&allowed));
            all.insert(key, both);
        }
        all
    });
    let terms: Vec<_> = terms.collect();
    if terms.is_empty() { vec![base] } else { terms }
}

/// The labels by which a pod chooses nodes: selector and required affinity, as `key=value`.
pub(super) fn chooses(pod: &Json) -> Vec<String> {
    let terms = demands(pod);
    let all = terms.iter().flatten().map(|(key, allowed)| format!("{key}={}", allowed.words()));
    let all: BTreeSet<_> = all.collect();
    all.into_iter().collect()
}

/// The taints that a pod tolerates by name: those a person wrote, without the ones that Kubernetes adds to every pod.
pub(super) fn tolerates(pod: &Json) -> Vec<Taint> {
    let written = |taint: &Taint| {
        !taint.key.starts_with("node.kubernetes.io/") && !taint.key.is_empty() && taint.effect != "NoExecute"
    };
    items(pod, "/spec/tolerations").map(taint).filter(written).collect()
}

/// Whether a pod tolerates a taint (Kubernetes, "Taints and Tolerations").
pub(super) fn tolerated(pod: &Json, taint: &Taint) -> bool {
    items(pod, "/spec/tolerations").any(|toleration| {
        let (key, effect) = (text(toleration, "/key"), text(toleration, "/effect"));
        let value = match text(toleration, "/operator") {
            "Exists" => true,
            _ => !key.is_empty() && text(toleration, "/value") == taint.value,
        };
        (key.is_empty() || key == taint.key) && (effect.is_empty() || effect == taint.effect) && value
    })
}

/// A taint or a toleration as it stands in an object.
pub(super) fn taint(object: &Json) -> Taint {
    Taint {
        key: text(object, "/key").to_owned(),
        value: text(object, "/value").to_owned(),
        effect: text(object, "/effect").to_owned(),
    }
}

/// Whether a node would take a pod right now: taints, labels, room.
pub(super) fn takes(node: &Json, pod: &Json, pods: &[Json]) -> bool {
    refusal(node, pod, pods).is_none()
}

/// Why a node would not take a pod right now.
pub(super) fn refusal(node: &Json, pod: &Json, pods: &[Json]) -> Option<String> {
    if node["spec"]["unschedulable"].as_bool() == Some(true) {
        return Some("it is cordoned".to_owned());
    }
    let hard = items(node, "/spec/taints")
        .map(taint)
        .find(|taint| taint.effect != "PreferNoSchedule" && !tolerated(pod, taint));
    if let Some(taint) = hard {
        return Some(format!("taint {taint} is not tolerated"));
    }
    let fits = |term: &BTreeMap<String, Allowed>| {
        term.iter()
            .all(|(key, allowed)| read::label(node, key).map_or(allowed.takes_none(), |value| allowed.takes(value)))
    };
    if !demands(pod).iter().any(fits) {
        return Some("its labels do not match the pod's selector".to_owned());
    }
    let here = |other: &&Json| text(other, "/spec/nodeName") == read::name(node) && read::alive(other);
    for resource in ["cpu", "memory"] {
        let room = milli(&node["status"]["allocatable"][resource]);
        let taken: u128 = pods.iter().filter(here).map(|other| of_pod(other, "requests", resource)).sum();
        let asked = of_pod(pod, "requests", resource);
        if taken + asked > room {
            let left = amount(resource, room.saturating_sub(taken));
            return Some(format!("{left} of {resource} are free, {} are asked for", amount(resource, asked)));
        }
    }
    let most = milli(&node["status"]["allocatable"]["pods"]) / 1000;
    let count = u128::try_from(pods.iter().filter(here).count()).unwrap_or_default();
    (most > 0 && count >= most).then(|| format!("it holds {count} pods, its most"))
}

/// An amount in thousandths as people write it: `1.5` CPUs, `250m`, `16Gi`.
pub(super) fn amount(resource: &str, milli: u128) -> String {
    if resource != "memory" && !resource.contains("storage") {
        return match milli % 1000 {
            0 => (milli / 1000).to_string(),
            rest if milli >= 1000 && rest % 100 == 0 => format!("{}.{}", milli / 1000, rest / 100),
            _ => format!("{milli}m"),
        };
    }
    let (gib, mib) = (1024_u128.pow(3) * 1000, 1024_u128.pow(2) * 1000);
    match milli {
        0 => "0".to_owned(),
        milli if milli % gib == 0 => format!("{}Gi", milli / gib),
        milli if milli >= 10 * gib => format!("{}.{}Gi", milli / gib, milli % gib * 10 / gib),
        milli => format!("{}Mi", milli / mib),
    }
}

#[cfg(test)]
mod tests;
