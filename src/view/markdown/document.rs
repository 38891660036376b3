//! A document of parts that fits into any number of bytes and is valid Markdown at every one of them.
//!
//! Every part has a rank: when room is short, the lowest ranks go first, and parts of one rank share what is left evenly, so
//! that one environment's long plan does not hide another's. A part is cut between its lines, inside its frame, and says
//! so; a notice counts all that was cut and says where the whole of it is. Whatever the size: no fence and no tag stays
//! open.

use std::fmt::Write as _;

use super::size::fit;
use crate::view::text::longest_run;

/// What matters more is kept longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::view) enum Rank {
    /// The line by which a comment is found again.
    Marker,
    /// The one line that says it all.
    Verdict,
    /// Lines that nobody sees, by which parts are found again.
    Frame,
    /// What is destroyed, weakened, refused or broken.
    Danger,
    /// What to do.
    Next,
    /// One row per environment.
    Table,
    /// Where it is from.
    Footer,
    /// What is under way, what came of it.
    Stage,
    /// Money.
    Cost,
    /// One line per resource.
    Outline,
    /// What should be looked at.
    Warning,
    /// Every field.
    Full,
    /// Pictures, and what explains.
    Extra,
}

/// How a frame says that lines are missing.
type More = fn(usize) -> String;

#[derive(Clone, Debug)]
enum Body {
    /// All of it or nothing.
    Whole(String),
    /// As many lines as fit, between what stands around them.
    Lines { before: String, lines: Vec<String>, after: String, more: More },
    /// Markdown that was laid out before, by us.
    Laid(String),
}

/// One part.
#[derive(Clone, Debug)]
pub(in crate::view) struct Part {
    rank: Rank,
    /// How the notice calls it: `the topology`.
    what: &'static str,
    body: Body,
}

impl Part {
    /// All of it or nothing.
    pub(in crate::view) fn whole(rank: Rank, what: &'static str, text: impl Into<String>) -> Self {
        Self { rank, what, body: Body::Whole(text.into()) }
    }

    /// Markdown of ours that was laid out before and may be cut between lines.
    pub(in crate::view) fn laid(rank: Rank, what: &'static str, text: impl Into<String>) -> Self {
        Self { rank, what, body: Body::Laid(text.into()) }
    }

    /// Lines in a fence that none of them can close, with text around it.
    pub(in crate::view) fn fence(
        rank: Rank,
        what: &'static str,
        before: &str,
        language: &str,
        lines: Vec<String>,
        after: &str,
    ) -> Self {
        let ticks = "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
        Self {
            rank,
            what,
            body: Body::Lines {
                before: format!("{before}{ticks}{language}\n"),
                lines,
                after: format!("{ticks}\n\n{after}"),
                more: |count| format!("# and {count} more lines\n"),
            },
        }
    }

    /// One of GitHub's alerts: `CAUTION`, `WARNING`, `NOTE`. Each line is Markdown of ours on one line.
    pub(in crate::view) fn alert(rank: Rank, what: &'static str, name: &str, lines: &[String]) -> Self {
        let last = lines.len().saturating_sub(1);
        let quoted = lines.iter().enumerate().map(|(at, line)| {
            let end = if at < last { "<br>" } else { "" };
            format!("> {line}{end}")
        });
        Self {
            rank,
            what,
            body: Body::Lines {
                before: format!("> [!{name}]\n"),
                lines: quoted.collect(),
                after: "\n".to_owned(),
                more: |count| format!("> **and {count} more**\n"),
            },
        }
    }

    /// Rows of a table under its head, or items of a list.
    pub(in crate::view) fn rows(rank: Rank, what: &'static str, before: &str, lines: Vec<String>, after: &str) -> Self {
        let after = format!("\n{after}");
        let more = |count| format!("\n**and {count} more**\n");
        Self { rank, what, body: Body::Lines { before: before.to_owned(), lines, after, more } }
    }

    /// Whether it belongs before everything else.
    pub(in crate::view) fn leads(&self) -> bool {
        self.rank == Rank::Danger && !self.empty()
    }

    fn empty(&self) -> bool {
        match &self.body {
            Body::Whole(text) | Body::Laid(text) => text.is_empty(),
            Body::Lines { lines, .. } => lines.is_empty(),
        }
    }

    fn full(&self) -> String {
        match &self.body {
            Body::Whole(text) | Body::Laid(text) => text.clone(),
            Body::Lines { before, lines, after, .. } => {
                let mut out = before.clone();
                for line in lines {
                    out.push_str(line);
                    out.push('\n');
                }
                out.push_str(after);
                out
            }
        }
    }

    fn len(&self) -> usize {
        match &self.body {
            Body::Whole(text) | Body::Laid(text) => text.len(),
            Body::Lines { before, lines, after, .. } => {
                before.len() + after.len() + lines.iter().map(|line| line.len() + 1).sum::<usize>()
            }
        }
    }

    /// How many lines there are to miss.
    fn lines(&self) -> usize {
        match &self.body {
            Body::Whole(_) => 1,
            Body::Laid(text) => text.lines().count(),
            Body::Lines { lines, .. } => lines.len(),
        }
    }

