//! One run at a time: the folder's lock, and the bucket's lease.

use std::cell::RefCell;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use rem_ci::cloud::{Clock, HEARTBEAT, Holder, LEASE, LONGEST_CALL, Lock, Refusal, Store};
use rem_ci::engine::Gate as _;
use rem_ci::engine::wait::pause;
use rem_ci::problem::Exit;
use rem_ci::run::{Applied, Halt};
use rem_ci::sandbox::region::mutates;
use rem_ci::sandbox::wire;

use crate::common::{Region, apply, environment, look, virtual_time};
use crate::fault::{
    BUCKET, bucket_region, bucket_world, each, end, failures, filmed, locked, moved, reopened, with_bucket, written,
};

fn holder(id: &str) -> Holder {
    Holder {
        format: "rem-ci/lock/v1".to_owned(),
        id: id.to_owned(),
        environment: "prod".to_owned(),
        run: id.to_owned(),
        verb: "apply".to_owned(),
        epoch: 0,
        beat: 0,
    }
}

/// Of two runs that begin at once one applies and the other is refused, with exit 6.
fn one_of_two(one: Result<Applied, Halt>, other: Result<Applied, Halt>) {
    let (applied, refused) = match (one, other) {
        (Ok(applied), Err(refused)) | (Err(refused), Ok(applied)) => (applied, refused),
        both => panic!("not one of two: {both:?}"),
    };
    assert_eq!(failures(&applied.outcome), Vec::<String>::new());
    assert_eq!((refused.exit, refused.problems[0].code), (Exit::Locked, "locked"));
}

#[test]
fn two_worlds_over_one_folder() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(7, &loaded.spec.account);
        let (one, other) = (region.world(&loaded), region.world(&loaded));
        let (one, other) = futures_util::join!(apply(&loaded, &one), apply(&loaded, &other));
        one_of_two(one, other);
        // And nobody has it now.
        let third = apply(&loaded, &region.world(&loaded)).await.expect("the lock is free");
        assert_eq!(third.exit(), Exit::Done);
    });
}

#[test]
fn two_worlds_over_one_bucket() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = bucket_region(7, &loaded).await;
        let (one, other) = (bucket_world(&region, &loaded), bucket_world(&region, &loaded));
        let (one, other) = futures_util::join!(apply(&loaded, &one), apply(&loaded, &other));
        one_of_two(one, other);
        assert!(!locked(&bucket_world(&region, &loaded), &loaded).await, "released");
        let plan = look(&loaded, &bucket_world(&region, &loaded)).await.expect("a look").plan;
        assert_eq!(moved(&plan), Vec::<String>::new());
    });
}

/// A heartbeat at least every 20 seconds (and the call's own time), for as long as the apply runs.
#[test]
fn an_apply_longer_than_its_lease_keeps_it() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let (region, film) = filmed(bucket_region(7, &loaded).await, Duration::ZERO);
        let applied = apply(&loaded, &bucket_world(&region, &loaded)).await.expect("an apply");
        assert_eq!(failures(&applied.outcome), Vec::<String>::new());
        let took = applied.outcome.took;
        assert!(took > LEASE * 3, "{took:?}");
        let film = end(&region, &film, Duration::ZERO);
        let puts: Vec<Duration> =
            film.calls.iter().filter(|call| call.operation == "PutObject").map(|call| call.at).collect();
        let wanted = took.as_secs() / (HEARTBEAT.as_secs() + 1);
        assert!(puts.len() as u64 >= wanted, "{} beats in {took:?}", puts.len());
        let gap = puts.windows(2).map(|two| two[1].checked_sub(two[0]).unwrap()).max().expect("beats");
        assert!(gap < HEARTBEAT + Duration::from_secs(1), "{gap:?} without a beat");
    });
}

