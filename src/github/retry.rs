//! The rules of asking GitHub again. All of them are here.
//!
//! 1. A GET, PUT, PATCH or DELETE may be sent again: twice has the same effect as once. A POST whose answer is lost may have
//!    had its effect, so it is never sent again before a look at what is there ([`Client::create`]). A change of what others
//!    change too is never sent again without reading anew ([`Client::once_more`]).
//! 2. A refusal by a limit had no effect. Its wait is honoured: `retry-after`; else, with nothing left of the hour,
//!    `x-ratelimit-reset`; else a minute, doubled each time.
//! 3. Waits are bounded, each and in sum, and told. Who would have to wait longer gets an error that says until when.
//! 4. After no answer or 5xx: 1, 2, 4 … seconds, give or take a fifth.
//! 5. Writes begin a second apart.
//!
//! Sources: "Best practices for using the REST API" and "Rate limits for the REST API" of GitHub's documentation,
//! <https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api>

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};

use super::client::{Answer, Call, Client, Request};
use super::error::{Error, Kind, minutes};
use super::wire;
use crate::engine::wait::pause;

/// One try takes no longer.
pub const TRY: Duration = Duration::from_secs(10);

/// Between the beginnings of two writes: "wait at least one second between each request".
const TURN: Duration = Duration::from_secs(1);

/// After a limit that does not say how long: "wait for at least one minute".
const MINUTE: Duration = Duration::from_mins(1);

/// How long a caller waits for GitHub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// So often one call is tried at most.
    pub tries: u32,
    /// The longest single wait.
    pub once: Duration,
    /// All waits of one call.
    pub all: Duration,
    /// One try takes no longer.
    pub answer: Duration,
    /// Whether the one comment is looked at again a moment after it was written.
    pub settles: bool,
}

impl Default for Patience {
    fn default() -> Self {
        Self { tries: 6, once: Duration::from_secs(150), all: Duration::from_mins(5), answer: TRY, settles: true }
    }
}

impl Patience {
    /// For a run that has been interrupted: it has five seconds for everything.
    #[must_use]
    pub const fn hurried() -> Self {
        let second = Duration::from_secs(1);
        Self { tries: 2, once: second, all: second, answer: Duration::from_millis(1500), settles: false }
    }
}

/// A wait that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// `GitHub's secondary rate limit`, `GitHub answers 502`.
    pub why: String,
    /// How long.
    pub time: Duration,
    /// What waits: `create a comment`.
    pub does: &'static str,
}

/// What to make of one try.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is done.
    Fine,
    /// It is refused for good.
    Refused,
    /// It had no effect, and may be sent again after a while: rule 2. Without a time, GitHub did not say.
    Limited(&'static str, Option<Duration>),
    /// It may or may not have had its effect. GitHub may say when to come again.
    Shaken(String, Option<Duration>),
}

/// Reads an answer. `now` is in seconds since 1970.
fn judge(answer: &Answer, now: u64) -> Verdict {
    let status = answer.status;
    let after = number(&answer.headers, "retry-after").map(Duration::from_secs);
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        return Verdict::Fine;
    }
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Verdict::Shaken(format!("GitHub answers {}", status.as_u16()), after);
    }
    if status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::FORBIDDEN {
        return Verdict::Refused;
    }
    let said = String::from_utf8_lossy(&answer.body).to_lowercase();
    // A permission that is missing stays missing, also with the last request of the hour.
    if said.contains("resource not accessible") {
        return Verdict::Refused;
    }
    let spent = number(&answer.headers, "x-ratelimit-remaining") == Some(0);
    let limit = said.contains("rate limit") || said.contains("abuse detection");
    if status == StatusCode::FORBIDDEN && after.is_none() && !spent && !limit {
        return Verdict::Refused;
    }
    let secondary = said.contains("secondary") || said.contains("abuse detection");
    let name = if spent && !secondary { "GitHub's rate limit" } else { "GitHub's secondary rate limit" };
    let reset = spent.then(|| number(&answer.headers, "x-ratelimit-reset")).flatten();
    // A second more: the reset is told in whole seconds.
    let reset = reset.map(|reset| Duration::from_secs(reset.saturating_sub(now) + 1));
    Verdict::Limited(name, after.or(reset))
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Rule 4.
fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.min(5)).mul_f64(0.8 + 0.4 * fastrand::f64())
}

