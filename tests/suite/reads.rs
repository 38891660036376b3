//! Denying, throttling out, cutting short or failing each read in turn: unknown, and no wrong action.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rem_ci::engine::Stop;
use rem_ci::problem::Exit;
use rem_ci::run::{self, Approval, Halt, Looked};
use rem_ci::sandbox::region::mutates;
use rem_ci::sandbox::state::Action;
use rem_ci::sandbox::wire;

use crate::common::{Region, apply, approval, environment, look, virtual_time};
use crate::fault::{each, failures, fault, filmed, moved, reopened, set_faults, written};

fn actions() -> [Action; 4] {
    [Action::Deny, Action::Throttle, Action::Truncate, Action::Internal]
}

/// Reads of what AWS offers, which no resource is.
const OFFERS: [&str; 4] =
    ["DescribeAvailabilityZones", "DescribeAddonVersions", "DescribeClusterVersions", "GetParameter"];

/// Lists of what is inside a cluster: where there is no cluster there is nothing in it, whatever the list says.
const INSIDE: [&str; 4] = ["ListAccessEntries", "ListAddons", "ListNodegroups", "ListPodIdentityAssociations"];

/// The region of an environment, empty or applied, and every read that a look at it makes.
fn scene(applied: bool) -> (Vec<u8>, Duration, Approval, Vec<(String, String)>) {
    virtual_time(async {
        let loaded = environment("prod");
        let mut region = Region::new(7, &loaded.spec.account);
        if applied {
            let done = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
            assert_eq!(failures(&done.outcome), Vec::<String>::new());
        }
        let (file, since) = (written(&region), region.clock.boot());
        let film;
        (region, film) = filmed(region, Duration::ZERO);
        let looked = look(&loaded, &region.world(&loaded)).await.expect("a look");
        let film = film.lock().expect("a film");
        let reads: BTreeSet<_> = film.calls.iter().map(|call| (call.service.clone(), call.operation.clone())).collect();
        assert!(film.calls.iter().all(|call| !call.mutates), "a look changes nothing");
        (file, since, approval(&looked), reads.into_iter().collect())
    })
}

/// What comes of a look, and of an apply, while one read does not work; and how many calls changed something.
fn tried(file: &[u8], since: Duration, read: &(String, String), action: &Action, approved: &Approval) -> Tried {
    virtual_time(async {
        let loaded = environment("prod");
        let mut region = reopened(file, since);
        set_faults(&region, vec![fault(&read.0, &read.1, 0, action.clone())]);
        let writes = Arc::new(AtomicUsize::new(0));
        let count = writes.clone();
        region.sandbox = region.sandbox.record(Arc::new(move |request| {
            let call = wire::parse(request).expect("every call is understood");
            count.fetch_add(usize::from(mutates(&call.operation)), Ordering::SeqCst);
        }));
        let world = region.world(&loaded);
        let looked = look(&loaded, &world).await;
        let applied = run::apply(&loaded, &world, approved, &|_| {}, &Stop::default()).await;
        let applied = applied.map(|applied| applied.exit());
        Tried { looked, applied, writes: writes.load(Ordering::SeqCst) }
    })
}

struct Tried {
    looked: Result<Looked, Halt>,
    applied: Result<Exit, Halt>,
    writes: usize,
}

/// What is wrong about the answers to one broken read.
fn wrong(read: &(String, String), action: &Action, tried: &Tried, applied: bool) -> Vec<String> {
    let name = format!("{}:{} {action:?}", read.0, read.1);
    let mut wrong = Vec::new();
    let looked = match &tried.looked {
        // Whose credentials these are is asked first, and without an answer there is no plan at all.
        Err(halt) if read.1 == "GetCallerIdentity" => {
            let want = if *action == Action::Deny { Exit::Denied } else { Exit::Failed };
            if halt.exit != want || tried.applied.is_ok() || tried.writes != 0 {
                wrong.push(format!("{name}: {halt:?}"));
            }
            return wrong;
        }
        Err(halt) => return vec![format!("{name}: {halt:?}")],
        Ok(looked) => looked,
    };
    let code = |code: &str| looked.findings.iter().any(|finding| finding.code == code);
    let unknown: BTreeSet<&str> =
        looked.plan.steps.iter().filter(|step| step.action.word() == "unknown").map(|step| &*step.kind).collect();
    // In the applied environment nothing may move; in the empty one, nothing unknown or above it may be made.
    for step in &looked.plan.steps {
        let word = step.action.word();
        let needs_unknown =
            step.needs.iter().any(|need| looked.plan.step(need).is_some_and(|need| need.action.word() == "unknown"));
        let allowed = match (applied, word) {
            (_, "unknown") => true,
            (true, word) => word == "keep" && !needs_unknown,
            (false, word) => matches!(word, "create" | "keep") && !needs_unknown,
        };
        if !allowed {
            wrong.push(format!("{name}: {} {}", word, step.address));
        }
    }
    if OFFERS.contains(&&*read.1) {
        if !code("unread-facts") {
            wrong.push(format!("{name}: no unread-facts"));
        }
        // What was chosen stays chosen: an applied environment needs no offer.
        if applied && (!unknown.is_empty() || looked.refused()) {
            wrong.push(format!("{name}: {unknown:?} {:?}", looked.findings));
        }
    } else if !applied && INSIDE.contains(&&*read.1) {
        if !unknown.is_empty() {
            wrong.push(format!("{name}: {unknown:?} of a cluster that is not there"));
        }
    } else if unknown.is_empty() || !code("unreadable") || !looked.refused() {
        wrong.push(format!("{name}: unknown {unknown:?}, refused {}", looked.refused()));
    }
    if looked.refused() {
        match &tried.applied {
            Err(halt) if halt.exit == Exit::Refused && tried.writes == 0 => {}
            other => wrong.push(format!("{name}: {other:?} with {} writes", tried.writes)),
        }
    } else if applied && tried.writes != 0 {
        wrong.push(format!("{name}: {} writes", tried.writes));
    }
    wrong
}

