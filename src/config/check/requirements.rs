//! What a NodePool's nodes may be.

use super::identity::suggest;
use super::{Check, node_pool, shapes};
use crate::config::codes::code;
use crate::config::decode::nearest;
use crate::config::spec::NodePool;

const OPERATORS: &[&str] = &["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "Gte", "Lte"];

/// Labels of the domain `karpenter.k8s.aws` (Karpenter's CRD and its "Scheduling" page, 1.15).
const AWS_LABELS: &[&str] = &[
    "karpenter.k8s.aws/capacity-reservation-id",
    "karpenter.k8s.aws/capacity-reservation-interruptible",
    "karpenter.k8s.aws/capacity-reservation-type",
    "karpenter.k8s.aws/ec2nodeclass",
    "karpenter.k8s.aws/instance-accelerator-count",
    "karpenter.k8s.aws/instance-accelerator-manufacturer",
    "karpenter.k8s.aws/instance-accelerator-name",
    "karpenter.k8s.aws/instance-capability-flex",
    "karpenter.k8s.aws/instance-category",
    "karpenter.k8s.aws/instance-cpu",
    "karpenter.k8s.aws/instance-cpu-manufacturer",
    "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz",
    "karpenter.k8s.aws/instance-ebs-bandwidth",
    "karpenter.k8s.aws/instance-encryption-in-transit-supported",
    "karpenter.k8s.aws/instance-family",
    "karpenter.k8s.aws/instance-generation",
    "karpenter.k8s.aws/instance-gpu-count",
    "karpenter.k8s.aws/instance-gpu-manufacturer",
    "karpenter.k8s.aws/instance-gpu-memory",
    "karpenter.k8s.aws/instance-gpu-name",
    "karpenter.k8s.aws/instance-hypervisor",
    "karpenter.k8s.aws/instance-local-nvme",
    "karpenter.k8s.aws/instance-memory",
    "karpenter.k8s.aws/instance-network-bandwidth",
    "karpenter.k8s.aws/instance-size",
    "karpenter.k8s.aws/instance-tenancy",
    "karpenter.k8s.aws/placement-group-id",
    "karpenter.k8s.aws/placement-group-partition",
];

/// Labels of Kubernetes' own domains that a pool may use.
const KUBERNETES_LABELS: &[&str] = &[
    "beta.kubernetes.io/arch",
    "beta.kubernetes.io/instance-type",
    "beta.kubernetes.io/os",
    "failure-domain.beta.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "kubernetes.io/arch",
    "kubernetes.io/os",
    "node.kubernetes.io/instance-type",
    "node.kubernetes.io/windows-build",
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
];

/// Values that the best known labels can have.
const VALUES: &[(&str, &[&str])] = &[
    ("karpenter.sh/capacity-type", &["spot", "on-demand", "reserved"]),
    ("kubernetes.io/arch", &["amd64", "arm64"]),
    ("kubernetes.io/os", &["linux", "windows"]),
];

/// Why a label may not be set or asked for, as the CRD's rules on label domains have it.
pub(super) fn restricted(key: &str) -> Option<&'static str> {
    let domain = key.split_once('/').map(|(domain, _)| domain)?;
    let of = |parent: &str| domain == parent || domain.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.'));
    if matches!(key, "karpenter.sh/nodepool" | "kubernetes.io/hostname") {
        return Some("is set by Karpenter and Kubernetes themselves");
    }
    if of("karpenter.sh") && key != "karpenter.sh/capacity-type" {
        return Some("is in Karpenter's own domain");
    }
    if of("karpenter.k8s.aws") {
        return (!AWS_LABELS.contains(&key)).then_some("is in Karpenter's own domain, which has no such label");
    }
    if of("kubernetes.io") {
        let free = of("node.kubernetes.io") || of("node-restriction.kubernetes.io") || KUBERNETES_LABELS.contains(&key);
        return (!free).then_some("is in Kubernetes' own domain");
    }
    (of("k8s.io") && !of("kops.k8s.io")).then_some("is in Kubernetes' own domain")
}

