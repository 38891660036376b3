//! Approvals that are none, plans that have changed, runs that are late: each beside the same story with one fact changed.

use rem_ci::action::approval::{Approval, Digests, Known, Name};
use rem_ci::cloud::{Holder, Lock};
use rem_ci::problem::Exit;

use super::lab::{APPLY, How, Lab, PLAN, bea};
use crate::common::{look, virtual_time};
use crate::fault::moved;
use crate::github_double::state::Actor;

const FROM: &str = "retentionDays: 7";
const TO: &str = "retentionDays: 14";

/// Whether anything of a change has reached the region.
async fn untouched(lab: &Lab) -> bool {
    let plan = look(&lab.loaded(), &lab.world()).await.expect("a look").plan;
    moved(&plan).iter().any(|row| row.contains("log-group"))
}

/// Somebody changes the environment by hand, beside what is planned.
async fn by_hand(lab: &Lab, back: bool) {
    let (loaded, world) = (lab.loaded(), lab.world());
    let looked = look(&loaded, &world).await.expect("a look");
    let queue = looked.plan.steps.iter().find(|step| step.kind == "sqs-queue").expect("a queue");
    let url = queue.live.as_ref().expect("it is there").id.clone();
    let seconds = if back { "300" } else { "1200" };
    let attribute = aws_sdk_sqs::types::QueueAttributeName::MessageRetentionPeriod;
    world.cloud.sqs.set_queue_attributes().queue_url(url).attributes(attribute, seconds).send().await.expect("changed");
}

#[test]
fn what_has_changed_in_between_is_not_applied() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        by_hand(&lab, false).await;
        let before = lab.merge(pull, How::Squash);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::PlanChanged, vec!["plan-changed"]), "{:#?}", done.annotated);
        assert_eq!(done.outputs["failure-reason"], "plan-changed");
        assert_eq!(lab.status(&lab.tip(), APPLY).0, "failure");
        assert!(untouched(&lab).await);
        insta::assert_snapshot!("plan_changed", lab.shown(pull));
        // With the hand's change taken back, the same run goes through.
        by_hand(&lab, true).await;
        let done = lab.pushed(&before).again(9002, 2).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
    });
}

#[test]
fn merged_before_the_plan_had_ended() {
    for (state, ended) in [
        ("pending", (Exit::Refused, vec!["plan-unfinished"])),
        ("failure", (Exit::Refused, vec!["plan-failed"])),
        ("success", (Exit::Done, Vec::new())),
    ] {
        virtual_time(async {
            let lab = Lab::new();
            let pull = lab.open("longer-logs", FROM, TO);
            lab.plan(pull).await;
            let head = lab.head(pull);
            let text = lab.status(&head, PLAN).1;
            lab.double.with(|github| github.status(&head, PLAN, state, &text, &Actor::actions()));
            let before = lab.merge(pull, How::Merge);
            let done = lab.pushed(&before).run().await;
            assert_eq!(done.ended(), ended, "{state}");
            assert_eq!(untouched(&lab).await, done.exit != Exit::Done, "{state}");
        });
    }
}

#[test]
fn never_planned() {
    for planned in [false, true] {
        virtual_time(async {
            let lab = Lab::new();
            let pull = lab.open("longer-logs", FROM, TO);
            if planned {
                lab.plan(pull).await;
            }
            let before = lab.merge(pull, How::Merge);
            let done = lab.pushed(&before).run().await;
            let ended = if planned { (Exit::Done, Vec::new()) } else { (Exit::Refused, vec!["plan-missing"]) };
            assert_eq!(done.ended(), ended, "planned: {planned}");
            assert_eq!(untouched(&lab).await, !planned);
        });
    }
}

/// A bump of rem-ci itself is planned by the old one, and a program's pull request not at all: what the new one makes of it
/// is applied only where that is nothing. The hand on the queue stands for what the new one would want otherwise.
#[test]
fn a_bump_of_rem_ci_that_changes_a_plan_goes_to_the_gate() {
    for (bot, changes) in [(true, false), (true, true), (false, false), (false, true)] {
        virtual_time(async {
            let lab = Lab::new();
            let pull = lab.bump();
            if bot {
                let bot = Actor { login: "renovate[bot]".to_owned(), id: 29_139_614, kind: "Bot" };
                lab.double.with(|github| github.pulls.get_mut(&pull).expect("it").author = bot);
                assert_eq!(lab.planned(pull, "opened").run().await.exit, Exit::Done);
                assert_eq!(lab.opened.borrow().len(), 0, "no cloud for a program");
            } else {
                lab.plan(pull).await;
            }
            let before = lab.merge(pull, How::Squash);
            if changes {
                by_hand(&lab, false).await;
            }
            let done = lab.pushed(&before).run().await;
            let told = format!("bot: {bot}, changes: {changes}: {:?} {:#?}", done.codes, done.annotated);
            let queue = || async {
                let plan = look(&lab.loaded(), &lab.world()).await.expect("a look").plan;
                moved(&plan).iter().any(|row| row.contains("sqs-queue"))
            };
            if !changes {
                assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{told}");
                return;
            }
            assert!(matches!(done.exit, Exit::Refused | Exit::PlanChanged), "{told}");
            assert!(queue().await, "it is as it was");
            lab.with_reviewers();
            let digest = lab.pushed(&before).with("REM_CI_COMMAND", "plan").run().await.outputs["plan-digest"].clone();
            let done = lab.pushed(&before).with("REM_CI_EXPECT_PLAN", &digest).run().await;
            assert_eq!(done.ended(), (Exit::Done, Vec::new()), "bot: {bot}: {:#?}", done.annotated);
            assert!(!queue().await);
        });
    }
}

