//! eks: not written yet.

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
    Err(unsupported("eks", &call.operation))
}

/// Brings what is due to its end.
pub fn settle(_here: &mut Here<'_>) {}
