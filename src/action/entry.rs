//! From an event to the end of its run.

use super::desk::Desk;
use super::inputs::{Job, job};
use super::outputs;
use super::{changed, destroy, drift, merge_group, pull_request, push, touched};
use crate::github::State;
use crate::github::event::Event;
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::comment::{Comment, Environment, Stage};
use crate::view::markdown::SUMMARY_LIMIT;

/// Does what the event asks for. Whatever comes of it is in the summary and in the outputs; the problems that ended it are
/// handed back as well.
///
/// # Errors
/// What ended it.
pub async fn run(desk: &Desk<'_>) -> Result<Exit, Halt> {
    let ended = match job(desk.happened, desk.inputs.command) {
        Ok(job) => Box::pin(stoppable(desk, job)).await,
        Err(halt) => Err(halt),
    };
    let exit = ended.as_ref().map_or_else(|halt| halt.exit, |exit| *exit);
    desk.paper.output("failure-reason", outputs::reason(exit).unwrap_or_default());
    if let Err(halt) = &ended {
        let name = desk.inputs.environments.join(" ");
        let name = if name.is_empty() { desk.happened.event.name().to_owned() } else { name };
        let stage = Stage::Refused { verb: "run", problems: halt.problems.clone(), beyond: Vec::new() };
        let mut summary = Comment::default();
        summary.put(&desk.origin(desk.sha(), &desk.happened.default_branch, ""), &Environment::new(name, stage));
        desk.paper.summary(&summary.summary(SUMMARY_LIMIT));
        halt.problems.iter().for_each(|problem| desk.note(problem));
    }
    ended
}

/// A run that changes nothing ends at once when it is told to; one that does sees to its own end.
async fn stoppable(desk: &Desk<'_>, job: Job) -> Result<Exit, Halt> {
    if matches!(job, Job::Apply | Job::Destroy) {
        return Box::pin(work(desk, job)).await;
    }
    tokio::select! {
        done = Box::pin(work(desk, job)) => done,
        () = desk.stop.stopped() => {
            stopped(desk).await;
            let problem = Problem::error("stopped", "the run was told to stop", "run it again: nothing was changed");
            Err(Halt::new(Exit::Interrupted, problem))
        }
    }
}

async fn work(desk: &Desk<'_>, job: Job) -> Result<Exit, Halt> {
    match (job, &desk.happened.event) {
        (Job::Plan, Event::PullRequest(pull)) => pull_request::plan(desk, pull).await,
        (Job::Group, Event::MergeGroup(group)) => merge_group::plan(desk, group).await,
        (Job::PlanDestroy, _) => destroy::plan(desk).await,
        (Job::Destroy, _) => destroy::destroy(desk).await,
        (Job::Drift, _) => drift::drift(desk).await,
        (Job::Changed, _) => list(desk),
        (Job::Gate | Job::Apply, _) => {
            let mut exit = Exit::Done;
            let mut names = push::names(desk)?.into_iter().peekable();
            if names.peek().is_none() {
                desk.paper.log("no environment is touched\n");
                outputs::plans(desk.paper, &[]);
            }
            for name in names {
                let one = if job == Job::Gate {
                    Box::pin(push::gate(desk, &name)).await?
                } else {
                    Box::pin(push::apply(desk, &name)).await?
                };
                exit = exit.max(one);
            }
            Ok(exit)
        }
        // `job` gives each of these for its own event alone.
        (Job::Plan | Job::Group, _) => Ok(Exit::Done),
    }
}

/// Lists what is touched, for the jobs that follow.
fn list(desk: &Desk<'_>) -> Result<Exit, Halt> {
    let touched = changed::touched(&desk.git, desk.happened, &desk.inputs.environments, desk.today())?;
    touched.orphaned.iter().for_each(|name| desk.note(&touched::orphan(name)));
    let any = !touched.environments.is_empty();
    desk.paper.output("changed", if any { "true" } else { "false" });
    // Plans may share a job, and only plans are made of this many at once.
    let plans = matches!(desk.happened.event, Event::PullRequest(_) | Event::MergeGroup(_) | Event::Schedule);
    desk.paper.output("matrix", &changed::json(&touched, plans)?);
    Ok(Exit::Done)
}

/// Statuses that still say that something is under way would say so for ever.
async fn stopped(desk: &Desk<'_>) {
    let sha = match &desk.happened.event {
        Event::PullRequest(pull) => &pull.head_sha,
        Event::MergeGroup(group) => &group.head_sha,
        _ => return,
    };
    let hub = desk.hub();
    let Ok(statuses) = hub.statuses(sha).await else { return };
    let mut newest = std::collections::BTreeMap::new();
    for status in statuses.iter().filter(|status| status.context.starts_with("rem-ci/plan/")) {
        let there = newest.entry(&status.context).or_insert(status);
        if status.id > there.id {
            *there = status;
        }
    }
    let run = desk.happened.run.url();
    let pending = newest
        .into_values()
        .filter(|status| status.state == State::Pending && status.target_url.as_ref() == Some(&run));
    for status in pending {
        let _ = desk.status(sha, status.context.clone(), State::Error, "interrupted: run it again").await;
    }
}
