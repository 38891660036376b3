//! Markdown: `--format markdown`, and the parts that comment, job summary and drift issue are put together from.
//!
//! Lines begin with text of ours; all else stands in code spans, table cells or fences that it cannot leave. What would be
//! too long loses detail first, and never a closing fence or tag.
//!
//! | file | what it makes |
//! |---|---|
//! | `document.rs` | parts with ranks, put together under a limit |
//! | `size.rs` | text that was laid out before, cut |
//! | `plan.rs` | the parts of a plan |
//! | `after.rs` | the parts of what was done: apply, verify |
//! | `gantt.rs` | an apply's steps over time |
//! | `health.rs` | status and diagnose |
//! | `mark.rs` | the hidden line by which a text is found again |

mod after;
pub(in crate::view) mod document;
mod gantt;
mod health;
pub(in crate::view) mod mark;
pub(in crate::view) mod plan;
mod size;

pub(in crate::view) use after::ended;
pub use after::{applied, outputs, verified};
pub use health::{diagnose, status};
pub use size::fit;

use document::{Document, Part, Rank};

use super::diagram::Topology;
use super::report::{DriftReport, PlanReport};
use super::text::{code, prose};
use super::{number, words};
use crate::problem::Problem;

/// Bytes of a job summary: GitHub takes 1 MiB a step, <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>;
/// some room is kept.
pub const SUMMARY_LIMIT: usize = 1_000_000;

/// Plans of several environments, and a diagram of each.
#[must_use]
pub fn plans(reports: &[PlanReport], diagrams: &[Topology], limit: usize) -> String {
    let mut document = Document::new("`rem-ci plan`");
    document.add(Part::whole(Rank::Verdict, "the verdict", format!("### {}\n\n", headline(reports))));
    body(&mut document, reports, diagrams);
    document.notice_here();
    document.add(Part::whole(Rank::Next, "what is next", next(reports)));
    document.render(limit)
}

/// What differs from the last apply.
#[must_use]
pub fn drift(report: &DriftReport, limit: usize) -> String {
    let mut document = Document::new("`rem-ci drift`");
    let counts = report.plan.counts();
    let moved = number::count(counts.changes() + counts.unknown, "resource");
    let name = code(report.plan.environment.raw());
    let head = format!("### {moved} differ in {name} from {}\n\n", prose(report.baseline.raw()));
    document.add(Part::whole(Rank::Verdict, "the verdict", head));
    body(&mut document, std::slice::from_ref(&report.plan), &[]);
    document.notice_here();
    document.render(limit)
}

/// Danger, table, money, changes: the same everywhere.
pub(in crate::view) fn body(document: &mut Document, reports: &[PlanReport], diagrams: &[Topology]) {
    let named = reports.len() > 1;
    let spoken: Vec<_> = reports.iter().filter(|report| plan::speaks(report)).collect();
    for report in &spoken {
        document.add(Part::alert(Rank::Danger, "the dangers", "CAUTION", &plan::danger(report, named)));
    }
    let rows = reports.iter().map(plan::table_row).collect();
    document.add(Part::rows(Rank::Table, "the table", plan::TABLE, rows, ""));
    for report in &spoken {
        document.add(Part::alert(Rank::Warning, "the warnings", "WARNING", &plan::warnings(report, named)));
    }
    for report in &spoken {
        for part in plan::cost(report) {
            document.add(part);
        }
        document.add(plan::outline(report));
        document.add(plan::full(report));
        let picture = diagrams.iter().find(|picture| picture.environment == report.environment);
        if let Some(picture) = picture {
            document.add(plan::picture(picture, &report.rows));
        }
    }
}

/// The verdict over several plans: counts, money, time, losses.
pub(in crate::view) fn headline(reports: &[PlanReport]) -> String {
    let stopped = reports.iter().flat_map(|report| &report.findings).filter(|problem| problem.stops()).count();
    if stopped > 0 {
        return format!("rem-ci: {}, nothing can be applied yet", number::count(stopped, "error"));
    }
    let all: Vec<_> = reports.iter().map(PlanReport::counts).collect();
    let changing = all.iter().filter(|counts| counts.changes() > 0).count();
    let unknown: usize = all.iter().map(|counts| counts.unknown).sum();
    if changing == 0 && unknown == 0 {
        return "rem-ci: no changes".to_owned();
    }
    let deltas: Option<rust_decimal::Decimal> = reports.iter().map(|report| report.cost.delta()).sum();
    let figures = words::Verdict {
        environments: changing,
        create: all.iter().map(|counts| counts.create).sum(),
        change: all.iter().map(super::report::Counts::changed).sum(),
        replace: all.iter().map(|counts| counts.replace).sum(),
        delete: all.iter().map(|counts| counts.delete).sum(),
        unknown,
        delta: deltas,
        seconds: reports.iter().map(|report| report.estimate.seconds).max().unwrap_or(0),
    };
    format!("rem-ci: {}", figures.words())
}

/// The cost tables of several environments: `rem-ci cost --format markdown`.
#[must_use]
pub fn costs(reports: &[PlanReport], by: Option<super::By>) -> String {
    let mut out = String::new();
    for report in reports {
        let (head, rows, notes) = plan::cost_pieces(report);
        out.extend([&head, &rows.join("\n"), "\n\n", &notes.join("\n"), "\n\n"]);
        super::pools::markdown(&mut out, &report.cost);
        super::pools::markdown_split(&mut out, &report.cost);
        for problem in words::findings(report) {
            out.extend(["- ", &plan::finding(problem), "\n"]);
        }
    }
    if let Some(by) = by {
        super::pools::markdown_groups(&mut out, reports, by);
    }
    out
}

fn next(reports: &[PlanReport]) -> String {
    use super::report::Mode;
    let stopped = reports.iter().any(|report| report.findings.iter().any(Problem::stops));
    let changing: Vec<_> = reports.iter().filter(|report| report.counts().changes() > 0).collect();
    if stopped {
        return "**Next**: fix the errors above. Nothing is applied until then.\n\n".to_owned();
    }
    if changing.is_empty() {
        return String::new();
    }
    if changing.iter().any(|report| report.mode == Mode::Offline) {
        return "**Next**: this plan was made without AWS and approves nothing; one made with credentials does.\n\n"
            .to_owned();
    }
    let digests: Vec<_> = changing.iter().map(|report| code(&plan::short(&report.plan_digest))).collect();
    format!("**Next**: apply exactly this plan ({}). Anything stronger than this is refused.\n\n", digests.join(", "))
}
