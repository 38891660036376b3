//! Karpenter's log: lines of JSON, as its logger writes them.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use crate::sandbox::region::iso;
use crate::sandbox::state::Millis;

/// Lines kept for a pod.
const KEPT: usize = 400;

/// Writes a line of the acting replica; `more` are the fields beside level, time and message. A line that only repeats the
/// last one is left out.
pub(super) fn line(inside: &mut Inside<'_, '_>, level: &str, message: &str, more: &Json) {
    if let Some(leader) = inside.work.karpenter.leader.clone() {
        line_of(inside, &leader.pod, level, message, more);
    }
}

/// The same for a pod, as `namespace/name`.
pub(super) fn line_of(inside: &mut Inside<'_, '_>, pod: &str, level: &str, message: &str, more: &Json) {
    let mut line = json!({
        "level": level, "time": iso(inside.now()), "logger": "controller", "message": message, "commit": "5c8cb1d",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        line[key] = value.clone();
    }
    let now = inside.here.now;
    let lines = inside.work.karpenter.log.entry(pod.to_owned()).or_default();
    let same = |(_, known): &(Millis, String)| {
        serde_json::from_str::<Json>(known).is_ok_and(|known| {
            known["message"] == line["message"]
                && known["error"] == line["error"]
                && known["level"] == line["level"]
                && level == "ERROR"
        })
    };
    if lines.iter().rev().take(8).any(same) {
        return;
    }
    lines.push((now, line.to_string()));
    if lines.len() > KEPT {
        lines.remove(0);
    }
}

/// An error of a controller, as controller-runtime words it.
pub(super) fn error(inside: &mut Inside<'_, '_>, controller: &str, about: &str, error: &str) {
    line(inside, "ERROR", "Reconciler error", &json!({"controller": controller, "name": about, "error": error}));
}

/// The log of a pod: lines with their times.
pub(in super::super) fn of(memory: &super::Memory, pod: &str) -> Vec<(Millis, String)> {
    memory.log.get(pod).cloned().unwrap_or_default()
}
