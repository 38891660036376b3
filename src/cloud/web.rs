//! Plain HTTPS reads from places that are not AWS's APIs: a chart's registry, the address echo. By the system's own trust
//! store, through the caller's proxy, with an end to every wait and a bound on every answer.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Body;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::Connect;
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt as _;

use super::kubernetes::live::{chain, provider};
use super::kubernetes::road::{Connector, Road, loopback};
use crate::engine::{Class, Failure};

/// No connection takes longer to make.
const CONNECT: Duration = Duration::from_secs(5);

/// No answer takes longer.
const CALL: Duration = Duration::from_secs(30);

/// As many redirects are followed.
const HOPS: usize = 3;

/// An answer.
#[derive(Debug)]
pub struct Page {
    /// 200, 404, …
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its content.
    pub body: Bytes,
}

fn unreached(call: &str, why: impl Into<String>) -> Failure {
    Failure { class: Class::Unknown, call: call.to_owned(), code: String::new(), message: why.into() }
}

/// Asks for a page. Redirects are followed, without the credentials when they lead to another host.
///
/// # Errors
/// If there is no answer, or it is longer than `most` bytes.
pub async fn get(call: &str, url: &str, headers: &HeaderMap, most: usize) -> Result<Page, Failure> {
    let read = tokio::time::timeout(CALL, follow(call, url, headers.clone(), most)).await;
    read.map_err(|_| unreached(call, format!("{url} did not answer within {} s", CALL.as_secs())))?
}

/// Asks for a page, and for nothing that it points to.
///
/// # Errors
/// If there is no answer, or it is longer than `most` bytes.
pub async fn here(call: &str, url: &Uri, headers: &HeaderMap, most: usize) -> Result<Page, Failure> {
    once(call, url, headers, most).await
}

async fn follow(call: &str, url: &str, mut headers: HeaderMap, most: usize) -> Result<Page, Failure> {
    let mut url: Uri = url.parse().map_err(|error| Failure::fatal(call, format!("{url}: {error}")))?;
    for _ in 0..=HOPS {
        let page = once(call, &url, &headers, most).await?;
        if !matches!(page.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(page);
        }
        let to = page.headers.get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default();
        let to = absolute(&url, to).ok_or_else(|| Failure::fatal(call, format!("{url} redirects to {to:?}")))?;
        if to.authority() != url.authority() {
            headers.remove(AUTHORIZATION);
        }
        url = to;
    }
    Err(Failure::fatal(call, format!("{url}: redirected too often")))
}

/// Where a redirect leads; never from TLS to plain text.
fn absolute(from: &Uri, to: &str) -> Option<Uri> {
    let to: Uri = to.parse().ok()?;
    if to.scheme().is_none() {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = to.into_parts().path_and_query;
        return Uri::from_parts(parts).ok();
    }
    (to.scheme() == from.scheme() || to.scheme_str() == Some("https")).then_some(to)
}

/// A client for one server that keeps its connections: by the system's own trust store, through the caller's proxy.
///
/// # Errors
/// If the trust store or the proxy cannot be used.
pub fn client<B>(url: &Uri) -> Result<Client<impl Connect + Clone + Send + Sync + 'static, B>, Failure>
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    let call = "connect";
    let host = url.host().unwrap_or_default();
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if loopback(host) => {}
        _ => return Err(Failure::fatal(call, format!("{url} is not https"))),
    }
    provider();
    let config = kube::Config::new(url.clone());
    let https = config
        .rustls_https_connector_with_connector(Connector::new(Road::of(url)?, CONNECT))
        .map_err(|error| Failure::fatal(call, error.to_string()))?;
    Ok(Client::builder(TokioExecutor::new()).build(https))
}

async fn once(call: &str, url: &Uri, headers: &HeaderMap, most: usize) -> Result<Page, Failure> {
    let client = client::<Empty<Bytes>>(url).map_err(|failure| Failure { call: call.to_owned(), ..failure })?;
    let mut request =
        Request::get(url.clone()).body(Empty::new()).map_err(|error| Failure::fatal(call, error.to_string()))?;
    request.headers_mut().extend(headers.clone());
    request
        .headers_mut()
        .insert(USER_AGENT, http::HeaderValue::from_static(concat!("rem-ci/", env!("CARGO_PKG_VERSION"))));
    let response =
        client.request(request).await.map_err(|error| unreached(call, format!("{url}: {}", chain(&error))))?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, most).collect().await;
    let body = body.map_err(|error| unreached(call, format!("{url}: {error}")))?.to_bytes();
    Ok(Page { status: head.status, headers: head.headers, body })
}
