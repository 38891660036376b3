//! dev, staging and prod as they are shipped: every field that their graphs have is drifted by hand, shown and repaired.
//!
//! The rows are those of the whole catalogue. Where an environment has fewer of a kind than a row names, another of the kind is
//! taken; what is a choice here (`default`, zones by number), and so stays as it was found, is listed with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_eks::types as eks;
use rem_ci::config::Loaded;
use rem_ci::engine::{Action, Address, Stop};
use rem_ci::run::{self, Looked, World};
use rem_ci::sandbox::state::State;
use serde_json::json;

use super::hand::{Hand, Insides, Pass, Row, row};
use super::{acknowledged, changed, kept, repair, rows};
use crate::common::{Region, apply, approval, environment, look, virtual_time};
use crate::fault::failures;

/// Fields that no drift shows in, and why.
const STAYS: &[(&str, &str, &str)] = &[
    ("addon", "version", "`default`: what runs is a choice that stays"),
    ("subnet", "zone", "zones by number: what was chosen stays"),
    ("cluster", "serviceCidr", "the range that EKS chose stays"),
    ("node-class", "amiSelectorTerms", "`default`: what was chosen stays"),
    ("access-entry", "groups", "EKS takes none for a node's entry"),
    ("access-entry", "policies", "EKS takes none for a node's entry"),
];

/// Rows of the catalogue that do not fit what is shipped; `HERE` has others in their stead.
const UNFIT: &[(&str, &str)] = &[
    ("cluster", "subnets"),
    ("cluster", "endpointPrivate"),
    ("cluster", "endpointPublic"),
    ("cluster", "upgradePolicy"),
    ("cluster", "zonalShift"),
    ("cluster", "deletionProtection"),
    ("access-entry", "principal"),
];

const CLUSTER: &str = "cluster/cluster";

async fn update(h: &Hand<'_>, change: impl FnOnce(Config) -> Config) {
    change(h.cloud.eks.update_cluster_config().name(h.id(CLUSTER))).send().await.expect("UpdateClusterConfig");
    h.wait().await;
}

type Config = aws_sdk_eks::operation::update_cluster_config::builders::UpdateClusterConfigFluentBuilder;

const HERE: &[Row] = &[
    row!("cluster", ["subnets", "securityGroups"], "cluster/cluster", InPlace, |h| {
        // The public subnets of the same zones.
        let publics = h.all("subnet").filter(|(address, _)| address.key().is_some_and(|key| key.starts_with("public")));
        let publics = publics.map(|(_, live)| live.id.clone()).collect();
        let subnets = eks::VpcConfigRequest::builder().set_subnet_ids(Some(publics)).build();
        update(h, |call| call.resources_vpc_config(subnets)).await;
        let ec2 = &h.cloud.ec2;
        let made = ec2.create_security_group().group_name("by-hand").description("by hand").vpc_id(h.id("network/vpc"));
        let made = made.send().await.expect("CreateSecurityGroup").group_id.expect("an id");
        h.wait().await;
        let groups = eks::VpcConfigRequest::builder().security_group_ids(made).build();
        update(h, |call| call.resources_vpc_config(groups)).await;
    }),
    row!("cluster", ["endpointPrivate", "endpointPublic", "publicCidrs"], "cluster/cluster", InPlace, |h| {
        let vpc = eks::VpcConfigRequest::builder().endpoint_private_access(false).endpoint_public_access(true);
        let vpc = vpc.public_access_cidrs("198.51.100.0/24").build();
        update(h, |call| call.resources_vpc_config(vpc)).await;
    }),
    row!("cluster", ["upgradePolicy"], "cluster/cluster", InPlace, |h| {
        let policy = eks::UpgradePolicyRequest::builder().support_type(eks::SupportType::Extended).build();
        update(h, |call| call.upgrade_policy(policy)).await;
    }),
    row!("cluster", ["zonalShift"], "cluster/cluster", InPlace, |h| {
        let shift = eks::ZonalShiftConfigRequest::builder().enabled(true).build();
        update(h, |call| call.zonal_shift_config(shift)).await;
    }),
    row!("cluster", ["deletionProtection"], "cluster/cluster", InPlace, |h| {
        let on = h.live(CLUSTER).text("deletionProtection") == "true";
        update(h, |call| call.deletion_protection(!on)).await;
    }),
    // Of the one entry that there is; its type is drifted in another pass.
    row!("access-entry", ["principal"], "cluster/access-entry/karpenter-node", Nodes, |h| {
        let arn = h.name("cluster/access-entry/karpenter-node", "principal");
        let other = "arn:aws:iam::123456789012:role/by-hand";
        h.edit(|all| Insides::rename(&mut all.cluster()["entries"], &arn, other));
    }),
    row!("vpc-endpoint", ["service"], "network/vpc-endpoint/s3", Leaf, |h| {
        let id = h.id("network/vpc-endpoint/s3");
        h.edit(|all| all.region["ec2"]["endpoints"][&id]["service"] = json!("com.amazonaws.us-east-1.dynamodb"));
    }),
];

