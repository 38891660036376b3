//! Managed policies: the customer's, and AWS's own by ARN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{
    State, absent, arn, aws_managed, conflict, document as check, encoded, exists, limit, need, need_name, paged,
    path_of, tags, unique,
};
use crate::sandbox::region::{Here, iso, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// Characters of a managed policy, white space not counted (IAM quotas).
const SIZE: usize = 6_144;
/// Versions of a managed policy (IAM quotas).
const VERSIONS: usize = 5;

/// How long a new policy is missing from lists, where a read by its ARN has it at once (IAM user guide, "Changes that I make
/// are not always immediately visible").
const UNLISTED_MS: Millis = 1_500;

/// One version of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// The JSON.
    pub document: String,
    /// When it was made.
    pub created: Millis,
}

/// One customer managed policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// At most 128 characters.
    pub name: String,
    /// `/`, or the path.
    pub path: String,
    /// With the path.
    pub arn: String,
    /// `ANPA…`.
    pub id: String,
    /// Free text, fixed at creation.
    pub description: String,
    /// When it was made.
    pub created: Millis,
    /// When a version was last made.
    pub updated: Millis,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// By number: version 3 is `v3`.
    pub versions: BTreeMap<u32, Version>,
    /// The version in force.
    pub default: u32,
    /// The number of the next version; numbers are never used again.
    pub next: u32,
}

/// The document in force of a policy, the customer's or AWS's.
pub(super) fn document(iam: &State, arn: &str) -> Option<String> {
    match iam.policies.get(arn) {
        Some(policy) => policy.versions.get(&policy.default).map(|version| version.document.clone()),
        None => aws_managed::document(arn),
    }
}

fn attachments(iam: &State, arn: &str) -> (usize, usize) {
    let attached = iam.roles.values().filter(|role| role.attached.iter().any(|one| one == arn)).count();
    (attached, iam.roles.values().filter(|role| role.boundary.as_deref() == Some(arn)).count())
}

fn shown(iam: &State, policy: &Policy) -> Json {
    let (attached, boundaries) = attachments(iam, &policy.arn);
    json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": true,
        "CreateDate": iso(policy.created),
        "UpdateDate": iso(policy.updated),
    })
}

fn shown_aws(iam: &State, arn: &str) -> Json {
    let (attached, boundaries) = attachments(iam, arn);
    json!({
        "PolicyName": super::name_of(arn),
        "PolicyId": aws_managed::id(arn),
        "Arn": arn,
        "Path": aws_managed::path(arn),
        "DefaultVersionId": "v1",
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": true,
        "CreateDate": "2018-05-27T21:07:46.000Z",
        "UpdateDate": "2018-05-27T21:07:46.000Z",
    })
}

fn no_policy(arn: &str) -> Fault {
    absent(&format!("Policy {arn} was not found."))
}

fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Policy, Fault> {
    let arn = need(params, "PolicyArn")?;
    if aws_managed::document(arn).is_some() {
        return Err(Fault::new("AccessDenied", "Policies of AWS cannot be changed").status(403));
    }
    here.iam.policies.get_mut(arn).ok_or_else(|| no_policy(arn))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreatePolicy" => create(here, params),
        "GetPolicy" => get(here, params),
        "ListPolicies" => Ok(list(here, params)),
        "CreatePolicyVersion" => create_version(here, params),
        "GetPolicyVersion" => get_version(here, params),
        "ListPolicyVersions" => list_versions(here, params),
        "DeletePolicyVersion" => delete_version(here, params),
        "SetDefaultPolicyVersion" => set_default(here, params),
        "DeletePolicy" => delete(here, params),
        "TagPolicy" => named(here, params).and_then(|policy| tags::add(&mut policy.tags, params)).map(|()| json!({})),
        "UntagPolicy" => named(here, params).map(|policy| {
            tags::remove(&mut policy.tags, params);
            json!({})
        }),
        "ListPolicyTags" => named(here, params).map(|policy| paged(params, "Tags", &tags::out(&policy.tags))),
        "ListEntitiesForPolicy" => entities(here, params),
        _ => return None,
    })
}

fn fits(policy: &str) -> Result<(), Fault> {
    check::identity(policy)?;
    if check::size(policy) > SIZE {
        return Err(limit(&format!("Cannot exceed quota for PolicySize: {SIZE}")));
    }
    Ok(())
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need_name(params, "PolicyName", 128)?.to_owned();
    let path = path_of(params)?;
    let text_of_it = need(params, "PolicyDocument")?;
    fits(text_of_it)?;
    let arn = arn(here, &format!("policy{path}{name}"));
    // A name is unique in the account, whatever the path and the case.
    if here.iam.policies.values().any(|policy| policy.name.eq_ignore_ascii_case(&name)) {
        return Err(exists(&format!("A policy called {name} already exists. Duplicate names are not allowed.")));
    }
    let version = Version { document: text_of_it.to_owned(), created: here.now };
    let policy = Policy {
        id: unique(here, "ANPA"),
        name,
        path,
        arn: arn.clone(),
        description: text(params, "Description").to_owned(),
        created: here.now,
        updated: here.now,
        tags: tags::from(params)?,
        versions: BTreeMap::from([(1, version)]),
        default: 1,
        next: 2,
    };
    let mut answer = shown(here.iam, &policy);
    answer["Tags"] = json!(tags::out(&policy.tags));
    here.span(arn.clone(), [], here.now);
    here.iam.policies.insert(arn, policy);
    Ok(json!({ "Policy": answer }))
}

