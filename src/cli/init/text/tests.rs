//! What is written is valid, plans offline, and looks like what is shipped.

use super::{Answers, WORKFLOWS, files};
use crate::config;
use crate::problem::Problem;

fn answers() -> Answers {
    Answers {
        name: "prod".into(),
        owner: "acme/platform".into(),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        cluster: "rem-prod".into(),
        kubernetes: "1.36".into(),
        karpenter: "1.15.1".into(),
        zones: 3,
        cidr: "10.0.0.0/16".into(),
        nat: "perZone".into(),
        connect: "ssm".into(),
        repository: "acme/platform".into(),
        branch: "main".into(),
        action: None,
    }
}

fn loaded(answers: &Answers) -> Result<config::Loaded, Vec<Problem>> {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("environments")).unwrap();
    for file in files(answers, false).unwrap() {
        std::fs::write(root.path().join(file.path), file.text).unwrap();
    }
    config::load(&answers.name, root.path(), jiff::civil::date(2026, 11, 24))
}

#[test]
fn the_file_looks_like_those_that_are_shipped() {
    let all = files(&answers(), true).unwrap();
    let paths: Vec<_> = all.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths[..3], ["environments/base.yaml", "environments/prod.yaml", "environments/schema.json"]);
    assert_eq!(paths.len(), 3 + WORKFLOWS.len());
    insta::assert_snapshot!("init_environment", all[1].text);
    for file in &all[3..] {
        assert!(!file.text.contains("__"), "{}: a placeholder is left", file.path);
        for line in file.text.lines().filter(|line| line.trim_start_matches([' ', '-']).starts_with("uses: ")) {
            let used = line.split_once("uses: ").unwrap().1;
            let at = used.split_once('@').unwrap().1.split_whitespace().next().unwrap();
            let ours = used.starts_with("acme/platform/.github/workflows/") && at == "main";
            assert!(ours || (at.len() == 40 && at.bytes().all(|b| b.is_ascii_hexdigit())), "{line}");
        }
    }
}

#[test]
fn every_answer_gives_a_valid_file() {
    for connect in ["ssm", "direct", "runner-cidr"] {
        for nat in ["perZone", "single"] {
            for zones in [2, 3] {
                let answers = Answers { connect: connect.into(), nat: nat.into(), zones, ..answers() };
                let loaded = loaded(&answers).unwrap_or_else(|problems| panic!("{connect} {nat}: {problems:#?}"));
                let stops: Vec<_> = loaded.findings.iter().filter(|problem| problem.stops()).collect();
                assert!(stops.is_empty(), "{connect} {nat} {zones}: {stops:#?}");
                assert_eq!(loaded.spec.name, "prod");
            }
        }
    }
    let bad = Answers { account: "12".into(), ..answers() };
    assert!(loaded(&bad).is_err(), "the twin: what is not valid is said");
}

#[test]
fn answers_cannot_become_anything_else() {
    let all: [fn(&mut Answers, String); 5] = [
        |answers, evil| answers.name = evil,
        |answers, evil| answers.owner = evil,
        |answers, evil| answers.region = evil,
        |answers, evil| answers.repository = evil,
        |answers, evil| answers.branch = evil,
    ];
    for evil in ["a: b", "x\ny: z", "../../etc", "*x", "${{ github.token }}", "a#b", "", "'", "-x"] {
        for set in all {
            let mut answers = answers();
            set(&mut answers, evil.to_owned());
            assert!(answers.plain().is_err(), "{evil:?}");
        }
    }
    assert_eq!(answers().plain(), Ok(()));
    for action in [
        "acme/rem-ci@v1",
        "acme/rem-ci",
        "x@0123456789012345678901234567890123456789",
        "a/b@012345678901234567890123456789012345678g",
    ] {
        assert!(Answers { action: Some(action.into()), ..answers() }.plain().is_err(), "{action}");
    }
    let pinned = "acme/rem-ci@0123456789012345678901234567890123456789";
    let own = Answers { action: Some(pinned.into()), ..answers() };
    assert_eq!(own.plain(), Ok(()));
    assert!(files(&own, true).unwrap().iter().any(|file| file.text.contains(pinned)));
}