/// An environment as it is shipped, but for the name of its cluster, which the rows spell.
pub(super) fn loaded(name: &str) -> Loaded {
    let mut loaded = environment(name);
    "rem-prod".clone_into(&mut loaded.spec.cluster.name);
    loaded
}

/// An environment, applied; the work is done once for all tests.
pub(super) async fn applied(name: &'static str) -> (Loaded, Region) {
    static APPLIED: Mutex<BTreeMap<&str, (State, Duration)>> = Mutex::new(BTreeMap::new());
    let loaded = loaded(name);
    if let Some((state, later)) = APPLIED.lock().expect("a lock").get(name) {
        return (loaded, Region::over(state.clone(), *later));
    }
    let began = tokio::time::Instant::now();
    let region = Region::new(11, &loaded.spec.account);
    let done = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
    assert_eq!(failures(&done.outcome), Vec::<String>::new());
    let later = began.elapsed() + Duration::from_hours(1);
    let state = region.sandbox.with(|state| state.clone());
    APPLIED.lock().expect("a lock").insert(name, (state.clone(), later));
    (loaded, Region::over(state, later))
}

/// Every field that the environment wants of anything.
fn wanted(looked: &Looked) -> BTreeSet<(String, String)> {
    let steps = looked.plan.steps.iter().filter_map(|step| Some((&step.kind, step.want.as_ref()?)));
    steps.flat_map(|(kind, want)| want.keys().map(|field| (kind.clone(), field.clone()))).collect()
}

/// The rows that fit an environment, each with what it drifts there.
fn fitting(looked: &Looked, hand: &Hand<'_>) -> Vec<(&'static Row, Address, Vec<&'static str>)> {
    let wanted = wanted(looked);
    let has = |kind: &str, field: &str| wanted.contains(&(kind.to_owned(), field.to_owned()));
    let stays = |kind: &str, field: &str| STAYS.iter().any(|(k, f, _)| (*k, *f) == (kind, field));
    let unfit = |row: &Row| row.fields.iter().any(|field| UNFIT.contains(&(row.kind, *field)));
    let catalogue = rows().filter(|row| !unfit(row));
    let mut found = Vec::new();
    for row in HERE.iter().chain(catalogue) {
        let Some(address) = hand.place(row.at) else { continue };
        let mut fields: Vec<_> = row.fields.iter().copied().filter(|field| !stays(row.kind, field)).collect();
        // What cannot differ, because the environment says nothing of it, but a person can add.
        let added = |field: &&str| ["boundary", "inline", "publicCidrs"].contains(field);
        fields.retain(|field| has(row.kind, field) || added(field));
        if fields.is_empty() || (row.kind == "vpc-endpoint" && row.at.contains("ecr")) {
            continue;
        }
        found.push((row, address.clone(), fields));
    }
    found
}

