//! action.yml as a runner would run it: its steps by bash, from a clean folder, with a release on this machine.

mod real;
mod release;
mod runner;
mod shape;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use runner::{Place, Serves, program};

/// The event's address of identity tokens; that it is there is what matters.
const IDENTITY: (&str, &str) = ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://run-1.actions.githubusercontent.com/idtoken");

/// The program says that it ran, with what, and gives the outputs that the real one gives.
fn good() -> Vec<u8> {
    program(
        r#"echo "ran $* as $$" >> "$RAN"
env | grep '^REM_CI_' | sort >> "$RAN"
printf 'plan-digest=sha256:%064d\nchanged=true\nto-add=2\n' 7 >> "$GITHUB_OUTPUT"
echo '### rem-ci' >> "$GITHUB_STEP_SUMMARY""#,
    )
}

fn evil() -> Vec<u8> {
    program(r#"echo evil >> "$RAN""#)
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

#[test]
fn the_released_program_is_fetched_checked_and_run() {
    let place = Place::new(Serves::File(good()));
    place.digests(&good());
    let ended = place.run(&[("environment", "prod"), ("command", "plan"), ("expect-plan", "sha256:00")], &[IDENTITY]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert_eq!(place.requests(), 1);
    // One process from the runner's bash to the program: signals go where they should.
    let ran = place.ran();
    let lines: Vec<_> = ran.lines().collect();
    assert_eq!(lines[0], format!("ran action as {}", ended.pid));
    let told = [
        "REM_CI_COMMAND=plan",
        "REM_CI_CONFIRM=",
        "REM_CI_ENVIRONMENT=prod",
        "REM_CI_EXPECT_PLAN=sha256:00",
        "REM_CI_WORKING_DIRECTORY=.",
    ];
    let mut seen = lines[1..].to_vec();
    seen.sort_unstable();
    let mut told = told.to_vec();
    told.sort_unstable();
    assert_eq!(seen, told);
    assert_eq!(ended.outputs["plan-digest"], format!("sha256:{:064}", 7));
    assert_eq!((ended.outputs["changed"].as_str(), ended.outputs["to-add"].as_str()), ("true", "2"));
    assert_eq!(ended.summary, "### rem-ci\n");
    assert_eq!(place.left_behind(), Vec::<String>::new());
}

/// Each is refused; the same without the flipped byte is the test above.
#[test]
fn a_flipped_byte_in_the_download_is_refused() {
    let place = Place::new(Serves::File(flipped(good())));
    place.digests(&good());
    let ended = place.run(&[], &[IDENTITY]);
    assert_eq!(ended.code, 1, "{}", ended.out);
    assert!(
        ended.out.contains("::error title=rem-ci::refused: the program is not the one of this version"),
        "{}",
        ended.out
    );
    assert_eq!((place.ran().as_str(), place.left_behind()), ("", Vec::<String>::new()));
}

#[test]
fn a_copy_on_the_runner_is_believed_no_more_than_a_download() {
    let place = Place::new(Serves::File(good()));
    place.digests(&good());
    place.cache(&flipped(good()));
    let ended = place.run(&[], &[IDENTITY]);
    assert_eq!((ended.code, place.ran().as_str()), (1, ""), "{}", ended.out);
    assert!(ended.out.contains("refused: the program is not"), "{}", ended.out);
    // Its twin: the very same without the flipped byte.
    place.cache(&good());
    let ended = place.run(&[], &[IDENTITY]);
    assert_eq!((ended.code, place.requests()), (0, 0), "{}", ended.out);
    assert!(place.ran().starts_with("ran action"), "{}", place.ran());
}

/// Somebody replaces every program under the runner's folder, as fast as he can.
#[test]
fn what_was_checked_is_what_runs() {
    let place = Place::new(Serves::File(good()));
    place.digests(&good());
    let (over, replaced) = (AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                for folder in std::fs::read_dir(place.temp()).into_iter().flatten().flatten() {
                    let file = folder.path().join("rem-ci");
                    // In place, and by another file under the same name.
                    let there = file.exists();
                    let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700));
                    let wrote = there && std::fs::write(&file, evil()).is_ok();
                    replaced.fetch_add(usize::from(wrote), Ordering::SeqCst);
                }
            }
        });
        for _ in 0..12 {
            let ended = place.run(&[], &[IDENTITY]);
            assert!([0, 1, 126].contains(&ended.code), "{} {} {}", ended.code, ended.out, ended.err);
        }
        over.store(true, Ordering::SeqCst);
    });
    assert!(!place.ran().contains("evil"), "{} replacements: {}", replaced.into_inner(), place.ran());
}

#[test]
fn a_server_that_sends_too_much_is_cut_off() {
    for serves in [Serves::Claims(1 << 40), Serves::Endless] {
        let place = Place::new(serves);
        place.digests(&good());
        let ended = place.run(&[], &[]);
        assert_eq!(ended.code, 1, "{}", ended.out);
        assert!(ended.out.contains("could not be fetched"), "{}", ended.out);
        assert_eq!((place.ran().as_str(), place.left_behind()), ("", Vec::<String>::new()));
    }
}

