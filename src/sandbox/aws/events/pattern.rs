//! Event patterns. Source: EventBridge user guide, "Event patterns" and "Comparison operators".

use serde_json::Value as Json;

use crate::sandbox::aws::policy::like;

/// Whether a pattern is one.
///
/// # Errors
/// Why not.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    let pattern: Json = serde_json::from_str(pattern).map_err(|error| error.to_string())?;
    match &pattern {
        Json::Object(fields) if fields.is_empty() => Err("Event pattern must not be empty".to_owned()),
        Json::Object(_) => check_object(&pattern),
        _ => Err("Filter is not an object".to_owned()),
    }
}

fn check_object(pattern: &Json) -> Result<(), String> {
    for (key, value) in pattern.as_object().into_iter().flatten() {
        match value {
            Json::Object(fields) if fields.is_empty() => return Err(format!("Empty objects are not allowed: {key}")),
            Json::Object(_) => check_object(value)?,
            Json::Array(items) if items.is_empty() => return Err(format!("Empty arrays are not allowed: {key}")),
            Json::Array(items) if key == "$or" => items.iter().try_for_each(check_object)?,
            Json::Array(items) => items.iter().try_for_each(check_matcher)?,
            _ => return Err(format!("\"{key}\" must be an object or an array")),
        }
    }
    Ok(())
}

fn check_matcher(matcher: &Json) -> Result<(), String> {
    let Json::Object(fields) = matcher else {
        return if matcher.is_array() {
            Err("Match value must be String, number, true, false, or null".to_owned())
        } else {
            Ok(())
        };
    };
    let known = ["prefix", "suffix", "anything-but", "exists", "numeric", "equals-ignore-case", "wildcard"];
    match (fields.len(), fields.keys().next()) {
        (1, Some(name)) if known.contains(&name.as_str()) => Ok(()),
        (1, Some(name)) => Err(format!("Unrecognized match type {name}")),
        _ => Err("Only one key allowed in match expression".to_owned()),
    }
}

/// Whether an event matches; a pattern that is none matches nothing.
pub(super) fn matches(pattern: &str, event: &Json) -> bool {
    serde_json::from_str::<Json>(pattern).is_ok_and(|pattern| object(&pattern, event))
}

fn object(pattern: &Json, event: &Json) -> bool {
    pattern.as_object().is_some_and(|fields| {
        fields.iter().all(|(key, want)| match want {
            Json::Array(choices) if key == "$or" => choices.iter().any(|choice| object(choice, event)),
            Json::Array(matchers) => matchers.iter().any(|matcher| field(matcher, event.get(key))),
            nested => match event.get(key) {
                Some(Json::Array(items)) => items.iter().any(|item| object(nested, item)),
                Some(inner) => object(nested, inner),
                // Only `exists: false` can match below what is not there.
                None => object(nested, &Json::Null),
            },
        })
    })
}

/// A field with a list matches if any of its values does.
fn field(matcher: &Json, have: Option<&Json>) -> bool {
    if let Some(exists) = matcher.get("exists").and_then(Json::as_bool) {
        return exists == have.is_some();
    }
    match have {
        None => false,
        Some(Json::Array(items)) if matcher.get("anything-but").is_some() => {
            items.iter().all(|item| one(matcher, item))
        }
        Some(Json::Array(items)) => items.iter().any(|item| one(matcher, item)),
        Some(value) => one(matcher, value),
    }
}

fn one(matcher: &Json, have: &Json) -> bool {
    let Json::Object(fields) = matcher else { return matcher == have };
    let Some((name, want)) = fields.iter().next() else { return false };
    let (text, wanted) = (have.as_str().unwrap_or_default(), want.as_str().unwrap_or_default());
    let ignoring_case = want.get("equals-ignore-case").and_then(Json::as_str);
    let is_text = have.is_string();
    match name.as_str() {
        "prefix" => {
            is_text
                && ignoring_case.map_or_else(
                    || text.starts_with(wanted),
                    |start| text.to_lowercase().starts_with(&start.to_lowercase()),
                )
        }
        "suffix" => {
            is_text
                && ignoring_case
                    .map_or_else(|| text.ends_with(wanted), |end| text.to_lowercase().ends_with(&end.to_lowercase()))
        }
        "equals-ignore-case" => is_text && text.to_lowercase() == wanted.to_lowercase(),
        "wildcard" => is_text && like(&wanted.replace('?', "\u{0}"), &text.replace('?', "\u{0}")),
        "anything-but" => match want {
            Json::Array(items) => !items.contains(have),
            Json::Object(_) => !one(want, have),
            _ => want != have,
        },
        "numeric" => have.as_f64().is_some_and(|number| numeric(want, number)),
        _ => false,
    }
}

/// `[">", 0, "<=", 5]`.
fn numeric(want: &Json, number: f64) -> bool {
    let parts = want.as_array().map(Vec::as_slice).unwrap_or_default();
    let (pairs, rest) = parts.as_chunks::<2>();
    !pairs.is_empty()
        && rest.is_empty()
        && pairs.iter().all(|[operator, limit]| {
            let limit = limit.as_f64().unwrap_or(f64::NAN);
            match operator.as_str() {
                Some("<") => number < limit,
                Some("<=") => number <= limit,
                Some(">") => number > limit,
                Some(">=") => number >= limit,
                Some("=") => (number - limit).abs() < f64::EPSILON,
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{check, matches};

    #[test]
    fn fields_lists_and_nesting() {
        let event = json!({ "source": "aws.ec2", "resources": ["a", "b"], "detail": { "state": "running", "n": 3 } });
        for (pattern, want) in [
            (json!({ "source": ["aws.ec2", "x"] }), true),
            (json!({ "source": ["aws.health"] }), false),
            (json!({ "resources": ["b"] }), true),
            (json!({ "detail": { "state": ["running"] } }), true),
            (json!({ "detail": { "state": [{ "anything-but": ["running"] }] } }), false),
            (json!({ "detail": { "state": [{ "prefix": "run" }], "n": [{ "numeric": [">", 2, "<", 4] }] } }), true),
            (json!({ "detail": { "n": [{ "numeric": [">", 3] }] } }), false),
            (json!({ "detail": { "missing": [{ "exists": false }] } }), true),
            (json!({ "other": { "missing": [{ "exists": false }] } }), true),
            (json!({ "source": [{ "wildcard": "aws.*2" }] }), true),
            (json!({ "source": [{ "suffix": "EC2" }] }), false),
            (json!({ "source": [{ "equals-ignore-case": "AWS.EC2" }] }), true),
            (json!({ "$or": [{ "source": ["x"] }, { "detail": { "n": [3] } }] }), true),
            (json!({ "source": ["aws.ec2"], "detail-type": ["x"] }), false),
        ] {
            assert_eq!(matches(&pattern.to_string(), &event), want, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"a":"b"}"#,
            r#"{"a":[]}"#,
            r#"{"a":{}}"#,
            r#"{"a":[{"near":"b"}]}"#,
            r#"{"a":[["b"]]}"#,
        ] {
            assert!(check(text).is_err(), "{text}");
        }
        assert!(check(r#"{"a":["b",{"prefix":"c"}],"d":{"e":[null]}}"#).is_ok());
    }
}
