//! What goes to GitHub beside the comment: annotations, statuses, outputs, the drift issue.

use insta::assert_snapshot;

use super::comment::origin;
use super::hostile::CORPUS;
use super::made;
use crate::problem::{Exit, Place, Problem, Severity};
use crate::view::annotations::{PER_STEP, annotations};
use crate::view::comment::Figures;
use crate::view::issue::{self, ISSUE_LIMIT, IssueMarker};
use crate::view::report::DriftReport;
use crate::view::step_outputs::{Reason, StepOutputs};
use crate::view::{redact, statuses};

fn at(line: usize) -> Option<Place> {
    Some(Place { file: "environments/prod.yaml".into(), line, column: 5, length: 4, text: "    cidr: x".into() })
}

#[test]
fn annotations_point_at_lines_the_gravest_first() {
    let mut problems = made::mixed().findings;
    problems.push(Problem::error("subnet-too-small", "too small: 100% of it", "use /20, or larger\nsoon").at(at(9)));
    assert_snapshot!(annotations(&problems), @r"
    ::error file=environments/prod.yaml,line=9,endLine=9,col=5,endColumn=9,title=rem-ci%3A subnet-too-small::too small: 100%25 of it%0AHelp: use /20, or larger\nsoon
    ::error title=rem-ci%3A replace-system-nodes::cluster/node-group/system: the system nodes would be replaced%0AHelp: acknowledge it, or keep t3.medium%0AAcknowledge with replace-system-nodes:0a1b2c3d4e5f
    ::warning file=environments/prod.yaml,line=31,endLine=31,col=20,endColumn=34,title=rem-ci%3A widens-endpoint::publicCidrs gains 203.0.113.0/24
    ::notice title=rem-ci%3A newer-addon::add-on coredns v1.13.1 is out%0AHelp: rem-ci upgrade prod
    ");
    let many: Vec<_> = (0..40)
        .map(|n| {
            let severity = if n == 39 { Severity::Error } else { Severity::Warning };
            Problem::new("x", severity, format!("number {n}"), "").at(at(n + 1))
        })
        .collect();
    let text = annotations(&many);
    assert_eq!(text.lines().count(), PER_STEP);
    assert!(text.lines().next().unwrap().contains("number 39"), "{text}");
    let mut waived = many;
    waived.iter_mut().for_each(|problem| problem.waived = true);
    assert_eq!(annotations(&waived), "");
}

#[test]
fn an_annotation_is_one_command_whatever_is_in_it() {
    for evil in CORPUS.into_iter().chain(["a,b=c:d%0A::error::x", "x\n::set-output name=a::b"]) {
        let place = Place { file: evil.into(), line: 1, column: 1, length: 1, text: evil.into() };
        let mut problem = Problem::error("x", evil, evil).at(Some(place));
        problem.digest = Some(evil.into());
        let text = annotations(&[problem]);
        assert_eq!(text.lines().count(), 1, "{text}");
        let (properties, message) = text.strip_prefix("::error ").unwrap().split_once("::").unwrap();
        assert_eq!(properties.split(',').count(), 6, "{properties}");
        assert!(properties.split(',').all(|one| one.matches(':').count() == 0), "{properties}");
        assert!(!message.contains("::error") && !message.contains("::set-output"), "{message}");
        assert!(!message.contains("##["), "{message}");
    }
}

#[test]
fn a_status_is_short_and_its_digest_can_be_read_back() {
    let digest = format!("sha256:{}", "4f2c".repeat(16));
    let usd = |text: &str| rust_decimal::Decimal::from_str_exact(text).ok();
    let figures = Figures { create: 2, change: 3, replace: 1, delete: 4, delta: usd("36.5"), ..Figures::default() };
    let text = statuses::planned(&figures, &digest);
    assert_eq!(text, format!("+2 ~3 -/+1 -4, +$36.50 a month, {digest}"));
    let huge =
        Figures { create: usize::MAX, change: usize::MAX, unknown: 99, delta: usd("-123456789012.34"), ..figures };
    for figures in [figures, Figures::default(), huge] {
        let text = statuses::planned(&figures, &digest);
        assert!(text.chars().count() <= statuses::LONGEST, "{text}");
        assert_eq!(statuses::digest(&text).as_deref(), Some(digest.as_str()), "{text}");
    }
    for bad in ["", "sha256:", "+1, sha256:XYZ", "sha256:4f2c, later", &digest[..70]] {
        assert_eq!(statuses::digest(bad), None, "{bad}");
    }
    for evil in CORPUS {
        let long = format!("{evil}{}", "x".repeat(300));
        let problems = [Problem::error("plan-changed", long.as_str(), ""), Problem::error("x", "y", "")];
        let text = statuses::refused(&problems);
        assert!(text.chars().count() <= statuses::LONGEST && text.ends_with(" (and 1 more)"), "{text}");
        assert!(!text.contains('\n'));
        assert!(statuses::bounded(&long).chars().count() <= statuses::LONGEST);
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
fn outputs_are_what_was_meant_and_nothing_else() {
    let digest = format!("sha256:{}", "4f2c".repeat(16));
    let outputs = StepOutputs {
        plan_digests: vec![digest.clone()],
        changed: Some(true),
        counts: Some([2, 3, 1]),
        monthly_cost: rust_decimal::Decimal::from_str_exact("673.541").ok(),
        monthly_delta: rust_decimal::Decimal::from_str_exact("-36.5").ok(),
        failure_reason: Reason::of(Exit::PlanChanged),
        plan_file: Some("/home/runner/_temp/rem-ci/plan.json".into()),
        matrix: Some(r#"{"include":[{"environment":"prod","account":"123456789012"}]}"#.into()),
    };
    let text = outputs.encode(7);
    let names: Vec<_> = read(&text).into_iter().collect();
    let expected = [
        ("plan-digest", digest.as_str()),
        ("changed", "true"),
        ("to-add", "2"),
        ("to-change", "3"),
        ("to-destroy", "1"),
        ("monthly-cost", "673.54"),
        ("monthly-delta", "-36.50"),
        ("failure-reason", "plan-changed"),
        ("plan-file", "/home/runner/_temp/rem-ci/plan.json"),
        ("matrix", r#"{"include":[{"environment":"prod","account":"123456789012"}]}"#),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(names, expected);
    assert!(text.contains(&format!("<<rem-ci-{:032x}", 7)));
    assert_eq!(StepOutputs::default().encode(7), "");
    assert_eq!(Reason::of(Exit::Done), None);
}

#[test]
fn no_output_can_make_another() {
    let tricks = [
        "x\nowned=1",
        "x\r\nowned<<E",
        "rem-ci-00000000000000000000000000000007\nowned=1",
        "$(id)",
        "${{ secrets.X }}",
    ];
    for evil in CORPUS.into_iter().chain(tricks) {
        let outputs = StepOutputs {
            plan_digests: vec![evil.into(), format!("sha256:{evil}")],
            changed: Some(false),
            plan_file: Some(evil.into()),
            matrix: Some(evil.into()),
            ..StepOutputs::default()
        };
        let text = outputs.encode(7);
        assert_eq!(read(&text), [("changed".to_owned(), "false".to_owned())], "{evil}: {text}");
    }
}

#[test]
fn a_drift_issue_is_found_by_its_marker_and_shows_no_account_in_public() {
    let mut plan = made::mixed();
    plan.rows[0].reason = "changed by arn:aws:sts::123456789012:assumed-role/admin/eve".into();
    let report = DriftReport { baseline: "the apply of 2026-11-24 22:10 UTC".into(), plan };
    let public = crate::view::comment::Origin { public: true, ..origin(42, 1_795_558_200) };
    let body = issue::drifted(&report, &public, ISSUE_LIMIT);
    assert!(!body.contains("123456789012") && body.contains("arn:…:assumed-role/admin/eve"), "{body}");
    let private = issue::drifted(&report, &origin(42, 1_795_558_200), ISSUE_LIMIT);
    assert!(private.contains("123456789012"));
    assert_eq!(IssueMarker::decode(&body).unwrap().environment, "prod");
    assert_eq!(IssueMarker::decode(&format!("x\n{body}")), None);
    assert_snapshot!("issue_drifted", body.lines().skip(1).collect::<Vec<_>>().join("\n"));
    assert_eq!(issue::title("prod"), "rem-ci: prod differs from what was applied");
    let settled = issue::settled("prod", &origin(43, 1_795_558_800));
    assert!(settled.contains("Nothing of `prod` differs any more."), "{settled}");
    assert_eq!(IssueMarker::decode(&settled).unwrap().run.number, 43);
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
