use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Error, Options, exports, serve};
use crate::sandbox::file::File;
use crate::sandbox::state::{Action, Rule};

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
