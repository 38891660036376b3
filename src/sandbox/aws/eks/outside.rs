//! Everything of other services that EKS looks at or makes. The rest of EKS knows no other service's state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::common::{invalid, refused};
use crate::sandbox::aws::{autoscaling, ec2, ssm};
use crate::sandbox::region::Here;
use crate::sandbox::wire::Fault;

/// A subnet, as far as EKS cares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SubnetInfo {
    /// `subnet-…`.
    pub id: String,
    /// `vpc-…`.
    pub vpc: String,
    /// `us-east-1a`.
    pub zone: String,
    /// `use1-az1`.
    pub zone_id: String,
    /// Free addresses.
    pub free: u64,
}

/// A launch template, as far as EKS cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) id: String,
    pub(super) name: String,
    /// The number, with `$Latest` and `$Default` resolved.
    pub(super) version: String,
    pub(super) has_instance_type: bool,
}

/// What to start for a node group.
#[derive(Clone, Debug, Default)]
pub(super) struct Launch<'a> {
    /// The cluster's name.
    pub(super) cluster: &'a str,
    /// The node group's name.
    pub(super) group: &'a str,
    /// Spread over them in turn.
    pub(super) subnets: Vec<String>,
    /// Tried in order; empty when the template says it.
    pub(super) instance_types: Vec<String>,
    /// `AL2023_x86_64_STANDARD`.
    pub(super) ami: &'a str,
    /// The image's release, `1.36.3-20261118`.
    pub(super) release: &'a str,
    /// Instance profile's name.
    pub(super) profile: &'a str,
    /// The cluster security group; a template's own groups replace it.
    pub(super) security_groups: Vec<String>,
    /// `{"id", "name", "version"}`.
    pub(super) template: Option<&'a Json>,
    /// Bought at the spot price.
    pub(super) spot: bool,
    /// On the instances.
    pub(super) tags: BTreeMap<String, String>,
}

/// The subnets with these ids, in this order.
pub(super) fn subnets(here: &Here<'_>, ids: &[String]) -> Result<Vec<SubnetInfo>, Fault> {
    ids.iter()
        .map(|id| {
            let subnet = here.region.ec2.subnets.get(id).filter(|subnet| subnet.ready <= here.now);
            let subnet = subnet.ok_or_else(|| {
                invalid(format!(
                    "The subnet ID '{id}' does not exist (Service: AmazonEC2; Error Code: InvalidSubnetID.NotFound)"
                ))
            })?;
            Ok(SubnetInfo {
                id: id.clone(),
                vpc: subnet.vpc.clone(),
                zone: subnet.zone.clone(),
                zone_id: subnet.zone_id.clone(),
                free: ec2::subnet::free(&here.region.ec2, id, subnet) as u64,
            })
        })
        .collect()
}

/// Whether instances of a subnet reach EKS and the image registries: a route through an available NAT gateway or an attached
/// internet gateway (for instances with a public address only), or interface endpoints in the VPC (which ones is not looked at).
pub(in crate::sandbox) fn reaches_out(here: &Here<'_>, subnet: &str) -> bool {
    let state = &here.region.ec2;
    let Some(vpc) = state.subnets.get(subnet).map(|subnet| &subnet.vpc) else { return false };
    let public = state.subnets[subnet].map_public_ip;
    let own = state
        .route_tables
        .values()
        .find(|table| table.associations.values().any(|association| association.as_deref() == Some(subnet)));
    let main = || state.route_tables.values().find(|table| table.vpc == *vpc && table.is_main());
    let out = own.or_else(main).is_some_and(|table| {
        table.routes.iter().filter(|route| route.destination == "0.0.0.0/0").any(|route| {
            let nat = state.nat_gateways.get(&route.target).is_some_and(|nat| nat.state(here.now) == "available");
            let gateway = state.internet_gateways.get(&route.target).is_some_and(|gateway| gateway.vpc.is_some());
            nat || (gateway && public)
        })
    });
    out || state.endpoints.values().any(|endpoint| endpoint.vpc == *vpc && endpoint.kind == "Interface")
}

/// The spans through which instances of these subnets reach out: the routes of their tables to gateways, and those.
pub(super) fn ways_out(here: &Here<'_>, subnets: &[String]) -> Vec<String> {
    let tables = here.region.ec2.route_tables.iter().filter(|(_, table)| {
        let mut associated = table.associations.values().flatten();
        associated.any(|subnet| subnets.contains(subnet))
    });
    let routes = tables.flat_map(|(id, table)| table.routes.iter().map(move |route| (id, route)));
    let out = routes.filter(|(_, route)| route.target.starts_with("nat-") || route.target.starts_with("igw-"));
    out.flat_map(|(id, route)| [format!("{id}/{}", route.destination), route.target.clone()]).collect()
}

