//! Every field of every kind of the catalogue: drifted by hand, shown as the catalogue declares, and repaired.
//!
//! | file | what it holds |
//! |---|---|
//! | `hand.rs` | a person in the console |
//! | `shipped.rs` | the same for dev, staging and prod as they are shipped |
//! | `deletes.rs` | what a person deletes there |
//! | `digest.rs` | every value is in the digest of a plan |
//! | `everything.rs` | an environment with all that is optional |
//! | `network.rs`, `identity.rs`, `cluster.rs`, `inside.rs` | one drift for each field |
//! | `existing.rs` | the kind that only somebody else's VPC has |

mod cluster;
mod deletes;
mod digest;
mod everything;
mod existing;
mod hand;
mod identity;
mod inside;
mod network;
mod shipped;

use std::collections::{BTreeMap, BTreeSet};

use rem_ci::config::Loaded;
use rem_ci::engine::{Action, Address, Effect, Order, Stop};
use rem_ci::resources;
use rem_ci::run::{self, Approval, Looked, World};

use crate::common::{approval, look, virtual_time};
use everything::Everything;
use hand::{Hand, Pass, Row};

fn rows() -> impl Iterator<Item = &'static Row> {
    network::ROWS.iter().chain(identity::ROWS).chain(cluster::ROWS).chain(inside::ROWS).chain(existing::ROWS)
}

#[test]
fn every_field_of_the_catalogue_is_drifted() {
    let drifted: BTreeSet<(&str, &str)> =
        rows().flat_map(|row| row.fields.iter().map(|field| (row.kind, *field))).collect();
    let declared: BTreeSet<(&str, &str)> = resources::KINDS
        .iter()
        .flat_map(|kind| kind.kind().fields.iter().map(|field| (kind.kind().name, field.name)))
        .collect();
    let missing: Vec<_> = declared.difference(&drifted).collect();
    assert!(missing.is_empty(), "fields of the catalogue that no test drifts: {missing:?}");
    let surplus: Vec<_> = drifted.difference(&declared).collect();
    assert!(surplus.is_empty(), "drifts of what the catalogue does not have: {surplus:?}");
    for row in rows() {
        assert_eq!(row.address().kind(), row.kind, "{}", row.at);
    }
}

/// The fields that a look shows as changed.
fn changed(looked: &Looked) -> BTreeMap<Address, BTreeSet<String>> {
    let steps = looked.plan.steps.iter().filter(|step| step.action.word() != "keep");
    steps.map(|step| (step.address.clone(), step.changes.iter().map(|change| change.field.clone()).collect())).collect()
}

/// The action that the strongest of these fields' declared effects comes to.
fn declared(kind: &str, fields: &BTreeSet<String>) -> Option<Action> {
    let kind = resources::about(kind).expect("a kind");
    let effects: Vec<Effect> = fields.iter().filter_map(|name| Some(kind.field(name)?.effect)).collect();
    let has = |wanted: fn(&Effect) -> bool| effects.iter().any(wanted);
    if has(|effect| *effect == Effect::Replace(Order::DeleteFirst)) {
        Some(Action::Replace(Order::DeleteFirst))
    } else if has(|effect| *effect == Effect::Replace(Order::CreateFirst)) {
        Some(Action::Replace(Order::CreateFirst))
    } else if has(|effect| *effect == Effect::Rolls) {
        Some(Action::Roll)
    } else if has(|effect| *effect == Effect::InPlace) {
        Some(Action::Update)
    } else {
        None
    }
}

/// Each row's fields are shown where they were drifted, and every step does what the catalogue says of its fields.
fn shown(looked: &Looked, rows: &[&Row]) {
    let changed = changed(looked);
    let mut hidden = Vec::new();
    for row in rows {
        for field in row.fields {
            if !changed.get(&row.address()).is_some_and(|fields| fields.contains(*field)) {
                hidden.push(format!("{}: {field}", row.at));
            }
        }
    }
    assert!(hidden.is_empty(), "drifted by hand and not shown: {hidden:#?}\nshown is {changed:#?}");
    for (address, fields) in changed {
        let step = looked.plan.step(&address).expect("a step");
        // What is inside a VPC that ends first ends with it, whatever its own fields say.
        let homeless = step.live.as_ref().is_some_and(|live| live.inside.is_some()) && ends(looked, "network/vpc");
        if let Some(action) = declared(&step.kind, &fields).filter(|_| !homeless) {
            assert_eq!(step.action, action, "{address}: {fields:?}");
        }
        assert!(!homeless || matches!(step.action, Action::Replace(_)), "{address} stays in a VPC that ends");
    }
}

fn ends(looked: &Looked, address: &str) -> bool {
    let address = Address::parse(address).expect("an address");
    looked.plan.step(&address).is_some_and(|step| matches!(step.action, Action::Replace(_)))
}

/// What the findings ask to be repeated.
fn acknowledged(looked: &Looked) -> Vec<String> {
    let asked = looked.findings.iter().filter_map(|finding| Some((finding.code, finding.digest.as_ref()?)));
    asked.map(|(code, digest)| format!("{code}:{digest}")).collect()
}

