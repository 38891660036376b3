//! What is approved is approved to the last value: a plan's digest covers every desired field of every kind, leaf by leaf.

use std::collections::BTreeSet;

use rem_ci::engine::{Action, Order, Step, Value};
use rem_ci::resources;
use serde_json::Value as Json;

use super::everything::Everything;
use crate::common::{look, virtual_time};

/// Every value that differs from this one in one place: a text by a letter, a reference by its attribute, a list or map by an
/// entry less.
fn flipped(value: &Value) -> Vec<Value> {
    let text = |text: &str| format!("{text}x");
    match value {
        Value::Text(one) => vec![Value::Text(text(one))],
        Value::Template(one) => vec![Value::Template(text(one))],
        Value::Pending(fact) => vec![Value::Pending(text(fact))],
        Value::Ref { node, attr } => vec![Value::Ref { node: node.clone(), attr: text(attr) }],
        Value::Policy(document) => {
            let document: Json = serde_json::from_str(document).expect("a policy is JSON");
            leaves(&document).into_iter().map(|one| Value::Policy(one.to_string())).collect()
        }
        Value::List(items) => within(items).into_iter().map(Value::List).collect(),
        Value::Set(items) => within(items).into_iter().map(Value::Set).collect(),
        Value::Map(entries) => {
            let changed = entries.iter().flat_map(|(key, value)| {
                flipped(value).into_iter().map(|one| {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), one);
                    entries
                })
            });
            let less = entries.keys().map(|key| {
                let mut entries = entries.clone();
                entries.remove(key);
                entries
            });
            changed.chain(less).map(Value::Map).collect()
        }
    }
}

fn within(items: &[Value]) -> Vec<Vec<Value>> {
    let changed = items.iter().enumerate().flat_map(|(at, item)| {
        flipped(item).into_iter().map(move |one| {
            let mut items = items.to_vec();
            items[at] = one;
            items
        })
    });
    let less = (0..items.len()).map(|at| {
        let mut items = items.to_vec();
        items.remove(at);
        items
    });
    changed.chain(less).collect()
}

/// A policy with one of its texts changed, for each.
fn leaves(json: &Json) -> Vec<Json> {
    match json {
        Json::Object(entries) => entries
            .iter()
            .flat_map(|(key, value)| {
                leaves(value).into_iter().map(|one| {
                    let mut entries = entries.clone();
                    entries.insert(key.clone(), one);
                    Json::Object(entries)
                })
            })
            .collect(),
        Json::Array(items) => (0..items.len())
            .flat_map(|at| {
                leaves(&items[at]).into_iter().map(move |one| {
                    let mut items = items.clone();
                    items[at] = one;
                    Json::Array(items)
                })
            })
            .collect(),
        Json::String(text) => vec![Json::String(format!("{text}x"))],
        other => vec![Json::String(format!("{other}x"))],
    }
}

#[test]
fn every_desired_value_is_in_the_digest() {
    virtual_time(async {
        let Everything { loaded, region } = Everything::applied().await;
        let mut plan = look(&loaded, &region.world(&loaded)).await.expect("a look").plan;
        // What is hashed is the canonical form: keys in order.
        let canonical = plan.canonical();
        assert_eq!(serde_json::to_string(&canonical).expect("JSON"), serde_json::json!(canonical).to_string());
        let mut seen: BTreeSet<(&'static str, String)> = BTreeSet::new();
        let mut flips = 0;
        for step in std::mem::take(&mut plan.steps) {
            let kind = resources::about(&step.kind).expect("a kind").name;
            // Nodes are in the digest each for itself: one alone is as good as all of them.
            let mut digest = |step: &Step| {
                plan.steps = vec![step.clone()];
                plan.canonical()
            };
            let before = digest(&step);
            let want = step.want.clone().expect("a desired state");
            for (field, value) in &want {
                seen.insert((kind, field.clone()));
                for one in flipped(value) {
                    let mut changed = step.clone();
                    changed.want.as_mut().expect("a desired state").insert(field.clone(), one.clone());
                    let after = digest(&changed);
                    assert_ne!(after.digest(), before.digest(), "{}: {field} is {one:?}", step.address);
                    flips += 1;
                }
                let mut changed = step.clone();
                changed.want.as_mut().expect("a desired state").remove(field);
                assert_ne!(digest(&changed).digest(), before.digest(), "{}: without {field}", step.address);
            }
            // And what it does not want, were it to want it.
            let declared = resources::about(&step.kind).expect("a kind").fields;
            for field in declared.iter().map(|field| field.name).filter(|field| !want.contains_key(*field)) {
                seen.insert((kind, field.to_owned()));
                let mut changed = step.clone();
                changed.want.as_mut().expect("a desired state").insert(field.to_owned(), Value::text("x"));
                assert_ne!(digest(&changed).digest(), before.digest(), "{}: with {field}", step.address);
            }
            // So is what is done about it.
            for action in [Action::Create, Action::Update, Action::Replace(Order::DeleteFirst), Action::Delete] {
                let changed = Step { action: action.clone(), ..step.clone() };
                assert_ne!(digest(&changed).digest(), before.digest(), "{}: {action:?}", step.address);
            }
        }
        assert!(flips > 1_200, "only {flips}");
        let declared = resources::KINDS.iter().flat_map(|kind| {
            let kind = kind.kind();
            kind.fields.iter().map(|field| (kind.name, field.name.to_owned()))
        });
        // Only a VPC of somebody else's has the last one; its values are of the same shapes.
        let missing: Vec<_> =
            declared.filter(|(kind, field)| *kind != "subnet-tags" && !seen.contains(&(kind, field.clone()))).collect();
        assert!(missing.is_empty(), "fields that no plan has shown: {missing:?}");
    });
}
