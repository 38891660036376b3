//! The parts of one plan, which comment, job summary, drift issue and `--format markdown` are put together from.

use std::fmt::Write as _;

use super::document::{Part, Rank};
use crate::problem::{Problem, Severity};
use crate::view::diagram::Topology;
use crate::view::report::{Action, Mode, PlanReport, Row};
use crate::view::text::{code, code_cell, html_code, prose, visible};
use crate::view::{fields, number, words};

/// Destroyed things named one by one; the outline has them all.
const NAMED: usize = 25;

/// Whether a report has more to say than a row of the table.
pub(in crate::view) fn speaks(report: &PlanReport) -> bool {
    let counts = report.counts();
    counts.changes() + counts.unknown > 0
        || words::findings(report).iter().any(|problem| problem.severity != Severity::Note)
}

/// The head of the table of environments.
pub(in crate::view) const TABLE: &str = "| | environment | create | change | replace | destroy | monthly | delta | takes |\n|---|---|--:|--:|--:|--:|--:|--:|--:|\n";

/// One environment's row.
pub(in crate::view) fn table_row(report: &PlanReport) -> String {
    let counts = report.counts();
    let stopped = report.findings.iter().any(Problem::stops);
    let status = match (stopped, counts.unknown, counts.destroyed(), counts.changes()) {
        (true, ..) => "❌",
        (_, 1.., ..) | (_, _, 1.., _) => "⚠️",
        (_, _, _, 0) => "⚪",
        _ => "✅",
    };
    let figure = |number: usize| if number == 0 { String::new() } else { number.to_string() };
    let monthly = report.cost.after.total().known().map_or_else(|| "no price".to_owned(), number::headline);
    let delta = report.cost.delta().map(number::signed_dollars).filter(|delta| delta != "$0.00").unwrap_or_default();
    let takes =
        if counts.changes() > 0 { format!("~{}", number::about(report.estimate.seconds)) } else { String::new() };
    let mode = if report.mode == Mode::Live { String::new() } else { format!(" ({})", report.mode.as_str()) };
    format!(
        "| {status} | **{}** {}{mode} | {} | {} | {} | {} | {monthly} | {delta} | {takes} |",
        code_cell(report.environment.raw()),
        code_cell(report.region.raw()),
        figure(counts.create),
        figure(counts.changed()),
        figure(counts.replace),
        figure(counts.delete),
    )
}

/// What needs eyes before all else: errors, what is weakened, what is replaced and destroyed. Never folded.
pub(in crate::view) fn danger(report: &PlanReport, named: bool) -> Vec<String> {
    let mut lines: Vec<String> = words::findings(report)
        .into_iter()
        .filter(|problem| matches!(problem.severity, Severity::Error | Severity::Widens))
        .map(finding)
        .collect();
    let rows = |action: Action| report.rows.iter().filter(move |row| row.action == action);
    let goes: Vec<_> = rows(Action::Replace).chain(rows(Action::Delete)).collect();
    let more = goes.len().saturating_sub(NAMED);
    for row in goes.iter().take(if more == 1 { NAMED + 1 } else { NAMED }) {
        let what = if row.action == Action::Delete { "destroys" } else { "replaces" };
        let why = if row.reason.is_empty() { String::new() } else { format!(": {}", prose(row.reason.raw())) };
        lines.push(format!("**{what}** {}{why}", code(row.address.as_str())));
    }
    if more > 1 {
        lines.push(format!("**and {more} more are destroyed or replaced**, all of them below"));
    }
    about(report, named, lines)
}

/// What should be looked at, and stops nothing.
pub(in crate::view) fn warnings(report: &PlanReport, named: bool) -> Vec<String> {
    let lines = words::findings(report).into_iter().filter(|problem| problem.severity == Severity::Warning);
    about(report, named, lines.map(finding).collect())
}

/// Lines that say of which environment they are, where there are several.
fn about(report: &PlanReport, named: bool, lines: Vec<String>) -> Vec<String> {
    if !named {
        return lines;
    }
    lines.into_iter().map(|line| format!("in {}: {line}", code(report.environment.raw()))).collect()
}

/// A finding on one line.
pub(in crate::view) fn finding(problem: &Problem) -> String {
    let mut line = format!("**{}** ", words::severity(problem.severity));
    if let Some(address) = &problem.address {
        let _ = write!(line, "{}: ", code(address.as_str()));
    }
    line.push_str(&prose(&problem.title));
    if let Some(place) = &problem.place {
        let _ = write!(line, " ({} line {})", code(&place.file), place.line);
    }
    if !problem.help.is_empty() {
        let _ = write!(line, ". Help: {}", prose(&problem.help));
    }
    if let Some(digest) = &problem.digest {
        let _ = write!(line, ". Acknowledge with {}", code(&format!("{}:{digest}", problem.code)));
    }
    let _ = write!(line, " ({})", code(&format!("rem-ci explain {}", problem.code)));
    line
}

/// The cost table with the sentence that explains its difference, then what the reader must know of the figures. Folded
/// where nothing differs.
pub(in crate::view) fn cost(report: &PlanReport) -> Vec<Part> {
    let (head, rows, notes) = cost_pieces(report);
    if report.cost.delta().is_none_or(|delta| !number::cents(delta).is_zero()) {
        return vec![
            Part::rows(Rank::Cost, "the cost", &head, rows, ""),
            Part::rows(Rank::Extra, "what is to know of the cost", "", notes, ""),
        ];
    }
    let total = report.cost.after.total().known().map_or_else(|| "no price".to_owned(), number::dollars);
    let summary = format!("Cost of {} a month: {total}, as before", html_code(report.environment.raw()));
    let before = format!("<details><summary>{summary}</summary>\n\n{head}");
    let after = format!("{}\n\n</details>\n\n", notes.join("\n"));
    vec![Part::rows(Rank::Extra, "the cost", &before, rows, &after)]
}

