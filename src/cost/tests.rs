use jiff::civil::{Date, date};
use rust_decimal::Decimal;

use super::usage::{self, Present};
use super::{Bill, Book, Line, LineClass, Rates, lines};
use crate::config::Spec;
use crate::config::spec::Assumptions;
use crate::engine::{Address, Facts};

const TODAY: Date = date(2026, 11, 24);

fn usd(text: &str) -> Decimal {
    Decimal::from_str_exact(text).unwrap()
}

fn at(address: &str) -> Address {
    Address::parse(address).unwrap()
}

fn spec(assumptions: &str) -> Spec {
    serde_yaml::from_str(&format!(
        r#"
name: prod
owner: acme/platform
account: "123456789012"
region: us-east-1
cluster: {{name: rem-prod, version: "1.36", upgradePolicy: STANDARD}}
karpenter: {{version: "1.15.1"}}
nodePools: {{burst: {{nodeClass: default}}, stateful: {{nodeClass: default}}}}
cost: {{assumptions: {assumptions}}}
"#
    ))
    .unwrap()
}

fn with<T>(region: &str, work: impl FnOnce(&Rates) -> T) -> T {
    let (assumptions, facts) = (Assumptions::default(), Facts::default());
    work(&Rates::new(Book::embedded(region), TODAY, &assumptions, &facts))
}

/// The fixed lines of the shipped prod: three zones, two system nodes.
fn prod(rates: &Rates) -> Vec<(Address, Vec<Line>)> {
    let mut all = vec![
        (at("cluster/cluster"), vec![lines::control_plane("1.36", rates)]),
        (at("cluster/key"), vec![lines::kms_key(rates)]),
        (at("network/endpoint/s3"), vec![lines::gateway_endpoint("s3", rates)]),
        (at("interruption/rule/spot"), vec![lines::event_rule(rates)]),
    ];
    let mut nodes = vec![lines::instances("t3.medium", 2, rates)];
    nodes.extend(lines::gp3_volumes(2, 20, None, None, rates));
    all.push((at("cluster/node-group/system"), nodes));
    for zone in 1..=3 {
        all.push((at(&format!("network/nat-gateway/{zone}")), vec![lines::nat_gateway(rates)]));
        all.push((at(&format!("network/eip/{zone}")), vec![lines::public_ipv4(rates)]));
    }
    all
}

#[test]
fn fixed_cost_of_prod_equals_the_table_written_by_hand() {
    let bill = with("us-east-1", |rates| Bill::compute(&[], &prod(rates), rates));
    let of = |component: &str| -> Decimal {
        bill.entries.iter().filter(|e| e.component == component).filter_map(|e| e.after.as_ref()?.monthly).sum()
    };
    let table = [
        (lines::CONTROL_PLANE, "73.00"),
        (lines::SYSTEM_NODES, "60.736"), // 2 x 0.0416 x 730
        (lines::NAT_GATEWAYS, "98.55"),
        (lines::PUBLIC_IPV4, "10.95"),
        (lines::VOLUMES, "3.20"),
        (lines::KMS_KEYS, "1.00"),
        (lines::ENDPOINTS, "0.00"),
        (lines::RULES, "0.00"),
    ];
    for (component, expected) in table {
        assert_eq!(of(component), usd(expected), "{component}");
    }
    assert_eq!(bill.after.fixed.sum, usd("247.436"));
    assert_eq!(bill.delta(), Some(usd("247.436")));
    assert_eq!(bill.unpriced, []);
    assert_eq!(bill.price_date.as_deref(), Some("2026-07-20"));
}

#[test]
fn control_plane_goes_by_date_only() {
    let monthly = |version: &str| with("us-east-1", |rates| lines::control_plane(version, rates).monthly());
    assert_eq!(monthly("1.36"), Some(usd("73")));
    assert_eq!(monthly("1.34"), Some(usd("73")));
    assert_eq!(monthly("1.32"), Some(usd("438")));
    assert_eq!(monthly("1.31"), Some(usd("438")));
    assert_eq!(monthly("1.99"), None, "an unknown calendar is no price");
}

#[test]
fn aws_calendar_overrules_the_embedded_one() {
    let assumptions = Assumptions::default();
    let facts = Facts(
        [("standardEnd", "2026-11-24"), ("extendedEnd", "2027-11-24")]
            .map(|(which, day)| (format!("cluster-version/1.36/{which}"), day.to_owned()))
            .into(),
    );
    let rates = Rates::new(Book::embedded("us-east-1"), TODAY, &assumptions, &facts);
    let line = lines::control_plane("1.36", &rates);
    assert_eq!((line.monthly(), line.item.as_str()), (Some(usd("438")), "1.36, extended until 2027-11-24"));
}

#[test]
fn govcloud_has_its_own_instances_and_no_borrowed_services() {
    for region in ["us-gov-west-1", "us-gov-east-1"] {
        with(region, |rates| {
            assert_eq!(lines::instances("t3.medium", 2, rates).monthly(), Some(usd("71.248")));
            assert_eq!(lines::nat_gateway(rates).monthly(), None);
            assert_eq!(lines::control_plane("1.36", rates).monthly(), None);
            assert_eq!(rates.price("data.egress.first_10tb"), Some(usd("0.155")));
        });
    }
}

