//! An apply as it goes. A wait always says for what, how long so far, and how long usually.
//!
//! [`Board`] is pure: events and the time since the start in, text out. On a terminal its [`frame`](Board::frame) is drawn
//! in place by [`out`](super::out); elsewhere every [`line`](Board::line) is printed once: the end of every step, the
//! beginning of those that take a while, and once a minute what is still waited for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::errors::{paint, painted};
use super::report::Action;
use super::text::{Untrusted, bounded, visible};
use super::{Style, human, number};
use crate::engine::Address;

/// What happened to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgressEvent {
    /// A step began.
    Started {
        /// Which resource.
        address: Address,
        /// What is done.
        action: Action,
        /// How long it usually takes.
        usual: Duration,
    },
    /// A poll found it not ready.
    Waiting {
        /// Which resource.
        address: Address,
        /// The service's own word: `CREATING`.
        status: Untrusted,
        /// Since it began.
        elapsed: Duration,
        /// How long it usually takes.
        usual: Duration,
    },
    /// A step ended well.
    Ready {
        /// Which resource.
        address: Address,
        /// Since it began.
        took: Duration,
    },
    /// A step ended for good.
    Failed {
        /// Which resource.
        address: Address,
        /// The service's own words.
        error: Untrusted,
    },
    /// A passing failure: the call is made again.
    Retrying {
        /// Which resource.
        address: Address,
        /// The service's own words.
        why: Untrusted,
        /// Until the next try.
        after: Duration,
        /// Which try comes next, from 2.
        attempt: u32,
    },
}

struct Running {
    action: Action,
    since: Duration,
    usual: Duration,
    status: String,
    /// When a line was last printed for it.
    told: Duration,
}

/// The state of a run as people see it.
pub struct Board {
    verb: &'static str,
    environment: String,
    total: usize,
    estimate: Duration,
    /// Width of the column of addresses.
    column: usize,
    running: BTreeMap<Address, Running>,
    done: usize,
    failed: usize,
}

/// Between two lines about one wait, where nothing is drawn in place.
const TELL_EVERY: Duration = Duration::from_mins(1);
/// What usually takes no longer is told when it is done, not when it begins.
const BRIEF: Duration = Duration::from_secs(5);

impl Board {
    /// A run of so many steps, estimated to take so long.
    #[must_use]
    pub fn new(verb: &'static str, environment: &str, total: usize, estimate: Duration) -> Self {
        Self {
            verb,
            environment: bounded(environment, 40),
            total,
            estimate,
            column: 34,
            running: BTreeMap::new(),
            done: 0,
            failed: 0,
        }
    }

