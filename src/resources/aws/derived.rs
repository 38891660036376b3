//! What the kinds with derived names share: whose a name is, what a tag says, and which tags have to go.
//!
//! A derived name is `rem-ci-ENVIRONMENT-WHAT-` and the first 8 digits of the stack id. The end tells `prod` from
//! `prod-eu` (of which the beginning alone is a prefix) and one owner's `prod` from another's in the same account.

use std::collections::BTreeMap;

use crate::engine::{Cx, Fields, Live, Scope, TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK, Value};

/// Digits of the stack id at the end of a derived name.
const SHORT: usize = 8;

/// How every derived name of an environment begins, and with it some of another's.
pub(super) fn prefix(environment: &str) -> String {
    format!("rem-ci-{environment}-")
}

/// Whether a name is one that this stack derives.
pub(super) fn is_ours(environment: &str, stack: &str, name: &str) -> bool {
    name.starts_with(&prefix(environment)) && name.ends_with(&format!("-{}", short(stack)))
}

/// Whether a name is one that another stack derives: another owner's environment of this name, or one whose name begins
/// with this one's. Not looked into, so that neighbours cost no calls.
pub(super) fn is_anothers(scope: &Scope, name: &str) -> bool {
    let end = name.rsplit('-').next().unwrap_or_default();
    let derived = end.len() == SHORT && end.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    name.starts_with(&prefix(&scope.environment)) && derived && end != short(&scope.stack)
}

fn short(stack: &str) -> &str {
    stack.get(..SHORT).unwrap_or(stack)
}

/// Whether all three ownership tags are those of the resource at hand.
pub(super) fn tagged(cx: &Cx, tags: &BTreeMap<String, String>) -> bool {
    cx.ownership().iter().all(|(key, value)| tags.get(key) == Some(value))
}

/// Marks a live thing that has a wanted name without the tags that would make it ours: a clash, or one to be adopted.
pub(super) fn claim(live: &mut Live, scope: &Scope) {
    let named =
        |fields: &Fields| fields.get("name").and_then(Value::as_text).is_some_and(|name| name == live.text("name"));
    let Some((address, _)) = scope.wanted.iter().find(|(_, fields)| named(fields)) else { return };
    let has = |key: &str, value: &str| live.tags.get(key).is_some_and(|tag| tag == value);
    let ours =
        has(TAG_ENVIRONMENT, &scope.environment) && has(TAG_STACK, &scope.stack) && has(TAG_RESOURCE, address.as_str());
    if !ours {
        live.stands_for = Some(address.clone());
    }
}

/// Keys of live tags that are neither wanted, nor ownership, nor AWS's own.
pub(super) fn surplus_tags(live: &Live, want: &Fields) -> Vec<String> {
    let wanted = want.get("tags");
    let free = live.free_tags();
    free.text_entries()
        .map(|(key, _)| key.to_owned())
        .filter(|key| wanted.and_then(|tags| tags.get(key)).is_none())
        .collect()
}

/// The plain text of a wanted field, or nothing.
pub(super) fn text<'a>(want: &'a Fields, field: &str) -> &'a str {
    want.get(field).and_then(Value::as_text).unwrap_or_default()
}

/// Fields from pairs, without those that are not there.
pub(super) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Address;

    fn scope(environment: &str, wanted: &str) -> Scope {
        Scope {
            environment: environment.to_owned(),
            stack: "0123456789abcdef".to_owned(),
            wanted: vec![(Address::single("interruption", "sqs-queue"), fields([("name", Some(Value::text(wanted)))]))],
            everything: std::sync::Arc::default(),
            after_incomplete: false,
        }
    }

    #[test]
    fn a_neighbour_whose_name_begins_with_ours_is_anothers() {
        let prod = scope("prod", "");
        assert!(is_ours("prod", &prod.stack, "rem-ci-prod-node-01234567"));
        assert!(!is_ours("prod", &prod.stack, "rem-ci-prod-eu-node-76543210"));
        assert!(is_anothers(&prod, "rem-ci-prod-eu-node-76543210"));
        assert!(!is_anothers(&prod, "rem-ci-prod-node-01234567"));
        // Put there by hand: looked into, and shown.
        assert!(!is_anothers(&prod, "backdoor"));
    }

    #[test]
    fn a_wanted_name_without_our_tags_stands_in_the_way() {
        let scope = scope("prod", "q");
        let mut live = Live::new("q");
        live.fields = fields([("name", Some(Value::text("q")))]);
        claim(&mut live, &scope);
        assert_eq!(live.stands_for, Some(scope.wanted[0].0.clone()));

        live.stands_for = None;
        live.tags =
            [(TAG_ENVIRONMENT, "prod"), (TAG_STACK, "0123456789abcdef"), (TAG_RESOURCE, "interruption/sqs-queue")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        claim(&mut live, &scope);
        assert_eq!(live.stands_for, None);
    }

    #[test]
    fn only_free_tags_can_be_surplus() {
        let mut live = Live::new("q");
        live.tags = ["team", "aws:cloudformation:stack-name", TAG_STACK, "left-over"]
            .map(|key| (key.to_owned(), "x".to_owned()))
            .into();
        let want = fields([("tags", Some(Value::tags([("team", "y")])))]);
        assert_eq!(surplus_tags(&live, &want), ["left-over"]);
    }
}
