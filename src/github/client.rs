//! One client for one repository: requests, pages, entity tags.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{Error, Kind};
use super::retry::{Patience, Waiting};
use super::server::{Repo, Server};
use super::wire::{self, Wire};
use crate::cloud::Clock;

/// Items of a page; the most that GitHub gives.
const PAGE: &str = "100";

/// More pages than any list of ours can have.
const MOST_PAGES: usize = 100;

/// So many answers are kept for their entity tags.
const KEPT: usize = 64;

/// What a call is for, and what a workflow's token needs for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// Fits "cannot …".
    pub(super) does: &'static str,
    /// As `permissions:` of a job says it.
    pub(super) needs: &'static str,
}

/// A request, relative to the API's address.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// With its query, encoded.
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// An entity tag: 304 is then a good answer.
    pub(super) unless: Option<HeaderValue>,
    /// Whether a write waits for its turn. Not where that would come between reading and writing.
    pub(super) paced: bool,
}

impl Request {
    pub(super) fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method, path: path.into(), body, unless: None, paced: true }
    }

    /// For messages: without the query, which may be long.
    pub(super) fn said(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or_default())
    }
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn json<T: DeserializeOwned>(&self, call: &Call, request: &str) -> Result<T, Error> {
        let mut json = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut json)
            .map_err(|error| Error::new(Kind::Unreadable, call, request.to_owned(), format!("the answer: {error}")))
    }
}

/// Who wrote something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct User {
    /// `octocat`, `github-actions[bot]`.
    pub login: String,
    /// Never changes.
    pub id: u64,
    /// `User`, `Bot`, `Organization`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// A repository's client. Cheap to clone; clones share their turns of writing and what they know.
#[derive(Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
    pub(super) patience: Patience,
}

/// Whom waits are told to.
type Tell = Arc<dyn Fn(&Waiting) + Send + Sync>;

pub(super) struct Inner {
    pub(super) octocrab: Octocrab,
    pub(super) server: Server,
    pub(super) repo: Repo,
    pub(super) clock: Clock,
    pub(super) tell: Mutex<Tell>,
    /// When the last write began, by the clock that counts from boot.
    pub(super) wrote: tokio::sync::Mutex<Option<Duration>>,
    kept: Mutex<HashMap<String, Answer>>,
}

impl Client {
    /// A client that speaks to the server over HTTPS (or HTTP on this machine). Must be made within a runtime.
    ///
    /// # Errors
    /// If the system's trust store or its proxy cannot be used.
    pub fn new(server: Server, repo: Repo, clock: Clock) -> Result<Self, Error> {
        let wire = wire::live(server.api(), clock)?;
        Ok(Self::with_service(server, repo, clock, wire))
    }

    /// A client whose requests go to a service, in this process.
    #[must_use]
    pub fn with_service(server: Server, repo: Repo, clock: Clock, wire: Wire) -> Self {
        let octocrab = wire::octocrab(&server, wire);
        let inner = Inner {
            octocrab,
            server,
            repo,
            clock,
            tell: Mutex::new(Arc::new(|_| {})),
            wrote: tokio::sync::Mutex::new(None),
            kept: Mutex::default(),
        };
        Self { inner: Arc::new(inner), patience: Patience::default() }
    }

