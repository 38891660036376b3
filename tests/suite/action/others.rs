//! Drift, destroy, what is touched, and being told to stop.

use rem_ci::action::LABEL;
use rem_ci::problem::Exit;

use super::lab::{APPLY, How, Lab, PLAN, bea};
use crate::common::{look, virtual_time};
use crate::fault::{locked, moved};

async fn retention(lab: &Lab, days: i32) {
    let world = lab.world();
    let looked = look(&lab.loaded(), &world).await.expect("a look");
    let group = looked.plan.steps.iter().find(|step| step.kind == "log-group").expect("a log group");
    let name = group.live.as_ref().expect("it is there").id.clone();
    let call = world.cloud.logs.put_retention_policy().log_group_name(name).retention_in_days(days);
    call.send().await.expect("changed");
}

/// One issue, opened, left alone while nothing changes, closed when all is well again.
#[test]
fn drift_is_one_issue() {
    virtual_time(async {
        let lab = Lab::new();
        let issues = || {
            lab.double.with(|github| {
                let ours = github.issues.values().filter(|issue| issue.labels.contains(LABEL));
                ours.map(|issue| (issue.number, issue.open)).collect::<Vec<_>>()
            })
        };
        assert_eq!(lab.scheduled().run().await.exit, Exit::Done);
        assert_eq!(issues(), []);
        // Somebody else's issue with our label and marker is not ours.
        lab.double.with(|github| github.issue(&bea(), "drift", "<!-- rem-ci:drift:dev -->\nbuy now", &[LABEL]));
        retention(&lab, 30).await;
        assert_eq!(lab.scheduled().run().await.exit, Exit::Done);
        assert_eq!(lab.scheduled().run().await.exit, Exit::Done);
        let found = issues();
        assert_eq!(found.len(), 2, "{found:?}");
        let number = found[1].0;
        let body = lab.double.with(|github| github.issues[&number].body.clone());
        let shown = body.lines().take_while(|line| !line.starts_with("[The run")).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!("drift_issue", super::lab::masked(&shown));
        retention(&lab, 7).await;
        assert_eq!(lab.scheduled().run().await.exit, Exit::Done);
        assert_eq!(issues(), [(found[0].0, true), (number, false)]);
        // It comes back: the same issue again.
        retention(&lab, 30).await;
        assert_eq!(lab.dispatched("drift").with("REM_CI_ENVIRONMENT", "dev").run().await.exit, Exit::Done);
        assert_eq!(issues(), [(found[0].0, true), (number, true)]);
    });
}

/// Shown first, then by name and by the digest that was shown, from the default branch alone.
#[test]
fn destroy_by_name() {
    virtual_time(async {
        let lab = Lab::new();
        let plan = |confirm: &str| {
            lab.dispatched("plan-destroy").with("REM_CI_ENVIRONMENT", "dev").with("REM_CI_CONFIRM", confirm)
        };
        for wrong in ["", "prod", "DEV", "dev x"] {
            assert_eq!(plan(wrong).run().await.ended(), (Exit::Refused, vec!["not-confirmed"]), "{wrong:?}");
        }
        assert_eq!(plan("dev").on("refs/heads/other").run().await.ended(), (Exit::Refused, vec!["not-default-branch"]));
        assert_eq!(lab.opened.borrow().len(), 0);
        let shown = plan("dev").run().await;
        assert_eq!(shown.exit, Exit::Done, "{:?}", shown.codes);
        assert!(shown.summary.contains("node-group"), "{}", shown.summary);
        let digest = shown.outputs["plan-digest"].clone();
        let destroy = |digest: &str| {
            let job = lab.dispatched("destroy").with("REM_CI_ENVIRONMENT", "dev").with("REM_CI_CONFIRM", "dev");
            job.with("REM_CI_EXPECT_PLAN", digest)
        };
        assert_eq!(destroy("").run().await.ended(), (Exit::Refused, vec!["not-confirmed"]));
        let other = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(destroy(&other).run().await.ended(), (Exit::PlanChanged, vec!["plan-changed"]));
        assert_eq!(moved(&look(&lab.loaded(), &lab.world()).await.expect("a look").plan), Vec::<String>::new());
        let done = destroy(&digest).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert_eq!(lab.opened.borrow().last(), Some(&"destroy"));
        let shown = done.summary.find("to destroy").or(done.summary.find("destroy")).expect("the plan first");
        assert!(shown < done.summary.find("destroyed in").expect("the end"), "{}", done.summary);
        let plan = look(&lab.loaded(), &lab.world()).await.expect("a look").plan;
        let gone = |kind: &str| plan.steps.iter().any(|step| step.kind == kind && step.action.word() == "create");
        assert!(gone("vpc") && gone("cluster") && gone("node-group"), "{:?}", moved(&plan));
    });
}

