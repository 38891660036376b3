//! Policies associated with access entries.

use serde_json::{Value as Json, json};

use super::access::named;
use super::common::{invalid, missing, need, paged, refused};
use crate::sandbox::region::{Here, epoch, text, texts};
use crate::sandbox::wire::{Answer, Call};

/// Names (user guide, "Review access policy permissions").
const POLICIES: &[&str] = &[
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSClusterInsightsPolicy",
];

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "ListAccessPolicies" => {
            let all: Vec<Json> = POLICIES.iter().map(|name| json!({ "name": name, "arn": arn(here, name) })).collect();
            paged(params, "accessPolicies", &all)
        }
        "AssociateAccessPolicy" => associate(here, params),
        "DisassociateAccessPolicy" => named(here, params).and_then(|entry| {
            let policy = text(params, "policyArn");
            let removed = entry.policies.remove(policy);
            removed
                .map(|_| json!({}))
                .ok_or_else(|| missing(format!("The specified policyArn is not associated: {policy}")))
        }),
        "ListAssociatedAccessPolicies" => named(here, params).and_then(|entry| {
            let all: Vec<Json> = entry.policies.values().cloned().collect();
            let mut answer = paged(params, "associatedAccessPolicies", &all)?;
            answer["clusterName"] = entry.body["clusterName"].clone();
            answer["principalArn"] = entry.body["principalArn"].clone();
            Ok(answer)
        }),
        _ => return None,
    })
}

fn arn(here: &Here<'_>, name: &str) -> String {
    format!("arn:{}:eks::aws:cluster-access-policy/{name}", here.partition())
}

fn associate(here: &mut Here<'_>, params: &Json) -> Answer {
    let policy = need(params, "policyArn")?;
    if !POLICIES.iter().any(|name| arn(here, name) == policy) {
        return Err(invalid(format!("The policyArn parameter format is not valid: {policy}")));
    }
    let scope = &params["accessScope"];
    let namespaces = texts(scope, "namespaces");
    match (text(scope, "type"), namespaces.is_empty()) {
        ("cluster", true) | ("namespace", false) => {}
        ("cluster", false) => return Err(invalid("Namespaces cannot be given with the access scope cluster")),
        _ => return Err(invalid("accessScope needs the type cluster, or namespace with namespaces")),
    }
    let now = here.now;
    let entry = named(here, params)?;
    if entry.body["type"] != "STANDARD" {
        return Err(refused("Access policies can only be associated with entries of type STANDARD"));
    }
    let since = entry.policies.get(policy).map_or_else(|| epoch(now), |known| known["associatedAt"].clone());
    let associated = json!({
        "policyArn": policy,
        "accessScope": { "type": scope["type"], "namespaces": namespaces },
        "associatedAt": since,
        "modifiedAt": epoch(now),
    });
    entry.policies.insert(policy.to_owned(), associated.clone());
    Ok(json!({
        "clusterName": entry.body["clusterName"],
        "principalArn": entry.body["principalArn"],
        "associatedAccessPolicy": associated,
    }))
}
