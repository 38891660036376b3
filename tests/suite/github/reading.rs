//! Pages, pull requests, commits, issues, environments, rules.

use std::collections::BTreeMap;

use rem_ci::github::{BranchPolicies, Marked, Wanted};
use serde_json::json;

use super::{Place, place, seconds};
use crate::github_double::state::{Actor, Home};
use crate::github_double::{Does, Fault, How, Token};

const OF_COMMIT: &str = "GET /repos/{owner}/{repo}/commits/{commit_sha}/pulls";
const ISSUE: &str = "POST /repos/{owner}/{repo}/issues";
const POLICY: &str = "POST /repos/{owner}/{repo}/environments/{environment_name}/deployment-branch-policies";

fn author() -> Actor {
    Actor::user("octocat", 583_231)
}

/// One more pull request, from a branch of its own.
fn another(place: &Place, branch: &str, path: &str) -> u64 {
    place.double.with(|state| {
        state.git.branch(branch, "main");
        state.git.commit(branch, &[(path, Some("x"))], "octocat");
        state.git.commit(branch, &[(path, Some("y"))], "octocat");
        state.open_pull(branch, "main", &author(), branch)
    })
}

#[test]
fn a_pull_request_its_files_commits_and_reviews() {
    place(async |place| {
        let pull = place.client.pull(place.pull).await.expect("a pull request");
        assert_eq!(
            (pull.number, pull.state.as_str(), pull.merged(), pull.from_fork()),
            (place.pull, "open", false, false)
        );
        assert_eq!((pull.head.branch.as_str(), pull.base.branch.as_str()), ("topic", "main"));
        assert_eq!((pull.head.sha.clone(), pull.changed_files), (place.head(), Some(1)));

        let files = place.client.pull_files(place.pull).await.expect("files");
        assert!(files.complete);
        assert_eq!(files.files[0].filename, "environments/prod.yaml");
        assert_eq!(files.files[0].status, "added");
        assert_eq!(place.client.pull_commits(place.pull).await.expect("commits").len(), 1);

        place.double.with(|state| state.approve(place.pull, &Actor::user("hubot", 9)));
        let sha =
            place.double.with(|state| state.push(place.pull, &[("environments/prod.yaml", None), ("b", Some("b"))]));
        let reviews = place.client.reviews(place.pull).await.expect("reviews");
        assert_eq!((reviews.len(), reviews[0].state.as_str()), (1, "APPROVED"));
        assert_ne!(reviews[0].commit_id.as_deref(), Some(sha.as_str()), "it was given to the commit before");
        assert_eq!(place.client.pull(place.pull).await.expect("a pull request").head.sha, sha);
    });
}

#[test]
fn a_fork_is_known_by_its_number_and_by_its_absence() {
    place(async |place| {
        place.double.with(|state| state.from_fork(place.pull, 8_000, "mallory/infra"));
        assert!(place.client.pull(place.pull).await.expect("a pull request").from_fork());
        place.double.with(|state| state.pulls.get_mut(&place.pull).expect("it").home = Home::Gone);
        assert!(place.client.pull(place.pull).await.expect("a pull request").from_fork());
        place.double.with(|state| state.pulls.get_mut(&place.pull).expect("it").home = Home::Own);
        assert!(!place.client.pull(place.pull).await.expect("a pull request").from_fork());
    });
}

#[test]
fn three_thousand_files_may_not_be_all() {
    place(async |place| {
        let changes: Vec<(String, String)> = (0..3001).map(|at| (format!("f/{at:04}"), "x".to_owned())).collect();
        let changes: Vec<(&str, Option<&str>)> =
            changes.iter().map(|(path, content)| (path.as_str(), Some(content.as_str()))).collect();
        place.double.with(|state| state.push(place.pull, &changes));
        let files = place.client.pull_files(place.pull).await.expect("files");
        assert_eq!((files.files.len(), files.complete), (3000, false));
        assert_eq!(place.count("GET /repos/{owner}/{repo}/pulls/{pull_number}/files"), 30);
    });
}

