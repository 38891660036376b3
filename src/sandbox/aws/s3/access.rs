//! Bucket policies, as far as they deny. Source: S3 user guide, "Enforce conditional writes" and the service authorization
//! reference for S3 (which action an operation needs).

use super::{Call, Fault, Here, header, text};
use crate::sandbox::aws::{iam, policy};

/// The action that an operation needs.
pub(in crate::sandbox::aws) fn action(call: &Call) -> String {
    let versioned = !text(&call.params, "versionId").is_empty();
    let name = match (call.operation.as_str(), versioned) {
        ("HeadObject" | "GetObject", false) => "GetObject",
        ("HeadObject" | "GetObject", true) => "GetObjectVersion",
        ("DeleteObject", true) => "DeleteObjectVersion",
        ("CopyObject" | "CreateMultipartUpload", _) => "PutObject",
        ("ListObjectsV2" | "HeadBucket", _) => "ListBucket",
        ("ListObjectVersions", _) => "ListBucketVersions",
        ("ListBuckets", _) => "ListAllMyBuckets",
        ("PutBucketEncryption" | "DeleteBucketEncryption", _) => "PutEncryptionConfiguration",
        ("GetBucketEncryption", _) => "GetEncryptionConfiguration",
        ("PutBucketLifecycleConfiguration" | "DeleteBucketLifecycle", _) => "PutLifecycleConfiguration",
        ("GetBucketLifecycleConfiguration", _) => "GetLifecycleConfiguration",
        ("PutPublicAccessBlock" | "DeletePublicAccessBlock", _) => "PutBucketPublicAccessBlock",
        ("GetPublicAccessBlock", _) => "GetBucketPublicAccessBlock",
        ("DeleteBucketTagging", _) => "PutBucketTagging",
        ("DeleteBucketOwnershipControls", _) => "PutBucketOwnershipControls",
        (other, _) => other,
    };
    format!("s3:{name}")
}

/// The ARN that policies name: of a session its role's, path and all, else the caller itself.
fn principal(here: &Here<'_>, call: &Call) -> String {
    let session = here.iam.sessions.get(&call.access_key).filter(|session| !session.role.is_empty());
    if let Some(session) = session {
        return session.role.clone();
    }
    match here.caller.split_once(":assumed-role/") {
        Some((home, rest)) => {
            let role = rest.split('/').next().unwrap_or_default();
            format!("{}:role/{role}", home.replace(":sts:", ":iam:"))
        }
        None => here.caller.to_owned(),
    }
}

/// Headers that are condition keys (service authorization reference, Amazon S3).
const HEADERS: [(&str, &str); 4] = [
    ("if-none-match", "s3:if-none-match"),
    ("if-match", "s3:if-match"),
    ("x-amz-copy-source", "s3:x-amz-copy-source"),
    ("x-amz-acl", "s3:x-amz-acl"),
];

/// Refuses what the bucket's policy denies, and an `If-Match` of one who may not read (user guide: it needs
/// `s3:GetObject` too).
pub(super) fn check(here: &mut Here<'_>, call: &Call) -> Result<(), Fault> {
    let denied = || Fault::new("AccessDenied", "Access Denied").status(403);
    if header(call, "if-match").is_some_and(|etag| etag != "*") && call.operation != "GetObject" {
        iam::authorize(here, &Call { operation: "GetObject".to_owned(), ..call.clone() })?;
    }
    let bucket = text(&call.params, "Bucket");
    let document = here.region.s3.buckets.get(bucket).and_then(|bucket| bucket.settings.get("policy"));
    let Some(document) = document.and_then(|text| policy::parse(text)) else { return Ok(()) };
    let key = text(&call.params, "Key");
    let home = format!("arn:{}:s3:::{bucket}", here.partition());
    let resource = if key.is_empty() { home } else { format!("{home}/{key}") };
    let arn = principal(here, call);
    let mut context = vec![
        ("aws:principalarn", arn.as_str()),
        ("aws:principalaccount", here.account),
        ("aws:securetransport", "true"),
    ];
    for (name, condition) in HEADERS {
        if let Some(value) = header(call, name) {
            context.push((condition, value));
        }
    }
    let who = policy::Who::Principal { arn: &arn, account: here.account };
    match policy::judge(&document, who, &action(call), &resource, &context) {
        policy::Verdict::Deny => Err(denied()),
        _ => Ok(()),
    }
}
