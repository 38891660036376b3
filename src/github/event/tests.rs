use std::collections::BTreeMap;

use super::{Event, Happened, Offline, branch_name, is_bot, is_commit, read};
use crate::problem::Problem;

const HEAD: &str = "8d9f1c2b3a4e5f60718293a4b5c6d7e8f9012345";
const BASE: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334";
const MERGE: &str = "77665544332211ffeeddccbbaa99887766554433";

fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/github/events/{name}.json"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn variables(event: &str) -> BTreeMap<&'static str, String> {
    let reference = if event.starts_with("pull_request") { "refs/pull/7/merge" } else { "refs/heads/main" };
    [
        ("GITHUB_EVENT_NAME", event),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_REPOSITORY", "acme/platform"),
        ("GITHUB_REPOSITORY_ID", "700123456"),
        ("GITHUB_SHA", MERGE),
        ("GITHUB_REF", reference),
        ("GITHUB_RUN_ID", "12345678901"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_ACTOR", "ann-acme"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

fn with(variables: &BTreeMap<&'static str, String>, payload: &[u8]) -> Result<Happened, Box<Problem>> {
    read(&|name| variables.get(name).cloned(), payload)
}

fn happened(name: &str) -> Result<Happened, Box<Problem>> {
    let event = name.split('.').next().expect("an event");
    with(&variables(event), &fixture(name))
}

#[test]
fn a_pull_request() {
    let happened = happened("pull_request.opened").expect("an event");
    let Event::PullRequest(pull) = &happened.event else { panic!("{happened:?}") };
    assert_eq!((pull.action.as_str(), pull.number), ("opened", 7));
    assert_eq!((pull.head_sha.as_str(), pull.base_sha.as_str(), pull.base_ref.as_str()), (HEAD, BASE, "main"));
    assert_eq!(happened.offline(pull), None);
    assert_eq!((happened.default_branch.as_str(), happened.public), ("main", false));
    assert!(!happened.on_default_branch());
    assert_eq!(happened.run.url(), "https://github.com/acme/platform/actions/runs/12345678901");
}

#[test]
fn forks_and_bots_get_no_cloud() {
    let why = |name: &str| {
        let happened = happened(name).expect("an event");
        let Event::PullRequest(pull) = &happened.event else { panic!("{happened:?}") };
        happened.offline(pull)
    };
    assert_eq!(why("pull_request.synchronize"), None);
    assert_eq!(why("pull_request.fork"), Some(Offline::Fork));
    assert_eq!(why("pull_request.fork-gone"), Some(Offline::Fork));
    assert_eq!(why("pull_request.dependabot"), Some(Offline::Bot));
    assert_eq!(why("pull_request.renovate"), Some(Offline::Bot));
    // A person who runs a bot's pull request again does not make it a person's; a bot that runs a person's is a bot.
    let mut variables = variables("pull_request");
    variables.insert("GITHUB_ACTOR", "dependabot[bot]".to_owned());
    let happened = with(&variables, &fixture("pull_request.opened")).expect("an event");
    let Event::PullRequest(pull) = &happened.event else { panic!("{happened:?}") };
    assert_eq!(happened.offline(pull), Some(Offline::Bot));
}

#[test]
fn a_push() {
    let happened = happened("push").expect("an event");
    let Event::Push(push) = &happened.event else { panic!("{happened:?}") };
    assert_eq!((push.before.as_deref(), push.after.as_str()), (Some(BASE), MERGE));
    assert!(happened.on_default_branch() && !push.forced && !push.deleted);
    let Event::Push(new) = self::happened("push.new-branch").expect("an event").event else { panic!() };
    assert_eq!(new.before, None);
}

#[test]
fn the_others() {
    let Event::MergeGroup(group) = happened("merge_group").expect("an event").event else { panic!() };
    assert_eq!((group.head_sha.as_str(), group.base_sha.as_str(), group.base_ref.as_str()), (MERGE, BASE, "main"));
    assert_eq!(happened("workflow_dispatch").expect("an event").event, Event::Dispatch);
    assert_eq!(happened("schedule").expect("an event").event, Event::Schedule);
    // Should a schedule's payload be empty, its own ref is the default branch.
    let bare = with(&variables("schedule"), b"{}").expect("an event");
    assert_eq!((bare.default_branch.as_str(), bare.public), ("main", false));
    assert_eq!(with(&variables("workflow_dispatch"), b"{}").unwrap_err().code, "event-payload");
}

#[test]
fn what_is_not_for_us_explains_itself() {
    assert_eq!(happened("pull_request_target.opened").unwrap_err().code, "event-refused");
    assert_eq!(happened("workflow_run").unwrap_err().code, "event-refused");
    assert_eq!(with(&variables("issues"), b"{}").unwrap_err().code, "event-unknown");
    for name in variables("push").keys().filter(|name| !name.ends_with("_URL")) {
        let mut variables = variables("push");
        variables.remove(name);
        let problem = with(&variables, &fixture("push")).unwrap_err();
        assert_eq!(problem.code, "not-a-workflow", "{name}");
        assert!(problem.title.contains(name));
    }
}

#[test]
fn a_payload_that_is_not_github_s_is_refused() {
    let bad = |event: &str, payload: &[u8]| with(&variables(event), payload).unwrap_err().code;
    assert_eq!(bad("push", b"no json"), "event-payload");
    assert_eq!(bad("push", b"{}"), "event-payload");
    assert_eq!(bad("pull_request", &fixture("push")), "event-payload");
    assert_eq!(bad("push", &vec![b' '; usize::try_from(super::MAX_PAYLOAD).expect("a size") + 1]), "event-payload");
    let changed = |event: &str, name: &str, from: &str, to: &str| {
        let text = String::from_utf8(fixture(name)).expect("text");
        assert!(text.contains(from), "{from}");
        bad(event, text.replace(from, to).as_bytes())
    };
    assert_eq!(changed("push", "push", "700123456", "1"), "event-payload");
    assert_eq!(changed("push", "push", MERGE, "--upload-pack=x"), "event-payload");
    assert_eq!(changed("pull_request", "pull_request.opened", HEAD, "HEAD~1"), "event-payload");
    assert_eq!(changed("pull_request", "pull_request.opened", "\"ref\": \"main\"", "\"ref\": \"-x\""), "event-payload");
    for (name, value) in
        [("GITHUB_SHA", "main"), ("GITHUB_REPOSITORY", "../x"), ("GITHUB_REPOSITORY_ID", "x"), ("GITHUB_RUN_ID", "")]
    {
        let mut variables = variables("push");
        variables.insert(name, value.to_owned());
        assert!(with(&variables, &fixture("push")).is_err(), "{name}={value}");
    }
}

#[test]
fn shapes() {
    assert!(is_commit(HEAD) && !is_commit(&HEAD[1..]) && !is_commit(&HEAD.to_uppercase()));
    assert!(is_bot("dependabot[bot]") && is_bot("renovate-bot") && is_bot("My-App[bot]") && !is_bot("ann-acme"));
    for good in ["main", "feature/x", "release-1.2", "gh-readonly-queue/main/pr-1-abc"] {
        assert!(branch_name(good), "{good}");
    }
    for bad in ["", "-main", "a..b", "a b", "a:b", "a~1", "x^", "a@{1}", "/a", "a/", "a\nb", ".a"] {
        assert!(!branch_name(bad), "{bad}");
    }
}
