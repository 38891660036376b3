//! A role by the job's identity token, for as long as a run takes.
//!
//! A token lives for about five minutes and a session for an hour at most times, an apply for longer than both: each session is opened with
//! a fresh token, in the background and long before the one in use ends. While GitHub or STS are down, the session in use goes on.

mod trust;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_types::SdkConfig;
use secrecy::ExposeSecret as _;
use tokio::sync::watch;

pub use trust::{CODES, Refused};

use super::clock::Clock;
use super::errors::failed;
use crate::engine::{Class, Failure, wait};
use crate::github::oidc::{AUDIENCE, Claims, Runner, Token};
use crate::model::access::Job;
use crate::problem::Problem;

/// Every role allows an hour, and none is made to allow more
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>).
pub const SESSION: Duration = Duration::from_hours(1);

/// A session with less left is not used any more: a call and its tries may take half of it.
const SPENT: Duration = Duration::from_mins(1);

/// After a renewal that failed, the next begins no sooner.
const AGAIN: Duration = Duration::from_secs(20);

/// As many times a fresh token is tried before STS's answer is believed.
const TRIES: u32 = 3;

/// Which role to assume, and as whom.
#[derive(Clone, Debug)]
pub struct Assume {
    /// Where tokens are from.
    pub runner: Runner,
    /// The role's ARN.
    pub role: String,
    /// What for.
    pub purpose: Job,
    /// Name of the session, for CloudTrail: see [`session_name`].
    pub session: String,
    /// How long a session lasts; [`SESSION`] but in tests.
    pub length: Duration,
}

/// Two are the same if they lead to the same session.
impl PartialEq for Assume {
    fn eq(&self, other: &Self) -> bool {
        (&self.role, self.purpose, &self.session) == (&other.role, other.purpose, &other.session)
    }
}

impl Eq for Assume {}

/// The name of a session says whose it is: `rem-ci.apply.run-12345678901.1.pr-7`. It is for people who read CloudTrail, and decides nothing.
/// At most 64 of the letters that STS takes.
#[must_use]
pub fn session_name(purpose: Job, run: &str, attempt: &str, pull: Option<u64>) -> String {
    let pull = pull.map(|number| format!(".pr-{number}")).unwrap_or_default();
    let name = format!("rem-ci.{}.run-{run}.{attempt}{pull}", purpose.word());
    let known = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    name.chars().map(|letter| if known(letter) { letter } else { '-' }).take(64).collect()
}

/// Credentials of a role, always good for the next call.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    assume: Assume,
    sts: aws_sdk_sts::Client,
    clock: Clock,
    held: Mutex<Held>,
    /// Counts renewals that have ended.
    ended: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    session: Option<(Credentials, SystemTime)>,
    renewing: bool,
    /// Why the last renewal failed, and when it did.
    refused: Option<(Refused, SystemTime)>,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Provider").field("role", &self.0.assume.role).finish_non_exhaustive()
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> Future<'a>
    where
        Self: 'a,
    {
        Future::new(async { self.credentials().await.map_err(CredentialsError::provider_error) })
    }
}

impl Provider {
    /// A provider that reaches STS by this configuration, which needs no credentials.
    #[must_use]
    pub fn new(assume: Assume, config: &SdkConfig, clock: Clock) -> Self {
        use aws_sdk_sts::config::retry::{RetryPartition, TokenBucket};
        let partition = RetryPartition::custom("rem-ci").token_bucket(TokenBucket::unlimited()).build();
        let sts = aws_sdk_sts::config::Builder::from(config).retry_partition(partition);
        let sts = aws_sdk_sts::Client::from_conf(sts.interceptor(super::telling::Telling).build());
        Self(Arc::new(Inner { assume, sts, clock, held: Mutex::default(), ended: watch::Sender::new(0) }))
    }

    /// For an SDK configuration.
    #[must_use]
    pub fn shared(&self) -> SharedCredentialsProvider {
        SharedCredentialsProvider::new(self.clone())
    }

    /// Opens the first session now, so that what is wrong is said before anything else is done.
    ///
    /// # Errors
    /// What to tell.
    pub async fn open(&self) -> Result<(), Problem> {
        self.credentials().await.map(drop).map_err(|refused| refused.problem())
    }

