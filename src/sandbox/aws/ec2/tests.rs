//! Drives the service through its own door, one test per rule.

use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::instance::{Launch, launch, terminate};
use super::{Tags, handle, network_interface, security_group, settle, zones};
use crate::sandbox::region::{Here, with_here};
use crate::sandbox::state::{Millis, State};
use crate::sandbox::wire::Call;

const ACCOUNT: &str = "123456789012";

/// One account and region on an own clock.
pub(in crate::sandbox::aws) struct World {
    pub(in crate::sandbox::aws) state: State,
    pub(in crate::sandbox::aws) now: Millis,
}

impl World {
    pub(in crate::sandbox::aws) fn new() -> Self {
        Self { state: State::new(7), now: 1_790_000_000_000 }
    }

    pub(in crate::sandbox::aws) fn here<T>(&mut self, f: impl FnOnce(&mut Here<'_>) -> T) -> T {
        let caller = "arn:aws:iam::123456789012:role/ci";
        with_here(&mut self.state, self.now, ACCOUNT, "us-east-1", caller, |here| {
            settle(here);
            f(here)
        })
    }

    fn try_call(&mut self, operation: &str, params: Json) -> Result<Json, (String, String)> {
        let call = Call {
            service: "ec2".to_owned(),
            operation: operation.to_owned(),
            params,
            region: "us-east-1".to_owned(),
            access_key: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
        };
        self.here(|here| handle(here, &call)).map_err(|fault| (fault.code, fault.message))
    }

    fn call(&mut self, operation: &str, params: Json) -> Json {
        self.try_call(operation, params).unwrap_or_else(|fault| panic!("{operation}: {fault:?}"))
    }

    /// The code of the error that must come.
    fn code(&mut self, operation: &str, params: Json) -> String {
        match self.try_call(operation, params) {
            Ok(answer) => panic!("{operation} must fail: {answer}"),
            Err((code, _)) => code,
        }
    }

    fn wait(&mut self, seconds: i64) {
        self.now += seconds * 1000;
    }

    fn vpc(&mut self) -> String {
        let made = self.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
        self.wait(13);
        id(&made["vpc"]["vpcId"])
    }

    fn subnet(&mut self, vpc: &str, block: &str, zone: &str) -> String {
        let made = self.call("CreateSubnet", json!({ "VpcId": vpc, "CidrBlock": block, "AvailabilityZone": zone }));
        self.wait(5);
        id(&made["subnet"]["subnetId"])
    }

    fn gateway(&mut self, vpc: &str) -> String {
        let made = self.call("CreateInternetGateway", json!({}));
        let gateway = id(&made["internetGateway"]["internetGatewayId"]);
        self.call("AttachInternetGateway", json!({ "InternetGatewayId": gateway, "VpcId": vpc }));
        gateway
    }

    fn address(&mut self) -> String {
        id(&self.call("AllocateAddress", json!({ "Domain": "vpc" }))["allocationId"])
    }

    fn group(&mut self, vpc: &str, name: &str) -> String {
        let params = json!({ "VpcId": vpc, "GroupName": name, "GroupDescription": "for a test" });
        id(&self.call("CreateSecurityGroup", params)["groupId"])
    }

    fn table(&mut self, vpc: &str) -> String {
        id(&self.call("CreateRouteTable", json!({ "VpcId": vpc }))["routeTable"]["routeTableId"])
    }

    fn nat_state(&mut self, nat: &str) -> String {
        let seen = self.call("DescribeNatGateways", json!({ "NatGatewayId": [nat] }));
        id(&seen["natGatewaySet"][0]["state"])
    }
}

fn id(json: &Json) -> String {
    json.as_str().unwrap_or_else(|| panic!("no text: {json}")).to_owned()
}

fn count(json: &Json) -> usize {
    json.as_array().unwrap().len()
}

pub(in crate::sandbox::aws) fn nodes(subnets: &[String], groups: &[String], count: usize) -> Launch {
    Launch {
        instance_types: vec!["m7i.large".to_owned()],
        image: "ami-0123456789abcdef0".to_owned(),
        subnets: subnets.to_vec(),
        groups: groups.to_vec(),
        count,
        spot: false,
        tags: Tags::from([("eks:cluster-name".to_owned(), "prod".to_owned())]),
        volume: None,
        instance_profile: None,
        template: None,
        metadata: (true, 2),
        more_interfaces: 0,
        after: Vec::new(),
    }
}

#[test]
fn a_vpc_becomes_available_and_brings_its_table_group_and_acl() {
    let mut world = World::new();
    let made = world.call(
        "CreateVpc",
        json!({ "CidrBlock": "10.0.3.0/16", "TagSpecification": [{ "ResourceType": "vpc", "Tag": [{ "Key": "a", "Value": "b" }] }] }),
    );
    assert_eq!(made["vpc"]["state"], "pending");
    assert_eq!(made["vpc"]["cidrBlock"], "10.0.0.0/16", "in canonical form");
    assert_eq!(made["vpc"]["tagSet"], json!([{ "key": "a", "value": "b" }]));
    let vpc = id(&made["vpc"]["vpcId"]);
    assert_eq!(world.code("CreateSubnet", json!({ "VpcId": vpc, "CidrBlock": "10.0.0.0/24" })), "InvalidVpcState");
    world.wait(13);
    assert_eq!(world.call("DescribeVpcs", json!({ "VpcId": [vpc] }))["vpcSet"][0]["state"], "available");
    let of_vpc = json!({ "Filter": [{ "Name": "vpc-id", "Value": [vpc] }] });
    assert_eq!(
        world.call("DescribeRouteTables", of_vpc.clone())["routeTableSet"][0]["associationSet"][0]["main"],
        true
    );
    let groups = world.call("DescribeSecurityGroups", of_vpc.clone());
    assert_eq!(groups["securityGroupInfo"][0]["groupName"], "default");
    assert_eq!(world.call("DescribeNetworkAcls", of_vpc)["networkAclSet"][0]["default"], true);
    let attribute = json!({ "VpcId": vpc, "Attribute": "enableDnsHostnames" });
    assert_eq!(world.call("DescribeVpcAttribute", attribute.clone())["enableDnsHostnames"]["value"], false);
    world.call("ModifyVpcAttribute", json!({ "VpcId": vpc, "EnableDnsHostnames": { "Value": "true" } }));
    assert_eq!(world.call("DescribeVpcAttribute", attribute)["enableDnsHostnames"]["value"], true);
    world.call("DeleteVpc", json!({ "VpcId": vpc }));
    assert_eq!(world.code("DescribeVpcs", json!({ "VpcId": [vpc] })), "InvalidVpcID.NotFound");
    let state = &world.state.accounts[ACCOUNT].regions["us-east-1"].ec2;
    assert!(state.route_tables.is_empty() && state.security_groups.is_empty() && state.rules.is_empty());
}

#[test]
fn blocks_are_checked() {
    let mut world = World::new();
    assert_eq!(world.code("CreateVpc", json!({ "CidrBlock": "10.0.0.0/8" })), "InvalidVpc.Range");
    assert_eq!(world.code("CreateVpc", json!({ "CidrBlock": "10.0.0/16" })), "InvalidParameterValue");
    assert_eq!(world.code("CreateVpc", json!({})), "MissingParameter");
    let vpc = world.vpc();
    world.subnet(&vpc, "10.0.0.0/20", "us-east-1a");
    let mut code = |block| world.code("CreateSubnet", json!({ "VpcId": vpc, "CidrBlock": block }));
    assert_eq!(code("10.1.0.0/24"), "InvalidSubnet.Range");
    assert_eq!(code("10.0.0.0/29"), "InvalidSubnet.Range");
    assert_eq!(code("10.0.1.0/24"), "InvalidSubnet.Conflict");
}

#[test]
fn ids_are_malformed_or_not_found() {
    let mut world = World::new();
    assert_eq!(world.code("DescribeVpcs", json!({ "VpcId": ["prod"] })), "InvalidVpcId.Malformed");
    assert_eq!(
        world.code("DeleteSubnet", json!({ "SubnetId": "subnet-0123456789abcdef0" })),
        "InvalidSubnetID.NotFound"
    );
    assert_eq!(
        world.code("DeleteNatGateway", json!({ "NatGatewayId": "nat-0123456789abcdef0" })),
        "NatGatewayNotFound"
    );
    assert_eq!(world.code("CreateTags", json!({ "ResourceId": ["what"], "Tag": [{ "Key": "a" }] })), "InvalidID");
}

#[test]
fn quotas_hold() {
    let mut world = World::new();
    for _ in 0..5 {
        world.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" }));
        world.call("CreateInternetGateway", json!({}));
        world.address();
    }
    assert_eq!(world.code("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16" })), "VpcLimitExceeded");
    assert_eq!(world.code("CreateInternetGateway", json!({})), "InternetGatewayLimitExceeded");
    assert_eq!(world.code("AllocateAddress", json!({})), "AddressLimitExceeded");
}

