//! The log group of the control plane.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatchlogs::types;
use futures_util::future::try_join_all;

use super::ec2_common::{changed, fields, gone_is_done, is_of, marked, stand_for, tag_changes, text};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Class, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource,
    Scope, TAG_ENVIRONMENT, Value,
};

/// Where EKS writes the control plane's logs, `cluster/log-group`.
#[derive(Clone, Debug)]
pub struct LogGroup {
    /// The cluster's name in EKS.
    pub cluster: String,
    /// Days that events are kept.
    pub retention_days: i32,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl LogGroup {
    /// The name that EKS gives it ("Send control plane logs to CloudWatch Logs", Amazon EKS user guide).
    #[must_use]
    pub fn name(&self) -> String {
        format!("{PREFIX}{}{SUFFIX}", self.cluster)
    }
}

const PREFIX: &str = "/aws/eks/";
const SUFFIX: &str = "/cluster";
const DESCRIBE: &str = "logs:DescribeLogGroups";
const CREATE: &str = "logs:CreateLogGroup";
const RETENTION: &str = "logs:PutRetentionPolicy";

impl Resource for LogGroup {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "log-group",
        noun: "log group",
        actions: &[
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "logs:CreateLogGroup",
            "logs:PutRetentionPolicy",
            "logs:DeleteRetentionPolicy",
            "logs:DeleteLogGroup",
            "logs:TagResource",
            "logs:UntagResource",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "EKS's name for it"),
            Field::in_place("retentionDays", "days that events are kept; for ever if absent"),
            Field::in_place("tags", "tags"),
            Field::in_place("marked", "whether it carries the three tags of ours"),
        ],
        // Last of all: EKS writes it anew while a cluster is being deleted.
        rank: 5,
        custody: Custody::OwnedOrAdopted,
        patience: Patience::INSTANT,
        docs: "Made before the cluster, so that its retention holds from the first event: EKS would make it without \
               any, and events would be kept and paid for ever. If EKS was first, it is taken over.",
    };

    fn address(&self) -> Address {
        Address::single("cluster", "log-group")
    }

    fn want(&self, _facts: &Facts) -> Fields {
        fields([
            ("name", Some(Value::Text(self.name()))),
            ("retentionDays", Some(Value::text(self.retention_days))),
            ("tags", Some(Value::tags(&self.tags))),
            ("marked", Some("true".into())),
        ])
    }

    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        // Log groups cannot be listed by tag; EKS's have one prefix, and there is one for each cluster.
        let call = world.logs.describe_log_groups().log_group_name_prefix(PREFIX).into_paginator().items().send();
        let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
        let found = found.iter().filter(|group| group.log_group_name().is_some_and(|name| name.ends_with(SUFFIX)));
        let each = try_join_all(found.map(|group| as_live(world, group))).await?;
        let each = each.into_iter().flatten().filter_map(|mut live| {
            let wanted = |want: &Fields| want.get("name").and_then(Value::as_text) == Some(&live.id);
            let address = scope.wanted.iter().find(|(_, want)| wanted(want)).map(|(address, _)| address);
            if let Some(address) = address {
                stand_for(&mut live, address);
            } else if live.tags.get(TAG_ENVIRONMENT) != Some(&scope.environment) {
                return None;
            }
            is_of(Self::KIND.name, &live.tags).then_some(live)
        });
        Ok(each.collect())
    }

    async fn read(world: &Cloud, _scope: &Scope, id: &str) -> Read<Option<Live>> {
        match one(world, id).await? {
            Some(group) => as_live(world, &group).await,
            None => Ok(None),
        }
    }

    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let name = text(want, "name", CREATE)?;
        let tags: HashMap<_, _> = cx.all_tags(want).into_iter().collect();
        let call = world.logs.create_log_group().log_group_name(name).set_tags(Some(tags.clone())).send().await;
        match call.map_err(failed(CREATE)) {
            // EKS was first, or this is said again: either way it is to be ours.
            Err(failure) if failure.class == Class::Exists => {
                let call = world.logs.tag_resource().resource_arn(arn(world, name)).set_tags(Some(tags)).send().await;
                call.map_err(failed("logs:TagResource"))?;
            }
            other => drop(other?),
        }
        retain(world, name, want).await?;
        Ok(name.to_owned())
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        if changed(changes, "retentionDays") {
            retain(world, &live.id, want).await?;
        }
        let (missing, surplus) = tag_changes(cx, live, want);
        let arn = arn(world, &live.id);
        if !missing.is_empty() {
            let tags = missing.into_iter().collect();
            let call = world.logs.tag_resource().resource_arn(&arn).set_tags(Some(tags)).send().await;
            call.map_err(failed("logs:TagResource"))?;
        }
        if !surplus.is_empty() {
            let call = world.logs.untag_resource().resource_arn(&arn).set_tag_keys(Some(surplus)).send().await;
            call.map_err(failed("logs:UntagResource"))?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let call = world.logs.delete_log_group().log_group_name(&live.id).send().await;
        gone_is_done(call.map_err(failed("logs:DeleteLogGroup")))
    }
}

/// Without the `:*` that other calls want: the tagging calls take only this form.
fn arn(world: &Cloud, name: &str) -> String {
    world.arn("logs", &format!("log-group:{name}"))
}

async fn retain(world: &Cloud, name: &str, want: &Fields) -> Result<(), Failure> {
    let Some(days) = want.get("retentionDays").and_then(Value::as_text) else {
        let call = world.logs.delete_retention_policy().log_group_name(name).send().await;
        return gone_is_done(call.map_err(failed("logs:DeleteRetentionPolicy")));
    };
    let days = days.parse().map_err(|_| Failure::fatal(RETENTION, format!("`{days}` is no number of days")))?;
    let call = world.logs.put_retention_policy().log_group_name(name).retention_in_days(days).send().await;
    call.map_err(failed(RETENTION))?;
    Ok(())
}

async fn one(world: &Cloud, name: &str) -> Read<Option<types::LogGroup>> {
    // The name may be a prefix of others, so look through every page.
    let call = world.logs.describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
    let found: Vec<_> = call.collect::<Result<_, _>>().await.map_err(failed(DESCRIBE))?;
    Ok(found.into_iter().find(|group| group.log_group_name() == Some(name)))
}

/// With its tags; `None` if it went in the meantime.
async fn as_live(world: &Cloud, group: &types::LogGroup) -> Read<Option<Live>> {
    let Some(name) = group.log_group_name() else { return Ok(None) };
    let arn = arn(world, name);
    let call = world.logs.list_tags_for_resource().resource_arn(&arn).send().await;
    let Some(tags) = gone_is_none(call.map_err(failed("logs:ListTagsForResource")))? else { return Ok(None) };
    let mut live = Live::new(name);
    live.tags = tags.tags().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    live.fields = fields([
        ("name", Some(Value::text(name))),
        ("retentionDays", group.retention_in_days().map(Value::text)),
        ("tags", Some(live.free_tags())),
        ("marked", Some(marked(&live))),
    ]);
    live.names.extend([("name".to_owned(), name.to_owned()), ("arn".to_owned(), arn)]);
    Ok(Some(live))
}
