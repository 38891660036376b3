//! Which environments a run is about: the matrix for the jobs that follow.

use super::matrix::matrix;
use super::touched::{self, Touched};
use crate::config::Git;
use crate::github::event::{Event, Happened};
use crate::problem::{Exit, Problem};
use crate::run::Halt;

#[expect(clippy::boxed_local, reason = "errors come boxed")]
fn invalid(problem: Box<Problem>) -> Halt {
    Halt::new(Exit::Invalid, *problem)
}

/// What an event touches. A schedule, or a run by hand, is about all environments, or those that are named.
///
/// # Errors
/// What git says.
pub fn touched(git: &Git, happened: &Happened, named: &[String], today: jiff::civil::Date) -> Result<Touched, Halt> {
    let sha = &happened.run.sha;
    let mut touched = match &happened.event {
        Event::Schedule | Event::Dispatch => {
            let environments = touched::all(git, sha, today).map_err(invalid)?;
            Touched { environments, orphaned: Vec::new() }
        }
        event => {
            let from = before(git, happened, event)?;
            touched::between(git, &from, sha, today).map_err(invalid)?
        }
    };
    if !named.is_empty() {
        touched.environments.retain(|found| named.contains(&found.name));
    }
    Ok(touched)
}

/// What the run's commit is compared with.
fn before(git: &Git, happened: &Happened, event: &Event) -> Result<String, Halt> {
    let sha = &happened.run.sha;
    let parents = git.parents(sha).map_err(invalid)?;
    let first = parents.first().cloned();
    let named = match event {
        // The run's commit is the merge of both: its first parent is the base.
        Event::PullRequest(pull) if parents.len() > 1 && parents.contains(&pull.head_sha) => first.clone(),
        Event::PullRequest(pull) => git.fork_point(&pull.base_sha, sha).map_err(invalid)?,
        Event::MergeGroup(group) => Some(group.base_sha.clone()),
        Event::Push(push) => push.before.clone(),
        Event::Dispatch | Event::Schedule => None,
    };
    for commit in [named, first].into_iter().flatten() {
        if git.commit(&commit).map_err(invalid)?.is_some() {
            return Ok(commit);
        }
    }
    let title = "what came before this commit is not in the checkout";
    Err(Halt::new(Exit::Failed, Problem::error("checkout-shallow", title, "check out with `fetch-depth: 0`")))
}

/// The matrix as JSON on one line.
///
/// # Errors
/// When there are too many.
pub fn json(touched: &Touched, group: bool) -> Result<String, Halt> {
    let matrix = matrix(&touched.environments, group)?;
    Ok(serde_json::to_string(&matrix).unwrap_or_default())
}
