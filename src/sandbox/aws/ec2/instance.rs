//! Instances: nodes. Nothing here starts one by an API call; node groups and Karpenter do, through [`launch`].

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, born, ended, find, forget, missing, paged, tag_set};
use super::network_interface::{self, NetworkInterface};
use super::{Tags, Volume, address, instance_type, subnet};
use crate::sandbox::region::{Here, iso, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// How long a terminated instance is still described ("Terminate Amazon EC2 instances": a short while, usually an hour).
const SHOWN: Millis = 3_600_000;

/// One instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// `m7i.large`
    pub instance_type: String,
    /// `ami-…`
    pub image: String,
    /// `subnet-…`
    pub subnet: String,
    /// `vpc-…`
    pub vpc: String,
    /// `us-east-1a`
    pub zone: String,
    /// `use1-az4`
    pub zone_id: String,
    /// Groups of its first interface.
    pub groups: Vec<String>,
    /// Primary address.
    pub private_ip: Ipv4Addr,
    /// `ip-10-0-1-2.ec2.internal`
    pub private_dns: String,
    /// Bought at the spot price.
    pub spot: bool,
    /// ARN of the instance profile.
    pub instance_profile: Option<String>,
    /// Launch template and version.
    pub template: Option<(String, u64)>,
    /// Metadata options: tokens required, hop limit.
    pub metadata: (bool, u32),
    /// `r-…`
    pub reservation: String,
    /// `vol-…`
    pub volumes: Vec<String>,
    /// `eni-…`, the first one first.
    pub interfaces: Vec<String>,
    /// When it was asked for.
    pub launched: Millis,
    /// `running` from here on.
    pub ready: Millis,
    /// When it was asked to go and when it is `terminated`.
    pub going: Option<(Millis, Millis)>,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Tried in order; the first one offered in the zone is taken.
    pub instance_types: Vec<String>,
    /// `ami-…`
    pub image: String,
    /// The instances are spread over them, in turn.
    pub subnets: Vec<String>,
    /// Security groups.
    pub groups: Vec<String>,
    /// How many.
    pub count: usize,
    /// Bought at the spot price.
    pub spot: bool,
    /// On instance, volume and interface.
    pub tags: Tags,
    /// Root volume: its size (GiB), type, encryption and key are used.
    pub volume: Option<Volume>,
    /// ARN of the instance profile.
    pub instance_profile: Option<String>,
    /// Launch template and version.
    pub template: Option<(String, u64)>,
    /// Metadata options: tokens required, hop limit.
    pub metadata: (bool, u32),
    /// Interfaces that the VPC CNI will attach beside the first, each with an address of its own.
    pub more_interfaces: u32,
    /// What had to be there: for the critical path.
    pub after: Vec<String>,
}

