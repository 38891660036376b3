//! How near a run comes to what the region itself needs, and what a plan costs in calls.
//!
//! The judge is the region: each thing's own ready time, and what AWS lets nobody do before what. What we wait for, poll,
//! retry or read counts against us.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use rem_ci::engine::{Address, Facts, scope, tally};
use rem_ci::resources::{KINDS, facts};
use rem_ci::run::{Applied, apply_report};
use rem_ci::sandbox::critical::critical_path;
use rem_ci::sandbox::state::{Action, Rule, Span};
use rem_ci::view::{self, Style};

use crate::common::{Region, apply, destroy, environment, look, virtual_time};

/// Prints what it saw, and fails where a run took longer than 1.03 times what the region's spans allow, look and lock counted in.
#[expect(clippy::print_stdout, reason = "the ratio is what people look for in the output of this test")]
fn judge(what: &str, took: i64, spans: &[Span], least: usize) {
    let (path, chain) = critical_path(spans);
    println!("{what}: {took} ms over {path} ms, {chain:?}");
    assert!(chain.len() >= least, "{what}: the region's own chain is no chain: {chain:?}");
    assert!(took >= path, "{what}: {took} ms is faster than the region can be, {path} ms along {chain:?}");
    assert!(took * 100 <= path * 103, "{what}: {took} ms, the region needs {path} ms along {chain:?}");
}

fn span<'a>(spans: &'a [Span], id: &str) -> &'a Span {
    spans.iter().rev().find(|span| span.id == id).unwrap_or_else(|| panic!("{id} was not made: {spans:#?}"))
}

/// All that needs no cluster is ready before the cluster is; its own creation starts soon.
fn hidden_under_the_cluster(applied: &Applied, spans: &[Span], began: i64) {
    let cluster = span(spans, "cluster:rem-prod");
    assert!(cluster.start <= began + 40_000, "the control plane starts {} ms late", cluster.start - began);
    let gateways: Vec<_> = spans.iter().filter(|span| span.id.starts_with("nat-")).collect();
    assert_eq!(gateways.len(), 3);
    assert!(gateways.iter().all(|gateway| gateway.ready <= cluster.ready));
    let mut named = 0;
    for node in applied.looked.graph.nodes() {
        let early = match node.address.kind() {
            "sqs-queue" | "event-rule" => true,
            "iam-role" => ["cluster", "system-node", "node"].contains(&node.address.key().unwrap_or_default()),
            _ => false,
        };
        if early {
            let want = node.want(&Facts::default());
            let name = want.get("name").and_then(|name| name.as_text()).expect("a name");
            let mut made = spans.iter().filter(|span| span.id == name || span.id.ends_with(&format!("/{name}")));
            assert!(made.any(|made| made.ready <= cluster.ready), "{} comes after the cluster", node.address);
            named += 1;
        }
    }
    assert_eq!(named, 3 + 1 + 5, "three roles, a queue and five rules");
}

fn there_and_back(seeds: RangeInclusive<u64>) {
    for seed in seeds {
        virtual_time(async {
            let loaded = environment("prod");
            let region = Region::new(seed, &loaded.spec.account);
            let world = region.world(&loaded);
            let take = || region.sandbox.with(|state| std::mem::take(&mut state.spans));
            let began = region.clock.millis();
            let applied = apply(&loaded, &world).await.expect("an apply");
            let took = region.clock.millis() - began;
            assert!(applied.outcome.complete(), "{seed}: {:#?}", applied.outcome);
            let spans = take();
            judge(&format!("apply {seed}"), took, &spans, 4);
            hidden_under_the_cluster(&applied, &spans, began);
            let began = region.clock.millis();
            let destroyed = destroy(&loaded, &world).await.expect("a destroy");
            let took = region.clock.millis() - began;
            assert!(destroyed.applied.outcome.complete(), "{seed}: {:#?}", destroyed.applied.outcome);
            let spans = take();
            judge(&format!("destroy {seed}"), took, &spans, 4);
        });
    }
}

#[test]
fn runs_keep_to_the_regions_path_1_to_5() {
    there_and_back(1..=5);
}

#[test]
fn runs_keep_to_the_regions_path_6_to_10() {
    there_and_back(6..=10);
}

#[test]
fn runs_keep_to_the_regions_path_11_to_15() {
    there_and_back(11..=15);
}

#[test]
fn runs_keep_to_the_regions_path_16_to_20() {
    there_and_back(16..=20);
}

