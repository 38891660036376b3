//! Simulated Amazon EventBridge, default event bus. Source: the EventBridge API reference and user guide ("Event
//! patterns", "Quotas").

mod deliver;
mod pattern;
mod targets;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use deliver::emit;

use crate::sandbox::region::{Here, list, page, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Of the default bus, by name.
    pub rules: BTreeMap<String, Rule>,
}

/// One rule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// As sent; empty when there is none.
    pub pattern: String,
    /// As sent; empty when there is none.
    pub schedule: String,
    /// `ENABLED` or `DISABLED`.
    pub state: String,
    /// Empty when there is none.
    pub description: String,
    /// Empty when there is none.
    pub role: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// By id, as sent.
    pub targets: BTreeMap<String, Json>,
    /// When it was made.
    pub created: Millis,
}

fn validation(why: impl Into<String>) -> Fault {
    Fault::new("ValidationException", why)
}

fn no_rule(name: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Rule {name} does not exist on EventBus default."))
}

/// There is one bus: a name or an ARN of another is not found.
fn bus(here: &Here<'_>, params: &Json) -> Result<(), Fault> {
    let bus = text(params, "EventBusName");
    if bus.is_empty() || bus == "default" || bus == here.arn("events", "event-bus/default") {
        return Ok(());
    }
    Err(Fault::new("ResourceNotFoundException", format!("Event bus {bus} does not exist.")))
}

fn name(params: &Json, key: &str) -> Result<String, Fault> {
    let name = text(params, key);
    let well = (1..=64).contains(&name.len())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter));
    if well {
        Ok(name.to_owned())
    } else {
        Err(validation(format!("Value '{name}' at '{key}' failed to satisfy constraint")))
    }
}

fn rule<'a>(here: &'a mut Here<'_>, params: &Json, key: &str) -> Result<&'a mut Rule, Fault> {
    bus(here, params)?;
    let name = name(params, key)?;
    here.region.events.rules.get_mut(&name).ok_or_else(|| no_rule(&name))
}

/// The ARN of a rule on the default bus.
fn rule_arn(here: &Here<'_>, name: &str) -> String {
    here.arn("events", &format!("rule/{name}"))
}

