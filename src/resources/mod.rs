//! One file per kind. To add one, copy the nearest file, enter it in its room's catalogue, and add it to the model.

pub mod aws;

pub use aws::{KINDS, facts};

use crate::cloud::Cloud;
use crate::engine::{AnyKind, Kind};

/// The kind of that name.
#[must_use]
pub fn kind_of(name: &str) -> Option<&'static dyn AnyKind<Cloud>> {
    KINDS.iter().copied().find(|kind| kind.kind().name == name)
}

/// What can be said of the kind of that name.
#[must_use]
pub fn about(name: &str) -> Option<&'static Kind> {
    kind_of(name).map(AnyKind::kind)
}
