//! The terminal after something was done: apply, destroy, verify, drift, outputs.

use std::fmt::Write as _;

use super::clip;
use crate::view::errors::{self, paint, painted};
use crate::view::report::{ApplyReport, DriftReport, Left, Outcome, OutputReport, OutputValue, Step, VerifyReport};
use crate::view::text::{bounded, visible};
use crate::view::{Style, fields, number};

/// How an apply or a destroy ended: verdict, what failed, what is left, the critical path, what to do next.
#[must_use]
pub fn apply(report: &ApplyReport, style: Style) -> String {
    let environment = bounded(report.environment.raw(), 40);
    let took = number::clock(report.elapsed_ms / 1000);
    let (word, colour) = match report.outcome {
        Outcome::Done => ("done", paint::GREEN),
        Outcome::Incomplete => ("incomplete", paint::RED),
        Outcome::Refused => ("refused", paint::RED),
        Outcome::Interrupted => ("interrupted", paint::YELLOW),
    };
    let mut out = format!("{} {environment}: {}", report.verb, painted(style, colour, word));
    if report.outcome == Outcome::Refused {
        out.push('\n');
    } else {
        let critical = number::clock(report.critical_path_ms / 1000);
        let _ = writeln!(
            out,
            " {} {took}, critical path {critical} (ratio {})",
            if report.outcome == Outcome::Done { "in" } else { "after" },
            ratio(report)
        );
        let done = report.summary;
        let _ = writeln!(
            out,
            "  {} created, {} changed, {} destroyed, {} replaced, {} not begun",
            done.create,
            done.changed(),
            done.delete,
            done.replace,
            report.not_begun.len()
        );
    }
    for step in report.steps.iter().filter(|step| step.error.is_some()) {
        let error = step.error.as_ref().map(|error| visible(error.raw())).unwrap_or_default();
        let head = painted(style, paint::RED, "x failed   ");
        let line = format!("{} ({}): {error}", visible(step.address.as_str()), step.action.as_str());
        let _ = writeln!(out, "  {head}{}", clip(&line, style.width.max(40) * 3));
    }
    let path: Vec<_> = report
        .steps
        .iter()
        .filter(|step| step.critical && step.end_ms >= step.start_ms + 1000)
        .map(|step| {
            let seconds = (step.end_ms - step.start_ms) / 1000;
            format!("{} {}", visible(fields::short(step.address.as_str())), number::clock(seconds))
        })
        .collect();
    if !path.is_empty() {
        let line = format!("longest chain: {}", path.join(" > "));
        for (index, line) in super::wrap(&line, style.width.saturating_sub(4)).into_iter().enumerate() {
            let _ = writeln!(out, "  {}{line}", if index == 0 { "" } else { "| " });
        }
    }
    if let Some(line) = beside(report) {
        for (index, line) in super::wrap(&line, style.width.saturating_sub(4)).into_iter().enumerate() {
            let _ = writeln!(out, "  {}{line}", if index == 0 { "" } else { "| " });
        }
    }
    for note in &report.notes {
        for (index, line) in super::wrap(&visible(note.raw()), style.width.saturating_sub(13)).into_iter().enumerate() {
            let head = if index == 0 { painted(style, paint::CYAN, "- inside   ") } else { " ".repeat(11) };
            let _ = writeln!(out, "  {head}{line}");
        }
    }
    left(&mut out, "! left over", &report.leftovers, paint::YELLOW, style);
    left(&mut out, "i kept     ", &report.kept, paint::CYAN, style);
    if !report.problems.is_empty() {
        out.push('\n');
        out.push_str(&errors::problems(&report.problems, style));
    }
    out
}

/// The long steps beside the chain that came nearest to being on it, each with how much longer it could have taken.
fn beside(report: &ApplyReport) -> Option<String> {
    let long = |step: &&Step| !step.critical && step.error.is_none() && step.end_ms >= step.start_ms + 10_000;
    let mut steps: Vec<&Step> = report.steps.iter().filter(long).collect();
    steps.sort_by_key(|step| step.slack_ms);
    let parts = steps.iter().take(3).map(|step| {
        let took = number::clock((step.end_ms - step.start_ms) / 1000);
        let slack = number::clock(step.slack_ms / 1000);
        format!("{} {took} (slack {slack})", visible(fields::short(step.address.as_str())))
    });
    let parts: Vec<_> = parts.collect();
    (!parts.is_empty()).then(|| format!("beside it: {}", parts.join(", ")))
}

