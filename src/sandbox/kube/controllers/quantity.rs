//! Amounts as Kubernetes writes them (`100m`, `1.5`, `512Mi`), in thousandths.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

/// Amounts by resource name, in thousandths of a core, a byte or a piece.
pub(in crate::sandbox) type Amounts = BTreeMap<String, i128>;

const BINARY: &[(&str, u32)] = &[("Ki", 10), ("Mi", 20), ("Gi", 30), ("Ti", 40), ("Pi", 50), ("Ei", 60)];
const DECIMAL: &[(&str, u32)] = &[("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15), ("E", 18)];

/// Thousandths; 0 for what is no amount.
pub(in crate::sandbox) fn parse(value: &Json) -> i128 {
    let text = match value {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        _ => return 0,
    };
    let (number, scale) = if let Some((suffix, bits)) = BINARY.iter().find(|(suffix, _)| text.ends_with(suffix)) {
        (text.trim_end_matches(suffix), 1000 * (1_i128 << bits))
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 1)
    } else if let Some((suffix, zeros)) = DECIMAL.iter().find(|(suffix, _)| text.ends_with(suffix)) {
        (text.trim_end_matches(suffix), 10_i128.pow(zeros + 3))
    } else {
        (text.as_str(), 1000)
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits: String = fraction.chars().take(9).collect();
    let Ok(whole) = whole.parse::<i128>() else { return 0 };
    let part = digits.parse::<i128>().unwrap_or_default();
    whole * scale + part * scale / 10_i128.pow(u32::try_from(digits.len()).unwrap_or_default())
}

/// The amounts of a map such as `resources.requests`.
pub(in crate::sandbox) fn amounts(map: &Json) -> Amounts {
    map.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), parse(value))).collect()
}

/// Adds amounts to amounts.
pub(in crate::sandbox) fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        *to.entry(name.clone()).or_default() += amount;
    }
}

/// As Kubernetes prints it: cores in thousandths where they are not whole, memory and storage in Ki, the rest plain.
pub(in crate::sandbox) fn print(name: &str, thousandths: i128) -> String {
    match name {
        "memory" | "ephemeral-storage" if thousandths % 1_024_000 == 0 => format!("{}Ki", thousandths / 1_024_000),
        "cpu" if thousandths % 1000 != 0 => format!("{thousandths}m"),
        _ => (thousandths / 1000).to_string(),
    }
}

/// As an object.
pub(in crate::sandbox) fn printed(amounts: &Amounts) -> Json {
    let map: Map<String, Json> =
        amounts.iter().map(|(name, amount)| (name.clone(), json!(print(name, *amount)))).collect();
    Json::Object(map)
}
