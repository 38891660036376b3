//! A pull request: every environment it touches is planned, as it would be merged into the base branch as that is now.

use super::approval::{Approval, Digests, Known, Written};
use super::desk::{Desk, halted, invalid};
use super::look::{self, Seen};
use super::settle::settle;
use super::touched::{self, Touched};
use super::{outputs, status};
use crate::config::Merge;
use crate::github::State;
use crate::github::event::{Offline, PullRequest};
use crate::problem::{Exit, Problem};
use crate::run::Halt;
use crate::view::Untrusted;
use crate::view::comment::{self, Environment, Gate, Stage};
use crate::view::markdown::{SUMMARY_LIMIT, plans};
use crate::view::redact;
use crate::view::report::PlanReport;

/// The pull request merged with its base.
struct Merged {
    base: String,
    tree: String,
}

/// Plans a pull request.
///
/// # Errors
/// What ends the run for all environments at once.
pub(super) async fn plan(desk: &Desk<'_>, pull: &PullRequest) -> Result<Exit, Halt> {
    if pull.action == "closed" {
        desk.paper.log("a pull request that is closed is not planned; what is merged is applied by its push\n");
        outputs::plans(desk.paper, &[]);
        return Ok(Exit::Done);
    }
    // A run again of an old commit has nothing to say about the new one.
    let now = desk.hub().pull(pull.number).await.map_err(halted)?;
    if now.head.sha != pull.head_sha {
        let problem = Problem::warning(
            "superseded",
            format!("pull request {} has a newer commit", pull.number),
            "this run stands down: the run of the newer commit plans it",
        );
        desk.note(&problem);
        outputs::plans(desk.paper, &[]);
        return Ok(Exit::Done);
    }
    let offline = desk.happened.offline(pull);
    let merged = merged(desk, pull).await?;
    let touched = touched::between(&desk.git, &merged.base, &merged.tree, desk.today()).map_err(invalid)?;
    for name in &touched.orphaned {
        desk.note(&touched::orphan(name));
    }
    let names = names(desk, &touched);
    let origin = desk.origin(&pull.head_sha, &pull.base_ref, &merged.base);
    let keep: Vec<String> = touched.environments.iter().map(|found| found.name.clone()).collect();
    let soft = |done: Result<(), Halt>| if offline.is_some() { desk.forgive(done) } else { done };
    let planning = names.iter().map(|name| Environment::new(name.clone(), Stage::Planning)).collect();
    for name in &names {
        let set = desk.status(&pull.head_sha, status::plan_context(name), State::Pending, "planning").await;
        soft(set)?;
    }
    if !names.is_empty() {
        soft(desk.tell(pull.number, &origin, planning, Some(&keep)).await)?;
    }
    let mut told = Told::default();
    for name in &names {
        let one = Box::pin(environment(desk, pull, &merged, name, offline)).await;
        let (state, text) = told.take(desk, name, one);
        soft(desk.status(&pull.head_sha, status::plan_context(name), state, &text).await)?;
    }
    soft(desk.tell(pull.number, &origin, std::mem::take(&mut told.environments), Some(&keep)).await)?;
    told.finish(desk);
    Ok(told.exit)
}

/// Those that are asked for among those that are touched; asked for by name, one is planned whether or not.
fn names(desk: &Desk<'_>, touched: &Touched) -> Vec<String> {
    if desk.inputs.environments.is_empty() {
        touched.environments.iter().map(|found| found.name.clone()).collect()
    } else {
        desk.inputs.environments.clone()
    }
}

/// Merges the pull request's commit with the base branch as it is now: GitHub's own merge commit is as old as the last push.
async fn merged(desk: &Desk<'_>, pull: &PullRequest) -> Result<Merged, Halt> {
    let here = |commit: &str| desk.git.commit(commit).map_err(invalid);
    let tip = desk.hub().branch(&pull.base_ref).await.map_err(halted)?.map(|branch| branch.commit.sha);
    // It may have moved on since the checkout: then the newest that was checked out.
    let known = [tip.unwrap_or_default(), format!("refs/remotes/origin/{}", pull.base_ref)];
    let mut base = None;
    for name in known.iter().filter(|name| !name.is_empty()) {
        base = base.or(here(name)?);
    }
    let (Some(base), Some(head)) = (base, here(&pull.head_sha)?) else {
        let title = format!("the checkout has not both {} and {}", pull.base_ref, pull.head_sha);
        let help =
            "check out with `fetch-depth: 0`; if it is, the base branch has moved in this very moment: run again";
        return Err(Halt::new(Exit::Failed, Problem::error("checkout-shallow", title, help)));
    };
    match desk.git.merge(&base, &head).map_err(invalid)? {
        Merge::Clean(tree) => Ok(Merged { base, tree }),
        Merge::Conflict => {
            let title = format!("it cannot be merged with {} as it is now", pull.base_ref);
            let help = "merge the base branch into it, say how, and push";
            Err(Halt::new(Exit::Refused, Problem::error("merge-conflict", title, help)))
        }
    }
}

/// One environment as it was looked at.
struct One {
    seen: Seen,
    /// Whether an approval was kept.
    kept: bool,
    /// Why AWS was not asked.
    offline: Option<comment::Offline>,
}

