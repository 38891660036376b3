//! Line 1 of what we write to GitHub and want to find again: an HTML comment with JSON in base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

const OPEN: &str = "<!-- rem-ci:";
const CLOSE: &str = " -->";

/// A marker that is longer is not one of ours.
const LONGEST: usize = 150_000;

/// The line, with its end.
pub(in crate::view) fn encode<T: Serialize>(marker: &T) -> String {
    let json = serde_json::to_string(marker).unwrap_or_default();
    format!("{OPEN}{}{CLOSE}\n", URL_SAFE_NO_PAD.encode(json))
}

/// What the first line of a text holds, if it is a marker and nothing else.
pub(in crate::view) fn decode<T: DeserializeOwned>(body: &str) -> Option<T> {
    let line = body.lines().next()?.trim_end();
    let text = line.strip_prefix(OPEN)?.strip_suffix(CLOSE)?;
    if text.len() > LONGEST {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
