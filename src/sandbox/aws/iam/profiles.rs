//! Instance profiles. EKS makes one of its own for each managed node group.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{absent, arn, conflict, exists, limit, name_of, need, need_name, paged, path_of, tags, unique};
use crate::sandbox::region::{Here, iso, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One instance profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// At most 128 characters.
    pub name: String,
    /// `/`, or the path.
    pub path: String,
    /// With the path.
    pub arn: String,
    /// `AIPA…`.
    pub id: String,
    /// When it was made.
    pub created: Millis,
    /// From when EC2 accepts it.
    pub usable: Millis,
    /// Name of the role; never more than one.
    pub role: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

fn shown(here: &Here<'_>, profile: &Profile) -> Json {
    let roles: Vec<Json> =
        profile.role.iter().filter_map(|name| here.iam.roles.get(name)).map(super::Role::listed).collect();
    json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": iso(profile.created),
        "Roles": roles,
        "Tags": tags::out(&profile.tags),
    })
}

fn missing(name: &str) -> Fault {
    absent(&format!("Instance Profile {name} cannot be found."))
}

fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Profile, Fault> {
    let name = need(params, "InstanceProfileName")?;
    here.iam.profiles.get_mut(name).ok_or_else(|| missing(name))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateInstanceProfile" => create(here, params),
        "GetInstanceProfile" => need(params, "InstanceProfileName").and_then(|name| {
            let profile = here.iam.profiles.get(name).ok_or_else(|| missing(name))?;
            Ok(json!({ "InstanceProfile": shown(here, profile) }))
        }),
        "ListInstanceProfiles" => {
            let prefix = text(params, "PathPrefix");
            let found = here.iam.profiles.values().filter(|profile| profile.path.starts_with(prefix));
            let found: Vec<Json> = found.map(|profile| shown(here, profile)).collect();
            Ok(paged(params, "InstanceProfiles", &found))
        }
        "ListInstanceProfilesForRole" => for_role(here, params),
        "AddRoleToInstanceProfile" => add_role(here, params),
        "RemoveRoleFromInstanceProfile" => remove_role(here, params),
        "DeleteInstanceProfile" => delete(here, params),
        "TagInstanceProfile" => {
            named(here, params).and_then(|profile| tags::add(&mut profile.tags, params)).map(|()| json!({}))
        }
        "UntagInstanceProfile" => named(here, params).map(|profile| {
            tags::remove(&mut profile.tags, params);
            json!({})
        }),
        "ListInstanceProfileTags" => {
            named(here, params).map(|profile| paged(params, "Tags", &tags::out(&profile.tags)))
        }
        _ => return None,
    })
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need_name(params, "InstanceProfileName", 128)?.to_owned();
    let path = path_of(params)?;
    if here.iam.profiles.contains_key(&name) {
        return Err(exists(&format!("Instance Profile {name} already exists.")));
    }
    let tags = tags::from(params)?;
    make(here, &name, &path);
    let profile = here.iam.profiles.entry(name.clone()).or_default();
    profile.tags = tags;
    let (arn, usable) = (profile.arn.clone(), profile.usable);
    here.span(arn, [], usable);
    Ok(json!({ "InstanceProfile": shown(here, &here.iam.profiles[&name]) }))
}

/// Makes an empty profile.
fn make(here: &mut Here<'_>, name: &str, path: &str) {
    let profile = Profile {
        name: name.to_owned(),
        path: path.to_owned(),
        arn: arn(here, &format!("instance-profile{path}{name}")),
        id: unique(here, "AIPA"),
        created: here.now,
        usable: here.due(5.0, 8.0),
        ..Profile::default()
    };
    here.iam.profiles.insert(name.to_owned(), profile);
}

/// Makes the profile that EKS keeps for a managed node group.
pub(crate) fn make_for_nodes(here: &mut Here<'_>, name: &str, role_arn: &str) {
    make(here, name, "/");
    if let Some(profile) = here.iam.profiles.get_mut(name) {
        profile.role = Some(name_of(role_arn).to_owned());
    }
}

fn for_role(here: &Here<'_>, params: &Json) -> Answer {
    let role = need(params, "RoleName")?;
    if !here.iam.roles.contains_key(role) {
        return Err(absent(&format!("The role with name {role} cannot be found.")));
    }
    let found = here.iam.profiles.values().filter(|profile| profile.role.as_deref() == Some(role));
    let found: Vec<Json> = found.map(|profile| shown(here, profile)).collect();
    Ok(paged(params, "InstanceProfiles", &found))
}

fn add_role(here: &mut Here<'_>, params: &Json) -> Answer {
    let role = need(params, "RoleName")?;
    if !here.iam.roles.contains_key(role) {
        return Err(absent(&format!("The role with name {role} cannot be found.")));
    }
    let profile = named(here, params)?;
    if profile.role.is_some() {
        return Err(limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
    }
    profile.role = Some(role.to_owned());
    Ok(json!({}))
}

fn remove_role(here: &mut Here<'_>, params: &Json) -> Answer {
    let role = need(params, "RoleName")?;
    let profile = named(here, params)?;
    if profile.role.as_deref() != Some(role) {
        return Err(absent(&format!("The role with name {role} cannot be found.")));
    }
    profile.role = None;
    Ok(json!({}))
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let profile = named(here, params)?;
    if profile.role.is_some() {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    let (name, arn) = (profile.name.clone(), profile.arn.clone());
    here.iam.profiles.remove(&name);
    here.span(format!("-{arn}"), [], here.now);
    Ok(json!({}))
}
