//! Launches: what EC2 says to a claim's offerings, one after the other.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{items, label, name};
use super::super::quantity;
use super::identity;
use super::leader::Leader;
use super::offers::{self, Offer};
use crate::sandbox::aws::ec2;
use crate::sandbox::kube::store::text;
use crate::sandbox::wire::Fault;

/// How long an offering that EC2 had none of is not asked for.
const GONE_MS: i64 = 180_000;

/// Why there is no instance.
pub(super) enum Failed {
    /// EC2 has none of all that was asked for: the claim goes, and other types are tried.
    Capacity(String),
    /// Something else: it is tried again.
    Other(String),
}

/// The tags of everything that a launch makes.
pub(super) fn tags(inside: &Inside<'_, '_>, class: &Json, pool: &str, claim: &str) -> ec2::Tags {
    let mut tags = ec2::Tags::from([
        (format!("kubernetes.io/cluster/{}", inside.name), "owned".to_owned()),
        ("eks:eks-cluster-name".to_owned(), inside.name.clone()),
        ("karpenter.sh/nodepool".to_owned(), pool.to_owned()),
        ("karpenter.k8s.aws/ec2nodeclass".to_owned(), name(class).to_owned()),
    ]);
    if !claim.is_empty() {
        tags.insert("karpenter.sh/nodeclaim".to_owned(), claim.to_owned());
    }
    for (key, value) in class["spec"]["tags"].as_object().into_iter().flatten() {
        tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    tags
}

/// Whether a role may make one of the calls of a launch with these tags.
pub(super) fn may(inside: &mut Inside<'_, '_>, role: &str, operation: &str, tags: &ec2::Tags) -> Result<(), Fault> {
    let pairs: Vec<Json> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    identity::may(
        inside,
        role,
        "ec2",
        operation,
        json!({"TagSpecification": [{"ResourceType": "instance", "Tag": pairs}]}),
    )
}

/// Starts an instance for a claim; gives its id and what it became.
pub(super) fn launch(
    inside: &mut Inside<'_, '_>,
    leader: &Leader,
    claim: &Json,
    pool: &Json,
    class: &Json,
) -> Result<(String, Offer), Failed> {
    let tags = tags(inside, class, label(claim, "karpenter.sh/nodepool"), name(claim));
    for operation in ["CreateLaunchTemplate", "CreateFleet", "RunInstances"] {
        may(inside, &leader.role, operation, &tags).map_err(|fault| {
            Failed::Other(format!("creating instance, creating fleet, {}", identity::words("EC2", operation, &fault)))
        })?;
    }
    let role = text(class, "/spec/role").to_owned();
    if !role.is_empty() {
        pass(inside, leader, &role, text(class, "/status/instanceProfile"))?;
    }
    let profile = text(class, "/status/instanceProfile").to_owned();
    let known =
        inside.here.iam.profiles.get(&profile).filter(|known| known.usable <= inside.here.now && known.role.is_some());
    let Some(profile) = known.map(|known| known.arn.clone()) else {
        if let Some(at) = inside.here.iam.profiles.get(&profile).map(|known| known.usable) {
            inside.wake(at);
        }
        return Err(Failed::Other(format!(
            "creating instance, with fleet error(s), InvalidParameterValue: Value ({profile}) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name"
        )));
    };
    let mut all = offers::of(inside, pool, class, items(claim, "/spec/requirements"));
    // Spot is asked for first where it may be.
    all.sort_by_key(|offer| offer.capacity != "spot");
    let mut errors: Vec<String> = Vec::new();
    let taken = [false, true].map(|spot| taken(inside, spot));
    for offer in all {
        match try_one(inside, class, taken, &offer, &tags, &profile) {
            Ok(id) => return Ok((id, offer)),
            Err(fault) => {
                let until = inside.now() + GONE_MS;
                inside
                    .work
                    .karpenter
                    .moments
                    .insert(format!("gone/{}/{}/{}", offer.kind, offer.zone, offer.capacity), until);
                let told = format!("{}: {}", fault.code, fault.message);
                if !errors.iter().any(|known| known.starts_with(&fault.code)) {
                    errors.push(told);
                }
            }
        }
    }
    let told = if errors.is_empty() {
        "all requested instance types were unavailable during launch".to_owned()
    } else {
        format!("with fleet error(s), {}", errors.join("; "))
    };
    Err(Failed::Capacity(format!("insufficient capacity, {told}")))
}

/// vCPUs that run, on demand or spot.
fn taken(inside: &Inside<'_, '_>, spot: bool) -> u64 {
    let now = inside.here.now;
    let running = inside.here.region.ec2.instances.values().filter(|one| one.spot == spot && one.state(now).0 != 48);
    running.filter_map(|one| ec2::instance_type::named(&one.instance_type)).map(|kind| kind.vcpus).sum()
}

/// The node role is handed to EC2.
fn pass(inside: &mut Inside<'_, '_>, leader: &Leader, role: &str, profile: &str) -> Result<(), Failed> {
    let asked = json!({"RoleName": role, "InstanceProfileName": profile});
    // The right to hand a role over is asked with the profile's role; what is refused then is `iam:PassRole` alone.
    match identity::may(inside, &leader.role, "iam", "AddRoleToInstanceProfile", asked) {
        Err(fault) if fault.message.contains("iam:PassRole") => Err(Failed::Other(format!(
            "creating instance, with fleet error(s), UnauthorizedOperation: You are not authorized to perform this operation. {}",
            fault.message
        ))),
        _ => Ok(()),
    }
}

fn try_one(
    inside: &mut Inside<'_, '_>,
    class: &Json,
    taken: [u64; 2],
    offer: &Offer,
    tags: &ec2::Tags,
    profile: &str,
) -> Result<String, Fault> {
    let spot = offer.capacity == "spot";
    let here = &mut *inside.here;
    if spot && !here.iam.roles.contains_key("AWSServiceRoleForEC2Spot") {
        return Err(Fault::new(
            "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
            "The provided credentials do not have permission to create the service-linked role for EC2 Spot Instances.",
        ));
    }
    let fits = |want: &str, have: &str| want.is_empty() || want == have;
    let short = here.region.ec2.capacity_gone.iter().any(|one| {
        fits(&one.instance_type, &offer.kind) && fits(&one.zone, &offer.zone) && fits(&one.capacity, offer.capacity)
    });
    if short {
        return Err(Fault::new(
            "InsufficientInstanceCapacity",
            format!(
                "We currently do not have sufficient {} capacity in the Availability Zone you requested ({}). Our system will be working on provisioning additional capacity.",
                offer.kind, offer.zone
            ),
        ));
    }
    let taken = taken[usize::from(spot)];
    let (on_demand, for_spot) = here.region.ec2.limits.vcpus;
    if taken + offer.vcpus > if spot { for_spot } else { on_demand } {
        return Err(if spot {
            Fault::new("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded")
        } else {
            Fault::new(
                "VcpuLimitExceeded",
                format!(
                    "You have requested more vCPU capacity than your current vCPU limit of {on_demand} allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
                ),
            )
        });
    }
    let free = |id: &String| {
        here.region
            .ec2
            .subnets
            .get(id)
            .map(|subnet| ec2::subnet::free(&here.region.ec2, id, subnet))
            .unwrap_or_default()
    };
    let ids = items(class, "/status/subnets")
        .iter()
        .filter(|subnet| subnet["zone"] == offer.zone.as_str())
        .filter_map(|subnet| subnet["id"].as_str().map(str::to_owned));
    let subnet =
        ids.max_by_key(|id| free(id)).ok_or_else(|| Fault::new("InvalidSubnetID.NotFound", "no subnet in the zone"))?;
    if free(&subnet) < 2 {
        return Err(Fault::new(
            "InsufficientFreeAddressesInSubnet",
            format!(
                "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
            ),
        ));
    }
    let arch = offer.node["metadata"]["labels"]["kubernetes.io/arch"].clone();
    let image = items(class, "/status/amis")
        .iter()
        .find(|ami| ami.pointer("/requirements/0/values/0") == Some(&arch))
        .map(|ami| text(ami, "/id").to_owned())
        .unwrap_or_default();
    let wanted = ec2::Launch {
        instance_types: vec![offer.kind.clone()],
        image,
        subnets: vec![subnet],
        groups: ids_of(class, "securityGroups"),
        count: 1,
        spot,
        tags: tags.clone(),
        volume: Some(root(class)),
        instance_profile: Some(profile.to_owned()),
        template: None,
        metadata: (
            text(class, "/spec/metadataOptions/httpTokens") != "optional",
            class
                .pointer("/spec/metadataOptions/httpPutResponseHopLimit")
                .and_then(Json::as_u64)
                .and_then(|hops| u32::try_from(hops).ok())
                .unwrap_or(1),
        ),
        more_interfaces: 1,
        after: Vec::new(),
    };
    let ids = ec2::instance::launch(here, &wanted)?;
    ids.into_iter().next().ok_or_else(|| Fault::new("InternalError", "no instance"))
}

/// The root volume: the class's, or 20 GiB, gp3 and encrypted.
fn root(class: &Json) -> ec2::Volume {
    let all = items(class, "/spec/blockDeviceMappings");
    let own = all
        .iter()
        .find(|one| one["rootVolume"] == true)
        .or_else(|| all.first())
        .map(|one| one["ebs"].clone())
        .unwrap_or_default();
    let number = |field: &str, default: u32| {
        own[field].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    ec2::Volume {
        size: u32::try_from(offers::disk(class)).unwrap_or(20),
        kind: own["volumeType"].as_str().unwrap_or("gp3").to_owned(),
        iops: Some(number("iops", 3000)),
        throughput: Some(number("throughput", 125)),
        encrypted: own["encrypted"] != false,
        kms_key: own["kmsKeyID"].as_str().map(str::to_owned),
        ..ec2::Volume::default()
    }
}

/// The ids in a list of a class's status.
fn ids_of(class: &Json, field: &str) -> Vec<String> {
    items(class, &format!("/status/{field}")).iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

/// What an offering gives a claim.
pub(super) fn describe(claim: &mut Json, offer: &Offer, provider: &str, image: &str) {
    for (key, value) in offer.node["metadata"]["labels"].as_object().into_iter().flatten() {
        claim["metadata"]["labels"][key] = value.clone();
    }
    claim["status"]["providerID"] = json!(provider);
    claim["status"]["imageID"] = json!(image);
    claim["status"]["capacity"] = quantity::printed(&offer.size);
    claim["status"]["allocatable"] = quantity::printed(&offer.allocatable);
}
