//! The AWS side: what is the cluster's by its tags and has nobody left who would end it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::Ground;
use super::work::{Look, Pace, Stay, Work, count, some};
use crate::engine::Address;
use crate::resources::aws::leftovers::{self, Found, Sort, passing};

/// Instances end within a minute or so; leaked interfaces have been seen to hang for twenty (karpenter-provider-aws#5582).
const PACE: Pace = Pace::secs(60, 1500);

pub(super) fn address() -> Address {
    Address::single("cluster", "leftovers")
}

/// What a sweep is to end: volumes only if somebody has said so.
fn wanted(ground: &Ground<'_>, found: Vec<Found>) -> Vec<Found> {
    let of = |one: &Found| one.sweepable(&ground.whose) && (one.sort != Sort::Volume || ground.delete_volumes);
    found.into_iter().filter(of).collect()
}

/// Looks, and ends what is found until nothing is left.
pub(super) async fn rest(work: &Work<'_>, ground: &Ground<'_>) -> Result<(), Stay> {
    if wanted(ground, Box::pin(leftovers::find(ground.cloud, &ground.whose)).await?).is_empty() {
        return Ok(());
    }
    let seen: RefCell<BTreeSet<(Sort, String)>> = RefCell::default();
    work.stage(&address(), PACE, async |_| {
        let left = wanted(ground, Box::pin(leftovers::find(ground.cloud, &ground.whose)).await?);
        if left.is_empty() {
            return Ok(Look::Over);
        }
        seen.borrow_mut().extend(left.iter().map(|one| (one.sort, one.id.clone())));
        end(work, ground, &left).await?;
        Ok(Look::Wait(format!("waiting for {}", some(&words(&left)))))
    })
    .await?;
    let seen = seen.into_inner();
    let sorts: BTreeSet<Sort> = seen.iter().map(|(sort, _)| *sort).collect();
    for sort in sorts {
        let ids: Vec<&str> = seen.iter().filter(|one| one.0 == sort).map(|one| one.1.as_str()).collect();
        work.note(format!("removed {} that nobody else would have: {}", count(ids.len(), sort.noun()), some(&ids)));
    }
    Ok(())
}

/// Ends things. What something else still hangs on is left for the next look.
pub(super) async fn end(work: &Work<'_>, ground: &Ground<'_>, found: &[Found]) -> Result<(), Stay> {
    use crate::engine::Gate as _;
    for one in found {
        // It was asked to go before.
        if one.sort == Sort::Instance && one.state == "shutting-down" {
            continue;
        }
        work.lock.check()?;
        match Box::pin(leftovers::end(ground.cloud, one)).await {
            Err(failure) if !passing(&failure) => return Err(failure.into()),
            _ => {}
        }
    }
    Ok(())
}

/// Things by noun and id.
pub(super) fn words(found: &[Found]) -> Vec<String> {
    found.iter().map(|one| format!("{} {}", one.sort.noun(), short(&one.id))).collect()
}

/// The name in an ARN; anything else as it is.
fn short(id: &str) -> &str {
    if id.starts_with("arn:") { id.split_once('/').map_or(id, |(_, name)| name) } else { id }
}
