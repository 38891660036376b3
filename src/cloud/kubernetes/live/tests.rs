use std::sync::Mutex as Plain;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;
use crate::cloud::Clock;

/// Whoever signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// PEM.
    pub(crate) pem: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "kubernetes");
        let pem = params.self_signed(&key).expect("a certificate").pem().into_bytes();
        Self { issuer: Issuer::new(params, key), pem }
    }
}

/// A cluster's endpoint: it keeps the `Authorization` of every request.
pub(crate) struct Endpoint {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Plain<Vec<String>>>,
}

impl Endpoint {
    /// For this host name; `hangs` never answers a list of pods.
    pub(crate) async fn of(authority: &Authority, host: &str) -> Self {
        provider();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder().with_no_client_auth();
        let config = config.with_single_cert(vec![certificate.der().clone()], key).expect("a server");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen: Arc<Plain<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept) = (acceptor.clone(), Arc::clone(&kept));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                        let bearer = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
                        kept.lock().expect("kept").push(bearer.unwrap_or_default().to_owned());
                        let status = if request.uri().path() == "/denied" { 401 } else { 200 };
                        async move {
                            let body = r#"{"major":"1","minor":"36","gitVersion":"v1.36.3","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
                            Response::builder().status(status).body(Full::new(Bytes::from_static(body.as_bytes())))
                        }
                    });
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { port, seen }
    }

    pub(crate) fn bearers(&self) -> Vec<String> {
        self.seen.lock().expect("seen").clone()
    }
}

/// A signer whose clock stands where it is put.
pub(crate) fn signer(at: &Arc<std::sync::atomic::AtomicU64>) -> Signer {
    #[derive(Debug)]
    struct Hand(Arc<std::sync::atomic::AtomicU64>);
    impl aws_smithy_async::time::TimeSource for Hand {
        fn now(&self) -> SystemTime {
            UNIX_EPOCH + Duration::from_secs(self.0.load(std::sync::atomic::Ordering::SeqCst))
        }
    }
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let config = aws_types::SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .time_source(Hand(Arc::clone(at)))
        .build();
    Signer::new(&config, "us-east-1")
}

fn clock() -> Arc<std::sync::atomic::AtomicU64> {
    Arc::new((Clock::Wall.millis() / 1000).unsigned_abs().into())
}

fn target(host: &str, port: u16, authority: &Authority) -> Target {
    Target { cluster: "rem-prod".to_owned(), endpoint: format!("https://{host}:{port}"), ca: authority.pem.clone() }
}

#[tokio::test]
async fn a_token_is_kept_for_its_time_and_then_made_anew() {
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, "localhost").await;
    let at = clock();
    let client = client(&target("localhost", endpoint.port, &authority), signer(&at), Road::Direct).expect("a client");
    assert_eq!(client.apiserver_version().await.expect("a version").git_version, "v1.36.3");
    at.fetch_add(839, std::sync::atomic::Ordering::SeqCst);
    client.apiserver_version().await.expect("a version");
    at.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    client.apiserver_version().await.expect("a version");
    let bearers = endpoint.bearers();
    assert!(bearers.iter().all(|bearer| bearer.starts_with("Bearer k8s-aws-v1.")), "{bearers:?}");
    assert_eq!(bearers[0], bearers[1]);
    assert_ne!(bearers[1], bearers[2], "14 minutes have passed");
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_used_again() {
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, "localhost").await;
    let at = clock();
    let client = client(&target("localhost", endpoint.port, &authority), signer(&at), Road::Direct).expect("a client");
    let ask = || Request::get("/denied").body(Vec::new()).expect("a request");
    client.request_text(ask()).await.expect_err("denied");
    at.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    client.request_text(ask()).await.expect_err("denied");
    let bearers = endpoint.bearers();
    assert_ne!(bearers[0], bearers[1]);
}

#[tokio::test]
async fn the_wrong_authority_gets_no_token() {
    let (right, wrong) = (Authority::new(), Authority::new());
    let endpoint = Endpoint::of(&wrong, "localhost").await;
    let client = client(&target("localhost", endpoint.port, &right), signer(&clock()), Road::Direct).expect("a client");
    let refused = client.apiserver_version().await.expect_err("another authority");
    assert!(chain(&refused).contains("certificate"), "{}", chain(&refused));
    assert_eq!(endpoint.bearers(), Vec::<String>::new());
}

#[tokio::test]
async fn the_wrong_name_gets_no_token() {
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, "other.eks.amazonaws.com").await;
    let target = target("localhost", endpoint.port, &authority);
    let client = client(&target, signer(&clock()), Road::Direct).expect("a client");
    let refused = client.apiserver_version().await.expect_err("another name");
    assert!(chain(&refused).contains("certificate"), "{}", chain(&refused));
    assert_eq!(endpoint.bearers(), Vec::<String>::new());
}

#[tokio::test]
async fn who_is_not_there_is_named_with_the_road() {
    let authority = Authority::new();
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
    let target = target("localhost", port, &authority);
    let client = client(&target, signer(&clock()), Road::Direct).expect("a client");
    let said = chain(&client.apiserver_version().await.expect_err("nobody"));
    assert!(said.contains(&format!("localhost:{port} cannot be reached directly")), "{said}");
}

#[test]
fn an_endpoint_without_tls_or_authority_is_none() {
    let authority = Authority::new();
    let refused = |target: &Target| {
        let made = client(target, signer(&clock()), Road::Direct);
        made.err().map(|failure| failure.message).unwrap_or_default()
    };
    let plain = Target { endpoint: "http://localhost".to_owned(), ..target("localhost", 1, &authority) };
    assert!(refused(&plain).contains("not an https address"));
    let none = Target { ca: Vec::new(), ..target("localhost", 1, &authority) };
    assert!(refused(&none).contains("no CA"));
}

#[test]
fn watches_and_followed_logs_go_on() {
    let on = |path: &str| goes_on(&path.parse().expect("a path"));
    assert!(on("/api/v1/pods?&watch=true&resourceVersion=3") && on("/api/v1/pods?watch=1") && on("/log?follow=true"));
    assert!(!on("/api/v1/pods?&limit=500") && !on("/api/v1/pods") && !on("/api/v1/pods?watch=false"));
}

#[tokio::test]
async fn a_kubeconfig_of_the_callers_is_obeyed() {
    use base64::Engine as _;
    let authority = Authority::new();
    let endpoint = Endpoint::of(&authority, "localhost").await;
    let folder = crate::cloud::temp::Folder::new().expect("a folder");
    let ca = base64::prelude::BASE64_STANDARD.encode(&authority.pem);
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: a\ncontexts: [{{name: a, context: {{cluster: a, user: a}}}}]\nusers: [{{name: a, user: {{token: mine}}}}]\nclusters: [{{name: a, cluster: {{server: 'https://localhost:{}', certificate-authority-data: {ca}}}}}]\n",
        endpoint.port
    );
    let path = folder.file("config", text.as_bytes()).expect("a file");
    let client = from_file(&path).await.expect("a client");
    client.apiserver_version().await.expect("a version");
    assert_eq!(endpoint.bearers(), ["Bearer mine"]);
    let gone = from_file(std::path::Path::new("/nowhere/config")).await.err().expect("no file");
    assert!(gone.message.starts_with("/nowhere/config: "), "{gone}");
}
