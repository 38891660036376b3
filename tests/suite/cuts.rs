//! Cutting apply and destroy of prod at every single call, before and after its effect, then running again.

use std::time::Duration;

use rem_ci::engine::Stop;
use rem_ci::problem::Exit;
use rem_ci::run::{self, Approval};
use rem_ci::sandbox::state::Action;

use crate::common::{apply, approval, destroy, look, virtual_time};
use crate::fault::{
    Film, Moment, bucket_region, bucket_world, census, differences, each, end, failures, fault, filmed, locked, moved,
    record, reopened, set_faults, with_bucket, written,
};

/// How long after a kill somebody runs it again: more than the dead holder's lease and the longest call.
const LATER: Duration = Duration::from_mins(3);

/// An uncut apply: its film, the approval it had, and the region after it.
fn apply_film() -> (Film, Approval, Vec<u8>, Duration) {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let (region, film) = filmed(bucket_region(7, &loaded).await, Duration::ZERO);
        let world = bucket_world(&region, &loaded);
        let looked = look(&loaded, &world).await.expect("a look");
        let approval = approval(&looked);
        let applied = run::apply(&loaded, &world, &approval, &|_| {}, &Stop::default()).await.expect("an apply");
        assert_eq!(failures(&applied.outcome), Vec::<String>::new());
        let film = end(&region, &film, Duration::ZERO);
        (film, approval, written(&region), region.clock.boot())
    })
}

/// What is wrong after running again from one moment of an apply; nothing if all is well.
fn resumed_apply(moment: &Moment, first: Option<&Approval>, whole: &[u8]) -> Vec<String> {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = reopened(&moment.file, moment.at + LATER);
        let world = bucket_world(&region, &loaded);
        let applied = match first {
            Some(first) => run::apply(&loaded, &world, first, &|_| {}, &Stop::default()).await,
            None => apply(&loaded, &world).await,
        };
        let applied = match applied {
            Ok(applied) => applied,
            Err(halt) => return vec![format!("{halt:?}")],
        };
        let mut wrong = failures(&applied.outcome);
        if locked(&world, &loaded).await {
            wrong.push("the lock is still there".to_owned());
        }
        if record(&world, &loaded).await.is_none_or(|record| record.incomplete()) {
            wrong.push("the record does not say done".to_owned());
        }
        wrong.extend(moved(&look(&loaded, &world).await.expect("a look").plan));
        let whole: rem_ci::sandbox::state::State = serde_json::from_slice(whole).expect("a state");
        wrong.extend(differences(&region.sandbox.with(|state| census(state)), &census(&whole)));
        wrong
    })
}

fn report(film: &Film, wrong: Vec<Vec<String>>) {
    let named = film.moments.iter().zip(wrong).filter(|(_, wrong)| !wrong.is_empty());
    let named: Vec<_> = named
        .map(|(moment, wrong)| {
            let (first, last) = moment.calls;
            let name = |at: usize| film.calls.get(at).map_or("the end", |call| call.operation.as_str());
            let after = first.checked_sub(1).map_or("the start", name);
            format!("calls {first} to {last}, after {after}, before {}: {wrong:#?}", name(last))
        })
        .collect();
    assert!(named.is_empty(), "{} of {} moments:\n{}", named.len(), film.moments.len(), named.join("\n"));
}

#[test]
fn an_apply_killed_at_any_call_goes_on() {
    let (film, approval, whole, _) = apply_film();
    assert!(film.calls.len() > 400, "{}", film.calls.len());
    let wrong = each(&film.moments, |at, moment| {
        // By turns as a pipeline runs it again, under the same approval, and as a person does, who plans anew.
        resumed_apply(moment, Some(&approval).filter(|_| at % 2 == 0), &whole)
    });
    report(&film, wrong);
}

/// An uncut destroy of what an apply left: its film, and the region after it.
fn destroy_film(applied: &[u8], since: Duration) -> (Film, Vec<u8>) {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let (region, film) = filmed(reopened(applied, since), since);
        let world = bucket_world(&region, &loaded);
        let destroyed = destroy(&loaded, &world).await.expect("a destroy");
        assert_eq!(failures(&destroyed.applied.outcome), Vec::<String>::new());
        assert_eq!(destroyed.exit(), Exit::Done, "{:?}", destroyed.leftovers);
        (end(&region, &film, since), written(&region))
    })
}

