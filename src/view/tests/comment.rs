//! The comment of a pull request: each stage as a reviewer sees it, and who may write it.

use insta::assert_snapshot;

use super::{made, real};
use crate::problem::{Problem, Severity};
use crate::view::comment::{
    self, Beyond, COMMENT_LIMIT, Comment, Ended, Environment, Gate, Marker, Offline, Origin, Progress, Run, Stage, Word,
};
use crate::view::markdown::{SUMMARY_LIMIT, applied};
use crate::view::report::{Action, Mode, Outcome};

/// 2026-11-24 22:10 UTC.
const BEGAN: i64 = 1_795_558_200;

pub(super) fn origin(run: u64, began: i64) -> Origin {
    Origin {
        head: "abc12345678901234567890123456789012345ab".into(),
        base: "main".into(),
        base_sha: "def5678901234567890123456789012345678901".into(),
        run: Run {
            id: 90_000_000_000 + run,
            number: run,
            attempt: 1,
            url: format!("https://github.com/acme/platform/actions/runs/{}", 90_000_000_000 + run),
        },
        began,
        at: began + 30,
        public: false,
    }
}

fn written(environments: Vec<Environment>) -> String {
    let mut comment = Comment::default();
    for environment in &environments {
        assert!(comment.put(&origin(42, BEGAN), environment));
    }
    comment.render(COMMENT_LIMIT)
}

/// What a reader sees: without the hidden lines, whose length says nothing.
fn seen(text: &str) -> String {
    let shown = text.lines().map(|line| if line.starts_with("<!-- rem-ci:ey") { "<!-- rem-ci:… -->" } else { line });
    shown.collect::<Vec<_>>().join("\n")
}

fn prod(stage: Stage) -> Environment {
    let (plan, topology) = real::prod();
    Environment::new("prod", stage).with(plan, Some(topology))
}

fn ended(failed: bool, passed: bool) -> Stage {
    let mut report = made::applied(failed);
    report.kept.clear();
    let verify = (!failed).then(|| made::verified(passed));
    Stage::Ended(Box::new(Ended { report, verify }))
}

#[test]
fn planning_and_planned() {
    assert_snapshot!("comment_planning", seen(&written(vec![Environment::new("prod", Stage::Planning)])));
    let mut environment = prod(Stage::Planned);
    environment.gates = vec![
        Gate { met: Some(true), text: "the plan is recorded".into() },
        Gate { met: None, text: "an approval of exactly abc1234 by somebody else".into() },
    ];
    environment.valid_until = Some(BEGAN + 30 * 86_400);
    assert_snapshot!("comment_planned", seen(&written(vec![environment])));
    let (plan, topology) = real::plan("applied-prod", "");
    let quiet = Environment::new("prod", Stage::Planned).with(plan, Some(topology));
    assert_snapshot!("comment_no_changes", seen(&written(vec![quiet])));
    let (plan, topology) = real::plan("empty-account", "");
    let first = Environment::new("shop", Stage::Planned).with(plan, Some(topology));
    assert_snapshot!("comment_first_plan", seen(&written(vec![first])));
    let (plan, topology) = real::plan("replaced-cluster", "");
    let errors = Environment::new("shop", Stage::Planned).with(plan, Some(topology));
    assert_snapshot!("comment_replaced_cluster", seen(&written(vec![errors])));
}

#[test]
fn applying_and_done() {
    let progress = Progress {
        done: 3,
        steps: 9,
        elapsed: 252,
        left: 400,
        now: vec![made::at("cluster/cluster"), made::at("network/nat-gateway/2")],
    };
    assert_snapshot!("comment_applying", seen(&written(vec![prod(Stage::Applying(progress))])));
    assert_snapshot!("comment_done", seen(&written(vec![prod(ended(false, true))])));
    assert_snapshot!("comment_unverified", seen(&written(vec![prod(ended(false, false))])));
    assert_snapshot!("comment_failed", seen(&written(vec![prod(ended(true, false))])));
    let mut stopped = made::applied(true);
    stopped.outcome = Outcome::Interrupted;
    let stopped = Stage::Ended(Box::new(Ended { report: stopped, verify: None }));
    assert_snapshot!("comment_interrupted", seen(&written(vec![prod(stopped)])));
}

