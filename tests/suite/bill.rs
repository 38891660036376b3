//! What the shipped environments cost, from the fields that the model wants: against figures written by hand.

use std::collections::BTreeMap;

use rem_ci::run::{Look, look};
use rem_ci::{config::Loaded, cost::Bill, guard::Verb};

use crate::common::{Region, apply, environment, today, virtual_time};

pub(crate) fn offline(loaded: &Loaded) -> Bill {
    let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: today() };
    virtual_time(async { look(loaded, None, ask).await.expect("a look").bill })
}

/// Fixed USD a month by component, unrounded.
fn fixed(bill: &Bill) -> BTreeMap<&'static str, String> {
    let mut sums = BTreeMap::new();
    for entry in bill.entries.iter().filter(|entry| entry.class == rem_ci::cost::LineClass::Fixed) {
        let monthly = entry.after.as_ref().and_then(|side| side.monthly).expect("a price");
        *sums.entry(entry.component).or_insert(rust_decimal::Decimal::ZERO) += monthly;
    }
    sums.into_iter().map(|(component, sum)| (component, sum.normalize().to_string())).collect()
}

fn table(rows: &[(&'static str, &str)]) -> BTreeMap<&'static str, String> {
    rows.iter().map(|(component, sum)| (*component, (*sum).to_owned())).collect()
}

#[test]
fn prod_costs_what_the_table_says() {
    let bill = offline(&environment("prod"));
    let expected = table(&[
        ("KMS keys", "1"),
        ("NAT gateways", "98.55"), // 3 x 0.045 x 730
        ("VPC endpoints", "0"),
        ("control plane", "73"), // 0.10 x 730
        ("event rules", "0"),
        ("public IPv4", "10.95"),   // 3 x 0.005 x 730
        ("system nodes", "60.736"), // 2 x 0.0416 x 730
        ("volumes", "3.2"),         // 2 x 20 x 0.08
    ]);
    assert_eq!(fixed(&bill), expected);
    assert_eq!(bill.after.fixed.sum.normalize().to_string(), "247.436");
}

#[test]
fn dev_has_one_gateway_and_one_address() {
    let fixed = fixed(&offline(&environment("dev")));
    assert_eq!((fixed["NAT gateways"].as_str(), fixed["public IPv4"].as_str()), ("32.85", "3.65"));
}

#[test]
fn an_interface_endpoint_costs_by_zone_and_support_goes_by_date() {
    let mut loaded = environment("prod");
    loaded.spec.network.endpoints.push("ecr.api".to_owned());
    loaded.spec.cluster.version = "1.32".to_owned();
    loaded.spec.system_nodes.volume_gib = 100;
    loaded.spec.system_nodes.count = 3;
    let fixed = fixed(&offline(&loaded));
    assert_eq!(fixed["VPC endpoints"], "21.9", "3 zones x 0.01 x 730");
    assert_eq!(fixed["control plane"], "438", "0.60 x 730");
    assert_eq!(fixed["volumes"], "24", "3 x 100 x 0.08");
    assert_eq!(fixed["system nodes"], "91.104", "3 x 0.0416 x 730");
}

#[test]
fn what_is_there_costs_what_was_planned() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        let applied = apply(&loaded, &world).await.expect("an apply");
        let again = crate::common::look(&loaded, &world).await.expect("a look");
        assert_eq!(again.bill.before.fixed.sum, applied.looked.bill.after.fixed.sum);
        assert_eq!(again.bill.delta(), Some(rust_decimal::Decimal::ZERO));
        let ask = Look { verb: Verb::Destroy, after_incomplete: false, acknowledged: &[], today: today() };
        let end = rem_ci::run::look(&loaded, Some(&world), ask).await.expect("a look");
        assert_eq!(end.bill.after.fixed.sum, rust_decimal::Decimal::ONE, "the key is kept");
    });
}

/// The original README said 200 to 2,000+ for workload nodes at "50 % spot": one to ten m7i.2xlarge, half of them spot.
#[test]
fn the_readme_s_workload_nodes() {
    for (pods, instances) in [(1, "200.14848"), (10, "2001.4848")] {
        let mut loaded = environment("prod");
        let pool = loaded.spec.node_pools.get_mut("general-purpose").expect("a pool");
        let requirement =
            serde_json::json!({"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m7i.2xlarge"]});
        pool.requirements.push(serde_json::from_value(requirement).expect("a requirement"));
        let workload = serde_json::json!({"pool": "general-purpose", "replicas": pods, "requests": {"cpu": "6", "memory": "20Gi"}});
        loaded.spec.workloads.insert("all".to_owned(), serde_json::from_value(workload).expect("a workload"));
        loaded.spec.cost.assumptions.spot_share_percent = Some(50);
        loaded.spec.cost.assumptions.spot_saving_percent = Some(64);
        let bill = offline(&loaded);
        let pool = bill.pools.pools.iter().find(|pool| pool.pool == "general-purpose").expect("a pool");
        let volumes = rust_decimal::Decimal::from(4 * pods); // 50 GiB x 0.08
        assert_eq!((pool.expected.expect("a figure") - volumes).normalize().to_string(), instances);
    }
}
