//! How near a run comes to what the region itself needs, and what a plan costs in calls.

use std::collections::BTreeMap;
use std::time::Duration;

use rem_ci::engine::{Outcome, scope, tally};
use rem_ci::resources::{KINDS, facts};
use rem_ci::sandbox::critical::critical_path;
use rem_ci::sandbox::state::{Action, Rule, Span};

use crate::common::{Region, apply, destroy, environment, look, virtual_time};

fn tell(what: &str, seed: u64, elapsed: i64, spans: &[Span], outcome: &Outcome) -> f64 {
    let (path, chain) = critical_path(spans);
    let ratio = elapsed as f64 / path as f64;
    println!("{what} {seed}: {elapsed} ms over {path} ms = {ratio:.4}");
    let named = |id: &String| spans.iter().rev().find(|span| span.id == *id).map(|s| (s.start - spans[0].start, s.ready - s.start));
    for id in &chain {
        println!("   region {id} {:?}", named(id));
    }
    for (address, took) in &outcome.critical_path {
        let report = outcome.reports.iter().rev().find(|r| r.address == *address).unwrap();
        println!("   ours {address} start {:?} took {took:?} slack {:?}", report.start, report.slack);
    }
    ratio
}

#[test]
fn apply_and_destroy_keep_to_the_regions_path() {
    for seed in 1..=20 {
        virtual_time(async {
            let loaded = environment("prod");
            let region = Region::new(seed, &loaded.spec.account);
            let world = region.world(&loaded);
            let began = region.clock.millis();
            let applied = apply(&loaded, &world).await.expect("an apply");
            let took = region.clock.millis() - began;
            assert!(applied.outcome.complete());
            let spans = region.sandbox.with(|state| std::mem::take(&mut state.spans));
            tell("apply", seed, took, &spans, &applied.outcome);
            let began = region.clock.millis();
            let destroyed = destroy(&loaded, &world).await.expect("a destroy");
            let took = region.clock.millis() - began;
            let spans = region.sandbox.with(|state| std::mem::take(&mut state.spans));
            tell("destroy", seed, took, &spans, &destroyed.applied.outcome);
            println!("complete {}", destroyed.applied.outcome.complete());
        });
    }
}

#[test]
fn a_plan_makes_these_calls_and_no_others() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
        let record = {
            let seen = seen.clone();
            std::sync::Arc::new(move |request: &http::Request<bytes::Bytes>| {
                let body = String::from_utf8_lossy(request.body()).into_owned();
                let target = request.headers().get("x-amz-target").map(|v| v.to_str().unwrap().to_owned());
                let action = body.split('&').find_map(|p| p.strip_prefix("Action=")).map(str::to_owned);
                let line = target.or(action.map(|a| format!("{a} {}", body.split('&').skip(2).collect::<Vec<_>>().join(" ")))).unwrap_or_else(|| format!("{} {}", request.method(), request.uri().path()));
                seen.lock().unwrap().push(line);
            })
        };
        let slow = Rule { service: "*".into(), operation: "*".into(), nth: 0, action: Action::Slow(50), seen: 0 };
        region.sandbox.with(|state| state.faults.push(slow));
        let region = Region { sandbox: region.sandbox.clone().with_latency(Duration::ZERO).record(record), ..region };
        let world = region.world(&loaded);
        let looked = look(&loaded, &world).await.expect("a look");
        println!("{:?}", looked.reads);
        let mut lines = std::mem::take(&mut *seen.lock().unwrap());
        lines.sort();
        for line in &lines { println!("  {line}"); }
        let mut calls = BTreeMap::new();
        for kind in KINDS {
            let about = kind.kind();
            let scope = scope(&looked.owner, &looked.graph, about, false);
            let (swept, counted) = tally::tallied(kind.sweep(&world.cloud, &scope)).await;
            swept.expect(about.name);
            calls.insert(about.name, (counted.calls, counted.rounds));
        }
        let (_, counted) = tally::tallied(facts::read(&world.cloud, &loaded.spec)).await;
        calls.insert("facts", (counted.calls, counted.rounds));
        println!("{calls:#?}");
    });
}
