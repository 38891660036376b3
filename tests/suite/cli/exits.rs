//! The documented exit codes, each reached through the front door.

use super::{Place, document, run};

fn applied() -> Place {
    let place = Place::new();
    place.ends(0, &["apply", "dev", "--sandbox", "--yes", "--quiet"]);
    place
}

/// The region's file, changed by hand.
fn tamper(place: &Place, change: impl FnOnce(&mut serde_json::Value)) {
    let mut state: serde_json::Value = serde_json::from_str(&place.read(".rem-ci/sandbox.json")).expect("the state");
    change(&mut state);
    place.write(".rem-ci/sandbox.json", state.to_string());
}

fn fault(place: &Place, service: &str, operation: &str, action: serde_json::Value) {
    let rule = serde_json::json!({ "service": service, "operation": operation, "nth": 0, "do": action });
    tamper(place, |state| state["faults"] = serde_json::json!([rule]));
}

#[test]
fn a_whole_life() {
    let place = Place::new();
    place.ends(0, &["plan", "dev", "--sandbox"]);
    place.ends(2, &["plan", "dev", "--sandbox", "--detailed-exitcode"]);
    let plan = document(&place.ends(0, &["plan", "dev", "--sandbox", "--format", "json"]));
    let digest = plan["environments"][0]["plan_digest"].as_str().expect("a digest");
    place.ends(0, &["apply", "dev", "--sandbox", "--expect-plan", digest]);
    place.ends(0, &["plan", "dev", "--sandbox", "--detailed-exitcode"]);
    place.ends(0, &["drift", "dev", "--sandbox", "--detailed-exitcode"]);
    place.ends(0, &["verify", "dev", "--sandbox"]);
    let run = place.ends(0, &["unlock", "dev", "--sandbox"]);
    assert!(run.out.contains("nobody holds the lock"), "{}", run.out);
    let outputs = document(&place.ends(0, &["output", "dev", "--sandbox", "--format", "json"]));
    let names = outputs["outputs"].as_object().expect("outputs");
    assert!(!names.is_empty());
    for (name, value) in names {
        let bare = place.ends(0, &["output", "dev", name, "--sandbox"]);
        assert_eq!(bare.out.trim_end().is_empty(), value.is_null(), "{name}");
    }
    let run = place.ends(1, &["output", "dev", "no-such-thing", "--sandbox"]);
    assert!(run.err.contains("error[no-output]"), "{}", run.err);
    let shown = document(&place.ends(0, &["sandbox", "show", "--format", "json"]));
    assert_eq!(shown["format"], "rem-ci/sandbox-summary/v1");
    assert!(place.ends(0, &["sandbox", "show"]).out.contains("vpc-"));
    let run = place.ends(4, &["destroy", "dev", "--sandbox"]);
    assert!(run.err.contains("error[not-confirmed]") && run.err.contains("--confirm dev"), "{}", run.err);
    place.ends(0, &["destroy", "dev", "--sandbox", "--confirm", "dev"]);
    place.ends(2, &["plan", "dev", "--sandbox", "--detailed-exitcode"]);
    place.ends(0, &["sandbox", "reset"]);
    assert!(!place.path().join(".rem-ci/sandbox.json").exists());
}

#[test]
fn four_where_nobody_can_say_yes() {
    let place = Place::new();
    let run = place.ends(4, &["apply", "dev", "--sandbox"]);
    assert!(run.err.contains("error[not-confirmed]") && run.err.contains("--yes"), "{}", run.err);
    // A yes that comes through a pipe is nobody's.
    let piped = super::run(place.command(&["apply", "dev", "--sandbox"]).write_stdin("yes\n"));
    assert_eq!(piped.code, 4, "{piped:?}");
    place.ends(2, &["plan", "dev", "--sandbox", "--detailed-exitcode"]);
}

#[test]
fn five_where_the_plan_is_not_the_approved_one() {
    let place = Place::new();
    let other = format!("sha256:{}", "0".repeat(64));
    let run = place.ends(5, &["apply", "dev", "--sandbox", "--expect-plan", &other]);
    assert!(run.err.contains("error[plan-changed]"), "{}", run.err);
    place.ends(2, &["plan", "dev", "--sandbox", "--detailed-exitcode"]);
}

#[test]
fn six_while_another_run_holds_the_lock() {
    let place = Place::new();
    let folder = place.path().join(".rem-ci/state/locks");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = std::fs::File::create(folder.join("dev.json")).expect("a lock file");
    file.lock().expect("the lock");
    let run = place.ends(6, &["apply", "dev", "--sandbox", "--yes"]);
    assert!(run.err.contains("error[locked]"), "{}", run.err);
    drop(file);
    place.ends(0, &["apply", "dev", "--sandbox", "--yes", "--quiet"]);
}

