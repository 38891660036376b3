//! Objects: conditional reads, writes and deletes, and versions.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::{Answer, Bucket, Call, Fault, Here, Version, chunked, find, header, text};
use crate::sandbox::aws::{iam, md5};
use crate::sandbox::region::http_date;

fn precondition(name: &str) -> Fault {
    let why = format!("At least one of the pre-conditions you specified did not hold ({name})");
    Fault::new("PreconditionFailed", why).status(412)
}

fn no_such_key() -> Fault {
    Fault::new("NoSuchKey", "The specified key does not exist.").status(404)
}

/// The current version of a key; a delete marker means that there is none.
pub(super) fn current<'a>(bucket: &'a Bucket, key: &str) -> Option<&'a Version> {
    bucket.objects.get(key).and_then(|versions| versions.last()).filter(|version| !version.marker)
}

/// ETags match with or without their quotes; `*` matches what is there.
fn matches(wanted: &str, etag: &str) -> bool {
    wanted == "*" || wanted.split(',').any(|one| one.trim().trim_matches('"') == etag.trim_matches('"'))
}

/// What a conditional write or delete demands of the current version (user guide, "Conditional requests").
fn demand(call: &Call, have: Option<&Version>) -> Result<(), Fault> {
    if let Some(wanted) = header(call, "if-none-match") {
        if wanted != "*" {
            return Err(Fault::new(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
            )
            .status(501));
        }
        if have.is_some() {
            return Err(precondition("If-None-Match"));
        }
    }
    match (header(call, "if-match"), have) {
        (None, _) => Ok(()),
        (Some(_), None) => Err(no_such_key()),
        (Some(wanted), Some(have)) if matches(wanted, &have.etag) => Ok(()),
        (Some(_), Some(_)) => Err(precondition("If-Match")),
    }
}

/// Adds a version; without versioning it takes the place of the `null` version.
fn push(bucket: &mut Bucket, key: &str, version: Version) {
    let versions = bucket.objects.entry(key.to_owned()).or_default();
    if version.id == "null" {
        versions.retain(|old| old.id != "null");
    }
    versions.push(version);
}

fn version_id(here: &mut Here<'_>, call: &Call) -> Result<String, Fault> {
    let fresh = here.letters("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 32);
    Ok(if find(here, call)?.versioning == "Enabled" { fresh } else { "null".to_owned() })
}

pub(super) fn put(here: &mut Here<'_>, call: &Call) -> Answer {
    let key = text(&call.params, "Key");
    if key.len() > 1024 {
        return Err(Fault::new("KeyTooLongError", "Your key is too long"));
    }
    let body = chunked::body(call)?;
    let id = version_id(here, call)?;
    let now = here.now;
    let bucket = find(here, call)?;
    demand(call, current(bucket, key))?;
    let etag = format!("\"{}\"", md5::hex(&body));
    let headers: BTreeMap<String, String> = call
        .headers
        .iter()
        .filter(|(name, _)| name == "content-type" || name.starts_with("x-amz-meta-"))
        .cloned()
        .collect();
    let version = Version {
        id: id.clone(),
        marker: false,
        etag: etag.clone(),
        modified: now,
        size: body.len(),
        body: STANDARD.encode(&body),
        headers,
    };
    let versioned = !bucket.versioning.is_empty();
    push(bucket, key, version);
    let mut answer = json!({ "headers": { "etag": etag, "x-amz-server-side-encryption": "AES256" } });
    if versioned {
        answer["headers"]["x-amz-version-id"] = json!(id);
    }
    Ok(answer)
}

/// GetObject and HeadObject. A `Range` is not heeded: the whole object with 200 is a lawful answer to it.
pub(super) fn get(here: &mut Here<'_>, call: &Call, with_body: bool) -> Answer {
    let (key, id) = (text(&call.params, "Key"), text(&call.params, "versionId"));
    // Of a key that is not there only those who may list are told so (GetObject, HeadObject).
    if id.is_empty() && current(find(here, call)?, key).is_none() {
        let listing = Call {
            operation: "ListObjectsV2".to_owned(),
            params: json!({ "Bucket": call.params["Bucket"] }),
            ..call.clone()
        };
        iam::authorize(here, &listing)?;
    }
    let bucket = find(here, call)?;
    let version = if id.is_empty() {
        current(bucket, key).ok_or_else(no_such_key)?
    } else {
        let versions = bucket.objects.get(key).into_iter().flatten();
        let found = versions.into_iter().find(|version| version.id == id);
        found.ok_or_else(|| Fault::new("NoSuchVersion", "The specified version does not exist.").status(404))?
    };
    if version.marker {
        return Err(
            Fault::new("MethodNotAllowed", "The specified method is not allowed against this resource.").status(405)
        );
    }
    if header(call, "if-match").is_some_and(|wanted| !matches(wanted, &version.etag)) {
        return Err(precondition("If-Match"));
    }
    let mut headers = json!({
        "etag": version.etag,
        "last-modified": http_date(version.modified).unwrap_or_default(),
        "accept-ranges": "bytes",
        "x-amz-server-side-encryption": "AES256",
        "content-type": "binary/octet-stream",
    });
    for (name, value) in &version.headers {
        headers[name] = json!(value);
    }
    if !bucket.versioning.is_empty() {
        headers["x-amz-version-id"] = json!(version.id);
    }
    if header(call, "if-none-match").is_some_and(|wanted| matches(wanted, &version.etag)) {
        return Ok(json!({ "status": 304, "headers": headers }));
    }
    if with_body {
        return Ok(json!({ "headers": headers, "base64": version.body }));
    }
    headers["content-length"] = json!(version.size.to_string());
    Ok(json!({ "headers": headers }))
}

/// Without a version: takes the object away, or puts a delete marker over it. With one: takes that version away for good.
pub(super) fn delete(here: &mut Here<'_>, call: &Call) -> Answer {
    let (key, id) = (text(&call.params, "Key"), text(&call.params, "versionId"));
    let fresh = version_id(here, call)?;
    let now = here.now;
    let bucket = find(here, call)?;
    demand(call, current(bucket, key))?;
    if !id.is_empty() {
        let mut was_marker = false;
        if let Some(versions) = bucket.objects.get_mut(key) {
            was_marker = versions.iter().any(|version| version.id == id && version.marker);
            versions.retain(|version| version.id != id);
        }
        bucket.objects.retain(|_, versions| !versions.is_empty());
        let marker = if was_marker { "true" } else { "false" };
        return Ok(json!({ "headers": { "x-amz-version-id": id, "x-amz-delete-marker": marker } }));
    }
    if bucket.versioning.is_empty() {
        bucket.objects.remove(key);
        return Ok(json!({}));
    }
    push(bucket, key, Version { id: fresh.clone(), marker: true, modified: now, ..Version::default() });
    Ok(json!({ "headers": { "x-amz-version-id": fresh, "x-amz-delete-marker": "true" } }))
}
