//! Answers that are no objects: a `Status`, as the API conventions define it ("Response Status Kind").

use bytes::Bytes;
use http::Response;
use serde_json::{Value as Json, json};

use super::types::Kind;

/// A refusal.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// HTTP status.
    pub code: u16,
    /// `NotFound`, `Invalid`, …; empty for none.
    pub reason: String,
    /// For people.
    pub message: String,
    /// `details` of the Status; null for none.
    pub details: Json,
    /// Whether it is told in plain text instead of as a Status.
    pub plain: bool,
}

/// One reason of several for a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldValueRequired`, `FieldManagerConflict`, ….
    pub reason: &'static str,
    /// `spec.limits.cpu`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Cause {
    /// A value that is not allowed.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: "FieldValueInvalid", field: field.into(), message: message.into() }
    }
}

fn target(kind: &Kind, name: &str) -> Json {
    let mut details = json!({ "name": name, "kind": kind.plural });
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    details
}

impl Failure {
    /// Any.
    pub fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        Self { code, reason: reason.to_owned(), message: message.into(), details: Json::Null, plain: false }
    }

    fn about(code: u16, reason: &str, message: String, kind: &Kind, name: &str) -> Self {
        Self { details: target(kind, name), ..Self::new(code, reason, message) }
    }

    /// 400.
    pub fn bad(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 404 of an object.
    #[must_use]
    pub fn absent(kind: &Kind, name: &str) -> Self {
        Self::about(404, "NotFound", format!("{} \"{name}\" not found", kind.resource()), kind, name)
    }

    /// 404 of a path, in plain text as the server's mux answers it.
    #[must_use]
    pub fn no_path() -> Self {
        Self { plain: true, ..Self::new(404, "NotFound", "404 page not found\n") }
    }

    /// 405.
    #[must_use]
    pub fn method() -> Self {
        Self::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    }

    /// 415.
    #[must_use]
    pub fn media(have: &str, want: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unknown format ({have}) - accepted media types include: {want}"),
        )
    }

    /// 409 of a name.
    #[must_use]
    pub fn exists(kind: &Kind, name: &str) -> Self {
        Self::about(409, "AlreadyExists", format!("{} \"{name}\" already exists", kind.resource()), kind, name)
    }

    /// 409 of a version, or of whatever `why` says.
    #[must_use]
    pub fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource());
        Self::about(409, "Conflict", message, kind, name)
    }

    /// 422 with its causes.
    #[must_use]
    pub fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        let told: Vec<String> = causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect();
        let told = if let [one] = told.as_slice() { one.clone() } else { format!("[{}]", told.join(", ")) };
        let family = if kind.group.is_empty() { kind.kind.clone() } else { format!("{}.{}", kind.kind, kind.group) };
        let message = format!("{family} \"{name}\" is invalid: {told}");
        let mut failure = Self::about(422, "Invalid", message, kind, name);
        failure.details["kind"] = json!(kind.kind);
        failure.details["causes"] = json_causes(causes);
        failure
    }

    /// 401.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 410: a version that is not told any more.
    #[must_use]
    pub fn expired(message: &str) -> Self {
        Self::new(410, "Expired", message)
    }

    /// 429 by the server's own flow control.
    #[must_use]
    pub fn throttled() -> Self {
        let mut failure = Self::new(
            429,
            "TooManyRequests",
            "the server has received too many requests and has asked us to try again later",
        );
        failure.details = json!({ "retryAfterSeconds": 1 });
        failure
    }

    /// 500.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message)
    }

    /// The same with causes.
    #[must_use]
    pub fn with_causes(mut self, causes: &[Cause]) -> Self {
        self.details["causes"] = json_causes(causes);
        self
    }

    /// The Status object.
    #[must_use]
    pub fn status(&self) -> Json {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }

    /// The HTTP answer.
    #[must_use]
    pub fn response(&self) -> Response<Bytes> {
        if self.plain {
            let answer = Response::builder().status(self.code).header("content-type", "text/plain; charset=utf-8");
            return answer.body(Bytes::from(self.message.clone())).unwrap_or_default();
        }
        let mut answer = Response::builder().status(self.code).header("content-type", "application/json");
        if let Some(seconds) = self.details["retryAfterSeconds"].as_u64() {
            answer = answer.header("retry-after", seconds);
        }
        answer.body(Bytes::from(self.status().to_string())).unwrap_or_default()
    }
}

fn json_causes(causes: &[Cause]) -> Json {
    let one = |cause: &Cause| json!({ "reason": cause.reason, "message": cause.message, "field": cause.field });
    causes.iter().map(one).collect()
}

/// The Status of a success: what a deletion answers.
#[must_use]
pub fn success(kind: &Kind, name: &str, uid: &Json) -> Json {
    let mut details = target(kind, name);
    details["uid"] = uid.clone();
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details })
}