/// A direct push goes to the gate: with people there, who were shown the new plan, it is applied.
#[test]
fn a_direct_push_waits_for_people() {
    virtual_time(async {
        let lab = Lab::new();
        let before = lab.tip();
        lab.edit(FROM, TO);
        lab.sync();
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Refused, vec!["not-approved"]));
        insta::assert_snapshot!(
            "direct_push",
            done.summary.lines().skip(1).take(7).collect::<Vec<_>>().join("\n").replace(&lab.tip()[..7], "c0mm1t0")
        );
        let gate = lab.pushed(&before).with("REM_CI_COMMAND", "plan").run().await;
        assert_eq!(gate.exit, Exit::Done);
        let digest = gate.outputs["plan-digest"].clone();
        // A gate that nobody stands at is none.
        let open = lab.pushed(&before).with("REM_CI_EXPECT_PLAN", &digest).run().await;
        assert_eq!(open.ended(), (Exit::Refused, vec!["not-approved", "gate-open"]));
        lab.with_reviewers();
        let other = format!("sha256:{}", "ab".repeat(32));
        let wrong = lab.pushed(&before).with("REM_CI_EXPECT_PLAN", &other).run().await;
        assert_eq!(wrong.ended(), (Exit::PlanChanged, vec!["plan-changed"]));
        assert!(untouched(&lab).await);
        let done = lab.pushed(&before).with("REM_CI_EXPECT_PLAN", &digest).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert!(!untouched(&lab).await);
    });
}

/// The right status, by whoever can write to the repository, and no approval behind it; and the same status with one.
#[test]
fn a_forged_status_approves_nothing() {
    for forged in [true, false] {
        virtual_time(async {
            let lab = Lab::new();
            let pull = lab.open("longer-logs", FROM, TO);
            let head = lab.head(pull);
            let mut text = format!("+0 ~1 -0 · plan {} · input {}", "ab".repeat(32), "cd".repeat(8));
            if !forged {
                lab.plan(pull).await;
                text = lab.status(&head, PLAN).1;
            }
            lab.double.with(|github| github.status(&head, PLAN, "success", &text, &Actor::actions()));
            let before = lab.merge(pull, How::Merge);
            let done = lab.pushed(&before).run().await;
            let refused = (Exit::PlanChanged, vec!["approval-forged"]);
            assert_eq!(done.ended(), if forged { refused } else { (Exit::Done, Vec::new()) });
            assert_eq!(untouched(&lab).await, forged);
        });
    }
}

/// An approval of one pull request, put where another's would be.
#[test]
fn an_approval_in_a_forged_place_approves_nothing() {
    virtual_time(async {
        let lab = Lab::new();
        let (real, other) = (lab.open("one", FROM, TO), lab.open("other", FROM, "retentionDays: 30"));
        lab.plan(real).await;
        let digests = rem_ci::action::status::digests(&lab.status(&lab.head(real), PLAN).1).expect("digests");
        let world = lab.world();
        let store = world.store.as_ref().expect("a bucket");
        let (from, to) = (lab.head(real), lab.head(other));
        let name = |pull, head| Name { environment: "dev", pull, head_sha: head, digests: &digests }.key();
        let body = store.get(&name(real, &from)).await.expect("it answers").expect("an approval").body;
        store.put(&name(other, &to), body, None).await.expect("written");
        let text = lab.status(&from, PLAN).1;
        lab.double.with(|github| github.status(&to, PLAN, "success", &text, &Actor::actions()));
        let before = lab.merge(other, How::Merge);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::PlanChanged, vec!["approval-forged"]));
        assert!(done.annotated[0].title.contains("pull request, commit"), "{}", done.annotated[0].title);
        assert!(untouched(&lab).await);
    });
}

/// An approval that was in place before rem-ci could write one is not written over, and no success is told.
#[test]
fn a_place_that_is_taken_is_not_written_over() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        let head = lab.head(pull);
        let digests = rem_ci::action::status::digests(&lab.status(&head, PLAN).1).expect("digests");
        let (loaded, world) = (lab.loaded(), lab.world());
        let store = world.store.as_ref().expect("a bucket");
        let name = Name { environment: "dev", pull, head_sha: &head, digests: &digests };
        let there = Approval::read(store, &name).await.expect("it answers").expect("an approval");
        let known =
            Known { repository_id: 1, pull, base_ref: "main", head_sha: &head, spec: &loaded.spec, digests: &digests };
        assert_eq!(there.disagrees(&known), ["repository"]);
        let forged = Approval { repository_id: 1, ..there.clone() };
        store.put(&name.key(), serde_json::to_vec(&forged).expect("JSON"), None).await.expect("written");
        let done = lab.planned(pull, "reopened").run().await;
        assert_eq!(done.exit, Exit::PlanChanged);
        assert_eq!(lab.status(&head, PLAN).0, "error");
        // With the real one there, planning again is fine.
        store.put(&name.key(), serde_json::to_vec(&there).expect("JSON"), None).await.expect("written");
        assert_eq!(lab.planned(pull, "reopened").run().await.exit, Exit::Done);
        assert_eq!(Digests::of(&there.plan_digest, &there.input_digest), digests);
    });
}

