//! EBS snapshots: those that the CSI driver takes. Nothing here is taken by a caller.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{self, Listing, tag_set};
use crate::sandbox::region::{Here, iso, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call};

/// One snapshot.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// Of which volume, `vol-…`.
    pub volume: String,
    /// GiB.
    pub size: u32,
    /// Encrypted at rest.
    pub encrypted: bool,
    /// When it was begun.
    pub created: Millis,
}

impl Snapshot {
    fn print(&self, here: &Here<'_>, id: &str) -> Json {
        json!({
            "snapshotId": id,
            "volumeId": self.volume,
            "volumeSize": self.size,
            "encrypted": self.encrypted,
            "startTime": iso(self.created),
            "progress": "100%",
            "status": "completed",
            "ownerId": here.account,
            "description": "Created by AWS EBS CSI driver",
            "storageTier": "standard",
            "tagSet": tag_set(&here.region.ec2, id),
        })
    }
}

/// Snapshots of this account: others', which EC2 would list too when no owner is asked for, are none here.
pub(super) fn describe(here: &mut Here<'_>, call: &Call) -> Answer {
    const SNAPSHOTS: Listing = Listing {
        prefix: "snap",
        ids: "SnapshotId",
        set: "snapshotSet",
        id: "snapshotId",
        filters: &[
            ("description", "description"),
            ("encrypted", "encrypted"),
            ("owner-id", "ownerId"),
            ("snapshot-id", "snapshotId"),
            ("status", "status"),
            ("volume-id", "volumeId"),
            ("volume-size", "volumeSize"),
        ],
        pages: Some((5, 1000)),
    };
    let here = &*here;
    let owners = texts(&call.params, "Owner");
    let ours = owners.is_empty() || owners.iter().any(|owner| owner == "self" || owner == here.account);
    let entries = here.region.ec2.snapshots.iter().filter(|_| ours);
    common::describe(here, call, &SNAPSHOTS, entries.map(|(id, snapshot)| snapshot.print(here, id)).collect())
}
