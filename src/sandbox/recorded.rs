//! A request as one line of JSON, as `.ci/contract/botocore_check.py` reads it to check it against AWS's API models.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::{Map, Value as Json, json};

use super::wire;

/// `{"service", "operation", "params", "headers", "method", "path", "body"}`: parameters as the sandbox parsed them, path
/// with its query, body in base64. Nothing for a request that no simulated service would understand.
#[must_use]
pub fn line(request: &Request<Bytes>) -> Option<String> {
    let call = wire::parse(request).ok()?;
    // Signatures are of no use to the check, and a real one would be nobody's business.
    let mut headers: Map<String, Json> = call
        .headers
        .iter()
        .filter(|(name, _)| name != "authorization" && name != "x-amz-security-token")
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    // In process the host is in the URI alone; S3 says its bucket there.
    if let (false, Some(host)) = (headers.contains_key("host"), request.uri().host()) {
        headers.insert("host".to_owned(), json!(host));
    }
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let line = json!({
        "service": call.service,
        "operation": call.operation,
        "params": call.params,
        "headers": headers,
        "method": request.method().as_str(),
        "path": path,
        "body": STANDARD.encode(request.body()),
    });
    Some(line.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;

    use super::line;

    #[test]
    fn a_request_becomes_a_line_without_its_signature() {
        let request = Request::post("https://sqs.us-east-1.amazonaws.com/?a=b")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AK/20261124/us-east-1/sqs/aws4_request, Signature=s")
            .header("x-amz-target", "AmazonSQS.ListQueues")
            .body(Bytes::from("{}"))
            .unwrap();
        let line: serde_json::Value = serde_json::from_str(&line(&request).unwrap()).unwrap();
        assert_eq!(line["operation"], "ListQueues");
        assert_eq!((&line["path"], &line["body"]), (&"/?a=b".into(), &"e30=".into()));
        assert!(line["headers"].get("authorization").is_none());
        assert_eq!(line["headers"]["host"], "sqs.us-east-1.amazonaws.com");
        assert_eq!(line["headers"]["x-amz-target"], "AmazonSQS.ListQueues");
    }
}
