//! Markdown for GitHub: the pull-request comment, the job summary, the drift issue.
//!
//! Lines begin with text of ours; all else stands in code spans, table cells or fences that it cannot leave. A comment
//! that would be too long loses detail first, and never a closing fence or tag.

mod after;
mod health;
mod size;

use std::fmt::Write as _;

pub use after::{apply_summary, drift_issue, outputs, verify_summary};
pub use health::{diagnose, status};
pub use size::fit;

use super::diagram::Topology;
use super::report::{Action, Mode, PlanReport, Row};
use super::text::{code, code_cell, html_code, prose, visible};
use super::{fields, number, words};
use crate::problem::{Problem, Severity};

/// Bytes of a comment. GitHub says 65,536 in its error; some room is kept.
pub const COMMENT_LIMIT: usize = 65_000;

/// Bytes of a job summary: GitHub takes 1 MiB a step.
pub const SUMMARY_LIMIT: usize = 1_000_000;

/// Where and when a comment is from.
#[derive(Clone, Debug, Default)]
pub struct CommentMeta {
    /// Base64url of the marker's JSON; empty for a job summary.
    pub marker: String,
    /// Commit that was planned.
    pub head_sha: String,
    /// Branch it goes to.
    pub base: String,
    /// That branch's commit.
    pub base_sha: String,
    /// Run number.
    pub run: String,
    /// `2026-11-24 22:10 UTC`.
    pub planned_at: String,
}

/// The sticky comment of a pull request: all touched environments, and a diagram of each that changes.
#[must_use]
pub fn plan_comment(reports: &[PlanReport], diagrams: &[Topology], meta: &CommentMeta, limit: usize) -> String {
    let mut head = marker(&meta.marker);
    let _ = writeln!(head, "### {}\n", headline(reports));
    compose(head, reports, diagrams, &(next(reports) + &footer(meta)), limit)
}

/// Head, table, danger and money, then as much detail as the limit leaves room for, then the tail.
fn compose(mut head: String, reports: &[PlanReport], diagrams: &[Topology], tail: &str, limit: usize) -> String {
    environments(&mut head, reports);
    let changed: Vec<_> = reports.iter().filter(|report| speaks(report)).collect();
    for report in &changed {
        danger(&mut head, report);
    }
    for report in &changed {
        cost(&mut head, report);
    }
    let budget = limit.saturating_sub(head.len() + tail.len());
    let mut middle = size::Budget::new(budget);
    for report in &changed {
        let lines: Vec<_> = visible_rows(report).map(outline_line).collect();
        let title = format!("**What changes in {}**\n\n", code(report.environment.raw()));
        middle.fence(&title, "diff", &lines, "");
    }
    for report in &changed {
        let lines = full_lines(report);
        let counts = report.counts();
        let title = format!(
            "<details><summary>Full plan of {} ({}, {} unchanged)</summary>\n\n",
            html_code(report.environment.raw()),
            number::count(counts.changes(), "change"),
            counts.keep
        );
        middle.fence(&title, "diff", &lines, "</details>\n\n");
    }
    for topology in diagrams {
        let name = html_code(topology.environment.raw());
        let title = format!("<details><summary>Topology of {name} after</summary>\n\n");
        middle.whole(&format!("{title}```mermaid\n{}```\n\n</details>\n\n", topology.mermaid()));
    }
    fit(&format!("{head}{}{tail}", middle.finish()), limit)
}

/// The marker by which the comment is found again. Anything but base64url is replaced, so that it cannot end early.
fn marker(marker: &str) -> String {
    if marker.is_empty() {
        return String::new();
    }
    let safe: String =
        marker.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' }).collect();
    format!("<!-- rem-ci:{} -->\n", safe.replace("--", "-_"))
}

/// Whether a report has more to say than a row of the table.
fn speaks(report: &PlanReport) -> bool {
    let counts = report.counts();
    counts.changes() + counts.unknown > 0
        || words::findings(report).iter().any(|problem| problem.severity != Severity::Note)
}

