//! Markdown after something was done: apply, verify, drift.

use std::fmt::Write as _;

use super::{CommentMeta, fit, footer, marker};
use crate::view::human::ratio;
use crate::view::report::{ApplyReport, DriftReport, Left, Outcome, OutputReport, OutputValue, Step, VerifyReport};
use crate::view::text::{code, code_cell, mermaid, prose};
use crate::view::{number, words};

/// How an apply or a destroy ended, with the verification if there was one; for the job summary and for the comment.
#[must_use]
pub fn apply_summary(report: &ApplyReport, verify: Option<&VerifyReport>, meta: &CommentMeta, limit: usize) -> String {
    let mut out = marker(&meta.marker);
    let _ = writeln!(out, "### {}\n", headline(report, verify));
    let done = report.summary;
    if report.outcome != Outcome::Refused {
        out.push_str(
            "| | environment | created | changed | replaced | destroyed | not begun | took | critical path | ratio |\n",
        );
        out.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        let _ = writeln!(
            out,
            "| {} | **{}** | {} | {} | {} | {} | {} | {} | {} | {} |\n",
            if report.outcome == Outcome::Done { "✅" } else { "❌" },
            code_cell(report.environment.raw()),
            done.create,
            done.changed(),
            done.replace,
            done.delete,
            report.not_begun.len(),
            number::clock(report.elapsed_ms / 1000),
            number::clock(report.critical_path_ms / 1000),
            ratio(report)
        );
    }
    failures(&mut out, report);
    if let Some(verify) = verify {
        checks(&mut out, verify);
    }
    notes(&mut out, report);
    left(&mut out, "Left over", &report.leftovers);
    left(&mut out, "Kept on purpose", &report.kept);
    gantt(&mut out, &report.steps);
    if report.outcome == Outcome::Incomplete || report.outcome == Outcome::Interrupted {
        out.push_str("**Next**: run the job again. It continues where this one stopped and does nothing twice.\n\n");
    }
    out.push_str(&footer(meta));
    fit(&out, limit)
}

fn headline(report: &ApplyReport, verify: Option<&VerifyReport>) -> String {
    let took = number::clock(report.elapsed_ms / 1000);
    let verb = if report.verb == "destroy" { "destroyed" } else { "applied" };
    let ending = match report.outcome {
        Outcome::Done => format!("{verb} in {took}"),
        Outcome::Incomplete => format!("{} incomplete after {took}", report.verb),
        Outcome::Refused => format!("{} refused", report.verb),
        Outcome::Interrupted => format!("{} interrupted after {took}", report.verb),
    };
    let checked = verify.map_or(String::new(), |verify| {
        let good = verify.checks.iter().filter(|check| check.passed).count();
        let word = if verify.passed() { "verified" } else { "**not verified**" };
        format!(", {word} ({good} of {})", number::count(verify.checks.len(), "check"))
    });
    format!("rem-ci: {} {ending}{checked}", code(report.environment.raw()))
}

fn failures(out: &mut String, report: &ApplyReport) {
    let failed: Vec<_> = report.steps.iter().filter_map(|step| Some((step, step.error.as_ref()?))).collect();
    if failed.is_empty() && report.problems.is_empty() {
        return;
    }
    out.push_str("> [!CAUTION]\n");
    for (step, error) in failed {
        let what = format!("**{} failed** {}", step.action.as_str(), code(step.address.as_str()));
        let _ = writeln!(out, "> {what}: {}<br>", code(error.raw()));
    }
    for problem in &report.problems {
        let head = format!("**{}** {}", words::severity(problem.severity), prose(&problem.title));
        let help = if problem.help.is_empty() { String::new() } else { format!(". Help: {}", prose(&problem.help)) };
        let _ = writeln!(out, "> {head}{help} ({})<br>", code(&format!("rem-ci explain {}", problem.code)));
    }
    out.push('\n');
}

/// A verification on its own.
#[must_use]
pub fn verify_summary(report: &VerifyReport) -> String {
    let word = if report.passed() { "verified" } else { "**not verified**" };
    let mut out = format!("### rem-ci: {} {word}\n\n", code(report.environment.raw()));
    checks(&mut out, report);
    out
}