fn refused() -> Stage {
    let help = "plan again, look at the difference, and approve that";
    Stage::Refused {
        verb: "apply",
        problems: vec![Problem::error("plan-changed", "network/nat-gateway/2: delete was not approved", help)],
        beyond: vec![Beyond {
            address: made::at("network/nat-gateway/2"),
            field: None,
            approved: "nothing".into(),
            now: "delete".into(),
        }],
    }
}

#[test]
fn refused_stale_waiting_and_offline() {
    assert_snapshot!("comment_refused", seen(&written(vec![prod(refused())])));
    let waiting = Stage::Waiting("an approval of the GitHub environment prod, for plan 4f2c".into());
    assert_snapshot!("comment_waiting", seen(&written(vec![prod(waiting)])));
    let (mut plan, topology) = real::plan("empty-account", "");
    plan.mode = Mode::Offline;
    let fork = Environment::new("shop", Stage::Offline(Offline::Fork)).with(plan, Some(topology));
    assert_snapshot!("comment_fork", seen(&written(vec![fork])));

    // Another pull request's apply says that this plan is old; what was planned stays readable.
    let mut comment = Comment::parse(&written(vec![prod(Stage::Planned)])).unwrap();
    let why = "pull request 7 was applied to prod since";
    assert!(comment.put(&origin(43, BEGAN + 600), &Environment::new("prod", Stage::Stale(why.into()))));
    assert_snapshot!("comment_stale", seen(&comment.render(COMMENT_LIMIT)));
}

/// Two errors' worth of danger among three hundred other changes: it is the first thing after the verdict, at every size.
#[test]
fn what_widens_leads_whatever_else_changes() {
    let (mut plan, _) = real::plan("widened-cidr", "");
    let more = (0..300).map(|n| made::row(&format!("network/thing/number-{n}"), "thing", Action::Create, 5));
    plan.rows.extend(more);
    let environment = Environment::new("shop", Stage::Planned).with(plan, None);
    let mut comment = Comment::default();
    comment.put(&origin(42, BEGAN), &environment);
    assert_snapshot!("comment_widens", seen(&comment.render(9_000)));
    let whole = comment.render(COMMENT_LIMIT);
    for limit in [2_000, 3_000, 9_000, 60_000, COMMENT_LIMIT] {
        let text = comment.render(limit);
        assert!(text.len() <= limit);
        let finding = text.find("**widens** `cluster/cluster`: publicCidrs gains `198.51.100.0/22`").unwrap();
        assert!(!text[..finding].contains("<details>") && !text[..finding].contains("```"), "{limit}: {text}");
        assert!(text.len() == whole.len() || text.contains("**Cut to fit**: "), "{limit}: {text}");
        assert!(text.len() == whole.len() || text.contains("the summary of [run 42](https://github.com/"), "{text}");
    }
}

#[test]
fn many_environments_are_one_comment_and_each_job_writes_its_own() {
    let names = ["dev", "prod", "staging"];
    // Jobs of one matrix, one after the other in any order, each reading what is there.
    let mut texts = Vec::new();
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut body = String::new();
        for at in order {
            let mut comment = Comment::parse(&body).unwrap_or_default();
            let (plan, topology) = if names[at] == "prod" { real::prod() } else { real::plan("applied-prod", "") };
            assert!(
                comment
                    .put(&origin(42, BEGAN), &Environment::new(names[at], Stage::Planned).with(plan, Some(topology)))
            );
            body = comment.render(COMMENT_LIMIT);
        }
        texts.push(body);
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "the order of jobs does not matter");
    assert_eq!(texts[0].matches("<!-- rem-ci:ey").count(), 1);
    assert_snapshot!("comment_three_environments", seen(&texts[0]));
    let comment = Comment::parse(&texts[0]).unwrap();
    assert_eq!(comment.entries().map(|(name, _)| name).collect::<Vec<_>>(), names);
    assert_eq!(comment.render(COMMENT_LIMIT), texts[0], "reading and writing changes nothing");
}

