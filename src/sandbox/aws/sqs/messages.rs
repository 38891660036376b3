//! Messages: delay, visibility, receipt handles. Source: SendMessage, ReceiveMessage, DeleteMessage, PurgeQueue.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{attributes, find, invalid};
use crate::sandbox::aws::md5;
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Fault};

/// One message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Message {
    /// UUID.
    pub id: String,
    /// As sent.
    pub body: String,
    /// When it was sent.
    pub sent: Millis,
    /// From when on a consumer gets it.
    pub visible: Millis,
    /// Of the last receive.
    pub receipt: Option<String>,
    /// How often it was received.
    pub receives: u32,
    /// First receive.
    pub first: Option<Millis>,
    /// `MessageAttributes` as sent.
    pub attributes: Json,
}

/// A new UUID, version 4.
pub(super) fn id(here: &mut Here<'_>) -> String {
    let (high, low) = (here.draw(), here.draw());
    let (third, fourth) = (0x4000 | ((high >> 4) & 0x0fff), 0x8000 | ((low >> 48) & 0x3fff));
    format!("{:08x}-{:04x}-{third:04x}-{fourth:04x}-{:012x}", high >> 32, (high >> 16) & 0xffff, low & 0xffff_ffff_ffff)
}

pub(super) fn send(here: &mut Here<'_>, params: &Json) -> Answer {
    let id = id(here);
    let now = here.now;
    let (_, queue) = find(here, params)?;
    let body = text(params, "MessageBody");
    let most = attributes::seconds(queue, "MaximumMessageSize");
    if body.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter MessageBody."));
    }
    if i64::try_from(body.len()).is_ok_and(|length| length > most) {
        return Err(invalid(format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {most} bytes."
        )));
    }
    let delay = match params["DelaySeconds"].as_i64() {
        Some(delay) if (0..=900).contains(&delay) => delay,
        Some(_) => return Err(invalid("DelaySeconds must be between 0 and 900")),
        None => attributes::seconds(queue, "DelaySeconds"),
    };
    queue.messages.push(Message {
        id: id.clone(),
        body: body.to_owned(),
        sent: now,
        visible: now + delay * 1000,
        attributes: params["MessageAttributes"].clone(),
        ..Message::default()
    });
    Ok(json!({ "MessageId": id, "MD5OfMessageBody": md5::hex(body.as_bytes()) }))
}

/// Long polling does not wait here: the region has no timer of its own, so an empty answer comes at once.
pub(super) fn receive(here: &mut Here<'_>, params: &Json) -> Answer {
    let number = |key: &str, least: i64, most: i64| match params[key].as_i64() {
        Some(number) if !(least..=most).contains(&number) => Err(invalid(format!(
            "Value {number} for parameter {key} is invalid. Reason: Must be between {least} and {most}."
        ))),
        other => Ok(other),
    };
    let most = usize::try_from(number("MaxNumberOfMessages", 1, 10)?.unwrap_or(1)).unwrap_or(1);
    let hidden = number("VisibilityTimeout", 0, 43_200)?;
    number("WaitTimeSeconds", 0, 20)?;
    let mut asked = texts(params, "MessageSystemAttributeNames");
    asked.extend(texts(params, "AttributeNames"));
    let handles: Vec<String> = (0..most).map(|_| format!("{:016x}{:016x}", here.draw(), here.draw())).collect();
    let now = here.now;
    let (_, queue) = find(here, params)?;
    let hidden = hidden.unwrap_or_else(|| attributes::seconds(queue, "VisibilityTimeout"));
    let mut found = Vec::new();
    for (message, handle) in queue.messages.iter_mut().filter(|one| one.visible <= now).zip(handles) {
        message.receipt = Some(handle.clone());
        message.visible = now + hidden * 1000;
        message.receives += 1;
        let first = *message.first.get_or_insert(now);
        let mut one = json!({
            "MessageId": message.id,
            "ReceiptHandle": handle,
            "Body": message.body,
            "MD5OfBody": md5::hex(message.body.as_bytes()),
        });
        let system = [
            ("SentTimestamp", message.sent.to_string()),
            ("ApproximateReceiveCount", message.receives.to_string()),
            ("ApproximateFirstReceiveTimestamp", first.to_string()),
        ];
        for (name, value) in system {
            if asked.iter().any(|asked| asked == "All" || asked == name) {
                one["Attributes"][name] = json!(value);
            }
        }
        if message.attributes.is_object() && !texts(params, "MessageAttributeNames").is_empty() {
            one["MessageAttributes"] = message.attributes.clone();
        }
        found.push(one);
    }
    Ok(if found.is_empty() { json!({}) } else { json!({ "Messages": found }) })
}

pub(super) fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let handle = text(params, "ReceiptHandle").to_owned();
    let (_, queue) = find(here, params)?;
    let well = handle.len() == 32 && handle.chars().all(|digit| digit.is_ascii_hexdigit());
    if !well {
        return Err(Fault::new(
            "ReceiptHandleIsInvalid",
            format!("The input receipt handle \"{handle}\" is not valid."),
        ));
    }
    // A handle of an earlier receive, or of a message that is gone, succeeds and does nothing (DeleteMessage).
    queue.messages.retain(|message| message.receipt.as_deref() != Some(&handle));
    Ok(json!({}))
}

pub(super) fn purge(here: &mut Here<'_>, params: &Json) -> Answer {
    let now = here.now;
    let (name, queue) = find(here, params)?;
    if queue.purged.is_some_and(|at| now < at + 60_000) {
        return Err(Fault::new(
            "PurgeQueueInProgress",
            format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
        )
        .status(403));
    }
    queue.purged = Some(now);
    queue.messages.clear();
    Ok(json!({}))
}
