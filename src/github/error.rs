//! What went wrong at GitHub, and what to do about it.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use thiserror::Error as ThisError;

use super::client::{Answer, Call};
use crate::problem::{Exit, Problem};

/// The codes of this room.
pub const CODES: &[(&str, &str)] = &[
    (
        "github-endpoint",
        "The token of a workflow is sent to the API of the server that runs it, over TLS, or to this machine; nowhere else. GITHUB_API_URL \
         names another host than GITHUB_SERVER_URL does. On a runner both are right by themselves; do not set them.",
    ),
    (
        "github-token",
        "There is no token, or GitHub does not take it: it has expired with its job, was revoked, or is of another server. In a workflow hand \
         on `github.token`, as the workflows in the README do.",
    ),
    (
        "github-permission",
        "The token is good but may not do this. In a workflow the `permissions:` of the job say what it may; a pull request from a fork gets a \
         token that only reads, whatever is said there. The message names the permission of this call.",
    ),
    (
        "github-not-found",
        "GitHub has no such thing, or the token may not see it: of a private repository it says 404 to both. Check the repository's name, and \
         that the job's `permissions:` name what the call needs.",
    ),
    (
        "github-limit",
        "GitHub asks to wait longer than a run should. A repository's workflows share 1,000 requests an hour, and 80 writes a minute; the limit \
         ends at the time that is told. Run again then; nothing was left half done at GitHub by this call.",
    ),
    (
        "github-unreachable",
        "GitHub did not answer, or answered with errors of its own, several times over some time. Its state is at githubstatus.com. Run again: \
         what was written is found and not written twice.",
    ),
    (
        "github-rejected",
        "GitHub understood the request and does not want it. That is most likely a bug of ours, or something that was there a moment ago is \
         gone; the message is GitHub's own.",
    ),
    (
        "github-answer",
        "GitHub's answer is not what its documentation describes: cut short, not JSON, or without a field. A proxy's page looks like this too.",
    ),
];

/// What kind of trouble it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The API is not one that the token may go to.
    Endpoint,
    /// 401, or no token.
    Unauthenticated,
    /// 403: the token may not. What it needs, as `permissions:` of a job says it.
    Forbidden {
        /// `pull-requests: write`.
        needs: String,
    },
    /// 404 or 410: not there, or not to be seen.
    NotFound,
    /// A limit that ends later than we wait. The wait that was asked for.
    Limited {
        /// From now.
        wait: Duration,
    },
    /// No answer, or 5xx, as often as we try.
    Lost,
    /// Any other refusal, with its status.
    Rejected(u16),
    /// An answer that cannot be read.
    Unreadable,
}

/// A call that failed.
#[derive(Clone, Debug, ThisError)]
#[error("cannot {does}: {message}")]
pub struct Error {
    /// What kind of trouble.
    pub kind: Kind,
    /// What was to be done: `create a comment`.
    pub does: &'static str,
    /// `POST /repos/octo/app/issues/7/comments`.
    pub request: String,
    /// What happened, GitHub's own words within.
    pub message: String,
}

/// GitHub's own words are shown up to here.
const LONGEST: usize = 200;

impl Error {
    pub(super) fn new(kind: Kind, call: &Call, request: String, message: impl Into<String>) -> Self {
        Self { kind, does: call.does, request, message: message.into() }
    }

    pub(super) fn endpoint(message: String) -> Self {
        Self { kind: Kind::Endpoint, does: "speak to GitHub", request: String::new(), message }
    }

    pub(super) fn no_token() -> Self {
        let message = "GITHUB_TOKEN is not set".to_owned();
        Self { kind: Kind::Unauthenticated, does: "speak to GitHub", request: String::new(), message }
    }

    /// A refusal that is final.
    pub(super) fn refused(call: &Call, request: String, answer: &Answer) -> Self {
        let said = said(&answer.body);
        let (kind, message) = match answer.status {
            StatusCode::UNAUTHORIZED => {
                (Kind::Unauthenticated, format!("GitHub does not take the token (401: {said})"))
            }
            StatusCode::FORBIDDEN => {
                let needs = accepted(&answer.headers).unwrap_or_else(|| call.needs.to_owned());
                let message = format!("the token lacks `{needs}` (403: {said})");
                (Kind::Forbidden { needs }, message)
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => {
                let status = answer.status.as_u16();
                (Kind::NotFound, format!("it is not there, or the token lacks `{}` ({status}: {said})", call.needs))
            }
            status => (Kind::Rejected(status.as_u16()), format!("GitHub says {}: {said}", status.as_u16())),
        };
        Self::new(kind, call, request, message)
    }

    /// Whether it is simply not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind == Kind::NotFound
    }

