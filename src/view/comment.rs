//! The one comment of a pull request: all its environments, from planning to done.
//!
//! Jobs of a matrix write the same comment, one environment each. So the comment is its own store: the marker on line 1 says
//! of every environment where it stands and by which run, and the parts that are an environment's own stand between lines
//! that name it. A job reads the comment ([`Comment::parse`]), puts in what it knows ([`Comment::put`]), and writes it back
//! ([`Comment::render`]). A run that began earlier never overwrites one that began later, and verdict, table and next step
//! are made anew from all entries, whoever wrote them.
//!
//! What is read back is display only: it decides nothing. Parts that somebody edited no longer bear their seal and are left out.
//!
//! | file | what it holds |
//! |---|---|
//! | `marker.rs` | line 1: who stands where |
//! | `stage.rs` | what there is to say of one environment |
//! | `parts.rs` | its parts: danger, detail, foot |
//! | `difference.rs` | a plan against the approved one |
//! | `words.rs` | verdict, table, next step over all of them |
//! | `read.rs` | a comment that was written before |

mod difference;
mod marker;
mod parts;
mod read;
mod stage;
mod words;

use std::collections::BTreeMap;

pub use difference::beyond;
pub use marker::{Entry, Figures, Marker, Run, Word};
pub use stage::{Beyond, Ended, Environment, Gate, Offline, Origin, Progress, Stage};

pub(in crate::view) use words::time;

use super::markdown::document::{Document, Part, Rank};

/// Bytes of a comment. GitHub takes 262,144 and Infracost, which has written more of them than we, stops at 200,000:
/// <https://github.com/dead-claudia/github-limits>.
pub const COMMENT_LIMIT: usize = 200_000;

/// One environment's part of the comment.
#[derive(Clone, Debug)]
struct Kept {
    entry: Entry,
    /// Danger, detail and foot, in the order of [`PLACES`].
    parts: [Vec<Part>; 3],
}

/// Where an environment's parts stand in the comment.
const PLACES: [&str; 3] = ["danger", "detail", "foot"];

/// The comment, before it is text.
#[derive(Clone, Debug, Default)]
pub struct Comment {
    environments: BTreeMap<String, Kept>,
}

impl Comment {
    /// A comment that was written before, found by its marker; none if this is not one of ours.
    #[must_use]
    pub fn parse(body: &str) -> Option<Self> {
        read::parse(body)
    }

    /// What the marker says, by environment.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.environments.iter().map(|(name, kept)| (name.as_str(), &kept.entry))
    }

    /// Puts in what a run knows of an environment. False, and nothing changes, if a run that began later has spoken.
    pub fn put(&mut self, origin: &Origin, environment: &Environment) -> bool {
        let before = self.environments.get(&environment.name);
        if before.is_some_and(|kept| kept.entry.newer_than(origin)) {
            return false;
        }
        let kept = parts::kept(origin, environment, before.cloned());
        self.environments.insert(environment.name.clone(), kept);
        true
    }

    /// Leaves out environments that the pull request does not touch any more, unless a run that began later put them in.
    pub fn retain(&mut self, origin: &Origin, names: &[&str]) {
        self.environments.retain(|name, kept| names.contains(&name.as_str()) || kept.entry.newer_than(origin));
    }

    /// Whether nothing needs to be said: no environment changes, stands in anyone's way, or is under way. Such a comment is
    /// updated if it is there, and not made.
    #[must_use]
    pub fn quiet(&self) -> bool {
        self.entries().all(|(_, entry)| {
            let figures = entry.figures;
            entry.stage == Word::Planned && figures.changes() + figures.unknown + figures.errors + figures.widens == 0
        })
    }

    /// Markdown of at most `limit` bytes with the marker on line 1; empty if not even that fits.
    #[must_use]
    pub fn render(&self, limit: usize) -> String {
        let marker = self.marker();
        let mut line = marker.encode();
        if line.len() * 2 > limit {
            line = marker.short().encode();
        }
        if line.len() > limit {
            return String::new();
        }
        let text = self.document(Some(&line)).render(limit);
        // Seals have their length from the first; now they get their value.
        let short = line == marker.short().encode();
        let mut sealed = if short { marker.short() } else { marker };
        let sections = read::sections(&text);
        for (name, entry) in &mut sealed.environments {
            entry.seal = marker::seal(&sections.get(&read::key(name)).cloned().unwrap_or_default());
        }
        text.replacen(&line, &sealed.encode(), 1)
    }

    fn marker(&self) -> Marker {
        let entries = self.environments.iter().map(|(name, kept)| {
            let seal = marker::seal(&[String::new(), String::new(), String::new()]);
            (name.clone(), Entry { seal, ..kept.entry.clone() })
        });
        Marker::new(entries.collect())
    }

    /// The same for the summary of a job: nobody reads that back, so it has no hidden lines.
    #[must_use]
    pub fn summary(&self, limit: usize) -> String {
        self.document(None).render(limit)
    }

    fn document(&self, line: Option<&str>) -> Document {
        let run = self.environments.values().map(|kept| &kept.entry.run).max_by_key(|run| (run.id, run.attempt));
        let elsewhere = match (run, line) {
            (Some(run), Some(_)) => format!("the summary of {}", run.link()),
            (Some(run), None) => format!("the log of {}", run.link()),
            (None, _) => "`rem-ci plan`".to_owned(),
        };
        let mut document = Document::new(elsewhere);
        document.add(Part::whole(Rank::Marker, "the marker", line.unwrap_or_default()));
        let verdict = format!("### rem-ci: {}\n\n", words::verdict(self));
        document.add(Part::whole(Rank::Verdict, "the verdict", verdict));
        self.section(&mut document, 0, line.is_some());
        let rows = self.entries().map(|(name, entry)| words::table_row(name, entry)).collect();
        document.add(Part::rows(Rank::Table, "the table", words::TABLE, rows, ""));
        self.section(&mut document, 1, line.is_some());
        document.notice_here();
        document.add(Part::whole(Rank::Next, "what is next", words::next(self)));
        self.section(&mut document, 2, line.is_some());
        document
    }

    /// One place of every environment, each between lines that name it where somebody reads it back.
    fn section(&self, document: &mut Document, place: usize, framed: bool) {
        for (name, kept) in &self.environments {
            let parts = &kept.parts[place];
            if parts.is_empty() {
                continue;
            }
            let (open, close) = read::fences(PLACES[place], name);
            if framed {
                document.add(Part::whole(Rank::Frame, "a frame", open));
            }
            for part in parts {
                document.add(part.clone());
            }
            if framed {
                document.add(Part::whole(Rank::Frame, "a frame", close));
            }
        }
    }
}

/// [`Comment::render`].
#[must_use]
pub fn render(comment: &Comment, limit: usize) -> String {
    comment.render(limit)
}
