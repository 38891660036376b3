//! SECURITY.md: every numbered rule has its row, its file and tests that are there.

use std::collections::BTreeMap;
use std::path::Path;

use regex_lite::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let rule = Regex::new(r"^\| ([RASIOC]\d+) \|").expect("a pattern");
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let Some(found) = rule.captures(line) else { continue };
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        assert_eq!(cells.len(), 5, "{line}");
        assert!(rows.insert(found[1].to_owned(), cells).is_none(), "{} stands there twice", &found[1]);
    }
    rows
}

/// The text of every `code` span of a cell.
fn spans(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether a file has a test of this name: the attribute stands right before it.
fn tests(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let begins =
        |line: &str| line.starts_with(&format!("fn {name}(")) || line.starts_with(&format!("async fn {name}("));
    let at = lines.iter().position(|line| begins(line));
    at.is_some_and(|at| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with('#') || line.starts_with("//"))
            .any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
    })
}

#[test]
fn every_rule_has_a_row() {
    let wanted = [('R', 10), ('A', 13), ('S', 4), ('I', 6), ('O', 3), ('C', 5)];
    let mut names: Vec<String> = wanted
        .into_iter()
        .flat_map(|(letter, last)| (1..=last).map(move |number| format!("{letter}{number}")))
        .collect();
    names.sort();
    assert_eq!(rows().into_keys().collect::<Vec<_>>(), names);
}

#[test]
fn every_file_and_every_test_that_it_names_is_there() {
    let mut lost = Vec::new();
    let mut named = 0;
    for (rule, cells) in rows() {
        for file in spans(&cells[2]).into_iter().filter(|file| !root().join(file).is_file()) {
            lost.push(format!("{rule}: there is no {file}"));
        }
        let proofs = spans(&cells[3]);
        if proofs.is_empty() {
            lost.push(format!("{rule}: nothing proves it"));
        }
        for proof in proofs {
            named += 1;
            let Some((file, name)) = proof.split_once("::") else {
                // A check that `.ci/run` makes.
                let (place, script) = proof.rsplit_once('/').unwrap_or_default();
                let run = std::fs::read_to_string(root().join(".ci/run")).expect(".ci/run");
                if !(place.starts_with(".ci") && root().join(proof).is_file() && run.contains(script)) {
                    lost.push(format!("{rule}: {proof} is no test"));
                }
                continue;
            };
            let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
            if !tests(&text, name) {
                lost.push(format!("{rule}: {file} has no test {name}"));
            }
        }
    }
    assert!(named > 80, "{named}");
    assert_eq!(lost, Vec::<String>::new());
}

/// The twin: a name that is nobody's is not found.
#[test]
fn a_test_that_is_not_there_is_missed() {
    let text = "#[test]\nfn there() {}\n\nfn helper() {}\n/// #[test] in words\nfn words() {}\n";
    assert!(tests(text, "there"));
    for name in ["their", "helper", "words", "the"] {
        assert!(!tests(text, name), "{name}");
    }
}