fn every_read(applied: bool) {
    let (file, since, approved, reads) = scene(applied);
    assert!(reads.len() > 25, "{reads:?}");
    let broken: Vec<_> = reads.iter().flat_map(|read| actions().map(|action| (read.clone(), action))).collect();
    let said =
        each(&broken, |_, (read, action)| wrong(read, action, &tried(&file, since, read, action, &approved), applied));
    let said: Vec<String> = said.into_iter().flatten().collect();
    assert!(said.is_empty(), "{} of {}: {said:#?}", said.len(), broken.len());
}

#[test]
fn a_read_that_fails_over_what_was_applied() {
    every_read(true);
}

#[test]
fn a_read_that_fails_over_an_empty_account() {
    every_read(false);
}

/// Reads of an apply under way, broken for good after its first write: what was made stays, nothing is made twice, and the
/// next run ends it.
#[test]
fn a_read_that_fails_in_the_middle_of_an_apply() {
    let reads = virtual_time(async {
        let loaded = environment("prod");
        let (region, film) = filmed(Region::new(7, &loaded.spec.account), Duration::ZERO);
        apply(&loaded, &region.world(&loaded)).await.expect("an apply");
        let film = film.lock().expect("a film");
        let first = film.calls.iter().position(|call| call.mutates).expect("a write");
        let reads: BTreeSet<_> = film.calls[first..]
            .iter()
            .filter(|call| !call.mutates)
            .map(|call| (call.service.clone(), call.operation.clone()))
            .collect();
        reads.into_iter().collect::<Vec<_>>()
    });
    assert!(reads.len() > 12, "{reads:?}");
    let broken: Vec<_> =
        reads.iter().flat_map(|read| [Action::Deny, Action::Truncate].map(|action| (read.clone(), action))).collect();
    let said = each(&broken, |_, (read, action)| {
        virtual_time(async {
            let loaded = environment("prod");
            let mut region = Region::new(7, &loaded.spec.account);
            let (shared, rule) = (region.sandbox.state.clone(), fault(&read.0, &read.1, 0, action.clone()));
            region.sandbox = region.sandbox.record(Arc::new(move |request| {
                let call = wire::parse(request).expect("every call is understood");
                let mut state = shared.lock().expect("a state");
                if mutates(&call.operation) && state.faults.is_empty() {
                    state.faults.push(rule.clone());
                }
            }));
            let world = region.world(&loaded);
            let first = apply(&loaded, &world).await.expect("it begins");
            let ended = first.exit();
            region.sandbox = rem_ci::sandbox::connector::Sandbox::new(
                region.sandbox.with(|state| rem_ci::sandbox::state::State { faults: Vec::new(), ..state.clone() }),
                {
                    let clock = region.clock;
                    Arc::new(move || clock.millis())
                },
                None,
            );
            let world = region.world(&loaded);
            let mut wrong = match apply(&loaded, &world).await {
                Ok(again) => failures(&again.outcome),
                Err(halt) => vec![format!("{halt:?}")],
            };
            // IAM's lists lag behind its creates.
            rem_ci::engine::wait::pause(Duration::from_secs(10)).await;
            wrong.extend(moved(&look(&loaded, &world).await.expect("a look").plan));
            let name = format!("{}:{} {action:?} ended {ended:?}", read.0, read.1);
            wrong.into_iter().map(|what| format!("{name}: {what}")).collect::<Vec<_>>()
        })
    });
    let said: Vec<String> = said.into_iter().flatten().collect();
    assert!(said.is_empty(), "{said:#?}");
}