#[test]
fn nothing_is_fetched_from_places_the_list_may_not_name() {
    for from in ["http://release.example/x", "https://127.0.0.1 evil", "file:///etc", "https://a.example/$(id)", ""] {
        let place = Place::new(Serves::File(good()));
        place.digests_from(from, &good());
        let ended = place.run(&[], &[]);
        assert_eq!((ended.code, place.requests()), (1, 0), "{from}: {}", ended.out);
        assert!(ended.out.contains("names no place to fetch from"), "{from}: {}", ended.out);
    }
}

#[test]
fn without_a_release_it_is_built_but_never_beside_an_identity_token() {
    let place = Place::new(Serves::File(good()));
    place.cargo(&good());
    let ended = place.run(&[], &[IDENTITY]);
    assert_eq!(ended.code, 4, "{}", ended.out);
    assert!(ended.out.contains("::error title=rem-ci::refused: there is no release"), "{}", ended.out);
    assert_eq!(place.ran(), "", "not even cargo was started");
    // Its twin has no token to lose.
    let ended = place.run(&[], &[]);
    assert_eq!(ended.code, 0, "{} {}", ended.out, ended.err);
    assert!(ended.out.contains("::notice title=rem-ci::there is no release of rem-ci"), "{}", ended.out);
    let ran = place.ran();
    assert!(ran.starts_with("cargo build --quiet --release --locked\nran action as "), "{ran}");
}

/// A name that is listed twice, or with something that is no digest, is not listed.
#[test]
fn a_list_that_contradicts_itself_names_nothing() {
    let place = Place::new(Serves::File(good()));
    place.digests(&good());
    let list = std::fs::read_to_string(place.action().join(".github/digests")).expect("a list");
    let last = list.lines().last().expect("a line").to_owned();
    for more in [last.as_str(), &last.replacen(char::is_numeric, "f", 1)] {
        std::fs::write(place.action().join(".github/digests"), format!("{list}{more}\n")).expect("a list");
        assert_eq!(place.run(&[], &[IDENTITY]).code, 4);
    }
    std::fs::write(place.action().join(".github/digests"), list.replace(&last[..64], &last[..64].to_uppercase()))
        .expect("a list");
    assert_eq!(place.run(&[], &[IDENTITY]).code, 4);
}

#[test]
fn inputs_are_data() {
    let place = Place::new(Serves::File(good()));
    place.digests(&good());
    let hostile = "$(touch pwned)`touch pwned`; touch pwned #\"'\\\n::error::no";
    for input in ["command", "environment", "confirm", "expect-plan"] {
        let ended = place.run(&[(input, hostile)], &[]);
        assert_eq!(ended.code, 0, "{input}: {} {}", ended.out, ended.err);
        assert!(
            !ended.out.contains("::error::no") && !ended.err.contains("::error::no"),
            "{input}: {} {}",
            ended.out,
            ended.err
        );
    }
    // The folder is one of the checkout's own, or none.
    std::fs::create_dir(place.workspace().join("infra")).expect("a folder");
    assert_eq!(place.run(&[("working-directory", "infra")], &[]).code, 0);
    for folder in [hostile, "..", "infra/../..", "/etc", "nowhere"] {
        let ended = place.run(&[("working-directory", folder)], &[]);
        assert_eq!((ended.code, ended.err.as_str()), (64, ""), "{folder}: {}", ended.out);
        assert!(!ended.out.contains("::error::no"), "{folder}: {}", ended.out);
    }
    assert!(!place.workspace().join("pwned").exists() && !place.action().join("pwned").exists());
    assert!(place.ran().contains("REM_CI_CONFIRM=$(touch pwned)`touch pwned`; touch pwned #\"'\\"), "{}", place.ran());
}

#[test]
fn a_cancelled_job_tells_the_program_itself() {
    let waits =
        program("trap 'echo told >> \"$RAN\"; exit 130' INT\necho up >> \"$RAN\"\nwhile :; do sleep 0.05; done");
    let place = Place::new(Serves::File(waits.clone()));
    place.digests(&waits);
    let mut child = place.start(&[], &[IDENTITY]);
    let begun = std::time::Instant::now();
    while !place.ran().contains("up") {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never ran");
        std::thread::sleep(Duration::from_millis(10));
    }
    // What the runner does first (actions/runner, ProcessInvoker: SIGINT to the entry process, then SIGTERM after 7.5 s).
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert!(place.ran().ends_with("told\n"), "{}", place.ran());
    assert_eq!(place.left_behind(), Vec::<String>::new());
}

/// Whoever looks for bash finds the files where action.yml says.
#[test]
fn the_action_is_all_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for script in [
        ".github/action/run.sh",
        ".github/release/build.sh",
        ".github/release/digests.sh",
        ".github/release/publish.sh",
    ] {
        let mode = root.join(script).metadata().expect(script).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} cannot be run");
    }
}