    /// Good credentials.
    async fn credentials(&self) -> Result<Credentials, Refused> {
        loop {
            let mut ended = self.0.ended.subscribe();
            let (usable, fresh) = self.held(|held, now| {
                let left = |end: &SystemTime| end.duration_since(now).unwrap_or_default();
                let usable = held.session.as_ref().filter(|(_, end)| left(end) > SPENT);
                (usable.map(|(session, _)| session.clone()), usable.is_some_and(|(_, end)| left(end) > self.early()))
            });
            if let Some(session) = usable {
                if !fresh {
                    self.renew();
                }
                return Ok(session);
            }
            if let Some(refused) = self.refused_lately() {
                return Err(refused);
            }
            self.renew();
            let _ = ended.changed().await;
        }
    }

    fn held<T>(&self, look: impl FnOnce(&mut Held, SystemTime) -> T) -> T {
        let now = self.0.clock.time();
        look(&mut self.0.held.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// A session with less left than this is renewed: a third of it, but five minutes at least.
    fn early(&self) -> Duration {
        (self.0.assume.length / 3).max(Duration::from_mins(5))
    }

    fn refused_lately(&self) -> Option<Refused> {
        self.held(|held, now| {
            let lately = |at: &SystemTime| now.duration_since(*at).is_ok_and(|since| since < AGAIN);
            held.refused.as_ref().filter(|(_, at)| lately(at)).map(|(refused, _)| refused.clone())
        })
    }

    /// Begins a renewal unless one is under way or has just failed. It goes on by itself: a call that is given up does not take it along.
    fn renew(&self) {
        let begins =
            self.refused_lately().is_none() && self.held(|held, _| !std::mem::replace(&mut held.renewing, true));
        if !begins {
            return;
        }
        let this = self.clone();
        wait::beside(async move {
            let opened = this.opened().await;
            this.held(|held, now| {
                held.renewing = false;
                match opened {
                    Ok(session) => (held.session, held.refused) = (Some(session), None),
                    Err(refused) => held.refused = Some((refused, now)),
                }
            });
            this.0.ended.send_modify(|ended| *ended += 1);
        });
    }

    /// A new session. Whatever may pass by itself is tried again with another token, for the old one may have ended meanwhile.
    async fn opened(&self) -> Result<(Credentials, SystemTime), Refused> {
        let mut tried = 0;
        loop {
            tried += 1;
            let token = self.0.assume.runner.token(AUDIENCE).await?;
            match self.assumed(&token).await {
                Ok(session) => return Ok(session),
                Err(failure) if tried < TRIES && passes(&failure) => {
                    wait::pause(wait::next_try(failure.class, tried)).await;
                }
                Err(failure) => return Err(self.refused(failure, token.claims)),
            }
        }
    }

    fn refused(&self, failure: Failure, claims: Claims) -> Refused {
        let Assume { role, purpose, .. } = &self.0.assume;
        Refused::Role { role: role.clone(), purpose: *purpose, failure, claims: Box::new(claims) }
    }

    async fn assumed(&self, token: &Token) -> Result<(Credentials, SystemTime), Failure> {
        const CALL: &str = "sts:AssumeRoleWithWebIdentity";
        let Inner { assume, sts, .. } = &*self.0;
        let seconds = i32::try_from(assume.length.as_secs()).unwrap_or(3600);
        let call = sts.assume_role_with_web_identity().role_arn(&assume.role).role_session_name(&assume.session);
        let call = call.web_identity_token(token.secret.expose_secret()).duration_seconds(seconds);
        let answer = call.send().await.map_err(failed(CALL))?;
        let given = answer.credentials().ok_or_else(|| Failure::fatal(CALL, "the answer holds no credentials"))?;
        for secret in [given.secret_access_key(), given.session_token(), given.access_key_id()] {
            assume.runner.mask(secret);
        }
        let end = SystemTime::try_from(*given.expiration()).map_err(|error| Failure::fatal(CALL, error.to_string()))?;
        let (key, secret, session) =
            (given.access_key_id(), given.secret_access_key(), given.session_token().to_owned());
        Ok((Credentials::new(key, secret, Some(session), Some(end), "job identity"), end))
    }
}

/// Whether another token may do better: STS could not be reached or could not reach GitHub, or the token was too old for it
/// (AssumeRoleWithWebIdentity, "Errors").
fn passes(failure: &Failure) -> bool {
    matches!(failure.class, Class::Throttled | Class::Unknown | Class::Passing)
        || matches!(failure.code.as_str(), "ExpiredTokenException" | "IDPCommunicationError")
}

#[cfg(test)]
mod tests;
