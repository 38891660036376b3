//! What a pull request may not decide itself; forks, bots, accounts.

use rem_ci::problem::Exit;

use super::lab::{FILE, How, Lab, PLAN};
use crate::common::virtual_time;
use crate::github_double::state::Actor;

/// A budget that what there is already goes over, loosened by the pull request that goes further.
#[test]
fn a_pull_request_that_weakens_its_own_guard() {
    virtual_time(async {
        let lab = Lab::new();
        lab.edit("budget: {fixed: {warn: 220, fail: 300}}", "budget: {fixed: {warn: 20, fail: 200}}");
        lab.sync();
        // Another gateway costs over 30 USD a month.
        let more = "natGateways: perZone";
        let pull = lab.open("more", "natGateways: single", more);
        lab.push(pull, "fail: 200}}", "fail: 900}}");
        let done = lab.planned(pull, "opened").run().await;
        assert_eq!(done.exit, Exit::Refused, "{:#?}", done.annotated);
        let codes: Vec<_> = done.annotated.iter().map(|problem| problem.code).collect();
        assert!(codes.contains(&"guard-changed") && codes.contains(&"budget"), "{codes:?}");
        assert_eq!(lab.status(&lab.head(pull), PLAN).0, "failure");
        insta::assert_snapshot!("weakens_its_guard", lab.shown(pull));
        // Merged all the same, it is refused.
        let before = lab.merge(pull, How::Squash);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.exit, Exit::Refused, "{:?}", done.codes);

        // The same with the budget merged before, by itself.
        let lab = Lab::new();
        lab.edit("budget: {fixed: {warn: 220, fail: 300}}", "budget: {fixed: {warn: 20, fail: 200}}");
        lab.sync();
        let first = lab.open("budget", "fail: 200}}", "fail: 900}}");
        let done = lab.plan(first).await;
        assert!(done.annotated.iter().any(|problem| problem.code == "guard-changed"));
        let before = lab.merge(first, How::Squash);
        assert_eq!(lab.pushed(&before).run().await.exit, Exit::Done);
        let pull = lab.open("more", "natGateways: single", more);
        lab.plan(pull).await;
        let before = lab.merge(pull, How::Squash);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
    });
}

/// Somebody else's repository and programs get no cloud, and what they propose is no approval.
#[test]
fn forks_and_bots_are_checked_without_the_cloud() {
    let bot = Actor { login: "dependabot[bot]".to_owned(), id: 49_699_333, kind: "Bot" };
    for (fork, code) in [(true, "merged-fork"), (false, "plan-missing")] {
        virtual_time(async {
            let lab = Lab::new();
            let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
            lab.double.with(|github| {
                if fork {
                    github.from_fork(pull, 99, "somebody/infra");
                } else {
                    github.pulls.get_mut(&pull).expect("it").author = bot.clone();
                }
            });
            let done = lab.planned(pull, "opened").run().await;
            assert_eq!(done.exit, Exit::Done, "{:?}", done.codes);
            assert_eq!(*lab.opened.borrow(), Vec::<&str>::new(), "no world was opened");
            let (state, text) = lab.status(&lab.head(pull), PLAN);
            assert_eq!((state.as_str(), text.contains("approves nothing")), ("success", true));
            insta::assert_snapshot!(if fork { "fork" } else { "bot" }, lab.shown(pull));
            let before = lab.merge(pull, How::Squash);
            let done = lab.pushed(&before).run().await;
            assert_eq!(done.ended(), (Exit::Refused, vec![code]));
        });
    }
    // A person's own is planned; run again by a program, it is not.
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        assert_eq!(lab.planned(pull, "opened").by("renovate[bot]").run().await.exit, Exit::Done);
        assert_eq!(lab.opened.borrow().len(), 0);
        assert_eq!(lab.planned(pull, "opened").run().await.exit, Exit::Done);
        assert_eq!(lab.opened.borrow().len(), 1);
    });
}

/// A fork's token only reads: what it cannot tell GitHub, the summary says.
#[test]
fn a_token_that_only_reads() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        lab.double.with(|github| {
            github.from_fork(pull, 99, "somebody/infra");
            let token = github.tokens.get_mut("ghs_workflow").expect("a token");
            token.permissions.values_mut().for_each(|level| "read".clone_into(level));
        });
        let done = lab.planned(pull, "opened").run().await;
        assert_eq!(done.exit, Exit::Done, "{:?}", done.codes);
        assert!(done.summary.contains("dev"), "{}", done.summary);
        // One of the repository's own has to be able to say what it found.
        lab.double
            .with(|github| github.pulls.get_mut(&pull).expect("it").home = crate::github_double::state::Home::Own);
        let done = lab.planned(pull, "opened").run().await;
        assert_eq!(done.ended(), (Exit::Denied, vec!["github-permission"]));
    });
}

/// Roles of another account, an account that moves, a file that calls itself something else: nobody is asked anything.
#[test]
fn another_account_or_name() {
    virtual_time(async {
        let lab = Lab::new();
        let role = |account: &str| format!("roles: {{plan: \"arn:aws:iam::{account}:role/rem-ci-access/dev-plan\"}}\n");
        let pull = lab.open("roles", "protect: false\n", &format!("protect: false\n{}", role("999999999999")));
        let done = lab.planned(pull, "opened").run().await;
        assert_ne!(done.exit, Exit::Done);
        let codes: Vec<_> = done.annotated.iter().map(|problem| problem.code).collect();
        assert!(codes.iter().any(|code| matches!(*code, "role-account" | "role")), "{codes:?}");
        assert_eq!(lab.opened.borrow().len(), 0);

        let moved = lab.open("account", "account: \"123456789012\"", "account: \"999999999999\"");
        let done = lab.planned(moved, "opened").run().await;
        assert_eq!(done.exit, Exit::Refused);
        assert!(done.annotated.iter().any(|problem| problem.code == "guard-account"));
        assert_eq!(lab.opened.borrow().len(), 0);

        let named = lab.open("name", "name: dev", "name: prod");
        let done = lab.planned(named, "opened").run().await;
        assert_eq!(done.exit, Exit::Invalid);
        assert_eq!(lab.opened.borrow().len(), 0);
        assert!(lab.read(FILE).contains("name: dev"));
    });
}

/// Credentials of another account than the file says are noticed by the first call, which is the only one.
#[test]
fn credentials_of_another_account() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        lab.region.sandbox.with(|state| state.accounts.entry("999999999999".to_owned()).or_default().clone());
        *lab.account.borrow_mut() = Some("999999999999".to_owned());
        let done = lab.planned(pull, "opened").run().await;
        assert_eq!((done.exit, done.annotated[0].code), (Exit::Refused, "wrong-account"), "{:#?}", done.annotated);
        assert_ne!(lab.status(&lab.head(pull), PLAN).0, "success");
        // With its own it is planned, and an apply asks again.
        *lab.account.borrow_mut() = None;
        lab.plan(pull).await;
        let before = lab.merge(pull, How::Squash);
        *lab.account.borrow_mut() = Some("999999999999".to_owned());
        let done = lab.pushed(&before).run().await;
        assert_eq!((done.exit, done.annotated[0].code), (Exit::Refused, "wrong-account"), "{:#?}", done.annotated);
        *lab.account.borrow_mut() = None;
        assert_eq!(lab.pushed(&before).again(9003, 2).run().await.exit, Exit::Done);
    });
}
