//! EKS access entries: who may speak to the API server, and as what.

use std::collections::BTreeMap;

use aws_sdk_eks::types as sdk;
use futures_util::future::{join, join_all};

use super::eks;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, TAG_RESOURCE, Value,
};

/// One principal's access to the cluster.
#[derive(Clone, Debug)]
pub struct AccessEntry {
    /// Third part of the address.
    pub key: String,
    /// The cluster's name, as a reference.
    pub cluster: Value,
    /// The cluster's name, as text.
    pub cluster_name: String,
    /// ARN of a role or user that exists; pending under the name of a fact until that is known.
    pub principal: Value,
    /// What the principal is.
    pub kind: EntryType,
    /// Kubernetes groups.
    pub groups: Vec<String>,
    /// Namespaces by access policy ARN; an empty list is the whole cluster.
    pub policies: BTreeMap<String, Vec<String>>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

/// Third part of the address of the entry for whoever applies, where the file gives nobody the cluster.
pub const OPERATOR: &str = "operator";

/// The fact that holds the ARN of whoever applies first: from STS when the entry is made, from the entry afterwards.
pub const CALLER: &str = "caller/principal";

/// What a principal is to EKS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryType {
    /// A person or a program.
    Standard,
    /// The role of Linux nodes: EKS gives it `system:nodes`, and takes no groups or policies for it.
    Ec2Linux,
}

impl EntryType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Ec2Linux => "EC2_LINUX",
        }
    }
}

impl Resource for AccessEntry {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "access-entry",
        noun: "EKS access entry",
        actions: &[
            "eks:CreateAccessEntry",
            "eks:DescribeAccessEntry",
            "eks:ListAccessEntries",
            "eks:UpdateAccessEntry",
            "eks:DeleteAccessEntry",
            "eks:AssociateAccessPolicy",
            "eks:DisassociateAccessPolicy",
            "eks:ListAssociatedAccessPolicies",
            "eks:DescribeCluster",
            "eks:ListClusters",
            "eks:TagResource",
            "eks:UntagResource",
        ],
        fields: &[
            Field::replaces("cluster", Order::DeleteFirst, "The cluster it is in"),
            Field::replaces("clusterName", Order::DeleteFirst, "The cluster's name, by which a read finds the entry"),
            Field::replaces("principal", Order::DeleteFirst, "ARN of the role or user"),
            Field::replaces("type", Order::DeleteFirst, "`STANDARD`, or `EC2_LINUX` for nodes"),
            Field::in_place("groups", "Kubernetes groups, for RBAC of your own"),
            Field::in_place("policies", "EKS access policies and where they hold"),
            Field::in_place("tags", "Free tags"),
        ],
        rank: 91,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Lets an IAM principal speak to the cluster's API server. The node group's own role has an entry too, which EKS \
               makes along with the node group and which is not planned here: a second create of it would be refused. \
               Source: Amazon EKS API Reference, CreateAccessEntry; EKS User Guide, \"Grant IAM users access to \
               Kubernetes with EKS access entries\".",
    };

    fn address(&self) -> Address {
        Address::keyed("cluster", "access-entry", &self.key)
    }

    fn want(&self, facts: &Facts) -> Fields {
        let principal = match &self.principal {
            Value::Pending(fact) => facts.first(&[fact]),
            principal => principal.clone(),
        };
        let policies = self.policies.iter().map(|(arn, namespaces)| (arn.clone(), scope_value(namespaces)));
        Fields::from([
            ("cluster".to_owned(), self.cluster.clone()),
            ("clusterName".to_owned(), Value::text(&self.cluster_name)),
            ("principal".to_owned(), principal),
            ("type".to_owned(), Value::text(self.kind.as_str())),
            ("groups".to_owned(), Value::texts(&self.groups)),
            ("policies".to_owned(), Value::map(policies)),
            ("tags".to_owned(), Value::tags(self.tags.clone())),
        ])
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let list = async |cluster| {
            let pages = cloud.eks.list_access_entries().cluster_name(cluster).into_paginator().items().send();
            let found = pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("eks:ListAccessEntries"))?;
            // What EKS makes for the system nodes' role is not ours to judge, and not asked for.
            let system = format!(":role/rem-ci/{0}/rem-ci-{0}-system-node-", scope.environment);
            Ok(found.into_iter().filter(|principal| !principal.contains(&system)).collect())
        };
        let read = async |id: String| {
            let found = find(cloud, &id).await?;
            Ok(found.filter(|live| !made_by_eks(live, &scope.environment)))
        };
        eks::sweep(cloud, scope, &["principal"], list, read).await
    }

    async fn read(cloud: &Cloud, _: &Scope, id: &str) -> Read<Option<Live>> {
        find(cloud, id).await
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let (cluster, principal) = (eks::text(want, "cluster"), eks::text(want, "principal"));
        let kind = eks::text(want, "type");
        let groups = eks::texts(want, "groups");
        let call = cloud
            .eks
            .create_access_entry()
            .cluster_name(cluster)
            .principal_arn(principal)
            .r#type(kind)
            .set_kubernetes_groups(Some(groups).filter(|groups| !groups.is_empty()))
            .client_request_token(&cx.token)
            .set_tags(Some(eks::all_tags(cx, want)));
        let id = eks::inside(cluster, principal);
        match call.send().await.map_err(failed("eks:CreateAccessEntry")) {
            Ok(_) => {}
            Err(failure) if is_taken(&failure) => match find(cloud, &id).await? {
                Some(live) if eks::owned_by(cx, &live) => {}
                // An entry that EKS made by itself for a node role of ours: nobody else's, so it is taken over.
                Some(live) if made_by_eks(&live, &cx.environment) && live.text("type") == kind => {
                    eks::retag(cloud, cx, &live, want).await?;
                }
                _ => return Err(Failure { class: Class::Exists, ..failure }),
            },
            Err(failure) => return Err(failure),
        }
        associate(cloud, &id, &BTreeMap::new(), &policies(want)).await?;
        Ok(id)
    }

    async fn update(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        eks::retag(cloud, cx, live, want).await?;
        let (cluster, principal) = eks::split(&live.id);
        if eks::changed(changes, &["groups"]) {
            let call = cloud
                .eks
                .update_access_entry()
                .cluster_name(cluster)
                .principal_arn(principal)
                .set_kubernetes_groups(Some(eks::texts(want, "groups")));
            call.send().await.map_err(failed("eks:UpdateAccessEntry"))?;
        }
        if eks::changed(changes, &["policies"]) {
            associate(cloud, &live.id, &policies(&live.fields), &policies(want)).await?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, principal) = eks::split(&live.id);
        let call = cloud.eks.delete_access_entry().cluster_name(cluster).principal_arn(principal);
        gone_is_none(call.send().await.map_err(failed("eks:DeleteAccessEntry"))).map(drop)
    }
}

