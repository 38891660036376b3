//! S1: the state bucket, role by role and call by call.

use aws_sdk_s3::primitives::ByteStream;
use rem_ci::model::access::{Access, Job};
use rem_ci::run::World;

use super::{bootstrapped, job, prod};
use crate::common::{Region, virtual_time};

#[derive(Clone, Copy, Debug)]
enum If {
    Nothing,
    NoneMatch,
    Match,
}

async fn put(world: &World, bucket: &str, key: &str, condition: If) -> bool {
    let s3 = &world.cloud.s3;
    let etag = s3.get_object().bucket(bucket).key(key).send().await.ok().and_then(|object| object.e_tag);
    let call = s3.put_object().bucket(bucket).key(key).body(ByteStream::from_static(b"{}"));
    let call = match condition {
        If::Nothing => call,
        If::NoneMatch => call.if_none_match("*"),
        If::Match => call.if_match(etag.unwrap_or_else(|| "\"none\"".to_owned())),
    };
    call.send().await.is_ok()
}

#[test]
fn plans_are_written_once_and_by_plans_alone() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let bucket = Access::of(&named.spec).bucket();
        let key = "plans/prod/7/0123abc/sha256-1";
        let [plan, apply, destroy] = [
            job(&region, &named, Job::Plan).await,
            job(&region, &named, Job::Apply).await,
            job(&region, &named, Job::Destroy).await,
        ];
        // Only a plan's job, and only without taking another one's place.
        for (world, who) in [(&apply, "apply"), (&destroy, "destroy"), (&region.world(&named), "an administrator")] {
            assert!(!put(world, &bucket, key, If::NoneMatch).await, "{who}");
        }
        assert!(!put(&plan, &bucket, key, If::Nothing).await, "without a condition");
        assert!(put(&plan, &bucket, key, If::NoneMatch).await, "the one way");
        assert!(!put(&plan, &bucket, key, If::NoneMatch).await, "a second time");
        assert!(!put(&plan, &bucket, key, If::Match).await, "over the old one");
        assert!(!put(&plan, &bucket, "plans/staging/7/0123abc/sha256-1", If::NoneMatch).await, "another environment");
        // A delete would make the key writable again.
        for world in [&plan, &apply, &destroy, &region.world(&named)] {
            assert!(world.cloud.s3.delete_object().bucket(&bucket).key(key).send().await.is_err());
        }
        for world in [&plan, &apply, &destroy] {
            assert!(world.cloud.s3.get_object().bucket(&bucket).key(key).send().await.is_ok());
        }
        let copied = plan.cloud.s3.put_object().bucket(&bucket).key("plans/prod/8/x").if_none_match("*");
        let copied = copied.body(ByteStream::from_static(b"{}")).customize().mutate_request(|request| {
            request.headers_mut().insert("x-amz-copy-source", "other/thing");
        });
        assert!(copied.send().await.is_err(), "a copy");
    });
}

#[test]
fn locks_and_records_are_the_writers() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let bucket = Access::of(&named.spec).bucket();
        let plan = job(&region, &named, Job::Plan).await;
        for key in ["locks/prod.json", "records/prod.json", "openings/prod.json"] {
            for condition in [If::Nothing, If::NoneMatch] {
                assert!(!put(&plan, &bucket, key, condition).await, "{key} {condition:?}");
            }
        }
        for writer in [Job::Apply, Job::Destroy] {
            let world = job(&region, &named, writer).await;
            assert!(!put(&world, &bucket, "locks/prod.json", If::Nothing).await, "without a condition");
            assert!(put(&world, &bucket, "locks/prod.json", If::NoneMatch).await, "{writer:?}");
            assert!(!put(&world, &bucket, "locks/prod.json", If::NoneMatch).await, "somebody has it");
            assert!(put(&world, &bucket, "locks/prod.json", If::Match).await, "a heartbeat");
            assert!(put(&world, &bucket, "records/prod.json", If::Nothing).await);
            assert!(!put(&world, &bucket, "locks/staging.json", If::NoneMatch).await, "another environment's");
            assert!(!put(&world, &bucket, "elsewhere", If::NoneMatch).await);
            world.cloud.s3.delete_object().bucket(&bucket).key("locks/prod.json").send().await.expect("let go");
        }
        assert!(plan.cloud.s3.delete_object().bucket(&bucket).key("records/prod.json").send().await.is_err());
    });
}

/// The bucket's own rules are nobody's who runs a job.
#[test]
fn no_job_changes_the_buckets_rules() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let bucket = Access::of(&named.spec).bucket();
        let open = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
        for role in Job::ALL {
            let s3 = job(&region, &named, role).await.cloud.s3;
            assert!(s3.put_bucket_policy().bucket(&bucket).policy(open).send().await.is_err(), "{role:?}");
            assert!(s3.delete_bucket_policy().bucket(&bucket).send().await.is_err(), "{role:?}");
            assert!(s3.delete_public_access_block().bucket(&bucket).send().await.is_err(), "{role:?}");
            assert!(s3.delete_bucket_lifecycle().bucket(&bucket).send().await.is_err(), "{role:?}");
            assert!(s3.delete_bucket().bucket(&bucket).send().await.is_err(), "{role:?}");
        }
        // The twin: who bootstraps may.
        let admin = region.world(&named).cloud.s3;
        assert!(admin.delete_bucket_policy().bucket(&bucket).send().await.is_ok());
    });
}
