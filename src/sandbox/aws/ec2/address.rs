//! Elastic IP addresses.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Listing, born, done, ended, find, forget, invalid, tag_set, tags_of};
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One Elastic IP address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// The public address.
    pub ip: Ipv4Addr,
    /// `eipassoc-…` and the network interface it is mapped to.
    pub association: Option<(String, String)>,
}

impl Address {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let (association, interface) = self.association.clone().unzip();
        let mapped = interface.as_ref().and_then(|id| here.region.ec2.network_interfaces.get(id));
        json!({
            "allocationId": id,
            "publicIp": self.ip,
            "publicIpv4Pool": "amazon",
            "domain": "vpc",
            "networkBorderGroup": here.name,
            "associationId": association,
            "networkInterfaceId": interface,
            "networkInterfaceOwnerId": interface.as_ref().map(|_| here.account),
            "privateIpAddress": mapped.map(|interface| interface.private_ip),
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// A public address that nobody has.
pub(super) fn public_ip(here: &mut Here<'_>) -> Ipv4Addr {
    loop {
        let [_, second, third, fourth, ..] = here.draw().to_be_bytes();
        let ip = Ipv4Addr::new(54, 144 + second % 16, third, fourth.max(1));
        if here.region.ec2.addresses.values().all(|address| address.ip != ip) {
            return ip;
        }
    }
}

pub(super) fn allocate(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "elastic-ip")?;
    match text(&call.params, "Domain") {
        "" | "vpc" => {}
        other => return Err(invalid(format!("Invalid value '{other}' for domain"))),
    }
    if here.region.ec2.addresses.len() >= here.region.ec2.limits.addresses {
        return Err(Fault::new("AddressLimitExceeded", "The maximum number of addresses has been reached."));
    }
    let id = here.id("eipalloc");
    let ip = public_ip(here);
    here.region.ec2.addresses.insert(id.clone(), Address { ip, association: None });
    let now = here.now;
    born(here, &id, tags, &[], now);
    Ok(json!({
        "allocationId": id,
        "publicIp": ip,
        "publicIpv4Pool": "amazon",
        "domain": "vpc",
        "networkBorderGroup": here.name,
    }))
}

pub(super) fn release(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = text(&call.params, "AllocationId");
    if id.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter allocationId"));
    }
    let state = &mut here.region.ec2;
    let address = find(&state.addresses, "eipalloc", id)?;
    if address.association.is_some() {
        let message = format!("Address with allocation id [{id}] cannot be released because it is in use.");
        return Err(Fault::new("InvalidIPAddress.InUse", message));
    }
    state.addresses.remove(id);
    forget(state, id);
    let now = here.now;
    ended(here, id, &[], now);
    done()
}

/// No pages: DescribeAddresses has none.
pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const ADDRESSES: Listing = Listing {
        prefix: "eipalloc",
        ids: "AllocationId",
        set: "addressesSet",
        id: "allocationId",
        filters: &[
            ("allocation-id", "allocationId"),
            ("association-id", "associationId"),
            ("network-border-group", "networkBorderGroup"),
            ("network-interface-id", "networkInterfaceId"),
            ("network-interface-owner-id", "networkInterfaceOwnerId"),
            ("private-ip-address", "privateIpAddress"),
            ("public-ip", "publicIp"),
        ],
        pages: None,
    };
    let here = &*here;
    let wanted = texts(&call.params, "PublicIp");
    let all = here.region.ec2.addresses.iter();
    let entries: Vec<Json> = all
        .filter(|(_, address)| wanted.is_empty() || wanted.contains(&address.ip.to_string()))
        .map(|(id, address)| address.print(here, id))
        .collect();
    if let Some(ip) = wanted.iter().find(|ip| entries.iter().all(|entry| text(entry, "publicIp") != ip.as_str())) {
        return Err(Fault::new("InvalidAddress.NotFound", format!("Address '{ip}' not found.")));
    }
    super::common::describe(here, call, &ADDRESSES, entries)
}

/// Reverse names: none of these addresses has one.
pub(super) fn attribute(here: &mut Here<'_>, call: &Call) -> Answer {
    let ids = texts(&call.params, "AllocationId");
    let addresses = &here.region.ec2.addresses;
    for id in &ids {
        find(addresses, "eipalloc", id)?;
    }
    let entries = addresses.iter().filter(|(id, _)| ids.is_empty() || ids.contains(id));
    let mut found: Vec<Json> =
        entries.map(|(id, address)| json!({ "allocationId": id, "publicIp": address.ip })).collect();
    let next = super::common::paged(&mut found, call, "allocationId", 1, 1000)?;
    Ok(json!({ "addressSet": found, "nextToken": next }))
}