/// Elapsed over critical path, with two digits; the integer arithmetic keeps it the same everywhere.
pub(in crate::view) fn ratio(report: &ApplyReport) -> String {
    if report.critical_path_ms == 0 {
        return "1.00".to_owned();
    }
    let hundredths = (report.elapsed_ms * 100 + report.critical_path_ms / 2) / report.critical_path_ms;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn left(out: &mut String, head: &str, things: &[Left], colour: &str, style: Style) {
    for thing in things {
        let line = format!("{} {}: {}", visible(&thing.noun), visible(thing.id.raw()), visible(thing.why.raw()));
        let _ = writeln!(out, "  {}{}", painted(style, colour, head), clip(&line, style.width.saturating_sub(13)));
    }
}

/// A verification: verdict, then one line per check, evidence and help under those that do not hold.
#[must_use]
pub fn verify(report: &VerifyReport, style: Style) -> String {
    let good = report.checks.iter().filter(|check| check.passed).count();
    let (word, colour) = if report.passed() { ("verified", paint::GREEN) } else { ("NOT verified", paint::RED) };
    let environment = bounded(report.environment.raw(), 40);
    let mut out = format!(
        "verify {environment}: {}, {good} of {} hold\n\n",
        painted(style, colour, word),
        number::count(report.checks.len(), "check")
    );
    for check in &report.checks {
        let mark = if check.passed { painted(style, paint::GREEN, "ok  ") } else { painted(style, paint::RED, "FAIL") };
        let evidence = visible(check.evidence.raw());
        let title = visible(&check.title);
        let room = style.width.saturating_sub(8);
        let line = if evidence.is_empty() { title.clone() } else { format!("{title}: {evidence}") };
        // What holds needs one line; the whole evidence is in the JSON. What does not hold is said in full.
        let told = title.contains(&evidence) || line.chars().count() > room;
        let line = if check.passed && told { title } else { line };
        for (index, line) in super::wrap(&line, room).iter().enumerate() {
            let _ = if index == 0 { writeln!(out, "  {mark}  {line}") } else { writeln!(out, "  |     {line}") };
        }
        if !check.passed {
            let _ = writeln!(out, "  help  {}   rem-ci explain {}", visible(&check.help), check.code);
        }
    }
    out
}

/// What moved without us, as the plan back to it.
#[must_use]
pub fn drift(report: &DriftReport, style: Style) -> String {
    let counts = report.plan.counts();
    let environment = bounded(report.plan.environment.raw(), 40);
    let baseline = visible(report.baseline.raw());
    if counts.changes() + counts.unknown == 0 {
        return format!("drift {environment}: {} against {baseline}\n", painted(style, paint::GREEN, "none"));
    }
    let what = number::count(counts.changes() + counts.unknown, "resource");
    let head = painted(style, paint::YELLOW, &format!("{what} moved"));
    format!("drift {environment}: {head} against {baseline}\n\n{}", super::plan(&report.plan, style))
}

/// An output is there to be used whole: a certificate has some 1,500 characters.
const OUTPUT_BOUND: usize = 8192;

/// One output, bare, on a line of its own: for `$(rem-ci output prod vpc_id)`.
#[must_use]
pub fn output_value(value: &OutputValue) -> String {
    let text = match value {
        OutputValue::Text(text) => bounded(text.raw(), OUTPUT_BOUND),
        OutputValue::List(texts) => {
            texts.iter().map(|text| bounded(text.raw(), OUTPUT_BOUND)).collect::<Vec<_>>().join(" ")
        }
    };
    text + "\n"
}

/// Outputs, one `name = value` a line; a list has its values side by side.
#[must_use]
pub fn outputs(report: &OutputReport) -> String {
    let widest = report.outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in &report.outputs {
        let _ = write!(out, "{name:<widest$} = {}", output_value(value));
    }
    out
}
