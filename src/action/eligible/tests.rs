use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{Rules, merged, planned, reviewed};
use crate::github::{Pull, Review, Status};
use crate::problem::Exit;

const HEAD: &str = "1111111111111111111111111111111111111111";
const MERGE: &str = "3333333333333333333333333333333333333333";
const AT: &str = "2026-11-24T12:00:00Z";

fn json_pull(change: &dyn Fn(&mut Json)) -> Pull {
    let repository = json!({"id": 42, "full_name": "acme/platform", "fork": false});
    let mut pull = json!({
        "number": 7, "state": "closed", "title": "more", "html_url": "https://github.com/acme/platform/pull/7",
        "user": {"login": "ann", "id": 1, "type": "User"},
        "head": {"ref": "more", "sha": HEAD, "repo": repository},
        "base": {"ref": "main", "sha": "2".repeat(40), "repo": repository},
        "merge_commit_sha": MERGE, "merged_at": AT, "draft": false,
    });
    change(&mut pull);
    serde_json::from_value(pull).expect("a pull request")
}

fn range() -> BTreeSet<String> {
    [MERGE.to_owned(), "4".repeat(40)].into()
}

fn rules(range: &BTreeSet<String>) -> Rules<'_> {
    Rules { repository_id: 42, default_branch: "main", range, environment: "dev", require_review: true }
}

#[test]
fn only_what_was_merged_here_by_the_push() {
    let range = range();
    let count = |change: &dyn Fn(&mut Json)| merged(&rules(&range), &[json_pull(change)]).expect("clear").len();
    assert_eq!(count(&|_| {}), 1);
    assert_eq!(count(&|pull| pull["merged_at"] = Json::Null), 0, "closed");
    assert_eq!(count(&|pull| pull["base"]["ref"] = json!("release")), 0, "another base");
    assert_eq!(count(&|pull| pull["base"]["repo"]["id"] = json!(43)), 0, "another repository");
    assert_eq!(count(&|pull| pull["merge_commit_sha"] = json!("5".repeat(40))), 0, "another merge");
    assert_eq!(count(&|pull| pull["merge_commit_sha"] = Json::Null), 0, "no merge");
}

#[test]
fn each_once_in_order_and_one_to_a_merge() {
    let range = range();
    let one = json_pull(&|_| {});
    let later = json_pull(&|pull| {
        pull["number"] = json!(3);
        pull["merged_at"] = json!("2026-11-24T12:00:05Z");
        pull["merge_commit_sha"] = json!("4".repeat(40));
    });
    let found = [later.clone(), one.clone(), one.clone()];
    let numbers: Vec<u64> = merged(&rules(&range), &found).expect("clear").iter().map(|pull| pull.number).collect();
    assert_eq!(numbers, [7, 3]);
    let twin = json_pull(&|pull| pull["number"] = json!(8));
    let halt = merged(&rules(&range), &[one, twin]).unwrap_err();
    assert_eq!((halt.exit, halt.problems[0].code), (Exit::Refused, "merge-ambiguous"));
}

fn status(change: &dyn Fn(&mut Json)) -> Status {
    let mut status = json!({
        "id": 1, "state": "success", "context": "rem-ci/plan/dev", "target_url": null,
        "description": format!("+1 ~0 -0 · plan {} · input {}", "ab".repeat(32), "cd".repeat(8)),
        "creator": {"login": "github-actions[bot]", "id": 41_898_282, "type": "Bot"},
        "created_at": "2026-11-24T11:59:00Z",
    });
    change(&mut status);
    serde_json::from_value(status).expect("a status")
}

