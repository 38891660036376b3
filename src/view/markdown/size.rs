//! Text that was already laid out, cut without ever leaving a fence or a tag open.

/// Markdown of at most `limit` bytes: cut at the end of a line, open fences and `<details>` closed, and a line that says
/// so. For text that was already laid out; parts that may go are better left to a [`Document`](super::document::Document).
#[must_use]
pub fn fit(markdown: &str, limit: usize) -> String {
    const NOTICE: &str = "\n**Cut here**: the text was too long. `rem-ci plan` shows all of it.\n\n";
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
    if kept.len() + closers.len() + NOTICE.len() <= limit && !kept.is_empty() {
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
