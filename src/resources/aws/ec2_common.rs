//! What the EC2 kinds share: tags, filters, and the few shapes that every one of them needs.
//!
//! Ownership is three tags (`engine::kind`). A sweep asks for the environment's tag alone, so that what is tagged
//! half-way is seen too; the engine decides what is ours.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_smithy_types::retry::RetryConfig;

use crate::cloud::{Cloud, failed};
use crate::engine::{
    Address, Change, Class, Cx, Failure, Fields, Live, Scope, TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK, Value,
};

/// Fields by name, from pairs; pairs without a value are left out: what is absent is no key.
pub(super) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// A filter of any describe call.
pub(crate) fn filter<T: Into<String>>(name: impl Into<String>, values: impl IntoIterator<Item = T>) -> Filter {
    let values = values.into_iter().map(Into::into).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// The filter of a sweep: everything that carries the environment's tag.
pub(super) fn ours(scope: &Scope) -> Filter {
    filter(format!("tag:{TAG_ENVIRONMENT}"), [scope.environment.as_str()])
}

/// All tags of a create, for its `TagSpecifications`.
pub(super) fn tagged(resource: ResourceType, cx: &Cx, want: &Fields) -> TagSpecification {
    let tags = cx.all_tags(want).into_iter().map(|(key, value)| tag(&key, &value)).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()
}

pub(super) fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub(super) fn tag_map(tags: &[Tag]) -> BTreeMap<String, String> {
    let pair = |tag: &Tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    tags.iter().filter_map(pair).collect()
}

/// A live thing with its tags and nothing else yet.
pub(super) fn live(id: &str, tags: &[Tag]) -> Live {
    let mut live = Live::new(id);
    live.tags = tag_map(tags);
    live.fields.insert("tags".to_owned(), live.free_tags());
    live
}

/// Whether a thing with the environment's tag is this kind's business: AWS has one API for several of our kinds, and
/// Karpenter puts the tags of its node classes on launch templates of its own. What has no address is, and shows as stray.
pub(super) fn is_of(kind: &str, tags: &BTreeMap<String, String>) -> bool {
    match tags.get(TAG_RESOURCE) {
        Some(address) => Address::parse(address).is_none_or(|address| address.kind() == kind),
        None => !tags.keys().any(|key| key.starts_with("karpenter.")),
    }
}

/// For creates that take no client token, with `customize().config_override`: the SDK's own second try after a lost answer
/// would make a twin. The engine looks first, then tries again.
pub(super) fn once() -> aws_sdk_ec2::config::Builder {
    aws_sdk_ec2::config::Builder::new().retry_config(RetryConfig::disabled())
}

/// Marks a thing found by name as taking an address's place, unless its tags say so already.
pub(super) fn stand_for(live: &mut Live, address: &Address) {
    let said = live.tags.get(TAG_RESOURCE).map(String::as_str) == Some(address.as_str());
    if !(said && live.tags.contains_key(TAG_STACK)) {
        live.stands_for = Some(address.clone());
    }
}

/// The field `marked` of what AWS makes along with something else: it comes without our tags, and where the configuration
/// declares none, nothing but this field would say that they are missing. Without them its costs, and what is left of it,
/// cannot be told to be ours.
pub(super) fn marked(live: &Live) -> Value {
    Value::text([TAG_ENVIRONMENT, TAG_STACK, TAG_RESOURCE].iter().all(|key| live.tags.contains_key(*key)))
}

/// Whether a field is among the changes.
pub(super) fn changed(changes: &[Change], field: &str) -> bool {
    changes.iter().any(|change| change.field == field)
}

/// A desired text that must be there.
pub(super) fn text<'a>(want: &'a Fields, field: &str, call: &str) -> Result<&'a str, Failure> {
    let text = want.get(field).and_then(Value::as_text);
    text.ok_or_else(|| Failure::fatal(call, format!("field `{field}` has no value")))
}

