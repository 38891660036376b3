//! An environment ends because a person has asked for it by name, after its plan was shown, by a role of its own.

use super::desk::Desk;
use super::pull_request::shown;
use super::role::Role;
use super::standing::{self, Standing, superseded};
use super::{outputs, tell};
use crate::config::Loaded;
use crate::engine::Event;
use crate::problem::{Exit, Problem};
use crate::run::{self, Approval, Halt, Wishes, World, plan_report};
use crate::view::markdown::{self, SUMMARY_LIMIT};
use crate::view::redact;

/// The one environment whose name was typed twice.
fn named<'a>(desk: &'a Desk<'_>) -> Result<&'a str, Halt> {
    let refuse = |title: String| {
        let help = "run the destroy workflow with the environment's name in both fields";
        Err(Halt::new(Exit::Refused, Problem::error("not-confirmed", title, help)))
    };
    let [name] = desk.inputs.environments.as_slice() else {
        return refuse("one environment is destroyed at a time, and it is named".to_owned());
    };
    if desk.inputs.confirm != *name {
        return refuse(format!("`confirm` is not {name}"));
    }
    Ok(name)
}

async fn opened(desk: &Desk<'_>, name: &str, role: Role) -> Result<(Loaded, World), Halt> {
    let loaded = desk.load(desk.sha(), name)?;
    if let Standing::Superseded(tip) = standing::of(desk, &loaded).await? {
        let problem = Problem { severity: crate::problem::Severity::Error, ..superseded(desk, name, &tip) };
        return Err(Halt::new(Exit::Refused, problem));
    }
    let world = desk.open(&loaded.spec, role, None).await?;
    Ok((loaded, world))
}

/// Shows what would end. The digest goes on to the job behind the gate.
///
/// # Errors
/// Refusals.
pub(super) async fn plan(desk: &Desk<'_>) -> Result<Exit, Halt> {
    let name = named(desk)?;
    let (loaded, world) = opened(desk, name, Role::Plan).await?;
    show(desk, &loaded, &world).await.map(|_| Exit::Done)
}

/// Looks, and shows it before anything else; gives the plan's digest.
async fn show(desk: &Desk<'_>, loaded: &Loaded, world: &World) -> Result<String, Halt> {
    let (looked, _) = Box::pin(run::look_before(loaded, world, &[])).await?;
    let report = shown(desk, &plan_report(&looked, world.mode));
    desk.paper.summary(&markdown::plans(std::slice::from_ref(&report), &[], SUMMARY_LIMIT));
    outputs::plans(desk.paper, &[&report]);
    looked.findings.iter().filter(|finding| !finding.waived).for_each(|finding| desk.note(finding));
    if looked.refused() {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    Ok(looked.digest)
}

/// Ends it.
///
/// # Errors
/// Refusals; nothing has been changed then.
pub(super) async fn destroy(desk: &Desk<'_>) -> Result<Exit, Halt> {
    let name = named(desk)?;
    let Some(expected) = &desk.inputs.expect_plan else {
        let title = format!("nobody has looked at what would end with {name}");
        let help = "run `plan-destroy` in a job before this one, and hand its `plan-digest` on as `expect-plan`: the destroy workflow does";
        return Err(Halt::new(Exit::Refused, Problem::error("not-confirmed", title, help)));
    };
    let (loaded, world) = opened(desk, name, Role::Destroy).await?;
    world.cloud.programs.permit();
    let digest = show(desk, &loaded, &world).await?;
    if digest != *expected {
        let title = format!("the gate was shown {expected}, now it is {digest}");
        let help = "something has changed meanwhile: run all jobs again, and look at the new plan";
        return Err(Halt::new(Exit::PlanChanged, Problem::error("plan-changed", title, help)));
    }
    let approval =
        Approval { digest, plan: None, acknowledged: Vec::new(), no_lock: world.store.is_none(), only: None };
    let sink = |event: &Event| desk.paper.log(&tell::line(event));
    let destroyed = Box::pin(run::destroy(&loaded, &world, &approval, Wishes::default(), &sink, &desk.stop)).await?;
    let mut problems = run::unfinished(&destroyed.applied.outcome, name, "destroy");
    problems.extend(destroyed.problems.iter().cloned());
    for problem in &problems {
        desk.note(problem);
    }
    let report = destroyed.report(problems);
    let report = if desk.happened.public { redact::apply(&report) } else { report };
    desk.paper.summary(&markdown::applied(&report, None, SUMMARY_LIMIT));
    Ok(destroyed.exit())
}
