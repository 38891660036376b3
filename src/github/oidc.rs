//! The job's identity token. It is asked for afresh each time, since it lives for about five minutes; it is masked before anything
//! else happens to it, and kept nowhere.
//!
//! The runner says where to ask: `ACTIONS_ID_TOKEN_REQUEST_URL`, with `ACTIONS_ID_TOKEN_REQUEST_TOKEN` as bearer
//! (<https://docs.github.com/en/actions/reference/security/oidc>).

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use http::{StatusCode, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::cloud::Clock;
use crate::cloud::web::{self, Page};
use crate::engine::{Failure, wait};
use crate::problem::Problem;

/// What AWS's side of the trust asks of `aud`
/// (<https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>).
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// No single try takes longer.
const TRY: Duration = Duration::from_secs(10);

/// As many tries before giving up: with their pauses a minute and a quarter at most, if each one hangs.
const TRIES: u32 = 6;

/// No pause between tries is longer, whatever the endpoint asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// No answer is longer; a real one has about 2 KiB.
const LONGEST: usize = 64 << 10;

/// Told every secret before anything else is done with it.
pub type Mask = Arc<dyn Fn(&str) + Send + Sync>;

/// An answer on its way.
pub type Asked = Pin<Box<dyn Future<Output = Result<Page, Failure>> + Send>>;

/// Who is asked: HTTPS, or a double of it in this process.
#[derive(Clone)]
pub enum Asking {
    /// The endpoint itself.
    Web,
    /// A double, which gets the address and the headers.
    Given(Arc<dyn Fn(Uri, HeaderMap) -> Asked + Send + Sync>),
}

/// What a token says of the job. Its words are from GitHub, but some of them (branches, workflow files) were chosen by whoever pushed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// `https://token.actions.githubusercontent.com`.
    pub iss: String,
    /// `repo:acme/platform:pull_request`, or with ids `repo:acme@1/platform@2:pull_request`.
    pub sub: String,
    /// [`AUDIENCE`].
    pub aud: String,
    /// `acme/platform`.
    pub repository: String,
    /// Digits.
    pub repository_id: String,
    /// `acme/platform/.github/workflows/plan.yml@refs/heads/main`.
    pub job_workflow_ref: String,
    /// `refs/heads/main`, `refs/pull/7/merge`.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// The GitHub environment of the job, if it has one.
    pub environment: Option<String>,
    /// `pull_request`, `push`, …
    pub event_name: String,
}

/// A token: whoever has it is this job until it ends.
#[derive(Debug)]
pub struct Token {
    /// Never printed, never on disk.
    pub secret: SecretString,
    /// What it says.
    pub claims: Claims,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The runner offers none to this job.
    #[error("this job may not ask for an identity token: {0} is not set")]
    NotOffered(&'static str),
    /// The address leads elsewhere.
    #[error("ACTIONS_ID_TOKEN_REQUEST_URL leads to {0}, which is not GitHub's")]
    Elsewhere(String),
    /// The endpoint says no.
    #[error("GitHub's token endpoint ({host}) answered {status}")]
    Said {
        /// Who.
        host: String,
        /// 403, …
        status: u16,
    },
    /// Nothing usable came, however often it was asked.
    #[error("GitHub's token endpoint ({host}) gave no token in {tries} tries within {seconds} s: {last}")]
    Unanswered {
        /// Who.
        host: String,
        /// How often.
        tries: u32,
        /// How long it took.
        seconds: u64,
        /// The last try's end.
        last: String,
    },
    /// What came is no token.
    #[error("GitHub's token endpoint ({0}) answered with something that is no identity token")]
    Nonsense(String),
}

impl Refusal {
    /// What to tell.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let title = self.to_string();
        match self {
            Self::NotOffered(_) => {
                let help = "give the job `permissions: id-token: write`; pull requests from forks never get it, and are planned offline";
                Problem::error("no-id-token", title, help)
            }
            Self::Elsewhere(_) => {
                let help = "the runner sets this variable; nothing else may, for the bearer it is sent with can become any role of this job";
                Problem::error("no-id-token", title, help)
            }
            Self::Said { .. } => {
                let help =
                    "the job may have ended or been cancelled, or its permissions lack id-token; run the job again";
                Problem::error("id-token-endpoint", title, help)
            }
            Self::Unanswered { .. } | Self::Nonsense(_) => {
                let help = "nothing was changed for want of it; look at https://www.githubstatus.com (Actions) and run the job again";
                Problem::error("id-token-endpoint", title, help)
            }
        }
    }
}