fn get(here: &Here<'_>, params: &Json) -> Answer {
    let arn = need(params, "PolicyArn")?;
    if let Some(policy) = here.iam.policies.get(arn) {
        let mut answer = shown(here.iam, policy);
        answer["Tags"] = json!(tags::out(&policy.tags));
        if !policy.description.is_empty() {
            answer["Description"] = json!(policy.description);
        }
        return Ok(json!({ "Policy": answer }));
    }
    aws_managed::document(arn).map(|_| json!({ "Policy": shown_aws(here.iam, arn) })).ok_or_else(|| no_policy(arn))
}

fn list(here: &Here<'_>, params: &Json) -> Json {
    let scope = text(params, "Scope");
    let prefix = text(params, "PathPrefix");
    let mut found = Vec::new();
    if scope != "AWS" {
        let listed = here.iam.policies.values().filter(|policy| policy.created + UNLISTED_MS <= here.now);
        found.extend(listed.map(|policy| shown(here.iam, policy)));
    }
    if scope != "Local" {
        found.extend(aws_managed::arns().map(|arn| shown_aws(here.iam, &arn)));
    }
    found.retain(|policy| text(policy, "Path").starts_with(prefix));
    if text(params, "OnlyAttached") == "true" {
        found.retain(|policy| policy["AttachmentCount"].as_u64().unwrap_or_default() > 0);
    }
    paged(params, "Policies", &found)
}

fn number(params: &Json) -> Result<u32, Fault> {
    let id = need(params, "VersionId")?;
    id.strip_prefix('v')
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| super::invalid(format!("Value '{id}' at 'versionId' failed to satisfy constraint")))
}

fn shown_version(policy: &Policy, number: u32, version: &Version) -> Json {
    json!({
        "VersionId": format!("v{number}"),
        "IsDefaultVersion": number == policy.default,
        "CreateDate": iso(version.created),
    })
}

fn create_version(here: &mut Here<'_>, params: &Json) -> Answer {
    let text_of_it = need(params, "PolicyDocument")?.to_owned();
    fits(&text_of_it)?;
    let now = here.now;
    let policy = named(here, params)?;
    if policy.versions.len() >= VERSIONS {
        return Err(limit(&format!(
            "A managed policy can have up to {VERSIONS} versions. Before you create a new version, you must delete an existing version."
        )));
    }
    let number = policy.next;
    policy.next += 1;
    let version = Version { document: text_of_it, created: now };
    if text(params, "SetAsDefault") == "true" {
        policy.default = number;
    }
    policy.updated = now;
    let answer = shown_version(policy, number, &version);
    policy.versions.insert(number, version);
    Ok(json!({ "PolicyVersion": answer }))
}

fn get_version(here: &Here<'_>, params: &Json) -> Answer {
    let arn = need(params, "PolicyArn")?;
    let number = number(params)?;
    let missing = || absent(&format!("Policy {arn} version v{number} does not exist or is not attachable."));
    let Some(policy) = here.iam.policies.get(arn) else {
        let aws = aws_managed::document(arn).filter(|_| number == 1).ok_or_else(missing)?;
        return Ok(json!({ "PolicyVersion": {
            "Document": encoded(&aws), "VersionId": "v1", "IsDefaultVersion": true, "CreateDate": "2018-05-27T21:07:46.000Z",
        }}));
    };
    let version = policy.versions.get(&number).ok_or_else(missing)?;
    let mut answer = shown_version(policy, number, version);
    answer["Document"] = json!(encoded(&version.document));
    Ok(json!({ "PolicyVersion": answer }))
}

fn list_versions(here: &Here<'_>, params: &Json) -> Answer {
    let arn = need(params, "PolicyArn")?;
    let policy = here.iam.policies.get(arn).ok_or_else(|| no_policy(arn))?;
    let versions: Vec<Json> =
        policy.versions.iter().rev().map(|(number, version)| shown_version(policy, *number, version)).collect();
    Ok(paged(params, "Versions", &versions))
}

fn delete_version(here: &mut Here<'_>, params: &Json) -> Answer {
    let number = number(params)?;
    let policy = named(here, params)?;
    if policy.default == number {
        return Err(conflict("Cannot delete the default version of a policy."));
    }
    let removed = policy.versions.remove(&number);
    removed.map(|_| json!({})).ok_or_else(|| absent(&format!("Policy version v{number} does not exist.")))
}

fn set_default(here: &mut Here<'_>, params: &Json) -> Answer {
    let number = number(params)?;
    let now = here.now;
    let policy = named(here, params)?;
    if !policy.versions.contains_key(&number) {
        return Err(absent(&format!("Policy version v{number} does not exist.")));
    }
    policy.default = number;
    policy.updated = now;
    Ok(json!({}))
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let arn = named(here, params)?.arn.clone();
    if attachments(here.iam, &arn) != (0, 0) {
        return Err(conflict("Cannot delete a policy attached to entities."));
    }
    if here.iam.policies[&arn].versions.len() > 1 {
        return Err(conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
        ));
    }
    here.iam.policies.remove(&arn);
    here.span(format!("-{arn}"), [], here.now);
    Ok(json!({}))
}

fn entities(here: &Here<'_>, params: &Json) -> Answer {
    let arn = need(params, "PolicyArn")?;
    if document(here.iam, arn).is_none() {
        return Err(no_policy(arn));
    }
    let boundary = text(params, "PolicyUsageFilter") == "PermissionsBoundary";
    let users = here.iam.roles.values().filter(|role| {
        if boundary { role.boundary.as_deref() == Some(arn) } else { role.attached.iter().any(|one| one == arn) }
    });
    let roles: Vec<Json> = users.map(|role| json!({ "RoleName": role.name, "RoleId": role.id })).collect();
    let mut answer = paged(params, "PolicyRoles", &roles);
    answer["PolicyGroups"] = json!([]);
    answer["PolicyUsers"] = json!([]);
    Ok(answer)
}
