//! Which product of AWS's price lists is the price of which line: everything but instances.
//!
//! A usage type is a region's prefix and a name: `EUC1-NatGateway-Hours`, `EU-VpcEndpoint-Hours`, `eu-west-1-KMS-Keys`, in us-east-1 often
//! none. Names and families are those of AWS's public lists, as Infracost reads them (infracost/infracost at commit 95ba4f49 of 2026-08-21,
//! `internal/resources/aws`), public IPv4 and extended support as bills name them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

/// One price and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// What [`Book::get`](super::Book::get) knows it by.
    pub key: &'static str,
    /// The list: `AmazonVPC`.
    pub offer: &'static str,
    /// `productFamily`; none where the list has none.
    pub family: &'static str,
    /// The usage type without its region's prefix.
    pub usage: &'static str,
    /// Where its tier begins, in the list's unit.
    pub from: &'static str,
    /// Our unit in theirs: a million requests, a MiB/s of a GiB/s.
    per: (i64, i64),
    /// The price that this one is on top of.
    on: Option<&'static str>,
}

const fn item(key: &'static str, offer: &'static str, family: &'static str, usage: &'static str) -> Item {
    Item { key, offer, family, usage, from: "0", per: (1, 1), on: None }
}

/// All of them. Data transfer has lists of its own shape and is not refreshed; what is free stays free.
pub const ITEMS: &[Item] = &[
    item("eks.control_plane.standard", "AmazonEKS", "Compute", "AmazonEKS-Hours:perCluster"),
    Item {
        on: Some("eks.control_plane.standard"),
        ..item("eks.control_plane.extended_total", "AmazonEKS", "Compute", "AmazonEKS-Hours:extendedSupport")
    },
    item("nat.gateway", "AmazonEC2", "NAT Gateway", "NatGateway-Hours"),
    item("nat.data", "AmazonEC2", "NAT Gateway", "NatGateway-Bytes"),
    item("ebs.gp3.storage", "AmazonEC2", "Storage", "EBS:VolumeUsage.gp3"),
    item("ebs.gp3.iops_above_3000", "AmazonEC2", "System Operation", "EBS:VolumeP-IOPS.gp3"),
    // Listed by the GiB/s.
    Item {
        per: (1, 1024),
        ..item("ebs.gp3.throughput_above_125", "AmazonEC2", "Provisioned Throughput", "EBS:VolumeP-Throughput.gp3")
    },
    item("ipv4.public", "AmazonVPC", "", "PublicIPv4:InUseAddress"),
    item("vpce.interface", "AmazonVPC", "VpcEndpoint", "VpcEndpoint-Hours"),
    item("vpce.data.first_1pb", "AmazonVPC", "VpcEndpoint", "VpcEndpoint-Bytes"),
    Item { from: "1048576", ..item("vpce.data.next_4pb", "AmazonVPC", "VpcEndpoint", "VpcEndpoint-Bytes") },
    Item { from: "5242880", ..item("vpce.data.over_5pb", "AmazonVPC", "VpcEndpoint", "VpcEndpoint-Bytes") },
    item("kms.key", "awskms", "Encryption Key", "KMS-Keys"),
    Item { per: (10_000, 1), ..item("kms.requests", "awskms", "", "KMS-Requests") },
    item("logs.ingest", "AmazonCloudWatch", "Data Payload", "DataProcessing-Bytes"),
    item("logs.storage", "AmazonCloudWatch", "Storage Snapshot", "TimedStorage-ByteHrs"),
    Item { per: (1_000_000, 1), ..item("sqs.standard", "AWSQueueService", "API Request", "Requests-Tier1") },
    item("alb.hour", "AWSELB", "Load Balancer-Application", "LoadBalancerUsage"),
    item("alb.lcu", "AWSELB", "Load Balancer-Application", "LCUUsage"),
];

/// The lists besides EC2's, each once.
pub fn offers() -> impl Iterator<Item = &'static str> {
    let mut seen = vec!["AmazonEC2"];
    ITEMS.iter().map(|item| item.offer).filter(move |offer| {
        let new = !seen.contains(offer);
        seen.push(offer);
        new
    })
}

/// List and family of each question to GetProducts, each once.
pub fn families() -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut seen = Vec::new();
    ITEMS.iter().map(|item| (item.offer, item.family)).filter(move |question| {
        let new = !seen.contains(question);
        seen.push(*question);
        new
    })
}

