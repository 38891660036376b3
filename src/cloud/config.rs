//! The SDK configuration: live by the SDK's own conventions, or over the simulated region.

use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_types::SdkConfig;
use aws_types::region::Region;

use super::clock::Clock;
use crate::sandbox::connector::Sandbox;

/// No single call takes longer; the lock's lease arithmetic counts on it.
pub const LONGEST_CALL: Duration = Duration::from_secs(30);

/// No single try of a call takes longer.
pub(super) const LONGEST_TRY: Duration = Duration::from_secs(10);

/// Why there is no live configuration.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Nothing in the chain gave any.
    #[error("no AWS credentials: {0}")]
    NoCredentials(String),
}

pub(super) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .operation_attempt_timeout(LONGEST_TRY)
        .operation_timeout(LONGEST_CALL)
        .build()
}

fn identity_cache() -> SharedIdentityCache {
    use aws_config::identity::IdentityCache;
    // One for all clients: without it every service resolves credentials by itself. It refreshes before they expire.
    IdentityCache::lazy().build()
}

/// The configuration that the environment gives: profiles, SSO, `AWS_ENDPOINT_URL[_SERVICE]`, `AWS_CA_BUNDLE`, proxies.
/// The region is the environment file's, whatever `AWS_REGION` says.
///
/// # Errors
/// If no credentials can be had.
pub async fn live(region: &str) -> Result<SdkConfig, LiveError> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard())
        .identity_cache(identity_cache())
        .load()
        .await;
    let Some(provider) = config.credentials_provider() else {
        return Err(LiveError::NoCredentials("the provider chain is empty".to_owned()));
    };
    match provider.provide_credentials().await {
        Ok(_) => Ok(config),
        Err(error) => Err(LiveError::NoCredentials(error.to_string())),
    }
}

/// The configuration of a simulated region. `provider` none means its administrator.
#[must_use]
pub fn simulated(
    sandbox: Sandbox,
    clock: Clock,
    account: &str,
    region: &str,
    provider: Option<SharedCredentialsProvider>,
) -> SdkConfig {
    let admin = Credentials::new(format!("AKIA{account}SAND"), "sandbox", None, None, "sandbox");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .http_client(sandbox)
        .time_source(clock)
        .sleep_impl(TokioSleep::new())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard())
        .identity_cache(identity_cache())
        .credentials_provider(provider.unwrap_or_else(|| SharedCredentialsProvider::new(admin)))
        .build()
}
