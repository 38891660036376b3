//! What AWS offers: zones, add-on versions, cluster versions. Read once a run, in parallel with the sweeps.
//! The AWS kinds, and their catalogue in the order of deletion.

mod derived;
pub mod event_rule;
pub mod facts;
mod iam;
pub mod iam_policy;
pub mod iam_role;
pub mod oidc_provider;
pub mod service_linked_role;
pub mod sqs_queue;

use crate::cloud::Cloud;
use crate::engine::{AnyKind, kind};

/// Every AWS kind. Order does not matter; `rank` does.
pub static KINDS: &[&dyn AnyKind<Cloud>] = &[
    kind::<event_rule::EventRule>(),
    kind::<iam_policy::IamPolicy>(),
    kind::<iam_role::IamRole>(),
    kind::<oidc_provider::OidcProvider>(),
    kind::<service_linked_role::ServiceLinkedRole>(),
    kind::<sqs_queue::SqsQueue>(),
];
