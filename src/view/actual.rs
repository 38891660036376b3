//! What AWS has billed, beside what was estimated, by service.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rust_decimal::Decimal;
use serde::Serialize;

use super::report::PlanReport;
use super::text::{bounded, code_cell, visible};
use super::{csv, number};

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// As AWS's bills call it.
    pub service: String,
    /// USD a month, for what is live or, where nothing is, for what is planned; none where we have no line.
    pub estimated: Option<Decimal>,
    /// USD that were billed; none where nothing was.
    pub billed: Option<Decimal>,
}

/// One environment's month.
#[derive(Clone, Debug, Serialize)]
pub struct Actual {
    environment: String,
    month: String,
    rows: Vec<Row>,
}

impl Actual {
    /// Sets the two beside each other. Names of services differ between AWS's own products ("EC2 - Other" holds volumes, addresses and
    /// NAT gateways); what is only on one side stays on one side.
    #[must_use]
    pub fn of(report: &PlanReport, month: &str, billed: BTreeMap<String, Decimal>) -> Self {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let row = |service: &str| Row { service: service.to_owned(), estimated: None, billed: None };
        let live = report.cost.entries.iter().any(|entry| entry.before.is_some());
        for entry in &report.cost.entries {
            let side = if live { entry.before.as_ref() } else { entry.after.as_ref() };
            let Some(monthly) = side.and_then(|side| side.monthly).filter(|monthly| !monthly.is_zero()) else {
                continue;
            };
            let service = csv::billed_as(entry.component);
            *rows.entry(service.to_owned()).or_insert_with(|| row(service)).estimated.get_or_insert(Decimal::ZERO) +=
                monthly;
        }
        for (service, sum) in billed {
            rows.entry(service.clone()).or_insert_with(|| row(&service)).billed = Some(sum);
        }
        Self {
            environment: report.environment.raw().to_owned(),
            month: month.to_owned(),
            rows: rows.into_values().collect(),
        }
    }

    fn totals(&self) -> [Decimal; 2] {
        let sum = |of: fn(&Row) -> Option<Decimal>| self.rows.iter().filter_map(of).sum();
        [sum(|row| row.estimated), sum(|row| row.billed)]
    }
}

fn amount(figure: Option<Decimal>) -> String {
    figure.map(number::money).unwrap_or_default()
}

/// A table each.
#[must_use]
pub fn human(all: &[Actual]) -> String {
    let mut out = String::new();
    for actual in all {
        let head = format!("{}, billed in {}", bounded(&actual.environment, 40), actual.month);
        let _ = writeln!(out, "\n  {head:48}  {:>12}  {:>12}", "estimated", "billed");
        for row in &actual.rows {
            let service: String = visible(&row.service).chars().take(48).collect();
            let line = format!("  {service:48}  {:>12}  {:>12}", amount(row.estimated), amount(row.billed));
            let _ = writeln!(out, "{}", line.trim_end());
        }
        let [estimated, billed] = actual.totals().map(number::money);
        let _ = writeln!(out, "  {:48}  {estimated:>12}  {billed:>12}", "total");
    }
    out
}

/// A table each.
#[must_use]
pub fn markdown(all: &[Actual]) -> String {
    let mut out = String::new();
    for actual in all {
        let _ = writeln!(
            out,
            "\n| {} in {} | estimated | billed |\n|---|--:|--:|",
            code_cell(&actual.environment),
            actual.month
        );
        for row in &actual.rows {
            let _ =
                writeln!(out, "| {} | {} | {} |", code_cell(&row.service), amount(row.estimated), amount(row.billed));
        }
        let [estimated, billed] = actual.totals().map(number::money);
        let _ = writeln!(out, "| **total** | **{estimated}** | **{billed}** |");
    }
    out
}
