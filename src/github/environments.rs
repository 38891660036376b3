//! Environments and what protects them. <https://docs.github.com/en/rest/deployments/environments>

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{Call, Client, Request, segment};
use super::comments::found;
use super::error::{Error, Kind};

// Of a workflow's token, only `actions: read` reads them; changing them takes a person's token.
const GET: Call = Call { does: "read an environment", needs: "actions: read" };
const PUT: Call = Call { does: "make an environment", needs: "administration: write" };
const POLICIES: Call = Call { does: "list the branch rules of an environment", needs: "actions: read" };
const POLICY: Call = Call { does: "add a branch rule to an environment", needs: "administration: write" };

/// Which branches may use an environment. Both false is not a state: then the whole is null, and every branch may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BranchPolicies {
    /// Those with a protection.
    pub protected_branches: bool,
    /// Those that a list names.
    pub custom_branch_policies: bool,
}

/// A name or pattern of that list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BranchPolicy {
    /// `main`, `release/*`.
    pub name: String,
    /// `branch` (also where nothing is said), `tag`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
}

/// A person or team that may let a job through.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reviewer {
    /// `User`, `Team`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A user has a `login`, a team a `slug`; both have an `id`.
    #[serde(default)]
    pub reviewer: Value,
}

impl Reviewer {
    /// Its login or slug.
    #[must_use]
    pub fn name(&self) -> &str {
        self.reviewer["login"].as_str().or_else(|| self.reviewer["slug"].as_str()).unwrap_or_default()
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.reviewer["id"].as_u64()
    }
}

/// One rule that protects an environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Protection {
    /// `wait_timer`, `required_reviewers`, `branch_policy`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Minutes.
    pub wait_timer: Option<u64>,
    /// Whether who started the job may let it through.
    pub prevent_self_review: Option<bool>,
    /// Who may let a job through.
    #[serde(default)]
    pub reviewers: Vec<Reviewer>,
}

/// An environment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    /// As it was written first; GitHub does not distinguish cases, AWS's trust policies do.
    pub name: String,
    /// What protects it; a plan without this feature shows none.
    #[serde(default)]
    pub protection_rules: Vec<Protection>,
    /// Nothing: every branch may use it.
    pub deployment_branch_policy: Option<BranchPolicies>,
    /// Whether administrators may go past the rules.
    pub can_admins_bypass: Option<bool>,
}

impl Environment {
    /// The rule of a kind.
    #[must_use]
    pub fn rule(&self, kind: &str) -> Option<&Protection> {
        self.protection_rules.iter().find(|rule| rule.kind == kind)
    }

    /// Who may let a job through.
    #[must_use]
    pub fn reviewers(&self) -> &[Reviewer] {
        self.rule("required_reviewers").map_or(&[], |rule| &rule.reviewers)
    }
}

/// What an environment should be. Whatever is not said is taken away: the call replaces all rules.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wanted {
    /// Minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_timer: Option<u64>,
    /// Whether who started the job may not let it through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevent_self_review: Option<bool>,
    /// (`User` or `Team`, its number).
    #[serde(serialize_with = "reviewers", skip_serializing_if = "Vec::is_empty")]
    pub reviewers: Vec<(String, u64)>,
    /// Nothing: every branch may use it.
    pub deployment_branch_policy: Option<BranchPolicies>,
}

fn reviewers<S: serde::Serializer>(given: &[(String, u64)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(given.iter().map(|(kind, id)| json!({ "type": kind, "id": id })))
}

#[derive(Deserialize)]
struct Policies {
    branch_policies: Vec<BranchPolicy>,
}

impl Client {
    /// An environment; `None` if there is none (or the token may not see it).
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn environment(&self, name: &str) -> Result<Option<Environment>, Error> {
        found(self.get(&GET, &self.path(&format!("/environments/{}", segment(name)))).await)
    }

    /// Makes an environment, or replaces the rules of one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_environment(&self, name: &str, wanted: &Wanted) -> Result<Environment, Error> {
        self.change(&PUT, Method::PUT, &self.path(&format!("/environments/{}", segment(name))), json!(wanted)).await
    }

    /// The names and patterns of the branches that may use an environment.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn branch_policies(&self, name: &str) -> Result<Vec<BranchPolicy>, Error> {
        let path = self.path(&format!("/environments/{}/deployment-branch-policies", segment(name)));
        let pages: Vec<Policies> = self.pages(&POLICIES, &path).await?;
        Ok(pages.into_iter().flat_map(|page| page.branch_policies).collect())
    }

    /// Lets a branch use an environment; nothing happens if it may already.
    /// <https://docs.github.com/en/rest/deployments/branch-policies>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn allow_branch(&self, environment: &str, branch: &str) -> Result<BranchPolicy, Error> {
        let there = async || {
            let all = self.branch_policies(environment).await?;
            Ok(all.into_iter().find(|policy| policy.name == branch && policy.kind.as_deref() != Some("tag")))
        };
        if let Some(policy) = there().await? {
            return Ok(policy);
        }
        let path = self.path(&format!("/environments/{}/deployment-branch-policies", segment(environment)));
        let request = Request::new(Method::POST, path, Some(json!({ "name": branch, "type": "branch" })));
        match self.create(&POLICY, &request, there).await {
            // "303 Response if the same branch name pattern already exists": somebody was faster.
            Err(error) if error.kind == Kind::Rejected(303) => there().await?.ok_or(error),
            made => made,
        }
    }
}
