//! How near a run comes to what the region itself needs, and what a plan costs in calls.

use rem_ci::engine::Outcome;
use rem_ci::sandbox::critical::critical_path;
use rem_ci::sandbox::state::Span;

use crate::common::{Region, apply, destroy, environment, virtual_time};

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
        });
    }
}
