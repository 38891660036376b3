//! Amazon EC2 as its API reference describes it: the parts that an EKS cluster's network and nodes touch.
//!
//! Every resource type has its own file with its record, its operations and how it prints. A record holds moments
//! (`ready`, `gone`) rather than a state word: what a thing is follows from the time, so little is left to
//! [`settle`]. Tags, freshness and client tokens are kept once for all types.
//!
//! Sources: the Amazon EC2 API Reference (operations, filters, "Error codes", "Eventual consistency"), the Amazon VPC
//! User Guide (quotas, "Troubleshoot NAT gateways"), and the service model that botocore ships (wire names).

mod address;
mod common;
mod endpoint;
mod endpoint_service;
pub mod image;
pub mod instance;
pub(in crate::sandbox) mod instance_type;
mod internet_gateway;
pub mod launch_template;
mod nat_gateway;
mod network_acl;
pub mod network_interface;
mod route;
mod route_table;
#[cfg(test)]
mod sdk_tests;
pub mod security_group;
mod security_group_rule;
mod snapshot;
mod spot_price;
pub mod subnet;
mod tags;
#[cfg(test)]
pub(in crate::sandbox::aws) mod tests;
pub mod volume;
pub mod vpc;
mod zones;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::sandbox::region::{Here, text, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

pub use address::Address;
pub use common::Tags;
pub(in crate::sandbox::aws) use common::without_nulls;
pub use endpoint::Endpoint;
pub use instance::{Instance, Launch};
pub use internet_gateway::InternetGateway;
pub use launch_template::LaunchTemplate;
pub use nat_gateway::NatGateway;
pub use network_interface::NetworkInterface;
pub use route_table::RouteTable;
pub use security_group::SecurityGroup;
pub use security_group_rule::Rule;
pub use snapshot::Snapshot;
pub use subnet::Subnet;
pub use volume::Volume;
pub use vpc::Vpc;
pub use zones::{Zone, zones};

/// All of a region's EC2 resources, by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// `vpc-…`
    pub vpcs: BTreeMap<String, Vpc>,
    /// `subnet-…`
    pub subnets: BTreeMap<String, Subnet>,
    /// `igw-…`
    pub internet_gateways: BTreeMap<String, InternetGateway>,
    /// `eipalloc-…`
    pub addresses: BTreeMap<String, Address>,
    /// `nat-…`
    pub nat_gateways: BTreeMap<String, NatGateway>,
    /// `rtb-…`
    pub route_tables: BTreeMap<String, RouteTable>,
    /// `sg-…`
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// `sgr-…`
    pub rules: BTreeMap<String, Rule>,
    /// `vpce-…`
    pub endpoints: BTreeMap<String, Endpoint>,
    /// `lt-…`
    pub launch_templates: BTreeMap<String, LaunchTemplate>,
    /// `i-…`
    pub instances: BTreeMap<String, Instance>,
    /// `vol-…`
    pub volumes: BTreeMap<String, Volume>,
    /// `snap-…`
    pub snapshots: BTreeMap<String, Snapshot>,
    /// `eni-…`
    pub network_interfaces: BTreeMap<String, NetworkInterface>,
    /// Tags of everything, by id.
    pub tags: BTreeMap<String, Tags>,
    /// What is too new to be seen by every read, by id.
    pub fresh: BTreeMap<String, Fresh>,
    /// Answers to calls with a client token, by `OPERATION/TOKEN`.
    pub tokens: BTreeMap<String, Token>,
    /// What has gone from under a thing, so that the thing's own end could not begin earlier: ids by id.
    pub departed: BTreeMap<String, Vec<String>>,
    /// The account's quotas.
    pub limits: Limits,
    /// What EC2 has none of at the moment.
    pub capacity_gone: Vec<Shortage>,
}

/// Instances that EC2 cannot start; an empty text means all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shortage {
    /// `m7i.large`
    pub instance_type: String,
    /// `us-east-1a`
    pub zone: String,
    /// `spot` or `on-demand`
    pub capacity: String,
}

/// When a new thing begins to show.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Fresh {
    /// A describe by id says that it does not exist before this.
    pub by_id: Millis,
    /// A list leaves it out before this.
    pub by_filter: Millis,
}

/// What was answered to a client token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Token {
    /// When; it is forgotten after a day.
    pub at: Millis,
    /// The request without the token.
    pub params: Json,
    /// The answer.
    pub answer: Json,
}

/// Quotas, with AWS's defaults (Amazon VPC quotas; Elastic IP addresses per region).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Per region.
    pub vpcs: usize,
    /// Per region.
    pub addresses: usize,
    /// Per region.
    pub internet_gateways: usize,
    /// Per availability zone.
    pub nat_gateways: usize,
    /// Per VPC.
    pub subnets: usize,
    /// Per VPC.
    pub route_tables: usize,
    /// Per table, and the same again for prefix lists, which are not counted here.
    pub routes: usize,
    /// Per group and direction.
    pub rules: usize,
    /// vCPUs of running on-demand instances of the standard families, and of spot ones.
    pub vcpus: (u64, u64),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            vpcs: 5,
            addresses: 5,
            internet_gateways: 5,
            nat_gateways: 5,
            subnets: 200,
            route_tables: 200,
            routes: 50,
            rules: 60,
            vcpus: (640, 640),
        }
    }
}

/// Answers one call.
///
/// # Errors
/// What EC2 would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    if text(&call.params, "DryRun") == "true" {
        return Err(Fault::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.").status(412));
    }
    operate(here, call).map(common::without_nulls)
}

