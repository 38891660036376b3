//! Amazon EC2 Auto Scaling: the groups that EKS makes for node groups, and their tags.
//!
//! Source: the Amazon EC2 Auto Scaling API Reference.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::sandbox::region::{Here, iso, list, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub groups: BTreeMap<String, Group>,
}

/// One Auto Scaling group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Group {
    /// ARN.
    pub arn: String,
    /// Least number of instances.
    pub min: u32,
    /// Most.
    pub max: u32,
    /// Wanted.
    pub desired: u32,
    /// `subnet-…`
    pub subnets: Vec<String>,
    /// `us-east-1a`
    pub zones: Vec<String>,
    /// Launch template's id, name and version.
    pub template: Option<(String, String, String)>,
    /// `i-…`
    pub instances: Vec<String>,
    /// When.
    pub created: Millis,
    /// Value and whether instances get it, by key.
    pub tags: BTreeMap<String, (String, bool)>,
}

impl Group {
    fn print(&self, here: &Here<'_>, name: &str) -> Json {
        let template = self.template.as_ref().map(
            |(id, name, version)| json!({ "LaunchTemplateId": id, "LaunchTemplateName": name, "Version": version }),
        );
        let instances: Vec<Json> = self
            .instances
            .iter()
            .filter_map(|id| Some((id, here.region.ec2.instances.get(id)?)))
            .filter_map(|(id, instance)| {
                let stage = match instance.state(here.now).1 {
                    "pending" => "Pending",
                    "running" => "InService",
                    "shutting-down" => "Terminating",
                    _ => return None,
                };
                Some(json!({
                    "InstanceId": id,
                    "InstanceType": instance.instance_type,
                    "AvailabilityZone": instance.zone,
                    "LifecycleState": stage,
                    "HealthStatus": "Healthy",
                    "LaunchTemplate": template,
                    "ProtectedFromScaleIn": false,
                }))
            })
            .collect();
        json!({
            "AutoScalingGroupName": name,
            "AutoScalingGroupARN": self.arn,
            "MixedInstancesPolicy": template.map(|template| json!({
                "LaunchTemplate": { "LaunchTemplateSpecification": template, "Overrides": [] },
            })),
            "MinSize": self.min,
            "MaxSize": self.max,
            "DesiredCapacity": self.desired,
            "DefaultCooldown": 300,
            "AvailabilityZones": self.zones,
            "LoadBalancerNames": [],
            "TargetGroupARNs": [],
            "HealthCheckType": "EC2",
            "HealthCheckGracePeriod": 15,
            "Instances": instances,
            "CreatedTime": iso(self.created),
            "SuspendedProcesses": [],
            "VPCZoneIdentifier": self.subnets.join(","),
            "EnabledMetrics": [],
            "Tags": self.tags.iter().map(|(key, tag)| print_tag(name, key, tag)).collect::<Vec<_>>(),
            "TerminationPolicies": ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"],
            "NewInstancesProtectedFromScaleIn": false,
            "CapacityRebalance": true,
            "ServiceLinkedRoleARN": format!(
                "arn:{}:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
                here.partition(), here.account
            ),
        })
    }
}

fn print_tag(name: &str, key: &str, (value, propagate): &(String, bool)) -> Json {
    json!({
        "ResourceId": name, "ResourceType": "auto-scaling-group",
        "Key": key, "Value": value, "PropagateAtLaunch": propagate,
    })
}

/// What EKS makes for a node group.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// Cluster's name.
    pub cluster: String,
    /// Node group's name.
    pub name: String,
    /// Least, most and wanted number of nodes.
    pub sizes: (u32, u32, u32),
    /// `subnet-…`
    pub subnets: Vec<String>,
    /// Launch template's id, name and version.
    pub template: Option<(String, String, String)>,
}

