//! The kinds inside a cluster: one file each, and the catalogue that lists them.
//!
//! | file | what it is |
//! |---|---|
//! | `object.rs` | what they share: whose an object is, manifests, reads, server-side applies |
//! | `fields.rs` | a manifest and the engine's fields, either way |
//! | `node_pool.rs`, `node_class.rs` | what Karpenter makes nodes from |
//! | `crds.rs`, `helm_release.rs` | Karpenter itself, out of its chart |
//! | `namespace.rs`, `flow_schema.rs` | where it runs, and with what priority it speaks to the API server |
//! | `storage_class.rs`, `cluster_role.rs` | what else an environment needs in its cluster |

pub mod cluster_role;
pub mod crds;
mod fields;
pub mod flow_schema;
pub mod helm_release;
pub mod namespace;
pub mod node_class;
pub mod node_pool;
mod object;
pub mod storage_class;

use crate::cloud::Cloud;
use crate::engine::{AnyKind, kind};

/// Every kind inside a cluster.
pub static KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<cluster_role::ClusterRole>(),
    kind::<cluster_role::ClusterRoleBinding>(),
    kind::<crds::Crds>(),
    kind::<flow_schema::FlowSchema>(),
    kind::<helm_release::HelmRelease>(),
    kind::<namespace::Namespace>(),
    kind::<node_class::NodeClass>(),
    kind::<node_pool::NodePool>(),
    kind::<storage_class::StorageClass>(),
];

/// Whether a kind is one inside a cluster.
#[must_use]
pub fn inside(kind: &str) -> bool {
    KINDS.iter().any(|one| one.kind().name == kind)
}
