//! The bucket of an environment's state: lock, records, approvals.

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    ExpirationStatus, LifecycleExpiration, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration,
    ObjectOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, Tag, Tagging,
    VersioningConfiguration,
};
use futures_util::future::{join3, join4};

use super::derived;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope,
    Value, policy_from_text,
};

/// A bucket whose contents must neither be lost nor read nor rewritten by just anybody.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    /// Where it stands.
    pub address: Address,
    /// A name that is unique in the whole partition.
    pub name: String,
    /// Its policy.
    pub policy: Value,
    /// Prefix, days of the current version if it goes, days of old versions.
    pub lifecycle: Vec<(String, Option<i32>, i32)>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

/// The four switches of "Block all public access".
const BLOCKS: [&str; 4] = ["blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"];

impl Resource for S3Bucket {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "s3-bucket",
        noun: "S3 bucket",
        actions: &[
            "s3:ListBucket",
            "s3:GetBucketVersioning",
            "s3:GetEncryptionConfiguration",
            "s3:GetBucketPublicAccessBlock",
            "s3:GetBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:GetLifecycleConfiguration",
            "s3:GetBucketTagging",
            "s3:CreateBucket",
            "s3:PutBucketVersioning",
            "s3:PutEncryptionConfiguration",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:PutLifecycleConfiguration",
            "s3:PutBucketTagging",
            "s3:DeleteBucket",
        ],
        fields: &[
            Field::fixed(
                "name",
                "A bucket's name cannot be changed, and what is in it is worth keeping: empty and delete the old one by hand.",
                "Name, unique in the partition, 63 characters at most.",
            ),
            Field::in_place("versioning", "`Enabled`: what is overwritten or deleted can be seen again."),
            Field::in_place("encryption", "`AES256`: with S3's own keys, so that no role needs to decrypt."),
            Field::in_place("publicAccess", "The switches of \"Block all public access\" that are on."),
            Field::in_place("ownership", "`BucketOwnerEnforced`: no access lists."),
            Field::in_place("policy", "Who may write what, and on which condition."),
            Field::in_place("lifecycle", "Days after which things go, by prefix: `current/old versions`."),
            Field::in_place("tags", "Tags."),
        ],
        rank: 10,
        // Its name is derived, and S3 takes no tags when it makes one: whoever was stopped in between goes on.
        custody: Custody::OwnedOrAdopted,
        patience: Patience::INSTANT,
        docs: "Holds the lock, the records and the approvals of one environment. A few kilobytes in a few hundred objects: it \
               costs cents a year, and is no line of a bill. Never emptied: a bucket with something in it is not deleted. \
               Source: S3 API reference, CreateBucket, PutBucketPolicy, PutBucketLifecycleConfiguration.",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        let days = |current: Option<i32>, old: i32| match current {
            Some(current) => format!("{current}/{old}"),
            None => format!("-/{old}"),
        };
        let lifecycle = self.lifecycle.iter();
        derived::fields([
            ("name", Some(Value::text(&self.name))),
            ("versioning", Some(Value::text("Enabled"))),
            ("encryption", Some(Value::text("AES256"))),
            ("publicAccess", Some(Value::texts(BLOCKS))),
            ("ownership", Some(Value::text("BucketOwnerEnforced"))),
            ("policy", Some(self.policy.clone())),
            (
                "lifecycle",
                Some(Value::map(
                    lifecycle.map(|(prefix, current, old)| (key(prefix), Value::Text(days(*current, *old)))),
                )),
            ),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    /// By name. One that nothing wants is nothing to us.
    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut found = Vec::new();
        for (_, wanted) in &scope.wanted {
            found.extend(Self::read(world, scope, derived::text(wanted, "name")).await?);
        }
        Ok(found)
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let head = world.s3.head_bucket().bucket(id).expected_bucket_owner(&world.account).send().await;
        if gone_is_none(head.map_err(failed("s3:ListBucket")))?.is_none() {
            return Ok(None);
        }
        let (first, second) = futures_util::join!(
            join4(versioning(world, id), encryption(world, id), public_access(world, id), ownership(world, id)),
            join3(policy(world, id), lifecycle(world, id), tags(world, id)),
        );
        let mut live = Live::new(id);
        live.names.insert("name".to_owned(), id.to_owned());
        live.names.insert("arn".to_owned(), format!("arn:{}:s3:::{id}", crate::cloud::partition(&world.region)));
        live.tags = second.2?;
        live.fields = derived::fields([
            ("name", Some(Value::text(id))),
            ("versioning", first.0?),
            ("encryption", first.1?),
            ("publicAccess", first.2?),
            ("ownership", first.3?),
            ("policy", second.0?),
            ("lifecycle", second.1?),
            ("tags", Some(live.free_tags())),
        ]);
        derived::claim(&mut live, scope);
        Ok(Some(live))
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let name = derived::text(want, "name");
        // us-east-1 is the absence of a constraint (CreateBucket).
        let place = (world.region != "us-east-1").then(|| {
            let place = BucketLocationConstraint::from(world.region.as_str());
            CreateBucketConfiguration::builder().location_constraint(place).build()
        });
        let made = world.s3.create_bucket().bucket(name).set_create_bucket_configuration(place).send().await;
        match made.map_err(failed("s3:CreateBucket")) {
            Err(failure) if failure.class != Class::Exists => return Err(failure),
            _ => {}
        }
        // Shut before anything is in it, and tagged last: a bucket with our tags is complete but for nothing.
        for field in SET {
            set(world, name, field, want).await?;
        }
        retag(world, name, &cx.all_tags(want)).await?;
        Ok(name.to_owned())
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        for field in SET {
            if changes.iter().any(|change| change.field == field) {
                set(world, &live.id, field, want).await?;
            }
        }
        let all = cx.all_tags(want);
        if live.tags == all { Ok(()) } else { retag(world, &live.id, &all).await }
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.s3.delete_bucket().bucket(&live.id).expected_bucket_owner(&world.account);
        gone_is_none(call.send().await.map_err(failed("s3:DeleteBucket"))).map(drop)
    }
}

/// Fields that a call of their own sets, in this order.
const SET: [&str; 6] = ["publicAccess", "ownership", "versioning", "encryption", "policy", "lifecycle"];

/// A prefix as a key: the whole bucket is `*`.
fn key(prefix: &str) -> String {
    if prefix.is_empty() { "*".to_owned() } else { prefix.to_owned() }
}

/// Sets one field.
async fn set(world: &Cloud, bucket: &str, field: &str, want: &Fields) -> Result<(), Failure> {
    let (s3, owner) = (&world.s3, world.account.as_str());
    match field {
        "publicAccess" => {
            let on: Vec<_> = want.get(field).into_iter().flat_map(Value::item_texts).collect();
            let on = |block: usize| on.contains(&BLOCKS[block]);
            let blocks = PublicAccessBlockConfiguration::builder()
                .block_public_acls(on(0))
                .block_public_policy(on(1))
                .ignore_public_acls(on(2))
                .restrict_public_buckets(on(3))
                .build();
            let call = s3.put_public_access_block().bucket(bucket).expected_bucket_owner(owner);
            let call = call.public_access_block_configuration(blocks);
            call.send().await.map(drop).map_err(failed("s3:PutBucketPublicAccessBlock"))
        }
        "ownership" => {
            let owned = ObjectOwnership::from(derived::text(want, field));
            let rule = OwnershipControlsRule::builder().object_ownership(owned).build();
            let controls = rule.and_then(|rule| OwnershipControls::builder().rules(rule).build()).map_err(unbuilt)?;
            let call = s3.put_bucket_ownership_controls().bucket(bucket).expected_bucket_owner(owner);
            let call = call.ownership_controls(controls);
            call.send().await.map(drop).map_err(failed("s3:PutBucketOwnershipControls"))
        }
        "versioning" => {
            let status = BucketVersioningStatus::from(derived::text(want, field));
            let call = s3.put_bucket_versioning().bucket(bucket).expected_bucket_owner(owner);
            let call = call.versioning_configuration(VersioningConfiguration::builder().status(status).build());
            call.send().await.map(drop).map_err(failed("s3:PutBucketVersioning"))
        }
        "encryption" => {
            let algorithm = ServerSideEncryption::from(derived::text(want, field));
            let default = ServerSideEncryptionByDefault::builder().sse_algorithm(algorithm).build().map_err(unbuilt)?;
            let rule = ServerSideEncryptionRule::builder().apply_server_side_encryption_by_default(default).build();
            let rules = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(unbuilt)?;
            let call = s3.put_bucket_encryption().bucket(bucket).expected_bucket_owner(owner);
            let call = call.server_side_encryption_configuration(rules);
            call.send().await.map(drop).map_err(failed("s3:PutEncryptionConfiguration"))
        }
        "policy" => {
            let call = s3.put_bucket_policy().bucket(bucket).expected_bucket_owner(owner);
            call.policy(derived::text(want, field)).send().await.map(drop).map_err(failed("s3:PutBucketPolicy"))
        }
        _ => {
            let entries = want.get("lifecycle").into_iter().flat_map(Value::text_entries);
            let rules: Result<Vec<_>, _> = entries.map(|(prefix, days)| rule(prefix, days)).collect();
            let rules = BucketLifecycleConfiguration::builder().set_rules(Some(rules?)).build().map_err(unbuilt)?;
            let call = s3.put_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(owner);
            let call = call.lifecycle_configuration(rules);
            call.send().await.map(drop).map_err(failed("s3:PutLifecycleConfiguration"))
        }
    }
}

/// A request that lacks a part: a mistake of ours.
fn unbuilt(error: aws_sdk_s3::error::BuildError) -> Failure {
    Failure::fatal("s3", error.to_string())
}

fn rule(prefix: &str, days: &str) -> Result<LifecycleRule, Failure> {
    let (current, old) = days.split_once('/').unwrap_or(("-", days));
    let filter = LifecycleRuleFilter::builder().prefix(if prefix == "*" { "" } else { prefix }).build();
    let current = current.parse().ok().map(|days| LifecycleExpiration::builder().days(days).build());
    let old = old.parse().ok().map(|days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build());
    let id = format!("rem-ci {prefix}");
    let rule = LifecycleRule::builder().id(id).status(ExpirationStatus::Enabled).filter(filter);
    rule.set_expiration(current).set_noncurrent_version_expiration(old).build().map_err(unbuilt)
}

async fn retag(world: &Cloud, bucket: &str, tags: &BTreeMap<String, String>) -> Result<(), Failure> {
    let tags: Result<Vec<_>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tagging = tags.and_then(|tags| Tagging::builder().set_tag_set(Some(tags)).build()).map_err(unbuilt)?;
    let call = world.s3.put_bucket_tagging().bucket(bucket).expected_bucket_owner(&world.account).tagging(tagging);
    call.send().await.map(drop).map_err(failed("s3:PutBucketTagging"))
}

/// S3's words for a configuration that is not set: no failure, and no field.
const UNSET: [&str; 6] = [
    "NoSuchBucketPolicy",
    "NoSuchLifecycleConfiguration",
    "NoSuchTagSet",
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
];

fn set_or_none<T>(answer: Result<T, Failure>) -> Read<Option<T>> {
    match answer {
        Err(failure) if UNSET.contains(&failure.code.as_str()) => Ok(None),
        other => other.map(Some),
    }
}

async fn versioning(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_bucket_versioning().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = call.map_err(failed("s3:GetBucketVersioning"))?;
    Ok(answer.status().map(|status| Value::text(status.as_str())))
}

async fn encryption(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_bucket_encryption().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetEncryptionConfiguration")))?;
    let rules = answer.and_then(|answer| answer.server_side_encryption_configuration);
    let default = rules.and_then(|rules| rules.rules.into_iter().next()?.apply_server_side_encryption_by_default);
    Ok(default.map(|default| Value::text(default.sse_algorithm.as_str())))
}

async fn public_access(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_public_access_block().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetBucketPublicAccessBlock")))?;
    let Some(blocks) = answer.and_then(|answer| answer.public_access_block_configuration) else { return Ok(None) };
    let on = [
        blocks.block_public_acls,
        blocks.block_public_policy,
        blocks.ignore_public_acls,
        blocks.restrict_public_buckets,
    ];
    let on = BLOCKS.into_iter().zip(on).filter(|(_, on)| *on == Some(true)).map(|(block, _)| block);
    Ok(Some(Value::texts(on)))
}

async fn ownership(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_bucket_ownership_controls().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetBucketOwnershipControls")))?;
    let rule = answer.and_then(|answer| answer.ownership_controls?.rules.into_iter().next());
    Ok(rule.map(|rule| Value::text(rule.object_ownership.as_str())))
}

async fn policy(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_bucket_policy().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetBucketPolicy")))?;
    Ok(answer.and_then(|answer| answer.policy).map(|text| policy_from_text(&text)))
}

async fn lifecycle(world: &Cloud, id: &str) -> Read<Option<Value>> {
    let call = world.s3.get_bucket_lifecycle_configuration().bucket(id);
    let call = call.expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetLifecycleConfiguration")))?;
    let rules = answer.and_then(|answer| answer.rules).unwrap_or_default();
    let rules = rules.iter().filter(|rule| *rule.status() == ExpirationStatus::Enabled).map(|rule| {
        let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix).unwrap_or_default();
        let current = rule.expiration().and_then(LifecycleExpiration::days);
        let old = rule.noncurrent_version_expiration().and_then(NoncurrentVersionExpiration::noncurrent_days);
        let word = |days: Option<i32>| days.map_or_else(|| "-".to_owned(), |days| days.to_string());
        (key(prefix), Value::Text(format!("{}/{}", word(current), word(old))))
    });
    let rules: BTreeMap<_, _> = rules.collect();
    Ok((!rules.is_empty()).then(|| Value::map(rules)))
}

async fn tags(world: &Cloud, id: &str) -> Read<BTreeMap<String, String>> {
    let call = world.s3.get_bucket_tagging().bucket(id).expected_bucket_owner(&world.account).send().await;
    let answer = set_or_none(call.map_err(failed("s3:GetBucketTagging")))?;
    let tags = answer.map(|answer| answer.tag_set).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_the_field_says() {
        let plans = rule("plans/", "90/30").unwrap();
        assert_eq!(plans.expiration().and_then(LifecycleExpiration::days), Some(90));
        assert_eq!(plans.filter().and_then(LifecycleRuleFilter::prefix), Some("plans/"));
        let all = rule("*", "-/30").unwrap();
        assert!(all.expiration().is_none());
        assert_eq!(all.filter().and_then(LifecycleRuleFilter::prefix), Some(""));
    }
}
