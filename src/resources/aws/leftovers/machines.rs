//! Instances, volumes, snapshots, interfaces, security groups and launch templates that EKS, Karpenter or a controller made.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use futures_util::FutureExt as _;

use super::super::ec2_common::{filter, tag_map};
use super::{Found, KEYS, Sort, Whose};
use crate::cloud::{Cloud, failed};
use crate::engine::{Address, Read, TAG_ENVIRONMENT, TAG_RESOURCE};

/// Two questions: no describe call can ask for this key *or* that key with that value. What others' clusters carry too is
/// left out by its value afterwards.
fn questions(whose: &Whose) -> [Filter; 2] {
    let keys = KEYS.iter().map(|key| (*key).to_owned()).chain([whose.cluster_tag()]);
    [filter("tag-key", keys), filter(format!("tag:{TAG_ENVIRONMENT}"), [whose.environment.as_str()])]
}

pub(super) async fn find(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let asked = questions(whose);
    // Each on the heap: an SDK call's future is large, and these are a dozen.
    let each = asked.iter().flat_map(|filter| {
        [
            instances(cloud, filter).boxed_local(),
            volumes(cloud, filter).boxed_local(),
            snapshots(cloud, filter).boxed_local(),
            interfaces(cloud, filter).boxed_local(),
            groups(cloud, filter).boxed_local(),
            templates(cloud, filter).boxed_local(),
        ]
    });
    let found: Vec<Vec<Found>> = futures_util::future::try_join_all(each).await?;
    Ok(ours(whose, found))
}

/// Security groups alone.
pub(super) async fn find_groups(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let asked = questions(whose);
    let each = asked.iter().map(|filter| groups(cloud, filter).boxed_local());
    Ok(ours(whose, futures_util::future::try_join_all(each).await?))
}

/// Those that belong, with the reason.
fn ours(whose: &Whose, found: Vec<Vec<Found>>) -> Vec<Found> {
    let mut kept: Vec<Found> = Vec::new();
    for mut one in found.into_iter().flatten() {
        let Some(why) = whose.reason(&one.tags) else { continue };
        one.why = why;
        kept.push(one);
    }
    kept
}

/// Something found, still without the reason.
pub(super) fn found(sort: Sort, id: Option<&str>, tags: BTreeMap<String, String>) -> Found {
    let id = id.unwrap_or_default().to_owned();
    Found { sort, id, why: String::new(), vpc: None, state: String::new(), gib: None, tags }
}

async fn instances(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let mut all = Vec::new();
    let mut pages = cloud.ec2.describe_instances().filters(filter.clone()).into_paginator().items().send();
    while let Some(reservation) = pages.next().await {
        let reservation = reservation.map_err(failed("ec2:DescribeInstances"))?;
        all.extend(reservation.instances().iter().filter_map(|instance| {
            let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
            (state != "terminated").then(|| Found {
                vpc: instance.vpc_id().map(str::to_owned),
                state: state.to_owned(),
                ..found(Sort::Instance, instance.instance_id(), tag_map(instance.tags()))
            })
        }));
    }
    Ok(all)
}

async fn volumes(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let pages = cloud.ec2.describe_volumes().filters(filter.clone()).into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeVolumes"))?;
    let volumes = all.iter().map(|volume| Found {
        state: volume.state().map_or("", |state| state.as_str()).to_owned(),
        gib: volume.size(),
        ..found(Sort::Volume, volume.volume_id(), tag_map(volume.tags()))
    });
    Ok(volumes.collect())
}

async fn snapshots(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let call = cloud.ec2.describe_snapshots().owner_ids("self").filters(filter.clone());
    let pages = call.into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeSnapshots"))?;
    let snapshots = all.iter().map(|snapshot| Found {
        state: snapshot.state().map_or("", |state| state.as_str()).to_owned(),
        gib: snapshot.volume_size(),
        ..found(Sort::Snapshot, snapshot.snapshot_id(), tag_map(snapshot.tags()))
    });
    Ok(snapshots.collect())
}

async fn interfaces(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let pages = cloud.ec2.describe_network_interfaces().filters(filter.clone()).into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeNetworkInterfaces"))?;
    let interfaces = all.iter().map(|interface| Found {
        vpc: interface.vpc_id().map(str::to_owned),
        state: interface.status().map_or("", |status| status.as_str()).to_owned(),
        ..found(Sort::Interface, interface.network_interface_id(), tag_map(interface.tag_set()))
    });
    Ok(interfaces.collect())
}

async fn groups(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let pages = cloud.ec2.describe_security_groups().filters(filter.clone()).into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeSecurityGroups"))?;
    let groups = all.iter().map(|group| Found {
        vpc: group.vpc_id().map(str::to_owned),
        // By its name a controller's group is known.
        state: group.group_name().unwrap_or_default().to_owned(),
        ..found(Sort::SecurityGroup, group.group_id(), tag_map(group.tags()))
    });
    Ok(groups.collect())
}

/// Those of our own catalogue are the plan's business.
async fn templates(cloud: &Cloud, filter: &Filter) -> Read<Vec<Found>> {
    let pages = cloud.ec2.describe_launch_templates().filters(filter.clone()).into_paginator().items().send();
    let all: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("ec2:DescribeLaunchTemplates"))?;
    let templates =
        all.iter().map(|template| found(Sort::LaunchTemplate, template.launch_template_id(), tag_map(template.tags())));
    let planned = |one: &Found| one.tags.get(TAG_RESOURCE).is_some_and(|address| Address::parse(address).is_some());
    Ok(templates.filter(|template| !planned(template)).collect())
}
