//! The walls of the house, as the map in `src/lib.rs` draws them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// No file is longer; aim at half of it.
const LONGEST: usize = 700;

struct Source {
    /// From the repository's root: `src/engine/plan.rs`.
    path: String,
    text: String,
}

impl Source {
    /// Whether it only serves tests.
    fn tests(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("tests.rs") || self.path.contains("/tests/")
    }

    /// Lines of the program: comments, and tests within the file, left out.
    fn program(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("\n#[cfg(test)]\nmod tests {").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources(folder: &str) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    let read = |path: PathBuf| Source {
        text: std::fs::read_to_string(&path).expect("a source"),
        path: path.strip_prefix(root()).expect("in the repository").to_str().expect("text").to_owned(),
    };
    paths.into_iter().map(read).collect()
}

/// Every line of the program outside `rooms` that says one of `words`.
fn outside(rooms: &[&str], words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|source| !source.tests()) {
        if rooms.iter().any(|room| source.path.starts_with(room)) {
            continue;
        }
        for (at, line) in source.program() {
            if words.iter().any(|word| says(line, word)) {
                found.push(format!("{}:{at}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

/// Whether a line says a word that does not begin in the middle of another.
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word)
        .any(|(at, _)| !line[..at].chars().next_back().is_some_and(|before| before.is_alphanumeric() || before == '_'))
}

/// Every line of the program in `room` that names one of `rooms`.
fn into(room: &str, rooms: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources("src").iter().filter(|source| !source.tests() && source.path.starts_with(room)) {
        for (at, line) in source.program() {
            let grouped = |room: &str| {
                let list = line.trim_start().strip_prefix("use crate::{").unwrap_or_default();
                list.split([',', '{', '}', ';']).any(|item| item.trim().split("::").next() == Some(room))
            };
            if rooms.iter().any(|room| says(line, &format!("crate::{room}")) || grouped(room)) {
                found.push(format!("{}:{at}: {}", source.path, line.trim()));
            }
        }
    }
    found
}

const NONE: [&str; 0] = [];

#[test]
fn the_sdks_stay_in_their_rooms() {
    assert_eq!(outside(&["src/resources/", "src/cloud/", "src/sandbox/"], &["aws_sdk_", "aws_config", "kube::"]), NONE);
}

#[test]
fn octocrab_stays_in_its_room() {
    assert_eq!(outside(&["src/github/"], &["octocrab"]), NONE);
}

#[test]
fn only_the_view_prints() {
    let macros = ["println!", "print!", "eprintln!", "eprint!", "dbg!"];
    assert_eq!(outside(&[], &macros), NONE);
    assert_eq!(outside(&["src/view/out.rs"], &["io::stdout", "io::stderr", "io::stdin"]), NONE);
}

#[test]
fn only_the_cloud_reads_the_environment() {
    assert_eq!(outside(&["src/cloud/env.rs"], &["env::var", "env::vars", "env::var_os"]), NONE);
}

#[test]
fn only_the_clocks_know_the_time() {
    let words = ["SystemTime::now", "Timestamp::now", "Zoned::now", "Instant::now"];
    assert_eq!(outside(&["src/cloud/clock.rs", "src/sandbox/clock.rs", "src/engine/"], &words), NONE);
}

/// A sandbox that knew the kinds would be a mirror of their mistakes.
#[test]
fn the_sandbox_does_not_know_the_kinds() {
    assert_eq!(into("src/sandbox/", &["resources", "model", "run", "guard", "verify", "cli"]), NONE);
}

#[test]
fn the_engine_knows_neither_aws_nor_a_terminal() {
    let rooms = ["resources", "model", "cloud", "sandbox", "view", "run", "guard", "verify", "cli", "config"];
    assert_eq!(into("src/engine/", &rooms), NONE);
}

/// Pure rooms ask nobody: neither AWS nor the disk nor the terminal.
#[test]
fn the_pure_rooms_are_pure() {
    for room in ["src/model/", "src/guard/", "src/cost/"] {
        assert_eq!(
            into(room, &["cloud", "sandbox", "view", "run", "cli"])
                .iter()
                .filter(|line| !handle(line))
                .collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
    }
    let disk = ["std::fs", "TcpStream", "TcpListener", "process::Command"];
    let elsewhere = ["src/config/files", "src/cloud/", "src/sandbox/", "src/cli/", "src/main.rs"];
    assert_eq!(outside(&elsewhere, &disk), NONE);
}

/// The model's graph is one of kinds whose calls go through the clients: it names the type, and the partition of an ARN.
fn handle(line: &str) -> bool {
    line.ends_with("use crate::cloud::Cloud;") || line.contains("cloud::partition")
}

#[test]
fn no_file_is_too_long() {
    let mut long = Vec::new();
    for source in
        ["src", "tests", "benches"].iter().filter(|folder| root().join(folder).is_dir()).flat_map(|f| sources(f))
    {
        let lines = source.text.lines().count();
        if lines > LONGEST {
            long.push(format!("{}: {lines}", source.path));
        }
    }
    assert_eq!(long, NONE);
}

/// A file that no `mod` names is neither compiled nor tested.
#[test]
fn every_file_is_in_the_tree() {
    let mut lost = Vec::new();
    for (folder, top) in [("src", &["src/lib.rs", "src/main.rs"][..]), ("tests/suite", &["tests/suite/main.rs"][..])] {
        for source in sources(folder).iter().filter(|source| !top.contains(&source.path.as_str())) {
            let path = Path::new(&source.path);
            let path = if path.ends_with("mod.rs") { path.parent().expect("a room") } else { path };
            let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            let room = path.parent().expect("a room");
            let parents = if room == Path::new(folder) {
                top.iter().map(PathBuf::from).collect()
            } else {
                vec![room.join("mod.rs"), room.with_extension("rs")]
            };
            let names = [format!("mod {name};"), format!("mod {name} {{")];
            let named = parents.iter().any(|parent| {
                let text = std::fs::read_to_string(root().join(parent)).unwrap_or_default();
                text.lines().any(|line| names.iter().any(|name| line.trim_end().ends_with(name.as_str())))
            });
            if !named {
                lost.push(source.path.clone());
            }
        }
    }
    assert_eq!(lost, NONE);
}

/// Codes as they stand in calls of `Problem`, whether or not the call is broken into lines.
fn codes_used() -> BTreeSet<(String, String)> {
    let mut used = BTreeSet::new();
    for source in sources("src").iter().filter(|source| !source.tests()) {
        let program: String = source.program().map(|(_, line)| line.trim()).collect();
        for call in ["Problem::error(\"", "Problem::warning(\"", "Problem::new(\""] {
            for (at, _) in program.match_indices(call) {
                let code = program[at + call.len()..].split('"').next().expect("a code");
                used.insert((code.to_owned(), source.path.clone()));
            }
        }
    }
    used
}

#[test]
fn every_code_is_explained() {
    let known = rem_ci::cli::codes();
    let used = codes_used();
    assert!(used.len() > 15, "{used:?}");
    let missing: Vec<_> = used.iter().filter(|(code, _)| !known.iter().any(|(known, _)| known == code)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    for (code, text) in &known {
        assert!(code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{code}");
        assert!(text.len() >= 40, "{code}: {text}");
    }
    let mut names: Vec<_> = known.iter().map(|(code, _)| *code).collect();
    names.dedup();
    assert_eq!(names.len(), known.len(), "a code is explained twice");
}

#[test]
fn every_kind_is_explained() {
    for kind in rem_ci::resources::KINDS.iter().map(|kind| kind.kind()) {
        assert!(kind.docs.len() >= 80, "{}: {}", kind.name, kind.docs);
        assert!(!kind.noun.is_empty() && !kind.actions.is_empty(), "{}", kind.name);
        for field in kind.fields {
            assert!(field.docs.len() >= 4, "{}.{}", kind.name, field.name);
        }
    }
}

/// A guard's file is in the list of guards, and every guard says something about itself.
#[test]
fn every_guard_is_in_the_list() {
    let files = sources("src/guard");
    let guards = files.iter().filter(|source| source.text.contains("const GUARD: Guard")).count();
    assert_eq!(guards, rem_ci::guard::GUARDS.len());
    assert!(rem_ci::guard::GUARDS.iter().all(|guard| !guard.codes.is_empty()));
}
