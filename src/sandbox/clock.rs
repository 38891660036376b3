//! The sandbox's time: the wall clock plus an offset that only grows, and from there on tokio's clock.
//!
//! In process the runtime is paused, so tokio's clock jumps to the next timer and minutes take microseconds. Served, it
//! runs with the wall clock, times a speed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

use super::connector::Now;
use super::state::Millis;

/// A clock; copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Millis,
    start: Instant,
    speed: u32,
}

/// The wall clock in milliseconds since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the sandbox's clock starts from the wall clock, here alone")]
pub fn wall() -> Millis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

impl Clock {
    /// In process: starts at `wall + offset_s`, and moves as tokio's clock does.
    #[must_use]
    pub fn virtual_time(offset_s: i64) -> Self {
        Self::starting(wall() + offset_s * 1000, 1)
    }

    /// Served: the same, with every second of the wall clock counted `speed` times (0 counts as 1).
    #[must_use]
    pub fn served(offset_s: i64, speed: u32) -> Self {
        Self::starting(wall() + offset_s * 1000, speed)
    }

    /// Starts at a given moment: tests, and worlds with a `now` of their own.
    #[must_use]
    pub fn starting(epoch: Millis, speed: u32) -> Self {
        Self { epoch, start: Instant::now(), speed: speed.max(1) }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> Millis {
        let elapsed = Millis::try_from(self.start.elapsed().as_millis()).unwrap_or(Millis::MAX);
        self.epoch.saturating_add(elapsed.saturating_mul(Millis::from(self.speed)))
    }

    /// The same as a function, for [`Sandbox::new`](super::connector::Sandbox::new).
    #[must_use]
    pub fn as_now(self) -> Now {
        Arc::new(move || self.now())
    }
}

/// SDK clients sign, refresh credentials and judge expiry by it.
impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(Self::now(self)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::Clock;

    #[tokio::test(start_paused = true)]
    async fn it_moves_with_the_paused_clock_and_by_the_speed() {
        let (plain, fast) = (Clock::starting(1000, 1), Clock::starting(1000, 60));
        tokio::time::advance(Duration::from_mins(10)).await;
        assert_eq!(plain.now(), 601_000);
        assert_eq!(fast.now(), 36_001_000);
        assert_eq!(plain.as_now()(), 601_000);
        let shown = super::TimeSource::now(&plain);
        assert_eq!(shown, SystemTime::UNIX_EPOCH + Duration::from_secs(601));
    }

    #[tokio::test(start_paused = true)]
    async fn it_starts_the_offset_ahead_of_the_wall_clock() {
        let ahead = Clock::virtual_time(3600).now() - super::wall();
        assert!((3_599_000..=3_600_000).contains(&ahead), "{ahead}");
    }
}
