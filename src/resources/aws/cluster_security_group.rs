//! The security group that EKS makes for a cluster: ours to tag, EKS's to make and delete.

use std::collections::BTreeMap;

use aws_sdk_ec2::types;

use super::ec2_common::{fields, filter, gone_is_done, id_of, is_of, live, marked, retag, stand_for, text};
use super::security_group;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Resource, Scope,
    Value,
};

/// The cluster's own security group, `cluster/cluster-security-group`.
#[derive(Clone, Debug)]
pub struct ClusterSecurityGroup {
    /// The cluster's name in EKS.
    pub cluster: String,
    /// The cluster: its group exists once it does.
    pub after: Address,
    /// Tags of ours; EKS's own are not touched.
    pub tags: BTreeMap<String, String>,
}

/// Tag that EKS puts on the group, and on nothing else in EC2's list of groups. Nobody else can set it: `aws:` is reserved.
pub(super) const TAG_CLUSTER: &str = "aws:eks:cluster-name";
const DESCRIBE: &str = "ec2:DescribeSecurityGroups";

impl Resource for ClusterSecurityGroup {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "cluster-security-group",
        noun: "cluster security group",
        actions: &["ec2:DescribeSecurityGroups", "ec2:CreateTags", "ec2:DeleteTags"],
        fields: &[
            Field::fixed("cluster", "it goes with its cluster", "the cluster it belongs to"),
            Field::in_place("tags", "tags of ours"),
            Field::in_place("marked", "whether it carries the three tags of ours"),
        ],
        rank: 0,
        custody: Custody::Child,
        patience: Patience::INSTANT,
        docs: "EKS makes it with the cluster, for control plane and managed nodes, and deletes it with the cluster. \
               rem-ci tags it, so that costs and leftovers can be told (Amazon EKS user guide, \"View Amazon EKS \
               security group requirements for clusters\").",
    };

    fn address(&self) -> Address {
        Address::single("cluster", "cluster-security-group")
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("cluster", Some(Value::text(&self.cluster))),
            ("tags", Some(Value::tags(&self.tags))),
            ("marked", Some("true".into())),
        ])
    }

    fn after(&self) -> Vec<Address> {
        vec![self.after.clone()]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let wanted = scope.wanted.first().and_then(|(address, want)| Some((address, want.get("cluster")?.as_text()?)));
        let mut found = security_group::all_of(world, scope).await?;
        if let Some((_, cluster)) = wanted {
            let of_cluster = |tag: &types::Tag| tag.key() == Some(TAG_CLUSTER) && tag.value() == Some(cluster);
            found.retain(|group| group.tags().iter().any(of_cluster));
            // Before we have tagged it, or after somebody took our tag off.
            if found.is_empty() {
                let by = filter(format!("tag:{TAG_CLUSTER}"), [cluster]);
                let call = world.ec2.describe_security_groups().filters(by).into_paginator().items().send();
                found = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
            }
        }
        let each = found.iter().filter_map(|group| as_live(group).transpose()).collect::<Read<Vec<_>>>()?;
        let each = each.into_iter().filter(|live| is_of(Self::KIND.name, &live.tags)).map(|mut live| {
            if let Some((address, _)) = wanted {
                stand_for(&mut live, address);
            }
            live
        });
        Ok(each.collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.ec2.describe_security_groups().group_ids(id).send().await;
        let found = gone_is_none(call.map_err(failed(DESCRIBE)))?;
        found.as_ref().and_then(|answer| answer.security_groups().first()).map_or(Ok(None), as_live)
    }

    /// Finds what EKS has made and tags it.
    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let by = filter(format!("tag:{TAG_CLUSTER}"), [text(want, "cluster", DESCRIBE)?]);
        let call = world.ec2.describe_security_groups().filters(by).send().await.map_err(failed(DESCRIBE))?;
        let found = call.security_groups().first().map_or(Ok(None), as_live)?;
        let live = found.ok_or_else(|| Failure {
            class: Class::Passing,
            ..Failure::fatal(DESCRIBE, "EKS has not made the cluster's security group yet")
        })?;
        retag(world, cx, &live, want).await?;
        Ok(live.id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, _changes: &[Change]) -> Result<(), Failure> {
        gone_is_done(retag(world, cx, live, want).await)
    }

    async fn delete(_world: &Cloud, _cx: &Cx, _live: &Live) -> Result<(), Failure> {
        Ok(())
    }
}

/// Tags that EKS gave it itself: `Name`, `kubernetes.io/cluster/NAME`.
fn from_eks(key: &str) -> bool {
    key == "Name" || key.starts_with("kubernetes.io/cluster/")
}

/// `None` for a group that EKS did not make.
fn as_live(group: &types::SecurityGroup) -> Read<Option<Live>> {
    let mut live = live(&id_of(DESCRIBE, group.group_id())?, group.tags());
    let Some(cluster) = live.tags.get(TAG_CLUSTER).cloned() else { return Ok(None) };
    live.inside = group.vpc_id().map(str::to_owned);
    let all = live.free_tags();
    let tags = Value::tags(all.text_entries().filter(|(key, _)| !from_eks(key)));
    let marked = marked(&live);
    live.fields = fields([("cluster", Some(Value::Text(cluster))), ("tags", Some(tags)), ("marked", Some(marked))]);
    Ok(Some(live))
}
