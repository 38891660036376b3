//! What the validation rules of Karpenter's CRDs refuse beside their schemas: paths and messages as the API server words
//! them, one for each broken rule.

use serde_json::Value as Json;

use super::{class_rules, minor};

/// Where and why.
pub(super) type Broken = Vec<(String, String)>;

/// What the newest version's rules say against an object of `nodepools.karpenter.sh`, `nodeclaims.karpenter.sh` or
/// `ec2nodeclasses.karpenter.k8s.aws`; `old` is its present state when it is changed. Other resources have none.
#[must_use]
pub fn rules(resource: &str, new: &Json, old: Option<&Json>) -> Vec<(String, String)> {
    rules_at("99.0", resource, new, old)
}

/// The same for a version of Karpenter: the annotation `sandbox.rem-ci.dev/rules` of the definition.
#[must_use]
pub fn rules_at(version: &str, resource: &str, new: &Json, old: Option<&Json>) -> Vec<(String, String)> {
    let version = if version.is_empty() { "99.0" } else { version };
    match resource {
        "nodepools.karpenter.sh" => pool(new, old),
        "nodeclaims.karpenter.sh" => claim(new, old),
        "ec2nodeclasses.karpenter.k8s.aws" => class_rules::class(minor(version), new, old),
        _ => Vec::new(),
    }
}

pub(super) fn items<'a>(object: &'a Json, pointer: &str) -> &'a [Json] {
    object.pointer(pointer).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn say(broken: &mut Broken, refused: bool, path: &str, message: &str) {
    if refused {
        broken.push((path.to_owned(), message.to_owned()));
    }
}

/// Labels under Karpenter's domains that a user may ask for (documentation, "Scheduling: Labels").
const KNOWN: &[&str] = &[
    "karpenter.sh/capacity-type",
    "karpenter.sh/nodepool",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.k8s.aws/zone-id",
    "beta.kubernetes.io/instance-type",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/os",
];

/// What follows `karpenter.k8s.aws/` in labels that describe instances.
const INSTANCE: &[&str] = &[
    "capacity-reservation-id",
    "capacity-reservation-type",
    "capacity-reservation-interruptible",
    "ec2nodeclass",
    "instance-encryption-in-transit-supported",
    "instance-category",
    "instance-hypervisor",
    "instance-family",
    "instance-generation",
    "instance-local-nvme",
    "instance-size",
    "instance-capability-flex",
    "instance-tenancy",
    "instance-cpu",
    "instance-cpu-manufacturer",
    "instance-cpu-sustained-clock-speed-mhz",
    "instance-memory",
    "instance-ebs-bandwidth",
    "instance-network-bandwidth",
    "instance-gpu-name",
    "instance-gpu-manufacturer",
    "instance-gpu-count",
    "instance-gpu-memory",
    "instance-accelerator-name",
    "instance-accelerator-manufacturer",
    "instance-accelerator-count",
];

/// Why a label may not be set or asked for.
fn label(key: &str) -> Option<String> {
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    let under = |suffix: &str| domain == suffix || domain.ends_with(&format!(".{suffix}"));
    let instance = key.strip_prefix("karpenter.k8s.aws/").is_some_and(|name| INSTANCE.contains(&name));
    if key == "karpenter.sh/nodepool" {
        return Some("label \"karpenter.sh/nodepool\" is restricted".to_owned());
    }
    if key == "kubernetes.io/hostname" {
        return Some("label \"kubernetes.io/hostname\" is restricted".to_owned());
    }
    if KNOWN.contains(&key) || instance {
        return None;
    }
    let open =
        ["kops.k8s.io", "node.kubernetes.io", "node-restriction.kubernetes.io"].iter().any(|domain| under(domain));
    let refused = |domain: &str| Some(format!("label domain \"{domain}\" is restricted"));
    if open {
        return None;
    }
    if under("karpenter.sh") {
        return refused("karpenter.sh");
    }
    if under("karpenter.k8s.aws") {
        return refused("karpenter.k8s.aws");
    }
    if under("kubernetes.io") {
        return refused("kubernetes.io");
    }
    if under("k8s.io") { refused("k8s.io") } else { None }
}

