//! Role tags on the subnets of somebody else's VPC: the one kind that an environment with its own network has not.

use aws_sdk_ec2::types::Tag;
use rem_ci::config::Loaded;
use rem_ci::config::spec::ExistingVpc;
use rem_ci::engine::Action;
use rem_ci::run::World;
use serde_json::json;

use super::hand::{Hand, Row, row};
use super::shown;
use crate::common::{Region, environment, look, virtual_time};

const AT: &str = "network/subnet-tags/private-1";

pub(super) const ROWS: &[Row] = &[
    row!("subnet-tags", ["tags"], "network/subnet-tags/private-1", InPlace, |h| {
        let tag = Tag::builder().key("kubernetes.io/role/internal-elb").value("0").build();
        h.cloud.ec2.create_tags().resources(h.id(AT)).tags(tag).send().await.expect("CreateTags")
    }),
    row!("subnet-tags", ["subnet"], "network/subnet-tags/private-1", Apart, |h| {
        let id = h.id(AT);
        h.edit(|all| {
            let subnets = all.region["ec2"]["subnets"].as_object_mut().expect("subnets");
            let subnet = subnets.remove(&id).expect("the subnet");
            subnets.insert("subnet-0123456789abcdef0".to_owned(), json!(subnet));
        });
    }),
];

/// A network that somebody has made by hand: two private subnets.
async fn theirs(loaded: &mut Loaded, world: &World) {
    let ec2 = &world.cloud.ec2;
    let vpc = ec2.create_vpc().cidr_block("10.50.0.0/16").send().await.expect("CreateVpc");
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).expect("an id").to_owned();
    rem_ci::engine::wait::pause(std::time::Duration::from_mins(1)).await;
    let mut ids = Vec::new();
    for (cidr, zone) in [("10.50.0.0/20", "use1-az1"), ("10.50.16.0/20", "use1-az2")] {
        let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(cidr).availability_zone_id(zone);
        let made = call.send().await.expect("CreateSubnet");
        ids.push(made.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id").to_owned());
    }
    let existing =
        ExistingVpc { vpc_id: vpc, private_subnet_ids: ids, public_subnet_ids: Vec::new(), tag_subnets: true };
    loaded.spec.network.existing = Some(existing);
}

#[test]
fn role_tags_on_somebody_elses_subnets() {
    virtual_time(async {
        let mut loaded = environment("dev");
        let region = Region::new(5, &loaded.spec.account);
        let empty = region.world(&loaded);
        theirs(&mut loaded, &empty).await;
        let world = region.world(&loaded);
        rem_ci::engine::wait::pause(std::time::Duration::from_mins(1)).await;
        // A VPC without a way out has no nodes: what is under test is there once its own section has been applied.
        let looked = look(&loaded, &world).await.expect("a look");
        let network = crate::common::approval(&looked);
        let network = rem_ci::run::Approval { only: Some("network".to_owned()), ..network };
        let applied = rem_ci::run::apply(&loaded, &world, &network, &|_| {}, &rem_ci::engine::Stop::default()).await;
        assert!(applied.expect("an apply").outcome.complete());
        for row in ROWS {
            let before = look(&loaded, &world).await.expect("a look");
            assert_eq!(before.plan.step(&row.address()).expect("a step").action, Action::Keep);
            let saved = region.sandbox.with(|state| state.accounts.clone());
            (row.drift)(&Hand::new(&world, &before)).await;
            let after = look(&loaded, &world).await.expect("a look");
            if row.fields == ["tags"] {
                shown(&after, &[row]);
                let again =
                    rem_ci::run::Approval { only: Some("network".to_owned()), ..crate::common::approval(&after) };
                let applied =
                    rem_ci::run::apply(&loaded, &world, &again, &|_| {}, &rem_ci::engine::Stop::default()).await;
                assert!(applied.expect("an apply").outcome.complete());
            } else {
                assert_eq!(after.plan.step(&row.address()).expect("a step").action, Action::Create);
                region.sandbox.with(|state| state.accounts = saved);
            }
            let at_last = look(&loaded, &world).await.expect("a look");
            assert_eq!(at_last.plan.step(&row.address()).expect("a step").action, Action::Keep);
        }
    });
}