/// Says that the end `span` of something in these subnets must be over before their NAT gateways can go without harm: EKS
/// drains a group's nodes before it ends them ("Delete a managed node group from your cluster", user guide), and a node
/// that cannot reach the API server cannot be drained.
pub(super) fn leans_on(here: &mut Here<'_>, subnets: &[String], span: &str) {
    for target in ways_out(here, subnets).into_iter().filter(|way| way.starts_with("nat-")) {
        here.region.ec2.departed.entry(target).or_default().push(span.to_owned());
    }
}

/// Checks that security groups exist in the VPC.
pub(super) fn check_security_groups(here: &Here<'_>, ids: &[String], vpc: &str) -> Result<(), Fault> {
    let groups = &here.region.ec2.security_groups;
    match ids.iter().find(|id| groups.get(*id).is_none_or(|group| group.vpc != vpc)) {
        Some(id) => Err(invalid(format!("The security group '{id}' does not exist"))),
        None => Ok(()),
    }
}

/// Makes the cluster security group, `eks-cluster-sg-NAME-…`.
pub(super) fn make_security_group(here: &mut Here<'_>, cluster: &str, vpc: &str) -> String {
    ec2::security_group::create_cluster(here, cluster, vpc)
}

/// Takes it away. While something uses it, EKS leaves it behind.
pub(super) fn remove_security_group(here: &mut Here<'_>, id: &str) {
    let _ = ec2::security_group::remove_cluster(here, id);
}

/// Makes the control plane's interfaces, one in each subnet, "Amazon EKS NAME".
pub(super) fn make_interfaces(
    here: &mut Here<'_>,
    cluster: &str,
    subnets: &[SubnetInfo],
    groups: &[String],
) -> Vec<String> {
    let ids: Vec<String> = subnets.iter().map(|subnet| subnet.id.clone()).collect();
    ec2::network_interface::create_cluster(here, cluster, &ids, groups).unwrap_or_default()
}

/// Puts a cluster's interfaces where its configuration says now.
pub(super) fn move_interfaces(here: &mut Here<'_>, cluster: &str, subnets: &[String], groups: &[String]) {
    ec2::network_interface::move_cluster(here, cluster, subnets, groups);
}

/// Takes a cluster's interfaces away.
pub(super) fn remove_interfaces(here: &mut Here<'_>, cluster: &str) {
    ec2::network_interface::remove_cluster(here, cluster);
}

/// Looks a launch template up, by id or name and version.
pub(super) fn template(here: &Here<'_>, request: &Json) -> Result<Template, Fault> {
    let of = |key: &str| request[key].as_str().unwrap_or_default();
    if of("id").is_empty() == of("name").is_empty() {
        return Err(refused(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
        ));
    }
    let named = || ec2::launch_template::id_of(here, of("name")).unwrap_or_default();
    let id = if of("id").is_empty() { named() } else { of("id").to_owned() };
    let wanted = if of("version").is_empty() { "$Default" } else { of("version") };
    let (number, version) = ec2::launch_template::version(here, &id, wanted).map_err(|fault| refused(fault.message))?;
    Ok(Template {
        has_instance_type: !version.data["instanceType"].is_null(),
        name: here.region.ec2.launch_templates[&id].name.clone(),
        version: number.to_string(),
        id,
    })
}

fn size(size: u64) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Makes an Auto Scaling group and gives its name, `eks-GROUP-…`. Its instances come from [`launch_nodes`].
pub(super) fn make_scaling(here: &mut Here<'_>, launch: &Launch<'_>, sizes: (u64, u64, u64)) -> String {
    let of = |template: &Json, key: &str| template[key].as_str().unwrap_or_default().to_owned();
    let wanted = autoscaling::NodeGroup {
        cluster: launch.cluster.to_owned(),
        name: launch.group.to_owned(),
        sizes: (size(sizes.0), size(sizes.1), size(sizes.2)),
        subnets: launch.subnets.clone(),
        template: launch.template.map(|one| (of(one, "id"), of(one, "name"), of(one, "version"))),
    };
    autoscaling::create_for(here, &wanted)
}

/// Changes its sizes: least, most, wanted.
pub(super) fn resize_scaling(here: &mut Here<'_>, name: &str, sizes: (u64, u64, u64)) {
    if let Some(group) = here.region.autoscaling.groups.get_mut(name) {
        (group.min, group.max, group.desired) = (size(sizes.0), size(sizes.1), size(sizes.2));
    }
}

/// Takes it away.
pub(super) fn remove_scaling(here: &mut Here<'_>, name: &str) {
    autoscaling::remove(here, name);
}

/// The instances of a group's Auto Scaling group: what its DescribeAutoScalingGroups shows.
pub(super) fn hold(here: &mut Here<'_>, name: &str, instances: &[String]) {
    if let Some(group) = here.region.autoscaling.groups.get_mut(name) {
        group.instances = instances.to_vec();
    }
}

