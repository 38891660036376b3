//! NAT gateways. They take minutes to come and to go, and stay to be seen for about an hour after.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Listing, born, ended, find, find_mut, forget, invalid, missing, need, tag_set, tags_of};
use super::network_interface::{self, NetworkInterface};
use super::{internet_gateway, subnet};
use crate::sandbox::region::{Here, iso, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// How long a deleted or failed one is still described: "about an hour" (Work with NAT gateways).
const SHOWN: Millis = 3_600_000;

/// One NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    /// `subnet-…`
    pub subnet: String,
    /// `vpc-…`
    pub vpc: String,
    /// `us-east-1a`, for the quota.
    pub zone: String,
    /// `public` or `private`.
    pub connectivity: String,
    /// Its Elastic IP address.
    pub allocation: Option<String>,
    /// The public address.
    pub public_ip: Option<Ipv4Addr>,
    /// Its address in the subnet.
    pub private_ip: Ipv4Addr,
    /// `eni-…`
    pub interface: String,
    /// When it was asked for.
    pub created: Millis,
    /// `available`, or failed, from here on.
    pub ready: Millis,
    /// Code and message if it fails.
    pub failure: Option<(String, String)>,
    /// When it was asked to go and when it is gone.
    pub going: Option<(Millis, Millis)>,
}

impl NatGateway {
    /// `pending`, `failed`, `available`, `deleting` or `deleted`.
    #[must_use]
    pub fn state(&self, now: Millis) -> &'static str {
        match (self.going, &self.failure) {
            (Some((_, gone)), _) if now >= gone => "deleted",
            (Some(_), _) => "deleting",
            (None, Some(_)) if now >= self.ready => "failed",
            (None, None) if now >= self.ready => "available",
            (None, _) => "pending",
        }
    }

    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let failure = self.failure.as_ref().filter(|_| here.now >= self.ready);
        json!({
            "natGatewayId": id,
            "state": self.state(here.now),
            "subnetId": self.subnet,
            "vpcId": self.vpc,
            "connectivityType": self.connectivity,
            "availabilityMode": "zonal",
            "createTime": iso(self.created),
            "deleteTime": self.going.map(|(_, gone)| iso(gone)),
            "failureCode": failure.map(|failure| &failure.0),
            "failureMessage": failure.map(|failure| &failure.1),
            "natGatewayAddressSet": [{
                "allocationId": self.allocation,
                "associationId": self.allocation.as_ref().map(|id| id.replace("eipalloc-", "eipassoc-")),
                "networkInterfaceId": self.interface,
                "privateIp": self.private_ip,
                "publicIp": self.public_ip,
                "isPrimary": true,
                "status": "succeeded",
            }],
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "natgateway")?;
    let subnet_id = need(call, "SubnetId")?;
    let allocation = text(&call.params, "AllocationId");
    let connectivity = match (text(&call.params, "ConnectivityType"), allocation) {
        ("" | "public", "") => {
            return Err(Fault::new("MissingParameter", "The request must contain the parameter allocationId"));
        }
        ("" | "public", _) => "public",
        ("private", "") => "private",
        ("private", _) => return Err(invalid("A private NAT gateway cannot have an Elastic IP address")),
        (other, _) => return Err(invalid(format!("Value ({other}) for parameter connectivityType is invalid."))),
    };
    let state = &here.region.ec2;
    let home = find(&state.subnets, "subnet", &subnet_id)?.clone();
    if here.now < home.ready {
        return Err(Fault::new("InvalidSubnet", format!("The subnet '{subnet_id}' is not in the available state")));
    }
    let mut public_ip = None;
    if connectivity == "public" {
        let address = find(&state.addresses, "eipalloc", allocation)?;
        if address.association.is_some() {
            let message = format!("Elastic IP address [{allocation}] is already associated");
            return Err(Fault::new("Resource.AlreadyAssociated", message));
        }
        public_ip = Some(address.ip);
    }
    let counted = |nat: &&NatGateway| nat.zone == home.zone && !matches!(nat.state(here.now), "deleted" | "failed");
    if state.nat_gateways.values().filter(counted).count() >= state.limits.nat_gateways {
        let message =
            format!("Performing this operation would exceed the limit of {} NAT gateways", state.limits.nat_gateways);
        return Err(Fault::new("NatGatewayLimitExceeded", message));
    }
    let gateway = state.internet_gateways.iter().find(|(_, gateway)| gateway.vpc.as_ref() == Some(&home.vpc));
    let attachment = gateway.map(|(id, _)| internet_gateway::attachment(id));
    // Found out only later: a gateway without a way out fails ("Troubleshoot NAT gateways").
    let failure = (connectivity == "public" && attachment.is_none()).then(|| {
        let message = format!("Network {} has no Internet gateway attached", home.vpc);
        ("Gateway.NotAttached".to_owned(), message)
    });
    let private_ip = subnet::address(state, &subnet_id)?;
    let id = here.id("nat");
    let ready = if failure.is_some() { here.due(4.0, 20.0) } else { here.due(85.0, 125.0) };
    let interface = network_interface::make(
        here,
        NetworkInterface {
            groups: Vec::new(),
            kind: "nat_gateway".to_owned(),
            description: format!("Interface for NAT Gateway {id}"),
            holder: id.clone(),
            managed: true,
            public_ip,
            allocation: (connectivity == "public").then(|| allocation.to_owned()),
            ..NetworkInterface::in_subnet(&subnet_id, &home, private_ip)
        },
    );
    if let Some(address) = here.region.ec2.addresses.get_mut(allocation) {
        address.association = Some((allocation.replace("eipalloc-", "eipassoc-"), interface.clone()));
    }
    let nat = NatGateway {
        subnet: subnet_id.clone(),
        vpc: home.vpc,
        zone: home.zone,
        connectivity: connectivity.to_owned(),
        allocation: (connectivity == "public").then(|| allocation.to_owned()),
        public_ip,
        private_ip,
        interface,
        created: here.now,
        ready,
        failure,
        going: None,
    };
    here.region.ec2.nat_gateways.insert(id.clone(), nat.clone());
    let after = [subnet_id.as_str(), allocation, attachment.as_deref().unwrap_or_default()];
    let after: Vec<&str> = after.into_iter().filter(|id| !id.is_empty()).collect();
    born(here, &id, tags, &after, ready);
    Ok(json!({ "natGateway": nat.print(here, &id) }))
}

