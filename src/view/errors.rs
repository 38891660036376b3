//! Problems as people read them in a terminal: code, title, place, the line itself, what to do.

use std::fmt::Write as _;

use super::text::{bounded, visible};
use super::{Style, words};
use crate::problem::{Place, Problem, Severity};

/// ANSI colours used by the human views.
pub(super) mod paint {
    /// Errors, destruction.
    pub(crate) const RED: &str = "31;1";
    /// Creation, success.
    pub(crate) const GREEN: &str = "32";
    /// Warnings, changes.
    pub(crate) const YELLOW: &str = "33";
    /// Places, help.
    pub(crate) const CYAN: &str = "36";
    /// What matters less.
    pub(crate) const DIM: &str = "2";
    /// Headings.
    pub(crate) const BOLD: &str = "1";
}

/// Text in a colour, if colours are wanted.
pub(super) fn painted(style: Style, colour: &str, text: &str) -> String {
    if style.colour && !text.is_empty() { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// All problems, one after the other, an empty line between them.
#[must_use]
pub fn problems(problems: &[Problem], style: Style) -> String {
    problems.iter().map(|one| problem(one, style)).collect::<Vec<_>>().join("\n")
}

/// One problem:
///
/// ```text
/// error[subnet-too-small]: private subnets of 10.0.0.0/24 hold 11 addresses each
///    --> environments/dev.yaml:9:9
///   9 |   cidr: 10.0.0.0/24
///     |         ^^^^^^^^^^^
///   help: use /20 or larger for the VPC          rem-ci explain subnet-too-small
/// ```
#[must_use]
pub fn problem(problem: &Problem, style: Style) -> String {
    let colour = match problem.severity {
        Severity::Error => paint::RED,
        Severity::Widens | Severity::Warning => paint::YELLOW,
        Severity::Note => paint::CYAN,
    };
    let head = format!("{}[{}]", words::severity(problem.severity), problem.code);
    let waived = if problem.waived { " (set aside)" } else { "" };
    let mut out = format!("{}: {}{waived}\n", painted(style, colour, &head), visible(&problem.title));
    if let Some(place) = &problem.place {
        snippet(&mut out, place, colour, style);
    }
    if let Some(address) = &problem.address {
        let _ = writeln!(out, "  about: {}", visible(address.as_str()));
    }
    let explain = format!("rem-ci explain {}", problem.code);
    if problem.help.is_empty() {
        let _ = writeln!(out, "  help: {explain}");
    } else {
        let help = format!("  help: {}", visible(&problem.help));
        let room = style.width.saturating_sub(help.chars().count() + explain.len());
        let label = painted(style, paint::CYAN, "help");
        let help = help.replacen("help", &label, 1);
        match room {
            2.. => {
                let _ = writeln!(out, "{help}{}{explain}", " ".repeat(room.min(10)));
            }
            _ => {
                let _ = writeln!(out, "{help}\n        {explain}");
            }
        }
    }
    if let Some(digest) = &problem.digest {
        let _ = writeln!(out, "  acknowledge: {}:{}", problem.code, visible(digest));
    }
    out
}

/// The place, the line and carets under what is wrong. A long line is cut around the place.
fn snippet(out: &mut String, place: &Place, colour: &str, style: Style) {
    let number = place.line.to_string();
    let gutter = " ".repeat(number.len());
    let arrow = painted(style, paint::CYAN, "-->");
    let _ = writeln!(out, "  {gutter}{arrow} {}", visible(&words::place(place)));
    if place.text.is_empty() {
        return;
    }
    let room = style.width.saturating_sub(number.len() + 6).max(20);
    let chars: Vec<char> = place.text.chars().collect();
    let column = place.column.saturating_sub(1).min(chars.len());
    // So far left that the place and what follows it are seen.
    let start = if column + place.length.min(room / 2) > room { column.saturating_sub(room / 3) } else { 0 };
    let cut = if start > 0 { "…" } else { "" };
    let shown = |range: &[char]| bounded(&range.iter().collect::<String>(), 4 * room);
    let lead = format!("{cut}{}", shown(&chars[start..column]));
    let rest = shown(&chars[column..]);
    let line = bounded(&format!("{lead}{rest}"), room);
    let _ = writeln!(out, "  {number} | {line}");
    let marked = shown(&chars[column..chars.len().min(column + place.length)]).chars().count();
    let lead = lead.chars().count();
    let carets = "^".repeat(marked.max(1).min(room.saturating_sub(lead).max(1)));
    let _ = writeln!(out, "  {gutter} | {}{}", " ".repeat(lead), painted(style, colour, &carets));
}
