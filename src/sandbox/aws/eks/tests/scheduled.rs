//! A cluster's endpoint that is changed by a schedule, with nobody there.

use serde_json::{Value as Json, json};

use super::World;
use crate::sandbox::aws::scheduler;
use crate::sandbox::region::{settle, with_here};
use crate::sandbox::wire::{Answer, Call};

impl World {
    fn scheduler(&mut self, operation: &str, params: Json) -> Answer {
        let call = Call {
            service: "scheduler".into(),
            operation: operation.into(),
            params,
            region: "us-east-1".into(),
            access_key: String::new(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        with_here(&mut self.state, self.now, "123456789012", "us-east-1", "arn:aws:iam::123456789012:root", |here| {
            settle(here);
            scheduler::handle(here, &call)
        })
    }

    fn closer(&mut self, action: &str) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
            "Principal": { "Service": "scheduler.amazonaws.com" }, "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": "123456789012" } } }] });
        let may = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action,
            "Resource": "arn:aws:eks:us-east-1:123456789012:cluster/one" }] });
        self.iam("CreateRole", json!({ "RoleName": "closer", "AssumeRolePolicyDocument": trust.to_string() })).unwrap();
        self.iam(
            "PutRolePolicy",
            json!({ "RoleName": "closer", "PolicyName": "p", "PolicyDocument": may.to_string() }),
        )
        .unwrap();
        self.wait(60);
        "arn:aws:iam::123456789012:role/closer".to_owned()
    }

    fn public(&mut self) -> Json {
        self.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"]["resourcesVpcConfig"]["endpointPublicAccess"]
            .clone()
    }

    fn errors(&self) -> Vec<Option<String>> {
        self.region().scheduler.fired.iter().map(|fired| fired.error.clone()).collect()
    }
}

/// A schedule that closes in so many seconds.
fn schedule(world: &World, seconds: i64, role: &str) -> Json {
    let at = jiff::Timestamp::from_millisecond(world.now + seconds * 1000).unwrap();
    let input = json!({ "Name": "one", "ResourcesVpcConfig": { "EndpointPublicAccess": false, "EndpointPrivateAccess": true } });
    json!({
        "Name": "close", "ActionAfterCompletion": "DELETE", "FlexibleTimeWindow": { "Mode": "OFF" },
        "ScheduleExpression": at.strftime("at(%Y-%m-%dT%H:%M:%S)").to_string(),
        "Target": { "Arn": "arn:aws:scheduler:::aws-sdk:eks:updateClusterConfig", "RoleArn": role, "Input": input.to_string() },
    })
}

#[test]
fn it_fires_at_its_time_and_is_gone() {
    let mut world = World::cluster(json!({}));
    let role = world.closer("eks:UpdateClusterConfig");
    let wanted = schedule(&world, 600, &role);
    world.scheduler("CreateSchedule", wanted.clone()).unwrap();
    assert_eq!(world.scheduler("CreateSchedule", wanted).unwrap_err().code, "ConflictException");
    world.wait(599);
    assert_eq!(world.public(), true);
    assert!(world.scheduler("GetSchedule", json!({ "Name": "close" })).is_ok());
    // Nobody asks for an hour, and yet it was closed all that time.
    world.wait(3600);
    assert_eq!(world.public(), false);
    let fired = &world.region().scheduler.fired[0];
    assert_eq!((fired.error.clone(), world.now - fired.at), (None, 3_599_000));
    assert_eq!(
        world.scheduler("GetSchedule", json!({ "Name": "close" })).unwrap_err().code,
        "ResourceNotFoundException"
    );
}

#[test]
fn it_tries_again_while_another_update_runs() {
    let mut world = World::cluster(json!({}));
    let role = world.closer("eks:UpdateClusterConfig");
    let wanted = schedule(&world, 60, &role);
    world.scheduler("CreateSchedule", wanted).unwrap();
    world.wait(50);
    let logs = json!({ "clusterLogging": [{ "types": ["api"], "enabled": true }] });
    world.eks("UpdateClusterConfig", json!({ "name": "one", "logging": logs })).unwrap();
    world.wait(900);
    assert_eq!(world.public(), false);
    let errors = world.errors();
    assert_eq!(errors[0].as_deref(), Some("ResourceInUseException"));
    assert_eq!(errors.last(), Some(&None));
}

#[test]
fn it_may_do_what_its_role_may() {
    let mut world = World::cluster(json!({}));
    let role = world.closer("eks:DescribeCluster");
    let wanted = schedule(&world, 60, &role);
    world.scheduler("CreateSchedule", wanted).unwrap();
    world.wait(120);
    assert_eq!(world.public(), true);
    assert_eq!(world.errors()[0].as_deref(), Some("AccessDeniedException"));
}

#[test]
fn it_is_refused_for_what_the_service_refuses() {
    let mut world = World::cluster(json!({}));
    let role = world.closer("eks:UpdateClusterConfig");
    let good = schedule(&world, 60, &role);
    let with = |pointer: &str, value: Json| {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        bad
    };
    for bad in [
        with("/Target/Input", json!(r#"{"name":"one"}"#)),
        with("/Target/RoleArn", json!(super::ROLE)),
        with("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:eks:deleteCluster")),
        with("/ScheduleExpression", json!("in an hour")),
        with("/Name", json!("a/b")),
    ] {
        assert_eq!(world.scheduler("CreateSchedule", bad.clone()).unwrap_err().code, "ValidationException", "{bad}");
    }
}
