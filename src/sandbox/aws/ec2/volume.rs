//! EBS volumes: root volumes of nodes.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, tag_set};
use crate::sandbox::region::{Here, iso};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call};

/// One volume.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Volume {
    /// GiB.
    pub size: u32,
    /// `gp3`
    pub kind: String,
    /// Operations a second.
    pub iops: Option<u32>,
    /// MiB a second.
    pub throughput: Option<u32>,
    /// Encrypted at rest.
    pub encrypted: bool,
    /// ARN of the key.
    pub kms_key: Option<String>,
    /// `us-east-1a`
    pub zone: String,
    /// When.
    pub created: Millis,
    /// `i-…` and device; nothing when it is detached.
    pub attached: Option<(String, String)>,
}

impl Volume {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        let attachment = self.attached.iter().map(|(instance, device)| {
            json!({
                "volumeId": id, "instanceId": instance, "device": device, "status": "attached",
                "attachTime": iso(self.created), "deleteOnTermination": true,
            })
        });
        json!({
            "volumeId": id,
            "size": self.size,
            "volumeType": self.kind,
            "iops": self.iops,
            "throughput": self.throughput,
            "encrypted": self.encrypted,
            "kmsKeyId": self.kms_key,
            "availabilityZone": self.zone,
            "status": if self.attached.is_some() { "in-use" } else { "available" },
            "createTime": iso(self.created),
            "multiAttachEnabled": false,
            "snapshotId": id.replace("vol-", "snap-"),
            "attachmentSet": attachment.collect::<Vec<_>>(),
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const VOLUMES: Listing = Listing {
        prefix: "vol",
        ids: "VolumeId",
        set: "volumeSet",
        id: "volumeId",
        filters: &[
            ("attachment.delete-on-termination", "attachmentSet.deleteOnTermination"),
            ("attachment.device", "attachmentSet.device"),
            ("attachment.instance-id", "attachmentSet.instanceId"),
            ("attachment.status", "attachmentSet.status"),
            ("availability-zone", "availabilityZone"),
            ("encrypted", "encrypted"),
            ("size", "size"),
            ("snapshot-id", "snapshotId"),
            ("status", "status"),
            ("volume-id", "volumeId"),
            ("volume-type", "volumeType"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let entries = here.region.ec2.volumes.iter().map(|(id, volume)| volume.print(here, id)).collect();
    common::describe(here, call, &VOLUMES, entries)
}
