//! The real binary: exit codes, streams, help, and what it says where things go wrong.

mod bootstrap;
mod corpus;
mod exits;
mod init;
mod streams;
mod verbose;
mod words;

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use tempfile::TempDir;

/// A folder with the shipped environments, and an empty home beside it.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("environments");
        let to = folder.path().join("environments");
        std::fs::create_dir(&to).expect("environments");
        std::fs::create_dir(folder.path().join("home")).expect("a home");
        for file in std::fs::read_dir(from).expect("the shipped environments") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), to.join(file.file_name())).expect("a copy");
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).expect(name)
    }

    /// The command in this folder: no credentials, no colour of the caller's, nothing of the machine.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command(self.path(), &self.path().join("home"), arguments)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(&mut self.command(arguments))
    }

    /// A run that must end so.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> Run {
        let run = self.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}\n{}\n{}", run.out, run.err);
        run
    }
}

pub(crate) fn command(folder: &Path, home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
    // Far more than any run takes anywhere: only an endless one is cut off.
    command.env_clear().current_dir(folder).timeout(Duration::from_mins(5)).args(arguments);
    command.env("HOME", home).env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

pub(crate) fn run(command: &mut Command) -> Run {
    let done = command.output().expect("a run");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let run = Run { code: done.status.code().unwrap_or(-1), out: text(&done.stdout), err: text(&done.stderr) };
    assert!(!run.err.contains("panicked at"), "{}", run.err);
    run
}

/// One document and nothing else.
pub(crate) fn document(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}\n{}\n{}", run.out, run.err))
}
