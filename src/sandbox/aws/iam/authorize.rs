//! Whether a caller may do something, and `SimulatePrincipalPolicy`, which asks the same without doing it.

use serde_json::{Value as Json, json};

use super::evaluate::Question;
use super::{Role, absent, actions, need, policies};
use crate::sandbox::region::{Here, denied, list, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// The documents that speak for a role: attached and inline.
fn identity(here: &Here<'_>, role: &Role) -> Vec<String> {
    let attached = role.attached.iter().filter_map(|arn| policies::document(here.iam, arn));
    attached.chain(role.inline.values().cloned()).collect()
}

fn boundary(here: &Here<'_>, role: &Role) -> Option<String> {
    role.boundary.as_deref().and_then(|arn| policies::document(here.iam, arn))
}

/// An expired token, as the service spells it.
fn expired(call: &Call) -> Fault {
    let code = match call.service.as_str() {
        "ec2" => "RequestExpired",
        "eks" | "events" | "kms" | "logs" | "scheduler" | "sqs" | "ssm" => "ExpiredTokenException",
        _ => "ExpiredToken",
    };
    Fault::new(code, "The security token included in the request is expired").status(403)
}

/// Whether the caller may do this. The administrator's keys may do everything; a session of a role what its policies,
/// its permissions boundary and its session policy allow together.
///
/// # Errors
/// The denial, as the service spells it.
pub fn authorize(here: &mut Here<'_>, call: &Call) -> Result<(), Fault> {
    let Some(session) = here.iam.sessions.get(&call.access_key).cloned() else { return Ok(()) };
    if session.expires <= here.now {
        return Err(expired(call));
    }
    // "No permissions are required to perform this operation" (STS API reference); the trust policy decides the others.
    if session.role.is_empty() || (call.service == "sts" && call.operation != "AssumeRole") {
        return Ok(());
    }
    let Some(role) = here.iam.role(&session.role) else {
        return Err(
            Fault::new("InvalidClientTokenId", "The security token included in the request is invalid.").status(403)
        );
    };
    let (identity, boundary) = (identity(here, role), boundary(here, role));
    let known = actions::context(here, call, &role.arn);
    let needed = actions::needed(here, call);
    let asked = here.iam.asked.entry(session.role.clone()).or_default();
    asked.extend(needed.iter().map(|(action, ..)| action.clone()));
    for (action, resources, more) in needed {
        let mut context = known.clone();
        context.extend(more);
        let tags = actions::resource_tags(here, &resources);
        for (key, value) in tags.iter().flatten() {
            for service in ["aws", "iam", "ssm"] {
                context.insert(format!("{service}:resourcetag/{}", key.to_lowercase()), vec![value.clone()]);
            }
        }
        let question = Question { action, resources, context, tags_known: tags.is_some() };
        if let Some(why) = question.refused(&identity, boundary.as_ref(), session.policy.as_ref()) {
            let on = question.resources.first().map_or("*", String::as_str);
            let mut fault = denied(call, &why);
            fault.message = format!(
                "User: {} is not authorized to perform: {} on resource: {on} {why}",
                session.arn, question.action
            );
            return Err(fault);
        }
    }
    Ok(())
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    (call.operation == "SimulatePrincipalPolicy").then(|| simulate(here, call))
}

fn simulate(here: &Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let arn = need(params, "PolicySourceArn")?;
    if arn.ends_with(":user/sandbox") {
        return Ok(results(params, |_, _| None));
    }
    let role = here.iam.role(arn).ok_or_else(|| absent(&format!("The principal {arn} cannot be found.")))?;
    let (identity, boundary) = (identity(here, role), boundary(here, role));
    // Only what the caller says is known of the request that is simulated.
    let mut known = super::conditions::Context::new();
    for entry in list(params, "ContextEntries") {
        known.insert(text(&entry, "ContextKeyName").to_lowercase(), texts(&entry, "ContextKeyValues"));
    }
    Ok(results(params, |action, resource| {
        let question = Question {
            action: action.to_owned(),
            resources: vec![resource.to_owned()],
            context: known.clone(),
            tags_known: false,
        };
        question.refused(&identity, boundary.as_ref(), None)
    }))
}

fn results(params: &Json, refused: impl Fn(&str, &str) -> Option<String>) -> Json {
    let mut resources = texts(params, "ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let mut results = Vec::new();
    for action in texts(params, "ActionNames") {
        for resource in &resources {
            let decision = match refused(&action, resource) {
                None => "allowed",
                Some(why) if why.contains("explicit deny") => "explicitDeny",
                Some(_) => "implicitDeny",
            };
            results.push(json!({
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decision,
                "MatchedStatements": [],
                "MissingContextValues": [],
            }));
        }
    }
    json!({ "EvaluationResults": results, "IsTruncated": false })
}
