//! The KMS key for the cluster's Secrets.
//!
//! A key has no name of its own, so it is found by its alias, whose name is deterministic; if the alias is missing, by the
//! tags of every key of the account. A key pending deletion counts as gone, but `create` takes back one of ours instead of
//! making a second: it costs nothing, and whatever the old one encrypted can be read again.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_kms::types::{AliasListEntry, KeyMetadata, KeyState, Tag};
use aws_smithy_types::retry::RetryConfig;
use futures_util::future::{try_join_all, try_join4};
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::ec2_common::{changed, fields, gone_is_done, half_made, stand_for, tag_changes, text};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Ready, Resource,
    Scope, TAG_ENVIRONMENT, TAG_STACK, Value, policy, policy_from_text,
};

/// The key of the cluster's Secrets, `cluster/kms-key`.
#[derive(Clone, Debug)]
pub struct KmsKey {
    /// `alias/rem-ci-ENVIRONMENT-cluster-SHORT`.
    pub alias: String,
    /// What it is for.
    pub description: String,
    /// Who may do what with it: [`default_policy`].
    pub policy: Value,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// IAM of the account decides, as for any key that is made without a policy. EKS needs no more: whoever creates the cluster
/// grants it the key ("Encrypt Kubernetes secrets with KMS", Amazon EKS user guide).
#[must_use]
pub fn default_policy(partition: &str, account: &str) -> Value {
    policy(&json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "AccountDecidesByIam",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{account}:root") },
            "Action": "kms:*",
            "Resource": "*",
        }],
    }))
}

/// Days until a deleted key is gone for good. AWS takes 7 to 30; the longest leaves most time to notice.
const WINDOW_DAYS: i32 = 30;
/// Keys asked for their tags at a time.
const AT_ONCE: usize = 8;

const CREATE: &str = "kms:CreateKey";
const TAGS: &str = "kms:ListResourceTags";