impl Instance {
    /// `pending`, `running`, `shutting-down` or `terminated`, and its code.
    #[must_use]
    pub fn state(&self, now: Millis) -> (u8, &'static str) {
        match self.going {
            Some((_, gone)) if now >= gone => (48, "terminated"),
            Some(_) => (32, "shutting-down"),
            None if now >= self.ready => (16, "running"),
            None => (0, "pending"),
        }
    }

    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let (code, name) = self.state(here.now);
        let state = &here.region.ec2;
        // Of a terminated instance no address, interface or volume is left.
        let here_still = name != "terminated";
        let interfaces: Vec<Json> = self
            .interfaces
            .iter()
            .filter_map(|eni| Some(state.network_interfaces.get(eni)?.print(here, eni)))
            .filter(|eni| text(eni, "status") == "in-use")
            .collect();
        let volumes: Vec<Json> = self
            .volumes
            .iter()
            .filter_map(|id| Some((id, state.volumes.get(id)?.attached.as_ref()?)))
            .map(|(id, (_, device))| {
                json!({
                    "deviceName": device,
                    "ebs": { "volumeId": id, "status": "attached", "attachTime": iso(self.launched), "deleteOnTermination": true },
                })
            })
            .collect();
        let architecture = instance_type::named(&self.instance_type).map(|kind| kind.architecture());
        json!({
            "instanceId": id,
            "imageId": self.image,
            "instanceState": { "code": code, "name": name },
            "privateDnsName": if here_still { &self.private_dns } else { "" },
            "dnsName": "",
            "reason": if self.going.is_some() { "User initiated" } else { "" },
            "stateReason": self.going.map(|_| json!({
                "code": "Client.UserInitiatedShutdown", "message": "Client.UserInitiatedShutdown: User initiated shutdown",
            })),
            "amiLaunchIndex": 0,
            "instanceType": self.instance_type,
            "launchTime": iso(self.launched),
            "placement": { "availabilityZone": self.zone, "availabilityZoneId": self.zone_id, "groupName": "", "tenancy": "default" },
            "monitoring": { "state": "disabled" },
            "subnetId": here_still.then_some(&self.subnet),
            "vpcId": here_still.then_some(&self.vpc),
            "privateIpAddress": here_still.then_some(self.private_ip),
            "architecture": architecture,
            "rootDeviceType": "ebs",
            "rootDeviceName": "/dev/xvda",
            "virtualizationType": "hvm",
            "hypervisor": "xen",
            "ebsOptimized": true,
            "enaSupport": true,
            "sourceDestCheck": true,
            "instanceLifecycle": self.spot.then_some("spot"),
            "iamInstanceProfile": self.instance_profile.as_ref().map(|arn| json!({ "arn": arn })),
            "metadataOptions": {
                "state": "applied",
                "httpTokens": if self.metadata.0 { "required" } else { "optional" },
                "httpPutResponseHopLimit": self.metadata.1,
                "httpEndpoint": "enabled",
            },
            "groupSet": network_interface::groups(state, if here_still { &self.groups } else { &[] }),
            "networkInterfaceSet": interfaces,
            "blockDeviceMapping": volumes,
            "tagSet": tag_set(state, id),
            "reservationId": self.reservation,
        })
    }
}

/// Starts instances, with a root volume and interfaces each, and gives their ids. They run after 8 to 25 seconds.
///
/// # Errors
/// When a subnet does not exist or is full, or no instance type is offered in its zone; nothing is started then.
pub fn launch(here: &mut Here<'_>, wanted: &Launch) -> Result<Vec<String>, Fault> {
    if wanted.subnets.is_empty() {
        return Err(Fault::new("MissingInput", "No subnets found for the default VPC. Please specify a subnet."));
    }
    let reservation = here.id("r");
    let mut plan = Vec::new();
    for subnet_id in wanted.subnets.iter().cycle().take(wanted.count) {
        let subnet = find(&here.region.ec2.subnets, "subnet", subnet_id)?.clone();
        subnet::address(&here.region.ec2, subnet_id)?;
        let offered = wanted.instance_types.iter().find(|name| instance_type::offered(name, &subnet.zone_id));
        let Some(instance_type) = offered else {
            let message = format!(
                "Your requested instance type ({}) is not supported in your requested Availability Zone ({}).",
                wanted.instance_types.join(", "),
                subnet.zone
            );
            return Err(Fault::new("Unsupported", message));
        };
        plan.push((subnet_id, subnet, instance_type));
    }
    let mut started = Vec::new();
    for (subnet_id, subnet, instance_type) in plan {
        let id = here.id("i");
        let private_ip = subnet::address(&here.region.ec2, subnet_id)?;
        let mut interfaces = Vec::new();
        for device in 0..=wanted.more_interfaces {
            let ip = subnet::address(&here.region.ec2, subnet_id)?;
            let mut tags = wanted.tags.clone();
            let mut interface = NetworkInterface {
                groups: wanted.groups.clone(),
                holder: id.clone(),
                device,
                ..NetworkInterface::in_subnet(subnet_id, &subnet, ip)
            };
            if device == 0 && subnet.map_public_ip {
                interface.public_ip = Some(address::public_ip(here));
            }
            if device > 0 {
                interface.description = format!("aws-K8S-{id}");
                tags.insert("node.k8s.amazonaws.com/instance_id".to_owned(), id.clone());
            }
            let eni = network_interface::make(here, interface);
            here.region.ec2.tags.insert(eni.clone(), tags);
            interfaces.push(eni);
        }
        let volume = here.id("vol");
        let root = wanted.volume.clone().unwrap_or(Volume {
            size: 20,
            kind: "gp3".to_owned(),
            iops: Some(3000),
            throughput: Some(125),
            encrypted: false,
            kms_key: None,
            zone: String::new(),
            created: 0,
            attached: None,
        });
        let root = Volume {
            zone: subnet.zone.clone(),
            created: here.now,
            attached: Some((id.clone(), "/dev/xvda".to_owned())),
            ..root
        };
        here.region.ec2.volumes.insert(volume.clone(), root);
        here.region.ec2.tags.insert(volume.clone(), wanted.tags.clone());
        let instance = Instance {
            instance_type: instance_type.clone(),
            image: wanted.image.clone(),
            subnet: subnet_id.clone(),
            vpc: subnet.vpc,
            zone: subnet.zone,
            zone_id: subnet.zone_id,
            groups: wanted.groups.clone(),
            private_ip,
            private_dns: network_interface::private_dns(here, private_ip),
            spot: wanted.spot,
            instance_profile: wanted.instance_profile.clone(),
            template: wanted.template.clone(),
            metadata: wanted.metadata,
            reservation: reservation.clone(),
            volumes: vec![volume],
            interfaces,
            launched: here.now,
            ready: here.due(8.0, 25.0),
            going: None,
        };
        let ready = instance.ready;
        here.region.ec2.instances.insert(id.clone(), instance);
        let after: Vec<&str> = wanted.after.iter().map(String::as_str).chain([subnet_id.as_str()]).collect();
        born(here, &id, wanted.tags.clone(), &after, ready);
        started.push(id);
    }
    Ok(started)
}

