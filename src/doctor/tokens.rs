//! The tokens that the repository's jobs would show to a role, in both of GitHub's forms of `sub`.
//!
//! Claims: <https://docs.github.com/en/actions/reference/security/oidc>.

use std::collections::BTreeMap;

use crate::bootstrap::{Repository, WORKFLOWS, trust};
use crate::model::access::Job;

/// One job's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Whose: `rem-ci-apply.yml on main`.
    pub of: String,
    /// Whether its `sub` has numbers in it.
    pub immutable: bool,
    /// Claims that policies can ask for.
    pub claims: BTreeMap<&'static str, String>,
}

/// The tokens that a role must open for.
#[must_use]
pub fn tokens(repository: &Repository, environment: &str, job: Job) -> Vec<Token> {
    let mut all = Vec::new();
    for workflow in WORKFLOWS.iter().filter(|workflow| workflow.roles.contains(&job)) {
        for (rest, git_ref) in events(repository, environment, job, workflow.file) {
            for (at, sub) in repository.subjects(&rest).into_iter().enumerate() {
                let mut claims = BTreeMap::from([
                    ("aud", "sts.amazonaws.com".to_owned()),
                    ("sub", sub),
                    ("repository", repository.full()),
                    ("repository_id", repository.id.to_string()),
                    ("repository_owner_id", repository.owner_id.to_string()),
                    ("ref", git_ref.clone()),
                    ("actor", "somebody".to_owned()),
                    (
                        "job_workflow_ref",
                        format!(
                            "{}/.github/workflows/{}@{}",
                            repository.full(),
                            workflow.file,
                            repository.branch_ref()
                        ),
                    ),
                ]);
                if let Some(gate) = rest.strip_prefix("environment:") {
                    claims.insert("environment", gate.to_owned());
                }
                all.push(Token { of: format!("{} ({rest})", workflow.file), immutable: at == 1, claims });
            }
        }
    }
    all
}

/// What of its subject follows the repository, and its `ref`, for each event in which a workflow's job asks for a role.
fn events(repository: &Repository, environment: &str, job: Job, file: &str) -> Vec<(String, String)> {
    let branch = repository.branch_ref();
    match job {
        Job::Apply => vec![(format!("environment:{environment}"), branch)],
        Job::Destroy => vec![(format!("environment:{environment}-destroy"), branch)],
        Job::Plan if file == "rem-ci-plan.yml" => {
            let queue = format!("refs/heads/gh-readonly-queue/{}/pr-7-0123abcd", repository.default_branch);
            vec![
                ("pull_request".to_owned(), "refs/pull/7/merge".to_owned()),
                (format!("ref:{queue}"), queue),
                (format!("ref:{branch}"), branch),
            ]
        }
        Job::Plan => vec![(format!("ref:{branch}"), branch)],
    }
}

/// Tokens that no role may open for, each with what is wrong about it.
pub(super) fn strangers(repository: &Repository, environment: &str, job: Job) -> Vec<(&'static str, Token)> {
    let Some(own) = tokens(repository, environment, job).into_iter().next() else { return Vec::new() };
    let with = |claim: &'static str, value: &str| {
        let mut token = own.clone();
        token.claims.insert(claim, value.to_owned());
        token
    };
    let edited = format!("{}/.github/workflows/rem-ci-plan.yml@refs/pull/7/merge", repository.full());
    let mut all = vec![
        ("a workflow that a pull request has edited", with("job_workflow_ref", &edited)),
        ("another repository under the same name", with("repository_id", "1")),
        ("another audience", with("aud", "https://github.com/somebody")),
        ("a bot", with("actor", trust::BOTS[0])),
    ];
    if job == Job::Plan {
        let gate = repository.subjects("environment:anything")[0].clone();
        all.push(("a job in any GitHub environment", with("sub", &gate)));
    } else {
        all.push(("a branch", with("ref", "refs/heads/feature")));
        let other = repository.subjects("environment:anything")[0].clone();
        all.push(("a job in another GitHub environment", with("sub", &other)));
        all.push(("a pull request", with("sub", &repository.subjects("pull_request")[0])));
    }
    all
}
