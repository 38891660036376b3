//! The door for SDK clients in process: an HTTP client whose answers come from [`region::answer`](super::region::answer).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http_body_util::{BodyExt as _, Full};
use tokio::sync::Notify;

use super::kube;
use super::region::{self, Outcome};
use super::state::{Millis, State};
use super::wire;

/// Gives the sandbox's time in milliseconds since 1970.
pub type Now = Arc<dyn Fn() -> Millis + Send + Sync>;

/// Called with the state before a mutating answer leaves: writes the file.
pub type Persist = Arc<dyn Fn(&State) -> std::io::Result<()> + Send + Sync>;

/// Called with every request before it is answered: tests keep them and check them against AWS's API models.
pub type Record = Arc<dyn Fn(&http::Request<Bytes>) + Send + Sync>;

/// A simulated region behind an SDK's HTTP client. Clones share the state.
#[derive(Clone)]
pub struct Sandbox {
    /// The state; locked for the time of one answer, never across an await.
    pub state: Arc<Mutex<State>>,
    now: Now,
    persist: Option<Persist>,
    record: Option<Record>,
    /// Time every answer takes.
    latency: Duration,
    /// Seconds of the sandbox for each of the clock that waits are counted by.
    speed: u32,
    /// Told whenever something in a cluster may be another: watches look again.
    changed: Arc<Notify>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sandbox")
    }
}

impl Sandbox {
    /// A region over this state, on this clock.
    #[must_use]
    pub fn new(state: State, now: Now, persist: Option<Persist>) -> Self {
        Self {
            state: Arc::new(Mutex::new(state)),
            now,
            persist,
            record: None,
            latency: Duration::from_millis(40),
            speed: 1,
            changed: Arc::new(Notify::new()),
        }
    }

    /// The same on a clock that is so many times faster than the one that waits are counted by (0 counts as 1).
    #[must_use]
    pub fn with_speed(mut self, speed: u32) -> Self {
        self.speed = speed.max(1);
        self
    }

    /// The API of the clusters in it, for a client in this process: a tower service.
    #[must_use]
    pub fn kubernetes(&self) -> kube::Kubernetes {
        kube::Kubernetes::new(self.clone())
    }

    /// The same with a recorder of every request.
    #[must_use]
    pub fn record(mut self, record: Record) -> Self {
        self.record = Some(record);
        self
    }

    /// The same with another time that every answer takes; 40 ms unless told.
    #[must_use]
    pub fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Looks at or changes the state directly: tests, `sandbox show`.
    pub fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// The sandbox's time.
    #[must_use]
    pub fn now(&self) -> Millis {
        (self.now)()
    }

    /// Writes the file, where there is one: at the end of a run, so that time which passed in waiting has passed for the next
    /// run too.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&self) -> std::io::Result<()> {
        self.persist.as_ref().map_or(Ok(()), |persist| self.with(|state| persist(state)))
    }

    /// Answers one request: the way in for both doors.
    ///
    /// # Errors
    /// When an injected fault cuts the connection, or the file cannot be written.
    pub async fn call(&self, request: &http::Request<Bytes>) -> Result<http::Response<Bytes>, ConnectorError> {
        if let Some(record) = &self.record {
            record(request);
        }
        let outcome = {
            let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (draws, version) = (state.draws, kube::version(&state));
            let outcome = region::answer(&mut state, (self.now)(), request);
            if kube::version(&state) != version || changes(request) {
                self.changed.notify_waiters();
            }
            if let Some(persist) = &self.persist
                && (state.draws != draws || !state.faults.is_empty() || changes(request))
            {
                persist(&state).map_err(|error| ConnectorError::io(error.into()))?;
            }
            outcome
        };
        match outcome {
            Outcome::Cut => Err(ConnectorError::io("connection reset by an injected fault".into())),
            Outcome::Answer(response, slow) => {
                #[expect(clippy::disallowed_methods, reason = "a simulated answer takes simulated time")]
                tokio::time::sleep(self.latency + Duration::from_millis(slow)).await;
                Ok(response)
            }
        }
    }

    /// Answers one request of a cluster's API, without the time that it takes.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn kube(&self, request: &http::Request<Bytes>, door: kube::Door<'_>) -> std::io::Result<kube::Outcome> {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (draws, version) = (state.draws, kube::version(&state));
        let outcome = kube::answer(&mut state, (self.now)(), request, door);
        let changed = kube::version(&state) != version;
        if changed {
            self.changed.notify_waiters();
        }
        let read = request.method() == http::Method::GET;
        if let Some(persist) = &self.persist
            && (state.draws != draws || !state.faults.is_empty() || (changed && !read))
        {
            persist(&state)?;
        }
        Ok(outcome)
    }

    /// What a watch has to tell now, and how long nothing will happen by itself after that.
    pub(super) fn news(&self, watch: &mut kube::Watch) -> (kube::News, Duration) {
        let now = (self.now)();
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = kube::version(&state);
        let news = watch.news(&mut state, now);
        if kube::version(&state) != version {
            self.changed.notify_waiters();
        }
        let wait = news.due.map_or(LONGEST_WAIT, |due| {
            Duration::from_millis((due - now).unsigned_abs()) / self.speed + Duration::from_millis(1)
        });
        (news, wait.min(LONGEST_WAIT))
    }

    /// What watches wait for.
    pub(super) fn changed(&self) -> Arc<Notify> {
        Arc::clone(&self.changed)
    }

    /// The time that every answer takes.
    pub(super) fn latency(&self) -> Duration {
        self.latency
    }
}

/// A watch looks at least so often, if only for its bookmarks.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Whether the state may be another after this call. What time alone changes comes out the same again after a restart.
fn changes(request: &http::Request<Bytes>) -> bool {
    wire::parse(request).is_ok_and(|call| region::mutates(&call.operation))
}

/// A body as a real HTTP client hands it on: one that is shorter than announced breaks off with an error (RFC 9112, section 8).
fn delivered(body: Bytes, announced: Option<usize>) -> SdkBody {
    if announced.is_none_or(|length| length <= body.len()) {
        return SdkBody::from(body);
    }
    let broken =
        std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "connection closed before the message completed");
    let begun = Full::new(body).map_err(|never| -> std::io::Error { match never {} });
    SdkBody::from_body_1_x(begun.with_trailers(std::future::ready(Some(Err(broken)))))
}

impl HttpConnector for Sandbox {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sandbox = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            let head = parts.method == http::Method::HEAD;
            let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
            let response = Sandbox::call(&sandbox, &http::Request::from_parts(parts, body)).await?;
            // An answer to HEAD announces a length and carries none of it.
            let announced = if head {
                None
            } else {
                response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok())
            };
            HttpResponse::try_from(response.map(|body| delivered(body, announced)))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

impl HttpClient for Sandbox {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
