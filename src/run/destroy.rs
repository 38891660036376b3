//! Ends an environment: what lives in its cluster, everything else in reverse order, then the leftover audit.

use super::apply::{Applied, Approval, execute, exit_of, lock, lock_left, nonce, stamp};
use super::audit::{Leftover, audit};
use super::drain::{Drain, Drained, Survey, Wishes, survey};
use super::record::{Record, State, recorded};
use super::{Halt, Look, Looked, World, look, opening};
use crate::cloud::{Lock, lock_key};
use crate::config::Loaded;
use crate::engine::{Action, Change, Class, Cx, Event, Gate as _, Outcome, Ready, Stop, Value};
use crate::guard::Verb;
use crate::problem::{Exit, Problem};
use crate::resources;

/// How a destroy went.
#[derive(Debug)]
pub struct Destroyed {
    /// As an apply.
    pub applied: Applied,
    /// Found by the audit, and not kept on purpose.
    pub leftovers: Vec<Leftover>,
    /// Kept on purpose.
    pub kept: Vec<Leftover>,
    /// What it did inside the cluster and beside the plan, for people.
    pub notes: Vec<String>,
    /// What a person has to decide before it can go on.
    pub problems: Vec<Problem>,
}

impl Destroyed {
    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match exit_of(&self.applied.outcome) {
            Exit::Done if !self.leftovers.is_empty() || !self.problems.is_empty() => Exit::Incomplete,
            exit => exit,
        }
    }
}

/// Looks at an environment that is to end, and into its cluster: the plan, and everything that a person should know before.
///
/// # Errors
/// As [`look`], and when AWS's side of what others made cannot be read.
pub async fn look_before(loaded: &Loaded, world: &World, acknowledged: &[String]) -> Result<(Looked, Survey), Halt> {
    let record = recorded(world, &loaded.spec).await?;
    let ask = Look {
        verb: Verb::Destroy,
        after_incomplete: record.as_ref().is_some_and(Record::incomplete),
        acknowledged,
        today: world.clock.today(),
    };
    let mut looked = Box::pin(look(loaded, Some(world), ask)).await?;
    let survey = Box::pin(survey(world, &mut looked, acknowledged)).await?;
    Ok((looked, survey))
}

