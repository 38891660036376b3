//! Ends an environment: everything in reverse order, then the leftover audit.

use super::apply::{Applied, Approval, execute, exit_of, lock, nonce, stamp};
use super::audit::{Leftover, audit};
use super::record::{Record, State, recorded};
use super::{Halt, Look, Looked, World, look};
use crate::cloud::{Lock, lock_key};
use crate::config::Loaded;
use crate::engine::{Action, Change, Event, Outcome, Plan, Step, Stop, Value};
use crate::guard::Verb;
use crate::problem::{Exit, Problem};

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
    let ended = Box::pin(under_lock(loaded, world, ask, &lock, looked, sink, stop)).await;
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
    loaded: &Loaded,
    world: &World,
    ask: Look<'_>,
    lock: &Lock,
    mut looked: Looked,
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
    let mut unlocked = Outcome::default();
    if let Some(plan) = unprotect(&looked.plan) {
        unlocked = execute(world, &looked, &plan, &approval, lock, sink, stop).await;
        if !unlocked.complete() {
            let applied = Applied { looked, outcome: unlocked };
            return Ok(Destroyed { applied, leftovers: Vec::new(), kept: Vec::new() });
        }
        looked = look(loaded, Some(world), ask).await?;
    }
    let mut outcome = execute(world, &looked, &looked.plan, &approval, lock, sink, stop).await;
    outcome.took += unlocked.took;
    outcome.reports.splice(0..0, unlocked.reports);
    outcome.critical_path.splice(0..0, unlocked.critical_path);
    let (leftovers, kept) = if outcome.complete() { audit(world, &looked).await? } else { (Vec::new(), Vec::new()) };
    Ok(Destroyed { applied: Applied { looked, outcome }, leftovers, kept })
}

/// A plan that switches the cluster's deletion protection off, if it is on: EKS refuses the delete otherwise.
fn unprotect(plan: &Plan) -> Option<Plan> {
    const FIELD: &str = "deletionProtection";
    let step = plan.steps.iter().find(|step| step.kind == "cluster" && step.action == Action::Delete)?;
    let live = step.live.as_ref()?;
    let on = live.fields.get(FIELD)?;
    if on.as_text() != Some("true") {
        return None;
    }
    let off = Value::text("false");
    let mut want = live.fields.clone();
    want.insert(FIELD.to_owned(), off.clone());
    let change = Change { field: FIELD.to_owned(), before: Some(on.clone()), after: Some(off) };
    let step =
        Step { action: Action::Update, changes: vec![change], want: Some(want), needs: Vec::new(), ..step.clone() };
    Some(Plan { steps: vec![step], ..plan.clone() })
}
