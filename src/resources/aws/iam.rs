//! What the IAM kinds share: tags and documents on their way in and out.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;

use super::derived;
use crate::engine::{Class, Cx, Failure, Fields, Live, Scope, Value, policy_from_text};

/// Tags for a call.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    // A tag with key and value always builds: those are all it requires.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// Tags from an answer.
pub(super) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}

/// A policy document from an answer. IAM gives documents URL-encoded after RFC 3986 (IAM API reference, `GetRole`).
pub(super) fn document(text: &str) -> Value {
    policy_from_text(&percent_decode_str(text).decode_utf8_lossy())
}

/// The path under which a sweep looks: that of what is wanted, else of an environment's roles and policies. The slash at its
/// end keeps `prod-eu` out of `prod`.
pub(super) fn path(scope: &Scope) -> String {
    let wanted = scope.wanted.iter().map(|(_, fields)| derived::text(fields, "path")).find(|path| !path.is_empty());
    wanted.map_or_else(|| format!("/rem-ci/{}/", scope.environment), str::to_owned)
}

/// What a sweep of roles or policies looks into: of the names that a listing gives, those that are not another stack's; and of
/// the wanted ones, those that the listing does not have. Listings lag behind a create by seconds, reads by name do not.
pub(super) fn names<'a>(scope: &'a Scope, listed: &[&'a str]) -> (Vec<&'a str>, Vec<&'a Fields>) {
    let ours = listed.iter().copied().filter(|name| !derived::is_anothers(scope, name)).collect();
    let wanted = scope.wanted.iter().map(|(_, fields)| fields);
    let unlisted = wanted.filter(|fields| !derived::text(fields, "name").is_empty());
    (ours, unlisted.filter(|fields| !listed.contains(&derived::text(fields, "name"))).collect())
}

/// Brings tags to what is wanted, ownership tags included: `untag` takes the surplus keys, `tag` all that should be.
pub(super) async fn retag<U, T>(
    cx: &Cx,
    live: &Live,
    want: &Fields,
    untag: impl FnOnce(Vec<String>) -> U,
    tag: impl FnOnce(Vec<Tag>) -> T,
) -> Result<(), Failure>
where
    U: Future<Output = Result<(), Failure>>,
    T: Future<Output = Result<(), Failure>>,
{
    let surplus = derived::surplus_tags(live, want);
    if !surplus.is_empty() {
        untag(surplus).await?;
    }
    tag(tags(&cx.all_tags(want))).await
}

/// A thing that was made or read a moment ago and that IAM does not know yet: eventual consistency, passing (IAM user
/// guide, "Troubleshoot IAM").
pub(super) fn not_yet(failure: Failure) -> Failure {
    match failure.class {
        Class::Gone => Failure { class: Class::Passing, ..failure },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::policy;

    #[test]
    fn an_encoded_document_equals_the_one_that_was_sent() {
        let sent = serde_json::json!({"Version": "2012-10-17", "Statement": [{"Action": ["a:B"], "Resource": "*"}]});
        let given = "%7B%22Statement%22%3A%5B%7B%22Resource%22%3A%22%2A%22%2C%22Action%22%3A%22a%3AB%22%7D%5D%2C%0A%20%22Version%22%3A%222012-10-17%22%7D";
        assert_eq!(document(given), policy(&sent));
    }
}
