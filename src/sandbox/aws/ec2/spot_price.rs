//! What spot costs, by type and zone (EC2 API reference, DescribeSpotPriceHistory). Prices here do not move: the one in force is all
//! the history there is.

use serde_json::{Value as Json, json};

use super::common::{self, invalid};
use super::instance_type::{all, offered};
use super::zones::zones;
use crate::sandbox::kube::controllers::karpenter::spot_price;
use crate::sandbox::region::{Here, iso, texts};
use crate::sandbox::wire::{Answer, Call};

/// What instances may run.
const PRODUCTS: &[&str] = &["Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows"];

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[
        ("availability-zone", "availabilityZone"),
        ("instance-type", "instanceType"),
        ("product-description", "productDescription"),
    ];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let (types, products) = (texts(&call.params, "InstanceType"), texts(&call.params, "ProductDescription"));
    if let Some(strange) = products.iter().find(|name| !PRODUCTS.contains(&name.trim_end_matches(" (Amazon VPC)"))) {
        return Err(invalid(format!("Invalid product description: {strange}")));
    }
    if !products.is_empty() && products.iter().all(|name| name.trim_end_matches(" (Amazon VPC)") != "Linux/UNIX") {
        return Ok(json!({ "spotPriceHistorySet": [], "nextToken": "" }));
    }
    let now = iso(here.now);
    let mut found: Vec<Json> = Vec::new();
    for kind in all().iter().filter(|kind| types.is_empty() || types.contains(&kind.name)) {
        for zone in zones(here.name, here.account).iter().filter(|zone| offered(&kind.name, &zone.id)) {
            let millionths = spot_price(here, &kind.name, &zone.name);
            found.push(json!({
                "key": format!("{}/{}", kind.name, zone.name),
                "instanceType": kind.name,
                "availabilityZone": zone.name,
                "productDescription": "Linux/UNIX",
                "spotPrice": format!("{}.{:06}", millionths / 1_000_000, millionths % 1_000_000),
                "timestamp": now,
            }));
        }
    }
    found.retain(|entry| filters.iter().all(|filter| filter.matches(entry)));
    let next = common::paged(&mut found, call, "key", 1, 1000)?;
    for entry in &mut found {
        if let Some(entry) = entry.as_object_mut() {
            entry.remove("key");
        }
    }
    // This call's last page has an empty token, not none.
    Ok(json!({ "spotPriceHistorySet": found, "nextToken": next.unwrap_or_default() }))
}
