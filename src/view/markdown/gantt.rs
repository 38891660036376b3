//! An apply's steps over time, as a chart that GitHub draws.

use std::fmt::Write as _;

use super::document::{Part, Rank};
use crate::view::fields;
use crate::view::report::Step;
use crate::view::text::mermaid;

/// Bars that can be told apart.
const BARS: usize = 40;

/// The longest steps, in order of their start; folded. None where nothing took a second.
pub(super) fn gantt(steps: &[Step]) -> Option<Part> {
    let mut long: Vec<_> = steps.iter().filter(|step| step.end_ms >= step.start_ms + 1000).collect();
    long.sort_by_key(|step| std::cmp::Reverse(step.end_ms - step.start_ms));
    let more = long.len().saturating_sub(BARS);
    long.truncate(BARS);
    if long.is_empty() {
        return None;
    }
    // A section is drawn once: its steps stand together, sections in order of their first step.
    let begins = |section: &str| {
        long.iter().filter(|step| step.address.section() == section).map(|step| step.start_ms).min().unwrap_or_default()
    };
    let mut sorted = long.clone();
    sorted.sort_by_key(|step| (begins(step.address.section()), step.address.section(), step.start_ms, step.end_ms));
    let title = if more > 0 { format!("What ran when, the {BARS} longest steps") } else { "What ran when".to_owned() };
    let mut out = format!(
        "<details><summary>{title}</summary>\n\n```mermaid\ngantt\n  dateFormat x\n  axisFormat %M:%S\n  todayMarker off\n"
    );
    let mut section = "";
    for step in sorted {
        if step.address.section() != section {
            section = step.address.section();
            let _ = writeln!(out, "  section {}", task(section));
        }
        let state = match (&step.error, step.critical) {
            (Some(_), _) => "crit, ",
            (None, true) => "active, ",
            (None, false) => "",
        };
        let failed = if step.error.is_some() { " FAILED" } else { "" };
        let name = task(fields::short(step.address.as_str()));
        let _ = writeln!(out, "  {name}{failed} :{state}{}, {}", step.start_ms, step.end_ms);
    }
    out.push_str("```\n\nBars of another colour are on the critical path.\n\n</details>\n\n");
    Some(Part::whole(Rank::Extra, "the chart", out))
}

/// A name in a gantt chart, where a colon ends it.
fn task(name: &str) -> String {
    mermaid(name).replace(':', "_").trim().to_owned()
}
