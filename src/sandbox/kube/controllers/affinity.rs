//! Whether a pod's selectors and affinities take a node.

use serde_json::Value as Json;

use super::meta::{items, name, namespace, selects};

/// Whether `nodeSelector` and required node affinity take a node.
pub(super) fn node(spec: &Json, node: &Json) -> bool {
    let labels = &node["metadata"]["labels"];
    let plain = spec["nodeSelector"].as_object().into_iter().flatten().all(|(key, value)| labels[key] == *value);
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = items(required, "/nodeSelectorTerms");
    plain && (required.is_null() || terms.iter().any(|one| term(one, node)))
}

/// Whether one term takes a node. One without any demand takes none.
fn term(term: &Json, node: &Json) -> bool {
    let (expressions, fields) = (items(term, "/matchExpressions"), items(term, "/matchFields"));
    let labels = &node["metadata"]["labels"];
    !(expressions.is_empty() && fields.is_empty())
        && expressions.iter().all(|one| expression(one, labels[one["key"].as_str().unwrap_or_default()].as_str()))
        && fields.iter().all(|one| expression(one, Some(name(node))))
}

/// Whether a value satisfies an expression's operator and values.
pub(super) fn expression(one: &Json, have: Option<&str>) -> bool {
    let values = items(one, "/values");
    let listed = have.is_some_and(|have| values.iter().any(|value| value == have));
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let compare = |fits: fn(f64, f64) -> bool| {
        let bound = number(values.first().and_then(Json::as_str));
        number(have).zip(bound).is_some_and(|(have, bound)| fits(have, bound))
    };
    match one["operator"].as_str().unwrap_or_default() {
        "In" => listed,
        "NotIn" => !listed,
        "Exists" => have.is_some(),
        "DoesNotExist" => have.is_none(),
        "Gt" => compare(|have, bound| have > bound),
        "Lt" => compare(|have, bound| have < bound),
        "Gte" => compare(|have, bound| have >= bound),
        "Lte" => compare(|have, bound| have <= bound),
        _ => false,
    }
}

/// How much a pod would like a node: the weights of the preferred terms that take it.
pub(super) fn liking(spec: &Json, node: &Json) -> i64 {
    items(spec, "/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution")
        .iter()
        .filter(|one| term(&one["preference"], node))
        .map(|one| one["weight"].as_i64().unwrap_or_default())
        .sum()
}

/// A pod on a node, as far as affinities between pods care.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    /// The pod.
    pub(super) pod: &'a Json,
    /// Its node's labels.
    pub(super) labels: &'a Json,
    /// Whether it keeps others off.
    apart: bool,
}

const APART: &str = "/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution";

impl<'a> Placed<'a> {
    /// A pod on a node with these labels.
    pub(super) fn new(pod: &'a Json, labels: &'a Json) -> Self {
        Self { pod, labels, apart: !items(pod, APART).is_empty() }
    }
}

fn term_selects(term: &Json, own_namespace: &str, other: &Json) -> bool {
    let spaces = items(term, "/namespaces");
    let space = if spaces.is_empty() {
        namespace(other) == own_namespace
    } else {
        spaces.iter().any(|one| one == namespace(other))
    };
    space && selects(&term["labelSelector"], &other["metadata"]["labels"])
}

/// Whether required affinity and anti-affinity to other pods let a pod onto a node with these labels.
pub(super) fn among_pods(pod: &Json, labels: &Json, placed: &[Placed<'_>]) -> bool {
    let spec = &pod["spec"];
    let here = |term: &Json, other: &Placed<'_>| {
        let key = term["topologyKey"].as_str().unwrap_or_default();
        !labels[key].is_null() && other.labels[key] == labels[key]
    };
    let own = namespace(pod);
    let apart = items(pod, APART);
    let keeps_off =
        apart.iter().any(|term| placed.iter().any(|other| here(term, other) && term_selects(term, own, other.pod)));
    // Anti-affinity holds both ways.
    let kept_off = placed.iter().filter(|other| other.apart).any(|other| {
        let terms = items(other.pod, APART);
        terms.iter().any(|term| here(term, other) && term_selects(term, namespace(other.pod), pod))
    });
    let near = items(spec, "/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution");
    let joined = near.iter().all(|term| {
        let any = placed.iter().any(|other| term_selects(term, own, other.pod));
        // The first of its kind may go anywhere.
        (!any && term_selects(term, own, pod))
            || placed.iter().any(|other| term_selects(term, own, other.pod) && here(term, other))
    });
    !keeps_off && !kept_off && joined
}

/// Whether hard spread constraints let a pod onto a node: `domains` are the labels of all nodes that could count.
pub(super) fn spread(pod: &Json, labels: &Json, placed: &[Placed<'_>], domains: &[&Json]) -> bool {
    items(&pod["spec"], "/topologySpreadConstraints")
        .iter()
        .filter(|one| one["whenUnsatisfiable"] == "DoNotSchedule")
        .all(|one| {
            let key = one["topologyKey"].as_str().unwrap_or_default();
            let Some(own) = labels[key].as_str() else { return false };
            let count = |domain: &str| {
                let fits = |other: &&Placed<'_>| {
                    other.labels[key] == domain
                        && namespace(other.pod) == namespace(pod)
                        && selects(&one["labelSelector"], &other.pod["metadata"]["labels"])
                };
                i64::try_from(placed.iter().filter(fits).count()).unwrap_or(i64::MAX)
            };
            let least = domains.iter().filter_map(|labels| labels[key].as_str()).map(count).min().unwrap_or_default();
            let itself = i64::from(selects(&one["labelSelector"], &pod["metadata"]["labels"]));
            count(own) + itself - least <= one["maxSkew"].as_i64().unwrap_or(1)
        })
}
