//! `rem-ci prices show`: which price tables there are, from which day.

use std::fmt::Write as _;

use jiff::civil::Date;
use serde::Serialize;

use super::Style;
use super::text::{code_cell, prose, visible};
use crate::cost::Book;

/// One region's table.
#[derive(Debug, Serialize)]
pub struct Row {
    region: String,
    date: Option<String>,
    age_days: Option<i32>,
    instance_types: usize,
    services: usize,
    source: String,
}

impl Row {
    /// Of a region, with a table or without.
    #[must_use]
    pub fn of(region: &str, book: Option<&Book>, today: Date) -> Self {
        let date = book.and_then(|book| book.date().parse::<Date>().ok());
        Self {
            region: region.to_owned(),
            date: book.map(|book| book.date().to_owned()),
            age_days: date.and_then(|date| today.since(date).ok()).map(|span| span.get_days()),
            instance_types: book.map_or(0, |book| book.instances().count()),
            services: book.map_or(0, Book::services),
            source: book
                .map_or_else(|| "no table: its lines say \"no price\"".to_owned(), |book| book.source().to_owned()),
        }
    }

    fn cells(&self) -> [String; 4] {
        [
            self.date.clone().unwrap_or_else(|| "-".to_owned()),
            self.age_days.map_or_else(String::new, |days| format!("{days} d")),
            self.instance_types.to_string(),
            self.services.to_string(),
        ]
    }
}

/// A line each.
#[must_use]
pub fn human(rows: &[Row], style: Style) -> String {
    let mut out = format!("{:16} {:10}  {:>6}  {:>6}  {:>8}  source\n", "region", "date", "age", "types", "services");
    for row in rows {
        let [date, age, types, services] = row.cells();
        let region = visible(&row.region);
        let head = format!("{region:16} {date:10}  {age:>6}  {types:>6}  {services:>8}  ");
        let room = style.width.saturating_sub(head.chars().count()).max(20);
        let source: String = visible(&row.source).chars().take(room).collect();
        let _ = writeln!(out, "{head}{source}");
    }
    out
}

/// A table.
#[must_use]
pub fn markdown(rows: &[Row]) -> String {
    let mut out = String::from("| region | date | age | types | services | source |\n|---|---|--:|--:|--:|---|\n");
    for row in rows {
        let [date, age, types, services] = row.cells();
        let source = prose(&row.source).replace('|', "\\|");
        let _ = writeln!(out, "| {} | {date} | {age} | {types} | {services} | {source} |", code_cell(&row.region));
    }
    out
}

/// `rem-ci/prices/v1`.
#[must_use]
pub fn json(rows: &[Row]) -> String {
    #[derive(Serialize)]
    struct Tables<'a> {
        format: &'static str,
        regions: &'a [Row],
    }
    super::json::print(&Tables { format: "rem-ci/prices/v1", regions: rows })
}
