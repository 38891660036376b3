//! Verbs that only make text: `import-config`, `completions`, `man`.

use std::path::PathBuf;

use super::Say;
use crate::config;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// Arguments of `import-config`.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// A `Pulumi.STACK.yaml`
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    pub(super) shell: clap_complete::Shell,
}

pub(super) fn import(args: &Import, say: &Say) -> Result<Exit, Halt> {
    let shown = args.file.display().to_string();
    let text = std::fs::read_to_string(&args.file).map_err(|error| {
        let title = format!("cannot read {shown}: {error}");
        Halt::new(Exit::Invalid, Problem::error("file-unreadable", title, "name a Pulumi.STACK.yaml"))
    })?;
    let made = config::import_pulumi(&text, &shown).map_err(|problems| Halt { exit: Exit::Invalid, problems })?;
    Ok(say.result(&made))
}

pub(super) fn completions(args: &Completions, command: &mut clap::Command, say: &Say) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, command, "rem-ci", &mut text);
    say.result(&String::from_utf8_lossy(&text))
}

pub(super) fn man(command: clap::Command, say: &Say) -> Exit {
    let mut text = Vec::new();
    if let Err(error) = clap_mangen::Man::new(command).render(&mut text) {
        Say::trouble(&error.to_string());
        return Exit::Failed;
    }
    say.result(&String::from_utf8_lossy(&text))
}
