//! Bad environment files through the front door: exit 3, the place, a help, in bounded time, and no panic.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::{Place, Run, command, document, run};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut cases: Vec<_> = folder.read_dir().expect("tests/bad").map(|entry| entry.expect("a case").path()).collect();
    cases.sort();
    cases
}

fn environment(case: &Path) -> String {
    let files = case.join("environments").read_dir().expect("environments");
    let mut names: Vec<_> =
        files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned())).collect();
    names.sort_by_key(|name| name != "prod");
    names.swap_remove(0)
}

/// As `expected.txt` has it, from the JSON document.
fn lines(run: &Run) -> String {
    let document = document(run);
    let mut text = String::new();
    for finding in document["findings"].as_array().expect("findings") {
        let word = |key: &str| finding[key].as_str().unwrap_or_default();
        let _ = write!(text, "{} {} ", word("severity"), word("code"));
        let _ = match finding["file"].as_str() {
            Some(file) => writeln!(text, "{file}:{}:{}", finding["line"], finding["column"]),
            None => writeln!(text, "-"),
        };
        assert!(!word("help").is_empty() && !word("title").is_empty(), "{finding}");
    }
    text
}

#[test]
fn every_bad_file_ends_with_three_its_place_and_a_help() {
    let home = tempfile::tempdir().expect("a home");
    let (mut wrong, mut refused) = (String::new(), 0);
    for case in cases() {
        let expected = std::fs::read_to_string(case.join("expected.txt")).expect("expected.txt");
        let name = environment(&case);
        let machine = run(&mut command(&case, home.path(), &["check", &name, "--format", "json"]));
        let human = run(&mut command(&case, home.path(), &["check", &name]));
        let invalid = expected.lines().any(|line| line.starts_with("error "));
        refused += usize::from(invalid);
        let code = if invalid { 3 } else { 0 };
        if machine.code != code || human.code != code || lines(&machine) != expected {
            let _ = writeln!(wrong, "{}: {} {}\n{}", case.display(), machine.code, human.code, machine.out);
        }
        for line in expected.lines() {
            let [severity, code, place] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let head = format!("{severity}[{code}]: ");
            let arrow = format!("--> {place}\n");
            if !human.err.contains(&head) || (place != "-" && !human.err.contains(&arrow)) {
                let _ = writeln!(wrong, "{}: no {head}{arrow}{}", case.display(), human.err);
            }
        }
        if human.err.matches("  help: ").count() < expected.lines().count() {
            let _ = writeln!(wrong, "{}: no help\n{}", case.display(), human.err);
        }
    }
    assert_eq!(wrong, "");
    assert!(refused >= 24, "only {refused}");
}

/// A plan, an apply and a price of a bad file stop where a check does, before anything else is asked.
#[test]
fn every_verb_stops_at_a_bad_file() {
    let place = Place::new();
    place.write("environments/dev.yaml", "name: dev\n");
    for verb in ["plan", "cost", "check", "drift", "apply", "verify", "destroy", "output", "graph", "unlock"] {
        let run = place.ends(3, &[verb, "dev", "--sandbox"]);
        assert!(run.out.is_empty() && run.err.contains("error[missing-field]"), "{verb}: {run:?}");
    }
    assert!(!place.path().join(".rem-ci").exists());
}

/// Files that no folder of the repository can hold.
#[test]
fn hostile_files_end_with_three_in_bounded_time() {
    let bomb: String = (1..30).fold("a0: &a0 [x, x]\n".to_owned(), |mut text, at| {
        let _ = writeln!(text, "a{at}: &a{at} [*a{0}, *a{0}, *a{0}]", at - 1);
        text
    });
    let long = format!("name: dev\nx: {}\n", "y".repeat(2 << 20));
    let hostile: [(&str, Vec<u8>, &str); 8] = [
        ("empty", Vec::new(), "empty-file"),
        ("two megabytes", long.into_bytes(), "file-too-big"),
        ("deep", format!("a: {}{}\n", "[".repeat(20_000), "]".repeat(20_000)).into_bytes(), ""),
        ("anchors", bomb.into_bytes(), ""),
        ("latin-1", b"name: d\xe9v\n".to_vec(), "not-utf8"),
        ("a zero", b"name: dev\0\n".to_vec(), "hidden-character"),
        ("a tag", b"name: !!python/object dev\n".to_vec(), "yaml-tag"),
        ("noise", (0..=255_u8).cycle().take(70_000).collect(), ""),
    ];
    let place = Place::new();
    for (name, bytes, code) in hostile {
        place.write("environments/dev.yaml", bytes);
        let run = place.ends(3, &["check", "dev"]);
        assert!(run.err.contains(&format!("error[{code}")), "{name}: {}", run.err);
        assert!(run.err.contains("  help: ") && run.err.len() < 64 << 10, "{name}: {} bytes", run.err.len());
    }
}

#[test]
fn links_and_folders_are_not_read() {
    let place = Place::new();
    place.write("secret", "name: hunter2\n");
    std::os::unix::fs::symlink(place.path().join("secret"), place.path().join("environments/link.yaml"))
        .expect("a link");
    std::fs::create_dir(place.path().join("environments/folder.yaml")).expect("a folder");
    for name in ["link", "folder"] {
        let run = place.ends(3, &["check", name]);
        assert!(!run.err.contains("hunter2") && run.err.contains("error["), "{}", run.err);
    }
}

#[test]
fn a_wrong_name_gets_the_near_ones() {
    let place = Place::new();
    let run = place.ends(3, &["plan", "prd", "--offline"]);
    assert!(run.err.contains("error[file-not-found]") && run.err.contains("`prod`"), "{}", run.err);
    let run = place.ends(3, &["plan", "base", "--offline"]);
    assert!(run.err.contains("error[fragment]"), "{}", run.err);
}