#[test]
fn an_older_run_never_overwrites_a_newer_one() {
    let mut comment = Comment::default();
    assert!(comment.put(&origin(50, BEGAN + 100), &prod(Stage::Planned)));
    let after = comment.render(COMMENT_LIMIT);
    // The run before was slower; so was its second attempt, which began before.
    let planning = Environment::new("prod", Stage::Planning);
    assert!(!comment.put(&origin(49, BEGAN), &planning));
    let second = Origin { run: Run { attempt: 2, ..origin(49, 0).run }, ..origin(49, BEGAN + 50) };
    assert!(!comment.put(&second, &planning));
    assert_eq!(comment.render(COMMENT_LIMIT), after);
    // Nor does it take out what it does not know.
    comment.retain(&origin(49, BEGAN), &[]);
    assert_eq!(comment.entries().count(), 1);
    // The twin: one that began later does all of that.
    assert!(comment.put(&origin(51, BEGAN + 200), &planning));
    assert_eq!(comment.entries().next().unwrap().1.stage, Word::Planning);
    comment.retain(&origin(52, BEGAN + 300), &[]);
    assert_eq!(comment.entries().count(), 0);
}

#[test]
fn what_was_edited_is_not_written_again() {
    let body = written(vec![prod(Stage::Planned)]);
    let edited = body.replace("**What changes in", "@all **What changes in");
    assert_ne!(body, edited);
    let text = Comment::parse(&edited).unwrap().render(COMMENT_LIMIT);
    assert!(text.contains("this part of the comment was edited") && !text.contains("@all"), "{text}");
    // Line ends that a browser changed are no edit.
    let text = Comment::parse(&body.replace('\n', "\r\n")).unwrap().render(COMMENT_LIMIT);
    assert_eq!(text, body);
}

#[test]
fn only_a_marker_on_line_1_is_a_marker() {
    let body = written(vec![prod(Stage::Planned)]);
    assert!(Comment::parse(&body).is_some());
    assert!(Comment::parse(&format!("\n{body}")).is_none());
    assert!(Comment::parse(&format!("> {body}")).is_none());
    assert!(Comment::parse("").is_none() && Comment::parse("<!-- rem-ci:AAAA -->").is_none());
    let marker = Marker::decode(&body).unwrap();
    let other = Marker { format: "rem-ci/comment/v9".into(), ..marker.clone() };
    assert!(Marker::decode(&other.encode()).is_none());
    let entry = &marker.environments["prod"];
    assert_eq!((entry.run.number, entry.run.attempt, entry.began), (42, 1, BEGAN));
    assert!(entry.plan_digest.as_ref().is_some_and(|digest| digest.starts_with("sha256:")));
    assert_eq!(entry.head, origin(42, BEGAN).head);
}

#[test]
fn accounts_and_arns_are_short_where_anybody_reads() {
    let mut environment = prod(Stage::Planned);
    let plan = environment.plan.as_mut().unwrap();
    let arn = "arn:aws:iam::123456789012:role/rem-ci/prod/apply";
    plan.findings.push(Problem::new("widens", Severity::Widens, format!("trusts {arn}"), "account 123456789012"));
    let text = |public| {
        let mut comment = Comment::default();
        comment.put(&Origin { public, ..origin(42, BEGAN) }, &environment);
        comment.render(COMMENT_LIMIT)
    };
    assert!(text(false).contains(arn) && text(false).contains("123456789012"));
    let public = text(true);
    assert!(!public.contains("123456789012"), "{public}");
    assert!(public.contains("`arn:…:role/rem-ci/prod/apply`") && public.contains("`…9012`"), "{public}");
    assert!(public.contains("/actions/runs/90000000042"), "a run's number is no account");
}

