//! From an API call to the IAM actions it needs and what they act on (Service authorization reference). Decided from the
//! operation's name and parameters alone.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::conditions::Context;
use super::name_of;
use crate::sandbox::aws::s3;
use crate::sandbox::region::{Here, iso, list, text, texts};
use crate::sandbox::wire::Call;

/// The action of the operation itself.
pub(super) fn action(call: &Call) -> String {
    let name = match (call.service.as_str(), call.operation.as_str()) {
        ("s3", _) => return s3::action(call),
        ("sqs", "SendMessageBatch") => "SendMessage",
        ("sqs", "DeleteMessageBatch") => "DeleteMessage",
        ("sqs", "ChangeMessageVisibilityBatch") => "ChangeMessageVisibility",
        (_, name) => name,
    };
    format!("{}:{name}", call.service)
}

/// The action that tags at creation need besides.
fn tagging(call: &Call, tags: &BTreeMap<String, String>) -> Option<&'static str> {
    let creates = call.operation.starts_with("Create")
        || ["RunInstances", "PutRule", "AllocateAddress"].contains(&call.operation.as_str());
    if tags.is_empty() || !creates || call.operation == "CreateTags" {
        return None;
    }
    match (call.service.as_str(), call.operation.as_str()) {
        ("ec2", _) => Some("ec2:CreateTags"),
        ("eks", _) => Some("eks:TagResource"),
        ("iam", "CreateRole") => Some("iam:TagRole"),
        ("iam", "CreatePolicy") => Some("iam:TagPolicy"),
        ("iam", "CreateInstanceProfile") => Some("iam:TagInstanceProfile"),
        ("iam", "CreateOpenIDConnectProvider") => Some("iam:TagOpenIDConnectProvider"),
        ("sqs", _) => Some("sqs:TagQueue"),
        ("kms", "CreateKey") => Some("kms:TagResource"),
        ("logs", _) => Some("logs:TagResource"),
        ("events", _) => Some("events:TagResource"),
        _ => None,
    }
}

/// Roles that the call hands to a service: each needs `iam:PassRole`. `(role ARN, service)`.
fn passed(here: &Here<'_>, call: &Call) -> Vec<(String, &'static str)> {
    let params = &call.params;
    let mut roles = match (call.service.as_str(), call.operation.as_str()) {
        ("eks", "CreateCluster") => vec![(text(params, "roleArn").to_owned(), "eks.amazonaws.com")],
        ("eks", "CreateNodegroup") => vec![(text(params, "nodeRole").to_owned(), "eks.amazonaws.com")],
        ("eks", "CreatePodIdentityAssociation" | "UpdatePodIdentityAssociation") => {
            vec![(text(params, "roleArn").to_owned(), "pods.eks.amazonaws.com")]
        }
        ("eks", "CreateAddon" | "UpdateAddon") => {
            let mut roles = vec![(text(params, "serviceAccountRoleArn").to_owned(), "eks.amazonaws.com")];
            let more = list(params, "podIdentityAssociations");
            roles.extend(more.iter().map(|one| (text(one, "roleArn").to_owned(), "pods.eks.amazonaws.com")));
            roles
        }
        ("scheduler", "CreateSchedule") => {
            vec![(text(&params["Target"], "RoleArn").to_owned(), "scheduler.amazonaws.com")]
        }
        ("iam", "AddRoleToInstanceProfile") => {
            let role = here.iam.roles.get(text(params, "RoleName"));
            vec![(role.map(|role| role.arn.clone()).unwrap_or_default(), "ec2.amazonaws.com")]
        }
        _ => Vec::new(),
    };
    roles.retain(|(role, _)| !role.is_empty());
    roles
}

/// What EKS does in the caller's name: a grant on the key of the Secrets ("Encrypt Kubernetes secrets with KMS", EKS user
/// guide), and a trial launch from the template of a node group (EC2 Auto Scaling user guide, "Control launch template
/// usage": `ec2:RunInstances` of whoever makes a group).
fn dependent(call: &Call) -> Vec<(&'static str, Vec<String>)> {
    match (call.service.as_str(), call.operation.as_str()) {
        ("eks", "CreateCluster" | "AssociateEncryptionConfig") => {
            let keys = list(&call.params, "encryptionConfig");
            let keys = keys.iter().map(|config| text(&config["provider"], "keyArn").to_owned());
            keys.flat_map(|key| ["kms:DescribeKey", "kms:CreateGrant"].map(|action| (action, vec![key.clone()])))
                .collect()
        }
        ("eks", "CreateNodegroup" | "UpdateNodegroupVersion") if !call.params["launchTemplate"].is_null() => {
            vec![("ec2:RunInstances", Vec::new())]
        }
        _ => Vec::new(),
    }
}

