//! The program itself: payloads in files, the runner's variables, GitHub over loopback, the sandbox in a file.

use std::cell::Cell;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::lab::{APPLY, How, Lab, PLAN};
use crate::common::virtual_time;
use crate::fault::{bucket_world, locked, reopened, written};
use crate::github_double::Served;

const MAIN: &str = "refs/heads/main";

struct Ran {
    code: Option<i32>,
    said: String,
    output: String,
    summary: String,
}

/// A repository, a GitHub on loopback, and a folder that is the runner's.
struct Runner {
    lab: Lab,
    served: Served,
    temp: tempfile::TempDir,
    runs: Cell<u64>,
}

impl Runner {
    /// With nothing in the account yet.
    fn new() -> Self {
        let lab = Lab::served();
        let served = lab.double.serve();
        Self { lab, served, temp: tempfile::tempdir().expect("a folder"), runs: Cell::new(6) }
    }

    /// With dev as the first commit has it.
    fn applied() -> Self {
        let runner = Self::new();
        let mut file: Json = serde_json::from_slice(&written(&runner.lab.region)).expect("JSON");
        let now = rem_ci::cloud::Clock::Wall.millis() / 1000;
        let there = runner.lab.region.clock.millis() / 1000;
        file["format"] = "rem-ci/sandbox/v1".into();
        file["offset_s"] = (there - now).into();
        runner.write_region(&file);
        runner
    }

    fn file(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn region(&self) -> Json {
        serde_json::from_slice(&std::fs::read(self.file("sandbox.json")).expect("a region")).expect("JSON")
    }

    fn write_region(&self, region: &Json) {
        std::fs::write(self.file("sandbox.json"), region.to_string()).expect("written");
    }

    /// Somebody's hand on the retention of the cluster's logs.
    fn retention(&self, days: u32) {
        let mut region = self.region();
        let groups = &mut region["accounts"]["123456789012"]["regions"]["us-east-1"]["logs"]["groups"];
        let group = groups.as_object_mut().expect("groups").values_mut().next().expect("a log group");
        assert!(group["retention"].is_number(), "{group}");
        group["retention"] = days.into();
        self.write_region(&region);
    }

    /// The job as a runner starts it.
    fn command(&self, event: &str, payload: &Json, sha: &str, reference: &str, inputs: &[(&str, &str)]) -> Command {
        self.runs.set(self.runs.get() + 1);
        std::fs::write(self.file("event.json"), payload.to_string()).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rem-ci"));
        command.current_dir(self.lab.folder()).arg("action");
        command.arg(format!("--sandbox={}", self.file("sandbox.json").display()));
        command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path")).env("HOME", self.temp.path());
        command.envs(self.served.environment("ghs_workflow", None));
        let run = self.runs.get();
        for (name, value) in [
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_SHA", sha),
            ("GITHUB_REF", reference),
            ("GITHUB_RUN_ID", &format!("{}", 70 + run)),
            ("GITHUB_RUN_NUMBER", &format!("{run}")),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_ACTOR", "ann"),
        ] {
            command.env(name, value);
        }
        for (name, file) in [
            ("GITHUB_ENV", "env"),
            ("GITHUB_PATH", "path"),
            ("GITHUB_EVENT_PATH", "event.json"),
            ("GITHUB_OUTPUT", "output"),
            ("GITHUB_STEP_SUMMARY", "summary"),
        ] {
            command.env(name, self.file(file));
        }
        command.env("RUNNER_TEMP", self.temp.path()).envs(inputs.iter().copied());
        command
    }

    fn run(&self, event: &str, payload: &Json, sha: &str, reference: &str, inputs: &[(&str, &str)]) -> Ran {
        let done = self.command(event, payload, sha, reference, inputs).output().expect("it runs");
        self.ended(&done)
    }

    fn ended(&self, done: &Output) -> Ran {
        let read = |name: &str| std::fs::read_to_string(self.file(name)).unwrap_or_default();
        let ran = Ran {
            code: done.status.code(),
            said: String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
            output: read("output"),
            summary: read("summary"),
        };
        assert!(!self.file("env").exists() && !self.file("path").exists(), "neither is ever written");
        let _ = std::fs::remove_file(self.file("output"));
        let _ = std::fs::remove_file(self.file("summary"));
        ran
    }

    fn planned(&self, pull: u64, action: &str) -> Ran {
        let payload = self.lab.double.with(|github| github.pull_request_event(pull, action));
        let reference = format!("refs/pull/{pull}/merge");
        self.run("pull_request", &payload, &self.lab.head(pull), &reference, &[])
    }

    fn push_command(&self, before: &str) -> Command {
        let tip = self.lab.tip();
        let payload = self.lab.double.with(|github| github.push_event("main", before, &tip, &super::lab::ann()));
        self.command("push", &payload, &tip, MAIN, &[])
    }

    fn pushed(&self, before: &str) -> Ran {
        self.ended(&self.push_command(before).output().expect("it runs"))
    }

    fn scheduled(&self) -> Ran {
        let payload = self.lab.double.with(|github| github.schedule_event("17 5 * * *"));
        self.run("schedule", &payload, &self.lab.tip(), MAIN, &[])
    }

    fn dispatched(&self, inputs: &[(&str, &str)]) -> Ran {
        let payload =
            self.lab.double.with(|github| github.dispatch_event("main", &serde_json::json!({}), &super::lab::ann()));
        self.run("workflow_dispatch", &payload, &self.lab.tip(), MAIN, inputs)
    }

    fn grouped(&self, group: &(String, String, String)) -> Ran {
        let payload = self.lab.double.with(|github| github.merge_group_event(group));
        self.run("merge_group", &payload, &group.2, &format!("refs/heads/{}", group.0), &[])
    }
}

/// The value of an output: what stands between its delimiters.
fn output<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    lines.find(|line| line.starts_with(&format!("{name}<<"))).unwrap_or_else(|| panic!("no {name} in {text}"));
    lines.next().unwrap_or_default()
}

