//! A client for a real endpoint.
//!
//! Three things hold for every request: TLS is checked against the cluster's own CA and the endpoint's own name, whatever
//! road the bytes take; our token goes to that endpoint and to nothing else; and there is an end to every wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Http;
use hyper_util::rt::TokioExecutor;
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ConfigExt as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use tower::retry::RetryLayer;
use tower::{BoxError, Service, ServiceBuilder};

use super::road::{Connector, Road};
use super::token::{Signer, Token};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{Failure, Read};

/// No connection takes longer to make.
pub const CONNECT: Duration = Duration::from_secs(5);

/// No call takes longer, watches and followed logs apart: those answer within this, and then go on.
pub const CALL: Duration = Duration::from_secs(30);

/// No answer is larger; a list is asked for in pages.
const LARGEST: usize = 64 << 20;

/// Where a cluster is, as EKS has told in this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The cluster's name in EKS: what tokens are bound to.
    pub cluster: String,
    /// `https://….eks.amazonaws.com`.
    pub endpoint: String,
    /// The cluster's CA, PEM.
    pub ca: Vec<u8>,
}

impl Target {
    /// Where a cluster is, from EKS; none while there is no cluster, or its control plane is not up yet.
    ///
    /// # Errors
    /// If EKS does not say.
    pub async fn read(cloud: &Cloud, cluster: &str) -> Read<Option<Self>> {
        let answer = cloud.eks.describe_cluster().name(cluster).send().await.map_err(failed("eks:DescribeCluster"));
        Ok(gone_is_none(answer)?.and_then(|answer| answer.cluster.as_ref().and_then(Self::of)))
    }

    /// Where a cluster is, from its description.
    #[must_use]
    pub fn of(cluster: &aws_sdk_eks::types::Cluster) -> Option<Self> {
        let ca = cluster.certificate_authority().and_then(|ca| ca.data())?;
        Some(Self {
            cluster: cluster.name()?.to_owned(),
            endpoint: cluster.endpoint()?.to_owned(),
            ca: BASE64_STANDARD.decode(ca).ok()?,
        })
    }
}

/// Why a request got no answer: what the error chain of a `kube::Error` holds where there was none.
#[derive(Debug, thiserror::Error)]
pub enum Unreached {
    /// There is no connection.
    #[error("{endpoint} cannot be reached {road}: {why}")]
    Connect {
        /// Host and port.
        endpoint: String,
        /// `directly`, `by way of the proxy …`, `through the tunnel …`.
        road: String,
        /// The system's words.
        why: String,
    },
    /// There is a connection, and nothing comes.
    #[error("{endpoint} did not answer within {} s", CALL.as_secs())]
    Silent {
        /// Host and port.
        endpoint: String,
    },
    /// A request was about to leave for another place than the cluster.
    #[error("a request for {asked} was held back: this client speaks to {endpoint} only")]
    Elsewhere {
        /// Where to.
        asked: String,
        /// Host and port.
        endpoint: String,
    },
    /// No token could be made.
    #[error("{0}")]
    Token(Failure),
}

/// What a client's bodies are, whole or streamed.
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A client for a cluster whose every request carries a fresh token.
///
/// # Errors
/// If endpoint or CA make no sense.
pub fn client(target: &Target, signer: Signer, road: Road) -> Result<kube::Client, Failure> {
    let bad = |why: String| Failure::fatal("kubernetes", format!("{}: {why}", target.endpoint));
    let url = address(&target.endpoint)?;
    if url.scheme_str() != Some("https") || url.host().is_none() {
        return Err(bad("not an https address".to_owned()));
    }
    let roots = CertificateDer::pem_slice_iter(&target.ca).map(|one| one.map(|der| der.to_vec()));
    let roots: Vec<_> = roots.collect::<Result<_, _>>().map_err(|error| bad(format!("the CA is no PEM: {error}")))?;
    if roots.is_empty() {
        return Err(bad("there is no CA to check it by".to_owned()));
    }
    let mut config = kube::Config::new(url.clone());
    config.root_cert = Some(roots);
    provider();
    let connector = Connector::new(road, CONNECT);
    let https = config.rustls_https_connector_with_connector(connector).map_err(|error| bad(error.to_string()))?;
    let http: Http<_, Body> = Http::builder(TokioExecutor::new()).build(https);
    let host = url.authority().map(ToString::to_string).unwrap_or_default();
    let bearer = Bearer::new(signer, &target.cluster);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .service(Careful { inner: http, host: host.into(), bearer: Some(bearer) });
    Ok(kube::Client::new(service, config.default_namespace))
}

