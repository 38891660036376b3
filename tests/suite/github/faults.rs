//! Lost replies, 5xx, limits, waits, missing permissions.

use std::sync::{Arc, Mutex};

use rem_ci::github::{Error, Kind, NewStatus, Patience, State, Waiting};
use rem_ci::problem::Exit;

use super::{LIST, PATCH, POST, Place, STATUS, STATUSES, place, seconds, whole};
use crate::github_double::state::Actor;
use crate::github_double::{Does, Fault, Token};

fn status(description: &str) -> NewStatus {
    NewStatus {
        state: State::Success,
        context: "rem-ci/plan/prod".to_owned(),
        description: description.to_owned(),
        target_url: Some("https://github.com/octo/infra/actions/runs/1".to_owned()),
    }
}

/// Every wait that the client tells.
fn told(place: &Place) -> Arc<Mutex<Vec<Waiting>>> {
    let waits = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&waits);
    place.client.telling(move |wait| sink.lock().expect("waits").push(wait.clone()));
    waits
}

fn set(place: &Place, call: &str, nth: usize, times: usize, does: Does) {
    place.double.with(|state| state.faults.push(Fault::new(call, nth, does).times(times)));
}

#[test]
fn a_status_whose_reply_is_lost_is_set_once() {
    for (does, posts) in
        [(Does::Lost, 1), (Does::FailsAfter(500), 1), (Does::Slow(30), 1), (Does::Cut, 2), (Does::Fails(502), 2)]
    {
        place(async |place| {
            let sha = place.head();
            // An older one of the same words does not count as this one, if another came after it.
            place.client.set_status(&sha, &status("2 to add")).await.expect("a status");
            place.client.set_status(&sha, &status("3 to add")).await.expect("a status");
            set(place, STATUS, 1, 1, does);
            place.client.set_status(&sha, &status("2 to add")).await.expect("a status");
            let all = place.client.statuses(&sha).await.expect("statuses");
            assert_eq!(
                all.iter().map(|one| one.description.as_str()).collect::<Vec<_>>(),
                ["2 to add", "3 to add", "2 to add"]
            );
            assert_eq!(place.count(STATUS), 2 + posts);
        });
    }
}

#[test]
fn reading_and_changing_go_on_after_5xx() {
    for (does, patches) in [(Does::FailsAfter(504), 1), (Does::Fails(504), 2), (Does::Cut, 2), (Does::Lost, 1)] {
        place(async |place| {
            place.client.put_comment(place.pull, &whole(1, 1, 1, "a")).await.expect("a comment");
            set(place, LIST, 1, 2, Does::Fails(502));
            set(place, PATCH, 1, 1, does);
            let waits = told(place);
            place.client.put_comment(place.pull, &whole(1, 1, 2, "b")).await.expect("a comment");
            // What others may have changed meanwhile is read anew before it is written anew.
            assert_eq!((place.count(PATCH), place.bodies()), (patches, vec![super::body(1, 1, 2, "b")]));
            let waits = waits.lock().expect("waits");
            assert_eq!(
                (waits.len(), waits[0].why.as_str(), waits[1].why.as_str()),
                (3, "GitHub answers 502", "GitHub answers 502")
            );
            assert!(waits[0].time < waits[1].time, "{waits:?}");
        });
    }
}

/// An issue is changed by one run at a time: sent again as it is.
#[test]
fn a_change_is_sent_again_as_it_is() {
    const CHANGE: &str = "PATCH /repos/{owner}/{repo}/issues/{issue_number}";
    for does in [Does::Lost, Does::Fails(500), Does::Secondary(Some(5))] {
        place(async |place| {
            let marked = |text: &str| rem_ci::github::Marked {
                title: "prod".to_owned(),
                body: format!("<!-- m -->\n{text}"),
                label: "rem-ci:drift".to_owned(),
            };
            place.client.put_issue(&marked("a")).await.expect("an issue");
            set(place, CHANGE, 1, 1, does);
            assert!(place.client.put_issue(&marked("b")).await.expect("an issue").body.ends_with('b'));
            assert_eq!(place.count(CHANGE), 2);
        });
    }
}

#[test]
fn a_server_that_stays_broken_is_given_up_after_six_tries() {
    place(async |place| {
        set(place, LIST, 1, 100, Does::Fails(503));
        let (took, error) = seconds(place.clock, place.client.comments(place.pull)).await;
        let error = error.expect_err("it is broken");
        assert_eq!(error.kind, Kind::Lost);
        assert_eq!(place.count(LIST), 6);
        assert!(error.to_string().contains("cannot list the comments: GitHub answers 503; tried 6 times"), "{error}");
        assert!((20.0..60.0).contains(&took), "{took} s");
        assert_eq!(error.exit(), Exit::Failed);
    });
}

