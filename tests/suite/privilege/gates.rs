//! R2: the GitHub environments and their rules, made and read back in GitHub's double.

use rem_ci::bootstrap::gates::gates;
use rem_ci::bootstrap::{Wish, github};
use rem_ci::cloud::Clock;
use rem_ci::problem::Exit;

use super::{repository, wish};
use crate::common::{today, virtual_time};
use crate::github_double::{Double, Token};

fn clock() -> Clock {
    let noon = today().at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).expect("noon").timestamp();
    let millis = noon.as_millisecond().unsigned_abs();
    Clock::starting(std::time::UNIX_EPOCH + std::time::Duration::from_millis(millis))
}

fn double(clock: Clock) -> Double {
    let double = Double::by(clock);
    double.with(|state| state.tokens.insert("administrator".to_owned(), Token::of_person("mona", 3)));
    double
}

#[test]
fn environments_are_made_with_their_branch_and_a_second_time_nothing_is_done() {
    virtual_time(async {
        let clock = clock();
        let double = double(clock);
        let client = double.client("administrator", clock);
        let wanted = gates("prod", &repository(), &wish());
        let done = github::make(&client, &wanted).await.expect("made");
        assert_eq!(done.len(), 2, "{done:?}");
        for name in ["prod", "prod-destroy"] {
            let branches = double.with(|state| {
                let environment = &state.environments[name];
                assert_eq!(environment.branches, Some((false, true)), "{name}");
                environment.policies.iter().map(|(_, pattern, _)| pattern.clone()).collect::<Vec<_>>()
            });
            assert_eq!(branches, ["main"], "{name}");
        }
        assert_eq!(github::make(&client, &wanted).await.expect("again"), Vec::<String>::new());
    });
}

/// Reviewers that somebody has named by hand stay, and so does their rule.
#[test]
fn what_is_stricter_already_stays() {
    virtual_time(async {
        let clock = clock();
        let double = double(clock);
        let client = double.client("administrator", clock);
        double.with(|state| {
            let environment = state.environments.entry("prod".to_owned()).or_default();
            environment.id = 77;
            environment.wait_timer = 30;
            environment.prevent_self_review = true;
            environment.reviewers = vec![("User".to_owned(), 3)];
        });
        let wanted = gates("prod", &repository(), &Wish::default());
        github::make(&client, &wanted).await.expect("made");
        double.with(|state| {
            let environment = &state.environments["prod"];
            assert_eq!((environment.wait_timer, environment.prevent_self_review), (30, true));
            assert_eq!(environment.reviewers, [("User".to_owned(), 3)]);
            assert_eq!(environment.branches, Some((false, true)));
        });
    });
}

/// Another branch that may pass, a name in other letters, a token that may not: refused, nothing trusted.
#[test]
fn a_gate_that_others_may_pass_is_refused() {
    virtual_time(async {
        let clock = clock();
        let double = double(clock);
        let client = double.client("administrator", clock);
        let wanted = gates("prod", &repository(), &Wish::default());
        github::make(&client, &wanted).await.expect("the twin");
        double.with(|state| {
            let environment = state.environments.get_mut("prod").expect("prod");
            environment.policies.push((99, "feature/*".to_owned(), "branch".to_owned()));
        });
        let halt = github::make(&client, &wanted).await.expect_err("another branch");
        assert_eq!(halt.exit, Exit::Refused);
        assert!(halt.problems[0].title.contains("feature/*"), "{:?}", halt.problems);
        double.with(|state| {
            let environment = state.environments.remove("prod").expect("prod");
            state.environments.insert("PROD".to_owned(), environment);
        });
        let halt = github::make(&client, &wanted).await.expect_err("other letters");
        assert!(halt.problems[0].title.contains("PROD"), "{:?}", halt.problems);
        double.with(|state| {
            state.environments.clear();
            state.tokens.insert("workflow".to_owned(), Token::of_workflow("actions=read contents=read"));
        });
        let weak = double.client("workflow", clock);
        let halt = github::make(&weak, &wanted).await.expect_err("a token that may not");
        assert_eq!(halt.exit, Exit::Denied);
        assert!(halt.problems[0].title.contains("administration"), "{:?}", halt.problems);
    });
}
