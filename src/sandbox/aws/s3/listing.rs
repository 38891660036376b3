//! ListObjectsV2 and ListObjectVersions. A page token says after which key to go on, so that deletes between pages skip
//! nothing.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value as Json, json};

use super::{Answer, Call, Fault, Here, Version, find, objects::current, text};
use crate::sandbox::region::iso;

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*').remove(b'/');

fn size(params: &Json) -> Result<usize, Fault> {
    match text(params, "max-keys") {
        "" => Ok(1000),
        size => match size.parse::<usize>() {
            Ok(size) => Ok(size.min(1000)),
            Err(_) => Err(Fault::new("InvalidArgument", "Provided max-keys not an integer or within integer range")),
        },
    }
}

fn encoded(params: &Json, value: &str) -> String {
    if text(params, "encoding-type") == "url" {
        utf8_percent_encode(value, PLAIN).to_string()
    } else {
        value.to_owned()
    }
}

fn shown(params: &Json, key: &str, version: &Version) -> Json {
    json!({
        "Key": encoded(params, key),
        "LastModified": iso(version.modified),
        "ETag": version.etag,
        "Size": version.size,
        "StorageClass": "STANDARD",
    })
}

pub(super) fn objects(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let (prefix, delimiter) = (text(params, "prefix"), text(params, "delimiter"));
    let size = size(params)?;
    let token = match text(params, "continuation-token") {
        "" => text(params, "start-after").to_owned(),
        token => {
            let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            key.ok_or_else(|| Fault::new("InvalidArgument", "The continuation token provided is incorrect"))?
        }
    };
    let bucket = find(here, call)?;
    let (mut contents, mut prefixes): (Vec<Json>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut last, mut more) = (String::new(), false);
    for key in bucket.objects.keys().filter(|key| key.starts_with(prefix)) {
        let Some(version) = current(bucket, key) else { continue };
        let folded = key[prefix.len()..].find(delimiter).filter(|_| !delimiter.is_empty());
        let name = folded.map_or(key.as_str(), |at| &key[..prefix.len() + at + delimiter.len()]);
        if name <= token.as_str() || prefixes.last().is_some_and(|seen| seen == name) {
            continue;
        }
        if contents.len() + prefixes.len() == size {
            more = true;
            break;
        }
        name.clone_into(&mut last);
        if folded.is_some() {
            prefixes.push(name.to_owned());
        } else {
            contents.push(shown(params, key, version));
        }
    }
    let mut result = json!({
        "Name": text(params, "Bucket"),
        "Prefix": encoded(params, prefix),
        "MaxKeys": size,
        "KeyCount": contents.len() + prefixes.len(),
        "IsTruncated": more && size > 0,
    });
    for (key, name) in [("delimiter", "Delimiter"), ("start-after", "StartAfter"), ("encoding-type", "EncodingType")] {
        if !text(params, key).is_empty() {
            result[name] = json!(if key == "encoding-type" {
                text(params, key).to_owned()
            } else {
                encoded(params, text(params, key))
            });
        }
    }
    result["Contents"] = json!(contents);
    result["CommonPrefixes"] =
        prefixes.iter().map(|name| json!({ "Prefix": encoded(params, name) })).collect::<Vec<_>>().into();
    if more && size > 0 {
        result["NextContinuationToken"] = json!(URL_SAFE_NO_PAD.encode(last));
    }
    Ok(json!({ "xml": { "ListBucketResult": result } }))
}

/// Every version, by key and then the newest first.
pub(super) fn versions(here: &mut Here<'_>, call: &Call) -> Answer {
    let params = &call.params;
    let (prefix, size) = (text(params, "prefix"), size(params)?);
    let (key_marker, id_marker) = (text(params, "key-marker"), text(params, "version-id-marker"));
    let bucket = find(here, call)?;
    let all: Vec<(&String, &Version, bool)> = bucket
        .objects
        .iter()
        .filter(|(key, _)| key.starts_with(prefix))
        .flat_map(|(key, versions)| {
            let newest = versions.len();
            versions.iter().enumerate().rev().map(move |(at, version)| (key, version, at + 1 == newest))
        })
        .collect();
    let from = all.iter().rposition(|(key, version, _)| {
        key.as_str() < key_marker || key.as_str() == key_marker && (id_marker.is_empty() || version.id == id_marker)
    });
    let rest = &all[from.map_or(0, |at| at + 1)..];
    let page = &rest[..rest.len().min(size)];
    let (mut live, mut markers) = (Vec::new(), Vec::new());
    for (key, version, latest) in page {
        let mut one = shown(params, key, version);
        one["VersionId"] = json!(version.id);
        one["IsLatest"] = json!(latest);
        if version.marker {
            for field in ["ETag", "Size", "StorageClass"] {
                one[field] = Json::Null;
            }
            markers.push(one);
        } else {
            live.push(one);
        }
    }
    let more = rest.len() > page.len();
    let mut result = json!({
        "Name": text(params, "Bucket"),
        "Prefix": encoded(params, prefix),
        "KeyMarker": encoded(params, key_marker),
        "VersionIdMarker": id_marker,
        "MaxKeys": size,
        "IsTruncated": more,
        "Version": live,
        "DeleteMarker": markers,
    });
    if text(params, "encoding-type") == "url" {
        result["EncodingType"] = json!("url");
    }
    if let (true, Some((key, version, _))) = (more, page.last()) {
        result["NextKeyMarker"] = json!(encoded(params, key));
        result["NextVersionIdMarker"] = json!(version.id);
    }
    Ok(json!({ "xml": { "ListVersionsResult": result } }))
}