#[test]
fn seven_where_something_failed_and_again_goes_on() {
    let place = Place::new();
    place.ends(0, &["plan", "dev", "--sandbox"]);
    // The region's file is made by the first call that changes something.
    let apply = ["apply", "dev", "--sandbox", "--yes", "--quiet"];
    place.ends(0, &["apply", "dev", "--sandbox", "--yes", "--quiet", "--only", "network"]);
    fault(&place, "sqs", "CreateQueue", serde_json::json!({ "error": "InvalidAttributeValue" }));
    let run = place.ends(7, &apply);
    assert!(run.err.contains("error[incomplete]") || run.out.contains("error[incomplete]"), "{run:?}");
    tamper(&place, |state| state["faults"] = serde_json::json!([]));
    place.ends(0, &apply);
}

#[test]
fn eight_where_the_proof_fails() {
    let place = applied();
    place.ends(0, &["destroy", "dev", "--sandbox", "--confirm", "dev", "--quiet"]);
    let run = place.ends(8, &["verify", "dev", "--sandbox", "--format", "json"]);
    assert_eq!(document(&run)["passed"], false);
}

#[test]
fn nine_without_credentials_or_permission() {
    let place = Place::new();
    for verb in ["apply", "destroy", "drift", "verify", "output", "unlock"] {
        let run = place.run(&[verb, "dev"]);
        if verb == "output" {
            // Falls back like plan, and then has nothing to print.
            continue;
        }
        assert_eq!(run.code, 9, "{verb}: {run:?}");
        assert!(run.err.contains("error[no-credentials]") && run.err.contains("help: "), "{verb}: {}", run.err);
    }
    let place = applied();
    fault(&place, "sts", "*", serde_json::json!("deny"));
    let run = place.ends(9, &["plan", "dev", "--sandbox"]);
    assert!(run.err.contains("AccessDenied"), "{}", run.err);
}

#[test]
fn plan_cost_and_check_do_without_credentials_and_say_so_in_a_line() {
    let place = Place::new();
    for verb in ["plan", "cost"] {
        let run = place.ends(0, &[verb, "dev"]);
        assert_eq!(run.err.lines().count(), 1, "{verb}: {}", run.err);
        assert!(run.err.starts_with("no AWS credentials: ") && run.err.contains("offline"), "{verb}: {}", run.err);
        let quiet = place.ends(0, &[verb, "dev", "--quiet"]);
        assert_eq!((quiet.err.as_str(), quiet.out == run.out), ("", true), "{verb}");
        let offline = place.ends(0, &[verb, "dev", "--offline"]);
        assert_eq!((offline.err.as_str(), offline.out == run.out), ("", true), "{verb}");
    }
    assert_eq!(place.ends(0, &["check", "dev", "staging", "prod"]).out, "3 environments valid, 0 to look at\n");
    let plan = document(&place.ends(0, &["plan", "dev", "--format", "json"]));
    assert_eq!(plan["environments"][0]["mode"], "offline");
}

/// Homes and variables that lead nowhere, or somewhere hostile, are no crash.
#[test]
fn hostile_surroundings() {
    let place = Place::new();
    let missing = place.path().join("not/there");
    std::fs::create_dir_all(place.path().join("home/.aws")).expect("a folder");
    place.write("home/.aws/config", [0xff, 0xfe, b'[', 0x00]);
    place.write("home/.aws/credentials", "[default\naws_access_key_id =\n");
    let plan = ["plan", "dev", "--offline"];
    let good = place.ends(0, &plan).out;
    let with = |name: &str, value: &str| run(place.command(&plan).env(name, value));
    for (name, value) in [
        ("HOME", missing.to_str().expect("text")),
        ("HOME", ""),
        ("HOME", "/dev/null"),
        ("AWS_PROFILE", "no\u{1b}[31m-such"),
        ("AWS_REGION", "../../etc"),
        ("AWS_ENDPOINT_URL", "file:///etc/passwd"),
        ("TERM", "\u{7}"),
        ("COLUMNS", "0"),
        ("LANG", "xx_XX.nonsense"),
        ("TZ", ":/etc/passwd"),
        ("TMPDIR", "/dev/null"),
    ] {
        let run = with(name, value);
        assert_eq!((run.code, run.out == good), (0, true), "{name}={value}: {run:?}");
    }
    let run = run(place.command(&["plan", "dev"]).env_remove("HOME").env("AWS_PROFILE", "no\u{1b}[31m-such"));
    assert!([0, 9].contains(&run.code) && !run.err.contains('\u{1b}'), "{run:?}");
}

#[test]
fn sixty_four_where_the_command_line_makes_no_sense() {
    let place = Place::new();
    for arguments in [
        &[][..],
        &["fly"],
        &["plan"],
        &["plan", "dev", "--no-such-flag"],
        &["plan", "dev", "--format", "xml"],
        &["apply", "dev", "prod"],
        &["graph", "dev", "--as", "gif"],
        &["completions", "nosh"],
        &["explain", "nonsense"],
        &["sandbox"],
    ] {
        let run = place.ends(64, arguments);
        assert!(run.out.is_empty() && !run.err.is_empty(), "{arguments:?}: {run:?}");
    }
    let run = place.ends(64, &["explain", "nat-gatway"]);
    assert!(run.err.contains("did you mean nat-gateway?"), "{}", run.err);
    let run = place.ends(64, &["apply", "dev", "--sandbox", "--yes", "--only", "netwrok"]);
    assert!(run.err.contains("network"), "{}", run.err);
}
