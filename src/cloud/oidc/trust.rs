//! A role that does not let us in: what STS said, and which claim of the token to look at.

use crate::engine::Failure;
use crate::github::oidc::{self, AUDIENCE, Claims};
use crate::model::access::Job;
use crate::problem::Problem;

/// The codes of this room, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "role-refused",
        "STS did not give this job the role that the environment's file names. AWS never says which condition failed, so the problem lists the \
         claims of the job's token that trust policies go by, the suspicious ones first. `rem-ci doctor ENV` compares them one by one with the \
         policy; `rem-ci bootstrap` writes it anew.",
    ),
    (
        "sts-unavailable",
        "STS gave no session for want of an answer, its own or GitHub's. Nothing was refused: the job can be run again.",
    ),
];

/// Why there are no credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// There was no token to begin with.
    #[error("{0}")]
    Token(#[from] oidc::Refusal),
    /// There was one, and no role for it.
    #[error("{role} cannot be assumed: {failure}")]
    Role {
        /// Its ARN.
        role: String,
        /// What for.
        purpose: Job,
        /// What STS said.
        failure: Failure,
        /// What the token said.
        claims: Box<Claims>,
    },
}

impl Refused {
    /// What to tell.
    #[must_use]
    pub fn problem(&self) -> Problem {
        match self {
            Self::Token(refusal) => refusal.problem(),
            Self::Role { failure, .. } if super::passes(failure) => {
                let help = "run the job again; if it stays so, look at the AWS Health Dashboard and at https://www.githubstatus.com";
                Problem::error("sts-unavailable", self.to_string(), help)
            }
            Self::Role { purpose, failure, claims, .. } => {
                Problem::error("role-refused", self.to_string(), help(failure, *purpose, claims))
            }
        }
    }
}

fn help(failure: &Failure, purpose: Job, claims: &Claims) -> String {
    let iss = shown(&claims.iss);
    match failure.code.as_str() {
        "InvalidIdentityToken" if failure.message.contains("audience") => {
            format!("look at the claim aud: the account's provider for {iss} does not list {AUDIENCE} as an audience; `rem-ci bootstrap` adds it")
        }
        "InvalidIdentityToken" => {
            format!("the account has no OIDC provider for the claim iss, {iss}, or another thumbprint; `rem-ci bootstrap` makes it")
        }
        "ValidationError" => {
            "the role's maximum session duration is under an hour, or its ARN makes no sense; `rem-ci bootstrap` sets both".to_owned()
        }
        "RegionDisabledException" => "enable STS for this region in the account's settings (IAM, Account settings)".to_owned(),
        _ => {
            let suspects = suspects(purpose, claims);
            let first = suspects.iter().map(|(claim, why)| format!("look first at the claim {claim}: {why}; "));
            let doctor = "`rem-ci doctor` compares each with the role's trust policy, and says if the role is not there at all";
            format!("{}the token says {}; {doctor}", first.collect::<String>(), told(claims))
        }
    }
}

/// The claims that trust policies of ours go by, as they are.
fn told(claims: &Claims) -> String {
    let all = [
        ("sub", claims.sub.as_str()),
        ("job_workflow_ref", &claims.job_workflow_ref),
        ("repository_id", &claims.repository_id),
        ("ref", &claims.git_ref),
        ("environment", claims.environment.as_deref().unwrap_or_default()),
        ("aud", &claims.aud),
    ];
    let said = all.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(name, value)| format!("{name}={}", shown(value))).collect::<Vec<_>>().join(", ")
}

