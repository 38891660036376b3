//! The way of an interruption notice to Karpenter: rules, queue, and the policy that lets the one send to the other.
//!
//! Rules are found by the environment's own prefix and stack, and recognised by the event they match, so that a rule under
//! the right name that matches nothing does not pass.

use futures_util::future::try_join_all;
use serde_json::Value as Json;

use super::Check;
use super::observed::Rule;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::config::Spec;
use crate::engine::Failure;
use crate::model::Identity;

/// Events that the controller listens to, with the chart minor since which it does. Source: Karpenter, "CloudFormation"
/// reference of each version.
const EVENTS: [(&str, u64); 5] = [
    ("AWS Health Event", 0),
    ("EC2 Spot Instance Interruption Warning", 0),
    ("EC2 Instance Rebalance Recommendation", 0),
    ("EC2 Instance State-change Notification", 0),
    ("EC2 Capacity Reservation Instance Interruption Warning", 10),
];

pub(super) async fn checks(cloud: &Cloud, spec: &Spec, id: &Identity) -> Result<Vec<Check>, Failure> {
    let rules = rules(cloud, id).await?;
    let queue = rules.iter().flat_map(|rule| &rule.targets).find(|arn| arn.contains(":sqs:")).cloned();
    let policy = match &queue {
        Some(arn) => policy(cloud, arn).await?,
        None => None,
    };
    Ok(vec![wired(&rules, queue.as_deref(), policy.as_deref(), &spec.karpenter.version)])
}

pub(super) async fn rules(cloud: &Cloud, id: &Identity) -> Result<Vec<Rule>, Failure> {
    let prefix = format!("rem-ci-{}-", id.environment);
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let call = cloud.events.list_rules().name_prefix(&prefix).set_next_token(token);
        let page = call.send().await.map_err(failed("events:ListRules"))?;
        found.extend(page.rules.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    let ours = found.into_iter().filter(|rule| rule.name().is_some_and(|name| name.ends_with(id.short())));
    try_join_all(ours.map(async |rule| {
        let name = rule.name().unwrap_or_default().to_owned();
        let call = cloud.events.list_targets_by_rule().rule(&name);
        let targets = call.send().await.map_err(failed("events:ListTargetsByRule"))?;
        Ok(Rule {
            enabled: rule.state().is_some_and(|state| state.as_str().starts_with("ENABLED")),
            pattern: rule.event_pattern().unwrap_or_default().to_owned(),
            targets: targets.targets().iter().map(|target| target.arn().to_owned()).collect(),
            name,
        })
    }))
    .await
}

/// The policy of a queue; nothing where the queue is not there.
async fn policy(cloud: &Cloud, arn: &str) -> Result<Option<String>, Failure> {
    let name = arn.rsplit(':').next().unwrap_or_default();
    let url = cloud.sqs.get_queue_url().queue_name(name).send().await.map_err(failed("sqs:GetQueueUrl"));
    let Some(url) = gone_is_none(url)?.and_then(|answer| answer.queue_url) else { return Ok(None) };
    let call = cloud.sqs.get_queue_attributes().queue_url(url).attribute_names("Policy".into());
    let answer = gone_is_none(call.send().await.map_err(failed("sqs:GetQueueAttributes")))?;
    Ok(answer.map(|answer| {
        let attributes = answer.attributes.unwrap_or_default();
        attributes.into_iter().find(|(name, _)| name.as_str() == "Policy").map(|(_, text)| text).unwrap_or_default()
    }))
}

/// Whether every event has an enabled rule that sends to the one queue, and the queue takes it. `policy` is none where the
/// queue is not there.
pub(super) fn wired(rules: &[Rule], queue: Option<&str>, policy: Option<&str>, karpenter: &str) -> Check {
    let facts = facts(rules, queue, policy, karpenter);
    let passed = facts.iter().all(|(holds, _)| *holds);
    let evidence = facts.into_iter().map(|(_, text)| text).collect();
    Check::new("verify-interruption", "interruption notices reach Karpenter's queue", passed, evidence)
}

/// Everything that makes the way to the queue, each with whether it holds.
pub(super) fn facts(rules: &[Rule], queue: Option<&str>, policy: Option<&str>, karpenter: &str) -> Vec<(bool, String)> {
    let minor = karpenter.split('.').nth(1).and_then(|minor| minor.parse().ok()).unwrap_or(u64::MAX);
    let mut facts = Vec::new();
    let mut see = |holds: bool, text: String| facts.push((holds, text));
    match (queue, policy) {
        (None, _) => see(false, "there is no queue, or no rule has one as its target".to_owned()),
        (Some(queue), None) => see(false, format!("{queue}: the queue does not exist")),
        (Some(queue), Some(policy)) => {
            let takes = lets_events_send(policy);
            let word = if takes { "takes messages of EventBridge" } else { "its policy lets EventBridge send nothing" };
            see(takes, format!("{queue}: {word}"));
        }
    }
    for (event, _) in EVENTS.iter().filter(|(_, since)| minor >= *since) {
        match rules.iter().find(|rule| matches_event(&rule.pattern, event)) {
            None => see(false, format!("{event}: no rule")),
            Some(rule) if !rule.enabled => see(false, format!("{event}: rule {} is disabled", rule.name)),
            Some(rule) if !rule.targets.iter().any(|target| Some(target.as_str()) == queue) => {
                see(false, format!("{event}: rule {} does not send to the queue", rule.name));
            }
            Some(rule) => see(true, format!("{event}: rule {} is enabled", rule.name)),
        }
    }
    facts
}

fn matches_event(pattern: &str, event: &str) -> bool {
    let pattern: Json = serde_json::from_str(pattern).unwrap_or_default();
    one_or_many(&pattern["detail-type"]).any(|kind| kind == event)
}

fn lets_events_send(policy: &str) -> bool {
    let policy: Json = serde_json::from_str(policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Json::Array(statements) => statements.as_slice(),
        one => std::slice::from_ref(one),
    };
    statements.iter().any(|statement| {
        let sends = |action: &str| action.eq_ignore_ascii_case("sqs:SendMessage") || action == "sqs:*" || action == "*";
        statement["Effect"] == "Allow"
            && one_or_many(&statement["Action"]).any(sends)
            && one_or_many(&statement["Principal"]["Service"]).any(|service| service == "events.amazonaws.com")
    })
}

fn one_or_many(value: &Json) -> impl Iterator<Item = &str> {
    let items = match value {
        Json::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().filter_map(Json::as_str)
}
