//! Roles. A new role is known to IAM at once, to its lists after a second or two and to other services after some more:
//! "changes that I make are not always immediately visible" (IAM user guide, troubleshooting).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{absent, arn, conflict, document, encoded, exists, invalid, need, need_name, paged, path_of, tags, unique};
use crate::sandbox::region::{Here, iso, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    /// At most 64 characters.
    pub name: String,
    /// `/`, or the path.
    pub path: String,
    /// With the path.
    pub arn: String,
    /// `AROA…`.
    pub id: String,
    /// When it was made.
    pub created: Millis,
    /// From when lists show it.
    pub listed: Millis,
    /// From when other services can use it.
    pub usable: Millis,
    /// The trust policy.
    pub trust: String,
    /// Free text.
    pub description: String,
    /// In seconds, 3600 to 43200.
    pub max_session_s: u32,
    /// The permissions boundary's ARN.
    pub boundary: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Inline policies by name.
    pub inline: BTreeMap<String, String>,
    /// ARNs of attached policies.
    pub attached: Vec<String>,
}

impl Role {
    /// As `ListRoles` shows it: without tags and boundary.
    pub(super) fn listed(&self) -> Json {
        json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": self.arn,
            "CreateDate": iso(self.created),
            "AssumeRolePolicyDocument": encoded(&self.trust),
            "Description": (!self.description.is_empty()).then_some(&self.description),
            "MaxSessionDuration": self.max_session_s,
        })
    }

    pub(super) fn shown(&self) -> Json {
        let mut role = self.listed();
        if let Some(boundary) = &self.boundary {
            role["PermissionsBoundary"] =
                json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary });
        }
        if !self.tags.is_empty() {
            role["Tags"] = json!(tags::out(&self.tags));
        }
        role["RoleLastUsed"] = json!({});
        role
    }
}

/// The role that a request names.
pub(super) fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Role, Fault> {
    let name = need(params, "RoleName")?;
    here.iam.roles.get_mut(name).ok_or_else(|| absent(&format!("The role with name {name} cannot be found.")))
}

/// The same for a change, which nobody may make to a service's own role.
pub(super) fn own<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Role, Fault> {
    let role = named(here, params)?;
    if role.path.starts_with("/aws-service-role/") {
        let words = format!(
            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
            role.name
        );
        return Err(Fault::new("UnmodifiableEntity", words));
    }
    Ok(role)
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateRole" => create(here, params),
        "GetRole" => named(here, params).map(|role| json!({ "Role": role.shown() })),
        "ListRoles" => Ok(list(here, params)),
        "UpdateRole" => update(here, params),
        "UpdateRoleDescription" => own(here, params).map(|role| {
            text(params, "Description").clone_into(&mut role.description);
            json!({ "Role": role.shown() })
        }),
        "UpdateAssumeRolePolicy" => update_trust(here, params),
        "DeleteRole" => delete(here, params),
        "TagRole" => own(here, params).and_then(|role| tags::add(&mut role.tags, params)).map(|()| json!({})),
        "UntagRole" => own(here, params).map(|role| {
            tags::remove(&mut role.tags, params);
            json!({})
        }),
        "ListRoleTags" => named(here, params).map(|role| paged(params, "Tags", &tags::out(&role.tags))),
        "PutRolePermissionsBoundary" => put_boundary(here, params),
        "DeleteRolePermissionsBoundary" => own(here, params).and_then(|role| {
            role.boundary.take().map(|_| json!({})).ok_or_else(|| absent("The role has no permissions boundary."))
        }),
        _ => return None,
    })
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need_name(params, "RoleName", 64)?.to_owned();
    let path = path_of(params)?;
    if path.starts_with("/aws-service-role/") {
        return Err(invalid("Roles under /aws-service-role/ are made by CreateServiceLinkedRole"));
    }
    let trust = need(params, "AssumeRolePolicyDocument")?.to_owned();
    document::trust(here, &trust)?;
    // IAM keeps the case of names and compares without it.
    if here.iam.roles.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Err(exists(&format!("Role with name {name} already exists.")));
    }
    let role = Role {
        arn: arn(here, &format!("role{path}{name}")),
        id: unique(here, "AROA"),
        created: here.now,
        listed: here.due(1.0, 2.0),
        usable: here.due(5.0, 8.0),
        trust,
        description: text(params, "Description").to_owned(),
        max_session_s: max_session(params)?.unwrap_or(3600),
        boundary: boundary(here, params)?,
        tags: tags::from(params)?,
        name: name.clone(),
        path,
        ..Role::default()
    };
    let shown = role.shown();
    here.span(role.arn.clone(), [], role.usable);
    here.iam.roles.insert(name, role);
    Ok(json!({ "Role": shown }))
}

fn max_session(params: &Json) -> Result<Option<u32>, Fault> {
    match text(params, "MaxSessionDuration") {
        "" => Ok(None),
        seconds => match seconds.parse() {
            Ok(seconds @ 3600..=43200) => Ok(Some(seconds)),
            _ => Err(invalid(format!(
                "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy constraint"
            ))),
        },
    }
}

fn boundary(here: &Here<'_>, params: &Json) -> Result<Option<String>, Fault> {
    match text(params, "PermissionsBoundary") {
        "" => Ok(None),
        arn if super::policies::document(here.iam, arn).is_some() => Ok(Some(arn.to_owned())),
        arn => Err(absent(&format!("Scope ARN: {arn} does not exist or is not attachable."))),
    }
}

fn put_boundary(here: &mut Here<'_>, params: &Json) -> Answer {
    need(params, "PermissionsBoundary")?;
    let boundary = boundary(here, params)?;
    own(here, params)?.boundary = boundary;
    Ok(json!({}))
}

fn list(here: &Here<'_>, params: &Json) -> Json {
    let prefix = text(params, "PathPrefix");
    let roles: Vec<Json> = here
        .iam
        .roles
        .values()
        .filter(|role| role.listed <= here.now && role.path.starts_with(prefix))
        .map(Role::listed)
        .collect();
    paged(params, "Roles", &roles)
}

fn update(here: &mut Here<'_>, params: &Json) -> Answer {
    let seconds = max_session(params)?;
    let role = own(here, params)?;
    if let Some(description) = params["Description"].as_str() {
        description.clone_into(&mut role.description);
    }
    // "If you do not specify this value the default of one hour is applied" (API reference).
    role.max_session_s = seconds.unwrap_or(3600);
    Ok(json!({}))
}

fn update_trust(here: &mut Here<'_>, params: &Json) -> Answer {
    let trust = need(params, "PolicyDocument")?.to_owned();
    own(here, params)?;
    document::trust(here, &trust)?;
    own(here, params)?.trust = trust;
    Ok(json!({}))
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let role = own(here, params)?;
    let (name, arn) = (role.name.clone(), role.arn.clone());
    if !role.attached.is_empty() {
        return Err(conflict("Cannot delete entity, must detach all policies first."));
    }
    if !role.inline.is_empty() {
        return Err(conflict("Cannot delete entity, must delete policies first."));
    }
    if here.iam.profiles.values().any(|profile| profile.role.as_deref() == Some(&name)) {
        return Err(conflict("Cannot delete entity, must remove roles from instance profile first."));
    }
    here.iam.roles.remove(&name);
    here.span(format!("-{arn}"), [], here.now);
    Ok(json!({}))
}