/// Deleting one twice is no error while it is shown.
pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "NatGatewayId")?;
    let gone = here.due(37.0, 94.0);
    let now = here.now;
    let nat = find_mut(&mut here.region.ec2.nat_gateways, "nat", &id)?;
    if nat.going.is_none() {
        let gone = if nat.state(now) == "failed" { now } else { gone };
        nat.going = Some((now, gone));
        let nat = nat.clone();
        let mut parents = vec![nat.subnet.clone()];
        parents.extend(nat.allocation);
        let gateways = here.region.ec2.internet_gateways.iter();
        parents.extend(
            gateways
                .filter(|(_, gateway)| gateway.vpc.as_ref() == Some(&nat.vpc))
                .map(|(id, _)| internet_gateway::attachment(id)),
        );
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        ended(here, &id, &parents, gone);
    }
    Ok(json!({ "natGatewayId": id }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const GATEWAYS: Listing = Listing {
        prefix: "nat",
        ids: "NatGatewayId",
        set: "natGatewaySet",
        id: "natGatewayId",
        filters: &[
            ("nat-gateway-id", "natGatewayId"),
            ("state", "state"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.nat_gateways.iter().map(|(id, nat)| nat.print(here, id)).collect();
    super::common::describe(here, call, &GATEWAYS, entries)
}

/// The one that a route may lead to. A pending one is not known to routing yet.
pub(super) fn routable<'a>(here: &'a Here<'_>, id: &str) -> Result<&'a NatGateway, Fault> {
    let unknown = || {
        let fault = missing("nat", id);
        match fault.code.as_str() {
            "NatGatewayNotFound" => {
                Fault::new("InvalidNatGatewayID.NotFound", format!("The natGateway ID '{id}' does not exist"))
            }
            _ => fault,
        }
    };
    let nat = here.region.ec2.nat_gateways.get(id).ok_or_else(unknown)?;
    if nat.state(here.now) == "available" { Ok(nat) } else { Err(unknown()) }
}

/// Frees what deleted and failed gateways held, and forgets them after an hour.
pub(super) fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let state = &mut here.region.ec2;
    let ended = state.nat_gateways.values().filter(|nat| matches!(nat.state(now), "deleted" | "failed"));
    let freed: Vec<String> = ended.map(|nat| nat.interface.clone()).collect();
    for interface in freed {
        network_interface::remove(state, &interface);
    }
    let old = |nat: &NatGateway| match (nat.going, &nat.failure) {
        (Some((_, gone)), _) => now >= gone + SHOWN,
        (None, Some(_)) => now >= nat.ready + SHOWN,
        (None, None) => false,
    };
    let old: Vec<String> = state.nat_gateways.iter().filter(|(_, nat)| old(nat)).map(|(id, _)| id.clone()).collect();
    for id in old {
        state.nat_gateways.remove(&id);
        forget(state, &id);
    }
}
