//! tests/bad/NAME/environments/*.yaml: each folder's expected.txt lists every finding with its place.

use super::*;

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<_> =
        std::fs::read_dir(root().join("tests/bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn run(case: &Path) -> Result<Loaded, Vec<Problem>> {
    // The environment of a folder is `prod`, or the only file there is.
    let mut names: Vec<String> = std::fs::read_dir(case.join("environments"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort_by_key(|name| name != "prod");
    load(&names[0], case, TODAY)
}

fn findings(case: &Path) -> Vec<Problem> {
    match run(case) {
        Ok(loaded) => loaded.findings,
        Err(problems) => problems,
    }
}

/// With `REM_CI_BLESS=1` what is found is written down as what is expected, for whoever reads the difference.
#[test]
fn every_bad_file_is_told_where_and_why() {
    let cases = cases();
    assert!(cases.len() >= 24, "only {}", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let found = findings(&case);
        if crate::cloud::env("REM_CI_BLESS").is_some() {
            std::fs::write(case.join("expected.txt"), lines(&found)).unwrap();
        }
        let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap_or_default();
        if expected.is_empty() || lines(&found) != expected {
            let _ = writeln!(wrong, "== {}\nexpected\n{expected}found\n{}", case.display(), shown(&found));
        }
        for problem in &found {
            assert!(codes().iter().any(|doc| doc.code == problem.code), "{} is not documented", problem.code);
            assert!(!problem.help.is_empty() && !problem.title.ends_with('.'), "{problem:?}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