/// Everything up to the table's rows, the rows, and the notes below.
pub(in crate::view) fn cost_pieces(report: &PlanReport) -> (String, Vec<String>, Vec<String>) {
    let name = code(report.environment.raw());
    let date = words::price_date(&report.cost);
    let driver = words::driven(&report.cost).map_or(String::new(), |driver| format!("{}\n\n", prose(&driver)));
    let table = "| a month | before | after | delta |\n|---|--:|--:|--:|\n";
    let note = |note: &String| format!("<sub>• {}</sub><br>", prose(note));
    let notes = words::cost_notes(&report.cost).iter().map(note).collect();
    (format!("**Cost of {name}** a month, USD, {date}\n\n{driver}{table}"), cost_lines(report), notes)
}

fn cost_lines(report: &PlanReport) -> Vec<String> {
    let line = |row: words::CostRow| {
        let delta = row.delta.map(number::delta).unwrap_or_default();
        let bold = |cell: String| if row.sum && !cell.is_empty() { format!("**{cell}**") } else { cell };
        let label = if row.sum { bold(row.label.clone()) } else { prose(&row.label).replace('|', "\\|") };
        format!("| {label} | {} | {} | {} |", bold(row.before.show()), bold(row.after.show()), bold(delta))
    };
    words::cost_rows(&report.cost).into_iter().map(line).collect()
}

fn visible_rows(report: &PlanReport) -> impl Iterator<Item = &Row> {
    report.rows.iter().filter(|row| row.action != Action::Keep)
}

/// In a diff fence, `+` is green, `-` red, `!` orange.
const fn mark(row: &Row) -> char {
    match row.action {
        Action::Create => '+',
        Action::Delete | Action::Replace => '-',
        Action::Update | Action::Roll | Action::Unknown => '!',
        Action::Settle | Action::Keep => ' ',
    }
}

fn outline_line(row: &Row) -> String {
    format!("{} {}  {}", mark(row), visible(row.address.as_str()), words::action(row))
}

/// One line per resource.
pub(in crate::view) fn outline(report: &PlanReport) -> Part {
    let lines = visible_rows(report).map(outline_line).collect();
    let title = format!("**What changes in {}**\n\n", code(report.environment.raw()));
    Part::fence(Rank::Outline, "what changes", &title, "diff", lines, "")
}

/// Every change with its leaves, folded.
pub(in crate::view) fn full(report: &PlanReport) -> Part {
    let counts = report.counts();
    let title = format!(
        "<details><summary>Full plan of {} ({}, {} unchanged)</summary>\n\n",
        html_code(report.environment.raw()),
        number::count(counts.changes(), "change"),
        counts.keep
    );
    Part::fence(Rank::Full, "the full plan", &title, "diff", full_lines(report), "</details>\n\n")
}

fn full_lines(report: &PlanReport) -> Vec<String> {
    let mut lines = Vec::new();
    for row in visible_rows(report) {
        lines.push(outline_line(row));
        for field in &row.fields {
            let path = fields::shown_path(field);
            let replaces = field.forces_replace && row.action == Action::Replace;
            let forces = if replaces { "   (forces the replacement)" } else { "" };
            let mark = mark(row);
            let show = |value| fields::shown(field, value);
            match (&field.before, &field.after) {
                (Some(before), Some(after)) => {
                    lines.push(format!("{mark}     {path}: {} -> {}{forces}", show(before), show(after)));
                }
                (Some(before), None) => lines.push(format!("-     {path}: {}{forces}", show(before))),
                (None, Some(after)) => lines.push(format!("+     {path}: {}{forces}", show(after))),
                (None, None) => {}
            }
        }
    }
    for problem in report.findings.iter().filter(|problem| problem.severity == Severity::Note && !problem.waived) {
        lines.push(format!("# note: {}", visible(&problem.title)));
    }
    for problem in report.findings.iter().filter(|problem| problem.waived) {
        lines.push(format!("# set aside: {}: {}", problem.code, visible(&problem.title)));
    }
    for stray in &report.strays {
        lines.push(format!(
            "# stray: {} {}: {}",
            visible(&stray.noun),
            visible(stray.id.raw()),
            visible(stray.why.raw())
        ));
    }
    lines
}

/// The environment as it will be, what changes marked.
pub(in crate::view) fn picture(topology: &Topology, rows: &[Row]) -> Part {
    let name = html_code(topology.environment.raw());
    let text = format!(
        "<details><summary>Topology of {name} after</summary>\n\n```mermaid\n{}```\n\n</details>\n\n",
        topology.marked(rows)
    );
    Part::whole(Rank::Extra, "the topology", text)
}

/// What the pools can cost, folded.
pub(in crate::view) fn pools(report: &PlanReport) -> Option<Part> {
    if report.cost.pools.pools.is_empty() {
        return None;
    }
    let mut text = format!(
        "<details><summary>Node pools of {}: idle, expected, at their limits</summary>\n\n",
        html_code(report.environment.raw())
    );
    crate::view::pools::markdown(&mut text, &report.cost);
    text.push_str("</details>\n\n");
    Some(Part::whole(Rank::Extra, "the node pools", text))
}

/// `sha256:4f2c…91` for the eye.
pub(in crate::view) fn short(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    if hex.len() > 16 && hex.is_ascii() { format!("{}…{}", &hex[..8], &hex[hex.len() - 4..]) } else { hex.to_owned() }
}
