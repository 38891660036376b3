//! From a graph and a snapshot to a plan, and from a plan to events. Knows no AWS, no Kubernetes, no terminal.

mod apply;
pub mod calls;
mod estimate;
mod event;
mod failure;
mod graph;
mod kind;
mod ops;
mod plan;
mod snapshot;
mod step;
pub mod tally;
mod value;
pub mod wait;

#[cfg(test)]
mod tests;

pub use apply::{Gate, LOCK_LOST, Open, Outcome, Report, Setting, Stop, apply};
pub use estimate::estimate;
pub use event::{Event, Happening};

pub use failure::{Class, Failure, UNREACHABLE};
pub use graph::{Graph, Node, Ref};
pub use kind::{
    AnyKind, Change, Custody, Cx, Effect, Facts, Field, Kind, Live, Order, Patience, Read, Ready, Resource, Scope,
    TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK, kind,
};
pub use plan::{Action, Canonical, CanonicalNode, Impossible, Plan, Step, acknowledgement, diff};
pub use snapshot::{Owner, Snapshot, Sorted, Swept, read, scope, sort};
pub use value::{Address, Fields, Value, policy, policy_from_text};
