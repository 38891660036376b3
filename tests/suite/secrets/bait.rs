//! R5: in the Action the job's identity is the only way into AWS, whatever lies about. Each test has a twin for whom the bait is good.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rem_ci::cloud::oidc::{Assume, SESSION, session_name};
use rem_ci::cloud::{Clock, env};
use rem_ci::github::oidc::{AUDIENCE, Runner};
use rem_ci::model::access::Job;
use rem_ci::run::{Source, open};
use serde_json::json;

use super::{CANARY, again, said, server, shown};
use crate::common::environment;
use crate::credentials::ISSUER;

const ACCOUNT: &str = "123456789012";

/// Every place where the SDK looks for credentials, all leading to somebody else's.
struct Bait {
    folder: tempfile::TempDir,
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Bait {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let keys = json!({
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "AKIABAIT", "SecretAccessKey": CANARY, "Token": CANARY,
            "Expiration": "2999-01-01T00:00:00Z",
        });
        let (port, asked) = server("200 OK", keys.to_string());
        let profile =
            format!("[default]\ncredential_process = /usr/bin/touch {}\n", folder.path().join("ran").display());
        std::fs::write(folder.path().join("config"), profile).expect("a profile");
        let keys = format!("[default]\naws_access_key_id = AKIABAIT\naws_secret_access_key = {CANARY}\n");
        std::fs::write(folder.path().join("credentials"), keys).expect("keys");
        std::fs::write(folder.path().join("token"), CANARY).expect("a token");
        Self { folder, port, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let address = format!("http://127.0.0.1:{}/", self.port);
        vec![
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", self.folder.path().display().to_string()),
            ("AWS_ACCESS_KEY_ID", "AKIABAIT".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", CANARY.to_owned()),
            ("AWS_SESSION_TOKEN", CANARY.to_owned()),
            ("AWS_PROFILE", "default".to_owned()),
            ("AWS_CONFIG_FILE", self.file("config")),
            ("AWS_SHARED_CREDENTIALS_FILE", self.file("credentials")),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", self.file("token")),
            ("AWS_ROLE_ARN", format!("arn:aws:iam::{ACCOUNT}:role/bait")),
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address.clone()),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", CANARY.to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", address),
        ]
    }
}

fn identity(port: u16) -> [(&'static str, String); 2] {
    [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://127.0.0.1:{port}/idtoken?api-version=2.0")),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", CANARY.to_owned()),
    ]
}

/// A token of a job, as an endpoint gives it.
fn token(subject: &str) -> String {
    let claims =
        json!({ "iss": format!("https://{ISSUER}"), "aud": AUDIENCE, "sub": subject, "exp": 32_503_680_000_u64 });
    json!({ "value": format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())) }).to_string()
}

#[test]
fn where_the_token_fails_nothing_else_is_tried() {
    let bait = Bait::new();
    let (port, asked) = server("403 Forbidden", String::new());
    let mut variables = bait.variables();
    variables.extend(identity(port));
    let output = again("secrets::bait::opens_as_the_action", &variables);
    let text = said(&output);
    assert!(text.contains("refused: id-token-endpoint, exit Denied"), "{text}");
    assert_eq!((asked.load(Ordering::SeqCst), bait.asked()), (1, 0), "{text}");
    assert!(!bait.folder.path().join("ran").exists() && !shown(&text).contains(CANARY), "{text}");
    // Without a token at all.
    let output = again("secrets::bait::opens_as_the_action", &bait.variables());
    assert!(said(&output).contains("refused: no-id-token, exit Denied"), "{}", said(&output));
    assert_eq!(bait.asked(), 0);
}

/// The same bait on a laptop, where it is what the SDK's conventions are for: the role of the machine is found.
#[test]
fn the_twin_on_a_laptop_takes_the_bait() {
    let bait = Bait::new();
    let only = ["PATH", "HOME", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    let variables: Vec<_> = bait.variables().into_iter().filter(|(name, _)| only.contains(name)).collect();
    let output = again("secrets::bait::opens_as_a_laptop", &variables);
    assert!(said(&output).contains("opened"), "{}", said(&output));
    assert!(bait.asked() > 0);
}

#[test]
fn requests_go_to_aws_or_nowhere() {
    let (port, asked) = server("200 OK", token("repo:acme/platform:pull_request"));
    for (name, url) in
        [("AWS_ENDPOINT_URL", "https://evil.example"), ("AWS_ENDPOINT_URL_STS", "http://169.254.169.254/")]
    {
        let mut variables = vec![(name, url.to_owned())];
        variables.extend(identity(port));
        let output = again("secrets::bait::opens_as_the_action", &variables);
        assert!(said(&output).contains("refused: foreign-endpoint, exit Denied"), "{}", said(&output));
    }
    let elsewhere = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://evil.example/idtoken".to_owned()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", CANARY.to_owned()),
    ];
    let output = again("secrets::bait::opens_as_the_action", &elsewhere);
    assert!(said(&output).contains("refused: no-id-token, exit Denied"), "{}", said(&output));
    assert_eq!(asked.load(Ordering::SeqCst), 0, "no token was asked for");
}

