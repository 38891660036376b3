//! Opened, pushed to, merged in every way, applied: the comment of each stage is a snapshot.

use rem_ci::problem::Exit;

use super::lab::{APPLY, How, Lab, PLAN};
use crate::common::{look, virtual_time};
use crate::fault::{locked, moved, record};

/// From an opened pull request to a verified apply. Gives the comments of the stages.
fn story(how: How) -> Vec<String> {
    virtual_time(async {
        let lab = Lab::new();
        let mut told = Vec::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        let done = lab.plan(pull).await;
        assert_eq!((done.outputs["changed"].as_str(), done.outputs["to-change"].as_str()), ("true", "1"));
        assert!(done.outputs["plan-digest"].starts_with("sha256:"), "{:?}", done.outputs);
        assert_eq!(done.outputs["failure-reason"], "");
        assert!(done.summary.contains("log-group"), "{}", done.summary);
        let (first, _) = lab.comment(pull);
        told.push(lab.shown(pull));

        lab.push(pull, "limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 30, memory: 60Gi}");
        let done = lab.planned(pull, "synchronize").run().await;
        assert_eq!((done.exit, done.outputs["to-change"].as_str()), (Exit::Done, "2"));
        assert_eq!(lab.comment(pull).0, first, "the same comment");
        told.push(lab.shown(pull));
        assert_eq!(lab.status(&lab.head(pull), PLAN).0, "success");

        let before = lab.merge(pull, how);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert_eq!(lab.comment(pull).0, first, "the same comment");
        told.push(lab.shown(pull));
        let (state, text) = lab.status(&lab.tip(), APPLY);
        assert_eq!(state, "success");
        assert!(text.starts_with("applied in ") && text.contains("verified"), "{text}");
        assert!(done.summary.contains("applied in"), "{}", done.summary);

        // It is there, it is written down with its commit, and nobody holds the lock.
        let (loaded, world) = (lab.loaded(), lab.world());
        assert_eq!(moved(&look(&loaded, &world).await.expect("a look").plan), Vec::<String>::new());
        assert_eq!(record(&world, &loaded).await.and_then(|record| record.commit), Some(lab.tip()));
        assert!(!locked(&world, &loaded).await);
        // The same push once more has nothing to do.
        let again = lab.pushed(&before).run().await;
        assert_eq!((again.exit, again.outputs["changed"].as_str()), (Exit::Done, "false"));
        assert_eq!(*lab.opened.borrow(), ["plan", "plan", "apply", "apply"]);
        told
    })
}

#[test]
fn by_a_merge_commit() {
    let told = story(How::Merge);
    insta::assert_snapshot!("opened", told[0]);
    insta::assert_snapshot!("pushed_again", told[1]);
    insta::assert_snapshot!("applied", told[2]);
}

#[test]
fn by_squashing() {
    assert!(story(How::Squash)[2].contains("verified"));
}

#[test]
fn by_rebasing() {
    assert!(story(How::Rebase)[2].contains("verified"));
}

/// Three pull requests, planned each on its own, merged as one group.
#[test]
fn a_merge_group_of_three() {
    virtual_time(async {
        let lab = Lab::new();
        let pulls = lab.three();
        for pull in pulls {
            lab.plan(pull).await;
        }
        let before = lab.tip();
        let (group, ranges) = lab.queue(&pulls);
        let done = lab.grouped(&group).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert_eq!(done.outputs["to-change"], "3");
        assert_eq!(lab.status(&group.2, PLAN).0, "success");

        lab.git(&["merge", "--quiet", "--ff-only", &group.0]);
        lab.brought(&ranges);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        for pull in pulls {
            assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        }
        assert_eq!(moved(&look(&lab.loaded(), &lab.world()).await.expect("a look").plan), Vec::<String>::new());
    });
}

/// A group that does more than its pull requests have shown does not get through.
#[test]
fn a_group_with_something_that_nobody_has_shown() {
    virtual_time(async {
        let lab = Lab::new();
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        lab.plan(pull).await;
        let before = lab.tip();
        let queue = format!("gh-readonly-queue/main/pr-{pull}-{before}");
        lab.git(&["switch", "--quiet", "--create", &queue]);
        lab.git(&[
            "merge",
            "--quiet",
            "--no-ff",
            "-m",
            &format!("Merge pull request #{pull} from octo/x"),
            "longer-logs",
        ]);
        let sha = lab.edit("limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 200, memory: 40Gi}");
        lab.git(&["switch", "--quiet", "main"]);
        lab.sync();
        let done = lab.grouped(&(queue, before, sha.clone())).run().await;
        assert_eq!(done.exit, Exit::PlanChanged);
        assert_eq!(lab.status(&sha, PLAN).0, "failure");
    });
}

/// Two pull requests on one environment: after the first is applied the other's plan is old, and says so until it is made anew.
#[test]
fn the_other_one_is_stale() {
    virtual_time(async {
        let lab = Lab::new();
        let one = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        let other = lab.open("burst", "limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 20, memory: 60Gi}");
        lab.plan(one).await;
        lab.plan(other).await;
        let before = lab.merge(one, How::Squash);
        assert_eq!(lab.pushed(&before).run().await.exit, Exit::Done);
        let (state, text) = lab.status(&lab.head(other), PLAN);
        assert_eq!(state, "failure");
        assert!(text.starts_with("stale"), "{text}");
        insta::assert_snapshot!("stale", lab.shown(other));
        // Merged all the same, it is refused; made anew on what is merged now, it goes through.
        let before = lab.tip();
        lab.plan(other).await;
        lab.merge(other, How::Merge);
        let done = lab.pushed(&before).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
    });
}

/// Two merges one after the other, and the first one's run comes late: it stands down, and the second applies what both have
/// brought, by both approvals.
#[test]
fn two_fast_merges() {
    virtual_time(async {
        let lab = Lab::new();
        let first = lab.open("logs", "retentionDays: 7", "retentionDays: 14");
        lab.plan(first).await;
        let before = lab.merge(first, How::Squash);
        assert_eq!(lab.pushed(&before).run().await.exit, Exit::Done);

        let one = lab.open("longer-logs", "retentionDays: 14", "retentionDays: 30");
        let other = lab.open("burst", "limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 20, memory: 60Gi}");
        lab.plan(one).await;
        lab.plan(other).await;
        let before = lab.merge(one, How::Squash);
        let late = lab.pushed(&before);
        let between = lab.merge(other, How::Merge);
        let done = late.run().await;
        assert_eq!((done.exit, done.annotated[0].code), (Exit::Done, "superseded"));
        let done = lab.pushed(&between).run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        for pull in [one, other] {
            assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        }
        assert_eq!(moved(&look(&lab.loaded(), &lab.world()).await.expect("a look").plan), Vec::<String>::new());
    });
}
