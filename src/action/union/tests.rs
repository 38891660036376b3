use std::collections::BTreeMap;

use serde_json::json;

use super::union;
use crate::engine::{Address, Canonical, CanonicalNode};

fn node(address: &str, action: Option<&str>, changed: &[&str], fields: &[(&str, &str)]) -> CanonicalNode {
    let parts: Vec<&str> = address.split('/').collect();
    CanonicalNode {
        address: Address::keyed("karpenter", parts[0], parts[1]),
        kind: parts[0].to_owned(),
        action: action.map(str::to_owned),
        changed: changed.iter().map(ToString::to_string).collect(),
        fields: fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<BTreeMap<_, _>>(),
        assumed: false,
    }
}

fn plan(nodes: &[CanonicalNode]) -> Canonical {
    Canonical { nodes: nodes.to_vec() }
}

fn beyond(now: &Canonical, plans: &[&Canonical]) -> Vec<String> {
    now.beyond(&union(now, plans))
}

const POOL: &str = "node-pool/burst";

/// Two pull requests on one pool, each planned on a base without the other.
#[test]
fn two_changes_of_one_resource() {
    let limits = plan(&[node(POOL, Some("update"), &["limits"], &[("limits", "200"), ("weight", "1")])]);
    let weight = plan(&[node(POOL, Some("update"), &["weight"], &[("limits", "100"), ("weight", "5")])]);
    let now = plan(&[node(POOL, Some("update"), &["limits", "weight"], &[("limits", "200"), ("weight", "5")])]);
    assert_eq!(beyond(&now, &[&limits, &weight]), Vec::<String>::new());
    assert_eq!(beyond(&now, &[&weight, &limits]), Vec::<String>::new());
    // With one of them alone it goes too far.
    assert_eq!(beyond(&now, &[&limits]).len(), 1);
    // And a value that nobody has approved does, whoever approved the field.
    let other = plan(&[node(POOL, Some("update"), &["limits", "weight"], &[("limits", "999"), ("weight", "5")])]);
    assert_eq!(beyond(&other, &[&limits, &weight]).len(), 1);
}

#[test]
fn of_two_values_the_later_one_is_what_is_merged() {
    let first = plan(&[node(POOL, Some("update"), &["limits"], &[("limits", "200")])]);
    let second = plan(&[node(POOL, Some("update"), &["limits"], &[("limits", "300")])]);
    assert_eq!(beyond(&second, &[&first, &second]), Vec::<String>::new());
    let third = plan(&[node(POOL, Some("update"), &["limits"], &[("limits", "400")])]);
    assert_eq!(beyond(&third, &[&first, &second]).len(), 1);
}

#[test]
fn a_later_plan_without_a_word_takes_nothing_away() {
    let first = plan(&[node(POOL, Some("create"), &[], &[("limits", "200")])]);
    let second = plan(&[node("node-pool/other", Some("delete"), &[], &[]), node(POOL, None, &[], &[("limits", "1")])]);
    let now = plan(&[
        node(POOL, Some("create"), &[], &[("limits", "200")]),
        node("node-pool/other", Some("delete"), &[], &[]),
    ]);
    assert_eq!(beyond(&now, &[&first, &second]), Vec::<String>::new());
    assert_eq!(beyond(&now, &[&second]).len(), 1);
    assert_eq!(beyond(&now, &[]).len(), 2);
}

/// Two plans of an environment that is not there yet: each makes all of it, with its own values.
#[test]
fn each_of_two_creates_allows_what_it_has_shown() {
    let one = plan(&[
        node("node-pool/a", Some("create"), &[], &[("limits", "2")]),
        node(POOL, Some("create"), &[], &[("limits", "1")]),
    ]);
    let other = plan(&[
        node("node-pool/a", Some("create"), &[], &[("limits", "1")]),
        node(POOL, Some("create"), &[], &[("limits", "2")]),
    ]);
    let now = plan(&[
        node("node-pool/a", Some("create"), &[], &[("limits", "2")]),
        node(POOL, Some("create"), &[], &[("limits", "2")]),
    ]);
    assert_eq!(beyond(&now, &[&one, &other]), Vec::<String>::new());
    assert_eq!(beyond(&now, &[&other]).len(), 1);
}

/// Stronger actions are not made of weaker ones.
#[test]
fn two_updates_are_no_replacement() {
    let update = plan(&[node(POOL, Some("update"), &["limits"], &[("limits", "2")])]);
    let roll = plan(&[node(POOL, Some("roll"), &["class"], &[("limits", "1"), ("class", "b")])]);
    let now = plan(&[node(POOL, Some("roll"), &["class", "limits"], &[("limits", "2"), ("class", "b")])]);
    assert_eq!(beyond(&now, &[&update, &roll]), Vec::<String>::new());
    assert_eq!(beyond(&now, &[&roll, &update]), Vec::<String>::new());
    let replaced = plan(&[node(POOL, Some("replace"), &["class", "limits"], &[("limits", "2"), ("class", "b")])]);
    assert_eq!(beyond(&replaced, &[&update, &roll]).len(), 1);
}
