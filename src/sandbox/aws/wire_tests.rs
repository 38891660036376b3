//! Through the real SDK clients: what they send is parsed, what is answered they understand.

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::sandbox::clock::Clock;
use crate::sandbox::connector::Sandbox;
use crate::sandbox::recorded;
use crate::sandbox::state::State;

fn config() -> (SdkConfig, Arc<Mutex<Vec<String>>>) {
    let (config, lines, _) = shared();
    (config, lines)
}

/// The configuration of clients, the requests that they have sent, and the region they talk to.
pub(super) fn shared() -> (SdkConfig, Arc<Mutex<Vec<String>>>, Sandbox) {
    let clock = Clock::starting(1_795_478_400_000, 1);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let sandbox = Sandbox::new(State::new(7), clock.as_now(), None)
        .record(Arc::new(move |request| kept.lock().unwrap().extend(recorded::line(request))));
    let credentials = Credentials::new("AKIA123456789012SAND", "sandbox", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .http_client(sandbox.clone())
        .time_source(clock)
        .sleep_impl(TokioSleep::new())
        .retry_config(RetryConfig::disabled())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    (config, lines, sandbox)
}

#[tokio::test(start_paused = true)]
async fn s3_locks_lists_and_reads() {
    let (config, lines) = config();
    let s3 = aws_sdk_s3::Client::new(&config);
    let status = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    s3.create_bucket().bucket("state").send().await.unwrap();
    s3.head_bucket().bucket("state").send().await.unwrap();
    s3.put_bucket_versioning().bucket("state").versioning_configuration(status).send().await.unwrap();
    let put = |key: &str, text: &'static str| {
        s3.put_object()
            .bucket("state")
            .key(key)
            .expected_bucket_owner("123456789012")
            .body(ByteStream::from_static(text.as_bytes()))
    };
    let first = put("locks/a b", "{\"held\":true}").if_none_match("*").send().await.unwrap();
    let refused = put("locks/a b", "x").if_none_match("*").send().await.unwrap_err().into_service_error();
    assert_eq!(refused.code(), Some("PreconditionFailed"));
    put("locks/a b", "2").if_match(first.e_tag().unwrap()).send().await.unwrap();
    put("locks/b", "3").send().await.unwrap();

    let got = s3.get_object().bucket("state").key("locks/a b").send().await.unwrap();
    assert_eq!(got.last_modified().unwrap().secs(), 1_795_478_400);
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "2");
    let head = s3.head_object().bucket("state").key("locks/a b").send().await.unwrap();
    assert_eq!(head.content_length(), Some(1));
    let none = s3.head_object().bucket("state").key("none").send().await.unwrap_err().into_service_error();
    assert!(none.is_not_found());
    let none = s3.get_object().bucket("state").key("none").send().await.unwrap_err();
    assert_eq!(none.raw_response().unwrap().headers().get("date"), Some("Tue, 24 Nov 2026 00:00:00 GMT"));
    assert!(none.into_service_error().is_no_such_key());

    let mut pages = s3.list_objects_v2().bucket("state").prefix("locks/").max_keys(1).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().filter_map(|one| one.key().map(str::to_owned)));
    }
    assert_eq!(keys, ["locks/a b", "locks/b"]);
    s3.delete_object().bucket("state").key("locks/b").send().await.unwrap();
    let versions = s3.list_object_versions().bucket("state").send().await.unwrap();
    assert_eq!((versions.versions().len(), versions.delete_markers().len()), (3, 1));

    let lines = lines.lock().unwrap();
    assert!(lines.iter().any(|line| line.contains("\"ListObjectVersions\"")), "requests are recorded");
}

