//! EKS add-ons.

use std::collections::BTreeMap;

use aws_sdk_eks::types as sdk;
use futures_util::future::try_join_all;
use serde_json::Value as Json;

use super::eks;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, Value,
};

/// One add-on of the cluster.
#[derive(Clone, Debug)]
pub struct Addon {
    /// The cluster's name, as a reference.
    pub cluster: Value,
    /// The cluster's name, as text.
    pub cluster_name: String,
    /// `vpc-cni`.
    pub name: String,
    /// `default`, `latest`, or an exact version.
    pub version: String,
    /// Configuration values, defaults of ours already merged in.
    pub configuration: Option<Json>,
    /// ARN of the role of its service account, for IRSA.
    pub service_account_role: Option<Value>,
    /// Role ARNs by service account, for Pod Identity.
    pub pod_identity: BTreeMap<String, Value>,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

/// The service account of an add-on that has AWS permissions. Source: EKS User Guide, "AWS add-ons" (each add-on's
/// "Required IAM permissions"), and `podIdentityConfiguration` of DescribeAddonConfiguration.
#[must_use]
pub fn service_account(name: &str) -> Option<&'static str> {
    Some(match name {
        "vpc-cni" => "aws-node",
        "aws-ebs-csi-driver" => "ebs-csi-controller-sa",
        "aws-efs-csi-driver" => "efs-csi-controller-sa",
        "aws-fsx-csi-driver" => "fsx-csi-controller-sa",
        "aws-mountpoint-s3-csi-driver" => "s3-csi-driver-sa",
        "amazon-cloudwatch-observability" => "cloudwatch-agent",
        "external-dns" => "external-dns",
        _ => return None,
    })
}

/// The configuration of an add-on: the toleration that lets a Deployment run on the tainted system nodes, with the
/// user's values laid over it. Only for add-ons whose configuration schema has that key.
#[must_use]
pub fn configuration(name: &str, user: Option<&Json>) -> Option<Json> {
    let tolerations = serde_json::json!([{ "key": "CriticalAddonsOnly", "operator": "Exists" }]);
    let mut values = match name {
        "coredns" | "metrics-server" => serde_json::json!({ "tolerations": tolerations }),
        "aws-ebs-csi-driver" => serde_json::json!({ "controller": { "tolerations": tolerations } }),
        _ => Json::Null,
    };
    if let Some(user) = user {
        merge(&mut values, user);
    }
    (!values.is_null() && values != serde_json::json!({})).then_some(values)
}