#[test]
fn a_pushed_commit_finds_its_pull_request_however_it_was_merged() {
    for (how, commits) in [(How::Merge, 3), (How::Squash, 1), (How::Rebase, 2)] {
        place(async |place| {
            let number = another(place, "two", "two.yaml");
            let before = place.double.with(|state| state.git.branches["main"].clone());
            let tip = place.double.with(|state| {
                state.lag = 6;
                // And at first the commit itself is not known where it is asked for.
                state.faults.push(Fault::new(OF_COMMIT, 1, Does::Fails(422)));
                state.merge(number, how)
            });
            let fits = |pull: &rem_ci::github::Pull| pull.merge_commit_sha.as_deref() == Some(&tip) && pull.merged();
            let (took, pulls) = seconds(place.clock, place.client.pulls_of_push(&tip, fits)).await;
            let pulls = pulls.expect("pull requests");
            assert_eq!(pulls.iter().map(|pull| pull.number).collect::<Vec<_>>(), [number], "{how:?}");
            assert!((6.0..12.0).contains(&took), "{how:?}: {took} s");
            let compared = place.client.compare(&before, &tip).await.expect("a comparison");
            assert_eq!((compared.commits.len(), compared.status.as_str(), compared.complete), (commits, "ahead", true));
            assert_eq!(compared.merge_base, before);
            assert_eq!(compared.files.iter().map(|file| file.filename.as_str()).collect::<Vec<_>>(), ["two.yaml"]);
        });
    }
}

/// The same with one fact changed: nobody merged anything.
#[test]
fn a_direct_push_has_no_pull_request_after_half_a_minute() {
    place(async |place| {
        let sha = place.double.with(|state| state.git.commit("main", &[("a", Some("a"))], "mallory"));
        let (took, pulls) = seconds(place.clock, place.client.pulls_of_push(&sha, |_| true)).await;
        assert_eq!(pulls.expect("an answer"), []);
        assert!((30.0..32.0).contains(&took), "{took} s");
        assert_eq!(place.count(OF_COMMIT), 6);
        let error = place.client.pulls_of_push(&"f".repeat(40), |_| true).await.expect_err("no such commit");
        assert!(error.to_string().contains("No commit found"), "{error}");
        assert_eq!(place.count(OF_COMMIT), 12);
    });
}

/// Another error is not a matter of waiting.
#[test]
fn what_cannot_be_asked_is_told_at_once() {
    place(async |place| {
        place.double.with(|state| state.tokens.clear());
        let (took, error) = seconds(place.clock, place.client.pulls_of_push("main", |_| true)).await;
        assert_eq!((error.expect_err("no token").exit(), place.count(OF_COMMIT)), (rem_ci::problem::Exit::Denied, 1));
        assert!(took < 1.0, "{took} s");
    });
}

#[test]
fn a_merge_group_of_three_is_found_commit_by_commit() {
    place(async |place| {
        let numbers = [place.pull, another(place, "two", "two.yaml"), another(place, "three", "three.yaml")];
        let group = place.double.with(|state| state.enqueue(&numbers));
        let event = place.double.with(|state| state.merge_group_event(&group));
        assert_eq!(event["merge_group"]["head_sha"], json!(group.2));
        assert!(event["merge_group"]["head_ref"].as_str().expect("text").contains(&format!("pr-{}-", numbers[2])));
        assert_eq!(place.client.branch(&group.0).await.expect("an answer").expect("a branch").commit.sha, group.2);
        let tip = place.double.with(|state| state.dequeue(&numbers, &group.0));
        assert_eq!(tip, group.2);
        let push = place.double.with(|state| state.push_event("main", &group.1, &tip, &author()));
        assert_eq!((push["before"].clone(), push["after"].clone()), (json!(group.1), json!(tip)));

        let compared = place.client.compare(&group.1, &tip).await.expect("a comparison");
        let mut found = BTreeMap::new();
        for commit in &compared.commits {
            for pull in place.client.pulls_of(&commit.sha).await.expect("pull requests") {
                if pull.merge_commit_sha.as_deref() == Some(&commit.sha) {
                    found.insert(pull.number, commit.sha.clone());
                }
            }
        }
        assert_eq!(found.keys().copied().collect::<Vec<_>>(), numbers);
        assert_eq!(found[&numbers[2]], tip);
        assert_eq!(place.client.branch(&group.0).await.expect("an answer"), None, "the queue's branch is gone");
    });
}

#[test]
fn a_comparison_has_all_its_pages() {
    place(async |place| {
        let before = place.double.with(|state| state.git.branches["main"].clone());
        place.double.with(|state| {
            for at in 0..230 {
                state.git.commit("main", &[("a", Some(&format!("{at}")))], "octocat");
            }
        });
        let compared = place.client.compare(&before, "main").await.expect("a comparison");
        assert_eq!((compared.commits.len(), compared.complete, compared.files.len()), (230, true, 1));
        assert_eq!(place.count("GET /repos/{owner}/{repo}/compare/{basehead}"), 3);
        assert_eq!(compared.commits[0].parents[0].sha, before);
        let tip = place.client.commit("main").await.expect("a commit");
        assert_eq!(tip, *compared.commits.last().expect("a commit"));
        assert_eq!(tip.author.expect("an account").login, "octocat");
        assert_eq!(place.client.compare("main", &before).await.expect("a comparison").status, "behind");
    });
}

