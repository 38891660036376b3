//! EKS add-ons and the nodes that carry them.

use super::identity::suggest;
use super::{Check, shapes};
use crate::config::codes::code;
use crate::config::spec::Identity;

/// Add-ons of AWS and those it publishes for the community (EKS user guide, "AWS add-ons" and "Community add-ons").
const KNOWN: &[&str] = &[
    "adot",
    "amazon-cloudwatch-observability",
    "aws-ebs-csi-driver",
    "aws-efs-csi-driver",
    "aws-fsx-csi-driver",
    "aws-guardduty-agent",
    "aws-mountpoint-s3-csi-driver",
    "aws-network-flow-monitoring-agent",
    "aws-privateca-connector-for-kubernetes",
    "aws-secrets-store-csi-driver-provider",
    "cert-manager",
    "coredns",
    "eks-node-monitoring-agent",
    "eks-pod-identity-agent",
    "external-dns",
    "fluent-bit",
    "kube-proxy",
    "kube-state-metrics",
    "metrics-server",
    "prometheus-node-exporter",
    "snapshot-controller",
    "vpc-cni",
];

/// Without these no node becomes ready, or no pod resolves a name; the cluster is made without EKS's own copies.
const NEEDED: &[(&str, &str)] = &[
    ("vpc-cni", "nodes stay NotReady without a network plugin"),
    ("kube-proxy", "Services have no addresses without it"),
    ("coredns", "pods resolve no names without it"),
];

/// Add-ons that do nothing without AWS permissions, which nodes do not have.
const NEEDS_IDENTITY: &[&str] = &["aws-ebs-csi-driver", "aws-efs-csi-driver"];

/// Add-ons whose permissions are known, so that a role can be made for them.
pub const IDENTITIES: &[&str] =
    &["amazon-cloudwatch-observability", "aws-ebs-csi-driver", "aws-efs-csi-driver", "vpc-cni"];

/// Smallest root volume: the AL2023 AMI's own snapshot is 20 GiB.
pub(super) const ROOT_GIB: u16 = 20;

/// Largest gp3 volume, GiB (EBS user guide).
pub(super) const MAX_GIB: u16 = 16_384;

pub(super) fn check(check: &mut Check<'_>) {
    let spec = check.spec;
    for (name, addon) in &spec.addons {
        let path = format!("addons.{name}");
        if !shapes::dns_label(name) {
            check.key_error(&path, code::ADDON, format!("`{name}` is not the name of an add-on"), suggest(name, KNOWN));
        } else if !KNOWN.contains(&name.as_str()) {
            let help = crate::config::decode::nearest(name, KNOWN.iter().copied()).map_or_else(
                || "`aws eks describe-addon-versions` lists them; a live plan asks EKS".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            check.warning(&path, code::ADDON_UNKNOWN, format!("this build does not know the add-on `{name}`"), help);
        }
        if !version(&addon.version) {
            check.error(
                &format!("{path}.version"),
                code::ADDON_VERSION,
                format!("`{}` is not a version of an add-on", addon.version),
                "`default`, `latest`, or exactly as EKS writes it: v1.21.1-eksbuild.1",
            );
        }
        if addon.identity.is_none() && NEEDS_IDENTITY.contains(&name.as_str()) {
            check.error(
                &path,
                code::ADDON_IDENTITY,
                format!("`{name}` has no AWS permissions"),
                "add `identity: irsa` or `identity: podIdentity`; its pods cannot use the node's role",
            );
        }
        if addon.identity.is_some() && !IDENTITIES.contains(&name.as_str()) {
            check.error(
                &format!("{path}.identity"),
                code::ADDON_IDENTITY,
                format!("rem-ci does not know which AWS permissions `{name}` needs"),
                format!("leave `identity` out; it is known for {}", IDENTITIES.join(", ")),
            );
        } else if let Some(identity) = addon.identity {
            needs(check, &format!("{path}.identity"), identity);
        }
        if addon.configuration.as_ref().is_some_and(|configuration| !configuration.is_object()) {
            let help = "configuration values are a map, as `aws eks describe-addon-configuration` describes it";
            check.error(&format!("{path}.configuration"), code::ADDON, "not a map", help);
        }
    }
    for (name, why) in NEEDED {
        if !spec.addons.contains_key(*name) {
            check.warning(
                "addons",
                code::ADDON_MISSING,
                format!("no add-on `{name}`"),
                format!("{why}; add `{name}: {{version: default}}`"),
            );
        }
    }
    system_nodes(check);
}

/// What an identity needs to be there besides.
pub(super) fn needs(check: &mut Check<'_>, path: &str, identity: Identity) {
    match identity {
        Identity::Irsa if !check.spec.cluster.oidc_provider => check.error(
            path,
            code::IDENTITY,
            "`irsa` needs the cluster's OIDC provider",
            "set `cluster.oidcProvider: true`, or use `podIdentity`",
        ),
        Identity::PodIdentity if !check.spec.addons.contains_key("eks-pod-identity-agent") && check.sound("addons") => {
            check.error(
                path,
                code::IDENTITY,
                "`podIdentity` needs the add-on `eks-pod-identity-agent`",
                "add `eks-pod-identity-agent: {version: default}` to `addons`",
            );
        }
        Identity::Irsa | Identity::PodIdentity => {}
    }
}

/// `default`, `latest`, `v1.21.1-eksbuild.1`.
fn version(text: &str) -> bool {
    matches!(text, "default" | "latest")
        || text.strip_prefix('v').and_then(|text| text.split_once("-eksbuild.")).is_some_and(|(version, build)| {
            shapes::numbers::<3>(version).is_some() && shapes::numbers::<1>(build).is_some()
        })
}

fn system_nodes(check: &mut Check<'_>) {
    let nodes = &check.spec.system_nodes;
    if !shapes::instance_type(&nodes.instance_type) {
        let help = "family and size: t3.medium, m7i.large";
        let title = format!("`{}` is not an instance type", nodes.instance_type);
        check.error("systemNodes.instanceType", code::INSTANCE_TYPE, title, help);
    } else if [".nano", ".micro", ".small"].iter().any(|size| nodes.instance_type.ends_with(size)) {
        check.warning(
            "systemNodes.instanceType",
            code::SYSTEM_NODE_SMALL,
            format!("{} holds no Karpenter replica beside the add-ons", nodes.instance_type),
            "a replica requests 1 vCPU and 1 GiB; t3.medium is the smallest that fits",
        );
    }
    if nodes.count == 0 {
        check.error(
            "systemNodes.count",
            code::SYSTEM_NODES,
            "no system nodes",
            "Karpenter needs nodes to run on; use 2",
        );
    } else if u16::from(check.spec.karpenter.values.replicas) > nodes.count && check.sound("karpenter.values.replicas")
    {
        check.error(
            "systemNodes.count",
            code::SYSTEM_NODES,
            format!(
                "{} replicas of Karpenter want as many hosts, there is {}",
                check.spec.karpenter.values.replicas, nodes.count
            ),
            "raise `systemNodes.count`, or lower `karpenter.values.replicas`: two replicas never share a host",
        );
    }
    volume(check, "systemNodes.volumeGiB", nodes.volume_gib, ROOT_GIB);
}

pub(super) fn volume(check: &mut Check<'_>, path: &str, gib: u16, least: u16) {
    if !(least..=MAX_GIB).contains(&gib) {
        check.error(path, code::VOLUME, format!("a root volume of {gib} GiB"), format!("{least} to {MAX_GIB} GiB"));
    }
}
