//! The GitHub environments that jobs with a role name, and their rules (R2): made before the roles that trust them, for one
//! that does not exist is made without any rule by whichever workflow names it first.

use serde_json::{Value as Json, json};

use super::{Repository, Wish};

/// One GitHub environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// As trust policies have it: GitHub does not tell `PROD` from `prod`, AWS does.
    pub name: String,
    /// The branch whose jobs may use it, and no other.
    pub branch: String,
    /// Who lets a job through: a login, or `team:SLUG`. Nobody has to where there is none.
    pub reviewers: Vec<String>,
    /// Whether who started the job may not let it through.
    pub prevent_self_review: bool,
}

/// The gates of an environment. That of a destroy is never passed by who asked for it, where anybody has to.
#[must_use]
pub fn gates(environment: &str, repository: &Repository, wish: &Wish) -> Vec<Gate> {
    let gate = |name: String, prevent_self_review: bool| Gate {
        name,
        branch: repository.default_branch.clone(),
        reviewers: wish.reviewers.clone(),
        prevent_self_review,
    };
    let mut gates = vec![gate(environment.to_owned(), false)];
    if wish.destroy {
        gates.push(gate(format!("{environment}-destroy"), !wish.reviewers.is_empty()));
    }
    gates
}

impl Gate {
    /// The body of "Create or update an environment", GitHub REST API, with reviewers by number.
    #[must_use]
    pub fn body(&self, reviewers: &[Json]) -> Json {
        let mut body = json!({
            "prevent_self_review": self.prevent_self_review,
            "deployment_branch_policy": { "protected_branches": false, "custom_branch_policies": true },
        });
        if !reviewers.is_empty() {
            body["reviewers"] = json!(reviewers);
        }
        body
    }

    /// The same by hand.
    #[must_use]
    pub fn commands(&self, repository: &Repository) -> Vec<String> {
        let full = repository.full();
        let reviewers = self.reviewers.iter().map(|reviewer| match reviewer.strip_prefix("team:") {
            Some(slug) => {
                format!("{{\"type\":\"Team\",\"id\":'\"$(gh api orgs/{}/teams/{slug} --jq .id)\"'}}", repository.owner)
            }
            None => format!("{{\"type\":\"User\",\"id\":'\"$(gh api users/{reviewer} --jq .id)\"'}}"),
        });
        let reviewers: Vec<_> = reviewers.collect();
        // The numbers are the shell's to fill in, so the list is put in as text, before the last brace.
        let mut body = self.body(&[]).to_string();
        if !reviewers.is_empty() {
            body.pop();
            body = format!("{body},\"reviewers\":[{}]}}", reviewers.join(","));
        }
        let path = format!("repos/{full}/environments/{}", self.name);
        vec![
            format!("gh api -X PUT {path} --input - <<< '{body}'"),
            format!("gh api -X POST {path}/deployment-branch-policies -f name={} -f type=branch", self.branch),
        ]
    }
}

/// A login of GitHub, or `team:SLUG`: it becomes a part of a path.
#[must_use]
pub fn is_reviewer(text: &str) -> bool {
    let name = text.strip_prefix("team:").unwrap_or(text);
    !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter))
}
