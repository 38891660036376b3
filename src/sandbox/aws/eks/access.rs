//! Access entries: which IAM principal is who in a cluster (user guide, "Grant IAM users access to Kubernetes with EKS
//! access entries").

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Cluster;
use super::cluster::inner_arn;
use super::common::{Made, cluster, in_use, invalid, missing, need, paged, refused, tags};
use crate::sandbox::region::{Here, epoch, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// Types of nodes: EKS gives these their user and groups, and they take no policies.
const NODES: &[&str] = &["EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX"];

/// One access entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// As `DescribeAccessEntry` shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
    /// Associated policies by ARN, as `ListAssociatedAccessPolicies` shows them.
    pub policies: BTreeMap<String, Json>,
    /// Whether EKS made it for a managed node group.
    pub by_eks: bool,
}

/// The cluster, if its mode has entries.
pub(super) fn with_entries<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Cluster, Fault> {
    let cluster = cluster(here, params)?;
    if cluster.body["accessConfig"]["authenticationMode"] == "CONFIG_MAP" {
        return Err(refused(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
        ));
    }
    Ok(cluster)
}

/// The entry that a request names.
pub(super) fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Entry, Fault> {
    let principal = need(params, "principalArn")?;
    let words = format!("The specified principalArn could not be found: {principal}");
    with_entries(here, params)?.entries.get_mut(principal).ok_or_else(|| missing(words))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateAccessEntry" => create(here, params),
        "DescribeAccessEntry" => named(here, params).map(|entry| json!({ "accessEntry": entry.body })),
        "ListAccessEntries" => list(here, params),
        "UpdateAccessEntry" => update(here, params),
        "DeleteAccessEntry" => named(here, params).map(|_| ()).and_then(|()| {
            with_entries(here, params)?.entries.remove(text(params, "principalArn"));
            Ok(json!({}))
        }),
        _ => return None,
    })
}

fn user(here: &Here<'_>, principal: &str, kind: &str) -> String {
    if NODES.contains(&kind) {
        return "system:node:{{EC2PrivateDNSName}}".to_owned();
    }
    match principal.split_once(":role/") {
        Some((_, role)) => {
            let name = role.rsplit('/').next().unwrap_or_default();
            format!("arn:{}:sts::{}:assumed-role/{name}/{{{{SessionName}}}}", here.partition(), here.account)
        }
        None => principal.to_owned(),
    }
}

fn groups(params: &Json, kind: &str) -> Result<Vec<String>, Fault> {
    let groups = texts(params, "kubernetesGroups");
    if NODES.contains(&kind) {
        if !groups.is_empty() {
            return Err(invalid(format!("Kubernetes groups cannot be given for entries of type {kind}")));
        }
        return Ok(vec!["system:nodes".to_owned()]);
    }
    if let Some(group) = groups.iter().find(|group| group.starts_with("system:") || group.starts_with("eks:")) {
        return Err(invalid(format!("The kubernetes group name {group} is invalid, it cannot start with system:")));
    }
    Ok(groups)
}

fn put(here: &mut Here<'_>, cluster_name: &str, principal: &str, kind: &str, entry: Entry) -> Json {
    let account = here.account;
    let leaf = principal.rsplit('/').next().unwrap_or_default();
    let family = if principal.contains(":user/") { "user" } else { "role" };
    let arn = inner_arn(here, "access-entry", cluster_name, &format!("{family}/{account}/{leaf}"));
    let default = user(here, principal, kind);
    let mut body = entry.body.clone();
    body["clusterName"] = json!(cluster_name);
    body["principalArn"] = json!(principal);
    body["accessEntryArn"] = json!(arn);
    body["createdAt"] = epoch(here.now);
    body["modifiedAt"] = epoch(here.now);
    body["type"] = json!(kind);
    if text(&body, "username").is_empty() {
        body["username"] = json!(default);
    }
    if let Some(cluster) = here.region.eks.clusters.get_mut(cluster_name) {
        cluster.entries.insert(principal.to_owned(), Entry { body: body.clone(), ..entry });
    }
    body
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let principal = need(params, "principalArn")?.to_owned();
    let cluster = with_entries(here, params)?;
    let cluster_name = text(&cluster.body, "name").to_owned();
    if let Some(known) = cluster.entries.get(&principal) {
        if known.made.repeated(params)? {
            return Ok(json!({ "accessEntry": known.body }));
        }
        return Err(in_use("The specified access entry resource is already in use on this cluster."));
    }
    if ["CREATING", "DELETING"].contains(&cluster.status()) {
        return Err(refused(format!("Cluster '{cluster_name}' is not in ACTIVE status")));
    }
    let kind = match text(params, "type") {
        "" => "STANDARD",
        kind => kind,
    };
    if kind != "STANDARD" && !NODES.contains(&kind) && kind != "EC2" {
        return Err(invalid(format!("{kind} is not a type of access entry")));
    }
    // The principal has to be known to IAM, and by now to EKS.
    let known = match here.iam.role(&principal) {
        Some(role) => role.usable <= here.now && !role.path.starts_with("/aws-service-role/"),
        None => here.iam.principal_exists(&principal) && !principal.ends_with(":root"),
    };
    if !known {
        return Err(invalid("The specified principalArn is invalid: invalid principal."));
    }
    let username = text(params, "username");
    if !username.is_empty() && NODES.contains(&kind) {
        return Err(invalid(format!("A user name cannot be given for entries of type {kind}")));
    }
    if ["system:", "eks:", "aws:", "amazon:", "iam:"].iter().any(|prefix| username.starts_with(prefix)) {
        return Err(invalid(format!("The username {username} is invalid")));
    }
    let body = json!({ "kubernetesGroups": groups(params, kind)?, "tags": tags(params)?, "username": username });
    let entry = Entry { body, made: Made::by(params), ..Entry::default() };
    let body = put(here, &cluster_name, &principal, kind, entry);
    here.span(
        format!("access-entry:{cluster_name}/{principal}"),
        [format!("cluster:{cluster_name}"), principal],
        here.now,
    );
    Ok(json!({ "accessEntry": body }))
}