impl Resource for KmsKey {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "kms-key",
        noun: "KMS key",
        actions: &[
            "kms:ListAliases",
            "kms:ListKeys",
            "kms:ListResourceTags",
            "kms:DescribeKey",
            "kms:GetKeyPolicy",
            "kms:GetKeyRotationStatus",
            "kms:CreateKey",
            "kms:CreateAlias",
            "kms:UpdateAlias",
            "kms:DeleteAlias",
            "kms:PutKeyPolicy",
            "kms:EnableKeyRotation",
            "kms:DisableKeyRotation",
            "kms:EnableKey",
            "kms:UpdateKeyDescription",
            "kms:CancelKeyDeletion",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
        ],
        fields: &[
            Field::in_place("description", "what it is for"),
            Field::in_place("policy", "key policy: the account's IAM decides"),
            Field::in_place("rotation", "yearly rotation of the key material"),
            Field::in_place("enabled", "whether it can be used; a disabled key stops the API server"),
            Field::in_place("alias", "its name"),
            Field::in_place("tags", "tags"),
        ],
        rank: 5,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Encrypts the cluster's Secrets. Deleting it makes them unreadable for good, so it is kept on destroy \
               unless the environment says otherwise, and then goes after 30 days; until then it can be taken back.",
    };

    fn address(&self) -> Address {
        Address::single("cluster", "kms-key")
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("description", Some(Value::text(&self.description))),
            ("policy", Some(self.policy.clone())),
            ("rotation", Some("true".into())),
            ("enabled", Some("true".into())),
            ("alias", Some(Value::text(&self.alias))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    fn cost(_fields: &Fields, rates: &Rates) -> Vec<Line> {
        vec![lines::kms_key(rates)]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.kms.list_aliases().into_paginator().items().send();
        let aliases: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("kms:ListAliases"))?;
        let wanted: BTreeMap<&str, &Address> =
            scope.wanted.iter().filter_map(|(address, want)| Some((want.get("alias")?.as_text()?, address))).collect();
        let prefix = format!("alias/rem-ci-{}-", scope.environment);
        let named = aliases.iter().filter_map(|alias| {
            let (name, key) = (alias.alias_name()?, alias.target_key_id()?);
            (wanted.contains_key(name) || name.starts_with(&prefix)).then_some((key, name))
        });
        let found = try_join_all(named.map(|(key, name)| as_live(world, key, Some(name)))).await?;
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        for live in &mut found {
            if let Some(address) = wanted.get(live.text("alias")) {
                stand_for(live, address);
            }
        }
        found.retain(|live| {
            wanted.contains_key(live.text("alias")) || live.tags.get(TAG_ENVIRONMENT) == Some(&scope.environment)
        });
        let missing = wanted.keys().any(|alias| !found.iter().any(|live| live.text("alias") == *alias));
        if missing || (scope.after_incomplete && found.is_empty()) {
            let tag = |tags: &BTreeMap<String, String>| tags.get(TAG_ENVIRONMENT) == Some(&scope.environment);
            let keys = hunt(world, &aliases, tag).await?;
            let keys = keys.into_iter().filter(|key| !found.iter().any(|live| live.id == *key));
            let more = try_join_all(keys.map(|key| async move { as_live(world, &key, None).await })).await?;
            found.extend(more.into_iter().flatten());
        }
        Ok(found)
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.kms.list_aliases().key_id(id).into_paginator().items().send();
        let aliases = call.collect::<Result<Vec<_>, _>>().await.map_err(failed("kms:ListAliases"));
        let Some(aliases) = gone_is_none(aliases)? else { return Ok(None) };
        let names = aliases.iter().filter_map(AliasListEntry::alias_name);
        // By hand somebody may have given it another name too.
        let ours = names.clone().find(|name| name.starts_with("alias/rem-ci-"));
        as_live(world, id, ours.or(names.min())).await
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = world.kms.list_aliases().into_paginator().items().send();
        let aliases: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("kms:ListAliases"))?;
        let own = cx.ownership();
        let mine = |tags: &BTreeMap<String, String>| own.iter().all(|(key, value)| tags.get(key) == Some(value));
        let id = if let Some(id) = hunt(world, &aliases, mine).await?.into_iter().next() {
            take_back(world, cx, want, id).await?
        } else {
            let tags = cx.all_tags(want).into_iter().map(|(key, value)| tag(&key, &value));
            let tags = tags.collect::<Result<Vec<_>, _>>()?;
            let call = world.kms.create_key().description(text(want, "description", CREATE)?);
            let call = call.policy(text(want, "policy", CREATE)?).set_tags(Some(tags));
            // CreateKey takes no token: the SDK's own second try after a lost answer would make another key. The engine
            // looks first.
            let once = aws_sdk_kms::config::Builder::new().retry_config(RetryConfig::disabled());
            let made = call.customize().config_override(once).send().await.map_err(failed(CREATE))?;
            let id = made.key_metadata().map(|key| key.key_id().to_owned());
            id.ok_or_else(|| Failure::fatal(CREATE, "the answer has no id"))?
        };
        alias(world, &id, text(want, "alias", "kms:CreateAlias")?).await.map_err(half_made)?;
        rotate(world, &id, want).await.map_err(half_made)?;
        Ok(id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let id = live.id.as_str();
        // A disabled key takes no other change.
        if changed(changes, "enabled") {
            world.kms.enable_key().key_id(id).send().await.map_err(failed("kms:EnableKey"))?;
        }
        if changed(changes, "description") {
            describe(world, id, want).await?;
        }
        if changed(changes, "policy") {
            put_policy(world, id, want).await?;
        }
        if changed(changes, "rotation") {
            rotate(world, id, want).await?;
        }
        if changed(changes, "alias") {
            alias(world, id, text(want, "alias", "kms:CreateAlias")?).await?;
            if let Some(old) = live.fields.get("alias").and_then(Value::as_text) {
                drop_alias(world, old).await?;
            }
        }
        retag(world, cx, live, want).await
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        // The alias first: if it ends here, the key is found again by its tags.
        if let Some(name) = live.fields.get("alias").and_then(Value::as_text) {
            drop_alias(world, name).await?;
        }
        let call = world.kms.schedule_key_deletion().key_id(&live.id).pending_window_in_days(WINDOW_DAYS);
        match call.send().await.map_err(failed("kms:ScheduleKeyDeletion")) {
            Err(failure) if failure.message.contains("pending deletion") => Ok(()),
            other => gone_is_done(other),
        }
    }
}

