//! stdout is the result and nothing else, stderr is the progress; colour is asked for.

use super::{Place, document, run};

#[test]
fn json_is_one_document_and_progress_goes_to_stderr() {
    let place = Place::new();
    let plan = place.ends(0, &["plan", "dev", "prod", "--sandbox", "--format", "json"]);
    let document_of_plan = document(&plan);
    assert_eq!(document_of_plan["format"], "rem-ci/plan/v1");
    assert_eq!(document_of_plan["environments"].as_array().expect("environments").len(), 2);
    assert_eq!(plan.err, "");
    let apply = place.ends(0, &["apply", "dev", "--sandbox", "--yes", "--format", "json"]);
    assert_eq!(document(&apply)["format"], "rem-ci/apply/v1");
    for word in ["nat-gateway", "created", "rem-dev"] {
        assert!(apply.err.contains(word), "no {word} in\n{}", apply.err);
    }
    for (verb, format) in
        [("verify", "rem-ci/verify/v1"), ("drift", "rem-ci/"), ("cost", "rem-ci/"), ("output", "rem-ci/")]
    {
        let document = document(&place.ends(0, &[verb, "dev", "--sandbox", "--format", "json"]));
        assert!(document["format"].as_str().expect("a format").starts_with(format), "{verb}: {document}");
    }
    // Of several environments too: one document.
    document(&place.ends(0, &["drift", "dev", "dev", "--sandbox", "--format", "json"]));
    // A refusal is a document of findings.
    let refused = place.ends(4, &["destroy", "dev", "--sandbox", "--format", "json"]);
    assert_eq!(document(&refused)["findings"][0]["code"], "not-confirmed");
    let destroy = place.ends(0, &["destroy", "dev", "--sandbox", "--confirm", "dev", "--format", "json"]);
    assert_eq!(document(&destroy)["leftovers"], serde_json::json!([]));
}

#[test]
fn human_results_are_on_stdout_alone() {
    let place = Place::new();
    let run = place.ends(0, &["apply", "dev", "--sandbox", "--yes"]);
    assert!(run.out.contains("to create") && run.out.contains("plan sha256:"), "{}", run.out);
    assert!(!run.err.contains("to create"), "{}", run.err);
    let quiet = place.ends(0, &["plan", "dev", "--sandbox", "--quiet"]);
    assert_eq!(quiet.err, "");
    assert!(!quiet.out.is_empty());
}

#[test]
fn out_writes_the_result_to_a_file_and_onto_regular_files_only() {
    let place = Place::new();
    let plain = place.ends(0, &["plan", "dev", "--offline", "--format", "json"]);
    let run = place.ends(0, &["plan", "dev", "--offline", "--format", "json", "--out", "plan.json"]);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    assert_eq!(place.read("plan.json"), plain.out);
    place.ends(0, &["plan", "dev", "--offline", "--format", "json", "--out", "plan.json"]);
    for target in ["environments", "/dev/null", "no/such/folder/plan.json"] {
        let run = place.ends(1, &["plan", "dev", "--offline", "--out", target]);
        assert!(run.err.contains("error[output-file]"), "{target}: {}", run.err);
    }
    std::os::unix::fs::symlink("plan.json", place.path().join("link")).expect("a link");
    place.ends(1, &["plan", "dev", "--offline", "--out", "link"]);
    let left = place
        .path()
        .read_dir()
        .expect("the folder")
        .filter(|file| file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().ends_with(".tmp")));
    assert_eq!(left.count(), 0);
}

#[test]
fn colour_is_asked_for() {
    let place = Place::new();
    let plan = |extra: &[&'static str]| [&["plan", "dev", "--offline"], extra].concat();
    let coloured = |run: super::Run| run.out.contains("\u{1b}[");
    assert!(!coloured(place.ends(0, &plan(&[]))));
    assert!(coloured(place.ends(0, &plan(&["--color", "always"]))));
    assert!(!coloured(place.ends(0, &plan(&["--color", "never"]))));
    assert!(!coloured(run(place.command(&plan(&[])).env("NO_COLOR", "1"))));
    // What is said on the command line is nearer than what the environment says.
    assert!(coloured(run(place.command(&plan(&["--color", "always"])).env("NO_COLOR", "1"))));
    for format in ["json", "markdown"] {
        assert!(!coloured(place.ends(0, &plan(&["--format", format, "--color", "always"]))), "{format}");
    }
}

#[test]
fn markdown_has_the_verdict_first() {
    let place = Place::new();
    let run = place.ends(0, &["plan", "dev", "--offline", "--format", "markdown"]);
    assert!(run.out.contains("| ") && run.out.contains("dev") && !run.out.contains('\u{1b}'), "{}", run.out);
    let run = place.ends(0, &["cost", "dev", "prod", "--offline", "--format", "markdown"]);
    assert!(run.out.contains("prod"), "{}", run.out);
}

/// A reader that goes away early is no failure.
#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::{Command, Stdio};
    let place = Place::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rem-ci"))
        .args(["plan", "prod", "--offline", "--format", "json"])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a run");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("an end");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}