    /// The repository.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.inner.repo
    }

    /// Whom it writes as.
    #[must_use]
    pub fn bot(&self) -> &str {
        &self.inner.server.bot
    }

    /// Whether something was written by whom this client writes as. Nobody can register a name with brackets in it.
    #[must_use]
    pub fn wrote(&self, user: Option<&User>) -> bool {
        user.is_some_and(|user| user.login == self.inner.server.bot)
    }

    /// Says to `tell` whenever it is going to wait.
    pub fn telling(&self, tell: impl Fn(&Waiting) + Send + Sync + 'static) {
        *self.inner.tell.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(tell);
    }

    /// The same client, for somebody with more or less time: a run that was interrupted has five seconds.
    #[must_use]
    pub fn patient(&self, patience: Patience) -> Self {
        Self { inner: Arc::clone(&self.inner), patience }
    }

    /// A path below the repository's own.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{}{rest}", self.inner.repo.owner, self.inner.repo.name)
    }

    /// Reads one thing. What is read again and has not changed costs no request of the hour's thousand:
    /// <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>
    pub(super) async fn get<T: DeserializeOwned>(&self, call: &Call, path: &str) -> Result<T, Error> {
        let request = Request::new(Method::GET, path, None);
        self.read(call, &request).await?.json(call, &request.said())
    }

    async fn read(&self, call: &Call, request: &Request) -> Result<Answer, Error> {
        let kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&request.path).cloned();
        let tag = kept.as_ref().and_then(|kept| kept.headers.get(http::header::ETAG).cloned());
        let answer = self.send(call, &Request { unless: tag, ..request.clone() }).await?;
        if answer.status == StatusCode::NOT_MODIFIED {
            let unasked = || Error::new(Kind::Unreadable, call, request.said(), "304 to a request without a tag");
            return kept.ok_or_else(unasked);
        }
        if answer.headers.contains_key(http::header::ETAG) {
            let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(request.path.clone(), answer.clone());
        }
        Ok(answer)
    }

    /// Reads all pages of a list.
    pub(super) async fn list<T: DeserializeOwned>(&self, call: &Call, path: &str) -> Result<Vec<T>, Error> {
        Ok(self.pages::<Vec<T>>(call, path).await?.into_iter().flatten().collect())
    }

    /// Reads all pages of what is not a plain list.
    pub(super) async fn pages<T: DeserializeOwned>(&self, call: &Call, path: &str) -> Result<Vec<T>, Error> {
        let joint = if path.contains('?') { '&' } else { '?' };
        let mut next = Some(format!("{path}{joint}per_page={PAGE}"));
        let mut pages = Vec::new();
        while let Some(path) = next {
            let request = Request::new(Method::GET, path, None);
            if pages.len() == MOST_PAGES {
                let message = format!("the list has more than {MOST_PAGES} pages");
                return Err(Error::new(Kind::Unreadable, call, request.said(), message));
            }
            let answer = self.read(call, &request).await?;
            pages.push(answer.json(call, &request.said())?);
            next = match link(&answer.headers) {
                None => None,
                Some(url) => Some(wire::relative(self.inner.server.api(), &url).ok_or_else(|| {
                    let message = format!("the next page is at another server: {url}");
                    Error::new(Kind::Unreadable, call, request.said(), message)
                })?),
            };
        }
        Ok(pages)
    }

    /// Changes one thing to what is said: done twice, it is the same.
    pub(super) async fn change<T: DeserializeOwned>(
        &self,
        call: &Call,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<T, Error> {
        let request = Request::new(method, path, Some(body));
        self.send(call, &request).await?.json(call, &request.said())
    }
}

/// The `rel="next"` of a `Link` header (RFC 8288), as GitHub pages:
/// <https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api>
fn link(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(http::header::LINK)?.to_str().ok()?;
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let url = &rest[start + 1..end];
        let until = rest[end..].find(',').map_or(rest.len(), |at| end + at);
        let next = rest[end + 1..until].split(';').any(|word| {
            word.trim()
                .strip_prefix("rel=")
                .is_some_and(|rel| rel.trim_matches('"').split(' ').any(|rel| rel == "next"))
        });
        if next {
            return Some(url.to_owned());
        }
        rest = &rest[until..];
    }
    None
}

/// What stays as it is in a segment of a path or the value of a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What GitHub gives as null, empty.
pub(super) fn or_default<'de, D, T>(given: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(given)?.unwrap_or_default())
}

/// A segment of a path, or the value of a query.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(text: &'static str) -> Option<String> {
        link(&HeaderMap::from_iter([(http::header::LINK, HeaderValue::from_static(text))]))
    }

    #[test]
    fn the_next_page_is_the_one_called_next() {
        let one =
            r#"<https://a/x?page=1>; rel="prev", <https://a/x?page=3>; rel="next", <https://a/x?page=9>; rel="last""#;
        assert_eq!(next(one).as_deref(), Some("https://a/x?page=3"));
        assert_eq!(
            next(r"<https://a/x?labels=a,b&page=2>; rel=next").as_deref(),
            Some("https://a/x?labels=a,b&page=2")
        );
        assert_eq!(next(r#"<https://a/x?page=1>; rel="first", <https://a/x?page=4>; rel="prev""#), None);
        assert_eq!(next(r#"<https://a/x?page=1; rel="next""#), None);
        assert_eq!(link(&HeaderMap::new()), None);
    }

    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(segment("prod/../x?y#z"), "prod%2F..%2Fx%3Fy%23z");
        assert_eq!(segment("gh-readonly-queue/main/pr-1-a.b_c~"), "gh-readonly-queue%2Fmain%2Fpr-1-a.b_c~");
    }
}
