//! Findings as annotations on the lines of a pull request, by GitHub's workflow commands; they need no permission.
//!
//! Escaped as the runner's own toolkit does: <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>.
//! GitHub shows ten of a step and fifty of a job, and leaves out the rest without a word; so the gravest come first and the
//! summary has them all.

use std::fmt::Write as _;

use super::text::visible;
use crate::problem::{Problem, Severity};

/// So many are shown of a step.
pub const PER_STEP: usize = 10;

/// The commands, one a line: the gravest first, those about a file before those about nothing in particular. `folder` is
/// where the files are in the repository: empty, or ending in `/`.
#[must_use]
pub fn annotations(problems: &[Problem], folder: &str) -> String {
    let mut open: Vec<_> = problems.iter().filter(|problem| !problem.waived).collect();
    open.sort_by_key(|problem| (problem.severity, problem.place.is_none()));
    open.into_iter().take(PER_STEP).map(|problem| annotation(problem, folder)).collect()
}

/// One command.
#[must_use]
pub fn annotation(problem: &Problem, folder: &str) -> String {
    let command = match problem.severity {
        Severity::Error => "error",
        Severity::Widens | Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let mut properties = Vec::new();
    if let Some(place) = &problem.place {
        properties.push(format!("file={}", property(&format!("{folder}{}", place.file))));
        properties.push(format!("line={0},endLine={0}", place.line));
        properties.push(format!("col={},endColumn={}", place.column, place.column + place.length.max(1)));
    }
    properties.push(format!("title={}", property(&format!("rem-ci: {}", problem.code))));
    let mut message = String::new();
    if let Some(address) = &problem.address {
        let _ = write!(message, "{}: ", visible(address.as_str()));
    }
    message.push_str(&visible(&problem.title));
    if !problem.help.is_empty() {
        let _ = write!(message, "\nHelp: {}", visible(&problem.help));
    }
    if let Some(digest) = &problem.digest {
        let _ = write!(message, "\nAcknowledge with {}:{}", problem.code, visible(digest));
    }
    format!("::{command} {}::{}\n", properties.join(","), data(&message))
}

/// What stands after the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}
