//! What drives a difference, in one sentence: `two more NAT gateways`.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::bill::{Bill, Entry, Side};
use super::line::LineClass;
use super::lines;

/// One component's part in a difference.
struct Part {
    delta: Decimal,
    words: String,
}

impl Bill {
    /// What the difference between before and after is mostly due to; `None` where nothing differs or one side has no price.
    /// Components in order of what they change, as many as it takes to explain nine tenths, at most three.
    #[must_use]
    pub fn driver(&self) -> Option<String> {
        let whole = self.delta()?;
        let mut parts = parts(self);
        parts.retain(|part| !part.delta.is_zero());
        parts.sort_by_key(|part| (std::cmp::Reverse(part.delta.abs()), part.words.clone()));
        let (mut said, mut explained) = (Vec::new(), Decimal::ZERO);
        for part in &parts {
            if said.len() == 3 || (!said.is_empty() && (whole - explained).abs() * Decimal::TEN <= whole.abs()) {
                break;
            }
            explained += part.delta;
            said.push(part.words.clone());
        }
        (!said.is_empty()).then(|| said.join(", "))
    }
}

fn parts(bill: &Bill) -> Vec<Part> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in &bill.entries {
        // Every pool speaks for itself, all NAT gateways together.
        let item = if entry.class == LineClass::NodePool { entry.item.as_str() } else { "" };
        groups.entry((entry.component, item)).or_default().push(entry);
    }
    groups.into_iter().map(|((component, item), entries)| part(bill, component, item, &entries)).collect()
}

fn part(bill: &Bill, component: &str, item: &str, entries: &[&Entry]) -> Part {
    let sum = |of: fn(&Entry) -> &Option<Side>, figure: fn(&Side) -> Option<Decimal>| -> Decimal {
        entries.iter().filter_map(|entry| figure(of(entry).as_ref()?)).sum()
    };
    let (before, after) =
        (sum(|entry| &entry.before, |side| side.monthly), sum(|entry| &entry.after, |side| side.monthly));
    let delta = after - before;
    let counted = matches!(
        component,
        lines::NAT_GATEWAYS | lines::SYSTEM_NODES | lines::KMS_KEYS | lines::PUBLIC_IPV4 | lines::CONTROL_PLANE
    );
    let quantity = |of: fn(&Entry) -> &Option<Side>| sum(of, |side| side.quantity);
    let change = quantity(|entry| &entry.after) - quantity(|entry| &entry.before);
    let unit = if component == lines::KMS_KEYS { Decimal::ONE } else { bill.hours_per_month };
    let units = (change / unit).normalize();
    let words = if !item.is_empty() {
        format!("node pool {item}")
    } else if counted && !units.is_zero() && units.fract().is_zero() {
        amount(component, units)
    } else if component == lines::CONTROL_PLANE {
        let now = entries.iter().find(|entry| entry.after.is_some()).map_or("", |entry| entry.item.as_str());
        format!("the control plane is {now}")
    } else {
        format!("{} {component}", if delta.is_sign_negative() { "less for" } else { "more for" })
    };
    Part { delta, words }
}

/// `two more NAT gateways`, `one control plane less`.
fn amount(component: &str, units: Decimal) -> String {
    const NUMBERS: [&str; 10] = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let count = units.abs();
    let small = count.to_usize().and_then(|count| NUMBERS.get(count.checked_sub(1)?));
    let number = small.map_or_else(|| count.to_string(), |word| (*word).to_owned());
    let noun = match (component, count == Decimal::ONE) {
        (lines::NAT_GATEWAYS, true) => "NAT gateway",
        (lines::SYSTEM_NODES, true) => "system node",
        (lines::KMS_KEYS, true) => "KMS key",
        (lines::PUBLIC_IPV4, true) => "public IPv4 address",
        (lines::PUBLIC_IPV4, false) => "public IPv4 addresses",
        (same, _) => same,
    };
    format!("{number} {} {noun}", if units.is_sign_negative() { "fewer" } else { "more" })
}
