//! Cost lines for spreadsheets: RFC 4180, money as unrounded decimals, empty where there is no price.

use rust_decimal::Decimal;

use super::report::PlanReport;
use super::text::visible;
use crate::cost::LineClass;

/// `rem-ci cost --format csv`: one row per line of every environment's bill, on both sides.
#[must_use]
pub fn costs(reports: &[PlanReport]) -> String {
    let mut out = String::from(
        "environment,region,class,address,component,item,unit,unit_price,quantity_before,quantity_after,\
         monthly_before,monthly_after,note\r\n",
    );
    for report in reports {
        for entry in &report.cost.entries {
            let class = match entry.class {
                LineClass::Fixed => "fixed",
                LineClass::Usage => "usage",
                LineClass::NodePool => "node-pool",
            };
            let side = entry.after.as_ref().or(entry.before.as_ref());
            let number =
                |number: Option<Decimal>| number.map(|number| number.normalize().to_string()).unwrap_or_default();
            let cells = [
                cell(report.environment.raw()),
                cell(report.region.raw()),
                class.to_owned(),
                cell(entry.address.as_str()),
                entry.component.to_owned(),
                cell(&entry.item),
                entry.unit.to_owned(),
                number(side.and_then(|side| side.unit_price)),
                number(entry.before.as_ref().and_then(|side| side.quantity)),
                number(entry.after.as_ref().and_then(|side| side.quantity)),
                number(entry.before.as_ref().and_then(|side| side.monthly)),
                number(entry.after.as_ref().and_then(|side| side.monthly)),
                cell(side.map_or("", |side| &side.note)),
            ];
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
    }
    out
}

/// Quoted where it must be; a text that a spreadsheet would run as a formula gets an apostrophe.
fn cell(text: &str) -> String {
    let shown = visible(text);
    let shown = if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown };
    if shown.contains([',', '"']) { format!("\"{}\"", shown.replace('"', "\"\"")) } else { shown }
}
