//! What keeps a VPC or a subnet from going: taken away where it is an orphan of the cluster's, named where it is not.
//!
//! AWS says `DependencyViolation` and no more, so this looks.

use aws_sdk_ec2::types::{NetworkInterface, SecurityGroup, Tag};
use futures_util::future::{try_join_all, try_join5};

use super::cluster_security_group::TAG_CLUSTER;
use super::ec2_common::{filter, gone_is_done, tag_map};
use crate::cloud::{Cloud, failed};
use crate::engine::{Cx, Failure, Read, TAG_STACK};

/// What the VPC CNI calls the interfaces it attaches to nodes. They are not deleted with their node: a node that ends before
/// the CNI has cleaned up leaves them behind, `available`, in the way of their subnet ("Troubleshooting", amazon-vpc-cni-k8s).
const CNI_INTERFACE: &str = "aws-K8S-";
/// Names in one sentence.
const SHOWN: usize = 5;

/// The failure with what was found in its words, or with why that could not be seen or ended: the delete is what was asked.
pub(super) fn named(failure: Failure, found: Read<Vec<String>>) -> Failure {
    let held = match found {
        Ok(held) if held.is_empty() => return failure,
        Ok(held) => held,
        Err(why) => return Failure { message: format!("{} What holds it: {why}", failure.message), ..failure },
    };
    let more = match held.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let names = held.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    Failure { message: format!("{} Held by {names}{more}.", failure.message), ..failure }
}

/// Takes orphaned interfaces out of a subnet that is about to go: nothing that is attached, and nothing of others. Answers
/// what else is in it.
pub(super) async fn of_subnet(world: &Cloud, subnet: &str) -> Read<Vec<String>> {
    let found = interfaces(world, "subnet-id", subnet).await?;
    let orphan = |interface: &&NetworkInterface| {
        let free = interface.status().is_some_and(|status| status.as_str() == "available");
        free && interface.description().is_some_and(|text| text.starts_with(CNI_INTERFACE))
    };
    let (orphans, others): (Vec<_>, Vec<_>) = found.iter().partition(orphan);
    let ends = orphans.iter().filter_map(|interface| interface.network_interface_id()).map(|id| async move {
        let call = world.ec2.delete_network_interface().network_interface_id(id).send().await;
        gone_is_done(call.map_err(failed("ec2:DeleteNetworkInterface")))
    });
    try_join_all(ends).await?;
    Ok(others.into_iter().map(interface).collect())
}

/// Takes orphaned security groups out of a VPC that is about to go, and answers what else is in it. EKS leaves a cluster's
/// group behind where an interface still used it as the cluster went; whether or not we came to tag it, no cluster can use
/// it in a VPC without subnets, and AWS refuses for one that is used.
pub(super) async fn of_vpc(world: &Cloud, cx: &Cx, vpc: &str) -> Read<Vec<String>> {
    let by = || filter("vpc-id", [vpc]);
    let subnets = world.ec2.describe_subnets().filters(by()).into_paginator().items().send();
    let groups = world.ec2.describe_security_groups().filters(by()).into_paginator().items().send();
    let endpoints = world.ec2.describe_vpc_endpoints().filters(by()).into_paginator().items().send();
    let attached = filter("attachment.vpc-id", [vpc]);
    let gateways = world.ec2.describe_internet_gateways().filters(attached).into_paginator().items().send();
    let (subnets, groups, endpoints, gateways, interfaces) = try_join5(
        async { subnets.collect::<Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSubnets")) },
        async { groups.collect::<Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeSecurityGroups")) },
        async { endpoints.collect::<Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeVpcEndpoints")) },
        async { gateways.collect::<Result<Vec<_>, _>>().await.map_err(failed("ec2:DescribeInternetGateways")) },
        interfaces(world, "vpc-id", vpc),
    )
    .await?;
    let groups = groups.iter().filter(|group| group.group_name() != Some("default"));
    let (orphans, others): (Vec<_>, Vec<_>) = groups.partition(|group| orphaned(cx, group.tags()));
    if subnets.is_empty() {
        try_join_all(orphans.iter().filter_map(|group| group.group_id()).map(|id| async move {
            let call = world.ec2.delete_security_group().group_id(id).send().await;
            gone_is_done(call.map_err(failed("ec2:DeleteSecurityGroup")))
        }))
        .await?;
    }
    let subnets = subnets.iter().filter_map(|subnet| Some(format!("subnet {}", subnet.subnet_id()?)));
    let endpoints =
        endpoints.iter().filter_map(|endpoint| Some(format!("VPC endpoint {}", endpoint.vpc_endpoint_id()?)));
    let gateways =
        gateways.iter().filter_map(|gateway| Some(format!("internet gateway {}", gateway.internet_gateway_id()?)));
    let held = subnets.chain(interfaces.iter().map(interface)).chain(others.into_iter().map(group));
    Ok(held.chain(endpoints).chain(gateways).collect())
}

fn orphaned(cx: &Cx, tags: &[Tag]) -> bool {
    let tags = tag_map(tags);
    tags.get(TAG_STACK) == Some(&cx.stack) || tags.contains_key(TAG_CLUSTER)
}

async fn interfaces(world: &Cloud, by: &str, id: &str) -> Read<Vec<NetworkInterface>> {
    let call = world.ec2.describe_network_interfaces().filters(filter(by, [id])).into_paginator().items().send();
    call.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeNetworkInterfaces"))
}

fn interface(one: &NetworkInterface) -> String {
    let about = one.description().filter(|text| !text.is_empty());
    let id = one.network_interface_id().unwrap_or_default();
    about.map_or_else(|| format!("network interface {id}"), |about| format!("network interface {id} ({about})"))
}

fn group(one: &SecurityGroup) -> String {
    format!("security group {} ({})", one.group_id().unwrap_or_default(), one.group_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Class;

    fn violation() -> Failure {
        let message = "The vpc 'vpc-1' has dependencies and cannot be deleted.".to_owned();
        let (call, code) = ("ec2:DeleteVpc".to_owned(), "DependencyViolation".to_owned());
        Failure { class: Class::Passing, call, code, message }
    }

    #[test]
    fn what_holds_it_is_named_and_no_more_than_fits_a_line() {
        let held = |count: usize| Ok((0..count).map(|number| format!("subnet subnet-{number}")).collect());
        let said = |count| named(violation(), held(count)).message;
        assert!(said(2).ends_with("cannot be deleted. Held by subnet subnet-0, subnet subnet-1."), "{}", said(2));
        assert!(said(7).ends_with("subnet subnet-4 and 2 more."), "{}", said(7));
        assert_eq!(said(0), violation().message);
        let blind = named(violation(), Err(Failure::fatal("ec2:DescribeSubnets", "denied")));
        assert!(blind.message.ends_with("What holds it: ec2:DescribeSubnets: denied"), "{}", blind.message);
    }
}
