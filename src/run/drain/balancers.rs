//! Load balancers first: while the nodes are still there, so that the controllers which made them can take them away, with
//! their security groups. What a controller does not take away in time goes by the service's own API.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::decide::balanced;
use super::objects::{finalizers, full, leaving, uid};
use super::work::{Look, Pace, Stay, Work, count, some};
use super::{Ground, sweep};
use crate::engine::Address;
use crate::resources::aws::leftovers::{self, Found, Sort};
use crate::resources::k8s::hold::{Hold, Inside, Part};

/// Measured by eksctl's clean-up, which gives it ten minutes (`pkg/elb/cleanup.go`); a load balancer goes in seconds, its
/// interfaces within a minute.
const PACE: Pace = Pace::secs(60, 900);

/// A controller that has done nothing for so long will not any more.
const PATIENCE: Duration = Duration::from_mins(3);

pub(super) fn address() -> Address {
    Address::single("cluster", "load-balancers")
}

/// Ends everything that has a load balancer, and waits until load balancers, their interfaces and security groups are gone.
pub(super) async fn end(work: &Work<'_>, ground: &Ground<'_>, inside: &Inside) -> Result<(), Stay> {
    let first = Box::pin(leftovers::balancers(ground.cloud, &ground.whose)).await?;
    if balanced(inside).is_empty() && !first.iter().any(|one| one.sweepable(&ground.whose)) {
        return Ok(());
    }
    // Interfaces outlive their load balancer, and are only known by its name.
    let seen: RefCell<BTreeMap<String, Found>> = RefCell::default();
    let objects_gone: RefCell<Option<Duration>> = RefCell::default();
    work.stage(&address(), PACE, async |since| {
        let left = Box::pin(leftovers::balancers(ground.cloud, &ground.whose)).await?;
        let left: Vec<Found> = left.into_iter().filter(|one| one.sweepable(&ground.whose)).collect();
        seen.borrow_mut().extend(left.iter().map(|one| (one.id.clone(), one.clone())));
        let names = match ground.hold {
            Some(hold) => objects(work, hold, &left, since).await?,
            None => Vec::new(),
        };
        if !names.is_empty() {
            return Ok(Look::Wait(format!("waiting for {}", some(&names))));
        }
        let gone_at = *objects_gone.borrow_mut().get_or_insert(since);
        let alone = ground.hold.is_none() || since.saturating_sub(gone_at) >= PATIENCE;
        if !left.is_empty() {
            if alone {
                sweep::end(work, ground, &left).await?;
            }
            return Ok(Look::Wait(format!("waiting for {}", some(&sweep::words(&left)))));
        }
        let known: Vec<Found> = seen.borrow().values().cloned().collect();
        if !Box::pin(leftovers::detached(ground.cloud, &ground.whose, &known)).await? {
            return Ok(Look::Wait("waiting for network interfaces of load balancers".to_owned()));
        }
        Ok(Look::Over)
    })
    .await?;
    let balancers =
        seen.borrow().values().filter(|one| one.sort != Sort::SecurityGroup && one.sort != Sort::TargetGroup).count();
    if balancers > 0 {
        work.note(format!(
            "{} ended, and waited for until their interfaces were gone",
            count(balancers, "load balancer")
        ));
    }
    Ok(())
}

/// Asks for the end of what has a load balancer. Gives what is still there, for people.
async fn objects(work: &Work<'_>, hold: &Hold, left: &[Found], since: Duration) -> Result<Vec<String>, Stay> {
    let inside = hold.read(Part::Balanced).await?;
    let mut names = Vec::new();
    for (thing, object) in balanced(&inside) {
        let named = format!("{} {}", thing.noun(), full(object));
        if !leaving(object) {
            hold.delete(thing, object, None).await?;
            work.note(format!("deleted {named}"));
        } else if since >= PATIENCE && !finalizers(object).is_empty() && !has_balancer(left, object) {
            let held = finalizers(object).join(", ");
            hold.let_go(thing, object).await?;
            work.note(format!("took {held} off {named}: it has no load balancer any more"));
        }
        names.push(named);
    }
    Ok(names)
}

/// Whether one of the load balancers was made for an object: by its name in a tag, or by its uid in the name.
fn has_balancer(left: &[Found], object: &serde_json::Value) -> bool {
    let (full, digits) = (full(object), uid(object).replace('-', ""));
    left.iter().filter(|one| one.sort != Sort::SecurityGroup).any(|one| {
        let by_tag = one.tags.values().any(|value| *value == full);
        by_tag || (digits.len() == 32 && one.id.contains(&digits[..31]))
    })
}
