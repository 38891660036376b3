//! One stage of a drain from its beginning to its end: looks, acts, waits and looks again. Every look decides from what is
//! there, so a stage may be cut anywhere and begun again.

use std::cell::RefCell;
use std::time::Duration;

use crate::cloud::{Clock, Lock};
use crate::engine::wait::{next_look, next_try, pause};
use crate::engine::{Address, Class, Event, Failure, Gate as _, Happening, Report, Stop};
use crate::problem::Problem;

/// What one look at a stage came to.
pub(super) enum Look {
    /// Nothing is left to do or to wait for.
    Over,
    /// Something is on its way; what, for people.
    Wait(String),
}

/// Why a stage did not come to its end.
pub(super) enum Stay {
    /// A call failed for good, or it took too long.
    Failed(Failure),
    /// A person has to decide.
    Asks(Vec<Problem>),
    /// The run was told to stop.
    Stopped,
}

impl From<Failure> for Stay {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What all stages share, and what they leave to tell.
pub(super) struct Work<'a> {
    pub(super) clock: Clock,
    pub(super) lock: &'a Lock,
    pub(super) sink: &'a dyn Fn(&Event),
    pub(super) stop: &'a Stop,
    /// [`Clock::boot`] at the beginning.
    pub(super) began: Duration,
    pub(super) reports: RefCell<Vec<Report>>,
    pub(super) notes: RefCell<Vec<String>>,
}

/// How long a stage takes.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// Usually.
    pub(super) usual: Duration,
    /// Then it is given up; the next run goes on.
    pub(super) at_most: Duration,
}

impl Pace {
    pub(super) const fn secs(usual: u64, at_most: u64) -> Self {
        Self { usual: Duration::from_secs(usual), at_most: Duration::from_secs(at_most) }
    }
}

impl Work<'_> {
    /// Since the run began.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.boot().saturating_sub(self.began)
    }

    fn emit(&self, address: &Address, what: Happening) {
        (self.sink)(&Event { at: self.elapsed(), address: address.clone(), what });
    }

    /// Something that the end of the run tells.
    pub(super) fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    /// Runs a stage. `look` is given the time since the stage began.
    pub(super) async fn stage(
        &self,
        address: &Address,
        pace: Pace,
        look: impl AsyncFnMut(Duration) -> Result<Look, Stay>,
    ) -> Result<(), Stay> {
        let start = self.elapsed();
        self.emit(address, Happening::Started { action: "delete", usual: pace.usual });
        let (ended, calls) = crate::engine::tally::tallied(Box::pin(self.until(address, pace, start, look))).await;
        let end = self.elapsed();
        let error = match &ended {
            Ok(()) => {
                self.emit(address, Happening::Done { took: end.saturating_sub(start) });
                None
            }
            Err(Stay::Stopped) => return ended,
            Err(Stay::Failed(why)) => Some(why.clone()),
            Err(Stay::Asks(problems)) => {
                let words: Vec<_> = problems.iter().map(|problem| problem.title.as_str()).collect();
                Some(Failure { class: Class::Passing, ..Failure::fatal("drain", words.join("; ")) })
            }
        };
        if let Some(why) = &error {
            self.emit(address, Happening::Failed { why: why.clone() });
        }
        let (address, slack) = (address.clone(), Duration::ZERO);
        let report = Report { address, action: "delete", start, end, calls: calls.calls, slack, error };
        self.reports.borrow_mut().push(report);
        ended
    }

    async fn until(
        &self,
        address: &Address,
        pace: Pace,
        start: Duration,
        mut look: impl AsyncFnMut(Duration) -> Result<Look, Stay>,
    ) -> Result<(), Stay> {
        let mut status = String::new();
        let mut tries = 0;
        loop {
            if self.stop.is_told() {
                return Err(Stay::Stopped);
            }
            self.lock.check()?;
            let since = self.elapsed().saturating_sub(start);
            let rest = match Box::pin(look(since)).await {
                Ok(Look::Over) => return Ok(()),
                Ok(Look::Wait(now)) => {
                    tries = 0;
                    if now != status {
                        status.clone_from(&now);
                        self.emit(address, Happening::Waiting { status: now });
                    }
                    next_look(pace.usual, since)
                }
                Err(Stay::Failed(why)) if passing(&why) && since < pace.at_most => {
                    let time = next_try(why.class, tries);
                    tries += 1;
                    self.emit(address, Happening::Retrying { why, pause: time });
                    time
                }
                Err(stay) => return Err(stay),
            };
            if since >= pace.at_most {
                let text = format!("{address} is not over after {}", words(since));
                let text = if status.is_empty() { text } else { format!("{text}: {status}") };
                return Err(Failure { class: Class::Passing, ..Failure::fatal("drain", text) }.into());
            }
            tokio::select! {
                () = self.stop.stopped() => return Err(Stay::Stopped),
                () = pause(rest) => {}
            }
        }
    }
}

/// Whether a failed call is made again.
fn passing(failure: &Failure) -> bool {
    matches!(failure.class, Class::Passing | Class::Throttled | Class::Unknown)
}

/// A time for people: `10m`.
pub(super) fn words(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

/// A list for people, cut after some.
pub(super) fn some<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// `1 node`, `3 nodes`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match (number, noun) {
        (1, noun) => format!("1 {noun}"),
        (_, noun) if noun.ends_with('s') => format!("{number} {noun}es"),
        (_, noun) => format!("{number} {noun}s"),
    }
}
