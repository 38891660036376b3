//! Over real sockets; the double's own tokens and payloads.

use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rem_ci::cloud::Clock;
use rem_ci::github::{Client, Kind, Put, Repo, Server};
use serde_json::{Value, json};

use super::{POST, body, noon, whole};
use crate::common::virtual_time;
use crate::github_double::state::Actor;
use crate::github_double::{Does, Double, Fault, How, Job, Served, ticking};

fn opened() -> (Double, Served, u64) {
    let double = Double::new(ticking());
    let pull = double.with(|state| {
        state.git.branch("topic", "main");
        state.git.commit("topic", &[("a", Some("a"))], "octocat");
        state.open_pull("topic", "main", &Actor::user("octocat", 583_231), "a change")
    });
    let served = double.serve();
    (double, served, pull)
}

/// As the binary makes it: from the variables that a runner sets.
fn client(served: &Served, clock: Clock) -> Client {
    let variables = served.environment("ghs_workflow", None);
    let variable = |name: &str| variables.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    let repo = Repo::parse(&variable("GITHUB_REPOSITORY").expect("a name")).expect("a name");
    Client::new(Server::of(variable).expect("a server"), repo, clock).expect("a client")
}

#[test]
fn over_http_by_the_wall_clock() {
    let (double, served, pull) = opened();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = client(&served, Clock::Wall);
        double.with(|state| {
            for at in 0..120 {
                state.comment(pull, &Actor::user("octocat", 1), &format!("{at}"));
            }
            state.faults.push(Fault::new(POST, 1, Does::Lost));
        });
        let put = client.put_comment(pull, &whole(1, 1, 1, "hello")).await.expect("a comment");
        assert!(matches!(put, Put::Written(_)));
        assert_eq!(client.comments(pull).await.expect("comments").len(), 121, "pages of the served address");
        assert_eq!(double.with(|state| state.count(POST)), 1);
    });
}

/// A paused clock stands still while a socket is waited for, so nothing is over before it has begun.
#[test]
fn over_http_on_a_paused_clock() {
    let (double, served, pull) = opened();
    virtual_time(async {
        let clock = noon();
        let client = client(&served, clock);
        let waits = std::sync::Arc::new(std::sync::Mutex::new(0));
        let count = std::sync::Arc::clone(&waits);
        client.telling(move |_| *count.lock().expect("a count") += 1);
        for at in 1..4 {
            client.put_comment(pull, &whole(1, 1, at, "hello")).await.expect("a comment");
        }
        assert_eq!(double.with(|state| state.comments_of(pull)[0].body.clone()), body(1, 1, 3, "hello"));
        assert_eq!(*waits.lock().expect("a count"), 0, "nothing timed out");
    });
}

#[test]
fn nobody_at_home_is_told_as_that() {
    let (_, served, pull) = opened();
    virtual_time(async {
        let client = client(&served, noon());
        drop(served);
        let error = client.comments(pull).await.expect_err("nobody answers");
        assert_eq!(error.kind, Kind::Lost);
        assert!(error.to_string().contains("no answer from GitHub"), "{error}");
        assert!(!error.to_string().contains("ghs_workflow"));
        assert_eq!(error.problem().code, "github-unreachable");
    });
}

/// What curl-like callers need: a token for a job, asked for as the runner's documentation says.
fn token(served: &Served, word: &str, audience: &str) -> Result<Value, u16> {
    let variables = served.environment("ghs_workflow", Some(word));
    let url = &variables.iter().find(|(name, _)| name == "ACTIONS_ID_TOKEN_REQUEST_URL").expect("an address").1;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, format!("bearer {word}").parse().expect("a header"));
    let url = format!("{url}&audience={audience}");
    let page = runtime.block_on(rem_ci::cloud::web::get("token", &url, &headers, 1 << 16)).expect("an answer");
    if !page.status.is_success() {
        return Err(page.status.as_u16());
    }
    let answer: Value = serde_json::from_slice(&page.body).expect("JSON");
    let token = answer["value"].as_str().expect("a token").to_owned();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).expect("claims")).expect("base64");
    Ok(serde_json::from_slice(&claims).expect("JSON"))
}

