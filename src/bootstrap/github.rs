//! Makes the GitHub environments and reads them back (R2): a plan of GitHub's without protected environments takes the rules
//! and forgets them without a word.

use super::gates::Gate;
use crate::github::{BranchPolicies, Client, Environment, Error, Wanted};
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// As a run's end.
fn halted(error: &Error) -> Halt {
    let help =
        "run the commands of --print, then pass --gates-exist; or give a token that administrates the repository";
    Halt::new(Exit::Denied, Problem::error("bootstrap-gates", error.to_string(), help))
}

/// Numbers and default branch of the client's repository: `(id, owner's id, branch)`.
///
/// # Errors
/// If GitHub does not say.
pub async fn identify(client: &Client) -> Result<(u64, u64, String), Halt> {
    let found = client.repository().await.map_err(|error| halted(&error))?;
    Ok((found.id, found.owner.id, found.default_branch))
}

/// Makes the gates; gives what was done, a line each. What a gate has beyond what is asked for stays: its reviewers where no
/// others are named, its wait.
///
/// # Errors
/// GitHub's refusals; a gate that does not hold what it was given, or that other branches may pass.
pub async fn make(client: &Client, gates: &[Gate]) -> Result<Vec<String>, Halt> {
    let mut done = Vec::new();
    for gate in gates {
        if let Some(line) = one(client, gate).await.map_err(|error| halted(&error))?? {
            done.push(line);
        }
    }
    Ok(done)
}

async fn one(client: &Client, gate: &Gate) -> Result<Result<Option<String>, Halt>, Error> {
    let there = client.environment(&gate.name).await?;
    // GitHub does not tell `Prod` from `prod`, the trust policies do.
    if let Some(other) = there.as_ref().filter(|there| there.name != gate.name) {
        let title = format!("the GitHub environment is called {}, the role trusts {}", other.name, gate.name);
        return Ok(Err(refused(title, "delete it in the repository's settings, then run again")));
    }
    let wanted = wanted(client, gate, there.as_ref()).await?;
    let as_wanted = there.as_ref().is_some_and(|there| holds(there, &wanted));
    if !as_wanted {
        client.put_environment(&gate.name, &wanted).await?;
    }
    let before = client.branch_policies(&gate.name).await.unwrap_or_default();
    let open = before.iter().any(|policy| policy.name == gate.branch);
    if !open {
        client.allow_branch(&gate.name, &gate.branch).await?;
    }
    let now = client.environment(&gate.name).await?;
    let branches = client.branch_policies(&gate.name).await?;
    if !now.as_ref().is_some_and(|now| holds(now, &wanted)) || !branches.iter().any(|one| one.name == gate.branch) {
        let title = format!("GitHub took the rules of the environment {} and does not have them", gate.name);
        let help = "protected environments of private repositories need GitHub Enterprise (branch rules: Pro or Team); without them anybody with write access could apply";
        return Ok(Err(refused(title, help)));
    }
    if let Some(other) = branches.iter().find(|policy| policy.name != gate.branch) {
        let title = format!("{} may use the environment {} besides {}", other.name, gate.name, gate.branch);
        return Ok(Err(refused(title, "remove it from the environment's branch rules, then run again")));
    }
    let line = format!("GitHub environment {}: {} alone, {} reviewers", gate.name, gate.branch, wanted.reviewers.len());
    Ok(Ok((!as_wanted || !open).then_some(line)))
}

fn refused(title: String, help: &str) -> Halt {
    Halt::new(Exit::Refused, Problem::error("bootstrap-gates", title, help))
}

async fn wanted(client: &Client, gate: &Gate, there: Option<&Environment>) -> Result<Wanted, Error> {
    let mut reviewers = Vec::new();
    for reviewer in &gate.reviewers {
        reviewers.push(match reviewer.strip_prefix("team:") {
            Some(slug) => ("Team".to_owned(), client.team_id(slug).await?),
            None => ("User".to_owned(), client.user_id(reviewer).await?),
        });
    }
    if reviewers.is_empty() {
        let kept = there.into_iter().flat_map(Environment::reviewers);
        reviewers.extend(kept.filter_map(|reviewer| Some((reviewer.kind.clone(), reviewer.id()?))));
    }
    reviewers.sort();
    let strict = there.and_then(|there| there.rule("required_reviewers")?.prevent_self_review) == Some(true);
    Ok(Wanted {
        wait_timer: there.and_then(|there| there.rule("wait_timer")?.wait_timer),
        // It is a setting of the reviewers' rule, and without reviewers there is none.
        prevent_self_review: (!reviewers.is_empty()).then_some(gate.prevent_self_review || strict),
        reviewers,
        deployment_branch_policy: Some(BranchPolicies { protected_branches: false, custom_branch_policies: true }),
    })
}

/// Whether an environment is as it should be, its branches apart.
fn holds(there: &Environment, wanted: &Wanted) -> bool {
    let mut reviewers: Vec<(String, u64)> =
        there.reviewers().iter().filter_map(|reviewer| Some((reviewer.kind.clone(), reviewer.id()?))).collect();
    reviewers.sort();
    let strict = there.rule("required_reviewers").and_then(|rule| rule.prevent_self_review).unwrap_or_default();
    there.deployment_branch_policy == wanted.deployment_branch_policy
        && reviewers == wanted.reviewers
        && strict == wanted.prevent_self_review.unwrap_or_default()
}