/// `protect` is the default branch's word, and a real environment heeds it.
#[test]
fn a_protected_environment_is_not_destroyed() {
    virtual_time(async {
        let lab = Lab::new();
        lab.live.set(true);
        let plan = || lab.dispatched("plan-destroy").with("REM_CI_ENVIRONMENT", "dev").with("REM_CI_CONFIRM", "dev");
        assert_eq!(plan().run().await.exit, Exit::Done);
        lab.edit("protect: false", "protect: true");
        lab.sync();
        assert_eq!(plan().run().await.ended(), (Exit::Refused, vec!["protected"]));
    });
}

#[test]
fn what_is_touched_is_a_matrix() {
    virtual_time(async {
        let lab = Lab::new();
        let before = lab.tip();
        lab.write("README.md", "other");
        lab.commit("Something else");
        lab.sync();
        let changed = |before: &str| lab.pushed(before).with("REM_CI_COMMAND", "changed");
        let done = changed(&before).run().await;
        assert_eq!((done.outputs["changed"].as_str(), done.outputs["matrix"].as_str()), ("false", r#"{"include":[]}"#));
        let one = r#"{"include":[{"environment":"dev","account":"123456789012","region":"us-east-1"}]}"#;
        // What it extends is its own too.
        let before = lab.tip();
        let base = lab.read("environments/base.yaml");
        lab.write("environments/base.yaml", &format!("{base}\n# more\n"));
        lab.commit("The base");
        lab.sync();
        assert_eq!(changed(&before).run().await.outputs["matrix"], one);
        // So is the version of rem-ci; another action is not.
        let before = lab.tip();
        lab.write(".github/workflows/rem-ci.yml", "jobs:\n  a:\n    steps:\n      - uses: actions/checkout@1\n");
        lab.commit("A workflow");
        lab.sync();
        assert_eq!(changed(&before).run().await.outputs["changed"], "false");
        let before = lab.tip();
        lab.write(".github/workflows/rem-ci.yml", "jobs:\n  a:\n    steps:\n      - uses: acme/rem-ci@2\n");
        lab.commit("Another rem-ci");
        lab.sync();
        assert_eq!(changed(&before).run().await.outputs["matrix"], one);
        // A file that is gone destroys nothing, and somebody is told.
        let before = lab.tip();
        std::fs::remove_file(lab.folder().join(super::lab::FILE)).expect("removed");
        lab.commit("No dev");
        lab.sync();
        let done = changed(&before).run().await;
        assert_eq!(done.outputs["changed"], "false");
        assert_eq!(done.annotated[0].code, "orphaned");
        assert_eq!(lab.scheduled().with("REM_CI_COMMAND", "changed").run().await.outputs["changed"], "false");
    });
}

/// Told to stop in the middle of an apply: the lock goes, the comment says where it stands, and all of it within five seconds.
/// The same job run again completes it.
#[test]
fn stopped_in_the_middle_of_an_apply() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("more", "natGateways: single", "natGateways: perZone");
        lab.plan(pull).await;
        let before = lab.merge(pull, How::Squash);
        let done = lab.pushed(&before).stopped_at(3).run().await;
        assert_eq!(done.exit, Exit::Interrupted, "{:?}", done.codes);
        assert_eq!(done.outputs["failure-reason"], "interrupted");
        let seconds = done.stopping.expect("it was told");
        assert!(seconds <= 5.0, "{seconds} s");
        assert!(!locked(&lab.world(), &lab.loaded()).await);
        assert_eq!(lab.status(&lab.tip(), APPLY).0, "failure");
        insta::assert_snapshot!("interrupted", lab.shown(pull));
        let done = lab.pushed(&before).again(9002, 2).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        assert_eq!(moved(&look(&lab.loaded(), &lab.world()).await.expect("a look").plan), Vec::<String>::new());
    });
}

/// Told to stop while it plans, it leaves no status that waits for ever.
#[test]
fn stopped_while_it_plans() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        let stop = lab.planned(pull, "opened");
        let done = stop.stopped_after(std::time::Duration::from_millis(4200)).run().await;
        assert_eq!(done.ended(), (Exit::Interrupted, vec!["stopped"]));
        assert_ne!(lab.status(&lab.head(pull), PLAN).0, "pending");
        lab.plan(pull).await;
    });
}

/// Told to stop while it still asks GitHub what was approved: nothing is begun.
#[test]
fn stopped_before_it_applies() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        lab.plan(pull).await;
        lab.double.with(|github| github.lag = 3600);
        let before = lab.merge(pull, How::Squash);
        let began = lab.region.clock.boot();
        let done = lab.pushed(&before).stopped_after(std::time::Duration::from_secs(9)).run().await;
        let took = lab.region.clock.boot().saturating_sub(began);
        let calls = lab.double.with(|github| github.calls.clone());
        assert_eq!(done.ended(), (Exit::Interrupted, vec!["stopped"]), "{took:?} {calls:#?} {:#?}", done.annotated);
        assert_eq!(lab.status(&lab.tip(), APPLY).0, "failure");
        assert_eq!(moved(&look(&lab.loaded(), &lab.world()).await.expect("a look").plan).len(), 1);
        lab.double.with(|github| github.lag = 0);
        assert_eq!(lab.pushed(&before).again(9002, 2).run().await.exit, Exit::Done);
    });
}