/// Makes the group for a node group, named and tagged as EKS does (`eks-NODEGROUP-UUID`), and gives its name. The node
/// group's own tags do not reach it.
pub fn create_for(here: &mut Here<'_>, wanted: &NodeGroup) -> String {
    let mut part = |length| here.letters("0123456789abcdef", length);
    let uuid = [part(8), part(4), part(4), part(4), part(12)].join("-");
    let name = format!("eks-{}-{uuid}", wanted.name);
    let (min, max, desired) = wanted.sizes;
    let zone = |id: &String| here.region.ec2.subnets.get(id).map(|subnet| subnet.zone.clone());
    let mut zones: Vec<String> = wanted.subnets.iter().filter_map(zone).collect();
    zones.sort_unstable();
    zones.dedup();
    let owned = |key: String| (key, ("owned".to_owned(), true));
    let tags = BTreeMap::from([
        ("eks:cluster-name".to_owned(), (wanted.cluster.clone(), true)),
        ("eks:nodegroup-name".to_owned(), (wanted.name.clone(), true)),
        owned(format!("kubernetes.io/cluster/{}", wanted.cluster)),
        owned(format!("k8s.io/cluster-autoscaler/{}", wanted.cluster)),
        ("k8s.io/cluster-autoscaler/enabled".to_owned(), ("true".to_owned(), true)),
    ]);
    let group = Group {
        arn: here.arn("autoscaling", &format!("autoScalingGroup:{uuid}:autoScalingGroupName/{name}")),
        min,
        max,
        desired,
        subnets: wanted.subnets.clone(),
        zones,
        template: wanted.template.clone(),
        instances: Vec::new(),
        created: here.now,
        tags,
    };
    here.region.autoscaling.groups.insert(name.clone(), group);
    name
}

/// Removes a group; its instances are the caller's to end.
pub fn remove(here: &mut Here<'_>, name: &str) {
    here.region.autoscaling.groups.remove(name);
}

/// Answers one call.
///
/// # Errors
/// What Auto Scaling would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "DescribeAutoScalingGroups" => describe(here, call),
        "UpdateAutoScalingGroup" => update(here, call),
        "CreateOrUpdateTags" => tag(here, call),
        "DeleteTags" => untag(here, call),
        "DescribeTags" => tags(here, call),
        other => Err(unsupported("autoscaling", other)),
    }
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new("ValidationError", message)
}

/// Names and values of filters, checked against the names that the operation knows.
fn filters(call: &Call, known: &[&str]) -> Result<Vec<(String, Vec<String>)>, Fault> {
    let one = |filter: &Json| {
        let name = text(filter, "Name");
        if known.contains(&name) || (known.contains(&"tag:") && name.starts_with("tag:")) {
            Ok((name.to_owned(), texts(filter, "Values")))
        } else {
            Err(invalid(format!("Filter type {name} is not correct. Allowed Filter types are: {}", known.join(" "))))
        }
    };
    list(&call.params, "Filters").iter().map(one).collect()
}

/// A page of entries that are sorted by `place`, the token being the last place.
fn page(call: &Call, mut found: Vec<(String, Json)>, most: usize) -> Result<(Vec<Json>, Option<String>), Fault> {
    let size = match text(&call.params, "MaxRecords") {
        "" => most.min(50),
        wanted => match wanted.parse::<usize>() {
            Ok(size) if (1..=most).contains(&size) => size,
            _ => {
                return Err(invalid(format!(
                    "Value {wanted} at 'maxRecords' failed to satisfy constraint: 1 to {most}"
                )));
            }
        },
    };
    let token = text(&call.params, "NextToken");
    if !token.is_empty() {
        let last = hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let last = last.ok_or_else(|| Fault::new("InvalidNextToken", "The NextToken value is not valid."))?;
        found.retain(|(place, _)| *place > last);
    }
    let more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| more).map(|(place, _)| hex::encode(place));
    Ok((found.into_iter().map(|(_, entry)| entry).collect(), next))
}

/// A name that does not exist is left out, not an error.
fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    let here = &*here;
    let filters = filters(call, &["tag-key", "tag-value", "tag:"])?;
    let names = texts(&call.params, "AutoScalingGroupNames");
    let fits = |group: &Group| {
        filters.iter().all(|(name, values)| match name.as_str() {
            "tag-key" => group.tags.keys().any(|key| values.contains(key)),
            "tag-value" => group.tags.values().any(|(value, _)| values.contains(value)),
            name => {
                let key = name.strip_prefix("tag:").unwrap_or_default();
                group.tags.get(key).is_some_and(|(value, _)| values.contains(value))
            }
        })
    };
    let groups = here.region.autoscaling.groups.iter();
    let found = groups
        .filter(|(name, group)| (names.is_empty() || names.contains(name)) && fits(group))
        .map(|(name, group)| (name.clone(), group.print(here, name)))
        .collect();
    let (groups, next) = page(call, found, 100)?;
    Ok(super::ec2::without_nulls(json!({ "AutoScalingGroups": groups, "NextToken": next })))
}