/// The codes of this file, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "no-id-token",
        "In the Action the only way into AWS is the job's own identity token (OIDC). The runner offers it to jobs with `permissions: id-token: \
         write`, and says where to ask in ACTIONS_ID_TOKEN_REQUEST_URL; an address that is not GitHub's is refused. Keys, profiles and \
         instance roles are never used instead.",
    ),
    (
        "id-token-endpoint",
        "GitHub's token endpoint was slow, down or unwilling, after several tries with growing pauses. An apply that is under way goes on \
         with the credentials that it has and asks again well before they end.",
    ),
];

/// Where this job's tokens are from.
#[derive(Clone)]
pub struct Runner {
    url: Uri,
    bearer: SecretString,
    asking: Asking,
    clock: Clock,
    mask: Mask,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Runner").field("host", &self.host()).finish_non_exhaustive()
    }
}

impl Runner {
    /// As the runner's variables say.
    ///
    /// # Errors
    /// If the job may not have tokens, or is sent elsewhere for them.
    pub fn of(variables: &dyn Fn(&str) -> Option<String>, clock: Clock, mask: Mask) -> Result<Self, Refusal> {
        let given = |name: &'static str| {
            variables(name).filter(|value| !value.trim().is_empty()).ok_or(Refusal::NotOffered(name))
        };
        let url = given("ACTIONS_ID_TOKEN_REQUEST_URL")?;
        let bearer = given("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
        mask(&bearer);
        let server = variables("GITHUB_SERVER_URL").and_then(|server| server.parse::<Uri>().ok());
        let server = server.as_ref().and_then(Uri::host).unwrap_or("github.com").to_ascii_lowercase();
        Self::new(&url, bearer, &server, clock, mask)
    }

    /// An endpoint of a GitHub server, by the server's host name.
    ///
    /// # Errors
    /// If the endpoint is not that server's.
    pub fn new(url: &str, bearer: String, server: &str, clock: Clock, mask: Mask) -> Result<Self, Refusal> {
        let shown: String = url.chars().filter(|letter| !letter.is_control()).take(80).collect();
        let url: Uri = url.parse().map_err(|_| Refusal::Elsewhere(shown.clone()))?;
        let host = url.host().unwrap_or_default().to_ascii_lowercase();
        let own = crate::cloud::kubernetes::road::loopback(&host);
        let safe = url.scheme_str() == Some("https") || (own && url.scheme_str() == Some("http"));
        if !safe || !(own || theirs(&host, server)) {
            return Err(Refusal::Elsewhere(if host.is_empty() { shown } else { host }));
        }
        Ok(Self { url, bearer: SecretString::from(bearer), asking: Asking::Web, clock, mask })
    }

    /// The same, asking somebody else.
    #[must_use]
    pub fn asking(mut self, asking: Asking) -> Self {
        self.asking = asking;
        self
    }

    /// Tells the runner of a secret, before anything else is done with it.
    pub fn mask(&self, secret: &str) {
        (self.mask)(secret);
    }

    /// For whoever else makes secrets.
    #[must_use]
    pub fn masking(&self) -> Mask {
        Arc::clone(&self.mask)
    }

    fn host(&self) -> String {
        self.url.host().unwrap_or_default().to_owned()
    }

