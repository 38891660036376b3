//! Made-up reports.

use jiff::civil::date;

use crate::config::Spec;
use crate::cost::usage::{self, Present};
use crate::cost::{Bill, Book, Line, Rates, lines};
use crate::engine::{Address, Change, Facts, Field, Kind, Order, Value};
use crate::engine::{Custody, Patience};
use crate::problem::{Place, Problem, Severity};
use crate::view::diagram::{Subnets, Topology};
use crate::view::report::{
    Action, ApplyReport, Check, Counts, Estimate, Left, Mode, Outcome, PlanReport, Reads, Row, Step, Stray,
    VerifyReport,
};
use crate::view::{Untrusted, field_rows, field_rows_of};

pub(super) fn at(address: &str) -> Address {
    Address::parse(address).unwrap()
}

pub(super) fn spec() -> Spec {
    serde_yaml::from_str(
        r#"
name: prod
owner: acme/platform
account: "123456789012"
region: us-east-1
network: {endpoints: [s3]}
cluster: {name: rem-prod, version: "1.36", upgradePolicy: STANDARD}
karpenter: {version: "1.15.1"}
nodePools:
  general-purpose:
    nodeClass: default
    requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [spot, on-demand]}]
    limits: {cpu: 100, memory: 400Gi}
  stateful:
    nodeClass: default
    requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [on-demand]}]
    taints: [{key: workload-type, value: stateful, effect: NoSchedule}]
    limits: {cpu: 50, memory: 400Gi}
  burst:
    nodeClass: default
    requirements: [{key: karpenter.sh/capacity-type, operator: In, values: [spot]}]
    taints: [{key: workload-type, value: burst, effect: NoSchedule}]
    limits: {cpu: 200, memory: 400Gi}
cost: {assumptions: {natGb: 1000, logsGb: 20}}
"#,
    )
    .unwrap()
}

pub(super) fn topology(zones: usize) -> Topology {
    let subnets: Vec<_> = (0..zones)
        .map(|zone| Subnets {
            zone: format!("use1-az{}", zone + 1),
            public: Some(format!("10.0.{}.0/20", zone * 16)),
            private: Some(format!("10.0.{}.0/20", 128 + zone * 16)),
        })
        .collect();
    Topology::of(&spec(), &subnets)
}

fn side(spec: &Spec, gateways: usize, rates: &Rates) -> Vec<(Address, Vec<Line>)> {
    let mut all = vec![
        (at("cluster/cluster"), vec![lines::control_plane("1.36", rates)]),
        (at("cluster/key"), vec![lines::kms_key(rates)]),
        (at("cluster/log-group"), vec![]),
        (at("interruption/queue"), vec![]),
        (at("network/endpoint/s3"), vec![lines::gateway_endpoint("s3", rates)]),
    ];
    let mut nodes = vec![lines::instances("t3.medium", 2, rates)];
    nodes.extend(lines::gp3_volumes(2, 20, None, None, rates));
    all.push((at("cluster/node-group/system"), nodes));
    for zone in 1..=gateways {
        all.push((at(&format!("network/nat-gateway/{zone}")), vec![lines::nat_gateway(rates)]));
        all.push((at(&format!("network/eip/{zone}")), vec![lines::public_ipv4(rates)]));
    }
    let present = Present::of(spec, all.iter().map(|(address, _)| address));
    all.extend(usage::environment(spec, present, rates, &crate::cost::pack::price(spec, rates)));
    all
}

/// A bill with so many NAT gateways before and after; none before is nothing at all.
pub(super) fn bill(region: &str, before: usize, after: usize) -> Bill {
    let (spec, facts) = (spec(), Facts::default());
    let rates = Rates::new(Book::embedded(region), date(2026, 11, 24), &spec.cost.assumptions, &facts);
    let old = if before == 0 { Vec::new() } else { side(&spec, before, &rates) };
    let bill = Bill::compute(&old, &side(&spec, after, &rates), &rates);
    Bill { pools: crate::cost::pack::price(&spec, &rates), ..bill }
}

