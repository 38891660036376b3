//! What is due fires, in the order of time, against the cluster as it is at that moment.

use serde_json::Value as Json;

use super::Fired;
use crate::sandbox::aws::{eks, iam};
use crate::sandbox::region::{Here, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::Call;

/// A failed invocation is tried again after a growing pause: as long as this at first, milliseconds.
const FIRST_PAUSE: Millis = 30_000;

/// The defaults of a retry policy: tries, and the age of the event in seconds.
const TRIES: i64 = 185;
const AGE: i64 = 86_400;

/// Lets what is due happen, each at its own time.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    while let Some((at, name)) = next(here).filter(|(at, _)| *at <= now) {
        here.now = at;
        // The cluster has got that far too.
        eks::settle(here);
        invoke(here, &name);
    }
    here.now = now;
}

fn next(here: &Here<'_>) -> Option<(Millis, String)> {
    here.region.scheduler.schedules.iter().map(|(name, schedule)| (schedule.at, name.clone())).min()
}

fn invoke(here: &mut Here<'_>, name: &str) {
    let Some(schedule) = here.region.scheduler.schedules.get(name).cloned() else { return };
    let target = &schedule.body["Target"];
    let error = call(here, target).err();
    here.region.scheduler.fired.push(Fired { name: name.to_owned(), at: here.now, error: error.clone() });
    let policy = &target["RetryPolicy"];
    let most = policy["MaximumRetryAttempts"].as_i64().unwrap_or(TRIES);
    let age = policy["MaximumEventAgeInSeconds"].as_i64().unwrap_or(AGE) * 1000;
    let pause = FIRST_PAUSE << schedule.tries.clamp(0, 6);
    let again = error.is_some() && schedule.tries < most && here.now + pause - schedule.due <= age;
    if again {
        if let Some(schedule) = here.region.scheduler.schedules.get_mut(name) {
            schedule.tries += 1;
            schedule.at += pause;
        }
    } else if text(&schedule.body, "ActionAfterCompletion") == "DELETE" {
        here.region.scheduler.schedules.remove(name);
    } else if let Some(schedule) = here.region.scheduler.schedules.get_mut(name) {
        schedule.at = Millis::MAX;
    }
}

/// Calls EKS as a session of the schedule's role. Gives the code of a refusal.
fn call(here: &mut Here<'_>, target: &Json) -> Result<(), String> {
    let role = here.iam.role(text(target, "RoleArn")).ok_or("AccessDeniedException")?;
    let (arn, id) = (role.arn.clone(), role.id.clone());
    let key = format!("ASIA{}SCHEDULERSCHEDUL", here.account);
    let session = iam::Session { arn: arn.clone(), role: arn, user_id: id, policy: None, expires: here.now + 60_000 };
    here.iam.sessions.insert(key.clone(), session);
    let input: Json = serde_json::from_str(text(target, "Input")).unwrap_or_default();
    let call = Call {
        service: "eks".to_owned(),
        operation: "UpdateClusterConfig".to_owned(),
        params: members(&input),
        region: here.name.to_owned(),
        access_key: key.clone(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    };
    let answer = iam::authorize(here, &call).and_then(|()| eks::handle(here, &call).map(|_| ()));
    here.iam.sessions.remove(&key);
    answer.map_err(|fault| fault.code)
}

/// From the members of an SDK's request to the API's own names.
fn members(input: &Json) -> Json {
    match input {
        Json::Object(fields) => {
            let lower = |key: &String| {
                let mut letters = key.chars();
                letters.next().map(|first| first.to_lowercase().chain(letters).collect::<String>()).unwrap_or_default()
            };
            Json::Object(fields.iter().map(|(key, value)| (lower(key), members(value))).collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(members).collect()),
        other => other.clone(),
    }
}
