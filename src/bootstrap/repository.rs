//! Which repository's jobs are trusted, and which of its workflows.

use crate::model::access::Job;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// A repository, by all that GitHub's tokens say of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// `acme`.
    pub owner: String,
    /// `platform`.
    pub name: String,
    /// The repository's number: its name can be given to another one, its number cannot.
    pub id: u64,
    /// The owner's number.
    pub owner_id: u64,
    /// `main`.
    pub default_branch: String,
}

/// A reusable workflow whose jobs assume roles. Called by its full name at the default branch, so that no pull request can
/// change what runs beside a token (R1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// In `.github/workflows/`.
    pub file: &'static str,
    /// The roles that its jobs assume.
    pub roles: &'static [Job],
}

/// All of them. An apply and a destroy plan first, with the role for plans, before their gate (R3); drift only plans.
pub const WORKFLOWS: [Workflow; 4] = [
    Workflow { file: "rem-ci-plan.yml", roles: &[Job::Plan] },
    Workflow { file: "rem-ci-apply.yml", roles: &[Job::Plan, Job::Apply] },
    Workflow { file: "rem-ci-destroy.yml", roles: &[Job::Plan, Job::Destroy] },
    Workflow { file: "rem-ci-drift.yml", roles: &[Job::Plan] },
];

/// GitHub's rules for names, with nothing in them that means something in a policy: letters, digits, `-`, `_`, `.`.
fn plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
}

impl Repository {
    /// From what was given: `OWNER/NAME`, numbers, branch.
    ///
    /// # Errors
    /// Anything missing, or with a character that means something in a policy: `*` in a name would trust everybody's.
    pub fn new(full: &str, id: Option<u64>, owner_id: Option<u64>, default_branch: &str) -> Result<Self, Halt> {
        let refuse = |title: String| {
            let help = format!(
                "pass --repository OWNER/NAME, --repository-id and --owner-id; gh api repos/{} --jq '.id, .owner.id' prints the numbers",
                if full.is_empty() { "OWNER/NAME" } else { full }
            );
            Err(Halt::new(Exit::Usage, Problem::error("bootstrap-repository", title, help)))
        };
        let Some((owner, name)) = full.split_once('/').filter(|(owner, name)| plain(owner) && plain(name)) else {
            return refuse(format!("`{full}` is not a repository"));
        };
        let branch = default_branch.split('/').all(plain);
        if !branch {
            return refuse(format!("`{default_branch}` is not a branch that a policy can name"));
        }
        let (Some(id), Some(owner_id)) = (id.filter(|id| *id > 0), owner_id.filter(|id| *id > 0)) else {
            return refuse(format!("the numbers of {full} are missing"));
        };
        let (owner, name) = (owner.to_owned(), name.to_owned());
        Ok(Self { owner, name, id, owner_id, default_branch: default_branch.to_owned() })
    }

    /// `acme/platform`.
    #[must_use]
    pub fn full(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// `refs/heads/main`.
    #[must_use]
    pub fn branch_ref(&self) -> String {
        format!("refs/heads/{}", self.default_branch)
    }

    /// A subject in both of GitHub's forms. Repositories made, renamed or moved since 2026-07-15 have the numbers in it (GitHub
    /// changelog, "OpenID Connect subject claims with immutable ids").
    #[must_use]
    pub fn subjects(&self, rest: &str) -> [String; 2] {
        let Self { owner, name, id, owner_id, .. } = self;
        [format!("repo:{owner}/{name}:{rest}"), format!("repo:{owner}@{owner_id}/{name}@{id}:{rest}")]
    }

    /// `job_workflow_ref` of every workflow whose jobs assume a role.
    #[must_use]
    pub fn workflow_refs(&self, job: Job) -> Vec<String> {
        let named = WORKFLOWS.iter().filter(|workflow| workflow.roles.contains(&job));
        named
            .map(|workflow| format!("{}/.github/workflows/{}@{}", self.full(), workflow.file, self.branch_ref()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_in_a_policy_is_taken() {
        assert!(Repository::new("acme/platform", Some(7), Some(8), "main").is_ok());
        assert!(Repository::new("acme/platform", Some(7), Some(8), "release/1.x").is_ok());
        for (full, branch) in [
            ("acme/*", "main"),
            ("acme", "main"),
            ("a/b/c", "main"),
            ("acme/plat?orm", "main"),
            ("acme/platform", "ma*n"),
            ("acme/platform", ""),
            ("acme/${x}", "main"),
        ] {
            assert!(Repository::new(full, Some(7), Some(8), branch).is_err(), "{full} {branch}");
        }
        assert!(Repository::new("acme/platform", None, Some(8), "main").is_err());
        assert!(Repository::new("acme/platform", Some(0), Some(8), "main").is_err());
    }

    #[test]
    fn a_subject_has_both_forms() {
        let repository = Repository::new("acme/platform", Some(7), Some(8), "main").unwrap();
        let both = ["repo:acme/platform:pull_request", "repo:acme@8/platform@7:pull_request"];
        assert_eq!(repository.subjects("pull_request"), both);
    }
}
