use serde_json::{Value as Json, json};

use crate::sandbox::aws::trial::Trial;
use crate::sandbox::wire::Answer;

fn made() -> Trial {
    let mut trial = Trial::new();
    trial.good("s3", "CreateBucket", json!({ "Bucket": "state" }));
    trial
}

fn object(key: &str) -> Json {
    json!({ "Bucket": "state", "Key": key })
}

fn put(trial: &mut Trial, key: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
    trial.full("s3", "PutObject", object(key), headers, body.as_bytes())
}

fn etag(answer: &Json) -> String {
    answer["headers"]["etag"].as_str().unwrap().to_owned()
}

fn refusal(answer: Answer) -> (u16, String) {
    let fault = answer.unwrap_err();
    (fault.status, fault.code)
}

#[test]
fn a_key_is_taken_once_and_moves_by_its_etag() {
    let mut trial = made();
    let first = put(&mut trial, "lock", "abc", &[("if-none-match", "*")]).unwrap();
    assert_eq!(etag(&first), "\"900150983cd24fb0d6963f7d28e17f72\"");
    let second = put(&mut trial, "lock", "x", &[("if-none-match", "*")]);
    assert_eq!(refusal(second), (412, "PreconditionFailed".to_owned()));
    let moved = put(&mut trial, "lock", "def", &[("if-match", &etag(&first))]).unwrap();
    let stale = put(&mut trial, "lock", "ghi", &[("if-match", &etag(&first))]);
    assert_eq!(refusal(stale), (412, "PreconditionFailed".to_owned()));
    let absent = put(&mut trial, "other", "ghi", &[("if-match", &etag(&first))]);
    assert_eq!(refusal(absent), (404, "NoSuchKey".to_owned()));
    let odd = put(&mut trial, "lock", "x", &[("if-none-match", "\"abc\"")]);
    assert_eq!(refusal(odd).0, 501);
    let gone = trial.full("s3", "DeleteObject", object("lock"), &[("if-match", &etag(&first))], b"");
    assert_eq!(refusal(gone), (412, "PreconditionFailed".to_owned()));
    trial.full("s3", "DeleteObject", object("lock"), &[("if-match", &etag(&moved))], b"").unwrap();
    let gone = trial.full("s3", "DeleteObject", object("lock"), &[("if-match", &etag(&moved))], b"");
    assert_eq!(refusal(gone), (404, "NoSuchKey".to_owned()));
    trial.good("s3", "DeleteObject", object("lock"));
}

#[test]
fn what_was_put_is_got() {
    let mut trial = made();
    let headers = [("content-type", "application/json"), ("x-amz-meta-run", "7"), ("x-other", "no")];
    let tag = etag(&put(&mut trial, "a/b", "abc", &headers).unwrap());
    let got = trial.good("s3", "GetObject", object("a/b"));
    assert_eq!(got["base64"], "YWJj");
    assert_eq!(got["headers"]["x-amz-meta-run"], "7");
    assert_eq!(got["headers"]["last-modified"], "Tue, 24 Nov 2026 00:00:00 GMT");
    let head = trial.good("s3", "HeadObject", object("a/b"));
    assert_eq!(head["headers"]["content-length"], "3");
    let same = trial.full("s3", "GetObject", object("a/b"), &[("if-none-match", &tag)], b"").unwrap();
    assert_eq!(same["status"], 304);
    assert_eq!(trial.code("s3", "GetObject", object("none")), "NoSuchKey");
    assert_eq!(trial.code("s3", "GetObject", json!({ "Bucket": "none", "Key": "a" })), "NoSuchBucket");
}

#[test]
fn another_owner_is_refused() {
    let mut trial = made();
    let headers = [("x-amz-expected-bucket-owner", "999999999999")];
    assert_eq!(refusal(put(&mut trial, "a", "b", &headers)), (403, "AccessDenied".to_owned()));
    put(&mut trial, "a", "b", &[("x-amz-expected-bucket-owner", "123456789012")]).unwrap();
}

