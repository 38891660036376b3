//! The stand-in for Karpenter's chart: what installing a version of it puts into a cluster, said in our own words.
//! Nothing of the chart or of its CRDs is copied; fields, limits and messages are facts of the published API (Karpenter
//! documentation, "NodePools", "NodeClasses", "NodeClaims", and the reference of chart values).
//!
//! | file | what it holds |
//! |---|---|
//! | `schema.rs` | small words to say a schema with |
//! | `crds.rs` | the three CustomResourceDefinitions |
//! | `node_pool.rs`, `node_class.rs`, `node_claim.rs` | their schemas |
//! | `rules.rs`, `class_rules.rs` | what their validation rules (CEL in the original) refuse |
//! | `objects.rs`, `access.rs` | Deployment, service account and the rest |

mod access;
mod class_rules;
mod crds;
mod node_claim;
mod node_class;
mod node_pool;
mod objects;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

pub use crds::crds;
pub use objects::objects;
pub use rules::{rules, rules_at};

/// Major and minor of a version, `1.14.1` or `v1.14`.
fn minor(version: &str) -> (u32, u32) {
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}