/// Everything that the call needs: action, resources, and values that hold for that action alone.
pub(super) fn needed(here: &Here<'_>, call: &Call) -> Vec<(String, Vec<String>, Context)> {
    if call.service == "ssm" && call.operation == "StartSession" {
        return session(here, call);
    }
    let resources = resources(here, call);
    // One that acts on several things needs the right for each.
    let mut needed: Vec<_> = match changed_in_ec2(here, call) {
        things if things.is_empty() => vec![(action(call), resources.clone(), Context::new())],
        things => things.into_iter().map(|thing| (action(call), vec![thing], Context::new())).collect(),
    };
    if let Some(tagging) = tagging(call, &request_tags(&call.params)) {
        let creating = Context::from([("ec2:createaction".to_owned(), vec![call.operation.clone()])]);
        needed.push((tagging.to_owned(), resources, creating));
    }
    needed.extend(dependent(call).into_iter().map(|(action, on)| (action.to_owned(), on, Context::new())));
    for (role, service) in passed(here, call) {
        let to = Context::from([("iam:passedtoservice".to_owned(), vec![service.to_owned()])]);
        needed.push(("iam:PassRole".to_owned(), vec![role], to));
    }
    needed
}

/// What of EC2's a call changes, where its parameters name it: things that it makes have no name yet, and what only reads is not
/// narrowed. Source: service authorization reference, Amazon EC2.
fn changed_in_ec2(here: &Here<'_>, call: &Call) -> Vec<String> {
    const VERBS: [&str; 12] = [
        "Associate",
        "Attach",
        "Authorize",
        "Delete",
        "Detach",
        "Disassociate",
        "Modify",
        "Release",
        "Replace",
        "Revoke",
        "Terminate",
        "Update",
    ];
    const ALSO: [&str; 3] = ["CreateLaunchTemplateVersion", "CreateRoute", "CreateTags"];
    let operation = call.operation.as_str();
    if call.service != "ec2" || !(VERBS.iter().any(|verb| operation.starts_with(verb)) || ALSO.contains(&operation)) {
        return Vec::new();
    }
    let params = call.params.as_object().into_iter().flatten();
    // A route's target is looked at by nobody.
    let named =
        params.filter(|(key, _)| operation != "CreateRoute" && operation != "ReplaceRoute" || *key == "RouteTableId");
    let ids = named.flat_map(|(_, value)| match value {
        Json::String(id) => vec![id.clone()],
        Json::Array(ids) => ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    });
    ids.filter_map(|id| Some(here.arn("ec2", &format!("{}/{id}", ec2_type(&id)?)))).collect()
}

/// The type in the ARN of a thing with this id.
fn ec2_type(id: &str) -> Option<&'static str> {
    let (prefix, _) = id.rsplit_once('-')?;
    Some(match prefix {
        "vpc" => "vpc",
        "subnet" => "subnet",
        "sg" => "security-group",
        "igw" => "internet-gateway",
        "nat" => "natgateway",
        "eipalloc" => "elastic-ip",
        "rtb" => "route-table",
        "eni" => "network-interface",
        "vol" => "volume",
        "lt" => "launch-template",
        "i" => "instance",
        "vpce" => "vpc-endpoint",
        _ => return None,
    })
}

/// A session needs its instance, and its document too where one is named. Without a name, the document of shells is looked
/// at only by policies that ask for it with `ssm:SessionDocumentAccessCheck`, and such a policy is taken not to list it
/// (user guide, "Enforce a session document permission check for the AWS CLI").
fn session(here: &Here<'_>, call: &Call) -> Vec<(String, Vec<String>, Context)> {
    let (target, document) = (text(&call.params, "Target"), text(&call.params, "DocumentName"));
    let checked =
        Context::from([("ssm:sessiondocumentaccesscheck".to_owned(), vec![(!document.is_empty()).to_string()])]);
    let mut needed = vec![(action(call), vec![here.arn("ec2", &format!("instance/{target}"))], checked.clone())];
    if !document.is_empty() {
        let account = if document.starts_with("AWS-") { "" } else { here.account };
        let arn = format!("arn:{}:ssm:{}:{account}:document/{document}", here.partition(), call.region);
        needed.push((action(call), vec![arn], checked));
    }
    needed
}