#[test]
fn versions_stay_under_a_delete_marker() {
    let mut trial = made();
    let on = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    let bucket = json!({ "Bucket": "state" });
    trial.full("s3", "PutBucketVersioning", bucket.clone(), &[], on).unwrap();
    let status = trial.good("s3", "GetBucketVersioning", bucket.clone());
    assert_eq!(status["xml"]["VersioningConfiguration"]["Status"], "Enabled");
    let first = put(&mut trial, "a", "1", &[]).unwrap()["headers"]["x-amz-version-id"].clone();
    put(&mut trial, "a", "2", &[]).unwrap();
    let marker = trial.good("s3", "DeleteObject", object("a"))["headers"]["x-amz-version-id"].clone();
    assert_eq!(trial.code("s3", "GetObject", object("a")), "NoSuchKey");
    let old = trial.good("s3", "GetObject", json!({ "Bucket": "state", "Key": "a", "versionId": first }));
    assert_eq!(old["base64"], "MQ==");
    let all = trial.good("s3", "ListObjectVersions", bucket.clone())["xml"]["ListVersionsResult"].clone();
    assert_eq!(all["Version"].as_array().unwrap().len(), 2);
    assert_eq!(all["DeleteMarker"][0]["VersionId"], marker);
    // If-None-Match succeeds over a delete marker.
    put(&mut trial, "a", "3", &[("if-none-match", "*")]).unwrap();
    assert_eq!(trial.code("s3", "DeleteBucket", bucket.clone()), "BucketNotEmpty");

    let mut seen = Vec::new();
    let mut ask = json!({ "Bucket": "state", "max-keys": "1" });
    loop {
        let page = trial.good("s3", "ListObjectVersions", ask.clone())["xml"]["ListVersionsResult"].clone();
        for list in ["Version", "DeleteMarker"] {
            seen.extend(page[list].as_array().unwrap().iter().map(|one| one["VersionId"].clone()));
        }
        if page["IsTruncated"] == false {
            break;
        }
        ask["key-marker"] = page["NextKeyMarker"].clone();
        ask["version-id-marker"] = page["NextVersionIdMarker"].clone();
    }
    assert_eq!(seen.len(), 4);
    for id in seen {
        trial.good("s3", "DeleteObject", json!({ "Bucket": "state", "Key": "a", "versionId": id }));
    }
    trial.good("s3", "DeleteBucket", bucket);
}

#[test]
fn lists_page_by_key_and_fold_by_delimiter() {
    let mut trial = made();
    for key in ["a", "p/1", "p/2", "p/q/3", "z z"] {
        put(&mut trial, key, "x", &[]).unwrap();
    }
    let ask = json!({ "Bucket": "state", "list-type": "2", "prefix": "p/", "max-keys": "2" });
    let first = trial.good("s3", "ListObjectsV2", ask.clone())["xml"]["ListBucketResult"].clone();
    assert_eq!((&first["KeyCount"], &first["IsTruncated"]), (&json!(2), &json!(true)));
    trial.good("s3", "DeleteObject", object("p/1"));
    let mut next = ask;
    next["continuation-token"] = first["NextContinuationToken"].clone();
    let second = trial.good("s3", "ListObjectsV2", next)["xml"]["ListBucketResult"].clone();
    assert_eq!(second["Contents"][0]["Key"], "p/q/3");
    assert_eq!(second["IsTruncated"], false);

    let folded = json!({ "Bucket": "state", "delimiter": "/", "encoding-type": "url" });
    let folded = trial.good("s3", "ListObjectsV2", folded)["xml"]["ListBucketResult"].clone();
    assert_eq!(folded["CommonPrefixes"], json!([{ "Prefix": "p/" }]));
    assert_eq!(folded["Contents"][1]["Key"], "z%20z");
}

