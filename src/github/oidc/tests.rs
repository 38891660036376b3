use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use bytes::Bytes;

use super::*;

const URL: &str = "https://run-actions-1.actions.githubusercontent.com/7/idtoken?api-version=2.0";

fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn silent() -> Mask {
    Arc::new(|_| {})
}

/// What an endpoint does at each try; the last of them for ever.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16, &'static str),
    Later(u16, &'static str),
    Hangs,
    Breaks,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Uri, HeaderMap)>>>);

fn double(does: &'static [Does], seen: &Seen) -> Asking {
    let seen = seen.clone();
    Asking::Given(Arc::new(move |url, headers| {
        let mut seen = seen.0.lock().expect("a list");
        let does = does[seen.len().min(does.len() - 1)];
        seen.push((url, headers));
        Box::pin(async move {
            let page = |status: u16, body: &'static str, headers| Page {
                status: StatusCode::from_u16(status).expect("a status"),
                headers,
                body: Bytes::from_static(body.as_bytes()),
            };
            match does {
                Does::Answer(status, body) => Ok(page(status, body, HeaderMap::new())),
                Does::Later(status, after) => {
                    let headers = [(RETRY_AFTER, HeaderValue::from_static(after))].into_iter().collect();
                    Ok(page(status, "", headers))
                }
                Does::Hangs => {
                    wait::pause(Duration::from_hours(1)).await;
                    Ok(page(200, "", HeaderMap::new()))
                }
                Does::Breaks => Err(Failure::fatal("id-token", format!("{URL}: connection refused"))),
            }
        })
    }))
}

/// `{"aud":"sts.amazonaws.com","sub":"repo:a/b:pull_request"}` between two other parts.
const GOOD: Does = Does::Answer(
    200,
    r#"{"count":1,"value":"e30.eyJhdWQiOiJzdHMuYW1hem9uYXdzLmNvbSIsInN1YiI6InJlcG86YS9iOnB1bGxfcmVxdWVzdCJ9.c2ln"}"#,
);

/// One token, or why not; how long it took, and what was asked.
fn asked(does: &'static [Does], mask: Mask) -> (Result<Token, Refusal>, Duration, Vec<(Uri, HeaderMap)>) {
    virtual_time(async {
        let seen = Seen::default();
        let clock = Clock::starting(UNIX_EPOCH + Duration::from_hours(500_000));
        let runner = Runner::new(URL, "bearer-canary".to_owned(), "github.com", clock, mask).expect("GitHub's own");
        let token = runner.asking(double(does, &seen)).token(AUDIENCE).await;
        let asked = seen.0.lock().expect("a list").clone();
        (token, clock.boot(), asked)
    })
}

#[test]
fn a_token_is_asked_for_with_the_audience_and_masked() {
    let masked = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&masked);
    let mask: Mask = Arc::new(move |secret| told.lock().expect("a list").push(secret.to_owned()));
    let (token, took, asked) = asked(&[GOOD], mask);
    let token = token.expect("a token");
    assert_eq!(took, Duration::ZERO);
    let [(url, headers)] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(url.to_string(), format!("{URL}&audience=sts.amazonaws.com"));
    assert_eq!(headers[AUTHORIZATION], "Bearer bearer-canary");
    assert!(headers[AUTHORIZATION].is_sensitive());
    assert_eq!(token.claims.sub, "repo:a/b:pull_request");
    assert_eq!(*masked.lock().expect("a list"), [token.secret.expose_secret()]);
    // Neither is in what a log could show.
    let shown = format!("{token:?} {asked:?}");
    assert!(!shown.contains("bearer-canary") && !shown.contains("c2ln"), "{shown}");
}

#[test]
fn an_endpoint_that_stumbles_is_asked_again() {
    let stumbles: &[&'static [Does]] = &[
        &[Does::Answer(503, ""), GOOD],
        &[Does::Hangs, GOOD],
        &[Does::Breaks, Does::Later(429, "2"), Does::Answer(500, ""), GOOD],
    ];
    for does in stumbles {
        let (token, took, asked) = asked(does, silent());
        assert!(token.is_ok(), "{token:?}");
        assert_eq!(asked.len(), does.len());
        assert!(took < Duration::from_secs(12), "{took:?}");
    }
}

