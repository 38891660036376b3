//! Each rule of EKS's, on a region with three subnets.

mod scheduled;
mod semantics;
mod wire;

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::sandbox::aws::{ec2, eks, iam};
use crate::sandbox::region::{settle, with_here};
use crate::sandbox::state::{Millis, RegionState, State};
use crate::sandbox::wire::{Answer, Call};

const START: Millis = 1_795_000_000_000; // 2026-11-18
const ROLE: &str = "arn:aws:iam::123456789012:role/control";
const NODES: &str = "arn:aws:iam::123456789012:role/nodes";

struct World {
    state: State,
    now: Millis,
}

impl World {
    fn new() -> Self {
        let mut world = Self { state: State::new(7), now: START - 60_000 };
        world.network();
        world.now = START;
        for (name, service, policies) in [
            ("control", "eks.amazonaws.com", vec!["AmazonEKSClusterPolicy"]),
            ("nodes", "ec2.amazonaws.com", vec!["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"]),
            ("pods", "pods.eks.amazonaws.com", vec![]),
        ] {
            let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": ["sts:AssumeRole", "sts:TagSession"] }] });
            world
                .iam("CreateRole", json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() }))
                .unwrap();
            for policy in policies {
                world
                    .iam(
                        "AttachRolePolicy",
                        json!({ "RoleName": name, "PolicyArn": format!("arn:aws:iam::aws:policy/{policy}") }),
                    )
                    .unwrap();
            }
        }
        world
    }

    fn call(&mut self, service: &str, operation: &str, params: Json) -> Answer {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            params,
            region: "us-east-1".into(),
            access_key: String::new(),
            headers: Vec::new(),
            body: bytes::Bytes::new(),
        };
        with_here(
            &mut self.state,
            self.now,
            "123456789012",
            "us-east-1",
            "arn:aws:iam::123456789012:user/sandbox",
            |here| {
                settle(here);
                match service {
                    "iam" => iam::handle(here, &call),
                    "ec2" => ec2::handle(here, &call),
                    _ => eks::handle(here, &call),
                }
            },
        )
    }

    /// A VPC whose main table leads to an internet gateway, and in it `subnet-a`, `subnet-b` and `subnet-c`, which give
    /// their instances public addresses. EKS has no control planes in the zone of the last.
    fn network(&mut self) {
        let made = self.ec2("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
        let vpc = made["vpc"]["vpcId"].clone();
        self.wait(20);
        let gateway = self.ec2("CreateInternetGateway", json!({}))["internetGateway"]["internetGatewayId"].clone();
        self.ec2("AttachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": vpc }));
        let main = self.region().ec2.route_tables.keys().next().expect("the main table").clone();
        let out = json!({ "RouteTableId": main, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway });
        self.ec2("CreateRoute", out);
        for (at, (name, zone)) in
            [("subnet-a", "use1-az1"), ("subnet-b", "use1-az2"), ("subnet-c", "use1-az3")].into_iter().enumerate()
        {
            let block = format!("10.0.{at}.0/24");
            let made = self
                .ec2("CreateSubnet", json!({ "VpcId": vpc, "CidrBlock": block, "AvailabilityZoneId": zone }))["subnet"]
                ["subnetId"]
                .clone();
            self.ec2("ModifySubnetAttribute", json!({ "SubnetId": made, "MapPublicIpOnLaunch": { "Value": "true" } }));
            // A name to read in the tests, instead of digits.
            let subnets = &mut self.region_mut().ec2.subnets;
            let subnet = subnets.remove(made.as_str().expect("an id")).expect("the subnet");
            subnets.insert(name.to_owned(), subnet);
        }
        self.wait(20);
    }

    /// The subnet's table becomes one that leads nowhere.
    fn close(&mut self, subnet: &str) {
        let vpc = self.region().ec2.subnets[subnet].vpc.clone();
        let table = self.ec2("CreateRouteTable", json!({ "VpcId": vpc }))["routeTable"]["routeTableId"].clone();
        self.ec2("AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
    }

    fn ec2(&mut self, operation: &str, params: Json) -> Json {
        self.call("ec2", operation, params).unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    fn iam(&mut self, operation: &str, params: Json) -> Answer {
        self.call("iam", operation, params)
    }

    fn eks(&mut self, operation: &str, params: Json) -> Answer {
        self.call("eks", operation, params)
    }

    fn code(&mut self, operation: &str, params: Json) -> String {
        self.eks(operation, params).expect_err(operation).code
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    /// A cluster that is ready, with what `more` says besides.
    fn cluster(more: Json) -> Self {
        let mut world = Self::new();
        world.wait(10);
        world.eks("CreateCluster", request(more)).unwrap();
        world.wait(610);
        world
    }

    fn status(&mut self) -> Json {
        self.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"]["status"].clone()
    }

    fn addon(&mut self, name: &str) -> Json {
        self.eks("DescribeAddon", json!({ "clusterName": "one", "addonName": name })).unwrap()["addon"].clone()
    }

    fn group(&mut self) -> Json {
        self.eks("DescribeNodegroup", json!({ "clusterName": "one", "nodegroupName": "system" })).unwrap()["nodegroup"]
            .clone()
    }

    fn region(&self) -> &RegionState {
        &self.state.accounts["123456789012"].regions["us-east-1"]
    }

    fn region_mut(&mut self) -> &mut RegionState {
        self.state.accounts.get_mut("123456789012").unwrap().regions.get_mut("us-east-1").unwrap()
    }

    /// Ids of the instances that are not going.
    fn nodes(&self) -> BTreeSet<String> {
        let instances = self.region().ec2.instances.iter();
        instances.filter(|(_, instance)| instance.going.is_none()).map(|(id, _)| id.clone()).collect()
    }

    /// How many interfaces the control plane has.
    fn interfaces(&self) -> usize {
        let all = self.region().ec2.network_interfaces.values();
        all.filter(|interface| interface.description == "Amazon EKS one").count()
    }

    fn log_group(&self) -> bool {
        self.region().logs.exists("/aws/eks/one/cluster")
    }
}

fn request(more: Json) -> Json {
    let mut request = json!({
        "name": "one",
        "version": "1.34",
        "roleArn": ROLE,
        "clientRequestToken": "token",
        "accessConfig": { "authenticationMode": "API" },
        "resourcesVpcConfig": { "subnetIds": ["subnet-a", "subnet-b"] },
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

fn nodes() -> Json {
    json!({ "clusterName": "one", "nodegroupName": "system", "subnets": ["subnet-a", "subnet-b"], "nodeRole": NODES,
        "scalingConfig": { "minSize": 2, "maxSize": 3, "desiredSize": 2 } })
}

#[test]
fn a_cluster_takes_its_time_and_then_has_addresses() {
    let mut world = World::new();
    assert_eq!(
        world.code("CreateCluster", request(json!({}))),
        "InvalidParameterException",
        "a new role is not usable at once"
    );
    world.wait(10);
    let body = world.eks("CreateCluster", request(json!({}))).unwrap();
    assert_eq!(body["cluster"]["status"], "CREATING");
    assert_eq!(body, world.eks("CreateCluster", request(json!({}))).unwrap(), "same token, same answer");
    assert_eq!(
        world.code("CreateCluster", request(json!({ "clientRequestToken": "other" }))),
        "ResourceInUseException"
    );
    assert_eq!(world.code("CreateNodegroup", nodes()), "InvalidRequestException");
    world.wait(500);
    assert_eq!(world.status(), "CREATING");
    world.wait(107);
    let body = world.eks("DescribeCluster", json!({ "name": "one" })).unwrap()["cluster"].clone();
    assert_eq!(body["status"], "ACTIVE");
    assert!(
        body["identity"]["oidc"]["issuer"]
            .as_str()
            .unwrap()
            .starts_with("https://oidc.eks.us-east-1.amazonaws.com/id/")
    );
    assert!(body["resourcesVpcConfig"]["clusterSecurityGroupId"].as_str().unwrap().starts_with("sg-"));
    assert_eq!(world.interfaces(), 2);
    let entries = world.eks("ListAccessEntries", json!({ "clusterName": "one" })).unwrap();
    assert_eq!(entries["accessEntries"], json!(["arn:aws:iam::123456789012:user/sandbox"]));
}

#[test]
fn a_cluster_is_refused_for_what_eks_refuses() {
    let mut world = World::new();
    world.wait(10);
    let vpc = |ids: Json| json!({ "resourcesVpcConfig": { "subnetIds": ids } });
    for (more, code) in [
        (json!({ "version": "1.30" }), "InvalidParameterException"),
        (json!({ "roleArn": NODES }), "InvalidParameterException"),
        (json!({ "name": "-one" }), "InvalidParameterException"),
        (vpc(json!(["subnet-a"])), "InvalidParameterException"),
        (vpc(json!(["subnet-a", "subnet-x"])), "InvalidParameterException"),
        (vpc(json!(["subnet-a", "subnet-c"])), "UnsupportedAvailabilityZoneException"),
        (
            json!({ "encryptionConfig": [{ "resources": ["secrets"], "provider": { "keyArn": "arn:aws:kms:eu-west-1:1:key/x" } }] }),
            "InvalidParameterException",
        ),
        (
            json!({ "resourcesVpcConfig": { "subnetIds": ["subnet-a", "subnet-b"], "endpointPublicAccess": false } }),
            "InvalidParameterException",
        ),
    ] {
        assert_eq!(world.code("CreateCluster", request(more.clone())), code, "{more}");
    }
    assert!(world.eks("CreateCluster", request(json!({ "version": "1.31" }))).is_ok(), "still in extended support");
    world.now = START + 9 * 86_400_000;
    assert_eq!(
        world.code("CreateCluster", request(json!({ "name": "two", "version": "1.31" }))),
        "InvalidParameterException"
    );
    let versions = world.eks("DescribeClusterVersions", json!({})).unwrap();
    assert_eq!(versions["clusterVersions"].as_array().unwrap().len(), 5);
    assert_eq!(
        world.eks("DescribeClusterVersions", json!({ "includeAll": "true" })).unwrap()["clusterVersions"][5]["versionStatus"],
        "UNSUPPORTED"
    );
}

#[test]
fn updates_go_one_at_a_time_and_of_one_kind() {
    let mut world = World::cluster(json!({}));
    let logs = json!({ "clusterLogging": [{ "types": ["api"], "enabled": true }] });
    let both = json!({ "name": "one", "logging": logs, "resourcesVpcConfig": { "endpointPrivateAccess": true } });
    assert_eq!(world.code("UpdateClusterConfig", both), "InvalidParameterException");
    let same = json!({ "name": "one", "resourcesVpcConfig": { "endpointPublicAccess": true } });
    assert_eq!(world.code("UpdateClusterConfig", same), "InvalidParameterException");
    let update = world.eks("UpdateClusterConfig", json!({ "name": "one", "logging": logs })).unwrap()["update"].clone();
    assert_eq!(world.status(), "UPDATING");
    let other = json!({ "name": "one", "resourcesVpcConfig": { "endpointPrivateAccess": true } });
    assert_eq!(world.code("UpdateClusterConfig", other), "ResourceInUseException");
    world.wait(119);
    assert!(!world.log_group());
    assert_eq!(world.status(), "UPDATING");
    world.wait(52);
    assert_eq!(world.status(), "ACTIVE");
    let done = world.eks("DescribeUpdate", json!({ "name": "one", "updateId": update["id"] })).unwrap();
    assert_eq!(done["update"]["status"], "Successful");
    assert!(world.log_group(), "EKS makes the group when logs go on");
    for (version, ok) in [("1.36", false), ("1.34", false), ("1.33", false), ("9", false), ("1.35", true)] {
        assert_eq!(
            world.eks("UpdateClusterVersion", json!({ "name": "one", "version": version })).is_ok(),
            ok,
            "{version}"
        );
    }
    world.wait(721);
    let body = world.eks("DescribeCluster", json!({ "name": "one" })).unwrap();
    assert_eq!(body["cluster"]["version"], "1.35");
}

#[test]
fn a_node_group_joins_late_and_holds_its_role() {
    let mut world = World::cluster(json!({}));
    world.eks("CreateNodegroup", nodes()).unwrap();
    assert_eq!(world.group()["status"], "CREATING");
    let held = world.iam("ListInstanceProfilesForRole", json!({ "RoleName": "nodes" })).unwrap();
    assert!(held["InstanceProfiles"][0]["InstanceProfileName"].as_str().unwrap().starts_with("eks-"));
    let entry = world.eks("DescribeAccessEntry", json!({ "clusterName": "one", "principalArn": NODES })).unwrap();
    assert_eq!(entry["accessEntry"]["type"], "EC2_LINUX");
    world.wait(201);
    assert_eq!(world.group()["status"], "ACTIVE");
    assert_eq!(world.nodes().len(), 2);
    let scaling = world.region().autoscaling.groups.values().next().expect("its Auto Scaling group");
    assert_eq!(scaling.instances.iter().cloned().collect::<BTreeSet<_>>(), world.nodes());
    assert_eq!((scaling.min, scaling.max, scaling.desired), (2, 3, 2));
    assert_eq!(world.code("DeleteCluster", json!({ "name": "one" })), "ResourceInUseException");
    let more = json!({ "clusterName": "one", "nodegroupName": "system", "scalingConfig": { "desiredSize": 3 } });
    world.eks("UpdateNodegroupConfig", more.clone()).unwrap();
    assert_eq!(world.code("UpdateNodegroupConfig", more), "ResourceInUseException");
    world.wait(60);
    assert_eq!(world.group()["scalingConfig"]["desiredSize"], 3);
    assert_eq!(world.nodes().len(), 3);
    world.eks("DeleteNodegroup", json!({ "clusterName": "one", "nodegroupName": "system" })).unwrap();
    world.wait(119);
    assert_eq!(world.group()["status"], "DELETING");
    world.wait(134);
    assert_eq!(
        world.code("DescribeNodegroup", json!({ "clusterName": "one", "nodegroupName": "system" })),
        "ResourceNotFoundException"
    );
    assert!(world.nodes().is_empty() && world.region().autoscaling.groups.is_empty());
    assert_eq!(
        world.iam("ListInstanceProfilesForRole", json!({ "RoleName": "nodes" })).unwrap()["InstanceProfiles"],
        json!([])
    );
}

#[test]
fn nodes_without_a_cni_never_become_ready() {
    let mut world = World::cluster(json!({ "bootstrapSelfManagedAddons": false }));
    world.eks("CreateNodegroup", nodes()).unwrap();
    world.wait(300);
    assert_eq!(world.group()["status"], "CREATING");
    world.eks("CreateAddon", json!({ "clusterName": "one", "addonName": "vpc-cni" })).unwrap();
    world.wait(50);
    assert_eq!(world.group()["status"], "ACTIVE");

    let mut world = World::cluster(json!({ "bootstrapSelfManagedAddons": false }));
    world.eks("CreateNodegroup", nodes()).unwrap();
    world.wait(1800);
    assert_eq!(world.group()["status"], "CREATE_FAILED");
    assert_eq!(world.group()["health"]["issues"][0]["code"], "NodeCreationFailure");
}

#[test]
fn coredns_is_degraded_until_there_are_nodes_and_fails_after_twenty_minutes() {
    let mut world = World::cluster(json!({}));
    for name in ["coredns", "vpc-cni"] {
        world.eks("CreateAddon", json!({ "clusterName": "one", "addonName": name })).unwrap();
    }
    world.wait(36);
    assert_eq!(world.addon("vpc-cni")["status"], "ACTIVE");
    assert_eq!(world.addon("coredns")["status"], "DEGRADED");
    assert_eq!(world.addon("coredns")["health"]["issues"][0]["code"], "InsufficientNumberOfReplicas");
    world.eks("CreateNodegroup", nodes()).unwrap();
    world.wait(201 + 34);
    assert_eq!(world.addon("coredns")["status"], "ACTIVE");
    world.wait(1300);
    assert_eq!(world.addon("coredns")["status"], "ACTIVE");

    let mut world = World::cluster(json!({}));
    world.eks("CreateAddon", json!({ "clusterName": "one", "addonName": "coredns" })).unwrap();
    world.wait(1201);
    assert_eq!(world.addon("coredns")["status"], "CREATE_FAILED");
}

#[test]
fn coredns_needs_tolerations_for_the_nodes_taints() {
    for (key, values, status) in [
        ("dedicated", "", "DEGRADED"),
        ("CriticalAddonsOnly", "", "ACTIVE"),
        ("dedicated", r#"{"tolerations":[{"key":"dedicated","operator":"Exists"}]}"#, "ACTIVE"),
    ] {
        let mut world = World::cluster(json!({}));
        let mut group = nodes();
        group["taints"] = json!([{ "key": key, "effect": "NO_SCHEDULE" }]);
        world.eks("CreateNodegroup", group).unwrap();
        world.wait(201);
        world
            .eks("CreateAddon", json!({ "clusterName": "one", "addonName": "coredns", "configurationValues": values }))
            .unwrap();
        world.wait(40);
        assert_eq!(world.addon("coredns")["status"], status, "{key} {values}");
    }
}

#[test]
fn addons_have_versions_for_each_kubernetes_and_one_default() {
    let mut world = World::cluster(json!({}));
    for minor in 31..=36 {
        let all = world.eks("DescribeAddonVersions", json!({ "kubernetesVersion": format!("1.{minor}") })).unwrap();
        for addon in all["addons"].as_array().unwrap() {
            let versions = addon["addonVersions"].as_array().unwrap();
            let defaults = versions.iter().filter(|one| one["compatibilities"][0]["defaultVersion"] == true).count();
            assert_eq!(defaults, 1, "{} on 1.{minor}", addon["addonName"]);
        }
        assert!(all["addons"].as_array().unwrap().len() >= 18);
    }
    let wrong = json!({ "clusterName": "one", "addonName": "kube-proxy", "addonVersion": "v1.36.3-eksbuild.2" });
    assert_eq!(world.code("CreateAddon", wrong), "InvalidParameterException");
    let keys = json!({ "clusterName": "one", "addonName": "coredns", "configurationValues": "{\"replicas\": 2}" });
    assert_eq!(world.code("CreateAddon", keys), "InvalidParameterException", "the schema says replicaCount");
    let page = world.eks("DescribeAddonVersions", json!({ "maxResults": "5" })).unwrap();
    assert_eq!((page["addons"].as_array().unwrap().len(), &page["nextToken"]), (5, &json!("5")));
}

#[test]
fn access_entries_need_principals_and_are_unique() {
    let mut world = World::cluster(json!({}));
    let entry = |arn: &str| json!({ "clusterName": "one", "principalArn": arn });
    assert_eq!(
        world.code("CreateAccessEntry", entry("arn:aws:iam::123456789012:role/nobody")),
        "InvalidParameterException"
    );
    world.eks("CreateAccessEntry", entry(ROLE)).unwrap();
    assert_eq!(world.code("CreateAccessEntry", entry(ROLE)), "ResourceInUseException");
    let mut policy = entry(ROLE);
    policy["policyArn"] = json!("arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy");
    policy["accessScope"] = json!({ "type": "cluster" });
    world.eks("AssociateAccessPolicy", policy).unwrap();
    let all = world.eks("ListAssociatedAccessPolicies", entry(ROLE)).unwrap();
    assert_eq!(all["associatedAccessPolicies"].as_array().unwrap().len(), 1);
    world.eks("DeleteAccessEntry", entry(ROLE)).unwrap();
    assert_eq!(world.code("DescribeAccessEntry", entry(ROLE)), "ResourceNotFoundException");
}

#[test]
fn pod_identity_associations_are_one_for_a_service_account() {
    let mut world = World::cluster(json!({}));
    let mut one =
        json!({ "clusterName": "one", "namespace": "kube-system", "serviceAccount": "karpenter", "roleArn": NODES });
    assert_eq!(world.code("CreatePodIdentityAssociation", one.clone()), "InvalidParameterException", "trusts EC2 only");
    one["roleArn"] = json!("arn:aws:iam::123456789012:role/pods");
    let made = world.eks("CreatePodIdentityAssociation", one.clone()).unwrap()["association"].clone();
    assert_eq!(world.code("CreatePodIdentityAssociation", one), "ResourceInUseException");
    world.eks("TagResource", json!({ "resourceArn": made["associationArn"], "tags": { "a": "b" } })).unwrap();
    let tags = world.eks("ListTagsForResource", json!({ "resourceArn": made["associationArn"] })).unwrap();
    assert_eq!(tags, json!({ "tags": { "a": "b" } }));
    let listed = world.eks("ListPodIdentityAssociations", json!({ "clusterName": "one" })).unwrap();
    assert!(listed["associations"][0].get("roleArn").is_none());
}

#[test]
fn deletion_is_protected_and_writes_the_log_group_again() {
    let logging = json!({ "clusterLogging": [{ "types": ["audit"], "enabled": true }] });
    let mut world = World::cluster(json!({ "deletionProtection": true, "logging": logging }));
    world.status();
    assert_eq!(world.code("DeleteCluster", json!({ "name": "one" })), "InvalidRequestException");
    world.eks("UpdateClusterConfig", json!({ "name": "one", "deletionProtection": false })).unwrap();
    world.wait(16);
    world.eks("DeleteCluster", json!({ "name": "one" })).unwrap();
    assert!(world.log_group());
    world.region_mut().logs.groups.clear();
    world.wait(68);
    assert_eq!(world.status(), "DELETING");
    world.wait(161);
    assert_eq!(world.code("DescribeCluster", json!({ "name": "one" })), "ResourceNotFoundException");
    assert!(world.log_group());
    assert_eq!(world.interfaces(), 0);
    let groups = world.region().ec2.security_groups.values();
    assert_eq!(groups.map(|group| group.name.as_str()).collect::<Vec<_>>(), ["default"]);
}

#[test]
fn a_new_version_replaces_every_node_and_none_is_ahead_of_its_cluster() {
    let mut world = World::cluster(json!({}));
    let mut group = nodes();
    group["version"] = json!("1.33");
    world.eks("CreateNodegroup", group).unwrap();
    world.wait(201);
    assert_eq!(world.group()["version"], "1.33");
    let before = world.nodes();
    let to = |version: &str| json!({ "clusterName": "one", "nodegroupName": "system", "version": version });
    assert_eq!(world.code("UpdateNodegroupVersion", to("1.35")), "InvalidParameterException");
    world.eks("UpdateNodegroupVersion", to("1.34")).unwrap();
    world.wait(511);
    assert_eq!((world.group()["version"].clone(), world.group()["status"].clone()), (json!("1.34"), json!("ACTIVE")));
    assert_eq!(world.nodes().len(), 2);
    assert!(world.nodes().is_disjoint(&before));
}

#[test]
fn nodes_without_a_way_out_do_not_join() {
    let mut world = World::cluster(json!({}));
    world.close("subnet-b");
    world.eks("CreateNodegroup", nodes()).unwrap();
    world.wait(1800);
    assert_eq!(world.group()["status"], "CREATE_FAILED");
}
