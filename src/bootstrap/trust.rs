//! Trust policies of the three roles: which tokens of GitHub open them (R1 to R3, A9, A11).
//!
//! Every claim is compared as a whole; the merge queue's branch, which ends in a number nobody knows before, is the one
//! exception: its pattern stands among the plan role's subjects, of which no other holds a wildcard. A statement of its own
//! would say all else twice, and a trust policy has 2,048 characters (IAM user guide, "IAM and AWS STS quotas"). Keys: IAM user guide, "Available keys for AWS OIDC federation", GitHub; claims: GitHub docs, "OpenID Connect
//! reference".

use serde_json::{Value as Json, json};

use super::Repository;
use crate::engine::{Value, policy};
use crate::model::Identity;
use crate::model::access::Job;

/// GitHub's issuer, without `https://`.
pub const ISSUER: &str = "token.actions.githubusercontent.com";

/// Whose jobs never get a role, whatever they run: a bump of a dependency runs it before anybody has looked (A11). What such
/// a one merges by itself nobody has looked at either.
pub const BOTS: [&str; 3] = ["dependabot[bot]", "renovate[bot]", "mend-renovate[bot]"];

/// The ARN of the account's provider for GitHub.
#[must_use]
pub fn provider_arn(id: &Identity) -> String {
    id.iam_arn(&format!("oidc-provider/{ISSUER}"))
}

fn key(claim: &str) -> String {
    format!("{ISSUER}:{claim}")
}

/// The claims that a job's token must have, each with the values that are taken; without the merge queue's.
#[must_use]
pub fn claims(repository: &Repository, environment: &str, job: Job) -> Vec<(&'static str, Vec<String>)> {
    let both = |rests: &[String]| rests.iter().flat_map(|rest| repository.subjects(rest)).collect::<Vec<_>>();
    let subjects = match job {
        Job::Plan => both(&["pull_request".to_owned(), format!("ref:{}", repository.branch_ref())]),
        Job::Apply => both(&[format!("environment:{environment}")]),
        Job::Destroy => both(&[format!("environment:{environment}-destroy")]),
    };
    let mut claims = vec![
        ("aud", vec!["sts.amazonaws.com".to_owned()]),
        ("sub", subjects),
        ("repository_id", vec![repository.id.to_string()]),
        ("job_workflow_ref", repository.workflow_refs(job)),
    ];
    // A gate's own rules may be changed by whoever administrates the repository; the branch stands here too.
    if job != Job::Plan {
        claims.push(("ref", vec![repository.branch_ref()]));
    }
    claims
}

/// Characters of a trust policy, white space not counted; AWS raises it to 4,096 on request (same page).
pub const LIMIT: usize = 2048;

/// The subjects of merge groups: the one pattern.
#[must_use]
pub fn queue(repository: &Repository) -> [String; 2] {
    repository.subjects(&format!("ref:refs/heads/gh-readonly-queue/{}/*", repository.default_branch))
}

/// A role's trust policy.
#[must_use]
pub fn document(id: &Identity, repository: &Repository, job: Job) -> Value {
    let statement = |sid: &str, effect: &str, condition: Json| {
        json!({
            "Sid": sid,
            "Effect": effect,
            "Principal": { "Federated": provider_arn(id) },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition,
        })
    };
    let claims = claims(repository, &id.environment, job);
    let equals = claims.iter().filter(|(claim, _)| job != Job::Plan || *claim != "sub");
    let equals: serde_json::Map<_, _> = equals.map(|(claim, values)| (key(claim), single(values))).collect();
    let mut condition = json!({ "StringEquals": equals });
    if job == Job::Plan {
        let subjects = claims.iter().filter(|(claim, _)| *claim == "sub").flat_map(|(_, values)| values.clone());
        let subjects: Vec<_> = subjects.chain(queue(repository)).collect();
        condition["StringLike"] = json!({ (key("sub")): subjects });
    }
    let mut statements = vec![statement("Jobs", "Allow", condition)];
    statements.push(statement("NoBots", "Deny", json!({ "StringEquals": { (key("actor")): BOTS } })));
    policy(&json!({ "Version": "2012-10-17", "Statement": statements }))
}

fn single(values: &[String]) -> Json {
    match values {
        [one] => json!(one),
        several => json!(several),
    }
}
