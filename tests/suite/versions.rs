//! The original's pair, Kubernetes 1.31 with Karpenter 1.1.0: valid with a loud warning, and refused once AWS has stopped
//! offering it.

use std::time::Duration;

use rem_ci::config::{self, Loaded};
use rem_ci::sandbox::state::State;

use crate::common::{Region, look, today, virtual_time};

/// prod as a file of its own, on the original's versions.
fn original() -> (tempfile::TempDir, Loaded) {
    let folder = tempfile::tempdir().expect("a folder");
    let environments = folder.path().join("environments");
    std::fs::create_dir(&environments).expect("a folder");
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("environments");
    std::fs::copy(shipped.join("base.yaml"), environments.join("base.yaml")).expect("a copy");
    let prod = std::fs::read_to_string(shipped.join("prod.yaml")).expect("prod");
    let old = prod.replace("\"1.36\"", "\"1.31\"").replace("\"1.15.1\"", "\"1.1.0\"");
    assert_ne!(prod, old);
    std::fs::write(environments.join("prod.yaml"), old).expect("a file");
    let loaded = config::load("prod", folder.path(), today());
    let loaded = loaded.unwrap_or_else(|problems| panic!("not valid: {problems:#?}"));
    (folder, loaded)
}

#[test]
fn the_originals_pair_is_valid_with_a_warning_that_it_is_out_of_support() {
    let (_folder, loaded) = original();
    let said: Vec<_> = loaded.findings.iter().filter(|finding| finding.title.contains("1.31")).collect();
    assert!(!said.is_empty(), "{:#?}", loaded.findings);
    assert!(said.iter().all(|finding| !finding.stops() && finding.place.is_some()), "{said:#?}");
}

#[test]
fn a_new_cluster_is_refused_once_aws_no_longer_offers_the_version() {
    virtual_time(async {
        let (_folder, loaded) = original();
        for (days, refused) in [(0_u64, false), (3, true)] {
            let mut state = State::new(7);
            state.accounts.entry(loaded.spec.account.clone()).or_default();
            let region = Region::over(state, Duration::from_hours(24 * days));
            let looked = look(&loaded, &region.world(&loaded)).await.expect("a look");
            let codes: Vec<_> = looked.findings.iter().filter(|finding| finding.stops()).map(|f| f.code).collect();
            assert_eq!(codes.contains(&"version-not-offered"), refused, "after {days} days: {codes:?}");
        }
    });
}
