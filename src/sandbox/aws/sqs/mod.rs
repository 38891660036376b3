//! Simulated Amazon SQS, standard queues. Source: the SQS API reference and developer guide ("Amazon SQS queue and
//! message identifiers", "Message quotas").
//!
//! What takes time: a new queue is known to every call within a second; a deleted one answers for some seconds more; its
//! name is blocked for 60 s.

mod attributes;
mod messages;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use messages::Message;

use super::policy;
use crate::sandbox::region::{Here, page, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// How long a deleted queue's name cannot be used again (CreateQueue, `QueueDeletedRecently`).
const NAME_BLOCKED: Millis = 60_000;

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub queues: BTreeMap<String, Queue>,
    /// When a name was deleted last.
    pub deleted: BTreeMap<String, Millis>,
}

/// One queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Queue {
    /// As set; defaults are added when asked for.
    pub attributes: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Millis,
    /// When an attribute changed last.
    pub modified: Millis,
    /// From when on every call knows it.
    pub known: Millis,
    /// When it is gone, once deleted.
    pub gone: Option<Millis>,
    /// Last purge.
    pub purged: Option<Millis>,
    /// What it holds.
    pub messages: Vec<Message>,
}

fn invalid(why: impl Into<String>) -> Fault {
    Fault::new("InvalidParameterValue", why)
}

fn missing() -> Fault {
    Fault::new("QueueDoesNotExist", "The specified queue does not exist.")
}

fn url(here: &Here<'_>, name: &str) -> String {
    let suffix = if here.partition() == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{}.{suffix}/{}/{name}", here.name, here.account)
}

fn arn(here: &Here<'_>, name: &str) -> String {
    here.arn("sqs", name)
}

/// The queue a URL means: its last two segments are account and name; the host is whatever endpoint was used.
fn find<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<(String, &'a mut Queue), Fault> {
    let url = text(params, "QueueUrl");
    if url.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter QueueUrl."));
    }
    let mut segments = url.rsplit('/');
    let (name, account) = (segments.next().unwrap_or_default().to_owned(), segments.next().unwrap_or_default());
    if account != here.account {
        return Err(missing());
    }
    let now = here.now;
    match here.region.sqs.queues.get_mut(&name) {
        Some(queue) if queue.known <= now => Ok((name, queue)),
        _ => Err(missing()),
    }
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    match call.operation.as_str() {
        "CreateQueue" => create(here, params),
        "GetQueueUrl" => {
            let name = text(params, "QueueName");
            let owner = text(params, "QueueOwnerAWSAccountId");
            let known = here.region.sqs.queues.get(name).is_some_and(|queue| queue.known <= here.now);
            if !known || !(owner.is_empty() || owner == here.account) {
                return Err(missing());
            }
            Ok(json!({ "QueueUrl": url(here, name) }))
        }
        "ListQueues" => Ok(list_queues(here, params)),
        "GetQueueAttributes" => {
            let (now, partition_arn) = (here.now, arn(here, ""));
            let (name, queue) = find(here, params)?;
            attributes::describe(queue, &format!("{partition_arn}{name}"), now, params)
        }
        "SetQueueAttributes" => {
            let now = here.now;
            let (_, queue) = find(here, params)?;
            let wanted = map(params, "Attributes");
            attributes::check(&wanted)?;
            attributes::set(queue, wanted);
            queue.modified = now;
            Ok(json!({}))
        }
        "TagQueue" => {
            let tags = map(params, "Tags");
            let (_, queue) = find(here, params)?;
            let mut all = queue.tags.clone();
            all.extend(tags);
            if all.len() > 50 {
                return Err(invalid("Too many tags added for queue. Maximum number of tags allowed is 50."));
            }
            queue.tags = all;
            Ok(json!({}))
        }
        "UntagQueue" => {
            let keys = texts(params, "TagKeys");
            let (_, queue) = find(here, params)?;
            queue.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListQueueTags" => {
            let (_, queue) = find(here, params)?;
            Ok(if queue.tags.is_empty() { json!({}) } else { json!({ "Tags": queue.tags }) })
        }
        "DeleteQueue" => delete(here, params),
        "SendMessage" => messages::send(here, params),
        "ReceiveMessage" => messages::receive(here, params),
        "DeleteMessage" => messages::delete(here, params),
        "PurgeQueue" => messages::purge(here, params),
        other => Err(unsupported("sqs", other)),
    }
}