#[test]
fn filters_know_tags_wildcards_and_their_own_names() {
    let mut world = World::new();
    for name in ["prod-a", "prod-b", "dev"] {
        let tags = json!([{ "ResourceType": "vpc", "Tag": [{ "Key": "Name", "Value": name }] }]);
        world.call("CreateVpc", json!({ "CidrBlock": "10.0.0.0/16", "TagSpecification": tags }));
    }
    world.wait(3);
    let mut found = |name: &str, value: &str| {
        count(&world.call("DescribeVpcs", json!({ "Filter": [{ "Name": name, "Value": [value] }] }))["vpcSet"])
    };
    assert_eq!(found("tag:Name", "prod-*"), 2);
    assert_eq!(found("tag:Name", "prod-?"), 2);
    assert_eq!(found("tag:Name", "prod"), 0);
    assert_eq!(found("tag-key", "Name"), 3);
    assert_eq!(found("is-default", "true"), 0);
    let unknown = json!({ "Filter": [{ "Name": "colour", "Value": ["red"] }] });
    assert_eq!(world.code("DescribeVpcs", unknown), "InvalidParameterValue");
    let keyed = json!({ "Filter": [{ "Name": "tag-key", "Value": ["Name"] }] });
    assert_eq!(world.code("DescribeSecurityGroupRules", keyed), "InvalidParameterValue");
}

