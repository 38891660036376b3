//! The runner's token endpoint: `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=…`, bearer `$ACTIONS_ID_TOKEN_REQUEST_TOKEN`.
//! <https://docs.github.com/en/actions/reference/security/oidc>

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::render;
use super::state::{Actor, State};

/// Below the API's address here; on a runner it is another host.
pub(crate) const PATH: &str = "/_oidc/token";

/// A job that may ask for tokens.
#[expect(clippy::struct_field_names, reason = "the claims are called so")]
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// `pull_request`, `push`, `merge_group`, `workflow_dispatch`, `schedule`.
    pub(crate) event: String,
    /// `refs/heads/main`, `refs/pull/7/merge`.
    pub(crate) git_ref: String,
    pub(crate) sha: String,
    pub(crate) environment: Option<String>,
    /// `octo/infra/.github/workflows/plan.yml@refs/heads/main`.
    pub(crate) job_workflow_ref: String,
    /// The workflow that called it.
    pub(crate) workflow_ref: String,
    pub(crate) actor: Actor,
    pub(crate) run: u64,
    pub(crate) attempt: u32,
    /// `repo:octo@101/infra@7001:…` instead of `repo:octo/infra:…`.
    pub(crate) immutable: bool,
    /// Claims that are different all the same.
    pub(crate) twisted: Vec<(String, Value)>,
}

impl Job {
    /// A job of a reusable workflow of the default branch.
    pub(crate) fn new(event: &str, git_ref: &str, workflow: &str) -> Self {
        let path = |file: &str| format!("octo/infra/.github/workflows/{file}@refs/heads/main");
        Self {
            event: event.to_owned(),
            git_ref: git_ref.to_owned(),
            sha: "0".repeat(40),
            environment: None,
            job_workflow_ref: path(workflow),
            workflow_ref: path("rem-ci.yml"),
            actor: Actor::user("octocat", 583_231),
            run: 1,
            attempt: 1,
            immutable: true,
            twisted: Vec::new(),
        }
    }

    pub(crate) fn in_environment(self, name: &str) -> Self {
        Self { environment: Some(name.to_owned()), ..self }
    }

    /// The claims of a token.
    pub(crate) fn claims(&self, state: &State, audience: &str) -> Value {
        let prefix = if self.immutable {
            format!("repo:{}@{}/{}@{}", state.owner.0, state.owner.1, state.name, state.id)
        } else {
            format!("repo:{}", state.full_name())
        };
        let context = match (&self.environment, self.event.as_str()) {
            (Some(environment), _) => format!("environment:{environment}"),
            (None, "pull_request") => "pull_request".to_owned(),
            _ => format!("ref:{}", self.git_ref),
        };
        let mut claims = json!({
            "jti": format!("jti-{}", state.now), "sub": format!("{prefix}:{context}"), "aud": audience,
            "iss": "https://token.actions.githubusercontent.com",
            "nbf": state.now - 300, "iat": state.now, "exp": state.now + 300,
            "ref": self.git_ref, "ref_type": "branch", "sha": self.sha, "event_name": self.event,
            "repository": state.full_name(), "repository_id": state.id.to_string(),
            "repository_owner": state.owner.0, "repository_owner_id": state.owner.1.to_string(),
            "repository_visibility": if state.private { "private" } else { "public" },
            "actor": self.actor.login, "actor_id": self.actor.id.to_string(),
            "workflow": "rem-ci", "workflow_ref": self.workflow_ref, "job_workflow_ref": self.job_workflow_ref,
            "run_id": self.run.to_string(), "run_number": "1", "run_attempt": self.attempt.to_string(),
            "runner_environment": "github-hosted", "head_ref": "", "base_ref": "",
        });
        if let Some(environment) = &self.environment {
            claims["environment"] = json!(environment);
        }
        for (name, value) in &self.twisted {
            claims[name.as_str()] = value.clone();
        }
        claims
    }
}

/// A token that nobody has signed: who checks signatures here checks none.
fn token(claims: &Value) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    let head = json!({ "typ": "JWT", "alg": "RS256", "kid": "double" });
    format!("{}.{}.{}", part(&head), part(claims), BASE64_URL_SAFE_NO_PAD.encode("not a signature"))
}

/// Answers a request for a token.
pub(crate) fn answer(state: &State, request: &Request<Bytes>) -> http::Response<Bytes> {
    let said = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, word) = said.split_once(' ').unwrap_or_default();
    let job = state.jobs.get(word).filter(|_| scheme.eq_ignore_ascii_case("bearer"));
    let Some(job) = job else { return render::answer(401, &json!({ "message": "Unauthorized" })) };
    let query = request.uri().query().unwrap_or_default();
    let audience = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "audience");
    let audience =
        audience.map_or_else(|| format!("https://github.com/{}", state.owner.0), |(_, value)| value.into_owned());
    let claims = job.claims(state, &audience);
    render::answer(200, &json!({ "count": token(&claims).len(), "value": token(&claims) }))
}