/// Into an empty account, and what a job says to the next step.
#[test]
fn from_a_payload_to_an_applied_environment() {
    virtual_time(async {
        let runner = Runner::new();
        let lab = &runner.lab;
        let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
        let ran = runner.planned(pull, "opened");
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert_eq!(output(&ran.output, "changed"), "true");
        let file = output(&ran.output, "plan-file");
        assert!(std::fs::read_to_string(file).expect("a plan").contains("rem-ci/plan/v1"));
        assert!(ran.summary.contains("dev"), "{}", ran.summary);
        assert_eq!(lab.status(&lab.head(pull), PLAN).0, "success");
        assert!(lab.shown(pull).contains("merge to apply"), "{}", lab.shown(pull));

        let before = lab.merge(pull, How::Merge);
        let ran = runner.pushed(&before);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        let tip = lab.tip();
        assert_eq!(lab.status(&tip, APPLY).0, "success");
        assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        assert_eq!(output(&ran.output, "failure-reason"), "");

        // What is not for us explains itself, without a look at anything.
        let calls = lab.double.with(|github| github.calls.len());
        let payload = lab.double.with(|github| github.push_event("main", &before, &tip, &super::lab::ann()));
        let ran = runner.run("pull_request_target", &payload, &tip, MAIN, &[]);
        assert_eq!(ran.code, Some(4), "{}", ran.said);
        assert!(ran.said.contains("pull_request_target"), "{}", ran.said);
        assert_eq!(lab.double.with(|github| github.calls.len()), calls);
    });
}

/// Opened, pushed to, merged in each way, applied: one comment, which says how far it is.
#[test]
fn every_way_of_merging_ends_applied() {
    for how in [How::Merge, How::Squash, How::Rebase] {
        virtual_time(async {
            let runner = Runner::applied();
            let lab = &runner.lab;
            let pull = lab.open("longer-logs", "retentionDays: 7", "retentionDays: 14");
            let ran = runner.planned(pull, "opened");
            assert_eq!((ran.code, output(&ran.output, "to-change")), (Some(0), "1"), "{how:?}: {}", ran.said);
            let (comment, _) = lab.comment(pull);
            lab.push(pull, "limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 30, memory: 60Gi}");
            let ran = runner.planned(pull, "synchronize");
            assert_eq!((ran.code, output(&ran.output, "to-change")), (Some(0), "2"), "{how:?}: {}", ran.said);
            assert_eq!(lab.comment(pull).0, comment, "the same comment");

            let before = lab.merge(pull, how);
            let ran = runner.pushed(&before);
            assert_eq!(ran.code, Some(0), "{how:?}: {}", ran.said);
            assert_eq!(lab.comment(pull).0, comment, "the same comment");
            assert!(lab.shown(pull).contains("verified"), "{how:?}: {}", lab.shown(pull));
            assert_eq!(lab.status(&lab.tip(), APPLY).0, "success");
            let again = runner.pushed(&before);
            assert_eq!((again.code, output(&again.output, "changed")), (Some(0), "false"), "{how:?}: {}", again.said);
        });
    }
}

