//! Nodes: pools first and all at once, so that no new ones come; then every NodeClaim, and waiting until Karpenter has drained
//! and ended them. Budgets are respected: what they hold back is named, and the run stops, unless it was told after what time
//! to go past them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::Mutex;

use super::Ground;
use super::decide::{Blocked, blocked, empty_instances, leaving_nodes, must_leave, signature, stuck};
use super::objects::{finalizers, full, instance, karpenter_runs, leaving, name, text, uid};
use super::work::{Look, Pace, Stay, Work, count, some, words};
use crate::engine::Address;
use crate::problem::Problem;
use crate::resources::aws::leftovers::{self, Found, Sort};
use crate::resources::k8s::hold::{Hold, Inside, Part, Thing};

/// Draining one node: one to three minutes (Karpenter's own e2e runs; DESIGN's drain figure).
const PACE: Pace = Pace::secs(120, 2700);

/// For so long nothing has moved but what is held back: nothing will.
const STILL: Duration = Duration::from_secs(45);

/// The same where other nodes are still on their way out: an instance takes a minute or two to end.
const STILL_AMONG_OTHERS: Duration = Duration::from_mins(5);

/// So long after an instance has gone, who put a finalizer there has had its time.
const FINALIZER: Duration = Duration::from_mins(1);

/// What a pod is given beyond the time that it asked for before it is ended without any.
const BEYOND: Duration = Duration::from_secs(30);

pub(super) fn address() -> Address {
    Address::single("karpenter", "nodes")
}

/// What a drain remembers from look to look; a run that begins again can do without.
#[derive(Default)]
struct Memory {
    /// Since when an object has waited for a finalizer whose instance is gone, by uid.
    stuck: BTreeMap<String, Duration>,
    /// When a pod was ended past what held it, and by what right, by uid.
    forced: BTreeMap<String, Duration>,
    signature: String,
    changed: Duration,
    most: usize,
}

/// Ends all nodes that Karpenter made.
pub(super) async fn end(work: &Work<'_>, ground: &Ground<'_>, hold: &Hold, inside: &Inside) -> Result<(), Stay> {
    if inside.pools.is_empty() && inside.claims.is_empty() {
        return Ok(());
    }
    let memory = Mutex::new(Memory::default());
    let pace = Pace { at_most: PACE.at_most + ground.force_after.unwrap_or_default(), ..PACE };
    work.stage(&address(), pace, async |since| {
        let inside = hold.read(Part::Nodes).await?;
        ask(work, hold, &inside).await?;
        let mut memory = memory.lock().await;
        memory.most = memory.most.max(inside.claims.len());
        if inside.pools.is_empty() && inside.claims.is_empty() {
            return Ok(Look::Over);
        }
        let held = blocked(&inside, &leaving_nodes(&inside));
        let standing = standing(ground, &inside).await?;
        release(work, hold, &inside, &standing, &mut memory, since).await?;
        if !karpenter_runs(&inside) {
            alone(work, ground, hold, &inside).await?;
        }
        if let Some(after) = ground.force_after
            && since >= after
        {
            force(work, hold, &inside, &held, after, &mut memory, since).await?;
        } else if ground.force_after.is_none() {
            still(&inside, &held, &mut memory, since)?;
        }
        Ok(Look::Wait(status(&inside, &held)))
    })
    .await?;
    let memory = memory.into_inner();
    if memory.most > 0 {
        work.note(format!("{} of Karpenter drained and ended", count(memory.most, "node")));
    }
    Ok(())
}

fn status(inside: &Inside, held: &[Blocked]) -> String {
    let nodes = format!("draining {}", count(inside.claims.len(), "node"));
    let pods: Vec<&str> = held.iter().map(|one| one.pod.as_str()).collect();
    if pods.is_empty() { nodes } else { format!("{nodes}; held back: {}", some(&pods)) }
}

/// Asks for the end of all pools, then of all claims: of those whose pool went long ago, too.
async fn ask(work: &Work<'_>, hold: &Hold, inside: &Inside) -> Result<(), Stay> {
    for pool in inside.pools.iter().filter(|pool| !leaving(pool)) {
        hold.delete(Thing::Pool, pool, None).await?;
        work.note(format!("deleted NodePool {}", name(pool)));
    }
    for claim in inside.claims.iter().filter(|claim| !leaving(claim)) {
        hold.delete(Thing::Claim, claim, None).await?;
    }
    Ok(())
}

/// Instances of what is on its way out that EC2 still has.
async fn standing(ground: &Ground<'_>, inside: &Inside) -> Result<BTreeSet<String>, Stay> {
    let objects = inside.claims.iter().chain(&inside.nodes).filter(|object| leaving(object));
    let ids: BTreeSet<String> = objects.filter_map(instance).map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(ids);
    }
    let ids: Vec<String> = ids.into_iter().collect();
    Ok(Box::pin(leftovers::standing(ground.cloud, &ids)).await?.into_iter().collect())
}

