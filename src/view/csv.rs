//! Cost lines for spreadsheets: RFC 4180, money as unrounded decimals, empty where there is no price.
//!
//! Columns carry the names of FOCUS, the FinOps Open Cost and Usage Specification (1.2, "Columns"), where it has one; ours begin with `x_`, as it asks for.

use rust_decimal::Decimal;

use super::report::PlanReport;
use super::text::visible;
use crate::cost::{LineClass, lines, usage};

const COLUMNS: [&str; 22] = [
    "SubAccountId",
    "RegionId",
    "ServiceName",
    "ResourceName",
    "ResourceType",
    "ChargeCategory",
    "ChargeFrequency",
    "ChargeDescription",
    "PricingQuantity",
    "PricingUnit",
    "ContractedUnitPrice",
    "ContractedCost",
    "BillingCurrency",
    "x_Environment",
    "x_Component",
    "x_Class",
    "x_QuantityBefore",
    "x_CostBefore",
    "x_CostIdle",
    "x_CostMax",
    "x_PriceDate",
    "x_Note",
];

/// `rem-ci cost --format csv`: one row per line of every environment's bill, a month of each.
#[must_use]
pub fn costs(reports: &[PlanReport]) -> String {
    let mut out = COLUMNS.join(",");
    out.push_str("\r\n");
    for report in reports {
        for entry in &report.cost.entries {
            let class = match entry.class {
                LineClass::Fixed => "fixed",
                LineClass::Usage => "usage",
                LineClass::NodePool => "node-pool",
            };
            let (before, after) = (entry.before.as_ref(), entry.after.as_ref());
            let side = after.or(before);
            let number =
                |number: Option<Decimal>| number.map(|number| number.normalize().to_string()).unwrap_or_default();
            let description = if entry.item.is_empty() { entry.component } else { &entry.item };
            let cells = [
                cell(report.account.raw()),
                cell(report.region.raw()),
                service(entry.component).to_owned(),
                cell(entry.address.as_str()),
                cell(entry.address.kind()),
                "Usage".to_owned(),
                if entry.class == LineClass::Fixed { "Recurring" } else { "Usage-Based" }.to_owned(),
                cell(description),
                number(after.and_then(|side| side.quantity)),
                entry.unit.to_owned(),
                number(side.and_then(|side| side.unit_price)),
                number(after.and_then(|side| side.monthly)),
                "USD".to_owned(),
                cell(report.environment.raw()),
                entry.component.to_owned(),
                class.to_owned(),
                number(before.and_then(|side| side.quantity)),
                number(before.and_then(|side| side.monthly)),
                number(after.and_then(|side| side.idle)),
                number(after.and_then(|side| side.max)),
                report.cost.price_date.clone().unwrap_or_default(),
                cell(side.map_or("", |side| &side.note)),
            ];
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
    }
    out
}

/// The service as AWS's own exports call it.
fn service(component: &str) -> &'static str {
    match component {
        lines::CONTROL_PLANE => "Amazon Elastic Kubernetes Service",
        lines::SYSTEM_NODES | lines::VOLUMES | usage::NODE_POOLS => "Amazon Elastic Compute Cloud",
        lines::KMS_KEYS | usage::KMS_REQUESTS => "AWS Key Management Service",
        lines::RULES => "Amazon EventBridge",
        usage::LOGS => "AmazonCloudWatch",
        usage::SQS => "Amazon Simple Queue Service",
        usage::LOAD_BALANCERS => "Elastic Load Balancing",
        usage::EGRESS | usage::CROSS_AZ => "AWS Data Transfer",
        _ => "Amazon Virtual Private Cloud",
    }
}

/// The service as Cost Explorer calls it: it has volumes, addresses and NAT gateways apart from instances.
pub(super) fn billed_as(component: &str) -> &'static str {
    match component {
        lines::CONTROL_PLANE => "Amazon Elastic Container Service for Kubernetes",
        lines::SYSTEM_NODES | usage::NODE_POOLS => "Amazon Elastic Compute Cloud - Compute",
        lines::VOLUMES | lines::NAT_GATEWAYS | usage::NAT_DATA | usage::EGRESS | usage::CROSS_AZ => "EC2 - Other",
        other => service(other),
    }
}

/// Quoted where it must be; a text that a spreadsheet would run as a formula gets an apostrophe.
fn cell(text: &str) -> String {
    let shown = visible(text);
    let shown = if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown };
    if shown.contains([',', '"']) { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}