pub(super) fn row(address: &str, noun: &str, action: Action, seconds: u64) -> Row {
    let address = at(address);
    Row {
        kind: address.kind().to_owned(),
        address,
        noun: noun.to_owned(),
        action,
        reason: Untrusted::default(),
        effect: String::new(),
        order: None,
        fields: Vec::new(),
        needs: Vec::new(),
        estimate_secs: seconds,
        assumed: false,
    }
}

fn report(rows: Vec<Row>, cost: Bill) -> PlanReport {
    let seconds = rows.iter().filter(|row| row.action != Action::Keep).map(|row| row.estimate_secs).max().unwrap_or(0);
    PlanReport {
        environment: "prod".into(),
        owner: "acme/platform".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        mode: Mode::Live,
        plan_digest: format!("sha256:{}", "4f2c".repeat(16)),
        input_digest: format!("sha256:{}", "91ab".repeat(16)),
        rows,
        findings: Vec::new(),
        strays: Vec::new(),
        cost,
        reads: Reads { calls: 87, rounds: 4, elapsed_ms: 312, kubernetes_calls: 12 },
        estimate: Estimate { seconds, critical_path: vec![at("network/vpc"), at("cluster/cluster")] },
    }
}

pub(super) fn create_all() -> PlanReport {
    let mut rows = vec![
        row("network/vpc", "VPC", Action::Create, 2),
        row("network/internet-gateway", "internet gateway", Action::Create, 1),
        row("network/subnet/public-1", "subnet", Action::Create, 1),
        row("network/subnet/private-1", "subnet", Action::Create, 1),
        row("network/nat-gateway/1", "NAT gateway", Action::Create, 107),
        row("cluster/cluster", "cluster", Action::Create, 550),
        row("cluster/node-group/system", "node group", Action::Create, 93),
        row("karpenter/node-pool/burst", "NodePool", Action::Create, 0),
    ];
    rows[0].fields = field_rows(&Change { field: "cidr".into(), before: None, after: Some("10.0.0.0/16".into()) });
    rows[4].fields = field_rows(&Change {
        field: "subnet".into(),
        before: None,
        after: Some(Value::Ref { node: at("network/subnet/public-1"), attr: "id".into() }),
    });
    let mut report = report(rows, bill("us-east-1", 0, 3));
    report.mode = Mode::Offline;
    report
}

const SECRET: Kind = Kind {
    name: "toy",
    noun: "toy",
    actions: &[],
    fields: &[Field { name: "token", effect: crate::engine::Effect::InPlace, docs: "", sensitive: true }],
    rank: 1,
    custody: Custody::Owned,
    patience: Patience::INSTANT,
    docs: "",
};

