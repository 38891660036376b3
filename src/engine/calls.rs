//! Tells whoever listens of every request that was made, without anybody passing a listener around: `--verbose`.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

/// One try of a request, as it ended. It has no parameter, no header and no body of it, so there is no secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// `EC2`, `kubernetes`.
    pub service: String,
    /// `DescribeVpcs`, `patch nodepools.karpenter.sh`.
    pub operation: String,
    /// From 1.
    pub attempt: u32,
    /// From the moment it left to its answer.
    pub took: Duration,
    /// The HTTP status; none where no answer came.
    pub status: Option<u16>,
}

/// The moment a request left.
#[derive(Clone, Copy, Debug)]
pub struct Left(Instant);

impl Left {
    /// It leaves now.
    #[must_use]
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// How long ago that was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

tokio::task_local! {
    static LISTENER: Rc<dyn Fn(&Call)>;
}

/// Does work of which the listener hears every request.
pub async fn heard<F: Future>(listener: Rc<dyn Fn(&Call)>, work: F) -> F::Output {
    LISTENER.scope(listener, work).await
}

/// Tells the listener, if there is one. For the clients' own layers.
pub fn tell(call: &Call) {
    let _ = LISTENER.try_with(|listener| listener(call));
}
