//! REST protocols: which operation a method and a path mean. EKS and Scheduler (JSON) and S3 (XML).

use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value as Json, json};

use super::{Answer, Fault, json as aws_json, xml};

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Method, path pattern (`{name}` captures a segment), operation. From the EKS API reference.
const EKS: &[(&str, &str, &str)] = &[
    ("POST", "clusters", "CreateCluster"),
    ("GET", "clusters", "ListClusters"),
    ("GET", "clusters/{name}", "DescribeCluster"),
    ("DELETE", "clusters/{name}", "DeleteCluster"),
    ("POST", "clusters/{name}/update-config", "UpdateClusterConfig"),
    ("POST", "clusters/{name}/updates", "UpdateClusterVersion"),
    ("GET", "clusters/{name}/updates", "ListUpdates"),
    ("GET", "clusters/{name}/updates/{updateId}", "DescribeUpdate"),
    ("POST", "clusters/{clusterName}/encryption-config/associate", "AssociateEncryptionConfig"),
    ("POST", "clusters/{clusterName}/node-groups", "CreateNodegroup"),
    ("GET", "clusters/{clusterName}/node-groups", "ListNodegroups"),
    ("GET", "clusters/{clusterName}/node-groups/{nodegroupName}", "DescribeNodegroup"),
    ("DELETE", "clusters/{clusterName}/node-groups/{nodegroupName}", "DeleteNodegroup"),
    ("POST", "clusters/{clusterName}/node-groups/{nodegroupName}/update-config", "UpdateNodegroupConfig"),
    ("POST", "clusters/{clusterName}/node-groups/{nodegroupName}/update-version", "UpdateNodegroupVersion"),
    ("POST", "clusters/{clusterName}/addons", "CreateAddon"),
    ("GET", "clusters/{clusterName}/addons", "ListAddons"),
    ("GET", "clusters/{clusterName}/addons/{addonName}", "DescribeAddon"),
    ("POST", "clusters/{clusterName}/addons/{addonName}/update", "UpdateAddon"),
    ("DELETE", "clusters/{clusterName}/addons/{addonName}", "DeleteAddon"),
    ("GET", "addons/supported-versions", "DescribeAddonVersions"),
    ("GET", "addons/configuration-schemas", "DescribeAddonConfiguration"),
    ("GET", "cluster-versions", "DescribeClusterVersions"),
    ("POST", "clusters/{clusterName}/access-entries", "CreateAccessEntry"),
    ("GET", "clusters/{clusterName}/access-entries", "ListAccessEntries"),
    ("GET", "clusters/{clusterName}/access-entries/{principalArn}", "DescribeAccessEntry"),
    ("POST", "clusters/{clusterName}/access-entries/{principalArn}", "UpdateAccessEntry"),
    ("DELETE", "clusters/{clusterName}/access-entries/{principalArn}", "DeleteAccessEntry"),
    ("POST", "clusters/{clusterName}/access-entries/{principalArn}/access-policies", "AssociateAccessPolicy"),
    ("GET", "clusters/{clusterName}/access-entries/{principalArn}/access-policies", "ListAssociatedAccessPolicies"),
    (
        "DELETE",
        "clusters/{clusterName}/access-entries/{principalArn}/access-policies/{policyArn}",
        "DisassociateAccessPolicy",
    ),
    ("POST", "clusters/{clusterName}/pod-identity-associations", "CreatePodIdentityAssociation"),
    ("GET", "clusters/{clusterName}/pod-identity-associations", "ListPodIdentityAssociations"),
    ("GET", "clusters/{clusterName}/pod-identity-associations/{associationId}", "DescribePodIdentityAssociation"),
    ("POST", "clusters/{clusterName}/pod-identity-associations/{associationId}", "UpdatePodIdentityAssociation"),
    ("DELETE", "clusters/{clusterName}/pod-identity-associations/{associationId}", "DeletePodIdentityAssociation"),
    ("GET", "access-policies", "ListAccessPolicies"),
    ("POST", "tags/{resourceArn}", "TagResource"),
    ("DELETE", "tags/{resourceArn}", "UntagResource"),
    ("GET", "tags/{resourceArn}", "ListTagsForResource"),
];

