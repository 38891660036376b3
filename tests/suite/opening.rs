//! `connect: runner-cidr`: whatever becomes of a run, the endpoint is closed again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rem_ci::config::Loaded;
use rem_ci::config::spec::Connect;
use rem_ci::engine::Address;
use rem_ci::model::{Identity, identity};
use rem_ci::run::{self, Approval, World};
use rem_ci::sandbox::state::State;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::common::{Region, approval, environment, look, virtual_time};

const OURS: &str = "203.0.113.7/32";

fn prod() -> Loaded {
    let mut loaded = environment("prod");
    loaded.spec.connect = Connect::RunnerCidr;
    loaded
}

/// A region with prod's cluster, and all that this needs.
async fn cluster(loaded: &Loaded) -> Region {
    let region = Region::new(5, &loaded.spec.account);
    let world = region.world(loaded);
    let looked = look(loaded, &world).await.expect("a plan");
    let only = Approval { only: Some("cluster".to_owned()), ..approval(&looked) };
    let applied = run::apply(loaded, &world, &only, &|_| {}, &rem_ci::engine::Stop::default()).await.expect("applied");
    assert!(applied.outcome.complete(), "{:#?}", applied.outcome.reports);
    closer(loaded, &world).await;
    region
}

/// The role that the schedule closes with, as the model has it.
async fn closer(loaded: &Loaded, world: &World) {
    let id = Identity::of(&loaded.spec);
    let graph = rem_ci::model::build(&loaded.spec);
    assert!(graph.get(&Address::keyed("identity", "iam-role", "endpoint-closer")).is_some(), "the model wants it");
    let arn = identity::closer_arn(&id);
    let name = arn.rsplit('/').next().expect("a name");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Service": "scheduler.amazonaws.com" }, "Action": "sts:AssumeRole",
        "Condition": { "StringEquals": { "aws:SourceAccount": loaded.spec.account } } }] });
    let may = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "eks:UpdateClusterConfig",
        "Resource": id.arn("eks", &format!("cluster/{}", loaded.spec.cluster.name)) }] });
    let iam = &world.cloud.iam;
    let made = iam.create_role().role_name(name).path(id.iam_path()).assume_role_policy_document(trust.to_string());
    assert_eq!(made.send().await.expect("a role").role.expect("its role").arn, arn);
    let put = iam.put_role_policy().role_name(name).policy_name("close-endpoint");
    put.policy_document(may.to_string()).send().await.expect("its policy");
    pass(Duration::from_mins(1)).await;
}

/// Public, and from where; as the region has it now. Whom a closed door would admit is nothing to go by: EKS keeps the last
/// list.
fn reach(state: &State, loaded: &Loaded) -> (Json, Json) {
    let region = &state.accounts[&loaded.spec.account].regions[&loaded.spec.region];
    let vpc = &region.eks.body(&loaded.spec.cluster.name).expect("a cluster")["resourcesVpcConfig"];
    let open = vpc["endpointPublicAccess"].clone();
    let cidrs = if open == true { vpc["publicAccessCidrs"].clone() } else { Json::Null };
    (open, cidrs)
}

fn schedules(state: &State, loaded: &Loaded) -> usize {
    state.accounts[&loaded.spec.account].regions[&loaded.spec.region].scheduler.schedules.len()
}

fn intent(region: &Region) -> bool {
    region.folder.path().join("openings/prod.json").exists()
}

async fn pass(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "nothing happens meanwhile, and that is the test")]
    tokio::time::sleep(time).await;
}

/// Any call: the region settles what is due.
async fn touch(world: &World) {
    world.cloud.eks.list_clusters().send().await.expect("an answer");
}

#[test]
fn it_opens_to_one_address_and_closes() {
    virtual_time(async {
        let loaded = prod();
        let region = cluster(&loaded).await;
        let world = region.world(&loaded);
        let opening = world.cloud.opening.clone().expect("wanted");
        let before = region.sandbox.with(|state| reach(state, &loaded));
        assert_eq!(before.0, false);

        opening.open().await.expect("nothing");
        assert_eq!(region.sandbox.with(|state| reach(state, &loaded)), before, "a plan opens nothing");

        opening.permit();
        opening.open().await.expect("opened");
        assert_eq!(region.sandbox.with(|state| reach(state, &loaded)), (json!(true), json!([OURS])));
        assert!(intent(&region) && region.sandbox.with(|state| schedules(state, &loaded)) == 1);

        opening.close(true).await.expect("closed");
        assert_eq!(region.sandbox.with(|state| reach(state, &loaded)), before);
        assert!(!intent(&region) && region.sandbox.with(|state| schedules(state, &loaded)) == 0);
    });
}

