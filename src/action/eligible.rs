//! Which pull requests an apply may lean on, and what each of them approved (`security.md` A2).

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::approval::Digests;
use super::status;
use crate::github::{BOT, Pull, Review, State, Status};
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// What is asked of a pull request.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// This repository.
    pub repository_id: u64,
    /// The branch that is applied.
    pub default_branch: &'a str,
    /// The commits that came to it.
    pub range: &'a BTreeSet<String>,
    /// The environment.
    pub environment: &'a str,
    /// Whether somebody else must have approved.
    pub require_review: bool,
}

/// The pull requests, out of those that commits of the range belong to, that were merged into the default branch by one of
/// these commits; each once, in the order of their merges.
///
/// # Errors
/// When two of them claim one merge commit: which of the two was reviewed nobody can say.
pub fn merged<'a>(rules: &Rules<'_>, pulls: &'a [Pull]) -> Result<Vec<&'a Pull>, Halt> {
    let counts = |pull: &&Pull| {
        pull.merged()
            && pull.base.branch == rules.default_branch
            && pull.base.repo.as_ref().is_some_and(|repository| repository.id == rules.repository_id)
            && pull.merge_commit_sha.as_ref().is_some_and(|sha| rules.range.contains(sha))
    };
    let mut found: Vec<&Pull> = pulls.iter().filter(counts).collect();
    found.sort_by(|one, other| (&one.merged_at, one.number).cmp(&(&other.merged_at, other.number)));
    found.dedup_by_key(|pull| pull.number);
    for pair in found.windows(2) {
        if pair[0].merge_commit_sha == pair[1].merge_commit_sha {
            let title = format!("pull requests {} and {} claim the same merge commit", pair[0].number, pair[1].number);
            let help = "push a pull request of your own that makes the change, and merge that one alone";
            return Err(Halt::new(Exit::Refused, Problem::error("merge-ambiguous", title, help)));
        }
    }
    Ok(found)
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// What the plan of a merged pull request was, by its status at the moment of the merge. The status has to be the bot's, and
/// to have been there before the merge; whatever was set afterwards has no say.
///
/// # Errors
/// When there was none, or it was not a success.
pub fn planned(rules: &Rules<'_>, pull: &Pull, statuses: &[Status]) -> Result<Digests, Halt> {
    let environment = rules.environment;
    let refuse = |code: &'static str, title: String, help: &str| {
        Err(Halt::new(Exit::Refused, Problem::error(code, title, help.to_owned())))
    };
    let number = pull.number;
    if pull.from_fork() {
        let title = format!("pull request {number} came from a fork, which is never planned with the cloud");
        return refuse("merged-fork", title, GATE);
    }
    let context = status::plan_context(environment);
    let merged = time(pull.merged_at.as_deref());
    let ours = statuses.iter().filter(|status| {
        let bot = status.creator.as_ref().is_some_and(|user| user.login == BOT && user.kind == "Bot");
        bot && status.context == context && (merged.is_none() || time(Some(&status.created_at)) <= merged)
    });
    let Some(status) = ours.max_by_key(|status| (time(Some(&status.created_at)), status.id)) else {
        let title = format!("pull request {number} was merged without a plan of {environment}");
        return refuse("plan-missing", title, GATE);
    };
    match status.state {
        State::Success => {}
        State::Pending => {
            let title = format!("pull request {number} was merged before the plan of {environment} had ended");
            return refuse("plan-unfinished", title, GATE);
        }
        State::Failure | State::Error => {
            let title = format!("pull request {number} was merged although the plan of {environment} had failed");
            return refuse("plan-failed", title, GATE);
        }
    }
    if status.description == status::OFFLINE {
        let title = format!("pull request {number} was checked without AWS, which approves nothing");
        return refuse("plan-missing", title, GATE);
    }
    status::digests(&status.description).map_or_else(
        || {
            let title = format!("the status of pull request {number} says nothing that rem-ci writes");
            let problem = Problem::error("approval-forged", title, FORGED);
            Err(Halt::new(Exit::PlanChanged, problem))
        },
        Ok,
    )
}

/// What to do where nothing was approved.
pub const GATE: &str = "nothing was applied: make the change by a pull request that is planned before it is merged, or run the apply workflow by \
                        hand with the digest of the new plan, behind the environment's reviewers";

/// What to do about an approval that is not one.
pub const FORGED: &str = "nothing was applied: look at who set the status `rem-ci/plan/ENV` on that commit, and plan the change again by a new pull request";

/// Whether somebody else has approved exactly what was merged.
///
/// # Errors
/// When nobody has, and the environment asks for it.
pub fn reviewed(rules: &Rules<'_>, pull: &Pull, reviews: &[Review]) -> Result<(), Halt> {
    if !rules.require_review || approvers(pull, reviews) > 0 {
        return Ok(());
    }
    let title = format!("nobody else has approved the last commit of pull request {}", pull.number);
    let help = "policy.requireReview asks for an approval of exactly what is merged; have the change reviewed in a new pull request, and \
                let the branch's rules dismiss stale approvals";
    Err(Halt::new(Exit::Refused, Problem::error("not-reviewed", title, help)))
}

/// How many people who belong here stand behind exactly the head commit.
fn approvers(pull: &Pull, reviews: &[Review]) -> usize {
    let merged = time(pull.merged_at.as_deref());
    let author = pull.user.as_ref().map(|user| user.id);
    // The last word of each, comments apart.
    let mut said: std::collections::BTreeMap<u64, &Review> = std::collections::BTreeMap::new();
    for review in
        reviews.iter().filter(|review| matches!(&*review.state, "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED"))
    {
        let in_time = merged.is_none() || time(review.submitted_at.as_deref()) <= merged;
        if let Some(user) = review.user.as_ref().filter(|user| in_time && user.kind != "Bot" && Some(user.id) != author)
        {
            said.insert(user.id, review);
        }
    }
    let belongs = |review: &Review| matches!(&*review.author_association, "OWNER" | "MEMBER" | "COLLABORATOR");
    let stands = |review: &&&Review| {
        review.state == "APPROVED" && review.commit_id.as_ref() == Some(&pull.head.sha) && belongs(review)
    };
    said.values().filter(stands).count()
}

#[cfg(test)]
mod tests;