#[test]
fn a_merge_group_of_three_ends_applied() {
    virtual_time(async {
        let runner = Runner::applied();
        let lab = &runner.lab;
        let pulls = lab.three();
        for pull in pulls {
            assert_eq!(runner.planned(pull, "opened").code, Some(0));
        }
        let before = lab.tip();
        let (group, ranges) = lab.queue(&pulls);
        let ran = runner.grouped(&group);
        assert_eq!((ran.code, output(&ran.output, "to-change")), (Some(0), "3"), "{}", ran.said);
        lab.git(&["merge", "--quiet", "--ff-only", &group.0]);
        lab.brought(&ranges);
        let ran = runner.pushed(&before);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        for pull in pulls {
            assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        }
    });
}

#[test]
fn drift_opens_one_issue_and_closes_it() {
    virtual_time(async {
        let runner = Runner::applied();
        let issues = || {
            runner
                .lab
                .double
                .with(|github| github.issues.values().map(|one| (one.number, one.open)).collect::<Vec<_>>())
        };
        let looked = || {
            let ran = runner.scheduled();
            assert_eq!(ran.code, Some(0), "{}", ran.said);
        };
        looked();
        assert_eq!(issues(), []);
        runner.retention(30);
        looked();
        looked();
        let found = issues();
        assert_eq!(found.iter().map(|(_, open)| *open).collect::<Vec<_>>(), [true]);
        runner.retention(7);
        looked();
        assert_eq!(issues(), [(found[0].0, false)]);
    });
}

#[test]
fn a_dispatch_destroys() {
    virtual_time(async {
        let runner = Runner::applied();
        let plan = |confirm| {
            runner.dispatched(&[
                ("REM_CI_COMMAND", "plan-destroy"),
                ("REM_CI_ENVIRONMENT", "dev"),
                ("REM_CI_CONFIRM", confirm),
            ])
        };
        let wrong = plan("prod");
        assert_eq!((wrong.code, output(&wrong.output, "failure-reason")), (Some(4), "refused"), "{}", wrong.said);
        assert!(wrong.said.contains("not-confirmed"), "{}", wrong.said);
        let shown = plan("dev");
        assert_eq!(shown.code, Some(0), "{}", shown.said);
        let digest = output(&shown.output, "plan-digest").to_owned();
        let ran = runner.dispatched(&[
            ("REM_CI_COMMAND", "destroy"),
            ("REM_CI_ENVIRONMENT", "dev"),
            ("REM_CI_CONFIRM", "dev"),
            ("REM_CI_EXPECT_PLAN", &digest),
        ]);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert!(ran.summary.contains("destroyed in"), "{}", ran.summary);
        let region = runner.region();
        let region = &region["accounts"]["123456789012"]["regions"]["us-east-1"];
        assert_eq!(region["ec2"]["vpcs"], serde_json::json!({}));
        assert_eq!(region["eks"]["clusters"], serde_json::json!({}));
    });
}

/// GitHub cancels a job with SIGINT and kills it 7.5 s later ("Cancelling a workflow run", GitHub docs).
#[test]
fn a_cancelled_job_lets_go_of_the_lock_and_says_where_it_stopped() {
    virtual_time(async {
        let runner = Runner::applied();
        let lab = &runner.lab;
        let pull = lab.open("more", "natGateways: single", "natGateways: perZone");
        assert_eq!(runner.planned(pull, "opened").code, Some(0));
        let before = lab.merge(pull, How::Squash);
        let made =
            || runner.region()["accounts"]["123456789012"]["regions"]["us-east-1"]["ec2"]["nat_gateways"].clone();
        let count = |gateways: &Json| gateways.as_object().map_or(0, serde_json::Map::len);
        let gateways = count(&made());

        let mut child =
            runner.push_command(&before).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        // In the middle: one of the new gateways is there.
        while count(&made()) == gateways {
            assert!(child.try_wait().expect("a child").is_none(), "it ended before a gateway was there");
            std::thread::sleep(Duration::from_millis(2));
        }
        let told = Instant::now();
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(kill.success());
        let ran = runner.ended(&child.wait_with_output().expect("it ends"));
        assert!(told.elapsed() <= Duration::from_secs(5), "{:?}", told.elapsed());
        assert_eq!((ran.code, output(&ran.output, "failure-reason")), (Some(130), "interrupted"), "{}", ran.said);
        assert_eq!(lab.status(&lab.tip(), APPLY).0, "failure");
        assert!(lab.shown(pull).contains("interrupted"), "{}", lab.shown(pull));
        let there = reopened(&std::fs::read(runner.file("sandbox.json")).expect("a region"), Duration::ZERO);
        assert!(!locked(&bucket_world(&there, &lab.loaded()), &lab.loaded()).await);

        let ran = runner.pushed(&before);
        assert_eq!(ran.code, Some(0), "{}", ran.said);
        assert!(lab.shown(pull).contains("verified"), "{}", lab.shown(pull));
        assert_eq!(count(&made()), gateways + 1, "none was made twice");
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
