//! The end of what nobody else ends. A sweep takes only what is the cluster's by its tag *and* is in the environment's VPC
//! where it is in one at all: a tag can be copied.

use aws_sdk_ec2::types::{IpPermission, UserIdGroupPair};

use super::super::ec2_common::{filter, gone_is_done};
use super::{Found, Sort, Whose};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::engine::{Class, Failure, Read};

/// Ends one thing. One that is gone already is fine. An instance is asked to go; who needs it gone looks again.
///
/// # Errors
/// What AWS said; [`Class::Passing`] while something still hangs on it.
pub async fn end(cloud: &Cloud, found: &Found) -> Result<(), Failure> {
    let id = found.id.as_str();
    match found.sort {
        Sort::Instance => {
            let call = cloud.ec2.terminate_instances().instance_ids(id);
            gone_is_done(call.send().await.map_err(failed("ec2:TerminateInstances")))
        }
        Sort::ClassicBalancer => {
            let call = cloud.elb.delete_load_balancer().load_balancer_name(id);
            gone_is_done(call.send().await.map_err(failed("elasticloadbalancing:DeleteLoadBalancer")))
        }
        Sort::Balancer => {
            let call = cloud.elbv2.delete_load_balancer().load_balancer_arn(id);
            gone_is_done(call.send().await.map_err(failed("elasticloadbalancing:DeleteLoadBalancer")))
        }
        Sort::TargetGroup => {
            let call = cloud.elbv2.delete_target_group().target_group_arn(id);
            gone_is_done(call.send().await.map_err(failed("elasticloadbalancing:DeleteTargetGroup")))
        }
        Sort::SecurityGroup => {
            forget_group(cloud, id).await?;
            let call = cloud.ec2.delete_security_group().group_id(id);
            gone_is_done(call.send().await.map_err(failed("ec2:DeleteSecurityGroup")))
        }
        Sort::Interface => {
            let call = cloud.ec2.delete_network_interface().network_interface_id(id);
            gone_is_done(call.send().await.map_err(failed("ec2:DeleteNetworkInterface")))
        }
        Sort::LaunchTemplate => {
            let call = cloud.ec2.delete_launch_template().launch_template_id(id);
            gone_is_done(call.send().await.map_err(failed("ec2:DeleteLaunchTemplate")))
        }
        Sort::Profile => {
            if !found.state.is_empty() {
                let call = cloud.iam.remove_role_from_instance_profile();
                let call = call.instance_profile_name(id).role_name(&found.state);
                gone_is_none(call.send().await.map_err(failed("iam:RemoveRoleFromInstanceProfile")))?;
            }
            let call = cloud.iam.delete_instance_profile().instance_profile_name(id);
            gone_is_done(call.send().await.map_err(failed("iam:DeleteInstanceProfile")))
        }
        Sort::Volume => {
            let call = cloud.ec2.delete_volume().volume_id(id);
            gone_is_done(call.send().await.map_err(failed("ec2:DeleteVolume")))
        }
        Sort::Snapshot => Err(Failure::fatal("ec2:DeleteSnapshot", "snapshots are never deleted")),
    }
}

/// Takes back what other groups let a group do: a group that is named in a rule cannot go.
async fn forget_group(cloud: &Cloud, id: &str) -> Result<(), Failure> {
    let call = cloud.ec2.describe_security_groups().filters(filter("ip-permission.group-id", [id]));
    let pages = call.into_paginator().items().send();
    let groups: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))?;
    for group in groups.iter().filter(|group| group.group_id() != Some(id)) {
        let named = |permission: &&IpPermission| {
            permission.user_id_group_pairs().iter().any(|pair| pair.group_id() == Some(id))
        };
        let permissions = group.ip_permissions().iter().filter(named).map(|permission| {
            IpPermission::builder()
                .set_ip_protocol(permission.ip_protocol().map(str::to_owned))
                .set_from_port(permission.from_port())
                .set_to_port(permission.to_port())
                .user_id_group_pairs(UserIdGroupPair::builder().group_id(id).build())
                .build()
        });
        let call = cloud.ec2.revoke_security_group_ingress().set_group_id(group.group_id().map(str::to_owned));
        let sent = call.set_ip_permissions(Some(permissions.collect())).send().await;
        gone_is_done(sent.map_err(failed("ec2:RevokeSecurityGroupIngress")))?;
    }
    Ok(())
}

