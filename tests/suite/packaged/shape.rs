//! What stands in action.yml, in the workflows and in their documentation is one and the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::runner::yaml;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let entries = root().join(folder).read_dir().expect("a folder").flatten();
    let mut files: Vec<_> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "yml")).collect();
    files.sort();
    files
}

#[test]
fn no_expression_is_pasted_into_a_script() {
    let action = yaml();
    for step in action["runs"]["steps"].as_sequence().expect("steps") {
        assert!(!step["run"].as_str().unwrap_or_default().contains("${{"), "{step:?}");
    }
    for path in files(".github/workflows") {
        let text = std::fs::read_to_string(&path).expect("a workflow");
        let workflow: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        for (name, job) in workflow["jobs"].as_mapping().expect("jobs") {
            for step in job["steps"].as_sequence().into_iter().flatten() {
                let run = step["run"].as_str().unwrap_or_default();
                assert!(!run.contains("${{"), "{} {name:?}: {run}", path.display());
            }
        }
    }
}

/// Rules R1 and C2 of the reference on security, as far as a workflow's text can hold them.
#[test]
fn a_job_with_an_identity_token_runs_a_checkout_and_rem_ci_at_a_commit_and_nothing_else() {
    let mut seen = 0;
    for path in files(".github/workflows").into_iter().filter(|path| path.to_string_lossy().contains("rem-ci")) {
        let text = std::fs::read_to_string(&path).expect("a workflow");
        let workflow: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        assert!(workflow["permissions"].as_mapping().is_some_and(serde_yaml::Mapping::is_empty), "{}", path.display());
        for (name, job) in workflow["jobs"].as_mapping().expect("jobs") {
            let place = format!("{} {name:?}", path.display());
            let steps: Vec<_> = job["steps"].as_sequence().into_iter().flatten().collect();
            if job["permissions"]["id-token"].is_null() || steps.is_empty() {
                continue;
            }
            seen += 1;
            let uses: Vec<_> = steps.iter().map(|step| step["uses"].as_str().unwrap_or("a script")).collect();
            let [checkout, ours] = uses.as_slice() else { panic!("{place}: {uses:?}") };
            for (action, wanted) in [(checkout, "actions/checkout"), (ours, "rem-ci/rem-ci")] {
                let (action, commit) = action.split_once('@').expect("at a commit");
                assert_eq!(action, wanted, "{place}");
                assert!(
                    commit.len() == 40 && commit.chars().all(|digit| digit.is_ascii_hexdigit()),
                    "{place}: {commit}"
                );
            }
            assert_eq!(steps[0]["with"]["persist-credentials"].as_bool(), Some(false), "{place}");
            assert!(steps[0]["with"]["ref"].is_null() && steps[0]["with"]["repository"].is_null(), "{place}");
        }
    }
    assert_eq!(seen, 6, "plan; plan and apply; plan and destroy; drift");
}

#[test]
fn environments_guard_what_changes_something_and_nothing_else() {
    let of = |file: &str, job: &str| {
        let workflow: serde_yaml::Value =
            serde_yaml::from_str(&read(format!(".github/workflows/{file}"))).expect("YAML");
        let job = &workflow["jobs"][job];
        assert!(job.is_mapping(), "{file} {job:?}");
        (
            job["environment"].as_str().unwrap_or_default().to_owned(),
            job["concurrency"]["group"].as_str().unwrap_or_default().to_owned(),
        )
    };
    let environment = "${{ inputs.environment }}";
    assert_eq!(of("rem-ci-apply.yml", "apply"), (environment.to_owned(), format!("rem-{environment}")));
    assert_eq!(of("rem-ci-destroy.yml", "destroy"), (format!("{environment}-destroy"), format!("rem-{environment}")));
    for (file, job) in [
        ("rem-ci-plan.yml", "plan"),
        ("rem-ci-apply.yml", "plan"),
        ("rem-ci-destroy.yml", "plan"),
        ("rem-ci-drift.yml", "drift"),
    ] {
        assert_eq!(of(file, job).0, "", "{file}");
    }
}