/// Takes finalizers off what has had no instance for a while.
async fn release(
    work: &Work<'_>,
    hold: &Hold,
    inside: &Inside,
    standing: &BTreeSet<String>,
    memory: &mut Memory,
    since: Duration,
) -> Result<(), Stay> {
    let stuck = stuck(inside, standing);
    memory.stuck.retain(|known, _| stuck.iter().any(|(_, object)| uid(object) == known));
    for (thing, object) in stuck {
        let first = *memory.stuck.entry(uid(object).to_owned()).or_insert(since);
        if since.saturating_sub(first) < FINALIZER {
            continue;
        }
        let held = finalizers(object).join(", ");
        hold.let_go(thing, object).await?;
        let instance = instance(object)
            .map_or_else(|| "it never had an instance".to_owned(), |id| format!("its instance {id} is gone"));
        work.note(format!("took {held} off {} {}: {instance}", thing.noun(), full(object)));
    }
    Ok(())
}

/// Without a Karpenter that runs, the same by our own hand: pods are asked to leave, and an instance ends when nobody is left
/// on it.
async fn alone(work: &Work<'_>, ground: &Ground<'_>, hold: &Hold, inside: &Inside) -> Result<(), Stay> {
    work.note("Karpenter did not run: pods were evicted and instances ended without it".to_owned());
    let nodes = leaving_nodes(inside);
    let pods = inside.pods.iter().filter(|pod| nodes.contains(text(pod, "/spec/nodeName")));
    for pod in pods.filter(|pod| must_leave(pod) && !leaving(pod)) {
        hold.evict(pod).await?;
    }
    for id in empty_instances(inside) {
        let instance = Found { vpc: None, ..Found::named(Sort::Instance, &id) };
        Box::pin(leftovers::end(ground.cloud, &instance)).await?;
    }
    Ok(())
}

/// Past what holds pods back: they are ended with the time that they asked for, and without any when that was not enough.
async fn force(
    work: &Work<'_>,
    hold: &Hold,
    inside: &Inside,
    held: &[Blocked],
    after: Duration,
    memory: &mut Memory,
    since: Duration,
) -> Result<(), Stay> {
    let pod_of = |uid_of: &str| inside.pods.iter().find(|pod| uid(pod) == uid_of);
    for one in held {
        let Some(pod) = pod_of(&one.uid) else { continue };
        hold.delete(Thing::Pod, pod, None).await?;
        memory.forced.insert(one.uid.clone(), since);
        work.note(format!("deleted pod {} after {}, although {}", one.pod, words(after), one.why));
    }
    let grace = |pod: &serde_json::Value| {
        let seconds = pod.pointer("/spec/terminationGracePeriodSeconds").and_then(serde_json::Value::as_u64);
        Duration::from_secs(seconds.unwrap_or(30))
    };
    for (uid_of, at) in &memory.forced {
        let Some(pod) = pod_of(uid_of).filter(|pod| leaving(pod)) else { continue };
        if since.saturating_sub(*at) >= grace(pod) + BEYOND {
            hold.delete(Thing::Pod, pod, Some(0)).await?;
            work.note(format!("pod {} did not end in its own time, and was ended without any", full(pod)));
        }
    }
    Ok(())
}

/// Stops where nothing goes on but for what is held back.
fn still(inside: &Inside, held: &[Blocked], memory: &mut Memory, since: Duration) -> Result<(), Stay> {
    let now = signature(inside);
    if now != memory.signature {
        (memory.signature, memory.changed) = (now, since);
    }
    if held.is_empty() {
        return Ok(());
    }
    let nodes: BTreeSet<&str> = held.iter().map(|one| one.node.as_str()).collect();
    let only = inside
        .claims
        .iter()
        .all(|claim| super::objects::node_of(inside, claim).is_some_and(|node| nodes.contains(name(node))));
    let limit = if only { STILL } else { STILL_AMONG_OTHERS };
    if since.saturating_sub(memory.changed) < limit {
        return Ok(());
    }
    Err(Stay::Asks(held.iter().map(problem).collect()))
}

/// A pod that is held back, and what to do.
fn problem(held: &Blocked) -> Problem {
    let title = format!("pod {} cannot be moved from node {}: {}", held.pod, held.node, held.why);
    let help = format!(
        "let it go ({}), then run destroy again; or pass --force-drain-after 10m, which deletes such pods after that time",
        held.remedy
    );
    Problem::error("drain-blocked", title, help)
}
