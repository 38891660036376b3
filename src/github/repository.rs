//! The repository itself, the `sub` claim of its tokens, and the rules of a branch: what a doctor reads.

use serde::Deserialize;
use serde_json::Value;

use super::client::{Call, Client, User, segment};
use super::comments::found;
use super::commits::Parent;
use super::error::Error;

const GET: Call = Call { does: "read the repository", needs: "metadata: read" };
const CLAIMS: Call = Call { does: "read how the repository's tokens name their subject", needs: "actions: read" };
const RULES: Call = Call { does: "read the rules of a branch", needs: "metadata: read" };
const BRANCH: Call = Call { does: "read a branch", needs: "contents: read" };
const PROTECTION: Call = Call { does: "read the protection of a branch", needs: "administration: read" };

/// A repository. <https://docs.github.com/en/rest/repos/repos#get-a-repository>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Never changes; what trust policies should name.
    pub id: u64,
    /// `octo/app`.
    pub full_name: String,
    /// Who owns it, with a number that never changes.
    pub owner: User,
    /// `main`.
    pub default_branch: String,
    /// Whether others can read it.
    pub private: bool,
    /// `public`, `private`, `internal`.
    #[serde(default)]
    pub visibility: Option<String>,
    /// Whether it is a fork of another.
    #[serde(default)]
    pub fork: bool,
}

/// How the `sub` of a repository's OIDC tokens is made.
/// <https://docs.github.com/en/rest/actions/oidc#get-the-customization-template-for-an-oidc-subject-claim-for-a-repository>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// Whether it is GitHub's own way; `include_claim_keys` then counts for nothing.
    pub use_default: bool,
    /// Which claims make it.
    #[serde(default)]
    pub include_claim_keys: Vec<String>,
    /// Whether it names numbers that never change: `repo:octo@1/app@2:…`.
    #[serde(default)]
    pub use_immutable_subject: Option<bool>,
    /// How it begins at present.
    #[serde(default)]
    pub sub_claim_prefix: Option<String>,
}

/// A rule that holds for a branch, of whichever ruleset. <https://docs.github.com/en/rest/repos/rules>
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// `pull_request`, `required_status_checks`, `merge_queue`, `non_fast_forward`, `deletion`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// As the kind has them.
    #[serde(default)]
    pub parameters: Value,
}

/// A branch.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Branch {
    /// `main`.
    pub name: String,
    /// Its newest commit.
    pub commit: Parent,
    /// Whether a branch protection of the older kind, or a ruleset, holds for it.
    pub protected: bool,
}

impl Client {
    /// The repository.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn repository(&self) -> Result<Repository, Error> {
        self.get(&GET, &self.path("")).await
    }

    /// How its tokens name their subject.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn claims(&self) -> Result<Claims, Error> {
        self.get(&CLAIMS, &self.path("/actions/oidc/customization/sub")).await
    }

    /// A branch; `None` if there is none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn branch(&self, name: &str) -> Result<Option<Branch>, Error> {
        found(self.get(&BRANCH, &self.path(&format!("/branches/{}", segment(name)))).await)
    }

    /// The rules that the rulesets put on a branch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn rules(&self, branch: &str) -> Result<Vec<Rule>, Error> {
        self.list(&RULES, &self.path(&format!("/rules/branches/{}", segment(branch)))).await
    }

    /// The protection of the older kind, as GitHub gives it; `None` if there is none. Only an administrator's token reads it.
    /// <https://docs.github.com/en/rest/branches/branch-protection>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn branch_protection(&self, branch: &str) -> Result<Option<Value>, Error> {
        found(self.get(&PROTECTION, &self.path(&format!("/branches/{}/protection", segment(branch)))).await)
    }
}