/// What a reusable workflow is told chooses no code, commit, path, tool or endpoint (R1).
#[test]
fn reusable_workflows_take_names_only() {
    for path in files(".github/workflows").into_iter().filter(|path| path.to_string_lossy().contains("rem-ci-")) {
        let workflow: serde_yaml::Value =
            serde_yaml::from_str(&std::fs::read_to_string(&path).expect("a workflow")).expect("YAML");
        let inputs = workflow["on"]["workflow_call"]["inputs"].as_mapping().expect("inputs");
        let names: Vec<_> = inputs.keys().filter_map(serde_yaml::Value::as_str).collect();
        assert!(names.iter().all(|name| ["environment", "confirm"].contains(name)), "{}: {names:?}", path.display());
        assert!(workflow["on"].as_mapping().expect("events").len() == 1, "{}", path.display());
    }
}

/// This repository uses what it gives to others.
#[test]
fn our_workflows_are_the_templates() {
    let plan = read(".github/workflows/rem-ci-plan.yml");
    let used = |name: &str| {
        let line = plan.lines().find(|line| line.contains(&format!("uses: {name}@"))).expect("used");
        line.split_once("uses: ").expect("used").1.to_owned()
    };
    let (checkout, action) = (used("actions/checkout"), used("rem-ci/rem-ci"));
    let mut templates = 0;
    for path in files("src/cli/init/workflows") {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a template");
        let text = text.replace("__REPOSITORY__", "rem-ci/rem-ci").replace("__BRANCH__", "main");
        let text = text.replace("__CHECKOUT__", &checkout).replace("__ACTION__", &action);
        assert_eq!(text, read(format!(".github/workflows/{name}")), "{name}");
        templates += 1;
    }
    assert_eq!(templates, 5);
}

/// Rows `| `NAME` | TEXT |` under a heading.
fn table(text: &str, heading: &str) -> BTreeMap<String, String> {
    let after = text.split_once(heading).unwrap_or_else(|| panic!("no {heading}")).1;
    let lines = after.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let rows = lines.skip(2).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    rows.map(|row| (row[0].trim_matches(['`', ' ']).to_owned(), row[row.len() - 1].to_owned())).collect()
}

#[test]
fn every_input_and_output_is_documented_in_its_own_words() {
    let (action, text) = (yaml(), read("README.md"));
    for (kind, heading) in [("inputs", "### Inputs"), ("outputs", "### Outputs")] {
        let rows = table(&text, heading);
        let known = action[kind].as_mapping().expect(kind);
        assert_eq!(rows.len(), known.len(), "{kind}: {rows:?}");
        for (name, about) in known {
            let name = name.as_str().expect("a name");
            let described = about["description"].as_str().expect("a description").trim();
            assert_eq!(rows.get(name).map(String::as_str), Some(described), "{name}");
        }
    }
}

/// Linters check callers of what they can see; they do not see an action of another repository.
#[test]
fn callers_hand_on_inputs_that_exist_and_read_outputs_that_exist() {
    let action = yaml();
    let inputs_of = |called: &str| {
        let file = called.split_once("/workflows/").expect("a workflow").1.split('@').next().expect("a file");
        let called: serde_yaml::Value = serde_yaml::from_str(&read(format!(".github/workflows/{file}"))).expect("YAML");
        called["on"]["workflow_call"]["inputs"].clone()
    };
    let (mut calls, mut outputs) = (0, 0);
    for path in files(".github/workflows").into_iter().filter(|path| path.to_string_lossy().contains("rem-ci")) {
        let text = std::fs::read_to_string(&path).expect("a workflow");
        for part in text.split("steps.").skip(1) {
            let Some((_, name)) = part.split_once(".outputs.") else { continue };
            let name: String =
                name.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '-').collect();
            assert!(action["outputs"][name.as_str()].is_mapping(), "{}: {name}", path.display());
            outputs += 1;
        }
        let workflow: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        for job in workflow["jobs"].as_mapping().expect("jobs").values() {
            let steps = job["steps"].as_sequence().into_iter().flatten().chain([job]);
            for step in steps {
                let known = match step["uses"].as_str() {
                    Some(called) if called.contains("/workflows/") => inputs_of(called),
                    Some(called) if called.starts_with("rem-ci/") => action["inputs"].clone(),
                    _ => continue,
                };
                calls += 1;
                for name in step["with"].as_mapping().into_iter().flat_map(serde_yaml::Mapping::keys) {
                    assert!(known[name].is_mapping(), "{}: {name:?}", path.display());
                }
                for (name, about) in known.as_mapping().expect("inputs") {
                    let missing = about["required"].as_bool() == Some(true) && step["with"][name].is_null();
                    assert!(!missing, "{}: {name:?} is missing", path.display());
                }
            }
        }
    }
    assert!(calls >= 11 && outputs >= 5, "{calls} calls, {outputs} outputs");
}