/// The texts of a desired or live set.
pub(super) fn texts(fields: &Fields, field: &str) -> Vec<String> {
    fields.get(field).into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
}

/// `(in wanted only, in live only)`.
pub(super) fn difference(live: &[String], wanted: &[String]) -> (Vec<String>, Vec<String>) {
    let without = |these: &[String], those: &[String]| {
        these.iter().filter(|one| !those.contains(one)).cloned().collect::<Vec<_>>()
    };
    (without(wanted, live), without(live, wanted))
}

/// A set, or nothing where it would be empty.
pub(super) fn some_set<T: ToString>(items: impl IntoIterator<Item = T>) -> Option<Value> {
    let set = Value::texts(items);
    (!set.items().is_empty()).then_some(set)
}

/// The id in an answer that must have one.
pub(super) fn id_of(call: &str, id: Option<&str>) -> Result<String, Failure> {
    id.map(str::to_owned).ok_or_else(|| Failure::fatal(call, "the answer has no id"))
}

/// For the later calls of a create whose first call takes no token: the thing is there, so the create must not be said
/// again. `Unknown` makes the engine sweep first, find it and go on with an update. EC2 may also not know its own new
/// thing everywhere yet ("Eventual consistency", Amazon EC2 API developer guide).
pub(super) fn half_made(failure: Failure) -> Failure {
    match failure.class {
        Class::Passing | Class::Throttled | Class::Gone => Failure { class: Class::Unknown, ..failure },
        _ => failure,
    }
}

/// For the later calls of a create with a token: saying the whole create again goes on where it was.
pub(super) fn not_known_yet(failure: Failure) -> Failure {
    match failure.class {
        Class::Gone => Failure { class: Class::Passing, ..failure },
        _ => failure,
    }
}

/// A delete of what is gone is done.
pub(super) fn gone_is_done<T>(result: Result<T, Failure>) -> Result<(), Failure> {
    crate::cloud::gone_is_none(result).map(|_| ())
}

/// What a tag update must do: set these, remove those. Ownership is part of it, so that taking a thing over is an update.
pub(super) fn tag_changes(cx: &Cx, live: &Live, want: &Fields) -> (BTreeMap<String, String>, Vec<String>) {
    let wanted = cx.all_tags(want);
    let managed = live.fields.get("tags").into_iter().flat_map(Value::text_entries);
    let surplus = managed.map(|(key, _)| key).filter(|key| !wanted.contains_key(*key)).map(str::to_owned).collect();
    let missing = wanted.into_iter().filter(|(key, value)| live.tags.get(key) != Some(value)).collect();
    (missing, surplus)
}

/// Brings the tags of an EC2 resource to what is wanted.
pub(super) async fn retag(world: &Cloud, cx: &Cx, live: &Live, want: &Fields) -> Result<(), Failure> {
    let (missing, surplus) = tag_changes(cx, live, want);
    set_tags(world, &live.id, &missing).await?;
    remove_tags(world, &live.id, &surplus).await
}

pub(super) async fn set_tags(world: &Cloud, id: &str, tags: &BTreeMap<String, String>) -> Result<(), Failure> {
    if tags.is_empty() {
        return Ok(());
    }
    let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let call = world.ec2.create_tags().resources(id).set_tags(Some(tags));
    call.send().await.map_err(failed("ec2:CreateTags"))?;
    Ok(())
}

async fn remove_tags(world: &Cloud, id: &str, keys: &[String]) -> Result<(), Failure> {
    if keys.is_empty() {
        return Ok(());
    }
    // A key without a value removes the tag whatever its value is.
    let tags = keys.iter().map(|key| Tag::builder().key(key).build()).collect();
    let call = world.ec2.delete_tags().resources(id).set_tags(Some(tags));
    call.send().await.map_err(failed("ec2:DeleteTags"))?;
    Ok(())
}

#[cfg(test)]
mod tests;