#[test]
fn pages_join_to_the_whole() {
    let mut world = World::new();
    let vpc = world.vpc();
    for part in 0..12 {
        world.subnet(&vpc, &format!("10.0.{part}.0/24"), "us-east-1b");
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let mut params = json!({ "MaxResults": "5" });
        if !token.is_empty() {
            params["NextToken"] = json!(token);
        }
        let page = world.call("DescribeSubnets", params);
        seen.extend(page["subnetSet"].as_array().unwrap().iter().map(|subnet| id(&subnet["subnetId"])));
        match page.get("nextToken") {
            Some(next) => token = id(next),
            None => break,
        }
    }
    let mut unique = seen.clone();
    unique.dedup();
    assert_eq!((seen.len(), unique.len()), (12, 12));
    assert_eq!(world.code("DescribeSubnets", json!({ "MaxResults": "4" })), "InvalidParameterValue");
    assert_eq!(world.code("DescribeSubnets", json!({ "NextToken": "zz" })), "InvalidNextToken");
}

#[test]
fn new_things_show_late_in_some_lists() {
    let mut world = World::new();
    world.here(|here| here.region.ec2.limits.addresses = 100);
    let (mut late, mut unknown) = (0, 0);
    for _ in 0..60 {
        let address = world.address();
        let listed = json!({ "Filter": [{ "Name": "allocation-id", "Value": [address] }] });
        late += usize::from(count(&world.call("DescribeAddresses", listed.clone())["addressesSet"]) == 0);
        unknown += usize::from(world.try_call("DescribeAddresses", json!({ "AllocationId": [address] })).is_err());
        world.wait(3);
        assert_eq!(count(&world.call("DescribeAddresses", listed)["addressesSet"]), 1);
    }
    assert!((5..30).contains(&late), "{late}");
    assert!((1..10).contains(&unknown), "{unknown}");
}

#[test]
fn map_public_ip_takes_seconds_to_show() {
    let mut world = World::new();
    let vpc = world.vpc();
    let subnet = world.subnet(&vpc, "10.0.0.0/24", "us-east-1a");
    let on = json!({ "SubnetId": subnet, "MapPublicIpOnLaunch": { "Value": "true" } });
    world.call("ModifySubnetAttribute", on);
    let seen = |world: &mut World| {
        world.call("DescribeSubnets", json!({ "SubnetId": [subnet] }))["subnetSet"][0]["mapPublicIpOnLaunch"].clone()
    };
    assert_eq!(seen(&mut world), false);
    world.wait(9);
    assert_eq!(seen(&mut world), true);
}

