//! What a destroy leaves behind: everything that still carries one of the environment's tags, found by each service's own
//! describe calls, never by the tagging index, which lags.

use super::look::kept;
use super::{Halt, Looked, World};
use crate::cloud::failed;
use crate::engine::{Failure, Ready, Swept, TAG_ENVIRONMENT, TAG_STACK};
use crate::resources;

/// Something that is still there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Leftover {
    /// For people: `KMS key`.
    pub noun: String,
    /// Its id.
    pub id: String,
    /// Why it stays, or by which tag it was found.
    pub why: String,
}

/// Looks for everything that is left: `(leftovers, kept on purpose)`.
pub(super) async fn audit(world: &World, looked: &Looked) -> Result<(Vec<Leftover>, Vec<Leftover>), Halt> {
    let (mut left, mut stays) = (Vec::new(), Vec::new());
    let kinds = crate::engine::read(&world.cloud, resources::KINDS, &looked.graph, &looked.owner, false).await;
    for (name, swept) in kinds {
        let noun = resources::about(&name).map_or(name.clone(), |kind| kind.noun.to_owned());
        let found = match swept {
            Swept::Known(found) => found,
            Swept::Unknown(failure) => return Err(failure.into()),
        };
        for live in found {
            let ours = live.tags.get(TAG_STACK) == Some(&looked.owner.stack);
            let shared = resources::about(&name).is_some_and(|kind| kind.custody == crate::engine::Custody::Shared);
            if !ours && !shared {
                continue;
            }
            let address =
                live.tags.get(crate::engine::TAG_RESOURCE).and_then(|text| crate::engine::Address::parse(text));
            if shared {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: "shared by the account".to_owned() });
            } else if address.is_some_and(|address| kept(&looked.spec, &address)) {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: "onDestroy: keep".to_owned() });
            } else if let Ready::Leaving(word) = live.ready {
                stays.push(Leftover { noun: noun.clone(), id: live.id, why: word });
            } else {
                left.push(Leftover { noun: noun.clone(), id: live.id, why: format!("tag {TAG_STACK}") });
            }
        }
    }
    left.extend(machines(world, looked).await?);
    left.sort();
    stays.sort();
    Ok((left, stays))
}

/// Instances, volumes, interfaces and security groups that EKS, Karpenter or a controller made for the cluster.
async fn machines(world: &World, looked: &Looked) -> Result<Vec<Leftover>, Failure> {
    use aws_sdk_ec2::types::{Filter, Tag};
    let ec2 = &world.cloud.ec2;
    let cluster = format!("kubernetes.io/cluster/{}", looked.spec.cluster.name);
    let mut found = Vec::new();
    let environment = &looked.owner.environment;
    let by_tag = [
        (Filter::builder().name("tag-key").values(&cluster).build(), format!("tag {cluster}")),
        (
            Filter::builder().name(format!("tag:{TAG_ENVIRONMENT}")).values(environment).build(),
            format!("tag {TAG_ENVIRONMENT}"),
        ),
    ];
    for (filter, why) in by_tag {
        // Another owner's environment of this name carries the same tag, and a stack tag of its own.
        let mut push = |noun: &str, id: Option<&str>, tags: &[Tag]| {
            let stack = tags.iter().find(|tag| tag.key() == Some(TAG_STACK)).and_then(Tag::value);
            if stack.is_some_and(|stack| stack != looked.owner.stack) {
                return;
            }
            let leftover = Leftover { noun: noun.to_owned(), id: id.unwrap_or_default().to_owned(), why: why.clone() };
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
