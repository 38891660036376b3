//! Simulated Amazon S3: buckets, versions and conditional writes, as a lock and records need them. Source: the S3 API
//! reference and user guide ("Conditional requests", "How S3 Versioning works", "Bucket naming rules").
//!
//! S3 is strongly consistent, so nothing here takes time. A bucket policy is obeyed where it denies; what it grants to
//! others is not simulated, and neither are multipart uploads.

mod access;
mod buckets;
mod chunked;
mod listing;
mod objects;

pub(super) use access::action;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::region::{Here, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// The service's state.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// By name.
    pub buckets: BTreeMap<String, Bucket>,
}

/// One bucket.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// When it was made.
    pub created: Millis,
    /// `Enabled`, `Suspended`, or empty when it never was on.
    pub versioning: String,
    /// Configurations as sent (policy, encryption, …), by the query word that names them.
    pub settings: BTreeMap<String, String>,
    /// Versions by key, the newest last.
    pub objects: BTreeMap<String, Vec<Version>>,
}

/// One version of an object, or a delete marker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Version {
    /// `null` for objects of a bucket without versioning.
    pub id: String,
    /// A delete marker has no content.
    pub marker: bool,
    /// With its quotes; the MD5 of the content.
    pub etag: String,
    /// When it was written.
    pub modified: Millis,
    /// Base64.
    pub body: String,
    /// Length of the content in bytes.
    pub size: usize,
    /// `content-type` and `x-amz-meta-…`, lower-case.
    pub headers: BTreeMap<String, String>,
}

/// The value of a request header.
fn header<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn find<'a>(here: &'a mut Here<'_>, call: &Call) -> Result<&'a mut Bucket, Fault> {
    let name = text(&call.params, "Bucket");
    let bucket = here.region.s3.buckets.get_mut(name);
    bucket.ok_or_else(|| Fault::new("NoSuchBucket", "The specified bucket does not exist").status(404))
}

/// Answers one call.
///
/// # Errors
/// What AWS would answer.
pub fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    if header(call, "x-amz-expected-bucket-owner").is_some_and(|owner| owner != here.account) {
        return Err(Fault::new("AccessDenied", "Access Denied").status(403));
    }
    access::check(here, call)?;
    match call.operation.as_str() {
        "PutObject" => objects::put(here, call),
        "GetObject" => objects::get(here, call, true),
        "HeadObject" => objects::get(here, call, false),
        "DeleteObject" => objects::delete(here, call),
        "ListObjectsV2" => listing::objects(here, call),
        "ListObjectVersions" => listing::versions(here, call),
        _ => buckets::handle(here, call),
    }
}

#[cfg(test)]
mod tests;