/// What one call has behind it.
#[derive(Default)]
pub(super) struct Course {
    tries: u32,
    limits: u32,
    waited: Duration,
}

/// How a try ended that was not refused for good.
enum Tried {
    Done(Answer),
    /// No effect, and the wait is over.
    Again,
    /// Perhaps an effect, and the wait is over.
    Unsure,
}

impl Client {
    /// Sends what may be sent twice.
    pub(super) async fn send(&self, call: &Call, request: &Request) -> Result<Answer, Error> {
        let mut course = Course::default();
        loop {
            if let Tried::Done(answer) = self.attempt(call, request, &mut course).await? {
                return Ok(answer);
            }
        }
    }

    /// Tries once, for a change that may be out of date when it is tried again. `None`: look again, the wait is over.
    pub(super) async fn once_more(
        &self,
        call: &Call,
        request: &Request,
        course: &mut Course,
    ) -> Result<Option<Answer>, Error> {
        match self.attempt(call, request, course).await? {
            Tried::Done(answer) => {
                *course = Course::default();
                Ok(Some(answer))
            }
            Tried::Again | Tried::Unsure => Ok(None),
        }
    }

    /// Sends a POST. After each try that may have had its effect, `look` says whether what was to be made is there.
    pub(super) async fn create<T: serde::de::DeserializeOwned>(
        &self,
        call: &Call,
        request: &Request,
        look: impl AsyncFn() -> Result<Option<T>, Error>,
    ) -> Result<T, Error> {
        debug_assert_eq!(request.method, Method::POST);
        let mut course = Course::default();
        loop {
            match self.attempt(call, request, &mut course).await {
                Ok(Tried::Done(answer)) => return answer.json(call, &request.said()),
                Ok(Tried::Again) => {}
                Ok(Tried::Unsure) => {
                    if let Some(found) = look().await? {
                        return Ok(found);
                    }
                }
                // The last try may have had its effect too. Looking may fail for the same reason; the first error says more.
                Err(error) if error.kind == Kind::Lost => return look().await.ok().flatten().ok_or(error),
                Err(error) => return Err(error),
            }
        }
    }

