//! The guards over plans made by hand.

use std::collections::BTreeMap;

use jiff::civil::date;

use super::{Case, GUARDS, Verb, check};
use crate::config::Spec;
use crate::engine::{Action, Address, Change, Live, Order, Plan, Step, Value};

fn spec() -> Spec {
    serde_yaml::from_str(
        "{name: prod, owner: acme, account: '123456789012', region: us-east-1, cluster: {name: c, version: '1.36', \
         upgradePolicy: STANDARD}, karpenter: {version: '1.15.1'}}",
    )
    .expect("a spec")
}

fn step(address: &str, action: Action, changes: Vec<Change>) -> Step {
    let address = Address::parse(address).expect("an address");
    Step {
        kind: address.kind().to_owned(),
        address,
        action,
        reason: None,
        changes,
        want: None,
        live: Some(Live::new("x")),
        needs: Vec::new(),
        moves: Vec::new(),
        orphan: false,
        leans: Vec::new(),
        heir: None,
        assumed: false,
    }
}

fn change(field: &str, before: &str, after: &str) -> Change {
    Change { field: field.to_owned(), before: Some(Value::text(before)), after: Some(Value::text(after)) }
}

fn codes(plan: &Plan, verb: Verb, acknowledged: &[String]) -> BTreeMap<&'static str, bool> {
    let spec = spec();
    let facts = crate::engine::Facts::default();
    let day = date(2026, 11, 24);
    let rates = crate::cost::Rates::new(None, day, &spec.cost.assumptions, &facts);
    let bill = &crate::cost::Bill::compute(&[], &[], &rates);
    let case =
        Case { spec: &spec, last: None, plan, bill, verb, today: day, live: true, sandbox: false, place: &|_| None };
    check(&case, acknowledged).into_iter().map(|finding| (finding.code, finding.stops())).collect()
}

#[test]
fn versions_go_up_by_one_and_never_down() {
    let plan = |before, after| Plan {
        steps: vec![step("cluster/cluster", Action::Update, vec![change("version", before, after)])],
        ..Plan::default()
    };
    assert_eq!(codes(&plan("1.35", "1.36"), Verb::Apply, &[]), BTreeMap::new());
    assert_eq!(codes(&plan("1.34", "1.36"), Verb::Apply, &[]), BTreeMap::from([("version-skips-minor", true)]));
    assert_eq!(codes(&plan("1.36", "1.35"), Verb::Apply, &[]), BTreeMap::from([("version-downgrade", true)]));
}

#[test]
fn a_replaced_cluster_wants_exactly_its_own_acknowledgement() {
    let replace = Action::Replace(Order::DeleteFirst);
    let plan = Plan {
        steps: vec![step(
            "cluster/cluster",
            replace.clone(),
            vec![change("serviceCidr", "10.100.0.0/16", "10.1.0.0/16")],
        )],
        ..Plan::default()
    };
    assert_eq!(codes(&plan, Verb::Apply, &[]), BTreeMap::from([("replace-cluster", true)]));
    let digest = crate::engine::acknowledgement("replace-cluster", &plan.steps[0]);
    assert_eq!(
        codes(&plan, Verb::Apply, &[format!("replace-cluster:{digest}")]),
        BTreeMap::from([("replace-cluster", false)])
    );
    let other = Plan {
        steps: vec![step("cluster/cluster", replace, vec![change("ipFamily", "ipv4", "ipv6")])],
        ..Plan::default()
    };
    assert_eq!(
        codes(&other, Verb::Apply, &[format!("replace-cluster:{digest}")]),
        BTreeMap::from([("replace-cluster", true)]),
        "another change under the same code is not acknowledged"
    );
}

#[test]
fn a_node_group_that_never_came_up_may_be_made_again() {
    let mut group = step("cluster/node-group/system", Action::Replace(Order::DeleteFirst), Vec::new());
    let plan = |group: &Step| Plan { steps: vec![group.clone()], ..Plan::default() };
    assert_eq!(codes(&plan(&group), Verb::Apply, &[]), BTreeMap::from([("replace-system-nodes", true)]));
    group.reason = Some("CREATE_FAILED: NodeCreationFailure".to_owned());
    assert_eq!(codes(&plan(&group), Verb::Apply, &[]), BTreeMap::new());
}

