//! Changes that open something or take a protection away. They stop nothing; they lead every view, so that no reviewer
//! overlooks them in a long plan.

use super::{Case, Guard, Verb};
use crate::engine::{Action, Change, Step, Value};
use crate::problem::{Problem, Severity};

pub(super) const GUARD: Guard = Guard {
    codes: &[(
        "widens",
        "A change of an existing environment lets somebody in who was not before, or switches a protection off: access entries, \
         the public endpoint and its CIDRs, ingress rules, trusted principals and permissions of roles, key policies, control-plane \
         logs, deletion protection, metadata and volume settings of nodes. It is not refused; look at it first.",
    )],
    check,
};

/// What a field's change means for who may do what.
enum Meaning {
    /// More items let more in.
    Gains,
    /// Fewer items protect less.
    Loses,
    /// Turning to this text opens something.
    Becomes(&'static str),
    /// Any change wants a look.
    Any,
}

/// Kind, field, meaning.
const WATCHED: &[(&str, &str, Meaning)] = &[
    ("access-entry", "policies", Meaning::Gains),
    ("access-entry", "groups", Meaning::Gains),
    ("cluster-role", "rules", Meaning::Any),
    ("cluster-role-binding", "subjects", Meaning::Any),
    ("cluster", "endpointPublic", Meaning::Becomes("true")),
    ("cluster", "publicCidrs", Meaning::Gains),
    ("cluster", "logging", Meaning::Loses),
    ("cluster", "deletionProtection", Meaning::Becomes("false")),
    ("iam-policy", "document", Meaning::Any),
    ("iam-role", "policies", Meaning::Gains),
    ("iam-role", "boundary", Meaning::Any),
    ("iam-role", "inline", Meaning::Any),
    ("iam-role", "trust", Meaning::Any),
    ("kms-key", "policy", Meaning::Any),
    ("launch-template", "metadata", Meaning::Any),
    ("launch-template", "volume", Meaning::Any),
    ("node-class", "blockDeviceMappings", Meaning::Any),
    ("node-class", "metadataOptions", Meaning::Any),
    ("node-class", "role", Meaning::Any),
    ("node-class", "userData", Meaning::Any),
    ("security-group", "ingress", Meaning::Gains),
    ("sqs-queue", "policy", Meaning::Any),
];

#[cfg(test)]
pub(super) fn watched() -> impl Iterator<Item = (&'static str, &'static str)> {
    WATCHED.iter().map(|(kind, field, _)| (*kind, *field))
}

fn check(case: &Case<'_>) -> Vec<Problem> {
    if case.verb == Verb::Destroy {
        return Vec::new();
    }
    let stands = case.plan.steps.iter().any(|step| step.kind == "cluster" && step.live.is_some());
    let mut findings = Vec::new();
    for step in &case.plan.steps {
        // Nobody has written this one into the file.
        if step.address.as_str() == "cluster/access-entry/operator" && step.action == Action::Create {
            let who = step.want.as_ref().and_then(|want| want.get("principal")).map_or_else(String::new, shown);
            findings.push(Problem {
                help: "name `roles.apply`, or somebody in `cluster.access`, and whoever applies gets nothing"
                    .to_owned(),
                ..widens(step, format!("whoever applies is let in as an administrator: {who}"))
            });
            continue;
        }
        if !stands {
            continue;
        }
        if step.kind == "access-entry" && step.action == Action::Create {
            let who = step.want.as_ref().and_then(|want| want.get("principal")).map_or_else(String::new, shown);
            findings.push(widens(step, format!("a new access entry lets {who} in")));
        }
        // Bringing back what drifted narrows as often as it widens; what it becomes is judged, whatever it was.
        findings.extend(step.changes.iter().filter_map(|change| {
            let (.., meaning) = WATCHED.iter().find(|(kind, field, _)| *kind == step.kind && *field == change.field)?;
            let what = says(meaning, change)?;
            Some(widens(step, format!("{} {what}", change.field)))
        }));
    }
    findings
}

/// Every view says of which resource a finding is, so the title does not.
fn widens(step: &Step, what: String) -> Problem {
    Problem::new("widens", Severity::Widens, what, "make sure that this is meant").about(&step.address)
}

fn says(meaning: &Meaning, change: &Change) -> Option<String> {
    let items = |value: &Option<Value>| -> Vec<String> {
        match value {
            Some(Value::Map(entries)) => entries.keys().cloned().collect(),
            Some(value) => value.items().iter().map(shown).collect(),
            None => Vec::new(),
        }
    };
    let (before, after) = (items(&change.before), items(&change.after));
    let beyond = |more: &[String], less: &[String]| {
        let new: Vec<_> = more.iter().filter(|item| !less.contains(item)).cloned().collect();
        (!new.is_empty()).then(|| new.join(", "))
    };
    match meaning {
        Meaning::Gains => beyond(&after, &before).map(|new| format!("gains {new}")),
        Meaning::Loses => beyond(&before, &after).map(|lost| format!("loses {lost}")),
        Meaning::Becomes(open) => {
            (change.after.as_ref().and_then(Value::as_text) == Some(open)).then(|| format!("becomes {open}"))
        }
        Meaning::Any => Some("changes".to_owned()),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Ref { node, .. } => node.to_string(),
        Value::Pending(fact) => fact.clone(),
        Value::Text(text) | Value::Template(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}
