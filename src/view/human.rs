//! The terminal. Verdict first, danger second, money third, detail last, and the next step at the very end, where the
//! eye is when the text has scrolled by.

mod after;
mod health;
mod money;

use std::fmt::Write as _;

pub(super) use after::ratio;
pub use after::{apply, drift, output_value, outputs, verify};
pub use health::{diagnose, status};
pub use money::{cost, groups};

use super::errors::{paint, painted};
use super::report::{Action, FieldRow, Mode, PlanReport, Row};
use super::text::{bounded, visible};
use super::{Style, fields, number, words};
use crate::problem::{Problem, Severity};

/// Several plans, one after the other.
#[must_use]
pub fn joined(plans: &[String]) -> String {
    plans.join("\n")
}

/// A plan. One line where nothing changes and nobody has anything to say.
#[must_use]
pub fn plan(report: &PlanReport, style: Style) -> String {
    let mut out = plan_before(report, style);
    let changes = report.counts().changes() > 0;
    if changes && report.mode != Mode::Offline && !report.findings.iter().any(Problem::stops) {
        let environment = bounded(report.environment.raw(), 40);
        let _ =
            writeln!(out, "  apply with: rem-ci apply {environment} --expect-plan {}", visible(&report.plan_digest));
    }
    out
}

/// The same as an apply or a destroy shows it: without the command that would follow.
#[must_use]
pub fn plan_before(report: &PlanReport, style: Style) -> String {
    let counts = report.counts();
    let findings = words::findings(report);
    let quiet = counts.changes() + counts.unknown == 0;
    let mut out = header(report, style);
    if quiet {
        let monthly = report
            .cost
            .after
            .total()
            .known()
            .map_or_else(|| "no price".to_owned(), |sum| format!("{} USD a month", number::money(sum)));
        let _ =
            writeln!(out, "  {}  {} unchanged, {monthly}", painted(style, paint::GREEN, "no changes."), counts.keep);
        if findings.iter().all(|problem| problem.severity == Severity::Note) && report.strays.is_empty() {
            return out;
        }
        danger(&mut out, report, &findings, style);
        notes(&mut out, report, &findings, style);
        return out;
    }
    out.push('\n');
    let verdict = format!("{}.", words::counts(&counts));
    let mut price = Vec::new();
    if report.estimate.seconds > 0 {
        price.push(format!("About {}.", number::about(report.estimate.seconds)));
    }
    if let Some(delta) = report.cost.delta()
        && !delta.is_zero()
    {
        price.push(format!("{} a month.", number::signed_dollars(delta)));
    }
    let price = price.join("   ");
    let room = style.width.saturating_sub(2);
    let fits = verdict.chars().count() + price.chars().count() + 3 <= room;
    let lines = if fits { vec![format!("{verdict}   {price}")] } else { vec![verdict, price] };
    for line in lines.iter().flat_map(|line| wrap(line, room)) {
        let _ = writeln!(out, "  {}", painted(style, paint::BOLD, &line));
    }
    danger(&mut out, report, &findings, style);
    out.push('\n');
    out.push_str(&money::in_plan(report, style));
    detail(&mut out, report, style);
    notes(&mut out, report, &findings, style);
    closing(&mut out, report, style);
    out
}

/// A plan of things that cost nothing to speak of: without the money.
#[must_use]
pub fn plan_without_money(report: &PlanReport, style: Style) -> String {
    let counts = report.counts();
    let findings = words::findings(report);
    let mut out = header(report, style);
    if counts.changes() + counts.unknown == 0 {
        let _ = writeln!(out, "  {}  {} unchanged", painted(style, paint::GREEN, "no changes."), counts.keep);
    } else {
        out.push('\n');
        let verdict = format!("{}.", words::counts(&counts));
        let _ = writeln!(out, "  {}", painted(style, paint::BOLD, &verdict));
    }
    danger(&mut out, report, &findings, style);
    if counts.changes() + counts.unknown > 0 {
        detail(&mut out, report, style);
    }
    notes(&mut out, report, &findings, style);
    out
}

fn header(report: &PlanReport, style: Style) -> String {
    let names = [&report.environment, &report.owner, &report.account, &report.region];
    let left = names.map(|name| bounded(name.raw(), 40)).join(" · ");
    let left = format!("plan {left}");
    let right = words::reads(report);
    spread(&left, &right, style, paint::BOLD, paint::DIM)
}

/// Two texts at either edge; on two lines where they do not fit on one.
fn spread(left: &str, right: &str, style: Style, left_colour: &str, right_colour: &str) -> String {
    let (a, b) = (left.chars().count(), right.chars().count());
    let left = painted(style, left_colour, &clip(left, style.width));
    if a + b + 2 <= style.width {
        format!("{left}{}{}\n", " ".repeat(style.width - a - b), painted(style, right_colour, right))
    } else {
        format!("{left}\n  {}\n", painted(style, right_colour, &clip(right, style.width.saturating_sub(2))))
    }
}

