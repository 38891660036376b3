//! Every shipped environment: plan, apply, nothing left to do, destroy, nothing left behind.

use crate::common::{Region, apply, destroy, environment, look, virtual_time};

fn there_and_back(name: &str) {
    virtual_time(async {
        let loaded = environment(name);
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        let applied = apply(&loaded, &world).await.expect("an apply");
        assert!(
            applied.outcome.complete(),
            "{:#?}",
            applied.outcome.reports.iter().filter(|r| r.error.is_some()).collect::<Vec<_>>()
        );
        let again = look(&loaded, &world).await.expect("a look");
        let moved: Vec<_> = again.plan.steps.iter().filter(|step| step.action.word() != "keep").collect();
        assert!(moved.is_empty(), "{moved:#?}");
        let destroyed = destroy(&loaded, &world).await.expect("a destroy");
        assert!(
            destroyed.applied.outcome.complete(),
            "{:#?}",
            destroyed.applied.outcome.reports.iter().filter(|r| r.error.is_some()).collect::<Vec<_>>()
        );
        assert_eq!(destroyed.leftovers, []);
    });
}

#[test]
fn dev() {
    there_and_back("dev");
}

#[test]
fn staging() {
    there_and_back("staging");
}

#[test]
fn prod() {
    there_and_back("prod");
}