fn headline(reports: &[PlanReport]) -> String {
    let stopped = reports.iter().flat_map(|report| &report.findings).filter(|problem| problem.stops()).count();
    if stopped > 0 {
        return format!("rem-ci: {}, nothing can be applied yet", number::count(stopped, "error"));
    }
    let changing = reports.iter().filter(|report| report.counts().changes() > 0).count();
    let unknown: usize = reports.iter().map(|report| report.counts().unknown).sum();
    if changing == 0 && unknown == 0 {
        return "rem-ci: no changes".to_owned();
    }
    let environments =
        if changing == 1 { "1 environment changes".to_owned() } else { format!("{changing} environments change") };
    let deltas: Option<rust_decimal::Decimal> = reports.iter().map(|report| report.cost.delta()).sum();
    let money = deltas
        .map_or_else(|| "cost not known".to_owned(), |delta| format!("{} a month", number::signed_dollars(delta)));
    let destroyed: usize = reports.iter().map(|report| report.counts().destroyed()).sum();
    let lost = match destroyed {
        0 => "nothing is destroyed".to_owned(),
        1 => "**1 resource is destroyed**".to_owned(),
        more => format!("**{more} resources are destroyed**"),
    };
    let unread = if unknown > 0 { format!(", {unknown} unknown") } else { String::new() };
    format!("rem-ci: {environments}, {money}, {lost}{unread}")
}

fn environments(out: &mut String, reports: &[PlanReport]) {
    out.push_str("| | environment | create | change | replace | destroy | monthly | delta | takes |\n");
    out.push_str("|---|---|--:|--:|--:|--:|--:|--:|--:|\n");
    for report in reports {
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
        let delta =
            report.cost.delta().map(number::signed_dollars).filter(|delta| delta != "$0.00").unwrap_or_default();
        let takes =
            if counts.changes() > 0 { format!("~{}", number::about(report.estimate.seconds)) } else { String::new() };
        let mode = if report.mode == Mode::Live { String::new() } else { format!(" ({})", report.mode.as_str()) };
        let _ = writeln!(
            out,
            "| {status} | **{}** {}{mode} | {} | {} | {} | {} | {monthly} | {delta} | {takes} |",
            code_cell(report.environment.raw()),
            code_cell(report.region.raw()),
            figure(counts.create),
            figure(counts.changed()),
            figure(counts.replace),
            figure(counts.delete),
        );
    }
    out.push('\n');
}

/// What is destroyed or stopped, then what is weakened: GitHub's alert blocks.
fn danger(out: &mut String, report: &PlanReport) {
    let mut caution = Vec::new();
    for problem in words::findings(report).iter().filter(|problem| problem.severity == Severity::Error) {
        caution.push(finding(problem));
    }
    for row in report.rows.iter().filter(|row| matches!(row.action, Action::Delete | Action::Replace)) {
        let what = if row.action == Action::Delete { "destroys" } else { "replaces" };
        let why = if row.reason.is_empty() { String::new() } else { format!(": {}", prose(row.reason.raw())) };
        caution.push(format!("**{what}** {}{why}", code(row.address.as_str())));
    }
    let warning: Vec<_> = words::findings(report)
        .iter()
        .filter(|problem| matches!(problem.severity, Severity::Widens | Severity::Warning))
        .map(|problem| finding(problem))
        .collect();
    for (name, lines) in [("CAUTION", caution), ("WARNING", warning)] {
        if lines.is_empty() {
            continue;
        }
        let _ = writeln!(out, "> [!{name}]");
        let (shown, more) = (lines.len().min(25), lines.len().saturating_sub(25));
        for (index, line) in lines[..shown].iter().enumerate() {
            let end = if index + 1 < shown || more > 0 { "<br>" } else { "" };
            let _ = writeln!(out, "> in {}: {line}{end}", code(report.environment.raw()));
        }
        if more > 0 {
            let _ = writeln!(out, "> and {more} more, in the full plan");
        }
        out.push('\n');
    }
}