/// So many that are lost are named before the money; more would push it off the screen.
const MOST_LOST: usize = 12;

/// Findings that stop or weaken something, and everything that is destroyed.
fn danger(out: &mut String, report: &PlanReport, findings: &[&Problem], style: Style) {
    let grave: Vec<_> = findings.iter().filter(|problem| problem.severity != Severity::Note).collect();
    let lost: Vec<_> =
        report.rows.iter().filter(|row| matches!(row.action, Action::Delete | Action::Replace)).collect();
    if grave.is_empty() && lost.is_empty() {
        return;
    }
    out.push('\n');
    for problem in grave {
        finding(out, problem, style);
    }
    if lost.len() > MOST_LOST {
        let head = painted(style, paint::RED, "! destroys ");
        let _ = writeln!(out, "  {head}{}, each of them below", number::count(lost.len(), "resource"));
        return;
    }
    for row in lost {
        let what = if row.action == Action::Delete { "destroys" } else { "replaces" };
        let head = painted(style, paint::RED, &format!("! {what:<9}"));
        let line = format!("{}  {}", visible(row.address.as_str()), words::action(row));
        let _ = writeln!(out, "  {head}{}", clip(&line, style.width.saturating_sub(13)));
    }
}

/// One finding on a line, its place at the right edge or below.
fn finding(out: &mut String, problem: &Problem, style: Style) {
    let (mark, colour) = match problem.severity {
        Severity::Error => ("x", paint::RED),
        Severity::Widens | Severity::Warning => ("!", paint::YELLOW),
        Severity::Note => ("i", paint::CYAN),
    };
    let head = painted(style, colour, &format!("{mark} {:<9}", words::severity(problem.severity)));
    let mut title = visible(&problem.title);
    if let Some(address) = &problem.address {
        title = format!("{}: {title}", visible(address.as_str()));
    }
    let room = style.width.saturating_sub(13).max(20);
    let place = problem.place.as_ref().map(|place| visible(&words::place(place))).unwrap_or_default();
    let width = title.chars().count();
    if !place.is_empty() && width + place.chars().count() + 2 <= room {
        let gap = " ".repeat(room - width - place.chars().count());
        let _ = writeln!(out, "  {head}{title}{gap}{}", painted(style, paint::DIM, &place));
    } else {
        for (index, line) in wrap(&title, room).into_iter().enumerate() {
            let start = if index == 0 { format!("  {head}") } else { format!("  {:<11}", "|") };
            let _ = writeln!(out, "{start}{line}");
        }
        if !place.is_empty() {
            let _ = writeln!(out, "  {:<11}{}", "at", painted(style, paint::DIM, &clip(&place, room)));
        }
    }
    let mut next = vec![("help", visible(&problem.help))];
    if let Some(digest) = &problem.digest {
        next.push(("or", format!("acknowledge with {}:{}", problem.code, visible(digest))));
    }
    for (head, text) in next.iter().filter(|(_, text)| !text.trim().is_empty()) {
        for (index, line) in wrap(text, room).into_iter().enumerate() {
            let start = if index == 0 { head } else { "|" };
            let _ = writeln!(out, "  {start:<11}{}", painted(style, paint::DIM, &line));
        }
    }
}

/// The order in which people think of an environment.
const SECTIONS: [&str; 5] = ["network", "identity", "cluster", "interruption", "karpenter"];

/// One line per resource, grouped by section; leaves only where something is there already.
fn detail(out: &mut String, report: &PlanReport, style: Style) {
    let shown: Vec<_> = report.rows.iter().filter(|row| row.action != Action::Keep).collect();
    let widest = shown.iter().map(|row| fields::short(row.address.as_str()).chars().count()).max().unwrap_or(0);
    let column = widest.clamp(20, (style.width / 2).saturating_sub(8).max(20));
    let mut sections: Vec<&str> = Vec::new();
    for row in &shown {
        if !sections.contains(&row.address.section()) {
            sections.push(row.address.section());
        }
    }
    sections.sort_by_key(|section| SECTIONS.iter().position(|known| known == section).unwrap_or(SECTIONS.len()));
    for section in sections {
        let _ = writeln!(out, "\n  {}", painted(style, paint::BOLD, &format!("[{}]", bounded(section, 40))));
        let of_section = || shown.iter().filter(|row| row.address.section() == section);
        let mut rows: Vec<_> = of_section().collect();
        // Kinds in the order in which they begin, each with all of its own.
        rows.sort_by_key(|row| of_section().position(|first| first.kind == row.kind));
        for row in rows {
            resource(out, row, column, style);
        }
    }
}

