//! The SDK configuration of Action mode. Nothing of the environment gets in but addresses of AWS's own services: no keys, profiles,
//! credential processes, container or instance endpoints, whoever put them there.

use aws_config::BehaviorVersion;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::identity::SharedIdentityCache;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use http::Uri;

use super::clock::Clock;
use super::config::timeouts;
use super::env::{env, env_names};
use super::kubernetes::road::loopback;
use crate::problem::Problem;

/// What sends every service elsewhere; with `_SERVICE` behind it, one of them
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The code of this file, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[(
    "foreign-endpoint",
    "In the Action, requests to AWS go to AWS: AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SERVICE may only name hosts under amazonaws.com or \
     amazonaws.com.cn, by https, or this machine itself. Anything else would be sent signed requests and data of the environment.",
)];

/// The configuration of a region with these credentials and no others; without, requests are not signed.
///
/// # Errors
/// If the environment sends requests to somebody who is not AWS.
pub fn strict(region: &str, provider: Option<SharedCredentialsProvider>) -> Result<SdkConfig, Box<Problem>> {
    let endpoints = endpoints(&env, &env_names(ENDPOINT))?;
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .time_source(Clock::Wall)
        .sleep_impl(TokioSleep::new())
        .timeout_config(timeouts())
        .retry_config(RetryConfig::standard())
        .identity_cache(no_cache());
    config.set_credentials_provider(provider);
    config.set_endpoint_url(endpoints.all.clone());
    Ok(config.service_config(endpoints).build())
}

/// None: a provider of ours holds its credentials itself, and knows best when they must be others.
#[must_use]
pub fn no_cache() -> SharedIdentityCache {
    IdentityCache::no_cache()
}

/// Endpoints that the environment names, all of them AWS's or this machine's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Endpoints {
    all: Option<String>,
    one: Vec<(String, String)>,
}

impl LoadServiceConfig for Endpoints {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        // Clients ask for more than endpoints; they get nothing else.
        if key.env() != ENDPOINT {
            return None;
        }
        // Spaces and dashes of a service's id are underscores in the variable (same guide).
        let name = format!("{ENDPOINT}_{}", key.service_id().to_uppercase().replace([' ', '-'], "_"));
        let own = self.one.iter().find(|(known, _)| *known == name).map(|(_, url)| url.clone());
        own.or_else(|| self.all.clone())
    }
}

fn endpoints(variables: &dyn Fn(&str) -> Option<String>, names: &[String]) -> Result<Endpoints, Box<Problem>> {
    let mut found = Endpoints::default();
    for name in names {
        let Some(url) = variables(name).filter(|url| !url.is_empty()) else { continue };
        if !trusted(&url) {
            let host = url.parse::<Uri>().ok().and_then(|url| url.host().map(str::to_owned));
            let host = host.unwrap_or_else(|| "no address".to_owned());
            let title = format!("{name} sends requests to {host}, which is not AWS");
            let help = "unset it: in the Action, endpoints are AWS's own or on this machine";
            return Err(Box::new(Problem::error("foreign-endpoint", title, help)));
        }
        if name == ENDPOINT {
            found.all = Some(url);
        } else if name.starts_with("AWS_ENDPOINT_URL_") {
            found.one.push((name.clone(), url));
        }
    }
    Ok(found)
}

/// Whether an address is this machine's, or AWS's by https.
fn trusted(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    let aws = ["amazonaws.com", "amazonaws.com.cn"].iter().any(|name| {
        let before = host.strip_suffix(name);
        before.is_some_and(|before| before.ends_with('.'))
    });
    loopback(&host) || (aws && url.scheme_str() == Some("https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> Result<Endpoints, Box<Problem>> {
        let names: Vec<_> = pairs.iter().map(|(name, _)| (*name).to_owned()).collect();
        let value = |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, url)| (*url).to_owned());
        endpoints(&value, &names)
    }

    #[test]
    fn endpoints_stay_at_aws() {
        for good in [
            "https://vpce-1a2b.eks.us-east-1.vpce.amazonaws.com",
            "https://ec2.cn-north-1.amazonaws.com.cn",
            "http://127.0.0.1:4566",
            "http://[::1]:4566",
            "http://localhost:4566/",
        ] {
            assert!(given(&[("AWS_ENDPOINT_URL", good)]).is_ok(), "{good}");
            assert!(given(&[("AWS_ENDPOINT_URL_EKS", good)]).is_ok(), "{good}");
        }
        for bad in [
            "https://evil.example",
            "http://ec2.us-east-1.amazonaws.com",
            "https://amazonaws.com.evil.example",
            "https://notamazonaws.com",
            "https://ec2.amazonaws.com@evil.example/",
            "http://169.254.169.254/latest",
            "http://127.0.0.1.evil.example",
            "file:///etc/passwd",
            "nonsense at all",
        ] {
            let problem = given(&[("AWS_ENDPOINT_URL_STS", bad)]).expect_err(bad);
            assert_eq!(problem.code, "foreign-endpoint", "{bad}");
            assert!(problem.title.starts_with("AWS_ENDPOINT_URL_STS sends"), "{}", problem.title);
        }
        assert_eq!(given(&[("AWS_ENDPOINT_URL", "")]), Ok(Endpoints::default()));
    }

    #[test]
    fn one_service_can_have_its_own_and_nothing_but_endpoints_is_read() {
        let all = "http://127.0.0.1:1";
        let found = given(&[("AWS_ENDPOINT_URL", all), ("AWS_ENDPOINT_URL_AUTO_SCALING", "http://127.0.0.1:2")]);
        let found = found.expect("both are this machine's");
        let ask = |service, env| {
            let key = ServiceConfigKey::builder().service_id(service).env(env).profile("endpoint_url").build();
            found.load_config(key.expect("a key"))
        };
        assert_eq!(ask("Auto Scaling", ENDPOINT).as_deref(), Some("http://127.0.0.1:2"));
        assert_eq!(ask("EKS", ENDPOINT).as_deref(), Some(all));
        assert_eq!(ask("EKS", "AWS_SIGV4A_SIGNING_REGION_SET"), None);
    }
}
