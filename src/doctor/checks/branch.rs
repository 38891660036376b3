//! Does an approval mean what was merged?

use serde_json::Value as Json;

use crate::doctor::{Facts, Finding, State};

const CODE: &str = "doctor-branch";

pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let title = "the default branch takes reviewed and checked commits only";
    let rules = match &facts.hub {
        Err(why) => return vec![Finding::unknown(CODE, title, why)],
        Ok(hub) => match &hub.rules {
            Err(why) => return vec![Finding::unknown(CODE, title, why)],
            Ok(rules) => rules,
        },
    };
    let holds = |kind: &str, setting: &str| {
        rules.iter().any(|(known, parameters)| known == kind && parameters[setting] == Json::Bool(true))
    };
    let has = |kind: &str| rules.iter().any(|(known, _)| known == kind);
    // A merge queue checks every commit on the newest base by itself.
    let newest = has("merge_queue") || holds("required_status_checks", "strict_required_status_checks_policy");
    let wanted = [
        (has("pull_request"), "a pull request"),
        (holds("pull_request", "dismiss_stale_reviews_on_push"), "approvals dismissed by a push"),
        (holds("pull_request", "require_last_push_approval"), "the last push approved by somebody else"),
        (has("required_status_checks"), "the check `rem-ci`"),
        (newest, "checks on the newest base (strict, or a merge queue)"),
    ];
    let missing: Vec<_> = wanted.iter().filter(|(there, _)| !there).map(|(_, what)| *what).collect();
    vec![if missing.is_empty() {
        Finding::fine(CODE, title, "all of it is required")
    } else {
        let help = "add a ruleset for the default branch (Settings, Rules); without one, what is applied is still only what was planned";
        Finding::of(CODE, State::Look, title, format!("not required: {}", missing.join(", ")), help)
    }]
}
