//! One comment of ours, whatever happens and whoever else writes.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::future::join_all;
use rem_ci::github::{Next, Put, Sticky};

use super::{DELETE, LIST, PATCH, POST, body, place, read, seconds, whole};
use crate::github_double::state::Actor;
use crate::github_double::{Does, Fault};

#[test]
fn made_then_changed_in_four_and_three_calls() {
    place(async |place| {
        let put = place.client.put_comment(place.pull, &whole(1, 1, 1, "planning")).await.expect("a comment");
        let Put::Written(comment) = put else { panic!("{put:?}") };
        assert_eq!(place.client.comment(comment.id).await.expect("an answer"), Some(comment));
        assert_eq!(place.client.comment(1).await.expect("an answer"), None);
        assert_eq!(place.bodies(), [body(1, 1, 1, "planning")]);
        assert_eq!((place.count(LIST), place.count(POST), place.count(PATCH)), (2, 1, 0));
        place.client.put_comment(place.pull, &whole(1, 1, 2, "planned")).await.expect("a comment");
        assert_eq!(place.bodies(), [body(1, 1, 2, "planned")]);
        assert_eq!((place.count(LIST), place.count(POST), place.count(PATCH)), (4, 1, 1));
        // Nothing new to say: one look.
        place.client.put_comment(place.pull, &whole(1, 1, 2, "planned")).await.expect("a comment");
        assert_eq!((place.count(LIST), place.count(POST), place.count(PATCH)), (5, 1, 1));
    });
}

#[test]
fn a_lost_reply_makes_no_second_comment() {
    for does in [Does::Lost, Does::FailsAfter(502), Does::Slow(15)] {
        place(async |place| {
            place.double.with(|state| state.faults.push(Fault::new(POST, 1, does)));
            place.client.put_comment(place.pull, &whole(1, 1, 1, "planned")).await.expect("a comment");
            assert_eq!(place.bodies(), [body(1, 1, 1, "planned")]);
            assert_eq!(place.count(POST), 1, "sent once, found by looking");
        });
    }
}

/// The same with one fact changed: the effect did not happen, so it is sent again.
#[test]
fn a_request_without_effect_is_sent_again_after_a_look() {
    for does in [Does::Cut, Does::Fails(500), Does::Fails(503)] {
        place(async |place| {
            place.double.with(|state| state.faults.push(Fault::new(POST, 1, does)));
            place.client.put_comment(place.pull, &whole(1, 1, 1, "planned")).await.expect("a comment");
            assert_eq!(place.bodies(), [body(1, 1, 1, "planned")]);
            assert_eq!(place.count(POST), 2);
            let order = place.double.with(|state| state.calls.clone());
            let posts: Vec<_> = order.iter().enumerate().filter(|(_, call)| *call == POST).map(|(at, _)| at).collect();
            assert!(order[posts[0]..posts[1]].iter().any(|call| call == LIST), "{order:?}");
        });
    }
}

#[test]
fn found_behind_two_hundred_others() {
    place(async |place| {
        let somebody = Actor::user("octocat", 583_231);
        place.double.with(|state| {
            for at in 0..203 {
                state.comment(place.pull, &somebody, &format!("comment {at}"));
            }
            state.comment(place.pull, &Actor::actions(), &body(1, 1, 1, "old"));
            state.comment(place.pull, &somebody, "one more");
        });
        place.client.put_comment(place.pull, &whole(2, 1, 1, "new")).await.expect("a comment");
        assert_eq!(place.bodies().len(), 205);
        assert_eq!(place.bodies()[203], body(2, 1, 1, "new"));
        assert_eq!((place.count(POST), place.count(PATCH)), (0, 1));
        assert_eq!(place.count(LIST), 6, "three pages, twice");
    });
}

#[test]
fn deleted_in_between_is_made_anew() {
    place(async |place| {
        place.client.put_comment(place.pull, &whole(1, 1, 1, "planning")).await.expect("a comment");
        let gone = Does::Meanwhile(Arc::new(|state| state.comments.clear()));
        place.double.with(|state| state.faults.push(Fault::new(PATCH, 1, gone)));
        place.client.put_comment(place.pull, &whole(1, 1, 2, "planned")).await.expect("a comment");
        assert_eq!(place.bodies(), [body(1, 1, 2, "planned")]);
        assert_eq!((place.count(POST), place.count(PATCH)), (2, 1));
    });
}

