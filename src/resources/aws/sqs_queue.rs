//! SQS queue: where interruption warnings go.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures_util::future::{try_join, try_join_all};

use super::derived;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Resource, Scope,
    Value, policy_from_text,
};

/// What the `encryption` field says of a queue with keys that SQS manages.
const SSE_SQS: &str = "SSE-SQS";

/// A standard queue, encrypted with keys that SQS manages.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    /// Where it stands.
    pub address: Address,
    /// A derived name, 80 characters at most.
    pub name: String,
    /// Who may send to it: a policy document.
    pub policy: Value,
    /// Seconds after which a message is dropped unread, 60 to 1,209,600.
    pub retention_seconds: u32,
    /// Free tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource for SqsQueue {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "sqs-queue",
        noun: "SQS queue",
        actions: &[
            "sqs:ListQueues",
            "sqs:GetQueueUrl",
            "sqs:GetQueueAttributes",
            "sqs:ListQueueTags",
            "sqs:CreateQueue",
            "sqs:SetQueueAttributes",
            "sqs:TagQueue",
            "sqs:UntagQueue",
            "sqs:DeleteQueue",
        ],
        fields: &[
            Field::replaces("name", Order::CreateFirst, "Name, unique in account and region, 80 characters at most."),
            Field::in_place("policy", "Queue policy: who may send."),
            Field::in_place("retentionSeconds", "Seconds after which a message is dropped unread."),
            Field::in_place("encryption", "`SSE-SQS`: encrypted with keys that SQS manages."),
            Field::in_place("tags", "Tags."),
        ],
        // After the rules that send to it.
        rank: 25,
        custody: Custody::Owned,
        // "You must wait at least one second after the queue is created to be able to use it" (SQS API reference,
        // CreateQueue); a delete takes up to 60 seconds (DeleteQueue), a few as a rule.
        patience: Patience::secs(1, 0, 5, 300),
        docs: "A standard queue. A name is free again 60 seconds after its queue was deleted; until then a create is tried \
               again. Source: SQS API reference, CreateQueue, SetQueueAttributes, DeleteQueue.",
    };

    fn address(&self) -> Address {
        self.address.clone()
    }

    fn want(&self, _facts: &Facts) -> Fields {
        derived::fields([
            ("name", Some(Value::text(&self.name))),
            ("policy", Some(self.policy.clone())),
            ("retentionSeconds", Some(Value::text(self.retention_seconds))),
            ("encryption", Some(Value::text(SSE_SQS))),
            ("tags", Some(Value::tags(&self.tags))),
        ])
    }

    /// By name, which does not lag, while the configuration knows it; by prefix once it is gone.
    async fn sweep(world: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let mut urls = Vec::new();
        for (_, wanted) in &scope.wanted {
            let call = world.sqs.get_queue_url().queue_name(derived::text(wanted, "name"));
            let answer = gone_is_none(call.send().await.map_err(failed("sqs:GetQueueUrl")))?;
            urls.extend(answer.and_then(|answer| answer.queue_url));
        }
        if scope.wanted.is_empty() {
            let call = world.sqs.list_queues().queue_name_prefix(derived::prefix(&scope.environment)).max_results(1000);
            let listed: Result<Vec<String>, _> = call.into_paginator().items().send().collect().await;
            urls = listed.map_err(failed("sqs:ListQueues"))?;
            urls.retain(|url| !derived::is_anothers(scope, name_of(url)));
        }
        let found = try_join_all(urls.iter().map(|url| Self::read(world, scope, url))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn read(world: &Cloud, scope: &Scope, id: &str) -> Read<Option<Live>> {
        let whole = try_join(attributes(world, id), tags(world, id)).await;
        let Some((attributes, tags)) = gone_is_none(whole)? else { return Ok(None) };
        let mut live = live(id, &attributes, tags);
        derived::claim(&mut live, scope);
        Ok(Some(live))
    }

    /// SQS gives the same queue again for the same name and attributes, which makes a second try safe.
    async fn create(world: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let answer = world
            .sqs
            .create_queue()
            .queue_name(derived::text(want, "name"))
            .attributes(Attribute::Policy, derived::text(want, "policy"))
            .attributes(Attribute::MessageRetentionPeriod, derived::text(want, "retentionSeconds"))
            .attributes(Attribute::SqsManagedSseEnabled, "true")
            .set_tags(Some(cx.all_tags(want).into_iter().collect()))
            .send()
            .await
            .map_err(failed("sqs:CreateQueue"))?;
        answer.queue_url.ok_or_else(|| Failure::fatal("sqs:CreateQueue", "an answer without a URL"))
    }

    async fn update(world: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        let url = live.id.as_str();
        let changed = |field: &str| changes.iter().any(|change| change.field == field);
        let mut new = HashMap::new();
        if changed("policy") {
            new.insert(Attribute::Policy, derived::text(want, "policy"));
        }
        if changed("retentionSeconds") {
            new.insert(Attribute::MessageRetentionPeriod, derived::text(want, "retentionSeconds"));
        }
        if changed("encryption") {
            // One kind of encryption at a time: somebody's KMS key has to go in a call of its own.
            if live.text("encryption").starts_with("SSE-KMS") {
                set(world, url, HashMap::from([(Attribute::KmsMasterKeyId, "")])).await?;
            }
            new.insert(Attribute::SqsManagedSseEnabled, "true");
        }
        if !new.is_empty() {
            set(world, url, new).await?;
        }
        if changed("tags") {
            let surplus = derived::surplus_tags(live, want);
            if !surplus.is_empty() {
                let call = world.sqs.untag_queue().queue_url(url).set_tag_keys(Some(surplus));
                call.send().await.map_err(failed("sqs:UntagQueue"))?;
            }
            let call = world.sqs.tag_queue().queue_url(url).set_tags(Some(cx.all_tags(want).into_iter().collect()));
            call.send().await.map_err(failed("sqs:TagQueue"))?;
        }
        Ok(())
    }

    async fn delete(world: &Cloud, _cx: &Cx, live: &Live) -> Result<(), Failure> {
        let gone = world.sqs.delete_queue().queue_url(&live.id).send().await.map_err(failed("sqs:DeleteQueue"));
        gone_is_none(gone).map(drop)
    }
}

/// A URL ends in the queue's name, an ARN too.
fn name_of(url: &str) -> &str {
    url.rsplit(['/', ':']).next().unwrap_or_default()
}

fn live(url: &str, attributes: &HashMap<Attribute, String>, tags: BTreeMap<String, String>) -> Live {
    let get = |name: Attribute| attributes.get(&name).map(String::as_str).filter(|text| !text.is_empty());
    let arn = get(Attribute::QueueArn).unwrap_or_default();
    let mut live = Live::new(url);
    live.names.insert("url".to_owned(), url.to_owned());
    live.names.insert("arn".to_owned(), arn.to_owned());
    live.names.insert("name".to_owned(), name_of(url).to_owned());
    live.tags = tags;
    let encryption = match (get(Attribute::KmsMasterKeyId), get(Attribute::SqsManagedSseEnabled)) {
        (Some(key), _) => format!("SSE-KMS {key}"),
        (None, Some("true")) => SSE_SQS.to_owned(),
        (None, _) => "none".to_owned(),
    };
    live.fields = derived::fields([
        ("name", Some(Value::text(name_of(url)))),
        ("policy", get(Attribute::Policy).map(policy_from_text)),
        ("retentionSeconds", get(Attribute::MessageRetentionPeriod).map(Value::text)),
        ("encryption", Some(Value::Text(encryption))),
        ("tags", Some(live.free_tags())),
    ]);
    live
}

async fn attributes(world: &Cloud, url: &str) -> Read<HashMap<Attribute, String>> {
    let call = world.sqs.get_queue_attributes().queue_url(url).attribute_names(Attribute::All);
    let answer = call.send().await.map_err(failed("sqs:GetQueueAttributes"))?;
    Ok(answer.attributes.unwrap_or_default())
}

async fn tags(world: &Cloud, url: &str) -> Read<BTreeMap<String, String>> {
    let answer = world.sqs.list_queue_tags().queue_url(url).send().await.map_err(failed("sqs:ListQueueTags"))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

async fn set(world: &Cloud, url: &str, new: HashMap<Attribute, &str>) -> Result<(), Failure> {
    let new = new.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    let call = world.sqs.set_queue_attributes().queue_url(url).set_attributes(Some(new));
    call.send().await.map(drop).map_err(failed("sqs:SetQueueAttributes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encryption_field_tells_the_three_cases_apart() {
        let encryption = |pairs: &[(Attribute, &str)]| {
            let attributes = pairs.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
            live("https://sqs.us-east-1.amazonaws.com/1/q", &attributes, BTreeMap::new()).text("encryption").to_owned()
        };
        assert_eq!(encryption(&[(Attribute::SqsManagedSseEnabled, "true")]), SSE_SQS);
        assert_eq!(
            encryption(&[(Attribute::SqsManagedSseEnabled, "false"), (Attribute::KmsMasterKeyId, "alias/aws/sqs")]),
            "SSE-KMS alias/aws/sqs"
        );
        assert_eq!(encryption(&[(Attribute::SqsManagedSseEnabled, "false")]), "none");
    }

    #[test]
    fn the_name_is_the_end_of_the_url() {
        assert_eq!(name_of("http://127.0.0.1:4566/123456789012/rem-ci-prod-x-01234567"), "rem-ci-prod-x-01234567");
    }
}
