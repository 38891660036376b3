//! Drifts of the network.

use aws_sdk_ec2::types::{AttributeBooleanValue, IpPermission, IpRange};
use serde_json::json;

use super::hand::{Row, row};

fn flag(on: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(on).build()
}

/// A port that nobody asked for.
fn hole() -> IpPermission {
    let everywhere = IpRange::builder().cidr_ip("198.51.100.0/24").build();
    IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(everywhere).build()
}

pub(super) const ROWS: &[Row] = &[
    row!("vpc", ["dnsHostnames"], "network/vpc", InPlace, |h| {
        let call = h.cloud.ec2.modify_vpc_attribute().vpc_id(h.id("network/vpc")).enable_dns_hostnames(flag(false));
        call.send().await.expect("ModifyVpcAttribute")
    }),
    row!("vpc", ["dnsSupport"], "network/vpc", InPlace, |h| {
        let call = h.cloud.ec2.modify_vpc_attribute().vpc_id(h.id("network/vpc")).enable_dns_support(flag(false));
        call.send().await.expect("ModifyVpcAttribute")
    }),
    row!("vpc", ["tags"], "network/vpc", InPlace, |h| h.ec2_tag("network/vpc").await),
    row!("vpc", ["cidr"], "network/vpc", Vpc, |h| {
        let id = h.id("network/vpc");
        h.edit(|all| all.region["ec2"]["vpcs"][&id]["cidr"] = json!("10.99.0.0/16"));
    }),
    row!("subnet", ["mapPublicIp"], "network/subnet/private-1", InPlace, |h| {
        let call = h.cloud.ec2.modify_subnet_attribute().subnet_id(h.id("network/subnet/private-1"));
        call.map_public_ip_on_launch(flag(true)).send().await.expect("ModifySubnetAttribute")
    }),
    row!("subnet", ["tags"], "network/subnet/private-2", InPlace, |h| h.ec2_tag("network/subnet/private-2").await),
    row!("subnet", ["cidr"], "network/subnet/public-1", Subnet, |h| {
        let id = h.id("network/subnet/public-1");
        h.edit(|all| all.region["ec2"]["subnets"][&id]["cidr"] = json!("10.0.240.0/20"));
    }),
    row!("subnet", ["zone"], "network/subnet/public-2", Subnet, |h| {
        let id = h.id("network/subnet/public-2");
        h.edit(|all| all.region["ec2"]["subnets"][&id]["zone_id"] = json!("use1-az6"));
    }),
    // Only along with the VPC: what is in another VPC is not ours, whatever its tags say.
    row!("subnet", ["vpc"], "network/subnet/private-3", Vpc, |_h| ()),
    row!("internet-gateway", ["vpc"], "network/internet-gateway", InPlace, |h| {
        let id = h.id("network/internet-gateway");
        h.edit(|all| all.region["ec2"]["internet_gateways"][&id]["vpc"] = json!(null));
    }),
    row!("internet-gateway", ["tags"], "network/internet-gateway", InPlace, |h| {
        h.ec2_tag("network/internet-gateway").await;
    }),
    row!("eip", ["tags"], "network/eip/1", InPlace, |h| h.ec2_tag("network/eip/1").await),
    row!("nat-gateway", ["tags"], "network/nat-gateway/1", InPlace, |h| h.ec2_tag("network/nat-gateway/1").await),
    row!("nat-gateway", ["subnet"], "network/nat-gateway/1", Leaf, |h| {
        let (id, other) = (h.id("network/nat-gateway/1"), h.id("network/subnet/public-2"));
        h.edit(|all| all.region["ec2"]["nat_gateways"][&id]["subnet"] = json!(other));
    }),
    row!("nat-gateway", ["eip"], "network/nat-gateway/2", Leaf, |h| {
        let id = h.id("network/nat-gateway/2");
        // As if somebody had made a gateway of ours with an address of theirs.
        let theirs = h.cloud.ec2.allocate_address().send().await.expect("AllocateAddress");
        let theirs = theirs.allocation_id().expect("an id").to_owned();
        h.edit(|all| {
            let ec2 = &mut all.region["ec2"];
            let ours = ec2["nat_gateways"][&id]["allocation"].as_str().expect("an address").to_owned();
            ec2["nat_gateways"][&id]["allocation"] = json!(theirs);
            ec2["addresses"][&theirs]["association"] = ec2["addresses"][&ours]["association"].take();
        });
    }),
    row!("route-table", ["routes"], "network/route-table/private-1", InPlace, |h| {
        let call = h.cloud.ec2.delete_route().route_table_id(h.id("network/route-table/private-1"));
        call.destination_cidr_block("0.0.0.0/0").send().await.expect("DeleteRoute")
    }),
    row!("route-table", ["subnets"], "network/route-table/private-2", InPlace, |h| {
        let id = h.id("network/route-table/private-2");
        let found = h.cloud.ec2.describe_route_tables().route_table_ids(&id).send().await.expect("DescribeRouteTables");
        let association = found.route_tables()[0].associations()[0].route_table_association_id().expect("an id");
        let call = h.cloud.ec2.disassociate_route_table().association_id(association);
        call.send().await.expect("DisassociateRouteTable")
    }),
    row!("route-table", ["tags"], "network/route-table/private-3", InPlace, |h| {
        h.ec2_tag("network/route-table/private-3").await;
    }),
    row!("route-table", ["vpc"], "network/route-table/private-3", Vpc, |_h| ()),
    row!("security-group", ["ingress"], "network/security-group/nodes", InPlace, |h| {
        let call = h.cloud.ec2.authorize_security_group_ingress().group_id(h.id("network/security-group/nodes"));
        call.ip_permissions(hole()).send().await.expect("AuthorizeSecurityGroupIngress")
    }),
    row!("security-group", ["egress"], "network/security-group/endpoints", InPlace, |h| {
        let call = h.cloud.ec2.authorize_security_group_egress().group_id(h.id("network/security-group/endpoints"));
        call.ip_permissions(hole()).send().await.expect("AuthorizeSecurityGroupEgress")
    }),
    row!("security-group", ["tags"], "network/security-group/nodes", InPlace, |h| {
        h.ec2_tag("network/security-group/nodes").await;
    }),
    row!("security-group", ["name"], "network/security-group/endpoints", Leaf, |h| {
        let id = h.id("network/security-group/endpoints");
        h.edit(|all| all.region["ec2"]["security_groups"][&id]["name"] = json!("by-hand"));
    }),
    row!("security-group", ["description"], "network/security-group/nodes", Fixed, |h| {
        let id = h.id("network/security-group/nodes");
        h.edit(|all| all.region["ec2"]["security_groups"][&id]["description"] = json!("by hand"));
    }),
    row!("security-group", ["vpc"], "network/security-group/nodes", Vpc, |_h| ()),
    row!("vpc-endpoint", ["routeTables"], "network/vpc-endpoint/s3", InPlace, |h| {
        let call = h.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(h.id("network/vpc-endpoint/s3"));
        let call = call.remove_route_table_ids(h.id("network/route-table/private-1"));
        call.send().await.expect("ModifyVpcEndpoint")
    }),
    row!("vpc-endpoint", ["subnets"], "network/vpc-endpoint/sts", InPlace, |h| {
        let call = h.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(h.id("network/vpc-endpoint/sts"));
        let call = call.remove_subnet_ids(h.id("network/subnet/private-1"));
        call.send().await.expect("ModifyVpcEndpoint")
    }),
    row!("vpc-endpoint", ["securityGroups"], "network/vpc-endpoint/sts", InPlace, |h| {
        h.wait().await;
        let call = h.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(h.id("network/vpc-endpoint/sts"));
        let call = call.add_security_group_ids(h.id("network/security-group/nodes"));
        call.send().await.expect("ModifyVpcEndpoint")
    }),
    row!("vpc-endpoint", ["privateDns"], "network/vpc-endpoint/ecr.api", InPlace, |h| {
        let call = h.cloud.ec2.modify_vpc_endpoint().vpc_endpoint_id(h.id("network/vpc-endpoint/ecr.api"));
        call.private_dns_enabled(false).send().await.expect("ModifyVpcEndpoint")
    }),
    row!("vpc-endpoint", ["tags"], "network/vpc-endpoint/s3", InPlace, |h| h.ec2_tag("network/vpc-endpoint/s3").await),
    row!("vpc-endpoint", ["service"], "network/vpc-endpoint/ecr.api", Leaf, |h| {
        let id = h.id("network/vpc-endpoint/ecr.api");
        h.edit(|all| all.region["ec2"]["endpoints"][&id]["service"] = json!("com.amazonaws.us-east-1.ecr.dkr"));
    }),
    row!("vpc-endpoint", ["type"], "network/vpc-endpoint/s3", Leaf, |h| {
        let id = h.id("network/vpc-endpoint/s3");
        h.edit(|all| all.region["ec2"]["endpoints"][&id]["kind"] = json!("Interface"));
    }),
    row!("vpc-endpoint", ["vpc"], "network/vpc-endpoint/s3", Vpc, |_h| ()),
];
