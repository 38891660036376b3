//! Reads that several kinds make at the same moment: whoever asks while one is under way shares its answer. Nothing is kept:
//! an answer that has come is asked for anew.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, Shared, WeakShared};

/// Reads under way, by what they ask for.
pub struct Flights<T: Clone>(Arc<Mutex<BTreeMap<String, WeakShared<BoxFuture<'static, T>>>>>);

impl<T: Clone> Clone for Flights<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Default for Flights<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> fmt::Debug for Flights<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Flights")
    }
}

impl<T: Clone> Flights<T> {
    /// The answer of the read for `key` that is under way, or of the one that `start` begins.
    pub async fn join(&self, key: &str, start: impl FnOnce() -> BoxFuture<'static, T>) -> T {
        let flight: Shared<_> = {
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let under_way = flights.get(key).and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none());
            under_way.unwrap_or_else(|| {
                let flight = start().shared();
                if let Some(weak) = flight.downgrade() {
                    flights.insert(key.to_owned(), weak);
                }
                flight
            })
        };
        flight.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use futures_util::future::join;

    use super::*;
    use crate::engine::wait::pause;

    #[tokio::test(start_paused = true)]
    async fn who_asks_meanwhile_shares_and_who_asks_later_asks_anew() {
        let flights = Flights::default();
        let asked = Arc::new(AtomicU32::new(0));
        let ask = || {
            let asked = Arc::clone(&asked);
            async move {
                pause(Duration::from_millis(40)).await;
                asked.fetch_add(1, Ordering::SeqCst) + 1
            }
            .boxed()
        };
        assert_eq!(join(flights.join("a", ask), flights.join("a", ask)).await, (1, 1));
        assert_eq!(join(flights.join("a", ask), flights.join("b", ask)).await, (2, 3));
    }
}
