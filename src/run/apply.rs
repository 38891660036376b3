//! Lock, look again, compare with the approval, apply, write down.

use futures_util::future::LocalBoxFuture;

use super::record::{Record, State, recorded};
use super::{Halt, Look, Looked, World, look, opening, tools};
use crate::cloud::{Holder, Lock, Refusal, failed};
use crate::config::Loaded;
use crate::engine::{self, Canonical, Class, Event, Failure, Gate as _, Outcome, Plan, Resource as _, Setting, Stop};
use crate::guard::Verb;
use crate::problem::{Exit, Problem};
use crate::resources::aws::access_entry::{self, AccessEntry};
use crate::resources::{self, facts};

/// What was approved.
#[derive(Clone, Debug)]
pub struct Approval {
    /// `sha256:…` of the approved plan.
    pub digest: String,
    /// The approved plan itself, where there is one: without it only the equal digest passes.
    pub plan: Option<Canonical>,
    /// `CODE:DIGEST`.
    pub acknowledged: Vec<String>,
    /// Go ahead without a lock where there is no state bucket.
    pub no_lock: bool,
    /// Only this section and what it needs.
    pub only: Option<String>,
}

/// How an apply went.
#[derive(Debug)]
pub struct Applied {
    /// What was known under the lock.
    pub looked: Looked,
    /// What happened.
    pub outcome: Outcome,
    /// What went wrong beside the plan.
    pub notes: Vec<Problem>,
}

/// What is said of a lock that stays behind: nothing is wrong with what was done, and the next run has to wait for it.
pub(super) fn lock_left(failure: &Failure, environment: &str) -> Problem {
    let title = format!("the lock could not be released: {failure}");
    let help = format!("it ends by itself within minutes; rem-ci unlock {environment} ends it now");
    Problem::warning("lock-left", title, &help)
}

/// Takes the environment's lock.
pub(super) async fn lock(world: &World, looked: &Looked, verb: &str, no_lock: bool) -> Result<Lock, Halt> {
    let Some(store) = &world.store else {
        if no_lock {
            return Ok(Lock::Absent);
        }
        let title = "two applies could run at once: the environment has no state bucket for a lock";
        let help = "set state.bucket in the file, or pass --no-lock if you are sure that nobody else applies";
        return Err(Halt::new(Exit::Refused, Problem::error("no-lock", title, help)));
    };
    let holder = Holder {
        format: "rem-ci/lock/v1".to_owned(),
        id: nonce(),
        environment: looked.spec.name.clone(),
        run: crate::cloud::run_name(),
        verb: verb.to_owned(),
        epoch: 0,
        beat: 0,
    };
    Lock::take(store, holder, world.clock).await.map_err(|refusal| match refusal {
        Refusal::Failed(failure) => failure.into(),
        Refusal::Held(other, age) => {
            let title = format!("{} holds the lock for {} (heartbeat {age} s ago)", other.run, other.verb);
            let help = format!(
                "wait for it; if it is dead, the lock ends by itself, or: rem-ci unlock {} --lock-id {}",
                looked.spec.name, other.id
            );
            Halt::new(Exit::Locked, Problem::error("locked", title, help))
        }
    })
}

/// 16 random hex digits, from the operating system where there is one to ask.
pub(super) fn nonce() -> String {
    format!("{:016x}", fastrand::u64(..))
}

pub(super) fn stamp(world: &World) -> String {
    jiff::Timestamp::from_millisecond(world.clock.millis()).unwrap_or_default().to_string()
}

