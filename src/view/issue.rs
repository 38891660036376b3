//! The one issue of an environment that drifted, as it reads. Who opens, finds and closes it is the action's business.

use super::comment::{Origin, time};
use super::markdown::body;
use super::markdown::document::{Document, Part, Rank};
use super::report::DriftReport;
use super::text::{bounded, code, prose};
use super::{number, redact};

/// The title: the same as long as the environment has its name.
#[must_use]
pub fn title(environment: &str) -> String {
    format!("rem-ci: {} differs from what was applied", bounded(environment, 60))
}

/// The body, below the line by which it is found. On a public repository account ids and ARNs are shortened.
#[must_use]
pub fn drifted(report: &DriftReport, marker: &str, origin: &Origin, limit: usize) -> String {
    let plan = if origin.public { redact::plan(&report.plan) } else { report.plan.clone() };
    let name = plan.environment.raw().to_owned();
    let mut document = Document::new(format!("the summary of {}", origin.run.link()));
    document.add(Part::whole(Rank::Marker, "the marker", format!("{marker}\n")));
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

/// The last word, before the issue is closed.
#[must_use]
pub fn settled(environment: &str, origin: &Origin) -> String {
    format!("Nothing of {} differs any more.\n\n{}", code(environment), foot(origin))
}

fn foot(origin: &Origin) -> String {
    format!(
        "<sub>looked {} · {} · rem-ci {}</sub>\n",
        code(&time(origin.at)),
        origin.run.link(),
        env!("CARGO_PKG_VERSION")
    )
}
