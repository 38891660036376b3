//! What is looked for when an environment has ended: things that were made for its cluster by others than us.

use aws_sdk_ec2::types::Tag;

use super::ec2_common::filter;
use crate::cloud::{Cloud, failed};
use crate::engine::{Read, TAG_ENVIRONMENT, TAG_STACK};

/// Instances, volumes, interfaces and security groups that EKS, Karpenter or a controller made for the cluster.
///
/// # Errors
/// If one of the lists cannot be read to its end.
pub async fn machines(
    cloud: &Cloud,
    cluster: &str,
    environment: &str,
    stack: &str,
) -> Read<Vec<(&'static str, String, String)>> {
    let ec2 = &cloud.ec2;
    let cluster = format!("kubernetes.io/cluster/{cluster}");
    let mut found = Vec::new();
    let by_tag = [
        (filter("tag-key", [cluster.as_str()]), format!("tag {cluster}")),
        (filter(format!("tag:{TAG_ENVIRONMENT}"), [environment]), format!("tag {TAG_ENVIRONMENT}")),
    ];
    for (filter, why) in by_tag {
        // Another owner's environment of this name carries the same tag, and a stack tag of its own.
        let mut push = |noun: &'static str, id: Option<&str>, tags: &[Tag]| {
            let theirs = tags.iter().find(|tag| tag.key() == Some(TAG_STACK)).and_then(Tag::value);
            if theirs.is_some_and(|theirs| theirs != stack) {
                return;
            }
            let leftover = (noun, id.unwrap_or_default().to_owned(), why.clone());
            if !found.contains(&leftover) {
                found.push(leftover);
            }
        };
        let mut pages = ec2.describe_instances().filters(filter.clone()).into_paginator().items().send();
        while let Some(reservation) = pages.next().await {
            let reservation = reservation.map_err(failed("ec2:DescribeInstances"))?;
            for instance in reservation.instances() {
                let gone =
                    instance.state().and_then(|state| state.name()).is_some_and(|name| name.as_str() == "terminated");
                if !gone {
                    push("instance", instance.instance_id(), instance.tags());
                }
            }
        }
        let mut pages = ec2.describe_volumes().filters(filter.clone()).into_paginator().items().send();
        while let Some(volume) = pages.next().await {
            let volume = volume.map_err(failed("ec2:DescribeVolumes"))?;
            push("volume", volume.volume_id(), volume.tags());
        }
        let mut pages = ec2.describe_network_interfaces().filters(filter.clone()).into_paginator().items().send();
        while let Some(interface) = pages.next().await {
            let interface = interface.map_err(failed("ec2:DescribeNetworkInterfaces"))?;
            push("network interface", interface.network_interface_id(), interface.tag_set());
        }
        let mut pages = ec2.describe_security_groups().filters(filter).into_paginator().items().send();
        while let Some(group) = pages.next().await {
            let group = group.map_err(failed("ec2:DescribeSecurityGroups"))?;
            push("security group", group.group_id(), group.tags());
        }
    }
    Ok(found)
}
