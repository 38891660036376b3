//! What planning and applying cost this machine: `cargo bench`. The bars are in the design's table of numbers; whether a
//! machine holds them is for people to see, tests assert calls and rounds instead.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use rem_ci::config;
use rem_ci::guard::Verb;
use rem_ci::run::{self, Look, Looked, plan_report};
use rem_ci::sandbox::state::{Action, Rule};
use rem_ci::view::report::Mode;
use rem_ci::view::{Style, human};

use common::{Region, apply, environment, look, today, virtual_time};

#[expect(dead_code, reason = "the suite uses more of it")]
#[path = "../tests/suite/common.rs"]
mod common;

/// Loads and plans without AWS, as `rem-ci plan --offline` does.
fn offline(name: &str, root: &Path) -> Looked {
    let loaded = config::load(name, root, today()).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
    let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: today() };
    virtual_time(run::look(&loaded, None, ask)).expect("a look")
}

/// Bar: 30 ms, of which the process takes some.
fn offline_prod(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    criterion.bench_function("plan prod offline", |bench| {
        bench.iter(|| human::plan(&plan_report(&offline("prod", root), Mode::Offline), black_box(Style::default())));
    });
}

/// Three rounds of 50 ms in virtual time are no time here: this is what is ours of the bar of 0.4 s, with the region's own
/// work for 90 answers in it.
fn live_prod(criterion: &mut Criterion) {
    criterion.bench_function("plan applied prod, 50 ms a call", |bench| {
        let loaded = environment("prod");
        bench.iter_custom(|times| {
            virtual_time(async {
                let region = Region::new(7, &loaded.spec.account);
                let world = region.world(&loaded);
                assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
                let slow =
                    Rule { service: "*".into(), operation: "*".into(), nth: 0, action: Action::Slow(50), seen: 0 };
                region.sandbox.with(|state| state.faults.push(slow));
                let sandbox = region.sandbox.clone().with_latency(Duration::ZERO);
                let region = Region { sandbox, ..region };
                let world = region.world(&loaded);
                let began = std::time::Instant::now();
                for _ in 0..times {
                    black_box(look(&loaded, &world).await.expect("a look"));
                }
                began.elapsed()
            })
        });
    });
}

/// A whole apply, twelve of the region's minutes.
fn whole_apply(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(10);
    group.bench_function("apply prod in virtual time", |bench| {
        let loaded = environment("prod");
        bench.iter(|| {
            virtual_time(async {
                let region = Region::new(7, &loaded.spec.account);
                assert!(apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome.complete());
            });
        });
    });
    group.finish();
}

fn plan_all(names: &[String], root: &Path) {
    for name in names {
        black_box(plan_report(&offline(name, root), Mode::Offline));
    }
}

/// Bar: 2 s for a thousand on two threads.
fn a_thousand(criterion: &mut Criterion) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("environments");
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().join("environments");
    std::fs::create_dir(&to).expect("a folder");
    std::fs::copy(root.join("base.yaml"), to.join("base.yaml")).expect("the base");
    let prod = std::fs::read_to_string(root.join("prod.yaml")).expect("prod.yaml");
    let names: Vec<String> = (0..1000).map(|number| format!("env{number:04}")).collect();
    for name in &names {
        std::fs::write(to.join(format!("{name}.yaml")), prod.replace("name: prod", &format!("name: {name}")))
            .expect("a file");
    }
    let root = folder.path();
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(10);
    group.bench_function("plan 1,000 environments offline on 2 threads", |bench| {
        bench.iter(|| {
            std::thread::scope(|scope| {
                for half in names.chunks(500) {
                    scope.spawn(move || plan_all(half, root));
                }
            });
        });
    });
    group.finish();
}

/// Bar: 1 s for 5,000 pods of 300 kinds over all types of us-east-1.
fn five_thousand_pods(criterion: &mut Criterion) {
    let mut loaded = environment("prod");
    for number in 0..300_u64 {
        let workload = serde_json::json!({
            "replicas": if number < 200 { 17 } else { 16 },
            "requests": {"cpu": format!("{}m", 50 + number * 37 % 1950), "memory": format!("{}Mi", 64 + number * 53 % 6000)},
            "pool": if number % 3 == 0 { "burst" } else { "general-purpose" },
        });
        let workload = serde_json::from_value(workload).expect("a workload");
        loaded.spec.workloads.insert(format!("w{number}"), workload);
    }
    for pool in loaded.spec.node_pools.values_mut() {
        pool.requirements.clear();
        pool.limits.clear();
    }
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(10);
    group.bench_function("price 5,000 pods over 1,340 types", |bench| {
        let ask = Look { verb: Verb::Apply, after_incomplete: false, acknowledged: &[], today: today() };
        bench.iter(|| virtual_time(run::look(&loaded, None, ask)).expect("a look").bill.pools);
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    offline_prod(&mut criterion);
    live_prod(&mut criterion);
    whole_apply(&mut criterion);
    a_thousand(&mut criterion);
    five_thousand_pods(&mut criterion);
    criterion.final_summary();
}
