//! A role's own (inline) policies, and the managed ones attached to it.

use serde_json::{Value as Json, json};

use super::roles::{named, own};
use super::{absent, document, encoded, limit, name_of, need, need_name, paged, policies};
use crate::sandbox::region::{Here, text};
use crate::sandbox::wire::{Answer, Call};

/// Characters of all inline policies of a role together, white space not counted (IAM quotas).
const INLINE_TOTAL: usize = 10_240;
/// Managed policies per role by default (IAM quotas: 10, can be raised to 25; the sandbox is as AWS gives it).
const ATTACHED: usize = 10;

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "PutRolePolicy" => put(here, params),
        "GetRolePolicy" => get(here, params),
        "ListRolePolicies" => named(here, params).map(|role| {
            let names: Vec<Json> = role.inline.keys().map(|name| json!(name)).collect();
            paged(params, "PolicyNames", &names)
        }),
        "DeleteRolePolicy" => delete(here, params),
        "AttachRolePolicy" => attach(here, params),
        "DetachRolePolicy" => detach(here, params),
        "ListAttachedRolePolicies" => named(here, params).map(|role| {
            let attached: Vec<Json> =
                role.attached.iter().map(|arn| json!({ "PolicyName": name_of(arn), "PolicyArn": arn })).collect();
            paged(params, "AttachedPolicies", &attached)
        }),
        _ => return None,
    })
}

fn put(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need_name(params, "PolicyName", 128)?;
    let policy = need(params, "PolicyDocument")?;
    document::identity(policy)?;
    let role = own(here, params)?;
    let others = role.inline.iter().filter(|(known, _)| *known != name).map(|(_, text)| document::size(text));
    if others.sum::<usize>() + document::size(policy) > INLINE_TOTAL {
        return Err(limit(&format!("Maximum policy size of {INLINE_TOTAL} bytes exceeded for role {}", role.name)));
    }
    role.inline.insert(name.to_owned(), policy.to_owned());
    Ok(json!({}))
}

fn get(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "PolicyName")?;
    let role = named(here, params)?;
    let policy =
        role.inline.get(name).ok_or_else(|| absent(&format!("The role policy with name {name} cannot be found.")))?;
    Ok(json!({ "RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded(policy) }))
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "PolicyName")?;
    let removed = own(here, params)?.inline.remove(name);
    removed.map(|_| json!({})).ok_or_else(|| absent(&format!("The role policy with name {name} cannot be found.")))
}

fn attach(here: &mut Here<'_>, params: &Json) -> Answer {
    let arn = need(params, "PolicyArn")?.to_owned();
    if policies::document(here.iam, &arn).is_none() {
        return Err(absent(&format!("Policy {arn} does not exist or is not attachable.")));
    }
    let role = own(here, params)?;
    if !role.attached.contains(&arn) {
        if role.attached.len() >= ATTACHED {
            return Err(limit(&format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED}")));
        }
        role.attached.push(arn);
    }
    Ok(json!({}))
}

fn detach(here: &mut Here<'_>, params: &Json) -> Answer {
    let arn = text(params, "PolicyArn");
    let role = own(here, params)?;
    let before = role.attached.len();
    role.attached.retain(|attached| attached != arn);
    if role.attached.len() == before {
        return Err(absent(&format!("Policy {arn} was not found.")));
    }
    Ok(json!({}))
}
