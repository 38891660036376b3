//! Resource policies as queues, keys and buckets carry them: may this principal do this, by this document alone?
//!
//! The order is IAM's (user guide, "Policy evaluation logic"): an explicit deny wins, then an allow, else no. What callers
//! may do by their own policies is decided in `iam`.

use serde_json::Value as Json;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who<'a> {
    /// `events.amazonaws.com`.
    Service(&'a str),
    /// An IAM ARN, with the account's 12 digits.
    Principal { arn: &'a str, account: &'a str },
}

/// What a document says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A statement denies.
    Deny,
    /// A statement allows and none denies.
    Allow,
    /// No statement speaks of it.
    Silent,
}

/// Judges one request. `context` holds condition keys in lower case, each with its value.
pub(super) fn judge(document: &Json, who: Who<'_>, action: &str, resource: &str, context: &[(&str, &str)]) -> Verdict {
    let mut verdict = Verdict::Silent;
    for statement in items(&document["Statement"]) {
        let about = principal(statement, who)
            && listed(statement, "Action", "NotAction", &action.to_lowercase(), true)
            && listed(statement, "Resource", "NotResource", resource, false)
            && conditions(&statement["Condition"], context);
        match statement["Effect"].as_str() {
            Some("Deny") if about => return Verdict::Deny,
            Some("Allow") if about => verdict = Verdict::Allow,
            _ => {}
        }
    }
    verdict
}

/// Whether a text is a policy document: an object with at least one statement that has an effect.
pub(super) fn parse(text: &str) -> Option<Json> {
    let document: Json = serde_json::from_str(text).ok()?;
    let statements = items(&document["Statement"]);
    let well = !statements.is_empty()
        && statements.iter().all(|statement| matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")));
    well.then_some(document)
}

/// A single value counts as a list of one, as everywhere in the policy grammar.
fn items(value: &Json) -> Vec<&Json> {
    match value {
        Json::Array(items) => items.iter().collect(),
        Json::Null => Vec::new(),
        one => vec![one],
    }
}

fn principal(statement: &Json, who: Who<'_>) -> bool {
    if !statement["NotPrincipal"].is_null() {
        return false;
    }
    let named = &statement["Principal"];
    if named == "*" {
        return true;
    }
    match who {
        Who::Service(service) => items(&named["Service"]).iter().any(|name| *name == service),
        Who::Principal { arn, account } => items(&named["AWS"])
            .iter()
            .filter_map(|name| name.as_str())
            .any(|name| name == "*" || name == arn || name == account || name.ends_with(&format!("::{account}:root"))),
    }
}

fn listed(statement: &Json, these: &str, not_these: &str, have: &str, lower: bool) -> bool {
    let hit = |list: &Json| {
        items(list)
            .iter()
            .filter_map(|pattern| pattern.as_str())
            .any(|pattern| if lower { like(&pattern.to_lowercase(), have) } else { like(pattern, have) })
    };
    match (&statement[these], &statement[not_these]) {
        (Json::Null, Json::Null) => false,
        (Json::Null, not) => !hit(not),
        (these, _) => hit(these),
    }
}

fn conditions(block: &Json, context: &[(&str, &str)]) -> bool {
    block.as_object().into_iter().flatten().all(|(operator, keys)| {
        keys.as_object().into_iter().flatten().all(|(key, wanted)| {
            let key = key.to_lowercase();
            let have = context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            condition(operator, have, &items(wanted))
        })
    })
}

fn condition(operator: &str, have: Option<&str>, wanted: &[&Json]) -> bool {
    let (operator, optional) = operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
    let texts: Vec<String> =
        wanted.iter().map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect();
    if operator == "Null" {
        return texts.iter().any(|absent| absent == if have.is_none() { "true" } else { "false" });
    }
    let negative = operator.contains("Not");
    let Some(have) = have else {
        return optional || negative;
    };
    let hit = match operator {
        "StringEquals" | "StringNotEquals" => texts.iter().any(|text| text == have),
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" | "Bool" => {
            texts.iter().any(|text| text.eq_ignore_ascii_case(have))
        }
        "StringLike" | "StringNotLike" | "ArnLike" | "ArnNotLike" | "ArnEquals" | "ArnNotEquals" => {
            texts.iter().any(|text| like(text, have))
        }
        // An operator that is not simulated never holds: a grant by it does not work, which a test will see.
        _ => return false,
    };
    hit != negative
}

/// `*` stands for any text, `?` for one character.
pub(super) fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from, mut star, mut mark) = (0, 0, None, 0);
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some(at);
                mark = from;
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some(back) => {
                    mark += 1;
                    from = mark;
                    at = back + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Verdict, Who, judge, like, parse};

    #[test]
    fn wildcards_backtrack() {
        assert!(like("a*b?d", "axxbxbcd"));
        assert!(!like("a*b?d", "axxbc"));
        assert!(like("*", ""));
    }

    #[test]
    fn a_deny_wins_over_an_allow() {
        let document = json!({ "Statement": [
            { "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": "*" },
            { "Effect": "Deny", "Principal": "*", "Action": "sqs:Send*", "Resource": "arn:q",
              "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        ]});
        let ask = |secure| {
            let context = [("aws:securetransport", secure)];
            judge(&document, Who::Service("events.amazonaws.com"), "sqs:SendMessage", "arn:q", &context)
        };
        assert_eq!(ask("false"), Verdict::Deny);
        assert_eq!(ask("true"), Verdict::Allow);
    }

    #[test]
    fn principals_services_and_accounts_are_told_apart() {
        let document = json!({ "Statement": {
            "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com", "AWS": "arn:aws:iam::1:root" },
            "Action": ["sqs:SendMessage"], "Resource": "q",
        }});
        let ask = |who| judge(&document, who, "sqs:SendMessage", "q", &[]);
        assert_eq!(ask(Who::Service("events.amazonaws.com")), Verdict::Allow);
        assert_eq!(ask(Who::Service("sns.amazonaws.com")), Verdict::Silent);
        assert_eq!(ask(Who::Principal { arn: "arn:aws:iam::1:role/a", account: "1" }), Verdict::Allow);
        assert_eq!(ask(Who::Principal { arn: "arn:aws:iam::2:role/a", account: "2" }), Verdict::Silent);
    }

    #[test]
    fn null_asks_whether_a_key_is_there() {
        let document = json!({ "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*",
            "Condition": { "Null": { "s3:if-none-match": "true" }, "ArnNotLike": { "aws:PrincipalArn": "arn:x" } } }]});
        let who = Who::Principal { arn: "arn:y", account: "1" };
        assert_eq!(judge(&document, who, "s3:PutObject", "o", &[]), Verdict::Deny);
        assert_eq!(judge(&document, who, "s3:PutObject", "o", &[("s3:if-none-match", "*")]), Verdict::Silent);
        assert_eq!(judge(&document, who, "s3:PutObject", "o", &[("aws:principalarn", "arn:x")]), Verdict::Silent);
    }

    #[test]
    fn a_document_needs_statements_with_effects() {
        assert!(parse("{}").is_none());
        assert!(parse(r#"{"Statement":[{"Effect":"Maybe"}]}"#).is_none());
        assert!(parse(r#"{"Statement":{"Effect":"Allow"}}"#).is_some());
    }
}
