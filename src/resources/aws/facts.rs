//! What AWS offers: zones, add-on versions, cluster versions, node releases. Read once a run, in parallel with the sweeps.
//!
//! A plan needs these only for choices: what is live overrules them through [`Live::facts`](crate::engine::Live::facts),
//! so that a choice made at creation stays.
//!
//! | key | text | read by |
//! |---|---|---|
//! | `zone/N` | AZ id, N from 1: the N-th of the zones listed in the file, else the N-th usable one by id | ec2:DescribeAvailabilityZones |
//! | `zones` | all usable AZ ids, sorted, with spaces between | same |
//! | `zone-name/ID` | the zone's name in this account: `us-east-1a` | same |
//! | `addon/NAME/default`, `addon/NAME/latest` | a version | eks:DescribeAddonVersions |
//! | `addon/NAME/versions` | all versions that fit, newest first, with spaces between | same |
//! | `cluster-version/V/status` | `STANDARD_SUPPORT`, `EXTENDED_SUPPORT`, `UNSUPPORTED` | eks:DescribeClusterVersions |
//! | `cluster-version/V/standardEnd`, `…/extendedEnd` | `YYYY-MM-DD` | same, else the embedded calendar |
//! | `cluster-versions` | versions on offer, newest first, with spaces between | same |
//! | `node-release/V/AMITYPE` | AL2023 release for the system nodes | ssm:GetParameter |
//! | `ami-alias/al2023/default` | the same release as an alias of Karpenter's, `al2023@v20261118` | same |
//! | `caller/principal` | ARN of who asks, as an access entry takes it | sts:GetCallerIdentity, iam:GetRole |
//!
//! A read that fails costs its own group of keys and nothing else: [`FactsRead::unknown`] says which and why.

pub mod calendar;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join5;

use crate::cloud::{Cloud, failed};
use crate::config::Spec;
use crate::config::spec::Zones;
use crate::engine::{Facts, Failure};

use super::access_entry::CALLER;
use super::node_group::{ami_type, is_arm, release_fact};
use crate::resources::k8s::node_class::default_fact;

pub use versions::newer;

/// IAM actions of the reads in this room, for the roles that `bootstrap` makes.
pub const ACTIONS: &[&str] = &[
    "ec2:DescribeAvailabilityZones",
    "eks:DescribeAddonVersions",
    "eks:DescribeClusterVersions",
    "iam:GetRole",
    "ssm:GetParameter",
];

/// Zones in which EKS refuses to put a control plane's interfaces. Source: EKS User Guide, "View Amazon EKS networking
/// requirements for VPC and subnets".
pub const REFUSED_ZONES: [&str; 3] = ["use1-az3", "usw1-az2", "cac1-az3"];

/// A group of facts that come from one read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// `zone/…`
    Zones,
    /// `addon/…`
    Addons,
    /// `cluster-version/…`
    ClusterVersions,
    /// `node-release/…`
    NodeRelease,
    /// `caller/…`
    Caller,
}

impl Group {
    /// The group that a fact is in.
    #[must_use]
    pub fn of(fact: &str) -> Option<Self> {
        Some(match fact.split('/').next()? {
            "zone" | "zones" | "zone-name" => Self::Zones,
            "addon" => Self::Addons,
            "cluster-version" | "cluster-versions" => Self::ClusterVersions,
            "node-release" | "ami-alias" => Self::NodeRelease,
            "caller" => Self::Caller,
            _ => return None,
        })
    }
}

/// What was read, and what could not be.
#[derive(Clone, Debug, Default)]
pub struct FactsRead {
    /// What is known.
    pub facts: Facts,
    /// Why a group is not. The calendar of `ClusterVersions` is then the embedded one, without any status.
    pub unknown: BTreeMap<Group, Failure>,
}

/// What is known without AWS: the zones that the file names, and the embedded calendar.
#[must_use]
pub fn offline(spec: &Spec) -> Facts {
    let mut facts = calendar::facts();
    if let Zones::Ids(ids) = &spec.network.zones {
        facts.extend(ids.iter().zip(1..).map(|(id, number)| (format!("zone/{number}"), id.clone())));
    }
    Facts(facts)
}

