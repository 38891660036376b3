//! `rem-ci doctor` in the simulated region: nothing is wrong after a bootstrap; then one thing is.

use rem_ci::config::Loaded;
use rem_ci::doctor::{self, Finding, State};
use rem_ci::model::access::{Access, Job};

use super::{bootstrapped, prod, repository};
use crate::common::{Region, virtual_time};

/// What is wrong, programs on this machine apart.
async fn wrong(region: &Region, loaded: &Loaded) -> Vec<Finding> {
    let world = region.world(loaded);
    let facts = doctor::read(loaded, &world, Ok(repository()), Err("there is no GitHub here".to_owned())).await;
    let found = doctor::diagnose(&facts);
    for code in ["doctor-credentials", "doctor-trust", "doctor-access", "doctor-quota", "doctor-reach"] {
        let asked = found.iter().any(|one| one.code == code && one.state != State::Unknown);
        assert!(asked, "{code} was not asked: {found:#?}");
    }
    found.into_iter().filter(|one| one.state == State::Wrong && one.code != "doctor-tools").collect()
}

#[track_caller]
fn says(found: &[Finding], code: &str, words: &str) {
    let told = found.iter().any(|one| one.code == code && format!("{} {}", one.title, one.evidence).contains(words));
    assert!(told, "{code} does not say {words}: {found:#?}");
    assert!(found.iter().all(|one| one.code == code && !one.help.is_empty()), "{found:#?}");
}

#[test]
fn what_bootstrap_made_is_well() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        assert_eq!(wrong(&region, &named).await, []);
    });
}

#[test]
fn a_trust_policy_that_was_edited_is_told_by_its_claim() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let arn = Access::of(&named.spec).role_arn(Job::Apply);
        let name = arn.rsplit('/').next().expect("a name");
        let role = admin.cloud.iam.get_role().role_name(name).send().await.expect("a role").role.expect("a role");
        let policy = role.assume_role_policy_document.expect("a policy");
        let policy = percent_encoding::percent_decode_str(&policy).decode_utf8_lossy().into_owned();
        let edited = policy.replace("rem-ci-apply.yml@refs/heads/main", "rem-ci-apply.yml@refs/heads/trunk");
        assert_ne!(edited, policy);
        let call = admin.cloud.iam.update_assume_role_policy().role_name(name).policy_document(edited);
        call.send().await.expect("an edit");
        let found = wrong(&region, &named).await;
        let told = found.iter().find(|one| one.code == "doctor-trust").expect("the trust policy");
        assert!(
            told.evidence
                .contains("claim job_workflow_ref is acme/platform/.github/workflows/rem-ci-apply.yml@refs/heads/main"),
            "{told:#?}"
        );
        // The other half of the doctor sees that it is not what bootstrap wrote.
        assert!(
            found.iter().any(|one| one.code == "doctor-access" && one.title.contains("access/iam-role/apply")),
            "{found:#?}"
        );
    });
}

#[test]
fn a_bucket_without_versions_is_told() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let bucket = Access::of(&named.spec).bucket();
        admin.cloud.s3.delete_bucket_policy().bucket(&bucket).send().await.expect("no policy");
        says(&wrong(&region, &named).await, "doctor-access", "access/s3-bucket is as bootstrap writes it");
    });
}

#[test]
fn an_account_that_is_full_is_told_before_an_apply() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        for _ in 0..3 {
            admin.cloud.ec2.allocate_address().send().await.expect("an address");
        }
        says(&wrong(&region, &named).await, "doctor-quota", "3 of 5 in use, 3 more are needed");
    });
}

#[test]
fn another_account_is_told_and_not_looked_at() {
    virtual_time(async {
        let mut loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        loaded.spec.account = "999999999999".to_owned();
        let world = region.world(&prod());
        let facts = doctor::read(&loaded, &world, Ok(repository()), Err("there is no GitHub here".to_owned())).await;
        let found = doctor::diagnose(&facts);
        assert!(found.iter().any(|one| one.code == "doctor-credentials" && one.state == State::Wrong), "{found:#?}");
        assert!(facts.quotas.iter().all(|quota| quota.used.is_err()), "nothing else was asked");
    });
}
