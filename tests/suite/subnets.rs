//! The subnets of a cluster that runs: what EKS's interfaces and its zones hold is refused before anything is touched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use rem_ci::config::Loaded;
use rem_ci::config::spec::Zones;
use rem_ci::engine::Address;
use rem_ci::problem::Exit;
use rem_ci::run::{Looked, World};
use rem_ci::sandbox::region::mutates;
use rem_ci::sandbox::wire;

use crate::common::{Region, apply, environment, look, virtual_time};
use crate::fault::failures;

fn zones(ids: &[&str]) -> Zones {
    Zones::Ids(ids.iter().map(|id| (*id).to_owned()).collect())
}

async fn applied(loaded: &Loaded) -> Region {
    let region = Region::new(7, &loaded.spec.account);
    let applied = apply(loaded, &region.world(loaded)).await.expect("an apply");
    assert_eq!(failures(&applied.outcome), Vec::<String>::new());
    region
}

/// The codes that stop a plan, and that nothing is called which changes anything.
async fn refused(loaded: &Loaded, region: &Region) -> Vec<&'static str> {
    let writes = Arc::new(AtomicUsize::new(0));
    let count = writes.clone();
    let sandbox = region.sandbox.clone().record(Arc::new(move |request| {
        let call = wire::parse(request).expect("every call is understood");
        count.fetch_add(usize::from(mutates(&call.operation)), Ordering::SeqCst);
    }));
    let watched = Region { sandbox, clock: region.clock, folder: tempfile::tempdir().expect("a folder") };
    let world = watched.world(loaded);
    let looked = look(loaded, &world).await.expect("a look");
    let acknowledged = looked.findings.iter().filter_map(|finding| Some((finding.code, finding.digest.as_ref()?)));
    let acknowledged = acknowledged.map(|(code, digest)| format!("{code}:{digest}")).collect();
    let approval = rem_ci::run::Approval { acknowledged, ..crate::common::approval(&looked) };
    let halt = rem_ci::run::apply(loaded, &world, &approval, &|_| {}, &rem_ci::engine::Stop::default()).await;
    assert_eq!(halt.expect_err("refused").exit, Exit::Refused, "acknowledged or not");
    assert_eq!(writes.load(Ordering::SeqCst), 0, "something was changed");
    let mut codes: Vec<_> = looked.findings.iter().filter(|finding| finding.stops()).map(|found| found.code).collect();
    codes.retain(|code| ["cluster-zones", "subnet-in-use"].contains(code));
    codes.dedup();
    codes
}

#[test]
fn a_zone_more_or_less_or_another_is_refused() {
    virtual_time(async {
        let mut loaded = environment("dev");
        loaded.spec.network.zones = zones(&["use1-az1", "use1-az2"]);
        let region = applied(&loaded).await;
        loaded.spec.network.zones = zones(&["use1-az1", "use1-az2", "use1-az4"]);
        assert_eq!(refused(&loaded, &region).await, ["cluster-zones"]);
        loaded.spec.network.zones = zones(&["use1-az1", "use1-az4"]);
        assert_eq!(refused(&loaded, &region).await, ["subnet-in-use", "cluster-zones"]);
        // The same two in another order: both subnets of each would have to be made anew.
        loaded.spec.network.zones = zones(&["use1-az2", "use1-az1"]);
        assert_eq!(refused(&loaded, &region).await, ["subnet-in-use"]);
    });
}

fn id(looked: &Looked, at: &str) -> String {
    looked.plan.sorted.owned[&Address::parse(at).expect("an address")].id.clone()
}

/// Where a cluster's interfaces are.
fn held(region: &Region, world: &World) -> Vec<String> {
    region.sandbox.with(|state| {
        let ec2 = &state.accounts[&world.cloud.account].regions[&world.cloud.region].ec2;
        let eks = ec2.network_interfaces.values().filter(|interface| interface.holder.starts_with("eks:"));
        let mut subnets: Vec<_> = eks.map(|interface| interface.subnet.clone()).collect();
        subnets.sort();
        subnets
    })
}

/// What the guards rely on, seen in the region.
#[test]
fn the_region_holds_the_subnets_and_the_zones_of_a_cluster() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = applied(&loaded).await;
        let world = region.world(&loaded);
        let looked = look(&loaded, &world).await.expect("a look");
        let of = |kind: &str| ["1", "2"].map(|number| id(&looked, &format!("network/subnet/{kind}-{number}")));
        let sorted = |ids: &[String]| {
            let mut ids = ids.to_vec();
            ids.sort();
            ids
        };
        let (private, public) = (of("private"), of("public"));
        assert_eq!(held(&region, &world), sorted(&private));
        let gone = world.cloud.ec2.delete_subnet().subnet_id(&private[0]).send().await.expect_err("in use");
        assert_eq!(gone.code(), Some("DependencyViolation"));

        let update = async |ids: &[String]| {
            let vpc = aws_sdk_eks::types::VpcConfigRequest::builder().set_subnet_ids(Some(ids.to_vec())).build();
            let call = world.cloud.eks.update_cluster_config().name("rem-dev").resources_vpc_config(vpc);
            call.send().await.map(drop).map_err(|error| error.message().unwrap_or_default().to_owned())
        };
        let vpc = id(&looked, "network/vpc");
        let call = world.cloud.ec2.create_subnet().vpc_id(vpc).cidr_block("10.2.240.0/20");
        let third = call.availability_zone_id("use1-az6").send().await.expect("CreateSubnet");
        let third = third.subnet().and_then(|subnet| subnet.subnet_id()).expect("an id").to_owned();
        rem_ci::engine::wait::pause(std::time::Duration::from_mins(1)).await;
        let said = update(&[private.as_slice(), &[third]].concat()).await.expect_err("another zone");
        assert!(said.contains("zones of the cluster's creation"), "{said}");

        update(&public).await.expect("others in the same zones");
        rem_ci::engine::wait::pause(std::time::Duration::from_mins(5)).await;
        world.cloud.eks.describe_cluster().name("rem-dev").send().await.expect("DescribeCluster");
        assert_eq!(held(&region, &world), sorted(&public), "its interfaces have moved");
    });
}