fn requirements(broken: &mut Broken, at: &str, all: &[Json]) {
    for (place, one) in all.iter().enumerate() {
        let (operator, values) = (one["operator"].as_str().unwrap_or_default(), items(one, "/values"));
        let path = format!("{at}[{place}]");
        say(
            broken,
            operator == "In" && values.is_empty(),
            at,
            "requirements with operator 'In' must have a value defined",
        );
        let bound = ["Gt", "Lt", "Gte", "Lte"].contains(&operator);
        let natural = values.len() == 1 && values[0].as_str().is_some_and(|value| value.parse::<u64>().is_ok());
        say(
            broken,
            bound && !natural,
            at,
            "requirements operator 'Gt' or 'Lt' must have a single positive integer value",
        );
        let few = one["minValues"].as_u64().is_some_and(|least| operator == "In" && (values.len() as u64) < least);
        say(
            broken,
            few,
            at,
            "requirements with 'minValues' must have at least that many values specified in the 'values' field",
        );
        if let Some(message) = label(one["key"].as_str().unwrap_or_default()) {
            broken.push((format!("{path}.key"), message));
        }
    }
}

fn class_ref(broken: &mut Broken, at: &str, of: &Json, old: Option<&Json>) {
    for field in ["group", "kind", "name"] {
        say(broken, of[field] == "", &format!("{at}.{field}"), &format!("{field} may not be empty"));
    }
    if let Some(old) = old {
        say(broken, old["group"] != of["group"], at, "nodeClassRef.group is immutable");
        say(broken, old["kind"] != of["kind"], at, "nodeClassRef.kind is immutable");
    }
}

fn pool(new: &Json, old: Option<&Json>) -> Broken {
    let mut broken = Broken::new();
    let template = &new["spec"]["template"];
    let at = "spec.template.spec";
    class_ref(
        &mut broken,
        &format!("{at}.nodeClassRef"),
        &template["spec"]["nodeClassRef"],
        old.map(|old| &old["spec"]["template"]["spec"]["nodeClassRef"]),
    );
    requirements(&mut broken, &format!("{at}.requirements"), items(template, "/spec/requirements"));
    for key in template["metadata"]["labels"].as_object().into_iter().flatten().map(|(key, _)| key) {
        if let Some(message) = label(key) {
            broken.push(("spec.template.metadata.labels".to_owned(), message));
        }
    }
    for (place, budget) in items(new, "/spec/disruption/budgets").iter().enumerate() {
        let odd = budget["schedule"].is_null() != budget["duration"].is_null();
        say(&mut broken, odd, &format!("spec.disruption.budgets[{place}]"), "'schedule' must be set with 'duration'");
    }
    replicas(&mut broken, new, old);
    broken
}

/// Rules of pools with a fixed number of nodes.
fn replicas(broken: &mut Broken, new: &Json, old: Option<&Json>) {
    let spec = &new["spec"];
    let fixed = !spec["replicas"].is_null();
    let other = spec["limits"].as_object().is_some_and(|limits| limits.keys().any(|key| key != "nodes"));
    say(broken, fixed && other, "spec", "only 'limits.nodes' is supported on static NodePools");
    say(broken, fixed && !spec["weight"].is_null(), "spec", "'weight' is not supported on static NodePools");
    let toggled = old.is_some_and(|old| old["spec"]["replicas"].is_null() == fixed);
    say(
        broken,
        toggled,
        "spec",
        "Cannot transition NodePool between static (replicas set) and dynamic (replicas unset) provisioning modes",
    );
}

fn claim(new: &Json, old: Option<&Json>) -> Broken {
    let mut broken = Broken::new();
    class_ref(&mut broken, "spec.nodeClassRef", &new["spec"]["nodeClassRef"], None);
    say(&mut broken, old.is_some_and(|old| old["spec"] != new["spec"]), "spec", "spec is immutable");
    broken
}