    /// One try, and the wait after it if it is to be followed by another.
    async fn attempt(&self, call: &Call, request: &Request, course: &mut Course) -> Result<Tried, Error> {
        if request.method != Method::GET && request.paced {
            self.turn().await;
        }
        course.tries += 1;
        let (why, wait, limited) = match self.once(request).await {
            Ok(answer) => match judge(&answer, self.seconds()) {
                Verdict::Fine => return Ok(Tried::Done(answer)),
                Verdict::Refused => return Err(Error::refused(call, request.said(), &answer)),
                Verdict::Limited(why, wait) => {
                    course.limits += 1;
                    (why.to_owned(), wait.unwrap_or(MINUTE * (1 << (course.limits - 1).min(5))), true)
                }
                Verdict::Shaken(why, wait) => (why, wait.unwrap_or_else(|| backoff(course.tries - 1)), false),
            },
            Err(why) => (why, backoff(course.tries - 1), false),
        };
        let patience = &self.patience;
        if limited && (wait > patience.once || course.waited + wait > patience.all || course.tries >= patience.tries) {
            let at = self.at(wait);
            let message = format!("{why} asks to wait {}, until {at}", minutes(wait));
            return Err(Error::new(Kind::Limited { wait }, call, request.said(), message));
        }
        if !limited && (course.tries >= patience.tries || course.waited + wait > patience.all || wait > patience.once) {
            let tries = if course.tries == 1 { "once".to_owned() } else { format!("{} times", course.tries) };
            return Err(Error::new(Kind::Lost, call, request.said(), format!("{why}; tried {tries}")));
        }
        course.waited += wait;
        let tell = std::sync::Arc::clone(&*self.inner.tell.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        tell(&Waiting { why, time: wait, does: call.does });
        pause(wait).await;
        Ok(if limited { Tried::Again } else { Tried::Unsure })
    }

    /// One request, one answer, in bounded time.
    async fn once(&self, request: &Request) -> Result<Answer, String> {
        let sent = wire::send(&self.inner.octocrab, self.inner.server.api(), request);
        let most = self.patience.answer;
        match tokio::time::timeout(most, sent).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("GitHub did not answer within {} s", most.as_secs_f64())),
        }
    }

    /// Rule 5: waits until it is this write's turn.
    pub(super) async fn turn(&self) {
        let mut wrote = self.inner.wrote.lock().await;
        let now = self.inner.clock.boot();
        let wait = wrote.map_or(Duration::ZERO, |last| (last + TURN).saturating_sub(now));
        if !wait.is_zero() {
            pause(wait).await;
        }
        *wrote = Some(now + wait);
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> u64 {
        u64::try_from(self.inner.clock.millis() / 1000).unwrap_or_default()
    }

    fn at(&self, wait: Duration) -> String {
        let seconds = i64::try_from(self.seconds() + wait.as_secs()).unwrap_or(i64::MAX);
        let time = jiff::Timestamp::from_second(seconds).unwrap_or_default();
        time.strftime("%H:%M:%S UTC").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: headers.collect(),
            body: bytes::Bytes::from_static(body.as_bytes()),
        }
    }

    fn judged(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Verdict {
        judge(&answer(status, headers, body), NOW)
    }

    #[test]
    fn what_is_done_and_what_is_refused() {
        for status in [200, 201, 204, 304] {
            assert_eq!(judged(status, &[], ""), Verdict::Fine);
        }
        for status in [400, 401, 404, 409, 410, 422] {
            assert_eq!(judged(status, &[], "{}"), Verdict::Refused);
        }
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(judged(status, &[], ""), Verdict::Shaken(format!("GitHub answers {status}"), None));
        }
        let named = judged(503, &[("retry-after", "7")], "");
        assert_eq!(named, Verdict::Shaken("GitHub answers 503".to_owned(), Some(Duration::from_secs(7))));
    }

    #[test]
    fn a_403_is_a_limit_only_if_it_says_so() {
        let denied = r#"{"message":"Resource not accessible by integration"}"#;
        assert_eq!(judged(403, &[], denied), Verdict::Refused);
        assert_eq!(
            judged(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000060")], denied),
            Verdict::Refused
        );
        assert_eq!(judged(403, &[("x-ratelimit-remaining", "12")], r#"{"message":"No"}"#), Verdict::Refused);
        let bare = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        assert_eq!(judged(403, &[], bare), Verdict::Limited("GitHub's secondary rate limit", None));
        assert_eq!(judged(429, &[], ""), Verdict::Limited("GitHub's secondary rate limit", None));
        let after = judged(403, &[("retry-after", "30")], bare);
        assert_eq!(after, Verdict::Limited("GitHub's secondary rate limit", Some(Duration::from_secs(30))));
    }

    #[test]
    fn the_hours_limit_ends_at_its_reset() {
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000060")];
        let body = r#"{"message":"API rate limit exceeded for installation ID 1."}"#;
        for status in [403, 429] {
            assert_eq!(
                judged(status, &spent, body),
                Verdict::Limited("GitHub's rate limit", Some(Duration::from_secs(61)))
            );
        }
        let past = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "5")];
        assert_eq!(judged(403, &past, body), Verdict::Limited("GitHub's rate limit", Some(Duration::from_secs(1))));
        let odd = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")];
        assert_eq!(judged(403, &odd, body), Verdict::Limited("GitHub's rate limit", None));
    }

    #[test]
    fn backoff_grows_and_is_bounded() {
        for tries in 0..40 {
            let (least, most) = (0.8 * f64::from(1 << tries.min(5)), 1.2 * f64::from(1 << tries.min(5)));
            let wait = backoff(tries).as_secs_f64();
            assert!((least..=most).contains(&wait), "{tries}: {wait}");
        }
    }
}