fn tags(params: &Json) -> BTreeMap<String, String> {
    list(params, "Tags").iter().map(|tag| (text(tag, "Key").to_owned(), text(tag, "Value").to_owned())).collect()
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > 50 {
        return Err(validation("Number of tags exceeds resource tag limit."));
    }
    if tags.keys().any(|key| key.starts_with("aws:")) {
        return Err(validation("System tags cannot be added/updated by requester."));
    }
    Ok(())
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    match call.operation.as_str() {
        "PutRule" => put(here, params),
        "DescribeRule" => {
            let name = name(params, "Name")?;
            let arn = rule_arn(here, &name);
            let account = here.account.to_owned();
            let mut shown = describe(&name, &arn, rule(here, params, "Name")?);
            shown["CreatedBy"] = json!(account);
            Ok(shown)
        }
        "ListRules" => {
            bus(here, params)?;
            let prefix = text(params, "NamePrefix");
            let rules = here.region.events.rules.iter().filter(|(name, _)| name.starts_with(prefix));
            let rules: Vec<Json> = rules.map(|(name, rule)| describe(name, &rule_arn(here, name), rule)).collect();
            paged("Rules", &rules, params)
        }
        "DeleteRule" => {
            bus(here, params)?;
            let name = name(params, "Name")?;
            if here.region.events.rules.get(&name).is_some_and(|rule| !rule.targets.is_empty()) {
                return Err(validation("Rule can't be deleted since it has targets."));
            }
            here.region.events.rules.remove(&name);
            Ok(json!({}))
        }
        "EnableRule" | "DisableRule" => {
            let state = if call.operation == "EnableRule" { "ENABLED" } else { "DISABLED" };
            state.clone_into(&mut rule(here, params, "Name")?.state);
            Ok(json!({}))
        }
        "PutTargets" => targets::put(here, params),
        "RemoveTargets" => targets::remove(here, params),
        "ListTargetsByRule" => {
            let rule = rule(here, params, "Rule")?;
            let targets: Vec<Json> = rule.targets.values().cloned().collect();
            paged("Targets", &targets, params)
        }
        "TagResource" => {
            let added = tags(params);
            let rule = tagged(here, params)?;
            let mut all = rule.tags.clone();
            all.extend(added);
            check_tags(&all)?;
            rule.tags = all;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = texts(params, "TagKeys");
            tagged(here, params)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => {
            let tags = tagged(here, params)?.tags.iter();
            let tags: Vec<Json> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            Ok(json!({ "Tags": tags }))
        }
        "PutEvents" => deliver::put_events(here, params),
        other => Err(unsupported("events", other)),
    }
}

fn tagged<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Rule, Fault> {
    let arn = text(params, "ResourceARN");
    let prefix = rule_arn(here, "");
    let rule = arn.strip_prefix(&prefix).and_then(|name| here.region.events.rules.get_mut(name));
    rule.ok_or_else(|| Fault::new("ResourceNotFoundException", format!("Resource {arn} does not exist.")))
}

fn paged(key: &str, items: &[Json], params: &Json) -> Answer {
    let size = match params["Limit"].as_u64() {
        Some(size @ 1..=100) => usize::try_from(size).unwrap_or(100),
        Some(_) => return Err(validation("Limit must be between 1 and 100")),
        None => 100,
    };
    let (items, token) = page(items, text(params, "NextToken"), size);
    let mut answer = json!({ key: items });
    if let Some(token) = token {
        answer["NextToken"] = json!(token);
    }
    Ok(answer)
}

fn describe(name: &str, arn: &str, rule: &Rule) -> Json {
    let mut shown = json!({ "Name": name, "Arn": arn, "State": rule.state, "EventBusName": "default" });
    let parts = [
        ("EventPattern", &rule.pattern),
        ("ScheduleExpression", &rule.schedule),
        ("Description", &rule.description),
        ("RoleArn", &rule.role),
    ];
    for (key, value) in parts.into_iter().filter(|(_, value)| !value.is_empty()) {
        shown[key] = json!(value);
    }
    shown
}

/// Makes a rule, or replaces every field of one: what is left out is taken away. Tags of an existing rule stay and those
/// sent are ignored (PutRule).
fn put(here: &mut Here<'_>, params: &Json) -> Answer {
    bus(here, params)?;
    let name = name(params, "Name")?;
    let (pattern, schedule) = (text(params, "EventPattern"), text(params, "ScheduleExpression"));
    if pattern.is_empty() && schedule.is_empty() {
        return Err(validation("Parameter(s) EventPattern or ScheduleExpression must be specified."));
    }
    if !pattern.is_empty() {
        pattern::check(pattern).map_err(|why| {
            Fault::new("InvalidEventPatternException", format!("Event pattern is not valid. Reason: {why}"))
        })?;
    }
    let timed = ["rate(", "cron("].iter().any(|word| schedule.starts_with(word)) && schedule.ends_with(')');
    if !(timed || schedule.is_empty()) {
        return Err(validation("Parameter ScheduleExpression is not valid."));
    }
    let state = match text(params, "State") {
        "" => "ENABLED",
        state @ ("ENABLED" | "DISABLED" | "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS") => state,
        other => return Err(validation(format!("Value '{other}' at 'state' failed to satisfy constraint"))),
    };
    if text(params, "Description").chars().count() > 512 {
        return Err(validation("Value at 'description' failed to satisfy constraint: length at most 512"));
    }
    let sent = tags(params);
    check_tags(&sent)?;
    let rules = &mut here.region.events.rules;
    if rules.len() >= 300 && !rules.contains_key(&name) {
        return Err(Fault::new("LimitExceededException", "The requested resource exceeds the maximum number allowed."));
    }
    let new = !rules.contains_key(&name);
    let now = here.now;
    let rule = rules.entry(name.clone()).or_insert_with(|| Rule { tags: sent, created: now, ..Rule::default() });
    pattern.clone_into(&mut rule.pattern);
    schedule.clone_into(&mut rule.schedule);
    state.clone_into(&mut rule.state);
    text(params, "Description").clone_into(&mut rule.description);
    text(params, "RoleArn").clone_into(&mut rule.role);
    if new {
        here.span(name.clone(), [], now);
    }
    Ok(json!({ "RuleArn": rule_arn(here, &name) }))
}

#[cfg(test)]
mod tests;
