//! Policy documents, as far as a diagnosis needs them: does a role's set of documents allow an action at all?
//!
//! Resources and conditions are left to the plan, which compares whole documents.

use serde_json::Value as Json;

/// One value counts as a list of one.
pub(super) fn items(value: &Json) -> std::slice::Iter<'_, Json> {
    match value {
        Json::Array(items) => items.iter(),
        Json::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

/// Whether a statement allows an action and none without conditions denies it on everything.
pub(super) fn allows<'a>(documents: impl Iterator<Item = &'a Json>, action: &str) -> bool {
    let mut allowed = false;
    for statement in documents.flat_map(|document| items(&document["Statement"])) {
        let about = items(&statement["Action"]).filter_map(Json::as_str).any(|pattern| glob(pattern, action));
        match statement["Effect"].as_str() {
            Some("Allow") if about => allowed = true,
            Some("Deny") if about && statement["Condition"].is_null() && statement["Resource"] == "*" => return false,
            _ => {}
        }
    }
    allowed
}

/// IAM's wildcards, letters in any case: `*` is any text, `?` one character.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let (pattern, text): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wildcards() {
        assert!(glob("ec2:*", "ec2:RunInstances") && glob("*", "x") && glob("ec2:Describe*", "ec2:describeimages"));
        assert!(glob("a*b*c", "axxbyyc") && glob("s?s:*", "sqs:ReceiveMessage"));
        assert!(!glob("ec2:Run", "ec2:RunInstances") && !glob("a*b", "axxc"));
    }

    #[test]
    fn a_deny_of_everything_wins_and_a_narrow_one_does_not() {
        let allow = json!({"Statement": {"Effect": "Allow", "Action": ["ec2:CreateFleet"], "Resource": "*"}});
        let deny = json!({"Statement": [{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]});
        let narrow =
            json!({"Statement": [{"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {"x": {}}}]});
        assert!(allows([&allow].into_iter(), "ec2:CreateFleet"));
        assert!(!allows([&allow].into_iter(), "ec2:RunInstances"));
        assert!(!allows([&allow, &deny].into_iter(), "ec2:CreateFleet"));
        assert!(allows([&allow, &narrow].into_iter(), "ec2:CreateFleet"));
    }
}
