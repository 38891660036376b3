//! Everything a person or a script reads: terminal, Markdown, JSON v1, diagrams, progress.
//!
//! Views are pure: a model of [`report`] in, text out. Only `out.rs` prints. Text that comes from YAML, from AWS or from
//! Kubernetes is [`Untrusted`] whatever its type: it goes through [`text`], which makes it visible, bounded and inert in
//! the medium at hand. The order is the same everywhere: verdict first, danger second, money third, detail last.
//!
//! | file | what it makes |
//! |---|---|
//! | `report.rs` | the models that all views take |
//! | `fields.rs` | leaf rows out of a changed field |
//! | `text.rs` | untrusted text made inert |
//! | `number.rs` | money, deltas, durations |
//! | `words.rs` | the words that human and Markdown views share |
//! | `human.rs`, `human/` | the terminal |
//! | `markdown.rs`, `markdown/` | Markdown, and the parts that what is for GitHub is put together from |
//! | `comment.rs`, `comment/` | the one comment of a pull request |
//! | `annotations.rs` | findings on the lines of a pull request |
//! | `issue.rs` | the drift issue |
//! | `redact.rs` | account ids and ARNs shortened, for public repositories |
//! | `json.rs` | the versioned formats |
//! | `calls.rs` | requests as they are made |
//! | `actual.rs` | what was billed beside what was estimated |
//! | `csv.rs` | cost lines for spreadsheets |
//! | `tables.rs` | which price tables there are |
//! | `pools.rs` | node pools: which nodes, how full; groups and bars |
//! | `doctor.rs` | what a doctor found |
//! | `errors.rs` | problems with a snippet |
//! | `diagram.rs`, `diagram/` | Mermaid, DOT and SVG of an environment |
//! | `progress.rs` | an apply as it goes |
//! | `out.rs` | the one place that prints |

pub mod actual;
pub mod annotations;
pub mod calls;
pub mod comment;
pub mod csv;
pub mod diagram;
pub mod doctor;
pub mod errors;
mod fields;
pub mod human;
pub mod issue;
pub mod json;
pub mod markdown;
pub mod number;
pub mod out;
mod pools;
pub mod progress;
pub mod redact;
pub mod report;
pub mod tables;
pub mod text;
mod words;

#[cfg(test)]
mod tests;

pub use fields::{field_rows, field_rows_of, leaf};
pub use pools::By;
pub use text::Untrusted;

/// How a terminal wants its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours may be used. Colour is never the only carrier.
    pub colour: bool,
    /// Columns; 100 where there is no terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { colour: false, width: 100 }
    }
}
