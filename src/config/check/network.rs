//! Ranges, zones, subnets, endpoints.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::identity::{suggest, zone_prefix};
use super::{Check, shapes};
use crate::config::codes::code;
use crate::config::spec::{ExistingVpc, NatGateways, Zones};

/// Zones whose subnets EKS refuses for a cluster (EKS user guide, "Subnet requirements and considerations").
pub const UNSUPPORTED_ZONES: &[&str] = &["use1-az3", "usw1-az2", "cac1-az3"];

/// Fewest addresses that a private subnet must offer: the 16 that EKS advises for itself (same page; below 6 it refuses),
/// and 18 for one t3.medium with its pods (three interfaces of six addresses; EC2 user guide, "Instance type limits").
pub const LEAST_ADDRESSES: u32 = 16 + 18;

/// What nodes without a way to the internet must reach by interface endpoint (EKS user guide, "Deploy private clusters
/// with limited internet access", and Karpenter's "Private Clusters").
const PRIVATE_ENDPOINTS: &[&str] = &["ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "s3", "sqs", "ssm", "sts"];

/// The length of the subnets that a VPC is cut into, as the model lays them out: publics in the lower half and privates in
/// the upper, each half cut into four, or eight from five zones on, but no subnet larger than a /20.
#[must_use]
pub const fn subnet_prefix(vpc: u8, zones: usize) -> u8 {
    let prefix = if zones <= 4 { vpc + 3 } else { vpc + 4 };
    if prefix < 20 { 20 } else { prefix }
}

/// Addresses of a subnet that AWS leaves to us: all but five (VPC user guide, "Subnet CIDR blocks").
#[must_use]
pub const fn usable_addresses(prefix: u8) -> u32 {
    (1_u32 << (32 - prefix)) - 5
}

pub(super) fn check(check: &mut Check<'_>) {
    let network = &check.spec.network;
    let range = match &network.existing {
        Some(existing) => {
            existing_vpc(check, existing);
            None
        }
        None => vpc(check, &network.cidr),
    };
    zones(check, &network.zones);
    if let Some(range) = range {
        service_range(check, range);
    }
    endpoints(check);
    security_group(check);
}

/// The network of `10.0.0.0/16`, or an error that says what is wrong with it.
fn parse(check: &mut Check<'_>, path: &str, text: &str) -> Option<Ipv4Net> {
    let Ok(range) = text.parse::<Ipv4Net>() else {
        check.error(path, code::CIDR, format!("`{text}` is not an IPv4 range"), "an address and a length: 10.0.0.0/16");
        return None;
    };
    if range.trunc() != range {
        let title = format!("`{text}` has bits set beyond its /{}", range.prefix_len());
        check.error(path, code::CIDR, title, format!("write the range's first address: {}", range.trunc()));
        return None;
    }
    Some(range)
}

fn within(range: Ipv4Net, ranges: &[&str]) -> bool {
    ranges.iter().filter_map(|known| known.parse::<Ipv4Net>().ok()).any(|known| known.contains(&range))
}

/// Private ranges (RFC 1918), and the carriers' (RFC 6598) that EKS allows beside them.
const PRIVATE: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
const CARRIER: &str = "100.64.0.0/10";

fn vpc(check: &mut Check<'_>, text: &str) -> Option<Ipv4Net> {
    let range = parse(check, "network.cidr", text)?;
    if !within(range, PRIVATE) && !within(range, &[CARRIER]) {
        check.error(
            "network.cidr",
            code::CIDR_PUBLIC,
            format!("{range} is not a private range"),
            "take it from 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10; with public addresses, parts of the internet become unreachable",
        );
    }
    if within(range, &["172.17.0.0/16"]) {
        check.warning(
            "network.cidr",
            code::CIDR_DOCKER,
            format!("{range} is in the range that AWS's own tools use inside a host"),
            "Cloud9, SageMaker and Docker hosts in or beside the VPC will not reach it; take another range",
        );
    }
    let length = range.prefix_len();
    if !(16..=24).contains(&length) {
        let title = format!("/{length} is not a size for a VPC here");
        check.error("network.cidr", code::CIDR_SIZE, title, "/16 to /24; AWS itself takes nothing larger than /16");
        return None;
    }
    let zones = match &check.spec.network.zones {
        Zones::Count(count) => usize::from(*count),
        Zones::Ids(ids) => ids.len(),
    };
    let subnet = subnet_prefix(length, zones);
    let usable = usable_addresses(subnet);
    if usable < LEAST_ADDRESSES {
        let fewer = if zones > 4 && usable_addresses(subnet_prefix(length, 4)) >= LEAST_ADDRESSES {
            ", or set zones: 4"
        } else {
            ""
        };
        check.error(
            "network.cidr",
            code::SUBNET_TOO_SMALL,
            format!("private subnets of {range} hold {usable} addresses each (/{subnet} for {zones} zones), EKS needs 6 and Karpenter room to grow"),
            format!("use /20 or larger for the VPC{fewer}; EKS advises 16 for itself, and every node and pod takes one more"),
        );
    } else if length > 20 {
        check.warning(
            "network.cidr",
            code::SUBNET_SMALL,
            format!("private subnets of {range} are /{subnet} and hold {usable} addresses each; every pod takes one"),
            "a VPC's range cannot be changed later; use /20 or larger",
        );
    }
    Some(range)
}

fn zones(check: &mut Check<'_>, zones: &Zones) {
    let ids = match zones {
        Zones::Count(count) => {
            if !(2..=6).contains(count) {
                check.error(
                    "network.zones",
                    code::ZONES,
                    format!("{count} zones"),
                    "2 to 6: EKS asks for two at least",
                );
            }
            return;
        }
        Zones::Ids(ids) => ids,
    };
    if !(2..=6).contains(&ids.len()) {
        check.error("network.zones", code::ZONES, format!("{} zones", ids.len()), "2 to 6: EKS asks for two at least");
    }
    let prefix = format!("{}-az", zone_prefix(&check.spec.region));
    let mut seen = BTreeSet::new();
    for (index, id) in ids.iter().enumerate() {
        let path = format!("network.zones[{index}]");
        if UNSUPPORTED_ZONES.contains(&id.as_str()) {
            let help = "EKS takes no cluster subnets there; choose another zone of the region";
            check.error(&path, code::ZONE_UNSUPPORTED, format!("EKS refuses zone `{id}`"), help);
        } else if !id
            .strip_prefix(&prefix)
            .is_some_and(|number| !number.is_empty() && number.len() <= 2 && number.bytes().all(|c| c.is_ascii_digit()))
        {
            if check.sound("region") {
                let title = format!("`{id}` is not the id of a zone of {}", check.spec.region);
                let help = format!(
                    "ids look like `{prefix}1`; zone letters (`{}a`) differ from account to account",
                    check.spec.region
                );
                check.error(&path, code::ZONE, title, help);
            }
        } else if !seen.insert(id) {
            check.error(&path, code::ZONE, format!("zone `{id}` is there twice"), "name each zone once");
        }
    }
}

/// The EKS user guide on `serviceIpv4Cidr`: private, /24 to /12, no overlap with the VPC.
fn service_range(check: &mut Check<'_>, vpc: Ipv4Net) {
    let Some(text) = &check.spec.cluster.service_cidr else { return };
    let path = "cluster.serviceCidr";
    let Some(range) = parse(check, path, text) else { return };
    if !within(range, PRIVATE) || !(12..=24).contains(&range.prefix_len()) {
        let help = "EKS takes /12 to /24 of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16";
        check.error(path, code::CIDR_SIZE, format!("{range} is not a range for Services"), help);
    }
    if (range.contains(&vpc) || vpc.contains(&range)) && check.sound("network.cidr") {
        check.error(
            path,
            code::CIDR_OVERLAP,
            format!("{range} overlaps the VPC's {vpc}"),
            "give Services a range of their own; it cannot be changed later",
        );
    }
}

fn endpoints(check: &mut Check<'_>) {
    let network = &check.spec.network;
    let mut seen = BTreeSet::new();
    for (index, name) in network.endpoints.iter().enumerate() {
        let path = format!("network.endpoints[{index}]");
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-');
        if name.is_empty() || !plain || name.starts_with("com.") {
            let title = format!("`{name}` is not the short name of a VPC endpoint");
            check.error(
                &path,
                code::ENDPOINT_NAME,
                title,
                "as AWS names the service after the region: `s3`, `ecr.dkr`, `sts`",
            );
        } else if !seen.insert(name.as_str()) {
            check.error(&path, code::ENDPOINT_NAME, format!("`{name}` is there twice"), "name each endpoint once");
        }
    }
    if network.nat_gateways == NatGateways::None && network.existing.is_none() {
        let missing: Vec<_> = PRIVATE_ENDPOINTS.iter().filter(|name| !seen.contains(**name)).copied().collect();
        if !missing.is_empty() {
            check.warning(
                "network.natGateways",
                code::NO_EGRESS,
                format!("without NAT gateways, nodes cannot reach {}", missing.join(", ")),
                "list them in `network.endpoints`, or use `natGateways: single`; images then come from ECR only",
            );
        }
    }
}

fn existing_vpc(check: &mut Check<'_>, existing: &ExistingVpc) {
    let id = |check: &mut Check<'_>, path: &str, text: &str, prefix: &str| {
        if !shapes::ec2_id(text, prefix) {
            let help = format!("`{prefix}` and 8 or 17 hex digits, as `aws ec2` shows it");
            check.error(path, code::EC2_ID, format!("`{text}` is not an id"), help);
        }
    };
    id(check, "network.existing.vpcId", &existing.vpc_id, "vpc-");
    if existing.private_subnet_ids.len() < 2 {
        let help = "EKS asks for subnets in two zones at least";
        check.error("network.existing.privateSubnetIds", code::ZONES, "fewer than two private subnets", help);
    }
    let mut seen = BTreeSet::new();
    let lists = [("privateSubnetIds", &existing.private_subnet_ids), ("publicSubnetIds", &existing.public_subnet_ids)];
    for (list, ids) in lists {
        for (index, text) in ids.iter().enumerate() {
            let path = format!("network.existing.{list}[{index}]");
            id(check, &path, text, "subnet-");
            if !seen.insert(text) {
                check.error(
                    &path,
                    code::EC2_ID,
                    format!("subnet `{text}` is there twice"),
                    "a subnet is private or public",
                );
            }
        }
    }
}

