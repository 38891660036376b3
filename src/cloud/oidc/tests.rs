use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::*;
use crate::cloud::web::Page;
use crate::github::oidc::Asking;
use crate::sandbox::connector::Sandbox;
use crate::sandbox::state::{Action, Rule, State};

const ACCOUNT: &str = "123456789012";
const ISSUER: &str = "token.actions.githubusercontent.com";

fn virtual_time<T>(future: impl std::future::Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

/// An account with GitHub's provider and a role, and an endpoint that can be switched off.
struct Lab {
    sandbox: Sandbox,
    clock: Clock,
    /// Tokens given.
    tokens: Arc<AtomicUsize>,
    /// Whether the endpoint answers.
    down: Arc<AtomicUsize>,
    masked: Arc<Mutex<Vec<String>>>,
}

impl Lab {
    async fn new() -> Self {
        let clock = Clock::starting(UNIX_EPOCH + Duration::from_hours(497_000));
        let mut state = State::new(7);
        state.accounts.entry(ACCOUNT.to_owned()).or_default();
        let sandbox = Sandbox::new(state, Arc::new(move || clock.millis()), None);
        let admin = crate::cloud::simulated(sandbox.clone(), clock, ACCOUNT, "us-east-1", None);
        let iam = aws_sdk_iam::Client::new(&admin);
        let call = iam.create_open_id_connect_provider().url(format!("https://{ISSUER}")).client_id_list(AUDIENCE);
        let provider = call.send().await.expect("a provider").open_id_connect_provider_arn.expect("an ARN");
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": { "Federated": provider },
            "Condition": { "StringEquals": {
                format!("{ISSUER}:aud"): AUDIENCE,
                format!("{ISSUER}:job_workflow_ref"): "acme/platform/.github/workflows/apply.yml@refs/heads/main",
            } },
        }] });
        let call = iam.create_role().role_name("apply").assume_role_policy_document(trust.to_string());
        call.send().await.expect("a role");
        wait::pause(Duration::from_mins(1)).await;
        Self { sandbox, clock, tokens: Arc::default(), down: Arc::default(), masked: Arc::default() }
    }

    fn provider(&self, workflow: &str, length: Duration) -> Provider {
        let (tokens, down, clock, workflow) =
            (Arc::clone(&self.tokens), Arc::clone(&self.down), self.clock, workflow.to_owned());
        let double = Asking::Given(Arc::new(move |_, _| {
            let number = tokens.fetch_add(1, Ordering::SeqCst);
            let claims = json!({
                "iss": format!("https://{ISSUER}"), "aud": AUDIENCE, "sub": "repo:acme/platform:environment:prod", "jti": number,
                "job_workflow_ref": workflow, "environment": "prod", "ref": "refs/heads/main", "repository_id": "42",
                "exp": clock.millis() / 1000 + 300,
            });
            let token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
            let status = if down.load(Ordering::SeqCst) == 0 { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
            let body = Bytes::from(json!({ "value": token }).to_string());
            Box::pin(async move { Ok(Page { status, headers: HeaderMap::new(), body }) })
        }));
        let masked = Arc::clone(&self.masked);
        let mask = Arc::new(move |secret: &str| masked.lock().expect("a list").push(secret.to_owned()));
        let runner = Runner::new("https://x.actions.githubusercontent.com/", "t".to_owned(), "github.com", clock, mask);
        let assume = Assume {
            runner: runner.expect("GitHub's own").asking(double),
            role: format!("arn:aws:iam::{ACCOUNT}:role/apply"),
            purpose: Job::Apply,
            session: session_name(Job::Apply, "9", "1", None),
            length,
        };
        let config = crate::cloud::simulated(self.sandbox.clone(), clock, ACCOUNT, "us-east-1", None);
        Provider::new(assume, &config, clock)
    }

    fn faults(&self, rules: Vec<Rule>) {
        self.sandbox.with(|state| state.faults = rules);
    }
}

const GOOD: &str = "acme/platform/.github/workflows/apply.yml@refs/heads/main";

/// Calls every ten seconds for so long; the least time that any credentials had left.
async fn used(lab: &Lab, provider: &Provider, long: Duration) -> Duration {
    let (began, mut least) = (lab.clock.boot(), Duration::MAX);
    while lab.clock.boot().saturating_sub(began) < long {
        let credentials = provider.credentials().await.unwrap_or_else(|refused| panic!("{refused}"));
        let left = credentials.expiry().expect("an end").duration_since(lab.clock.time()).unwrap_or_default();
        least = least.min(left);
        wait::pause(Duration::from_secs(10)).await;
    }
    least
}

#[test]
fn sessions_are_renewed_long_before_their_end_each_with_a_token_of_its_own() {
    virtual_time(async {
        let lab = Lab::new().await;
        let provider = lab.provider(GOOD, Duration::from_mins(15));
        let least = used(&lab, &provider, Duration::from_hours(3)).await;
        assert!(least > Duration::from_mins(4), "{least:?}");
        // A third of a session is left each time: one every ten minutes.
        let tokens = lab.tokens.load(Ordering::SeqCst);
        assert!((17..=19).contains(&tokens), "{tokens}");
        // Token, secret, session token and key of each.
        assert_eq!(lab.masked.lock().expect("a list").len(), tokens * 4);
    });
}

