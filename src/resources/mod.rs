//! One file per kind. To add one, copy the nearest file, enter it in its room's catalogue, and add it to the model.

pub mod aws;
pub mod k8s;

pub use aws::{ACCESS_KINDS, facts};

use crate::cloud::Cloud;
use crate::engine::{AnyKind, Kind};

type Row = &'static dyn AnyKind<Cloud>;

/// The whole catalogue: what is in AWS, and what is inside a cluster.
pub static KINDS: &[Row] = &ALL;

static ALL: [Row; aws::KINDS.len() + k8s::KINDS.len()] = {
    let mut all = [aws::KINDS[0]; aws::KINDS.len() + k8s::KINDS.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < aws::KINDS.len() { aws::KINDS[at] } else { k8s::KINDS[at - aws::KINDS.len()] };
        at += 1;
    }
    all
};

/// The kind of that name.
#[must_use]
pub fn kind_of(name: &str) -> Option<Row> {
    KINDS.iter().chain(ACCESS_KINDS).copied().find(|kind| kind.kind().name == name)
}

/// What can be said of the kind of that name.
#[must_use]
pub fn about(name: &str) -> Option<&'static Kind> {
    kind_of(name).map(AnyKind::kind)
}