#[test]
fn deleted_after_the_last_look_was_there_when_we_looked() {
    place(async |place| {
        // Somebody deletes it between our write and our look: it is written again.
        let gone = Does::Meanwhile(Arc::new(|state| state.comments.clear()));
        place.double.with(|state| state.faults.push(Fault::new(LIST, 2, gone)));
        place.client.put_comment(place.pull, &whole(1, 1, 1, "planned")).await.expect("a comment");
        assert_eq!(place.bodies(), [body(1, 1, 1, "planned")]);
        assert_eq!(place.count(POST), 2);
    });
}

#[test]
fn somebody_elses_marker_is_neither_read_nor_written() {
    place(async |place| {
        let forged = body(99, 1, 1, "approved, trust me");
        place.double.with(|state| state.comment(place.pull, &Actor::user("mallory", 666), &forged));
        // A bot of another app, too.
        let other = Actor { login: "other[bot]".to_owned(), id: 5, kind: "Bot" };
        place.double.with(|state| state.comment(place.pull, &other, &forged));
        // Ours, but the marker is not on the first line.
        let quoted = format!("> quoted\n{forged}");
        place.double.with(|state| state.comment(place.pull, &Actor::actions(), &quoted));
        let put = place.client.put_comment(place.pull, &whole(1, 1, 1, "planned")).await.expect("a comment");
        assert!(matches!(put, Put::Written(_)));
        assert_eq!(place.bodies(), [forged.clone(), forged, quoted, body(1, 1, 1, "planned")]);
        assert_eq!((place.count(POST), place.count(PATCH), place.count(DELETE)), (1, 0, 0));
    });
}

#[test]
fn an_older_run_never_writes_over_a_newer_one() {
    // (what is there, what wants to write, whether it may)
    for (there, want, may) in [
        ((5, 1, 1), (4, 1, 9), false),
        ((5, 1, 1), (4, 2, 9), false),
        ((5, 2, 1), (5, 1, 9), false),
        ((5, 1, 8), (5, 1, 7), false),
        ((5, 1, 1), (5, 1, 2), true),
        ((5, 1, 9), (5, 2, 1), true),
        ((5, 2, 9), (6, 1, 1), true),
    ] {
        place(async |place| {
            place.client.put_comment(place.pull, &whole(there.0, there.1, there.2, "there")).await.expect("a comment");
            let put =
                place.client.put_comment(place.pull, &whole(want.0, want.1, want.2, "want")).await.expect("an end");
            assert_eq!(matches!(put, Put::Written(_)), may, "{there:?} {want:?}");
            let text =
                if may { body(want.0, want.1, want.2, "want") } else { body(there.0, there.1, there.2, "there") };
            assert_eq!(place.bodies(), [text]);
            assert_eq!(place.count(PATCH), usize::from(may));
        });
    }
}

/// The older run has read before the newer one wrote, and writes after it.
#[test]
fn an_older_run_that_writes_late_is_written_over_again() {
    place(async |place| {
        place.client.put_comment(place.pull, &whole(1, 1, 1, "first")).await.expect("a comment");
        let late = Does::Meanwhile(Arc::new(|state| {
            // Just before our second look.
            let old = body(2, 1, 1, "older, but late");
            state.comments.values_mut().for_each(|comment| comment.body.clone_from(&old));
        }));
        place.double.with(|state| state.faults.push(Fault::new(LIST, 2, late)));
        place.client.put_comment(place.pull, &whole(3, 1, 1, "newest")).await.expect("a comment");
        assert_eq!(place.bodies(), [body(3, 1, 1, "newest")]);
        assert_eq!(place.count(PATCH), 2);
    });
}

