//! The sandbox file (`rem-ci/sandbox/v1`): one process at a time, written whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use super::clock::{self, Clock};
use super::connector::Persist;
use super::state::{Account, Millis, Rule, Span, State};

/// The format this program reads and writes.
pub const FORMAT: &str = "rem-ci/sandbox/v1";

/// What is wrong with a sandbox file.
#[derive(Debug, Error)]
pub enum Error {
    /// Reading or writing failed.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// `read`, `write`, `lock`.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not a sandbox file, or one of a later format.
    #[error("{} is not a sandbox file of format {FORMAT}: {why}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Another process has it open.
    #[error("{} is in use by another process; wait for it to end, or name another file", path.display())]
    InUse {
        /// Which file.
        path: PathBuf,
    },
}

/// An open sandbox file. Others are refused until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    _lock: fs::File,
}

/// The file as written: [`State`] with another offset, without copying the rest.
#[derive(Serialize)]
struct Written<'a> {
    format: &'a str,
    seed: u64,
    draws: u64,
    offset_s: i64,
    accounts: &'a BTreeMap<String, Account>,
    faults: &'a [Rule],
    spans: &'a [Span],
}

impl File {
    /// Opens the file, or begins an empty state with `seed` where there is none yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn open(path: &Path, seed: u64) -> Result<(Self, State), Error> {
        let io = |what| {
            let path = path.to_owned();
            move |source| Error::Io { what, path, source }
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(io("write"))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(path, "lock"))
            .map_err(io("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io("lock")(source)),
        }
        let state = match fs::read(path) {
            Ok(bytes) => parse(&bytes).map_err(|why| Error::Format { path: path.to_owned(), why })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => State::new(seed),
            Err(source) => return Err(io("read")(source)),
        };
        Ok((Self { path: path.to_owned(), _lock: lock }, state))
    }

    /// Reads without the lock, to look at only (`sandbox show` beside a running `serve`).
    ///
    /// # Errors
    /// See [`Error`]; a file that is not there is [`Error::Io`].
    pub fn peek(path: &Path) -> Result<State, Error> {
        let bytes = fs::read(path).map_err(|source| Error::Io { what: "read", path: path.to_owned(), source })?;
        parse(&bytes).map_err(|why| Error::Format { path: path.to_owned(), why })
    }

    /// Forgets everything in a file that nobody has open.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn reset(path: &Path) -> Result<(), Error> {
        // Opening parses what is there; a damaged file is what a reset is for.
        match Self::open(path, 0) {
            Ok(_) | Err(Error::Format { .. }) => {}
            Err(error) => return Err(error),
        }
        match fs::remove_file(path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { what: "remove", path: path.to_owned(), source })
            }
            _ => Ok(()),
        }
    }

    /// Writes the state, with the offset moved on so that a later process starts no earlier than `now`.
    ///
    /// # Errors
    /// When the disk refuses; the old file is then still whole.
    pub fn save(&self, state: &State, now: Millis) -> std::io::Result<()> {
        let ahead = (now - clock::wall()).div_euclid(1000) + 1;
        let written = Written {
            format: FORMAT,
            seed: state.seed,
            draws: state.draws,
            // An offset that only makes up for rounding is none.
            offset_s: if ahead > 1 { state.offset_s.max(ahead) } else { state.offset_s },
            accounts: &state.accounts,
            faults: &state.faults,
            spans: &state.spans,
        };
        let bytes = serde_json::to_vec(&written)?;
        let fresh = beside(&self.path, "new");
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        // The rename itself is on disk only when its folder is.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::File::open(folder)?.sync_all()
    }

    /// The same as a function, for [`Sandbox::new`](super::connector::Sandbox::new).
    #[must_use]
    pub fn persist(self: &Arc<Self>, clock: Clock) -> Persist {
        let file = Arc::clone(self);
        Arc::new(move |state| file.save(state, clock.now()))
    }
}

fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    PathBuf::from(name)
}

fn parse(bytes: &[u8]) -> Result<State, String> {
    let state: State = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if state.format == FORMAT { Ok(state) } else { Err(format!("it says {:?}", state.format)) }
}

#[cfg(test)]
mod tests {
    use super::{Error, File, State, clock};

    #[test]
    fn what_was_saved_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/sandbox.json");
        let (file, mut state) = File::open(&path, 7).unwrap();
        assert_eq!((state.seed, state.offset_s), (7, 0));
        state.draws = 3;
        state.accounts.entry("123456789012".to_owned()).or_default();
        file.save(&state, clock::wall()).unwrap();
        drop(file);
        let (_, again) = File::open(&path, 8).unwrap();
        assert_eq!((again.seed, again.draws, again.offset_s), (7, 3, 0));
        assert!(again.accounts.contains_key("123456789012"));
    }

    #[test]
    fn every_field_of_the_state_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.json");
        let (file, state) = File::open(&path, 7).unwrap();
        file.save(&state, clock::wall()).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(written, serde_json::to_value(&state).unwrap());
    }

    #[test]
    fn time_does_not_go_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.json");
        let (file, state) = File::open(&path, 7).unwrap();
        let late = clock::wall() + 3_600_500;
        file.save(&state, late).unwrap();
        drop(file);
        let (file, again) = File::open(&path, 7).unwrap();
        assert!(clock::wall() + again.offset_s * 1000 >= late);
        // And an earlier moment does not take the offset back.
        file.save(&again, clock::wall()).unwrap();
        assert_eq!(File::peek(&path).unwrap().offset_s, again.offset_s);
    }

    #[test]
    fn a_second_one_is_refused_until_the_first_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.json");
        let first = File::open(&path, 7).unwrap();
        assert!(matches!(File::open(&path, 7), Err(Error::InUse { .. })));
        drop(first);
        File::open(&path, 7).unwrap();
    }

    #[test]
    fn another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.json");
        let state = State { format: "rem-ci/sandbox/v9".to_owned(), ..State::new(1) };
        std::fs::write(&path, serde_json::to_vec(&state).unwrap()).unwrap();
        assert!(matches!(File::open(&path, 7), Err(Error::Format { .. })));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(File::open(&path, 7), Err(Error::Format { .. })));
    }
}
