//! The kinds inside a cluster: one file each, and the catalogue that lists them.
//!
//! | file | what it is |
//! |---|---|
//! | `object.rs` | what they share: whose an object is, manifests, reads, server-side applies |
//! | `fields.rs` | a manifest and the engine's fields, either way |
//! | `node_pool.rs`, `node_class.rs` | what Karpenter makes nodes from |
//! | `crds.rs`, `helm_release.rs` | Karpenter itself, out of its chart |
//! | `hold.rs` | what a destroy sees and ends of what others keep in a cluster |
//! | `namespace.rs`, `flow_schema.rs` | where it runs, and with what priority it speaks to the API server |
//! | `storage_class.rs`, `cluster_role.rs` | what else an environment needs in its cluster |

pub mod cluster_role;
pub mod crds;
mod fields;
pub mod flow_schema;
pub mod helm_release;
pub mod hold;
pub mod namespace;
pub mod node_class;
pub mod node_pool;
mod object;
pub mod storage_class;

use std::collections::BTreeMap;

pub use object::{Home, NODES};

use crate::cloud::Cloud;
use crate::engine::{AnyKind, CanonicalNode, Resource as _, Value, kind};

/// Every kind inside a cluster.
pub const KINDS: &[&dyn AnyKind<Cloud>] = &[
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

/// The choices that a recorded resource was made with, as facts: for when it cannot be asked itself.
#[must_use]
pub fn remembered(node: &CanonicalNode) -> BTreeMap<String, String> {
    let terms = node.fields.get("amiSelectorTerms").filter(|_| node.kind == node_class::NodeClass::KIND.name);
    let terms = terms.map(Value::from_json);
    let alias = terms.as_ref().and_then(node_class::alias).zip(node.address.key());
    alias.map(|(alias, name)| (node_class::alias_fact(name), alias.to_owned())).into_iter().collect()
}

/// Whether a kind is one inside a cluster.
#[must_use]
pub fn inside(kind: &str) -> bool {
    KINDS.iter().any(|one| one.kind().name == kind)
}
