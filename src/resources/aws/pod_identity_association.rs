//! EKS Pod Identity associations.

use std::collections::BTreeMap;

use aws_sdk_eks::types as sdk;

use super::eks;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, Value,
};

/// One service account and the role of its pods.
#[derive(Clone, Debug)]
pub struct PodIdentityAssociation {
    /// Third part of the address.
    pub key: String,
    /// The cluster's name, as a reference.
    pub cluster: Value,
    /// The cluster's name, as text.
    pub cluster_name: String,
    /// Namespace of the service account.
    pub namespace: String,
    /// The service account; it need not exist yet.
    pub service_account: String,
    /// ARN of the role.
    pub role: Value,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for PodIdentityAssociation {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "pod-identity-association",
        noun: "EKS Pod Identity association",
        actions: &[
            "eks:CreatePodIdentityAssociation",
            "eks:DescribePodIdentityAssociation",
            "eks:ListPodIdentityAssociations",
            "eks:UpdatePodIdentityAssociation",
            "eks:DeletePodIdentityAssociation",
            "eks:DescribeCluster",
            "eks:ListClusters",
            "eks:TagResource",
            "eks:UntagResource",
            "iam:PassRole",
            "iam:GetRole",
        ],
        fields: &[
            Field::replaces("cluster", Order::DeleteFirst, "The cluster it is in"),
            Field::replaces("clusterName", Order::DeleteFirst, "The cluster's name, by which a read finds it"),
            Field::replaces("namespace", Order::DeleteFirst, "Namespace of the service account"),
            Field::replaces("serviceAccount", Order::DeleteFirst, "The service account"),
            Field::in_place("role", "ARN of the role its pods get; running pods keep the old one for up to six hours"),
            Field::in_place("tags", "Free tags"),
        ],
        rank: 92,
        custody: Custody::Owned,
        patience: Patience::INSTANT,
        docs: "Gives the pods of a service account a role, through the Pod Identity agent. Associations that an add-on owns \
               are a field of the add-on and are not read here. Source: Amazon EKS API Reference, \
               CreatePodIdentityAssociation; EKS User Guide, \"Learn how EKS Pod Identity grants pods access to AWS \
               services\".",
    };

    fn address(&self) -> Address {
        Address::keyed("cluster", "pod-identity-association", &self.key)
    }

    fn want(&self, _: &Facts) -> Fields {
        Fields::from([
            ("cluster".to_owned(), self.cluster.clone()),
            ("clusterName".to_owned(), Value::text(&self.cluster_name)),
            ("namespace".to_owned(), Value::text(&self.namespace)),
            ("serviceAccount".to_owned(), Value::text(&self.service_account)),
            ("role".to_owned(), self.role.clone()),
            ("tags".to_owned(), Value::tags(self.tags.clone())),
        ])
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let own = async |cluster: String| {
            let found = list(cloud, &cluster).await?.into_iter().filter(|found| found.owner_arn().is_none());
            Ok(found.filter_map(|found| found.association_id).collect())
        };
        let read = async |id: String| Self::read(cloud, scope, &id).await;
        eks::sweep(cloud, scope, &["namespace", "serviceAccount"], own, read).await
    }

