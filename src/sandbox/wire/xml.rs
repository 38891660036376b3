//! Answers of the query protocols as XML.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::Fault;

/// Escapes text for an element.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One value as the inside of an element; lists become `item`s of that name.
pub(super) fn element(out: &mut String, name: &str, value: &Json, item: &str) {
    let _ = write!(out, "<{name}>");
    match value {
        Json::Object(entries) => entries.iter().for_each(|(key, value)| element(out, key, value, item)),
        Json::Array(items) => items.iter().for_each(|value| element(out, item, value, item)),
        Json::String(text) => out.push_str(&escape(text)),
        Json::Null => {}
        other => out.push_str(&other.to_string()),
    }
    let _ = write!(out, "</{name}>");
}

/// The same where lists have no wrapper: each item is an element of the list's name (S3).
pub(super) fn flat(out: &mut String, name: &str, value: &Json) {
    match value {
        Json::Array(items) => items.iter().for_each(|item| flat(out, name, item)),
        Json::Null => {}
        Json::Object(entries) => {
            let _ = write!(out, "<{name}>");
            entries.iter().for_each(|(key, value)| flat(out, key, value));
            let _ = write!(out, "</{name}>");
        }
        leaf => element(out, name, leaf, ""),
    }
}

fn fields(out: &mut String, json: &Json, item: &str) {
    if let Json::Object(entries) = json {
        entries.iter().filter(|(_, value)| !value.is_null()).for_each(|(key, value)| element(out, key, value, item));
    }
}

pub(super) fn ec2(operation: &str, json: &Json, request_id: &str) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{operation}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{request_id}</requestId>"
    );
    fields(&mut out, json, "item");
    let _ = write!(out, "</{operation}Response>");
    out
}

pub(super) fn ec2_fault(fault: &Fault, request_id: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>",
        escape(&fault.code),
        escape(&fault.message),
    )
}

pub(super) fn query(operation: &str, json: &Json, request_id: &str) -> String {
    let mut out = format!("<{operation}Response><{operation}Result>");
    fields(&mut out, json, "member");
    let _ = write!(
        out,
        "</{operation}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    out
}

pub(super) fn query_fault(fault: &Fault, request_id: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
        escape(&fault.code),
        escape(&fault.message),
    )
}
