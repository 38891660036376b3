//! The one issue of an environment that drifted: opened, updated, closed.
//!
//! It is found by the marker on line 1 and by its author, never by its title alone.

use serde::{Deserialize, Serialize};

use super::comment::{Origin, Run};
use super::markdown::document::{Document, Part, Rank};
use super::markdown::{body, mark};
use super::report::{DriftReport, PlanReport};
use super::text::{code, prose};
use super::{number, redact, text};

/// GitHub's limit for the body of an issue is that of a comment.
pub use super::comment::COMMENT_LIMIT as ISSUE_LIMIT;

/// What line 1 of the issue holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueMarker {
    /// `rem-ci/drift/v1`.
    pub format: String,
    /// Which environment.
    pub environment: String,
    /// By which run.
    pub run: Run,
    /// When it began, in seconds since 1970.
    pub began: i64,
}

const FORMAT: &str = "rem-ci/drift/v1";

impl IssueMarker {
    /// A marker of this version.
    #[must_use]
    pub fn new(environment: &str, origin: &Origin) -> Self {
        let format = FORMAT.to_owned();
        Self { format, environment: environment.to_owned(), run: origin.run.clone(), began: origin.began }
    }

    /// The marker of an issue: its first line, whole, or nothing.
    #[must_use]
    pub fn decode(body: &str) -> Option<Self> {
        mark::decode::<Self>(body).filter(|marker| marker.format == FORMAT)
    }
}

/// The title: the same as long as the environment has its name.
#[must_use]
pub fn title(environment: &str) -> String {
    format!("rem-ci: {} differs from what was applied", text::bounded(environment, 60))
}

/// The body. On a public repository account ids and ARNs are shortened.
#[must_use]
pub fn drifted(report: &DriftReport, origin: &Origin, limit: usize) -> String {
    let plan: PlanReport = if origin.public { redact::plan(&report.plan) } else { report.plan.clone() };
    let name = plan.environment.raw().to_owned();
    let mut document = Document::new(format!("the summary of {}", origin.run.link()));
    document.add(Part::whole(Rank::Marker, "the marker", mark::encode(&IssueMarker::new(&name, origin))));
    let counts = plan.counts();
    let moved = number::count(counts.changes() + counts.unknown, "resource");
    let head = format!("### {moved} of {} differ from {}\n\n", code(&name), prose(report.baseline.raw()));
    document.add(Part::whole(Rank::Verdict, "the verdict", head));
    body(&mut document, std::slice::from_ref(&plan), &[]);
    document.notice_here();
    let next = format!(
        "**Next**: somebody or something changed what rem-ci owns. Take it over into {}, or apply to set it back. This issue is \
         kept up to date by every drift run and closes by itself.\n\n",
        code(&format!("environments/{name}.yaml"))
    );
    document.add(Part::whole(Rank::Next, "what is next", next));
    document.add(Part::whole(Rank::Footer, "where it is from", foot(origin)));
    document.render(limit)
}

/// What is said once nothing differs any more, before the issue is closed.
#[must_use]
pub fn settled(environment: &str, origin: &Origin) -> String {
    let marker = mark::encode(&IssueMarker::new(environment, origin));
    format!("{marker}Nothing of {} differs any more.\n\n{}", code(environment), foot(origin))
}

fn foot(origin: &Origin) -> String {
    format!(
        "<sub>looked {} · {} · rem-ci {}</sub>\n",
        code(&super::comment::time(origin.at)),
        origin.run.link(),
        env!("CARGO_PKG_VERSION")
    )
}
