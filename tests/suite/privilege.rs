//! The roles that `rem-ci bootstrap` makes: who gets them, what they are enough for, and what they are not.

mod doctor;
mod escalation;
mod forged;
mod gates;
mod lint;
mod made;
mod runs;
mod secrets;
mod state;
mod trust;

use std::collections::BTreeSet;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rem_ci::bootstrap::{self, Repository, Wish};
use rem_ci::cloud::{self, Cloud, Store};
use rem_ci::config::Loaded;
use rem_ci::engine::Stop;
use rem_ci::engine::wait::pause;
use rem_ci::model::access::{Access, Job};
use rem_ci::run::World;
use serde_json::{Value as Json, json};

use crate::common::{Region, environment};

/// The repository of all tests.
fn repository() -> Repository {
    Repository::new("acme/platform", Some(4_711), Some(42), "main").expect("a repository")
}

fn wish() -> Wish {
    Wish { destroy: true, ..Wish::default() }
}

/// `prod` as shipped, but the key and the log group go along in a destroy: else a second life finds them.
fn prod() -> Loaded {
    environment("prod")
}

/// Runs bootstrap as the account's administrator; gives the environment with what the file says after it.
pub(crate) async fn bootstrapped(region: &Region, loaded: &Loaded) -> Loaded {
    let world = region.world(loaded);
    let looked = bootstrap::look(loaded, &world, &repository(), &wish()).await.expect("a look");
    assert!(!looked.refused(), "{:#?}", looked.findings);
    let applied = bootstrap::apply(&world, looked, &|_| {}, &Stop::default()).await.expect("an apply");
    let errors: Vec<_> = applied.outcome.reports.iter().filter_map(|report| report.error.as_ref()).collect();
    assert!(applied.outcome.complete(), "{errors:#?}");
    let access = Access::of(&loaded.spec);
    let mut named = loaded.clone();
    named.spec = bootstrap::named(&loaded.spec, &access, &wish());
    named
}

/// The claims of a job's token as GitHub makes them (GitHub docs, "OpenID Connect reference").
fn claims(environment: &str, job: Job) -> Json {
    let (sub, workflow, git_ref) = match job {
        Job::Plan => ("repo:acme/platform:pull_request".to_owned(), "plan", "refs/pull/7/merge"),
        Job::Apply => (format!("repo:acme/platform:environment:{environment}"), "apply", "refs/heads/main"),
        Job::Destroy => (format!("repo:acme/platform:environment:{environment}-destroy"), "destroy", "refs/heads/main"),
    };
    json!({
        "iss": "https://token.actions.githubusercontent.com",
        "aud": "sts.amazonaws.com",
        "sub": sub,
        "repository": "acme/platform",
        "repository_id": "4711",
        "repository_owner_id": "42",
        "job_workflow_ref": format!("acme/platform/.github/workflows/rem-ci-{workflow}.yml@refs/heads/main"),
        "ref": git_ref,
        "actor": "mona",
        "event_name": "pull_request",
    })
}

/// A token with these claims. Nobody checks its signature here.
fn token(claims: &Json) -> String {
    let part = |json: &Json| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!(
        "{}.{}.{}",
        part(&json!({ "alg": "RS256", "typ": "JWT" })),
        part(claims),
        BASE64_URL_SAFE_NO_PAD.encode("x")
    )
}

/// Asks STS for a role with a token; the refusal's code and words otherwise.
async fn assumed(region: &Region, loaded: &Loaded, arn: &str, claims: &Json) -> Result<World, String> {
    let admin = region.world(loaded);
    let call = admin.cloud.sts.assume_role_with_web_identity().role_arn(arn).role_session_name("run-1-pr-7");
    let answer = call.web_identity_token(token(claims)).send().await;
    let answer = answer.map_err(|error| format!("{:?}", error.into_service_error()))?;
    let keys = answer.credentials.expect("keys");
    Ok(acting(region, loaded, keys.access_key_id, keys.secret_access_key, keys.session_token))
}

/// A world in which a session acts, with its state in the bucket.
fn acting(region: &Region, loaded: &Loaded, id: String, secret: String, session: String) -> World {
    let admin = region.world(loaded);
    let keys = Credentials::new(id, secret, Some(session), None, "assumed role");
    let (account, name) = (&loaded.spec.account, &loaded.spec.region);
    let provider = SharedCredentialsProvider::new(keys);
    let config = cloud::simulated(region.sandbox.clone(), region.clock, account, name, Some(provider));
    let cloud = Cloud::new(&config, account, name).reaching(admin.cloud.dial.clone(), admin.cloud.helm.clone());
    let bucket = Access::of(&loaded.spec).bucket();
    let store = Store::Bucket { client: cloud.s3.clone(), bucket, account: account.clone() };
    World { cloud, store: Some(store), ..admin }
}

/// A world of a job, with a fresh session.
async fn job(region: &Region, loaded: &Loaded, job: Job) -> World {
    let arn = Access::of(&loaded.spec).role_arn(job);
    // A new role is not usable at once.
    pause(Duration::from_mins(1)).await;
    assumed(region, loaded, &arn, &claims(&loaded.spec.name, job)).await.expect("a session")
}

/// What IAM has been asked of a job's role.
fn asked(region: &Region, loaded: &Loaded, job: Job) -> BTreeSet<String> {
    let arn = Access::of(&loaded.spec).role_arn(job);
    region.sandbox.with(|state| state.accounts[&loaded.spec.account].iam.asked.get(&arn).cloned().unwrap_or_default())
}
