//! What STS has given out.

use serde::{Deserialize, Serialize};

use crate::sandbox::state::Millis;

/// One session of an assumed role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`.
    pub arn: String,
    /// ARN of the role; empty for the administrator's own `GetSessionToken`.
    pub role: String,
    /// `AROA…:SESSION`, or the user's id.
    pub user_id: String,
    /// When it ends.
    pub expires: Millis,
    /// A session policy that narrows it.
    pub policy: Option<String>,
}
