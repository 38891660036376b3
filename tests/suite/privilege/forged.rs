//! R9: whoever copies our tags onto somebody else's thing has it shown, never deleted.

use std::time::Duration;

use aws_sdk_ec2::types::Tag;
use rem_ci::engine::wait::pause;
use rem_ci::model::Identity;
use rem_ci::model::access::Job;

use super::{bootstrapped, job, prod};
use crate::common::{Region, apply, look, virtual_time};

#[test]
fn forged_tags_are_shown_and_nothing_is_deleted() {
    virtual_time(async {
        let loaded = prod();
        let region = Region::new(7, &loaded.spec.account);
        let named = bootstrapped(&region, &loaded).await;
        let admin = region.world(&named);
        let ec2 = &admin.cloud.ec2;
        let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.expect("a network").vpc.expect("it");
        let vpc = vpc.vpc_id.expect("its id");
        pause(Duration::from_mins(1)).await;
        let made = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.9.0.0/24").send().await.expect("a subnet");
        let database = made.subnet.expect("it").subnet_id.expect("its id");
        let world = job(&region, &named, Job::Apply).await;
        let applied = apply(&named, &world).await.expect("an apply");
        assert!(applied.outcome.complete());
        // All three, and an address that the catalogue knows and the file does not want any more.
        let id = Identity::of(&named.spec);
        let tags = [
            ("rem-ci:environment", id.environment.as_str()),
            ("rem-ci:stack", id.stack.as_str()),
            ("rem-ci:resource", "network/subnet/private-9"),
        ];
        let tags = tags.map(|(key, value)| Tag::builder().key(key).value(value).build());
        let tag = ec2.create_tags().resources(&database).set_tags(Some(tags.to_vec()));
        tag.send().await.expect("forged");
        let plan = job(&region, &named, Job::Plan).await;
        let looked = look(&named, &plan).await.expect("a plan");
        assert!(looked.plan.sorted.strays.iter().any(|(_, live)| live.id == database), "shown as stray");
        assert!(looked.plan.steps.iter().all(|step| step.action.word() == "keep"), "and nothing is to be done");
        let applied = apply(&named, &world).await.expect("an apply");
        assert!(applied.outcome.complete() && applied.outcome.reports.is_empty());
        let found = ec2.describe_subnets().subnet_ids(&database).send().await.expect("it stands");
        assert_eq!(found.subnets().len(), 1);
    });
}
