//! The one opener of repository files.
//!
//! Everything rem-ci reads from a repository comes through here: beneath one folder, never through a symbolic link,
//! regular files only, `.yaml` or `.yml`, of bounded size. A pull request chooses what an `extends` says, so a file name
//! is input like any other; a snippet of an error can only quote a file that this room has opened.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};
use rustix::io::Errno;

use super::codes::code;
use crate::problem::Problem;

/// Largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// Longest chain of `extends`.
pub const MAX_DEPTH: usize = 8;

/// Where environment files come from: a working tree, or the objects of another commit.
pub trait Source {
    /// The text's bytes of the file at `path`: `/`-separated, relative to the source's own folder, as [`beside`] makes it.
    ///
    /// # Errors
    /// A [`Problem`] without a place: not there, not a regular file, too big, not readable.
    fn read(&self, path: &str) -> Result<Vec<u8>, Box<Problem>>;
}

/// Files in memory by path: those of another commit, or of a test.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Source for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, Box<Problem>> {
        let bytes = self.0.get(path).ok_or_else(|| not_there(path))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(too_big(path));
        }
        Ok(bytes.clone())
    }
}

/// Files of a working tree, beneath one folder.
#[derive(Clone, Debug)]
pub struct Disk {
    folder: PathBuf,
}

impl Disk {
    /// Files beneath `folder`, which itself is trusted.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }
}

impl Source for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, Box<Problem>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fail = |errno: Errno| match errno {
            Errno::NOENT => not_there(path),
            Errno::LOOP | Errno::NOTDIR | Errno::MLINK => refused(
                code::UNSAFE_FILE,
                format!("`{path}` is, or is reached through, a symbolic link or something that is not a folder"),
                "environment files are read beneath one folder and never through a link; copy the file",
            ),
            other => refused(
                code::FILE_NOT_READABLE,
                format!("failed to open `{path}`: {other}"),
                "check that it exists and that you may read it",
            ),
        };
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        // The folder is the caller's own, so its links are followed; nothing beneath it is.
        let mut at = open(folder, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY, Mode::empty()).map_err(fail)?;
        let (folders, name) = path.rsplit_once('/').map_or(("", path), |(folders, name)| (folders, name));
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            at = openat(&at, part, flags | OFlags::DIRECTORY, Mode::empty()).map_err(fail)?;
        }
        // NONBLOCK: opening a pipe must not wait for its writer.
        let file = openat(&at, name, flags | OFlags::NONBLOCK, Mode::empty()).map_err(fail)?;
        let about = fstat(&file).map_err(fail)?;
        if FileType::from_raw_mode(about.st_mode) != FileType::RegularFile {
            return Err(refused(
                code::UNSAFE_FILE,
                format!("`{path}` is not a regular file"),
                "environment files are plain files",
            ));
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::from(file).take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| {
            refused(
                code::FILE_NOT_READABLE,
                format!("failed to read `{path}`: {error}"),
                "check the disk and the permissions",
            )
        })?;
        if bytes.len() as u64 > MAX_BYTES { Err(too_big(path)) } else { Ok(bytes) }
    }
}

fn refused(code: &'static str, title: impl Into<String>, help: impl Into<String>) -> Box<Problem> {
    Box::new(Problem::error(code, title, help))
}

fn not_there(path: &str) -> Box<Problem> {
    refused(
        code::FILE_NOT_FOUND,
        format!("there is no `{path}`"),
        "an environment is named by its file's stem (`prod` is environments/prod.yaml), or given as a path",
    )
}

fn too_big(path: &str) -> Box<Problem> {
    refused(
        code::FILE_TOO_BIG,
        format!("`{path}` is bigger than 1 MiB"),
        "an environment file is a few hundred lines; keep user data short and the rest elsewhere",
    )
}

/// The ENV argument of the command line, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// The folder that everything is read beneath.
    pub folder: PathBuf,
    /// What messages put before a file's name: empty, or ending in `/`.
    pub shown: String,
    /// The file within it.
    pub file: String,
}

/// Whether an ENV argument is a name rather than a path. Action mode takes names only.
#[must_use]
pub fn is_name(argument: &str) -> bool {
    !argument.contains(['/', '\\', '.']) && !argument.is_empty()
}

/// Resolves an ENV argument: `prod` is `environments/prod.yaml` beneath `root`, all else is a path.
///
/// # Errors
/// When it is neither a name nor the path of a YAML file.
pub fn argument(argument: &str, root: &Path) -> Result<Argument, Box<Problem>> {
    if is_name(argument) {
        let file = format!("environments/{argument}.yaml");
        return Ok(Argument { folder: root.to_owned(), shown: String::new(), file });
    }
    let path = Path::new(argument);
    let (Some(name), true) = (path.file_name().and_then(|name| name.to_str()), is_yaml(argument)) else {
        return Err(refused(
            code::FILE_NOT_FOUND,
            format!("`{argument}` is neither the name of an environment nor the path of a .yaml file"),
            "give `prod` for environments/prod.yaml, or a path that ends in .yaml",
        ));
    };
    let within = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if within {
        let parts: Vec<_> = path.components().filter(|part| *part != Component::CurDir).collect();
        let file: PathBuf = parts.iter().collect();
        return Ok(Argument {
            folder: root.to_owned(),
            shown: String::new(),
            file: file.to_string_lossy().into_owned(),
        });
    }
    // Absolute, or up and over: the person who typed it knows the folder; nothing beneath it is followed.
    let parent = path.parent().unwrap_or(Path::new(""));
    let shown = argument.strip_suffix(name).unwrap_or_default().to_owned();
    Ok(Argument { folder: root.join(parent), shown, file: name.to_owned() })
}

fn is_yaml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The path of what `file` extends, relative to the source's folder.
///
/// # Errors
/// When the name is absolute, climbs out, has odd characters, or does not end in `.yaml` or `.yml`.
pub fn beside(file: &str, extends: &str) -> Result<String, Box<Problem>> {
    let refuse = |why: &str| {
        Err(refused(
            code::UNSAFE_EXTENDS,
            format!("`extends: {extends}` {why}"),
            "name a .yaml file in this file's folder, or below it: `extends: base.yaml`",
        ))
    };
    if extends.contains(['\\', '\0']) || extends.len() > 255 {
        return refuse("is not a file name");
    }
    if !is_yaml(extends) {
        return refuse("does not end in .yaml");
    }
    let mut parts: Vec<&str> = file.split('/').collect();
    parts.pop();
    for part in Path::new(extends).components() {
        match part {
            Component::Normal(part) => match part.to_str() {
                Some(part) if !part.starts_with('.') => parts.push(part),
                _ => return refuse("names a hidden file"),
            },
            Component::CurDir => {}
            Component::ParentDir => return refuse("leaves the folder of the environment file"),
            Component::RootDir | Component::Prefix(_) => return refuse("is an absolute path"),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests;
