//! Load balancers of both generations, and target groups. Their lists have no filter and show no tags: all of the VPC are
//! asked for theirs, twenty in a call.

use std::collections::BTreeMap;

use super::machines::found;
use super::{Found, Sort, Whose};
use crate::cloud::{Cloud, failed};
use crate::engine::{Class, Failure, Read};

/// The most that DescribeTags takes, in both generations.
const AT_ONCE: usize = 20;

pub(super) async fn find(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let (classic, second) = futures_util::try_join!(Box::pin(classic(cloud, whose)), Box::pin(second(cloud, whose)))?;
    let all = classic.into_iter().chain(second);
    let ours = all.filter_map(|mut one| {
        one.why = whose.reason(&one.tags)?;
        Some(one)
    });
    Ok(ours.collect())
}

fn here(whose: &Whose, vpc: Option<&str>) -> bool {
    whose.vpc.as_deref().is_none_or(|wanted| vpc == Some(wanted))
}

/// One of those asked for has gone meanwhile: the whole call fails then, and each is asked for by itself.
fn vanished(failure: &Failure) -> bool {
    failure.class == Class::Gone
}

async fn classic(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let pages = cloud.elb.describe_load_balancers().into_paginator().items().send();
    let listed = pages.collect::<Result<Vec<_>, _>>().await;
    let listed = listed.map_err(failed("elasticloadbalancing:DescribeLoadBalancers"))?;
    let mut all = Vec::new();
    for some in listed.iter().filter(|one| here(whose, one.vpc_id())).collect::<Vec<_>>().chunks(AT_ONCE) {
        let names: Vec<String> = some.iter().filter_map(|one| one.load_balancer_name().map(str::to_owned)).collect();
        let tags = classic_tags(cloud, &names).await?;
        for one in some {
            let name = one.load_balancer_name().unwrap_or_default();
            let Some(tags) = tags.get(name) else { continue };
            let vpc = one.vpc_id().map(str::to_owned);
            all.push(Found { vpc, ..found(Sort::ClassicBalancer, Some(name), tags.clone()) });
        }
    }
    Ok(all)
}

type TagsOf = BTreeMap<String, BTreeMap<String, String>>;

async fn classic_tags(cloud: &Cloud, names: &[String]) -> Read<TagsOf> {
    let call = cloud.elb.describe_tags().set_load_balancer_names(Some(names.to_vec()));
    let answer = match call.send().await.map_err(failed("elasticloadbalancing:DescribeTags")) {
        Ok(answer) => answer,
        Err(failure) if vanished(&failure) && names.len() > 1 => {
            let mut tags = TagsOf::new();
            for name in names {
                tags.extend(Box::pin(classic_tags(cloud, std::slice::from_ref(name))).await?);
            }
            return Ok(tags);
        }
        Err(failure) if vanished(&failure) => return Ok(TagsOf::new()),
        Err(failure) => return Err(failure),
    };
    let described = answer.tag_descriptions().iter().map(|one| {
        let tags = one.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().unwrap_or_default().to_owned()));
        (one.load_balancer_name().unwrap_or_default().to_owned(), tags.collect())
    });
    Ok(described.collect())
}

async fn second(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let balancers = async {
        let pages = cloud.elbv2.describe_load_balancers().into_paginator().items().send();
        let listed = pages.collect::<Result<Vec<_>, _>>().await;
        listed.map_err(failed("elasticloadbalancing:DescribeLoadBalancers"))
    };
    let groups = async {
        let pages = cloud.elbv2.describe_target_groups().into_paginator().items().send();
        let listed = pages.collect::<Result<Vec<_>, _>>().await;
        listed.map_err(failed("elasticloadbalancing:DescribeTargetGroups"))
    };
    let (balancers, groups) = futures_util::try_join!(Box::pin(balancers), Box::pin(groups))?;
    let balancers = balancers.iter().map(|one| (Sort::Balancer, one.load_balancer_arn(), one.vpc_id()));
    let groups = groups.iter().map(|one| (Sort::TargetGroup, one.target_group_arn(), one.vpc_id()));
    let listed: Vec<_> = balancers.chain(groups).filter(|(_, _, vpc)| here(whose, *vpc)).collect();
    let mut all = Vec::new();
    for some in listed.chunks(AT_ONCE) {
        let arns: Vec<String> = some.iter().filter_map(|(_, arn, _)| arn.map(str::to_owned)).collect();
        let tags = second_tags(cloud, &arns).await?;
        for (sort, arn, vpc) in some {
            let Some(tags) = tags.get(arn.unwrap_or_default()) else { continue };
            all.push(Found { vpc: vpc.map(str::to_owned), ..found(*sort, *arn, tags.clone()) });
        }
    }
    Ok(all)
}

async fn second_tags(cloud: &Cloud, arns: &[String]) -> Read<TagsOf> {
    let call = cloud.elbv2.describe_tags().set_resource_arns(Some(arns.to_vec()));
    let answer = match call.send().await.map_err(failed("elasticloadbalancing:DescribeTags")) {
        Ok(answer) => answer,
        Err(failure) if vanished(&failure) && arns.len() > 1 => {
            let mut tags = TagsOf::new();
            for arn in arns {
                tags.extend(Box::pin(second_tags(cloud, std::slice::from_ref(arn))).await?);
            }
            return Ok(tags);
        }
        Err(failure) if vanished(&failure) => return Ok(TagsOf::new()),
        Err(failure) => return Err(failure),
    };
    let described = answer.tag_descriptions().iter().map(|one| {
        let tags = one.tags().iter();
        let tags =
            tags.map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()));
        (one.resource_arn().unwrap_or_default().to_owned(), tags.collect())
    });
    Ok(described.collect())
}
