//! The control plane and who may use it.

use std::collections::BTreeMap;

use super::identity::suggest;
use super::{Check, shapes};
use crate::config::codes::code;
use crate::config::spec::{Connect, IpFamily};

/// Control-plane log types (EKS API reference, `LogSetup`).
const LOG_TYPES: &[&str] = &["api", "audit", "authenticator", "controllerManager", "scheduler"];

/// Days that CloudWatch Logs takes (API reference, `PutRetentionPolicy`).
const RETENTION: &[i32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// Access policies for people (EKS user guide, "Access policy permissions"); those for AWS's own services are left out.
const POLICIES: &[&str] = &[
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
];

/// What EKS refuses as the beginning of a group (EKS user guide, "Create access entries").
const GROUP_PREFIXES: &[&str] = &["system:", "eks:", "aws:", "amazon:", "iam:"];

pub(super) fn check(check: &mut Check<'_>) {
    let cluster = &check.spec.cluster;
    let good = cluster.name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && cluster.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if !good || cluster.name.len() > 100 {
        check.error(
            "cluster.name",
            code::CLUSTER_NAME,
            format!("`{}` is not the name of an EKS cluster", cluster.name),
            "1 to 100 letters, digits, `-` and `_`, beginning with a letter or digit",
        );
    }
    endpoint(check);
    logging(check);
    if cluster.ip_family == IpFamily::Ipv6 && cluster.service_cidr.is_some() {
        check.error(
            "cluster.serviceCidr",
            code::IP_FAMILY,
            "an IPv6 cluster gets its Service range from EKS",
            "leave `serviceCidr` out, or use `ipFamily: ipv4`",
        );
    }
    access(check);
}

fn endpoint(check: &mut Check<'_>) {
    let endpoint = &check.spec.cluster.endpoint;
    if !endpoint.private && !endpoint.public {
        check.error(
            "cluster.endpoint",
            code::ENDPOINT_UNREACHABLE,
            "the API server can be reached from nowhere",
            "set `private: true`; nodes need it",
        );
    }
    if endpoint.public && endpoint.public_cidrs.is_empty() {
        check.error(
            "cluster.endpoint.public",
            code::ENDPOINT_OPEN,
            "a public endpoint without `publicCidrs`",
            "AWS would take the empty list as 0.0.0.0/0; say who may reach it: `publicCidrs: [203.0.113.0/24]`",
        );
    }
    if !endpoint.public && !endpoint.public_cidrs.is_empty() {
        check.error(
            "cluster.endpoint.publicCidrs",
            code::ENDPOINT_CIDRS,
            "`publicCidrs` without a public endpoint",
            "empty the list, or set `public: true`",
        );
    }
    if endpoint.public_cidrs.len() > 40 {
        let help = "EKS takes 40; use larger ranges";
        check.error("cluster.endpoint.publicCidrs", code::ENDPOINT_CIDRS, "more than 40 ranges", help);
    }
    let mut seen = std::collections::BTreeSet::new();
    for (index, text) in endpoint.public_cidrs.iter().enumerate() {
        let path = format!("cluster.endpoint.publicCidrs[{index}]");
        match text.parse::<ipnet::IpNet>() {
            Err(_) => check.error(
                &path,
                code::CIDR,
                format!("`{text}` is not a range"),
                "a single address is /32: 203.0.113.7/32",
            ),
            Ok(range) if range.trunc() != range => {
                let title = format!("`{text}` has bits set beyond its /{}", range.prefix_len());
                check.error(&path, code::CIDR, title, format!("write the range's first address: {}", range.trunc()));
            }
            Ok(range) if range.prefix_len() == 0 => check.widens(
                &path,
                code::ENDPOINT_WORLD,
                format!("{range} lets the whole internet reach the API server"),
                "name your own ranges, or use a private endpoint with `connect: ssm`",
            ),
            Ok(range) if !seen.insert(range) => {
                check.error(&path, code::ENDPOINT_CIDRS, format!("{range} is there twice"), "name each range once");
            }
            Ok(_) => {}
        }
    }
    if check.spec.connect == Connect::Ssm && !endpoint.private {
        check.error(
            "connect",
            code::CONNECT,
            "`connect: ssm` goes through a system node, which reaches a private endpoint only",
            "set `cluster.endpoint.private: true`, or `connect: direct`",
        );
    }
    if endpoint.public && !endpoint.private {
        check.warning(
            "cluster.endpoint.private",
            code::ENDPOINT_PUBLIC_ONLY,
            "nodes reach the API server over its public address",
            "set `private: true` too, or keep the NAT gateways' addresses in `publicCidrs`: nodes that cannot reach it never join",
        );
    }
}

fn logging(check: &mut Check<'_>) {
    let logging = &check.spec.cluster.logging;
    for (index, kind) in logging.types.iter().enumerate() {
        let path = format!("cluster.logging.types[{index}]");
        if !LOG_TYPES.contains(&kind.as_str()) {
            check.error(&path, code::LOG_TYPE, format!("`{kind}` is not a log type"), suggest(kind, LOG_TYPES));
        } else if logging.types[..index].contains(kind) {
            check.error(&path, code::LOG_TYPE, format!("`{kind}` is there twice"), "name each log type once");
        }
    }
    if !logging.types.iter().any(|kind| kind == "audit") {
        check.widens(
            "cluster.logging.types",
            code::NO_AUDIT_LOG,
            "no audit log: who did what in the cluster will not be known",
            "add `audit`",
        );
    }
    let days = logging.retention_days;
    if !RETENTION.contains(&days) {
        let near = RETENTION.iter().min_by_key(|known| (i64::from(**known) - i64::from(days)).abs()).unwrap_or(&90);
        let list: Vec<_> = RETENTION.iter().map(ToString::to_string).collect();
        check.error(
            "cluster.logging.retentionDays",
            code::RETENTION,
            format!("CloudWatch Logs does not keep logs for {days} days"),
            format!("nearest is {near}; one of {}", list.join(", ")),
        );
    }
}

fn access(check: &mut Check<'_>) {
    let spec = check.spec;
    let mut seen: BTreeMap<&str, String> = BTreeMap::new();
    let roles = [("plan", &spec.roles.plan), ("apply", &spec.roles.apply), ("destroy", &spec.roles.destroy)];
    for (verb, role) in roles {
        if let Some(role) = role {
            seen.entry(role).or_insert(format!("roles.{verb}"));
        }
    }
    for (name, access) in &spec.cluster.access {
        let path = format!("cluster.access.{name}");
        let at = format!("{path}.principal");
        match shapes::iam_arn(&access.principal) {
            None => {
                let session = access.principal.contains(":assumed-role/");
                let help = if session {
                    "that is a session; give the role: arn:aws:iam::ACCOUNT:role/PATH/NAME (for IAM Identity Center with its path)"
                } else {
                    "the ARN of a role or user that exists: arn:aws:iam::123456789012:role/NAME"
                };
                check.error(
                    &at,
                    code::PRINCIPAL,
                    format!("`{}` is not the ARN of a role or user", access.principal),
                    help,
                );
            }
            Some((_, _, resource)) if resource.starts_with("role/aws-service-role/") => {
                check.error(
                    &at,
                    code::PRINCIPAL,
                    "a service-linked role cannot have an access entry",
                    "name a role of people",
                );
            }
            Some((partition, ..)) if partition != crate::cloud::partition(&spec.region) && check.sound("region") => {
                let title = format!("the principal is in partition {partition}, the cluster is not");
                check.error(&at, code::PRINCIPAL, title, "name a role of the cluster's own partition");
            }
            Some(_) => {
                if let Some(other) = seen.get(access.principal.as_str()) {
                    let title = format!("the principal has access already, by `{other}`");
                    check.error(&at, code::PRINCIPAL, title, "EKS knows one entry a principal; put it all into one");
                }
            }
        }
        seen.entry(&access.principal).or_insert(path.clone());
        if let Some(policy) = &access.policy {
            let short = policy.rsplit('/').next().unwrap_or(policy);
            if !POLICIES.contains(&policy.as_str()) {
                let help =
                    if POLICIES.contains(&short) { format!("write only `{short}`") } else { suggest(short, POLICIES) };
                let title = format!("`{policy}` is not an access policy for people");
                check.error(&format!("{path}.policy"), code::ACCESS_POLICY, title, help);
            }
        } else {
            if access.groups.is_empty() {
                let help = "give it a `policy`, or `groups` for your own RBAC";
                check.error(&path, code::ACCESS_EMPTY, format!("`{name}` may do nothing"), help);
            }
            if !access.namespaces.is_empty() {
                let help = "namespaces limit a policy; groups get their rights from your own RBAC";
                check.error(&format!("{path}.namespaces"), code::ACCESS_EMPTY, "namespaces without a policy", help);
            }
        }
        for (index, namespace) in access.namespaces.iter().enumerate() {
            let namespace = namespace.replace('*', "x");
            if !shapes::dns_label(&namespace) {
                let at = format!("{path}.namespaces[{index}]");
                check.error(
                    &at,
                    code::NAMESPACE,
                    format!("`{namespace}` is not a namespace"),
                    "a-z, 0-9 and `-`, up to 63",
                );
            }
        }
        for (index, group) in access.groups.iter().enumerate() {
            if let Some(prefix) = GROUP_PREFIXES.iter().find(|prefix| group.starts_with(**prefix)) {
                let at = format!("{path}.groups[{index}]");
                let title = format!("EKS refuses groups that begin with `{prefix}`");
                check.error(
                    &at,
                    code::ACCESS_GROUP,
                    title,
                    "bind a group of your own to the role you mean, or use a `policy`",
                );
            }
        }
    }
}