fn operate(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateVpc" => vpc::create(here, call),
        "DescribeVpcs" => vpc::describe(here, call),
        "DescribeVpcAttribute" => vpc::attribute(here, call),
        "ModifyVpcAttribute" => vpc::modify(here, call),
        "DeleteVpc" => vpc::delete(here, call),
        "CreateSubnet" => subnet::create(here, call),
        "DescribeSubnets" => subnet::describe(here, call),
        "ModifySubnetAttribute" => subnet::modify(here, call),
        "DeleteSubnet" => subnet::delete(here, call),
        "CreateInternetGateway" => internet_gateway::create(here, call),
        "AttachInternetGateway" => internet_gateway::attach(here, call),
        "DetachInternetGateway" => internet_gateway::detach(here, call),
        "DeleteInternetGateway" => internet_gateway::delete(here, call),
        "DescribeInternetGateways" => internet_gateway::describe(here, call),
        "AllocateAddress" => address::allocate(here, call),
        "ReleaseAddress" => address::release(here, call),
        "DescribeAddresses" => address::describe(here, call),
        "DescribeAddressesAttribute" => address::attribute(here, call),
        "CreateNatGateway" => common::idempotent(here, call, nat_gateway::create),
        "DeleteNatGateway" => nat_gateway::delete(here, call),
        "DescribeNatGateways" => nat_gateway::describe(here, call),
        "CreateRouteTable" => common::idempotent(here, call, route_table::create),
        "AssociateRouteTable" => route_table::associate(here, call),
        "DisassociateRouteTable" => route_table::disassociate(here, call),
        "ReplaceRouteTableAssociation" => route_table::reassociate(here, call),
        "DeleteRouteTable" => route_table::delete(here, call),
        "DescribeRouteTables" => route_table::describe(here, call),
        "CreateRoute" => route::create(here, call),
        "ReplaceRoute" => route::replace(here, call),
        "DeleteRoute" => route::delete(here, call),
        "CreateSecurityGroup" => security_group::create(here, call),
        "DeleteSecurityGroup" => security_group::delete(here, call),
        "DescribeSecurityGroups" => security_group::describe(here, call),
        "DescribeSecurityGroupRules" => security_group_rule::describe(here, call),
        "AuthorizeSecurityGroupIngress" => security_group_rule::authorize(here, call, false),
        "AuthorizeSecurityGroupEgress" => security_group_rule::authorize(here, call, true),
        "RevokeSecurityGroupIngress" => security_group_rule::revoke(here, call, false),
        "RevokeSecurityGroupEgress" => security_group_rule::revoke(here, call, true),
        "UpdateSecurityGroupRuleDescriptionsIngress" => security_group_rule::redescribe(here, call, false),
        "UpdateSecurityGroupRuleDescriptionsEgress" => security_group_rule::redescribe(here, call, true),
        "ModifySecurityGroupRules" => security_group_rule::modify(here, call),
        "CreateVpcEndpoint" => common::idempotent(here, call, endpoint::create),
        "ModifyVpcEndpoint" => endpoint::modify(here, call),
        "DeleteVpcEndpoints" => endpoint::delete(here, call),
        "DescribeVpcEndpoints" => endpoint::describe(here, call),
        "DescribeVpcEndpointServices" => endpoint_service::describe(here, call),
        "DescribePrefixLists" => endpoint_service::prefix_lists(here, call),
        "CreateLaunchTemplate" => common::idempotent(here, call, launch_template::create),
        "CreateLaunchTemplateVersion" => common::idempotent(here, call, launch_template::create_version),
        "DeleteLaunchTemplateVersions" => launch_template::delete_versions(here, call),
        "ModifyLaunchTemplate" => launch_template::modify(here, call),
        "DeleteLaunchTemplate" => launch_template::delete(here, call),
        "DescribeLaunchTemplates" => launch_template::describe(here, call),
        "DescribeLaunchTemplateVersions" => launch_template::describe_versions(here, call),
        "CreateTags" => tags::create(here, call),
        "DeleteTags" => tags::delete(here, call),
        "DescribeTags" => tags::describe(here, call),
        "DescribeAvailabilityZones" => zones::describe(here, call),
        "DescribeRegions" => zones::regions(here, call),
        "DescribeAccountAttributes" => zones::account(here, call),
        "DescribeInstances" => instance::describe(here, call),
        "TerminateInstances" => instance::terminate_call(here, call),
        "DescribeInstanceTypes" => instance_type::describe(here, call),
        "DescribeInstanceTypeOfferings" => instance_type::offerings(here, call),
        "DescribeNetworkInterfaces" => network_interface::describe(here, call),
        "DeleteNetworkInterface" => network_interface::delete(here, call),
        "DescribeVolumes" => volume::describe(here, call),
        "DeleteVolume" => volume::delete(here, call),
        "DescribeSpotPriceHistory" => spot_price::describe(here, call),
        "DescribeSnapshots" => snapshot::describe(here, call),
        "DescribeImages" => image::describe(here, call),
        "DescribeNetworkAcls" => network_acl::describe(here, call),
        other => Err(unsupported("ec2", other)),
    }
}

/// Brings what is due to its end: things whose deletion has run its time go, and old tokens are forgotten.
pub fn settle(here: &mut Here<'_>) {
    let now = here.now;
    nat_gateway::settle(here);
    endpoint::settle(here);
    instance::settle(here);
    let state = &mut here.region.ec2;
    state.fresh.retain(|_, fresh| fresh.by_id > now || fresh.by_filter > now);
    state.tokens.retain(|_, token| now - token.at < 86_400_000);
}
