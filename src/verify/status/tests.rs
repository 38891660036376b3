use serde_json::json;

use super::*;
use crate::verify::tests::world::{self, event, healthy, list, log, named, one, waiting};
use crate::view::{Style, human, json as view_json, markdown};

fn of(seen: &Observed) -> StatusReport {
    let spec = world::spec();
    status(seen, &spec, &Identity::of(&spec), Mode::Sandbox)
}

/// A world in which some things have happened.
fn busy() -> Observed {
    let mut seen = healthy();
    named(&mut seen.kube.deployments, "karpenter")["spec"]["template"]["spec"]["containers"][0]["env"] = json!([]);
    one(&mut seen.aws.queue).waiting = 3;
    list(&mut seen.kube.pods).push(waiting("worker", "bursty"));
    let mut postgres = waiting("postgres", "stateful");
    postgres["spec"].as_object_mut().expect("a spec").remove("nodeSelector");
    postgres["spec"]["nodeName"] = "general-purpose-node".into();
    postgres["status"] = json!({"phase": "Running"});
    list(&mut seen.kube.pods).push(postgres);
    list(&mut seen.kube.events).push(event(
        "Node",
        "",
        "burst-node",
        "SpotInterrupted",
        "Spot interruption warning was triggered",
    ));
    list(&mut seen.kube.karpenter_log).push(log("ERROR", "Reconciler error", "something of no importance"));
    list(&mut seen.kube.node_metrics)
        .push(json!({"metadata": {"name": "burst-node"}, "usage": {"cpu": "791m", "memory": "6Gi"}}));
    seen
}

#[test]
fn a_healthy_world_is_healthy_and_adds_up() {
    let report = of(&healthy());
    assert_eq!(report.verdict, Verdict::Healthy);
    assert_eq!((report.nodes.len(), report.pending.len(), report.unread.len()), (5, 0, 0));
    let general =
        report.nodes.iter().find(|node| node.name == Untrusted::from("general-purpose-node")).expect("the node");
    assert_eq!((general.cpu.allocatable, general.cpu.requests), (7910, 1050));
    assert_eq!((general.memory.allocatable, general.memory.requests), (30 * 1024, 2048));
    assert_eq!(general.pods, 2);
    let sum: Decimal = report.nodes.iter().filter_map(|node| node.usd_per_hour).sum();
    assert_eq!(report.cost.usd_per_hour, sum);
    assert!(report.cost.spot_at_on_demand > Decimal::ZERO && report.cost.spot_at_on_demand < sum);
    assert!(report.queue.wired);
}

#[test]
fn a_broken_world_says_so_first() {
    let report = of(&busy());
    assert_eq!(report.verdict, Verdict::Degraded);
    assert_eq!(report.causes[0].code, "cause-queue-unset");
    assert_eq!(report.interruptions.len(), 1);
    assert_eq!(report.pending.len(), 1);
    assert!(!report.queue.wired);
    assert_eq!(report.karpenter.error_count, 1);
}

#[test]
fn what_could_not_be_read_is_neither_healthy_nor_zero() {
    let report = of(&Observed { now: world::NOW, ..Observed::default() });
    assert_eq!(report.verdict, Verdict::Degraded, "the API server could not be read");
    assert_eq!(report.control_plane.api_ready, None);
    assert_eq!(report.unread.len(), 1, "one reason for all");
}

#[test]
fn what_people_see() {
    let style = Style { width: 140, colour: false };
    let spec = world::spec();
    let id = Identity::of(&spec);
    insta::assert_snapshot!("status_healthy", human::status(&of(&healthy()), style));
    insta::assert_snapshot!("status_broken", human::status(&of(&busy()), style));
    insta::assert_snapshot!("status_narrow", human::status(&of(&busy()), Style { width: 80, colour: false }));
    insta::assert_snapshot!("status_markdown", markdown::status(&of(&busy())));
    insta::assert_snapshot!("diagnose", human::diagnose(&diagnosis(&busy(), &spec, &id, None), Style::default()));
    insta::assert_snapshot!(
        "diagnose_healthy",
        human::diagnose(&diagnosis(&healthy(), &spec, &id, None), Style::default())
    );
    let pod = diagnosis(&busy(), &spec, &id, Some("default/postgres"));
    insta::assert_snapshot!("diagnose_pod", human::diagnose(&pod, Style::default()));
    insta::assert_snapshot!("diagnose_markdown", markdown::diagnose(&pod));
    insta::assert_snapshot!("diagnose_json", view_json::diagnose(&pod));
}

#[test]
fn status_json_has_its_format_and_money_as_text() {
    let json: Json = serde_json::from_str(&view_json::status(&of(&healthy()))).expect("JSON");
    assert_eq!(json["format"], "rem-ci/status/v1");
    assert!(json["cost"]["usd_per_hour"].is_string(), "{}", json["cost"]);
    assert_eq!(json["verdict"], "healthy");
    assert_eq!(json["nodes"][0]["cpu"]["allocatable"], 1930);
}