pub(super) fn mixed() -> PlanReport {
    let change = |field: &str, before: Value, after: Value| Change {
        field: field.into(),
        before: Some(before),
        after: Some(after),
    };
    let mut rows = vec![
        row("network/route-table/private-2", "route table", Action::Update, 1),
        row("network/nat-gateway/3", "NAT gateway", Action::Create, 107),
        row("network/eip/3", "elastic IP", Action::Create, 1),
        row("cluster/cluster", "cluster", Action::Update, 120),
        row("cluster/toy", "toy", Action::Update, 0),
        row("karpenter/node-pool/burst", "NodePool", Action::Roll, 0),
        row("cluster/node-group/system", "node group", Action::Replace, 240),
        row("network/endpoint/sts", "VPC endpoint", Action::Delete, 20),
        row("cluster/addon/coredns", "add-on", Action::Settle, 25),
        row("karpenter/node-class/default", "EC2NodeClass", Action::Unknown, 0),
    ];
    let gateway = |n: u8| Value::Ref { node: at(&format!("network/nat-gateway/{n}")), attr: "id".into() };
    let routes = |n: u8| Value::map([("0.0.0.0/0", gateway(n))]);
    rows[0].fields = field_rows(&change("routes", routes(1), routes(2)));
    let types = |names: &[&str]| Value::map([("types", Value::texts(names))]);
    rows[3].fields = field_rows(&change("logging", types(&["api", "audit"]), types(&["api", "audit", "scheduler"])));
    rows[3].effect = "one update at a time".into();
    rows[4].fields = field_rows_of(&SECRET, &change("token", "hunter2".into(), "hunter3".into()));
    let limits = |cpu: u32| Value::tags([("cpu", cpu.to_string()), ("memory", "400Gi".to_owned())]);
    rows[5].fields = field_rows(&change("limits", limits(100), limits(200)));
    rows[6].fields = field_rows(&change("instanceType", "t3.medium".into(), "t3.large".into()));
    rows[6].fields[0].forces_replace = true;
    rows[6].order = Some(Order::CreateFirst);
    rows[6].reason = "instanceType cannot change".into();
    rows[7].reason = "no longer in the configuration".into();
    rows[9].reason = "eks:DescribeCluster denied".into();
    rows.extend((1..=52).map(|n| row(&format!("network/kept/{n}"), "thing", Action::Keep, 0)));
    let mut report = report(rows, bill("us-east-1", 2, 3));
    let place = Place {
        file: "environments/prod.yaml".into(),
        line: 31,
        column: 20,
        length: 14,
        text: "      publicCidrs: [203.0.113.0/24]".into(),
    };
    let widens =
        Problem::new("widens-endpoint", Severity::Widens, "publicCidrs gains 203.0.113.0/24", "").at(Some(place));
    let mut guard = Problem::error(
        "replace-system-nodes",
        "the system nodes would be replaced",
        "acknowledge it, or keep t3.medium",
    )
    .about(&at("cluster/node-group/system"));
    guard.digest = Some("0a1b2c3d4e5f".into());
    let newer = Problem::new("newer-addon", Severity::Note, "add-on coredns v1.13.1 is out", "rem-ci upgrade prod");
    report.findings = vec![newer, widens, guard];
    report.strays =
        vec![Stray { noun: "NAT gateway".into(), id: "nat-0abc".into(), why: "stack tag of another owner".into() }];
    report
}

pub(super) fn nothing() -> PlanReport {
    let rows = (1..=57).map(|n| row(&format!("network/kept/{n}"), "thing", Action::Keep, 0)).collect();
    report(rows, bill("us-east-1", 3, 3))
}

pub(super) fn applied(failed: bool) -> ApplyReport {
    let step = |address: &str, action, start_ms, end_ms, critical| Step {
        address: at(address),
        action,
        start_ms,
        end_ms,
        calls: 3,
        slack_ms: if critical { 0 } else { 448_000 },
        error: None,
        critical,
    };
    let mut steps = vec![
        step("network/vpc", Action::Create, 0, 1200, true),
        step("network/nat-gateway/1", Action::Create, 1300, 108_000, false),
        step("cluster/cluster", Action::Create, 14_000, 556_000, true),
        step("cluster/node-group/system", Action::Create, 556_000, 649_500, true),
    ];
    if failed {
        steps[3].error = Some("eks:CreateNodegroup: InvalidParameterException: no subnets".into());
    }
    ApplyReport {
        verb: "apply",
        environment: "prod".into(),
        outcome: if failed { Outcome::Incomplete } else { Outcome::Done },
        summary: Counts { create: 4 - usize::from(failed), ..Counts::default() },
        elapsed_ms: 681_000,
        critical_path_ms: 674_000,
        steps,
        not_begun: if failed { vec![at("cluster/addon/coredns")] } else { Vec::new() },
        leftovers: Vec::new(),
        kept: vec![Left { noun: "KMS key".into(), id: "1234abcd".into(), why: "onDestroy: keep".into() }],
        notes: Vec::new(),
        problems: Vec::new(),
    }
}

pub(super) fn verified(passed: bool) -> VerifyReport {
    VerifyReport {
        environment: "prod".into(),
        checks: vec![
            Check {
                code: "cluster-active",
                title: "the cluster is ACTIVE".into(),
                passed: true,
                evidence: "ACTIVE, 1.36".into(),
                help: String::new(),
            },
            Check {
                code: "system-nodes-ready",
                title: "system nodes are Ready".into(),
                passed,
                evidence: if passed { "2 of 2" } else { "1 of 2: ip-10-0-1-7 NotReady" }.into(),
                help: "look at the kubelet of that node".into(),
            },
        ],
    }
}
