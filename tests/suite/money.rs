//! Fixed monthly cost, to the cent, through the real plan.

use std::collections::BTreeMap;

use rem_ci::config::Loaded;
use rem_ci::cost::LineClass;
use rem_ci::run::Looked;
use rust_decimal::Decimal;

use crate::common::{Region, apply, environment, look, virtual_time};

fn usd(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a figure")
}

async fn looked(loaded: &Loaded) -> Looked {
    let region = Region::new(3, &loaded.spec.account);
    look(loaded, &region.world(loaded)).await.expect("a look")
}

/// Fixed USD a month by component, of what the plan leads to.
fn fixed(looked: &Looked) -> BTreeMap<&'static str, Decimal> {
    let mut sums = BTreeMap::new();
    for entry in looked.bill.entries.iter().filter(|entry| entry.class == LineClass::Fixed) {
        if let Some(monthly) = entry.after.as_ref().and_then(|side| side.monthly) {
            *sums.entry(entry.component).or_default() += monthly;
        }
    }
    sums
}

fn prod() -> BTreeMap<&'static str, Decimal> {
    // Written by hand: 730 hours; 0.10; 2 x 0.0416; 3 x 0.045; 3 x 0.005; 2 x 20 GiB x 0.08; one key.
    BTreeMap::from([
        ("control plane", usd("73.00")),
        ("system nodes", usd("60.736")),
        ("NAT gateways", usd("98.55")),
        ("public IPv4", usd("10.95")),
        ("volumes", usd("3.20")),
        ("KMS keys", usd("1.00")),
        ("VPC endpoints", usd("0.00")),
        ("event rules", usd("0.00")),
    ])
}

#[test]
fn prod_to_the_cent() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(3, &loaded.spec.account);
        let world = region.world(&loaded);
        let planned = look(&loaded, &world).await.expect("a look");
        assert_eq!(fixed(&planned), prod());
        assert_eq!(planned.bill.after.fixed.sum.round_dp(2), usd("247.44"));
        assert_eq!((planned.bill.before.fixed.sum, planned.bill.before.fixed.priced), (Decimal::ZERO, 0));
        assert_eq!(planned.bill.after.fixed.unpriced, 0);
        // What is live costs the same as what was planned.
        assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
        let live = look(&loaded, &world).await.expect("a look");
        assert_eq!(live.bill.before, live.bill.after);
        assert_eq!(fixed(&live), prod());
        assert_eq!(live.bill.delta(), Some(Decimal::ZERO));
    });
}

#[test]
fn extended_support_goes_by_date() {
    virtual_time(async {
        for (version, monthly) in [("1.31", "438.00"), ("1.32", "438.00"), ("1.34", "73.00"), ("1.36", "73.00")] {
            let mut loaded = environment("prod");
            version.clone_into(&mut loaded.spec.cluster.version);
            let looked = looked(&loaded).await;
            assert_eq!(fixed(&looked)["control plane"], usd(monthly), "{version}");
        }
    });
}

#[test]
fn volumes_and_nodes_follow_the_file() {
    virtual_time(async {
        let mut loaded = environment("prod");
        loaded.spec.system_nodes.count = 5;
        loaded.spec.system_nodes.volume_gib = 30;
        let looked = looked(&loaded).await;
        assert_eq!(fixed(&looked)["volumes"], usd("12.00"));
        assert_eq!(fixed(&looked)["system nodes"], usd("151.84"));
    });
}

#[test]
fn interface_endpoints_cost_by_the_zone() {
    virtual_time(async {
        let mut loaded = environment("prod");
        loaded.spec.network.endpoints = ["s3", "sts", "ecr.api"].map(str::to_owned).to_vec();
        let looked = looked(&loaded).await;
        // Two endpoints in three zones at 0.01.
        assert_eq!(fixed(&looked)["VPC endpoints"], usd("43.80"));
    });
}

#[test]
fn a_region_without_a_table_prices_nothing_and_plans_all_the_same() {
    virtual_time(async {
        let mut loaded = environment("prod");
        "eu-west-3".clone_into(&mut loaded.spec.region);
        let looked = looked(&loaded).await;
        assert!(looked.plan.changes());
        assert!(!looked.refused(), "{:#?}", looked.findings);
        assert_eq!(looked.bill.price_date, None);
        assert_eq!((looked.bill.after.fixed.priced, looked.bill.after.fixed.sum), (0, Decimal::ZERO));
        assert!(looked.bill.after.fixed.unpriced > 0);
        assert_eq!(looked.bill.after.fixed.known(), None, "no price is not 0");
        let whys = looked.bill.unpriced.iter().filter(|line| line.component == "control plane");
        assert!(whys.clone().count() == 1 && whys.clone().all(|line| line.why.contains("no price table")));
    });
}
