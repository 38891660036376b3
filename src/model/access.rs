//! Names of what `rem-ci bootstrap` makes for an environment: the roles that its jobs assume, the boundary of the roles that
//! those make, the bucket of its state. All follow from the environment, so that nothing has to be looked up.

use sha2::{Digest as _, Sha256};

use super::Identity;
use crate::config::Spec;

/// The path under which they stand: outside `/rem-ci/`, which the apply role may change.
const PATH: &str = "/rem-ci-access/";

/// A job of the environment, each with a role of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Reads: pull requests, the merge queue, drift, and the plan before a gate.
    Plan,
    /// Brings the environment to its file.
    Apply,
    /// Ends it.
    Destroy,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plan, Self::Apply, Self::Destroy];

    /// As in `roles` of the environment's file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
            Self::Destroy => "destroy",
        }
    }
}

/// Who and where the access of an environment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The environment it is for.
    pub id: Identity,
    /// 16 hex digits of its own: what bootstrap makes is no part of the environment's stack, and no destroy finds it.
    pub stack: String,
}

impl Access {
    /// The access of an environment.
    #[must_use]
    pub fn of(spec: &Spec) -> Self {
        let id = Identity::of(spec);
        let text = format!("rem-ci/access/1\n{}\n", id.stack);
        let stack = hex::encode(&Sha256::digest(text.as_bytes())[..8]);
        Self { id, stack }
    }

    /// What the tag `rem-ci:environment` says of it. No environment's name has a dot, so that no policy over an
    /// environment's tag speaks of this.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("access.{}", self.id.environment)
    }

    /// `/rem-ci-access/prod/`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{PATH}{}/", self.id.environment)
    }

    /// The path of every environment's.
    #[must_use]
    pub const fn any_path() -> &'static str {
        PATH
    }

    /// A name as those of the environment are, with this stack's digits at its end.
    #[must_use]
    pub fn derived(&self, what: &str) -> String {
        format!("rem-ci-{}-{what}-{}", self.tag(), &self.stack[..8])
    }

    /// The ARN of a job's role.
    #[must_use]
    pub fn role_arn(&self, job: Job) -> String {
        self.id.iam_arn(&format!("role{}{}", self.path(), self.derived(job.word())))
    }

    /// The ARN of a policy of that name.
    #[must_use]
    pub fn policy_arn(&self, what: &str) -> String {
        self.id.iam_arn(&format!("policy{}{}", self.path(), self.derived(what)))
    }

    /// The ARN of the policy that bounds every role of the environment.
    #[must_use]
    pub fn boundary_arn(&self) -> String {
        self.policy_arn(BOUNDARY)
    }

    /// The bucket: 63 characters at most, and all 16 digits, for names of buckets are the whole partition's.
    #[must_use]
    pub fn bucket(&self) -> String {
        format!("rem-ci-state-{}-{}", self.id.environment, self.stack)
    }
}

/// What the boundary is called.
pub const BOUNDARY: &str = "boundary";

/// The boundary of an environment whose roles are bootstrap's. Its apply role may make no role without it (`security.md`
/// R8); one that somebody else made has no such boundary to give.
#[must_use]
pub fn boundary(spec: &Spec) -> Option<String> {
    let access = Access::of(spec);
    let ours = spec.roles.apply.as_deref() == Some(access.role_arn(Job::Apply).as_str());
    ours.then(|| access.boundary_arn())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(environment: &str) -> Access {
        let id = Identity {
            environment: environment.to_owned(),
            stack: "0123456789abcdef".to_owned(),
            account: "123456789012".to_owned(),
            region: "us-east-1".to_owned(),
            partition: "aws",
            tags: std::collections::BTreeMap::new(),
        };
        Access { id, stack: "fedcba9876543210".to_owned() }
    }

    #[test]
    fn the_longest_environment_has_names_that_fit() {
        let longest = access(&"e".repeat(32));
        for job in Job::ALL {
            assert!(longest.derived(job.word()).len() <= 64, "{}", longest.derived(job.word()));
        }
        assert!(longest.bucket().len() <= 63, "{}", longest.bucket());
    }

    #[test]
    fn no_environment_can_be_named_like_another_ones_access() {
        assert_eq!(access("prod").tag(), "access.prod");
        assert!(!access("prod").derived("plan").starts_with(&format!("rem-ci-{}-", "access")));
    }
}