/// A client as a kubeconfig says, by kube's own rules for its current context.
///
/// # Errors
/// If the file cannot be used; the words are kube's.
pub async fn from_file(path: &std::path::Path) -> Result<kube::Client, Failure> {
    let bad = |why: String| Failure::fatal("kubeconfig", format!("{}: {why}", path.display()));
    let file = kube::config::Kubeconfig::read_from(path).map_err(|error| bad(chain(&error)))?;
    let options = kube::config::KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(file, &options).await.map_err(|error| bad(chain(&error)))?;
    config.connect_timeout = Some(CONNECT);
    provider();
    let road = match config.proxy_url.take() {
        Some(proxy) => Road::proxy(&proxy),
        None => Road::of(&config.cluster_url),
    };
    let https = config
        .rustls_https_connector_with_connector(Connector::new(road?, CONNECT))
        .map_err(|error| bad(error.to_string()))?;
    let http: Http<_, Body> = Http::builder(TokioExecutor::new()).build(https);
    let host = config.cluster_url.authority().map(ToString::to_string).unwrap_or_default();
    let auth = config.auth_layer().map_err(|error| bad(chain(&error)))?;
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(RetryLayer::new(RetryPolicy::server_retry()))
        .option_layer(auth)
        .service(Careful { inner: http, host: host.into(), bearer: None });
    Ok(kube::Client::new(service, config.default_namespace))
}

/// An endpoint as an address.
///
/// # Errors
/// If it is none.
pub fn address(endpoint: &str) -> Result<Uri, Failure> {
    endpoint.parse().map_err(|error| Failure::fatal("kubernetes", format!("{endpoint}: not an address: {error}")))
}

/// The host of an address; empty where there is none.
#[must_use]
pub fn host(address: &str) -> String {
    address.parse::<Uri>().ok().and_then(|address| address.host().map(str::to_owned)).unwrap_or_default()
}

/// rustls wants one provider of cryptography for the process.
pub(crate) fn provider() {
    use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
    if CryptoProvider::get_default().is_none() {
        // The one error is that somebody else was quicker, which is as good.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}

/// An error with what caused it: the outer words alone seldom say anything.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = inner.source();
    }
    text
}

/// A token that is kept while it is good.
#[derive(Clone)]
pub(super) struct Bearer {
    signer: Signer,
    cluster: String,
    kept: Arc<Mutex<Option<Token>>>,
}

impl Bearer {
    /// One for a cluster, by its name in EKS.
    pub(super) fn new(signer: Signer, cluster: &str) -> Self {
        Self { signer, cluster: cluster.to_owned(), kept: Arc::default() }
    }

    /// What goes into `Authorization`.
    pub(super) async fn header(&self) -> Result<HeaderValue, Unreached> {
        let mut kept = self.kept.lock().await;
        let now: SystemTime = self.signer.now();
        let token = match kept.as_ref().filter(|token| token.until > now) {
            Some(token) => token.clone(),
            None => kept.insert(self.signer.token(&self.cluster).await.map_err(Unreached::Token)?).clone(),
        };
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.secret.expose_secret()))
            .map_err(|error| Unreached::Token(Failure::fatal("token", error.to_string())))?;
        header.set_sensitive(true);
        Ok(header)
    }

    /// The cluster does not take it: the next call gets another.
    async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}

/// The innermost service: token, time-outs, bounds.
#[derive(Clone)]
struct Careful<S> {
    inner: S,
    host: Arc<str>,
    bearer: Option<Bearer>,
}

/// Whether an answer is one that goes on: a watch, or a log that is followed.
fn goes_on(uri: &Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| matches!(&*name, "watch" | "follow") && matches!(&*value, "true" | "1"))
}

impl<S, B> Service<Request<Body>> for Careful<S>
where
    S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
    B: hyper::body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        // The one that was polled ready is the one to be used.
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let (host, bearer) = (Arc::clone(&self.host), self.bearer.clone());
        Box::pin(async move {
            let silent = || Unreached::Silent { endpoint: host.to_string() };
            let asked = request.uri().authority().map(ToString::to_string).unwrap_or_default();
            if asked != *host {
                return Err(Unreached::Elsewhere { asked, endpoint: host.to_string() }.into());
            }
            if let Some(bearer) = &bearer {
                request.headers_mut().insert(AUTHORIZATION, bearer.header().await?);
            }
            let streams = goes_on(request.uri());
            let whole = async {
                let response = inner.call(request).await.map_err(Into::into)?;
                let (head, body) = response.into_parts();
                let body = if streams {
                    body.map_err(Into::into).boxed_unsync()
                } else {
                    let body = Limited::new(body, LARGEST).collect().await?.to_bytes();
                    Full::new(body).map_err(|never| match never {}).boxed_unsync()
                };
                Ok::<_, BoxError>(Response::from_parts(head, body))
            };
            let answer = tokio::time::timeout(CALL, whole).await.map_err(|_| silent())??;
            if answer.status() == http::StatusCode::UNAUTHORIZED
                && let Some(bearer) = &bearer
            {
                bearer.forget().await;
            }
            Ok(answer)
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