#[test]
fn every_field_that_is_shipped_is_drifted() {
    virtual_time(async {
        for name in ["dev", "staging", "prod"] {
            let (loaded, region) = applied(name).await;
            let world = region.world(&loaded);
            let looked = look(&loaded, &world).await.expect("a look");
            let hand = Hand::anywhere(&world, &looked);
            let mut missing = wanted(&looked);
            for (row, _, fields) in fitting(&looked, &hand) {
                for field in fields {
                    missing.remove(&(row.kind.to_owned(), field.to_owned()));
                }
            }
            for (kind, field, _) in STAYS {
                missing.remove(&((*kind).to_owned(), (*field).to_owned()));
            }
            assert_eq!(missing, BTreeSet::new(), "{name}: fields that no test drifts");
        }
    });
}

/// Drifts of one pass, all at once.
async fn drifted(loaded: &Loaded, world: &World, which: Pass) -> BTreeSet<(Address, String)> {
    let before = look(loaded, world).await.expect("a look");
    let hand = Hand::anywhere(world, &before);
    let mut drifted = BTreeSet::new();
    for (row, address, fields) in fitting(&before, &hand).into_iter().filter(|(row, ..)| row.pass == which) {
        (row.drift)(&hand).await;
        drifted.extend(fields.into_iter().map(|field| (address.clone(), field.to_owned())));
    }
    assert!(!drifted.is_empty());
    drifted
}

/// Every field of a pass: shown where it was drifted, repaired, and a second plan only keeps.
fn pass(name: &'static str, which: Pass) {
    virtual_time(async {
        let (loaded, region) = applied(name).await;
        let world = region.world(&loaded);
        let drifted = drifted(&loaded, &world, which).await;
        let looked = look(&loaded, &world).await.expect("a look");
        let seen = changed(&looked);
        let hidden: Vec<_> = drifted
            .iter()
            .filter(|(address, field)| !seen.get(address).is_some_and(|fields| fields.contains(field)))
            .collect();
        assert!(hidden.is_empty(), "{name}: drifted by hand and not shown: {hidden:#?}\nshown is {seen:#?}");
        repair(&loaded, &world, &looked).await;
    });
}

fn replaced(name: &'static str) {
    for which in [Pass::Leaf, Pass::Nodes, Pass::Subnet, Pass::Cluster, Pass::Vpc] {
        pass(name, which);
    }
}

#[test]
fn dev_changed_back_in_place() {
    pass("dev", Pass::InPlace);
}

#[test]
fn staging_changed_back_in_place() {
    pass("staging", Pass::InPlace);
}

#[test]
fn prod_changed_back_in_place() {
    pass("prod", Pass::InPlace);
}

#[test]
fn dev_replaced() {
    replaced("dev");
}

#[test]
fn staging_replaced() {
    replaced("staging");
}

#[test]
fn prod_replaced() {
    replaced("prod");
}

/// What nothing can change is refused, acknowledged or not; what is found by a field is not found without it.
#[test]
fn what_is_fixed_or_not_found_is_shown_too() {
    virtual_time(async {
        for name in ["dev", "staging", "prod"] {
            let (loaded, region) = applied(name).await;
            let world = region.world(&loaded);
            let before = look(&loaded, &world).await.expect("a look");
            let rows = fitting(&before, &Hand::anywhere(&world, &before));
            for (row, address, fields) in rows.iter().filter(|(row, ..)| matches!(row.pass, Pass::Fixed | Pass::Apart))
            {
                let saved = region.sandbox.with(|state| state.accounts.clone());
                (row.drift)(&Hand::anywhere(&world, &before)).await;
                let looked = look(&loaded, &world).await.expect("a look");
                if row.pass == Pass::Apart {
                    let step = looked.plan.step(address).expect("a step");
                    assert_eq!(step.action, Action::Create, "{name}: {address}: {:?}", step.changes);
                } else {
                    for field in fields {
                        let title = format!("{field} of {address} cannot be changed");
                        assert!(looked.findings.iter().any(|finding| finding.title == title), "{name}: {title}");
                    }
                    let said = run::Approval { acknowledged: acknowledged(&looked), ..approval(&looked) };
                    let refused = run::apply(&loaded, &world, &said, &|_| {}, &Stop::default()).await;
                    assert!(refused.is_err(), "{name}: {address}: applied all the same");
                }
                region.sandbox.with(|state| state.accounts = saved);
            }
            kept(&loaded, &world).await;
        }
    });
}
