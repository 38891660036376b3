//! What can go wrong with a call, in the few classes the engine acts upon. `cloud::errors` puts AWS's codes into them;
//! the engine knows no code by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the engine does about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// A named, passing condition: IAM propagation, a dependency on its way out, another update running. Tried again with
    /// growing pauses.
    Passing,
    /// Too many calls, even after the SDK's own retries. Tried again, more slowly.
    Throttled,
    /// The outcome is unknown: a cut connection, a time-out, a 5xx. The same call again is safe, except for creates
    /// without a token, which sweep first.
    Unknown,
    /// Not allowed, or credentials that are not valid.
    Denied,
    /// It is there already, and may not be ours.
    Exists,
    /// It is not there.
    Gone,
    /// Anything else: saying it again would not help.
    Fatal,
}

/// Code of a failure to get any answer from where a whole class of resources lives: nothing is known of any of them.
pub const UNREACHABLE: &str = "Unreachable";

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// See [`Class`].
    pub class: Class,
    /// The call, `service:Operation`.
    pub call: String,
    /// The service's own code; empty where there was no answer.
    pub code: String,
    /// The service's own words.
    pub message: String,
}

impl Failure {
    /// A failure that is ours to report: an answer that makes no sense, a value that is missing.
    #[must_use]
    pub fn fatal(call: &str, message: impl Into<String>) -> Self {
        Self { class: Class::Fatal, call: call.to_owned(), code: String::new(), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.as_str(), self.message.as_str()) {
            ("", message) => write!(out, "{}: {message}", self.call),
            (code, "") => write!(out, "{}: {code}", self.call),
            (code, message) => write!(out, "{}: {code}: {message}", self.call),
        }
    }
}

impl std::error::Error for Failure {}