#[test]
fn the_open_pull_requests_of_a_base() {
    place(async |place| {
        let two = another(place, "two", "two.yaml");
        let merged = another(place, "three", "three.yaml");
        place.double.with(|state| {
            state.merge(merged, How::Squash);
            state.git.branch("release/1", "main");
            state.git.branch("four", "release/1");
            state.git.commit("four", &[("a", Some("a"))], "octocat");
            state.open_pull("four", "release/1", &author(), "elsewhere")
        });
        let open = place.client.open_pulls("main").await.expect("pull requests");
        assert_eq!(open.iter().map(|pull| pull.number).collect::<Vec<_>>(), [two, place.pull]);
        assert_eq!(place.client.open_pulls("release/1").await.expect("pull requests").len(), 1);
    });
}

fn drift(text: &str) -> Marked {
    Marked {
        title: "prod has drifted".to_owned(),
        body: format!("<!-- rem-ci drift prod -->\n{text}"),
        label: "rem-ci:drift".to_owned(),
    }
}

const MARKER: &str = "<!-- rem-ci drift prod -->";

#[test]
fn one_issue_is_opened_changed_closed_and_opened_again() {
    place(async |place| {
        // Somebody else's with the same label and marker, and one of ours about something else.
        let forged =
            place.double.with(|state| state.issue(&author(), "prod", &drift("forged").body, &["rem-ci:drift"]));
        place.double.with(|state| {
            state.issue(&Actor::actions(), "dev", "<!-- rem-ci drift dev -->\n", &["rem-ci:drift"]);
        });
        assert_eq!(place.client.marked_issue("rem-ci:drift", MARKER).await.expect("a look"), None);
        let opened = place.client.put_issue(&drift("1 change")).await.expect("an issue");
        assert_eq!(opened.labels[0].name, "rem-ci:drift");
        let again = place.client.put_issue(&drift("1 change")).await.expect("an issue");
        let changed = place.client.put_issue(&drift("2 changes")).await.expect("an issue");
        assert_eq!((again.number, changed.number), (opened.number, opened.number));
        assert!(changed.body.ends_with("2 changes"));
        assert_eq!(place.count("PATCH /repos/{owner}/{repo}/issues/{issue_number}"), 1);

        let closed = place.client.close_issue("rem-ci:drift", MARKER, Some("Back in shape.")).await.expect("an end");
        assert_eq!((closed.len(), closed[0].open()), (1, false));
        let told = place.double.with(|state| state.comments_of(opened.number)[0].body.clone());
        assert_eq!(told, "Back in shape.");
        assert_eq!(place.client.close_issue("rem-ci:drift", MARKER, None).await.expect("an end"), []);

        let reopened = place.client.put_issue(&drift("3 changes")).await.expect("an issue");
        assert_eq!((reopened.number, reopened.open()), (opened.number, true));
        assert_eq!(place.count(ISSUE), 1);
        place.double.with(|state| {
            assert!(state.issues[&forged].open && state.issues[&forged].body.ends_with("forged"));
            assert_eq!(state.issues.len(), 3);
        });
    });
}

#[test]
fn an_issue_whose_reply_is_lost_is_opened_once() {
    for (does, posts) in [(Does::Lost, 1), (Does::FailsAfter(502), 1), (Does::Cut, 2)] {
        place(async |place| {
            place.double.with(|state| state.faults.push(Fault::new(ISSUE, 1, does)));
            place.client.put_issue(&drift("x")).await.expect("an issue");
            assert_eq!((place.count(ISSUE), place.double.with(|state| state.issues.len())), (posts, 1));
        });
    }
}

/// Two schedules at once have both opened one: the younger is closed by whoever comes next.
#[test]
fn twins_among_the_issues_are_closed() {
    place(async |place| {
        let [one, two] = [1, 2].map(|_| {
            place.double.with(|state| state.issue(&Actor::actions(), "prod", &drift("x").body, &["rem-ci:drift"]))
        });
        assert_eq!(place.client.put_issue(&drift("y")).await.expect("an issue").number, one);
        place.double.with(|state| {
            assert!(state.issues[&one].open && !state.issues[&two].open);
            assert_eq!(state.issues[&two].reason.as_deref(), Some("duplicate"));
        });
    });
}