    /// The same with room for these addresses, so that what is said of them stands in one column.
    #[must_use]
    pub fn with_room_for<'a>(mut self, addresses: impl IntoIterator<Item = &'a Address>) -> Self {
        let widest = addresses.into_iter().map(|address| address.as_str().chars().count()).max().unwrap_or(0);
        self.column = widest.clamp(20, 48);
        self
    }

    /// Lines to print, where nothing is drawn in place, because time has passed and nothing has happened.
    pub fn tick(&mut self, now: Duration) -> Vec<String> {
        let column = self.column;
        let silent = self.running.iter_mut().filter(|(_, running)| now.saturating_sub(running.told) >= TELL_EVERY);
        silent
            .map(|(address, running)| {
                running.told = now;
                let status = if running.status.is_empty() { doing(running.action) } else { &running.status };
                let words = wait(status, now.saturating_sub(running.since), running.usual);
                said(now, address, &words, column)
            })
            .collect()
    }

    /// Takes an event at a time since the start. Gives the line to print where nothing is drawn in place; none where it
    /// would only repeat.
    pub fn line(&mut self, now: Duration, event: &ProgressEvent) -> Option<String> {
        let (address, words) = match event {
            ProgressEvent::Started { address, action, usual } => {
                let status = String::new();
                let running = Running { action: *action, since: now, usual: *usual, status, told: now };
                self.running.insert(address.clone(), running);
                if *usual <= BRIEF {
                    return None;
                }
                (address, format!("{}, usually {}", doing(*action), number::clock(usual.as_secs())))
            }
            ProgressEvent::Waiting { address, status, elapsed, usual } => {
                let status = visible(status.raw());
                let since = now.saturating_sub(*elapsed);
                let running = self.running.entry(address.clone()).or_insert(Running {
                    action: Action::Settle,
                    since,
                    usual: *usual,
                    status: String::new(),
                    told: now,
                });
                running.usual = *usual;
                // The first word for a wait says what its first line has said.
                let turned = !running.status.is_empty() && running.status != status;
                let news = turned || now.saturating_sub(running.told) >= TELL_EVERY;
                running.status.clone_from(&status);
                if !news {
                    return None;
                }
                running.told = now;
                (address, wait(&status, *elapsed, *usual))
            }
            ProgressEvent::Ready { address, took } => {
                let action = self.running.remove(address).map_or(Action::Settle, |running| running.action);
                self.done += 1;
                let after = match took.as_secs() {
                    0 => String::new(),
                    secs => format!(" after {}", number::clock(secs)),
                };
                (address, format!("{}{after}", did(action)))
            }
            ProgressEvent::Failed { address, error } => {
                self.running.remove(address);
                self.failed += 1;
                (address, format!("FAILED: {}", visible(error.raw())))
            }
            ProgressEvent::Retrying { address, why, after, attempt } => {
                let wait = number::about(after.as_secs().max(1));
                (address, format!("try {attempt} in {wait}: {}", visible(why.raw())))
            }
        };
        Some(said(now, address, &words, self.column))
    }

    /// How long it will still take, as far as the estimate and the running steps say.
    #[must_use]
    pub fn remaining(&self, now: Duration) -> Duration {
        let steps = self.running.values().map(|running| (running.since + running.usual).saturating_sub(now)).max();
        self.estimate.saturating_sub(now).max(steps.unwrap_or_default())
    }

    /// The picture to draw in place: the run, its bar, and what is running, the longest first.
    #[must_use]
    pub fn frame(&self, now: Duration, style: Style) -> String {
        let remaining = self.remaining(now);
        let all = (now + remaining).as_millis().max(1);
        let width = 24;
        let full = usize::try_from(now.as_millis() * width as u128 / all).unwrap_or(width).min(width);
        let bar = format!("[{}{}]", "#".repeat(full), ".".repeat(width - full));
        let ahead = match remaining.as_secs() {
            0 => "about to end".to_owned(),
            secs => format!("about {} left", number::about(secs)),
        };
        let head = format!(
            "{} {}  {}  {bar}  {} of {} done, {ahead}",
            self.verb,
            self.environment,
            number::clock(now.as_secs()),
            self.done,
            self.total
        );
        let mut out = painted(style, paint::BOLD, &human::clip(&head, style.width));
        let mut running: Vec<_> = self.running.iter().collect();
        running.sort_by_key(|(address, running)| {
            (std::cmp::Reverse((running.since + running.usual).saturating_sub(now)), *address)
        });
        for (address, running) in running.iter().take(8) {
            let so_far = number::clock(now.saturating_sub(running.since).as_secs());
            let status = if running.status.is_empty() { String::new() } else { format!(", {}", running.status) };
            let usually = match running.usual.as_secs() {
                0 => String::new(),
                secs => format!(", usually {}", number::clock(secs)),
            };
            let line = format!(
                "  ~ {:<column$} {}{status} for {so_far}{usually}",
                bounded(address.as_str(), 60),
                doing(running.action),
                column = self.column
            );
            let _ = write!(out, "\n{}", human::clip(&line, style.width));
        }
        if running.len() > 8 {
            let _ = write!(out, "\n  and {} more at work", running.len() - 8);
        }
        if self.failed > 0 {
            let failed = format!("  {} failed; what does not need it goes on", number::count(self.failed, "step"));
            let _ = write!(out, "\n{}", painted(style, paint::RED, &failed));
        }
        out
    }
}

/// One line: when, which, what.
fn said(now: Duration, address: &Address, words: &str, column: usize) -> String {
    format!("{:>7}  {:<column$} {words}\n", number::clock(now.as_secs()), visible(address.as_str()))
}

fn wait(status: &str, elapsed: Duration, usual: Duration) -> String {
    let usually = match usual.as_secs() {
        0 => String::new(),
        secs => format!(", usually {}", number::clock(secs)),
    };
    format!("{status} for {}{usually}", number::clock(elapsed.as_secs()))
}

const fn doing(action: Action) -> &'static str {
    match action {
        Action::Create => "creating",
        Action::Update => "updating",
        Action::Roll => "rolling nodes",
        Action::Replace => "replacing",
        Action::Delete => "deleting",
        Action::Settle | Action::Keep | Action::Unknown => "waiting",
    }
}

const fn did(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Roll => "rolled",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
        Action::Settle | Action::Keep | Action::Unknown => "ready",
    }
}