/// The principal of an entry, if it makes an administrator of the whole cluster.
#[must_use]
pub fn administrator(want: &Fields) -> Option<&str> {
    let Some(Value::Map(policies)) = want.get("policies") else { return None };
    let all = |scope: &Value| scope.get("type").and_then(Value::as_text) == Some("cluster");
    let admin = policies.iter().any(|(arn, scope)| arn.ends_with("/AmazonEKSClusterAdminPolicy") && all(scope));
    want.get("principal").and_then(Value::as_text).filter(|_| admin)
}

/// Whether a create found an entry there already. EKS says "already in use" of it, which is not the passing kind of in use:
/// there is no other reason for that code here.
fn is_taken(failure: &Failure) -> bool {
    failure.class == Class::Exists || failure.code == "ResourceInUseException"
}

/// Whether EKS made this entry by itself, for a node role that is ours: it has no tags, is not of a person, and its
/// principal lives under the environment's IAM path. EKS does so for each managed node group's role, and only when
/// there is none yet.
fn made_by_eks(live: &Live, environment: &str) -> bool {
    live.tags.is_empty()
        && live.text("type") != "STANDARD"
        && live.text("principal").contains(&format!(":role/rem-ci/{environment}/"))
}

async fn find(cloud: &Cloud, id: &str) -> Read<Option<Live>> {
    let (cluster, principal) = eks::split(id);
    let described = async {
        let call = cloud.eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
        let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribeAccessEntry")))?;
        Ok::<_, Failure>(answer.and_then(|answer| answer.access_entry))
    };
    // Only entries of type STANDARD can have access policies ("Create access entries", EKS user guide). Those of nodes are
    // told by their role, which is ours; of all others both are asked for at once.
    let standard = |entry: &sdk::AccessEntry| entry.r#type().is_none_or(|kind| kind == "STANDARD");
    let (entry, policies) = if principal.contains(":role/rem-ci/") {
        let Some(entry) = described.await? else { return Ok(None) };
        let policies = if standard(&entry) { associated(cloud, cluster, principal).await? } else { Vec::new() };
        (entry, policies)
    } else {
        let (entry, policies) = join(described, associated(cloud, cluster, principal)).await;
        let Some(entry) = entry? else { return Ok(None) };
        let policies = if standard(&entry) { policies? } else { Vec::new() };
        (entry, policies)
    };
    Ok(Some(live(&entry, &policies)))
}

