//! The Auto Scaling group that EKS makes for a managed node group: ours to tag, EKS's to make and delete.

use std::collections::BTreeMap;

use aws_sdk_autoscaling::types::{AutoScalingGroup as Group, Filter, Tag, TagDescription};

use super::ec2_common::{fields, gone_is_done, is_of, marked, some_set, stand_for, tag_changes, text};
use crate::cloud::{Cloud, failed};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Patience, Read, Ready, Resource,
    Scope, TAG_ENVIRONMENT, TAG_RESOURCE, Value,
};

/// The group behind a managed node group, `cluster/auto-scaling-group/system`.
#[derive(Clone, Debug)]
pub struct AutoScalingGroup {
    /// `system`, as the node group's.
    pub key: String,
    /// The cluster's name in EKS.
    pub cluster: String,
    /// The node group's name in EKS.
    pub node_group: String,
    /// The node group: its Auto Scaling group exists once it does.
    pub after: Address,
    /// Tags of ours, passed on to new instances; EKS's own are not touched.
    pub tags: BTreeMap<String, String>,
}

const TAG_CLUSTER: &str = "eks:cluster-name";
const TAG_NODE_GROUP: &str = "eks:nodegroup-name";
const DESCRIBE: &str = "autoscaling:DescribeAutoScalingGroups";
const SET: &str = "autoscaling:CreateOrUpdateTags";

