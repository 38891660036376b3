//! What a doctor found, in every format.

use std::fmt::Write as _;

use serde_json::json;

use super::Style;
use super::errors::{paint, painted};
use super::human::wrap;
use super::text::{bounded, code, code_cell, json_safe, prose, visible};
use crate::doctor::{Finding, State};

/// An environment's name, and what was found.
type Report = (String, Vec<Finding>);

fn count(findings: &[Finding], state: State) -> usize {
    findings.iter().filter(|finding| finding.state == state).count()
}

/// `12 fine, 1 to look at, 2 wrong, 3 not known`.
fn counts(findings: &[Finding]) -> String {
    let words =
        [(State::Wrong, "wrong"), (State::Look, "to look at"), (State::Fine, "fine"), (State::Unknown, "not known")];
    let parts = words.iter().filter_map(|(state, word)| {
        let number = count(findings, *state);
        (number > 0).then(|| format!("{number} {word}"))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// For a terminal: what is wrong with what to do, what is fine in one line each.
#[must_use]
pub fn human(reports: &[Report], style: Style) -> String {
    let mut out = String::new();
    for (name, findings) in reports {
        let _ = writeln!(out, "doctor {}: {}", bounded(name, 40), counts(findings));
        for finding in findings {
            let (mark, colour) = match finding.state {
                State::Fine => ("ok  ", paint::GREEN),
                State::Look => ("look", paint::YELLOW),
                State::Wrong => ("x   ", paint::RED),
                State::Unknown => ("?   ", paint::DIM),
            };
            let _ = writeln!(out, "  {} {}", painted(style, colour, mark), visible(&finding.title));
            let width = style.width.saturating_sub(13);
            let lines = |out: &mut String, head: &str, text: &str| {
                for (at, line) in wrap(&bounded(text, 1000), width).into_iter().enumerate() {
                    let _ = writeln!(out, "       {} {line}", if at == 0 { head } else { "    " });
                }
            };
            if !finding.evidence.is_empty() {
                lines(&mut out, "seen", &finding.evidence);
            }
            if !finding.help.is_empty() && finding.state != State::Fine {
                lines(&mut out, "help", &finding.help);
            }
        }
        let _ = writeln!(out);
    }
    out
}

/// For a comment or a job summary.
#[must_use]
pub fn markdown(reports: &[Report]) -> String {
    let mut out = String::new();
    for (name, findings) in reports {
        let _ = write!(
            out,
            "### rem-ci doctor: {}: {}\n\n| | check | seen | what to do |\n|---|---|---|---|\n",
            code(name),
            counts(findings)
        );
        for finding in findings {
            let mark = match finding.state {
                State::Fine => "✅",
                State::Look => "⚠️",
                State::Wrong => "❌",
                State::Unknown => "❔",
            };
            let evidence = if finding.evidence.is_empty() { String::new() } else { code_cell(&finding.evidence) };
            let (title, help) = (prose(&finding.title).replace('|', "\\|"), prose(&finding.help).replace('|', "\\|"));
            let _ = writeln!(out, "| {mark} | {title} | {evidence} | {help} |");
        }
        out.push('\n');
    }
    out
}

/// For scripts: `rem-ci/doctor/v1`. Keys are only ever added.
#[must_use]
pub fn json(reports: &[Report]) -> String {
    let environments: Vec<_> = reports
        .iter()
        .map(|(name, findings)| {
            let checks: Vec<_> = findings
                .iter()
                .map(|finding| {
                    json!({
                        "code": finding.code,
                        "title": finding.title,
                        "state": finding.state.as_str(),
                        "evidence": finding.evidence,
                        "help": finding.help,
                    })
                })
                .collect();
            json!({ "environment": name, "passed": count(findings, State::Wrong) == 0, "checks": checks })
        })
        .collect();
    json_safe(&format!("{:#}\n", json!({ "format": "rem-ci/doctor/v1", "environments": environments })))
}