async fn associated(cloud: &Cloud, cluster: &str, principal: &str) -> Read<Vec<sdk::AssociatedAccessPolicy>> {
    let call = cloud.eks.list_associated_access_policies().cluster_name(cluster).principal_arn(principal);
    let mut pages = call.into_paginator().send();
    let mut policies = Vec::new();
    while let Some(page) = pages.next().await {
        match page.map_err(failed("eks:ListAssociatedAccessPolicies")) {
            Ok(page) => policies.extend(page.associated_access_policies.unwrap_or_default()),
            Err(failure) if failure.class == Class::Gone => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(policies)
}

fn live(entry: &sdk::AccessEntry, associated: &[sdk::AssociatedAccessPolicy]) -> Live {
    let (cluster, principal) = (entry.cluster_name().unwrap_or_default(), entry.principal_arn().unwrap_or_default());
    let kind = entry.r#type().unwrap_or("STANDARD");
    let mut live = Live::new(eks::inside(cluster, principal));
    live.tags = eks::tags(entry.tags().cloned());
    live.names.insert("arn".to_owned(), entry.access_entry_arn().unwrap_or_default().to_owned());
    live.names.insert("principal".to_owned(), principal.to_owned());
    if live.tags.get(TAG_RESOURCE).is_some_and(|address| address.ends_with(&format!("/{OPERATOR}"))) {
        // Whoever it was made for keeps it, whoever looks now.
        live.facts.insert(CALLER.to_owned(), principal.to_owned());
    }
    // EKS answers with the groups it gives to nodes; nobody can set them.
    let groups = if kind == "STANDARD" { entry.kubernetes_groups() } else { &[] };
    let policies = associated.iter().filter_map(|policy| {
        let namespaces = policy.access_scope().map(sdk::AccessScope::namespaces).unwrap_or_default();
        Some((policy.policy_arn()?.to_owned(), scope_value(namespaces)))
    });
    live.fields = Fields::from([
        ("cluster".to_owned(), Value::text(cluster)),
        ("clusterName".to_owned(), Value::text(cluster)),
        ("principal".to_owned(), Value::text(principal)),
        ("type".to_owned(), Value::text(kind)),
        ("groups".to_owned(), Value::texts(groups)),
        ("policies".to_owned(), Value::map(policies)),
        ("tags".to_owned(), live.free_tags()),
    ]);
    live
}

fn scope_value(namespaces: &[String]) -> Value {
    if namespaces.is_empty() {
        return Value::map([("type", Value::text("cluster"))]);
    }
    Value::map([("type", Value::text("namespace")), ("namespaces", Value::texts(namespaces))])
}

/// Namespaces by policy ARN, out of a `policies` field.
fn policies(fields: &Fields) -> BTreeMap<String, Vec<String>> {
    let Some(Value::Map(policies)) = fields.get("policies") else { return BTreeMap::new() };
    let namespaces = |scope: &Value| -> Vec<String> {
        scope.get("namespaces").into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
    };
    policies.iter().map(|(arn, scope)| (arn.clone(), namespaces(scope))).collect()
}

/// Takes away what is not wanted, then gives what is: a policy that is associated already gets the scope given anew.
async fn associate(
    cloud: &Cloud,
    id: &str,
    have: &BTreeMap<String, Vec<String>>,
    want: &BTreeMap<String, Vec<String>>,
) -> Result<(), Failure> {
    let (cluster, principal) = eks::split(id);
    let removed = join_all(have.keys().filter(|arn| !want.contains_key(*arn)).map(async |arn| {
        let call = cloud.eks.disassociate_access_policy().cluster_name(cluster).principal_arn(principal);
        gone_is_none(call.policy_arn(arn).send().await.map_err(failed("eks:DisassociateAccessPolicy"))).map(drop)
    }));
    removed.await.into_iter().collect::<Result<(), _>>()?;
    let added =
        join_all(want.iter().filter(|(arn, scope)| have.get(*arn) != Some(scope)).map(async |(arn, namespaces)| {
            let scope = if namespaces.is_empty() {
                sdk::AccessScope::builder().r#type(sdk::AccessScopeType::Cluster)
            } else {
                let scope = sdk::AccessScope::builder().r#type(sdk::AccessScopeType::Namespace);
                scope.set_namespaces(Some(namespaces.clone()))
            };
            let call = cloud.eks.associate_access_policy().cluster_name(cluster).principal_arn(principal);
            let call = call.policy_arn(arn).access_scope(scope.build());
            call.send().await.map(drop).map_err(failed("eks:AssociateAccessPolicy"))
        }));
    added.await.into_iter().collect()
}

#[cfg(test)]
mod tests;