/// Tags in a request, in any of the services' spellings.
fn request_tags(params: &Json) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut pairs = |items: Vec<Json>| {
        for item in items {
            for (key, value) in [("Key", "Value"), ("TagKey", "TagValue")] {
                if let Some(key) = item[key].as_str() {
                    tags.insert(key.to_owned(), item[value].as_str().unwrap_or_default().to_owned());
                }
            }
        }
    };
    for name in ["Tags", "Tag"] {
        if params[name].is_array() {
            pairs(list(params, name));
        }
    }
    for specification in list(params, "TagSpecification") {
        pairs(list(&specification, "Tag"));
    }
    for name in ["tags", "Tags"] {
        for (key, value) in params[name].as_object().into_iter().flatten() {
            tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
        }
    }
    tags
}

/// What is known of every request.
pub(super) fn context(here: &Here<'_>, call: &Call, principal: &str) -> Context {
    let mut context = Context::from([
        ("aws:requestedregion".to_owned(), vec![call.region.clone()]),
        ("aws:principalarn".to_owned(), vec![principal.to_owned()]),
        ("aws:principalaccount".to_owned(), vec![here.account.to_owned()]),
        ("aws:currenttime".to_owned(), vec![iso(here.now)]),
        ("aws:securetransport".to_owned(), vec!["true".to_owned()]),
    ]);
    let tags = request_tags(&call.params);
    let mut keys: Vec<String> = tags.keys().cloned().collect();
    keys.extend(["TagKeys", "tagKeys"].iter().flat_map(|name| texts(&call.params, name)));
    if !keys.is_empty() {
        context.insert("aws:tagkeys".to_owned(), keys);
    }
    for (key, value) in tags {
        context.insert(format!("aws:requesttag/{}", key.to_lowercase()), vec![value]);
    }
    for (param, key) in [
        ("PolicyArn", "iam:policyarn"),
        ("PermissionsBoundary", "iam:permissionsboundary"),
        ("AWSServiceName", "iam:awsservicename"),
    ] {
        if let Some(value) = call.params[param].as_str() {
            context.insert(key.to_owned(), vec![value.to_owned()]);
        }
    }
    // The boundary of the role that a change is made to is the value too (IAM: "Available keys").
    if let Some(boundary) = here.iam.roles.get(text(&call.params, "RoleName")).and_then(|role| role.boundary.clone()) {
        context.entry("iam:permissionsboundary".to_owned()).or_insert_with(|| vec![boundary]);
    }
    context
}

/// Tags of what is acted on, where the sandbox has them at hand.
pub(super) fn resource_tags(here: &Here<'_>, arns: &[String]) -> Option<BTreeMap<String, String>> {
    let [arn] = arns else { return None };
    if let Some((_, id)) = arn.split_once(":instance/") {
        return Some(here.region.ec2.tags.get(id).cloned().unwrap_or_default());
    }
    // What has no tags may as well be gone: then the call itself has the better answer.
    if arn.contains(":ec2:") {
        return here.region.ec2.tags.get(name_of(arn)).cloned();
    }
    let iam = &here.iam;
    if let Some(role) = iam.role(arn) {
        return Some(role.tags.clone());
    }
    if let Some(policy) = iam.policies.get(arn) {
        return Some(policy.tags.clone());
    }
    if let Some(provider) = iam.providers.get(arn) {
        return Some(provider.tags.clone());
    }
    iam.profiles.get(name_of(arn)).filter(|profile| profile.arn == *arn).map(|profile| profile.tags.clone())
}

