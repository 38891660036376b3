//! Versions on offer: of the cluster, and of add-ons for one version of it.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types as sdk;

use super::Found;
use crate::cloud::{Cloud, failed};

/// Add-on versions for one Kubernetes version: one call, and one more for each further page of 100 add-ons.
pub(super) async fn addons(cloud: &Cloud, version: &str, wanted: &BTreeSet<&str>) -> Found {
    let call = cloud.eks.describe_addon_versions().kubernetes_version(version).max_results(100);
    let mut pages = call.into_paginator().send();
    let mut facts = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("eks:DescribeAddonVersions"))?;
        for addon in page.addons.unwrap_or_default() {
            if addon.addon_name().is_some_and(|name| wanted.contains(name)) {
                facts.extend(addon_facts(&addon, version));
            }
        }
    }
    Ok(facts)
}

/// Default, latest and all versions of one add-on that fit a Kubernetes version.
pub(super) fn addon_facts(addon: &sdk::AddonInfo, version: &str) -> BTreeMap<String, String> {
    let name = addon.addon_name().unwrap_or_default();
    let fitting = addon.addon_versions().iter().filter_map(|offer| {
        let fit = offer.compatibilities().iter().find(|fit| fit.cluster_version() == Some(version))?;
        Some((offer.addon_version()?.to_owned(), fit.default_version()))
    });
    let mut fitting: Vec<_> = fitting.collect();
    fitting.sort_by(|(one, _), (other, _)| newer(one, other));
    let mut facts = BTreeMap::new();
    if let Some((latest, _)) = fitting.first() {
        facts.insert(format!("addon/{name}/latest"), latest.clone());
    }
    if let Some((default, _)) = fitting.iter().find(|(_, default)| *default) {
        facts.insert(format!("addon/{name}/default"), default.clone());
    }
    let all: Vec<_> = fitting.into_iter().map(|(version, _)| version).collect();
    facts.insert(format!("addon/{name}/versions"), all.join(" "));
    facts
}

/// Orders versions newest first: their numbers decide, `v1.20.4-eksbuild.10` before `v1.20.4-eksbuild.9`.
#[must_use]
pub fn newer(one: &str, other: &str) -> Ordering {
    let numbers = |version: &str| {
        let parts = version.split(|letter: char| !letter.is_ascii_digit()).filter(|part| !part.is_empty());
        parts.map(|part| part.parse::<u64>().unwrap_or(u64::MAX)).collect::<Vec<_>>()
    };
    numbers(other).cmp(&numbers(one)).then_with(|| other.cmp(one))
}

/// The versions EKS offers, and their calendar.
pub(super) async fn clusters(cloud: &Cloud) -> Found {
    let mut pages = cloud.eks.describe_cluster_versions().into_paginator().send();
    let mut facts = BTreeMap::new();
    let mut offered = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("eks:DescribeClusterVersions"))?;
        for found in page.cluster_versions.unwrap_or_default() {
            let Some(version) = found.cluster_version() else { continue };
            let status = found.version_status().map(sdk::VersionStatus::as_str);
            let status = status.or_else(|| found.status().map(sdk::ClusterVersionStatus::as_str));
            let status = status.unwrap_or_default().to_uppercase().replace('-', "_");
            if status != "UNSUPPORTED" {
                offered.push(version.to_owned());
            }
            let ends = [
                ("standardEnd", found.end_of_standard_support_date()),
                ("extendedEnd", found.end_of_extended_support_date()),
            ];
            for (what, date) in ends {
                if let Some(date) = date.and_then(|date| day(date.secs())) {
                    facts.insert(format!("cluster-version/{version}/{what}"), date);
                }
            }
            facts.insert(format!("cluster-version/{version}/status"), status);
        }
    }
    offered.sort_by(|one, other| newer(one, other));
    offered.dedup();
    facts.insert("cluster-versions".to_owned(), offered.join(" "));
    Ok(facts)
}

/// `YYYY-MM-DD`, UTC.
pub(super) fn day(seconds: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(seconds).ok()?;
    Some(time.strftime("%Y-%m-%d").to_string())
}