/// What is wrong after running again from one moment of a destroy.
fn resumed_destroy(moment: &Moment) -> Vec<String> {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = reopened(&moment.file, moment.at + LATER);
        let world = bucket_world(&region, &loaded);
        let destroyed = match destroy(&loaded, &world).await {
            Ok(destroyed) => destroyed,
            Err(halt) => return vec![format!("{halt:?}")],
        };
        let mut wrong = failures(&destroyed.applied.outcome);
        wrong.extend(destroyed.leftovers.iter().map(|left| format!("left: {left:?}")));
        // The key and the log group are kept on purpose; nothing else may be, and neither may be lost.
        let kept = |noun: &str| destroyed.kept.iter().filter(|kept| kept.noun == noun).count();
        if kept("KMS key") != 1 || kept("log group") != 1 {
            wrong.push(format!("kept: {:?}", destroyed.kept));
        }
        if locked(&world, &loaded).await {
            wrong.push("the lock is still there".to_owned());
        }
        if record(&world, &loaded).await.is_some() {
            wrong.push("the record is still there".to_owned());
        }
        let again = look(&loaded, &world).await.expect("a look");
        let standing = again.plan.steps.iter().filter(|step| step.live.is_some());
        let standing = standing.filter(|step| !["kms-key", "log-group", "service-linked-role"].contains(&&*step.kind));
        wrong.extend(standing.map(|step| format!("stands: {}", step.address)));
        wrong
    })
}

#[test]
fn a_destroy_killed_at_any_call_goes_on() {
    let (_, _, applied, took) = apply_film();
    let (film, _) = destroy_film(&applied, took);
    assert!(film.calls.len() > 300, "{}", film.calls.len());
    let wrong = each(&film.moments, |_, moment| resumed_destroy(moment));
    report(&film, wrong);
}

/// A film stands for real kills: a run whose future is dropped while a call is out leaves what the film shows.
#[test]
fn a_dropped_run_leaves_what_the_film_shows() {
    let (film, _, whole, _) = apply_film();
    let cuts: Vec<usize> = (0..film.calls.len()).filter(|at| film.calls[*at].mutates).step_by(12).collect();
    assert!(cuts.len() > 8, "{cuts:?}");
    let wrong = each(&cuts, |turn, cut| {
        let moment = virtual_time(async {
            let loaded = with_bucket("prod");
            let mut region = bucket_region(7, &loaded).await;
            let (seen, bell) =
                (std::sync::atomic::AtomicUsize::new(0), std::sync::Arc::new(tokio::sync::Notify::new()));
            let (after, ring, cut) = (turn % 2 == 1, bell.clone(), *cut);
            let shared = region.sandbox.state.clone();
            region.sandbox = region.sandbox.record(std::sync::Arc::new(move |_| {
                let at = seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                if at == cut {
                    // Its answer never comes, with or without its effect.
                    let action = if after { Action::CutAfter } else { Action::CutBefore };
                    shared.lock().expect("a state").faults.push(fault("*", "*", 1, action));
                    ring.notify_one();
                }
            }));
            let world = bucket_world(&region, &loaded);
            tokio::select! {
                biased;
                () = bell.notified() => {}
                ended = apply(&loaded, &world) => panic!("it ended before call {cut}: {:?}", ended.map(|applied| applied.exit())),
            }
            set_faults(&region, Vec::new());
            Moment { file: written(&region), at: region.clock.boot(), calls: (cut, cut) }
        });
        resumed_apply(&moment, None, &whole)
    });
    assert!(wrong.iter().all(Vec::is_empty), "{wrong:#?}");
}

/// The dead holder's lease must run out first.
#[test]
fn a_dead_holder_keeps_others_out_until_its_lease_ends() {
    let (film, ..) = apply_film();
    let held: Vec<&Moment> = film.moments.iter().filter(|moment| holds_lock(&moment.file)).step_by(40).collect();
    assert!(held.len() > 3, "{}", held.len());
    for moment in held {
        virtual_time(async {
            let loaded = with_bucket("prod");
            // What time alone brings about in the same while, with nobody but a reader there.
            let idle = reopened(&moment.file, moment.at + Duration::from_mins(1));
            look(&loaded, &bucket_world(&idle, &loaded)).await.expect("a look");
            let before = census(&idle.sandbox.with(|state| state.clone()));
            let region = reopened(&moment.file, moment.at + Duration::from_mins(1));
            let halt = apply(&loaded, &bucket_world(&region, &loaded)).await.expect_err("the lock is held");
            assert_eq!((halt.exit, halt.problems[0].code), (Exit::Locked, "locked"));
            assert_eq!(census(&region.sandbox.with(|state| state.clone())), before);
        });
    }
}

