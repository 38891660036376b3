//! The fixed lines: what a resource costs by being there, one function per component. Kinds call these from
//! [`Resource::cost`](crate::engine::Resource::cost).
//!
//! Prices carry their source in `data/services.json`; the formulas are those of the AWS pricing pages named at each.

use rust_decimal::Decimal;

use super::line::{Line, Rates};

/// EKS control plane.
pub const CONTROL_PLANE: &str = "control plane";
/// Instances of managed node groups.
pub const SYSTEM_NODES: &str = "system nodes";
/// EBS volumes.
pub const VOLUMES: &str = "volumes";
/// NAT gateways, by the hour.
pub const NAT_GATEWAYS: &str = "NAT gateways";
/// Public IPv4 addresses.
pub const PUBLIC_IPV4: &str = "public IPv4";
/// KMS keys.
pub const KMS_KEYS: &str = "KMS keys";
/// VPC endpoints, by the hour.
pub const ENDPOINTS: &str = "VPC endpoints";
/// EventBridge rules.
pub const RULES: &str = "event rules";

fn priced(rates: &Rates, line: Line, what: &str) -> Line {
    match line.unit_price {
        Some(_) => line,
        None => line.note(rates.no_price(what)),
    }
}

/// One EKS control plane. The rate goes by date only: 0.10 USD an hour in standard support, 0.60 in all from its end on,
/// whatever `upgradePolicy` says, for until AWS has moved the cluster it is in extended support. ("Amazon EKS pricing".)
#[must_use]
pub fn control_plane(version: &str, rates: &Rates) -> Line {
    let line = |item: String, price| Line::fixed(CONTROL_PLANE, item, rates.hours(1), "hour", price);
    let Some((standard, extended)) = rates.support_ends(version) else {
        let why = format!("support dates of Kubernetes {version} are not known");
        return line(version.to_owned(), None).note(why);
    };
    if rates.today < standard {
        let item = format!("{version}, standard until {standard}");
        return priced(rates, line(item, rates.price("eks.control_plane.standard")), "EKS control plane");
    }
    let item = if rates.today < extended {
        format!("{version}, extended until {extended}")
    } else {
        format!("{version}, out of support since {extended}")
    };
    priced(rates, line(item, rates.price("eks.control_plane.extended_total")), "EKS control plane")
}

/// `count` instances on demand. ("Amazon EC2 On-Demand Pricing", Linux, shared tenancy.)
#[must_use]
pub fn instances(instance_type: &str, count: u64, rates: &Rates) -> Line {
    let price = rates.book.and_then(|book| book.instance(instance_type));
    let price = price.map(|instance| rates.discounted("ec2", instance.usd_per_hour));
    let line = Line::fixed(SYSTEM_NODES, instance_type, rates.hours(count), "hour", price);
    priced(rates, line, "such instance type")
}

/// `count` gp3 volumes of `gib` GiB each; `iops` over 3,000 and `throughput` over 125 MiB/s cost extra. AWS calls the
/// GiB a GB in prices. ("Amazon EBS pricing".)
#[must_use]
pub fn gp3_volumes(count: u64, gib: u64, iops: Option<u64>, throughput: Option<u64>, rates: &Rates) -> Vec<Line> {
    let line = |item: &str, quantity: u64, unit, key: &str| {
        let line = Line::fixed(VOLUMES, item, Decimal::from(quantity), unit, rates.price(key));
        priced(rates, line, "gp3")
    };
    let mut lines = vec![line("gp3", count * gib, "GB-month", "ebs.gp3.storage")];
    let above = |value: Option<u64>, free: u64| value.unwrap_or(free).saturating_sub(free) * count;
    let (iops, throughput) = (above(iops, 3000), above(throughput, 125));
    if iops > 0 {
        lines.push(line("gp3 IOPS above 3,000", iops, "IOPS-month", "ebs.gp3.iops_above_3000"));
    }
    if throughput > 0 {
        lines.push(line("gp3 throughput above 125 MiB/s", throughput, "MiB/s-month", "ebs.gp3.throughput_above_125"));
    }
    lines
}

/// One NAT gateway; its traffic is a usage line, its address is [`public_ipv4`]. ("Amazon VPC pricing".)
#[must_use]
pub fn nat_gateway(rates: &Rates) -> Line {
    priced(rates, Line::fixed(NAT_GATEWAYS, "", rates.hours(1), "hour", rates.price("nat.gateway")), "NAT gateway")
}

/// One public IPv4 address, in use or idle. ("Amazon VPC pricing", since 2024-02-01.)
#[must_use]
pub fn public_ipv4(rates: &Rates) -> Line {
    priced(rates, Line::fixed(PUBLIC_IPV4, "", rates.hours(1), "hour", rates.price("ipv4.public")), "public IPv4")
}

/// One KMS key of our own; requests are left out: Secrets are few. ("AWS Key Management Service pricing".)
#[must_use]
pub fn kms_key(rates: &Rates) -> Line {
    priced(rates, Line::fixed(KMS_KEYS, "", Decimal::ONE, "key-month", rates.price("kms.key")), "KMS key")
}

/// One interface endpoint in `zones` zones; its traffic is a usage line. ("AWS PrivateLink pricing".)
#[must_use]
pub fn interface_endpoint(service: &str, zones: u64, rates: &Rates) -> Line {
    let line = Line::fixed(ENDPOINTS, service, rates.hours(zones), "hour", rates.price("vpce.interface"));
    priced(rates, line, "interface endpoint")
}

/// A gateway endpoint: free. ("AWS PrivateLink pricing", gateway endpoints.)
#[must_use]
pub fn gateway_endpoint(service: &str, rates: &Rates) -> Line {
    let price = rates.price("vpce.gateway_s3_dynamodb");
    priced(rates, Line::fixed(ENDPOINTS, service, rates.hours(1), "hour", price), "gateway endpoint")
}

/// Rules for events of AWS services on the default bus: free. ("Amazon EventBridge pricing".)
#[must_use]
pub fn event_rule(rates: &Rates) -> Line {
    let price = rates.price("eventbridge.aws_events");
    priced(rates, Line::fixed(RULES, "events of AWS", Decimal::ZERO, "million", price), "EventBridge")
}
