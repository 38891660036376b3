//! The doors to a cluster's API: a tower service for a client in this process, and what the served door shares with it.
//! Here alone is waited, for watches.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body, Frame};

use super::answer::{Door, Outcome};
use super::watch::Watch;
use crate::sandbox::connector::Sandbox;

/// A body that may go on for long.
pub type Streaming = UnsyncBoxBody<Bytes, std::io::Error>;

/// The API of all clusters of a sandbox, for a client in this process. Clones share the state.
#[derive(Clone, Debug)]
pub struct Kubernetes {
    sandbox: Sandbox,
}

impl Kubernetes {
    /// Over this sandbox.
    #[must_use]
    pub fn new(sandbox: Sandbox) -> Self {
        Self { sandbox }
    }
}

/// A text for an error that is no answer.
fn broken(kind: std::io::ErrorKind, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> std::io::Error {
    std::io::Error::new(kind, why)
}

impl<B> tower::Service<Request<B>> for Kubernetes
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<Streaming>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let sandbox = self.sandbox.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            Ok(answer(&sandbox, &Request::from_parts(parts, body), Door::Inside).await?)
        })
    }
}

/// Answers one request.
///
/// # Errors
/// When the connection is cut, when no such host is there, or when the file cannot be written.
pub async fn answer(
    sandbox: &Sandbox,
    request: &Request<Bytes>,
    door: Door<'_>,
) -> Result<Response<Streaming>, std::io::Error> {
    let outcome = sandbox.kube(request, door)?;
    match outcome {
        Outcome::Cut => Err(broken(std::io::ErrorKind::ConnectionReset, "connection reset by an injected fault")),
        Outcome::Unreachable(why) => Err(broken(std::io::ErrorKind::NotFound, why)),
        Outcome::Answer(response, slow) => {
            pause(sandbox.latency() + Duration::from_millis(slow)).await;
            let announced = response.headers().get(http::header::CONTENT_LENGTH);
            let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
            Ok(response.map(|body| delivered(body, announced)))
        }
        Outcome::Watch(watch, slow) => {
            pause(sandbox.latency() + Duration::from_millis(slow)).await;
            let response = Response::builder().header("content-type", "application/json");
            response.body(told(sandbox.clone(), *watch)).map_err(|error| broken(std::io::ErrorKind::Other, error))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a simulated answer takes simulated time")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

/// A body that is shorter than announced breaks off.
fn delivered(body: Bytes, announced: Option<usize>) -> Streaming {
    let short = announced.is_some_and(|length| length > body.len());
    let whole = Full::new(body).map_err(|never| match never {});
    if !short {
        return whole.boxed_unsync();
    }
    let end = broken(std::io::ErrorKind::UnexpectedEof, "connection closed before the message completed");
    whole.with_trailers(std::future::ready(Some(Err(end)))).boxed_unsync()
}

/// The events of a watch as they happen: told when another request has changed something, when something is due, and for the
/// last time when its time is over.
fn told(sandbox: Sandbox, watch: Watch) -> Streaming {
    let end = Box::pin(pause(watch.timeout));
    let events = stream::unfold((sandbox, watch, end, false), |(sandbox, mut watch, mut end, mut over)| async move {
        while !over {
            // Asked for before looking, so that nothing which happens in between is missed.
            let notify = sandbox.changed();
            let mut changed = std::pin::pin!(notify.notified());
            changed.as_mut().enable();
            let (news, wait) = sandbox.news(&mut watch);
            over = news.over;
            if !news.lines.is_empty() {
                let frame = Frame::data(Bytes::from(news.lines));
                return Some((Ok(frame), (sandbox, watch, end, over)));
            }
            if over {
                break;
            }
            tokio::select! {
                () = changed => {}
                () = pause(wait) => {}
                () = &mut end => break,
            }
        }
        None
    });
    StreamBody::new(events).boxed_unsync()
}