#[test]
fn a_policy_denies_writes_without_a_condition() {
    let mut trial = made();
    let policy = json!({ "Statement": [
        { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::state/plans/*",
          "Condition": { "Null": { "s3:if-none-match": "true" } } },
        { "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject*", "Resource": "arn:aws:s3:::state/plans/*" },
        { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::state/locks/*",
          "Condition": { "ArnNotEquals": { "aws:PrincipalArn": "arn:aws:iam::123456789012:role/apply" } } },
    ]});
    let bucket = json!({ "Bucket": "state" });
    let odd = trial.full("s3", "PutBucketPolicy", bucket.clone(), &[], b"{}");
    assert_eq!(refusal(odd).1, "MalformedPolicy");
    trial.full("s3", "PutBucketPolicy", bucket.clone(), &[], policy.to_string().as_bytes()).unwrap();
    assert_eq!(trial.good("s3", "GetBucketPolicy", bucket)["body"], policy.to_string());
    assert_eq!(refusal(put(&mut trial, "plans/a", "x", &[])).1, "AccessDenied");
    put(&mut trial, "plans/a", "x", &[("if-none-match", "*")]).unwrap();
    assert_eq!(trial.code("s3", "DeleteObject", object("plans/a")), "AccessDenied");
    assert_eq!(refusal(put(&mut trial, "locks/a", "x", &[])).1, "AccessDenied");
    trial.caller = "arn:aws:sts::123456789012:assumed-role/apply/run-7".to_owned();
    put(&mut trial, "locks/a", "x", &[]).unwrap();
}

#[test]
fn settings_have_their_own_absence_and_defaults() {
    let mut trial = made();
    let bucket = json!({ "Bucket": "state" });
    assert_eq!(trial.code("s3", "GetBucketPolicy", bucket.clone()), "NoSuchBucketPolicy");
    assert_eq!(trial.code("s3", "GetBucketTagging", bucket.clone()), "NoSuchTagSet");
    assert_eq!(trial.code("s3", "PutBucketTagging", bucket.clone()), "MalformedXML");
    let shown = trial.good("s3", "GetPublicAccessBlock", bucket.clone());
    assert!(shown["body"].as_str().unwrap().contains("<BlockPublicPolicy>true"));
    trial.full("s3", "PutBucketTagging", bucket.clone(), &[], b"<Tagging/>").unwrap();
    assert_eq!(trial.good("s3", "GetBucketTagging", bucket.clone())["body"], "<Tagging/>");
    trial.good("s3", "DeleteBucketTagging", bucket.clone());
    assert_eq!(trial.code("s3", "GetBucketTagging", bucket), "NoSuchTagSet");
}

#[test]
fn buckets_have_names_and_a_place() {
    let mut trial = made();
    trial.good("s3", "CreateBucket", json!({ "Bucket": "state" }));
    for name in ["ab", "Upper", "-a-", "a_b"] {
        assert_eq!(trial.code("s3", "CreateBucket", json!({ "Bucket": name })), "InvalidBucketName", "{name}");
    }
    let elsewhere = b"<C><LocationConstraint>eu-west-1</LocationConstraint></C>";
    let answer = trial.full("s3", "CreateBucket", json!({ "Bucket": "other" }), &[], elsewhere);
    assert_eq!(refusal(answer).1, "IllegalLocationConstraintException");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let mut trial = made();
    put(&mut trial, "a", "123456789", &[("x-amz-checksum-crc32", "y/Q5Jg==")]).unwrap();
    let odd = put(&mut trial, "a", "12345678", &[("x-amz-checksum-crc32", "y/Q5Jg==")]);
    assert_eq!(refusal(odd).1, "BadDigest");
    let chunked = "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
    let headers = [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", "9")];
    put(&mut trial, "a", chunked, &headers).unwrap();
    assert_eq!(trial.good("s3", "GetObject", object("a"))["base64"], "MTIzNDU2Nzg5");
    let short = [("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", "8")];
    assert_eq!(refusal(put(&mut trial, "a", chunked, &short)).1, "IncompleteBody");
}
