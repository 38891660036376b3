//! What time it is. Signing, credential expiry, lease, support calendars and the sandbox all ask here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource;
use tokio::time::Instant;

/// A clock. `Virtual` follows tokio's clock, which a paused runtime moves as fast as the work allows.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's own.
    Wall,
    /// `epoch` plus what tokio's clock has counted since `start`.
    Virtual {
        /// The time at `start`.
        epoch: SystemTime,
        /// When the clock was made.
        start: Instant,
    },
}

impl Clock {
    /// A virtual clock that begins now, tokio's now, at `epoch`.
    #[must_use]
    pub fn starting(epoch: SystemTime) -> Self {
        Self::Virtual { epoch, start: Instant::now() }
    }

    /// The time.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        match self {
            #[expect(clippy::disallowed_methods, reason = "the one place")]
            Self::Wall => SystemTime::now(),
            Self::Virtual { epoch, start } => *epoch + start.elapsed(),
        }
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn millis(&self) -> i64 {
        let since = self.time().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Today, in UTC.
    #[must_use]
    pub fn today(&self) -> jiff::civil::Date {
        let time = jiff::Timestamp::from_millisecond(self.millis()).unwrap_or_default();
        time.to_zoned(jiff::tz::TimeZone::UTC).date()
    }

    /// Time since some fixed moment, counting the time a machine is suspended: for leases.
    #[must_use]
    pub fn boot(&self) -> Duration {
        match self {
            Self::Wall => {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
                let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
                Duration::new(seconds, nanos)
            }
            Self::Virtual { start, .. } => start.elapsed(),
        }
    }
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.time()
    }
}
