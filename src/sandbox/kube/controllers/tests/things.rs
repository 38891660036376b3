//! Load balancers, volumes, jobs, namespaces, owners.

use serde_json::{Value as Json, json};

use super::lab::{Lab, pod, pool};
use crate::sandbox::kube::store::Key;

fn class(policy: &str) -> Json {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "gp3"}, "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3", "encrypted": "true"}, "reclaimPolicy": policy, "volumeBindingMode": "WaitForFirstConsumer",
    })
}

fn stateful() -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": 2, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}},
            "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod("db", "500m", &json!({}))["spec"]},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "storageClassName": "gp3", "resources": {"requests": {"storage": "10Gi"}},
            }}],
        },
    })
}

#[test]
fn claims_get_volumes_that_stay_or_go() {
    let mut lab = Lab::running(&[pool("general", &["on-demand"], &json!({}))]);
    lab.create("storageclasses.storage.k8s.io", class("Delete"));
    lab.create("statefulsets.apps", stateful());
    lab.pass(300);
    assert_eq!(lab.get("statefulsets.apps", "default/db")["status"]["readyReplicas"], 2);
    let claim = lab.get("persistentvolumeclaims", "default/data-db-0");
    let volume = lab.get("persistentvolumes", claim["spec"]["volumeName"].as_str().expect("a volume"));
    let handle = volume["spec"]["csi"]["volumeHandle"].as_str().expect("an id").to_owned();
    let made = lab.region().ec2.volumes[&handle].clone();
    assert!(made.attached.is_some() && made.encrypted && made.size == 10);
    assert_eq!(lab.region().ec2.tags[&handle]["kubernetes.io/created-for/pvc/name"], "data-db-0");
    let now = lab.now;
    lab.store().delete(now, "statefulsets.apps", &Key::new("default", "db"), 0).expect("it");
    lab.pass(60);
    assert!(lab.region().ec2.volumes[&handle].attached.is_none(), "a claim outlives its pod");
    let now = lab.now;
    lab.store().delete(now, "persistentvolumeclaims", &Key::new("default", "data-db-0"), 0).expect("it");
    lab.pass(5);
    assert!(!lab.region().ec2.volumes.contains_key(&handle));
    assert_eq!(lab.list("persistentvolumes").len(), 1);
}

#[test]
fn a_driver_without_a_role_makes_nothing_and_says_so() {
    let mut lab = Lab::running(&[pool("general", &["on-demand"], &json!({}))]);
    lab.with(|here| {
        here.iam.roles.get_mut("csi").expect("it").inline.clear();
    });
    lab.create("storageclasses.storage.k8s.io", class("Delete"));
    lab.create("statefulsets.apps", stateful());
    lab.pass(300);
    assert_ne!(lab.get("persistentvolumeclaims", "default/data-db-0")["status"]["phase"], "Bound");
    let told = lab.events("data-db-0").join("\n");
    assert!(told.contains("ProvisioningFailed") && told.contains("ec2:CreateVolume"), "{told}");
}

#[test]
fn a_service_gets_a_load_balancer_and_waits_for_its_end() {
    let mut lab = Lab::running(&[]);
    lab.with(|here| {
        let subnets: Vec<String> = here.region.ec2.subnets.keys().cloned().collect();
        let cluster = here.region.eks.clusters.get_mut("prod").expect("it");
        cluster.body["resourcesVpcConfig"] =
            json!({"subnetIds": subnets, "clusterSecurityGroupId": "sg-00000000000000001"});
    });
    lab.create(
        "services",
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop", "namespace": "default"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "shop"}, "ports": [{"port": 80}]},
        }),
    );
    lab.pass(10);
    assert!(lab.get("services", "default/shop")["status"]["loadBalancer"]["ingress"][0]["hostname"].is_string());
    assert_eq!(lab.region().elb.classic.len(), 1);
    let now = lab.now;
    lab.store().delete(now, "services", &Key::new("default", "shop"), 0).expect("it");
    lab.pass(900);
    assert_eq!(lab.get("services", "default/shop"), Json::Null);
    assert!(lab.region().elb.classic.is_empty());
}

#[test]
fn a_job_runs_to_its_end_and_an_owner_takes_its_own_along() {
    let mut lab = Lab::running(&[pool("general", &["spot"], &json!({}))]);
    let mut spec = pod("once", "100m", &json!({"tolerations": [{"operator": "Exists"}]}))["spec"].clone();
    spec["restartPolicy"] = json!("Never");
    lab.create(
        "jobs.batch",
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once", "namespace": "default"},
            "spec": {"completions": 2, "template": {"metadata": {"labels": {"job": "once"}}, "spec": spec}},
        }),
    );
    lab.pass(180);
    assert_eq!(lab.condition("jobs.batch", "default/once", "Complete").0, "True");
    let mine = |lab: &mut Lab| lab.list("pods").iter().filter(|pod| pod["metadata"]["labels"]["job"] == "once").count();
    assert_eq!(mine(&mut lab), 2);
    let now = lab.now;
    lab.store().delete(now, "jobs.batch", &Key::new("default", "once"), 0).expect("it");
    lab.pass(5);
    assert_eq!(mine(&mut lab), 0);
}

#[test]
fn a_namespace_takes_everything_along() {
    let mut lab = Lab::running(&[]);
    let now = lab.now;
    crate::sandbox::kube::bootstrap::namespace(lab.store(), now, "shop");
    let mut inside = pod("web", "100m", &json!({"tolerations": [{"operator": "Exists"}]}));
    inside["metadata"]["namespace"] = json!("shop");
    lab.create("pods", inside);
    lab.pass(10);
    assert_eq!(lab.condition("pods", "shop/web", "Ready").0, "True");
    lab.store()
        .change("namespaces", &Key::global("shop"), |space| space["metadata"]["finalizers"] = json!(["kubernetes"]));
    let now = lab.now;
    lab.store().delete(now, "namespaces", &Key::global("shop"), 0).expect("it");
    lab.pass(1);
    assert_eq!(lab.get("namespaces", "shop")["status"]["phase"], "Terminating");
    lab.pass(10);
    assert_eq!(lab.get("namespaces", "shop"), Json::Null);
    assert!(lab.list("serviceaccounts").iter().all(|one| one["metadata"]["namespace"] != "shop"));
}

#[test]
fn usage_is_told_where_somebody_gathers_it() {
    let mut lab = Lab::running(&[]);
    let now = lab.now;
    let cluster = lab.region().kube.clusters["prod"].clone();
    assert!(super::super::metrics_served(&cluster.store));
    assert_eq!(super::super::node_metrics(&cluster, now).len(), 2);
    assert!(
        super::super::pod_metrics(&cluster, now).iter().all(|one| one["containers"][0]["usage"]["cpu"].is_string())
    );
}
