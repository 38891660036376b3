//! From HTTP to one parsed [`Call`] and back, for the protocols AWS speaks: query (EC2, IAM, STS, Auto Scaling, Elastic Load
//! Balancing), JSON 1.0 and 1.1 (SQS, EventBridge, KMS, Logs, Systems Manager), REST-JSON (EKS,
//! Scheduler) and REST-XML (S3).
//!
//! A service sees parameters as one JSON object, named as the API reference names them, and answers with one: how they
//! travel is decided here alone.

mod json;
mod query;
mod rest;
mod xml;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::Value as Json;

/// One API call, as parsed from a request.
#[derive(Clone, Debug)]
pub struct Call {
    /// Signing name: `ec2`, `eks`, `iam`, `sts`, `sqs`, `events`, `logs`, `kms`, `ssm`, `autoscaling`, `elasticloadbalancing`,
    /// `s3`, `scheduler`.
    pub service: String,
    /// Operation as the API reference spells it.
    pub operation: String,
    /// Parameters by their API names; for REST protocols path, query and body together.
    pub params: Json,
    /// From the signature's scope.
    pub region: String,
    /// From the signature's scope; empty for unsigned calls.
    pub access_key: String,
    /// Request headers that carry meaning in REST protocols, lower-case.
    pub headers: Vec<(String, String)>,
    /// Raw body, for S3.
    pub body: Bytes,
}

/// An error as AWS would answer it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// HTTP status.
    pub status: u16,
    /// The service's code, `InvalidVpcID.NotFound`.
    pub code: String,
    /// The service's words.
    pub message: String,
}

impl Fault {
    /// A 400 with a code: what most services answer.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.to_owned(), message: message.into() }
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }
}

/// What a service answers.
pub type Answer = Result<Json, Fault>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// EC2's dialect of query: lists are `item`, errors sit in `Response/Errors`.
    Ec2,
    /// Query as IAM, STS, Auto Scaling and Elastic Load Balancing speak it: lists are `member`.
    Query,
    /// JSON with `x-amz-target`, 1.0 or 1.1.
    AwsJson,
    /// EKS, EventBridge Scheduler.
    RestJson,
    /// S3.
    RestXml,
}

fn protocol(service: &str) -> Protocol {
    match service {
        "ec2" => Protocol::Ec2,
        "iam" | "sts" | "autoscaling" | "elasticloadbalancing" => Protocol::Query,
        "eks" | "scheduler" => Protocol::RestJson,
        "s3" => Protocol::RestXml,
        _ => Protocol::AwsJson,
    }
}

/// Who signed for what: `(access key, region, service)` of the SigV4 scope in a header or a pre-signed query; unsigned
/// calls can only be STS.
fn scope(request: &Request<Bytes>) -> (String, String, String) {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let query = request.uri().query().unwrap_or_default();
    let signed = header.split("Credential=").nth(1).and_then(|rest| rest.split([',', ' ']).next()).map(str::to_owned);
    let signed = signed.or_else(|| {
        form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    });
    let scope = signed.unwrap_or_default();
    let mut parts = scope.split('/');
    match (parts.next(), parts.nth(1), parts.next()) {
        (Some(key), Some(region), Some(service)) => (key.to_owned(), region.to_owned(), service.to_owned()),
        _ => (String::new(), "us-east-1".to_owned(), "sts".to_owned()),
    }
}

/// SQS once spoke the query protocol; its JSON errors carry the old code in a header, and SDKs prefer that one (Smithy,
/// `awsQueryCompatible`).
fn query_code(code: &str) -> String {
    match code {
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "QueueNameExists" => "QueueAlreadyExists".to_owned(),
        "QueueDeletedRecently" | "PurgeQueueInProgress" | "UnsupportedOperation" => {
            format!("AWS.SimpleQueueService.{code}")
        }
        other => other.to_owned(),
    }
}

/// Parses a request.
///
/// # Errors
/// A fault to answer with, when no known operation is asked for.
pub fn parse(request: &Request<Bytes>) -> Result<Call, Fault> {
    let (access_key, region, service) = scope(request);
    let (operation, params) = match protocol(&service) {
        Protocol::Ec2 | Protocol::Query => query::parse(request)?,
        Protocol::AwsJson => json::parse(request)?,
        Protocol::RestJson => rest::parse_json(&service, request)?,
        Protocol::RestXml => rest::parse_s3(request)?,
    };
    let headers = request
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    Ok(Call { service, operation, params, region, access_key, headers, body: request.body().clone() })
}

/// Writes an answer in the protocol of the call. `service` and `operation` may be empty when parsing failed.
#[must_use]
pub fn write(service: &str, operation: &str, answer: &Answer, request_id: &str) -> Response<Bytes> {
    let (status, kind, body) = match (protocol(service), answer) {
        (Protocol::Ec2, Ok(json)) => (200, "text/xml", xml::ec2(operation, json, request_id)),
        (Protocol::Ec2, Err(fault)) => (fault.status, "text/xml", xml::ec2_fault(fault, request_id)),
        (Protocol::Query, Ok(json)) => (200, "text/xml", xml::query(operation, json, request_id)),
        (Protocol::Query, Err(fault)) => (fault.status, "text/xml", xml::query_fault(fault, request_id)),
        (Protocol::AwsJson, Ok(json)) => (200, "application/x-amz-json-1.1", json.to_string()),
        (Protocol::RestJson, Ok(json)) => (200, "application/json", json.to_string()),
        (Protocol::AwsJson | Protocol::RestJson, Err(fault)) => (fault.status, "application/json", json::fault(fault)),
        (Protocol::RestXml, answer) => return rest::write_s3(operation, answer, request_id),
    };
    let mut response =
        Response::builder().status(status).header("content-type", kind).header("x-amzn-requestid", request_id);
    if let (Protocol::RestJson, Err(fault)) = (protocol(service), answer) {
        response = response.header("x-amzn-errortype", fault.code.as_str());
    }
    if let ("sqs", Err(fault)) = (service, answer) {
        response = response.header("x-amzn-query-error", format!("{};Sender", query_code(&fault.code)));
    }
    response.body(Bytes::from(body)).unwrap_or_default()
}
