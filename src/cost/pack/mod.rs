//! What Karpenter would start for the declared workloads, before a node exists.
//!
//! `demand` reads workloads, `ground` looks at what a pool allows, `price` brings them together. The solvers below know
//! neither files nor Kubernetes: they are given numbers ([`puzzle`]) and give back which pods go on which node.
//!
//! | file | what it holds |
//! |---|---|
//! | `price.rs` | idle, expected and max of every pool; which nodes, how full, what does not fit and why |
//! | `ground.rs` | one pool: its types, their room, its limits |
//! | `demand.rs` | workloads, and which pool each goes to |
//! | `facts.rs` | labels and capacity of instance types |
//! | `puzzle.rs` | the numbers of a packing |
//! | `solve.rs` | exactly where that is little work, by rule where it is not |
//! | `exact.rs`, `fill.rs`, `improve.rs` | the solvers |
//! | `ceiling.rs` | the most that limits allow |

mod ceiling;
mod demand;
mod exact;
pub(super) mod facts;
mod fill;
mod ground;
mod improve;
mod price;
mod puzzle;
mod solve;

#[cfg(test)]
mod tests;

pub use price::{LeftOut, NodeUse, PoolCost, Pools, price};