#[tokio::test(start_paused = true)]
async fn sqs_spells_its_codes_as_it_always_did() {
    let (config, _) = config();
    let sqs = aws_sdk_sqs::Client::new(&config);
    let none = sqs.get_queue_url().queue_name("jobs").send().await.unwrap_err().into_service_error();
    assert!(none.is_queue_does_not_exist());
    let made = sqs.create_queue().queue_name("jobs").send().await.unwrap();
    let other = sqs.create_queue().queue_name("jobs").attributes("VisibilityTimeout".into(), "7").send().await;
    assert!(other.unwrap_err().into_service_error().is_queue_name_exists());
    tokio::time::advance(std::time::Duration::from_secs(1)).await;
    let url = made.queue_url().unwrap();
    sqs.send_message().queue_url(url).message_body("hello").send().await.unwrap();
    let got = sqs.receive_message().queue_url(url).send().await.unwrap();
    assert_eq!(got.messages()[0].body(), Some("hello"));
    sqs.delete_queue().queue_url(url).send().await.unwrap();
    let soon = sqs.create_queue().queue_name("jobs").send().await.unwrap_err().into_service_error();
    assert!(soon.is_queue_deleted_recently());
}

#[tokio::test(start_paused = true)]
async fn the_json_services_understand_each_other() {
    let (config, _) = config();
    let kms = aws_sdk_kms::Client::new(&config);
    let key = kms.create_key().description("d").send().await.unwrap();
    let key = key.key_metadata().unwrap();
    assert_eq!(key.creation_date().unwrap().secs(), 1_795_478_400);
    kms.create_alias().alias_name("alias/k").target_key_id(key.key_id()).send().await.unwrap();
    let none = kms.describe_key().key_id("alias/none").send().await.unwrap_err().into_service_error();
    assert!(none.is_not_found_exception());

    let logs = aws_sdk_cloudwatchlogs::Client::new(&config);
    logs.create_log_group().log_group_name("/a").send().await.unwrap();
    logs.put_retention_policy().log_group_name("/a").retention_in_days(7).send().await.unwrap();
    let groups = logs.describe_log_groups().log_group_name_prefix("/").send().await.unwrap();
    assert_eq!(groups.log_groups()[0].retention_in_days(), Some(7));

    let events = aws_sdk_eventbridge::Client::new(&config);
    let odd = events.put_rule().name("r").event_pattern("{}").send().await.unwrap_err().into_service_error();
    assert!(odd.is_invalid_event_pattern_exception());
    events.put_rule().name("r").event_pattern(r#"{"source":["a"]}"#).send().await.unwrap();
    assert_eq!(events.list_rules().name_prefix("r").send().await.unwrap().rules().len(), 1);

    let ssm = aws_sdk_ssm::Client::new(&config);
    let name = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/x86_64/standard/recommended/release_version";
    let found = ssm.get_parameter().name(name).send().await.unwrap();
    assert_eq!(found.parameter().unwrap().value(), Some("1.35.6-20261118"));
    assert!(ssm.get_parameter().name("/x").send().await.unwrap_err().into_service_error().is_parameter_not_found());
}

#[tokio::test(start_paused = true)]
async fn what_changes_nothing_writes_no_file() {
    let clock = Clock::starting(1_795_478_400_000, 1);
    let saves = Arc::new(Mutex::new(0));
    let count = Arc::clone(&saves);
    let persist = Arc::new(move |_: &State| {
        *count.lock().unwrap() += 1;
        Ok(())
    });
    let sandbox = Sandbox::new(State::new(7), clock.as_now(), Some(persist));
    let ask = |operation: &str, body: &'static str| {
        http::Request::post("https://logs.us-east-1.amazonaws.com/")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AK/20261124/us-east-1/logs/aws4_request, Signature=s")
            .header("x-amz-target", format!("Logs_20140328.{operation}"))
            .body(bytes::Bytes::from_static(body.as_bytes()))
            .unwrap()
    };
    sandbox.call(&ask("DescribeLogGroups", "{}")).await.unwrap();
    assert_eq!(*saves.lock().unwrap(), 0);
    sandbox.call(&ask("CreateLogGroup", r#"{"logGroupName":"/a"}"#)).await.unwrap();
    assert_eq!(*saves.lock().unwrap(), 1);
}
