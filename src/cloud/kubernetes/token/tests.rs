use std::time::UNIX_EPOCH;

use super::*;

/// 2026-11-25T03:00:00Z.
fn at() -> SystemTime {
    UNIX_EPOCH + Duration::from_hours(498_771)
}

fn credentials(session: Option<&str>, until: Option<SystemTime>) -> Credentials {
    let (key, secret) =
        (if session.is_some() { "ASIDEXAMPLE" } else { "AKIDEXAMPLE" }, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    Credentials::new(key, secret, session.map(str::to_owned), until, "test")
}

fn url_of(token: &Token) -> String {
    let body = token.secret.expose_secret().strip_prefix("k8s-aws-v1.").expect("the prefix");
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(body).expect("base64url without padding")).expect("text")
}

fn pairs(url: &str) -> std::collections::BTreeMap<String, String> {
    let query = url.split_once('?').expect("a query").1;
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// Signatures by an implementation of AWS's signing documentation that is not ours: Python's hmac and hashlib.
#[test]
fn a_known_answer() {
    let token = sign(&credentials(None, None), "us-east-1", "rem-prod", at()).expect("signed");
    let url = url_of(&token);
    assert!(url.starts_with("https://sts.us-east-1.amazonaws.com/?"), "{url}");
    let pairs = pairs(&url);
    let want = [
        ("Action", "GetCallerIdentity"),
        ("Version", "2011-06-15"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", "AKIDEXAMPLE/20261125/us-east-1/sts/aws4_request"),
        ("X-Amz-Date", "20261125T030000Z"),
        ("X-Amz-Expires", "60"),
        ("X-Amz-SignedHeaders", "host;x-k8s-aws-id"),
        ("X-Amz-Signature", "2886f82560954f416d5546ce7e1bda752a4a15229d019833bc3826eb12684145"),
    ];
    let want: std::collections::BTreeMap<_, _> =
        want.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    assert_eq!(pairs, want);
    assert_eq!(token.until, at() + Duration::from_mins(14));
}

#[test]
fn a_session_is_signed_along() {
    let token = sign(&credentials(Some("session/token+="), None), "eu-west-1", "rem-prod", at()).expect("signed");
    let pairs = pairs(&url_of(&token));
    assert_eq!(pairs["X-Amz-Security-Token"], "session/token+=");
    assert_eq!(pairs["X-Amz-Signature"], "661367e1e4031936a46124477cc6e1d82abbd3f05bf7f6040b565a47effb9ed0");
}

#[test]
fn a_token_does_not_outlive_its_credentials() {
    let soon = at() + Duration::from_secs(90);
    let token = sign(&credentials(Some("t"), Some(soon)), "us-east-1", "rem-prod", at()).expect("signed");
    assert_eq!(token.until, soon);
}

#[test]
fn every_partition_has_its_own_host() {
    let hosts = ["us-east-1", "us-gov-west-1", "cn-north-1", "us-isob-east-1"].map(sts_host);
    let want = [
        "sts.us-east-1.amazonaws.com",
        "sts.us-gov-west-1.amazonaws.com",
        "sts.cn-north-1.amazonaws.com.cn",
        "sts.us-isob-east-1.sc2s.sgov.gov",
    ];
    assert_eq!(hosts, want);
}

#[test]
fn debugging_shows_no_token() {
    let token = sign(&credentials(None, None), "us-east-1", "rem-prod", at()).expect("signed");
    let shown = format!("{token:?}");
    assert!(!shown.contains("k8s-aws-v1") && !shown.contains("AKID"), "{shown}");
}

#[test]
fn the_plugin_answers_in_the_version_asked_for() {
    let token = sign(&credentials(None, None), "us-east-1", "rem-prod", at()).expect("signed");
    let asked =
        r#"{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","spec":{"interactive":true}}"#;
    let version = exec_version(Some(asked)).expect("spoken");
    let answer: serde_json::Value = serde_json::from_str(&exec_credential(&token, version)).expect("JSON");
    let want = serde_json::json!({
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "spec": {},
        "status": { "expirationTimestamp": "2026-11-25T03:14:00Z", "token": token.secret.expose_secret() },
    });
    assert_eq!(answer, want);
    assert_eq!(exec_version(None), Ok("client.authentication.k8s.io/v1"));
    let refused = exec_version(Some(r#"{"apiVersion":"client.authentication.k8s.io/v1alpha1"}"#)).expect_err("old");
    assert!(refused.contains("v1alpha1") && refused.contains("v1beta1"), "{refused}");
}