fn security_group(check: &mut Check<'_>) {
    let Some(group) = &check.spec.network.node_security_group else { return };
    for (name, rule) in &group.ingress {
        let path = format!("network.nodeSecurityGroup.ingress.{name}");
        let at = |field: &str| format!("{path}.{field}");
        if rule.peer.contains('/') {
            let world = rule.peer.ends_with("/0");
            if world {
                let help = "nothing may reach nodes from anywhere; name the range, or a security group";
                check.error(&at("peer"), code::INGRESS_WORLD, format!("`{}` is the whole world", rule.peer), help);
            } else if rule.peer.contains(':') {
                if rule.peer.parse::<ipnet::Ipv6Net>().is_err() {
                    check.error(
                        &at("peer"),
                        code::CIDR,
                        format!("`{}` is not an IPv6 range", rule.peer),
                        "such as 2001:db8::/48",
                    );
                }
            } else {
                parse(check, &at("peer"), &rule.peer);
            }
        } else if rule.peer != "self" && !shapes::ec2_id(&rule.peer, "sg-") {
            let help = "a range, `self`, or a security group's id";
            check.error(&at("peer"), code::INGRESS, format!("`{}` is not a peer", rule.peer), help);
        }
        let protocols = ["tcp", "udp", "icmp", "all"];
        if !protocols.contains(&rule.protocol.as_str()) {
            let title = format!("`{}` is not a protocol here", rule.protocol);
            check.error(&at("protocol"), code::INGRESS, title, suggest(&rule.protocol, &protocols));
        }
        let with_ports = matches!(rule.protocol.as_str(), "tcp" | "udp");
        match &rule.ports {
            Some(ports) if with_ports && port_range(ports).is_none() => {
                let help = "a port from 1 to 65535, or a range: 8000-8100";
                check.error(&at("ports"), code::INGRESS, format!("`{ports}` is not a port"), help);
            }
            Some(_) if with_ports => {}
            Some(_) => check.error(
                &at("ports"),
                code::INGRESS,
                format!("`{}` has no ports", rule.protocol),
                "leave `ports` out",
            ),
            None if with_ports => {
                check.error(
                    &path,
                    code::INGRESS,
                    format!("`{}` without ports", rule.protocol),
                    "say which: `ports: \"8443\"`",
                );
            }
            None => {}
        }
        // The EC2 API reference on a rule's description.
        let plain = rule.why.chars().all(|c| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c));
        if rule.why.trim().is_empty() || rule.why.len() > 255 || !plain {
            let help = "1 to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{}!$*; it becomes the rule's description";
            check.error(&at("why"), code::INGRESS, "AWS does not take this as a description", help);
        }
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (from.parse().ok()?, to.parse().ok()?);
    (from >= 1 && from <= to).then_some((from, to))
}