/// Lays `over` on `base`: maps merge, all else replaces.
fn merge(base: &mut Json, over: &Json) {
    match (base, over) {
        (Json::Object(base), Json::Object(over)) => {
            for (key, value) in over {
                merge(base.entry(key.clone()).or_insert(Json::Null), value);
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// JSON with sorted keys and no white space, so that equal configurations are equal texts.
fn normal(values: &Json) -> String {
    fn sorted(values: &Json) -> Json {
        match values {
            Json::Object(entries) => {
                let entries: BTreeMap<_, _> = entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
                Json::Object(entries.into_iter().collect())
            }
            Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(values).to_string()
}

/// The live configuration in normal form; EKS takes YAML too. Nothing where it says nothing.
fn normal_text(text: &str) -> Option<String> {
    let values = serde_json::from_str(text).or_else(|_| serde_yaml::from_str::<Json>(text)).ok();
    match values {
        Some(Json::Null) => None,
        Some(Json::Object(entries)) if entries.is_empty() => None,
        Some(values) => Some(normal(&values)),
        None => Some(text.to_owned()),
    }
}

impl Addon {
    /// The address of the add-on of this name.
    #[must_use]
    pub fn at(name: &str) -> Address {
        Address::keyed("cluster", "addon", name)
    }

    fn version(&self, facts: &Facts) -> Value {
        let fact = |what: &str| format!("addon/{}/{what}", self.name);
        match self.version.as_str() {
            choice @ ("default" | "latest") => facts.first(&[fact("version").as_str(), fact(choice).as_str()]),
            exact => Value::text(exact),
        }
    }
}

impl Resource for Addon {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "addon",
        noun: "EKS add-on",
        actions: &[
            "eks:CreateAddon",
            "eks:DescribeAddon",
            "eks:ListAddons",
            "eks:UpdateAddon",
            "eks:DeleteAddon",
            "eks:DescribeCluster",
            "eks:ListClusters",
            "eks:TagResource",
            "eks:UntagResource",
            "eks:CreatePodIdentityAssociation",
            "eks:UpdatePodIdentityAssociation",
            "eks:DeletePodIdentityAssociation",
            "eks:DescribePodIdentityAssociation",
            "iam:PassRole",
            "iam:GetRole",
        ],
        fields: &[
            Field::replaces("cluster", Order::DeleteFirst, "The cluster it is in"),
            Field::replaces("clusterName", Order::DeleteFirst, "The cluster's name, by which a read finds the add-on"),
            Field::replaces("name", Order::DeleteFirst, "The add-on's name in EKS"),
            Field::in_place("version", "Exact version; `default` and `latest` are resolved at creation and then kept"),
            Field::in_place("configuration", "Configuration values, JSON"),
            Field::in_place("serviceAccountRole", "IRSA: the role of its service account"),
            Field::in_place("podIdentity", "Pod Identity: roles by service account"),
            Field::in_place("tags", "Free tags"),
        ],
        rank: 93,
        custody: Custody::Owned,
        // vpc-cni and the agent 24 to 35 s, kube-proxy about 25 s, coredns with nodes up 14 to 34 s (public Terraform logs).
        patience: Patience::secs(30, 45, 30, 1200),
        docs: "Cluster software that EKS installs and updates. A Deployment is DEGRADED until a node runs its pods, and \
               EKS gives it 20 minutes; it is created along with the node group, which takes three. Created with resolveConflicts NONE (the cluster starts \
               without self-managed copies, so there is nothing to overwrite), updated with PRESERVE, which keeps \
               what people changed in the cluster. Deployments tolerate the system nodes' taint. Source: Amazon EKS API \
               Reference, CreateAddon, UpdateAddon; EKS User Guide, \"Amazon EKS add-ons\".",
    };

    fn address(&self) -> Address {
        Self::at(&self.name)
    }

    fn want(&self, facts: &Facts) -> Fields {
        let mut want = Fields::from([
            ("cluster".to_owned(), self.cluster.clone()),
            ("clusterName".to_owned(), Value::text(&self.cluster_name)),
            ("name".to_owned(), Value::text(&self.name)),
            ("version".to_owned(), self.version(facts)),
            ("tags".to_owned(), Value::tags(self.tags.clone())),
        ]);
        if let Some(values) = &self.configuration {
            want.insert("configuration".to_owned(), Value::Text(normal(values)));
        }
        if let Some(role) = &self.service_account_role {
            want.insert("serviceAccountRole".to_owned(), role.clone());
        }
        if !self.pod_identity.is_empty() {
            want.insert("podIdentity".to_owned(), Value::Map(self.pod_identity.clone()));
        }
        want
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let list = async |cluster| {
            let pages = cloud.eks.list_addons().cluster_name(cluster).into_paginator().items().send();
            pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("eks:ListAddons"))
        };
        eks::sweep(cloud, scope, &["name"], list, async |id| Self::read(cloud, scope, &id).await).await
    }

    async fn read(cloud: &Cloud, _: &Scope, id: &str) -> Read<Option<Live>> {
        let (cluster, name) = eks::split(id);
        let call = cloud.eks.describe_addon().cluster_name(cluster).addon_name(name);
        let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribeAddon")))?;
        let Some(addon) = answer.and_then(|answer| answer.addon) else { return Ok(None) };
        // Associations that the add-on owns are named by ARN only: …:podidentityassociation/CLUSTER/a-0123.
        let associations = addon.pod_identity_associations().iter().filter_map(|arn| arn.rsplit('/').next());
        let associations = try_join_all(associations.map(async |association| {
            let call = cloud.eks.describe_pod_identity_association().cluster_name(cluster).association_id(association);
            gone_is_none(call.send().await.map_err(failed("eks:DescribePodIdentityAssociation")))
        }))
        .await?;
        let associations = associations.into_iter().flatten().filter_map(|answer| answer.association);
        Ok(Some(live(&addon, associations)))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let (cluster, name) = (eks::text(want, "cluster"), eks::text(want, "name"));
        let call = cloud
            .eks
            .create_addon()
            .cluster_name(cluster)
            .addon_name(name)
            .addon_version(eks::text(want, "version"))
            .set_configuration_values(eks::some_text(want, "configuration"))
            .set_service_account_role_arn(eks::some_text(want, "serviceAccountRole"))
            .set_pod_identity_associations(associations(want)?)
            .resolve_conflicts(sdk::ResolveConflicts::None)
            .client_request_token(&cx.token)
            .set_tags(Some(eks::all_tags(cx, want)));
        let created = call.send().await.map_err(failed("eks:CreateAddon"));
        let id = eks::inside(cluster, name);
        eks::or_ours(cx, created, id.clone(), find(cloud, &id)).await
    }

    async fn update(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        eks::retag(cloud, cx, live, want).await?;
        if !eks::changed(changes, &["version", "configuration", "serviceAccountRole", "podIdentity"]) {
            return Ok(());
        }
        let (cluster, name) = eks::split(&live.id);
        // Everything is said again each time: what UpdateAddon is not told of a role, it takes away. An empty object
        // clears values, an empty list clears associations.
        let cleared = |field: &str, empty: &str| {
            let gone = live.fields.contains_key(field).then(|| empty.to_owned());
            eks::some_text(want, field).or(gone)
        };
        let had = live.fields.contains_key("podIdentity");
        let call = cloud
            .eks
            .update_addon()
            .cluster_name(cluster)
            .addon_name(name)
            .addon_version(eks::text(want, "version"))
            .set_configuration_values(cleared("configuration", "{}"))
            .set_service_account_role_arn(eks::some_text(want, "serviceAccountRole"))
            .set_pod_identity_associations(associations(want)?.or_else(|| had.then(Vec::new)))
            .resolve_conflicts(sdk::ResolveConflicts::Preserve);
        call.send().await.map(drop).map_err(failed("eks:UpdateAddon"))
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, name) = eks::split(&live.id);
        let call = cloud.eks.delete_addon().cluster_name(cluster).addon_name(name);
        gone_is_none(call.send().await.map_err(failed("eks:DeleteAddon"))).map(drop)
    }
}

async fn find(cloud: &Cloud, id: &str) -> Read<Option<Live>> {
    let (cluster, name) = eks::split(id);
    let call = cloud.eks.describe_addon().cluster_name(cluster).addon_name(name);
    let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribeAddon")))?;
    Ok(answer.and_then(|answer| answer.addon).map(|addon| live(&addon, std::iter::empty())))
}

fn associations(want: &Fields) -> Result<Option<Vec<sdk::AddonPodIdentityAssociations>>, Failure> {
    let wanted = eks::entries(want, "podIdentity").into_iter().map(|(account, role)| {
        let association = sdk::AddonPodIdentityAssociations::builder().service_account(account).role_arn(role);
        association.build().map_err(|error| Failure::fatal("eks:CreateAddon", error.to_string()))
    });
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    Ok((!wanted.is_empty()).then_some(wanted))
}

fn live(addon: &sdk::Addon, associations: impl Iterator<Item = sdk::PodIdentityAssociation>) -> Live {
    let (cluster, name) = (addon.cluster_name().unwrap_or_default(), addon.addon_name().unwrap_or_default());
    let version = addon.addon_version().unwrap_or_default();
    let mut live = Live::new(eks::inside(cluster, name));
    live.ready = ready(addon);
    live.tags = eks::tags(addon.tags().cloned());
    live.names.insert("arn".to_owned(), addon.addon_arn().unwrap_or_default().to_owned());
    live.names.insert("name".to_owned(), name.to_owned());
    live.names.insert("version".to_owned(), version.to_owned());
    live.facts.insert(format!("addon/{name}/version"), version.to_owned());
    live.fields = Fields::from([
        ("cluster".to_owned(), Value::text(cluster)),
        ("clusterName".to_owned(), Value::text(cluster)),
        ("name".to_owned(), Value::text(name)),
        ("version".to_owned(), Value::text(version)),
        ("tags".to_owned(), live.free_tags()),
    ]);
    if let Some(values) = addon.configuration_values().and_then(normal_text) {
        live.fields.insert("configuration".to_owned(), Value::Text(values));
    }
    if let Some(role) = addon.service_account_role_arn().filter(|role| !role.is_empty()) {
        live.fields.insert("serviceAccountRole".to_owned(), Value::text(role));
    }
    let roles = associations.filter_map(|one| Some((one.service_account?, Value::Text(one.role_arn?))));
    let roles: BTreeMap<_, _> = roles.collect();
    if !roles.is_empty() {
        live.fields.insert("podIdentity".to_owned(), Value::Map(roles));
    }
    live
}

/// DEGRADED passes: coredns is, until a node runs its pods. UPDATE_FAILED is ready with the old version: the difference
/// that is left says what to do again.
fn ready(addon: &sdk::Addon) -> Ready {
    let issues = addon.health().map(sdk::AddonHealth::issues).unwrap_or_default();
    let issues = issues.iter().map(|issue| {
        let code = issue.code().map_or("Unknown", sdk::AddonIssueCode::as_str);
        format!("{code}: {}", issue.message().unwrap_or_default())
    });
    let issues = issues.collect::<Vec<_>>().join("; ");
    let word = |status: &str| if issues.is_empty() { status.to_owned() } else { format!("{status}: {issues}") };
    match addon.status() {
        Some(sdk::AddonStatus::Active | sdk::AddonStatus::UpdateFailed) => Ready::Yes,
        Some(sdk::AddonStatus::Deleting) => Ready::Leaving("DELETING".to_owned()),
        Some(status @ (sdk::AddonStatus::CreateFailed | sdk::AddonStatus::DeleteFailed)) => {
            Ready::Never(word(status.as_str()))
        }
        Some(status) => Ready::NotYet(word(status.as_str())),
        None => Ready::NotYet("no status yet".to_owned()),
    }
}

#[cfg(test)]
mod tests;
