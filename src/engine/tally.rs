//! Counts calls and dependent rounds without anybody passing a counter around: the clients' interceptor reports to the
//! innermost [`tallied`] scope that is being polled.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

#[derive(Debug, Default)]
struct Tally {
    calls: Cell<u64>,
    /// The deepest round that has been answered.
    answered: Cell<u64>,
    inside: Cell<u64>,
}

tokio::task_local! {
    static TALLY: Rc<Tally>;
}

/// What a scope counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Requests sent, tries included.
    pub calls: u64,
    /// The longest chain of requests that waited for one another.
    pub rounds: u64,
    /// Requests to the API servers of clusters, which are no calls to AWS.
    pub inside: u64,
}

impl Counted {
    /// Both of things done side by side.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            rounds: self.rounds.max(other.rounds),
            inside: self.inside + other.inside,
        }
    }
}

/// A request leaves. Gives its round, for [`answered`].
#[must_use]
pub fn sent() -> u64 {
    TALLY
        .try_with(|tally| {
            tally.calls.set(tally.calls.get() + 1);
            tally.answered.get() + 1
        })
        .unwrap_or_default()
}

/// A request leaves for a cluster's API server.
pub fn inside() {
    let _ = TALLY.try_with(|tally| tally.inside.set(tally.inside.get() + 1));
}

/// The request of that round has been answered.
pub fn answered(round: u64) {
    let _ = TALLY.try_with(|tally| tally.answered.set(tally.answered.get().max(round)));
}

/// Runs a future and counts the requests made in it.
pub async fn tallied<F: Future>(future: F) -> (F::Output, Counted) {
    let tally = Rc::new(Tally::default());
    let output = TALLY.scope(Rc::clone(&tally), future).await;
    let (calls, rounds, inside) = (tally.calls.get(), tally.answered.get(), tally.inside.get());
    (output, Counted { calls, rounds, inside })
}
