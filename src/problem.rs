//! What is wrong, where, why, and what to do: the one shape of every finding, and the documented exit codes.

use serde::{Deserialize, Serialize};

use crate::engine::Address;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Stops the run.
    Error,
    /// Widens access or weakens protection: leads every view.
    Widens,
    /// Should be looked at.
    Warning,
    /// Good to know.
    Note,
}

/// A place in a file that the one opener of `config` has opened. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// As the user named it: `environments/prod.yaml`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Characters to underline.
    pub length: usize,
    /// The line itself, for the snippet.
    pub text: String,
}

/// A finding: an error of a file, a guard's word on a plan, a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// A kebab word that `rem-ci explain` knows. Codes are never reused.
    pub code: &'static str,
    /// See [`Severity`].
    pub severity: Severity,
    /// What is wrong; a lower-case fragment without a full stop.
    pub title: String,
    /// What to do.
    pub help: String,
    /// Where, if it is about a file.
    pub place: Option<Place>,
    /// Which resource, if it is about one.
    pub address: Option<Address>,
    /// What an acknowledgement must repeat, if this can be acknowledged.
    pub digest: Option<String>,
    /// Set aside by a waiver or an acknowledgement.
    pub waived: bool,
}

impl Problem {
    /// A problem about nothing in particular yet.
    #[must_use]
    pub fn new(code: &'static str, severity: Severity, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            title: title.into(),
            help: help.into(),
            place: None,
            address: None,
            digest: None,
            waived: false,
        }
    }

    /// An error.
    #[must_use]
    pub fn error(code: &'static str, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, title, help)
    }

    /// A warning.
    #[must_use]
    pub fn warning(code: &'static str, title: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, title, help)
    }

    /// The same, in a file.
    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// The same, about a resource.
    #[must_use]
    pub fn about(mut self, address: &Address) -> Self {
        self.address = Some(address.clone());
        self
    }

    /// Whether it stops the run.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.severity == Severity::Error && !self.waived
    }
}

/// How a run ends. The numbers are a contract; they are documented in README and never change meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// 0: done.
    Done = 0,
    /// 1: failed.
    Failed = 1,
    /// 2: changes are present; only with `--detailed-exitcode`.
    Changes = 2,
    /// 3: the configuration is not valid.
    Invalid = 3,
    /// 4: a guard refused, or nobody confirmed.
    Refused = 4,
    /// 5: the plan differs from the approved one.
    PlanChanged = 5,
    /// 6: somebody else holds the lock.
    Locked = 6,
    /// 7: incomplete; run again to continue.
    Incomplete = 7,
    /// 8: applied, but the verification failed.
    Unverified = 8,
    /// 9: not authenticated, or not permitted.
    Denied = 9,
    /// 64: the command line makes no sense.
    Usage = 64,
    /// 130: interrupted.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
