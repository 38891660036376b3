//! What a commit status says: at most 140 characters, with the digest of the plan and its counts.
//!
//! The digest in it is half of an approval (the record in the state bucket is the other), so it is read back from here too.

use super::comment::Figures;
use super::number;
use super::text::visible;
use crate::problem::Problem;

/// GitHub refuses longer ones.
pub const LONGEST: usize = 140;

/// `+2 ~3 -/+1 -0, +$36.50 a month, sha256:…` of a plan that can be applied.
#[must_use]
pub fn planned(figures: &Figures, digest: &str) -> String {
    let counts = if figures.changes() == 0 {
        "no changes".to_owned()
    } else {
        format!("+{} ~{} -/+{} -{}", figures.create, figures.change, figures.replace, figures.delete)
    };
    let unknown = if figures.unknown > 0 { format!(" ?{}", figures.unknown) } else { String::new() };
    let money = figures.delta.map(number::signed_dollars).filter(|delta| delta != "$0.00");
    let money = money.map_or(String::new(), |delta| format!(", {delta} a month"));
    let digest = checked(digest).unwrap_or_default();
    let full = format!("{counts}{unknown}{money}, {digest}");
    if full.chars().count() <= LONGEST { full } else { bounded(&format!("{counts}, {digest}")) }
}

/// The digest of the plan in a description that [`planned`] made.
#[must_use]
pub fn digest(description: &str) -> Option<String> {
    checked(description.rsplit(", ").next()?)
}

/// A digest, if it is one.
fn checked(text: &str) -> Option<String> {
    let hex = text.strip_prefix("sha256:")?;
    let good = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    good.then(|| text.to_owned())
}

/// Why a plan cannot be applied, or why an apply was refused: the first problem and how many more there are.
#[must_use]
pub fn refused(problems: &[Problem]) -> String {
    let Some(first) = problems.iter().find(|problem| problem.stops()) else { return "refused".to_owned() };
    let more = problems.iter().filter(|problem| problem.stops()).count() - 1;
    let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let room = LONGEST - rest.len();
    let text = shortened(&format!("{}: {}", first.code, visible(&first.title)), room);
    format!("{text}{rest}")
}

/// Any words, short enough.
#[must_use]
pub fn bounded(text: &str) -> String {
    shortened(&visible(text), LONGEST)
}

fn shortened(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(room.saturating_sub(3)).collect();
    kept.push_str("...");
    kept
}