/// Runs a plan under a lock that beats, and lets go of it whatever happens.
pub(super) async fn execute(
    world: &World,
    looked: &Looked,
    plan: &Plan,
    approval: &str,
    lock: &Lock,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Outcome {
    let setting = Setting {
        world: &world.cloud,
        kind_of: &resources::kind_of,
        owner: &looked.owner,
        approval,
        gate: lock,
        sink,
        stop,
    };
    let run = Box::pin(lock.within(engine::apply(plan, &setting)));
    tokio::select! {
        outcome = run => outcome,
        () = lock.beat() => Outcome::default(),
    }
}

/// Asked once more under the lock, before anything is changed.
pub type Check<'a> = &'a dyn Fn() -> LocalBoxFuture<'a, Result<(), Halt>>;

/// Applies an environment. What it does now must not go beyond what was approved.
///
/// # Errors
/// Refusals of guards, lock and approval; nothing has been changed then.
pub async fn apply(
    loaded: &Loaded,
    world: &World,
    approval: &Approval,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Applied, Halt> {
    apply_if(loaded, world, approval, &|| Box::pin(std::future::ready(Ok(()))), sink, stop).await
}

/// The same if, with the lock in hand, `check` does not mind: while one waits for a lock the world goes on.
///
/// # Errors
/// As [`apply`], and what `check` says.
pub async fn apply_if(
    loaded: &Loaded,
    world: &World,
    approval: &Approval,
    check: Check<'_>,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Applied, Halt> {
    let record = recorded(world, &loaded.spec).await?;
    let ask = Look {
        verb: Verb::Apply,
        after_incomplete: record.as_ref().is_some_and(Record::incomplete),
        acknowledged: &approval.acknowledged,
        today: world.clock.today(),
    };
    let first = Box::pin(look(loaded, Some(world), ask)).await?;
    let lock = lock(world, &first, "apply", approval.no_lock).await?;
    // On the heap: the whole run is in it, and it is handed on.
    let work = Box::pin(async {
        check().await?;
        Box::pin(under_lock(loaded, world, approval, record, &lock, first, sink, stop)).await
    });
    let mut ended = Box::pin(opening::during(world, &lock, stop, work)).await;
    if let Err(failure) = lock.release().await {
        let left = lock_left(&failure, &loaded.spec.name);
        match &mut ended {
            Ok(applied) => applied.notes.push(left),
            Err(halt) => halt.problems.push(left),
        }
    }
    world.close()?;
    ended
}

#[expect(clippy::too_many_arguments, reason = "one call, split off for the lock's sake")]
async fn under_lock(
    loaded: &Loaded,
    world: &World,
    approval: &Approval,
    record: Option<Record>,
    lock: &Lock,
    looked: Looked,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Applied, Halt> {
    // The bucket's lock was waited for: what was seen before may be old.
    let looked = match lock {
        Lock::Bucket(_) => {
            let ask = Look {
                verb: Verb::Apply,
                after_incomplete: record.as_ref().is_some_and(Record::incomplete),
                acknowledged: &approval.acknowledged,
                today: world.clock.today(),
            };
            Box::pin(look(loaded, Some(world), ask)).await?
        }
        _ => looked,
    };
    if looked.refused() {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    // What is assumed may be planned and approved; to be done it must be seen.
    let unseen = looked.plan.steps.iter().find(|step| step.assumed && step.action.changes());
    if let Some(step) = unseen {
        let title = format!("{} would {}, and the cluster cannot be reached", step.address, step.action.word());
        let help =
            "run from where it can be reached, or set `connect` in the file (ssm, runner-cidr), or pass --kubeconfig";
        let problem = Problem::error("cluster-silent", title, help).about(&step.address);
        return Err(Halt::new(Exit::Incomplete, problem));
    }
    if let Some(problem) = Box::pin(stranger(world, &looked)).await? {
        return Err(Halt::new(Exit::Denied, problem));
    }
    tools::check(world, &looked)?;
    let plan = match &approval.only {
        Some(section) => only(&looked.plan, section)?,
        None => looked.plan.clone(),
    };
    let canonical = looked.plan.canonical();
    let last = record.as_ref().and_then(|record| record.commit.clone());
    let now = world.commit.clone().or_else(|| last.clone());
    let resumed = record.filter(|record| {
        record.state == State::Applying
            && record.plan.digest() == record.approval
            && canonical.beyond(&record.plan).is_empty()
    });
    compare(&canonical, approval, resumed.as_ref())?;
    if !plan.changes() && plan.steps.iter().all(|step| step.action == engine::Action::Keep) {
        finish(world, &looked, &canonical, resumed.as_ref(), now).await?;
        return Ok(Applied { looked, outcome: Outcome::default(), notes: Vec::new() });
    }
    let (digest, nonce) = match &resumed {
        Some(record) => (record.approval.clone(), record.nonce.clone()),
        None => (approval.digest.clone(), nonce()),
    };
    let stored = resumed.as_ref().map_or_else(|| canonical.clone(), |record| record.plan.clone());
    let record = Record {
        format: "rem-ci/record/v1".to_owned(),
        environment: looked.spec.name.clone(),
        stack: looked.id.stack.clone(),
        state: State::Applying,
        approval: stored.digest(),
        nonce: nonce.clone(),
        plan: stored,
        spec: looked.spec.clone(),
        started: stamp(world),
        ended: None,
        commit: last,
    };
    if let Some(store) = &world.store {
        record.write(store).await?;
    }
    let approval_of = format!("{digest} {nonce}");
    let outcome = Box::pin(execute(world, &looked, &plan, &approval_of, lock, sink, stop)).await;
    // A run that has lost its lock has no say any more, not even that it is done.
    if outcome.complete()
        && approval.only.is_none()
        && lock.check().is_ok()
        && let Some(store) = &world.store
    {
        Record { state: State::Done, ended: Some(stamp(world)), commit: now, ..record }.write(store).await?;
    }
    Ok(Applied { looked, outcome, notes: Vec::new() })
}

/// Whether a cluster is about to be made that will not let in whoever makes it: all else in it would fail after ten minutes.
async fn stranger(world: &World, looked: &Looked) -> Result<Option<Problem>, Halt> {
    let steps = &looked.plan.steps;
    let made = |step: &&engine::Step| matches!(step.action, engine::Action::Create | engine::Action::Replace(_));
    if !steps.iter().any(|step| step.kind == "cluster" && made(&step)) {
        return Ok(None);
    }
    let entries = steps.iter().filter(|step| step.kind == AccessEntry::KIND.name).filter_map(|step| step.want.as_ref());
    let admins: Vec<&str> = entries.filter_map(access_entry::administrator).collect();
    let asked = world.cloud.sts.get_caller_identity().send().await.map_err(failed("sts:GetCallerIdentity"))?;
    let caller = facts::caller(&world.cloud, asked.arn().unwrap_or_default()).await?;
    let Some((_, caller)) = caller.filter(|(_, caller)| !admins.contains(&caller.as_str())) else { return Ok(None) };
    let title = format!("the new cluster would not let {caller} in, who makes it: {} may", admins.join(", "));
    let help = "apply as one of those, or add yourself to `cluster.access` with AmazonEKSClusterAdminPolicy";
    Ok(Some(Problem::error("not-let-in", title, help)))
}

/// Writes down that everything is as the file says.
async fn finish(
    world: &World,
    looked: &Looked,
    canonical: &Canonical,
    resumed: Option<&Record>,
    commit: Option<String>,
) -> Result<(), Halt> {
    let Some(store) = &world.store else { return Ok(()) };
    let record = Record {
        format: "rem-ci/record/v1".to_owned(),
        environment: looked.spec.name.clone(),
        stack: looked.id.stack.clone(),
        state: State::Done,
        approval: canonical.digest(),
        nonce: resumed.map_or_else(nonce, |record| record.nonce.clone()),
        plan: canonical.clone(),
        spec: looked.spec.clone(),
        started: stamp(world),
        ended: Some(stamp(world)),
        commit,
    };
    Ok(record.write(store).await?)
}

/// Whether this is what was approved, or less.
fn compare(now: &Canonical, approval: &Approval, resumed: Option<&Record>) -> Result<(), Halt> {
    if now.digest() == approval.digest || resumed.is_some_and(|record| record.approval == approval.digest) {
        return Ok(());
    }
    let stored = approval.plan.as_ref().filter(|plan| plan.digest() == approval.digest);
    let reasons = match stored {
        Some(stored) => now.beyond(stored),
        None => vec![format!("approved was {}, now it is {}", approval.digest, now.digest())],
    };
    if reasons.is_empty() {
        return Ok(());
    }
    let help = "plan again, look at the difference, and approve that";
    let problems = reasons.into_iter().map(|reason| Problem::error("plan-changed", reason, help)).collect();
    Err(Halt { exit: Exit::PlanChanged, problems })
}

/// The rows of one section and all they need, closed over needs; deletes are refused.
fn only(plan: &Plan, section: &str) -> Result<Plan, Halt> {
    let mut wanted: std::collections::BTreeSet<_> =
        plan.steps.iter().filter(|step| step.address.section() == section).map(|step| step.address.clone()).collect();
    if wanted.is_empty() {
        let sections: std::collections::BTreeSet<_> = plan.steps.iter().map(|step| step.address.section()).collect();
        let sections: Vec<_> = sections.into_iter().collect();
        let title = format!("no section is called {section}");
        let help = format!("one of {}", sections.join(", "));
        return Err(Halt::new(Exit::Usage, Problem::error("usage", title, help)));
    }
    for step in plan.steps.iter().rev() {
        if wanted.contains(&step.address) {
            wanted.extend(step.needs.iter().cloned());
        }
    }
    let mut part = plan.clone();
    part.steps.retain(|step| wanted.contains(&step.address));
    match part.steps.iter().find(|step| matches!(step.action, engine::Action::Delete | engine::Action::Replace(_))) {
        Some(step) => {
            let title = format!("--only would {} {}", step.action.word(), step.address);
            let help = "apply the whole environment for that";
            Err(Halt::new(Exit::Refused, Problem::error("not-confirmed", title, help).about(&step.address)))
        }
        None => Ok(part),
    }
}

/// How a run that has an outcome ends.
#[must_use]
pub(super) fn exit_of(outcome: &Outcome) -> Exit {
    let denied = |failure: &Failure| failure.class == Class::Denied;
    let lost = |failure: &Failure| failure.code == engine::LOCK_LOST;
    let errors = || outcome.reports.iter().filter_map(|report| report.error.as_ref());
    if outcome.complete() {
        Exit::Done
    } else if errors().any(lost) {
        Exit::Incomplete
    } else if outcome.interrupted {
        Exit::Interrupted
    } else if errors().any(denied) {
        Exit::Denied
    } else {
        Exit::Incomplete
    }
}

impl Applied {
    /// How the process ends, verification apart.
    #[must_use]
    pub fn exit(&self) -> Exit {
        exit_of(&self.outcome)
    }
}