fn finding(problem: &Problem) -> String {
    let mut line = format!("**{}** ", words::severity(problem.severity));
    if let Some(address) = &problem.address {
        let _ = write!(line, "{} ", code(address.as_str()));
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

/// The cost tables of several environments: `rem-ci cost --format markdown`.
#[must_use]
pub fn costs(reports: &[PlanReport], by: Option<super::By>) -> String {
    let mut out = String::new();
    for report in reports {
        cost(&mut out, report);
        super::pools::markdown(&mut out, &report.cost);
        for problem in words::findings(report) {
            let _ = writeln!(out, "- {}", finding(problem));
        }
    }
    if let Some(by) = by {
        super::pools::markdown_groups(&mut out, reports, by);
    }
    out
}

fn cost(out: &mut String, report: &PlanReport) {
    let date = words::price_date(&report.cost);
    let _ = writeln!(out, "**Cost of {}** a month, USD, {date}\n", code(report.environment.raw()));
    if let Some(driver) = words::driven(&report.cost) {
        let _ = writeln!(out, "{}\n", prose(&driver));
    }
    out.push_str("| a month | before | after | delta |\n|---|--:|--:|--:|\n");
    for row in words::cost_rows(&report.cost) {
        let delta = row.delta.map(number::delta).unwrap_or_default();
        let bold = |cell: String| if row.sum && !cell.is_empty() { format!("**{cell}**") } else { cell };
        let label = if row.sum { bold(row.label.clone()) } else { label_cell(&row.label) };
        let _ =
            writeln!(out, "| {label} | {} | {} | {} |", bold(row.before.show()), bold(row.after.show()), bold(delta));
    }
    out.push('\n');
    for note in words::cost_notes(&report.cost) {
        let _ = writeln!(out, "<sub>• {}</sub><br>", prose(&note));
    }
    out.push('\n');
}

/// Plain words plain, the rest in code, for a table.
fn label_cell(label: &str) -> String {
    prose(label).replace('|', "\\|")
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

/// Every change with its leaves; a new resource's too, as this part is folded.
fn full_lines(report: &PlanReport) -> Vec<String> {
    let mut lines = Vec::new();
    for row in visible_rows(report) {
        lines.push(outline_line(row));
        for field in &row.fields {
            let path = fields::shown_path(field);
            let forces = if field.forces_replace { "   (forces the replacement)" } else { "" };
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

fn next(reports: &[PlanReport]) -> String {
    let stopped = reports.iter().any(|report| report.findings.iter().any(Problem::stops));
    let changing: Vec<_> = reports.iter().filter(|report| report.counts().changes() > 0).collect();
    if stopped {
        return "**Next**: fix the errors above and push. Nothing is applied until then.\n\n".to_owned();
    }
    if changing.is_empty() {
        return String::new();
    }
    if changing.iter().any(|report| report.mode == Mode::Offline) {
        return "**Next**: this plan was made without AWS and approves nothing; a run with the plan role does.\n\n"
            .to_owned();
    }
    let digests: Vec<_> = changing.iter().map(|report| code(&short(&report.plan_digest))).collect();
    format!(
        "**Next**: merge to apply exactly this plan ({}). Anything stronger than this is refused.\n\n",
        digests.join(", ")
    )
}

/// `sha256:4f2c…91` for the eye.
fn short(digest: &str) -> String {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    if hex.len() > 16 && hex.is_ascii() { format!("{}…{}", &hex[..8], &hex[hex.len() - 4..]) } else { hex.to_owned() }
}

fn footer(meta: &CommentMeta) -> String {
    let sha = |sha: &str| sha.chars().take(7).collect::<String>();
    let mut parts = Vec::new();
    if !meta.head_sha.is_empty() {
        parts.push(format!(
            "{} on {}",
            code(&sha(&meta.head_sha)),
            code(&format!("{}@{}", meta.base, sha(&meta.base_sha)))
        ));
    }
    if !meta.run.is_empty() {
        parts.push(format!("run {}", code(&meta.run)));
    }
    parts.push(format!("rem-ci {}", env!("CARGO_PKG_VERSION")));
    if !meta.planned_at.is_empty() {
        parts.push(format!("planned {}", code(&meta.planned_at)));
    }
    format!("<sub>{}</sub>\n", parts.join(" · "))
}
