//! IAM managed policy of our own.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{Policy, PolicyScopeType, PolicyVersion};
use futures_util::future::{try_join, try_join_all};

use super::{derived, iam};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// IAM keeps so many versions of a policy and refuses the next (IAM user guide, "IAM and AWS STS quotas").
const MOST_VERSIONS: usize = 5;

/// A managed policy.
#[derive(Clone, Debug)]
pub struct IamPolicy {
    /// Where it stands.
    pub address: Address,
    /// A derived name, 128 characters at most.
    pub name: String,
    /// `/rem-ci/ENVIRONMENT/`.
    pub path: String,
    /// The document, 6,144 characters at most, white space not counted.
    pub document: Value,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for IamPolicy {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "iam-policy",
        noun: "IAM policy",
        actions: &[
            "iam:ListPolicies",
            "iam:GetPolicy",
            "iam:GetPolicyVersion",
            "iam:ListPolicyVersions",
            "iam:ListEntitiesForPolicy",
            "iam:CreatePolicy",
            "iam:CreatePolicyVersion",
            "iam:DeletePolicyVersion",
            "iam:TagPolicy",
            "iam:UntagPolicy",
            "iam:DeletePolicy",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "Name, unique in the account, 128 characters at most."),
            Field::fixed(
                "path",
                "A policy's path cannot be changed, and its name cannot be had twice: destroy the environment and apply it again.",
                "Path: `/rem-ci/ENVIRONMENT/`.",
            ),
            Field::in_place("document", "The default version's document, 6,144 characters at most."),
            Field::in_place("tags", "Tags."),
        ],
        // After the roles it is attached to.
        rank: 10,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "A managed policy under the path /rem-ci/ENVIRONMENT/. A new document is a new default version; of five the \
               oldest goes. Its description names its address and can never change, so it is no field. \
               Source: IAM API reference, CreatePolicy, CreatePolicyVersion, DeletePolicy.",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([
            ("name", Some(Value::text(&self.name))),
            ("path", Some(Value::text(&self.path))),
            ("document", Some(self.document.clone())),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let call = world.iam.list_policies().scope(PolicyScopeType::Local).path_prefix(iam::path(scope));
        let listed: Result<Vec<Policy>, _> = call.into_paginator().items().send().collect().await;
        let policies = listed.map_err(failed("iam:ListPolicies"))?;
        let listed: Vec<_> = policies.iter().filter_map(Policy::policy_name).collect();
        let (names, unlisted) = iam::names(scope, &listed);
        let ours = policies.iter().filter(|policy| policy.policy_name().is_some_and(|name| names.contains(&name)));
        // The listing says which version is the default, so that both halves of each can be asked for at once.
        let reads = ours.filter_map(|policy| {
            let (arn, version) = (policy.arn()?, policy.default_version_id()?);
            Some(async move { gone_is_none(try_join(policy_of(world, arn), document_of(world, arn, version)).await) })
        });
        let late = unlisted.into_iter().map(async |want| Self::read(world, scope, &arn_of(world, want)).await);
        let (found, late) = try_join(try_join_all(reads), try_join_all(late)).await?;
        let found = found.into_iter().flatten().map(|(policy, document)| live(&policy, document, scope));
        Ok(found.chain(late.into_iter().flatten()).collect())
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let Some(policy) = gone_is_none(policy_of(world, id).await)? else { return Ok(None) };
        let version = policy.default_version_id().unwrap_or_default();
        let Some(document) = gone_is_none(document_of(world, id, version).await)? else { return Ok(None) };
        Ok(Some(live(&policy, document, scope)))
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let made = world
            .iam
            .create_policy()
            .policy_name(derived::text(want, "name"))
            .path(derived::text(want, "path"))
            .description(format!("rem-ci {}: {}", cx.environment, cx.address))
            .policy_document(derived::text(want, "document"))
            .set_tags(Some(iam::tags(&cx.all_tags(want))))
            .send()
            .await
            .map_err(failed("iam:CreatePolicy"));
        match made {
            Ok(answer) => {
                let arn = answer.policy.and_then(|policy| policy.arn);
                arn.ok_or_else(|| Failure::fatal("iam:CreatePolicy", "an answer without an ARN"))
            }
            // A second try of the same create. Anybody else's policy stays a clash.
            Err(failure) if failure.class == Class::Exists => {
                let arn = arn_of(world, want);
                let there = policy_of(world, &arn).await.map_err(iam::not_yet)?;
                if derived::tagged(cx, &iam::tag_map(there.tags())) { Ok(arn) } else { Err(failure) }
            }
            Err(failure) => Err(failure),
        }
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let arn = live.id.as_str();
        let changed = |field: &str| changes.iter().any(|change| change.field == field);
        if changed("document") {
            make_room(world, arn).await?;
            let call = world.iam.create_policy_version().policy_arn(arn).set_as_default(true);
            let call = call.policy_document(derived::text(want, "document"));
            call.send().await.map_err(failed("iam:CreatePolicyVersion"))?;
        }
        if changed("tags") {
            let untag = async |keys| {
                let call = world.iam.untag_policy().policy_arn(arn).set_tag_keys(Some(keys));
                call.send().await.map(drop).map_err(failed("iam:UntagPolicy"))
            };
            let tag = async |tags| {
                let call = world.iam.tag_policy().policy_arn(arn).set_tags(Some(tags));
                call.send().await.map(drop).map_err(failed("iam:TagPolicy"))
            };
            iam::retag(cx, live, want, untag, tag).await?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, cx: &Cx, live: &Live) -> Result<(), Failure> {
        let arn = live.id.as_str();
        let Some(versions) = gone_is_none(versions(world, arn).await)? else { return Ok(()) };
        // IAM deletes a policy only with its default version alone left.
        for version in versions.iter().filter(|version| !version.is_default_version()) {
            delete_version(world, arn, version).await?;
        }
        let gone = world.iam.delete_policy().policy_arn(arn).send().await.map_err(failed("iam:DeletePolicy"));
        match gone_is_none(gone) {
            // Still attached: passing where the role is ours and about to let go, for ever where it is somebody else's.
            Err(failure) if failure.class == Class::Passing => match strangers(world, cx, arn).await?.as_slice() {
                [] => Err(failure),
                names => {
                    let help = format!("{arn} is also attached to {}: detach it there", names.join(", "));
                    Err(Failure::fatal("iam:DeletePolicy", help))
                }
            },
            other => other.map(drop),
        }
    }
}

fn live(policy: &Policy, document: Value, scope: &Scope) -> Live {
    let arn = policy.arn().unwrap_or_default();
    let mut live = Live::new(arn);
    live.names.insert("arn".to_owned(), arn.to_owned());
    live.names.insert("name".to_owned(), policy.policy_name().unwrap_or_default().to_owned());
    live.tags = iam::tag_map(policy.tags());
    live.fields = derived::fields([
        ("name", policy.policy_name().map(Value::text)),
        ("path", policy.path().map(Value::text)),
        ("document", Some(document)),
        ("tags", Some(live.free_tags())),
    ]);
    derived::claim(&mut live, scope);
    live
}

/// A policy's ARN is its path and its name.
fn arn_of(world: &Cloud, want: &Fields) -> String {
    world.arn("iam", &format!("policy{}{}", derived::text(want, "path"), derived::text(want, "name")))
}

async fn policy_of(world: &Cloud, arn: &str) -> Read<Policy> {
    let answer = world.iam.get_policy().policy_arn(arn).send().await.map_err(failed("iam:GetPolicy"))?;
    answer.policy.ok_or_else(|| Failure::fatal("iam:GetPolicy", "an answer without a policy"))
}

async fn document_of(world: &Cloud, arn: &str, version: &str) -> Read<Value> {
    let call = world.iam.get_policy_version().policy_arn(arn).version_id(version);
    let answer = call.send().await.map_err(failed("iam:GetPolicyVersion"))?;
    let version = answer.policy_version().and_then(PolicyVersion::document);
    version.map(iam::document).ok_or_else(|| Failure::fatal("iam:GetPolicyVersion", "an answer without a document"))
}

async fn versions(world: &Cloud, arn: &str) -> Read<Vec<PolicyVersion>> {
    let listed = world.iam.list_policy_versions().policy_arn(arn).into_paginator().items().send();
    listed.collect::<Result<_, _>>().await.map_err(failed("iam:ListPolicyVersions"))
}

async fn delete_version(world: &Cloud, arn: &str, version: &PolicyVersion) -> Result<(), Failure> {
    let id = version.version_id().unwrap_or_default();
    let call = world.iam.delete_policy_version().policy_arn(arn).version_id(id);
    gone_is_none(call.send().await.map_err(failed("iam:DeletePolicyVersion"))).map(drop)
}

/// Deletes the oldest versions that are not the default until one more fits.
async fn make_room(world: &Cloud, arn: &str) -> Result<(), Failure> {
    for version in surplus(&mut versions(world, arn).await?) {
        delete_version(world, arn, version).await?;
    }
    Ok(())
}

/// The versions to delete before a new one can be made, oldest first.
fn surplus(versions: &mut [PolicyVersion]) -> impl Iterator<Item = &PolicyVersion> {
    versions.sort_by_key(number);
    let excess = (versions.len() + 1).saturating_sub(MOST_VERSIONS);
    versions.iter().filter(|version| !version.is_default_version()).take(excess)
}

/// `v12` is 12: version ids are numbers that only grow, so that they tell age where times coincide.
fn number(version: &PolicyVersion) -> u64 {
    version.version_id().and_then(|id| id.strip_prefix('v')).and_then(|id| id.parse().ok()).unwrap_or_default()
}

/// Who else the policy is attached to or bounds: users, groups, and roles whose names this stack does not derive.
async fn strangers(world: &Cloud, cx: &Cx, arn: &str) -> Read<Vec<String>> {
    let mut pages = world.iam.list_entities_for_policy().policy_arn(arn).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("iam:ListEntitiesForPolicy"))?;
        let roles = page.policy_roles().iter().filter_map(|role| role.role_name());
        let roles = roles.filter(|name| !derived::is_ours(&cx.environment, &cx.stack, name));
        names.extend(roles.map(|name| format!("role {name}")));
        names.extend(page.policy_users().iter().filter_map(|user| Some(format!("user {}", user.user_name()?))));
        names.extend(page.policy_groups().iter().filter_map(|group| Some(format!("group {}", group.group_name()?))));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, default: bool) -> PolicyVersion {
        PolicyVersion::builder().version_id(id).is_default_version(default).build()
    }

    #[test]
    fn the_oldest_version_that_is_not_the_default_makes_room() {
        let mut five = [("v12", false), ("v9", true), ("v10", false), ("v11", false), ("v13", false)]
            .map(|(id, default)| version(id, default));
        let ids: Vec<_> = surplus(&mut five).map(|version| version.version_id().unwrap().to_owned()).collect();
        assert_eq!(ids, ["v10"]);

        let mut four = [("v1", true), ("v2", false), ("v3", false), ("v4", false)].map(|(id, is)| version(id, is));
        assert_eq!(surplus(&mut four).count(), 0);
    }
}
