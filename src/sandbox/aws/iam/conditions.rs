//! Condition blocks (IAM user guide: "IAM JSON policy elements: Condition operators").

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::document::texts;

/// Values by condition key, lower-case: keys are compared without case.
pub(super) type Context = BTreeMap<String, Vec<String>>;

const OPERATORS: &[&str] = &[
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "Null",
];

struct Operator<'a> {
    base: &'a str,
    if_exists: bool,
    all: bool,
    any: bool,
}

fn operator(text: &str) -> Operator<'_> {
    let (all, any) = (text.starts_with("ForAllValues:"), text.starts_with("ForAnyValue:"));
    let base = text.rsplit(':').next().unwrap_or_default();
    let if_exists = base.ends_with("IfExists");
    Operator { base: base.trim_end_matches("IfExists"), if_exists, all, any }
}

/// Whether a block is one: known operators, each over an object of values.
pub(super) fn well_formed(block: &Json) -> bool {
    match block {
        Json::Null => true,
        Json::Object(operators) => operators.iter().all(|(name, keys)| {
            OPERATORS.contains(&operator(name).base)
                && keys.as_object().is_some_and(|keys| {
                    !keys.is_empty() && keys.values().all(|value| !value.is_null() && !value.is_object())
                })
        }),
        _ => false,
    }
}

/// `*` and `?` as policies use them.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, t));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            p = at + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

fn values(value: &Json) -> Vec<String> {
    match value {
        Json::Array(items) => items.iter().flat_map(values).collect(),
        Json::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}

fn compare(base: &str, have: &str, want: &str) -> bool {
    let number = |test: fn(f64, f64) -> bool| match (have.parse(), want.parse()) {
        (Ok(have), Ok(want)) => test(have, want),
        _ => false,
    };
    let date = |test: fn(&jiff::Timestamp, &jiff::Timestamp) -> bool| match (have.parse(), want.parse()) {
        (Ok(have), Ok(want)) => test(&have, &want),
        _ => false,
    };
    match base.replace("Not", "").as_str() {
        "StringEquals" | "BinaryEquals" => have == want,
        "StringEqualsIgnoreCase" | "Bool" => have.eq_ignore_ascii_case(want),
        // ArnEquals and ArnLike behave identically (IAM user guide).
        "StringLike" | "ArnEquals" | "ArnLike" => glob(want, have),
        "NumericEquals" => number(|a, b| (a - b).abs() < f64::EPSILON),
        "NumericLessThan" => number(|a, b| a < b),
        "NumericLessThanEquals" => number(|a, b| a <= b),
        "NumericGreaterThan" => number(|a, b| a > b),
        "NumericGreaterThanEquals" => number(|a, b| a >= b),
        "DateEquals" => date(|a, b| a == b),
        "DateLessThan" => date(|a, b| a < b),
        "DateLessThanEquals" => date(|a, b| a <= b),
        "DateGreaterThan" => date(|a, b| a > b),
        "DateGreaterThanEquals" => date(|a, b| a >= b),
        "IpAddress" => match (want.parse::<ipnet::IpNet>(), have.parse::<std::net::IpAddr>()) {
            (Ok(net), Ok(address)) => net.contains(&address),
            _ => want == have,
        },
        _ => false,
    }
}

/// Whether a block holds. A key for which `unknown` says so has a value that the sandbox cannot know: it then counts as
/// `generous` says.
pub(super) fn hold(block: &Json, context: &Context, unknown: &dyn Fn(&str) -> bool, generous: bool) -> bool {
    let Some(operators) = block.as_object() else { return true };
    operators.iter().all(|(name, keys)| {
        let operator = operator(name);
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let key = key.to_lowercase();
            if unknown(&key) { generous } else { one(&operator, context.get(&key), &values(wanted)) }
        })
    })
}

fn one(operator: &Operator<'_>, have: Option<&Vec<String>>, wanted: &[String]) -> bool {
    if operator.base == "Null" {
        return have.is_none() == wanted.iter().any(|value| value == "true");
    }
    let negated = operator.base.contains("Not");
    let test = |value: &String| {
        let hit = wanted.iter().any(|want| compare(operator.base, value, want));
        hit != negated
    };
    match have {
        // Of an empty set every member has every property; a missing key passes only the negated operators.
        None => operator.all || operator.if_exists || (negated && !operator.any),
        Some(have) if operator.all => have.iter().all(test),
        Some(have) if operator.any => have.iter().any(test),
        Some(have) if negated => have.iter().all(test),
        Some(have) => have.iter().any(test),
    }
}

/// Whether one of an element's patterns fits, without regard to case when `fold`.
pub(super) fn any_glob(element: &Json, text: &str, fold: bool) -> bool {
    texts(element)
        .iter()
        .any(|pattern| if fold { glob(&pattern.to_lowercase(), &text.to_lowercase()) } else { glob(pattern, text) })
}