pub(super) fn check(check: &mut Check<'_>, path: &str, pool: &NodePool) {
    let path = format!("{path}.requirements");
    if pool.requirements.len() > 100 {
        let title = format!("{} requirements", pool.requirements.len());
        check.error(&path, code::REQUIREMENT, title, "at most 100");
    }
    for (index, requirement) in pool.requirements.iter().enumerate() {
        let at = format!("{path}[{index}]");
        let (key, values) = (requirement.key.as_str(), &requirement.values);
        if !shapes::label_key(key) || key.len() > 316 {
            check.error(
                &format!("{at}.key"),
                code::REQUIREMENT,
                format!("`{key}` is not a label"),
                "a well-known label of nodes",
            );
        } else if let Some(why) = restricted(key) {
            let known = ["karpenter.sh/capacity-type"];
            let all = AWS_LABELS.iter().chain(KUBERNETES_LABELS).chain(&known).copied();
            let help = nearest(key, all)
                .map_or_else(|| "use another label".to_owned(), |near| format!("did you mean `{near}`?"));
            check.error(&format!("{at}.key"), code::LABEL_RESTRICTED, format!("label `{key}` {why}"), help);
        }
        match requirement.operator.as_str() {
            "In" | "NotIn" => {
                if values.is_empty() && requirement.operator == "In" {
                    check.error(&at, code::REQUIREMENT, "`In` without values: no node fits", "list the values");
                }
            }
            "Exists" | "DoesNotExist" => {
                if !values.is_empty() {
                    let title = format!("`{}` takes no values", requirement.operator);
                    check.error(&format!("{at}.values"), code::REQUIREMENT, title, "remove them, or use `In`");
                }
            }
            "Gt" | "Lt" | "Gte" | "Lte" => {
                if let operator @ ("Gte" | "Lte") = requirement.operator.as_str() {
                    node_pool::since(check, &format!("{at}.operator"), 9, &format!("`{operator}`"));
                }
                let number =
                    |text: &String| !text.is_empty() && text.len() <= 9 && text.bytes().all(|c| c.is_ascii_digit());
                if values.len() != 1 || !values.iter().all(number) {
                    let title = format!("`{}` takes one whole number", requirement.operator);
                    let at = if values.is_empty() { at.clone() } else { format!("{at}.values") };
                    check.error(&at, code::REQUIREMENT, title, "in quotes, not negative: `values: [\"4\"]`");
                }
            }
            other => {
                let title = format!("`{other}` is not an operator");
                check.error(&format!("{at}.operator"), code::REQUIREMENT, title, suggest(other, OPERATORS));
            }
        }
        for (index, value) in values.iter().enumerate() {
            let at = format!("{at}.values[{index}]");
            let known = VALUES.iter().find(|(name, _)| *name == key).map(|(_, known)| *known);
            if matches!(requirement.operator.as_str(), "Gt" | "Lt" | "Gte" | "Lte") {
                continue;
            }
            if !shapes::label_value(value) {
                check.error(
                    &at,
                    code::REQUIREMENT,
                    format!("`{value}` is not a label value"),
                    "up to 63 letters, digits and ._-",
                );
            } else if let Some(known) = known.filter(|known| !known.contains(&value.as_str())) {
                check.error(&at, code::REQUIREMENT, format!("`{key}` is never `{value}`"), suggest(value, known));
            } else if values[..index].contains(value) {
                check.error(&at, code::REQUIREMENT, format!("`{value}` is there twice"), "keep one");
            }
        }
        if let Some(least) = requirement.min_values {
            let at = format!("{at}.minValues");
            if !(1..=50).contains(&least) {
                check.error(&at, code::REQUIREMENT, format!("minValues {least}"), "1 to 50");
            } else if requirement.operator == "In" && values.len() < usize::from(least) {
                let title = format!("minValues {least}, but values: {}", values.len());
                check.error(&at, code::REQUIREMENT, title, "list more values, or ask for fewer");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_domains() {
        for good in [
            "team",
            "acme.dev/team",
            "karpenter.sh/capacity-type",
            "karpenter.k8s.aws/instance-cpu",
            "kubernetes.io/arch",
            "node.kubernetes.io/x",
            "x.node-restriction.kubernetes.io/y",
            "topology.k8s.aws/zone-id",
        ] {
            assert_eq!(restricted(good), None, "{good}");
        }
        for bad in [
            "karpenter.sh/nodepool",
            "karpenter.sh/x",
            "kubernetes.io/hostname",
            "kubernetes.io/x",
            "x.k8s.io/y",
            "karpenter.k8s.aws/instance-cpus",
        ] {
            assert!(restricted(bad).is_some(), "{bad}");
        }
    }
}
