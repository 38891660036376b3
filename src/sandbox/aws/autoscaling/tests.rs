use serde_json::{Value as Json, json};

use super::{NodeGroup, create_for, handle, remove};
use crate::sandbox::aws::ec2::tests::World;
use crate::sandbox::wire::{Answer, Call};

fn call(world: &mut World, operation: &str, params: Json) -> Answer {
    let call = Call {
        service: "autoscaling".to_owned(),
        operation: operation.to_owned(),
        params,
        region: "us-east-1".to_owned(),
        access_key: String::new(),
        headers: Vec::new(),
        body: bytes::Bytes::new(),
    };
    world.here(|here| handle(here, &call))
}

#[test]
fn groups_of_node_groups_are_found_tagged_and_sized() {
    let mut world = World::new();
    let wanted = NodeGroup {
        cluster: "prod".to_owned(),
        name: "system".to_owned(),
        sizes: (2, 4, 2),
        subnets: Vec::new(),
        template: None,
    };
    let name = world.here(|here| create_for(here, &wanted));
    world.here(|here| create_for(here, &NodeGroup { cluster: "dev".to_owned(), ..wanted.clone() }));
    assert!(name.starts_with("eks-system-"));
    let by_tag = |key: &str, value: &str| json!({ "Filters": [{ "Name": key, "Values": [value] }] });
    let found = call(&mut world, "DescribeAutoScalingGroups", by_tag("tag:eks:cluster-name", "prod")).unwrap();
    assert_eq!(found["AutoScalingGroups"].as_array().unwrap().len(), 1);
    assert_eq!(found["AutoScalingGroups"][0]["AutoScalingGroupName"], json!(name));
    assert_eq!(
        call(&mut world, "DescribeAutoScalingGroups", by_tag("colour", "red")).unwrap_err().code,
        "ValidationError"
    );
    let page = call(&mut world, "DescribeAutoScalingGroups", json!({ "MaxRecords": "1" })).unwrap();
    let rest = json!({ "MaxRecords": "1", "NextToken": page["NextToken"] });
    let rest = call(&mut world, "DescribeAutoScalingGroups", rest).unwrap();
    assert_ne!(page["AutoScalingGroups"], rest["AutoScalingGroups"]);
    assert_eq!(rest.get("NextToken"), None);

    let tag = json!({ "Tags": [{ "ResourceId": name, "ResourceType": "auto-scaling-group", "Key": "team", "Value": "a", "PropagateAtLaunch": "true" }] });
    call(&mut world, "CreateOrUpdateTags", tag.clone()).unwrap();
    let seen = call(&mut world, "DescribeTags", by_tag("key", "team")).unwrap();
    assert_eq!(seen["Tags"][0]["PropagateAtLaunch"], true);
    call(&mut world, "DeleteTags", tag.clone()).unwrap();
    let seen = call(&mut world, "DescribeTags", by_tag("key", "team")).unwrap();
    assert_eq!(seen["Tags"], json!([]));

    let sized = |min: &str| json!({ "AutoScalingGroupName": name, "MinSize": min });
    call(&mut world, "UpdateAutoScalingGroup", sized("3")).unwrap();
    let found = call(&mut world, "DescribeAutoScalingGroups", json!({ "AutoScalingGroupNames": [name] })).unwrap();
    assert_eq!(found["AutoScalingGroups"][0]["DesiredCapacity"], 3);
    assert_eq!(call(&mut world, "UpdateAutoScalingGroup", sized("5")).unwrap_err().code, "ValidationError");
    world.here(|here| remove(here, &name));
    assert_eq!(call(&mut world, "CreateOrUpdateTags", tag).unwrap_err().code, "ValidationError");
}