#[test]
fn it_adds_to_those_who_are_in() {
    virtual_time(async {
        let loaded = prod();
        let region = cluster(&loaded).await;
        let world = region.world(&loaded);
        let vpc =
            aws_sdk_eks::types::VpcConfigRequest::builder().endpoint_public_access(true).endpoint_private_access(true);
        let vpc = vpc.public_access_cidrs("198.51.100.0/24").build();
        let call = world.cloud.eks.update_cluster_config().name(&loaded.spec.cluster.name);
        call.resources_vpc_config(vpc).send().await.expect("begun");
        pass(Duration::from_mins(5)).await;

        let opening = world.cloud.opening.clone().expect("wanted");
        opening.permit();
        opening.open().await.expect("opened");
        let open = region.sandbox.with(|state| reach(state, &loaded));
        assert_eq!(open, (json!(true), json!(["198.51.100.0/24", OURS])));
        opening.close(true).await.expect("closed");
        let closed = region.sandbox.with(|state| reach(state, &loaded));
        assert_eq!(closed, (json!(true), json!(["198.51.100.0/24"])));
    });
}

/// The run is killed after its nth call, for every n.
#[test]
fn killed_anywhere_it_is_closed_by_the_schedule_and_by_the_next_run() {
    virtual_time(async {
        let loaded = prod();
        let made = cluster(&loaded).await;
        let before = made.sandbox.with(|state| reach(state, &loaded));
        let state = made.sandbox.with(|state| state.clone());
        let mut at = 0;
        let mut opened = 0;
        loop {
            at += 1;
            let mut region = Region::over(state.clone(), Duration::from_hours(1));
            let (calls, reached) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
            let (count, bell) = (Arc::clone(&calls), Arc::clone(&reached));
            region.sandbox = region.sandbox.record(Arc::new(move |_| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == at {
                    bell.notify_one();
                }
            }));
            let world = region.world(&loaded);
            let opening = world.cloud.opening.clone().expect("wanted");
            opening.permit();
            let run = async {
                opening.open().await.expect("opened");
                touch(&world).await;
                opening.close(true).await.expect("closed");
            };
            // The call has had its effect when the run ends here; its answer is never seen.
            let ended = tokio::select! { () = run => true, () = reached.notified() => false };
            if ended {
                break;
            }
            // Nobody is there for two hours.
            pass(Duration::from_hours(2)).await;
            let other = region.world(&loaded);
            touch(&other).await;
            let now = region.sandbox.with(|state| reach(state, &loaded));
            assert_eq!(now, before, "killed after call {at}: no run, and the schedule has closed it");
            opened += usize::from(region.sandbox.with(|state| {
                !state.accounts[&loaded.spec.account].regions[&loaded.spec.region].scheduler.fired.is_empty()
            }));
            // The next run of any verb finds the intent expired and clears up.
            other.cloud.opening.as_ref().expect("wanted").close_expired().await.expect("cleared up");
            assert!(!intent(&region) && region.sandbox.with(|state| schedules(state, &loaded)) == 0, "call {at}");
        }
        assert!(at > 10 && opened > 5, "{at} calls, {opened} times the schedule had to fire");
    });
}

/// An apply that comes after a killed one, at once: it takes over what was left and leaves nothing.
#[test]
fn the_next_apply_clears_up_after_a_killed_one() {
    virtual_time(async {
        let loaded = prod();
        let region = cluster(&loaded).await;
        let before = region.sandbox.with(|state| reach(state, &loaded));
        let first = region.world(&loaded).cloud.opening.expect("wanted");
        first.permit();
        first.open().await.expect("opened");
        drop(first);

        let second = region.world(&loaded).cloud.opening.expect("wanted");
        assert!(!second.close_expired().await.expect("read"), "it has not expired");
        second.permit();
        second.open().await.expect("opened");
        second.close(true).await.expect("closed");
        assert_eq!(region.sandbox.with(|state| reach(state, &loaded)), before);
        assert!(!intent(&region) && region.sandbox.with(|state| schedules(state, &loaded)) == 0);
    });
}

/// Nothing is opened that nobody would close.
#[test]
fn without_the_schedule_nothing_is_opened() {
    virtual_time(async {
        let loaded = prod();
        let region = cluster(&loaded).await;
        let before = region.sandbox.with(|state| reach(state, &loaded));
        let rule = json!({ "service": "scheduler", "operation": "CreateSchedule", "nth": 0, "do": "deny" });
        region.sandbox.with(|state| state.faults.push(serde_json::from_value(rule).expect("a rule")));
        let opening = region.world(&loaded).cloud.opening.expect("wanted");
        opening.permit();
        let refused = opening.open().await.expect_err("denied");
        assert_eq!(refused.call, "scheduler:CreateSchedule");
        assert_eq!(region.sandbox.with(|state| reach(state, &loaded)), before);
        assert!(!intent(&region));
    });
}
