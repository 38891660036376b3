//! Simulated AWS Systems Manager: the public parameters that name the EKS optimised AMIs. Source: the EKS user guide,
//! "Retrieve recommended Amazon Linux AMI IDs", and Karpenter's documentation of `amiSelectorTerms`.
//!
//! At AWS a new AMI release comes out every week or two. Here it is every second Wednesday, so that what is recommended
//! depends on the date as it does there; dates, patch levels and image ids are the sandbox's own.

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use crate::sandbox::region::{Here, epoch, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// Kubernetes minors with an AL2023 AMI, and the patch that its kubelet has here: a stand-in, AWS's moves.
const MINORS: &[(&str, u32)] = &[("1.31", 14), ("1.32", 11), ("1.33", 8), ("1.34", 6), ("1.35", 4), ("1.36", 1)];

const ARCHITECTURES: &[&str] = &["x86_64", "arm64"];
const VARIANTS: &[&str] = &["standard", "nvidia", "neuron"];

const DAY: Millis = 86_400_000;

/// 2024-01-03, a Wednesday: releases come every 14 days from here on.
const FIRST: Millis = 1_704_240_000_000;

/// One AMI release: Kubernetes minor, architecture, variant and the date it carries.
struct Release<'a> {
    minor: &'a str,
    patch: u32,
    architecture: &'a str,
    variant: &'a str,
    /// `20261118`.
    date: String,
}

impl Release<'_> {
    fn name(&self) -> String {
        let Self { minor, architecture, variant, date, .. } = self;
        format!("amazon-eks-node-al2023-{architecture}-{variant}-{minor}-v{date}")
    }

    fn version(&self) -> String {
        format!("{}.{}-{}", self.minor, self.patch, self.date)
    }
}

/// The image id of an AMI name: the same in every sandbox, other in every region.
#[must_use]
pub fn image_id(region: &str, name: &str) -> String {
    let digest = hex::encode(Sha256::digest(format!("{region}/{name}")));
    format!("ami-0{}", &digest[..16])
}

/// `20261118`: the release that is recommended at `now`.
#[must_use]
pub fn release_date(now: Millis) -> String {
    day(latest(now))
}

/// The name of the recommended AL2023 AMI, and its release version as node groups show it: `(name, "1.36.1-20261118")`.
#[must_use]
pub fn recommended(minor: &str, architecture: &str, now: Millis) -> Option<(String, String)> {
    let (minor, patch) = MINORS.iter().find(|row| row.0 == minor)?;
    let architecture = ARCHITECTURES.iter().find(|known| **known == architecture)?;
    let release = Release { minor, patch: *patch, architecture, variant: "standard", date: release_date(now) };
    Some((release.name(), release.version()))
}

fn latest(now: Millis) -> Millis {
    FIRST + (now - FIRST).max(0) / (14 * DAY) * 14 * DAY
}

fn day(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map(|time| time.strftime("%Y%m%d").to_string()).unwrap_or_default()
}

/// Value and the moment it was set, of a parameter that exists.
///
/// `/aws/service/eks/optimized-ami/1.36/amazon-linux-2023/x86_64/standard/recommended[/image_id|/release_version|/image_name]`;
/// with an AMI name instead of `recommended`, as Karpenter asks for `al2023@v20261118`, the same for that release.
fn lookup(region: &str, now: Millis, path: &str) -> Option<(String, Millis)> {
    let mut parts = path.strip_prefix("/aws/service/eks/optimized-ami/")?.split('/');
    let minor = parts.next()?;
    let (minor, patch) = MINORS.iter().find(|row| row.0 == minor)?;
    if parts.next()? != "amazon-linux-2023" {
        return None;
    }
    let architecture = parts.next()?;
    let variant = parts.next()?;
    if !ARCHITECTURES.contains(&architecture) || !VARIANTS.contains(&variant) {
        return None;
    }
    let which = parts.next()?;
    let mut at = latest(now);
    let release = |at: Millis| Release { minor, patch: *patch, architecture, variant, date: day(at) };
    if which != "recommended" {
        // The last 26 releases stay: a year.
        at = (0..26).map(|back| at - back * 14 * DAY).find(|at| release(*at).name() == which)?;
    }
    let release = release(at);
    let image = image_id(region, &release.name());
    let value = match (parts.next(), parts.next()) {
        (Some("image_id"), None) => image,
        (Some("image_name"), None) => release.name(),
        (Some("release_version"), None) => release.version(),
        (None, None) => json!({
            "schema_version": "2",
            "image_id": image,
            "image_name": release.name(),
            "release_version": release.version(),
        })
        .to_string(),
        _ => return None,
    };
    Some((value, at))
}

fn parameter(here: &Here<'_>, name: &str) -> Option<Json> {
    let (value, at) = lookup(here.name, here.now, name)?;
    Some(json!({
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": (at - FIRST) / (14 * DAY) + 1,
        "LastModifiedDate": epoch(at),
        "ARN": format!("arn:{}:ssm:{}::parameter{name}", here.partition(), here.name),
        "DataType": if name.ends_with("image_id") { "aws:ec2:image" } else { "text" },
    }))
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetParameter" => {
            let name = text(&call.params, "Name");
            let found = parameter(here, name)
                .ok_or_else(|| Fault::new("ParameterNotFound", format!("Parameter {name} not found.")))?;
            Ok(json!({ "Parameter": found }))
        }
        "GetParameters" => {
            let names = texts(&call.params, "Names");
            if names.is_empty() || names.len() > 10 {
                return Err(Fault::new("ValidationException", "Names must have 1 to 10 members"));
            }
            let (mut found, mut odd) = (Vec::new(), Vec::new());
            for name in names {
                match parameter(here, &name) {
                    Some(one) => found.push(one),
                    None => odd.push(name),
                }
            }
            Ok(json!({ "Parameters": found, "InvalidParameters": odd }))
        }
        other => Err(unsupported("ssm", other)),
    }
}

#[cfg(test)]
mod tests;