/// Reads all facts, in parallel: four calls and the further pages of the add-on versions; one more where `caller`, the ARN
/// of who asks if that is of interest, is the session of a role.
pub async fn read(cloud: &Cloud, spec: &Spec, caller: Option<&str>) -> FactsRead {
    let version = spec.cluster.version.as_str();
    let (zones, addons, clusters, release, caller) = join5(
        zones(cloud, &spec.network.zones),
        versions::addons(cloud, version, &spec.addons.keys().map(String::as_str).collect()),
        versions::clusters(cloud),
        release(cloud, version, &spec.system_nodes.instance_type),
        async {
            match caller {
                Some(arn) => Ok(self::caller(cloud, arn).await?.into_iter().collect()),
                None => Ok(BTreeMap::new()),
            }
        },
    )
    .await;
    let mut read = FactsRead { facts: offline(spec), unknown: BTreeMap::new() };
    for (group, outcome) in [
        (Group::Zones, zones),
        (Group::Addons, addons),
        (Group::ClusterVersions, clusters),
        (Group::NodeRelease, release),
        (Group::Caller, caller),
    ] {
        match outcome {
            Ok(facts) => read.facts.0.extend(facts),
            Err(failure) => {
                read.unknown.insert(group, failure);
            }
        }
    }
    read
}

type Found = Result<BTreeMap<String, String>, Failure>;

/// Who asks, as an access entry takes it: the session of a role as the role, whose path only IAM knows. The account's root
/// can have no entry.
///
/// # Errors
/// If IAM does not say the role's path: without it the entry would be of a role that does not exist.
pub async fn caller(cloud: &Cloud, arn: &str) -> Result<Option<(String, String)>, Failure> {
    let principal = match arn.split_once(":assumed-role/") {
        Some((_, session)) => {
            let name = session.split('/').next().unwrap_or_default();
            let answer = cloud.iam.get_role().role_name(name).send().await.map_err(failed("iam:GetRole"))?;
            answer.role.map(|role| role.arn)
        }
        None => Some(arn.to_owned()).filter(|arn| !arn.ends_with(":root")),
    };
    Ok(principal.map(|principal| (CALLER.to_owned(), principal)))
}

async fn zones(cloud: &Cloud, wanted: &Zones) -> Found {
    let filter = |name: &str, value: &str| aws_sdk_ec2::types::Filter::builder().name(name).values(value).build();
    let call = cloud
        .ec2
        .describe_availability_zones()
        .filters(filter("opt-in-status", "opt-in-not-required"))
        .filters(filter("zone-type", "availability-zone"))
        .filters(filter("state", "available"));
    let answer = call.send().await.map_err(failed("ec2:DescribeAvailabilityZones"))?;
    let found = answer.availability_zones().iter();
    let found = found.filter_map(|zone| Some((zone.zone_id()?.to_owned(), zone.zone_name()?.to_owned())));
    Ok(choose_zones(found.collect(), wanted))
}

/// Zone facts out of the zones on offer, as `(id, name)`.
fn choose_zones(offered: BTreeMap<String, String>, wanted: &Zones) -> BTreeMap<String, String> {
    let usable: BTreeSet<_> = offered.keys().filter(|id| !REFUSED_ZONES.contains(&id.as_str())).cloned().collect();
    let chosen: Vec<_> = match wanted {
        Zones::Ids(ids) => ids.clone(),
        Zones::Count(count) => usable.iter().take(usize::from(*count)).cloned().collect(),
    };
    let mut facts: BTreeMap<_, _> =
        chosen.into_iter().zip(1..).map(|(id, number)| (format!("zone/{number}"), id)).collect();
    facts.insert("zones".to_owned(), usable.into_iter().collect::<Vec<_>>().join(" "));
    facts.extend(offered.into_iter().map(|(id, name)| (format!("zone-name/{id}"), name)));
    facts
}

/// The release of AL2023 that AWS recommends for a version. Source: EKS User Guide, "Retrieve recommended Amazon Linux AMI
/// IDs".
async fn release(cloud: &Cloud, version: &str, instance_type: &str) -> Found {
    let arch = if is_arm(instance_type) { "arm64" } else { "x86_64" };
    let name = format!(
        "/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/{arch}/standard/recommended/release_version"
    );
    let call = cloud.ssm.get_parameter().name(name);
    let answer = call.send().await.map_err(failed("ssm:GetParameter"))?;
    let release = answer.parameter.and_then(|parameter| parameter.value);
    let release = release.ok_or_else(|| Failure::fatal("ssm:GetParameter", "the parameter has no value"))?;
    // `1.36.3-20261118`: the date is what the alias is made of (Karpenter, "NodeClasses", amiSelectorTerms).
    let date = release.rsplit('-').next().filter(|date| date.len() == 8 && date.bytes().all(|c| c.is_ascii_digit()));
    let alias = date.map(|date| (default_fact("al2023"), format!("al2023@v{date}")));
    let release = (release_fact(version, ami_type(instance_type)), release);
    Ok(std::iter::once(release).chain(alias).collect())
}

#[cfg(test)]
mod tests;