#[test]
fn region_without_a_table_has_no_price_at_all() {
    let bill = with("eu-west-1", |rates| {
        assert!(rates.book.is_none());
        Bill::compute(&[], &prod(rates), rates)
    });
    assert_eq!(bill.unpriced.len(), bill.entries.len());
    assert!(bill.unpriced.iter().all(|line| line.why == "no price table for this region"));
    assert_eq!((bill.after.total().known(), bill.delta(), bill.price_date), (None, None, None));
}

#[test]
fn type_without_a_price_is_no_price() {
    let line = with("us-east-1", |rates| lines::instances("g4ad.xlarge", 1, rates));
    assert_eq!(line.monthly(), None);
    assert_eq!(line.note, "the price table of us-east-1 (2026-07-20) has no such instance type");
}

#[test]
fn every_embedded_table_parses_and_is_sane() {
    let counts: Vec<_> =
        Book::regions().map(|region| Book::embedded(region).expect("parses").instances().count()).collect();
    assert_eq!(counts, [1340, 527, 674]);
    for (name, price) in Book::regions().flat_map(|region| Book::embedded(region).unwrap().instances()) {
        assert!(price.usd_per_hour > Decimal::ZERO && price.vcpu > 0 && price.memory_mib > 0, "{name}");
        assert!(["x86_64", "arm64"].contains(&price.arch), "{name}");
    }
    let book = Book::embedded("us-east-1").unwrap();
    assert!(book.source_of("nat.gateway").is_some_and(|source| !source.is_empty()));
    assert_eq!(book.instance("m7i.2xlarge").map(|price| price.usd_per_hour), Some(usd("0.4032")));
}

#[test]
fn gp3_costs_more_only_above_what_is_included() {
    with("us-east-1", |rates| {
        assert_eq!(lines::gp3_volumes(2, 20, Some(3000), Some(125), rates).len(), 1);
        let dear: Vec<_> = lines::gp3_volumes(1, 50, Some(4000), Some(130), rates);
        assert_eq!(dear.iter().filter_map(Line::monthly).collect::<Vec<_>>(), [usd("4"), usd("5"), usd("0.2")]);
    });
}

fn usage_of(assumptions: &str, present: Present) -> Bill {
    let spec = spec(assumptions);
    let facts = Facts::default();
    let rates = Rates::new(Book::embedded("us-east-1"), TODAY, &spec.cost.assumptions, &facts);
    Bill::compute(&[], &usage::environment(&spec, present, &rates, &super::pack::price(&spec, &rates)), &rates)
}

fn all_present() -> Present {
    let addresses = ["cluster/cluster", "network/nat-gateway/1", "cluster/log-group", "interruption/queue"].map(at);
    Present::of(&spec("{}"), &addresses)
}

#[test]
fn usage_follows_assumptions_and_says_which() {
    let bill = usage_of("{natGb: 1000, logsGb: 20, egressGb: 20480, crossAzGb: 100, sqsMillions: 1}", all_present());
    let of = |component: &str| -> Decimal {
        bill.entries.iter().filter(|e| e.component == component).filter_map(|e| e.after.as_ref()?.monthly).sum()
    };
    assert_eq!(of(usage::NAT_DATA), usd("45"));
    assert_eq!(of(usage::EGRESS), usd("1792")); // 10,240 x 0.09 + 10,240 x 0.085
    assert_eq!(of(usage::CROSS_AZ), usd("2"));
    assert_eq!(of(usage::SQS), usd("0.4"));
    assert_eq!(of(usage::LOGS).round_dp(2), usd("11.78")); // 20 x 0.50 + 20 x 90 / 30.4167 x 0.03
    let note = &bill.entries.iter().find(|e| e.component == usage::NAT_DATA).unwrap().after.as_ref().unwrap().note;
    assert_eq!(note, "natGb: 1000 assumed");
}

#[test]
fn what_nobody_declared_is_listed_and_not_counted() {
    let bill = usage_of("{natGb: 1000}", all_present());
    assert_eq!(bill.after.usage.sum, usd("45"));
    let why: Vec<_> = bill.unpriced.iter().map(|line| line.why.as_str()).collect();
    assert!(why.contains(&"cost.assumptions.egressGb is not declared"), "{why:?}");
    let pools: Vec<_> = bill.unpriced.iter().filter(|line| line.component == usage::NODE_POOLS).collect();
    assert_eq!(pools.iter().map(|line| line.item.as_str()).collect::<Vec<_>>(), ["burst", "stateful"]);
    assert_eq!(bill.after.pools.known(), None);
}

#[test]
fn no_nat_gateway_no_nat_data() {
    let bill = usage_of("{natGb: 1000}", Present { nat_gateway: false, ..all_present() });
    assert!(bill.entries.iter().all(|entry| entry.component != usage::NAT_DATA));
    let only_gateway = Present::of(&spec("{}"), &[at("network/endpoint/s3")]);
    assert!(!only_gateway.interface_endpoint);
}

#[test]
fn delta_is_of_unrounded_sums() {
    with("us-east-1", |rates| {
        let before: Vec<_> = prod(rates).into_iter().filter(|(address, _)| address.key() != Some("3")).collect();
        let bill = Bill::compute(&before, &prod(rates), rates);
        assert_eq!(bill.delta(), Some(usd("36.5")));
        let new: Vec<_> = bill.entries.iter().filter(|entry| entry.before.is_none()).collect();
        assert_eq!(new.len(), 2);
        assert!(bill.entries.iter().all(|entry| entry.class == LineClass::Fixed));
    });
}