struct Served(Child, String);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The sandbox behind real HTTP.
fn served(folder: &Path) -> Served {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
    serve.args(["sandbox", "serve", "--account", ACCOUNT, "--state"]).arg(folder.join("sandbox.json"));
    let mut child = serve.current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its lines")).lines();
    let first = lines.next().expect("a line").expect("text");
    let url = first.strip_prefix("export AWS_ENDPOINT_URL=").expect("an address").to_owned();
    Served(child, url)
}

/// The way in over real HTTP, past all the bait: STS is called without keys, and everything after it with the role's own.
#[test]
fn the_token_alone_opens_the_role() {
    let bait = Bait::new();
    let served = served(bait.folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = aws_config::SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("us-east-1"))
            .endpoint_url(&served.1)
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new(format!("AKIA{ACCOUNT}SAND"), "sandbox", None, None, "test"),
            ))
            .build();
        let iam = aws_sdk_iam::Client::new(&config);
        let call = iam.create_open_id_connect_provider().url(format!("https://{ISSUER}")).client_id_list(AUDIENCE);
        let provider = call.send().await.expect("a provider").open_id_connect_provider_arn.expect("an ARN");
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": { "Federated": provider },
            "Condition": { "StringEquals": {
                format!("{ISSUER}:aud"): AUDIENCE, format!("{ISSUER}:sub"): "repo:acme/platform:pull_request",
            } },
        }] });
        let call = iam.create_role().role_name("plan").assume_role_policy_document(trust.to_string());
        call.send().await.expect("a role");
    });
    // The role is usable a few seconds after it is made.
    let mut last = String::new();
    let mut opened = false;
    for _ in 0..20 {
        std::thread::sleep(std::time::Duration::from_secs(1));
        let (port, _) = server("200 OK", token("repo:acme/platform:pull_request"));
        let mut variables = bait.variables();
        variables.extend(identity(port));
        variables.push(("AWS_ENDPOINT_URL", served.1.clone()));
        last = said(&again("secrets::bait::opens_as_the_action", &variables));
        opened = last.contains("opened as ");
        if opened {
            break;
        }
    }
    let arn = format!("opened as arn:aws:sts::{ACCOUNT}:assumed-role/plan/rem-ci.plan.run-12345678901.1.pr-7");
    assert!(opened && last.contains(&arn), "{last}");
    assert_eq!(bait.asked(), 0);
    // The token and the keys are told to the log and to nobody else.
    let masks = last.lines().filter(|line| line.starts_with("::add-mask::")).count();
    assert!(masks >= 5, "{last}");
    let rest = shown(&last);
    assert!(!rest.contains(CANARY) && !rest.contains("c2ln"), "{last}");
    // Its twin is a job of another repository.
    let (port, _) = server("200 OK", token("repo:evil/fork:pull_request"));
    let mut variables = bait.variables();
    variables.extend(identity(port));
    variables.push(("AWS_ENDPOINT_URL", served.1.clone()));
    let text = said(&again("secrets::bait::opens_as_the_action", &variables));
    assert!(text.contains("refused: role-refused, exit Denied"), "{text}");
    assert_eq!(bait.asked(), 0);
}

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

#[test]
#[ignore = "the other half of the tests above"]
fn opens_as_the_action() {
    rem_ci::cli::harden().expect("hardened");
    println!();
    let loaded = environment("dev");
    let runner = match Runner::of(&|name| env(name), Clock::Wall, Arc::new(rem_ci::view::out::mask)) {
        Ok(runner) => runner,
        Err(refusal) => {
            println!("refused: {}, exit Denied", refusal.problem().code);
            return;
        }
    };
    let role = format!("arn:aws:iam::{ACCOUNT}:role/plan");
    let session = session_name(Job::Plan, "12345678901", "1", Some(7));
    let assume = Assume { runner, role, purpose: Job::Plan, session, length: SESSION };
    match block(async {
        let world = open(&Source::Role(Box::new(assume)), &loaded.spec).await?.expect("a world");
        Ok::<_, rem_ci::run::Halt>(world.cloud.sts.get_caller_identity().send().await)
    }) {
        Ok(answer) => println!("opened as {}", answer.expect("an answer").arn().unwrap_or_default()),
        Err(halt) => println!("refused: {}, exit {:?}\n{halt:?}", halt.problems[0].code, halt.exit),
    }
}

#[test]
#[ignore = "the other half of the_twin_on_a_laptop_takes_the_bait"]
fn opens_as_a_laptop() {
    let loaded = environment("dev");
    match block(open(&Source::Live, &loaded.spec)) {
        Ok(_) => println!("opened"),
        Err(halt) => println!("refused: {}", halt.problems[0].title),
    }
}
