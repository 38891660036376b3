//! Interruptions, drift, consolidation, drains, and finalizers that stay.

use serde_json::{Value as Json, json};

use super::lab::{Lab, pod, pool};
use crate::sandbox::kube::store::Key;

const CLAIMS: &str = "nodeclaims.karpenter.sh";

fn general() -> Json {
    pool("general", &["spot", "on-demand"], &json!({}))
}

fn deployment(name: &str, replicas: u64, cpu: &str) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": pod(name, cpu, &json!({}))["spec"]},
        },
    })
}

/// A cluster with a Deployment on a node of its own; gives the claim's name.
fn with_node() -> (Lab, String) {
    let mut lab = Lab::running(&[general()]);
    lab.create("deployments.apps", deployment("web", 1, "1"));
    lab.pass(120);
    let claim = lab.list(CLAIMS)[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    assert_eq!(lab.get("deployments.apps", "default/web")["status"]["readyReplicas"], 1);
    (lab, claim)
}

fn message(lab: &mut Lab, body: &Json) {
    let body = body.to_string();
    lab.with(|here| {
        let message =
            crate::sandbox::aws::sqs::Message { body, sent: here.now, visible: here.now, ..Default::default() };
        here.region.sqs.queues.get_mut("prod").expect("the queue").messages.push(message);
    });
}

fn instance(lab: &mut Lab, claim: &str) -> String {
    let claim = lab.get(CLAIMS, claim);
    claim["status"]["providerID"].as_str().and_then(|id| id.rsplit('/').next()).expect("an instance").to_owned()
}

#[test]
fn an_interruption_is_read_said_and_acted_on() {
    let (mut lab, claim) = with_node();
    let id = instance(&mut lab, &claim);
    message(
        &mut lab,
        &json!({"source": "aws.ec2", "detail-type": "EC2 Spot Instance Interruption Warning", "detail": {"instance-id": id}}),
    );
    message(
        &mut lab,
        &json!({"source": "aws.ec2", "detail-type": "EC2 Instance State-change Notification", "detail": {"instance-id": "i-0", "state": "running"}}),
    );
    lab.pass(5);
    assert!(lab.region().sqs.queues["prod"].messages.is_empty());
    let told = lab.events(&claim).join("\n");
    assert!(told.contains("SpotInterrupted: ") && told.contains("TerminatingOnInterruption: "), "{told}");
    lab.pass(180);
    assert_eq!(lab.get(CLAIMS, &claim), Json::Null);
    assert_eq!(lab.get("deployments.apps", "default/web")["status"]["readyReplicas"], 1, "it runs on another node");
    assert_eq!(lab.list(CLAIMS).len(), 1);
}

#[test]
fn a_rebalance_recommendation_is_only_said() {
    let (mut lab, claim) = with_node();
    let id = instance(&mut lab, &claim);
    message(
        &mut lab,
        &json!({"source": "aws.ec2", "detail-type": "EC2 Instance Rebalance Recommendation", "detail": {"instance-id": id}}),
    );
    lab.pass(60);
    assert!(lab.events(&claim).join("\n").contains("SpotRebalanceRecommendation"));
    assert_eq!(lab.list(CLAIMS)[0]["metadata"]["name"], claim);
}

#[test]
fn a_budget_that_forbids_eviction_stops_the_drain_and_is_named() {
    let (mut lab, claim) = with_node();
    lab.create("poddisruptionbudgets.policy", json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "all-of-them", "namespace": "default"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }));
    let now = lab.now;
    lab.store().delete(now, CLAIMS, &Key::global(claim.clone()), 0).expect("a claim");
    lab.pass(600);
    let node = lab.get(CLAIMS, &claim)["status"]["nodeName"].as_str().expect("a node").to_owned();
    let told = lab.events(&node).join("\n");
    assert!(told.contains("FailedDraining") && told.contains("PodDisruptionBudget=default/all-of-them"), "{told}");
    // Somebody gives it a deadline.
    let at = crate::sandbox::kube::store::time(lab.now);
    lab.store().change(CLAIMS, &Key::global(claim.clone()), |claim| {
        claim["metadata"]["annotations"]["karpenter.sh/nodeclaim-termination-timestamp"] = json!(at);
    });
    lab.pass(120);
    assert_eq!(lab.get(CLAIMS, &claim), Json::Null);
}

#[test]
fn without_karpenter_finalizers_stay() {
    let (mut lab, claim) = with_node();
    let now = lab.now;
    lab.store().delete(now, "deployments.apps", &Key::new("kube-system", "karpenter"), 0).expect("it");
    lab.pass(60);
    let now = lab.now;
    lab.store().delete(now, "nodepools.karpenter.sh", &Key::global("general"), 0).expect("a pool");
    lab.pass(900);
    assert!(
        lab.get(CLAIMS, &claim)["metadata"]["deletionTimestamp"].is_string(),
        "the collector has asked for its end"
    );
    assert_eq!(lab.list("nodes").len(), 3);
}

