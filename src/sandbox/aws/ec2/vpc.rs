//! VPCs. With each come its main route table, its default security group and its default network ACL.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{
    Listing, born, cidr, dependent, done, ended, find, find_mut, flag, forget, invalid, need, tag_set, tags_of,
};
use super::{network_acl, route_table, security_group};
use crate::sandbox::region::{Here, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// Primary IPv4 block.
    pub cidr: Ipv4Net,
    /// `vpc-cidr-assoc-…`
    pub association: String,
    /// `default` or `dedicated`.
    pub tenancy: String,
    /// On at birth.
    pub dns_support: bool,
    /// Off at birth.
    pub dns_hostnames: bool,
    /// Off at birth.
    pub address_metrics: bool,
    /// `dopt-…`
    pub dhcp_options: String,
    /// `acl-…` of the default network ACL.
    pub network_acl: String,
    /// `available` from here on.
    pub ready: Millis,
}

impl Vpc {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        json!({
            "vpcId": id,
            "state": if here.now >= self.ready { "available" } else { "pending" },
            "cidrBlock": self.cidr,
            "dhcpOptionsId": self.dhcp_options,
            "ownerId": here.account,
            "instanceTenancy": self.tenancy,
            "isDefault": false,
            "cidrBlockAssociationSet": [{
                "associationId": self.association,
                "cidrBlock": self.cidr,
                "cidrBlockState": { "state": "associated" },
            }],
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// A VPC that can be built in.
///
/// # Errors
/// When it does not exist or is pending.
pub(super) fn available<'a>(here: &'a Here<'_>, id: &str) -> Result<&'a Vpc, Fault> {
    let vpc = find(&here.region.ec2.vpcs, "vpc", id)?;
    if here.now < vpc.ready {
        return Err(Fault::new("InvalidVpcState", format!("The vpc '{id}' is not in the available state")));
    }
    Ok(vpc)
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "vpc")?;
    if flag(&call.params, "AmazonProvidedIpv6CidrBlock") == Some(true) {
        return Err(Fault::new("UnsupportedOperation", "The sandbox has no IPv6 address pool."));
    }
    let block = cidr(&need(call, "CidrBlock")?, "cidrBlock")?;
    if !(16..=28).contains(&block.prefix_len()) {
        return Err(Fault::new("InvalidVpc.Range", format!("The CIDR '{block}' is invalid.")));
    }
    let tenancy = match text(&call.params, "InstanceTenancy") {
        "" => "default",
        tenancy @ ("default" | "dedicated") => tenancy,
        other => return Err(invalid(format!("Value ({other}) for parameter instanceTenancy is invalid."))),
    };
    if here.region.ec2.vpcs.len() >= here.region.ec2.limits.vpcs {
        return Err(Fault::new("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
    }
    let id = here.id("vpc");
    let vpc = Vpc {
        cidr: block,
        association: here.id("vpc-cidr-assoc"),
        tenancy: tenancy.to_owned(),
        dns_support: true,
        dns_hostnames: false,
        address_metrics: false,
        dhcp_options: network_acl::dhcp_options(here),
        network_acl: here.id("acl"),
        ready: here.due(2.0, 12.0),
    };
    let ready = vpc.ready;
    here.region.ec2.vpcs.insert(id.clone(), vpc.clone());
    born(here, &id, tags, &[], ready);
    route_table::create_main(here, &id);
    security_group::create_default(here, &id);
    Ok(json!({ "vpc": vpc.print(here, &id) }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const VPCS: Listing = Listing {
        prefix: "vpc",
        ids: "VpcId",
        set: "vpcSet",
        id: "vpcId",
        filters: &[
            ("cidr", "cidrBlock"),
            ("cidr-block-association.association-id", "cidrBlockAssociationSet.associationId"),
            ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.cidrBlock"),
            ("cidr-block-association.state", "cidrBlockAssociationSet.cidrBlockState.state"),
            ("dhcp-options-id", "dhcpOptionsId"),
            ("is-default", "isDefault"),
            ("owner-id", "ownerId"),
            ("state", "state"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.vpcs.iter().map(|(id, vpc)| vpc.print(here, id)).collect();
    super::common::describe(here, call, &VPCS, entries)
}

pub(super) fn attribute(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "VpcId")?;
    let attribute = need(call, "Attribute")?;
    let vpc = find(&here.region.ec2.vpcs, "vpc", &id)?;
    let value = match attribute.as_str() {
        "enableDnsSupport" => vpc.dns_support,
        "enableDnsHostnames" => vpc.dns_hostnames,
        "enableNetworkAddressUsageMetrics" => vpc.address_metrics,
        other => return Err(invalid(format!("Value ({other}) for parameter attribute is invalid."))),
    };
    Ok(json!({ "vpcId": id, attribute: { "value": value } }))
}

/// One attribute a call, as the reference says.
pub(super) fn modify(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "VpcId")?;
    let given = |name| flag(&call.params, name);
    let vpc = find_mut(&mut here.region.ec2.vpcs, "vpc", &id)?;
    let wanted = (given("EnableDnsSupport"), given("EnableDnsHostnames"), given("EnableNetworkAddressUsageMetrics"));
    match wanted {
        (Some(on), None, None) => vpc.dns_support = on,
        (None, Some(on), None) => vpc.dns_hostnames = on,
        (None, None, Some(on)) => vpc.address_metrics = on,
        (None, None, None) => {
            return Err(Fault::new("MissingParameter", "The request must contain the parameter attribute"));
        }
        _ => {
            let message = "Fields for multiple attribute types specified";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
    }
    done()
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "VpcId")?;
    let state = &mut here.region.ec2;
    find(&state.vpcs, "vpc", &id)?;
    let in_use = state.subnets.values().any(|subnet| subnet.vpc == id)
        || state.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(id.as_str()))
        || state.route_tables.values().any(|table| table.vpc == id && !table.is_main())
        || state.security_groups.values().any(|group| group.vpc == id && group.name != "default")
        || state.endpoints.values().any(|endpoint| endpoint.vpc == id)
        || state.network_interfaces.values().any(|interface| interface.vpc == id);
    if in_use {
        return Err(dependent(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    state.vpcs.remove(&id);
    let tables: Vec<String> =
        state.route_tables.iter().filter(|(_, table)| table.vpc == id).map(|(id, _)| id.clone()).collect();
    let groups: Vec<String> =
        state.security_groups.iter().filter(|(_, group)| group.vpc == id).map(|(id, _)| id.clone()).collect();
    for table in tables {
        state.route_tables.remove(&table);
        forget(state, &table);
    }
    for group in groups {
        security_group::remove(state, &group);
    }
    forget(state, &id);
    let now = here.now;
    ended(here, &id, &[], now);
    done()
}
