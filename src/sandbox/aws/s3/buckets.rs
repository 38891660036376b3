//! Buckets and their configurations.

use serde_json::{Value as Json, json};

use super::{Answer, Bucket, Call, Fault, Here, find, text};
use crate::sandbox::aws::policy;
use crate::sandbox::region::{iso, unsupported};

/// Query word, the operations that get, put and delete it, and the error when it is not set; without an error, what a new
/// bucket has (since January 2023 encryption, since April 2023 blocked public access and no ACLs).
const SETTINGS: &[(&str, [&str; 3], Result<&str, &str>)] = &[
    ("policy", ["GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"], Err("NoSuchBucketPolicy")),
    (
        "lifecycle",
        ["GetBucketLifecycleConfiguration", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"],
        Err("NoSuchLifecycleConfiguration"),
    ),
    ("tagging", ["GetBucketTagging", "PutBucketTagging", "DeleteBucketTagging"], Err("NoSuchTagSet")),
    (
        "encryption",
        ["GetBucketEncryption", "PutBucketEncryption", "DeleteBucketEncryption"],
        Ok(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>",
        ),
    ),
    (
        "publicAccessBlock",
        ["GetPublicAccessBlock", "PutPublicAccessBlock", "DeletePublicAccessBlock"],
        Ok(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
        ),
    ),
    (
        "ownershipControls",
        ["GetBucketOwnershipControls", "PutBucketOwnershipControls", "DeleteBucketOwnershipControls"],
        Ok(
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>",
        ),
    ),
];

/// The text of the first element of that name: enough for bodies with one setting.
fn element(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let from = text.split_once(&format!("<{name}>"))?.1;
    Some(from.split_once('<')?.0.trim().to_owned())
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateBucket" => create(here, call),
        "HeadBucket" => {
            let region = here.name.to_owned();
            find(here, call)?;
            Ok(json!({ "headers": { "x-amz-bucket-region": region } }))
        }
        "ListBuckets" => {
            let buckets = here.region.s3.buckets.iter();
            let shown: Vec<Json> = buckets
                .map(|(name, bucket)| json!({ "Name": name, "CreationDate": iso(bucket.created), "BucketRegion": here.name }))
                .collect();
            Ok(json!({ "xml": { "ListAllMyBucketsResult": { "Buckets": { "Bucket": shown } } } }))
        }
        "GetBucketLocation" => {
            let region = here.name.to_owned();
            find(here, call)?;
            // us-east-1 is the empty constraint (GetBucketLocation).
            Ok(json!({ "xml": { "LocationConstraint": if region == "us-east-1" { "" } else { &region } } }))
        }
        "DeleteBucket" => {
            if !find(here, call)?.objects.is_empty() {
                return Err(Fault::new("BucketNotEmpty", "The bucket you tried to delete is not empty").status(409));
            }
            here.region.s3.buckets.remove(text(&call.params, "Bucket"));
            Ok(json!({}))
        }
        "PutBucketVersioning" => {
            let status =
                element(&call.body, "Status").filter(|status| ["Enabled", "Suspended"].contains(&status.as_str()));
            let bucket = find(here, call)?;
            bucket.versioning = status.ok_or_else(malformed)?;
            Ok(json!({}))
        }
        "GetBucketVersioning" => {
            let status = find(here, call)?.versioning.clone();
            let inner = if status.is_empty() { json!({}) } else { json!({ "Status": status }) };
            Ok(json!({ "xml": { "VersioningConfiguration": inner } }))
        }
        operation => setting(here, call, operation),
    }
}

fn malformed() -> Fault {
    Fault::new(
        "MalformedXML",
        "The XML you provided was not well-formed or did not validate against our published schema",
    )
}

fn setting(here: &mut Here<'_>, call: &Call, operation: &str) -> Answer {
    let Some((word, operations, unset)) = SETTINGS.iter().find(|row| row.1.contains(&operation)) else {
        return Err(unsupported("s3", operation));
    };
    let bucket = find(here, call)?;
    if operation == operations[1] {
        let sent = String::from_utf8_lossy(&call.body).into_owned();
        if *word == "policy" && policy::parse(&sent).is_none() {
            return Err(Fault::new("MalformedPolicy", "Policies must be valid JSON with at least one statement"));
        }
        if *word != "policy" && !sent.trim_start().starts_with('<') {
            return Err(malformed());
        }
        bucket.settings.insert((*word).to_owned(), sent);
        return Ok(json!({ "status": if *word == "policy" { 204 } else { 200 } }));
    }
    if operation == operations[2] {
        bucket.settings.remove(*word);
        return Ok(json!({}));
    }
    match (bucket.settings.get(*word), unset) {
        (Some(set), _) => Ok(json!({ "body": set })),
        (None, Ok(usual)) => Ok(json!({ "body": usual })),
        (None, Err(code)) => Err(Fault::new(code, "The configuration does not exist").status(404)),
    }
}

fn create(here: &mut Here<'_>, call: &Call) -> Answer {
    let name = text(&call.params, "Bucket").to_owned();
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let well = (3..=63).contains(&name.len())
        && name.chars().all(|letter| plain(letter) || letter == '.' || letter == '-')
        && name.starts_with(plain)
        && name.ends_with(plain);
    if !well {
        return Err(Fault::new("InvalidBucketName", "The specified bucket is not valid."));
    }
    let place = element(&call.body, "LocationConstraint").unwrap_or_else(|| "us-east-1".to_owned());
    if place != here.name {
        let why = format!(
            "The {place} location constraint is incompatible for the region specific endpoint this request was sent to."
        );
        return Err(Fault::new("IllegalLocationConstraintException", why));
    }
    let answer = json!({ "headers": { "location": format!("/{name}") } });
    if here.region.s3.buckets.contains_key(&name) {
        // us-east-1 answers 200 for a bucket one owns already (CreateBucket).
        if here.name == "us-east-1" {
            return Ok(answer);
        }
        let why = "Your previous request to create the named bucket succeeded and you already own it.";
        return Err(Fault::new("BucketAlreadyOwnedByYou", why).status(409));
    }
    let now = here.now;
    here.region.s3.buckets.insert(name, Bucket { created: now, ..Bucket::default() });
    Ok(answer)
}