    async fn read(cloud: &Cloud, _: &Scope, id: &str) -> Read<Option<Live>> {
        let (cluster, association) = eks::split(id);
        let call = cloud.eks.describe_pod_identity_association().cluster_name(cluster).association_id(association);
        let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribePodIdentityAssociation")))?;
        Ok(answer.and_then(|answer| answer.association).map(|association| live(&association)))
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let cluster = eks::text(want, "cluster");
        let (namespace, account) = (eks::text(want, "namespace"), eks::text(want, "serviceAccount"));
        let call = cloud
            .eks
            .create_pod_identity_association()
            .cluster_name(cluster)
            .namespace(namespace)
            .service_account(account)
            .role_arn(eks::text(want, "role"))
            .client_request_token(&cx.token)
            .set_tags(Some(eks::all_tags(cx, want)));
        let failure = match call.send().await.map_err(failed("eks:CreatePodIdentityAssociation")) {
            Ok(made) => {
                let id = made.association.and_then(|made| made.association_id).ok_or_else(|| {
                    Failure::fatal("eks:CreatePodIdentityAssociation", "the answer has no association id")
                })?;
                return Ok(eks::inside(cluster, &id));
            }
            Err(failure) if failure.class == Class::Exists => failure,
            Err(failure) => return Err(failure),
        };
        // There is one for this service account: ours if an earlier try made it.
        for found in list(cloud, cluster).await? {
            let same = found.namespace() == Some(namespace) && found.service_account() == Some(account);
            let Some(association) = found.association_id().filter(|_| same) else { continue };
            let call = cloud.eks.describe_pod_identity_association().cluster_name(cluster);
            let answer = call.association_id(association).send().await;
            let answer = gone_is_none(answer.map_err(failed("eks:DescribePodIdentityAssociation")))?;
            let found = answer.and_then(|answer| answer.association).map(|found| live(&found));
            if let Some(found) = found.filter(|found| eks::owned_by(cx, found)) {
                return Ok(found.id);
            }
        }
        Err(failure)
    }

    async fn update(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        eks::retag(cloud, cx, live, want).await?;
        if !eks::changed(changes, &["role"]) {
            return Ok(());
        }
        let (cluster, association) = eks::split(&live.id);
        let call = cloud
            .eks
            .update_pod_identity_association()
            .cluster_name(cluster)
            .association_id(association)
            .role_arn(eks::text(want, "role"));
        call.send().await.map(drop).map_err(failed("eks:UpdatePodIdentityAssociation"))
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, association) = eks::split(&live.id);
        let call = cloud.eks.delete_pod_identity_association().cluster_name(cluster).association_id(association);
        gone_is_none(call.send().await.map_err(failed("eks:DeletePodIdentityAssociation"))).map(drop)
    }
}

async fn list(cloud: &Cloud, cluster: &str) -> Read<Vec<sdk::PodIdentityAssociationSummary>> {
    let pages = cloud.eks.list_pod_identity_associations().cluster_name(cluster).into_paginator().items().send();
    pages.collect::<Result<_, _>>().await.map_err(failed("eks:ListPodIdentityAssociations"))
}

fn live(association: &sdk::PodIdentityAssociation) -> Live {
    let cluster = association.cluster_name().unwrap_or_default();
    let mut live = Live::new(eks::inside(cluster, association.association_id().unwrap_or_default()));
    live.tags = eks::tags(association.tags().cloned());
    live.names.insert("arn".to_owned(), association.association_arn().unwrap_or_default().to_owned());
    live.fields = Fields::from([
        ("cluster".to_owned(), Value::text(cluster)),
        ("clusterName".to_owned(), Value::text(cluster)),
        ("namespace".to_owned(), Value::text(association.namespace().unwrap_or_default())),
        ("serviceAccount".to_owned(), Value::text(association.service_account().unwrap_or_default())),
        ("role".to_owned(), Value::text(association.role_arn().unwrap_or_default())),
        ("tags".to_owned(), live.free_tags()),
    ]);
    live
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_gives_every_managed_field_and_the_id_carries_the_cluster() {
        let association = sdk::PodIdentityAssociation::builder()
            .cluster_name("rem-prod")
            .namespace("karpenter")
            .service_account("karpenter")
            .role_arn("arn:aws:iam::123456789012:role/k")
            .association_id("a-0123")
            .association_arn("arn:aws:eks:us-east-1:123456789012:podidentityassociation/rem-prod/a-0123")
            .build();
        let live = live(&association);
        assert_eq!(live.id, "rem-prod/a-0123");
        let have: Vec<_> = live.fields.keys().map(String::as_str).collect();
        let mut named: Vec<_> = PodIdentityAssociation::KIND.fields.iter().map(|field| field.name).collect();
        named.sort_unstable();
        assert_eq!(have, named);
    }
}