/// Which of these instances EC2 still knows as anything but terminated.
///
/// # Errors
/// When EC2 cannot be asked.
pub async fn standing(cloud: &Cloud, ids: &[String]) -> Read<Vec<String>> {
    /// Values that one filter takes ("Amazon EC2 API reference", Filter).
    const AT_ONCE: usize = 200;
    let mut there = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        // By a filter: an id that EC2 has forgotten is no error there.
        let call = cloud.ec2.describe_instances().filters(filter("instance-id", some.iter().cloned()));
        let mut pages = call.into_paginator().items().send();
        while let Some(reservation) = pages.next().await {
            let reservation = reservation.map_err(failed("ec2:DescribeInstances"))?;
            there.extend(reservation.instances().iter().filter_map(|instance| {
                let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
                if state == "terminated" { None } else { instance.instance_id().map(str::to_owned) }
            }));
        }
    }
    Ok(there)
}

/// Whether interfaces of load balancers are still in a VPC: they stay for up to a minute after their load balancer, and
/// hold subnets, security groups and the internet gateway.
///
/// # Errors
/// When EC2 cannot be asked.
pub async fn detached(cloud: &Cloud, whose: &Whose, balancers: &[Found]) -> Read<bool> {
    let Some(vpc) = &whose.vpc else { return Ok(true) };
    let words: Vec<String> = balancers.iter().filter_map(description).collect();
    if words.is_empty() {
        return Ok(true);
    }
    let filters = vec![filter("vpc-id", [vpc.as_str()]), filter("description", words)];
    let call = cloud.ec2.describe_network_interfaces().set_filters(Some(filters));
    let pages = call.into_paginator().items().send();
    let left: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeNetworkInterfaces"))?;
    Ok(left.is_empty())
}

/// What the interfaces of a load balancer are called.
fn description(balancer: &Found) -> Option<String> {
    match balancer.sort {
        Sort::ClassicBalancer => Some(format!("ELB {}", balancer.id)),
        Sort::Balancer => balancer.id.split_once(":loadbalancer/").map(|(_, name)| format!("ELB {name}")),
        _ => None,
    }
}

impl Found {
    /// Whether a sweep may end it at all: it is the cluster's by a tag of the cluster, it is in the environment's VPC if it is
    /// in one, and it is not one of those that EKS or the plan ends.
    #[must_use]
    pub fn sweepable(&self, whose: &Whose) -> bool {
        let of_cluster = !self.why.ends_with(crate::engine::TAG_ENVIRONMENT);
        let inside = match (&self.vpc, &whose.vpc) {
            (Some(vpc), Some(wanted)) => vpc == wanted,
            (Some(_), None) => false,
            (None, _) => true,
        };
        let kind = match self.sort {
            // Those of node groups are EKS's.
            Sort::Instance => self.tags.contains_key("karpenter.sh/nodepool"),
            Sort::SecurityGroup => {
                self.state.starts_with("k8s-elb-") || self.tags.contains_key("elbv2.k8s.aws/cluster")
            }
            Sort::Interface => self.state == "available",
            Sort::LaunchTemplate => self.tags.keys().any(|key| key.starts_with("karpenter.")),
            Sort::Volume => self.data(),
            Sort::Snapshot => false,
            Sort::ClassicBalancer | Sort::Balancer | Sort::TargetGroup | Sort::Profile => true,
        };
        of_cluster && inside && kind
    }
}

/// Whether trying again later makes sense.
#[must_use]
pub fn passing(failure: &Failure) -> bool {
    matches!(failure.class, Class::Passing | Class::Throttled | Class::Unknown)
}
