//! Amazon's own EKS images: AL2023, for both processors, of the Kubernetes versions EKS has. Which there are, the
//! public parameters of Systems Manager say.

use serde_json::{Value as Json, json};

use super::common::{self, Listing};
use crate::sandbox::aws::ssm;
use crate::sandbox::region::{Here, iso, texts};
use crate::sandbox::wire::{Answer, Call};

/// Who publishes the images (Amazon EKS optimized AMIs; GovCloud has its own).
fn owner(region: &str) -> &'static str {
    match region {
        "us-gov-west-1" => "013241004608",
        "us-gov-east-1" => "151742754352",
        _ => "602401143452",
    }
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
    let mut entries: Vec<Json> = ssm::releases(here.now)
        .filter(|_| shown)
        .map(|release| {
            let (id, name, version) = (release.image(here.name), release.name(), &release.minor);
            json!({
                "imageId": id,
                "imageLocation": format!("amazon/{name}"),
                "imageState": "available",
                "imageOwnerId": owner,
                "imageOwnerAlias": "amazon",
                "creationDate": iso(release.at),
                "isPublic": true,
                "architecture": release.architecture,
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
