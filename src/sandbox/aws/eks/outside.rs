//! Everything of other services that EKS looks at or makes. The rest of EKS knows no other service's state: to connect
//! one, change the body of its function here and take its part out of [`Interim`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{invalid, refused, uuid};
use crate::sandbox::region::Here;
use crate::sandbox::wire::Fault;

/// What EKS keeps of other services as long as they are not connected.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interim {
    /// By id.
    pub subnets: BTreeMap<String, SubnetInfo>,
    /// Network interfaces of control planes.
    pub interfaces: BTreeSet<String>,
    /// Security groups that EKS made.
    pub groups: BTreeSet<String>,
    /// Running instances of node groups, by id, with what they were started with.
    pub instances: BTreeMap<String, Json>,
    /// Auto Scaling groups, with the wanted size.
    pub scaling: BTreeMap<String, u64>,
    /// Log groups.
    pub logs: BTreeSet<String>,
    /// Subnets that have no way out.
    pub closed: BTreeSet<String>,
}

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
    /// Kubernetes's version, `1.36`.
    pub(super) version: &'a str,
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
    let known = &here.region.eks.outside.subnets;
    ids.iter()
        .map(|id| {
            known.get(id).cloned().ok_or_else(|| {
                invalid(format!(
                    "The subnet ID '{id}' does not exist (Service: AmazonEC2; Error Code: InvalidSubnetID.NotFound)"
                ))
            })
        })
        .collect()
}

/// Whether instances of a subnet reach EKS and the image registries: a NAT gateway, a public address with an internet
/// gateway, or the endpoints.
pub(super) fn reaches_out(here: &Here<'_>, subnet: &str) -> bool {
    !here.region.eks.outside.closed.contains(subnet)
}

/// Checks that security groups exist in the VPC.
pub(super) fn check_security_groups(_here: &Here<'_>, ids: &[String], _vpc: &str) -> Result<(), Fault> {
    match ids.iter().find(|id| !id.starts_with("sg-")) {
        Some(id) => Err(invalid(format!("The security group '{id}' does not exist"))),
        None => Ok(()),
    }
}

/// Makes the cluster security group, `eks-cluster-sg-NAME-…`.
pub(super) fn make_security_group(here: &mut Here<'_>, _cluster: &str, _vpc: &str) -> String {
    let id = here.id("sg");
    here.region.eks.outside.groups.insert(id.clone());
    id
}

/// Takes it away.
pub(super) fn remove_security_group(here: &mut Here<'_>, id: &str) {
    here.region.eks.outside.groups.remove(id);
}

/// Makes the control plane's interfaces, one in each subnet, "Amazon EKS NAME".
pub(super) fn make_interfaces(
    here: &mut Here<'_>,
    _cluster: &str,
    subnets: &[SubnetInfo],
    _groups: &[String],
) -> Vec<String> {
    let ids: Vec<String> = subnets.iter().map(|_| here.id("eni")).collect();
    here.region.eks.outside.interfaces.extend(ids.iter().cloned());
    ids
}

/// Takes them away.
pub(super) fn remove_interfaces(here: &mut Here<'_>, ids: &[String]) {
    for id in ids {
        here.region.eks.outside.interfaces.remove(id);
    }
}

/// Looks a launch template up, by id or name and version.
pub(super) fn template(_here: &Here<'_>, request: &Json) -> Result<Template, Fault> {
    let of = |key: &str| request[key].as_str().unwrap_or_default().to_owned();
    let (id, name, version) = (of("id"), of("name"), of("version"));
    if id.is_empty() == name.is_empty() {
        return Err(refused(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
        ));
    }
    let version = match version.as_str() {
        "" | "$Default" | "$Latest" => "1".to_owned(),
        number => number.to_owned(),
    };
    Ok(Template { id, name, version, has_instance_type: false })
}

/// Makes an Auto Scaling group and gives its name, `eks-GROUP-…`. Its instances come from [`launch_nodes`].
pub(super) fn make_scaling(here: &mut Here<'_>, launch: &Launch<'_>, sizes: (u64, u64, u64)) -> String {
    let name = format!("eks-{}-{}", launch.group, uuid(here));
    here.region.eks.outside.scaling.insert(name.clone(), sizes.2);
    name
}

/// Changes its sizes: least, most, wanted.
pub(super) fn resize_scaling(here: &mut Here<'_>, name: &str, sizes: (u64, u64, u64)) {
    here.region.eks.outside.scaling.insert(name.to_owned(), sizes.2);
}

/// Takes it away.
pub(super) fn remove_scaling(here: &mut Here<'_>, name: &str) {
    here.region.eks.outside.scaling.remove(name);
}

/// Starts instances over the subnets in turn, and says which.
pub(super) fn launch_nodes(here: &mut Here<'_>, launch: &Launch<'_>, count: u64) -> Vec<String> {
    let mut subnets = launch.subnets.iter().cycle();
    let mut ids = Vec::new();
    for _ in 0..count {
        let id = here.id("i");
        let with = json!({
            "cluster": launch.cluster,
            "group": launch.group,
            "subnet": subnets.next(),
            "types": launch.instance_types,
            "ami": launch.ami,
            "version": launch.version,
            "profile": launch.profile,
            "securityGroups": launch.security_groups,
            "template": launch.template,
            "spot": launch.spot,
            "tags": launch.tags,
        });
        here.region.eks.outside.instances.insert(id.clone(), with);
        ids.push(id);
    }
    ids
}

/// Ends instances.
pub(super) fn terminate_nodes(here: &mut Here<'_>, ids: &[String]) {
    for id in ids {
        here.region.eks.outside.instances.remove(id);
    }
}

/// Whether a log group is there.
pub(super) fn log_group_exists(here: &Here<'_>, name: &str) -> bool {
    here.region.eks.outside.logs.contains(name)
}

/// Makes a log group without retention and tags, as EKS does.
pub(super) fn make_log_group(here: &mut Here<'_>, name: &str) {
    here.region.eks.outside.logs.insert(name.to_owned());
}

/// Checks that a KMS key can be used to encrypt secrets: symmetric, enabled, of this region.
pub(super) fn check_key(here: &Here<'_>, arn: &str) -> Result<(), Fault> {
    if arn.starts_with(&here.arn("kms", "key/")) {
        Ok(())
    } else {
        Err(invalid(format!("The keyArn in encryptionConfig provider is invalid: {arn}")))
    }
}