fn checks(out: &mut String, report: &VerifyReport) {
    let table = |out: &mut String, passed: bool| {
        for check in report.checks.iter().filter(|check| check.passed == passed) {
            let help = if passed { String::new() } else { prose(&check.help).replace('|', "\\|") };
            let evidence = if check.evidence.is_empty() { String::new() } else { code_cell(check.evidence.raw()) };
            let title = prose(&check.title).replace('|', "\\|");
            let _ = writeln!(out, "| {} | {title} | {evidence} | {help} |", if passed { "✅" } else { "❌" });
        }
    };
    let head = "| | check | seen | what to do |\n|---|---|---|---|\n";
    if report.checks.iter().any(|check| !check.passed) {
        out.push_str(head);
        table(out, false);
        out.push('\n');
    }
    let good = report.checks.iter().filter(|check| check.passed).count();
    if good > 0 {
        let _ = write!(out, "<details><summary>Checks that hold: {good}</summary>\n\n{head}");
        table(out, true);
        out.push_str("\n</details>\n\n");
    }
}

/// What was done beside the plan.
fn notes(out: &mut String, report: &ApplyReport) {
    if report.notes.is_empty() {
        return;
    }
    out.push_str("**Inside the cluster**\n\n");
    for note in &report.notes {
        let _ = writeln!(out, "- {}", prose(note.raw()));
    }
    out.push('\n');
}

fn left(out: &mut String, title: &str, things: &[Left]) {
    if things.is_empty() {
        return;
    }
    let _ = writeln!(out, "**{title}**\n");
    for thing in things {
        let _ = writeln!(out, "- {} {}: {}", prose(&thing.noun), code(thing.id.raw()), prose(thing.why.raw()));
    }
    out.push('\n');
}

/// The apply as a chart: the longest 40 steps, in order of their start.
fn gantt(out: &mut String, steps: &[Step]) {
    let mut long: Vec<_> = steps.iter().filter(|step| step.end_ms >= step.start_ms + 1000).collect();
    long.sort_by_key(|step| std::cmp::Reverse(step.end_ms - step.start_ms));
    long.truncate(40);
    long.sort_by_key(|step| (step.start_ms, step.end_ms));
    if long.is_empty() {
        return;
    }
    out.push_str(
        "<details><summary>What ran when</summary>\n\n```mermaid\ngantt\n  dateFormat x\n  axisFormat %M:%S\n",
    );
    let mut section = "";
    for step in long {
        if step.address.section() != section {
            section = step.address.section();
            let _ = writeln!(out, "  section {}", task(section));
        }
        let state = match (&step.error, step.critical) {
            (Some(_), _) => "crit, ",
            (None, true) => "active, ",
            (None, false) => "",
        };
        let name = task(crate::view::fields::short(step.address.as_str()));
        let _ = writeln!(out, "  {name} :{state}{}, {}", step.start_ms, step.end_ms);
    }
    out.push_str("```\n\n</details>\n\n");
}

/// A name in a gantt chart, where a colon ends it.
fn task(name: &str) -> String {
    format!("{} ", mermaid(name).replace(':', "_")).trim().to_owned()
}

/// The body of the drift issue of one environment.
#[must_use]
pub fn drift_issue(report: &DriftReport, meta: &CommentMeta, limit: usize) -> String {
    let counts = report.plan.counts();
    let mut out = marker(&meta.marker);
    let moved = number::count(counts.changes() + counts.unknown, "resource");
    let _ = writeln!(
        out,
        "### {} differ in {} from {}\n",
        moved,
        code(report.plan.environment.raw()),
        prose(report.baseline.raw())
    );
    out.push_str("Somebody or something changed what rem-ci owns. Either take it over into the environment file, or apply to set it back.\n\n");
    super::compose(out, std::slice::from_ref(&report.plan), &[], &footer(meta), limit)
}

/// The outputs of an environment as a table.
#[must_use]
pub fn outputs(report: &OutputReport) -> String {
    let mut out = String::from("| output | value |\n|---|---|\n");
    for (name, value) in &report.outputs {
        let value = match value {
            OutputValue::Text(text) => code_cell(text.raw()),
            OutputValue::List(texts) => texts.iter().map(|text| code_cell(text.raw())).collect::<Vec<_>>().join(" "),
        };
        let _ = writeln!(out, "| {} | {value} |", code_cell(name));
    }
    out
}
