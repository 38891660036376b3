//! From a graph and a snapshot to a plan, and from a plan to events. Knows no AWS, no Kubernetes, no terminal.

mod failure;
mod graph;
mod kind;
mod value;

pub use failure::{Class, Failure};
pub use graph::{Graph, Node, Ref};
pub use kind::{
    AnyKind, Change, Custody, Cx, Effect, Facts, Field, Kind, Live, Order, Patience, Read, Ready, Resource, Scope,
    TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK, kind,
};
pub use value::{Address, Fields, Value, policy, policy_from_text};
