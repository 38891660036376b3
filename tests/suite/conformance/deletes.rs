//! What a person deletes by hand, one thing after the other: AWS refuses it, or the next plan shows it, and an apply repairs it
//! or a guard says why not.

use std::collections::{BTreeMap, BTreeSet};

use rem_ci::config::Loaded;
use rem_ci::engine::wait::pause;
use rem_ci::engine::{Action, Address, Custody, Cx};
use rem_ci::resources;
use rem_ci::run::{Looked, World};

use super::shipped::applied;
use super::{kept, repair};
use crate::common::{look, virtual_time};

/// What becomes of a thing that is deleted by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// AWS does not delete what others use.
    Held,
    /// Shown, and a guard says why it is not made again.
    Refused,
    /// Shown, and repaired once somebody has acknowledged what else it takes.
    Acknowledged,
    /// Shown and repaired.
    Repaired,
}

/// Deletes one thing as a person would, trying again a few times; whether it went.
async fn deleted(loaded: &Loaded, world: &World, looked: &Looked, address: &Address) -> bool {
    let live = &looked.plan.sorted.owned[address];
    let kind = resources::kind_of(address.kind()).expect("a kind");
    let cx = Cx {
        address: address.clone(),
        environment: loaded.spec.name.clone(),
        stack: looked.owner.stack.clone(),
        token: String::new(),
    };
    for _ in 0..3 {
        let gone = kind.delete(&world.cloud, &cx, live).await.is_ok();
        pause(std::time::Duration::from_mins(20)).await;
        if gone {
            return true;
        }
    }
    false
}

/// What is ours to make and delete.
fn owned(looked: &Looked) -> Vec<Address> {
    let mine = |address: &&Address| {
        let custody = resources::about(address.kind()).expect("a kind").custody;
        matches!(custody, Custody::Owned | Custody::OwnedOrAdopted)
    };
    looked.plan.sorted.owned.keys().filter(mine).cloned().collect()
}

/// Things with one fate: those of a kind, but for roles, where it matters whose they are.
fn sort_of(address: &Address) -> &str {
    if address.kind() == "iam-role" { address.as_str() } else { address.kind() }
}

/// What becomes of one of each sort, when it alone is deleted.
async fn fates(loaded: &Loaded, region: &crate::common::Region) -> BTreeMap<String, Fate> {
    let before = look(loaded, &region.world(loaded)).await.expect("a look");
    let saved = region.sandbox.with(|state| state.accounts.clone());
    let mut fates = BTreeMap::new();
    for address in owned(&before) {
        if fates.contains_key(sort_of(&address)) {
            continue;
        }
        // A world of its own: what one look shares with others ends with it.
        let world = region.world(loaded);
        let fate = if deleted(loaded, &world, &before, &address).await {
            let looked = look(loaded, &world).await.expect("a look");
            let step = looked.plan.step(&address).expect("a step");
            assert!(matches!(step.action, Action::Create), "{address}: {} {:?}", step.action.word(), step.changes);
            let stops: Vec<_> = looked.findings.iter().filter(|finding| finding.stops()).collect();
            match stops.as_slice() {
                [] => Fate::Repaired,
                some if some.iter().all(|finding| finding.digest.is_some()) => Fate::Acknowledged,
                _ => Fate::Refused,
            }
        } else {
            Fate::Held
        };
        fates.insert(sort_of(&address).to_owned(), fate);
        region.sandbox.with(|state| state.accounts.clone_from(&saved));
    }
    fates
}

/// Deletes all of these, those that need others first, and repairs them.
async fn repaired(loaded: &Loaded, world: &World, which: &BTreeSet<Address>) {
    let before = look(loaded, world).await.expect("a look");
    let order: Vec<_> =
        before.plan.steps.iter().rev().map(|step| &step.address).filter(|it| which.contains(it)).collect();
    for address in &order {
        assert!(deleted(loaded, world, &before, address).await, "{address} is held");
    }
    let looked = look(loaded, world).await.expect("a look");
    for address in order {
        let step = looked.plan.step(address).expect("a step");
        assert!(matches!(step.action, Action::Create | Action::Replace(_)), "{address}: {}", step.action.word());
    }
    repair(loaded, world, &looked).await;
    kept(loaded, world).await;
}

fn by_hand(name: &'static str) {
    virtual_time(async {
        let (loaded, region) = applied(name).await;
        let fates = fates(&loaded, &region).await;
        let kinds =
            |fate: Fate| fates.iter().filter(|(_, it)| **it == fate).map(|(sort, _)| sort.as_str()).collect::<Vec<_>>();
        let found = [Fate::Held, Fate::Refused, Fate::Acknowledged].map(kinds);
        assert_eq!(found, [HELD.to_vec(), REFUSED.to_vec(), ACKNOWLEDGED.to_vec()], "{name}");
        let before = look(&loaded, &region.world(&loaded)).await.expect("a look");
        for heavy in [false, true] {
            let which = owned(&before).into_iter().filter(|address| {
                let fate = fates[sort_of(address)];
                let nodes = address.kind() == "node-group" || fate == Fate::Acknowledged;
                matches!(fate, Fate::Repaired | Fate::Acknowledged) && nodes == heavy
            });
            let which = which.collect();
            repaired(&loaded, &region.world(&loaded), &which).await;
        }
    });
}

/// What AWS does not delete while it is used.
const HELD: &[&str] = &["cluster", "eip", "iam-policy", "internet-gateway", "karpenter/iam-role/node", "subnet", "vpc"];
/// What the cluster cannot be given anew.
const REFUSED: &[&str] = &["identity/iam-role/cluster", "kms-key"];
/// What the system nodes cannot be given anew: they are replaced.
const ACKNOWLEDGED: &[&str] = &["identity/iam-role/system-node", "launch-template"];

#[test]
fn deleted_by_hand_in_dev() {
    by_hand("dev");
}

#[test]
fn deleted_by_hand_in_staging() {
    by_hand("staging");
}

#[test]
fn deleted_by_hand_in_prod() {
    by_hand("prod");
}