#[test]
fn a_typed_name_acknowledges_what_destroy_is_for() {
    let plan = Plan { steps: vec![step("network/vpc", Action::Delete, Vec::new())], ..Plan::default() };
    assert_eq!(codes(&plan, Verb::Apply, &[]), BTreeMap::from([("delete-vpc", true)]));
    assert_eq!(codes(&plan, Verb::Destroy, &[]), BTreeMap::from([("protected", true)]), "but protect refuses");
}

#[test]
fn what_opens_something_is_named_and_what_closes_it_is_not() {
    let cidrs = |texts: &[&str]| Some(Value::texts(texts));
    let plan = |before: &[&str], after: &[&str]| {
        let change = Change { field: "publicCidrs".to_owned(), before: cidrs(before), after: cidrs(after) };
        Plan { steps: vec![step("cluster/cluster", Action::Update, vec![change])], ..Plan::default() }
    };
    let (one, two) = (&["192.0.2.0/24"][..], &["192.0.2.0/24", "203.0.113.0/24"][..]);
    assert_eq!(codes(&plan(one, two), Verb::Apply, &[]), BTreeMap::from([("widens", false)]));
    assert_eq!(codes(&plan(two, one), Verb::Apply, &[]), BTreeMap::new());
}

#[test]
fn every_watched_field_exists() {
    for (kind, field) in super::widens::watched() {
        let about = crate::resources::about(kind).unwrap_or_else(|| panic!("no kind is called {kind}"));
        assert!(about.field(field).is_some(), "{kind} has no field {field}");
    }
}

#[test]
fn every_code_is_documented_once() {
    let all: Vec<&str> = GUARDS.iter().flat_map(|guard| guard.codes).map(|(code, _)| *code).collect();
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(all.len(), unique.len());
    assert!(GUARDS.iter().flat_map(|guard| guard.codes).all(|(_, docs)| docs.len() > 40));
}

fn pool(nodes: &str, expire: &str, action: Action) -> Plan {
    let mut step = step("karpenter/node-pool/db", action, Vec::new());
    let live = step.live.as_mut().expect("live");
    live.tags.insert(crate::resources::k8s::NODES.to_owned(), nodes.to_owned());
    live.fields.insert("expireAfter".to_owned(), Value::text(expire));
    Plan { steps: vec![step], ..Plan::default() }
}

#[test]
fn a_pool_whose_nodes_are_meant_to_stay_goes_only_when_it_is_meant() {
    let code = BTreeMap::from([("delete-stateful-pool", true)]);
    assert_eq!(codes(&pool("2", "Never", Action::Delete), Verb::Apply, &[]), code);
    assert_eq!(codes(&pool("2", "Never", Action::Replace(Order::DeleteFirst)), Verb::Apply, &[]), code);
    assert_eq!(codes(&pool("2", "Never", Action::Update), Verb::Apply, &[]), BTreeMap::new());
    assert_eq!(codes(&pool("0", "Never", Action::Delete), Verb::Apply, &[]), BTreeMap::new());
    assert_eq!(codes(&pool("2", "720h", Action::Delete), Verb::Apply, &[]), BTreeMap::new());
}

#[test]
fn a_second_default_class_is_a_warning_and_whoever_applies_is_named() {
    let mut class = step("kubernetes/storage-class/gp3", Action::Keep, Vec::new());
    let live = class.live.as_mut().expect("live");
    live.tags.insert(crate::resources::k8s::storage_class::ALSO_DEFAULT.to_owned(), "gp2".to_owned());
    let operator = step("cluster/access-entry/operator", Action::Create, Vec::new());
    let plan = Plan { steps: vec![class, operator], ..Plan::default() };
    let found = codes(&plan, Verb::Apply, &[]);
    assert_eq!(found, BTreeMap::from([("second-default-class", false), ("widens", false)]));
}

#[test]
fn a_silent_cluster_is_one_finding() {
    let silent = crate::engine::Failure {
        class: crate::engine::Class::Unknown,
        call: "kubernetes:list nodepools".to_owned(),
        code: crate::engine::UNREACHABLE.to_owned(),
        message: "https://x cannot be reached directly".to_owned(),
    };
    let mut plan = Plan::default();
    for kind in ["node-pool", "node-class"] {
        plan.sorted.unknown.insert(kind.to_owned(), silent.clone());
    }
    assert_eq!(codes(&plan, Verb::Apply, &[]), BTreeMap::from([("cluster-silent", true)]));
}