/// Taken over only after lease and longest call, by the bucket's clock, whatever the rival's own clock says.
#[test]
fn a_dead_lease_is_taken_over_in_time_and_not_before() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = bucket_region(7, &loaded).await;
        let world = bucket_world(&region, &loaded);
        let store = world.store.clone().expect("a store");
        let dead = Lock::take(&store, holder("dead"), world.clock).await.expect("the first");
        // Ten minutes fast.
        let fast = Clock::starting(UNIX_EPOCH + Duration::from_millis(world.clock.millis().unsigned_abs()) + LEASE * 5);
        let last = LEASE + LONGEST_CALL;
        pause(last.saturating_sub(Duration::from_secs(2))).await;
        for clock in [world.clock, fast] {
            match Lock::take(&store, holder("rival"), clock).await {
                Err(Refusal::Held(other, age)) => {
                    assert_eq!(other.id, "dead");
                    assert!(Duration::from_secs(age.unsigned_abs()) <= last, "{age}");
                }
                other => panic!("{other:?}"),
            }
        }
        pause(Duration::from_secs(4)).await;
        let rival = Lock::take(&store, holder("rival"), world.clock).await.expect("after the lease");
        // The dead one, awake again, neither renews nor releases what is the rival's.
        assert!(dead.check().is_err() && rival.check().is_ok());
        dead.release().await.expect("nothing to release");
        assert!(locked(&world, &loaded).await, "the rival's lock was removed");
        rival.release().await.expect("released");
        assert!(!locked(&world, &loaded).await);
    });
}

/// Runs a future, but whenever it is told to, leaves it alone for so long: a machine that sleeps.
async fn sleeping<T>(work: impl Future<Output = T>, asleep: &AtomicBool, nap: Duration) -> T {
    let mut work = pin!(work);
    loop {
        let step = std::future::poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if asleep.load(Ordering::SeqCst) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        if let Some(done) = step.await {
            return done;
        }
        pause(nap).await;
        asleep.store(false, Ordering::SeqCst);
    }
}

/// Falls asleep in the `cut`th call that changes something, for twice the lease, with or without a rival that takes over.
fn frozen(cut: usize, rival: bool) -> Vec<String> {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let plain = bucket_region(7, &loaded).await;
        let (asleep, writes, late) =
            (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let (fall, count) = (asleep.clone(), late.clone());
        let watched = plain.sandbox.clone().record(Arc::new(move |request| {
            let call = wire::parse(request).expect("every call is understood");
            if mutates(&call.operation) && call.service != "s3" {
                match writes.fetch_add(1, Ordering::SeqCst) {
                    at if at < cut => {}
                    at if at == cut => fall.store(true, Ordering::SeqCst),
                    // The rest of this moment's calls have left already; what leaves after the sleep has not.
                    _ if fall.load(Ordering::SeqCst) => {}
                    _ => {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
        }));
        let sleeper = Region { sandbox: watched, clock: plain.clock, folder: tempfile::tempdir().expect("a folder") };
        let world = bucket_world(&sleeper, &loaded);
        let nap = LEASE * 2;
        let ran = sleeping(apply(&loaded, &world), &asleep, nap);
        let other = async {
            if !rival {
                return None;
            }
            while !asleep.load(Ordering::SeqCst) {
                pause(Duration::from_millis(200)).await;
            }
            pause(LEASE + LONGEST_CALL + Duration::from_secs(5)).await;
            Some(apply(&loaded, &bucket_world(&plain, &loaded)).await)
        };
        let (ran, other) = futures_util::join!(ran, other);
        let mut wrong = Vec::new();
        if late.load(Ordering::SeqCst) > 0 {
            wrong.push(format!("{} writes after the sleep", late.load(Ordering::SeqCst)));
        }
        match ran {
            Ok(applied) => {
                let lost = applied.outcome.reports.iter().filter_map(|report| report.error.as_ref());
                // The last call of all may have been the one it slept in.
                if !applied.outcome.complete() && !lost.clone().any(|failure| failure.code == "LockLost") {
                    wrong.push(format!("{:?}", failures(&applied.outcome)));
                }
            }
            Err(halt) => wrong.push(format!("{halt:?}")),
        }
        match other {
            None => pause(LEASE + LONGEST_CALL).await,
            Some(Ok(applied)) => wrong.extend(failures(&applied.outcome)),
            Some(Err(halt)) => wrong.push(format!("the rival: {halt:?}")),
        }
        let world = bucket_world(&plain, &loaded);
        match apply(&loaded, &world).await {
            Ok(again) => wrong.extend(failures(&again.outcome)),
            Err(halt) => wrong.push(format!("again: {halt:?}")),
        }
        if locked(&world, &loaded).await {
            wrong.push("the lock is still there".to_owned());
        }
        wrong.extend(moved(&look(&loaded, &world).await.expect("a look").plan));
        wrong
    })
}

/// How many calls that change something an apply of prod makes.
fn writes() -> usize {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let (region, film) = filmed(bucket_region(7, &loaded).await, Duration::ZERO);
        apply(&loaded, &bucket_world(&region, &loaded)).await.expect("an apply");
        let film = film.lock().expect("a film");
        film.calls.iter().filter(|call| call.mutates && call.service != "s3").count()
    })
}