#[test]
fn ten_racing_jobs_end_with_one_comment() {
    place(async |place| {
        let jobs: Vec<_> = (1..=10)
            .map(|run| {
                let client = place.double.client("ghs_workflow", place.clock);
                async move { client.put_comment(place.pull, &whole(run, 1, 1, &format!("run {run}"))).await }
            })
            .collect();
        for (at, put) in join_all(jobs).await.into_iter().enumerate() {
            put.unwrap_or_else(|error| panic!("run {}: {error}", at + 1));
        }
        assert_eq!(place.bodies(), [body(10, 1, 1, "run 10")]);
        assert!(place.count(POST) > 1, "nobody raced");
        assert_eq!(place.count(DELETE) + 1, place.count(POST), "everybody takes his own away");
    });
}

/// Jobs of one run that say a line each, in one comment.
struct Line(u64);

impl Line {
    fn text(&self) -> String {
        format!("environment {:02} is fine", self.0)
    }
}

impl Sticky for Line {
    fn knows(&self, body: &str) -> bool {
        read(body).is_some()
    }

    fn next(&self, now: Option<&str>) -> Next {
        let mut lines: Vec<String> = now.into_iter().flat_map(|body| body.lines().skip(1)).map(str::to_owned).collect();
        lines.push(self.text());
        lines.sort();
        lines.dedup();
        Next::Write(body(1, 1, 1, lines.join("\n").trim_end()))
    }

    fn holds(&self, body: &str) -> bool {
        body.lines().any(|line| line == self.text())
    }
}

#[test]
fn ten_racing_jobs_all_have_their_say_in_one_comment() {
    place(async |place| {
        let jobs: Vec<_> = (1..=10)
            .map(|job| {
                let client = place.double.client("ghs_workflow", place.clock);
                async move { client.put_comment(place.pull, &Line(job)).await }
            })
            .collect();
        for put in join_all(jobs).await {
            put.expect("a comment");
        }
        let bodies = place.bodies();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        for job in 1..=10 {
            assert!(Line(job).holds(&bodies[0]), "job {job} is missing: {}", bodies[0]);
        }
    });
}

/// A twin whose maker was killed stays for a while, then goes with whoever comes next.
#[test]
fn a_twin_without_a_maker_goes() {
    place(async |place| {
        place.double.with(|state| {
            state.comment(place.pull, &Actor::actions(), &body(1, 1, 1, "oldest"));
            state.comment(place.pull, &Actor::actions(), &body(1, 1, 2, "a twin"));
        });
        place.client.put_comment(place.pull, &whole(2, 1, 1, "at once")).await.expect("a comment");
        assert_eq!(place.bodies().len(), 2, "its maker may be about to take it away");
        rem_ci::engine::wait::pause(std::time::Duration::from_secs(200)).await;
        place.client.put_comment(place.pull, &whole(3, 1, 1, "later")).await.expect("a comment");
        assert_eq!(place.bodies(), [body(3, 1, 1, "later")]);
    });
}

#[test]
fn a_change_of_the_comment_is_a_matter_of_seconds() {
    place(async |place| {
        let (made, _) = seconds(place.clock, place.client.put_comment(place.pull, &whole(1, 1, 1, "a"))).await;
        assert!(made < 3.0, "{made} s");
        let (changed, _) = seconds(place.clock, place.client.put_comment(place.pull, &whole(1, 1, 2, "b"))).await;
        assert!(changed < 4.0, "{changed} s");
    });
}

/// Never content.
struct Never<'a>(&'a Cell<u32>);
impl Sticky for Never<'_> {
    fn knows(&self, body: &str) -> bool {
        read(body).is_some()
    }

    fn next(&self, _: Option<&str>) -> Next {
        self.0.set(self.0.get() + 1);
        Next::Write(body(1, 1, i64::from(self.0.get()), "again"))
    }

    fn holds(&self, _: &str) -> bool {
        false
    }
}

#[test]
fn a_comment_that_will_not_rest_is_given_up() {
    place(async |place| {
        let rounds = Cell::new(0);
        let error = place.client.put_comment(place.pull, &Never(&rounds)).await.expect_err("it never rests");
        assert_eq!(rounds.get(), 24);
        assert!(error.to_string().contains("others wrote it"), "{error}");
        assert_eq!(place.bodies().len(), 1);
    });
}
