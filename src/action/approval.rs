//! The approval of a plan: a document in the state bucket that only the plan role can write, and only once.
//!
//! A commit status says that there is one and gates the merge; anybody with write access can post a status, so it counts
//! only together with the document, and only if the two say the same (`security.md` A1). The plan inside is believed only
//! because it hashes to the digest that both name (A12).

use serde::{Deserialize, Serialize};

use crate::cloud::Store;
use crate::config::spec::Spec;
use crate::engine::{Canonical, Failure};

/// Bytes of a stored approval that are read at most. A plan of prod has 60 KB.
pub const MAX_BYTES: usize = 5 * 1024 * 1024;

const FORMAT: &str = "rem-ci/approval/v1";

/// What was planned for a pull request, and on what it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// `rem-ci/approval/v1`.
    pub format: String,
    /// The repository: its id, as names are reused.
    pub repository_id: u64,
    /// The pull request.
    pub pull: u64,
    /// The branch it goes to.
    pub base_ref: String,
    /// That branch's commit which the plan was merged with.
    pub base_sha: String,
    /// The pull request's own commit.
    pub head_sha: String,
    /// The environment.
    pub environment: String,
    /// 12 digits.
    pub account: String,
    /// `sha256:…` of the plan.
    pub plan_digest: String,
    /// `sha256:…` of the environment file as merged.
    pub input_digest: String,
    /// The version of rem-ci that planned.
    pub tool: String,
    /// The workflow run that planned.
    pub run: String,
    /// RFC 3339.
    pub planned_at: String,
    /// The plan.
    pub plan: Canonical,
}

/// What identifies an approval: everything that makes up its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// The environment.
    pub environment: &'a str,
    /// The pull request.
    pub pull: u64,
    /// Its commit.
    pub head_sha: &'a str,
    /// See [`Digests`].
    pub digests: &'a Digests,
}

/// The two digests as a status has room for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// 64 hex digits of the plan's digest.
    pub plan: String,
    /// The first 16 of the input's.
    pub input: String,
}

impl Digests {
    /// Of a look.
    #[must_use]
    pub fn of(plan: &str, input: &str) -> Self {
        let hex = |digest: &str, length: usize| {
            digest.strip_prefix("sha256:").unwrap_or(digest).chars().take(length).collect::<String>()
        };
        Self { plan: hex(plan, 64), input: hex(input, 16) }
    }

    /// `sha256:…`, as plans have it.
    #[must_use]
    pub fn plan_digest(&self) -> String {
        format!("sha256:{}", self.plan)
    }
}

impl Name<'_> {
    /// Where the approval is kept: `plans/ENV/PULL/HEAD/PLAN-INPUT`. Both digests are in it, for one commit may be planned
    /// twice, with the same plan and another budget, and what is written once can't be written over.
    #[must_use]
    pub fn key(&self) -> String {
        let Self { environment, pull, head_sha, digests } = self;
        format!("plans/{environment}/{pull}/{head_sha}/{}-{}", digests.plan, digests.input)
    }
}

/// What came of writing an approval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New,
    /// An equal one was there: a run again of the same commit.
    Same,
    /// Another one is there, under the same key: somebody has written what rem-ci does not write.
    Other,
}

/// What apply knows of a pull request without trusting it, to set against the document.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// This repository.
    pub repository_id: u64,
    /// The pull request.
    pub pull: u64,
    /// Its base branch.
    pub base_ref: &'a str,
    /// Its last commit.
    pub head_sha: &'a str,
    /// The environment that is to be applied.
    pub spec: &'a Spec,
    /// What the status says.
    pub digests: &'a Digests,
}

impl Approval {
    /// An approval in today's format, by this version.
    #[must_use]
    pub fn new(known: &Known<'_>, base_sha: &str, input_digest: &str, plan: Canonical, run: &str, at: &str) -> Self {
        Self {
            format: FORMAT.to_owned(),
            repository_id: known.repository_id,
            pull: known.pull,
            base_ref: known.base_ref.to_owned(),
            base_sha: base_sha.to_owned(),
            head_sha: known.head_sha.to_owned(),
            environment: known.spec.name.clone(),
            account: known.spec.account.clone(),
            plan_digest: plan.digest(),
            input_digest: input_digest.to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            run: run.to_owned(),
            planned_at: at.to_owned(),
            plan,
        }
    }

    /// The two digests.
    #[must_use]
    pub fn digests(&self) -> Digests {
        Digests::of(&self.plan_digest, &self.input_digest)
    }

    /// Writes it where there is none.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn write(&self, store: &Store) -> Result<Written, Failure> {
        let digests = self.digests();
        let name =
            Name { environment: &self.environment, pull: self.pull, head_sha: &self.head_sha, digests: &digests };
        let body = serde_json::to_vec(self).map_err(|error| Failure::fatal("approval", error.to_string()))?;
        if store.put(&name.key(), body, Some("")).await?.is_some() {
            return Ok(Written::New);
        }
        let there = Self::read(store, &name).await?;
        // Who planned it, when, and on which commit of the base may differ: the plan is the same.
        let same = there.is_some_and(|there| {
            let Self { base_sha, run, planned_at, .. } = self.clone();
            Self { base_sha, run, planned_at, ..there } == *self
        });
        Ok(if same { Written::Same } else { Written::Other })
    }

    /// Reads what is under a name; what is too long or of another format counts as nothing.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn read(store: &Store, name: &Name<'_>) -> Result<Option<Self>, Failure> {
        let stored = store.get(&name.key()).await?;
        let body = stored.map(|stored| stored.body).filter(|body| body.len() <= MAX_BYTES);
        let approval: Option<Self> = body.and_then(|body| serde_json::from_slice(&body).ok());
        Ok(approval.filter(|approval| approval.format == FORMAT))
    }

    /// What in the document is not as it is known to be: nothing, or it does not count.
    #[must_use]
    pub fn disagrees(&self, known: &Known<'_>) -> Vec<&'static str> {
        let same = [
            (self.repository_id == known.repository_id, "repository"),
            (self.pull == known.pull, "pull request"),
            (self.base_ref == known.base_ref, "base branch"),
            (self.head_sha == known.head_sha, "commit"),
            (self.environment == known.spec.name, "environment"),
            (self.account == known.spec.account, "account"),
            (self.digests() == *known.digests, "digests"),
            (self.plan.digest() == self.plan_digest, "plan"),
        ];
        same.into_iter().filter(|(same, _)| !same).map(|(_, what)| what).collect()
    }
}

#[cfg(test)]
mod tests;
