//! The fixtures of tests/cost against their truth, which tests/cost/truth.py has found by trying everything.

use std::collections::BTreeMap;
use std::path::Path;

use rem_ci::cost::{Bill, LineClass};
use rem_ci::guard::Verb;
use rem_ci::run::{Look, look};
use rust_decimal::Decimal;
use serde_json::Value as Json;

use crate::common::{environment, virtual_time};

fn json(path: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cost").join(path);
    serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON")
}

fn decimal(value: &Json) -> Option<Decimal> {
    value.as_str().map(|text| text.parse().expect("a decimal"))
}

/// Offline, as `rem-ci cost --offline` would.
fn priced(spec: &Json, today: &str) -> Bill {
    let mut loaded = environment("prod");
    loaded.spec = serde_json::from_value(spec.clone()).expect("an environment");
    let today = today.parse().expect("a day");
    let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today };
    virtual_time(async { look(&loaded, None, ask).await.expect("a look").bill })
}

fn by_component(bill: &Bill, class: LineClass) -> BTreeMap<&'static str, Option<Decimal>> {
    let mut sums = BTreeMap::new();
    for entry in bill.entries.iter().filter(|entry| entry.class == class) {
        let monthly = entry.after.as_ref().and_then(|side| side.monthly);
        let sum = sums.entry(entry.component).or_insert(Some(Decimal::ZERO));
        *sum = sum.zip(monthly).map(|(sum, monthly)| sum + monthly);
    }
    sums
}

/// What is wrong with one fixture, and how far expected figures are off, as a fraction.
fn judge(name: &str, fixture: &Json, truth: &Json, base: &Json) -> (Vec<String>, Vec<Decimal>) {
    let mut wrong = Vec::new();
    let mut off = Vec::new();
    let mut spec = base.clone();
    json_patch::merge(&mut spec, &fixture["spec"]);
    let today = fixture["today"].as_str().expect("a day");
    let bill = priced(&spec, today);
    let mut say = |text: String| wrong.push(format!("{name}: {text}"));
    let fixed = by_component(&bill, LineClass::Fixed);
    for (component, figure) in truth["fixed"].as_object().expect("lines") {
        let ours = fixed.get(component.as_str()).copied().flatten();
        if ours != decimal(figure) {
            say(format!("{component} is {figure}, we say {ours:?}"));
        }
    }
    for (component, ours) in &fixed {
        let known = !truth["fixed"][component].is_null() || ours.is_none_or(|ours| ours.is_zero());
        if !known {
            say(format!("{component} has {ours:?}, the truth has no such line"));
        }
    }
    let usage = by_component(&bill, LineClass::Usage);
    for (component, figure) in truth["usage"].as_object().expect("lines") {
        if usage.get(component.as_str()).copied().flatten() != decimal(figure) {
            say(format!("{component} is {figure}, we say {:?}", usage.get(component.as_str())));
        }
    }
    let mut left_out = 0;
    for (pool, figures) in truth["pools"].as_object().expect("pools") {
        left_out += figures["left_out"].as_u64().unwrap_or(0);
        let Some(ours) = bill.pools.pools.iter().find(|ours| ours.pool == *pool) else {
            if !pool.is_empty() {
                say(format!("pool {pool} has no figures"));
            }
            continue;
        };
        let (idle, expected, max) =
            (decimal(&figures["idle"]), decimal(&figures["expected"]), decimal(&figures["max"]));
        if (ours.idle.is_none(), ours.expected.is_none(), ours.max.is_none())
            != (idle.is_none(), expected.is_none(), max.is_none())
        {
            say(format!("{pool}: {figures}, we say {:?} {:?} {:?}", ours.idle, ours.expected, ours.max));
        }
        if let (Some(truth), Some(idle), Some(_)) = (expected, ours.idle, ours.expected)
            && (truth < idle || ours.max.is_some_and(|max| truth > max))
        {
            say(format!("{pool}: {truth} is outside {idle} to {:?}", ours.max));
        }
        for (what, truth, ours) in [("idle", idle, ours.idle), ("expected", expected, ours.expected)] {
            if let (Some(truth), Some(ours)) = (truth, ours) {
                let gap = if truth.is_zero() { ours } else { (ours - truth).abs() / truth };
                if gap > Decimal::new(15, 2) {
                    say(format!("{pool}: {what} is {truth}, we say {ours}"));
                }
                if what == "expected" && !truth.is_zero() {
                    off.push(gap);
                }
            }
        }
        if let (Some(truth), Some(ours)) = (max, ours.max) {
            // Ours is a bound, the truth is what whole nodes reach.
            if ours < truth || ours > truth * Decimal::new(125, 2) {
                say(format!("{pool}: max is {truth}, we say {ours}"));
            }
        }
    }
    let ours: u32 = bill.pools.left_out.iter().map(|left| left.pods).sum();
    if u64::from(ours) != left_out && !name.contains("unknown-types") && name != "windows" {
        say(format!("{left_out} pods have no node, we say {ours}: {:?}", bill.pools.left_out));
    }
    if let Some(truth) = decimal(&truth["delta"]) {
        let mut old = spec.clone();
        json_patch::merge(&mut old, &fixture["base"]);
        let before = priced(&old, today).after.total().sum;
        let delta = bill.after.total().sum - before;
        if delta.is_sign_negative() != truth.is_sign_negative() || delta.is_zero() != truth.is_zero() {
            say(format!("the delta is {truth}, we say {delta}"));
        }
    }
    (wrong, off)
}

#[test]
fn every_fixture_is_near_its_truth() {
    let (base, truths) = (json("base.json"), json("truths.json"));
    let truths = truths.as_object().expect("truths");
    let (mut wrong, mut off) = (Vec::new(), Vec::new());
    for (name, truth) in truths {
        let (bad, gaps) = judge(name, &json(&format!("fixtures/{name}.json")), truth, &base);
        wrong.extend(bad);
        off.extend(gaps);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(truths.len() >= 40, "{} fixtures", truths.len());
    off.sort();
    let (median, worst) = (off[off.len() / 2], off[off.len() - 1]);
    assert!(median <= Decimal::new(5, 2) && worst <= Decimal::new(15, 2), "median {median}, worst {worst}");
}

#[test]
fn every_fixture_has_a_truth() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cost/fixtures");
    let truths = json("truths.json");
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let name =
            entry.expect("an entry").path().file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        assert!(truths.get(&name).is_some(), "{name}: run tests/cost/truth.py");
    }
}
