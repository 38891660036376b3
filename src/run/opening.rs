//! `connect: runner-cidr`, as a run sees it: what it may open, and that it closes.

use super::{Halt, World};
use crate::cloud::address::Own;
use crate::cloud::kubernetes::opening::{Ask, Opening};
use crate::cloud::{Clock, Cloud, Lock, Store};
use crate::config::Spec;
use crate::config::spec::Connect;
use crate::engine::Stop;
use crate::model::{Identity, identity};
use crate::problem::{Exit, Problem};

/// The opening of an environment that wants one and has a place to write it down.
pub(super) fn of(spec: &Spec, cloud: &Cloud, store: Option<&Store>, clock: Clock, own: Own) -> Option<Opening> {
    let store = store.filter(|_| spec.connect == Connect::RunnerCidr)?;
    let id = Identity::of(spec);
    let ask = Ask {
        environment: spec.name.clone(),
        cluster: spec.cluster.name.clone(),
        role: identity::closer_arn(&id),
        schedule: id.derived("close"),
        own,
    };
    Some(Opening::new(cloud, store.clone(), clock, ask))
}

/// Closes what an earlier run left open too long. That it cannot is no reason to stop: the schedule at AWS closes too, and
/// a plan's role may not do either.
pub(super) async fn expired(world: &World) {
    if let Some(opening) = &world.cloud.opening {
        let _ = opening.close_expired().await;
    }
}

/// Does work that may open the endpoint, and closes it whatever comes of that.
///
/// # Errors
/// Those of the work; or that it went well and the endpoint could not be closed.
pub(super) async fn during<T>(
    world: &World,
    lock: &Lock,
    stop: &Stop,
    work: impl Future<Output = Result<T, Halt>>,
) -> Result<T, Halt> {
    let Some(opening) = &world.cloud.opening else { return work.await };
    opening.permit();
    let ended = work.await;
    // Whoever is told to stop has seconds, and the update takes minutes: it is begun, and the next run sees to its end.
    let closing = lock.within(opening.close(!stop.is_told()));
    let closed = tokio::select! {
        closed = Box::pin(closing) => closed,
        () = lock.beat() => Ok(()),
    };
    match (ended, closed) {
        (Ok(_), Err(failure)) => {
            let title = format!("the endpoint is still open to this machine: {failure}");
            let help = "run again to close it; if nobody does, a schedule at AWS closes it within the hour";
            Err(Halt::new(Exit::Incomplete, Problem::error("endpoint-left-open", title, help)))
        }
        (ended, _) => ended,
    }
}
