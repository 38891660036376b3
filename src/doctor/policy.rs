//! One trust policy against one token: does it open, and if not, which claim stands in the way?
//!
//! IAM user guide: "Policy evaluation logic", "Condition operators". An operator that is not known here never fits.

use serde_json::Value as Json;

use super::tokens::Token;
use crate::bootstrap::trust::ISSUER;

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// What a policy says to a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It opens.
    Opens,
    /// It does not: the conditions of the statement that comes nearest, `claim sub is …, the policy wants …`.
    Shut(Vec<String>),
    /// A statement says no to it.
    Denied(String),
}

/// Judges a token.
#[must_use]
pub fn judge(policy: &str, token: &Token) -> Verdict {
    let Ok(document) = serde_json::from_str::<Json>(policy) else {
        return Verdict::Shut(vec!["the policy is no JSON".to_owned()]);
    };
    let mut nearest: Option<Vec<String>> = None;
    for statement in list(&document["Statement"]) {
        let about = list(&statement["Action"]).iter().filter_map(Json::as_str).any(|action| like(action, ACTION));
        if !about {
            continue;
        }
        let mut off = misfits(&statement["Condition"], token);
        if statement["Effect"] == "Deny" {
            if off.is_empty() {
                return Verdict::Denied(statement["Sid"].as_str().unwrap_or("a statement").to_owned());
            }
            continue;
        }
        let provider = list(&statement["Principal"]["Federated"]);
        if !provider.iter().filter_map(Json::as_str).any(|arn| arn.ends_with(&format!("oidc-provider/{ISSUER}"))) {
            off.push(format!("the principal is not the account's provider for {ISSUER}"));
        }
        if off.is_empty() {
            nearest = Some(Vec::new());
        } else if nearest.as_ref().is_none_or(|best| off.len() < best.len()) {
            nearest = Some(off);
        }
    }
    match nearest {
        Some(off) if off.is_empty() => Verdict::Opens,
        Some(off) => Verdict::Shut(off),
        None => Verdict::Shut(vec![format!("no statement allows {ACTION}")]),
    }
}

/// The conditions that do not fit.
fn misfits(condition: &Json, token: &Token) -> Vec<String> {
    let mut off = Vec::new();
    for (operator, keys) in condition.as_object().into_iter().flatten() {
        for (key, values) in keys.as_object().into_iter().flatten() {
            let Some(claim) = key.strip_prefix(&format!("{ISSUER}:")) else {
                off.push(format!("{operator} {key} is not a claim of the token"));
                continue;
            };
            let wanted: Vec<&str> = match values {
                Json::String(one) => vec![one],
                several => several.as_array().into_iter().flatten().filter_map(Json::as_str).collect(),
            };
            let has = token.claims.get(claim).map(String::as_str);
            let fits = match (operator.as_str(), has) {
                ("StringEquals" | "ForAnyValue:StringEquals", Some(has)) => wanted.contains(&has),
                ("StringEqualsIgnoreCase", Some(has)) => wanted.iter().any(|want| want.eq_ignore_ascii_case(has)),
                ("StringLike" | "ForAnyValue:StringLike", Some(has)) => wanted.iter().any(|want| like(want, has)),
                ("StringNotEquals", has) => has.is_none_or(|has| !wanted.contains(&has)),
                ("StringNotLike", has) => has.is_none_or(|has| !wanted.iter().any(|want| like(want, has))),
                _ => false,
            };
            if !fits {
                let has = has.unwrap_or("not there");
                off.push(format!("claim {claim} is {has}, {operator} wants {}", wanted.join(" or ")));
            }
        }
    }
    off
}

/// `StringLike`'s patterns: `*` for any text, `?` for one character.
fn like(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = &pattern[1..];
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| like(rest, &text[at..]))
        }
        Some(c) => {
            let mut letters = text.chars();
            let first = letters.next();
            first.is_some_and(|first| c == '?' || c == first) && like(&pattern[c.len_utf8()..], letters.as_str())
        }
    }
}

/// A list, or one thing as a list of one.
fn list(json: &Json) -> Vec<Json> {
    match json {
        Json::Null => Vec::new(),
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}
