//! What goes to GitHub beside the comment: annotations, statuses, outputs, the drift issue.

use insta::assert_snapshot;

use super::comment::origin;
use super::hostile::CORPUS;
use super::made;
use crate::action::outputs::entry;
use crate::problem::{Place, Problem, Severity};
use crate::view::annotations::{PER_STEP, annotations};
use crate::view::comment::COMMENT_LIMIT;
use crate::view::issue;
use crate::view::redact;
use crate::view::report::DriftReport;

fn at(line: usize) -> Place {
    Place { file: "environments/prod.yaml".into(), line, column: 5, length: 4, text: "    cidr: x".into() }
}

#[test]
fn annotations_point_at_lines_the_gravest_first() {
    let mut problems = made::mixed().findings;
    problems
        .push(Problem::error("subnet-too-small", "too small: 100% of it", "use /20, or larger\nsoon").at(Some(at(9))));
    assert_snapshot!(annotations(&problems, ""), @r"
    ::error file=environments/prod.yaml,line=9,endLine=9,col=5,endColumn=9,title=rem-ci%3A subnet-too-small::too small: 100%25 of it%0AHelp: use /20, or larger\nsoon
    ::error title=rem-ci%3A replace-system-nodes::cluster/node-group/system: the system nodes would be replaced%0AHelp: acknowledge it, or keep t3.medium%0AAcknowledge with replace-system-nodes:0a1b2c3d4e5f
    ::warning file=environments/prod.yaml,line=31,endLine=31,col=20,endColumn=34,title=rem-ci%3A widens-endpoint::publicCidrs gains 203.0.113.0/24
    ::notice title=rem-ci%3A newer-addon::add-on coredns v1.13.1 is out%0AHelp: rem-ci upgrade prod
    ");
    let many: Vec<_> = (0..40)
        .map(|n| {
            let severity = if n == 39 { Severity::Error } else { Severity::Warning };
            Problem::new("x", severity, format!("number {n}"), "").at(Some(at(n + 1)))
        })
        .collect();
    let text = annotations(&many, "");
    assert_eq!(text.lines().count(), PER_STEP);
    assert!(text.lines().next().unwrap().contains("number 39"), "{text}");
    let mut waived = many;
    for problem in &mut waived {
        problem.waived = true;
    }
    assert_eq!(annotations(&waived, ""), "");
}

#[test]
fn an_annotation_is_one_command_whatever_is_in_it() {
    for evil in CORPUS.into_iter().chain(["a,b=c:d%0A::error::x", "x\n::set-output name=a::b"]) {
        let place = Place { file: evil.into(), line: 1, column: 1, length: 1, text: evil.into() };
        let mut problem = Problem::error("x", evil, evil).at(Some(place));
        problem.digest = Some(evil.into());
        let text = annotations(&[problem], evil);
        assert_eq!(text.lines().count(), 1, "{text}");
        let (properties, message) = text.strip_prefix("::error ").unwrap().split_once("::").unwrap();
        assert_eq!(properties.split(',').count(), 6, "{properties}");
        assert!(properties.split(',').all(|one| one.matches(':').count() == 0), "{properties}");
        assert!(!message.contains("::error") && !message.contains("::set-output"), "{message}");
        assert!(!message.contains("##["), "{message}");
    }
}

/// What the runner reads: `NAME<<DELIMITER`, lines, `DELIMITER`.
fn read(text: &str) -> Vec<(String, String)> {
    let mut lines = text.lines();
    let mut found = Vec::new();
    while let Some(line) = lines.next() {
        let (name, delimiter) = line.split_once("<<").unwrap();
        let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        found.push((name.to_owned(), value.join("\n")));
    }
    found
}

#[test]
fn no_output_can_make_another() {
    let tricks = ["x\nowned=1", "x\r\nowned<<E", "rem_ci_00000000000000000000000000000007\nowned=1", "$(id)", ""];
    for evil in CORPUS.into_iter().chain(tricks) {
        let text = entry("plan-file", evil);
        let found = read(&text);
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["plan-file"], "{evil}: {text}");
        assert_eq!(found[0].1.trim_end(), evil.lines().collect::<Vec<_>>().join("\n").trim_end(), "{text}");
    }
}

#[test]
fn a_drift_issue_is_found_by_its_marker_and_shows_no_account_in_public() {
    let mut plan = made::mixed();
    plan.rows[0].reason = "changed by arn:aws:sts::123456789012:assumed-role/admin/eve".into();
    let report = DriftReport { baseline: "the apply of 2026-11-24 22:10 UTC".into(), plan };
    let public = crate::view::comment::Origin { public: true, ..origin(42, 1_795_558_200) };
    let marker = "<!-- rem-ci:drift:prod -->";
    let body = issue::drifted(&report, marker, &public, COMMENT_LIMIT);
    assert!(!body.contains("123456789012") && body.contains("arn:…:assumed-role/admin/eve"), "{body}");
    assert!(issue::drifted(&report, marker, &origin(42, 1_795_558_200), COMMENT_LIMIT).contains("123456789012"));
    assert_eq!(body.lines().next(), Some(marker));
    assert_snapshot!("issue_drifted", body);
    assert_eq!(issue::title("prod"), "rem-ci: prod differs from what was applied");
    let settled = issue::settled("prod", &origin(43, 1_795_558_800));
    assert!(settled.contains("Nothing of `prod` differs any more.") && settled.contains("[run 43]("), "{settled}");
}

#[test]
fn redaction_knows_an_account_from_any_other_number() {
    let cases = [
        ("account 123456789012 is", "account …9012 is"),
        ("arn:aws:iam::123456789012:role/a", "arn:…:role/a"),
        ("arn:aws-cn:eks:cn-north-1:123456789012:cluster/x y", "arn:…:cluster/x y"),
        ("12345678901 and 1234567890123", "12345678901 and 1234567890123"),
        ("deadbeef123456789012", "deadbeef123456789012"),
        ("arn:aws and nothing", "arn:aws and nothing"),
        ("arn:aws:s3:::bucket/123456789012", "arn:…:bucket/…9012"),
        ("123456789012", "…9012"),
    ];
    for (text, expected) in cases {
        assert_eq!(redact::text(text), expected);
    }
}