/// The items that a product of a list is the price of; more than one where it has tiers.
pub fn items<'a>(
    offer: &'a str,
    family: &'a str,
    usage: &'a str,
    region: &'a str,
) -> impl Iterator<Item = &'static Item> + use<'a> {
    let fits = move |item: &&Item| {
        item.offer == offer && (item.family.is_empty() || item.family == family) && named(usage, item.usage, region)
    };
    ITEMS.iter().filter(fits)
}

/// Whether a usage type is this one in this region.
fn named(usage: &str, name: &str, region: &str) -> bool {
    let Some(prefix) = usage.strip_suffix(name) else { return false };
    let Some(prefix) = prefix.strip_suffix('-') else { return prefix.is_empty() };
    let code = prefix.len() <= 5 && prefix.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    !prefix.is_empty() && (code || prefix == region)
}

/// Listed prices in our units.
pub(super) fn converted(listed: &BTreeMap<&'static str, Decimal>) -> BTreeMap<&'static str, Decimal> {
    let of = |item: &Item| {
        let (times, parts) = item.per;
        let own = listed.get(item.key)? * Decimal::from(times) / Decimal::from(parts);
        let base = item.on.map_or(Some(Decimal::ZERO), |on| listed.get(on).copied())?;
        Some((item.key, (own + base).normalize()))
    };
    ITEMS.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(offer: &str, family: &str, usage: &str) -> Vec<&'static str> {
        items(offer, family, usage, "eu-west-1").map(|item| item.key).collect()
    }

    #[test]
    fn a_usage_type_is_a_prefix_and_a_name() {
        assert_eq!(keys("AmazonEC2", "NAT Gateway", "NatGateway-Hours"), ["nat.gateway"]);
        assert_eq!(keys("AmazonEC2", "NAT Gateway", "EU-NatGateway-Hours"), ["nat.gateway"]);
        assert_eq!(keys("awskms", "", "eu-west-1-KMS-Requests"), ["kms.requests"]);
        assert_eq!(keys("AmazonVPC", "VpcEndpoint", "EUC1-VpcEndpoint-Bytes").len(), 3, "three tiers");
        // Others that end alike.
        assert!(keys("AmazonVPC", "VpcEndpoint", "EU-VpcEndpoint-GWLBE-Hours").is_empty());
        assert!(keys("AWSELB", "Load Balancer-Application", "CAN1-TS-LoadBalancerUsage").is_empty());
        assert!(keys("AWSELB", "Load Balancer-Network", "EU-LoadBalancerUsage").is_empty());
        assert!(keys("AWSQueueService", "API Request", "EU-Requests-FIFO-Tier1").is_empty());
        assert!(keys("awskms", "", "eu-west-2-KMS-Requests").is_empty(), "another region's");
        assert!(keys("AmazonEC2", "Storage", "EU-EBS:VolumeUsage.gp2").is_empty());
    }

    #[test]
    fn every_item_is_one_that_bills_ask_for() {
        let book = super::super::Book::embedded("us-east-1").expect("a book");
        for item in ITEMS {
            assert!(book.get(item.key).is_some(), "{} is no key of the embedded table", item.key);
        }
        assert_eq!(offers().count(), 6);
    }

    #[test]
    fn lists_have_other_units() {
        let usd = |text: &str| text.parse::<Decimal>().expect("a decimal");
        let listed = BTreeMap::from([
            ("eks.control_plane.standard", usd("0.10")),
            ("eks.control_plane.extended_total", usd("0.50")),
            ("sqs.standard", usd("0.0000004")),
            ("kms.requests", usd("0.000003")),
            ("ebs.gp3.throughput_above_125", usd("40.96")),
        ]);
        let ours = converted(&listed);
        assert_eq!(ours["eks.control_plane.extended_total"], usd("0.6"));
        assert_eq!(ours["sqs.standard"], usd("0.4"));
        assert_eq!(ours["kms.requests"], usd("0.03"));
        assert_eq!(ours["ebs.gp3.throughput_above_125"], usd("0.04"));
        // The surcharge alone says nothing.
        let half = BTreeMap::from([("eks.control_plane.extended_total", usd("0.50"))]);
        assert!(converted(&half).is_empty());
    }
}