/// A comment that bears our marker and is somebody else's is left alone.
#[test]
fn a_forged_marker_is_not_ours() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        let (ours, body) = lab.comment(pull);
        let forged = body.replace("planned", "approved by the owner of everything");
        let theirs = lab.double.with(|github| {
            github.comments.remove(&ours);
            github.comment(pull, &bea(), &forged)
        });
        assert_eq!(lab.planned(pull, "synchronize").run().await.exit, Exit::Done);
        let (again, new) = lab.comment(pull);
        assert!(again > theirs);
        assert!(!new.contains("owner of everything"));
        lab.double.with(|github| assert_eq!(github.comments[&theirs].body, forged));
    });
}

/// An old run that is started again, after something newer is there.
#[test]
fn an_old_run_stands_down() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        let before = lab.merge(pull, How::Squash);
        let (sha, old) = (lab.tip(), lab.pushed(&before));
        // Something that has nothing to do with dev: the old run is as good as a new one.
        lab.write("README.md", "other");
        lab.commit("Something else");
        lab.sync();
        let done = lab.pushed(&before).at(&sha).run().await;
        assert_eq!((done.exit, lab.status(&sha, APPLY).0.as_str()), (Exit::Done, "success"));
        // Dev's own file: the old run has no say any more.
        lab.edit("limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 20, memory: 60Gi}");
        lab.sync();
        let opened = lab.opened.borrow().len();
        let done = old.again(9002, 2).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()));
        assert_eq!(done.annotated[0].code, "superseded");
        assert_eq!(lab.opened.borrow().len(), opened, "it did not even look");
        // So does a plan of a commit that is not the last of its pull request.
        let pull = lab.open("two", FROM.replace('7', "14").as_str(), "retentionDays: 30");
        let early = lab.planned(pull, "opened");
        lab.push(pull, "retentionDays: 30", "retentionDays: 60");
        assert_eq!(early.run().await.annotated[0].code, "superseded");
        assert_eq!(lab.plan(pull).await.annotated.iter().filter(|problem| problem.code == "superseded").count(), 0);
    });
}

/// The default branch moves on while a run waits for its lock: asked again under it, the run stands down.
#[test]
fn main_moves_while_a_run_waits() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        let before = lab.merge(pull, How::Squash);
        let sha = lab.tip();
        *lab.meanwhile.borrow_mut() = Some(Box::new(|lab: &Lab| {
            lab.edit("limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 20, memory: 60Gi}");
            lab.sync();
        }));
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()));
        assert!(done.annotated.iter().any(|problem| problem.code == "superseded"));
        assert!(lab.status(&sha, APPLY).1.starts_with("stood down"));
        assert!(untouched(&lab).await);
    });
}

#[test]
fn a_lock_that_somebody_holds() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", FROM, TO);
        lab.plan(pull).await;
        let world = lab.world();
        let holder = Holder {
            format: "rem-ci/lock/v1".to_owned(),
            id: "0123456789abcdef".to_owned(),
            environment: "dev".to_owned(),
            run: "somebody else".to_owned(),
            verb: "apply".to_owned(),
            epoch: 0,
            beat: 0,
        };
        let lock = Lock::take(world.store.as_ref().expect("a bucket"), holder, world.clock).await.expect("free");
        let before = lab.merge(pull, How::Squash);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Locked, vec!["locked"]));
        assert_eq!(done.outputs["failure-reason"], "locked");
        assert!(lab.shown(pull).contains("somebody else"), "{}", lab.shown(pull));
        assert!(untouched(&lab).await);
        lock.release().await.expect("released");
        assert_eq!(lab.pushed(&before).again(9002, 2).run().await.exit, Exit::Done);
    });
}

/// `policy.requireReview`: somebody else, and exactly what was merged.
#[test]
fn what_nobody_has_reviewed() {
    for (who, exit) in [(Some(bea()), Exit::Done), (None, Exit::Refused)] {
        virtual_time(async {
            let lab = Lab::new();
            lab.edit("policy: {requireReview: false}", "policy: {requireReview: true}");
            lab.sync();
            let pull = lab.open("longer-logs", FROM, TO);
            lab.plan(pull).await;
            if let Some(who) = &who {
                lab.double.with(|github| github.approve(pull, who));
            }
            let before = lab.merge(pull, How::Squash);
            let done = lab.pushed(&before).run().await;
            assert_eq!(done.exit, exit, "{:?}", done.codes);
            if exit == Exit::Refused {
                assert_eq!(done.codes, ["not-reviewed"]);
            }
        });
    }
}
