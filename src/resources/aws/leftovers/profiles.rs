//! Instance profiles that Karpenter made: since 1.7 under a path of the region and the cluster (karpenter-provider-aws,
//! `pkg/providers/instanceprofile`). Older ones have no path and hold the node role, which takes them along when it ends.

use std::collections::BTreeMap;

use super::machines::found;
use super::{Found, Sort, Whose};
use crate::cloud::{Cloud, failed};
use crate::engine::Read;

/// The path of a cluster's profiles.
fn path(cloud: &Cloud, whose: &Whose) -> String {
    format!("/karpenter/{}/{}/", cloud.region, whose.cluster)
}

pub(super) async fn find(cloud: &Cloud, whose: &Whose) -> Read<Vec<Found>> {
    let path = path(cloud, whose);
    let pages = cloud.iam.list_instance_profiles().path_prefix(&path).into_paginator().items().send();
    let listed: Vec<_> = pages.collect::<Result<_, _>>().await.map_err(failed("iam:ListInstanceProfiles"))?;
    let profiles = listed.iter().map(|profile| Found {
        why: format!("path {path}"),
        // The role in it: what a delete has to take out first.
        state: profile.roles().first().map_or("", |role| role.role_name()).to_owned(),
        ..found(Sort::Profile, Some(profile.instance_profile_name()), BTreeMap::new())
    });
    Ok(profiles.collect())
}
