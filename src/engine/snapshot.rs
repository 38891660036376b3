//! Reading: every kind's sweep at once, and whose each thing is that came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::graph::Graph;
use super::kind::{AnyKind, Custody, Facts, Kind, Live, Scope, TAG_ENVIRONMENT, TAG_RESOURCE, TAG_STACK};
use super::plan::CanonicalNode;
use super::value::Address;
use super::wait::{LOST_WINDOW, pause};

/// What one kind's sweep gave. Unknown is never absent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Swept {
    /// Everything there is.
    Known(Vec<Live>),
    /// It could not be read, or not to its end.
    Unknown(Failure),
    /// It could not be read; this is what the last apply has left, by its own record.
    Assumed(Vec<CanonicalNode>),
}

/// All that was read. Plain data: a world's `live.json` is one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// By kind name. A kind that is missing was not asked (offline): nothing of it is there.
    pub kinds: BTreeMap<String, Swept>,
    /// What AWS offers, before live choices overrule it.
    #[serde(default)]
    pub facts: Facts,
    /// Ids that count as ours to be inside of without being ours: an existing VPC named in the configuration.
    #[serde(default)]
    pub homes: BTreeSet<String>,
}

/// Who is asking, for [`Scope`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The environment's name.
    pub environment: String,
    /// 16 hex digits.
    pub stack: String,
}

/// What a sweep of `kind` is about.
#[must_use]
pub fn scope<W>(owner: &Owner, graph: &Graph<W>, kind: &Kind, after_incomplete: bool) -> Scope {
    let known = Facts::default();
    let nodes = graph.nodes().iter();
    let everything: Vec<_> = nodes.map(|node| (node.address.clone(), node.want(&known))).collect();
    let mine = everything.iter().filter(|(address, _)| address.kind() == kind.name);
    Scope {
        environment: owner.environment.clone(),
        stack: owner.stack.clone(),
        wanted: mine.cloned().collect(),
        everything: Arc::new(everything),
        after_incomplete,
    }
}

/// Sweeps all kinds of the catalogue at once. After an incomplete run it first waits until everything that run may have
/// made shows in the lists.
pub async fn read<W>(
    world: &W,
    catalogue: &[&'static dyn AnyKind<W>],
    graph: &Graph<W>,
    owner: &Owner,
    after_incomplete: bool,
) -> BTreeMap<String, Swept> {
    if after_incomplete {
        pause(LOST_WINDOW).await;
    }
    let sweeps = catalogue.iter().map(|kind| async move {
        let scope = scope(owner, graph, kind.kind(), after_incomplete);
        let swept = match kind.sweep(world, &scope).await {
            Ok(found) => Swept::Known(found),
            Err(failure) => Swept::Unknown(failure),
        };
        (kind.kind().name.to_owned(), swept)
    });
    join_all(sweeps).await.into_iter().collect()
}

/// A snapshot, sorted by whose each thing is.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// Ours, by address.
    pub owned: BTreeMap<Address, Live>,
    /// Two of ours at one address, which a create with an unknown outcome can leave: those not kept.
    pub twins: Vec<(Address, Live)>,
    /// Says it is ours in part, or is in the way of nothing: shown, never touched.
    pub strays: Vec<(String, Live)>,
    /// Not ours, but standing under a name we want.
    pub clashes: BTreeMap<Address, Live>,
    /// Kinds that could not be read.
    pub unknown: BTreeMap<String, Failure>,
    /// Kinds that could not be read and are taken to be as the last apply left them.
    pub assumed: BTreeMap<String, BTreeMap<Address, CanonicalNode>>,
}

/// The address a thing's tags claim, if they claim it fully and for this stack.
fn claim(owner: &Owner, kind: &str, live: &Live) -> Option<Address> {
    let tag = |key: &str| live.tags.get(key).map(String::as_str);
    let address = Address::parse(tag(TAG_RESOURCE)?)?;
    let ours = tag(TAG_ENVIRONMENT) == Some(&owner.environment) && tag(TAG_STACK) == Some(&owner.stack);
    (ours && address.kind() == kind).then_some(address)
}

/// Sorts a snapshot. `kind_of` gives a kind's description by name; things of kinds it does not know are strays.
#[must_use]
pub fn sort(snapshot: &Snapshot, owner: &Owner, kind_of: &dyn Fn(&str) -> Option<&'static Kind>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut known: Vec<(&str, &Live)> = Vec::new();
    for (name, swept) in &snapshot.kinds {
        match swept {
            Swept::Known(found) => known.extend(found.iter().map(|live| (name.as_str(), live))),
            Swept::Unknown(failure) => {
                sorted.unknown.insert(name.clone(), failure.clone());
            }
            Swept::Assumed(nodes) => {
                let nodes = nodes.iter().map(|node| (node.address.clone(), node.clone()));
                sorted.assumed.insert(name.clone(), nodes.collect());
            }
        }
    }
    // A thing inside a VPC is ours only inside a VPC that is: tags can be copied, so those come first.
    let mut homes = snapshot.homes.clone();
    let roots = known.iter().filter(|(name, live)| live.inside.is_none() && claim(owner, name, live).is_some());
    homes.extend(roots.map(|(_, live)| live.id.clone()));
    for (name, live) in known {
        let at_home = live.inside.as_ref().is_none_or(|home| homes.contains(home));
        let custody = kind_of(name).map(|kind| kind.custody);
        match (claim(owner, name, live).filter(|_| at_home), &live.stands_for, custody) {
            // Of a child there can be two while AWS replaces its parent; neither is ours to delete.
            (Some(address), _, Some(Custody::Child)) => {
                sorted.owned.insert(address, live.clone());
            }
            (Some(address), _, Some(_)) => match sorted.owned.remove(&address) {
                None => {
                    sorted.owned.insert(address, live.clone());
                }
                Some(other) => {
                    let (keep, twin) = better(other, live.clone());
                    sorted.twins.push((address.clone(), twin));
                    sorted.owned.insert(address, keep);
                }
            },
            (None, Some(address), Some(Custody::OwnedOrAdopted | Custody::Child | Custody::Shared)) => {
                sorted.owned.entry(address.clone()).or_insert_with(|| live.clone());
            }
            (None, Some(address), Some(Custody::Owned)) => {
                sorted.clashes.insert(address.clone(), live.clone());
            }
            _ => sorted.strays.push((name.to_owned(), live.clone())),
        }
    }
    sorted
}

/// Of twins the one in use is kept: the one with things attached or, failing that, the lower id, so that every run
/// chooses the same.
fn better(one: Live, other: Live) -> (Live, Live) {
    let rank = |live: &Live| (live.attached.is_empty(), live.id.clone());
    if rank(&one) <= rank(&other) { (one, other) } else { (other, one) }
}
