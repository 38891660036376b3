//! Network interfaces: of nodes, NAT gateways, interface endpoints and EKS control planes. Nothing here is made by a
//! caller; they are what stands in the way of deleting subnets and groups.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, born, done, ended, find, forget, invalid, need, tag_set};
use super::subnet::{self, Subnet};
use super::{State, Tags, address};
use crate::sandbox::region::{Here, iso};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// One network interface.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NetworkInterface {
    /// `subnet-…`
    pub subnet: String,
    /// `vpc-…`
    pub vpc: String,
    /// `us-east-1a`
    pub zone: String,
    /// `sg-…`
    pub groups: Vec<String>,
    /// Primary address.
    pub private_ip: Ipv4Addr,
    /// Mapped public address.
    pub public_ip: Option<Ipv4Addr>,
    /// `eipalloc-…` of the mapped address.
    pub allocation: Option<String>,
    /// `interface`, `nat_gateway`, `vpc_endpoint`, `network_load_balancer`.
    pub kind: String,
    /// Who made it says why.
    pub description: String,
    /// What it is attached to: an instance, a NAT gateway, an endpoint, `eks:NAME`, `amazon-elb:NAME`; empty for nothing.
    pub holder: String,
    /// Position on an instance, from 0.
    pub device: u32,
    /// Made by a service, which alone may detach it.
    pub managed: bool,
    /// When.
    pub created: Millis,
}

impl NetworkInterface {
    /// An unattached plain one.
    #[must_use]
    pub fn in_subnet(subnet_id: &str, subnet: &Subnet, private_ip: Ipv4Addr) -> Self {
        Self {
            subnet: subnet_id.to_owned(),
            vpc: subnet.vpc.clone(),
            zone: subnet.zone.clone(),
            groups: Vec::new(),
            private_ip,
            public_ip: None,
            allocation: None,
            kind: "interface".to_owned(),
            description: String::new(),
            holder: String::new(),
            device: 0,
            managed: false,
            created: 0,
        }
    }

