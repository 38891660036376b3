//! What an update says and what it leaves out, and what of a launch template reaches the nodes.

use serde_json::{Value as Json, json};

use super::{ROLE, World, nodes};
use crate::sandbox::aws::ssm;

/// The instance that a world's one node is.
fn instance(world: &World) -> crate::sandbox::aws::ec2::Instance {
    let id = world.nodes().first().cloned().expect("a node");
    world.region().ec2.instances[&id].clone()
}

#[test]
fn an_addon_keeps_no_role_that_an_update_does_not_name() {
    let mut world = World::cluster(json!({}));
    let issuer =
        world.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"]["identity"]["oidc"]["issuer"]
            .clone();
    world.iam("CreateOpenIDConnectProvider", json!({ "Url": issuer, "ClientIDList": ["sts.amazonaws.com"] })).unwrap();
    let provider = issuer.as_str().unwrap().replace("https://", "arn:aws:iam::123456789012:oidc-provider/");
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow",
        "Principal": { "Federated": provider }, "Action": "sts:AssumeRoleWithWebIdentity" }] });
    world.iam("CreateRole", json!({ "RoleName": "cni", "AssumeRolePolicyDocument": trust.to_string() })).unwrap();
    world.wait(60);
    let role = "arn:aws:iam::123456789012:role/cni";
    let addon = |more: Json| {
        let mut request = json!({ "clusterName": "one", "addonName": "vpc-cni" });
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request
    };
    let values = r#"{"enableNetworkPolicy":"true"}"#;
    world.eks("CreateAddon", addon(json!({ "serviceAccountRoleArn": role, "configurationValues": values }))).unwrap();
    world.wait(120);
    assert_eq!(world.addon("vpc-cni")["serviceAccountRoleArn"], role);
    assert_eq!(world.code("UpdateAddon", addon(json!({ "serviceAccountRoleArn": "" }))), "InvalidParameterException");
    world.eks("UpdateAddon", addon(json!({ "serviceAccountRoleArn": role, "configurationValues": "{}" }))).unwrap();
    world.wait(120);
    assert_eq!(
        (&world.addon("vpc-cni")["serviceAccountRoleArn"], &world.addon("vpc-cni")["configurationValues"]),
        (&json!(role), &json!("{}"))
    );
    world.eks("UpdateAddon", addon(json!({ "resolveConflicts": "PRESERVE" }))).unwrap();
    world.wait(120);
    assert_eq!(world.addon("vpc-cni")["serviceAccountRoleArn"], Json::Null, "the nodes' role speaks for it now");
    assert_eq!(world.addon("vpc-cni")["configurationValues"], "{}", "values stay where nothing is said");
}

#[test]
fn access_subnets_and_groups_are_changed_each_by_itself() {
    let mut world = World::cluster(json!({}));
    let vpc = world.region().ec2.vpcs.keys().next().unwrap().clone();
    let made =
        world.ec2("CreateSecurityGroup", json!({ "VpcId": vpc, "GroupName": "more", "GroupDescription": "more" }));
    let group = made["groupId"].clone();
    let config = |vpc: Json| json!({ "name": "one", "resourcesVpcConfig": vpc });
    for both in [
        json!({ "subnetIds": ["subnet-a", "subnet-b"], "securityGroupIds": [group] }),
        json!({ "endpointPrivateAccess": true, "securityGroupIds": [group] }),
    ] {
        assert_eq!(world.code("UpdateClusterConfig", config(both.clone())), "InvalidParameterException", "{both}");
    }
    world.eks("UpdateClusterConfig", config(json!({ "securityGroupIds": [group] }))).unwrap();
    world.wait(171);
    let groups = |world: &mut World| {
        world.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"]["resourcesVpcConfig"]["securityGroupIds"].clone()
    };
    assert_eq!(groups(&mut world), json!([group]));
    world.eks("UpdateClusterConfig", config(json!({ "securityGroupIds": [] }))).unwrap();
    world.wait(171);
    assert_eq!(groups(&mut world), json!([]));
}

#[test]
fn a_policy_associated_again_has_the_new_scope() {
    let mut world = World::cluster(json!({}));
    let entry = json!({ "clusterName": "one", "principalArn": ROLE });
    world.eks("CreateAccessEntry", entry.clone()).unwrap();
    let mut policy = entry.clone();
    policy["policyArn"] = json!("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy");
    for scope in [json!({ "type": "cluster" }), json!({ "type": "namespace", "namespaces": ["web"] })] {
        policy["accessScope"] = scope;
        world.eks("AssociateAccessPolicy", policy.clone()).unwrap();
        world.wait(5);
    }
    let all = world.eks("ListAssociatedAccessPolicies", entry).unwrap()["associatedAccessPolicies"].clone();
    assert_eq!(all.as_array().unwrap().len(), 1);
    assert_eq!(all[0]["accessScope"], json!({ "type": "namespace", "namespaces": ["web"] }));
    assert_ne!(all[0]["associatedAt"], all[0]["modifiedAt"]);
}

