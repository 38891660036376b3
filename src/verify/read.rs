//! Short ways into Kubernetes objects.

use serde_json::Value as Json;

use crate::config::quantity;

/// The text at a JSON pointer; empty where there is none.
pub(super) fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// A whole number at a JSON pointer, 0 where there is none.
pub(super) fn number(object: &Json, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Json::as_i64).unwrap_or_default()
}

/// `metadata.name`.
pub(super) fn name(object: &Json) -> &str {
    text(object, "/metadata/name")
}

/// `metadata.namespace`.
pub(super) fn namespace(object: &Json) -> &str {
    text(object, "/metadata/namespace")
}

/// `namespace/name`, or the name alone.
pub(super) fn full_name(object: &Json) -> String {
    match namespace(object) {
        "" => name(object).to_owned(),
        namespace => format!("{namespace}/{}", name(object)),
    }
}

/// A label's value.
pub(super) fn label<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

/// An annotation's value.
pub(super) fn annotation<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// The items of a list at a JSON pointer.
pub(super) fn items<'a>(object: &'a Json, pointer: &str) -> std::slice::Iter<'a, Json> {
    object.pointer(pointer).and_then(Json::as_array).map_or([].iter(), |items| items.iter())
}

/// Seconds since 1970 of an RFC 3339 text.
pub(super) fn moment(text: &str) -> Option<i64> {
    text.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// When an object was made.
pub(super) fn created(object: &Json) -> i64 {
    moment(text(object, "/metadata/creationTimestamp")).unwrap_or_default()
}

/// When somebody asked for an object's end, if somebody did.
pub(super) fn leaving(object: &Json) -> Option<i64> {
    moment(text(object, "/metadata/deletionTimestamp"))
}

/// One condition of an object's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    pub(super) kind: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) since: i64,
}

impl Condition<'_> {
    pub(super) fn holds(&self) -> bool {
        self.status == "True"
    }

    /// `SubnetsReady False: SubnetsNotFound, no subnets matched`.
    pub(super) fn words(&self) -> String {
        let why = [self.reason, self.message].into_iter().filter(|text| !text.is_empty() && *text != self.kind);
        let why: Vec<_> = why.collect();
        if self.holds() || why.is_empty() {
            format!("{} {}", self.kind, self.status)
        } else {
            format!("{} {}: {}", self.kind, self.status, why.join(", "))
        }
    }
}

/// All conditions.
pub(super) fn conditions(object: &Json) -> impl Iterator<Item = Condition<'_>> {
    items(object, "/status/conditions").map(|condition| Condition {
        kind: text(condition, "/type"),
        status: text(condition, "/status"),
        reason: text(condition, "/reason"),
        message: text(condition, "/message"),
        since: moment(text(condition, "/lastTransitionTime")).unwrap_or_default(),
    })
}

/// One condition by its type.
pub(super) fn condition<'a>(object: &'a Json, kind: &str) -> Option<Condition<'a>> {
    conditions(object).find(|condition| condition.kind == kind)
}

/// Whether a condition is there and `True`.
pub(super) fn holds(object: &Json, kind: &str) -> bool {
    condition(object, kind).is_some_and(|condition| condition.holds())
}

/// A quantity in thousandths of its unit: a number or text; 0 where it is none.
pub(super) fn milli(value: &Json) -> u128 {
    match value {
        Json::String(text) => quantity(text).unwrap_or_default(),
        Json::Number(number) => quantity(&number.to_string()).unwrap_or_default(),
        _ => 0,
    }
}

/// What a pod asks for, or may take, of one resource, in thousandths: the sum of its containers, or its greatest init
/// container where that is more, and its overhead.
pub(super) fn of_pod(pod: &Json, side: &str, resource: &str) -> u128 {
    let of = |container: &Json| milli(&container["resources"][side][resource]);
    let side_cars = |container: &&Json| text(container, "/restartPolicy") == "Always";
    let beside: u128 = items(pod, "/spec/initContainers").filter(side_cars).map(of).sum();
    let sum: u128 = items(pod, "/spec/containers").map(of).sum::<u128>() + beside;
    let first = items(pod, "/spec/initContainers").filter(|one| !side_cars(one)).map(of).max().unwrap_or_default();
    let overhead = milli(&pod["spec"]["overhead"][resource]);
    sum.max(first + beside) + overhead
}

/// Whether a pod still takes room on its node.
pub(super) fn alive(pod: &Json) -> bool {
    !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod belongs to a DaemonSet.
pub(super) fn of_daemon_set(pod: &Json) -> bool {
    items(pod, "/metadata/ownerReferences").any(|owner| text(owner, "/kind") == "DaemonSet")
}

/// The reason why a Pending pod has no node, in the scheduler's words; empty where it has one.
pub(super) fn unscheduled(pod: &Json) -> Option<Condition<'_>> {
    let waiting = text(pod, "/status/phase") == "Pending" && text(pod, "/spec/nodeName").is_empty();
    let condition = condition(pod, "PodScheduled").unwrap_or(Condition {
        kind: "PodScheduled",
        status: "False",
        reason: "",
        message: "no scheduler has looked at it",
        since: created(pod),
    });
    (waiting && !condition.holds()).then_some(condition)
}

/// The moment an event was last seen.
pub(super) fn last_seen(event: &Json) -> i64 {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(|pointer| moment(text(event, pointer)))
        .unwrap_or_default()
}

/// `4 min`, as rough as a person at night wants it.
pub(super) fn ago(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}