#[test]
fn a_holder_that_slept_writes_nothing_after_it_wakes() {
    let cuts: Vec<usize> = (0..writes()).collect();
    assert!(cuts.len() > 80, "{}", cuts.len());
    let wrong = each(&cuts, |_, cut| frozen(*cut, false));
    let wrong: Vec<_> = wrong.iter().enumerate().filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_rival_takes_over_from_a_holder_that_sleeps() {
    let cuts: Vec<usize> = (0..writes()).step_by(15).collect();
    let wrong = each(&cuts, |_, cut| frozen(*cut, true));
    let wrong: Vec<_> = cuts.iter().zip(&wrong).filter(|(_, wrong)| !wrong.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// What `rem-ci unlock` says and does, in a folder: the document alone holds nothing.
#[test]
fn unlock_in_a_folder_shows_who_holds_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let unlock = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
        command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["unlock", "prod"]).args(arguments);
        command.arg(format!("--sandbox={}", folder.path().join("sandbox.json").display()));
        let output = command.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let store = Store::Folder(folder.path().join("state"));
    virtual_time(async {
        assert_eq!(unlock(&[]).0, Some(0), "nobody has ever had it");
        let lock = Lock::take(&store, holder("0123456789abcdef"), Clock::Wall).await.expect("free");
        let (code, said) = unlock(&[]);
        assert_eq!(code, Some(6), "{said}");
        assert!(said.contains("0123456789abcdef"), "{said}");
        assert_eq!(unlock(&["--lock-id", "another"]).0, Some(6));
        drop(lock);
        let (code, said) = unlock(&[]);
        assert_eq!(code, Some(0), "its holder is gone: {said}");
        let _lock = Lock::take(&store, holder("0123456789abcdef"), Clock::Wall).await.expect("free");
        let (code, said) = unlock(&["--lock-id", "0123456789abcdef"]);
        assert_eq!(code, Some(6), "the system's lock ends with its process and not before: {said}");
    });
}

/// A bucket of somebody else's account is refused before anything is written into it.
#[test]
fn a_bucket_of_another_account_is_refused() {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = bucket_region(7, &loaded).await;
        let world = bucket_world(&region, &loaded);
        let client = world.cloud.s3.clone();
        let store = Store::Bucket { client, bucket: BUCKET.to_owned(), account: "999999999999".to_owned() };
        assert!(matches!(Lock::take(&store, holder("one"), world.clock).await, Err(Refusal::Failed(_))));
        let again = reopened(&written(&region), Duration::ZERO);
        let held = RefCell::new(0);
        again.sandbox.with(|state| {
            let region = &state.accounts[&loaded.spec.account].regions["us-east-1"];
            *held.borrow_mut() = region.s3.buckets[BUCKET].objects.len();
        });
        assert_eq!(*held.borrow(), 0);
    });
}
