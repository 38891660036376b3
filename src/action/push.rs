//! What is merged is applied, if it is what was approved.
//!
//! Before anything is changed: the checkout says what the default branch says; the pull requests that brought it were planned
//! before they were merged; the union of their approvals allows what is to be done now; and where a job has waited at a
//! gate, what is to be done is what was shown there. Where nothing was approved, only the gate's reviewers can allow it.

use std::cell::Cell;

use super::approvals::{self, Range};
use super::desk::{Desk, halted, invalid};
use super::eligible::Rules;
use super::look::{self, Seen};
use super::pull_request::shown;
use super::role::Role;
use super::settle::{Settled, settle};
use super::standing::{self, Standing, short, superseded};
use super::tell::{Teller, line, stale, told};
use super::union::union;
use super::{outputs, status, touched};
use crate::config::Loaded;
use crate::engine::{Action, Canonical, Event, Stop};
use crate::github::event::Event as Happening;
use crate::github::{Pull, State};
use crate::problem::{Exit, Problem};
use crate::run::{self, Approval, Halt, World, apply_report, verify_report};
use crate::verify;
use crate::view::comment::{Progress, Stage};
use crate::view::markdown::{self, SUMMARY_LIMIT};
use crate::view::report::{ApplyReport, VerifyReport};

/// The environments that are meant: those named, else those the push touches.
///
/// # Errors
/// What git says.
pub(super) fn names(desk: &Desk<'_>) -> Result<Vec<String>, Halt> {
    if !desk.inputs.environments.is_empty() {
        return Ok(desk.inputs.environments.clone());
    }
    let before = before(desk)?;
    let touched = touched::between(&desk.git, &before, desk.sha(), desk.today()).map_err(invalid)?;
    touched.orphaned.iter().for_each(|name| desk.note(&touched::orphan(name)));
    Ok(touched.environments.into_iter().map(|found| found.name).collect())
}

/// The branch's commit before the push; of a run by hand, the commit before.
///
/// # Errors
/// What git says.
pub(super) fn before(desk: &Desk<'_>) -> Result<String, Halt> {
    if let Happening::Push(push) = &desk.happened.event
        && let Some(before) = &push.before
        && desk.git.commit(before).map_err(invalid)?.is_some()
    {
        return Ok(before.clone());
    }
    let parents = desk.git.parents(desk.sha()).map_err(invalid)?;
    let there = parents.into_iter().next().filter(|parent| desk.git.commit(parent).is_ok_and(|here| here.is_some()));
    there.ok_or_else(|| {
        let title = format!("the checkout has only {}", short(desk.sha()));
        Halt::new(Exit::Failed, Problem::error("checkout-shallow", title, "check out with `fetch-depth: 0`"))
    })
}

/// One environment as it is merged.
struct Case {
    settled: Settled,
    base: Option<Loaded>,
    before: String,
}

impl Case {
    fn rules<'a>(&'a self, desk: &'a Desk<'_>, range: &'a Range) -> Rules<'a> {
        Rules {
            repository_id: desk.happened.run.repository_id,
            default_branch: &desk.happened.default_branch,
            range: &range.commits,
            environment: &self.settled.loaded.spec.name,
            require_review: self.settled.loaded.spec.policy.require_review,
        }
    }
}

/// None where the run has no say any more.
async fn case(desk: &Desk<'_>, name: &str) -> Result<Option<Case>, Halt> {
    let head = desk.load(desk.sha(), name)?;
    if let Standing::Superseded(tip) = standing::of(desk, &head).await? {
        let problem = superseded(desk, name, &tip);
        desk.note(&problem);
        desk.paper.summary(&format!(
            "### rem-ci: `{name}` stands down\n\n`{}` is newer, and its own run applies it.\n",
            short(&tip)
        ));
        return Ok(None);
    }
    let before = before(desk)?;
    let base = desk.base(&before, name);
    let settled = settle(&head, base.as_ref().map(|base| &base.spec), desk.today());
    Ok(Some(Case { settled, base, before }))
}

