//! Disruption budgets: how many nodes of a pool may be disrupted at a time, for which reason, when.

use serde_json::Value as Json;

use super::super::meta::items;
use super::lifecycle::span;
use crate::sandbox::kube::store::text;
use crate::sandbox::state::Millis;

/// How many nodes of `total` may be disrupted for a reason at a moment.
pub(super) fn allowed(pool: &Json, reason: &str, total: u64, now: Millis) -> u64 {
    let budgets = items(pool, "/spec/disruption/budgets");
    if budgets.is_empty() {
        return total.div_ceil(10);
    }
    let counts = |budget: &&Json| {
        let reasons = items(budget, "/reasons");
        (reasons.is_empty() || reasons.iter().any(|one| one == reason)) && active(budget, now)
    };
    budgets.iter().filter(counts).map(|budget| nodes(budget, total)).min().unwrap_or(total)
}

/// `3`, or `10%` rounded up.
fn nodes(budget: &Json, total: u64) -> u64 {
    let text = text(budget, "/nodes");
    match text.strip_suffix('%') {
        Some(percent) => (total * percent.parse::<u64>().unwrap_or(10)).div_ceil(100),
        None => text.parse().unwrap_or(total),
    }
}

/// Whether a budget has a schedule, so that what it says changes with the time.
pub(super) fn scheduled(pool: &Json) -> bool {
    items(pool, "/spec/disruption/budgets").iter().any(|budget| !budget["schedule"].is_null())
}

/// Whether a budget's window is open: one without a schedule always is.
fn active(budget: &Json, now: Millis) -> bool {
    let Some(schedule) = budget["schedule"].as_str() else { return true };
    let minutes = span(text(budget, "/duration")).unwrap_or_default() / 60_000;
    let minute = now.div_euclid(60_000);
    (0..minutes).any(|back| fires(schedule, (minute - back) * 60_000))
}

/// Whether a cron expression fires at a minute, in UTC.
fn fires(schedule: &str, at: Millis) -> bool {
    let schedule = match schedule.trim() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        own => own,
    };
    let Ok(time) = jiff::Timestamp::from_millisecond(at) else { return false };
    let time = time.to_zoned(jiff::tz::TimeZone::UTC);
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields.as_slice() else { return false };
    let day_fits = field(day, i64::from(time.day()), 1, 31, &[]);
    let week_fits = field(weekday, i64::from(time.weekday().to_sunday_zero_offset()), 0, 7, DAYS)
        || (time.weekday().to_sunday_zero_offset() == 0 && field(weekday, 7, 0, 7, DAYS));
    // As cron does it: with both restricted, one is enough.
    let date = if *day == "*" || *weekday == "*" { day_fits && week_fits } else { day_fits || week_fits };
    date && field(minute, i64::from(time.minute()), 0, 59, &[])
        && field(hour, i64::from(time.hour()), 0, 23, &[])
        && field(month, i64::from(time.month()), 1, 12, MONTHS)
}

const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const MONTHS: &[&str] = &["", "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Whether a value fits a field: `*`, `5`, `1-5`, `*/10`, `mon`, lists of those.
fn field(text: &str, value: i64, least: i64, most: i64, names: &[&str]) -> bool {
    let number = |text: &str| {
        let named = names.iter().position(|name| !name.is_empty() && text.eq_ignore_ascii_case(name));
        named.and_then(|at| i64::try_from(at).ok()).or_else(|| text.parse::<i64>().ok())
    };
    text.split(',').any(|part| {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step = step.parse::<i64>().unwrap_or(1).max(1);
        let bounds = match range.split_once('-') {
            _ if range == "*" => Some((least, most)),
            Some((from, to)) => number(from).zip(number(to)),
            None => number(range).map(|one| (one, if part.contains('/') { most } else { one })),
        };
        bounds.is_some_and(|(from, to)| (from..=to).contains(&value) && (value - from) % step == 0)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{allowed, fires};

    /// 2026-11-18 00:00 UTC, a Wednesday.
    const DAY: i64 = 1_794_960_000_000;

    #[test]
    fn cron_fires_when_it_says() {
        assert!(fires("@daily", DAY));
        assert!(!fires("@daily", DAY + 60_000));
        assert!(fires("*/15 0 * * mon-fri", DAY + 15 * 60_000));
        assert!(!fires("0 0 * * 0", DAY));
        assert!(fires("0 0 18 11 *", DAY));
    }

    #[test]
    fn a_window_closes_and_the_strictest_budget_counts() {
        let pool = json!({"spec": {"disruption": {"budgets": [
            {"nodes": "20%"}, {"nodes": "0", "schedule": "@daily", "duration": "2h", "reasons": ["Drifted"]},
        ]}}});
        assert_eq!(allowed(&pool, "Drifted", 10, DAY + 3_600_000), 0);
        assert_eq!(allowed(&pool, "Empty", 10, DAY + 3_600_000), 2);
        assert_eq!(allowed(&pool, "Drifted", 10, DAY + 3 * 3_600_000), 2);
        assert_eq!(allowed(&json!({}), "Empty", 11, DAY), 2, "a tenth, rounded up, where none is said");
    }
}
