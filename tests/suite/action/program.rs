//! The program itself: payloads in files, the runner's variables, GitHub over loopback, the sandbox in a file.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use super::lab::{APPLY, How, Lab, PLAN};
use crate::common::virtual_time;
use crate::github_double::Served;

struct Ran {
    code: Option<i32>,
    said: String,
    output: String,
    summary: String,
}

fn run(lab: &Lab, served: &Served, temp: &Path, event: &str, payload: &Json, sha: &str, reference: &str) -> Ran {
    let file = |name: &str| temp.join(name);
    std::fs::write(file("event.json"), payload.to_string()).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
    command.current_dir(lab.folder()).arg("action").arg(format!("--sandbox={}", file("sandbox.json").display()));
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path")).env("HOME", temp);
    command.envs(served.environment("ghs_workflow", None));
    for (name, value) in [
        ("GITHUB_EVENT_NAME", event),
        ("GITHUB_SHA", sha),
        ("GITHUB_REF", reference),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_RUN_NUMBER", "7"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_ACTOR", "ann"),
        ("GITHUB_ENV", file("env").to_str().expect("text")),
        ("GITHUB_PATH", file("path").to_str().expect("text")),
        ("GITHUB_EVENT_PATH", file("event.json").to_str().expect("text")),
        ("GITHUB_OUTPUT", file("output").to_str().expect("text")),
        ("GITHUB_STEP_SUMMARY", file("summary").to_str().expect("text")),
        ("RUNNER_TEMP", temp.to_str().expect("text")),
    ] {
        command.env(name, value);
    }
    let done = command.output().expect("it runs");
    let read = |name: &str| std::fs::read_to_string(file(name)).unwrap_or_default();
    let ran = Ran {
        code: done.status.code(),
        said: String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
        output: read("output"),
        summary: read("summary"),
    };
    assert!(!file("env").exists() && !file("path").exists(), "neither is ever written");
    let _ = std::fs::remove_file(file("output"));
    let _ = std::fs::remove_file(file("summary"));
    ran
}

/// The value of an output: what stands between its delimiters.
fn output<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    lines.find(|line| line.starts_with(&format!("{name}<<"))).unwrap_or_else(|| panic!("no {name} in {text}"));
    lines.next().unwrap_or_default()
}

#[test]
fn from_a_payload_to_an_applied_environment() {
    virtual_time(async {
        let lab = Lab::served();
        let served = lab.double.serve();
        let temp = tempfile::tempdir().expect("a folder");
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        let head = lab.head(pull);
        let payload = lab.double.with(|github| github.pull_request_event(pull, "opened"));
        let reference = format!("refs/pull/{pull}/merge");
        let ran = run(&lab, &served, temp.path(), "pull_request", &payload, &head, &reference);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(output(&ran.output, "changed"), "true");
        let file = output(&ran.output, "plan-file");
        assert!(std::fs::read_to_string(file).expect("a plan").contains("rem-ci/plan/v1"));
        assert!(ran.summary.contains("dev"), "{}", ran.summary);
        assert_eq!(lab.status(&head, PLAN).0, "success");
        assert!(lab.shown(pull).contains("merge to apply"), "{}", lab.shown(pull));

        let before = lab.merge(pull, How::Merge);
        let tip = lab.tip();
        let payload = lab.double.with(|github| github.push_event("main", &before, &tip, &super::lab::ann()));
        let ran = run(&lab, &served, temp.path(), "push", &payload, &tip, "refs/heads/main");
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(lab.status(&tip, APPLY).0, "success");
        assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        assert_eq!(output(&ran.output, "failure-reason"), "");

        // What is not for us explains itself, without a look at anything.
        let calls = lab.double.with(|github| github.calls.len());
        let ran = run(&lab, &served, temp.path(), "pull_request_target", &payload, &tip, "refs/heads/main");
        assert_eq!(ran.code, Some(4), "{}", ran.said);
        assert!(ran.said.contains("pull_request_target"), "{}", ran.said);
        assert_eq!(lab.double.with(|github| github.calls.len()), calls);
    });
}

/// `rem-ci changed` on a laptop.
#[test]
fn changed_on_a_laptop() {
    virtual_time(async {
        let lab = Lab::new();
        lab.git(&["switch", "--quiet", "--create", "topic"]);
        lab.edit("retentionDays: 7", "retentionDays: 14");
        let run = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
            command.current_dir(lab.folder()).arg("changed").args(arguments).env_clear();
            let done = command.env("PATH", std::env::var_os("PATH").expect("a path")).output().expect("it runs");
            (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
        };
        assert_eq!(run(&[]), (Some(0), "dev\n".to_owned()));
        let one = "{\"include\":[{\"environment\":\"dev\",\"account\":\"123456789012\",\"region\":\"us-east-1\"}]}\n";
        assert_eq!(run(&["--matrix"]), (Some(0), one.to_owned()));
        assert_eq!(run(&["--matrix", "--base", "HEAD"]), (Some(0), "{\"include\":[]}\n".to_owned()));
        assert_eq!(run(&["--base", "nothing"]).0, Some(64));
        assert_eq!(run(&["--base=--upload-pack=x"]).0, Some(64));
    });
}
