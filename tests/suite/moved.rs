//! The file of an environment that runs names another owner, account or region: one clear finding, and nothing is done.

use rem_ci::config::Loaded;
use rem_ci::problem::Exit;
use rem_ci::run::{Looked, World};

use crate::common::{Region, apply, destroy, environment, look, virtual_time};

/// What is said of the change.
fn said(looked: &Looked) -> Vec<(String, bool)> {
    let found = looked.findings.iter().filter(|finding| finding.code == "stack-changed");
    found.map(|finding| (finding.title.clone(), finding.stops() && finding.place.is_some())).collect()
}

async fn refused(loaded: &Loaded, world: &World, title: &str) {
    let looked = look(loaded, world).await.expect("a look");
    assert_eq!(said(&looked), [(title.to_owned(), true)], "{:#?}", looked.findings);
    assert_eq!(apply(loaded, world).await.expect_err("refused").exit, Exit::Refused);
    assert_eq!(destroy(loaded, world).await.map(drop).expect_err("refused").exit, Exit::Refused);
}

#[test]
fn what_the_record_says_is_named_and_refused() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
        assert_eq!(said(&look(&loaded, &world).await.expect("a look")), []);

        let mut owner = loaded.clone();
        owner.spec.owner = "acme/infra".to_owned();
        refused(&owner, &world, "dev was applied as another stack: owner acme/platform -> acme/infra").await;

        let mut away = loaded.clone();
        away.spec.account = "210987654321".to_owned();
        away.spec.region = "us-west-2".to_owned();
        region.sandbox.with(|state| state.accounts.entry(away.spec.account.clone()).or_default().regions.len());
        let title =
            "dev was applied as another stack: account 123456789012 -> 210987654321, region us-east-1 -> us-west-2";
        refused(&away, &region.world(&away), title).await;

        // Put back, all is well; and what was destroyed is nobody's any more.
        assert_eq!(said(&look(&loaded, &world).await.expect("a look")), []);
        assert!(destroy(&loaded, &world).await.expect("a destroy").applied.outcome.complete());
        assert_eq!(said(&look(&owner, &world).await.expect("a look")), []);
    });
}

/// On a machine that has no record, tags say it.
#[test]
fn without_a_record_the_tags_of_what_runs_say_it() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        let first = region.world(&loaded);
        assert!(apply(&loaded, &first).await.expect("an apply").outcome.complete());
        let elsewhere = Region { folder: tempfile::tempdir().expect("a folder"), ..region };
        let mut owner = loaded.clone();
        owner.spec.owner = "acme/infra".to_owned();
        let stack = rem_ci::model::Identity::of(&loaded.spec).stack;
        let world = elsewhere.world(&owner);
        let looked = look(&owner, &world).await.expect("a look");
        assert_eq!(said(&looked), [(format!("dev is there already, as stack {stack}"), true)]);
        assert_eq!(apply(&owner, &world).await.expect_err("refused").exit, Exit::Refused);
    });
}