/// ARNs of what a call acts on; empty where it is not one thing, or where the request alone does not tell (most of EC2).
fn resources(here: &Here<'_>, call: &Call) -> Vec<String> {
    let params = &call.params;
    let of = |key: &str| Some(text(params, key)).filter(|value| !value.is_empty());
    let one = match call.service.as_str() {
        "iam" => iam_resource(here, call),
        "eks" => eks_resource(here, call),
        "sqs" => of("QueueUrl").or_else(|| of("QueueName")).map(|queue| here.arn("sqs", name_of(queue))),
        "events" => {
            let rule = if call.operation.contains("Rule") { of("Name").or_else(|| of("Rule")) } else { of("Rule") };
            rule.map(|rule| here.arn("events", &format!("rule/{rule}")))
        }
        "logs" => of("logGroupName").map(|group| here.arn("logs", &format!("log-group:{group}"))),
        "ssm" => of("Name").filter(|_| call.operation == "GetParameter").map(|name| {
            let account = if name.starts_with("/aws/service/") { "" } else { here.account };
            format!("arn:{}:ssm:{}:{account}:parameter/{}", here.partition(), call.region, name.trim_start_matches('/'))
        }),
        "kms" => of("KeyId")
            .filter(|key| !key.starts_with("alias/"))
            .map(|key| if key.starts_with("arn:") { key.to_owned() } else { here.arn("kms", &format!("key/{key}")) }),
        "s3" => of("Bucket").map(|bucket| {
            let key = of("Key").map(|key| format!("/{key}")).unwrap_or_default();
            format!("arn:{}:s3:::{bucket}{key}", here.partition())
        }),
        "scheduler" => of("Name").map(|name| here.arn("scheduler", &format!("schedule/default/{name}"))),
        "sts" => of("RoleArn").map(str::to_owned),
        _ => None,
    };
    one.into_iter().collect()
}

fn iam_resource(here: &Here<'_>, call: &Call) -> Option<String> {
    let params = &call.params;
    let of = |key: &str| Some(text(params, key)).filter(|value| !value.is_empty());
    let path = of("Path").unwrap_or("/");
    let operation = call.operation.as_str();
    if operation.contains("InstanceProfile")
        && let Some(name) = of("InstanceProfileName")
    {
        let known = here.iam.profiles.get(name).map(|profile| profile.arn.clone());
        return Some(known.unwrap_or_else(|| super::arn(here, &format!("instance-profile{path}{name}"))));
    }
    if let Some(name) = of("RoleName") {
        let known = here.iam.roles.get(name).map(|role| role.arn.clone());
        return Some(known.unwrap_or_else(|| super::arn(here, &format!("role{path}{name}"))));
    }
    if let Some(service) = of("AWSServiceName") {
        return Some(super::arn(here, &format!("role/aws-service-role/{service}/*")));
    }
    if let Some(url) = of("Url") {
        return Some(super::arn(here, &format!("oidc-provider/{}", url.trim_start_matches("https://"))));
    }
    if operation == "CreatePolicy" {
        return of("PolicyName").map(|name| super::arn(here, &format!("policy{path}{name}")));
    }
    of("PolicyArn").or_else(|| of("OpenIDConnectProviderArn")).map(str::to_owned)
}

fn eks_resource(here: &Here<'_>, call: &Call) -> Option<String> {
    let params = &call.params;
    let of = |key: &str| Some(text(params, key)).filter(|value| !value.is_empty());
    if let Some(arn) = of("resourceArn") {
        return Some(arn.to_owned());
    }
    let cluster = of("clusterName").or_else(|| of("name"))?;
    let create = call.operation.starts_with("Create");
    // Creating something in a cluster is authorised on the cluster; the rest on the thing itself, whose ARN ends in an
    // id that the request does not have.
    let inner = [("nodegroupName", "nodegroup"), ("addonName", "addon"), ("associationId", "podidentityassociation")]
        .into_iter()
        .find_map(|(key, kind)| Some((kind, of(key)?)))
        .filter(|_| !create);
    Some(match inner {
        Some(("podidentityassociation", id)) => here.arn("eks", &format!("podidentityassociation/{cluster}/{id}")),
        Some((kind, name)) => here.region.eks.arn(cluster, kind, name).unwrap_or_else(|| {
            here.arn("eks", &format!("{kind}/{cluster}/{name}/00000000-0000-0000-0000-000000000000"))
        }),
        None => match of("principalArn").filter(|_| !create) {
            Some(principal) => here.region.eks.arn(cluster, "access-entry", principal).unwrap_or_else(|| {
                here.arn("eks", &format!("access-entry/{cluster}/role/{}/{}/x", here.account, name_of(principal)))
            }),
            None => here.arn("eks", &format!("cluster/{cluster}")),
        },
    })
}
