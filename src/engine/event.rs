//! What happens during an apply or a destroy, as it happens. Views render it; records keep it.

use std::time::Duration;

use super::failure::Failure;
use super::value::Address;

/// One thing that happened to one resource.
#[derive(Clone, Debug)]
pub struct Event {
    /// Since the run began.
    pub at: Duration,
    /// To which resource.
    pub address: Address,
    /// What.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Happening {
    /// Work on it begins.
    Started {
        /// The action's word.
        action: &'static str,
        /// How long it usually takes.
        usual: Duration,
    },
    /// AWS is at it.
    Waiting {
        /// AWS's word: `CREATING`.
        status: String,
    },
    /// A passing condition; tried again.
    Retrying {
        /// What AWS said.
        why: Failure,
        /// When.
        pause: Duration,
    },
    /// It is as it should be, or gone.
    Done {
        /// Since it was started.
        took: Duration,
    },
    /// It failed; what depends on it is not started.
    Failed {
        /// What AWS said.
        why: Failure,
    },
}