/// From the EventBridge Scheduler API reference.
const SCHEDULER: &[(&str, &str, &str)] = &[
    ("POST", "schedules/{Name}", "CreateSchedule"),
    ("GET", "schedules/{Name}", "GetSchedule"),
    ("DELETE", "schedules/{Name}", "DeleteSchedule"),
    ("GET", "schedules", "ListSchedules"),
];

fn matches(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut captured = Vec::new();
    let (mut want, mut have) = (pattern.split('/'), path.split('/'));
    loop {
        match (want.next(), have.next()) {
            (None, None) => return Some(captured),
            (Some(want), Some(have)) => match want.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => captured.push((name.to_owned(), decoded(have))),
                None if want == have => {}
                None => return None,
            },
            _ => return None,
        }
    }
}

pub(super) fn parse_json(service: &str, request: &Request<Bytes>) -> Result<(String, Json), Fault> {
    let table = if service == "scheduler" { SCHEDULER } else { EKS };
    let path = request.uri().path().trim_matches('/');
    let method = request.method().as_str();
    let found = table.iter().filter(|row| row.0 == method).find_map(|row| Some((row.2, matches(row.1, path)?)));
    let Some((operation, captured)) = found else {
        return Err(Fault::new("ResourceNotFoundException", format!("no operation at {method} /{path}")).status(404));
    };
    let mut params = match request.body().as_ref() {
        [] => serde_json::Map::new(),
        _ => match aws_json::body(request.body())? {
            Json::Object(params) => params,
            _ => return Err(Fault::new("SerializationException", "the body is not an object")),
        },
    };
    for (key, value) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()) {
        // A key said several times is a list: tagKeys, types.
        let value = Json::String(value.into_owned());
        match params.get_mut(key.as_ref()) {
            Some(Json::Array(items)) => items.push(value),
            Some(first) => *first = Json::Array(vec![first.clone(), value]),
            None => {
                params.insert(key.into_owned(), value);
            }
        }
    }
    for (key, value) in captured {
        params.insert(key, Json::String(value));
    }
    Ok((operation.to_owned(), Json::Object(params)))
}

/// Method, word in the query, operation, for buckets. From the S3 API reference.
const S3_BUCKET: &[(&str, &str, &str)] = &[
    ("GET", "versioning", "GetBucketVersioning"),
    ("PUT", "versioning", "PutBucketVersioning"),
    ("GET", "location", "GetBucketLocation"),
    ("GET", "versions", "ListObjectVersions"),
    ("GET", "policy", "GetBucketPolicy"),
    ("PUT", "policy", "PutBucketPolicy"),
    ("DELETE", "policy", "DeleteBucketPolicy"),
    ("GET", "encryption", "GetBucketEncryption"),
    ("PUT", "encryption", "PutBucketEncryption"),
    ("DELETE", "encryption", "DeleteBucketEncryption"),
    ("GET", "publicAccessBlock", "GetPublicAccessBlock"),
    ("PUT", "publicAccessBlock", "PutPublicAccessBlock"),
    ("DELETE", "publicAccessBlock", "DeletePublicAccessBlock"),
    ("GET", "lifecycle", "GetBucketLifecycleConfiguration"),
    ("PUT", "lifecycle", "PutBucketLifecycleConfiguration"),
    ("DELETE", "lifecycle", "DeleteBucketLifecycle"),
    ("GET", "tagging", "GetBucketTagging"),
    ("PUT", "tagging", "PutBucketTagging"),
    ("DELETE", "tagging", "DeleteBucketTagging"),
    ("GET", "ownershipControls", "GetBucketOwnershipControls"),
    ("PUT", "ownershipControls", "PutBucketOwnershipControls"),
    ("DELETE", "ownershipControls", "DeleteBucketOwnershipControls"),
];

/// Words that make another operation of a request than its method says, none of which is simulated.
const S3_UNKNOWN: &[&str] = &[
    "accelerate",
    "acl",
    "attributes",
    "cors",
    "delete",
    "legal-hold",
    "logging",
    "notification",
    "object-lock",
    "policyStatus",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "website",
];

