//! The one comment of ours on a pull request, whoever else writes it at this moment.
//!
//! GitHub has neither unique comments nor conditional writes. So: who finds none makes one and looks again; the oldest stays,
//! everybody takes his own younger one away and writes into the oldest; who has written looks a moment later whether it is
//! still there, and writes again if somebody who had read before wrote after. In the end there is one comment, and it holds
//! what everybody said. Whether what is there is newer than what we have to say, the marker on its first line tells.

use std::time::Duration;

use super::client::Client;
use super::comments::Comment;
use super::error::{Error, Kind};
use super::retry::Course;
use crate::engine::wait::pause;

/// A moment after a write, whoever had read before it has written too: reading and writing are one round trip each.
const SETTLE: Duration = Duration::from_millis(1200);

/// So often we look at most; ten racing jobs need fewer.
const ROUNDS: u32 = 24;

/// A twin that nobody has touched for so long has lost its maker.
const ORPHAN: Duration = Duration::from_mins(2);

/// Which of two writers is newer. Runs of a repository are numbered in the order of their beginning; a re-run keeps the number,
/// so it never wins over a run that began after the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Run {
    /// `GITHUB_RUN_ID`.
    pub run: u64,
    /// `GITHUB_RUN_ATTEMPT`.
    pub attempt: u32,
    /// Milliseconds since 1970, of the state that is told: a run tells several.
    pub at: i64,
}

/// What to do with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It should say this.
    Write(String),
    /// It is newer than what we have to say.
    Stand,
}

/// A comment of which there is one.
pub trait Sticky {
    /// Whether a body is one of these: by the marker on its first line. Its author has been looked at already.
    fn knows(&self, body: &str) -> bool;
    /// What it should say, given what it says now.
    fn next(&self, now: Option<&str>) -> Next;
    /// Whether what we have to say is in there.
    fn holds(&self, body: &str) -> bool;
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// It says what we have to say.
    Written(Comment),
    /// A newer run has written it; it was left alone.
    Newer(Comment),
}

impl Client {
    /// Makes or changes the one comment of a kind on a pull request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_comment(&self, issue: u64, sticky: &impl Sticky) -> Result<Put, Error> {
        let mut made: Vec<u64> = Vec::new();
        let mut wrote = false;
        let mut course = Course::default();
        for _ in 0..ROUNDS {
            // The turn comes before the look, so that as little time as possible is between the look and the write.
            self.turn().await;
            let ours = self.ours(issue, sticky).await?;
            let Some((oldest, twins)) = ours.split_first() else {
                match sticky.next(None) {
                    Next::Write(body) => {
                        let same = |comment: &Comment| sticky.holds(&comment.body);
                        let comment = self.write_comment(issue, &body, same, false).await?;
                        if !self.patience.settles {
                            return Ok(Put::Written(comment));
                        }
                        made.push(comment.id);
                        wrote = true;
                        pause(moment()).await;
                        continue;
                    }
                    Next::Stand => return Err(self.nothing(issue)),
                }
            };
            let mut deleted = false;
            for twin in twins.iter().filter(|twin| made.contains(&twin.id) || self.orphaned(twin)) {
                self.delete_comment(twin.id).await?;
                deleted = true;
            }
            if deleted {
                continue;
            }
            if wrote && sticky.holds(&oldest.body) {
                return Ok(Put::Written(oldest.clone()));
            }
            match sticky.next(Some(&oldest.body)) {
                Next::Stand => return Ok(Put::Newer(oldest.clone())),
                Next::Write(body) if body == oldest.body => return Ok(Put::Written(oldest.clone())),
                Next::Write(body) => {
                    // Gone meanwhile, or not done: the next round sees.
                    let done = self.update_comment(oldest.id, &body, &mut course).await?;
                    wrote = true;
                    if done && !self.patience.settles {
                        return Ok(Put::Written(Comment { body, ..oldest.clone() }));
                    }
                    if done {
                        pause(moment()).await;
                    }
                }
            }
        }
        Err(self.restless(issue))
    }

    /// Ours, the oldest first. What others wrote is not looked at, whatever marker it bears.
    async fn ours(&self, issue: u64, sticky: &impl Sticky) -> Result<Vec<Comment>, Error> {
        let mut all = self.comments(issue).await?;
        all.retain(|comment| self.wrote(comment.user.as_ref()) && sticky.knows(&comment.body));
        all.sort_by_key(|comment| comment.id);
        all.dedup_by_key(|comment| comment.id);
        Ok(all)
    }

    fn orphaned(&self, comment: &Comment) -> bool {
        let touched: Option<jiff::Timestamp> = comment.updated_at.parse().ok();
        let now = jiff::Timestamp::from_millisecond(self.inner.clock.millis()).ok();
        touched
            .zip(now)
            .is_some_and(|(touched, now)| now.duration_since(touched).as_secs() > ORPHAN.as_secs().cast_signed())
    }

    fn nothing(&self, issue: u64) -> Error {
        let message = "there is none, and nothing to say".to_owned();
        Error { kind: Kind::NotFound, does: "find the comment", request: format!("{} #{issue}", self.repo()), message }
    }

    fn restless(&self, issue: u64) -> Error {
        let message = format!("others wrote it {ROUNDS} times while we did");
        Error { kind: Kind::Lost, does: "write the comment", request: format!("{} #{issue}", self.repo()), message }
    }
}

/// With a jitter, so that racing jobs do not come back in step.
fn moment() -> Duration {
    SETTLE.mul_f64(0.8 + 0.8 * fastrand::f64())
}

/// A comment that one run writes whole: the newer run's body replaces the older one's.
pub struct Whole<F> {
    body: String,
    run: Run,
    read: F,
}

impl<F: Fn(&str) -> Option<Run>> Whole<F> {
    /// `read` finds the marker on the first line of a body, and says who wrote it. `None` if `body` has none itself.
    pub fn new(body: String, read: F) -> Option<Self> {
        let run = read(&body)?;
        Some(Self { body, run, read })
    }
}

impl<F: Fn(&str) -> Option<Run>> Sticky for Whole<F> {
    fn knows(&self, body: &str) -> bool {
        (self.read)(body).is_some()
    }

    fn next(&self, now: Option<&str>) -> Next {
        match now.and_then(|body| (self.read)(body)) {
            Some(run) if run > self.run => Next::Stand,
            _ => Next::Write(self.body.clone()),
        }
    }

    fn holds(&self, body: &str) -> bool {
        (self.read)(body).is_some_and(|run| run >= self.run)
    }
}
