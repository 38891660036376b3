use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{Error, Options, exports, serve};
use crate::sandbox::aws::eks;
use crate::sandbox::file::File;
use crate::sandbox::region::with_here;
use crate::sandbox::state::{Action, Rule};
use crate::sandbox::{clock, kube};

async fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn options(folder: &tempfile::TempDir) -> Options {
    Options {
        port: 0,
        state_file: folder.path().join("sandbox.json"),
        speed: 60,
        account: "210987654321".to_owned(),
        region: "us-east-1".to_owned(),
    }
}

fn head(host: &str, target: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nhost: {host}\r\nx-amz-target: {target}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=AKIA210987654321SAND/20261124/us-east-1/sqs/aws4_request, Signature=s\r\n"
    )
}

#[test]
fn the_lines_are_in_their_documented_order() {
    let config = std::path::Path::new("/tmp/it's here/config");
    let lines = exports("127.0.0.1:4566".parse().unwrap(), "210987654321", "eu-west-1", config);
    let names: Vec<&str> = lines.iter().map(|line| line["export ".len()..].split('=').next().unwrap()).collect();
    let want = [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "KUBECONFIG",
    ];
    assert_eq!(names, want);
    assert_eq!(lines[0], "export AWS_ENDPOINT_URL=http://127.0.0.1:4566");
    assert_eq!(lines[2], "export AWS_ACCESS_KEY_ID=AKIA210987654321SAND");
    assert_eq!(lines[5], r"export KUBECONFIG='/tmp/it'\''s here/config'");
}

#[tokio::test]
async fn a_call_is_answered_and_is_in_the_file_before_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let path = options.state_file.clone();
    let (send, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(options.clone(), |address, _| send.send(address).unwrap(), async {
        stopped.await.ok();
    });
    let client = async {
        let address = ready.await.unwrap();
        let made = ask(address, &head("127.0.0.1", "AmazonSQS.CreateQueue"), r#"{"QueueName":"jobs"}"#).await;
        assert!(made.starts_with("HTTP/1.1 200") && made.contains("/210987654321/jobs"), "{made}");
        assert!(made.to_lowercase().contains("\r\ndate: "));
        let state = File::peek(&path).unwrap();
        assert!(state.accounts["210987654321"].regions["us-east-1"].sqs.queues.contains_key("jobs"));

        let foreign = ask(address, &head("evil.example", "AmazonSQS.ListQueues"), "{}").await;
        assert!(foreign.starts_with("HTTP/1.1 403"), "{foreign}");
        let second = serve(options, |_, _| {}, std::future::ready(())).await;
        assert!(matches!(second, Err(Error::File(_))), "the file is in use");
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
    // Sixty-fold time has moved ahead of the wall clock, and stays there.
    assert!(File::peek(&path).unwrap().offset_s > 0);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (send, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(options(&folder), |address, _| send.send(address).unwrap(), async {
        stopped.await.ok();
    });
    let client = async {
        let mut stream = TcpStream::connect(ready.await.unwrap()).await.unwrap();
        let length = super::MOST + 1;
        let head = format!("{}content-length: {length}\r\n\r\n", head("127.0.0.1", "AmazonSQS.ListQueues"));
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![b'x'; length]).await.ok();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413");
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

#[tokio::test]
async fn an_account_has_twelve_digits() {
    let folder = tempfile::tempdir().unwrap();
    let odd = Options { account: "1234".to_owned(), ..options(&folder) };
    assert!(matches!(serve(odd, |_, _| {}, std::future::ready(())).await, Err(Error::Account(_))));
}

#[tokio::test]
async fn an_injected_cut_breaks_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let (file, mut state) = File::open(&options.state_file, 7).unwrap();
    let (service, operation) = ("sqs".to_owned(), "ListQueues".to_owned());
    state.faults.push(Rule { service, operation, nth: 1, action: Action::CutAfter, seen: 0 });
    file.save(&state, 0).unwrap();
    drop(file);
    let (send, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(options, |address, _| send.send(address).unwrap(), async {
        stopped.await.ok();
    });
    let client = async {
        let address = ready.await.unwrap();
        let list = head("127.0.0.1", "AmazonSQS.ListQueues");
        assert_eq!(ask(address, &list, "{}").await, "");
        assert!(ask(address, &list, "{}").await.starts_with("HTTP/1.1 200"));
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}

/// One request to the Kubernetes door, over TLS, trusting what the kubeconfig names.
async fn ask_securely(config: &serde_json::Value, path: &str, token: &str) -> String {
    use rustls_pki_types::pem::PemObject as _;
    let cluster = &config["clusters"][0]["cluster"];
    let authority = cluster["certificate-authority-data"].as_str().unwrap();
    let authority = base64::prelude::BASE64_STANDARD.decode(authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(rustls_pki_types::CertificateDer::from_pem_slice(&authority).unwrap()).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let address = cluster["server"].as_str().unwrap().strip_prefix("https://").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let name = rustls_pki_types::ServerName::try_from("127.0.0.1").unwrap();
    let mut stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn clusters_are_served_behind_tls_to_who_has_the_kubeconfig() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(&folder);
    let (file, mut state) = File::open(&options.state_file, 7).unwrap();
    let now = clock::wall();
    with_here(&mut state, now, &options.account, "us-east-1", "", |here| {
        let body = serde_json::json!({ "name": "prod", "status": "ACTIVE", "endpoint": "https://X.gr7.us-east-1.eks.amazonaws.com" });
        here.region.eks.clusters.insert("prod".to_owned(), eks::Cluster { body, ..eks::Cluster::default() });
        here.region.kube.clusters.insert("prod".to_owned(), kube::bootstrap(now, "1.36", "172.20.0.1"));
    });
    file.save(&state, now).unwrap();
    drop(file);
    let (send, ready) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = serve(options, |address, lines| send.send((address, lines)).unwrap(), async {
        stopped.await.ok();
    });
    let client = async {
        let (address, lines) = ready.await.unwrap();
        let path = lines[5].strip_prefix("export KUBECONFIG=").unwrap();
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let config: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let token = config["users"][0]["user"]["token"].as_str().unwrap();
        for path in ["/api/v1/namespaces", "/clusters/prod/api/v1/namespaces"] {
            let answer = ask_securely(&config, path, token).await;
            assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("kube-system"), "{answer}");
        }
        assert!(ask_securely(&config, "/clusters/none/api", token).await.starts_with("HTTP/1.1 503"));
        assert!(ask_securely(&config, "/api/v1/namespaces", "guess").await.starts_with("HTTP/1.1 401"));
        // EKS says where it is.
        let head = head("127.0.0.1", "").replace("POST / ", "GET /clusters/prod ").replace("/sqs/", "/eks/");
        let described = ask(address, &head, "").await;
        let server = config["clusters"][0]["cluster"]["server"].as_str().unwrap();
        assert!(described.contains(&format!("{server}/clusters/prod")), "{described}");
        stop.send(()).unwrap();
    };
    let (served, ()) = tokio::join!(server, client);
    served.unwrap();
}