#[test]
fn an_apply_tells_its_path_slack_and_ratio() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(3, &loaded.spec.account);
        let world = region.world(&loaded);
        let applied = apply(&loaded, &world).await.expect("an apply");
        let report = apply_report("apply", &applied, Vec::new());
        let human = view::human::apply(&report, Style { width: 200, ..Style::default() });
        let clean = |line: &str| human.lines().any(|one| one.contains(line));
        assert!(clean("critical path ") && clean("(ratio 1.0"), "{human}");
        assert!(
            clean("longest chain: vpc ") && clean("cluster ") && clean("beside it: ") && clean("(slack "),
            "{human}"
        );
        let json: serde_json::Value = serde_json::from_str(&view::json::apply(&report)).expect("JSON");
        let steps = json["steps"].as_array().expect("steps");
        let of = |address: &str| {
            let step = steps.iter().find(|step| step["address"] == address).unwrap_or_else(|| panic!("{address}"));
            step["slack_s"].as_f64().expect("a number")
        };
        assert!(of("cluster/cluster") < 0.001, "the cluster has no slack");
        assert!(of("network/nat-gateway/1") > 100.0, "the NAT gateway has minutes");
        let step = applied.outcome.reports.iter().find(|one| one.address == Address::single("cluster", "cluster"));
        assert_eq!(step.expect("the cluster").slack, Duration::ZERO);
    });
}

/// Calls and rounds of each kind's sweep by itself. In a plan the kinds run side by side and share what they ask at the same
/// moment: see `SHARED`.
const CALLS: &[(&str, u64, u64)] = &[
    ("access-entry", 5, 2),
    ("addon", 8, 2),
    ("auto-scaling-group", 1, 1),
    ("cluster", 1, 1),
    ("cluster-role", 1, 1),
    ("cluster-role-binding", 1, 1),
    ("cluster-security-group", 1, 1),
    ("crds", 1, 1),
    ("eip", 2, 1),
    ("event-rule", 11, 2),
    ("facts", 4, 1),
    ("flow-schema", 1, 1),
    ("helm-release", 1, 1),
    ("iam-policy", 13, 2),
    ("iam-role", 19, 2),
    ("internet-gateway", 1, 1),
    ("kms-key", 5, 2),
    ("launch-template", 2, 2),
    ("log-group", 2, 2),
    ("namespace", 1, 1),
    ("nat-gateway", 2, 2),
    ("node-class", 1, 1),
    ("node-group", 3, 2),
    ("node-pool", 1, 1),
    ("oidc-provider", 2, 2),
    ("pod-identity-association", 2, 1),
    ("route-table", 2, 1),
    ("security-group", 1, 1),
    ("service-linked-role", 1, 1),
    ("sqs-queue", 3, 2),
    ("storage-class", 1, 1),
    ("subnet", 1, 1),
    ("subnet-tags", 0, 0),
    ("vpc", 3, 2),
    ("vpc-endpoint", 1, 1),
];

/// What is asked for by several kinds at once, and so one call instead of several: four more kinds describe the cluster,
/// and nine that are inside it; route tables ask for subnets, addresses for NAT gateways, and the cluster's group is among ours.
const SHARED: u64 = 4 + 9 + 1 + 1 + 1;

#[test]
fn a_plan_makes_these_calls_and_no_others() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
        let slow = Rule { service: "*".into(), operation: "*".into(), nth: 0, action: Action::Slow(50), seen: 0 };
        region.sandbox.with(|state| state.faults.push(slow));
        let region = Region { sandbox: region.sandbox.clone().with_latency(Duration::ZERO), ..region };
        let world = region.world(&loaded);
        let looked = look(&loaded, &world).await.expect("a look");
        assert!(looked.plan.steps.iter().all(|step| step.action == rem_ci::engine::Action::Keep));
        let mut calls = BTreeMap::new();
        for kind in KINDS {
            let about = kind.kind();
            let scope = scope(&looked.owner, &looked.graph, about, false);
            let (swept, counted) = tally::tallied(kind.sweep(&world.cloud, &scope)).await;
            swept.expect(about.name);
            calls.insert(about.name, (counted.calls, counted.rounds));
        }
        let (_, counted) = tally::tallied(facts::read(&world.cloud, &loaded.spec, None)).await;
        calls.insert("facts", (counted.calls, counted.rounds));
        let calls: Vec<_> = calls.into_iter().map(|(kind, (calls, rounds))| (kind, calls, rounds)).collect();
        assert_eq!(calls, CALLS);
        let whose = 1;
        let sum: u64 = calls.iter().map(|(_, calls, _)| calls).sum();
        assert_eq!(looked.reads.calls, whose + sum - SHARED);
        assert_eq!((looked.reads.calls, looked.reads.rounds), (90, 3));
        // Rounds of 50 ms: exact, because time is virtual.
        assert_eq!(looked.reads.elapsed_ms, 150);
    });
}