#[test]
fn an_environment_and_what_protects_it() {
    place(async |place| {
        let person = Token::of_person("admin", 42);
        place.double.with(|state| state.tokens.insert("ghp_admin".to_owned(), person));
        let admin = place.double.client("ghp_admin", place.clock);
        assert_eq!(place.client.environment("prod").await.expect("an answer"), None);
        let branches = BranchPolicies { protected_branches: false, custom_branch_policies: true };
        let wanted = Wanted {
            wait_timer: None,
            prevent_self_review: Some(true),
            reviewers: vec![("Team".to_owned(), 7), ("User".to_owned(), 42)],
            deployment_branch_policy: Some(branches),
        };
        admin.put_environment("prod", &wanted).await.expect("an environment");
        admin.allow_branch("prod", "main").await.expect("a rule");
        admin.allow_branch("prod", "main").await.expect("a rule");
        assert_eq!(place.count(POLICY), 1);

        let read = place.client.environment("prod").await.expect("an answer").expect("an environment");
        assert_eq!(read.deployment_branch_policy, Some(branches));
        assert_eq!(
            read.reviewers().iter().map(|one| (one.name(), one.id())).collect::<Vec<_>>(),
            [("team-7", Some(7)), ("user-42", Some(42))]
        );
        assert_eq!(read.rule("required_reviewers").expect("a rule").prevent_self_review, Some(true));
        assert!(read.rule("wait_timer").is_none());
        let policies = place.client.branch_policies("prod").await.expect("rules");
        assert_eq!(policies.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["main"]);

        // A workflow's token cannot change it.
        let error = place.client.put_environment("prod", &wanted).await.expect_err("no permission");
        assert!(error.to_string().contains("administration: write"), "{error}");
        // Whatever is not said is taken away.
        admin.put_environment("prod", &Wanted::default()).await.expect("an environment");
        let read = place.client.environment("prod").await.expect("an answer").expect("an environment");
        assert_eq!((read.protection_rules.len(), read.deployment_branch_policy), (0, None));
    });
}

/// Somebody adds the same rule between our look and our call: 303, and it is there.
#[test]
fn a_rule_that_somebody_else_adds_is_fine() {
    place(async |place| {
        place.double.with(|state| {
            state.tokens.insert("ghp_admin".to_owned(), Token::of_person("admin", 42));
            let environment = state.environments.entry("prod".to_owned()).or_default();
            environment.branches = Some((false, true));
            let add = Does::Meanwhile(std::sync::Arc::new(|state| {
                let policies = &mut state.environments.get_mut("prod").expect("prod").policies;
                policies.push((1, "main".to_owned(), "branch".to_owned()));
            }));
            state.faults.push(Fault::new(POLICY, 1, add));
        });
        let admin = place.double.client("ghp_admin", place.clock);
        assert_eq!(admin.allow_branch("prod", "main").await.expect("a rule").name, "main");
    });
}

#[test]
fn the_repository_its_claims_and_its_rules() {
    place(async |place| {
        let repository = place.client.repository().await.expect("a repository");
        assert_eq!((repository.id, repository.owner.id, repository.private), (7_001, 101, true));
        assert_eq!((repository.full_name.as_str(), repository.default_branch.as_str()), ("octo/infra", "main"));
        let claims = place.client.claims().await.expect("claims");
        assert_eq!((claims.use_default, claims.use_immutable_subject), (true, Some(true)));
        place
            .double
            .with(|state| state.claims = json!({ "use_default": false, "include_claim_keys": ["repo", "context"] }));
        let claims = place.client.claims().await.expect("claims");
        assert_eq!((claims.use_default, claims.include_claim_keys.len()), (false, 2));

        assert_eq!(place.client.rules("main").await.expect("rules"), []);
        assert!(!place.client.branch("main").await.expect("an answer").expect("a branch").protected);
        place.double.with(|state| {
            state.rules = vec![json!({ "type": "pull_request", "parameters": { "dismiss_stale_reviews_on_push": true },
                                       "ruleset_source_type": "Repository", "ruleset_source": "octo/infra", "ruleset_id": 1 })];
        });
        let rules = place.client.rules("main").await.expect("rules");
        assert_eq!(rules[0].kind, "pull_request");
        assert_eq!(rules[0].parameters["dismiss_stale_reviews_on_push"], json!(true));
        assert!(place.client.branch("main").await.expect("an answer").expect("a branch").protected);

        let error = place.client.branch_protection("main").await.expect_err("no permission");
        assert!(error.to_string().contains("administration: read"), "{error}");
        place.double.with(|state| state.tokens.insert("ghp_admin".to_owned(), Token::of_person("admin", 42)));
        let admin = place.double.client("ghp_admin", place.clock);
        assert_eq!(admin.branch_protection("main").await.expect("an answer"), None);
        place.double.with(|state| {
            state.protections.insert("main".to_owned(), json!({ "enforce_admins": { "enabled": true } }))
        });
        let protection = admin.branch_protection("main").await.expect("an answer").expect("a protection");
        assert_eq!(protection["enforce_admins"]["enabled"], json!(true));
    });
}
