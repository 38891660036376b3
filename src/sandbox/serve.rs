//! `rem-ci sandbox serve`: the region behind HTTP on loopback, so that the `aws` CLI works against it, and its clusters behind
//! HTTPS on another port, so that `kubectl` does (which sends no token without TLS).

mod tls;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::clock::Clock;
use super::connector::Sandbox;
use super::file::{self, File};
use super::kube;
use super::state::Served;

/// The longest request body; no call that is simulated needs more.
const MOST: usize = 8 * 1024 * 1024;

/// How long answers in flight may take after the shutdown has begun.
const GRACE: Duration = Duration::from_secs(2);

/// What to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// 0 takes any free one.
    pub port: u16,
    /// The sandbox file; made if it is not there.
    pub state_file: PathBuf,
    /// Seconds of the sandbox for each of the wall clock; 0 counts as 1.
    pub speed: u32,
    /// 12 digits.
    pub account: String,
    /// `us-east-1`.
    pub region: String,
}

/// Why it cannot serve.
#[derive(Debug, Error)]
pub enum Error {
    /// About the file.
    #[error(transparent)]
    File(#[from] file::Error),
    /// Not 12 digits.
    #[error("{0:?} is not an account id of 12 digits")]
    Account(String),
    /// The port is taken, or loopback is not there.
    #[error("cannot listen on 127.0.0.1:{0}")]
    Listen(u16, #[source] std::io::Error),
    /// No keys or certificates for the Kubernetes door.
    #[error("cannot make a certificate")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The last save failed, or the kubeconfig cannot be written.
    #[error("cannot write {}", .0.display())]
    Save(PathBuf, #[source] std::io::Error),
}

/// The shell lines that point a client at the sandbox, in their documented order. The access key carries the account.
#[must_use]
pub fn exports(address: SocketAddr, account: &str, region: &str, kubeconfig: &Path) -> Vec<String> {
    vec![
        format!("export AWS_ENDPOINT_URL=http://{address}"),
        format!("export AWS_REGION={region}"),
        format!("export AWS_ACCESS_KEY_ID={}", access_key(account)),
        "export AWS_SESSION_TOKEN=sandbox".to_owned(),
        "export AWS_SECRET_ACCESS_KEY=sandbox".to_owned(),
        format!("export KUBECONFIG={}", quoted(&kubeconfig.display().to_string())),
    ]
}

/// A word that a shell takes as it is: in quotes only where it needs them.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=:@,%".contains(letter);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// The administrator's access key of an account: `AKIA`, its 12 digits, 4 letters.
#[must_use]
pub fn access_key(account: &str) -> String {
    format!("AKIA{account}SAND")
}

/// Serves until `shutdown` ends; `ready` is called once with the address and the export lines, before the first answer.
///
/// # Errors
/// See [`Error`].
pub async fn serve(
    options: Options,
    ready: impl FnOnce(SocketAddr, Vec<String>),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    if options.account.len() != 12 || !options.account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::Account(options.account));
    }
    let (file, mut state) = File::open(&options.state_file, fastrand::u64(..))?;
    state.accounts.entry(options.account.clone()).or_default();
    let clock = Clock::served(state.offset_s, options.speed);
    let file = Arc::new(file);
    let identity = tls::Identity::new().map_err(Error::Certificate)?;
    let kubernetes = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| Error::Listen(0, error))?;
    let secure = kubernetes.local_addr().map_err(|error| Error::Listen(0, error))?;
    state.served = Some(Served { url: format!("https://{secure}"), authority: identity.authority.clone() });
    let regions = state.accounts.get(&options.account).into_iter().flat_map(|account| account.regions.values());
    let clusters: Vec<String> = regions.flat_map(|region| region.kube.clusters.keys().cloned()).collect();
    let config = tls::path(&options.state_file);
    let config =
        tls::write(&config, &identity.kubeconfig(secure, &clusters)).map_err(|error| Error::Save(config, error))?;
    let sandbox = Sandbox::new(state, clock.as_now(), Some(file.persist(clock))).with_speed(options.speed);

    let listen = |error| Error::Listen(options.port, error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    ready(address, exports(address, &options.account, &options.region, &config));
    let door = Arc::new(Cluster { account: options.account.clone(), identity });

    let (stop, stopped) = watch::channel(false);
    let mut open = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            // A connection that fails to be accepted is the client's loss.
            Ok((stream, _)) = listener.accept() => { open.spawn(connection(stream, sandbox.clone(), stopped.clone())); }
            Ok((stream, _)) = kubernetes.accept() => {
                open.spawn(secured(stream, sandbox.clone(), Arc::clone(&door), stopped.clone()));
            }
            Some(_) = open.join_next() => {}
        }
    }
    drop((listener, kubernetes));
    // No receiver is left when no connection is open.
    stop.send(true).ok();
    tokio::time::timeout(GRACE, async { while open.join_next().await.is_some() {} }).await.ok();
    open.shutdown().await;
    sandbox.with(|state| file.save(state, clock.now())).map_err(|error| Error::Save(options.state_file, error))
}

/// The Kubernetes door.
struct Cluster {
    account: String,
    identity: tls::Identity,
}

async fn secured(stream: TcpStream, sandbox: Sandbox, door: Arc<Cluster>, mut stopped: watch::Receiver<bool>) {
    // A client that does not trust us has gone again.
    let Ok(stream) = door.identity.acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| about_clusters(sandbox.clone(), Arc::clone(&door), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = async { drop(stopped.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
}

async fn about_clusters(
    sandbox: Sandbox,
    door: Arc<Cluster>,
    request: Request<Incoming>,
) -> Result<Response<kube::Streaming>, Cut> {
    let refused =
        |response: Response<Full<Bytes>>| Ok(response.map(|body| body.map_err(|never| match never {}).boxed_unsync()));
    if !local(&request) {
        return refused(plain(StatusCode::FORBIDDEN, "the sandbox answers to loopback names only\n"));
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return refused(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large\n"));
        }
        Err(_) => return Err(Cut),
    };
    let served = kube::Door::Served { account: &door.account, token: &door.identity.token };
    match kube::door::answer(&sandbox, &Request::from_parts(parts, body), served).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            refused(plain(StatusCode::SERVICE_UNAVAILABLE, "no such cluster here, or its control plane is not up\n"))
        }
        answer => answer.map_err(|_| Cut),
    }
}

async fn connection(stream: TcpStream, sandbox: Sandbox, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| answer(sandbox.clone(), request));
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    // Errors of a connection are the client's to see: it is gone, or an injected fault has cut it.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = async { drop(stopped.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }
}

async fn answer(sandbox: Sandbox, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    if !local(&request) {
        return Ok(plain(StatusCode::FORBIDDEN, "the sandbox answers to loopback names only\n"));
    }
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Ok(plain(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large\n"));
        }
        Err(_) => return Err(Cut),
    };
    let response = sandbox.call(&Request::from_parts(parts, body)).await.map_err(|_| Cut)?;
    Ok(response.map(Full::new))
}

/// A web page that has rebound its own name to 127.0.0.1 says that name: it is not let in.
fn local<B>(request: &Request<B>) -> bool {
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "127.0.0.1" || name == "localhost" || name.ends_with(".localhost")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

/// Breaks the connection without an answer.
#[derive(Debug, Error)]
#[error("the connection is cut")]
struct Cut;

#[cfg(test)]
mod tests;
