//! A problem as an annotation of the workflow's log: `::error file=…,line=…::text`, which GitHub shows beside the line.
//!
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>

use super::text::visible;
use crate::problem::{Problem, Severity};

/// One line. `folder` is where the files are in the repository: empty, or ending in `/`.
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
        properties.push(format!("line={}", place.line));
        properties.push(format!("endLine={}", place.line));
        properties.push(format!("col={}", place.column));
    }
    properties.push(format!("title={}", property(&format!("rem-ci: {}", problem.code))));
    let address = problem.address.as_ref().map(|address| format!("{address}: ")).unwrap_or_default();
    let help = if problem.help.is_empty() { String::new() } else { format!(" (help: {})", visible(&problem.help)) };
    let text = data(&format!("{}{}{help}", visible(&address), visible(&problem.title)));
    format!("::{command} {}::{text}\n", properties.join(","))
}

/// What a message may not hold, as the runner reads it back.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same for a property.
fn property(text: &str) -> String {
    data(&visible(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::annotation;
    use crate::problem::{Place, Problem};

    #[test]
    fn one_command_whatever_is_in_it() {
        let place =
            Place { file: "environments/dev.yaml".to_owned(), line: 7, column: 3, length: 4, text: String::new() };
        let problem =
            Problem::error("subnet-too-small", "10% of a, b: c\n::stop-commands::x", "ask::debug::y").at(Some(place));
        let line = annotation(&problem, "infra/");
        assert_eq!(
            line,
            "::error file=infra/environments/dev.yaml,line=7,endLine=7,col=3,title=rem-ci%3A subnet-too-small::\
             10%25 of a, b: c\\n:\\u{3a}stop-commands:\\u{3a}x (help: ask:\\u{3a}debug:\\u{3a}y)\n"
        );
        assert_eq!(line.lines().count(), 1);
    }
}
