//! Internet gateways.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{Listing, born, dependent, done, ended, find, find_mut, forget, invalid, need, tag_set, tags_of};
use super::vpc;
use crate::sandbox::region::Here;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One internet gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Where it is attached.
    pub vpc: Option<String>,
}

impl InternetGateway {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        // The attachment of an internet gateway is `available`, unlike other attachments (DescribeInternetGateways).
        let attachments: Vec<Json> = self.vpc.iter().map(|vpc| json!({ "vpcId": vpc, "state": "available" })).collect();
        json!({
            "internetGatewayId": id,
            "ownerId": here.account,
            "attachmentSet": attachments,
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// Span of an attachment.
pub(super) fn attachment(id: &str) -> String {
    format!("{id}/attachment")
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "internet-gateway")?;
    if here.region.ec2.internet_gateways.len() >= here.region.ec2.limits.internet_gateways {
        let message = "The maximum number of internet gateways has been reached.";
        return Err(Fault::new("InternetGatewayLimitExceeded", message));
    }
    let id = here.id("igw");
    here.region.ec2.internet_gateways.insert(id.clone(), InternetGateway::default());
    let now = here.now;
    born(here, &id, tags, &[], now);
    Ok(json!({ "internetGateway": InternetGateway::default().print(here, &id) }))
}

pub(super) fn attach(here: &mut Here<'_>, call: &Call) -> Answer {
    let (id, vpc) = (need(call, "InternetGatewayId")?, need(call, "VpcId")?);
    let gateway = find(&here.region.ec2.internet_gateways, "igw", &id)?;
    if let Some(vpc) = &gateway.vpc {
        let message = format!("resource {id} is already attached to network {vpc}");
        return Err(Fault::new("Resource.AlreadyAssociated", message));
    }
    vpc::available(here, &vpc)?;
    let state = &mut here.region.ec2;
    if state.internet_gateways.values().any(|gateway| gateway.vpc.as_deref() == Some(vpc.as_str())) {
        return Err(invalid(format!("Network {vpc} already has an internet gateway attached")));
    }
    find_mut(&mut state.internet_gateways, "igw", &id)?.vpc = Some(vpc.clone());
    let now = here.now;
    here.span(attachment(&id), [id, vpc], now);
    done()
}

pub(super) fn detach(here: &mut Here<'_>, call: &Call) -> Answer {
    let (id, vpc) = (need(call, "InternetGatewayId")?, need(call, "VpcId")?);
    let state = &mut here.region.ec2;
    find(&state.vpcs, "vpc", &vpc)?;
    let gateway = find(&state.internet_gateways, "igw", &id)?;
    if gateway.vpc.as_deref() != Some(vpc.as_str()) {
        let message = format!("resource {id} is not attached to network {vpc}");
        return Err(Fault::new("Gateway.NotAttached", message));
    }
    let mapped = |interface: &super::NetworkInterface| interface.vpc == vpc && interface.public_ip.is_some();
    if state.network_interfaces.values().any(mapped) {
        return Err(dependent(format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        )));
    }
    find_mut(&mut state.internet_gateways, "igw", &id)?.vpc = None;
    let now = here.now;
    ended(here, &attachment(&id), &[&id, &vpc], now);
    done()
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "InternetGatewayId")?;
    let state = &mut here.region.ec2;
    if find(&state.internet_gateways, "igw", &id)?.vpc.is_some() {
        return Err(dependent(format!("The internetGateway '{id}' has dependencies and cannot be deleted.")));
    }
    state.internet_gateways.remove(&id);
    forget(state, &id);
    let now = here.now;
    ended(here, &id, &[], now);
    done()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const GATEWAYS: Listing = Listing {
        prefix: "igw",
        ids: "InternetGatewayId",
        set: "internetGatewaySet",
        id: "internetGatewayId",
        filters: &[
            ("attachment.state", "attachmentSet.state"),
            ("attachment.vpc-id", "attachmentSet.vpcId"),
            ("internet-gateway-id", "internetGatewayId"),
            ("owner-id", "ownerId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.internet_gateways.iter().map(|(id, gateway)| gateway.print(here, id)).collect();
    super::common::describe(here, call, &GATEWAYS, entries)
}
