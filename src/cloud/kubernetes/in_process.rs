//! A client for a simulated cluster in this process: the same requests and tokens as for a real one, without a network.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{Request, Uri};
use kube::client::Body;
use kube::client::retry::RetryPolicy;
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder};

use super::live::Bearer;
use super::token::Signer;
use crate::engine::Failure;
use crate::sandbox::connector::Sandbox;

/// A client for the cluster with that endpoint.
///
/// # Errors
/// If the endpoint is no address.
pub(super) fn client(
    sandbox: &Sandbox,
    signer: Signer,
    cluster: &str,
    endpoint: &str,
) -> Result<kube::Client, Failure> {
    let bad = |why: String| Failure::fatal("kubernetes", format!("{endpoint}: {why}"));
    let endpoint: Uri = endpoint.parse().map_err(|error| bad(format!("not an address: {error}")))?;
    let retry = RetryPolicy::new(Duration::from_millis(250), Duration::from_secs(5), 4, true);
    let retry = retry.map_err(|error| bad(error.to_string()))?;
    let signed = Signed { inner: sandbox.kubernetes(), bearer: Bearer::new(signer, cluster), endpoint };
    let service = ServiceBuilder::new().layer(RetryLayer::new(retry)).service(signed);
    Ok(kube::Client::new(service, "default"))
}

/// Puts the endpoint and a token on every request.
#[derive(Clone)]
struct Signed<S> {
    inner: S,
    bearer: Bearer,
    endpoint: Uri,
}

impl<S, B> Service<Request<Body>> for Signed<S>
where
    S: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Send + 'static,
{
    type Response = http::Response<B>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that said it is ready does the work; a fresh one takes its place.
        let fresh = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, fresh);
        let (bearer, endpoint) = (self.bearer.clone(), self.endpoint.clone());
        Box::pin(async move {
            let mut parts = endpoint.into_parts();
            parts.path_and_query = request.uri().path_and_query().cloned();
            *request.uri_mut() = Uri::from_parts(parts)?;
            request.headers_mut().insert(AUTHORIZATION, bearer.header().await?);
            inner.call(request).await.map_err(Into::into)
        })
    }
}
