//! Its two doors: a service in this process, and HTTP on loopback.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rem_ci::cloud::Clock;
use rem_ci::engine::wait::pause;
use rem_ci::github::{Body, Client, Repo, Server, Wire};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tower::BoxError;
use tower::util::BoxCloneService;

use super::api::{self, Outcome};
use super::state::State;

/// A GitHub; clones are the same one.
#[derive(Clone)]
pub(crate) struct Double {
    state: Arc<Mutex<State>>,
    now: Arc<dyn Fn() -> i64 + Send + Sync>,
}

impl Double {
    /// With a clock in seconds since 1970.
    pub(crate) fn new(now: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { state: Arc::new(Mutex::new(State::new())), now: Arc::new(now) }
    }

    /// By the clock of a run.
    pub(crate) fn by(clock: Clock) -> Self {
        Self::new(move || clock.millis() / 1000)
    }

    /// Looks into it, or changes it.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.now = (self.now)();
        f(&mut state)
    }

    fn answer(&self, request: &Request<Bytes>) -> Outcome {
        self.with(|state| {
            let base: http::Uri = state.base.parse().expect("an address");
            let path = request.uri().path();
            let path = path.strip_prefix(base.path().trim_end_matches('/')).unwrap_or(path).to_owned();
            api::answer(state, request, &path)
        })
    }

    /// The door for a client in this process. A request takes a moment to come and a moment to be answered, so racing clients
    /// come between one another.
    pub(crate) fn wire(&self) -> Wire {
        let double = self.clone();
        BoxCloneService::new(tower::service_fn(move |request: Request<Body>| {
            let double = double.clone();
            async move {
                let (parts, body) = request.into_parts();
                let request = Request::from_parts(parts, body.collect().await?.to_bytes());
                let jitter = double.with(|state| state.calls.len() * 37 % 61);
                pause(Duration::from_millis(20 + u64::try_from(jitter).unwrap_or_default())).await;
                let outcome = double.answer(&request);
                pause(Duration::from_millis(20)).await;
                match outcome {
                    Outcome::Cut => Err(BoxError::from("connection reset by an injected fault")),
                    Outcome::Answer(response, slow) => {
                        pause(Duration::from_secs(slow)).await;
                        Ok(response.map(Full::new))
                    }
                }
            }
        }))
    }

    /// A client with a token.
    pub(crate) fn client(&self, token: &str, clock: Clock) -> Client {
        let base = self.with(|state| state.base.clone());
        let server = Server::new("https://github.com", &base, SecretString::from(token)).expect("a server");
        let repo = self.with(|state| Repo::parse(&state.full_name())).expect("a name");
        Client::with_service(server, repo, clock, self.wire())
    }

    /// Opens the door on loopback, under `/api/v3` as a server of an enterprise has it.
    pub(crate) fn serve(&self) -> Served {
        let (told, address) = std::sync::mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let double = self.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
                told.send(listener.local_addr().expect("an address")).expect("somebody waits");
                tokio::select! {
                    () = accept(&listener, &double) => {}
                    _ = stopped => {}
                }
            });
        });
        let url = format!("http://{}/api/v3", address.recv().expect("an address"));
        self.with(|state| state.base.clone_from(&url));
        Served { url, double: self.clone(), stop: Some(stop), thread: Some(thread) }
    }
}

async fn accept(listener: &TcpListener, double: &Double) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let double = double.clone();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let double = double.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
                match double.answer(&Request::from_parts(parts, body)) {
                    Outcome::Cut => Err(Cut),
                    Outcome::Answer(response, slow) => {
                        pause(Duration::from_secs(slow)).await;
                        Ok::<Response<Full<Bytes>>, Cut>(response.map(Full::new))
                    }
                }
            }
        });
        let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        // Whether the other side is content is its own affair.
        tokio::spawn(async move { connection.await.ok() });
    }
}

/// Breaks the connection without an answer.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

impl From<Infallible> for Cut {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The door on loopback; it closes when this goes.
pub(crate) struct Served {
    /// `GITHUB_API_URL`.
    pub(crate) url: String,
    double: Double,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Served {
    /// The variables that a runner sets for a job with this token: the API's, the repository's, and those of the OIDC endpoint
    /// if the job is known to it by that word.
    pub(crate) fn environment(&self, token: &str, job: Option<&str>) -> Vec<(String, String)> {
        let root = self.url.trim_end_matches("/api/v3");
        let (name, id, owner, owner_id) = self
            .double
            .with(|state| (state.full_name(), state.id.to_string(), state.owner.0.clone(), state.owner.1.to_string()));
        let mut all = vec![
            ("GITHUB_API_URL", self.url.clone()),
            ("GITHUB_SERVER_URL", root.to_owned()),
            ("GITHUB_TOKEN", token.to_owned()),
            ("GITHUB_REPOSITORY", name),
            ("GITHUB_REPOSITORY_ID", id),
            ("GITHUB_REPOSITORY_OWNER", owner),
            ("GITHUB_REPOSITORY_OWNER_ID", owner_id),
        ];
        if let Some(job) = job {
            all.push(("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}{}?api-version=2.0", self.url, super::oidc::PATH)));
            all.push(("ACTIONS_ID_TOKEN_REQUEST_TOKEN", job.to_owned()));
        }
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