fn find<'a>(here: &'a mut Here<'_>, name: &str) -> Result<&'a mut Group, Fault> {
    let groups = &mut here.region.autoscaling.groups;
    groups.get_mut(name).ok_or_else(|| invalid("AutoScalingGroup name not found - null"))
}

/// Sizes and subnets: what else EKS sets is left as it is.
fn update(here: &mut Here<'_>, call: &Call) -> Answer {
    let size = |name: &str| match text(&call.params, name) {
        "" => Ok(None),
        value => value.parse::<u32>().map(Some).map_err(|_| invalid(format!("{name} must be a number, not {value}"))),
    };
    let (min, max, desired) = (size("MinSize")?, size("MaxSize")?, size("DesiredCapacity")?);
    let group = find(here, text(&call.params, "AutoScalingGroupName"))?;
    let (min, max) = (min.unwrap_or(group.min), max.unwrap_or(group.max));
    // Without a wanted number the present one is moved into the new bounds.
    let desired = match desired {
        Some(desired) => desired,
        None if min <= max => group.desired.clamp(min, max),
        None => group.desired,
    };
    if min > max {
        return Err(invalid("Max bound, 0, must be greater than or equal to min bound".replace('0', &max.to_string())));
    }
    if !(min..=max).contains(&desired) {
        let message =
            format!("Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}");
        return Err(invalid(message));
    }
    (group.min, group.max, group.desired) = (min, max, desired);
    let subnets = text(&call.params, "VPCZoneIdentifier");
    if !subnets.is_empty() {
        group.subnets = subnets.split(',').map(str::to_owned).collect();
    }
    Ok(json!({}))
}

/// Key, value and group of every tag in a request; all groups must exist.
fn wanted_tags(here: &Here<'_>, call: &Call) -> Result<Vec<Json>, Fault> {
    let tags = list(&call.params, "Tags");
    for tag in &tags {
        if !here.region.autoscaling.groups.contains_key(text(tag, "ResourceId")) {
            return Err(invalid("AutoScalingGroup name not found - null"));
        }
        if !matches!(text(tag, "ResourceType"), "" | "auto-scaling-group") {
            return Err(invalid("Resource type must be auto-scaling-group"));
        }
        if text(tag, "Key").is_empty() {
            return Err(invalid("Tag key must be between 1 and 128 characters"));
        }
        if text(tag, "Key").starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
    }
    Ok(tags)
}

fn tag(here: &mut Here<'_>, call: &Call) -> Answer {
    for tag in wanted_tags(here, call)? {
        let propagate = text(&tag, "PropagateAtLaunch") == "true";
        let entry = (text(&tag, "Value").to_owned(), propagate);
        find(here, text(&tag, "ResourceId"))?.tags.insert(text(&tag, "Key").to_owned(), entry);
    }
    Ok(json!({}))
}

fn untag(here: &mut Here<'_>, call: &Call) -> Answer {
    for tag in wanted_tags(here, call)? {
        find(here, text(&tag, "ResourceId"))?.tags.remove(text(&tag, "Key"));
    }
    Ok(json!({}))
}

fn tags(here: &mut Here<'_>, call: &Call) -> Answer {
    let filters = filters(call, &["auto-scaling-group", "key", "value", "propagate-at-launch"])?;
    let fits = |name: &str, key: &str, (value, propagate): &(String, bool)| {
        filters.iter().all(|(filter, values)| {
            let have = match filter.as_str() {
                "auto-scaling-group" => name,
                "key" => key,
                "value" => value,
                _ if *propagate => "true",
                _ => "false",
            };
            values.iter().any(|value| value == have)
        })
    };
    let groups = here.region.autoscaling.groups.iter();
    let found = groups
        .flat_map(|(name, group)| group.tags.iter().map(move |(key, tag)| (name, key, tag)))
        .filter(|(name, key, tag)| fits(name, key, tag))
        .map(|(name, key, tag)| (format!("{name}/{key}"), print_tag(name, key, tag)))
        .collect();
    let (tags, next) = page(call, found, 100)?;
    Ok(super::ec2::without_nulls(json!({ "Tags": tags, "NextToken": next })))
}
