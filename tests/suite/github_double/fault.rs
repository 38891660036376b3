//! What goes wrong, by rule: the nth call of a kind.

use std::sync::Arc;

use super::state::State;

/// What happens to a call.
#[derive(Clone)]
pub(crate) enum Does {
    /// The connection breaks before the call has any effect.
    Cut,
    /// The call has its effect; its answer never comes.
    Lost,
    /// An error of the server, before the effect.
    Fails(u16),
    /// The call has its effect; the answer is an error of the server.
    FailsAfter(u16),
    /// So many seconds pass before the answer.
    Slow(u64),
    /// A secondary limit, with `retry-after` or without a word of when.
    Secondary(Option<u64>),
    /// The hour's requests are spent; it ends in so many seconds.
    Primary(i64),
    /// Somebody else does something just before.
    Meanwhile(Arc<dyn Fn(&mut State) + Send + Sync>),
}

/// One rule; it is used up.
#[derive(Clone)]
pub(crate) struct Fault {
    /// `POST /repos/{owner}/{repo}/statuses/{sha}`.
    pub(crate) call: String,
    /// From 1, counted from when the rule was set.
    pub(crate) nth: usize,
    /// So often from there on.
    pub(crate) times: usize,
    pub(crate) does: Does,
    seen: usize,
}

impl Fault {
    pub(crate) fn new(call: &str, nth: usize, does: Does) -> Self {
        Self { call: call.to_owned(), nth, times: 1, does, seen: 0 }
    }

    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Whether it happens to this call, which it counts.
    pub(crate) fn strikes(&mut self, call: &str) -> bool {
        if self.call != call {
            return false;
        }
        self.seen += 1;
        (self.nth..self.nth + self.times).contains(&self.seen)
    }
}