#[test]
fn tokens_name_their_subject_in_both_ways() {
    let (double, served, _) = opened();
    let job = |event: &str, git_ref: &str| Job::new(event, git_ref, "rem-ci-plan.yml");
    let plan = job("pull_request", "refs/pull/7/merge");
    let drift = job("schedule", "refs/heads/main");
    let apply = job("push", "refs/heads/main").in_environment("prod");
    for (job, immutable, sub) in [
        (plan.clone(), true, "repo:octo@101/infra@7001:pull_request"),
        (plan, false, "repo:octo/infra:pull_request"),
        (drift, true, "repo:octo@101/infra@7001:ref:refs/heads/main"),
        (apply, false, "repo:octo/infra:environment:prod"),
    ] {
        let job = Job { immutable, ..job };
        double.with(|state| state.jobs.insert("word".to_owned(), job));
        let claims = token(&served, "word", "sts.amazonaws.com").expect("a token");
        assert_eq!(claims["sub"], json!(sub));
        assert_eq!(claims["aud"], json!("sts.amazonaws.com"));
        assert_eq!(claims["repository_id"], json!("7001"));
        assert_eq!(claims["exp"].as_i64().expect("a time") - claims["iat"].as_i64().expect("a time"), 300);
    }
    assert_eq!(token(&served, "another", "sts.amazonaws.com"), Err(401));
    let twisted =
        Job { twisted: vec![("actor".to_owned(), json!("dependabot[bot]"))], ..job("push", "refs/heads/main") };
    double.with(|state| state.jobs.insert("word".to_owned(), twisted));
    assert_eq!(token(&served, "word", "x").expect("a token")["actor"], json!("dependabot[bot]"));
}

#[test]
fn payloads_tell_what_is() {
    let (double, _, pull) = opened();
    let event = double.with(|state| state.pull_request_event(pull, "opened"));
    assert_eq!((event["action"].clone(), event["number"].clone()), (json!("opened"), json!(pull)));
    assert_eq!(event["pull_request"]["head"]["repo"]["id"], event["repository"]["id"]);
    let who = Actor::user("octocat", 583_231);
    let inputs = json!({ "environment": "dev", "confirm": "dev" });
    let event = double.with(|state| state.dispatch_event("main", &inputs, &who));
    assert_eq!((event["inputs"].clone(), event["ref"].clone()), (inputs, json!("refs/heads/main")));
    assert_eq!(double.with(|state| state.schedule_event("0 5 * * *"))["schedule"], json!("0 5 * * *"));
    // A merged one says so.
    double.with(|state| state.merge(pull, How::Merge));
    let event = double.with(|state| state.pull_request_event(pull, "closed"));
    assert_eq!(event["pull_request"]["merged"], json!(true));
}

/// Commits of a real repository keep their names.
#[test]
fn a_real_repository_is_taken_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let git = |arguments: &[&str]| {
        let mut run = Command::new("git");
        run.arg("-C").arg(folder.path()).args(arguments);
        let run =
            run.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").output().expect("git");
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("text").trim().to_owned()
    };
    let commit = |file: &str, text: &str| {
        std::fs::write(folder.path().join(file), text).expect("a file");
        git(&["add", "."]);
        git(&["-c", "user.name=o", "-c", "user.email=o@example.org", "commit", "-qm", text]);
    };
    git(&["init", "-q", "-b", "main"]);
    commit("a", "one");
    git(&["checkout", "-qb", "topic"]);
    commit("b", "two");
    let double = Double::new(ticking());
    let (main, topic) = (git(&["rev-parse", "main"]), git(&["rev-parse", "topic"]));
    double.with(|state| {
        state.git.import(folder.path());
        assert_eq!((&state.git.branches["main"], &state.git.branches["topic"]), (&main, &topic));
        let pull = state.open_pull("topic", "main", &Actor::user("o", 1), "t");
        assert_eq!(state.pull_files(&state.pulls[&pull]), [("b".to_owned(), "added")]);
        // Pushed and merged elsewhere: only told here.
        state.pushed(pull, &topic);
        state.merged(pull, vec![topic.clone()]);
        assert_eq!(state.pulls_of(&topic).len(), 1);
    });
}