#[test]
fn a_secondary_limit_is_waited_for_as_long_as_it_says() {
    for (after, least, most) in [(Some(30), 30.0, 32.0), (Some(2), 2.0, 4.0), (None, 60.0, 62.0)] {
        place(async |place| {
            set(place, POST, 1, 1, Does::Secondary(after));
            let waits = told(place);
            let create = place.client.create_comment(place.pull, "hello", |_| panic!("a refusal needs no look"));
            let (took, made) = seconds(place.clock, create).await;
            made.expect("a comment");
            assert!((least..most).contains(&took), "{after:?}: {took} s");
            assert_eq!(place.count(POST), 2);
            let waits = waits.lock().expect("waits");
            assert_eq!((waits.len(), waits[0].does), (1, "create a comment"));
            assert_eq!(waits[0].why, "GitHub's secondary rate limit");
        });
    }
}

/// Without a word of when, the second wait is twice the first.
#[test]
fn a_secondary_limit_that_goes_on_is_waited_for_longer() {
    place(async |place| {
        set(place, LIST, 1, 2, Does::Secondary(None));
        let (took, all) = seconds(place.clock, place.client.comments(place.pull)).await;
        all.expect("comments");
        assert!((180.0..183.0).contains(&took), "{took} s");
    });
}

#[test]
fn the_hours_limit_is_waited_for_if_it_is_near() {
    place(async |place| {
        set(place, LIST, 1, 1, Does::Primary(100));
        let waits = told(place);
        let (took, all) = seconds(place.clock, place.client.comments(place.pull)).await;
        all.expect("comments");
        assert!((100.0..103.0).contains(&took), "{took} s");
        assert_eq!(place.count(LIST), 2);
        assert_eq!(waits.lock().expect("waits")[0].why, "GitHub's rate limit");
    });
}

/// The same with one fact changed: it is far.
#[test]
fn the_hours_limit_is_an_error_if_it_is_far() {
    for (does, words) in [
        (Does::Primary(3000), "GitHub's rate limit asks to wait 51 min, until 12:50:"),
        (Does::Secondary(Some(900)), "GitHub's secondary rate limit asks to wait 15 min, until 12:15:"),
    ] {
        place(async |place| {
            set(place, LIST, 1, 1, does);
            let (took, error) = seconds(place.clock, place.client.comments(place.pull)).await;
            let error = error.expect_err("too long");
            assert!(error.to_string().contains(words), "{error}");
            assert!(matches!(error.kind, Kind::Limited { .. }));
            assert_eq!(error.problem().code, "github-limit");
            assert!(took < 1.0, "{took} s");
            assert_eq!(place.count(LIST), 1);
        });
    }
}

#[test]
fn a_run_that_was_interrupted_does_not_wait() {
    place(async |place| {
        set(place, POST, 1, 1, Does::Secondary(None));
        let hurried = place.client.patient(Patience::hurried());
        let create = hurried.create_comment(place.pull, "stopped", |_| false);
        let (took, error) = seconds(place.clock, create).await;
        assert!(matches!(error.expect_err("no time").kind, Kind::Limited { .. }));
        assert!(took < 1.0, "{took} s");
    });
    // The same with one fact changed: GitHub is well. All is said within two seconds.
    place(async |place| {
        let hurried = place.client.patient(Patience::hurried());
        for at in 1..3 {
            let (took, put) = seconds(place.clock, hurried.put_comment(place.pull, &whole(1, 1, at, "stopped"))).await;
            put.expect("a comment");
            assert!(took < 2.0, "{took} s");
        }
        assert_eq!(place.bodies(), [super::body(1, 1, 2, "stopped")]);
    });
}

#[test]
fn a_missing_permission_is_named() {
    type Try = fn(&Place) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + '_>>;
    let granted = "metadata=read contents=read actions=read pull_requests=write issues=write statuses=write";
    let set_status: Try =
        |place| Box::pin(async { place.client.set_status(&place.head(), &status("x")).await.map(|_| ()) });
    let comment: Try =
        |place| Box::pin(async { place.client.create_comment(place.pull, "x", |_| false).await.map(|_| ()) });
    let list: Try = |place| Box::pin(async { place.client.issues("rem-ci").await.map(|_| ()) });
    let pulls: Try = |place| Box::pin(async { place.client.pulls_of(&place.head()).await.map(|_| ()) });
    let cases: [(Try, &[&str], &str, &str); 4] = [
        (set_status, &["statuses=write"], "cannot set the status of a commit", "statuses: write"),
        (
            comment,
            &["pull_requests=write", "issues=write"],
            "cannot create a comment",
            "issues: write` or `pull-requests: write",
        ),
        (list, &["issues=write"], "cannot list the issues", "issues: read"),
        (
            pulls,
            &["contents=read"],
            "cannot find the pull requests of a commit",
            "contents: read` and `pull-requests: read",
        ),
    ];
    for (call, without, does, needs) in cases {
        place(async |place| {
            call(place).await.expect("with the permission");
            let less: Vec<_> = granted.split(' ').filter(|one| !without.contains(one)).collect();
            let token = Token::of_workflow(&less.join(" "));
            place.double.with(|state| state.tokens.insert("ghs_workflow".to_owned(), token));
            let error = call(place).await.expect_err("without the permission");
            let text = error.to_string();
            assert!(text.starts_with(does) && text.contains(&format!("the token lacks `{needs}`")), "{text}");
            assert_eq!((error.exit(), error.problem().code), (Exit::Denied, "github-permission"));
            assert!(error.problem().help.contains(needs));
        });
    }
}