async fn environment(
    desk: &Desk<'_>,
    pull: &PullRequest,
    merged: &Merged,
    name: &str,
    offline: Option<Offline>,
) -> Result<One, Halt> {
    let head = desk.load(&merged.tree, name)?;
    let base = desk.base(&merged.base, name);
    let settled = settle(&head, base.as_ref().map(|base| &base.spec), desk.today());
    let offline = match offline {
        Some(Offline::Fork) => Some(comment::Offline::Fork),
        Some(Offline::Bot) => Some(comment::Offline::Bot),
        // Before bootstrap there is no role to look with, and a plan without AWS is better than none.
        None if settled.loaded.spec.roles.plan.is_none() && !desk.opener.without_roles() => {
            Some(comment::Offline::NoRole)
        }
        None => None,
    };
    let world = look::world(desk, &settled, offline.is_some(), Some(pull.number)).await?;
    let seen = look::look(desk, &settled, base.as_ref(), Some(&pull.base_ref), world.as_ref()).await?;
    let store = world.as_ref().and_then(|world| world.store.as_ref());
    let (Some(store), false) = (store, seen.looked.refused()) else {
        return Ok(One { seen, kept: false, offline });
    };
    let digests = Digests::of(&seen.looked.digest, &settled.input_digest);
    let known = Known {
        repository_id: desk.happened.run.repository_id,
        pull: pull.number,
        base_ref: &pull.base_ref,
        head_sha: &pull.head_sha,
        spec: &settled.loaded.spec,
        digests: &digests,
    };
    let plan = seen.looked.plan.canonical();
    let run = desk.happened.run.url();
    let approval = Approval::new(&known, &merged.base, &settled.input_digest, plan, &run, &desk.stamp());
    if approval.write(store).await? == Written::Other {
        let title = format!("the state bucket has another approval of this commit of pull request {}", pull.number);
        let help = "rem-ci writes each once and never another: see in the bucket's log who wrote it; a new commit is planned afresh";
        return Err(Halt::new(Exit::PlanChanged, Problem::error("approval-forged", title, help)));
    }
    if let Some(world) = &world {
        world.close()?;
    }
    Ok(One { seen, kept: true, offline })
}

/// What comes of all of them.
struct Told {
    environments: Vec<Environment>,
    reports: Vec<PlanReport>,
    topologies: Vec<crate::view::diagram::Topology>,
    exit: Exit,
}

impl Default for Told {
    fn default() -> Self {
        Self { environments: Vec::new(), reports: Vec::new(), topologies: Vec::new(), exit: Exit::Done }
    }
}

impl Told {
    /// Takes one in; gives its status.
    fn take(&mut self, desk: &Desk<'_>, name: &str, one: Result<One, Halt>) -> (State, String) {
        let One { seen, kept, offline } = match one {
            Ok(one) => one,
            Err(halt) => return self.halted(desk, name, halt),
        };
        seen.looked.findings.iter().filter(|finding| !finding.waived).for_each(|finding| desk.note(finding));
        let stage = offline.map_or(Stage::Planned, Stage::Offline);
        let mut environment = seen.environment(stage);
        environment.gates = gates(&seen, kept, offline.is_some());
        self.topologies.extend(environment.topology.clone());
        self.environments.push(environment);
        let counts = seen.report.counts();
        let digests = Digests::of(&seen.report.plan_digest, &seen.report.input_digest);
        let status = if seen.looked.refused() {
            self.exit = self.exit.max(Exit::Refused);
            let stops = seen.stops();
            let first = stops.first().map(|problem| problem.code).unwrap_or_default();
            (State::Failure, format!("refused: {first}{}", more(stops.len())))
        } else if offline.is_some() {
            // Nobody has seen what it does: it is no approval, and does not look like one.
            (State::Success, status::OFFLINE.to_owned())
        } else {
            (State::Success, status::describe(&counts, &digests))
        };
        self.reports.push(seen.report);
        status
    }

    fn halted(&mut self, desk: &Desk<'_>, name: &str, halt: Halt) -> (State, String) {
        halt.problems.iter().for_each(|problem| desk.note(problem));
        let first = halt.problems.first().map(|problem| problem.code).unwrap_or_default();
        let text = format!("no plan: {first}{}", more(halt.problems.len()));
        self.exit = self.exit.max(halt.exit);
        let stage = Stage::Refused { verb: "plan", problems: halt.problems, beyond: Vec::new() };
        self.environments.push(Environment::new(name, stage));
        (State::Error, text)
    }

    /// The summary and the outputs.
    fn finish(&self, desk: &Desk<'_>) {
        let shown: Vec<PlanReport> = self.reports.iter().map(|report| shown(desk, report)).collect();
        if !shown.is_empty() {
            desk.paper.summary(&plans(&shown, &self.topologies, SUMMARY_LIMIT));
        }
        outputs::plans(desk.paper, &shown.iter().collect::<Vec<_>>());
    }
}

fn more(problems: usize) -> String {
    if problems > 1 { format!(" and {} more", problems - 1) } else { String::new() }
}

/// A plan as this repository may show it.
pub(super) fn shown(desk: &Desk<'_>, report: &PlanReport) -> PlanReport {
    if desk.happened.public { redact::plan(report) } else { report.clone() }
}

/// What has to hold before the plan can be applied.
fn gates(seen: &Seen, kept: bool, offline: bool) -> Vec<Gate> {
    let gate = |met: Option<bool>, text: &str| Gate { met, text: Untrusted::new(text) };
    let mut gates = Vec::new();
    if offline {
        return gates;
    }
    if kept {
        gates.push(gate(Some(true), "the plan is kept in the state bucket as it is shown here"));
    } else if !seen.looked.refused() {
        gates.push(gate(
            Some(false),
            "no state bucket keeps the plan: an apply needs the reviewers of the GitHub environment",
        ));
    }
    if seen.looked.spec.policy.require_review {
        gates.push(gate(None, "somebody else approves the last commit"));
    }
    gates
}
