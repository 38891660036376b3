use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::*;

/// A registry on this machine: pages by path. Without the token that it gives to everybody it answers 401.
struct Registry {
    name: String,
    pages: Arc<Mutex<BTreeMap<String, Bytes>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let pages: Arc<Mutex<BTreeMap<String, Bytes>>> = Arc::default();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, log) = (Arc::clone(&pages), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, log) = (Arc::clone(&kept), Arc::clone(&log));
                let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let path = request.uri().to_string();
                    log.lock().expect("log").push(path.clone());
                    let signed = request.headers().get(AUTHORIZATION).is_some_and(|value| value == "Bearer anonymous");
                    let page = kept.lock().expect("pages").get(&path).cloned();
                    let challenge = format!(
                        "Bearer realm=\"http://127.0.0.1:{port}/token/\",service=\"registry\",scope=\"repository:charts/tiny:pull\""
                    );
                    async move {
                        let answer = Response::builder();
                        let body = |text: &'static str| Full::new(Bytes::from_static(text.as_bytes()));
                        if path.starts_with("/token/?") {
                            return answer.body(body(r#"{"token":"anonymous"}"#));
                        }
                        match page {
                            _ if !signed => answer.status(401).header(WWW_AUTHENTICATE, challenge).body(body("")),
                            Some(page) => answer.body(Full::new(page)),
                            None => answer.status(404).body(body("")),
                        }
                    }
                });
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { name: format!("127.0.0.1:{port}/charts/tiny"), pages, asked }
    }

    fn page(&self, path: &str, content: impl Into<Bytes>) {
        self.pages.lock().expect("pages").insert(format!("/v2/charts/tiny/{path}"), content.into());
    }

    /// Publishes a chart under a tag; gives the manifest's digest.
    fn publish(&self, tag: &str, file: &'static [u8]) -> String {
        let layer = digest_of(file);
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "config": { "mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest_of(b"{}"), "size": 2 },
            "layers": [
                { "mediaType": LAYER, "digest": layer, "size": file.len() },
                { "mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": digest_of(b"p"), "size": 1 },
            ],
        });
        let manifest = manifest.to_string();
        let digest = digest_of(manifest.as_bytes());
        self.page(&format!("manifests/{tag}"), manifest.clone());
        self.page(&format!("manifests/{digest}"), manifest);
        self.page(&format!("blobs/{layer}"), Bytes::from_static(file));
        digest
    }
}

#[tokio::test]
async fn a_tag_is_resolved_and_the_chart_comes_by_digest() {
    let registry = Registry::new().await;
    let published = registry.publish("1.2.3", b"the chart");
    assert_eq!(digest(&registry.name, "1.2.3").await, Ok(published.clone()));
    // The tag moves; what was pinned stays.
    registry.publish("1.2.3", b"another");
    assert_eq!(chart(&registry.name, &published).await.expect("the chart"), "the chart");
    let asked = registry.asked.lock().expect("asked").clone();
    assert!(
        asked.iter().any(|path| path == "/token/?service=registry&scope=repository%3Acharts%2Ftiny%3Apull"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn one_flipped_byte_is_refused() {
    let registry = Registry::new().await;
    let pinned = registry.publish("1.2.3", b"the chart");
    registry.page(&format!("blobs/{}", digest_of(b"the chart")), &b"the chbrt"[..]);
    let refused = chart(&registry.name, &pinned).await.expect_err("flipped");
    assert_eq!(refused.code, "chart-digest");
    assert!(refused.message.contains("nothing of it is used"), "{refused}");
}

#[tokio::test]
async fn a_mirror_that_serves_another_manifest_is_refused() {
    let registry = Registry::new().await;
    let pinned = registry.publish("1.2.3", b"the chart");
    registry.publish("other", b"the other");
    let other = registry.pages.lock().expect("pages")["/v2/charts/tiny/manifests/other"].clone();
    registry.page(&format!("manifests/{pinned}"), other);
    assert_eq!(chart(&registry.name, &pinned).await.expect_err("another").code, "chart-digest");
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let registry = Registry::new().await;
    let gone = digest(&registry.name, "9.9.9").await.expect_err("no such tag");
    assert!(gone.class == Class::Gone && gone.message.contains("manifests/9.9.9 is not there"), "{gone}");
    assert!(chart("no-repository", "sha256:00").await.expect_err("no path").message.contains("names no repository"));
}

#[test]
fn a_manifest_that_is_no_charts_is_refused() {
    for bad in
        ["[]", "{}", r#"{"layers":[]}"#, r#"{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip"}]}"#]
    {
        assert!(layer(bad.as_bytes()).is_err(), "{bad}");
    }
}
