//! iam: not written yet.

use serde::{Deserialize, Serialize};

use crate::sandbox::region::{Here, unsupported};
use crate::sandbox::wire::{Answer, Call};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(_here: &mut Here<'_>, call: &Call) -> Answer {
    Err(unsupported("iam", &call.operation))
}

impl State {
    /// The caller's ARN, if the access key is one that STS has given out.
    #[must_use]
    pub fn session(&self, _access_key: &str) -> Option<String> {
        None
    }
}

/// Whether the caller may do this.
///
/// # Errors
/// The denial, as the service spells it.
pub fn authorize(_here: &Here<'_>, _call: &Call) -> Result<(), crate::sandbox::wire::Fault> {
    Ok(())
}
