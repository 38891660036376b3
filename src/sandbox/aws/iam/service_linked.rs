//! Service-linked roles (IAM user guide: "Using service-linked roles", and each service's own page for the names).

use serde_json::{Value as Json, json};

use super::{Role, absent, arn, need, unique};
use crate::sandbox::region::{Here, text};
use crate::sandbox::wire::{Answer, Call, Fault};

/// Service, role, AWS managed policy.
const SERVICES: &[(&str, &str, &str)] = &[
    ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS", "AmazonEKSServiceRolePolicy"),
    ("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup"),
    ("spot.amazonaws.com", "AWSServiceRoleForEC2Spot", "AWSEC2SpotServiceRolePolicy"),
    ("autoscaling.amazonaws.com", "AWSServiceRoleForAutoScaling", "AutoScalingServiceRolePolicy"),
];

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    Some(match call.operation.as_str() {
        "CreateServiceLinkedRole" => create(here, &call.params),
        "DeleteServiceLinkedRole" => delete(here, &call.params),
        "GetServiceLinkedRoleDeletionStatus" => {
            need(&call.params, "DeletionTaskId").map(|_| json!({ "Status": "SUCCEEDED" }))
        }
        _ => return None,
    })
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let service = need(params, "AWSServiceName")?;
    let row = SERVICES.iter().find(|row| row.0 == service);
    let row = row.ok_or_else(|| {
        Fault::new("InvalidInput", format!("{service} is not a service that has service-linked roles here"))
    })?;
    if !text(params, "CustomSuffix").is_empty() {
        return Err(Fault::new("InvalidInput", "Custom suffix is not allowed for this service"));
    }
    if here.iam.roles.contains_key(row.1) {
        // IAM answers InvalidInput here, not EntityAlreadyExists.
        let words =
            format!("Service role name {} has been taken in this account, please try a different suffix.", row.1);
        return Err(Fault::new("InvalidInput", words));
    }
    ensure(here, service);
    let role = here.iam.roles.get_mut(row.1);
    let role = role.ok_or_else(|| absent("The role has gone."))?;
    text(params, "Description").clone_into(&mut role.description);
    let (shown, arn, usable) = (role.shown(), role.arn.clone(), role.usable);
    here.span(arn, [], usable);
    Ok(json!({ "Role": shown }))
}

/// Makes a service's role if it is not there: what services do at the first call that needs it.
pub(crate) fn ensure(here: &mut Here<'_>, service: &str) {
    let Some((_, name, policy)) = SERVICES.iter().find(|row| row.0 == service) else { return };
    if here.iam.roles.contains_key(*name) {
        return;
    }
    let path = format!("/aws-service-role/{service}/");
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
    });
    let role = Role {
        name: (*name).to_owned(),
        arn: arn(here, &format!("role{path}{name}")),
        id: unique(here, "AROA"),
        path,
        created: here.now,
        listed: here.now,
        usable: here.due(5.0, 8.0),
        trust: trust.to_string(),
        max_session_s: 3600,
        attached: vec![format!("arn:{}:iam::aws:policy/aws-service-role/{policy}", here.partition())],
        ..Role::default()
    };
    here.iam.roles.insert((*name).to_owned(), role);
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "RoleName")?;
    let linked = here.iam.roles.get(name).filter(|role| role.path.starts_with("/aws-service-role/"));
    let role = linked.ok_or_else(|| absent(&format!("The role with name {name} cannot be found.")))?;
    let task = format!("task{}{name}/{:016x}", role.path, role.created);
    here.iam.roles.remove(name);
    Ok(json!({ "DeletionTaskId": task }))
}