#[test]
fn the_network_comes_down_only_in_order() {
    let mut world = World::new();
    let vpc = world.vpc();
    let subnet = world.subnet(&vpc, "10.0.0.0/24", "us-east-1a");
    let gateway = world.gateway(&vpc);
    let address = world.address();
    let nat = world.call("CreateNatGateway", json!({ "SubnetId": subnet, "AllocationId": address }));
    let nat = id(&nat["natGateway"]["natGatewayId"]);
    assert_eq!(world.nat_state(&nat), "pending");
    let table = world.table(&vpc);
    let route = json!({ "RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat });
    assert_eq!(world.code("CreateRoute", route.clone()), "InvalidNatGatewayID.NotFound");
    world.wait(84);
    assert_eq!(world.nat_state(&nat), "pending");
    world.wait(42);
    assert_eq!(world.nat_state(&nat), "available");
    world.call("CreateRoute", route.clone());
    assert_eq!(world.code("CreateRoute", route), "RouteAlreadyExists");
    world.call("AssociateRouteTable", json!({ "RouteTableId": table, "SubnetId": subnet }));
    let again = json!({ "SubnetId": subnet, "AllocationId": address });
    assert_eq!(world.code("CreateNatGateway", again), "Resource.AlreadyAssociated");

    let detach = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
    assert_eq!(world.code("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
    assert_eq!(world.code("DeleteSubnet", json!({ "SubnetId": subnet })), "DependencyViolation");
    assert_eq!(world.code("DetachInternetGateway", detach.clone()), "DependencyViolation");
    assert_eq!(world.code("DeleteInternetGateway", json!({ "InternetGatewayId": gateway })), "DependencyViolation");
    assert_eq!(world.code("ReleaseAddress", json!({ "AllocationId": address })), "InvalidIPAddress.InUse");
    assert_eq!(world.code("DeleteRouteTable", json!({ "RouteTableId": table })), "DependencyViolation");

    world.call("DeleteNatGateway", json!({ "NatGatewayId": nat }));
    assert_eq!(world.nat_state(&nat), "deleting");
    assert_eq!(world.code("ReleaseAddress", json!({ "AllocationId": address })), "InvalidIPAddress.InUse");
    world.wait(95);
    assert_eq!(world.nat_state(&nat), "deleted");
    let tables = world.call("DescribeRouteTables", json!({ "RouteTableId": [table] }));
    assert_eq!(tables["routeTableSet"][0]["routeSet"][1]["state"], "blackhole");
    world.call("ReleaseAddress", json!({ "AllocationId": address }));
    world.call("DetachInternetGateway", detach.clone());
    assert_eq!(world.code("DetachInternetGateway", detach), "Gateway.NotAttached");
    world.call("DeleteInternetGateway", json!({ "InternetGatewayId": gateway }));
    world.call("DeleteSubnet", json!({ "SubnetId": subnet }));
    assert_eq!(world.code("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation", "the table is left");
    world.call("DeleteRouteTable", json!({ "RouteTableId": table }));
    world.call("DeleteVpc", json!({ "VpcId": vpc }));
    world.wait(3600);
    assert_eq!(world.code("DescribeNatGateways", json!({ "NatGatewayId": [nat] })), "NatGatewayNotFound");

    let span = |id: String| world.state.spans.iter().find(|span| span.id == id).unwrap();
    let attached = format!("{gateway}/attachment");
    assert_eq!(span(nat.clone()).after, [subnet.clone(), address, attached]);
    assert!(span(format!("-{subnet}")).after.contains(&format!("-{nat}")));
    assert!(span(format!("-{vpc}")).after.contains(&format!("-{subnet}")));
}

#[test]
fn a_nat_gateway_without_a_way_out_fails_and_frees_its_address() {
    let mut world = World::new();
    let vpc = world.vpc();
    let subnet = world.subnet(&vpc, "10.0.0.0/24", "us-east-1a");
    let address = world.address();
    let nat = world.call("CreateNatGateway", json!({ "SubnetId": subnet, "AllocationId": address }));
    let nat = id(&nat["natGateway"]["natGatewayId"]);
    world.wait(21);
    let seen = world.call("DescribeNatGateways", json!({ "NatGatewayId": [nat] }));
    assert_eq!(seen["natGatewaySet"][0]["state"], "failed");
    assert_eq!(seen["natGatewaySet"][0]["failureCode"], "Gateway.NotAttached");
    world.call("ReleaseAddress", json!({ "AllocationId": address }));
    world.call("DeleteSubnet", json!({ "SubnetId": subnet }));
}

#[test]
fn client_tokens_are_remembered() {
    let mut world = World::new();
    let vpc = world.vpc();
    let made = world.call("CreateRouteTable", json!({ "VpcId": vpc, "ClientToken": "one" }));
    let again = world.call("CreateRouteTable", json!({ "VpcId": vpc, "ClientToken": "one" }));
    assert_eq!(made["routeTable"]["routeTableId"], again["routeTable"]["routeTableId"]);
    let other = json!({ "VpcId": vpc, "ClientToken": "one", "TagSpecification": [] });
    assert_eq!(world.code("CreateRouteTable", other), "IdempotentParameterMismatch");
    world.wait(86_401);
    let later = world.call("CreateRouteTable", json!({ "VpcId": vpc, "ClientToken": "one" }));
    assert_ne!(made["routeTable"]["routeTableId"], later["routeTable"]["routeTableId"]);
}

#[test]
fn associations_and_attachments_are_single() {
    let mut world = World::new();
    let vpc = world.vpc();
    let subnet = world.subnet(&vpc, "10.0.0.0/24", "us-east-1a");
    let gateway = world.gateway(&vpc);
    let attach = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
    assert_eq!(world.code("AttachInternetGateway", attach), "Resource.AlreadyAssociated");
    let second = id(&world.call("CreateInternetGateway", json!({}))["internetGateway"]["internetGatewayId"]);
    let attach = json!({ "InternetGatewayId": second, "VpcId": vpc });
    assert_eq!(world.code("AttachInternetGateway", attach), "InvalidParameterValue");
    let (one, two) = (world.table(&vpc), world.table(&vpc));
    let made = world.call("AssociateRouteTable", json!({ "RouteTableId": one, "SubnetId": subnet }));
    let other = json!({ "RouteTableId": two, "SubnetId": subnet });
    assert_eq!(world.code("AssociateRouteTable", other), "Resource.AlreadyAssociated");
    let moved = json!({ "AssociationId": made["associationId"], "RouteTableId": two });
    let moved = world.call("ReplaceRouteTableAssociation", moved);
    world.call("DeleteRouteTable", json!({ "RouteTableId": one }));
    world.call("DisassociateRouteTable", json!({ "AssociationId": moved["newAssociationId"] }));
    let missing = json!({ "RouteTableId": two, "DestinationCidrBlock": "1.0.0.0/8" });
    assert_eq!(world.code("DeleteRoute", missing), "InvalidRoute.NotFound");
    let replace = json!({ "RouteTableId": two, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": gateway });
    assert_eq!(world.code("ReplaceRoute", replace), "InvalidParameterValue");
}

#[test]
fn security_groups_and_rules() {
    let mut world = World::new();
    let vpc = world.vpc();
    let (one, two) = (world.group(&vpc, "one"), world.group(&vpc, "two"));
    let again = json!({ "VpcId": vpc, "GroupName": "one", "GroupDescription": "again" });
    assert_eq!(world.code("CreateSecurityGroup", again), "InvalidGroup.Duplicate");
    let rule = json!([{ "IpProtocol": "6", "FromPort": "443", "ToPort": "443",
        "Groups": [{ "GroupId": two, "Description": "to the API" }], "IpRanges": [{ "CidrIp": "10.0.0.0/16" }] }]);
    let params = json!({ "GroupId": one, "IpPermissions": rule });
    let made = world.call("AuthorizeSecurityGroupIngress", params.clone());
    assert_eq!(count(&made["securityGroupRuleSet"]), 2);
    assert_eq!(world.code("AuthorizeSecurityGroupIngress", params.clone()), "InvalidPermission.Duplicate");
    world.wait(3);
    let group = world.call("DescribeSecurityGroups", json!({ "GroupId": [one] }));
    let set = &group["securityGroupInfo"][0]["ipPermissions"];
    assert_eq!((count(set), set[0]["ipProtocol"].as_str()), (1, Some("tcp")));
    assert_eq!(world.code("DeleteSecurityGroup", json!({ "GroupId": two })), "DependencyViolation");
    let bad = json!({ "GroupId": one, "IpPermissions": [{ "IpProtocol": "tcp", "FromPort": "1", "ToPort": "1",
        "IpRanges": [{ "CidrIp": "10.0.0.0/16", "Description": "a<b" }] }] });
    assert_eq!(world.code("AuthorizeSecurityGroupIngress", bad), "InvalidParameterValue");
    let rule = made["securityGroupRuleSet"][1]["securityGroupRuleId"].clone();
    let words = json!({ "GroupId": one, "SecurityGroupRuleDescription": [{ "SecurityGroupRuleId": rule, "Description": "new" }] });
    world.call("UpdateSecurityGroupRuleDescriptionsIngress", words);
    let seen = world.call("DescribeSecurityGroupRules", json!({ "SecurityGroupRuleId": [rule] }));
    assert_eq!(seen["securityGroupRuleSet"][0]["description"], "new");
    let port = json!({ "GroupId": one, "SecurityGroupRule": [{ "SecurityGroupRuleId": rule,
        "SecurityGroupRule": { "IpProtocol": "tcp", "FromPort": "80", "ToPort": "80", "ReferencedGroupId": two } }] });
    world.call("ModifySecurityGroupRules", port);
    let revoked = json!({ "GroupId": one, "SecurityGroupRuleId": [rule] });
    world.call("RevokeSecurityGroupIngress", revoked.clone());
    assert_eq!(world.code("RevokeSecurityGroupIngress", revoked), "InvalidSecurityGroupRuleId.NotFound");
    assert_eq!(world.code("RevokeSecurityGroupIngress", params), "InvalidPermission.NotFound");
    world.call("DeleteSecurityGroup", json!({ "GroupId": two }));
    let default = world.call("DescribeSecurityGroups", json!({ "GroupName": ["default"] }));
    let default = default["securityGroupInfo"][0]["groupId"].clone();
    assert_eq!(world.code("DeleteSecurityGroup", json!({ "GroupId": default })), "CannotDelete");
    assert_eq!(world.code("DeleteVpc", json!({ "VpcId": vpc })), "DependencyViolation");
}

#[test]
fn gateway_endpoints_route_and_interface_endpoints_hold_their_subnet() {
    let mut world = World::new();
    let vpc = world.vpc();
    let (one, two) = (world.subnet(&vpc, "10.0.0.0/24", "us-east-1a"), world.subnet(&vpc, "10.0.1.0/24", "us-east-1a"));
    let table = world.table(&vpc);
    let s3 = json!({ "VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.s3", "RouteTableId": [table] });
    let made = world.call("CreateVpcEndpoint", s3.clone());
    assert_eq!(world.code("CreateVpcEndpoint", s3), "RouteAlreadyExists");
    world.wait(3);
    let tables = world.call(
        "DescribeRouteTables",
        json!({ "Filter": [{ "Name": "route.gateway-id", "Value": [made["vpcEndpoint"]["vpcEndpointId"]] }] }),
    );
    assert_eq!(tables["routeTableSet"][0]["routeSet"][1]["destinationPrefixListId"], "pl-63a5400a");
    let sts = |subnets: Json| {
        json!({ "VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.sts",
        "VpcEndpointType": "Interface", "SubnetId": subnets })
    };
    assert_eq!(world.code("CreateVpcEndpoint", sts(json!([one]))), "InvalidParameter", "private DNS needs hostnames");
    world.call("ModifyVpcAttribute", json!({ "VpcId": vpc, "EnableDnsHostnames": { "Value": "true" } }));
    assert_eq!(world.code("CreateVpcEndpoint", sts(json!([one, two]))), "DuplicateSubnetsInSameZone");
    let nowhere =
        json!({ "VpcId": vpc, "ServiceName": "com.amazonaws.us-east-1.nope", "VpcEndpointType": "Interface" });
    assert_eq!(world.code("CreateVpcEndpoint", nowhere), "InvalidServiceName");
    let interface = id(&world.call("CreateVpcEndpoint", sts(json!([one])))["vpcEndpoint"]["vpcEndpointId"]);
    assert_eq!(world.code("CreateVpcEndpoint", sts(json!([one]))), "InvalidParameter", "one name, one endpoint");
    world.wait(111);
    let seen = world.call("DescribeVpcEndpoints", json!({ "VpcEndpointId": [interface] }));
    assert_eq!(seen["vpcEndpointSet"][0]["state"], "available");
    let gone = world.call("DeleteVpcEndpoints", json!({ "VpcEndpointId": [interface, "vpce-0123456789abcdef0"] }));
    assert_eq!(gone["unsuccessful"][0]["error"]["code"], "InvalidVpcEndpointId.NotFound");
    assert_eq!(world.code("DeleteSubnet", json!({ "SubnetId": one })), "DependencyViolation");
    world.wait(121);
    world.call("DeleteSubnet", json!({ "SubnetId": one }));
}

#[test]
fn launch_templates_have_versions() {
    let mut world = World::new();
    let data = json!({ "InstanceType": "m7i.large", "TagSpecification": [{ "ResourceType": "instance", "Tag": [{ "Key": "a", "Value": "b" }] }] });
    let params = json!({ "LaunchTemplateName": "nodes", "LaunchTemplateData": data });
    let lt = id(&world.call("CreateLaunchTemplate", params.clone())["launchTemplate"]["launchTemplateId"]);
    assert_eq!(world.code("CreateLaunchTemplate", params), "InvalidLaunchTemplateName.AlreadyExistsException");
    let odd = json!({ "LaunchTemplateName": "odd", "LaunchTemplateData": { "Colour": "red" } });
    assert_eq!(world.code("CreateLaunchTemplate", odd), "UnknownParameter");
    let next = json!({ "LaunchTemplateId": lt, "SourceVersion": "1", "LaunchTemplateData": { "ImageId": "ami-0123456789abcdef0" } });
    let next = world.call("CreateLaunchTemplateVersion", next)["launchTemplateVersion"].clone();
    assert_eq!((next["versionNumber"].as_u64(), next["defaultVersion"].as_bool()), (Some(2), Some(false)));
    assert_eq!(next["launchTemplateData"]["instanceType"], "m7i.large");
    assert_eq!(next["launchTemplateData"]["tagSpecificationSet"][0]["tagSet"][0]["key"], "a");
    world.call("ModifyLaunchTemplate", json!({ "LaunchTemplateId": lt, "SetDefaultVersion": "2" }));
    world.here(|here| assert_eq!(super::launch_template::version(here, &lt, "$Default").unwrap().0, 2));
    let gone = json!({ "LaunchTemplateName": "nodes", "LaunchTemplateVersion": ["1", "2"] });
    let gone = world.call("DeleteLaunchTemplateVersions", gone);
    assert_eq!(count(&gone["successfullyDeletedLaunchTemplateVersionSet"]), 1);
    assert_eq!(count(&gone["unsuccessfullyDeletedLaunchTemplateVersionSet"]), 1);
    let wanted = json!({ "LaunchTemplateId": lt, "LaunchTemplateVersion": ["1"] });
    assert_eq!(world.code("DescribeLaunchTemplateVersions", wanted), "InvalidLaunchTemplateId.VersionNotFound");
    world.call("DeleteLaunchTemplate", json!({ "LaunchTemplateId": lt }));
    let gone = json!({ "LaunchTemplateName": ["nodes"] });
    assert_eq!(world.code("DescribeLaunchTemplates", gone), "InvalidLaunchTemplateName.NotFoundException");
}

#[test]
fn nodes_and_control_planes_hold_the_network() {
    let mut world = World::new();
    let vpc = world.vpc();
    let subnet = world.subnet(&vpc, "10.0.0.0/24", "us-east-1b");
    let group = world.here(|here| security_group::create_cluster(here, "prod", &vpc));
    let (subnets, groups) = (vec![subnet.clone()], vec![group.clone()]);
    world.here(|here| network_interface::create_cluster(here, "prod", &subnets, &groups)).unwrap();
    let zone = zones("us-east-1", ACCOUNT).into_iter().find(|zone| zone.name == "us-east-1b").unwrap();
    assert_ne!(zone.id, "use1-az3", "the test needs another letter");
    let started = world.here(|here| launch(here, &nodes(&subnets, &groups, 2))).unwrap();
    world.wait(26);
    let running = json!({ "Filter": [{ "Name": "instance-state-name", "Value": ["running"] }, { "Name": "tag:eks:cluster-name", "Value": ["prod"] }] });
    let seen = world.call("DescribeInstances", running);
    assert_eq!(
        seen["reservationSet"][0]["instancesSet"][0]["privateIpAddress"].as_str().map(|ip| &ip[..7]),
        Some("10.0.0.")
    );
    assert_eq!(count(&seen["reservationSet"]), 2);
    assert_eq!(count(&world.call("DescribeVolumes", json!({}))["volumeSet"]), 2);
    assert_eq!(world.code("DeleteSecurityGroup", json!({ "GroupId": group })), "DependencyViolation");
    let held = world
        .call("DescribeNetworkInterfaces", json!({ "Filter": [{ "Name": "description", "Value": ["Amazon EKS *"] }] }));
    let held = held["networkInterfaceSet"][0]["networkInterfaceId"].clone();
    assert_eq!(world.code("DeleteNetworkInterface", json!({ "NetworkInterfaceId": held })), "InvalidParameterValue");
    let changed = world.call("TerminateInstances", json!({ "InstanceId": [started[0]] }));
    assert_eq!(changed["instancesSet"][0]["currentState"]["name"], "shutting-down");
    world.here(|here| terminate(here, &started));
    world.wait(61);
    assert_eq!(count(&world.call("DescribeVolumes", json!({}))["volumeSet"]), 0);
    world.here(|here| network_interface::remove_cluster(here, "prod"));
    world.here(|here| security_group::remove_cluster(here, &group)).unwrap();
    world.call("DeleteSubnet", json!({ "SubnetId": subnet }));
    let seen = world.call("DescribeInstances", json!({ "InstanceId": [started[0]] }));
    assert_eq!(seen["reservationSet"][0]["instancesSet"][0]["instanceState"]["name"], "terminated");
    world.wait(3600);
    assert_eq!(world.code("DescribeInstances", json!({ "InstanceId": [started[0]] })), "InvalidInstanceID.NotFound");
}

#[test]
fn tags_change_and_have_rules() {
    let mut world = World::new();
    let vpc = world.vpc();
    let tag = |key: &str, value: &str| json!({ "ResourceId": [vpc], "Tag": [{ "Key": key, "Value": value }] });
    world.call("CreateTags", tag("a", "1"));
    world.call("CreateTags", tag("b", "2"));
    assert_eq!(world.code("CreateTags", tag("aws:eks:x", "1")), "InvalidParameterValue");
    world.call("DeleteTags", tag("a", "other"));
    world.call("DeleteTags", tag("b", "2"));
    let seen = world.call("DescribeTags", json!({ "Filter": [{ "Name": "resource-id", "Value": [vpc] }] }));
    assert_eq!(seen["tagSet"], json!([{ "key": "a", "value": "1", "resourceId": vpc, "resourceType": "vpc" }]));
    let many: Vec<Json> = (0..50).map(|number| json!({ "Key": format!("k{number}"), "Value": "" })).collect();
    assert_eq!(world.code("CreateTags", json!({ "ResourceId": [vpc], "Tag": many })), "TagLimitExceeded");
    let wrong = json!({ "CidrBlock": "10.0.0.0/16", "TagSpecification": [{ "ResourceType": "subnet", "Tag": [] }] });
    assert_eq!(world.code("CreateVpc", wrong), "InvalidParameterValue");
}

#[test]
fn zones_are_shuffled_by_account_and_named_by_rule() {
    let ids = |region: &str, account: &str| {
        let mut ids: Vec<String> = zones(region, account).into_iter().map(|zone| zone.id).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids("us-east-1", "1"), (1..=6).map(|zone| format!("use1-az{zone}")).collect::<Vec<_>>());
    assert_eq!(ids("us-gov-west-1", "1"), ["usgw1-az1", "usgw1-az2", "usgw1-az3"]);
    assert_eq!(ids("ap-southeast-2", "1"), ["apse2-az1", "apse2-az2", "apse2-az3"]);
    assert_eq!(zones("us-east-1", "1"), zones("us-east-1", "1"));
    assert!((0..9).any(|account| zones("us-east-1", &account.to_string()) != zones("us-east-1", "1")));
    let mut world = World::new();
    let seen =
        world.call("DescribeAvailabilityZones", json!({ "Filter": [{ "Name": "zone-id", "Value": ["use1-az3"] }] }));
    let name = seen["availabilityZoneInfo"][0]["zoneName"].clone();
    let offered = json!({ "LocationType": "availability-zone", "Filter": [{ "Name": "location", "Value": [name] }] });
    assert_eq!(count(&world.call("DescribeInstanceTypeOfferings", offered)["instanceTypeOfferingSet"]), 0);
    assert_eq!(world.code("DescribeInstanceTypes", json!({ "InstanceType": ["m99.huge"] })), "InvalidInstanceType");
    assert_eq!(world.code("CreateVpc", json!({ "DryRun": "true" })), "DryRunOperation");
}
