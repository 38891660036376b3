//! EBS volumes: root volumes of nodes, and those that the CSI driver makes for claims.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Tags;
use super::common::{self, Listing, done, find, forget, need, tag_set};
use crate::sandbox::region::{Here, iso};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

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
                "attachTime": iso(self.created), "deleteOnTermination": root(here, instance, id),
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

/// Whether a volume goes with its instance: the root does, one that the CSI driver attached does not.
fn root(here: &Here<'_>, instance: &str, id: &str) -> bool {
    here.region.ec2.instances.get(instance).is_some_and(|instance| instance.volumes.iter().any(|volume| volume == id))
}

/// Makes a volume outside of an instance, as the CSI driver does.
pub fn make(here: &mut Here<'_>, volume: Volume, tags: Tags) -> String {
    let id = here.id("vol");
    let created = here.now;
    here.region.ec2.volumes.insert(id.clone(), Volume { created, ..volume });
    here.region.ec2.tags.insert(id.clone(), tags);
    id
}

pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let id = need(call, "VolumeId")?;
    let volume = find(&here.region.ec2.volumes, "vol", &id)?;
    if let Some((instance, _)) = &volume.attached {
        return Err(Fault::new("VolumeInUse", format!("Volume {id} is currently attached to {instance}")));
    }
    here.region.ec2.volumes.remove(&id);
    forget(&mut here.region.ec2, &id);
    done()
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