fn resource(out: &mut String, row: &Row, column: usize, style: Style) {
    let colour = match row.action {
        Action::Create => paint::GREEN,
        Action::Delete | Action::Replace => paint::RED,
        Action::Update | Action::Roll | Action::Unknown => paint::YELLOW,
        Action::Settle | Action::Keep => paint::DIM,
    };
    let mark = painted(style, colour, &format!("{:>3}", words::glyph(row)));
    let name = bounded(fields::short(row.address.as_str()), column);
    let pad = " ".repeat(column - name.chars().count().min(column));
    let action = clip(&words::action(row), style.width.saturating_sub(column + 8));
    let _ = writeln!(out, "  {mark} {name}{pad}  {action}");
    if matches!(row.action, Action::Update | Action::Roll | Action::Replace) {
        let widest = row.fields.iter().map(|field| fields::shown_path(field).chars().count()).max().unwrap_or(0);
        let path_column = widest.clamp(12, (style.width / 3).max(12));
        for field in &row.fields {
            leaf(out, field, path_column, style);
        }
    }
}

/// `limits.cpu   100  ->  200`, on two lines where it is too long.
fn leaf(out: &mut String, field: &FieldRow, column: usize, style: Style) {
    let path = bounded(&fields::shown_path(field), column);
    let pad = " ".repeat(column - path.chars().count().min(column));
    let forces = if field.forces_replace { "   (forces the replacement)" } else { "" };
    let room = style.width.saturating_sub(12 + column).max(10);
    let start = format!("        {path}{pad}  ");
    let show = |value| fields::shown(field, value);
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => {
            let line = format!("{}  ->  {}{forces}", show(before), show(after));
            if line.chars().count() <= room {
                let _ = writeln!(out, "{start}{line}");
            } else {
                let _ = writeln!(out, "{start}- {}", clip(&show(before), room.saturating_sub(2)));
                let blank = " ".repeat(start.chars().count());
                let _ = writeln!(out, "{blank}+ {}", clip(&show(after), room.saturating_sub(2)));
                if !forces.is_empty() {
                    let _ = writeln!(out, "{blank}{}", forces.trim_start());
                }
            }
        }
        (Some(before), None) => {
            let _ = writeln!(out, "{start}- {}", clip(&format!("{}{forces}", show(before)), room.saturating_sub(2)));
        }
        (None, Some(after)) => {
            let _ = writeln!(out, "{start}+ {}", clip(&format!("{}{forces}", show(after)), room.saturating_sub(2)));
        }
        (None, None) => {}
    }
}

fn notes(out: &mut String, report: &PlanReport, findings: &[&Problem], style: Style) {
    let notes: Vec<_> = findings.iter().filter(|problem| problem.severity == Severity::Note).collect();
    let waived = report.findings.iter().filter(|problem| problem.waived).count();
    if notes.is_empty() && report.strays.is_empty() && waived == 0 {
        return;
    }
    out.push('\n');
    for problem in notes {
        finding(out, problem, style);
    }
    for stray in &report.strays {
        let what = format!("{} {}: {}", visible(&stray.noun), visible(stray.id.raw()), visible(stray.why.raw()));
        let head = painted(style, paint::CYAN, "i stray    ");
        let _ = writeln!(out, "  {head}{}", clip(&what, style.width.saturating_sub(13)));
    }
    if waived > 0 {
        let _ = writeln!(out, "  i {} set aside by waiver or acknowledgement", number::count(waived, "finding"));
    }
}

fn closing(out: &mut String, report: &PlanReport, style: Style) {
    let counts = report.counts();
    let stopped = report.findings.iter().any(Problem::stops);
    out.push('\n');
    for line in wrap(&format!("{}.", words::counts(&counts)), style.width.saturating_sub(2)) {
        let _ = writeln!(out, "  {line}");
    }
    let digest = visible(&report.plan_digest);
    let environment = bounded(report.environment.raw(), 40);
    if report.mode == Mode::Offline {
        let _ = writeln!(out, "  This plan was made without AWS: it approves nothing.");
        let _ = writeln!(out, "  With credentials: rem-ci plan {environment}");
    } else if stopped {
        let _ = writeln!(
            out,
            "  {}",
            painted(style, paint::RED, "Errors above must go first: this plan cannot be applied.")
        );
    } else {
        let _ = writeln!(out, "  plan {digest}");
    }
}

/// Cut to a width, with `…` where something is missing.
pub(super) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Broken at spaces; a word longer than the width is cut.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word = clip(word, width);
        let Some(line) = lines.last_mut() else { continue };
        let used = line.chars().count();
        if used > 0 && used + 1 + word.chars().count() > width {
            lines.push(word);
        } else {
            if used > 0 {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    lines
}