/// Plans what is merged, for the eyes of those who stand at the gate.
///
/// # Errors
/// As a plan.
pub(super) async fn gate(desk: &Desk<'_>, name: &str) -> Result<Exit, Halt> {
    let Some(case) = case(desk, name).await? else {
        outputs::plans(desk.paper, &[]);
        return Ok(Exit::Done);
    };
    let world = look::world(desk, &case.settled, false, None).await?;
    let seen = look::look(desk, &case.settled, case.base.as_ref(), None, world.as_ref()).await?;
    seen.looked.findings.iter().filter(|finding| !finding.waived).for_each(|finding| desk.note(finding));
    let report = shown(desk, &seen.report);
    let pictures: Vec<_> = seen.environment(Stage::Planned).topology.into_iter().collect();
    desk.paper.summary(&markdown::plans(std::slice::from_ref(&report), &pictures, SUMMARY_LIMIT));
    outputs::plans(desk.paper, &[&report]);
    if seen.looked.refused() {
        let stops = seen.stops();
        let text = format!("refused: {}", stops.first().map(|problem| problem.code).unwrap_or_default());
        desk.status(desk.sha(), status::apply_context(name), State::Failure, &text).await?;
        // Those who merged it read their pull request.
        let range = approvals::range(desk, &case.settled.loaded, None, &case.before)?;
        let pulls = approvals::pulls(desk, &case.rules(desk, &range), &range).await?;
        let teller = Teller { desk, name, before: case.before.clone(), pulls, seen: Some(seen), approved: None };
        teller.refused(&stops).await?;
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    if !seen.looked.plan.changes() {
        // What the range brought is there: it is written down by nobody but an apply, which has nothing to do.
        desk.status(desk.sha(), status::apply_context(name), State::Success, "nothing to do").await?;
    }
    Ok(Exit::Done)
}

/// Applies one environment, and tells wherever its pull requests are read.
///
/// # Errors
/// Refusals.
pub(super) async fn apply(desk: &Desk<'_>, name: &str) -> Result<Exit, Halt> {
    let Some(case) = case(desk, name).await? else {
        outputs::plans(desk.paper, &[]);
        return Ok(Exit::Done);
    };
    let context = status::apply_context(name);
    desk.status(desk.sha(), context.clone(), State::Pending, "looking at what was approved").await?;
    let mut teller = Teller { desk, name, before: case.before.clone(), pulls: Vec::new(), seen: None, approved: None };
    let begun = Cell::new(false);
    // Until it begins nothing is changed, and whoever is told to stop can; from then on the apply sees to its own end.
    let early = async {
        desk.stop.stopped().await;
        if begun.get() {
            std::future::pending::<()>().await;
        }
    };
    let ended = {
        let work = Box::pin(apply_case(desk, &case, &mut teller, &begun));
        tokio::select! {
            ended = work => ended,
            () = early => {
                let problem = Problem::error("stopped", "the run was told to stop", "run it again: nothing was changed");
                Err(Halt::new(Exit::Interrupted, problem))
            }
        }
    };
    let first = |halt: &Halt| halt.problems.first().map(|problem| problem.code).unwrap_or_default();
    if let Err(halt) = &ended
        && first(halt) == "superseded"
    {
        halt.problems.iter().for_each(|problem| desk.note(problem));
        desk.status(desk.sha(), context, State::Success, "stood down: the run of a newer commit applies it").await?;
        return Ok(Exit::Done);
    }
    let (exit, text) = match &ended {
        Ok((exit, text)) => (*exit, text.clone()),
        Err(halt) => (halt.exit, format!("not applied: {}", first(halt))),
    };
    if let Err(halt) = &ended {
        teller.refused(&halt.problems).await?;
    }
    let state = if exit == Exit::Done { State::Success } else { State::Failure };
    desk.status(desk.sha(), context, state, &text).await?;
    ended.map(|(exit, _)| exit)
}

async fn apply_case(
    desk: &Desk<'_>,
    case: &Case,
    teller: &mut Teller<'_, '_>,
    begun: &Cell<bool>,
) -> Result<(Exit, String), Halt> {
    let spec = &case.settled.loaded.spec;
    if case.settled.cautions.iter().any(Problem::stops) {
        let problems = case.settled.cautions.iter().filter(|caution| caution.stops()).cloned().collect();
        return Err(Halt { exit: Exit::Refused, problems });
    }
    let world = desk.open(spec, Role::Apply, None).await?;
    world.cloud.programs.permit();
    let record = run::recorded(&world, spec).await?;
    let applied = record.as_ref().and_then(|record| record.commit.as_deref());
    let range = approvals::range(desk, &case.settled.loaded, applied, &case.before)?;
    let rules = case.rules(desk, &range);
    teller.pulls = approvals::pulls(desk, &rules, &range).await?;
    let (plans, refusals) = judged(desk, &rules, &world, case, &teller.pulls).await?;
    let seen = look::look(desk, &case.settled, case.base.as_ref(), None, Some(&world)).await?;
    outputs::plans(desk.paper, &[&shown(desk, &seen.report)]);
    if seen.looked.refused() {
        return Err(Halt { exit: Exit::Refused, problems: seen.stops() });
    }
    let approval = allowed(desk, case, &seen, &world, &range, plans, refusals).await?;
    let steps = seen.looked.plan.steps.iter().filter(|step| step.action.changes()).count();
    let changes = steps > 0 || seen.looked.plan.steps.iter().any(|step| step.action == Action::Settle);
    teller.seen = Some(seen);
    teller.approved.clone_from(&approval.plan);
    teller.stage(Stage::Applying(Progress { steps, ..Progress::default() })).await?;
    desk.status(desk.sha(), status::apply_context(&spec.name), State::Pending, "applying").await?;
    begun.set(true);
    let (report, checks, exit) = run_it(desk, case, &world, &approval).await?;
    teller.ended(&report, checks.as_ref()).await?;
    if changes && exit != Exit::Interrupted {
        stale(desk, &spec.name, &teller.pulls).await?;
    }
    Ok((exit, told(&report, checks.as_ref())))
}

/// The approvals that count, and why the others do not. Something that pretends to be one ends the run.
async fn judged(
    desk: &Desk<'_>,
    rules: &Rules<'_>,
    world: &World,
    case: &Case,
    pulls: &[Pull],
) -> Result<(Vec<Canonical>, Vec<Problem>), Halt> {
    let (mut plans, mut refusals) = (Vec::new(), Vec::new());
    for pull in pulls {
        match approvals::of(desk, rules, &case.settled.loaded.spec, pull, world.store.as_ref()).await {
            Ok(approval) => plans.push(approval.plan),
            Err(halt) if halt.exit == Exit::Refused => refusals.extend(halt.problems),
            Err(halt) => return Err(halt),
        }
    }
    Ok((plans, refusals))
}

/// What may be done: what was approved, or else what the gate's reviewers have seen.
async fn allowed(
    desk: &Desk<'_>,
    case: &Case,
    seen: &Seen,
    world: &World,
    range: &Range,
    plans: Vec<Canonical>,
    mut refusals: Vec<Problem>,
) -> Result<Approval, Halt> {
    let now = seen.looked.plan.canonical();
    let resumes =
        |digest: &str| seen.record.as_ref().is_some_and(|record| record.incomplete() && record.approval == digest);
    let approval = |digest: String, plan: Option<Canonical>| Approval {
        digest,
        plan,
        acknowledged: Vec::new(),
        no_lock: world.store.is_none(),
        only: None,
    };
    let nothing = !seen.looked.plan.changes();
    if let Some(shown) = &desk.inputs.expect_plan
        && *shown != seen.looked.digest
        && !nothing
        && !resumes(shown)
    {
        let title = format!("the gate was shown {shown}, now it is {}", seen.looked.digest);
        let help =
            "something has changed meanwhile: run all jobs again, look at the new plan, and let that one through";
        return Err(Halt::new(Exit::PlanChanged, Problem::error("plan-changed", title, help)));
    }
    if nothing {
        return Ok(approval(now.digest(), Some(now)));
    }
    if refusals.is_empty() && !plans.is_empty() {
        let all: Vec<&Canonical> = plans.iter().collect();
        let union = union(&now, &all);
        return Ok(approval(union.digest(), Some(union)));
    }
    if refusals.is_empty() {
        let name = &case.settled.loaded.spec.name;
        let title = match range.touching.last() {
            Some(commit) => format!("{} changes {name} and came by no pull request", short(commit)),
            None => format!("{name} would change, and no merged pull request asks for it"),
        };
        refusals.push(Problem::error("not-approved", title, super::eligible::GATE));
    }
    let Some(shown) = &desk.inputs.expect_plan else { return Err(Halt { exit: Exit::Refused, problems: refusals }) };
    // The role of this job is given to jobs of this GitHub environment alone; that those wait for people, GitHub says.
    let environment = desk.hub().environment(&case.settled.loaded.spec.name).await.map_err(halted)?;
    if environment.is_none_or(|environment| environment.reviewers().is_empty()) {
        let title = "nobody has to approve this environment's jobs, so nobody has approved this plan";
        let help = "give the GitHub environment required reviewers (`rem-ci bootstrap` does), or bring the change by a pull request";
        refusals.push(Problem::error("gate-open", title, help));
        return Err(Halt { exit: Exit::Refused, problems: refusals });
    }
    Ok(approval(shown.clone(), None))
}

/// Applies and verifies.
async fn run_it(
    desk: &Desk<'_>,
    case: &Case,
    world: &World,
    approval: &Approval,
) -> Result<(ApplyReport, Option<VerifyReport>, Exit), Halt> {
    let loaded = &case.settled.loaded;
    let again = || -> futures_util::future::LocalBoxFuture<'_, Result<(), Halt>> {
        Box::pin(async {
            match standing::of(desk, loaded).await? {
                Standing::Current => Ok(()),
                Standing::Superseded(tip) => {
                    let problem = superseded(desk, &loaded.spec.name, &tip);
                    Err(Halt::new(Exit::Refused, problem))
                }
            }
        })
    };
    let sink = |event: &Event| desk.paper.log(&line(event));
    let stop: &Stop = &desk.stop;
    let applied = Box::pin(run::apply_if(loaded, world, approval, &again, &sink, stop)).await?;
    let mut exit = applied.exit();
    let mut checks = None;
    if exit == Exit::Done {
        let all = Box::pin(verify::all(&world.cloud, &world.clock, &loaded.spec, &applied.looked.id));
        tokio::select! {
            all = all => checks = Some(verify_report(&loaded.spec.name, &all?)),
            // Applied and written down; `rem-ci verify` can say the rest.
            () = stop.stopped() => exit = Exit::Interrupted,
        }
    }
    if checks.as_ref().is_some_and(|checks| !checks.passed()) {
        exit = Exit::Unverified;
    }
    let problems = run::unfinished(&applied.outcome, &loaded.spec.name, "apply");
    Ok((apply_report("apply", &applied, problems), checks, exit))
}