    /// At most so many bytes of it, and how many lines are missing.
    fn cut(&self, bytes: usize) -> (String, usize) {
        if self.len() <= bytes {
            return (self.full(), 0);
        }
        match &self.body {
            Body::Whole(_) => (String::new(), 1),
            Body::Laid(text) => {
                let kept = fit(text, bytes);
                let missing = text.lines().count().saturating_sub(kept.lines().count()).max(1);
                (kept, missing)
            }
            Body::Lines { before, lines, after, more } => {
                let frame = before.len() + after.len() + more(lines.len()).len();
                let Some(room) = bytes.checked_sub(frame) else { return (String::new(), lines.len()) };
                let mut body = String::new();
                let mut shown = 0;
                for line in lines {
                    if body.len() + line.len() + 1 > room {
                        break;
                    }
                    body.push_str(line);
                    body.push('\n');
                    shown += 1;
                }
                // An empty frame says something of a danger, and nothing of anything else.
                if shown == 0 && self.rank != Rank::Danger {
                    return (String::new(), lines.len());
                }
                let missing = lines.len() - shown;
                (format!("{before}{body}{}{after}", more(missing)), missing)
            }
        }
    }
}

/// Parts in the order in which they are read.
pub(in crate::view) struct Document {
    parts: Vec<Part>,
    /// Where all of it is, a phrase of ours: `rem-ci plan`, `the summary of run 42`.
    elsewhere: String,
    /// The notice stands before this part.
    notice_at: usize,
}

impl Document {
    /// An empty one; `elsewhere` is Markdown of ours that says where the whole of it is.
    pub(in crate::view) fn new(elsewhere: impl Into<String>) -> Self {
        Self { parts: Vec::new(), elsewhere: elsewhere.into(), notice_at: 0 }
    }

    /// One more part; empty ones are left out.
    pub(in crate::view) fn add(&mut self, part: Part) {
        if !part.empty() {
            self.parts.push(part);
        }
    }

    /// The notice of what was cut stands here.
    pub(in crate::view) fn notice_here(&mut self) {
        self.notice_at = self.parts.len();
    }

    /// At most `limit` bytes.
    #[must_use]
    pub(in crate::view) fn render(&self, limit: usize) -> String {
        if self.parts.iter().map(Part::len).sum::<usize>() <= limit {
            return self.parts.iter().map(Part::full).collect();
        }
        let all = self.parts.iter().map(|part| (part.what, part.lines()));
        let reserve = self.notice(&tallied(all)).len();
        let mut left = limit;
        let mut texts: Vec<String> = vec![String::new(); self.parts.len()];
        let mut missing: Vec<(&'static str, usize)> = Vec::new();
        let mut ranks: Vec<Rank> = self.parts.iter().map(|part| part.rank).collect();
        ranks.sort_unstable();
        ranks.dedup();
        let mut reserved = false;
        for rank in ranks {
            if rank > Rank::Frame && !reserved {
                // Nothing is cut in silence: without room for the notice the verdict stands alone.
                match left.checked_sub(reserve) {
                    Some(rest) => left = rest,
                    None => return texts.concat(),
                }
                reserved = true;
            }
            let mut group: Vec<usize> = (0..self.parts.len()).filter(|at| self.parts[*at].rank == rank).collect();
            // The smallest first: what it leaves of its share goes to the others.
            group.sort_by_key(|at| self.parts[*at].len());
            for (done, at) in group.iter().enumerate() {
                let share = left / (group.len() - done);
                let (text, lines) = self.parts[*at].cut(share);
                left -= text.len();
                texts[*at] = text;
                if lines > 0 {
                    missing.push((self.parts[*at].what, lines));
                }
            }
        }
        let notice = if reserved { self.notice(&tallied(missing.into_iter())) } else { String::new() };
        let mut out = String::with_capacity(limit);
        for (at, text) in texts.iter().enumerate() {
            if at == self.notice_at {
                out.push_str(&notice);
            }
            out.push_str(text);
        }
        if self.notice_at >= texts.len() {
            out.push_str(&notice);
        }
        out
    }

    fn notice(&self, missing: &[(&'static str, usize)]) -> String {
        if missing.is_empty() {
            return String::new();
        }
        let mut out = "**Cut to fit**: ".to_owned();
        for (at, (what, lines)) in missing.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let _ = write!(out, "{comma}{what} ({})", crate::view::number::count(*lines, "line"));
        }
        let _ = write!(out, ". All of it is in {}.\n\n", self.elsewhere);
        out
    }
}

/// Lines by name, in order of first mention.
fn tallied(parts: impl Iterator<Item = (&'static str, usize)>) -> Vec<(&'static str, usize)> {
    let mut all: Vec<(&'static str, usize)> = Vec::new();
    for (what, lines) in parts {
        match all.iter_mut().find(|(known, _)| *known == what) {
            Some((_, sum)) => *sum += lines,
            None => all.push((what, lines)),
        }
    }
    all
}
