//! Keeping Markdown under a limit without ever leaving a fence or a tag open.

use std::fmt::Write as _;

use crate::view::text::longest_run;

/// Parts that may be cut, handed out from a number of bytes.
pub(super) struct Budget {
    left: usize,
    out: String,
}

impl Budget {
    /// So many bytes in all.
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes, out: String::new() }
    }

    /// Lines in a fence, with text around it; as many lines as fit, and how many are missing. Left out whole where not
    /// even the frame fits.
    pub(super) fn fence(&mut self, before: &str, language: &str, lines: &[String], after: &str) {
        if lines.is_empty() {
            return;
        }
        let ticks = "`".repeat(lines.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(2) + 1);
        let frame = before.len() + 2 * ticks.len() + language.len() + after.len() + 4;
        // The line that says how many are missing.
        let room = self.left.saturating_sub(frame + 80);
        if self.left < frame + 80 {
            return;
        }
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
        if shown < lines.len() {
            let _ = writeln!(body, "# {} more lines: rem-ci plan shows them all", lines.len() - shown);
        }
        self.push(&format!("{before}{ticks}{language}\n{body}{ticks}\n\n{after}"));
    }

    /// All of it or nothing.
    pub(super) fn whole(&mut self, text: &str) {
        if text.len() <= self.left {
            self.push(text);
        }
    }

    fn push(&mut self, text: &str) {
        self.left = self.left.saturating_sub(text.len());
        self.out.push_str(text);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}

/// Markdown of at most `limit` bytes: cut at the end of a line, open fences and `<details>` closed, and a line that says
/// so. For text that was already laid out; parts that may go are better left to the composer.
#[must_use]
pub fn fit(markdown: &str, limit: usize) -> String {
    const NOTICE: &str = "\n**Cut here**: the text was too long. `rem-ci plan` shows all of it.\n";
    if markdown.len() <= limit {
        return markdown.to_owned();
    }
    let mut kept = String::new();
    let mut open = Open::default();
    for line in markdown.split_inclusive('\n') {
        let mut then = open.clone();
        then.see(line);
        if kept.len() + line.len() + then.closers().len() + NOTICE.len() > limit {
            break;
        }
        kept.push_str(line);
        open = then;
    }
    let closers = open.closers();
    if kept.len() + closers.len() + NOTICE.len() <= limit {
        kept.push_str(&closers);
        kept.push_str(NOTICE);
    }
    kept
}

/// What is open at a point of the text.
#[derive(Clone, Default)]
struct Open {
    fence: Option<usize>,
    details: usize,
}

impl Open {
    fn see(&mut self, line: &str) {
        let text = line.trim_end();
        let ticks = text.len() - text.trim_start_matches('`').len();
        match self.fence {
            Some(length) if ticks >= length && ticks == text.len() => self.fence = None,
            Some(_) => {}
            None if ticks >= 3 => self.fence = Some(ticks),
            None => {
                self.details += text.matches("<details>").count();
                self.details = self.details.saturating_sub(text.matches("</details>").count());
            }
        }
    }

    fn closers(&self) -> String {
        let fence = self.fence.map_or(String::new(), |length| format!("{}\n", "`".repeat(length)));
        format!("{fence}{}", "\n</details>\n".repeat(self.details))
    }
}