/// Ends instances; unknown ids and those that are going already are passed over. Gives the moment the last one is gone.
pub fn terminate(here: &mut Here<'_>, ids: &[String]) -> Millis {
    let mut last = here.now;
    for id in ids {
        let (now, gone) = (here.now, here.due(15.0, 60.0));
        let Some(instance) = here.region.ec2.instances.get_mut(id) else { continue };
        if let Some((_, gone)) = instance.going {
            last = last.max(gone);
            continue;
        }
        instance.going = Some((now, gone));
        let mut parents = vec![instance.subnet.clone()];
        parents.extend(instance.groups.iter().cloned());
        last = last.max(gone);
        let parents: Vec<&str> = parents.iter().map(String::as_str).collect();
        ended(here, id, &parents, gone);
    }
    last
}

pub(super) fn terminate_call(here: &mut Here<'_>, call: &Call) -> Answer {
    let ids = texts(&call.params, "InstanceId");
    if ids.is_empty() {
        return Err(Fault::new("MissingParameter", "The request must contain the parameter instancesSet"));
    }
    for id in &ids {
        find(&here.region.ec2.instances, "i", id)?;
    }
    let states = |here: &Here<'_>| -> Vec<(u8, &'static str)> {
        ids.iter().filter_map(|id| Some(here.region.ec2.instances.get(id)?.state(here.now))).collect()
    };
    let before = states(here);
    let fresh: Vec<String> =
        ids.iter().zip(&before).filter(|(_, state)| state.0 < 32).map(|(id, _)| id.clone()).collect();
    terminate(here, &fresh);
    let after = states(here);
    let changes: Vec<Json> = ids
        .iter()
        .zip(before.iter().zip(&after))
        .map(|(id, (before, after))| {
            json!({
                "instanceId": id,
                "previousState": { "code": before.0, "name": before.1 },
                "currentState": { "code": after.0, "name": after.1 },
            })
        })
        .collect();
    Ok(json!({ "instancesSet": changes }))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const INSTANCES: Listing = Listing {
        prefix: "i",
        ids: "InstanceId",
        set: "instances",
        id: "instanceId",
        filters: &[
            ("architecture", "architecture"),
            ("availability-zone", "placement.availabilityZone"),
            ("availability-zone-id", "placement.availabilityZoneId"),
            ("iam-instance-profile.arn", "iamInstanceProfile.arn"),
            ("image-id", "imageId"),
            ("instance-id", "instanceId"),
            ("instance-lifecycle", "instanceLifecycle"),
            ("instance-state-code", "instanceState.code"),
            ("instance-state-name", "instanceState.name"),
            ("instance-type", "instanceType"),
            ("instance.group-id", "groupSet.groupId"),
            ("launch-time", "launchTime"),
            ("network-interface.network-interface-id", "networkInterfaceSet.networkInterfaceId"),
            ("private-dns-name", "privateDnsName"),
            ("private-ip-address", "privateIpAddress"),
            ("reservation-id", "reservationId"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
        pages: None,
    };
    let here = &*here;
    if !texts(&call.params, "InstanceId").is_empty() && !text(&call.params, "MaxResults").is_empty() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Err(Fault::new("InvalidParameterCombination", message));
    }
    let entries = here.region.ec2.instances.iter().map(|(id, instance)| instance.print(here, id)).collect();
    let listed = common::describe(here, call, &INSTANCES, entries)?;
    let mut found = listed["instances"].as_array().cloned().unwrap_or_default();
    let next = paged(&mut found, call, "instanceId", 5, 1000)?;
    let reservations: Vec<Json> = found
        .into_iter()
        .map(|mut instance| {
            let reservation = instance.as_object_mut().and_then(|instance| instance.remove("reservationId"));
            json!({ "reservationId": reservation, "ownerId": here.account, "groupSet": [], "instancesSet": [instance] })
        })
        .collect();
    Ok(json!({ "reservationSet": reservations, "nextToken": next }))
}

