//! Account ids and ARNs shortened, where anybody can read what is written: public repositories.
//!
//! On the models, not on finished text: a run's number may have twelve digits too.

use crate::engine::Value;
use crate::problem::Problem;
use crate::view::Untrusted;
use crate::view::comment::{Beyond, Ended, Environment, Gate, Stage};
use crate::view::report::{ApplyReport, FieldRow, Left, PlanReport, VerifyReport};

/// A text without account ids: `123456789012` becomes `…9012`, `arn:aws:iam::123456789012:role/x` becomes `arn:…:role/x`.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("arn:aws") {
        out.push_str(&accounts(&rest[..at]));
        // partition, service, region, account, the rest.
        let parts: Vec<&str> = rest[at..].splitn(6, ':').collect();
        let plain = |part: &str| part.len() <= 64 && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if parts.len() == 6 && parts[1..5].iter().all(|part| plain(part)) {
            out.push_str("arn:…:");
            rest = parts[5];
        } else {
            out.push_str("arn:aws");
            rest = &rest[at + "arn:aws".len()..];
        }
    }
    out.push_str(&accounts(rest));
    out
}

/// Twelve digits that stand alone.
fn accounts(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut digits = String::new();
    let mut before = ' ';
    let flush = |out: &mut String, digits: &mut String, before: char, after: char| {
        let alone = !before.is_alphanumeric() && !after.is_alphanumeric();
        if digits.len() == 12 && alone {
            out.push('…');
            out.push_str(&digits[8..]);
        } else {
            out.push_str(digits);
        }
        digits.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        if !digits.is_empty() {
            flush(&mut out, &mut digits, before, c);
        }
        out.push(c);
        before = c;
    }
    if !digits.is_empty() {
        flush(&mut out, &mut digits, before, ' ');
    }
    out
}

fn untrusted(value: &Untrusted) -> Untrusted {
    Untrusted::new(text(value.raw()))
}

fn value(from: &Value) -> Value {
    match from {
        Value::Text(of) => Value::Text(text(of)),
        Value::Template(of) => Value::Template(text(of)),
        Value::Policy(of) => Value::Policy(text(of)),
        Value::List(items) => Value::List(items.iter().map(value).collect()),
        Value::Set(items) => Value::Set(items.iter().map(value).collect()),
        Value::Map(entries) => Value::Map(entries.iter().map(|(key, entry)| (text(key), value(entry))).collect()),
        same @ (Value::Ref { .. } | Value::Pending(_)) => same.clone(),
    }
}

fn field(row: &FieldRow) -> FieldRow {
    FieldRow {
        path: text(&row.path),
        before: row.before.as_ref().map(value),
        after: row.after.as_ref().map(value),
        ..row.clone()
    }
}

/// A finding.
#[must_use]
pub fn problem(from: &Problem) -> Problem {
    Problem { title: text(&from.title), help: text(&from.help), ..from.clone() }
}

/// A plan.
#[must_use]
pub fn plan(from: &PlanReport) -> PlanReport {
    let mut plan = from.clone();
    plan.account = untrusted(&plan.account);
    for row in &mut plan.rows {
        row.reason = untrusted(&row.reason);
        row.fields = row.fields.iter().map(field).collect();
    }
    plan.findings = plan.findings.iter().map(problem).collect();
    for stray in &mut plan.strays {
        stray.id = untrusted(&stray.id);
        stray.why = untrusted(&stray.why);
    }
    plan
}

fn left(things: &[Left]) -> Vec<Left> {
    let one = |thing: &Left| Left { noun: thing.noun.clone(), id: untrusted(&thing.id), why: untrusted(&thing.why) };
    things.iter().map(one).collect()
}

/// An apply.
#[must_use]
pub fn apply(from: &ApplyReport) -> ApplyReport {
    let mut report = from.clone();
    for step in &mut report.steps {
        step.error = step.error.as_ref().map(untrusted);
    }
    report.leftovers = left(&report.leftovers);
    report.kept = left(&report.kept);
    report.notes = report.notes.iter().map(untrusted).collect();
    report.problems = report.problems.iter().map(problem).collect();
    report
}

/// A verification.
#[must_use]
pub fn verify(from: &VerifyReport) -> VerifyReport {
    let mut report = from.clone();
    for check in &mut report.checks {
        check.evidence = untrusted(&check.evidence);
        check.help = text(&check.help);
    }
    report
}

/// Differences.
#[must_use]
pub fn beyond(from: &[Beyond]) -> Vec<Beyond> {
    let one = |one: &Beyond| Beyond { approved: untrusted(&one.approved), now: untrusted(&one.now), ..one.clone() };
    from.iter().map(one).collect()
}

/// Everything there is to say of an environment.
#[must_use]
pub fn environment(from: &Environment) -> Environment {
    let stage = match &from.stage {
        Stage::Ended(ended) => {
            Stage::Ended(Box::new(Ended { report: apply(&ended.report), verify: ended.verify.as_ref().map(verify) }))
        }
        Stage::Refused { verb, problems, beyond: differences } => {
            Stage::Refused { verb, problems: problems.iter().map(problem).collect(), beyond: beyond(differences) }
        }
        Stage::Waiting(what) => Stage::Waiting(untrusted(what)),
        Stage::Stale(why) => Stage::Stale(untrusted(why)),
        same @ (Stage::Planning | Stage::Planned | Stage::Applying(_) | Stage::Offline(_)) => same.clone(),
    };
    Environment {
        stage,
        plan: from.plan.as_ref().map(plan),
        gates: from.gates.iter().map(|gate| Gate { met: gate.met, text: untrusted(&gate.text) }).collect(),
        ..from.clone()
    }
}