    /// As a finding.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (code, help) = match &self.kind {
            Kind::Endpoint => {
                ("github-endpoint", "do not set GITHUB_API_URL and GITHUB_SERVER_URL; a runner does".to_owned())
            }
            Kind::Unauthenticated => ("github-token", "hand the job's `github.token` on to the action".to_owned()),
            Kind::Forbidden { needs } => (
                "github-permission",
                format!("add `{needs}` to the `permissions:` of the job; a pull request from a fork cannot have it"),
            ),
            Kind::NotFound => {
                ("github-not-found", "check the repository's name and the `permissions:` of the job".to_owned())
            }
            Kind::Limited { wait } => ("github-limit", format!("run again in {}", minutes(*wait))),
            Kind::Lost => ("github-unreachable", "run again; nothing is written twice".to_owned()),
            Kind::Rejected(_) => ("github-rejected", format!("the request was {}", self.request)),
            Kind::Unreadable => {
                ("github-answer", format!("the request was {}; look for a proxy in between", self.request))
            }
        };
        Problem::error(code, self.to_string(), help)
    }

    /// How a run that needed this ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.kind {
            Kind::Endpoint => Exit::Refused,
            Kind::Unauthenticated | Kind::Forbidden { .. } => Exit::Denied,
            _ => Exit::Failed,
        }
    }
}

/// A wait, for people.
pub(super) fn minutes(wait: Duration) -> String {
    let seconds = wait.as_secs().max(1);
    if seconds < 120 { format!("{seconds} s") } else { format!("{} min", seconds.div_ceil(60)) }
}

/// What GitHub says about a refusal: `message`, and the first of `errors`.
fn said(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return "no reason given".to_owned() };
    let message = json["message"].as_str().unwrap_or("no reason given");
    let detail = match &json["errors"][0] {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Object(error) => error
            .get("message")
            .and_then(|text| text.as_str().map(str::to_owned))
            .or_else(|| Some(format!("{}: {}", error.get("field")?.as_str()?, error.get("code")?.as_str()?))),
        _ => None,
    };
    let text = detail.map_or_else(|| message.to_owned(), |detail| format!("{message}: {detail}"));
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

/// `X-Accepted-GitHub-Permissions` in the words of a workflow. Sets are divided by semicolons, what is needed together by
/// commas: <https://github.blog/changelog/2023-08-10-x-accepted-github-permissions-header-for-fine-grained-permission-actors/>
pub(super) fn accepted(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-accepted-github-permissions")?.to_str().ok()?;
    let one = |pair: &str| {
        let (name, level) = pair.trim().split_once('=')?;
        let name = name.trim().replace('_', "-");
        let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        (plain(&name) && plain(level.trim())).then(|| format!("{name}: {}", level.trim()))
    };
    let set = |set: &str| set.split(',').map(one).collect::<Option<Vec<_>>>().map(|set| set.join("` and `"));
    let sets = text.split(';').map(set).collect::<Option<Vec<_>>>()?;
    Some(sets.join("` or `"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static("x-accepted-github-permissions"),
            http::HeaderValue::from_static(text),
        )])
    }

    #[test]
    fn accepted_permissions_read_as_a_workflow_says_them() {
        let one = |text| accepted(&header(text));
        assert_eq!(
            one("issues=write; pull_requests=write").as_deref(),
            Some("issues: write` or `pull-requests: write")
        );
        assert_eq!(one("contents=read,issues=write").as_deref(), Some("contents: read` and `issues: write"));
        assert_eq!(one("statuses=write").as_deref(), Some("statuses: write"));
        assert_eq!(one("<b>=write"), None);
        assert_eq!(one(""), None);
        assert_eq!(accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn github_s_words_are_short_and_on_one_line() {
        assert_eq!(said(b"<html>"), "no reason given");
        assert_eq!(said(br#"{"message":"Bad\n::error::x"}"#), "Bad ::error::x");
        assert_eq!(
            said(br#"{"message":"Validation Failed","errors":[{"field":"name","code":"invalid"}]}"#),
            "Validation Failed: name: invalid"
        );
        assert_eq!(said(format!(r#"{{"message":"{}"}}"#, "x".repeat(1000)).as_bytes()).len(), LONGEST);
    }

    #[test]
    fn every_kind_has_an_explained_code() {
        let kinds = [
            Kind::Endpoint,
            Kind::Unauthenticated,
            Kind::Forbidden { needs: "issues: write".to_owned() },
            Kind::NotFound,
            Kind::Limited { wait: Duration::from_mins(10) },
            Kind::Lost,
            Kind::Rejected(422),
            Kind::Unreadable,
        ];
        assert_eq!(kinds.len(), CODES.len());
        for kind in kinds {
            let error = Error { kind, does: "look", request: "GET /".to_owned(), message: "x".to_owned() };
            let problem = error.problem();
            assert!(CODES.iter().any(|(code, _)| *code == problem.code), "{}", problem.code);
        }
    }
}
