//! The real program behind action.yml: built "from source" by a cargo that hands out this test run's own binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};

use super::IDENTITY;
use super::runner::{Ended, Place, Serves};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A checkout with the shipped environments, and the real program.
struct Checkout {
    place: Place,
    commits: Vec<String>,
}

impl Checkout {
    fn new() -> Self {
        let place = Place::new(Serves::File(Vec::new()));
        place.cargo_makes(Path::new(env!("CARGO_BIN_EXE_rem-ci")));
        let folder = place.workspace().join("environments");
        std::fs::create_dir(&folder).expect("a folder");
        for name in ["base.yaml", "dev.yaml", "staging.yaml", "prod.yaml"] {
            std::fs::copy(root().join("environments").join(name), folder.join(name)).expect(name);
        }
        let mut checkout = Self { place, commits: Vec::new() };
        checkout.git(&["init", "--quiet", "--initial-branch=main"]);
        checkout.commit();
        checkout
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.current_dir(self.place.workspace())
            .args(["-c", "user.name=t", "-c", "user.email=t@t.example"])
            .args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        let output = git.output().expect("git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn commit(&mut self) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--message=some"]);
        self.commits.push(self.git(&["rev-parse", "HEAD"]));
    }

    fn append(&self, file: &str, line: &str) {
        let path = self.place.workspace().join("environments").join(file);
        let text = std::fs::read_to_string(&path).expect("a file");
        std::fs::write(path, format!("{text}{line}\n")).expect("a file");
    }

    fn event(&self, name: &str, change: impl FnOnce(&mut Json)) -> PathBuf {
        let text = std::fs::read_to_string(root().join("tests/github/events").join(name)).expect("an event");
        let mut event: Json = serde_json::from_str(&text).expect("JSON");
        change(&mut event);
        let path = self.place.workspace().with_file_name("event.json");
        std::fs::write(&path, event.to_string()).expect("an event");
        path
    }

    /// The action on an event of the newest commit.
    fn run(&self, event: &str, path: &Path, inputs: &[(&str, &str)]) -> Ended {
        let path = path.display().to_string();
        let variables = [
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_EVENT_PATH", &path),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_API_URL", "https://api.github.com"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_REPOSITORY", "acme/platform"),
            ("GITHUB_REPOSITORY_ID", "700123456"),
            ("GITHUB_SHA", self.commits.last().expect("a commit")),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_RUN_ID", "12345678901"),
            ("GITHUB_RUN_NUMBER", "3"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_ACTOR", "ann-acme"),
        ];
        self.place.run(inputs, &variables)
    }
}

#[test]
fn the_program_itself_lists_what_a_push_touches() {
    let mut checkout = Checkout::new();
    checkout.append("dev.yaml", "# changed");
    checkout.commit();
    let [before, after] = checkout.commits.as_slice() else { panic!("two commits") };
    let path = checkout.event("push.json", |event| {
        event["before"] = json!(before);
        event["after"] = json!(after);
    });
    let ended = checkout.run("push", &path, &[("command", "changed")]);
    assert_eq!(ended.code, 0, "{} {}", ended.out, ended.err);
    let matrix: Json = serde_json::from_str(&ended.outputs["matrix"]).expect("JSON on one line");
    let jobs = matrix["include"].as_array().expect("jobs");
    assert_eq!(jobs.iter().filter_map(|job| job["environment"].as_str()).collect::<Vec<_>>(), ["dev"]);
    assert_eq!((ended.outputs["changed"].as_str(), ended.outputs["failure-reason"].as_str()), ("true", ""));
    // What all extend touches all.
    checkout.append("base.yaml", "# changed");
    checkout.commit();
    let path = checkout.event("push.json", |event| event["before"] = json!(checkout.commits[1]));
    let ended = checkout.run("push", &path, &[("command", "changed")]);
    let names = ["dev", "staging", "prod"];
    assert!(
        names.iter().all(|name| ended.outputs["matrix"].contains(&format!("\"{name}\""))),
        "{:?}",
        ended.outputs["matrix"]
    );
    // Nothing is a matrix too.
    std::fs::write(checkout.place.workspace().join("README.md"), "x").expect("a file");
    checkout.commit();
    let path = checkout.event("push.json", |event| event["before"] = json!(checkout.commits[2]));
    let ended = checkout.run("push", &path, &[("command", "changed")]);
    assert_eq!((ended.outputs["matrix"].as_str(), ended.outputs["changed"].as_str()), (r#"{"include":[]}"#, "false"));
}

#[test]
fn what_is_not_for_us_is_refused_with_its_reason() {
    let checkout = Checkout::new();
    let path = checkout.event("pull_request_target.opened.json", |_| {});
    let ended = checkout.run("pull_request_target", &path, &[]);
    assert_eq!(ended.code, 4, "{} {}", ended.out, ended.err);
    assert!(ended.err.contains("pull_request_target"), "{}", ended.err);
    let path = checkout.event("push.json", |_| {});
    for (input, value) in
        [("command", "rm -rf"), ("environment", "../prod"), ("expect-plan", "yes"), ("working-directory", "/etc")]
    {
        let ended = checkout.run("push", &path, &[(input, value)]);
        assert_eq!(ended.code, 64, "{input}: {} {}", ended.out, ended.err);
    }
}

/// Without a release there is no program beside an identity token, whatever the event is.
#[test]
fn a_cloud_job_before_the_first_release_ends_closed() {
    let checkout = Checkout::new();
    let path = checkout.event("push.json", |_| {});
    let path = path.display().to_string();
    let ended = checkout
        .place
        .run(&[("command", "plan")], &[IDENTITY, ("GITHUB_EVENT_NAME", "push"), ("GITHUB_EVENT_PATH", &path)]);
    assert_eq!((ended.code, checkout.place.ran().as_str()), (4, ""), "{}", ended.out);
}
