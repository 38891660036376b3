//! Subnets, and who gets which private address in them.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::State;
use super::common::{
    Listing, born, cidr, dependent, done, ended, find, find_mut, flag, forget, invalid, need, tag_set, tags_of,
};
use super::vpc;
use super::zones::{Zone, zones};
use crate::sandbox::region::{Here, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One subnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// `vpc-…`
    pub vpc: String,
    /// IPv4 block.
    pub cidr: Ipv4Net,
    /// `us-east-1a`
    pub zone: String,
    /// `use1-az4`
    pub zone_id: String,
    /// Whether instances get a public address: the value, and the one before it that reads still see until the moment.
    pub map_public_ip: bool,
    /// The last change of `map_public_ip` shows from here on.
    pub map_public_ip_seen: Millis,
    /// Whether resource-name DNS A records are made.
    pub resource_name_dns_a: bool,
    /// `ip-name` or `resource-name`.
    pub hostname_type: String,
    /// `available` from here on.
    pub ready: Millis,
}

impl Subnet {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let seen = here.now >= self.map_public_ip_seen;
        json!({
            "subnetId": id,
            "subnetArn": here.arn("ec2", &format!("subnet/{id}")),
            "state": if here.now >= self.ready { "available" } else { "pending" },
            "vpcId": self.vpc,
            "cidrBlock": self.cidr,
            "availableIpAddressCount": free(&here.region.ec2, id, self),
            "availabilityZone": self.zone,
            "availabilityZoneId": self.zone_id,
            "defaultForAz": false,
            "mapPublicIpOnLaunch": self.map_public_ip == seen,
            "mapCustomerOwnedIpOnLaunch": false,
            "ownerId": here.account,
            "assignIpv6AddressOnCreation": false,
            "ipv6CidrBlockAssociationSet": [],
            "enableDns64": false,
            "ipv6Native": false,
            "privateDnsNameOptionsOnLaunch": {
                "hostnameType": self.hostname_type,
                "enableResourceNameDnsARecord": self.resource_name_dns_a,
                "enableResourceNameDnsAAAARecord": false,
            },
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// Addresses left: AWS keeps five of every subnet.
pub(crate) fn free(state: &State, id: &str, subnet: &Subnet) -> usize {
    let size = 1_usize << (32 - subnet.cidr.prefix_len());
    let used = state.network_interfaces.values().filter(|interface| interface.subnet == id).count();
    size.saturating_sub(5 + used)
}

/// The next free private address.
pub(super) fn address(state: &State, id: &str) -> Result<Ipv4Addr, Fault> {
    let subnet = find(&state.subnets, "subnet", id)?;
    let used: Vec<Ipv4Addr> = state
        .network_interfaces
        .values()
        .filter(|interface| interface.subnet == id)
        .map(|interface| interface.private_ip)
        .collect();
    // The network's own, the router's, the resolver's and a reserved address come first, the broadcast address last.
    let (first, last) = (subnet.cidr.network().to_bits(), subnet.cidr.broadcast().to_bits());
    let next = (first + 4..last).map(Ipv4Addr::from_bits).find(|address| !used.contains(address));
    next.ok_or_else(|| {
        let message = format!("There are not enough free addresses in subnet '{id}' to satisfy the requested number.");
        Fault::new("InsufficientFreeAddressesInSubnet", message)
    })
}

/// The zone that a request names by name or by id, or the account's first.
fn zone(here: &Here<'_>, call: &Call) -> Result<Zone, Fault> {
    let (name, id) = (text(&call.params, "AvailabilityZone"), text(&call.params, "AvailabilityZoneId"));
    let mut zones = zones(here.name, here.account).into_iter();
    let names = zones.clone().map(|zone| zone.name).collect::<Vec<_>>().join(", ");
    let found = match (name, id) {
        ("", "") => zones.next(),
        ("", id) => zones.find(|zone| zone.id == id),
        (name, "") => zones.find(|zone| zone.name == name),
        _ => {
            let message = "AvailabilityZone and AvailabilityZoneId cannot be used together";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
    };
    found.ok_or_else(|| {
        invalid(format!(
            "Value ({name}{id}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {names}."
        ))
    })
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "subnet")?;
    let vpc_id = need(call, "VpcId")?;
    let block = cidr(&need(call, "CidrBlock")?, "cidrBlock")?;
    let zone = zone(here, call)?;
    let vpc = vpc::available(here, &vpc_id)?;
    if !(16..=28).contains(&block.prefix_len()) || !vpc.cidr.contains(&block) {
        return Err(Fault::new("InvalidSubnet.Range", format!("The CIDR '{block}' is invalid.")));
    }
    let siblings = || here.region.ec2.subnets.values().filter(|subnet| subnet.vpc == vpc_id);
    if siblings().any(|subnet| subnet.cidr.contains(&block) || block.contains(&subnet.cidr)) {
        let message = format!("The CIDR '{block}' conflicts with another subnet");
        return Err(Fault::new("InvalidSubnet.Conflict", message));
    }
    if siblings().count() >= here.region.ec2.limits.subnets {
        return Err(Fault::new("SubnetLimitExceeded", "The maximum number of subnets has been reached."));
    }
    let id = here.id("subnet");
    let subnet = Subnet {
        vpc: vpc_id.clone(),
        cidr: block,
        zone: zone.name,
        zone_id: zone.id,
        map_public_ip: false,
        map_public_ip_seen: here.now,
        resource_name_dns_a: false,
        hostname_type: "ip-name".to_owned(),
        ready: here.due(0.5, 4.0),
    };
    let ready = subnet.ready;
    here.region.ec2.subnets.insert(id.clone(), subnet.clone());
    born(here, &id, tags, &[&vpc_id], ready);
    Ok(json!({ "subnet": subnet.print(here, &id) }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const SUBNETS: Listing = Listing {
        prefix: "subnet",
        ids: "SubnetId",
        set: "subnetSet",
        id: "subnetId",
        filters: &[
            ("availability-zone", "availabilityZone"),
            ("availabilityZone", "availabilityZone"),
            ("availability-zone-id", "availabilityZoneId"),
            ("availabilityZoneId", "availabilityZoneId"),
            ("available-ip-address-count", "availableIpAddressCount"),
            ("cidr-block", "cidrBlock"),
            ("cidr", "cidrBlock"),
            ("cidrBlock", "cidrBlock"),
            ("default-for-az", "defaultForAz"),
            ("defaultForAz", "defaultForAz"),
            ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
            ("owner-id", "ownerId"),
            ("state", "state"),
            ("subnet-arn", "subnetArn"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.subnets.iter().map(|(id, subnet)| subnet.print(here, id)).collect();
    super::common::describe(here, call, &SUBNETS, entries)
}

/// One attribute a call. Public addresses on launch take some seconds to show.
pub(super) fn modify(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "SubnetId")?;
    find(&here.region.ec2.subnets, "subnet", &id)?;
    let names = [
        "MapPublicIpOnLaunch",
        "AssignIpv6AddressOnCreation",
        "EnableResourceNameDnsARecordOnLaunch",
        "PrivateDnsHostnameTypeOnLaunch",
    ];
    let given: Vec<&str> = names.into_iter().filter(|name| call.params.get(name).is_some()).collect();
    let seen = here.due(1.0, 8.0);
    let subnet = find_mut(&mut here.region.ec2.subnets, "subnet", &id)?;
    match given.as_slice() {
        ["MapPublicIpOnLaunch"] => {
            let on = flag(&call.params, "MapPublicIpOnLaunch").unwrap_or_default();
            if subnet.map_public_ip != on {
                (subnet.map_public_ip, subnet.map_public_ip_seen) = (on, seen);
            }
        }
        ["EnableResourceNameDnsARecordOnLaunch"] => {
            subnet.resource_name_dns_a = flag(&call.params, "EnableResourceNameDnsARecordOnLaunch").unwrap_or_default();
        }
        ["PrivateDnsHostnameTypeOnLaunch"] => {
            text(&call.params, "PrivateDnsHostnameTypeOnLaunch").clone_into(&mut subnet.hostname_type);
        }
        ["AssignIpv6AddressOnCreation"] => {
            return Err(invalid(format!("Subnet {id} does not have an IPv6 CIDR block associated with it")));
        }
        [] => return Err(Fault::new("MissingParameter", "The request must contain the parameter attribute")),
        _ => {
            let message = "Fields for multiple attribute types specified";
            return Err(Fault::new("InvalidParameterCombination", message));
        }
    }
    done()
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "SubnetId")?;
    let state = &mut here.region.ec2;
    let vpc = find(&state.subnets, "subnet", &id)?.vpc.clone();
    if state.network_interfaces.values().any(|interface| interface.subnet == id) {
        return Err(dependent(format!("The subnet '{id}' has dependencies and cannot be deleted.")));
    }
    state.subnets.remove(&id);
    for table in state.route_tables.values_mut() {
        table.associations.retain(|_, subnet| subnet.as_deref() != Some(id.as_str()));
    }
    forget(state, &id);
    let now = here.now;
    ended(here, &id, &[&vpc], now);
    done()
}
