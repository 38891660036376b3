//! Looks at an environment's access, and brings it about.

use std::time::Duration;

use super::{Repository, Wish, build};
use crate::config::{self, Loaded};
use crate::cost::{Bill, Book, Rates};
use crate::engine::{self, Event, Open, Owner, Plan, Setting, Snapshot, Stop, estimate};
use crate::guard::{self, Verb};
use crate::model::access::Access;
use crate::problem::{Exit, Problem};
use crate::resources::{self, ACCESS_KINDS};
use crate::run::{Applied, Halt, Looked, World, account};
use crate::view::report::Reads;

/// Guards that speak of any plan; the others are about clusters.
const GUARDS: [&str; 3] = ["unreadable", "name-clash", "fixed-field"];

/// Reads and plans.
///
/// # Errors
/// Credentials of another account; refused calls show in the plan.
pub async fn look(loaded: &Loaded, world: &World, repository: &Repository, wish: &Wish) -> Result<Looked, Halt> {
    let spec = &loaded.spec;
    account(world, spec).await?;
    let access = Access::of(spec);
    let graph = build(spec, repository, wish);
    let owner = Owner { environment: access.tag(), stack: access.stack.clone() };
    let began = world.clock.time();
    let (kinds, counted) =
        engine::tally::tallied(engine::read(&world.cloud, ACCESS_KINDS, &graph, &owner, false)).await;
    let elapsed = world.clock.time().duration_since(began).unwrap_or_default();
    let snapshot = Snapshot { kinds, ..Snapshot::default() };
    let plan = Plan::make(&graph, &snapshot, &owner, &resources::about);
    let today = world.clock.today();
    let book = Book::of(&spec.region).unwrap_or_default();
    let bill = Bill::compute(&[], &[], &Rates::new(book, today, &spec.cost.assumptions, &plan.facts));
    let case = guard::Case {
        spec,
        last: None,
        plan: &plan,
        bill: &bill,
        verb: Verb::Apply,
        today,
        live: true,
        sandbox: world.sandbox.is_some(),
        place: &|path| loaded.places.at(path),
    };
    let guards = guard::GUARDS.iter().filter(|guard| guard.codes.iter().any(|(code, _)| GUARDS.contains(code)));
    let mut findings: Vec<Problem> = guards.flat_map(|guard| (guard.check)(&case)).collect();
    findings.extend(too_many(&plan));
    findings.extend(too_long(&plan));
    let reads = Reads {
        calls: counted.calls + 1,
        rounds: counted.rounds + 1,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        kubernetes_calls: 0,
    };
    Ok(Looked {
        digest: plan.canonical().digest(),
        input_digest: config::input_digest(spec),
        estimate: estimate(&plan, &resources::about),
        id: access.id.clone(),
        owner,
        graph,
        snapshot,
        plan,
        findings,
        bill,
        reads,
        spec: spec.clone(),
        nothing_inside: true,
    })
}

/// IAM takes ten policies a role.
fn too_many(plan: &Plan) -> Vec<Problem> {
    let roles = plan.steps.iter().filter(|step| step.kind == "iam-role");
    let over = roles.filter(|step| {
        let policies = step.want.as_ref().and_then(|want| want.get("policies"));
        policies.is_some_and(|policies| policies.items().len() > super::permissions::MOST_POLICIES)
    });
    over.map(|step| {
        let title = format!("{} would need more policies than IAM attaches to a role", step.address);
        Problem::error("bug", title, "please report this, with the environment's file").about(&step.address)
    })
    .collect()
}

/// A long name of a repository makes a long trust policy: said before IAM says it.
fn too_long(plan: &Plan) -> Vec<Problem> {
    let roles = plan.steps.iter().filter(|step| step.kind == "iam-role" && step.action.changes());
    let trust = roles.filter_map(|step| Some((step, super::permissions::length(step.want.as_ref()?.get("trust")?))));
    trust
        .filter(|(_, length)| *length > super::trust::LIMIT)
        .map(|(step, length)| {
            let title = format!("the trust policy has {length} characters, and IAM takes {}", super::trust::LIMIT);
            let help = "ask AWS to raise the quota \"Role trust policy length\" (to 4,096 at most), then run this";
            Problem::warning("bootstrap-trust-length", title, help).about(&step.address)
        })
        .collect()
}

/// Applies what was looked at. Whatever failed is gone on with by running it again: every name is derived.
///
/// # Errors
/// A sandbox file that cannot be written.
pub async fn apply(world: &World, looked: Looked, sink: &dyn Fn(&Event), stop: &Stop) -> Result<Applied, Halt> {
    if looked.refused() {
        let stops = looked.findings.into_iter().filter(Problem::stops).collect();
        return Err(Halt { exit: Exit::Refused, problems: stops });
    }
    let setting = Setting {
        world: &world.cloud,
        kind_of: &resources::kind_of,
        owner: &looked.owner,
        approval: &looked.digest,
        gate: &Open,
        sink,
        stop,
    };
    let outcome = Box::pin(engine::apply(&looked.plan, &setting)).await;
    if outcome.complete() && looked.plan.changes() {
        // Roles are not known everywhere at once: whoever goes on from here finds them.
        engine::wait::pause(Duration::from_secs(10)).await;
    }
    world.close()?;
    Ok(Applied { looked, outcome, notes: Vec::new() })
}