/// The newest release of an AMI type, `AL2023_x86_64_STANDARD`, that is the one.
pub(super) fn release(here: &Here<'_>, ami: &str, is: impl Fn(&ssm::Release) -> bool) -> Option<ssm::Release> {
    let ami = ami.to_lowercase();
    let architecture = if ami.contains("arm") { "arm64" } else { "x86_64" };
    let variant = ["nvidia", "neuron"].into_iter().find(|variant| ami.contains(variant)).unwrap_or("standard");
    let mut fitting = ssm::releases(here.now).filter(|one| one.architecture == architecture && one.variant == variant);
    fitting.find(is)
}

/// Starts instances over the subnets in turn, and says which.
pub(super) fn launch_nodes(here: &mut Here<'_>, launch: &Launch<'_>, count: u64) -> Vec<String> {
    let template = launch.template.and_then(|one| {
        let of = |key: &str| one[key].as_str().unwrap_or_default();
        let (number, version) = ec2::launch_template::version(here, of("id"), of("version")).ok()?;
        Some((of("id").to_owned(), number, version.data.clone()))
    });
    let data = template.as_ref().map(|(_, _, data)| data.clone()).unwrap_or_default();
    let image = release(here, launch.ami, |one| one.version() == launch.release)
        .map(|release| release.image(here.name))
        .unwrap_or_default();
    let groups: Vec<String> = data["networkInterfaceSet"][0]["groupSet"]
        .as_array()
        .or(data["securityGroupIdSet"].as_array())
        .into_iter()
        .flatten()
        .filter_map(|group| group.as_str().or(group["groupId"].as_str()).map(str::to_owned))
        .collect();
    let mut tags = launch.tags.clone();
    for set in data["tagSpecificationSet"].as_array().into_iter().flatten() {
        if set["resourceType"] == "instance" {
            let pairs = set["tagSet"].as_array().into_iter().flatten();
            tags.extend(pairs.filter_map(|tag| {
                Some((tag["key"].as_str()?.to_owned(), tag["value"].as_str().unwrap_or_default().to_owned()))
            }));
        }
    }
    let wanted = ec2::Launch {
        instance_types: match (launch.instance_types.as_slice(), data["instanceType"].as_str()) {
            ([], Some(only)) => vec![only.to_owned()],
            (types, _) => types.to_vec(),
        },
        image,
        subnets: launch.subnets.clone(),
        groups: if groups.is_empty() { launch.security_groups.clone() } else { groups },
        count: usize::try_from(count).unwrap_or_default(),
        spot: launch.spot,
        tags,
        volume: data["blockDeviceMappingSet"].get(0).map(|mapping| volume(&mapping["ebs"])),
        instance_profile: here.iam.profiles.get(launch.profile).map(|profile| profile.arn.clone()),
        template: template.map(|(id, number, _)| (id, number)),
        metadata: (
            data["metadataOptions"]["httpTokens"] == "required",
            number(&data["metadataOptions"]["httpPutResponseHopLimit"]).unwrap_or(2),
        ),
        more_interfaces: 1,
        after: launch.subnets.clone(),
    };
    // Where nothing can be started the nodes are missing, and the group stays CREATING.
    ec2::instance::launch(here, &wanted).unwrap_or_default()
}

fn number(json: &Json) -> Option<u32> {
    json.as_u64().and_then(|number| u32::try_from(number).ok()).or_else(|| json.as_str()?.parse().ok())
}

fn volume(ebs: &Json) -> ec2::Volume {
    ec2::Volume {
        size: number(&ebs["volumeSize"]).unwrap_or(20),
        kind: ebs["volumeType"].as_str().unwrap_or("gp3").to_owned(),
        iops: number(&ebs["iops"]),
        throughput: number(&ebs["throughput"]),
        encrypted: ebs["encrypted"] == true || ebs["encrypted"] == "true",
        kms_key: ebs["kmsKeyId"].as_str().map(str::to_owned),
        ..ec2::Volume::default()
    }
}

/// Ends instances.
pub(super) fn terminate_nodes(here: &mut Here<'_>, ids: &[String]) {
    ec2::instance::terminate(here, ids);
}

/// Whether a log group is there.
pub(super) fn log_group_exists(here: &Here<'_>, name: &str) -> bool {
    here.region.logs.exists(name)
}

/// Makes a log group without retention and tags, as EKS does.
pub(super) fn make_log_group(here: &mut Here<'_>, name: &str) {
    let now = here.now;
    here.region.logs.ensure(name, now);
}

/// Checks that a KMS key can be used to encrypt secrets: symmetric, enabled, of this region.
pub(super) fn check_key(here: &Here<'_>, arn: &str) -> Result<(), Fault> {
    here.region.kms.usable(arn).map(|_| ()).map_err(|fault| invalid(fault.message))
}