fn holds_lock(file: &[u8]) -> bool {
    let state: rem_ci::sandbox::state::State = serde_json::from_slice(file).expect("a state");
    let region = &state.accounts["123456789012"].regions["us-east-1"];
    let versions = &region.s3.buckets[crate::fault::BUCKET].objects.get("locks/prod.json");
    versions.and_then(|versions| versions.last()).is_some_and(|version| !version.marker)
}

/// Rules that cut the `nth` call of every operation of a film that changes something.
fn cut_each(film: &Film, nth: u64, action: &Action) -> Vec<rem_ci::sandbox::state::Rule> {
    let operations: std::collections::BTreeSet<(&str, &str)> =
        film.calls.iter().filter(|call| call.mutates).map(|call| (&*call.service, &*call.operation)).collect();
    operations.into_iter().map(|(service, operation)| fault(service, operation, nth, action.clone())).collect()
}

/// How often the busiest operation that changes something, heartbeats apart, is called in a film.
fn busiest(film: &Film) -> u64 {
    let mut counts = std::collections::BTreeMap::new();
    for call in film.calls.iter().filter(|call| call.mutates && call.service != "s3") {
        *counts.entry((&call.service, &call.operation)).or_insert(0_u64) += 1;
    }
    counts.into_values().max().unwrap_or_default()
}

/// The connection breaks, the process lives: the same run gets to the end. Run `n` cuts the `n`th call of every operation
/// that changes something, so that all runs together cut each such call once before its effect and once after.
#[test]
fn an_apply_whose_connections_break_gets_there_by_itself() {
    let (film, _, whole, _) = apply_film();
    let cuts: Vec<(u64, Action)> =
        (1..=busiest(&film)).flat_map(|nth| [(nth, Action::CutBefore), (nth, Action::CutAfter)]).collect();
    let wrong = each(&cuts, |_, (nth, action)| {
        virtual_time(async {
            let loaded = with_bucket("prod");
            let region = bucket_region(7, &loaded).await;
            set_faults(&region, cut_each(&film, *nth, action));
            let world = bucket_world(&region, &loaded);
            let mut wrong = match apply(&loaded, &world).await {
                Ok(applied) => failures(&applied.outcome),
                Err(halt) => vec![format!("{halt:?}")],
            };
            set_faults(&region, Vec::new());
            wrong.extend(moved(&look(&loaded, &world).await.expect("a look").plan));
            let whole: rem_ci::sandbox::state::State = serde_json::from_slice(&whole).expect("a state");
            wrong.extend(differences(&region.sandbox.with(|state| census(state)), &census(&whole)));
            wrong
        })
    });
    let wrong: Vec<_> = cuts.iter().zip(wrong).filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The same for destroy.
#[test]
fn a_destroy_whose_connections_break_gets_there_by_itself() {
    let (_, _, applied, took) = apply_film();
    let (film, _) = destroy_film(&applied, took);
    let cuts: Vec<(u64, Action)> =
        (1..=busiest(&film)).flat_map(|nth| [(nth, Action::CutBefore), (nth, Action::CutAfter)]).collect();
    let wrong = each(&cuts, |_, (nth, action)| {
        virtual_time(async {
            let loaded = with_bucket("prod");
            let region = reopened(&applied, took);
            set_faults(&region, cut_each(&film, *nth, action));
            let world = bucket_world(&region, &loaded);
            match destroy(&loaded, &world).await {
                Ok(destroyed) => {
                    let left = destroyed.leftovers.iter().map(|left| format!("left: {left:?}"));
                    failures(&destroyed.applied.outcome).into_iter().chain(left).collect::<Vec<_>>()
                }
                Err(halt) => vec![format!("{halt:?}")],
            }
        })
    });
    let wrong: Vec<_> = cuts.iter().zip(wrong).filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