/// Destroys an environment. The caller has seen its name typed.
///
/// # Errors
/// Refusals; nothing has been changed then.
pub async fn destroy(
    loaded: &Loaded,
    world: &World,
    approval: &Approval,
    wishes: Wishes,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Destroyed, Halt> {
    let (looked, survey) = Box::pin(look_before(loaded, world, &approval.acknowledged)).await?;
    // An endpoint that this run may open is looked through again once it is open.
    let opens = world.cloud.opening.is_some();
    let stops = |problem: &Problem| problem.stops() && !(opens && problem.code == "drain-unreachable");
    if looked.findings.iter().any(stops) {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    if !approval.digest.is_empty() && approval.digest != looked.digest {
        let title = format!("approved was {}, now it is {}", approval.digest, looked.digest);
        let problem = Problem::error("plan-changed", title, "plan the destroy again, look, and approve that");
        return Err(Halt::new(Exit::PlanChanged, problem));
    }
    let lock = lock(world, &looked, "destroy", approval.no_lock).await?;
    // On the heap: the whole run is in it, and it is handed on.
    let work = Box::pin(async {
        // What could not be seen before the endpoint was opened is seen now.
        let (looked, survey) = match &world.cloud.opening {
            Some(_) => Box::pin(look_before(loaded, world, &approval.acknowledged)).await?,
            None => (looked, survey),
        };
        if looked.refused() {
            let stops = looked.findings.into_iter().filter(Problem::stops).collect();
            return Err(Halt { exit: Exit::Refused, problems: stops });
        }
        Box::pin(under_lock(world, &lock, looked, &survey, wishes, sink, stop)).await
    });
    let mut ended = Box::pin(opening::during(world, &lock, stop, work)).await;
    if let Err(failure) = lock.release().await {
        let left = lock_left(&failure, &loaded.spec.name);
        match &mut ended {
            Ok(destroyed) => destroyed.applied.notes.push(left),
            Err(halt) => halt.problems.push(left),
        }
    }
    world.close()?;
    if let (Ok(destroyed), Some(store)) = (&ended, &world.store)
        && destroyed.exit() == Exit::Done
    {
        Record::remove(store, &loaded.spec.name).await?;
        store.delete(&lock_key(&loaded.spec.name)).await?;
    }
    ended
}

async fn under_lock(
    world: &World,
    lock: &Lock,
    looked: Looked,
    survey: &Survey,
    wishes: Wishes,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Destroyed, Halt> {
    let nonce = nonce();
    let canonical = looked.plan.canonical();
    let record = Record {
        format: "rem-ci/record/v1".to_owned(),
        environment: looked.spec.name.clone(),
        stack: looked.id.stack.clone(),
        state: State::Destroying,
        approval: canonical.digest(),
        nonce: nonce.clone(),
        plan: canonical,
        spec: looked.spec.clone(),
        started: stamp(world),
        ended: None,
        commit: None,
    };
    if let Some(store) = &world.store
        && looked.plan.changes()
    {
        record.write(store).await?;
    }
    let approval = format!("{} {nonce}", looked.digest);
    unprotect(world, &looked, lock).await?;
    let drain = Drain::new(world, survey, wishes, lock, sink, stop);
    let first = Box::pin(beating(lock, drain.run())).await;
    let before = drain.elapsed();
    let mut told = Told { outcome: Outcome::default(), notes: Vec::new(), problems: Vec::new() };
    if first.complete {
        // What follows counts its time from its own beginning.
        let later = |event: &Event| sink(&Event { at: event.at + before, ..event.clone() });
        told.outcome = Box::pin(execute(world, &looked, &looked.plan, &approval, lock, &later, stop)).await;
    } else {
        let ends = looked.plan.steps.iter().filter(|step| step.action.changes());
        told.outcome.skipped = ends.map(|step| step.address.clone()).collect();
    }
    told.outcome.shift(before);
    let kept = first.kept.clone();
    told.take(first);
    if told.outcome.complete() {
        let last = Box::pin(beating(lock, drain.last())).await;
        told.take(last);
    }
    let Told { mut outcome, notes, problems } = told;
    outcome.took = drain.elapsed();
    let (leftovers, mut stays) = if outcome.complete() && problems.is_empty() {
        Box::pin(audit(world, &looked, survey.whose())).await?
    } else {
        (Vec::new(), Vec::new())
    };
    // What carries no tag of the cluster's is known from inside alone.
    stays.extend(kept.into_iter().filter(|one| stays.iter().all(|other| other.id != one.id)).collect::<Vec<_>>());
    stays.sort();
    Ok(Destroyed { applied: Applied { looked, outcome, notes: Vec::new() }, leftovers, kept: stays, notes, problems })
}

/// What a run has to tell, as it grows.
struct Told {
    outcome: Outcome,
    notes: Vec<String>,
    problems: Vec<Problem>,
}

impl Told {
    fn take(&mut self, drained: Drained) {
        for note in drained.notes {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        for problem in drained.problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        let path =
            drained.reports.iter().map(|report| (report.address.clone(), report.end.saturating_sub(report.start)));
        let path: Vec<_> = path.collect();
        let early = drained
            .reports
            .first()
            .is_some_and(|first| self.outcome.reports.first().is_none_or(|report| report.start >= first.start));
        // Stages come one after the other, before or after all else.
        if early {
            self.outcome.critical_path.splice(0..0, path);
            self.outcome.reports.splice(0..0, drained.reports);
        } else {
            self.outcome.critical_path.extend(path);
            self.outcome.reports.extend(drained.reports);
        }
        self.outcome.interrupted |= drained.interrupted;
    }
}

/// Work under a lock that beats, which may write only while its lease holds.
async fn beating(lock: &Lock, work: impl Future<Output = Drained>) -> Drained {
    tokio::select! {
        done = lock.within(work) => done,
        () = lock.beat() => Drained::default(),
    }
}

/// Asks for the cluster's deletion protection to be switched off, if it is on: EKS refuses the delete otherwise, and who may
/// not do this must not begin at the other end. The update takes its time while the node groups go; the cluster's own delete
/// waits for it, and asks again where EKS could not take it now.
async fn unprotect(world: &World, looked: &Looked, lock: &Lock) -> Result<(), Halt> {
    const FIELD: &str = "deletionProtection";
    let steps = &looked.plan.steps;
    let Some(step) = steps.iter().find(|step| step.kind == "cluster" && step.action == Action::Delete) else {
        return Ok(());
    };
    let (Some(live), Some(kind)) = (&step.live, resources::kind_of(&step.kind)) else { return Ok(()) };
    if live.text(FIELD) != "true" || live.ready != Ready::Yes {
        return Ok(());
    }
    let off = Value::text("false");
    let change = Change { field: FIELD.to_owned(), before: live.fields.get(FIELD).cloned(), after: Some(off.clone()) };
    let mut want = live.fields.clone();
    want.insert(FIELD.to_owned(), off);
    let cx = Cx {
        address: step.address.clone(),
        environment: looked.owner.environment.clone(),
        stack: looked.owner.stack.clone(),
        token: String::new(),
    };
    lock.check()?;
    match kind.update(&world.cloud, &cx, live, &want, &[change]).await {
        Err(failure) if !matches!(failure.class, Class::Passing | Class::Throttled | Class::Unknown | Class::Gone) => {
            Err(failure.into())
        }
        _ => Ok(()),
    }
}
