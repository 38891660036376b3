//! Where lock, plan and apply records are kept: the environment's bucket, or a folder beside the sandbox.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::errors::{failed, gone_is_none};
use crate::engine::{Class, Failure};

/// A place for small documents under keys such as `locks/prod.json`.
#[derive(Clone, Debug)]
pub enum Store {
    /// A folder on this machine.
    Folder(PathBuf),
    /// A bucket of the environment's own account; every call names that account as the expected owner.
    Bucket {
        /// S3.
        client: aws_sdk_s3::Client,
        /// Its name.
        bucket: String,
        /// 12 digits.
        account: String,
    },
}

/// A document as it was read.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its content.
    pub body: Vec<u8>,
    /// What a conditional write must match.
    pub etag: String,
    /// When it was written, seconds since 1970, by the store's clock.
    pub written: i64,
    /// The store's clock at the read, seconds since 1970.
    pub now: i64,
}

/// Catches the `Date` of an answer: ages are judged by the store's clock, never by two machines' clocks against each
/// other.
#[derive(Clone, Debug, Default)]
struct DateOf(Arc<Mutex<Option<i64>>>);

impl Intercept for DateOf {
    fn name(&self) -> &'static str {
        "date"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(http_date);
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = date;
        Ok(())
    }
}

fn http_date(text: &str) -> Option<i64> {
    use aws_smithy_types::date_time::Format;
    aws_smithy_types::DateTime::from_str(text, Format::HttpDate).ok().map(|date| date.secs())
}

impl Store {
    /// The document under a key.
    ///
    /// # Errors
    /// If it cannot be read; that it is not there is no error.
    pub async fn get(&self, key: &str) -> Result<Option<Stored>, Failure> {
        match self {
            Self::Folder(folder) => folder_get(&folder.join(key)),
            Self::Bucket { client, bucket, account } => {
                let date = DateOf::default();
                let call = client.get_object().bucket(bucket).key(key).expected_bucket_owner(account);
                let answer = call.customize().interceptor(date.clone()).send().await.map_err(failed("s3:GetObject"));
                let Some(object) = gone_is_none(answer)? else { return Ok(None) };
                let etag = object.e_tag().unwrap_or_default().to_owned();
                let written = object.last_modified().map_or(0, aws_smithy_types::DateTime::secs);
                let body = object.body.collect().await;
                let body = body.map_err(|error| Failure::fatal("s3:GetObject", error.to_string()))?.to_vec();
                let now = *date.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let now = now.ok_or_else(|| Failure::fatal("s3:GetObject", "the answer carries no date"))?;
                Ok(Some(Stored { body, etag, written, now }))
            }
        }
    }

    /// Writes a document. `condition` none overwrites; `Some("")` only where there is none; `Some(etag)` only over that one.
    /// Gives the new etag, or none where the condition did not hold.
    ///
    /// # Errors
    /// If it cannot be written.
    pub async fn put(&self, key: &str, body: Vec<u8>, condition: Option<&str>) -> Result<Option<String>, Failure> {
        match self {
            Self::Folder(folder) => folder_put(&folder.join(key), &body, condition),
            Self::Bucket { client, bucket, account } => {
                let call = client.put_object().bucket(bucket).key(key).expected_bucket_owner(account);
                let call = match condition {
                    None => call,
                    Some("") => call.if_none_match("*"),
                    Some(etag) => call.if_match(etag),
                };
                let answer = call.content_type("application/json").body(ByteStream::from(body)).send().await;
                match answer.map_err(failed("s3:PutObject")) {
                    Ok(put) => Ok(Some(put.e_tag().unwrap_or_default().to_owned())),
                    Err(failure)
                        if matches!(failure.code.as_str(), "PreconditionFailed" | "ConditionalRequestConflict") =>
                    {
                        Ok(None)
                    }
                    Err(failure) if condition.is_some_and(|etag| !etag.is_empty()) && failure.class == Class::Gone => {
                        Ok(None)
                    }
                    Err(failure) => Err(failure),
                }
            }
        }
    }

    /// Removes a document; that it is not there is fine.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        match self {
            Self::Folder(folder) => match std::fs::remove_file(folder.join(key)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(local(&error)),
                _ => Ok(()),
            },
            Self::Bucket { client, bucket, account } => {
                let call = client.delete_object().bucket(bucket).key(key).expected_bucket_owner(account);
                gone_is_none(call.send().await.map_err(failed("s3:DeleteObject")))?;
                Ok(())
            }
        }
    }
}

fn local(error: &std::io::Error) -> Failure {
    Failure::fatal("file", error.to_string())
}

fn etag_of(body: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};
    hex::encode(Sha256::digest(body))
}

fn folder_get(path: &Path) -> Result<Option<Stored>, Failure> {
    match std::fs::read(path) {
        Ok(body) => {
            let etag = etag_of(&body);
            Ok(Some(Stored { body, etag, written: 0, now: 0 }))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(local(&error)),
    }
}

fn folder_put(path: &Path, body: &[u8], condition: Option<&str>) -> Result<Option<String>, Failure> {
    let there = folder_get(path)?;
    let holds = match (condition, &there) {
        (None, _) | (Some(""), None) => true,
        (Some(etag), Some(stored)) => stored.etag == etag,
        (Some(_), None) => false,
    };
    if !holds {
        return Ok(None);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| local(&error))?;
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&draft, body).and_then(|()| std::fs::rename(&draft, path)).map_err(|error| local(&error))?;
    Ok(Some(etag_of(body)))
}
