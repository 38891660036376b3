//! The only place that lets time pass.

use std::time::Duration;

use super::failure::Class;
use super::kind::Patience;

/// After this, whatever a call with a lost answer made shows in every list. EC2's "Eventual consistency" page speaks of
/// seconds; we wait for several of them, and only then.
pub const LOST_WINDOW: Duration = Duration::from_secs(10);

/// Lets time pass.
pub async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the one place")]
    tokio::time::sleep(time).await;
}

/// The pause before the next look at something that usually takes `usual`, `elapsed` after it began. Before half the usual
/// time: a quarter of what has passed, so that what is quick for once is seen soon, up to a quarter of a minute. Then a
/// 150th of the usual time, and a fiftieth of what it is late by; never under a quarter of a second, nor over five from there on.
#[must_use]
pub fn next_look(usual: Duration, elapsed: Duration) -> Duration {
    const SHORTEST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);
    const EARLY: Duration = Duration::from_secs(15);
    let near = usual / 2;
    if elapsed + SHORTEST < near {
        (elapsed / 4).clamp(SHORTEST, EARLY).min(near.saturating_sub(elapsed))
    } else {
        (usual / 150).max(elapsed.saturating_sub(usual) / 50).clamp(SHORTEST, LONGEST)
    }
}

/// The pause before trying a failed call again: short for conditions that pass by themselves within seconds, longer for
/// throttling, with a jitter of a fifth so that many runs do not come back in step.
#[must_use]
pub fn next_try(class: Class, tries: u32) -> Duration {
    let (first, growth, longest) = match class {
        Class::Throttled => (2.0, 2.0, 20.0),
        Class::Unknown => (0.5, 2.0, 10.0),
        _ => (0.7, 1.4, 3.5),
    };
    let growth: f64 = growth;
    let seconds: f64 = (first * growth.powi(i32::try_from(tries.min(16)).unwrap_or(16))).min(longest);
    Duration::from_secs_f64(seconds * (0.9 + 0.2 * fastrand::f64()))
}

/// The usual time of an action's wait.
#[must_use]
pub const fn usual(patience: &Patience, word: &str) -> Duration {
    match word.as_bytes() {
        b"delete" => patience.delete,
        b"update" | b"roll" => patience.update,
        _ => patience.create,
    }
}

/// Starts something beside the run that nobody waits for: listening to signals.
pub fn beside(future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(future);
}
