//! How a request travels: over HTTPS, or to a service in this process.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderName, IF_NONE_MATCH, LOCATION, USER_AGENT};
use http::{HeaderValue, Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use octocrab::service::middleware::base_uri::BaseUriLayer;
use octocrab::service::middleware::extra_headers::ExtraHeadersLayer;
use octocrab::{AuthState, Octocrab, OctocrabBuilder};
use tower::util::BoxCloneService;
use tower::{BoxError, ServiceExt as _, service_fn};

use super::client::{Answer, Request};
use super::error::Error;
use super::retry::TRY;
use super::server::Server;
use crate::cloud::{Clock, web};

/// The body of a request.
pub type Body = octocrab::OctoBody;

/// What takes requests and gives whole answers.
pub type Wire = BoxCloneService<http::Request<Body>, http::Response<Full<Bytes>>, BoxError>;

/// No answer is longer: a page of 100 comments of 256 KiB each is not quite.
const LONGEST: usize = 32 * 1024 * 1024;

/// Redirects of a renamed repository.
const HOPS: usize = 3;

/// octocrab without its retry, its redirects and its logging: only what addresses, signs and carries.
pub(super) fn octocrab(server: &Server, wire: Wire) -> Octocrab {
    let headers: Vec<(HeaderName, HeaderValue)> = vec![
        (USER_AGENT, HeaderValue::from_static(concat!("rem-ci/", env!("CARGO_PKG_VERSION")))),
        (ACCEPT, HeaderValue::from_static("application/vnd.github+json")),
    ];
    let built = OctocrabBuilder::new_empty()
        .with_service(wire)
        .with_layer(&ExtraHeadersLayer::new(Arc::new(headers)))
        .with_layer(&BaseUriLayer::new(server.api.clone()))
        .with_auth(AuthState::AccessToken { token: server.token.clone() })
        .build();
    match built {
        Ok(octocrab) => octocrab,
        Err(never) => match never {},
    }
}

/// Over the network, or to a port of this machine.
pub(super) fn live(api: &Uri, clock: Clock) -> Result<Wire, Error> {
    let unusable = |failure: crate::engine::Failure| Error::endpoint(failure.message);
    if matches!(clock, Clock::Virtual { .. }) {
        return Ok(held(api.clone()));
    }
    let client = web::client::<Body>(api).map_err(unusable)?;
    Ok(BoxCloneService::new(service_fn(move |request| {
        let client = client.clone();
        async move { whole(client.oneshot(request).await.map_err(BoxError::from)?).await }
    })))
}

/// A paused clock jumps while a socket is waited for, and every timeout is over at once. It stands still while a thread is
/// waited for: so each exchange has a thread, whose own clock is the machine's.
fn held(api: Uri) -> Wire {
    BoxCloneService::new(service_fn(move |request: http::Request<Body>| {
        let api = api.clone();
        async move {
            let exchange = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                runtime.block_on(async {
                    let client = web::client::<Body>(&api).map_err(|failure| failure.message)?;
                    tokio::time::timeout(TRY, async { whole(client.oneshot(request).await?).await }).await?
                })
            };
            tokio::task::spawn_blocking(exchange).await?
        }
    }))
}

async fn whole<B>(response: http::Response<B>) -> Result<http::Response<Full<Bytes>>, BoxError>
where
    B: http_body_util::BodyExt<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LONGEST).collect().await?.to_bytes();
    Ok(http::Response::from_parts(head, Full::new(body)))
}

/// One exchange. Renamed repositories answer with redirects; those within the API are followed, as the documentation asks.
pub(super) async fn send(octocrab: &Octocrab, api: &Uri, request: &Request) -> Result<Answer, String> {
    let mut path = request.path.clone();
    for _ in 0..=HOPS {
        let answer = exchange(octocrab, request, &path).await?;
        let follow = match answer.status {
            StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => request.method == Method::GET,
            _ => false,
        };
        let to = answer.headers.get(LOCATION).filter(|_| follow).and_then(|to| to.to_str().ok());
        match to.and_then(|to| relative(api, to)) {
            Some(to) => path = to,
            None => return Ok(answer),
        }
    }
    Err("GitHub redirects in a circle".to_owned())
}

async fn exchange(octocrab: &Octocrab, request: &Request, path: &str) -> Result<Answer, String> {
    let mut builder = http::Request::builder().method(request.method.clone()).uri(path);
    if let Some(tag) = &request.unless {
        builder = builder.header(IF_NONE_MATCH, tag);
    }
    // It adds `X-GitHub-Api-Version: 2022-11-28`, from octocrab's own manifest.
    let request = octocrab.build_request(builder, request.body.as_ref()).map_err(|error| chain(&error))?;
    let response = octocrab.execute(request).await.map_err(|error| chain(&error))?;
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| chain(&error))?.to_bytes();
    Ok(Answer { status: head.status, headers: head.headers, body })
}

/// An address of the API, as a path below it. Nothing else: the token would go along.
pub(super) fn relative(api: &Uri, url: &str) -> Option<String> {
    let url: Uri = url.parse().ok()?;
    if url.authority().is_some() && (url.authority() != api.authority() || url.scheme() != api.scheme()) {
        return None;
    }
    let path = url.path_and_query()?.as_str();
    let base = api.path().trim_end_matches('/');
    let path = path.strip_prefix(base).unwrap_or(path);
    path.starts_with('/').then(|| path.to_owned())
}

/// What failed, and what that came from. octocrab's `Debug` prints a backtrace, its `Display` repeats its source.
fn chain(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    let mut said: Vec<String> = Vec::new();
    loop {
        let text = innermost.to_string();
        if !said.iter().any(|outer| outer.contains(&text)) {
            said.push(text);
        }
        match innermost.source() {
            Some(source) => innermost = source,
            None => break,
        }
    }
    let text = said.join(": ");
    let text = text.strip_prefix("Service Error: ").unwrap_or(&text);
    format!("no answer from GitHub: {}", text.chars().filter(|c| !c.is_control()).take(300).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_s_own_addresses_are_followed() {
        let api = Uri::from_static("https://git.example.org/api/v3");
        let to = |url: &str| relative(&api, url);
        assert_eq!(
            to("https://git.example.org/api/v3/repositories/7/issues?page=2").as_deref(),
            Some("/repositories/7/issues?page=2")
        );
        assert_eq!(to("/api/v3/repositories/7").as_deref(), Some("/repositories/7"));
        assert_eq!(to("https://example.org/api/v3/repositories/7"), None);
        assert_eq!(to("http://git.example.org/api/v3/repositories/7"), None);
        assert_eq!(to("https://git.example.org:444/api/v3/x"), None);
        let api = Uri::from_static("https://api.github.com");
        assert_eq!(
            relative(&api, "https://api.github.com/repositories/7?page=2").as_deref(),
            Some("/repositories/7?page=2")
        );
    }
}
