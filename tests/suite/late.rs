//! IAM's listings lag behind a create by seconds, reads by name do not: a plan made at once misses nothing.

use rem_ci::engine::Action;

use crate::common::{Region, apply, environment, look, virtual_time};

#[test]
fn a_plan_right_after_an_apply_finds_roles_and_policies_that_no_list_has_yet() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let world = region.world(&loaded);
        assert!(apply(&loaded, &world).await.expect("an apply").outcome.complete());
        let usual = look(&loaded, &world).await.expect("a look");
        // As if all of them had been made just now.
        let now = region.sandbox.now();
        let late = region.sandbox.with(|state| {
            let iam = &mut state.accounts.get_mut(&loaded.spec.account).expect("an account").iam;
            iam.roles.values_mut().for_each(|role| role.listed = now + 1_900);
            iam.policies.values_mut().for_each(|policy| policy.created = now);
            iam.policies.len()
        });
        let looked = look(&loaded, &world).await.expect("a look");
        let moved: Vec<_> = looked.plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
        assert!(moved.is_empty(), "{moved:#?}");
        assert!(late > 0 && looked.reads.calls > usual.reads.calls, "the lists had them all the same");
    });
}
