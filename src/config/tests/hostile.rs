//! Texts that were written to hurt.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Loads bytes, and fails if that takes long: a bound for hostile input, not a benchmark.
fn quick(bytes: Vec<u8>) -> Vec<Problem> {
    let source = Memory(BTreeMap::from([("prod.yaml".to_owned(), bytes)]));
    let start = Instant::now();
    let result = load_from(&source, "prod.yaml", TODAY);
    assert!(start.elapsed() < Duration::from_secs(5), "took {:?}", start.elapsed());
    result.err().unwrap_or_default()
}

fn first(bytes: impl Into<Vec<u8>>) -> &'static str {
    quick(bytes.into()).first().map_or("nothing", |problem| problem.code)
}

#[test]
fn two_megabytes_are_not_read() {
    assert_eq!(first(vec![b'#'; 2 * 1024 * 1024]), "file-too-big");
}

#[test]
fn large_files_within_the_limit_take_no_time() {
    assert_eq!(first("a: b\n".repeat(200_000)), "duplicate-key");
    assert_eq!(first(format!("x: [{}]\n", "1,".repeat(500_000))), "yaml-too-large");
    assert_eq!(first(format!("name: {}\n", "x".repeat(1_000_000))), "missing-field");
}

#[test]
fn deep_nesting_ends() {
    assert_eq!(first("[".repeat(500_000)), "yaml-too-large");
    assert_eq!(first(format!("a: {}", "{a: ".repeat(100_000))), "yaml-too-large");
    assert_eq!(first("- ".repeat(100_000)), "yaml-too-large");
    let mut blocks = String::new();
    for depth in 0..200 {
        let _ = writeln!(blocks, "{}a:", " ".repeat(depth));
    }
    assert_eq!(first(blocks), "yaml-too-large");
}

#[test]
fn bombs_of_aliases_are_defused() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let _ = writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{}", level - 1); 10].join(", "));
    }
    assert_eq!(first(bomb), "yaml-aliases");
    // Fifteen doublings of a large list, within the number of aliases but not of values.
    let mut bomb = format!("a0: &a0 [{}]\n", "x,".repeat(9_000));
    for level in 1..8 {
        let _ = writeln!(bomb, "a{level}: &a{level} [*a{}, *a{}]", level - 1, level - 1);
    }
    assert_eq!(first(bomb), "yaml-too-large");
    assert_eq!(first("a: &a [*a]\n"), "yaml-aliases");
}

#[test]
fn an_alias_within_bounds_is_read_and_placed() {
    let text =
        GOOD.replace("limits: {cpu: 100}", "limits: &l {cpu: 1Zi}\n  other:\n    nodeClass: default\n    limits: *l");
    let problems = load_text(&text).unwrap_err();
    let places: Vec<_> =
        problems.iter().filter(|problem| problem.code == "quantity").map(|p| p.place.clone().unwrap()).collect();
    assert_eq!(places.len(), 2);
    assert_eq!((places[1].line, places[1].column, places[1].length), (20, 13, 2));
}

#[test]
fn odd_bytes() {
    assert_eq!(first(b"name: \xff\n".to_vec()), "not-utf8");
    assert_eq!(quick(b"a: 1\nname: \xc3\xa9\xff\n".to_vec())[0].place.as_ref().unwrap().column, 8);
    assert_eq!(first("name: a\u{0}b\n"), "hidden-character");
    assert_eq!(first("\u{feff}name: prod\n"), "hidden-character");
    assert_eq!(first("name: prod\rowner: x\n"), "hidden-character");
    assert_eq!(first("\tname: prod\n"), "tab-indent");
    assert_eq!(first(""), "empty-file");
    assert_eq!(first("%YAML 1.1\n---\nname: prod\n"), "yaml-syntax");
    assert_eq!(first("? [a]\n: b\n"), "yaml-key");
    assert_eq!(first("null: b\n"), "yaml-key");
    assert_eq!(first("name: [}\n"), "yaml-syntax");
    assert_eq!(first("name: prod\n\"a\\u202eb\": 1\n"), "hidden-character");
    assert_eq!(first("name: prod\naccount: 012345678901\n"), "unquoted");
}

#[test]
fn messages_stay_short_and_visible() {
    for field in
        ["region: us-east-1", "name: rem-prod", "nodeClass: default", "cidr: 10.0.0.0/16", "upgradePolicy: STANDARD"]
    {
        let key = field.split(':').next().unwrap();
        let text = GOOD.replace(field, &format!("{key}: {}", "x".repeat(500_000)));
        let problems = quick(text.into_bytes());
        assert!(!problems.is_empty(), "{field}");
        for problem in problems {
            let length = problem.title.len() + problem.help.len() + problem.place.map_or(0, |place| place.text.len());
            assert!(length < 4_000, "{field}: {length}");
        }
    }
    let problem = quick(b"name: a\xe2\x80\xaeb\n".to_vec()).remove(0);
    assert_eq!(problem.place.unwrap().text, "name: a\u{fffd}b");
}

#[test]
fn crlf_and_comments_are_fine() {
    let text = format!("---\n# a comment with ✅ and é\n{GOOD}").replace('\n', "\r\n");
    assert!(load_text(&text).is_ok());
}

#[test]
fn a_hundred_mistakes_do_not_take_long() {
    let mut pools = String::new();
    for n in 0..300 {
        let _ = writeln!(pools, "  p{n}: {{nodeClass: 1, requirements: 2, limits: []}}");
    }
    let text = GOOD.replace("nodePools:\n", &format!("nodePools:\n{pools}"));
    let found = quick(text.into_bytes());
    assert!(found.len() >= 100, "{}", found.len());
}

#[test]
fn symbolic_links_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let environments = folder.path().join("environments");
    std::fs::create_dir(&environments).unwrap();
    std::fs::write(folder.path().join("secret.yaml"), "token: hunter2\n").unwrap();
    std::os::unix::fs::symlink("../secret.yaml", environments.join("prod.yaml")).unwrap();
    std::os::unix::fs::symlink("../secret.yaml", environments.join("base.yaml")).unwrap();
    std::fs::write(environments.join("dev.yaml"), "extends: base.yaml\nname: dev\n").unwrap();
    for name in ["prod", "dev", "environments/prod.yaml"] {
        let problems = load(name, folder.path(), TODAY).unwrap_err();
        assert_eq!(problems[0].code, "unsafe-file", "{name}");
        assert!(!format!("{problems:?}").contains("hunter2"));
    }
    std::fs::rename(&environments, folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink("real", &environments).unwrap();
    assert_eq!(load("dev", folder.path(), TODAY).unwrap_err()[0].code, "unsafe-file");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        quick(bytes);
    }

    #[test]
    fn random_yaml_like_text_never_panics(text in "[a-z:\\-\\[\\]{}&*!|>'\"#%@,? \n\té]{0,200}") {
        quick(text.into_bytes());
    }

    /// A good file with a stretch cut out and something put in its place: closer to what decoders and checks see.
    #[test]
    fn damaged_files_never_panic(at in 0..GOOD.len(), cut in 0_usize..40, put in "[a-z0-9:\\-\\[\\]{}\" \n./]{0,20}") {
        let end = (at + cut).min(GOOD.len());
        quick(format!("{}{put}{}", &GOOD[..at], &GOOD[end..]).into_bytes());
    }
}
