//! The cost table of the terminal.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table, Width, presets};

use super::{clip, wrap};
use crate::cost::Bill;
use crate::view::errors::{paint, painted};
use crate::view::report::PlanReport;
use crate::view::text::{bounded, visible};
use crate::view::{By, Style, number, pools, words};

/// `rem-ci cost`: the table under the environment's name, the node pools, the split, and what is wrong with it.
#[must_use]
pub fn cost(report: &PlanReport, style: Style) -> String {
    let head = format!("cost of {} in {}", bounded(report.environment.raw(), 40), bounded(report.region.raw(), 40));
    let mut out = format!("{}\n\n", painted(style, paint::BOLD, &head));
    out.push_str(&table(report, style));
    pools::human(&mut out, &report.cost, style);
    for problem in words::findings(report) {
        let line = format!("{}: {} ({})", words::severity(problem.severity), problem.title, problem.code);
        for (index, line) in wrap(&visible(&line), style.width.saturating_sub(4)).into_iter().enumerate() {
            let _ = writeln!(out, "  {}{line}", if index == 0 { "" } else { "| " });
        }
        if let Some(digest) = &problem.digest {
            let _ = writeln!(out, "  | acknowledge with {}:{digest}", problem.code);
        }
    }
    out
}

/// `rem-ci cost --by`: one row per group, over all environments.
#[must_use]
pub fn groups(reports: &[PlanReport], by: By, style: Style) -> String {
    pools::human_groups(reports, by, style)
}

/// The table, or one line where the plan changes none of it.
pub(super) fn in_plan(report: &PlanReport, style: Style) -> String {
    let same = report.cost.delta().is_some_and(|delta| delta.is_zero());
    match report.cost.after.total().known() {
        Some(sum) if same && report.cost.before.total().known().is_some_and(|before| !before.is_zero()) => {
            let line = format!("COST a month stays {} USD, {}", number::money(sum), words::price_date(&report.cost));
            format!("  {}\n", painted(style, paint::DIM, &line))
        }
        _ => table(report, style),
    }
}

/// The table with its heading and notes, indented by two.
pub(super) fn table(report: &PlanReport, style: Style) -> String {
    render(&report.cost, style)
}

fn render(bill: &Bill, style: Style) -> String {
    let rows = words::cost_rows(bill);
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .force_no_tty()
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(style.width.saturating_sub(2)).unwrap_or(u16::MAX));
    let title = format!("COST a month, {}", words::price_date(bill));
    let figures = rows
        .iter()
        .flat_map(|row| [row.before.show(), row.after.show(), row.delta.map(number::delta).unwrap_or_default()]);
    let least = if style.width < 100 { 8 } else { 10 };
    let widest = figures.map(|figure| figure.chars().count()).max().unwrap_or(0).max(least);
    // Three columns of figures, each with two blanks after it, as has the label.
    let room = style.width.saturating_sub(4 + 3 * (widest + 2)).max(16);
    let mut marks = Vec::new();
    table.add_row([clip(&title, room), "before".to_owned(), "after".to_owned(), "delta".to_owned()]);
    marks.push(Some(paint::DIM));
    for row in &rows {
        let delta = row.delta.map(number::delta).unwrap_or_default();
        marks.push(match (row.sum, delta.is_empty()) {
            (true, _) => Some(paint::BOLD),
            (false, false) => Some(paint::YELLOW),
            (false, true) => None,
        });
        table.add_row([clip(&visible(&row.label), room), row.before.show(), row.after.show(), delta]);
    }
    for index in 0..4 {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
            if index > 0 {
                column.set_cell_alignment(CellAlignment::Right);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                    u16::try_from(widest + 2).unwrap_or(u16::MAX),
                )));
            }
        }
    }
    let mut out = String::new();
    if let Some(driver) = words::driven(bill) {
        for line in wrap(&visible(&driver), style.width.saturating_sub(2)) {
            let _ = writeln!(out, "  {line}");
        }
    }
    for (line, mark) in table.to_string().lines().zip(marks.into_iter().chain(std::iter::repeat(None))) {
        let line = line.trim_end();
        let _ = writeln!(out, "  {}", mark.map_or_else(|| line.to_owned(), |colour| painted(style, colour, line)));
    }
    for note in words::cost_notes(bill) {
        for (index, line) in wrap(&visible(&note), style.width.saturating_sub(4)).into_iter().enumerate() {
            let _ = writeln!(out, "  {}{}", if index == 0 { "" } else { "| " }, painted(style, paint::DIM, &line));
        }
    }
    out
}