#[test]
fn a_pool_that_goes_takes_its_nodes_along() {
    let (mut lab, claim) = with_node();
    let now = lab.now;
    lab.store().delete(now, "nodepools.karpenter.sh", &Key::global("general"), 0).expect("a pool");
    lab.pass(180);
    assert_eq!(lab.get(CLAIMS, &claim), Json::Null);
    assert_eq!(lab.list("nodes").len(), 2);
    let now = lab.now;
    lab.store().delete(now, "ec2nodeclasses.karpenter.k8s.aws", &Key::global("default"), 0).expect("a class");
    lab.pass(5);
    assert!(lab.list("ec2nodeclasses.karpenter.k8s.aws").is_empty());
    assert!(lab.with(|here| here.iam.profiles.is_empty()), "its instance profile went with it");
}

#[test]
fn a_changed_class_drifts_its_nodes_and_replacements_come_first() {
    let (mut lab, claim) = with_node();
    lab.store().change("ec2nodeclasses.karpenter.k8s.aws", &Key::global("default"), |class| {
        class["spec"]["tags"]["team"] = json!("other");
    });
    lab.pass(2);
    assert_eq!(lab.condition(CLAIMS, &claim, "Drifted").0, "True");
    lab.pass(30);
    assert_eq!(lab.list(CLAIMS).len(), 2, "the new one comes before the old one goes");
    lab.pass(240);
    let left = lab.list(CLAIMS);
    assert_eq!(left.len(), 1);
    assert_ne!(left[0]["metadata"]["name"], claim);
    assert_eq!(lab.get("deployments.apps", "default/web")["status"]["readyReplicas"], 1);
}

#[test]
fn budgets_and_annotations_hold_drift_back() {
    let (mut lab, claim) = with_node();
    lab.store().change("nodepools.karpenter.sh", &Key::global("general"), |pool| {
        pool["spec"]["disruption"]["budgets"] = json!([{"nodes": "0", "reasons": ["Drifted"]}, {"nodes": "100%"}]);
    });
    lab.store().change("ec2nodeclasses.karpenter.k8s.aws", &Key::global("default"), |class| {
        class["spec"]["tags"]["team"] = json!("other");
    });
    lab.pass(600);
    assert_eq!(lab.condition(CLAIMS, &claim, "Drifted").0, "True");
    assert_eq!(lab.list(CLAIMS).len(), 1);
}

#[test]
fn an_old_node_expires_whatever_budgets_say() {
    let mut lab = Lab::running(&[pool("general", &["spot"], &json!({"expireAfter": "10m"}))]);
    lab.create("deployments.apps", deployment("web", 1, "1"));
    lab.pass(120);
    let claim = lab.list(CLAIMS)[0]["metadata"]["name"].as_str().expect("a name").to_owned();
    lab.pass(900);
    assert_eq!(lab.get(CLAIMS, &claim), Json::Null);
    assert_eq!(lab.get("deployments.apps", "default/web")["status"]["readyReplicas"], 1);
}

#[test]
fn pods_move_together_when_they_fit_on_fewer_nodes() {
    let mut lab = Lab::running(&[pool("general", &["on-demand"], &json!({}))]);
    lab.create("deployments.apps", deployment("big", 1, "3"));
    lab.pass(150);
    lab.create("deployments.apps", deployment("web", 1, "1"));
    lab.pass(150);
    let many = lab.list(CLAIMS).len();
    lab.store().change("deployments.apps", &Key::new("default", "big"), |one| one["spec"]["replicas"] = json!(0));
    lab.pass(600);
    assert_eq!(lab.list(CLAIMS).len(), 1, "from {many}");
    assert_eq!(lab.get("deployments.apps", "default/web")["status"]["readyReplicas"], 1);
    let claim = lab.list(CLAIMS)[0].clone();
    assert_eq!(claim["metadata"]["labels"]["karpenter.k8s.aws/instance-cpu"], "2", "a small node is enough now");
}

#[test]
fn stateful_pools_that_never_consolidate_do_not() {
    let mut never = pool("stateful", &["on-demand"], &json!({"expireAfter": "Never"}));
    never["spec"]["disruption"] =
        json!({"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never", "budgets": [{"nodes": "100%"}]});
    let mut lab = Lab::running(&[never]);
    lab.create("pods", pod("db", "1", &json!({})));
    lab.pass(120);
    let now = lab.now;
    lab.store().delete(now, "pods", &Key::new("default", "db"), 30).expect("a pod");
    lab.pass(3600);
    assert_eq!(lab.list(CLAIMS).len(), 1);
}

#[test]
fn forty_nodes_come_and_go() {
    let mut lab = Lab::running(&[general()]);
    lab.create("deployments.apps", {
        let mut many = deployment("many", 40, "1");
        many["spec"]["template"]["spec"]["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "many"}}, "topologyKey": "kubernetes.io/hostname"},
        ]}});
        many
    });
    lab.store().change("nodepools.karpenter.sh", &Key::global("general"), |pool| {
        pool["spec"]["limits"] = json!({"cpu": "1000"});
    });
    lab.pass(200);
    assert_eq!(lab.list(CLAIMS).len(), 40);
    assert_eq!(lab.get("deployments.apps", "default/many")["status"]["readyReplicas"], 40);
    lab.store().change("deployments.apps", &Key::new("default", "many"), |one| one["spec"]["replicas"] = json!(0));
    lab.pass(600);
    assert_eq!(lab.list(CLAIMS).len(), 0);
    assert_eq!(lab.list("nodes").len(), 2);
}