    /// A token, made now. An endpoint that fails in a way that passes is asked again, with growing pauses.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn token(&self, audience: &str) -> Result<Token, Refusal> {
        let began = self.clock.boot();
        let mut last = String::new();
        for tried in 1..=TRIES {
            let asked_for = match self.once(audience).await {
                Once::Token(token) => return Ok(token),
                Once::No(refusal) => return Err(refusal),
                Once::Later(why, wanted) => {
                    last = why;
                    wanted
                }
            };
            if tried < TRIES {
                wait::pause(pause_after(tried, asked_for)).await;
            }
        }
        let seconds = self.clock.boot().saturating_sub(began).as_secs();
        Err(Refusal::Unanswered { host: self.host(), tries: TRIES, seconds, last })
    }

    async fn once(&self, audience: &str) -> Once {
        let Some((url, headers)) = self.question(audience) else { return Once::No(Refusal::Nonsense(self.host())) };
        let answer = match &self.asking {
            Asking::Web => Box::pin(async move { web::here("id-token", &url, &headers, LONGEST).await }) as Asked,
            Asking::Given(double) => double(url, headers),
        };
        let page = match tokio::time::timeout(TRY, answer).await {
            Err(_) => return Once::Later(format!("no answer within {} s", TRY.as_secs()), None),
            // The address carries the run's ids: its host is enough to look at.
            Ok(Err(failure)) => {
                return Once::Later(failure.message.replace(&self.url.to_string(), "the address"), None);
            }
            Ok(Ok(page)) => page,
        };
        let status = page.status;
        if status == StatusCode::OK {
            return self.read(&page).map_or_else(|| Once::No(Refusal::Nonsense(self.host())), Once::Token);
        }
        let passes = status.is_server_error() || matches!(status.as_u16(), 408 | 429);
        if passes {
            let wanted = page.headers.get(RETRY_AFTER).and_then(|text| text.to_str().ok()?.parse().ok());
            return Once::Later(format!("it answered {}", status.as_u16()), wanted.map(Duration::from_secs));
        }
        Once::No(Refusal::Said { host: self.host(), status: status.as_u16() })
    }

    fn question(&self, audience: &str) -> Option<(Uri, HeaderMap)> {
        let path = self.url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let joint = if path.contains('?') { '&' } else { '?' };
        let audience: String = form_urlencoded::byte_serialize(audience.as_bytes()).collect();
        let mut parts = self.url.clone().into_parts();
        parts.path_and_query = format!("{path}{joint}audience={audience}").parse().ok();
        let url = Uri::from_parts(parts).ok()?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.bearer.expose_secret())).ok()?;
        bearer.set_sensitive(true);
        let headers = [(AUTHORIZATION, bearer), (ACCEPT, HeaderValue::from_static("application/json"))];
        Some((url, headers.into_iter().collect()))
    }

    /// The token of an answer, masked first of all.
    fn read(&self, page: &Page) -> Option<Token> {
        #[derive(Deserialize)]
        struct Answer {
            value: String,
        }
        let answer: Answer = serde_json::from_slice(&page.body).ok()?;
        // Anything of another shape is no secret of ours, and must not get to the log's mask, which goes by lines.
        let own = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte));
        let parts: Vec<_> = answer.value.split('.').collect();
        let [_, payload, _] = parts.as_slice() else { return None };
        if parts.iter().any(|part| part.is_empty() || !own(part)) {
            return None;
        }
        self.mask(&answer.value);
        let payload = BASE64_URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        let claims = serde_json::from_slice(&payload).ok()?;
        Some(Token { secret: SecretString::from(answer.value), claims })
    }
}

enum Once {
    Token(Token),
    No(Refusal),
    Later(String, Option<Duration>),
}

/// Half a second, doubled each time, with a jitter of a fifth; longer where the endpoint asks for it; never over the bound.
fn pause_after(tried: u32, wanted: Option<Duration>) -> Duration {
    let own = Duration::from_millis(500) * 2_u32.pow(tried.saturating_sub(1).min(8));
    let own = own.mul_f64(0.9 + 0.2 * fastrand::f64());
    own.max(wanted.unwrap_or_default()).min(LONGEST_PAUSE)
}

/// Whether a host is the GitHub server's own. github.com has its runners' services under one name of its own; other servers (GHE.com
/// and Enterprise Server) under theirs.
fn theirs(host: &str, server: &str) -> bool {
    let under = |name: &str| host == name || host.strip_suffix(name).is_some_and(|before| before.ends_with('.'));
    if server == "github.com" { under("actions.githubusercontent.com") } else { !server.is_empty() && under(server) }
}

#[cfg(test)]
mod tests;