#[test]
fn an_endpoint_that_is_down_for_a_while_stops_nobody() {
    virtual_time(async {
        let lab = Lab::new().await;
        let provider = lab.provider(GOOD, Duration::from_mins(15));
        provider.open().await.expect("a session");
        lab.down.store(1, Ordering::SeqCst);
        let least = used(&lab, &provider, Duration::from_mins(13)).await;
        assert!(least > SPENT, "{least:?}");
        lab.down.store(0, Ordering::SeqCst);
        let least = used(&lab, &provider, Duration::from_hours(1)).await;
        assert!(least > SPENT, "{least:?}");
    });
}

#[test]
fn an_endpoint_that_stays_down_is_told_of_when_the_session_is_spent() {
    virtual_time(async {
        let lab = Lab::new().await;
        let provider = lab.provider(GOOD, Duration::from_mins(15));
        provider.open().await.expect("a session");
        lab.down.store(1, Ordering::SeqCst);
        wait::pause(Duration::from_mins(20)).await;
        let began = lab.clock.boot();
        let problem = provider.open().await.expect_err("no session");
        assert_eq!(problem.code, "id-token-endpoint");
        assert!(problem.title.contains("it answered 502"), "{}", problem.title);
        // Said at once to all who ask in the next moments.
        let asked = lab.tokens.load(Ordering::SeqCst);
        assert!(provider.open().await.is_err());
        assert_eq!(lab.tokens.load(Ordering::SeqCst), asked);
        assert!(lab.clock.boot().saturating_sub(began) < Duration::from_mins(2));
    });
}

#[test]
fn many_calls_at_once_open_one_session() {
    virtual_time(async {
        let lab = Lab::new().await;
        let provider = lab.provider(GOOD, SESSION);
        let all = (0..50).map(|_| provider.credentials());
        let all = futures_util::future::join_all(all).await.into_iter();
        let keys: std::collections::BTreeSet<_> =
            all.map(|found| found.expect("credentials").access_key_id().to_owned()).collect();
        assert_eq!((keys.len(), lab.tokens.load(Ordering::SeqCst)), (1, 1));
    });
}

#[test]
fn a_call_that_is_given_up_does_not_take_the_renewal_along() {
    virtual_time(async {
        let lab = Lab::new().await;
        let slow =
            Rule { service: "sts".to_owned(), operation: "*".to_owned(), nth: 0, action: Action::Slow(5_000), seen: 0 };
        lab.faults(vec![slow]);
        let provider = lab.provider(GOOD, SESSION);
        let given_up = tokio::time::timeout(Duration::from_secs(1), provider.credentials()).await;
        assert!(given_up.is_err());
        assert!(provider.credentials().await.is_ok());
        assert_eq!(lab.tokens.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_workflow_that_was_edited_is_refused_and_the_claim_named() {
    virtual_time(async {
        let lab = Lab::new().await;
        let edited = "acme/platform/.github/workflows/apply.yml@refs/pull/7/merge";
        let problem = lab.provider(edited, SESSION).open().await.expect_err("refused");
        assert_eq!(problem.code, "role-refused");
        assert!(problem.title.contains("role/apply cannot be assumed"), "{}", problem.title);
        assert!(
            problem.help.starts_with("look first at the claim job_workflow_ref: it ends in refs/pull/7/merge"),
            "{}",
            problem.help
        );
        assert_eq!(lab.tokens.load(Ordering::SeqCst), 1, "a no is a no");
        // Its twin differs in that claim alone.
        lab.provider(GOOD, SESSION).open().await.expect("a session");
    });
}

#[test]
fn what_may_pass_is_tried_with_another_token() {
    virtual_time(async {
        let lab = Lab::new().await;
        let rule = |nth, code: &str| Rule {
            service: "sts".to_owned(),
            operation: "AssumeRoleWithWebIdentity".to_owned(),
            nth,
            action: Action::Error(code.to_owned()),
            seen: 0,
        };
        lab.faults(vec![rule(1, "ExpiredTokenException")]);
        lab.provider(GOOD, SESSION).open().await.expect("a session");
        assert_eq!(lab.tokens.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_session_says_whose_it_is() {
    assert_eq!(session_name(Job::Plan, "12345678901", "2", Some(7)), "rem-ci.plan.run-12345678901.2.pr-7");
    assert_eq!(session_name(Job::Apply, "1", "1", None), "rem-ci.apply.run-1.1");
    let hostile = session_name(Job::Destroy, "1 \n;é", &"9".repeat(90), Some(u64::MAX));
    assert!(hostile.len() == 64 && hostile.starts_with("rem-ci.destroy.run-1----.999"), "{hostile}");
}