/// Keys of a stack that a destroy has scheduled, and the day each goes: `(id, 2026-12-24)`. They cost nothing, count as
/// gone, and can be taken back until then.
pub async fn pending(world: &Cloud, stack: &str) -> Read<Vec<(String, String)>> {
    let mine = |tags: &BTreeMap<String, String>| tags.get(TAG_STACK).is_some_and(|tag| tag == stack);
    let call = world.kms.list_aliases().into_paginator().items().send();
    let aliases: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("kms:ListAliases"))?;
    let mut found = Vec::new();
    for id in hunt(world, &aliases, mine).await? {
        let Some(key) = metadata(world, &id).await? else { continue };
        if key.key_state() == Some(&KeyState::PendingDeletion) {
            let day = key.deletion_date().and_then(|date| jiff::Timestamp::from_second(date.secs()).ok());
            found.push((id, day.map(|day| day.strftime("%Y-%m-%d").to_string()).unwrap_or_default()));
        }
    }
    Ok(found)
}

/// A key of ours that is there already: pending deletion, or made by a create whose outcome got lost.
async fn take_back(world: &Cloud, cx: &Cx, want: &Fields, id: String) -> Result<String, Failure> {
    let Some(key) = metadata(world, &id).await? else {
        return Err(Failure { class: Class::Passing, ..Failure::fatal("kms:DescribeKey", "the key has just gone") });
    };
    if key.key_state() == Some(&KeyState::PendingDeletion) {
        let call = world.kms.cancel_key_deletion().key_id(&id).send().await;
        call.map_err(failed("kms:CancelKeyDeletion"))?;
    }
    if key.key_state() != Some(&KeyState::Enabled) {
        // A cancelled deletion leaves it disabled ("CancelKeyDeletion", AWS KMS API reference).
        world.kms.enable_key().key_id(&id).send().await.map_err(failed("kms:EnableKey"))?;
    }
    describe(world, &id, want).await?;
    put_policy(world, &id, want).await?;
    if let Some(live) = as_live(world, &id, None).await? {
        retag(world, cx, &live, want).await?;
    }
    Ok(id)
}

fn tag(key: &str, value: &str) -> Result<Tag, Failure> {
    let tag = Tag::builder().tag_key(key).tag_value(value).build();
    tag.map_err(|error| Failure::fatal("kms:TagResource", error.to_string()))
}

async fn retag(world: &Cloud, cx: &Cx, live: &Live, want: &Fields) -> Result<(), Failure> {
    let (missing, surplus) = tag_changes(cx, live, want);
    if !missing.is_empty() {
        let tags = missing.iter().map(|(key, value)| tag(key, value)).collect::<Result<Vec<_>, _>>()?;
        let call = world.kms.tag_resource().key_id(&live.id).set_tags(Some(tags)).send().await;
        call.map_err(failed("kms:TagResource"))?;
    }
    if !surplus.is_empty() {
        let call = world.kms.untag_resource().key_id(&live.id).set_tag_keys(Some(surplus)).send().await;
        call.map_err(failed("kms:UntagResource"))?;
    }
    Ok(())
}

async fn describe(world: &Cloud, id: &str, want: &Fields) -> Result<(), Failure> {
    let call = "kms:UpdateKeyDescription";
    let request = world.kms.update_key_description().key_id(id).description(text(want, "description", call)?);
    request.send().await.map_err(failed("kms:UpdateKeyDescription"))?;
    Ok(())
}

async fn put_policy(world: &Cloud, id: &str, want: &Fields) -> Result<(), Failure> {
    let call =
        world.kms.put_key_policy().key_id(id).policy_name("default").policy(text(want, "policy", "kms:PutKeyPolicy")?);
    call.send().await.map_err(failed("kms:PutKeyPolicy"))?;
    Ok(())
}

async fn rotate(world: &Cloud, id: &str, want: &Fields) -> Result<(), Failure> {
    if text(want, "rotation", "kms:EnableKeyRotation")? == "true" {
        world.kms.enable_key_rotation().key_id(id).send().await.map_err(failed("kms:EnableKeyRotation"))?;
    } else {
        world.kms.disable_key_rotation().key_id(id).send().await.map_err(failed("kms:DisableKeyRotation"))?;
    }
    Ok(())
}

