//! Looks at everything once. It never fails as a whole: a part that could not be read is unknown, with the reason.
//!
//! | file | what it reads |
//! |---|---|
//! | `aws.rs` | AWS |
//! | `inside.rs` | the cluster |

mod aws;
mod inside;

pub use aws::ACTIONS;
pub(super) use aws::{queue, queue_url};
pub(super) use inside::{NODE_CLAIMS, PODS};

use futures_util::future::join;

use super::observed::Observed;
use crate::cloud::{Clock, Cloud};
use crate::config::Spec;
use crate::model::Identity;

/// Looks, in parallel. Reads only.
pub async fn observe(cloud: &Cloud, clock: &Clock, spec: &Spec, id: &Identity) -> Observed {
    let (aws, kube) = join(Box::pin(aws::aws(cloud, spec, id)), Box::pin(inside::kube(cloud, spec))).await;
    Observed { now: clock.millis() / 1000, aws, kube }
}