#[test]
fn a_refusal_is_not_tried_again() {
    place(async |place| {
        place.double.with(|state| state.tokens.clear());
        let error = place.client.comments(place.pull).await.expect_err("no token");
        assert_eq!((error.kind.clone(), place.count(LIST)), (Kind::Unauthenticated, 1));
        assert!(error.to_string().contains("does not take the token (401: Bad credentials)"), "{error}");
        assert!(!format!("{error:?} {error} {:?}", error.problem()).contains("ghs_workflow"));
    });
    place(async |place| {
        let error = place.client.comments(4711).await.expect_err("no such pull request");
        assert_eq!((error.kind.clone(), place.count(LIST)), (Kind::NotFound, 1));
        let error = place.client.set_status(&"f".repeat(40), &status("x")).await.expect_err("no such commit");
        assert_eq!((error.kind.clone(), place.count(STATUS)), (Kind::Rejected(422), 1));
        assert!(error.to_string().contains("No commit found for SHA"), "{error}");
    });
}

#[test]
fn writes_begin_a_second_apart() {
    place(async |place| {
        let sha = place.head();
        let (took, ()) = seconds(place.clock, async {
            for at in 0..5 {
                place.client.set_status(&sha, &status(&format!("{at}"))).await.expect("a status");
            }
        })
        .await;
        assert!((4.0..5.0).contains(&took), "{took} s");
        let (took, all) = seconds(place.clock, place.client.statuses(&sha)).await;
        assert_eq!(all.expect("statuses").len(), 5);
        assert!(took < 0.2, "reading waits for nobody: {took} s");
    });
}

#[test]
fn a_slow_answer_is_asked_for_again_after_ten_seconds() {
    place(async |place| {
        set(place, LIST, 1, 1, Does::Slow(60));
        let waits = told(place);
        let (took, all) = seconds(place.clock, place.client.comments(place.pull)).await;
        all.expect("comments");
        assert!((10.0..13.0).contains(&took), "{took} s");
        assert_eq!(waits.lock().expect("waits")[0].why, "GitHub did not answer within 10 s");
    });
}

#[test]
fn what_has_not_changed_costs_nothing_of_the_hour() {
    place(async |place| {
        let left = || place.double.with(|state| state.tokens["ghs_workflow"].remaining);
        place.double.with(|state| state.comment(place.pull, &Actor::user("octocat", 1), "hello"));
        let first = place.client.comments(place.pull).await.expect("comments");
        let before = left();
        let second = place.client.comments(place.pull).await.expect("comments");
        assert_eq!((first.clone(), left(), place.count(LIST)), (second, before, 2));
        place.double.with(|state| state.comment(place.pull, &Actor::user("octocat", 1), "again"));
        assert_eq!(place.client.comments(place.pull).await.expect("comments").len(), first.len() + 1);
        assert_eq!(left(), before - 1);
    });
}

/// A status of somebody else is not ours, whatever it says; contexts are not case-sensitive; descriptions are short.
#[test]
fn a_status_is_the_newest_of_our_own() {
    place(async |place| {
        let sha = place.head();
        assert_eq!(place.client.status(&sha, "rem-ci/plan/prod").await.expect("a look"), None);
        place.client.set_status(&sha, &status(&"é".repeat(200))).await.expect("a status");
        let mallory = Actor::user("mallory", 666);
        place.double.with(|state| state.status(&sha, "rem-ci/plan/prod", "success", "forged", &mallory));
        let ours = place.client.status(&sha, "REM-CI/plan/prod").await.expect("a look").expect("ours");
        assert_eq!(ours.description, "é".repeat(140));
        assert_eq!(ours.creator.expect("a creator").login, "github-actions[bot]");
        place.client.set_status(&sha, &status("newer")).await.expect("a status");
        let ours = place.client.status(&sha, "rem-ci/plan/prod").await.expect("a look").expect("ours");
        assert_eq!((ours.description.as_str(), ours.state), ("newer", State::Success));
        assert_eq!(place.count(STATUSES), 3);
        let newest = place.double.with(|state| state.status_of(&sha, "rem-ci/plan/prod").cloned().expect("a status"));
        assert_eq!(newest.description.as_deref(), Some("newer"));
    });
}

#[test]
fn an_end_that_is_lost_every_time_is_looked_for_once_more() {
    place(async |place| {
        // Two tries, both lost after their effect would be two comments; the look in between finds the first.
        set(place, POST, 1, 9, Does::Lost);
        let patient = place.client.patient(Patience { tries: 1, ..Patience::default() });
        let made = patient.create_comment(place.pull, "once", |comment| comment.body == "once").await.expect("found");
        assert_eq!(made.body, "once");
        assert_eq!((place.count(POST), place.bodies().len()), (1, 1));
    });
}
