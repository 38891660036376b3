//! How a verb speaks: results to stdout, all else to stderr.

use super::{Color, Common, Format};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::out::{self, Stream};
use crate::view::{Style, errors, json};

/// The user's wishes, and the streams.
#[derive(Debug)]
pub(super) struct Say {
    pub(super) format: Format,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    colour: Option<bool>,
}

impl Say {
    pub(super) fn new(common: &Common) -> Self {
        let colour = match common.color {
            Color::Always => Some(true),
            Color::Never => Some(false),
            Color::Auto => crate::cloud::env("NO_COLOR").filter(|value| !value.is_empty()).map(|_| false),
        };
        Self { format: common.shape(), quiet: common.quiet, verbose: common.verbose, colour }
    }

    pub(super) fn style(&self, stream: Stream) -> Style {
        out::style(stream, self.colour)
    }

    /// A result.
    #[expect(clippy::unused_self, reason = "verbs speak through what they were given")]
    pub(super) fn result(&self, text: &str) -> Exit {
        match out::result(text) {
            Ok(()) => Exit::Done,
            Err(error) => {
                Self::trouble(&error.to_string());
                Exit::Failed
            }
        }
    }

    /// A result that goes to a file instead, onto a regular file only, all or nothing.
    pub(super) fn result_to(&self, text: &str, file: Option<&std::path::Path>) -> Result<Exit, Halt> {
        let Some(file) = file else { return Ok(self.result(text)) };
        let failed = |error: std::io::Error| {
            let title = format!("cannot write {}: {error}", file.display());
            Halt::new(
                Exit::Failed,
                Problem::error("output-file", title, "name a regular file in a folder you can write"),
            )
        };
        match std::fs::symlink_metadata(file) {
            Ok(there) if !there.is_file() => return Err(failed(std::io::Error::other("not a regular file"))),
            _ => {}
        }
        let draft = file.with_extension(format!("{}.tmp", std::process::id()));
        std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, file)).map_err(failed)?;
        Ok(Exit::Done)
    }

    /// A note, unless quiet.
    pub(super) fn aside(&self, text: &str) {
        if !self.quiet {
            let _ = out::aside(text);
        }
    }

    /// Something that must be seen.
    pub(super) fn trouble(text: &str) {
        let _ = out::aside(&format!("rem-ci: {text}\n"));
    }

    /// Problems, to stderr; with `--format json` as one document to stdout.
    pub(super) fn problems(&self, problems: &[Problem]) {
        if self.format == Format::Json {
            let _ = out::result(&json::problems(problems));
        } else {
            let _ = out::aside(&errors::problems(problems, self.style(Stream::Stderr)));
        }
    }

    /// The end of a run that could not go on.
    pub(super) fn halt(&self, halt: &Halt) -> Exit {
        self.problems(&halt.problems);
        halt.exit
    }
}
