//! Pages of a list: all of one list show the state at the first one's version.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::status::Failure;

/// Where the next page begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The version that the whole list shows.
    pub version: u64,
    /// Namespace and name of the last object told.
    pub after: String,
}

impl Token {
    /// Reads `continue`; nothing when it is empty.
    ///
    /// # Errors
    /// 400 when it is not one of ours.
    pub fn read(text: &str) -> Result<Option<Self>, Failure> {
        if text.is_empty() {
            return Ok(None);
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        let token = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        token.map(Some).ok_or_else(|| Failure::bad(format!("continue key is not valid: {text:?}")))
    }

    /// As `continue` says it.
    #[must_use]
    pub fn written(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// 410: the version of the first page is forgotten.
#[must_use]
pub fn expired() -> Failure {
    Failure::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
    )
}
