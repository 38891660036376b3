//! Stopped in the middle: what is in flight ends, nothing new begins, the lock goes, and the next run completes. And killed
//! for real, as a process.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rem_ci::engine::{Happening, Stop};
use rem_ci::problem::Exit;
use rem_ci::run;

use crate::common::{apply, approval, look, virtual_time};
use crate::fault::{bucket_region, bucket_world, failures, locked, moved, record, with_bucket};

/// Tells an apply of prod to stop at its `nth` event.
fn stopped_at(nth: usize) {
    virtual_time(async {
        let loaded = with_bucket("prod");
        let region = bucket_region(7, &loaded).await;
        let world = bucket_world(&region, &loaded);
        let approval = approval(&look(&loaded, &world).await.expect("a look"));
        let (stop, events, told) = (Stop::default(), Cell::new(0), Cell::new(None));
        let begun_after = RefCell::new(Vec::new());
        let sink = |event: &rem_ci::engine::Event| {
            events.set(events.get() + 1);
            if told.get().is_some() && matches!(event.what, Happening::Started { .. }) {
                begun_after.borrow_mut().push(event.address.clone());
            }
            if events.get() == nth {
                told.set(Some(event.at));
                stop.tell();
            }
        };
        let applied = run::apply(&loaded, &world, &approval, &sink, &stop).await.expect("an apply");
        let told = told.get().unwrap_or_else(|| panic!("only {} events", events.get()));
        assert!(applied.outcome.interrupted, "at event {nth}");
        assert_eq!(applied.exit(), Exit::Interrupted);
        assert_eq!(*begun_after.borrow(), [], "begun after the stop at event {nth}");
        // Calls in flight end; waiting for AWS does not.
        let late = applied.outcome.took.saturating_sub(told);
        assert!(late < Duration::from_secs(5), "event {nth}: it took {late:?} to stop");
        assert!(!locked(&world, &loaded).await, "the lock of a stopped run");
        assert!(record(&world, &loaded).await.is_some_and(|record| record.incomplete()));

        let again = apply(&loaded, &world).await.expect("the next run");
        assert_eq!(failures(&again.outcome), Vec::<String>::new(), "after event {nth}");
        assert_eq!(moved(&look(&loaded, &world).await.expect("a look").plan), Vec::<String>::new());
    });
}

#[test]
fn stopped_at_the_first_event() {
    stopped_at(1);
}

#[test]
fn stopped_while_the_network_is_made() {
    stopped_at(40);
}

#[test]
fn stopped_while_the_cluster_is_made() {
    stopped_at(90);
}

#[test]
fn stopped_near_the_end() {
    stopped_at(118);
}

fn rem_ci(arguments: &[&str], sandbox: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments);
    command.arg(format!("--sandbox={}", sandbox.display()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The process is killed for real, again and again, each time after it has written the sandbox's file some more.
#[test]
fn a_killed_process_leaves_what_the_next_one_completes() {
    let folder = tempfile::tempdir().expect("a folder");
    let sandbox: PathBuf = folder.path().join("sandbox.json");
    let size = || std::fs::metadata(&sandbox).map_or(0, |file| file.len());
    let mut kills = 0;
    for more in [1, 3_000, 9_000, 14_000, 20_000, 26_000, 15_000, 8_000] {
        let aim = size() + more;
        let mut child = rem_ci(&["apply", "prod", "--yes"], &sandbox).spawn().expect("it starts");
        loop {
            if child.try_wait().expect("a child").is_some() {
                break;
            }
            if size() >= aim {
                // SIGKILL.
                child.kill().expect("it can be killed");
                kills += usize::from(!child.wait().expect("a child").success());
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert!(kills >= 3, "{kills} kills");
    let ended = rem_ci(&["apply", "prod", "--yes"], &sandbox).status().expect("it runs");
    assert_eq!(ended.code(), Some(0), "after {kills} kills");
    let plan = rem_ci(&["plan", "prod", "--detailed-exitcode"], &sandbox).status().expect("it runs");
    assert_eq!(plan.code(), Some(0), "only keep, after {kills} kills");
}
