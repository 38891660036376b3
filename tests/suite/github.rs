//! The GitHub client against the GitHub of `github_double/`: counted calls, on a paused clock.
//!
//! | module | what |
//! |---|---|
//! | `sticky.rs` | one comment of ours, whatever happens and whoever else writes |
//! | `faults.rs` | lost replies, 5xx, limits, waits, missing permissions |
//! | `reading.rs` | pages, pull requests, commits, issues, environments, rules |
//! | `served.rs` | over real sockets; the double's tokens and payloads |

mod faults;
mod reading;
mod served;
mod sticky;

use std::time::{Duration, UNIX_EPOCH};

use rem_ci::cloud::Clock;
use rem_ci::github::{Client, Run, Whole};

use crate::common::virtual_time;
use crate::github_double::Double;
use crate::github_double::state::Actor;

const LIST: &str = "GET /repos/{owner}/{repo}/issues/{issue_number}/comments";
const POST: &str = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";
const PATCH: &str = "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}";
const DELETE: &str = "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}";
const STATUS: &str = "POST /repos/{owner}/{repo}/statuses/{sha}";
const STATUSES: &str = "GET /repos/{owner}/{repo}/commits/{ref}/statuses";

/// Noon of the tests' day, now.
fn noon() -> Clock {
    let noon = jiff::civil::date(2026, 11, 24).at(12, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC).expect("noon");
    Clock::starting(UNIX_EPOCH + Duration::from_millis(noon.timestamp().as_millisecond().unsigned_abs()))
}

/// A GitHub with one pull request, and a client of a workflow.
struct Place {
    double: Double,
    client: Client,
    clock: Clock,
    pull: u64,
}

impl Place {
    fn new() -> Self {
        let clock = noon();
        let double = Double::by(clock);
        let pull = double.with(|state| {
            state.git.branch("topic", "main");
            state.git.commit("topic", &[("environments/prod.yaml", Some("name: prod\n"))], "octocat");
            state.open_pull("topic", "main", &Actor::user("octocat", 583_231), "a change")
        });
        let client = double.client("ghs_workflow", clock);
        Self { double, client, clock, pull }
    }

    fn head(&self) -> String {
        self.double.with(|state| state.pulls[&self.pull].head_sha.clone())
    }

    /// The comments of the pull request.
    fn bodies(&self) -> Vec<String> {
        self.double.with(|state| state.comments_of(self.pull).iter().map(|comment| comment.body.clone()).collect())
    }

    fn count(&self, call: &str) -> usize {
        self.double.with(|state| state.count(call))
    }
}

/// A test on a paused clock; says how many seconds it took by that clock.
fn place<T>(test: impl AsyncFnOnce(&Place) -> T) -> T {
    virtual_time(async {
        let place = Place::new();
        test(&place).await
    })
}

/// Seconds that something takes, by the paused clock.
async fn seconds<T>(clock: Clock, future: impl Future<Output = T>) -> (f64, T) {
    let began = clock.boot();
    let done = future.await;
    (clock.boot().saturating_sub(began).as_secs_f64(), done)
}

/// A body with a marker.
fn body(run: u64, attempt: u32, at: i64, text: &str) -> String {
    format!("<!-- rem-ci {run} {attempt} {at} -->\n{text}\n")
}

/// The marker on the first line of a body.
fn read(body: &str) -> Option<Run> {
    let words = body.lines().next()?.strip_prefix("<!-- rem-ci ")?.strip_suffix(" -->")?;
    let mut words = words.split(' ');
    let run = words.next()?.parse().ok()?;
    Some(Run { run, attempt: words.next()?.parse().ok()?, at: words.next()?.parse().ok()? })
}

type Marker = fn(&str) -> Option<Run>;

/// What one run has to say.
fn whole(run: u64, attempt: u32, at: i64, text: &str) -> Whole<Marker> {
    Whole::new(body(run, attempt, at, text), read as Marker).expect("a marker")
}
