//! All that the kinds send, written down for `.ci/contract/botocore_check.py`, which holds it against AWS's own API models.
//!
//! The shipped environments and one with every option are made, changed by hand, repaired, changed by their files and
//! destroyed. A call that a kind says it makes but that never came up is an error here, so nothing goes unjudged.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rem_ci::config::{self, Loaded};
use rem_ci::resources::KINDS;
use rem_ci::run::World;
use rem_ci::sandbox::recorded;

use crate::common::{Region, apply, destroy, environment, look, today, virtual_time};

/// Every different request, in the order of their first coming.
type Lines = Arc<Mutex<Vec<String>>>;

fn options(file: &str) -> Loaded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    config::load(&format!("tests/options/{file}.yaml"), root, today()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn recording(seed: u64, loaded: &Loaded, lines: &Lines) -> Region {
    let mut region = Region::new(seed, &loaded.spec.account);
    let lines = Arc::clone(lines);
    region.sandbox = region.sandbox.clone().record(Arc::new(move |request| {
        let line = recorded::line(request).unwrap_or_else(|| panic!("not understood: {request:?}"));
        lines.lock().expect("lines").push(line);
    }));
    region
}

/// Plans until nothing changes any more; versions move by one step a time.
async fn converge(loaded: &Loaded, world: &World) {
    for _ in 0..4 {
        let looked = look(loaded, world).await.expect("a look");
        assert!(!looked.refused(), "{:#?}", looked.findings);
        if !looked.plan.changes() {
            return;
        }
        let applied = apply(loaded, world).await.expect("an apply");
        let failed: Vec<_> = applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }
    panic!("it does not come to rest");
}

async fn end(loaded: &Loaded, world: &World) {
    let destroyed = destroy(loaded, world).await.expect("a destroy");
    let failed: Vec<_> = destroyed.applied.outcome.reports.iter().filter(|report| report.error.is_some()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(destroyed.leftovers, []);
}

/// `(service, operation)` of a line.
fn operation(line: &str) -> (String, String) {
    let line: serde_json::Value = serde_json::from_str(line).expect("a line");
    let text = |key: &str| line[key].as_str().expect("text").to_owned();
    (text("service"), text("operation"))
}

#[test]
fn requests_are_written_down() {
    let lines = Lines::default();
    for (seed, name) in [(1, "dev"), (2, "staging"), (3, "prod")] {
        virtual_time(async {
            let loaded = environment(name);
            let region = recording(seed, &loaded, &lines);
            let world = region.world(&loaded);
            converge(&loaded, &world).await;
            end(&loaded, &world).await;
        });
    }
    virtual_time(async {
        let (one, two) = (options("one/wide"), options("two/wide"));
        let region = recording(4, &one, &lines);
        let world = World::simulated(region.sandbox.clone(), region.clock, &one.spec, None);
        let bucket = one.spec.state.as_ref().expect("a bucket").bucket.clone();
        world.cloud.s3.create_bucket().bucket(bucket).send().await.expect("a bucket");
        // Whom the access entries are for is somebody else's to make.
        for name in ["sre", "dev", "ops", "night"] {
            let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;
            let call = world.cloud.iam.create_role().role_name(name).assume_role_policy_document(trust);
            call.send().await.expect("a role");
        }
        converge(&one, &world).await;
        converge(&two, &world).await;
        end(&two, &world).await;
    });
    let mut lines = Arc::into_inner(lines).expect("one holder").into_inner().expect("lines");
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(line.clone()));
    let made: BTreeSet<(String, String)> = lines.iter().map(|line| operation(line)).collect();
    let mut missing = String::new();
    for kind in KINDS {
        for action in kind.kind().actions {
            let (service, name) = action.split_once(':').expect("service:Action");
            if !made.contains(&(service.to_owned(), name.to_owned())) {
                let _ = writeln!(missing, "{}: {action}", kind.kind().name);
            }
        }
    }
    assert_eq!(missing, "");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/contract");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("requests.jsonl"), lines.join("\n") + "\n").expect("the file");
}