/// The entry of whoever makes a cluster with the API's authentication.
pub(super) fn bootstrap(here: &mut Here<'_>, cluster: &str) {
    let caller = here.caller.to_owned();
    let session = here.iam.sessions.values().find(|session| session.arn == caller && !session.role.is_empty());
    let principal = session.map_or(caller, |session| session.role.clone());
    let policy = format!("arn:{}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", here.partition());
    let associated = json!({
        "policyArn": policy,
        "accessScope": { "type": "cluster", "namespaces": [] },
        "associatedAt": epoch(here.now),
        "modifiedAt": epoch(here.now),
    });
    let body = json!({ "kubernetesGroups": [], "tags": {}, "username": "" });
    let entry = Entry { body, policies: BTreeMap::from([(policy, associated)]), ..Entry::default() };
    put(here, cluster, &principal, "STANDARD", entry);
}

/// The entries of a cluster's managed node groups, which EKS makes where they are missing.
pub(super) fn for_nodes(here: &mut Here<'_>, cluster: &str) {
    let Some(of) = here.region.eks.clusters.get(cluster) else { return };
    if of.body["accessConfig"]["authenticationMode"] == "CONFIG_MAP" {
        return;
    }
    let roles: Vec<String> = of.groups.values().map(|group| text(&group.body, "nodeRole").to_owned()).collect();
    for role in roles {
        let known = here.region.eks.clusters.get(cluster).is_some_and(|of| of.entries.contains_key(&role));
        if !known {
            let body = json!({ "kubernetesGroups": ["system:nodes"], "tags": {}, "username": "" });
            put(here, cluster, &role, "EC2_LINUX", Entry { body, by_eks: true, ..Entry::default() });
        }
    }
}

/// A node group has gone: EKS takes the entry away that it made, if no other group needs it.
pub(super) fn nodes_gone(here: &mut Here<'_>, cluster: &str, role: &str) {
    let Some(of) = here.region.eks.clusters.get_mut(cluster) else { return };
    let used = of.groups.values().any(|group| group.body["nodeRole"] == role);
    if !used && of.entries.get(role).is_some_and(|entry| entry.by_eks) {
        of.entries.remove(role);
    }
}

fn list(here: &mut Here<'_>, params: &Json) -> Answer {
    let policy = text(params, "associatedPolicyArn");
    let cluster = with_entries(here, params)?;
    let found = cluster.entries.iter().filter(|(_, entry)| policy.is_empty() || entry.policies.contains_key(policy));
    let arns: Vec<Json> = found.map(|(principal, _)| json!(principal)).collect();
    paged(params, "accessEntries", &arns)
}

fn update(here: &mut Here<'_>, params: &Json) -> Answer {
    let now = here.now;
    let entry = named(here, params)?;
    let kind = text(&entry.body, "type").to_owned();
    if NODES.contains(&kind.as_str()) {
        return Err(refused(format!("Entries of type {kind} cannot be changed")));
    }
    if !params["kubernetesGroups"].is_null() {
        entry.body["kubernetesGroups"] = json!(groups(params, &kind)?);
    }
    if let Some(name) = params["username"].as_str() {
        entry.body["username"] = json!(name);
    }
    entry.body["modifiedAt"] = epoch(now);
    Ok(json!({ "accessEntry": entry.body }))
}
