//! What people see, as snapshots: a change of looks shows in review.

use insta::assert_snapshot;

use super::made;
use crate::problem::{Place, Problem};
use crate::view::markdown::SUMMARY_LIMIT;
use crate::view::report::{Action, DriftReport, OutputReport, OutputValue};
use crate::view::{Style, errors, human, json, markdown};

#[test]
fn human_plan() {
    let style = Style::default();
    assert_snapshot!("human_create_all", human::plan(&made::create_all(), style));
    assert_snapshot!("human_mixed", human::plan(&made::mixed(), style));
    assert_snapshot!("human_mixed_80", human::plan(&made::mixed(), Style { width: 80, ..style }));
    assert_snapshot!("human_nothing", human::plan(&made::nothing(), style));
}

#[test]
fn markdown_plan() {
    let reports = [made::mixed(), made::nothing()];
    let text = markdown::plans(&reports, &[made::topology(3)], SUMMARY_LIMIT);
    assert_snapshot!("markdown_mixed", text);
    let text = markdown::plans(&[made::create_all()], &[], SUMMARY_LIMIT);
    assert_snapshot!("markdown_create_all", text);
    let text = markdown::plans(&[made::nothing()], &[], SUMMARY_LIMIT);
    assert_snapshot!("markdown_nothing", text);
}

#[test]
fn json_plan() {
    assert_snapshot!("json_mixed", json::plans(&[made::mixed()]));
}

#[test]
fn after_an_apply() {
    let style = Style::default();
    assert_snapshot!("human_apply_done", human::apply(&made::applied(false), style));
    assert_snapshot!("human_apply_failed", human::apply(&made::applied(true), style));
    assert_snapshot!("human_verify", human::verify(&made::verified(false), style));
    assert_snapshot!("json_apply", json::apply(&made::applied(true)));
    assert_snapshot!("json_verify", json::verify(&made::verified(true)));
    let text = markdown::applied(&made::applied(true), Some(&made::verified(false)), SUMMARY_LIMIT);
    assert_snapshot!("markdown_apply_failed", text);
}

#[test]
fn drift_and_outputs() {
    let report = DriftReport { baseline: "the apply of 2026-11-24 22:10 UTC".into(), plan: made::mixed() };
    assert_snapshot!("markdown_drift", markdown::drift(&report, SUMMARY_LIMIT));
    let still = DriftReport { plan: made::nothing(), ..report };
    assert_eq!(human::drift(&still, Style::default()), "drift prod: none against the apply of 2026-11-24 22:10 UTC\n");
    assert!(json::drifts(std::slice::from_ref(&still)).contains("\"drifted\": false"));
    let outputs = [
        ("cluster_name".to_owned(), OutputValue::Text("rem-prod".into())),
        ("private_subnets".to_owned(), OutputValue::List(vec!["subnet-1".into(), "subnet-2".into()])),
    ];
    let outputs = OutputReport { environment: "prod".into(), outputs: outputs.into() };
    assert_eq!(human::outputs(&outputs), "cluster_name    = rem-prod\nprivate_subnets = subnet-1 subnet-2\n");
    assert!(json::outputs(&outputs).contains("\"cluster_name\": \"rem-prod\""));
}

#[test]
fn an_error_points_at_its_place() {
    let place = Place {
        file: "environments/dev.yaml".into(),
        line: 9,
        column: 9,
        length: 11,
        text: "  cidr: 10.0.0.0/24".into(),
    };
    let problem = Problem::error(
        "subnet-too-small",
        "private subnets of 10.0.0.0/24 hold 11 addresses each, EKS needs 6 and Karpenter room to grow",
        "use /20 or larger for the VPC, or set zones: 2",
    )
    .at(Some(place));
    assert_snapshot!(errors::problem(&problem, Style::default()), @"
    error[subnet-too-small]: private subnets of 10.0.0.0/24 hold 11 addresses each, EKS needs 6 and Karpenter room to grow
       --> environments/dev.yaml:9:9
      9 |   cidr: 10.0.0.0/24
        |         ^^^^^^^^^^^
      help: use /20 or larger for the VPC, or set zones: 2          rem-ci explain subnet-too-small
    ");
}

#[test]
fn diagrams() {
    assert_snapshot!("mermaid", made::topology(3).mermaid());
    assert_snapshot!("dot", made::topology(2).dot());
    let svg = made::topology(3).svg();
    assert_eq!(svg, made::topology(3).svg(), "deterministic");
    assert_snapshot!("svg", svg);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [80, 120] {
        for report in [made::create_all(), made::mixed(), made::nothing()] {
            let text = human::plan(&report, Style { colour: false, width });
            for line in text.lines().filter(|line| !line.contains("sha256:")) {
                assert!(line.chars().count() <= width, "{width}: {} in {line}", line.chars().count());
            }
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = human::plan(&made::mixed(), Style::default());
    let coloured = human::plan(&made::mixed(), Style { colour: true, ..Style::default() });
    assert!(coloured.contains("\u{1b}[31;1m") && !plain.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut parts = coloured.split("\u{1b}[");
    stripped.push_str(parts.next().unwrap());
    parts.for_each(|part| stripped.push_str(part.split_once('m').unwrap().1));
    assert_eq!(stripped, plain);
}

#[test]
fn figures_of_the_cost_table_stand_under_each_other() {
    let text = human::cost(&made::mixed(), Style::default());
    let text = text.split("NODE POOLS").next().unwrap();
    let head = text.lines().find(|line| line.contains("COST")).unwrap();
    let end = head.find("before").unwrap() + "before".len();
    let figures: Vec<_> =
        text.lines().filter(|line| line.starts_with("  ") && line.ends_with(|c: char| c.is_ascii_digit())).collect();
    assert!(figures.len() > 8);
    for line in figures {
        assert!(line.as_bytes()[end - 1].is_ascii_digit() || line.as_bytes()[end - 1] == b' ', "{line}");
        assert_eq!(line.as_bytes()[end], b' ', "{line}");
    }
}

#[test]
fn a_single_nat_gateway_serves_all_zones_in_the_picture() {
    let mut topology = made::topology(3);
    for zone in &mut topology.zones[1..] {
        zone.nat_gateway = false;
    }
    assert_eq!(topology.svg().matches(">NAT gateway</text>").count(), 1);
    let mermaid = topology.mermaid();
    for zone in 1..=3 {
        assert!(mermaid.contains(&format!("private{zone} -->|out| public1")), "{mermaid}");
    }
    topology.zones[0].nat_gateway = false;
    assert!(!topology.mermaid().contains("|out|"));
}

#[test]
fn a_destroy_does_not_say_everything_twice() {
    let mut report = made::create_all();
    report.rows = (1..=13).map(|n| made::row(&format!("network/subnet/{n}"), "subnet", Action::Delete, 1)).collect();
    let text = human::plan_before(&report, Style::default());
    assert!(text.contains("! destroys 13 resources, each of them below"), "{text}");
    assert_eq!(text.matches("subnet/13").count(), 1, "{text}");
    report.rows.pop();
    assert_eq!(human::plan_before(&report, Style::default()).matches("subnet/12").count(), 2);
}