/// Gives the key its name, taking it from an older key of the same environment where one still has it.
async fn alias(world: &Cloud, id: &str, name: &str) -> Result<(), Failure> {
    let call = world.kms.create_alias().alias_name(name).target_key_id(id).send().await;
    match call.map_err(failed("kms:CreateAlias")) {
        Err(failure) if failure.class == Class::Exists => {
            let call = world.kms.update_alias().alias_name(name).target_key_id(id).send().await;
            call.map_err(failed("kms:UpdateAlias"))?;
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

async fn drop_alias(world: &Cloud, name: &str) -> Result<(), Failure> {
    let call = world.kms.delete_alias().alias_name(name).send().await;
    gone_is_done(call.map_err(failed("kms:DeleteAlias")))
}

async fn metadata(world: &Cloud, id: &str) -> Read<Option<KeyMetadata>> {
    let call = world.kms.describe_key().key_id(id).send().await;
    let answer = gone_is_none(call.map_err(failed("kms:DescribeKey")))?;
    Ok(answer.and_then(|answer| answer.key_metadata))
}

async fn tags_of(world: &Cloud, id: &str) -> Read<Option<BTreeMap<String, String>>> {
    let call = world.kms.list_resource_tags().key_id(id).into_paginator().items().send();
    let tags = gone_is_none(call.collect::<Result<Vec<_>, _>>().await.map_err(failed(TAGS)))?;
    let pair = |tag: Tag| (tag.tag_key, tag.tag_value);
    Ok(tags.map(|tags| tags.into_iter().map(pair).collect()))
}

/// The ids of all keys whose tags are `right`, AWS's own keys aside. A key whose policy keeps us out is none of ours; but
/// where every key does, it is we who lack the permission, and nothing is known.
async fn hunt(
    world: &Cloud,
    aliases: &[AliasListEntry],
    right: impl Fn(&BTreeMap<String, String>) -> bool,
) -> Read<Vec<String>> {
    let of_aws = aliases.iter().filter(|alias| alias.alias_name().is_some_and(|name| name.starts_with("alias/aws/")));
    let of_aws: BTreeSet<_> = of_aws.filter_map(AliasListEntry::target_key_id).collect();
    let call = world.kms.list_keys().into_paginator().items().send();
    let keys: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed("kms:ListKeys"))?;
    let ids = keys.into_iter().filter_map(|key| key.key_id).filter(|id| !of_aws.contains(id.as_str()));
    let asked = stream::iter(ids).map(|id| async move { (tags_of(world, &id).await, id) }).buffered(AT_ONCE);
    let asked: Vec<(Read<_>, String)> = asked.collect().await;
    let answered = asked.iter().any(|(tags, _)| tags.is_ok());
    let mut found = Vec::new();
    for (tags, id) in asked {
        match tags {
            Ok(Some(tags)) if right(&tags) => found.push(id),
            Ok(_) => {}
            Err(failure) if failure.class == Class::Denied && answered => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(found)
}

/// The key with all its settings; `None` if it is gone or pending deletion.
async fn as_live(world: &Cloud, id: &str, alias: Option<&str>) -> Read<Option<Live>> {
    let rotation = async {
        let call = world.kms.get_key_rotation_status().key_id(id).send().await;
        gone_is_none(call.map_err(failed("kms:GetKeyRotationStatus")))
    };
    let document = async {
        let call = world.kms.get_key_policy().key_id(id).policy_name("default").send().await;
        gone_is_none(call.map_err(failed("kms:GetKeyPolicy")))
    };
    let all = try_join4(metadata(world, id), rotation, document, tags_of(world, id)).await?;
    let (Some(key), Some(rotation), Some(document), Some(tags)) = all else { return Ok(None) };
    let mut live = Live::new(id);
    live.ready = match key.key_state() {
        Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => return Ok(None),
        // A disabled key can be repaired in place: the field says so.
        Some(KeyState::Enabled | KeyState::Disabled) | None => Ready::Yes,
        Some(state @ (KeyState::Creating | KeyState::Updating)) => Ready::NotYet(state.as_str().to_owned()),
        Some(other) => Ready::Never(other.as_str().to_owned()),
    };
    live.tags = tags;
    live.fields = fields([
        ("description", key.description().filter(|text| !text.is_empty()).map(Value::text)),
        ("policy", document.policy().map(policy_from_text)),
        ("rotation", Some(Value::text(rotation.key_rotation_enabled()))),
        ("enabled", Some(Value::text(key.enabled()))),
        ("alias", alias.map(Value::text)),
        ("tags", Some(live.free_tags())),
    ]);
    live.names.insert("arn".to_owned(), key.arn().unwrap_or_default().to_owned());
    if let Some(alias) = alias {
        live.names.insert("alias".to_owned(), alias.to_owned());
    }
    Ok(Some(live))
}