#[test]
fn the_summary_has_all_of_it_and_a_chart() {
    let summary = |environment: &Environment| {
        let mut comment = Comment::default();
        comment.put(&origin(42, BEGAN), environment);
        comment.summary(SUMMARY_LIMIT)
    };
    let text = summary(&prod(refused()));
    assert!(!text.contains("<!--"), "nobody reads it back");
    assert_snapshot!("summary_refused", text);
    assert_snapshot!("summary_done", applied(&made::applied(false), Some(&made::verified(true)), SUMMARY_LIMIT));
    let mut environment = prod(Stage::Planned);
    let more = (0..5000).map(|n| made::row(&format!("network/thing/number-{n}"), "thing", Action::Create, 5));
    environment.plan.as_mut().unwrap().rows.extend(more);
    let text = summary(&environment);
    assert!(!text.contains("Cut to fit") && text.contains("number-4999"));
    let cut = written(vec![environment]);
    assert!(cut.contains("All of it is in the summary of [run 42]"), "{cut}");
}

#[test]
fn nothing_to_say_is_quiet() {
    let mut comment = Comment::default();
    let (plan, topology) = real::plan("applied-prod", "");
    comment.put(&origin(42, BEGAN), &Environment::new("prod", Stage::Planned).with(plan, Some(topology)));
    assert!(comment.quiet());
    comment.put(&origin(42, BEGAN), &prod(Stage::Planned));
    assert!(!comment.quiet());
    comment.put(&origin(42, BEGAN), &Environment::new("prod", Stage::Planning));
    assert!(!comment.quiet(), "a plan under way is to be seen");
}

/// The difference that is shown is that which refuses: neither more nor less.
#[test]
fn what_goes_further_is_shown_value_by_value() {
    use crate::engine::{Canonical, CanonicalNode};
    let node = |address: &str, action: Option<&str>, fields: &[(&str, &str)]| CanonicalNode {
        address: made::at(address),
        kind: "toy".into(),
        action: action.map(str::to_owned),
        changed: if action == Some("update") {
            fields.iter().map(|(name, _)| (*name).into()).collect()
        } else {
            Vec::new()
        },
        fields: fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        assumed: false,
    };
    let approved = Canonical {
        nodes: vec![
            node("cluster/cluster", Some("update"), &[("publicCidrs", "203.0.113.0/24")]),
            node("network/vpc", None, &[]),
            node("network/eip/1", Some("create"), &[("zone", "1")]),
        ],
    };
    assert_eq!(comment::beyond(&approved, &approved), []);
    let now = Canonical {
        nodes: vec![
            node("cluster/cluster", Some("update"), &[("publicCidrs", "0.0.0.0/0"), ("logging", "none")]),
            node("network/vpc", Some("replace"), &[]),
            node("network/eip/1", Some("create"), &[("zone", "2")]),
        ],
    };
    let told: Vec<String> = comment::beyond(&now, &approved)
        .iter()
        .map(|one| {
            let field = one.field.as_deref().unwrap_or("-");
            format!("{} {field}: {} -> {}", one.address, one.approved.raw(), one.now.raw())
        })
        .collect();
    assert_eq!(
        told,
        [
            "cluster/cluster logging: nothing -> none",
            "cluster/cluster publicCidrs: 203.0.113.0/24 -> 0.0.0.0/0",
            "network/vpc -: nothing -> replace",
            "network/eip/1 zone: 1 -> 2",
        ]
    );
    let shown: std::collections::BTreeSet<_> =
        comment::beyond(&now, &approved).into_iter().map(|one| one.address).collect();
    let refused = now.beyond(&approved);
    assert!(shown.iter().all(|address| refused.iter().any(|reason| reason.starts_with(address.as_str()))));
    assert!(
        refused.iter().all(|reason| shown.iter().any(|address| reason.starts_with(address.as_str()))),
        "{refused:?}"
    );
}
