//! What was approved of what is to be applied: the pull requests of a range of commits, and the document of each.

use std::collections::BTreeSet;

use super::approval::{Approval, Known, Name};
use super::desk::{Desk, halted, invalid};
use super::eligible::{self, Rules};
use crate::cloud::Store;
use crate::config::Loaded;
use crate::config::spec::Spec;
use crate::github::Pull;
use crate::problem::{Exit, Problem};
use crate::run::Halt;

/// So many commits that touch an environment are asked about. More have piled up only if nothing was applied for long.
const MOST: usize = 100;

/// The commits that are to be applied.
#[derive(Clone, Debug)]
pub(super) struct Range {
    /// All of them.
    pub(super) commits: BTreeSet<String>,
    /// Those on the branch's own line that touch the environment, the oldest first.
    pub(super) touching: Vec<String>,
    /// Of those, the ones of this very push.
    fresh: BTreeSet<String>,
}

/// The range since the commit whose apply was the last that ended well, or else since before the push.
///
/// # Errors
/// What git says; a range that is too long to ask about.
pub(super) fn range(desk: &Desk<'_>, loaded: &Loaded, applied: Option<&str>, before: &str) -> Result<Range, Halt> {
    let git = &desk.git;
    let sha = desk.sha();
    let known = match applied {
        Some(applied)
            if git.commit(applied).map_err(invalid)?.is_some() && git.led_to(applied, sha).map_err(invalid)? =>
        {
            Some(applied)
        }
        _ => None,
    };
    let from = known.unwrap_or(before);
    let commits: BTreeSet<String> = git.between(from, sha).map_err(invalid)?.into_iter().collect();
    let files: BTreeSet<&str> = loaded.files.iter().map(String::as_str).collect();
    let mut touching = Vec::new();
    for commit in git.line(from, sha).map_err(invalid)? {
        let parents = git.parents(&commit).map_err(invalid)?;
        let Some(parent) = parents.first() else { continue };
        let changed = git.changed(parent, &commit).map_err(invalid)?;
        if changed.iter().any(|path| files.contains(path.as_str())) {
            touching.push(commit);
        }
    }
    if touching.len() > MOST {
        let title = format!("{} commits have touched {} since it was last applied", touching.len(), loaded.spec.name);
        let help = format!(
            "approvals are looked up for {MOST} at most: apply by hand, with the digest of a new plan, behind the gate"
        );
        return Err(Halt::new(Exit::Refused, Problem::error("approvals-too-many", title, help)));
    }
    let fresh = git.between(before, sha).unwrap_or_default().into_iter().collect();
    Ok(Range { commits, touching, fresh })
}

/// The pull requests that brought these commits, in the order of their merges.
///
/// # Errors
/// What GitHub says; two pull requests that claim one merge.
pub(super) async fn pulls(desk: &Desk<'_>, rules: &Rules<'_>, range: &Range) -> Result<Vec<Pull>, Halt> {
    let hub = desk.hub();
    let mut found: Vec<Pull> = Vec::new();
    for commit in &range.touching {
        let known =
            |pull: &Pull| eligible::merged(rules, std::slice::from_ref(pull)).is_ok_and(|merged| !merged.is_empty());
        // What GitHub says of a push lags behind it for half a minute at worst.
        let pulls = if range.fresh.contains(commit) {
            hub.pulls_of_push(commit, known).await
        } else {
            hub.pulls_of(commit).await
        };
        found.extend(pulls.map_err(halted)?);
    }
    Ok(eligible::merged(rules, &found)?.into_iter().cloned().collect())
}

/// The approval of a merged pull request: what its status said before the merge, and the document that says the same.
///
/// # Errors
/// Why it does not count: refused where nothing was approved, exit 5 where something pretends to be an approval.
pub(super) async fn of(
    desk: &Desk<'_>,
    rules: &Rules<'_>,
    spec: &Spec,
    pull: &Pull,
    store: Option<&Store>,
) -> Result<Approval, Halt> {
    let statuses = desk.hub().statuses(&pull.head.sha).await.map_err(halted)?;
    let digests = eligible::planned(rules, pull, &statuses)?;
    if rules.require_review {
        let reviews = desk.hub().reviews(pull.number).await.map_err(halted)?;
        eligible::reviewed(rules, pull, &reviews)?;
    }
    let Some(store) = store else {
        let title =
            format!("{} has no state bucket, so no approval of pull request {} was kept", spec.name, pull.number);
        return Err(Halt::new(Exit::Refused, Problem::error("approval-not-kept", title, eligible::GATE)));
    };
    let name = Name { environment: &spec.name, pull: pull.number, head_sha: &pull.head.sha, digests: &digests };
    let forged =
        |title: String| Halt::new(Exit::PlanChanged, Problem::error("approval-forged", title, eligible::FORGED));
    let Some(approval) = Approval::read(store, &name).await? else {
        let title = format!("the status of pull request {} names a plan that nobody has approved", pull.number);
        return Err(forged(title));
    };
    let known = Known {
        repository_id: rules.repository_id,
        pull: pull.number,
        base_ref: rules.default_branch,
        head_sha: &pull.head.sha,
        spec,
        digests: &digests,
    };
    let wrong = approval.disagrees(&known);
    if wrong.is_empty() {
        return Ok(approval);
    }
    let title = format!("the approval of pull request {} is of another {}", pull.number, wrong.join(", "));
    Err(forged(title))
}