fn not_implemented() -> Fault {
    Fault::new("NotImplemented", "A header or query you provided implies functionality that is not implemented")
        .status(501)
}

/// S3 in path style or with the bucket as the host's first label; `{"Bucket", "Key"}` and the query become parameters.
pub(super) fn parse_s3(request: &Request<Bytes>) -> Result<(String, Json), Fault> {
    let host = request.headers().get("host").and_then(|value| value.to_str().ok()).or(request.uri().host());
    let host = host.unwrap_or_default();
    let virtual_bucket = host.split_once(".s3.").map(|(bucket, _)| bucket.to_owned());
    let path = request.uri().path().trim_start_matches('/');
    let (bucket, key) = match &virtual_bucket {
        Some(bucket) => (bucket.as_str(), path),
        None => path.split_once('/').unwrap_or((path, "")),
    };
    let mut params = serde_json::Map::new();
    params.insert("Bucket".to_owned(), Json::String(bucket.to_owned()));
    if !key.is_empty() {
        params.insert("Key".to_owned(), Json::String(decoded(key)));
    }
    let query: Vec<_> = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).collect();
    for (name, value) in &query {
        params.insert(name.to_string(), Json::String(value.to_string()));
    }
    let has = |name: &str| query.iter().any(|(key, _)| key == name);
    let operation = match (request.method().as_str(), key.is_empty()) {
        ("GET", true) if bucket.is_empty() => "ListBuckets",
        (method, true) if query.iter().any(|(key, _)| S3_BUCKET.iter().any(|row| row.1 == key)) => {
            let row = S3_BUCKET.iter().find(|row| row.0 == method && has(row.1));
            row.ok_or_else(not_implemented)?.2
        }
        (_, _) if query.iter().any(|(key, _)| S3_UNKNOWN.contains(&key.as_ref())) => return Err(not_implemented()),
        ("GET", true) => "ListObjectsV2",
        ("PUT", true) => "CreateBucket",
        ("HEAD", true) => "HeadBucket",
        ("DELETE", true) => "DeleteBucket",
        ("GET", false) => "GetObject",
        ("HEAD", false) => "HeadObject",
        ("PUT", false) if request.headers().contains_key("x-amz-copy-source") => "CopyObject",
        ("PUT", false) => "PutObject",
        ("DELETE", false) => "DeleteObject",
        _ => return Err(Fault::new("MethodNotAllowed", "not an operation of this region").status(405)),
    };
    Ok((operation.to_owned(), Json::Object(params)))
}

/// S3's answers: `{"status": 200, "headers": {…}, "body": "…", "base64": "…", "xml": {"Root": {…}}}`, each part optional.
pub(super) fn write_s3(operation: &str, answer: &Answer, request_id: &str) -> Response<Bytes> {
    let mut response = Response::builder().header("x-amz-request-id", request_id);
    let body = match answer {
        Ok(json) => {
            for (name, value) in json["headers"].as_object().into_iter().flatten() {
                response = response.header(name.as_str(), value.as_str().unwrap_or_default());
            }
            let usual = if operation.starts_with("Delete") { 204 } else { 200 };
            let status = json["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            response = response.status(status.unwrap_or(usual));
            if let Some(content) = json["base64"].as_str() {
                base64::engine::general_purpose::STANDARD.decode(content).unwrap_or_default()
            } else {
                let mut out = json["body"].as_str().unwrap_or_default().to_owned();
                for (root, value) in json["xml"].as_object().into_iter().flatten() {
                    response = response.header("content-type", "application/xml");
                    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
                    xml::flat(&mut out, root, value);
                }
                out.into_bytes()
            }
        }
        // An answer to HEAD has no body, so its error has a status and no code.
        Err(fault) if operation.starts_with("Head") => {
            response = response.status(fault.status);
            Vec::new()
        }
        Err(fault) => {
            response = response.status(fault.status).header("content-type", "application/xml");
            let error = json!({ "Code": fault.code, "Message": fault.message, "RequestId": request_id });
            let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            xml::element(&mut out, "Error", &error, "item");
            out.into_bytes()
        }
    };
    response.body(Bytes::from(body)).unwrap_or_default()
}
