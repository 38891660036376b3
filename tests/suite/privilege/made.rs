//! What bootstrap makes: once, completely, and again after anything that others did to it.

use rem_ci::bootstrap::{self, Wish};
use rem_ci::engine::{Action, Happening, Stop};
use rem_ci::model::access::{Access, Job};
use rem_ci::run::{Applied, Looked, World};
use serde_json::json;

use super::{bootstrapped, prod, repository, wish};
use crate::common::{Region, environment, virtual_time};

async fn look(region: &Region, loaded: &rem_ci::config::Loaded, wish: &Wish) -> (World, Looked) {
    let world = region.world(loaded);
    let looked = bootstrap::look(loaded, &world, &repository(), wish).await.expect("a look");
    (world, looked)
}

async fn again(region: &Region, loaded: &rem_ci::config::Loaded) -> Applied {
    let (world, looked) = look(region, loaded, &wish()).await;
    bootstrap::apply(&world, looked, &|_| {}, &Stop::default()).await.expect("an apply")
}

fn changed(looked: &Looked) -> Vec<(String, String, Vec<String>)> {
    let steps = looked.plan.steps.iter().filter(|step| step.action != Action::Keep);
    steps
        .map(|step| {
            let fields = step.changes.iter().map(|change| change.field.clone()).collect();
            (step.address.to_string(), step.action.word().to_owned(), fields)
        })
        .collect()
}

/// The second plan is empty, before and after the file names what was made.
#[test]
fn a_second_look_has_nothing_to_do() {
    virtual_time(async {
        for name in ["dev", "prod"] {
            let loaded = environment(name);
            let region = Region::new(7, &loaded.spec.account);
            let named = bootstrapped(&region, &loaded).await;
            for again in [&loaded, &named] {
                let (_, looked) = look(&region, again, &wish()).await;
                assert_eq!(changed(&looked), [], "{name}");
                assert!(looked.plan.sorted.strays.is_empty());
            }
        }
    });
}

/// Two environments in one account share the provider and nothing else; one's bootstrap sees nothing of the other's.
#[test]
fn neighbours_share_the_provider_alone() {
    virtual_time(async {
        let prod = prod();
        let mut other = environment("staging");
        other.spec.account.clone_from(&prod.spec.account);
        let region = Region::new(7, &prod.spec.account);
        bootstrapped(&region, &prod).await;
        let (_, looked) = look(&region, &other, &wish()).await;
        let changes = changed(&looked);
        assert!(changes.iter().all(|(_, action, _)| action == "create"), "{changes:#?}");
        assert!(!changes.iter().any(|(address, ..)| address == "access/github-provider"), "{changes:#?}");
        bootstrapped(&region, &other).await;
        let (_, looked) = look(&region, &prod, &wish()).await;
        assert_eq!(changed(&looked), []);
    });
}

/// A provider that was there is used as it is: our audience joins those of others.
#[test]
fn a_provider_that_is_there_is_shared() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let admin = region.world(&loaded);
        let call = admin.cloud.iam.create_open_id_connect_provider();
        let call = call.url("https://token.actions.githubusercontent.com").client_id_list("https://github.com/acme");
        let arn = call.send().await.expect("a provider").open_id_connect_provider_arn.expect("its ARN");
        let (_, looked) = look(&region, &loaded, &wish()).await;
        let found = changed(&looked).into_iter().find(|(address, ..)| address == "access/github-provider");
        assert_eq!(
            found.map(|(_, action, fields)| (action, fields)),
            Some(("update".to_owned(), vec!["audience".to_owned()]))
        );
        bootstrapped(&region, &loaded).await;
        let found = admin.cloud.iam.get_open_id_connect_provider().open_id_connect_provider_arn(arn).send().await;
        let mut audiences = found.expect("a provider").client_id_list.unwrap_or_default();
        audiences.sort();
        assert_eq!(audiences, ["https://github.com/acme", "sts.amazonaws.com"]);
    });
}