fn map(params: &Json, key: &str) -> BTreeMap<String, String> {
    let entries = params[key].as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = text(params, "QueueName").to_owned();
    let fifo = name.strip_suffix(".fifo");
    let letters = fifo.unwrap_or(&name);
    let well = (1..=80).contains(&name.len())
        && letters.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_');
    if !well {
        return Err(invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"));
    }
    let wanted = map(params, "Attributes");
    attributes::check(&wanted)?;
    if fifo.is_some() != wanted.get("FifoQueue").is_some_and(|value| value == "true") {
        return Err(invalid("The queue name must end in .fifo if and only if FifoQueue is true"));
    }
    if let Some(queue) = here.region.sqs.queues.get(&name)
        && queue.gone.is_none()
    {
        let odd = wanted.iter().find(|(key, value)| attributes::effective(queue, key).as_ref() != Some(value));
        return match odd {
            None => Ok(json!({ "QueueUrl": url(here, &name) })),
            Some((key, _)) => Err(Fault::new(
                "QueueNameExists",
                format!("A queue already exists with the same name and a different value for attribute {key}"),
            )),
        };
    }
    if here.region.sqs.deleted.get(&name).is_some_and(|at| here.now < at + NAME_BLOCKED) {
        return Err(Fault::new(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        ));
    }
    let known = here.due(0.0, 1.0);
    let mut queue =
        Queue { created: here.now, modified: here.now, known, tags: map(params, "tags"), ..Queue::default() };
    attributes::set(&mut queue, wanted);
    here.region.sqs.queues.insert(name.clone(), queue);
    here.span(name.clone(), [], known);
    Ok(json!({ "QueueUrl": url(here, &name) }))
}

fn list_queues(here: &Here<'_>, params: &Json) -> Json {
    let prefix = text(params, "QueueNamePrefix");
    let urls: Vec<String> = here
        .region
        .sqs
        .queues
        .iter()
        .filter(|(name, queue)| name.starts_with(prefix) && queue.known <= here.now)
        .map(|(name, _)| url(here, name))
        .collect();
    // Without MaxResults there is one answer of at most 1,000 and no token (ListQueues).
    let size = params["MaxResults"].as_u64().and_then(|size| usize::try_from(size).ok());
    let (urls, token) = page(&urls, text(params, "NextToken"), size.unwrap_or(1000));
    let mut answer = json!({});
    if !urls.is_empty() {
        answer["QueueUrls"] = json!(urls);
    }
    if let (Some(token), Some(_)) = (token, size) {
        answer["NextToken"] = json!(token);
    }
    answer
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let gone = here.due(0.0, 8.0);
    let now = here.now;
    let (name, queue) = find(here, params)?;
    if queue.gone.is_none() {
        queue.gone = Some(gone);
        here.region.sqs.deleted.insert(name.clone(), now);
        here.span(format!("-{name}"), [], gone);
    }
    Ok(json!({}))
}

/// Puts a message from an AWS service into the queue `arn`, if the queue is there and its policy lets the service: what
/// EventBridge does for a matching rule. Says whether it did.
pub fn deliver(here: &mut Here<'_>, arn: &str, service: &str, source_arn: &str, body: &str) -> bool {
    let Some(name) = arn.strip_prefix(&self::arn(here, "")).map(str::to_owned) else { return false };
    let account = here.account.to_owned();
    let Some(queue) = here.region.sqs.queues.get(&name).filter(|queue| queue.gone.is_none()) else { return false };
    let document = queue.attributes.get("Policy").and_then(|text| policy::parse(text)).unwrap_or_default();
    let context = [("aws:sourcearn", source_arn), ("aws:sourceaccount", &account), ("aws:securetransport", "true")];
    let verdict = policy::judge(&document, policy::Who::Service(service), "sqs:SendMessage", arn, &context);
    if verdict != policy::Verdict::Allow {
        return false;
    }
    let id = messages::id(here);
    let now = here.now;
    if let Some(queue) = here.region.sqs.queues.get_mut(&name) {
        queue.messages.push(Message { id, body: body.to_owned(), sent: now, visible: now, ..Message::default() });
    }
    true
}

/// Brings what is due to its end: deleted queues and messages past their retention.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let sqs = &mut here.region.sqs;
    sqs.queues.retain(|_, queue| queue.gone.is_none_or(|gone| now < gone));
    sqs.deleted.retain(|_, at| now < *at + NAME_BLOCKED);
    for queue in sqs.queues.values_mut() {
        let keep = attributes::seconds(queue, "MessageRetentionPeriod");
        queue.messages.retain(|message| now < message.sent + keep * 1000);
    }
}

#[cfg(test)]
mod tests;
