//! Simulated AWS Systems Manager: the public parameters that name the EKS optimised AMIs, and
//! sessions. Source: the EKS user guide,
//! "Retrieve recommended Amazon Linux AMI IDs", and Karpenter's documentation of `amiSelectorTerms`.
//!
//! At AWS a new AMI release comes out every week or two. Here it is every second Wednesday, so that what is recommended
//! depends on the date as it does there; dates, patch levels and image ids are the sandbox's own.

mod session;

use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

pub use session::{SHELL, Session, State};

use crate::sandbox::aws::eks::patches;
use crate::sandbox::region::{Here, epoch, text, texts, unsupported};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

const ARCHITECTURES: &[&str] = &["x86_64", "arm64"];
const VARIANTS: &[&str] = &["standard", "nvidia", "neuron"];

const DAY: Millis = 86_400_000;

/// 2024-01-03, a Wednesday: releases come every 14 days from here on.
const FIRST: Millis = 1_704_240_000_000;

/// How many releases stay public: a year of them.
const KEPT: i64 = 26;

/// One AL2023 AMI that EKS publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// `1.36`.
    pub minor: String,
    /// The kubelet's version, `1.36.3`.
    pub patch: String,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// `standard`, `nvidia` or `neuron`.
    pub variant: &'static str,
    /// When it came out.
    pub at: Millis,
}

impl Release {
    /// `amazon-eks-node-al2023-x86_64-standard-1.36-v20261118`.
    #[must_use]
    pub fn name(&self) -> String {
        let Self { minor, architecture, variant, at, .. } = self;
        format!("amazon-eks-node-al2023-{architecture}-{variant}-{minor}-v{}", day(*at))
    }

    /// As node groups show it, `1.36.3-20261118`.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{}-{}", self.patch, day(self.at))
    }

    /// `ami-…`: the same in every sandbox, other in every region.
    #[must_use]
    pub fn image(&self, region: &str) -> String {
        let digest = hex::encode(Sha256::digest(format!("{region}/{}", self.name())));
        format!("ami-0{}", &digest[..16])
    }
}

/// Every release that is public at `now`, the newest first: the one list of images, for Systems Manager, EC2 and EKS.
pub fn releases(now: Millis) -> impl Iterator<Item = Release> {
    let newest = latest(now);
    (0..KEPT).map(move |back| newest - back * 14 * DAY).flat_map(|at| {
        patches().flat_map(move |(minor, patch)| {
            ARCHITECTURES.iter().flat_map(move |&architecture| {
                let (minor, patch) = (minor.clone(), patch.clone());
                VARIANTS.iter().map(move |&variant| Release {
                    minor: minor.clone(),
                    patch: patch.clone(),
                    architecture,
                    variant,
                    at,
                })
            })
        })
    })
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
    if parts.next()? != "amazon-linux-2023" {
        return None;
    }
    let (architecture, variant, which) = (parts.next()?, parts.next()?, parts.next()?);
    let mut fitting =
        releases(now).filter(|one| one.minor == minor && one.architecture == architecture && one.variant == variant);
    let release = fitting.find(|one| which == "recommended" || one.name() == which)?;
    let image = release.image(region);
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
    Some((value, release.at))
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
    if let Some(answer) = session::handle(here, call) {
        return answer;
    }
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
