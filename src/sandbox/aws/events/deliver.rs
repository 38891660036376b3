//! From an event to the queues that rules send it to.

use serde_json::{Value as Json, json};

use super::{bus, pattern, rule_arn, validation};
use crate::sandbox::aws::sqs;
use crate::sandbox::region::{Here, list, text};
use crate::sandbox::wire::Answer;

/// `PutEvents`: entries fail one by one, the call does not.
pub(super) fn put_events(here: &mut Here<'_>, params: &Json) -> Answer {
    let entries = list(params, "Entries");
    if entries.is_empty() || entries.len() > 10 {
        return Err(validation("1 validation error detected: Value at 'entries' failed to satisfy constraint"));
    }
    let mut failed = 0;
    let answers: Vec<Json> = entries
        .iter()
        .map(|entry| match put_event(here, entry) {
            Ok(id) => json!({ "EventId": id }),
            Err((code, message)) => {
                failed += 1;
                json!({ "ErrorCode": code, "ErrorMessage": message })
            }
        })
        .collect();
    Ok(json!({ "FailedEntryCount": failed, "Entries": answers }))
}

fn put_event(here: &mut Here<'_>, entry: &Json) -> Result<String, (&'static str, String)> {
    for key in ["Source", "DetailType", "Detail"] {
        if text(entry, key).is_empty() {
            return Err((
                "InvalidArgument",
                format!("Parameter {key} is not valid. Reason: {key} is a required argument."),
            ));
        }
    }
    if text(entry, "Source").starts_with("aws.") {
        return Err(("NotAuthorizedForSourceException", "Not authorized for the source.".to_owned()));
    }
    if bus(here, entry).is_err() {
        return Err(("InvalidArgument", "Event bus does not exist.".to_owned()));
    }
    let detail = serde_json::from_str(text(entry, "Detail")).ok().filter(Json::is_object);
    let Some(detail) = detail else { return Err(("MalformedDetail", "Detail is malformed.".to_owned())) };
    let resources = json!(list(entry, "Resources"));
    Ok(emit(here, text(entry, "Source"), text(entry, "DetailType"), &resources, &detail))
}

/// Emits an event as an AWS service does (`aws.ec2`, `EC2 Spot Instance Interruption Warning`) and delivers it to the
/// queues of matching rules whose policy lets EventBridge send. Gives the event's id.
pub fn emit(here: &mut Here<'_>, source: &str, kind: &str, resources: &Json, detail: &Json) -> String {
    let id = format!("{:08x}-0000-4000-8000-{:012x}", here.draw() >> 32, here.draw() >> 16);
    let seconds = jiff::Timestamp::from_second(here.now.div_euclid(1000)).map(|time| time.to_string());
    let event = json!({
        "version": "0",
        "id": id,
        "detail-type": kind,
        "source": source,
        "account": here.account,
        "time": seconds.unwrap_or_default(),
        "region": here.name,
        "resources": resources,
        "detail": detail,
    });
    let mut sends = Vec::new();
    for (name, rule) in &here.region.events.rules {
        let hit = rule.state != "DISABLED" && !rule.pattern.is_empty() && pattern::matches(&rule.pattern, &event);
        if hit {
            let arn = rule_arn(here, name);
            sends.extend(rule.targets.values().map(|target| (arn.clone(), target.clone())));
        }
    }
    for (rule, target) in sends {
        sqs::deliver(here, text(&target, "Arn"), "events.amazonaws.com", &rule, &input(&target, &event));
    }
    id
}

/// What the target gets: a constant, a part, or the whole event.
fn input(target: &Json, event: &Json) -> String {
    if let Some(constant) = target["Input"].as_str() {
        return constant.to_owned();
    }
    let path = text(target, "InputPath").trim_start_matches('$');
    let part = path.split('.').filter(|step| !step.is_empty()).fold(event, |at, step| &at[step]);
    part.to_string()
}