impl Resource for AutoScalingGroup {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "auto-scaling-group",
        noun: "Auto Scaling group",
        actions: &["autoscaling:DescribeAutoScalingGroups", "autoscaling:CreateOrUpdateTags", "autoscaling:DeleteTags"],
        fields: &[
            Field::fixed("cluster", "it goes with its node group", "the cluster it belongs to"),
            Field::fixed("nodeGroup", "it goes with its node group", "the node group it belongs to"),
            Field::in_place("tags", "tags of ours"),
            Field::in_place("marked", "whether it carries the three tags of ours"),
            Field::in_place("propagated", "the tags that new instances get too"),
        ],
        rank: 0,
        custody: Custody::Child,
        patience: Patience::INSTANT,
        docs: "EKS makes it with the node group and deletes it with the node group; tags of the node group do not \
               reach it (Amazon EKS user guide, \"Tagging your resources\").",
    };

    fn address(&self) -> Address {
        Address::keyed("cluster", "auto-scaling-group", &self.key)
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("cluster", Some(Value::text(&self.cluster))),
            ("nodeGroup", Some(Value::text(&self.node_group))),
            ("tags", Some(Value::tags(&self.tags))),
            ("marked", Some("true".into())),
            ("propagated", some_set(self.tags.keys())),
        ])
    }

    fn after(&self) -> Vec<Address> {
        vec![self.after.clone()]
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let cluster = scope.wanted.iter().find_map(|(_, want)| want.get("cluster")?.as_text());
        let by = match cluster {
            Some(cluster) => filter(&format!("tag:{TAG_CLUSTER}"), cluster),
            None => filter(&format!("tag:{TAG_ENVIRONMENT}"), &scope.environment),
        };
        let call = world.autoscaling.describe_auto_scaling_groups().filters(by).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let mut each = Vec::new();
        for mut live in found.iter().filter_map(as_live) {
            let wanted = scope.wanted.iter().find(|(_, want)| want.get("nodeGroup") == live.fields.get("nodeGroup"));
            if let Some((address, _)) = wanted {
                stand_for(&mut live, address);
            } else if !live.tags.contains_key(TAG_RESOURCE) {
                // Another node group of the cluster, none of ours.
                continue;
            }
            if is_of(Self::KIND.name, &live.tags) {
                each.push(live);
            }
        }
        Ok(each)
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        let call = world.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(id).send().await;
        // A name that does not exist is an empty answer, not an error.
        Ok(call.map_err(failed(DESCRIBE))?.auto_scaling_groups().first().and_then(as_live))
    }

    /// Finds what EKS has made and tags it.
    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let call = world
            .autoscaling
            .describe_auto_scaling_groups()
            .filters(filter(&format!("tag:{TAG_CLUSTER}"), text(want, "cluster", DESCRIBE)?))
            .filters(filter(&format!("tag:{TAG_NODE_GROUP}"), text(want, "nodeGroup", DESCRIBE)?));
        let found = call.send().await.map_err(failed(DESCRIBE))?;
        let live = found.auto_scaling_groups().first().and_then(as_live).ok_or_else(|| Failure {
            class: Class::Passing,
            ..Failure::fatal(DESCRIBE, "EKS has not made the node group's Auto Scaling group yet")
        })?;
        bring(world, cx, &live, want).await?;
        Ok(live.id)
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, _changes: &[Change]) -> Result<(), Failure> {
        bring(world, cx, live, want).await
    }

    async fn delete(_world: &Cloud, _cx: &Cx, _live: &Live) -> Result<(), Failure> {
        Ok(())
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// Sets what is missing or not passed on as it should be, and removes what is not wanted any more.
async fn bring(world: &Cloud, cx: &Cx, live: &Live, want: &Fields) -> Result<(), Failure> {
    let (mut missing, surplus) = tag_changes(cx, live, want);
    let all = cx.all_tags(want);
    let propagated: Vec<_> = live.fields.get("propagated").into_iter().flat_map(Value::item_texts).collect();
    let free = want.get("tags").into_iter().flat_map(Value::text_entries);
    for (key, value) in free.filter(|(key, _)| !propagated.contains(key)) {
        missing.insert(key.to_owned(), all.get(key).map_or(value, String::as_str).to_owned());
    }
    let tag = |key: &str| {
        // An instance is not at the group's address: it gets the other tags only.
        let pass_on = key != TAG_RESOURCE;
        Tag::builder().resource_id(&live.id).resource_type("auto-scaling-group").key(key).propagate_at_launch(pass_on)
    };
    if !missing.is_empty() {
        let tags = missing.iter().map(|(key, value)| tag(key).value(value).build()).collect();
        let call = world.autoscaling.create_or_update_tags().set_tags(Some(tags)).send().await;
        call.map_err(failed(SET))?;
    }
    if !surplus.is_empty() {
        let tags = surplus.iter().map(|key| tag(key).build()).collect();
        let call = world.autoscaling.delete_tags().set_tags(Some(tags)).send().await;
        gone_is_done(call.map_err(failed("autoscaling:DeleteTags")))?;
    }
    Ok(())
}

/// Tags that EKS gave it itself.
fn from_eks(key: &str) -> bool {
    ["eks:", "k8s.io/", "kubernetes.io/"].iter().any(|prefix| key.starts_with(prefix))
}

/// `None` for a group that EKS did not make.
fn as_live(group: &Group) -> Option<Live> {
    let mut live = Live::new(group.auto_scaling_group_name()?);
    let pair = |tag: &TagDescription| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()));
    live.tags = group.tags().iter().filter_map(pair).collect();
    let cluster = Value::text(live.tags.get(TAG_CLUSTER)?);
    let node_group = Value::text(live.tags.get(TAG_NODE_GROUP)?);
    let all = live.free_tags();
    let tags = Value::tags(all.text_entries().filter(|(key, _)| !from_eks(key)));
    let passed_on = group.tags().iter().filter(|tag| tag.propagate_at_launch() == Some(true));
    let passed_on = passed_on.filter_map(TagDescription::key).filter(|key| tags.get(key).is_some());
    let propagated = some_set(passed_on);
    live.fields = fields([
        ("cluster", Some(cluster)),
        ("nodeGroup", Some(node_group)),
        ("tags", Some(tags)),
        ("marked", Some(marked(&live))),
        ("propagated", propagated),
    ]);
    live.names.insert("arn".to_owned(), group.auto_scaling_group_arn().unwrap_or_default().to_owned());
    // Set only while a delete is under way.
    if let Some(status) = group.status().filter(|status| status.starts_with("Delete")) {
        live.ready = Ready::Leaving(status.to_owned());
    }
    Some(live)
}
