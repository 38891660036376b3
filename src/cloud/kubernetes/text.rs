//! What the API server says as plain text: its own health, logs of pods.

use http::Request;

use super::errors::failure;
use crate::engine::{Failure, Read, tally};

/// The text at a path, `/readyz?verbose`. `call` names it in a failure: `kubernetes:get readyz`.
///
/// # Errors
/// What the API server said, or why it said nothing.
pub async fn text(client: &kube::Client, call: &str, uri: &str) -> Read<String> {
    let request = Request::get(uri).body(Vec::new()).map_err(|error| Failure::fatal(call, error.to_string()))?;
    tally::inside();
    client.request_text(request).await.map_err(|error| failure(call, &error))
}
