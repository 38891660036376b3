//! The parts of what was done: apply, destroy, verify; and the outputs of an environment.

use std::fmt::Write as _;

use super::document::{Document, Part, Rank};
use super::gantt::gantt;
use crate::view::human::ratio;
use crate::view::number;
use crate::view::report::{ApplyReport, Left, Outcome, OutputReport, OutputValue, VerifyReport};
use crate::view::text::{code, code_cell, prose};

/// How an apply or a destroy ended, with the verification if there was one.
#[must_use]
pub fn applied(report: &ApplyReport, verify: Option<&VerifyReport>, limit: usize) -> String {
    let mut document = Document::new("the log of this run");
    let head = format!("### rem-ci: {} {}\n\n", code(report.environment.raw()), verdict(report, verify));
    document.add(Part::whole(Rank::Verdict, "the verdict", head));
    for part in ended(report, verify) {
        document.add(part);
    }
    if let Some(chart) = gantt(&report.steps) {
        document.add(chart);
    }
    document.notice_here();
    if matches!(report.outcome, Outcome::Incomplete | Outcome::Interrupted) {
        let next = "**Next**: run it again. It continues where this one stopped and does nothing twice.\n\n";
        document.add(Part::whole(Rank::Next, "what is next", next));
    }
    document.render(limit)
}

/// What came of it: failures first, then figures, checks, what is left.
pub(in crate::view) fn ended(report: &ApplyReport, verify: Option<&VerifyReport>) -> Vec<Part> {
    let mut parts = vec![failures(report), figures(report)];
    parts.extend(verify.map(checks).unwrap_or_default());
    let notes = report.notes.iter().map(|note| format!("- {}", prose(note.raw()))).collect();
    parts.push(Part::rows(Rank::Stage, "what was done inside", "**Inside the cluster**\n\n", notes, ""));
    parts.push(left("Left over", "what is left over", &report.leftovers));
    parts.push(left("Kept on purpose", "what was kept", &report.kept));
    parts
}

fn figures(report: &ApplyReport) -> Part {
    if report.outcome == Outcome::Refused {
        return Part::whole(Rank::Stage, "the figures", "");
    }
    let done = report.summary;
    let text = format!(
        "| | environment | created | changed | replaced | destroyed | not begun | took | critical path | ratio |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|--:|\n| {} | **{}** | {} | {} | {} | {} | {} | {} | {} | {} |\n\n",
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
    Part::whole(Rank::Stage, "the figures", text)
}

/// `applied in 11:21, verified (18 of 18 checks)`.
pub(in crate::view) fn verdict(report: &ApplyReport, verify: Option<&VerifyReport>) -> String {
    let took = number::clock(report.elapsed_ms / 1000);
    let verb = if report.verb == "destroy" { "destroyed" } else { "applied" };
    let ending = match report.outcome {
        Outcome::Done => format!("{verb} in {took}"),
        Outcome::Incomplete => format!("**{} incomplete** after {took}", report.verb),
        Outcome::Refused => format!("{} refused", report.verb),
        Outcome::Interrupted => format!("**{} interrupted** after {took}", report.verb),
    };
    let checked = verify.map_or(String::new(), |verify| {
        let good = verify.checks.iter().filter(|check| check.passed).count();
        let word = if verify.passed() { "verified" } else { "**not verified**" };
        format!(", {word} ({good} of {})", number::count(verify.checks.len(), "check"))
    });
    format!("{ending}{checked}")
}

fn failures(report: &ApplyReport) -> Part {
    let failed = report.steps.iter().filter_map(|step| Some((step, step.error.as_ref()?)));
    let mut lines: Vec<String> = failed
        .map(|(step, error)| {
            format!("**{} failed** {}: {}", step.action.as_str(), code(step.address.as_str()), code(error.raw()))
        })
        .collect();
    // What a failed step says of itself is said once.
    let said = |address| report.steps.iter().any(|step| step.error.is_some() && Some(&step.address) == address);
    lines.extend(
        report
            .problems
            .iter()
            .filter(|problem| problem.code != "incomplete" || !said(problem.address.as_ref()))
            .map(super::plan::finding),
    );
    let begun = report.not_begun.len();
    if begun > 0 {
        let names: Vec<_> = report.not_begun.iter().take(5).map(|address| code(address.as_str())).collect();
        let more = if begun > 5 { format!(" and {} more", begun - 5) } else { String::new() };
        lines.push(format!("not begun: {}{more}", names.join(", ")));
    }
    Part::alert(Rank::Danger, "the failures", "CAUTION", &lines)
}

/// A verification on its own.
#[must_use]
pub fn verified(report: &VerifyReport) -> String {
    let word = if report.passed() { "verified" } else { "**not verified**" };
    let mut document = Document::new("`rem-ci verify`");
    let head = format!("### rem-ci: {} {word}\n\n", code(report.environment.raw()));
    document.add(Part::whole(Rank::Verdict, "the verdict", head));
    for part in checks(report) {
        document.add(part);
    }
    document.render(super::SUMMARY_LIMIT)
}

/// Checks: those that fail, then those that hold, folded.
pub(in crate::view) fn checks(report: &VerifyReport) -> Vec<Part> {
    let rows = |passed: bool| -> Vec<String> {
        let row = |check: &crate::view::report::Check| {
            let help = if passed { String::new() } else { prose(&check.help).replace('|', "\\|") };
            let evidence = if check.evidence.is_empty() { String::new() } else { code_cell(check.evidence.raw()) };
            let title = prose(&check.title).replace('|', "\\|");
            format!("| {} | {title} | {evidence} | {help} |", if passed { "✅" } else { "❌" })
        };
        report.checks.iter().filter(|check| check.passed == passed).map(row).collect()
    };
    let head = "| | check | seen | what to do |\n|---|---|---|---|\n";
    let good = rows(true);
    let folded = format!("<details><summary>Checks that hold: {}</summary>\n\n{head}", good.len());
    vec![
        Part::rows(Rank::Danger, "the checks that fail", head, rows(false), ""),
        Part::rows(Rank::Stage, "the checks", &folded, good, "</details>\n\n"),
    ]
}

fn left(title: &str, what: &'static str, things: &[Left]) -> Part {
    let line = |thing: &Left| format!("- {} {}: {}", prose(&thing.noun), code(thing.id.raw()), prose(thing.why.raw()));
    Part::rows(Rank::Stage, what, &format!("**{title}**\n\n"), things.iter().map(line).collect(), "")
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