#[test]
fn the_bots_own_success_before_the_merge() {
    let range = range();
    let rules = rules(&range);
    let pull = json_pull(&|_| {});
    let judge = |statuses: &[Status]| {
        planned(&rules, &pull, statuses).map(|digests| digests.plan).map_err(|halt| (halt.exit, halt.problems[0].code))
    };
    let one = |change: &dyn Fn(&mut Json)| judge(&[status(change)]);
    assert_eq!(one(&|_| {}), Ok("ab".repeat(32)));
    let missing = Err((Exit::Refused, "plan-missing"));
    assert_eq!(judge(&[]), missing);
    assert_eq!(one(&|status| status["creator"]["login"] = json!("ann")), missing, "somebody's own");
    assert_eq!(one(&|status| status["creator"]["type"] = json!("User")), missing, "somebody who is called so");
    assert_eq!(one(&|status| status["creator"] = Json::Null), missing);
    assert_eq!(one(&|status| status["context"] = json!("rem-ci/plan/prod")), missing, "another environment");
    assert_eq!(one(&|status| status["created_at"] = json!("2026-11-24T12:00:01Z")), missing, "after the merge");
    assert_eq!(one(&|status| status["state"] = json!("pending")), Err((Exit::Refused, "plan-unfinished")));
    assert_eq!(one(&|status| status["state"] = json!("failure")), Err((Exit::Refused, "plan-failed")));
    assert_eq!(one(&|status| status["description"] = json!("fine")), Err((Exit::PlanChanged, "approval-forged")));
    // The last before the merge counts, whatever came after it.
    let stale = status(&|status| {
        status["id"] = json!(2);
        status["state"] = json!("failure");
        status["created_at"] = json!("2026-11-24T11:59:30Z");
    });
    assert_eq!(judge(&[stale, status(&|_| {})]), Err((Exit::Refused, "plan-failed")));
    let later = status(&|status| {
        status["id"] = json!(3);
        status["state"] = json!("failure");
        status["created_at"] = json!("2026-11-24T12:30:00Z");
    });
    assert_eq!(judge(&[later, status(&|_| {})]), Ok("ab".repeat(32)));
}

#[test]
fn a_fork_was_never_planned() {
    let range = range();
    for change in
        [|pull: &mut Json| pull["head"]["repo"]["id"] = json!(43), |pull: &mut Json| pull["head"]["repo"] = Json::Null]
    {
        let pull = json_pull(&change);
        let halt = planned(&rules(&range), &pull, &[status(&|_| {})]).unwrap_err();
        assert_eq!((halt.exit, halt.problems[0].code), (Exit::Refused, "merged-fork"));
    }
}

fn review(change: &dyn Fn(&mut Json)) -> Review {
    let mut review = json!({
        "user": {"login": "bea", "id": 2, "type": "User"}, "state": "APPROVED", "commit_id": HEAD,
        "submitted_at": "2026-11-24T11:58:00Z", "author_association": "MEMBER",
    });
    change(&mut review);
    serde_json::from_value(review).expect("a review")
}

#[test]
fn somebody_else_stands_behind_the_last_commit() {
    let range = range();
    let rules = rules(&range);
    let pull = json_pull(&|_| {});
    let stands = |reviews: &[Review]| reviewed(&rules, &pull, reviews).is_ok();
    let one = |change: &dyn Fn(&mut Json)| stands(&[review(change)]);
    assert!(one(&|_| {}));
    assert!(!stands(&[]));
    assert!(reviewed(&Rules { require_review: false, ..rules.clone() }, &pull, &[]).is_ok());
    assert!(!one(&|review| review["user"]["id"] = json!(1)), "the author");
    assert!(!one(&|review| review["user"]["type"] = json!("Bot")), "a program");
    assert!(!one(&|review| review["user"] = Json::Null));
    assert!(!one(&|review| review["commit_id"] = json!("9".repeat(40))), "pushed to after the review");
    assert!(!one(&|review| review["author_association"] = json!("NONE")), "a passer-by");
    assert!(!one(&|review| review["submitted_at"] = json!("2026-11-24T12:30:00Z")), "after the merge");
    assert!(!one(&|review| review["state"] = json!("COMMENTED")));
    // The last word counts, and a comment is none.
    let dismissed = review(&|review| review["state"] = json!("DISMISSED"));
    assert!(!stands(&[review(&|_| {}), dismissed]));
    let comment = review(&|review| review["state"] = json!("COMMENTED"));
    assert!(stands(&[review(&|_| {}), comment]));
    let other = review(&|review| {
        review["user"]["id"] = json!(3);
        review["state"] = json!("CHANGES_REQUESTED");
    });
    assert!(stands(&[review(&|_| {}), other]), "what the branch's rules make of it is theirs");
}
