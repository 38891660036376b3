//! Availability zones, regions, account attributes.

use serde_json::{Value as Json, json};

use super::common::{self, mark};
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `us-east-1a`: the letter is the account's own.
    pub name: String,
    /// `use1-az4`: the same place for everybody.
    pub id: String,
}

/// Regions (AWS Regions and Availability Zones), how many zones an account of today sees, and whether it is on by itself.
const REGIONS: &[(&str, u32, bool)] = &[
    ("af-south-1", 3, false),
    ("ap-northeast-1", 3, true),
    ("ap-northeast-2", 4, true),
    ("ap-south-1", 3, true),
    ("ap-southeast-1", 3, true),
    ("ap-southeast-2", 3, true),
    ("ca-central-1", 3, true),
    ("eu-central-1", 3, true),
    ("eu-central-2", 3, false),
    ("eu-north-1", 3, true),
    ("eu-south-1", 3, false),
    ("eu-west-1", 3, true),
    ("eu-west-2", 3, true),
    ("eu-west-3", 3, true),
    ("me-south-1", 3, false),
    ("sa-east-1", 3, true),
    ("us-east-1", 6, true),
    ("us-east-2", 3, true),
    ("us-west-1", 2, true),
    ("us-west-2", 4, true),
    ("us-gov-east-1", 3, true),
    ("us-gov-west-1", 3, true),
];

/// `us-east-1` as zone ids begin: `use1`.
fn short(region: &str) -> String {
    let mut parts = region.split('-');
    let mut short = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        short.push_str(match part {
            "gov" => "g",
            "north" => "n",
            "south" => "s",
            "east" => "e",
            "west" => "w",
            "central" => "c",
            "northeast" => "ne",
            "northwest" => "nw",
            "southeast" => "se",
            "southwest" => "sw",
            other => other,
        });
    }
    short
}

/// A region's zones by name. Which id a letter means differs from account to account and never changes.
#[must_use]
pub fn zones(region: &str, account: &str) -> Vec<Zone> {
    let count = REGIONS.iter().find(|row| row.0 == region).map_or(3, |row| row.1);
    let mut numbers: Vec<u32> = (1..=count).collect();
    // us-west-1 has zones 1 and 3, ca-central-1 has 1, 2 and 4.
    match region {
        "us-west-1" => numbers = vec![1, 3],
        "ca-central-1" => numbers = vec![1, 2, 4],
        _ => {}
    }
    fastrand::Rng::with_seed(mark(&format!("{account}/{region}"))).shuffle(&mut numbers);
    let short = short(region);
    ('a'..='z')
        .zip(numbers)
        .map(|(letter, number)| Zone { name: format!("{region}{letter}"), id: format!("{short}-az{number}") })
        .collect()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[
        ("group-name", "groupName"),
        ("message", "messageSet.message"),
        ("opt-in-status", "optInStatus"),
        ("region-name", "regionName"),
        ("state", "zoneState"),
        ("zone-id", "zoneId"),
        ("zone-name", "zoneName"),
        ("zone-type", "zoneType"),
    ];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let (names, ids) = (texts(&call.params, "ZoneName"), texts(&call.params, "ZoneId"));
    let zones = zones(here.name, here.account);
    if let Some(name) = names.iter().find(|name| zones.iter().all(|zone| zone.name != **name)) {
        return Err(common::invalid(format!("Invalid availability zone: [{name}]")));
    }
    if let Some(id) = ids.iter().find(|id| zones.iter().all(|zone| zone.id != **id)) {
        return Err(common::invalid(format!("Invalid availability zone-id: [{id}]")));
    }
    let found: Vec<Json> = zones
        .iter()
        .filter(|zone| names.is_empty() || names.contains(&zone.name))
        .filter(|zone| ids.is_empty() || ids.contains(&zone.id))
        .map(|zone| {
            json!({
                "optInStatus": "opt-in-not-required",
                "messageSet": [],
                "regionName": here.name,
                "zoneName": zone.name,
                "zoneId": zone.id,
                "groupName": format!("{}-zg-1", here.name),
                "networkBorderGroup": here.name,
                "zoneType": "availability-zone",
                "zoneState": "available",
            })
        })
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    Ok(json!({ "availabilityZoneInfo": found }))
}

/// The regions of the caller's partition.
pub(super) fn regions(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] =
        &[("endpoint", "regionEndpoint"), ("opt-in-status", "optInStatus"), ("region-name", "regionName")];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let names = texts(&call.params, "RegionName");
    let all = text(&call.params, "AllRegions") == "true";
    let government = here.name.starts_with("us-gov-");
    let rows: Vec<_> = REGIONS.iter().filter(|row| row.0.starts_with("us-gov-") == government).collect();
    if let Some(name) = names.iter().find(|name| rows.iter().all(|row| row.0 != name.as_str())) {
        return Err(common::invalid(format!("Invalid region '{name}' provided.")));
    }
    let found: Vec<Json> = rows
        .into_iter()
        .filter(|row| row.2 || all)
        .filter(|row| names.is_empty() || names.iter().any(|name| name == row.0))
        .map(|(region, _, on)| {
            json!({
                "regionName": region,
                "regionEndpoint": format!("ec2.{region}.amazonaws.com"),
                "optInStatus": if *on { "opt-in-not-required" } else { "not-opted-in" },
            })
        })
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    Ok(json!({ "regionInfo": found }))
}

/// The account has no default VPC: it is young, and somebody tidy has deleted it.
pub(super) fn account(here: &mut Here<'_>, call: &Call) -> Answer {
    let limits = &here.region.ec2.limits;
    let values = [
        ("supported-platforms", "VPC".to_owned()),
        ("default-vpc", "none".to_owned()),
        ("max-instances", "20".to_owned()),
        ("vpc-max-security-groups-per-interface", "5".to_owned()),
        ("max-elastic-ips", limits.addresses.to_string()),
        ("vpc-max-elastic-ips", limits.addresses.to_string()),
    ];
    let wanted = texts(&call.params, "AttributeName");
    if let Some(name) = wanted.iter().find(|name| values.iter().all(|(known, _)| known != name)) {
        let message = format!("Value ( {name} ) for parameter attributeName is invalid. Unknown attribute.");
        return Err(Fault::new("InvalidParameterValue", message));
    }
    let found: Vec<Json> = values
        .iter()
        .filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|known| known == name))
        .map(|(name, value)| json!({ "attributeName": name, "attributeValueSet": [{ "attributeValue": value }] }))
        .collect();
    Ok(json!({ "accountAttributeSet": found }))
}