    /// `available` or `in-use`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.holder.is_empty() { "available" } else { "in-use" }
    }

    pub(super) fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let dns = private_dns(here, self.private_ip);
        let association = self.public_ip.map(|ip| {
            json!({
                "allocationId": self.allocation,
                "associationId": self.allocation.as_ref().map(|id| id.replace("eipalloc-", "eipassoc-")),
                "ipOwnerId": if self.allocation.is_some() { here.account } else { "amazon" },
                "publicIp": ip,
            })
        });
        let instance = self.holder.starts_with("i-").then_some(&self.holder);
        let attachment = (!self.holder.is_empty()).then(|| {
            json!({
                "attachmentId": id.replace("eni-", if instance.is_some() { "eni-attach-" } else { "ela-attach-" }),
                "attachTime": iso(self.created),
                "deleteOnTermination": instance.is_some() && self.device == 0,
                "deviceIndex": if instance.is_some() { self.device } else { 1 },
                "instanceId": instance,
                "instanceOwnerId": if instance.is_some() { here.account } else { "amazon-aws" },
                "status": "attached",
            })
        });
        json!({
            "networkInterfaceId": id,
            "association": association,
            "attachment": attachment,
            "availabilityZone": self.zone,
            "description": self.description,
            "groupSet": groups(&here.region.ec2, &self.groups),
            "interfaceType": self.kind,
            "macAddress": mac(id),
            "ownerId": here.account,
            "privateDnsName": dns,
            "privateIpAddress": self.private_ip,
            "privateIpAddressesSet": [{
                "association": association, "primary": true, "privateDnsName": dns, "privateIpAddress": self.private_ip,
            }],
            "requesterId": self.managed.then(|| match self.holder.split_once(':') {
                Some(("amazon-elb", _)) => "amazon-elb".to_owned(),
                _ => format!("{}:{}", here.account, self.holder),
            }),
            "requesterManaged": self.managed,
            "sourceDestCheck": self.kind != "nat_gateway",
            "status": self.status(),
            "subnetId": self.subnet,
            "vpcId": self.vpc,
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// Groups as they print beside interfaces and instances.
pub(super) fn groups(state: &State, ids: &[String]) -> Json {
    let name = |id: &String| state.security_groups.get(id).map(|group| group.name.clone());
    ids.iter().map(|id| json!({ "groupId": id, "groupName": name(id) })).collect()
}

/// The name that the VPC's resolver gives an address.
pub(super) fn private_dns(here: &Here<'_>, ip: Ipv4Addr) -> String {
    let zone =
        if here.name == "us-east-1" { "ec2.internal".to_owned() } else { format!("{}.compute.internal", here.name) };
    format!("ip-{}.{zone}", ip.to_string().replace('.', "-"))
}

/// A hardware address, always the same for an id.
fn mac(id: &str) -> String {
    let digits = id.get(id.len().saturating_sub(10)..).unwrap_or_default();
    let pairs: Vec<&str> = (0..5).filter_map(|pair| digits.get(pair * 2..pair * 2 + 2)).collect();
    format!("02:{}", pairs.join(":"))
}

/// Makes one and gives its id.
pub(super) fn make(here: &mut Here<'_>, mut interface: NetworkInterface) -> String {
    let id = here.id("eni");
    interface.created = here.now;
    here.region.ec2.network_interfaces.insert(id.clone(), interface);
    id
}

/// Removes one, and unmaps its address.
pub(super) fn remove(state: &mut State, id: &str) {
    state.network_interfaces.remove(id);
    forget(state, id);
    for address in state.addresses.values_mut() {
        if address.association.as_ref().is_some_and(|(_, interface)| interface == id) {
            address.association = None;
        }
    }
}

/// Makes a control plane's interfaces: one in every subnet, requester-managed, described as EKS describes them.
///
/// # Errors
/// When a subnet does not exist or is full; nothing is made then.
pub fn create_cluster(
    here: &mut Here<'_>,
    cluster: &str,
    subnets: &[String],
    groups: &[String],
) -> Result<Vec<String>, Fault> {
    for subnet_id in subnets {
        subnet::address(&here.region.ec2, subnet_id)?;
    }
    let mut made = Vec::new();
    for subnet_id in subnets {
        let ip = subnet::address(&here.region.ec2, subnet_id)?;
        let subnet = find(&here.region.ec2.subnets, "subnet", subnet_id)?.clone();
        let interface = NetworkInterface {
            groups: groups.to_vec(),
            description: format!("Amazon EKS {cluster}"),
            holder: format!("eks:{cluster}"),
            managed: true,
            ..NetworkInterface::in_subnet(subnet_id, &subnet, ip)
        };
        let id = make(here, interface);
        let now = here.now;
        let tags = Tags::from([
            ("cluster.k8s.amazonaws.com/name".to_owned(), cluster.to_owned()),
            (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
        ]);
        born(here, &id, tags, &[subnet_id], now);
        made.push(id);
    }
    Ok(made)
}

/// Removes a control plane's interfaces.
pub fn remove_cluster(here: &mut Here<'_>, cluster: &str) {
    remove_held(here, &format!("eks:{cluster}"), &format!("-cluster:{cluster}"));
}

/// Makes a load balancer's interfaces: one in every subnet, requester-managed, described as Elastic Load Balancing describes
/// them, with a public address each if it faces the internet. Full subnets are passed over.
pub(in crate::sandbox::aws) fn create_balancer(here: &mut Here<'_>, wanted: &Balanced<'_>) -> Vec<String> {
    let mut made = Vec::new();
    for subnet_id in wanted.subnets {
        let Ok(ip) = subnet::address(&here.region.ec2, subnet_id) else { continue };
        let Some(subnet) = here.region.ec2.subnets.get(subnet_id).cloned() else { continue };
        let interface = NetworkInterface {
            groups: wanted.groups.to_vec(),
            public_ip: wanted.public.then(|| address::public_ip(here)),
            kind: wanted.kind.to_owned(),
            description: format!("ELB {}", wanted.name),
            holder: format!("amazon-elb:{}", wanted.name),
            managed: true,
            ..NetworkInterface::in_subnet(subnet_id, &subnet, ip)
        };
        let id = make(here, interface);
        let now = here.now;
        born(here, &id, Tags::new(), &[subnet_id], now);
        made.push(id);
    }
    made
}

/// What a load balancer wants its interfaces to be.
pub(in crate::sandbox::aws) struct Balanced<'a> {
    /// `a0123…` or `net/NAME/ID`.
    pub(in crate::sandbox::aws) name: &'a str,
    /// One in each.
    pub(in crate::sandbox::aws) subnets: &'a [String],
    /// May be empty.
    pub(in crate::sandbox::aws) groups: &'a [String],
    /// Faces the internet.
    pub(in crate::sandbox::aws) public: bool,
    /// `interface` or `network_load_balancer`.
    pub(in crate::sandbox::aws) kind: &'a str,
}

/// Removes a load balancer's interfaces.
pub(in crate::sandbox::aws) fn remove_balancer(here: &mut Here<'_>, name: &str) {
    remove_held(here, &format!("amazon-elb:{name}"), &format!("-elb:{name}"));
}

/// Removes what a service holds, after the end of what it was for.
fn remove_held(here: &mut Here<'_>, holder: &str, after: &str) {
    let interfaces = here.region.ec2.network_interfaces.iter();
    let going: Vec<(String, NetworkInterface)> = interfaces
        .filter(|(_, interface)| interface.holder == holder)
        .map(|(id, interface)| (id.clone(), interface.clone()))
        .collect();
    for (id, interface) in going {
        here.region.ec2.departed.entry(id.clone()).or_default().push(after.to_owned());
        end(here, &id, &interface);
    }
}

/// Puts a control plane's interfaces into other subnets and groups: new ones first, as EKS does. Nothing happens where they are
/// there already.
pub fn move_cluster(here: &mut Here<'_>, cluster: &str, subnets: &[String], groups: &[String]) {
    let holder = format!("eks:{cluster}");
    let interfaces = here.region.ec2.network_interfaces.iter();
    let old: Vec<(String, NetworkInterface)> = interfaces
        .filter(|(_, interface)| interface.holder == holder)
        .map(|(id, interface)| (id.clone(), interface.clone()))
        .collect();
    let sorted = |ids: &[String]| ids.iter().cloned().collect::<std::collections::BTreeSet<_>>();
    let places: std::collections::BTreeSet<_> = old.iter().map(|(_, interface)| interface.subnet.clone()).collect();
    let same = places == sorted(subnets) && old.iter().all(|(_, old)| sorted(&old.groups) == sorted(groups));
    if same || create_cluster(here, cluster, subnets, groups).is_err() {
        return;
    }
    for (id, interface) in old {
        end(here, &id, &interface);
    }
}

/// Removes one and records its end.
pub(super) fn end(here: &mut Here<'_>, id: &str, interface: &NetworkInterface) {
    remove(&mut here.region.ec2, id);
    let mut parents = vec![interface.subnet.as_str()];
    parents.extend(interface.groups.iter().map(String::as_str));
    let now = here.now;
    ended(here, id, &parents, now);
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "NetworkInterfaceId")?;
    let interface = find(&here.region.ec2.network_interfaces, "eni", &id)?.clone();
    if interface.status() == "in-use" {
        return Err(invalid(format!("Network interface '{id}' is currently in use.")));
    }
    end(here, &id, &interface);
    done()
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const INTERFACES: Listing = Listing {
        prefix: "eni",
        ids: "NetworkInterfaceId",
        set: "networkInterfaceSet",
        id: "networkInterfaceId",
        filters: &[
            ("association.allocation-id", "association.allocationId"),
            ("association.public-ip", "association.publicIp"),
            ("attachment.attachment-id", "attachment.attachmentId"),
            ("attachment.instance-id", "attachment.instanceId"),
            ("attachment.instance-owner-id", "attachment.instanceOwnerId"),
            ("attachment.status", "attachment.status"),
            ("addresses.private-ip-address", "privateIpAddressesSet.privateIpAddress"),
            ("availability-zone", "availabilityZone"),
            ("description", "description"),
            ("group-id", "groupSet.groupId"),
            ("interface-type", "interfaceType"),
            ("mac-address", "macAddress"),
            ("network-interface-id", "networkInterfaceId"),
            ("owner-id", "ownerId"),
            ("private-dns-name", "privateDnsName"),
            ("private-ip-address", "privateIpAddress"),
            ("requester-id", "requesterId"),
            ("requester-managed", "requesterManaged"),
            ("source-dest-check", "sourceDestCheck"),
            ("status", "status"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.network_interfaces.iter();
    common::describe(here, call, &INTERFACES, entries.map(|(id, interface)| interface.print(here, id)).collect())
}