/// Every field that a person in the console can move, moved; shown, and moved back.
#[test]
fn drift_is_shown_and_repaired() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        bootstrapped(&region, &loaded).await;
        let access = Access::of(&loaded.spec);
        let (world, _) = look(&region, &loaded, &wish()).await;
        let (iam, s3, bucket) = (&world.cloud.iam, &world.cloud.s3, access.bucket());
        let role = access.derived("apply");
        let open = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "AWS": "*" },
            "Action": "sts:AssumeRole" }] });
        iam.update_assume_role_policy().role_name(&role).policy_document(open.to_string()).send().await.expect("trust");
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        iam.attach_role_policy().role_name(&role).policy_arn(admin).send().await.expect("attached");
        let all =
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        let wide = iam.create_policy_version().policy_arn(access.boundary_arn()).set_as_default(true);
        wide.policy_document(all.to_string()).send().await.expect("a version");
        s3.delete_bucket_policy().bucket(&bucket).send().await.expect("no policy");
        s3.delete_public_access_block().bucket(&bucket).send().await.expect("no block");
        s3.delete_bucket_lifecycle().bucket(&bucket).send().await.expect("no lifecycle");
        s3.delete_bucket_encryption().bucket(&bucket).send().await.expect("the default");
        let suspended = aws_sdk_s3::types::VersioningConfiguration::builder();
        let suspended = suspended.status(aws_sdk_s3::types::BucketVersioningStatus::Suspended).build();
        s3.put_bucket_versioning().bucket(&bucket).versioning_configuration(suspended).send().await.expect("suspended");
        s3.delete_bucket_tagging().bucket(&bucket).send().await.expect("no tags");
        let (_, looked) = look(&region, &loaded, &wish()).await;
        let changes = changed(&looked);
        let of = |at: &str| {
            changes
                .iter()
                .find(|(address, ..)| address == at)
                .map(|(_, action, fields)| (action.clone(), fields.clone()))
        };
        let text = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            of("access/iam-role/apply"),
            Some(("update".to_owned(), text(&["policies", "trust"]))),
            "{changes:#?}"
        );
        assert_eq!(of("access/iam-policy/boundary"), Some(("update".to_owned(), text(&["document"]))));
        let (action, fields) = of("access/s3-bucket").expect("the bucket");
        assert_eq!(action, "update");
        for field in ["lifecycle", "policy", "versioning"] {
            assert!(fields.contains(&field.to_owned()), "{field}: {fields:?}");
        }
        let applied = again(&region, &loaded).await;
        assert!(applied.outcome.complete(), "{:#?}", applied.outcome.reports);
        let (_, looked) = look(&region, &loaded, &wish()).await;
        assert_eq!(changed(&looked), []);
    });
}

/// Cut after any of its steps, it goes on: nothing twice, nothing lost.
#[test]
fn stopped_anywhere_it_goes_on() {
    virtual_time(async {
        let loaded = prod();
        for steps in [1, 2, 4, 6, 8] {
            let region = Region::new(steps, &loaded.spec.account);
            let (world, looked) = look(&region, &loaded, &wish()).await;
            let stop = Stop::default();
            let done = std::cell::Cell::new(0);
            let sink = |event: &rem_ci::engine::Event| {
                if matches!(event.what, Happening::Done { .. }) {
                    done.set(done.get() + 1);
                    if done.get() == steps {
                        stop.tell();
                    }
                }
            };
            bootstrap::apply(&world, looked, &sink, &stop).await.expect("an apply");
            let named = bootstrapped(&region, &loaded).await;
            let (_, looked) = look(&region, &named, &wish()).await;
            assert_eq!(changed(&looked), [], "stopped after {steps}");
            assert!(looked.plan.sorted.twins.is_empty());
        }
    });
}

/// A name that somebody else has is a clash, never taken over: it would hand our trust to who made it.
#[test]
fn somebody_elses_role_is_not_taken_over() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let access = Access::of(&loaded.spec);
        let admin = region.world(&loaded);
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole" }] });
        let call = admin.cloud.iam.create_role().role_name(access.derived(Job::Apply.word())).path(access.path());
        call.assume_role_policy_document(trust.to_string()).send().await.expect("a role");
        let (_, looked) = look(&region, &loaded, &wish()).await;
        assert!(looked.refused());
        assert!(looked.findings.iter().any(|finding| finding.code == "name-clash"), "{:#?}", looked.findings);
    });
}
