//! A merge group: whether all of it together is within what its pull requests have approved one by one. If not, the queue
//! takes it apart before anything is merged.

use super::approvals;
use super::desk::{Desk, halted, invalid};
use super::eligible::Rules;
use super::look;
use super::pull_request::shown;
use super::settle::settle;
use super::union::union;
use super::{outputs, status, touched};
use crate::engine::Canonical;
use crate::github::event::MergeGroup;
use crate::github::{Pull, State};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::markdown::{SUMMARY_LIMIT, plans};
use crate::view::report::PlanReport;

/// Plans a merge group again.
///
/// # Errors
/// What ends the run for all environments at once.
pub(super) async fn plan(desk: &Desk<'_>, group: &MergeGroup) -> Result<Exit, Halt> {
    let touched = touched::between(&desk.git, &group.base_sha, &group.head_sha, desk.today()).map_err(invalid)?;
    let mut names: Vec<String> = touched.environments.iter().map(|found| found.name.clone()).collect();
    if !desk.inputs.environments.is_empty() {
        names.clone_from(&desk.inputs.environments);
    }
    let pulls = pulls(desk, group).await?;
    let (mut exit, mut reports) = (Exit::Done, Vec::new());
    for name in &names {
        desk.status(&group.head_sha, status::plan_context(name), State::Pending, "planning the group").await?;
        let (state, text) = match Box::pin(environment(desk, group, &pulls, name, &mut reports)).await {
            Ok(text) => (State::Success, text),
            Err(halt) => {
                halt.problems.iter().for_each(|problem| desk.note(problem));
                exit = exit.max(halt.exit);
                let first = halt.problems.first().map(|problem| problem.code).unwrap_or_default();
                (State::Failure, format!("not within what was approved: {first}"))
            }
        };
        desk.status(&group.head_sha, status::plan_context(name), state, &text).await?;
    }
    if !reports.is_empty() {
        desk.paper.summary(&plans(&reports, &[], SUMMARY_LIMIT));
    }
    outputs::plans(desk.paper, &reports.iter().collect::<Vec<_>>());
    Ok(exit)
}

async fn environment(
    desk: &Desk<'_>,
    group: &MergeGroup,
    pulls: &[Pull],
    name: &str,
    reports: &mut Vec<PlanReport>,
) -> Result<String, Halt> {
    let head = desk.load(&group.head_sha, name)?;
    let base = desk.base(&group.base_sha, name);
    let settled = settle(&head, base.as_ref().map(|base| &base.spec), desk.today());
    let world = look::world(desk, &settled, false, None).await?;
    let seen = look::look(desk, &settled, base.as_ref(), Some(&group.base_ref), world.as_ref()).await?;
    reports.push(shown(desk, &seen.report));
    if seen.looked.refused() {
        return Err(Halt { exit: Exit::Refused, problems: seen.stops() });
    }
    let range = std::collections::BTreeSet::new();
    let rules = Rules {
        repository_id: desk.happened.run.repository_id,
        default_branch: &group.base_ref,
        range: &range,
        environment: name,
        // The branch's own rules ask for reviews before the queue; an apply asks again.
        require_review: false,
    };
    let mut approved: Vec<Canonical> = Vec::new();
    for pull in pulls {
        let store = world.as_ref().and_then(|world| world.store.as_ref());
        match approvals::of(desk, &rules, &settled.loaded.spec, pull, store).await {
            Ok(approval) => approved.push(approval.plan),
            // One that does not touch this environment has no plan of it.
            Err(halt) if halt.problems.iter().all(|problem| problem.code == "plan-missing") => {}
            Err(halt) => return Err(halt),
        }
    }
    let now = seen.looked.plan.canonical();
    let all: Vec<&Canonical> = approved.iter().collect();
    let beyond = now.beyond(&union(&now, &all));
    if beyond.is_empty() {
        return Ok(format!("within what {} pull requests have shown", pulls.len()));
    }
    let help = "the group does together what none of its pull requests has shown: merge them one after the other";
    let problems = beyond.into_iter().map(|reason| Problem::error("plan-changed", reason, help)).collect();
    Err(Halt { exit: Exit::PlanChanged, problems })
}

/// The open pull requests that the group's commits say they are of. What a commit says is no proof; what is merged in the
/// end is asked about again.
async fn pulls(desk: &Desk<'_>, group: &MergeGroup) -> Result<Vec<Pull>, Halt> {
    let mut found: Vec<Pull> = Vec::new();
    for commit in desk.git.line(&group.base_sha, &group.head_sha).map_err(invalid)? {
        let subject = desk.git.subject(&commit).map_err(invalid)?;
        let Some(number) = number(&subject).filter(|number| found.iter().all(|pull| pull.number != *number)) else {
            continue;
        };
        let pull = desk.hub().pull(number).await.map_err(halted)?;
        let ours = pull.base.branch == group.base_ref && pull.state == "open" && !pull.from_fork();
        if ours {
            found.push(pull);
        }
    }
    Ok(found)
}

/// The number in what GitHub writes: `Merge pull request #7 from acme/more`, `More room (#7)`.
fn number(subject: &str) -> Option<u64> {
    let merge = subject.strip_prefix("Merge pull request #").and_then(|rest| rest.split(' ').next());
    let squash = || subject.strip_suffix(')')?.rsplit_once("(#").map(|(_, number)| number);
    merge.or_else(squash)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn numbers_in_subjects() {
        assert_eq!(number("Merge pull request #12 from acme/more"), Some(12));
        assert_eq!(number("More room (#7)"), Some(7));
        assert_eq!(number("Revert (#7) (#9)"), Some(9));
        for other in ["More room", "#7", "(#x)", "Merge branch 'main'"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
