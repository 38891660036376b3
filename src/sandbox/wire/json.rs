//! AWS JSON 1.0 and 1.1: the operation is in `x-amz-target`, the body is the parameters.

use bytes::Bytes;
use http::Request;
use serde_json::{Value as Json, json};

use super::Fault;

pub(super) fn parse(request: &Request<Bytes>) -> Result<(String, Json), Fault> {
    let target = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((_, operation)) = target.rsplit_once('.') else {
        return Err(Fault::new("UnknownOperationException", "the request names no x-amz-target"));
    };
    let params = if request.body().is_empty() { json!({}) } else { body(request.body())? };
    Ok((operation.to_owned(), params))
}

pub(super) fn body(bytes: &Bytes) -> Result<Json, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::new("SerializationException", error.to_string()))
}

pub(super) fn fault(fault: &Fault) -> String {
    json!({ "__type": fault.code, "message": fault.message }).to_string()
}
