//! Security groups. Every VPC has a `default` one; EKS makes one for every cluster.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, born, dependent, done, ended, find, forget, invalid, need, tag_set, tags_of};
use super::security_group_rule::{Peer, Rule, described};
use super::{State, Tags, vpc};
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One security group. Its rules are kept apart, by their own ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Unique in the VPC.
    pub name: String,
    /// Cannot be changed.
    pub description: String,
    /// `vpc-…`
    pub vpc: String,
}

/// Rules as DescribeSecurityGroups groups them: one entry per protocol and ports.
pub(super) fn permissions(here: &Here<'_>, rules: &[&Rule]) -> Json {
    let mut sets: Vec<(&Rule, Vec<&Rule>)> = Vec::new();
    for rule in rules {
        match sets.iter_mut().find(|(first, _)| first.traffic() == rule.traffic()) {
            Some((_, members)) => members.push(rule),
            None => sets.push((rule, vec![rule])),
        }
    }
    let set = |(first, members): (&Rule, Vec<&Rule>)| {
        let (mut blocks, mut blocks6, mut groups, mut lists) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for rule in members {
            let description = (!rule.description.is_empty()).then_some(&rule.description);
            match &rule.peer {
                Peer::Ipv4(block) => blocks.push(json!({ "cidrIp": block, "description": description })),
                Peer::Ipv6(block) => blocks6.push(json!({ "cidrIpv6": block, "description": description })),
                Peer::Group(id) => {
                    groups.push(json!({ "groupId": id, "userId": here.account, "description": description }));
                }
                Peer::List(id) => lists.push(json!({ "prefixListId": id, "description": description })),
            }
        }
        json!({
            "ipProtocol": first.protocol,
            "fromPort": first.from_port,
            "toPort": first.to_port,
            "ipRanges": blocks,
            "ipv6Ranges": blocks6,
            "groups": groups,
            "prefixListIds": lists,
        })
    };
    sets.into_iter().map(set).collect()
}

