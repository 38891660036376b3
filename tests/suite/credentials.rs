//! Role credentials that end long before the run does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Future;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rem_ci::cloud::{self, Cloud};
use rem_ci::engine::{Class, Happening};
use rem_ci::run::World;
use rem_ci::sandbox::state::Action;
use rem_ci::sandbox::wire;
use serde_json::json;

use crate::common::{apply_with, destroy, look, virtual_time};
use crate::fault::{bucket_region, bucket_world, failures, fault, moved, set_faults, with_bucket};

const ISSUER: &str = "token.actions.githubusercontent.com";
const SESSION: Duration = Duration::from_mins(15);

/// Sessions of a quarter of an hour, by web identity, as the Action gets them.
#[derive(Debug)]
struct WebIdentity {
    sts: aws_sdk_sts::Client,
    role: String,
    sessions: Arc<AtomicUsize>,
}

impl WebIdentity {
    async fn session(&self) -> Result<Credentials, CredentialsError> {
        self.sessions.fetch_add(1, Ordering::SeqCst);
        let claims =
            json!({ "iss": format!("https://{ISSUER}"), "aud": "sts.amazonaws.com", "sub": "repo:acme/platform" });
        let token = format!("e30.{}.e30", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        let seconds = i32::try_from(SESSION.as_secs()).expect("seconds");
        let call = self.sts.assume_role_with_web_identity().role_arn(&self.role).role_session_name("apply");
        let answer = call.web_identity_token(token).duration_seconds(seconds).send().await;
        let answer = answer.map_err(CredentialsError::provider_error)?;
        let given = answer.credentials().ok_or_else(|| CredentialsError::not_loaded("no credentials"))?;
        let end = std::time::SystemTime::try_from(*given.expiration()).map_err(CredentialsError::unhandled)?;
        let (key, secret) = (given.access_key_id(), given.secret_access_key());
        Ok(Credentials::new(key, secret, Some(given.session_token().to_owned()), Some(end), "web identity"))
    }
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> Future<'a>
    where
        Self: 'a,
    {
        Future::new(self.session())
    }
}

#[test]
fn sessions_of_a_quarter_of_an_hour_last_for_three_hours() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let mut region = bucket_region(7, &loaded).await;
        let (account, admin) = (&loaded.spec.account, bucket_world(&region, &loaded).cloud);
        let provider = format!("arn:aws:iam::{account}:oidc-provider/{ISSUER}");
        let call = admin.iam.create_open_id_connect_provider().url(format!("https://{ISSUER}"));
        call.client_id_list("sts.amazonaws.com").send().await.expect("a provider");
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": { "Federated": provider },
            "Condition": { "StringEquals": { format!("{ISSUER}:aud"): "sts.amazonaws.com" } },
        }] });
        let call = admin.iam.create_role().role_name("apply").assume_role_policy_document(trust.to_string());
        let role = call.send().await.expect("a role").role.expect("a role").arn;
        let call = admin.iam.attach_role_policy().role_name("apply");
        call.policy_arn("arn:aws:iam::aws:policy/AdministratorAccess").send().await.expect("a policy");
        rem_ci::engine::wait::pause(Duration::from_mins(1)).await;

        // Every call takes nine seconds more, so that one apply alone outlasts its first session.
        let slow = ["ec2", "eks", "iam", "sqs", "events", "kms", "logs", "autoscaling", "ssm"];
        set_faults(&region, slow.map(|service| fault(service, "*", 0, Action::Slow(9_000))).to_vec());
        let expired = Arc::new(AtomicUsize::new(0));
        let (shared, clock, count) = (region.sandbox.state.clone(), region.clock, expired.clone());
        region.sandbox = region.sandbox.record(Arc::new(move |request| {
            let call = wire::parse(request).expect("every call is understood");
            let state = shared.lock().expect("a state");
            let session = state.accounts.values().find_map(|account| account.iam.sessions.get(&call.access_key));
            let unsigned = call.access_key.is_empty();
            let good = unsigned || session.is_some_and(|session| session.expires > clock.millis());
            count.fetch_add(usize::from(!good), Ordering::SeqCst);
        }));
        let config = |provider| cloud::simulated(region.sandbox.clone(), clock, account, &loaded.spec.region, provider);
        let sessions = Arc::new(AtomicUsize::new(0));
        let sts = aws_sdk_sts::Client::new(&config(None));
        let provider = SharedCredentialsProvider::new(WebIdentity { sts, role, sessions: sessions.clone() });
        let plain = bucket_world(&region, &loaded);
        let cloud = Cloud::new(&config(Some(provider)), account, &loaded.spec.region);
        let cloud = cloud.reaching(plain.cloud.dial.clone(), plain.cloud.helm.clone());
        let store = rem_ci::cloud::Store::Bucket {
            client: cloud.s3.clone(),
            bucket: crate::fault::BUCKET.to_owned(),
            account: account.clone(),
        };
        let world = World { cloud, store: Some(store), ..plain };

        let began = clock.boot();
        let denied = AtomicUsize::new(0);
        let sink = |event: &rem_ci::engine::Event| {
            if let Happening::Retrying { why, .. } | Happening::Failed { why } = &event.what {
                denied.fetch_add(usize::from(why.class == Class::Denied), Ordering::SeqCst);
            }
        };
        let mut longest = Duration::ZERO;
        while clock.boot().saturating_sub(began) < Duration::from_hours(3) {
            let applied = apply_with(&loaded, &world, &sink).await.expect("an apply");
            assert_eq!(failures(&applied.outcome), Vec::<String>::new());
            longest = longest.max(applied.outcome.took);
            assert_eq!(moved(&look(&loaded, &world).await.expect("a look").plan), Vec::<String>::new());
            let destroyed = destroy(&loaded, &world).await.expect("a destroy");
            assert_eq!(failures(&destroyed.applied.outcome), Vec::<String>::new());
        }
        let took = clock.boot().saturating_sub(began);
        // Credentials are renewed minutes before they end: an apply of over ten minutes goes on with others than it began with.
        assert!(longest > SESSION * 2 / 3, "no apply outlasted its session: {longest:?}");
        assert_eq!(
            (denied.into_inner(), expired.load(Ordering::SeqCst)),
            (0, 0),
            "denied, calls with an ended session"
        );
        let sessions = sessions.load(Ordering::SeqCst) as u64;
        // One after the other for calls, and one for each token of each cluster.
        let needed = took.as_secs() / SESSION.as_secs();
        assert!((needed..=2 * needed + 3).contains(&sessions), "{sessions} sessions in {took:?}");
    });
}
