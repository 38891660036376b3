//! Ends an environment: everything in reverse order, then the leftover audit.

use super::apply::{Applied, Approval, execute, exit_of, lock, nonce, stamp};
use super::audit::{Leftover, audit};
use super::record::{Record, State, recorded};
use super::{Halt, Look, Looked, World, look, opening};
use crate::cloud::{Lock, lock_key};
use crate::config::Loaded;
use crate::engine::{Action, Change, Class, Cx, Event, Gate as _, Ready, Stop, Value};
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
}

impl Destroyed {
    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match exit_of(&self.applied.outcome) {
            Exit::Done if !self.leftovers.is_empty() => Exit::Incomplete,
            exit => exit,
        }
    }
}

/// Destroys an environment. The caller has seen its name typed.
///
/// # Errors
/// Refusals; nothing has been changed then.
pub async fn destroy(
    loaded: &Loaded,
    world: &World,
    approval: &Approval,
    sink: &dyn Fn(&Event),
    stop: &Stop,
) -> Result<Destroyed, Halt> {
    let record = recorded(world, &loaded.spec).await?;
    let ask = Look {
        verb: Verb::Destroy,
        after_incomplete: record.as_ref().is_some_and(Record::incomplete),
        acknowledged: &approval.acknowledged,
        today: world.clock.today(),
    };
    let looked = look(loaded, Some(world), ask).await?;
    if looked.refused() {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    if !approval.digest.is_empty() && approval.digest != looked.digest {
        let title = format!("approved was {}, now it is {}", approval.digest, looked.digest);
        let problem = Problem::error("plan-changed", title, "plan the destroy again, look, and approve that");
        return Err(Halt::new(Exit::PlanChanged, problem));
    }
    let lock = lock(world, &looked, "destroy", approval.no_lock).await?;
    let work = under_lock(world, &lock, looked, sink, stop);
    let ended = Box::pin(opening::during(world, &lock, stop, work)).await;
    let _ = lock.release().await;
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
    };
    if let Some(store) = &world.store
        && looked.plan.changes()
    {
        record.write(store).await?;
    }
    let approval = format!("{} {nonce}", looked.digest);
    unprotect(world, &looked, lock).await?;
    let outcome = execute(world, &looked, &looked.plan, &approval, lock, sink, stop).await;
    let (leftovers, kept) = if outcome.complete() { audit(world, &looked).await? } else { (Vec::new(), Vec::new()) };
    Ok(Destroyed { applied: Applied { looked, outcome }, leftovers, kept })
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