/// Applies what was looked at, with every acknowledgement it asks for, until nothing is left to do.
async fn repair(loaded: &Loaded, world: &World, looked: &Looked) {
    let approval = Approval { acknowledged: acknowledged(looked), ..approval(looked) };
    let applied = run::apply(loaded, world, &approval, &|_| {}, &Stop::default()).await;
    let applied = applied.unwrap_or_else(|halt| panic!("{halt:#?}"));
    let failed: Vec<_> = applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
    assert!(applied.outcome.complete(), "{failed:#?}\nnot begun: {:#?}", applied.outcome.skipped);
    // Add-ons are degraded while their nodes are replaced, and recover by themselves.
    rem_ci::engine::wait::pause(std::time::Duration::from_mins(10)).await;
    kept(loaded, world).await;
}

/// Nothing is left to do.
async fn kept(loaded: &Loaded, world: &World) {
    let looked = look(loaded, world).await.expect("a look");
    let moved: Vec<_> = looked.plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
    let moved: Vec<_> =
        moved.iter().map(|step| (&step.address, step.action.word(), &step.reason, &step.changes)).collect();
    assert!(moved.is_empty(), "{moved:#?}");
    assert!(!looked.refused(), "{:#?}", looked.findings);
}

/// Drifts all rows of a pass, looks, repairs. `only` says that nothing else may show.
fn pass(which: Pass, only: bool) {
    virtual_time(async {
        let Everything { loaded, region } = Everything::applied().await;
        let world = region.world(&loaded);
        let rows: Vec<&Row> = rows().filter(|row| row.pass == which && row.kind != "subnet-tags").collect();
        assert!(!rows.is_empty());
        let before = look(&loaded, &world).await.expect("a look");
        let hand = Hand::new(&world, &before);
        for row in &rows {
            (row.drift)(&hand).await;
        }
        let looked = look(&loaded, &world).await.expect("a look");
        shown(&looked, &rows);
        if only {
            let drifted: BTreeSet<(Address, String)> = rows
                .iter()
                .flat_map(|row| row.fields.iter().map(|field| (row.address(), (*field).to_owned())))
                .collect();
            let seen = changed(&looked);
            let seen: BTreeSet<(Address, String)> = seen
                .into_iter()
                .flat_map(|(address, fields)| fields.into_iter().map(move |field| (address.clone(), field)))
                .collect();
            assert_eq!(seen, drifted);
        }
        repair(&loaded, &world, &looked).await;
    });
}

#[test]
fn changed_back_in_place() {
    pass(Pass::InPlace, true);
}

#[test]
fn the_endpoint_changed_back() {
    pass(Pass::Endpoint, false);
}

#[test]
fn leaves_replaced() {
    pass(Pass::Leaf, false);
}

#[test]
fn system_nodes_replaced() {
    pass(Pass::Nodes, false);
}

#[test]
fn subnets_replaced() {
    pass(Pass::Subnet, false);
}

#[test]
fn the_cluster_replaced() {
    pass(Pass::Cluster, false);
}

#[test]
fn the_vpc_replaced() {
    pass(Pass::Vpc, false);
}

/// What nothing can change is an error with help; put back by hand, nothing is left to do.
#[test]
fn fixed_fields_are_refused() {
    virtual_time(async {
        let Everything { loaded, region } = Everything::applied().await;
        let world = region.world(&loaded);
        for row in rows().filter(|row| row.pass == Pass::Fixed && row.kind != "subnet-tags") {
            let before = look(&loaded, &world).await.expect("a look");
            let saved = region.sandbox.with(|state| state.accounts.clone());
            (row.drift)(&Hand::new(&world, &before)).await;
            let looked = look(&loaded, &world).await.expect("a look");
            for field in row.fields {
                let title = format!("{field} of {} cannot be changed", row.at);
                let found =
                    looked.findings.iter().any(|finding| finding.code == "fixed-field" && finding.title == title);
                assert!(found, "{title}: {:#?}", looked.findings);
            }
            assert!(looked.refused());
            let refused = run::apply(&loaded, &world, &approval(&looked), &|_| {}, &Stop::default()).await;
            assert!(refused.is_err(), "{}: applied all the same", row.at);
            region.sandbox.with(|state| state.accounts = saved);
            kept(&loaded, &world).await;
        }
    });
}

/// A read finds these by the field, so what has another is not ours: it is made again, or does not show at all.
#[test]
fn what_is_found_by_a_field_is_not_found_without_it() {
    virtual_time(async {
        let Everything { loaded, region } = Everything::applied().await;
        let world = region.world(&loaded);
        for row in rows().filter(|row| row.pass == Pass::Apart && row.kind != "subnet-tags") {
            let before = look(&loaded, &world).await.expect("a look");
            let saved = region.sandbox.with(|state| state.accounts.clone());
            (row.drift)(&Hand::new(&world, &before)).await;
            let looked = look(&loaded, &world).await.expect("a look");
            let step = looked.plan.step(&row.address()).expect("a step");
            assert_eq!(step.action, Action::Create, "{}: {:?}", row.at, step.changes);
            region.sandbox.with(|state| state.accounts = saved);
            kept(&loaded, &world).await;
        }
    });
}
