//! Where credentials are from in the Action, and where they never go: R5, I6 and O3 of SECURITY.md.
//!
//! A process has one environment, so each test starts this test binary once more, with the environment it wants, for one of the
//! tests marked as ignored: those are the other half.

mod bait;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What must never be seen anywhere.
pub(super) const CANARY: &str = "canary-7f3a91c2";

/// This binary again, for one ignored test, with these variables and no others.
pub(super) fn again(test: &str, variables: &[(&str, String)]) -> Output {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    child.env_clear().envs(variables.iter().map(|(name, value)| (name, value.as_str())));
    child.current_dir(env!("CARGO_MANIFEST_DIR"));
    child.output().expect("it starts")
}

pub(super) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The same without the lines that tell the log what to hide.
pub(super) fn shown(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("::add-mask::")).collect::<Vec<_>>().join("\n")
}

/// A server on this machine that answers everything alike and counts.
pub(super) fn server(status: &'static str, body: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 8192];
            let _ = stream.read(&mut request);
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
            let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
        }
    });
    (port, asked)
}

/// Every variable of a job that a child could make something of.
fn job() -> Vec<(&'static str, String)> {
    let names = [
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
        "ACTIONS_RUNTIME_TOKEN",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "HELM_PLUGINS",
        "KUBECONFIG",
        "DOCKER_CONFIG",
        "GIT_CONFIG_PARAMETERS",
        "LD_PRELOAD_CANARY",
        "REM_CI_CONFIRM",
    ];
    names.into_iter().map(|name| (name, CANARY.to_owned())).collect()
}

#[test]
fn children_get_a_list_and_nothing_else() {
    let mut variables = job();
    variables.push(("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()));
    variables.push(("HTTPS_PROXY", "http://127.0.0.1:9".to_owned()));
    let output = again("secrets::a_child_that_prints_its_environment", &variables);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    assert!(!text.contains(CANARY), "{text}");
    let lines = text.lines().filter_map(|line| line.strip_prefix("child: "));
    let names: Vec<_> = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    // What a shell sets by itself, and the one of ours that is on the list.
    let odd: Vec<_> =
        names.iter().filter(|name| !["HTTPS_PROXY", "PWD", "SHLVL", "_", "OLDPWD"].contains(name)).collect();
    assert!(names.contains(&"HTTPS_PROXY") && odd.is_empty(), "{names:?}");
}

#[test]
#[ignore = "the other half of children_get_a_list_and_nothing_else"]
fn a_child_that_prints_its_environment() {
    assert_eq!(rem_ci::cloud::env("GITHUB_TOKEN").as_deref(), Some(CANARY), "the bait is there");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("helm");
    std::fs::write(&program, "#!/bin/sh\nenv\n").expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("it can run");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        let command = rem_ci::cloud::children::command(&program);
        rem_ci::cloud::children::run(command, "helm", std::time::Duration::from_secs(30)).await
    });
    println!();
    for line in ended.expect("it runs").out.lines() {
        println!("child: {line}");
    }
}

/// Every start of a program goes through that one door, or clears the environment itself.
#[test]
fn no_program_is_started_in_another_way() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let program = text.split("#[cfg(test)]").next().unwrap_or_default();
            if program.contains("Command::new(") && !path.ends_with("tests.rs") && !program.contains("env_clear()") {
                found.push(path);
            }
        }
    }
    assert_eq!(found, Vec::<std::path::PathBuf>::new());
}

/// The Action opens AWS by `Source::Role` or a sandbox: it has no word for the other way.
#[test]
fn the_action_knows_no_other_way_in() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![root.join("cli/action.rs")];
    files.extend(root.join("action").read_dir().expect("a room").flatten().map(|entry| entry.path()));
    let mut doors = 0;
    for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "rs")) {
        let text = std::fs::read_to_string(file).expect("a source");
        for word in ["Source::Live", "cloud::live", "aws_config"] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
        doors += text.matches("Source::Role(").count();
    }
    assert!(doors > 0);
}

#[test]
fn a_crash_tells_a_place_and_leaves_nothing() {
    let output = again("secrets::crashes_with_a_secret_in_hand", &[("RUST_BACKTRACE", "0".to_owned())]);
    let text = said(&output);
    assert!(!output.status.success());
    assert!(text.contains("hardened: core 0 0, dumpable NotDumpable"), "{text}");
    assert!(text.contains("rem-ci: something that cannot happen did, at tests/suite/secrets.rs:"), "{text}");
    assert!(!text.contains(CANARY), "{text}");
    // Its twin, without: the message is there for all to see.
    let output = again("secrets::crashes_unprotected", &[("RUST_BACKTRACE", "0".to_owned())]);
    assert!(said(&output).contains(CANARY), "{}", said(&output));
}

#[test]
#[ignore = "the other half of a_crash_tells_a_place_and_leaves_nothing"]
fn crashes_with_a_secret_in_hand() {
    rem_ci::cli::harden().expect("hardened");
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    let dumpable = rustix::process::dumpable_behavior().expect("an answer");
    let (soft, hard) = (core.current.expect("a limit"), core.maximum.expect("a limit"));
    println!("hardened: core {soft} {hard}, dumpable {dumpable:?}");
    panic!("the token is {}", CANARY.to_owned());
}

#[test]
#[ignore = "the twin of crashes_with_a_secret_in_hand"]
fn crashes_unprotected() {
    panic!("the token is {}", CANARY.to_owned());
}

/// What the log is told: the documented command, on lines of its own, with nothing that could end it early.
#[test]
fn the_log_is_told_first() {
    let output = again("secrets::masks", &[]);
    let text = said(&output);
    assert!(text.contains("::add-mask::one%0Atwo%25%0D\n"), "{text}");
    assert!(!text.contains("::add-mask::\n"), "{text}");
}

#[test]
#[ignore = "the other half of the_log_is_told_first"]
fn masks() {
    println!();
    rem_ci::view::out::mask("one\ntwo%\r");
    rem_ci::view::out::mask("");
}
