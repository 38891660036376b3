//! Bearer tokens of EKS: a presigned STS `GetCallerIdentity` that names the cluster in a signed header. EKS runs the request
//! and so learns who calls; nothing else of the credentials leaves this machine.
//!
//! The form is that of aws-iam-authenticator, README, "API Authorization from Outside a Cluster":
//! <https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster>.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign as sign_request,
};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_types::SdkConfig;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::{Class, Failure};
use crate::github::oidc::Mask;

/// EKS takes a token for 15 minutes from the moment of its signature; a minute is left for clocks that differ.
pub const LIFE: Duration = Duration::from_mins(14);

/// What the presigned URL itself says. EKS does not go by it, and refuses URLs that say more than 15 minutes.
const SAID: Duration = Duration::from_mins(1);

/// The signed header that binds a token to one cluster.
const CLUSTER_HEADER: &str = "x-k8s-aws-id";

/// What every token begins with.
const PREFIX: &str = "k8s-aws-v1.";

const CALL: &str = "sts:GetCallerIdentity";

/// A token and its end.
#[derive(Clone, Debug)]
pub struct Token {
    /// Whoever has it is the caller until it ends: never printed but by `rem-ci token`, never on disk.
    pub secret: SecretString,
    /// When it is to be replaced.
    pub until: SystemTime,
}

/// Makes tokens from the run's own credentials.
#[derive(Clone)]
pub struct Signer {
    credentials: Option<SharedCredentialsProvider>,
    time: SharedTimeSource,
    region: String,
    mask: Option<Mask>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// With the credentials and on the clock of an SDK configuration.
    #[must_use]
    pub fn new(config: &SdkConfig, region: &str) -> Self {
        Self {
            credentials: config.credentials_provider(),
            time: config.time_source().unwrap_or_else(|| SharedTimeSource::new(SystemTimeSource::new())),
            region: region.to_owned(),
            mask: None,
        }
    }

    /// The same, telling of every token before it is handed out.
    #[must_use]
    pub fn masking(mut self, mask: Mask) -> Self {
        self.mask = Some(mask);
        self
    }

    /// What time it is by this signer's clock.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.time.now()
    }

    /// A token for a cluster, by its name in EKS. No call is made, but credentials may have to be fetched.
    ///
    /// # Errors
    /// If there are no credentials.
    pub async fn token(&self, cluster: &str) -> Result<Token, Failure> {
        let none =
            |why: String| Failure { class: Class::Denied, call: CALL.to_owned(), code: String::new(), message: why };
        let provider = self.credentials.as_ref().ok_or_else(|| none("there are no credentials".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| none(error.to_string()))?;
        let token = sign(&credentials, &self.region, cluster, self.time.now())?;
        if let Some(mask) = &self.mask {
            mask(token.secret.expose_secret());
        }
        Ok(token)
    }
}

/// Signs a token at a moment.
///
/// # Errors
/// If the signer refuses what it is given.
pub fn sign(credentials: &Credentials, region: &str, cluster: &str, at: SystemTime) -> Result<Token, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::fatal(CALL, format!("cannot sign: {error}"));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(SAID);
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    let identity = credentials.clone().into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("sts")
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| failed(&error))?
        .into();
    let url = format!("https://{}/?Action=GetCallerIdentity&Version=2011-06-15", sts_host(region));
    let headers = [(CLUSTER_HEADER, cluster)];
    let request = SignableRequest::new("GET", url.clone(), headers.into_iter(), SignableBody::Bytes(&[]))
        .map_err(|error| failed(&error))?;
    let (instructions, _) = sign_request(request, &params).map_err(|error| failed(&error))?.into_parts();
    let mut signed = form_urlencoded::Serializer::for_suffix(url.clone(), url.find('?').map_or(0, |at| at + 1));
    for (name, value) in instructions.params() {
        signed.append_pair(name, value);
    }
    let secret = SecretString::from(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(signed.finish())));
    let until = at + LIFE;
    let until = credentials.expiry().map_or(until, |expiry| expiry.min(until));
    Ok(Token { secret, until })
}

/// The regional endpoint of STS. Suffixes: botocore's `partitions.json`.
fn sts_host(region: &str) -> String {
    let suffix = match region {
        _ if region.starts_with("cn-") => "amazonaws.com.cn",
        _ if region.starts_with("us-iso-") => "c2s.ic.gov",
        _ if region.starts_with("us-isob-") => "sc2s.sgov.gov",
        _ if region.starts_with("us-isof-") => "csp.hci.ic.gov",
        _ if region.starts_with("eu-isoe-") => "cloud.adc-e.uk",
        _ if region.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("sts.{region}.{suffix}")
}

/// The answer of an exec credential plugin: `kubectl` and every client-go program read it from stdout. `api_version` is
/// what `KUBERNETES_EXEC_INFO` asks for. The token is in it, so this goes to stdout and nowhere else.
///
/// Source: Kubernetes documentation, "Authenticating", "client-go credential plugins".
#[must_use]
pub fn exec_credential(token: &Token, api_version: &str) -> String {
    let until = jiff::Timestamp::try_from(token.until).unwrap_or_default();
    let document = serde_json::json!({
        "kind": "ExecCredential",
        "apiVersion": api_version,
        "spec": {},
        "status": {
            "expirationTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "token": token.secret.expose_secret(),
        },
    });
    format!("{document}\n")
}

/// The version of the plugin's protocol that the caller wants, by its `KUBERNETES_EXEC_INFO`.
///
/// # Errors
/// In words, if it wants one that is not spoken here.
pub fn exec_version(info: Option<&str>) -> Result<&'static str, String> {
    const SPOKEN: [&str; 2] = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];
    let Some(info) = info.filter(|info| !info.trim().is_empty()) else { return Ok(SPOKEN[0]) };
    let info: serde_json::Value =
        serde_json::from_str(info).map_err(|error| format!("KUBERNETES_EXEC_INFO is not JSON: {error}"))?;
    let wanted = info["apiVersion"].as_str().unwrap_or_default();
    SPOKEN.into_iter().find(|version| *version == wanted).ok_or_else(|| {
        format!("KUBERNETES_EXEC_INFO asks for apiVersion {wanted:?}; spoken here: {}", SPOKEN.join(", "))
    })
}

#[cfg(test)]
mod tests;