impl SecurityGroup {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let rules = |egress: bool| {
            let rules = here.region.ec2.rules.values();
            permissions(here, &rules.filter(|rule| rule.group == id && rule.egress == egress).collect::<Vec<_>>())
        };
        json!({
            "groupId": id,
            "groupName": self.name,
            "groupDescription": self.description,
            "ownerId": here.account,
            "vpcId": self.vpc,
            "securityGroupArn": here.arn("ec2", &format!("security-group/{id}")),
            "ipPermissions": rules(false),
            "ipPermissionsEgress": rules(true),
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// Makes a group with the rule every group is born with: all traffic out.
fn make(here: &mut Here<'_>, name: &str, description: &str, vpc: &str, tags: Tags) -> String {
    let id = here.id("sg");
    let group = SecurityGroup { name: name.to_owned(), description: description.to_owned(), vpc: vpc.to_owned() };
    here.region.ec2.security_groups.insert(id.clone(), group);
    let rule = here.id("sgr");
    let out = Rule::all(&id, true, Peer::Ipv4("0.0.0.0/0".to_owned()));
    here.region.ec2.rules.insert(rule, out);
    let now = here.now;
    born(here, &id, tags, &[vpc], now);
    id
}

fn admit_itself(here: &mut Here<'_>, id: &str) {
    let rule = here.id("sgr");
    here.region.ec2.rules.insert(rule, Rule::all(id, false, Peer::Group(id.to_owned())));
}

/// The group that comes with a VPC: its members may talk to each other.
pub(super) fn create_default(here: &mut Here<'_>, vpc: &str) {
    let id = make(here, "default", "default VPC security group", vpc, Tags::new());
    admit_itself(here, &id);
}

/// The group that EKS makes for a cluster: `eks-cluster-sg-NAME-DIGITS`, members may talk to each other, tagged as EKS
/// tags it (View Amazon EKS security group requirements).
pub fn create_cluster(here: &mut Here<'_>, cluster: &str, vpc: &str) -> String {
    let name = format!("eks-cluster-sg-{cluster}-{}", here.letters("0123456789", 10));
    let tags = Tags::from([
        ("Name".to_owned(), name.clone()),
        ("aws:eks:cluster-name".to_owned(), cluster.to_owned()),
        (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
    ]);
    let description = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.";
    let id = make(here, &name, description, vpc, tags);
    admit_itself(here, &id);
    id
}

/// Removes the group that EKS made for a cluster.
///
/// # Errors
/// `DependencyViolation` while something uses it: EKS then leaves it behind.
pub fn remove_cluster(here: &mut Here<'_>, id: &str) -> Result<(), Fault> {
    if here.region.ec2.security_groups.contains_key(id) { end(here, id) } else { Ok(()) }
}

/// The group that a controller makes for a load balancer, which `nodes` then lets in.
pub(in crate::sandbox::aws) fn create_balancer(
    here: &mut Here<'_>,
    name: &str,
    description: &str,
    nodes: &str,
    tags: Tags,
) -> Option<String> {
    let vpc = here.region.ec2.security_groups.get(nodes)?.vpc.clone();
    let id = make(here, name, description, &vpc, tags);
    let rule = here.id("sgr");
    let inward =
        Rule { description: format!("{name} may reach the nodes"), ..Rule::all(nodes, false, Peer::Group(id.clone())) };
    here.region.ec2.rules.insert(rule, inward);
    Some(id)
}

/// Removes the group of a load balancer, and the rules of other groups that let it in.
///
/// # Errors
/// `DependencyViolation` while an interface is in it; the rules are gone then.
pub(in crate::sandbox::aws) fn remove_balancer(here: &mut Here<'_>, id: &str) -> Result<(), Fault> {
    let state = &mut here.region.ec2;
    let admits = |rule: &Rule| rule.group != id && matches!(&rule.peer, Peer::Group(peer) if peer == id);
    let rules: Vec<String> =
        state.rules.iter().filter(|(_, rule)| admits(rule)).map(|(rule, _)| rule.clone()).collect();
    for rule in rules {
        state.rules.remove(&rule);
        forget(state, &rule);
    }
    if here.region.ec2.security_groups.contains_key(id) { end(here, id) } else { Ok(()) }
}

/// Forgets a group and its rules.
pub(super) fn remove(state: &mut State, id: &str) {
    let rules: Vec<String> =
        state.rules.iter().filter(|(_, rule)| rule.group == id).map(|(id, _)| id.clone()).collect();
    for rule in rules {
        state.rules.remove(&rule);
        forget(state, &rule);
    }
    state.security_groups.remove(id);
    forget(state, id);
}

fn end(here: &mut Here<'_>, id: &str) -> Result<(), Fault> {
    let state = &mut here.region.ec2;
    let group = find(&state.security_groups, "sg", id)?;
    let (name, vpc) = (group.name.clone(), group.vpc.clone());
    if name == "default" {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(Fault::new("CannotDelete", message));
    }
    let referenced = |rule: &Rule| rule.group != id && matches!(&rule.peer, Peer::Group(peer) if peer == id);
    let in_use = state.network_interfaces.values().any(|interface| interface.groups.iter().any(|group| group == id))
        || state.endpoints.values().any(|endpoint| endpoint.groups.iter().any(|group| group == id));
    if in_use || state.rules.values().any(referenced) {
        return Err(dependent(format!("resource {id} has a dependent object")));
    }
    remove(state, id);
    let now = here.now;
    ended(here, id, &[&vpc], now);
    Ok(())
}

pub(super) fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let tags = tags_of(call, "security-group")?;
    let (name, description, vpc_id) = (need(call, "GroupName")?, need(call, "GroupDescription")?, need(call, "VpcId")?);
    if name.starts_with("sg-") {
        return Err(invalid(format!(
            "Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."
        )));
    }
    if name == "default" {
        return Err(Fault::new("InvalidGroup.Reserved", "The security group 'default' is reserved"));
    }
    if !described(&name) {
        return Err(invalid(format!(
            "Value ({name}) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."
        )));
    }
    if !described(&description) {
        return Err(invalid(format!(
            "Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported."
        )));
    }
    vpc::available(here, &vpc_id)?;
    let mut groups = here.region.ec2.security_groups.values();
    if groups.any(|group| group.vpc == vpc_id && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc_id}'");
        return Err(Fault::new("InvalidGroup.Duplicate", message));
    }
    let id = make(here, &name, &description, &vpc_id, tags);
    Ok(json!({
        "groupId": id,
        "securityGroupArn": here.arn("ec2", &format!("security-group/{id}")),
        "tagSet": tag_set(&here.region.ec2, &id),
    }))
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "GroupId")?;
    end(here, &id)?;
    let mut answer = done()?;
    answer["groupId"] = json!(id);
    Ok(answer)
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const GROUPS: Listing = Listing {
        prefix: "sg",
        ids: "GroupId",
        set: "securityGroupInfo",
        id: "groupId",
        filters: &[
            ("description", "groupDescription"),
            ("group-id", "groupId"),
            ("group-name", "groupName"),
            ("owner-id", "ownerId"),
            ("vpc-id", "vpcId"),
            ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
            ("ip-permission.from-port", "ipPermissions.fromPort"),
            ("ip-permission.group-id", "ipPermissions.groups.groupId"),
            ("ip-permission.ipv6-cidr", "ipPermissions.ipv6Ranges.cidrIpv6"),
            ("ip-permission.prefix-list-id", "ipPermissions.prefixListIds.prefixListId"),
            ("ip-permission.protocol", "ipPermissions.ipProtocol"),
            ("ip-permission.to-port", "ipPermissions.toPort"),
            ("egress.ip-permission.cidr", "ipPermissionsEgress.ipRanges.cidrIp"),
            ("egress.ip-permission.from-port", "ipPermissionsEgress.fromPort"),
            ("egress.ip-permission.group-id", "ipPermissionsEgress.groups.groupId"),
            ("egress.ip-permission.prefix-list-id", "ipPermissionsEgress.prefixListIds.prefixListId"),
            ("egress.ip-permission.protocol", "ipPermissionsEgress.ipProtocol"),
            ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let names = texts(&call.params, "GroupName");
    let groups = here.region.ec2.security_groups.iter();
    let entries: Vec<Json> = groups
        .filter(|(_, group)| names.is_empty() || names.contains(&group.name))
        .map(|(id, group)| group.print(here, id))
        .collect();
    if let Some(name) = names.iter().find(|name| entries.iter().all(|entry| text(entry, "groupName") != name.as_str()))
    {
        return Err(Fault::new("InvalidGroup.NotFound", format!("The security group '{name}' does not exist")));
    }
    common::describe(here, call, &GROUPS, entries)
}
