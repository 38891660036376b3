//! Amazon's own EKS images: AL2023, for both processors, of the Kubernetes versions EKS has.

use serde_json::{Value as Json, json};

use super::common::{self, Listing, mark};
use crate::sandbox::region::{Here, texts};
use crate::sandbox::wire::{Answer, Call};

/// Kubernetes versions with images.
const VERSIONS: &[&str] = &["1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36"];

/// Releases, oldest first: date and time of creation.
const RELEASES: &[(&str, &str)] = &[
    ("v20260915", "2026-09-15T18:04:11.000Z"),
    ("v20261016", "2026-10-16T17:31:52.000Z"),
    ("v20261113", "2026-11-13T19:12:08.000Z"),
];

/// The newest release of the images, `v20261113`.
#[must_use]
pub fn newest_release() -> &'static str {
    RELEASES.last().map_or("", |release| release.0)
}

/// Who publishes the images (Amazon EKS optimized AMIs; GovCloud has its own).
fn owner(region: &str) -> &'static str {
    match region {
        "us-gov-west-1" => "013241004608",
        "us-gov-east-1" => "151742754352",
        _ => "602401143452",
    }
}

/// `amazon-eks-node-al2023-x86_64-standard-1.33-v20261113`
fn name(version: &str, architecture: &str, release: &str) -> String {
    format!("amazon-eks-node-al2023-{architecture}-standard-{version}-{release}")
}

fn id_of(region: &str, name: &str) -> String {
    format!("ami-0{:016x}", mark(&format!("{region}/{name}")))
}

/// The id of an image: `architecture` is `x86_64` or `arm64`. Nothing when there is no such image.
#[must_use]
pub fn eks_image(region: &str, version: &str, architecture: &str, release: &str) -> Option<String> {
    let known = VERSIONS.contains(&version)
        && matches!(architecture, "x86_64" | "arm64")
        && RELEASES.iter().any(|row| row.0 == release);
    known.then(|| id_of(region, &name(version, architecture, release)))
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const IMAGES: Listing = Listing {
        prefix: "ami",
        ids: "ImageId",
        set: "imagesSet",
        id: "imageId",
        filters: &[
            ("architecture", "architecture"),
            ("creation-date", "creationDate"),
            ("description", "description"),
            ("image-id", "imageId"),
            ("image-type", "imageType"),
            ("is-public", "isPublic"),
            ("name", "name"),
            ("owner-alias", "imageOwnerAlias"),
            ("owner-id", "imageOwnerId"),
            ("root-device-type", "rootDeviceType"),
            ("state", "imageState"),
            ("virtualization-type", "virtualizationType"),
        ],
        pages: Some((1, 1000)),
    };
    let (account, owner) = (here.account, owner(here.name));
    let owners = texts(&call.params, "Owner");
    let wanted = |given: &String| given == owner || given == "amazon" || (given == "self" && account == owner);
    let shown = owners.is_empty() || owners.iter().any(wanted);
    let rows = VERSIONS.iter().flat_map(|version| RELEASES.iter().map(move |release| (version, release)));
    let mut entries: Vec<Json> = rows
        .flat_map(|(version, release)| ["x86_64", "arm64"].map(|architecture| (version, release, architecture)))
        .filter(|_| shown)
        .map(|(version, (release, created), architecture)| {
            let name = name(version, architecture, release);
            let id = id_of(here.name, &name);
            json!({
                "imageId": id,
                "imageLocation": format!("amazon/{name}"),
                "imageState": "available",
                "imageOwnerId": owner,
                "imageOwnerAlias": "amazon",
                "creationDate": created,
                "isPublic": true,
                "architecture": architecture,
                "imageType": "machine",
                "name": name,
                "description": format!("EKS-optimized Kubernetes node based on Amazon Linux 2023, (k8s: {version}, containerd: 2.1.*)"),
                "rootDeviceName": "/dev/xvda",
                "rootDeviceType": "ebs",
                "virtualizationType": "hvm",
                "hypervisor": "xen",
                "enaSupport": true,
                "imdsSupport": "v2.0",
                "platformDetails": "Linux/UNIX",
                "usageOperation": "RunInstances",
                "blockDeviceMapping": [{
                    "deviceName": "/dev/xvda",
                    "ebs": { "deleteOnTermination": true, "volumeSize": 20, "volumeType": "gp3", "encrypted": false,
                             "iops": 3000, "throughput": 125, "snapshotId": id.replace("ami-", "snap-") },
                }],
                "tagSet": [],
            })
        })
        .collect();
    entries.sort_by(|one, other| one["imageId"].as_str().cmp(&other["imageId"].as_str()));
    common::describe(here, call, &IMAGES, entries)
}
