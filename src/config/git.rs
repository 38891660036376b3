//! What git knows of a repository: commits, what differs between them, and how two of them merge. Objects only: the working
//! tree and the index are neither read nor touched, and git is the one program that a plan starts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::codes::code;
use crate::problem::Problem;

/// The repository around a folder. Paths that go in and come out are relative to that folder.
#[derive(Clone, Debug)]
pub struct Git {
    folder: PathBuf,
}

/// What two commits merge into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// A tree that git has written to its objects.
    Clean(String),
    /// They do not: a person has to say how.
    Conflict,
}

impl Git {
    /// The repository around `folder`.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs git on objects. No configuration of the repository's may start a program, and nothing is fetched or asked for.
    pub(super) fn output(&self, arguments: &[&str]) -> Result<Output, Box<Problem>> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        // By its whole path: a folder of the checkout that got into PATH by a relative name is not looked into.
        let program = crate::cloud::children::find("git").unwrap_or_else(|| "git".into());
        let mut git = Command::new(program);
        git.current_dir(folder).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).env_clear();
        // Nothing else of our environment is git's to see.
        for name in ["PATH", "HOME"] {
            if let Some(value) = crate::cloud::env(name) {
                git.env(name, value);
            }
        }
        git.env("GIT_TERMINAL_PROMPT", "0").env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_LAZY_FETCH", "1");
        git.output().map_err(|error| {
            let help = "install git, or give the base as a file";
            Box::new(Problem::error(code::BASE_UNKNOWN, format!("git cannot be run: {error}"), help))
        })
    }

    /// What git prints; `None` when it says no.
    pub(super) fn ask(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>, Box<Problem>> {
        let output = self.output(arguments)?;
        Ok(output.status.success().then_some(output.stdout))
    }

    fn words(&self, arguments: &[&str]) -> Result<Option<Vec<String>>, Box<Problem>> {
        let split = |bytes: Vec<u8>| {
            let words = bytes.split(|byte| matches!(byte, 0 | b'\n')).filter(|word| !word.is_empty());
            words.map(|word| String::from_utf8_lossy(word).into_owned()).collect()
        };
        Ok(self.ask(arguments)?.map(split))
    }

    /// The full name of the commit that a reference names; `None` where it names none that is here.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn commit(&self, reference: &str) -> Result<Option<String>, Box<Problem>> {
        if reference.starts_with('-') || reference.contains([':', ' ', '\0']) {
            return Ok(None);
        }
        let wanted = format!("{reference}^{{commit}}");
        let found = self.words(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted])?;
        Ok(found.and_then(|words| words.into_iter().next()))
    }

    /// The parents that a commit names, whether or not they are here: a shallow checkout cuts them off.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn parents(&self, commit: &str) -> Result<Vec<String>, Box<Problem>> {
        let lines = self.words(&["cat-file", "commit", commit])?.unwrap_or_default();
        // Parents stand above the author; the message, which anybody may write, is below.
        let head = lines.iter().take_while(|line| !line.starts_with("author "));
        Ok(head.filter_map(|line| line.strip_prefix("parent ").map(str::to_owned)).collect())
    }

    /// Where the folder is in the repository: empty at its root, else with a `/` at the end.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn prefix(&self) -> Result<String, Box<Problem>> {
        let found = self.words(&["rev-parse", "--show-prefix"])?;
        Ok(found.and_then(|words| words.into_iter().next()).unwrap_or_default())
    }

    /// The first line of a commit's message. Anybody may have written it.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn subject(&self, commit: &str) -> Result<String, Box<Problem>> {
        let bytes = self.ask(&["cat-file", "commit", commit])?.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let message = text.split_once("\n\n").map(|(_, message)| message).unwrap_or_default();
        Ok(message.lines().next().unwrap_or_default().to_owned())
    }

    /// The files that differ between two commits or trees, beneath the folder.
    ///
    /// # Errors
    /// When git cannot be run, or one of the two is not here.
    pub fn changed(&self, from: &str, to: &str) -> Result<Vec<String>, Box<Problem>> {
        let arguments = ["diff-tree", "-r", "-z", "--name-only", "--no-renames", "--relative", "--end-of-options"];
        let files = self.words(&[&arguments[..], &[from, to]].concat())?;
        files.ok_or_else(|| missing(from, to))
    }

    /// The files of a folder at a commit or tree: paths beneath the repository's folder.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn files(&self, tree: &str, folder: &str) -> Result<Vec<String>, Box<Problem>> {
        let folder = format!("{}/", folder.trim_end_matches('/'));
        let files = self.words(&["ls-tree", "-z", "--name-only", "--end-of-options", tree, "--", &folder])?;
        Ok(files.unwrap_or_default())
    }

    /// The commits after `from` up to `to` along first parents, the oldest first: what a branch went through.
    ///
    /// # Errors
    /// When git cannot be run, or one of the two is not here.
    pub fn line(&self, from: &str, to: &str) -> Result<Vec<String>, Box<Problem>> {
        let not = format!("^{from}");
        let commits = self.words(&["rev-list", "--first-parent", "--reverse", "--end-of-options", to, &not])?;
        commits.ok_or_else(|| missing(from, to))
    }

    /// The commits after `from` up to `to` on whatever way.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub fn between(&self, from: &str, to: &str) -> Result<Vec<String>, Box<Problem>> {
        let not = format!("^{from}");
        let commits = self.words(&["rev-list", "--end-of-options", to, &not])?;
        commits.ok_or_else(|| missing(from, to))
    }

    /// Whether a commit is among those that led to another.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn led_to(&self, earlier: &str, later: &str) -> Result<bool, Box<Problem>> {
        Ok(self.ask(&["merge-base", "--is-ancestor", "--end-of-options", earlier, later])?.is_some())
    }

    /// The youngest commit that led to both.
    ///
    /// # Errors
    /// When git cannot be run.
    pub fn fork_point(&self, one: &str, other: &str) -> Result<Option<String>, Box<Problem>> {
        let found = self.words(&["merge-base", "--end-of-options", one, other])?;
        Ok(found.and_then(|words| words.into_iter().next()))
    }

    /// Merges a commit into another, in git's objects alone.
    ///
    /// # Errors
    /// When git cannot be run, or one of the two is not here.
    pub fn merge(&self, base: &str, head: &str) -> Result<Merge, Box<Problem>> {
        // 0: clean, 1: conflicts, all else: it could not be tried (git-merge-tree(1), "Exit status").
        let output = self.output(&["merge-tree", "--write-tree", "--no-messages", "--end-of-options", base, head])?;
        match output.status.code() {
            Some(0) => {
                let tree = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                Ok(Merge::Clean(tree))
            }
            Some(1) => Ok(Merge::Conflict),
            _ => Err(missing(base, head)),
        }
    }
}

fn missing(one: &str, other: &str) -> Box<Problem> {
    let title = format!("`{one}` and `{other}` are not both in this checkout");
    let help = "check out with `fetch-depth: 0`: a shallow checkout has one commit only";
    Box::new(Problem::error(code::BASE_UNKNOWN, title, help))
}