/// Claims that no trust policy of ours lets in, with the reason.
fn suspects(purpose: Job, claims: &Claims) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let called_at = claims.job_workflow_ref.rsplit_once('@').map_or("", |(_, at)| at);
    if !called_at.starts_with("refs/heads/") {
        let at = if called_at.is_empty() { "nothing".to_owned() } else { shown(called_at) };
        let why = format!(
            "it ends in {at}; the job's reusable workflow must be called by its full name at the default branch"
        );
        found.push(("job_workflow_ref", why));
    }
    match (purpose, &claims.environment) {
        (Job::Apply | Job::Destroy, None) => {
            let why = "the job has none; `environment:` on the job of the reusable workflow gives it".to_owned();
            found.push(("environment", why));
        }
        (Job::Destroy, Some(name)) if !name.ends_with("-destroy") => {
            found.push(("environment", format!("it is {}, and destroying wants {}-destroy", shown(name), shown(name))));
        }
        (Job::Apply, Some(name)) if name.ends_with("-destroy") => {
            found.push(("environment", format!("it is {}, which is for destroying", shown(name))));
        }
        (Job::Plan, Some(name)) => {
            let why = format!(
                "the job runs in the GitHub environment {}, so its sub is another than the plan role's",
                shown(name)
            );
            found.push(("sub", why));
        }
        _ => {}
    }
    if purpose != Job::Plan && !claims.git_ref.starts_with("refs/heads/") {
        found.push(("ref", format!("it is {}; only the default branch applies", shown(&claims.git_ref))));
    }
    if claims.aud != AUDIENCE {
        found.push(("aud", format!("it is {}, not {AUDIENCE}", shown(&claims.aud))));
    }
    found
}

/// A claim's words, cut and on one line.
fn shown(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).take(160).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            iss: "https://token.actions.githubusercontent.com".to_owned(),
            sub: "repo:acme/platform:environment:prod".to_owned(),
            aud: AUDIENCE.to_owned(),
            repository: "acme/platform".to_owned(),
            repository_id: "42".to_owned(),
            job_workflow_ref: "acme/platform/.github/workflows/apply.yml@refs/heads/main".to_owned(),
            git_ref: "refs/heads/main".to_owned(),
            environment: Some("prod".to_owned()),
            event_name: "push".to_owned(),
        }
    }

    fn first(purpose: Job, change: impl FnOnce(&mut Claims)) -> Option<&'static str> {
        let mut claims = claims();
        change(&mut claims);
        suspects(purpose, &claims).first().map(|(claim, _)| *claim)
    }

    #[test]
    fn the_claim_to_look_at_is_named() {
        assert_eq!(first(Job::Apply, |_| {}), None);
        let edited = |claims: &mut Claims| claims.job_workflow_ref = "acme/platform/x.yml@refs/pull/7/merge".to_owned();
        assert_eq!(first(Job::Apply, edited), Some("job_workflow_ref"));
        assert_eq!(first(Job::Apply, |claims| claims.environment = None), Some("environment"));
        assert_eq!(first(Job::Destroy, |_| {}), Some("environment"));
        assert_eq!(first(Job::Destroy, |claims| claims.environment = Some("prod-destroy".to_owned())), None);
        assert_eq!(first(Job::Plan, |_| {}), Some("sub"));
        assert_eq!(first(Job::Plan, |claims| claims.environment = None), None);
        assert_eq!(first(Job::Apply, |claims| claims.git_ref = "refs/pull/7/merge".to_owned()), Some("ref"));
        assert_eq!(first(Job::Apply, |claims| claims.aud = "https://github.com/acme".to_owned()), Some("aud"));
    }

    #[test]
    fn a_refusal_says_what_the_token_says() {
        let failure = |code: &str, message: &str| Failure {
            class: crate::cloud::classify(code, message, if code.is_empty() { 500 } else { 400 }),
            call: "sts:AssumeRoleWithWebIdentity".to_owned(),
            code: code.to_owned(),
            message: message.to_owned(),
        };
        let refused = |failure| Refused::Role {
            role: "arn:aws:iam::123456789012:role/rem-ci-access/prod-apply".to_owned(),
            purpose: Job::Apply,
            failure,
            claims: Box::new(Claims { git_ref: "refs/heads/x\n::error::y".to_owned(), ..claims() }),
        };
        let denied =
            refused(failure("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")).problem();
        assert_eq!(denied.code, "role-refused");
        assert!(
            denied.help.contains("sub=repo:acme/platform:environment:prod, job_workflow_ref=acme/"),
            "{}",
            denied.help
        );
        assert!(denied.help.contains("rem-ci doctor") && !denied.help.contains('\n'), "{}", denied.help);
        let audience = refused(failure("InvalidIdentityToken", "Incorrect token audience")).problem();
        assert!(audience.help.starts_with("look at the claim aud"), "{}", audience.help);
        assert_eq!(refused(failure("IDPCommunicationError", "")).problem().code, "sts-unavailable");
        assert_eq!(refused(failure("", "connection reset")).problem().code, "sts-unavailable");
    }
}
