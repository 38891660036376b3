//! The one place that prints: results to stdout, progress and problems to stderr.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Style;
use super::progress::{Board, ProgressEvent};

/// Writes a result to stdout. A reader that has gone away (`rem-ci plan | head`) is no failure.
///
/// # Errors
/// What the system says of the write.
pub fn result(text: &str) -> io::Result<()> {
    tolerate(io::stdout().lock().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()))
}

/// Everything that comes in on stdin.
///
/// # Errors
/// What the system says of the read, or that it is no text.
pub fn input() -> io::Result<String> {
    io::read_to_string(io::stdin())
}

/// Writes a note, a question or a problem to stderr.
///
/// # Errors
/// What the system says of the write.
pub fn aside(text: &str) -> io::Result<()> {
    tolerate(io::stderr().lock().write_all(text.as_bytes()))
}

/// Tells the runner's log of a secret: from here on it shows stars in its place. What a command may not hold is written as the runner
/// reads it back (<https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#masking-a-value-in-a-log>).
pub fn mask(secret: &str) {
    if !secret.is_empty() {
        let _ = result(&mask_line(secret));
    }
}

fn mask_line(secret: &str) -> String {
    let data = secret.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    format!("::add-mask::{data}\n")
}

fn tolerate(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Which stream a style is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Results.
    Stdout,
    /// Progress.
    Stderr,
}

/// How a stream wants its text. `colour` is what the user said (`--color`, `NO_COLOR`); none leaves it to the terminal.
#[must_use]
pub fn style(stream: Stream, colour: Option<bool>) -> Style {
    let terminal = is_terminal(stream);
    let mut table = comfy_table::Table::new();
    if stream == Stream::Stderr {
        table.use_stderr();
    }
    let width = table.width().filter(|_| terminal).map_or(Style::default().width, usize::from);
    Style { colour: colour.unwrap_or(terminal), width: width.clamp(60, 160) }
}

/// Whether somebody is looking.
#[must_use]
pub fn is_terminal(stream: Stream) -> bool {
    match stream {
        Stream::Stdout => io::stdout().is_terminal(),
        Stream::Stderr => io::stderr().is_terminal(),
    }
}

/// The progress of a run on stderr: drawn in place on a terminal, line by line elsewhere, not at all when quiet.
pub struct Progress {
    board: Board,
    style: Style,
    bar: Option<ProgressBar>,
    quiet: bool,
}

impl Progress {
    /// Starts with an empty board.
    #[must_use]
    pub fn new(board: Board, style: Style, quiet: bool, drawn: bool) -> Self {
        let bar = (!quiet && drawn && is_terminal(Stream::Stderr)).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { board, style, bar, quiet }
    }

    /// Takes an event at a time since the start.
    pub fn event(&mut self, now: Duration, event: &ProgressEvent) {
        let line = self.board.line(now, event);
        match (&self.bar, line) {
            (Some(bar), line) => {
                // What failed stays on the screen above the board.
                if let (ProgressEvent::Failed { .. }, Some(line)) = (event, line) {
                    bar.println(line.trim_end());
                }
                self.draw(now);
            }
            (None, Some(line)) if !self.quiet => drop(aside(&line)),
            (None, _) => {}
        }
    }

    /// Shows that time has passed: drawn in place on a terminal, elsewhere a line about every wait that was silent for long.
    pub fn tick(&mut self, now: Duration) {
        if self.bar.is_some() {
            self.draw(now);
        } else if !self.quiet {
            self.board.tick(now).iter().for_each(|line| drop(aside(line)));
        }
    }

    fn draw(&self, now: Duration) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.board.frame(now, self.style));
            bar.tick();
        }
    }

    /// Takes the board off the screen.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Whether somebody can answer.
#[must_use]
pub fn is_terminal_in() -> bool {
    io::stdin().is_terminal()
}

/// One line from the person at the terminal.
///
/// # Errors
/// What the system says of the read.
pub fn ask() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line)
}
