//! Simulated EventBridge Scheduler: one-time schedules in the default group, with the one universal target that is used
//! here. A schedule fires by itself when its time has come, with the permissions of its role.
//!
//! Source: EventBridge Scheduler API reference; user guide, "Using universal targets" and "Schedule types". That the input
//! is spelt as the SDK's members are (`Name`, not `name`), and that `CreateSchedule` refuses other spellings, is known from
//! public reports of such schedules for EKS.

mod fire;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

pub use fire::settle;

use crate::sandbox::aws::iam;
use crate::sandbox::region::{Here, epoch, page, text, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Of the default group, by name.
    pub schedules: BTreeMap<String, Schedule>,
    /// What has fired and how it ended, oldest first.
    pub fired: Vec<Fired>,
}

impl State {
    /// When the next schedule fires, or tries again.
    #[must_use]
    pub fn next_due(&self) -> Option<Millis> {
        self.schedules.values().map(|schedule| schedule.at).min()
    }
}

/// One schedule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// As sent, without the token.
    pub body: Json,
    /// The token it was made with.
    pub token: String,
    /// When it was made.
    pub created: Millis,
    /// When it fires, or tries again.
    pub at: Millis,
    /// When it first was to fire.
    pub due: Millis,
    /// Tries so far.
    pub tries: i64,
}

/// One invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fired {
    /// The schedule.
    pub name: String,
    /// When.
    pub at: Millis,
    /// The target's code, where it refused.
    pub error: Option<String>,
}

/// The one universal target.
const TARGET: &str = ":scheduler:::aws-sdk:eks:updateClusterConfig";

fn validation(why: impl Into<String>) -> Fault {
    Fault::new("ValidationException", why)
}

fn absent(name: &str) -> Fault {
    Fault::new("ResourceNotFoundException", format!("Schedule {name} does not exist.")).status(404)
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let group = ["GroupName", "groupName", "ScheduleGroup"].map(|key| text(params, key));
    if group.iter().any(|group| !["", "default"].contains(group)) {
        return Err(Fault::new("ResourceNotFoundException", "Schedule group does not exist.").status(404));
    }
    match call.operation.as_str() {
        "CreateSchedule" => create(here, params),
        "GetSchedule" => {
            let name = text(params, "Name");
            let schedule = here.region.scheduler.schedules.get(name).ok_or_else(|| absent(name))?;
            Ok(schedule.show(here, name))
        }
        "DeleteSchedule" => {
            let name = text(params, "Name");
            here.region.scheduler.schedules.remove(name).ok_or_else(|| absent(name))?;
            Ok(json!({}))
        }
        "ListSchedules" => {
            let prefix = text(params, "NamePrefix");
            let names: Vec<_> =
                here.region.scheduler.schedules.keys().filter(|name| name.starts_with(prefix)).collect();
            let size = text(params, "MaxResults").parse().unwrap_or(100);
            let (names, next) = page(&names, text(params, "NextToken"), size);
            let rows = names.iter().filter_map(|name| {
                let schedule = here.region.scheduler.schedules.get(*name)?;
                let target = json!({ "Arn": schedule.body["Target"]["Arn"] });
                let arn = arn(here, name);
                Some(json!({ "Arn": arn, "Name": name, "GroupName": "default", "State": "ENABLED", "Target": target }))
            });
            Ok(json!({ "Schedules": rows.collect::<Vec<_>>(), "NextToken": next }))
        }
        other => Err(unsupported("scheduler", other)),
    }
}

fn arn(here: &Here<'_>, name: &str) -> String {
    here.arn("scheduler", &format!("schedule/default/{name}"))
}

impl Schedule {
    fn show(&self, here: &Here<'_>, name: &str) -> Json {
        let mut shown = self.body.clone();
        shown["Arn"] = json!(arn(here, name));
        shown["GroupName"] = json!("default");
        shown["CreationDate"] = epoch(self.created);
        shown["LastModificationDate"] = epoch(self.created);
        shown
    }
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = text(params, "Name").to_owned();
    let well = (1..=64).contains(&name.len())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_".contains(letter));
    if !well {
        return Err(validation(format!("Value '{name}' at 'name' failed to satisfy constraint")));
    }
    let token = text(params, "ClientToken").to_owned();
    if let Some(there) = here.region.scheduler.schedules.get(&name) {
        if !token.is_empty() && there.token == token {
            return Ok(json!({ "ScheduleArn": arn(here, &name) }));
        }
        return Err(Fault::new("ConflictException", format!("Schedule {name} already exists.")).status(409));
    }
    if !["OFF", "FLEXIBLE"].contains(&text(&params["FlexibleTimeWindow"], "Mode")) {
        return Err(validation("FlexibleTimeWindow is required"));
    }
    let at = once(text(params, "ScheduleExpression"), text(params, "ScheduleExpressionTimezone"))?;
    let target = &params["Target"];
    if !text(target, "Arn").ends_with(TARGET) {
        return Err(validation(format!("Provided Arn is not in correct format: {}", text(target, "Arn"))));
    }
    let input: Json = serde_json::from_str(text(target, "Input"))
        .map_err(|error| validation(format!("Invalid RequestJson provided. Reason {error}")))?;
    if text(&input, "Name").is_empty() {
        return Err(validation("Invalid RequestJson provided. Reason The request is missing the field Name"));
    }
    let role = here.iam.role(text(target, "RoleArn")).filter(|role| role.usable <= here.now);
    let context = [("aws:sourceaccount".to_owned(), vec![here.account.to_owned()])].into_iter().collect();
    if !role.is_some_and(|role| iam::allows_service(&role.trust, "scheduler.amazonaws.com", &context)) {
        return Err(validation(
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        ));
    }
    let mut body = params.clone();
    if let Json::Object(fields) = &mut body {
        fields.remove("ClientToken");
    }
    let schedule = Schedule { body, token, created: here.now, at, due: at, tries: 0 };
    here.region.scheduler.schedules.insert(name.clone(), schedule);
    Ok(json!({ "ScheduleArn": arn(here, &name) }))
}

/// `at(2026-11-25T03:00:00)`, in UTC.
fn once(expression: &str, zone: &str) -> Result<Millis, Fault> {
    let bad = || validation(format!("Invalid Schedule Expression {expression}."));
    if !["", "UTC"].contains(&zone) {
        return Err(validation(format!("the sandbox knows no time zone but UTC, not {zone}")));
    }
    let time = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(bad)?;
    let time: jiff::civil::DateTime = time.parse().map_err(|_| bad())?;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| bad())?;
    Ok(time.timestamp().as_millisecond())
}