#[test]
fn slow_or_down_ends_in_a_minute_and_a_half_and_says_so() {
    let (slow, took, asked_slow) = asked(&[Does::Hangs], silent());
    assert!(took > TRY * TRIES && took < Duration::from_secs(90), "{took:?}");
    assert_eq!(asked_slow.len(), TRIES as usize);
    let problem = slow.expect_err("no token").problem();
    assert_eq!(problem.code, "id-token-endpoint");
    assert!(
        problem.title.contains("in 6 tries") && problem.title.ends_with("no answer within 10 s"),
        "{}",
        problem.title
    );
    let (down, took, _) = asked(&[Does::Breaks], silent());
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(20), "{took:?}");
    let down = down.expect_err("no token");
    assert!(down.to_string().ends_with("the address: connection refused"), "{down}");
    // However long it asks us to wait.
    let (_, took, _) = asked(&[Does::Later(503, "86400")], silent());
    assert!(took <= LONGEST_PAUSE * TRIES, "{took:?}");
}

#[test]
fn a_no_is_a_no_and_nonsense_is_no_token() {
    for status in [400, 401, 403, 404, 302] {
        let refused: &'static [Does] = Box::leak(Box::new([Does::Answer(status, "")]));
        let (token, _, asked) = asked(refused, silent());
        assert_eq!(
            token.expect_err("no token"),
            Refusal::Said { host: asked[0].0.host().expect("a host").to_owned(), status }
        );
        assert_eq!(asked.len(), 1);
    }
    let nonsense = [
        "",
        "null",
        "{}",
        r#"{"value":""}"#,
        r#"{"value":"a.b"}"#,
        r#"{"value":"e30.e30.x\n::error::y"}"#,
        r#"{"value":"e30.%0A.x"}"#,
        r#"{"value":"e30.bm90IGpzb24.x"}"#,
    ];
    for body in nonsense {
        let does: &'static [Does] = Box::leak(Box::new([Does::Answer(200, body)]));
        let mask: Mask = Arc::new(|secret| assert!(!secret.contains(['\n', '%']), "{secret}"));
        assert!(matches!(asked(does, mask).0, Err(Refusal::Nonsense(_))), "{body}");
    }
}

#[test]
fn only_githubs_own_endpoint_gets_the_bearer() {
    let clock = Clock::Wall;
    let made = |url: &str, server: &str| Runner::new(url, "t".to_owned(), server, clock, silent());
    for (url, server) in [
        (URL, "github.com"),
        ("https://pipelines.actions.githubusercontent.com//idtoken", "github.com"),
        ("http://127.0.0.1:8080/idtoken", "github.com"),
        ("https://ghe.acme.example/_services/pipelines/idtoken", "ghe.acme.example"),
        ("https://run.actions.acme.ghe.com/idtoken", "acme.ghe.com"),
    ] {
        assert!(made(url, server).is_ok(), "{url}");
    }
    for (url, server) in [
        ("http://run-actions-1.actions.githubusercontent.com/7/idtoken", "github.com"),
        ("https://actions.githubusercontent.com.evil.example/", "github.com"),
        ("https://evilactions.githubusercontent.com/", "github.com"),
        ("https://run.actions.githubusercontent.com@evil.example/", "github.com"),
        ("https://evil.example/?run.actions.githubusercontent.com", "github.com"),
        ("http://169.254.169.254/latest/meta-data", "github.com"),
        ("https://run-actions-1.actions.githubusercontent.com/", "ghe.acme.example"),
        ("https://evil.example/", ""),
        ("/idtoken", "github.com"),
        ("", "github.com"),
    ] {
        assert!(matches!(made(url, server), Err(Refusal::Elsewhere(_))), "{url}");
    }
}

#[test]
fn a_job_without_permission_is_told_which() {
    let given = |name: &str| (name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN").then(|| "t".to_owned());
    let refusal = Runner::of(&given, Clock::Wall, silent()).expect_err("no address");
    assert_eq!(refusal, Refusal::NotOffered("ACTIONS_ID_TOKEN_REQUEST_URL"));
    assert!(refusal.problem().help.contains("id-token: write"));
    let given = |name: &str| match name {
        "ACTIONS_ID_TOKEN_REQUEST_URL" => Some(URL.to_owned()),
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => Some("t".to_owned()),
        "GITHUB_SERVER_URL" => Some("https://github.com".to_owned()),
        _ => None,
    };
    assert!(Runner::of(&given, Clock::Wall, silent()).is_ok());
}
