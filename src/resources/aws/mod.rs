//! The AWS kinds, and their catalogue in the order of deletion.

pub mod access_entry;
pub mod addon;
pub mod cluster;
mod eks;
pub mod facts;
pub mod node_group;
pub mod pod_identity_association;

use crate::cloud::Cloud;
use crate::engine::{AnyKind, kind};

/// Every AWS kind. Order does not matter; `rank` does.
pub static KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<node_group::NodeGroup>(),
    kind::<addon::Addon>(),
    kind::<pod_identity_association::PodIdentityAssociation>(),
    kind::<access_entry::AccessEntry>(),
    kind::<cluster::Cluster>(),
];
