//! IAM role: trust, attached and inline policies, permissions boundary.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{InstanceProfile, Role};
use futures_util::future::{try_join, try_join_all, try_join3};

use super::{derived, iam};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// An hour: IAM's default, and more than any of our roles needs.
pub const SESSION_SECONDS: i32 = 3600;

/// A role. Attached and inline policies are fields of it: neither can be tagged, and a policy that somebody else hangs on
/// one of our roles must show.
#[derive(Clone, Debug)]
pub struct IamRole {
    /// Where it stands.
    pub address: Address,
    /// A derived name, 64 characters at most.
    pub name: String,
    /// `/rem-ci/ENVIRONMENT/`.
    pub path: String,
    /// For people.
    pub description: String,
    /// Who may assume it: a policy document.
    pub trust: Value,
    /// ARNs of managed policies, ours or AWS's, ten at most.
    pub policies: Vec<Value>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, Value>,
    /// ARN of the policy that bounds what the role can ever do.
    pub boundary: Option<Value>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for IamRole {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "iam-role",
        noun: "IAM role",
        actions: &[
            "iam:ListRoles",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "iam:GetRolePolicy",
            "iam:CreateRole",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:AttachRolePolicy",
            "iam:DetachRolePolicy",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:PutRolePermissionsBoundary",
            "iam:DeleteRolePermissionsBoundary",
            "iam:ListInstanceProfilesForRole",
            "iam:GetInstanceProfile",
            "iam:RemoveRoleFromInstanceProfile",
            "iam:DeleteInstanceProfile",
            "iam:DeleteRole",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "Name, unique in the account, 64 characters at most."),
            Field::fixed(
                "path",
                "A role's path cannot be changed, and its name cannot be had twice: destroy the environment and apply it again.",
                "Path: `/rem-ci/ENVIRONMENT/`.",
            ),
            Field::in_place("description", "Description."),
            Field::in_place("trust", "Trust policy: who may assume it."),
            Field::in_place("maxSessionSeconds", "Longest session, seconds."),
            Field::in_place("policies", "ARNs of the attached managed policies."),
            Field::in_place("inline", "Inline policies by name."),
            Field::in_place("boundary", "ARN of the permissions boundary."),
            Field::in_place("tags", "Tags."),
        ],
        rank: 20,
        custody: Custody::Owned,
        // "IAM role 1-7 s" in public Terraform apply logs is the calls' own time; who uses a role too early gets a named,
        // passing error.
        patience: Patience::INSTANT,
        docs: "A role under the path /rem-ci/ENVIRONMENT/. Policies that others attach to it or write into it are shown \
               as drift and taken off. On delete it leaves the instance profiles that Karpenter and EKS made for it, and \
               those go too; a profile of anybody else's is a refusal. \
               Source: IAM API reference, CreateRole, DeleteRole, UpdateRole.",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([
            ("name", Some(Value::text(&self.name))),
            ("path", Some(Value::text(&self.path))),
            ("description", Some(Value::text(&self.description))),
            ("trust", Some(self.trust.clone())),
            ("maxSessionSeconds", Some(Value::text(SESSION_SECONDS))),
            ("policies", (!self.policies.is_empty()).then(|| Value::set(self.policies.iter().cloned()))),
            ("inline", (!self.inline.is_empty()).then(|| Value::map(self.inline.clone()))),
            ("boundary", self.boundary.clone()),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let listed = world.iam.list_roles().path_prefix(iam::path(scope)).into_paginator().items().send();
        let roles: Vec<Role> = listed.collect::<Result<_, _>>().await.map_err(failed("iam:ListRoles"))?;
        let listed: Vec<_> = roles.iter().map(Role::role_name).collect();
        let (names, unlisted) = iam::names(scope, &listed);
        let late = unlisted.into_iter().map(async |want| {
            let name = derived::text(want, "name");
            // Usually there is none: asked by itself first.
            if gone_is_none(role(world, name).await)?.is_some() {
                Self::read(world, scope, name).await
            } else {
                Ok(None)
            }
        });
        let listed = names.into_iter().map(|name| Self::read(world, scope, name));
        let (found, late) = try_join(try_join_all(listed), try_join_all(late)).await?;
        Ok(found.into_iter().chain(late).flatten().collect())
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let whole = try_join3(role(world, id), attached(world, id), inline(world, id)).await;
        let Some((role, policies, inline)) = gone_is_none(whole)? else { return Ok(None) };
        let inline = try_join_all(inline.iter().map(|policy| inline_document(world, id, policy))).await;
        let Some(inline) = gone_is_none(inline)? else { return Ok(None) };
        let mut live = live(&role, &policies, inline);
        derived::claim(&mut live, scope);
        Ok(Some(live))
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let name = derived::text(want, "name");
        let made = world
            .iam
            .create_role()
            .role_name(name)
            .path(derived::text(want, "path"))
            .description(derived::text(want, "description"))
            .assume_role_policy_document(derived::text(want, "trust"))
            .set_max_session_duration(derived::text(want, "maxSessionSeconds").parse().ok())
            .set_permissions_boundary(want.get("boundary").and_then(Value::as_text).map(str::to_owned))
            .set_tags(Some(iam::tags(&cx.all_tags(want))))
            .send()
            .await
            .map_err(failed("iam:CreateRole"));
        match made {
            Ok(_) => {}
            // A second try of the same create: go on where the first stopped. Anybody else's role stays a clash.
            Err(failure) if failure.class == Class::Exists => {
                let there = role(world, name).await.map_err(iam::not_yet)?;
                if !derived::tagged(cx, &iam::tag_map(there.tags())) {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
        for arn in texts(want, "policies") {
            attach(world, name, &arn).await.map_err(iam::not_yet)?;
        }
        for (policy, document) in want.get("inline").into_iter().flat_map(Value::text_entries) {
            put_inline(world, name, policy, document).await.map_err(iam::not_yet)?;
        }
        Ok(name.to_owned())
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let name = live.id.as_str();
        let changed = |field: &str| changes.iter().any(|change| change.field == field);
        if changed("trust") {
            let call = world.iam.update_assume_role_policy().role_name(name);
            let call = call.policy_document(derived::text(want, "trust"));
            call.send().await.map_err(failed("iam:UpdateAssumeRolePolicy"))?;
        }
        if changed("description") || changed("maxSessionSeconds") {
            let call = world.iam.update_role().role_name(name).description(derived::text(want, "description"));
            let call = call.set_max_session_duration(derived::text(want, "maxSessionSeconds").parse().ok());
            call.send().await.map_err(failed("iam:UpdateRole"))?;
        }
        if changed("boundary") {
            bound(world, name, want.get("boundary").and_then(Value::as_text)).await?;
        }
        if changed("policies") {
            let (have, want) = (texts(&live.fields, "policies"), texts(want, "policies"));
            for arn in want.difference(&have) {
                attach(world, name, arn).await?;
            }
            for arn in have.difference(&want) {
                detach(world, name, arn).await?;
            }
        }
        if changed("inline") {
            let (have, want) = (live.fields.get("inline"), want.get("inline"));
            for (policy, document) in want.into_iter().flat_map(Value::text_entries) {
                if have.and_then(|have| have.get(policy)).and_then(Value::as_text) != Some(document) {
                    put_inline(world, name, policy, document).await?;
                }
            }
            for (policy, _) in have.into_iter().flat_map(Value::text_entries) {
                if want.and_then(|want| want.get(policy)).is_none() {
                    delete_inline(world, name, policy).await?;
                }
            }
        }
        if changed("tags") {
            let untag = async |keys| {
                let call = world.iam.untag_role().role_name(name).set_tag_keys(Some(keys));
                call.send().await.map(drop).map_err(failed("iam:UntagRole"))
            };
            let tag = async |tags| {
                let call = world.iam.tag_role().role_name(name).set_tags(Some(tags));
                call.send().await.map(drop).map_err(failed("iam:TagRole"))
            };
            iam::retag(cx, live, want, untag, tag).await?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let name = live.id.as_str();
        // First what can refuse, so that a role that has to stay stays whole.
        leave_profiles(world, name).await?;
        // Read anew: a second try finds less than the plan saw.
        for arn in gone_is_none(attached(world, name).await)?.unwrap_or_default() {
            detach(world, name, &arn).await?;
        }
        for policy in gone_is_none(inline(world, name).await)?.unwrap_or_default() {
            delete_inline(world, name, &policy).await?;
        }
        gone_is_none(world.iam.delete_role().role_name(name).send().await.map_err(failed("iam:DeleteRole")))?;
        Ok(())
    }
}

fn live(role: &Role, policies: &[String], inline: Vec<(String, Value)>) -> Live {
    let mut live = Live::new(role.role_name());
    live.names.insert("name".to_owned(), role.role_name().to_owned());
    live.names.insert("arn".to_owned(), role.arn().to_owned());
    live.tags = iam::tag_map(role.tags());
    let boundary = role.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
    live.fields = derived::fields([
        ("name", Some(Value::text(role.role_name()))),
        ("path", Some(Value::text(role.path()))),
        ("description", role.description().filter(|text| !text.is_empty()).map(Value::text)),
        ("trust", role.assume_role_policy_document().map(iam::document)),
        ("maxSessionSeconds", role.max_session_duration().map(Value::text)),
        ("policies", (!policies.is_empty()).then(|| Value::texts(policies))),
        ("inline", (!inline.is_empty()).then(|| Value::map(inline))),
        ("boundary", boundary.map(Value::text)),
        ("tags", Some(live.free_tags())),
    ]);
    live
}

async fn role(world: &Cloud, name: &str) -> Read<Role> {
    let answer = world.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole"))?;
    answer.role.ok_or_else(|| Failure::fatal("iam:GetRole", "an answer without a role"))
}

async fn attached(world: &Cloud, name: &str) -> Read<Vec<String>> {
    let listed = world.iam.list_attached_role_policies().role_name(name).into_paginator().items().send();
    let policies: Vec<_> = listed.collect::<Result<_, _>>().await.map_err(failed("iam:ListAttachedRolePolicies"))?;
    Ok(policies.into_iter().filter_map(|policy| policy.policy_arn).collect())
}

async fn inline(world: &Cloud, name: &str) -> Read<Vec<String>> {
    let listed = world.iam.list_role_policies().role_name(name).into_paginator().items().send();
    listed.collect::<Result<_, _>>().await.map_err(failed("iam:ListRolePolicies"))
}

async fn inline_document(world: &Cloud, name: &str, policy: &str) -> Read<(String, Value)> {
    let call = world.iam.get_role_policy().role_name(name).policy_name(policy);
    let answer = call.send().await.map_err(failed("iam:GetRolePolicy"))?;
    Ok((policy.to_owned(), iam::document(answer.policy_document())))
}

async fn attach(world: &Cloud, name: &str, arn: &str) -> Result<(), Failure> {
    let call = world.iam.attach_role_policy().role_name(name).policy_arn(arn);
    let attached = call.send().await.map_err(failed("iam:AttachRolePolicy"));
    // The role is there; a policy that is not yet was made a moment ago.
    attached.map(drop).map_err(|failure| if failure.message.contains(arn) { iam::not_yet(failure) } else { failure })
}

async fn detach(world: &Cloud, name: &str, arn: &str) -> Result<(), Failure> {
    let call = world.iam.detach_role_policy().role_name(name).policy_arn(arn);
    gone_is_none(call.send().await.map_err(failed("iam:DetachRolePolicy"))).map(drop)
}

async fn put_inline(world: &Cloud, name: &str, policy: &str, document: &str) -> Result<(), Failure> {
    let call = world.iam.put_role_policy().role_name(name).policy_name(policy).policy_document(document);
    call.send().await.map(drop).map_err(failed("iam:PutRolePolicy"))
}

async fn delete_inline(world: &Cloud, name: &str, policy: &str) -> Result<(), Failure> {
    let call = world.iam.delete_role_policy().role_name(name).policy_name(policy);
    gone_is_none(call.send().await.map_err(failed("iam:DeleteRolePolicy"))).map(drop)
}

async fn bound(world: &Cloud, name: &str, boundary: Option<&str>) -> Result<(), Failure> {
    if let Some(arn) = boundary {
        let call = world.iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
        return call.send().await.map(drop).map_err(failed("iam:PutRolePermissionsBoundary"));
    }
    let call = world.iam.delete_role_permissions_boundary().role_name(name);
    gone_is_none(call.send().await.map_err(failed("iam:DeleteRolePermissionsBoundary"))).map(drop)
}

/// Empties and deletes the instance profiles that were made for this role: IAM refuses to delete a role that is in one.
/// Karpenter's carry its tag (Karpenter's CloudFormation reference, `AllowScopedInstanceProfileCreationActions`), those
/// of EKS node groups are called `eks-` and a UUID. Any other is somebody's own use of our role.
async fn leave_profiles(world: &Cloud, name: &str) -> Result<(), Failure> {
    let listed = world.iam.list_instance_profiles_for_role().role_name(name).into_paginator().items().send();
    let listed = listed.collect::<Result<Vec<_>, _>>().await.map_err(failed("iam:ListInstanceProfilesForRole"));
    let profiles = gone_is_none(listed)?.unwrap_or_default();
    let profiles: Vec<_> = profiles.iter().map(InstanceProfile::instance_profile_name).collect();
    // All are looked at before any is touched: a refusal leaves everything as it was.
    for profile in &profiles {
        let got = world.iam.get_instance_profile().instance_profile_name(*profile).send().await;
        let Some(got) = gone_is_none(got.map_err(failed("iam:GetInstanceProfile")))? else { continue };
        // The listing gives no tags.
        let tags = got.instance_profile().map(|profile| iam::tag_map(profile.tags())).unwrap_or_default();
        if !(tags.contains_key("karpenter.k8s.aws/ec2nodeclass") || profile.starts_with("eks-")) {
            let help = format!("the instance profile {profile} holds {name} and is not ours: take the role out of it");
            return Err(Failure::fatal("iam:RemoveRoleFromInstanceProfile", help));
        }
    }
    for profile in profiles {
        let call = world.iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(name);
        gone_is_none(call.send().await.map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
        let call = world.iam.delete_instance_profile().instance_profile_name(profile);
        gone_is_none(call.send().await.map_err(failed("iam:DeleteInstanceProfile")))?;
    }
    Ok(())
}

fn texts(fields: &Fields, field: &str) -> BTreeSet<String> {
    fields.get(field).into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
}