/// The instance with this id, whatever its state.
///
/// # Errors
/// `InvalidInstanceID.NotFound`
pub fn get<'a>(here: &'a Here<'_>, id: &str) -> Result<&'a Instance, Fault> {
    here.region.ec2.instances.get(id).ok_or_else(|| missing("i", id))
}

/// Removes what terminated instances held, and after an hour the instances. Interfaces that the CNI had attached are not
/// deleted with the instance: if the CNI was not there to take them away they stay behind, `available`, and block their
/// subnet and groups (aws/amazon-vpc-cni-k8s issues on leaked ENIs); that happens to one in four.
pub(super) fn settle(here: &mut Here<'_>) {
    let now = here.now;
    let gone: Vec<(String, Instance)> = here
        .region
        .ec2
        .instances
        .iter()
        .filter(|(_, instance)| {
            instance.state(now).1 == "terminated" && !(instance.interfaces.is_empty() && instance.volumes.is_empty())
        })
        .map(|(id, instance)| (id.clone(), instance.clone()))
        .collect();
    for (id, instance) in gone {
        for (device, eni) in instance.interfaces.iter().enumerate() {
            if device > 0 && here.draw().is_multiple_of(4) {
                if let Some(interface) = here.region.ec2.network_interfaces.get_mut(eni) {
                    interface.holder.clear();
                }
            } else {
                network_interface::remove(&mut here.region.ec2, eni);
            }
        }
        let state = &mut here.region.ec2;
        for volume in &instance.volumes {
            state.volumes.remove(volume);
            forget(state, volume);
        }
        // What the CSI driver had attached is detached, and stays.
        for volume in state.volumes.values_mut() {
            if volume.attached.as_ref().is_some_and(|(holder, _)| *holder == id) {
                volume.attached = None;
            }
        }
        if let Some(instance) = state.instances.get_mut(&id) {
            instance.interfaces.clear();
            instance.volumes.clear();
        }
    }
    let state = &mut here.region.ec2;
    let old: Vec<String> = state
        .instances
        .iter()
        .filter(|(_, instance)| instance.going.is_some_and(|(_, gone)| now >= gone + SHOWN))
        .map(|(id, _)| id.clone())
        .collect();
    for id in old {
        state.instances.remove(&id);
        forget(state, &id);
    }
}