#[test]
fn nodes_run_the_image_that_their_group_says_and_no_other_release_is_there() {
    let mut world = World::cluster(json!({}));
    let mut group = nodes();
    group["releaseVersion"] = json!("1.34.9-20200101");
    assert_eq!(world.code("CreateNodegroup", group.clone()), "InvalidParameterException");
    let all: Vec<_> = ssm::releases(world.now).filter(|one| one.minor == "1.34" && one.variant == "standard").collect();
    let older = all.iter().filter(|one| one.architecture == "x86_64").nth(1).unwrap();
    group["releaseVersion"] = json!(older.version());
    world.eks("CreateNodegroup", group).unwrap();
    world.wait(201);
    assert_eq!(world.group()["releaseVersion"], older.version());
    assert_eq!(instance(&world).image, older.image("us-east-1"));
    let shown = world.ec2("DescribeImages", json!({ "ImageId": [instance(&world).image] }));
    assert_eq!(shown["imagesSet"][0]["name"], older.name());
    world.eks("UpdateNodegroupVersion", json!({ "clusterName": "one", "nodegroupName": "system" })).unwrap();
    world.wait(511);
    let newest = all.iter().find(|one| one.architecture == "x86_64").unwrap();
    assert_eq!(world.group()["releaseVersion"], newest.version());
    assert_eq!(instance(&world).image, newest.image("us-east-1"));
}

#[test]
fn metadata_options_volume_and_tags_of_the_template_reach_the_nodes() {
    let mut world = World::cluster(json!({}));
    let data = json!({
        "InstanceType": "m7g.large",
        "MetadataOptions": { "HttpTokens": "required", "HttpPutResponseHopLimit": "1" },
        "BlockDeviceMapping": [{ "DeviceName": "/dev/xvda",
            "Ebs": { "VolumeSize": "64", "VolumeType": "gp3", "Encrypted": "true", "Iops": "4000" } }],
        "TagSpecification": [{ "ResourceType": "instance", "Tag": [{ "Key": "team", "Value": "platform" }] }],
    });
    world.ec2("CreateLaunchTemplate", json!({ "LaunchTemplateName": "system", "LaunchTemplateData": data }));
    world.wait(10);
    let mut group = nodes();
    group["launchTemplate"] = json!({ "name": "system", "version": "1" });
    group["amiType"] = json!("AL2023_ARM_64_STANDARD");
    world.eks("CreateNodegroup", group).unwrap();
    world.wait(201);
    // Any call lets the region settle.
    assert_eq!(world.group()["status"], "ACTIVE");
    let node = instance(&world);
    assert_eq!((node.instance_type.as_str(), node.metadata), ("m7g.large", (true, 1)));
    let volume = &world.region().ec2.volumes[&node.volumes[0]];
    assert_eq!((volume.size, volume.encrypted, volume.iops, volume.kind.as_str()), (64, true, Some(4000), "gp3"));
    let id = world.nodes().first().cloned().unwrap();
    assert_eq!(world.region().ec2.tags[&id]["team"], "platform");
    let image = world.ec2("DescribeImages", json!({ "ImageId": [node.image] }));
    assert_eq!(image["imagesSet"][0]["architecture"], "arm64");
}

#[test]
fn an_internet_gateway_is_no_way_out_without_a_public_address() {
    let mut world = World::cluster(json!({}));
    world.region_mut().ec2.subnets.get_mut("subnet-b").unwrap().map_public_ip = false;
    world.eks("CreateNodegroup", nodes()).unwrap();
    world.wait(1800);
    assert_eq!(world.group()["status"], "CREATE_FAILED");
}

#[test]
fn support_and_protection_change_in_seconds_and_logging_takes_minutes() {
    let mut world = World::cluster(json!({}));
    for (change, seconds) in [
        (json!({ "upgradePolicy": { "supportType": "STANDARD" } }), 15),
        (json!({ "deletionProtection": true }), 15),
        (json!({ "logging": { "clusterLogging": [{ "types": ["api"], "enabled": true }] } }), 171),
    ] {
        let mut request = json!({ "name": "one" });
        request.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        world.eks("UpdateClusterConfig", request).unwrap();
        assert_eq!(world.status(), "UPDATING", "{change}");
        world.wait(seconds + 1);
        assert_eq!(world.status(), "ACTIVE", "{change}");
        let (key, value) = change.as_object().unwrap().iter().next().unwrap();
        let now = world.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"][key].clone();
        assert!(now == *value || key == "logging", "{now}");
    }
}
