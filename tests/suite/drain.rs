//! A cluster full of other people's things comes to its end: in order, past nothing that was not said, with nothing left.

use std::time::Duration;

use http::Request;
use rem_ci::config::Loaded;
use rem_ci::engine::Stop;
use rem_ci::engine::wait::pause;
use rem_ci::problem::Exit;
use rem_ci::run::{self, Approval, Destroyed, Halt, Wishes};
use rem_ci::sandbox::aws::ec2::{self, Launch};
use rem_ci::sandbox::kube::store::{Key, Store};
use rem_ci::sandbox::state::{Action, Rule};
use serde_json::{Value as Json, json};

use crate::common::{Region, apply, environment, virtual_time};
use crate::litter;

fn approval(acknowledged: &[String]) -> Approval {
    let acknowledged = acknowledged.to_vec();
    Approval { digest: String::new(), plan: None, acknowledged, no_lock: false, only: None }
}

/// Destroys, as if the name had been typed. `after` is `--force-drain-after`, in minutes.
async fn destroy(region: &Region, loaded: &Loaded, after: Option<u64>, said: &[String]) -> Result<Destroyed, Halt> {
    let wishes = Wishes { force_after: after.map(Duration::from_mins) };
    let world = region.world(loaded);
    run::destroy(loaded, &world, &approval(said), wishes, &|_| {}, &Stop::default()).await
}

/// Looks at or changes the objects of the environment's cluster, past its API.
fn objects<T>(region: &Region, loaded: &Loaded, f: impl FnOnce(&mut Store) -> T) -> T {
    let name = &loaded.spec.cluster.name;
    litter::here(region, loaded, |here| f(&mut here.region.kube.clusters.get_mut(name).expect("a cluster").store))
}

fn put(region: &Region, loaded: &Loaded, resource: &str, object: Json) {
    let now = region.sandbox.now();
    objects(region, loaded, |store| store.create(now, resource, object).expect(resource));
}

/// Creates an object as a person would, by the API.
async fn create(client: &kube::Client, path: &str, object: &Json) {
    let request = Request::post(path).header("content-type", "application/json");
    let sent = client.request::<Json>(request.body(object.to_string().into_bytes()).expect("a request")).await;
    sent.unwrap_or_else(|error| panic!("{path}: {error}"));
}

/// A node of Karpenter's with a database on it that a budget holds: instance, claim, Node and Pod. Gives the instance.
fn node_with_database(region: &Region, loaded: &Loaded) -> String {
    let cluster = loaded.spec.cluster.name.clone();
    let id = litter::here(region, loaded, |here| {
        let config = here.region.eks.clusters[&cluster].body["resourcesVpcConfig"].clone();
        let text = |value: &Json| value.as_str().expect("text").to_owned();
        let tags = [(format!("kubernetes.io/cluster/{cluster}"), "owned"), ("karpenter.sh/nodepool".to_owned(), "old")];
        let launch = Launch {
            instance_types: vec!["m7i.large".to_owned(), "m6i.large".to_owned(), "t3.medium".to_owned()],
            image: "ami-00000000000000001".to_owned(),
            subnets: vec![text(&config["subnetIds"][0])],
            groups: vec![text(&config["clusterSecurityGroupId"])],
            count: 1,
            spot: false,
            tags: tags.iter().map(|(key, value)| (key.clone(), (*value).to_owned())).collect(),
            volume: None,
            instance_profile: None,
            template: None,
            metadata: (true, 1),
            more_interfaces: 0,
            after: Vec::new(),
        };
        ec2::instance::launch(here, &launch).expect("an instance").remove(0)
    });
    let provider = format!("aws:///us-east-1a/{id}");
    let held = json!(["karpenter.sh/termination"]);
    let claim = json!({
        "apiVersion": "karpenter.sh/v1", "kind": "NodeClaim",
        "metadata": { "name": "old-1", "finalizers": held },
        "spec": {
            "nodeClassRef": { "group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default" },
            "requirements": [],
            "expireAfter": "720h",
        },
        "status": { "nodeName": "node-old-1", "providerID": provider },
    });
    put(region, loaded, "nodeclaims.karpenter.sh", claim);
    let ready = json!([{ "type": "Ready", "status": "True" }]);
    let node = json!({
        "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-old-1", "finalizers": held },
        "spec": { "providerID": provider }, "status": { "conditions": ready },
    });
    put(region, loaded, "nodes", node);
    let labels = json!({ "app": "db" });
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "namespace": "default", "name": "db-0", "labels": labels },
        "spec": { "nodeName": "node-old-1", "terminationGracePeriodSeconds": 30, "containers": [{ "name": "db", "image": "db" }] },
        "status": { "phase": "Running", "conditions": ready },
    });
    put(region, loaded, "pods", pod);
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "namespace": "default", "name": "db" },
        "spec": { "minAvailable": 1, "selector": { "matchLabels": labels } },
        "status": { "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 },
    });
    put(region, loaded, "poddisruptionbudgets.policy", budget);
    id
}

/// Nobody runs who would act on Karpenter's finalizers.
fn stop_karpenter(region: &Region, loaded: &Loaded) {
    objects(region, loaded, |store| {
        let karpenter = |object: &&Json| object["metadata"]["labels"]["app.kubernetes.io/name"] == "karpenter";
        for resource in ["deployments.apps", "replicasets.apps", "pods"] {
            let keys: Vec<Key> = store.list(resource).filter(karpenter).map(Key::of).collect();
            for key in keys {
                store.remove(resource, &key);
            }
        }
    });
}

fn state_of(region: &Region, loaded: &Loaded, instance: &str) -> String {
    litter::here(region, loaded, |here| {
        here.region.ec2.instances.get(instance).map_or("forgotten", |found| found.state(here.now).1).to_owned()
    })
}

#[test]
fn a_budget_stops_the_run_by_name_even_where_karpenter_does_not_run_and_force_ends_it() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        assert!(apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome.complete());
        stop_karpenter(&region, &loaded);
        let instance = node_with_database(&region, &loaded);

        let (looked, _) = run::look_before(&loaded, &region.world(&loaded), &[]).await.expect("a look");
        let foretold = looked.findings.iter().find(|one| one.code == "drain-blocked").expect("a forecast");
        assert!(foretold.title.contains("default/db-0") && !foretold.stops(), "{}", foretold.title);

        let stopped = destroy(&region, &loaded, None, &[]).await.expect("a destroy");
        assert_eq!(stopped.exit(), Exit::Incomplete, "{:#?}", stopped.applied.outcome.reports);
        assert_eq!(stopped.problems.iter().map(|one| one.code).collect::<Vec<_>>(), ["drain-blocked"]);
        let problem = &stopped.problems[0];
        let why = "PodDisruptionBudget default/db allows 0 disruptions";
        assert!(problem.title.contains("pod default/db-0") && problem.title.contains(why), "{}", problem.title);
        assert!(problem.help.contains("kubectl --namespace default delete pod/db-0"), "{}", problem.help);
        assert!(problem.help.contains("--force-drain-after"), "{}", problem.help);
        assert_eq!(state_of(&region, &loaded, &instance), "running");
        let cluster = loaded.spec.cluster.name.clone();
        litter::here(&region, &loaded, |here| assert!(here.region.eks.clusters.contains_key(&cluster)));

        let ended = destroy(&region, &loaded, Some(5), &[]).await.expect("a destroy");
        assert_eq!(ended.exit(), Exit::Done, "{:#?} {:#?}", ended.problems, ended.applied.outcome.reports);
        assert_ne!(state_of(&region, &loaded, &instance), "running");
        let said = ended.notes.join("\n");
        for part in [
            "deleted pod default/db-0 after 5m, although PodDisruptionBudget default/db allows 0 disruptions",
            "Karpenter did not run",
            "took karpenter.sh/termination off NodeClaim old-1: its instance",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        litter::here(&region, &loaded, |here| assert!(here.region.eks.clusters.is_empty()));
    });
}

#[test]
fn a_cluster_that_cannot_be_reached_is_not_ended_unless_somebody_says_so() {
    virtual_time(async {
        let loaded = environment("dev");
        let region = Region::new(7, &loaded.spec.account);
        assert!(apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome.complete());
        stop_karpenter(&region, &loaded);
        let instance = node_with_database(&region, &loaded);
        pause(Duration::from_mins(1)).await;
        let cut =
            Rule { service: "kubernetes".into(), operation: "*".into(), nth: 0, action: Action::CutBefore, seen: 0 };
        region.sandbox.with(|state| state.faults.push(cut));

        let halt = destroy(&region, &loaded, None, &[]).await.expect_err("a refusal");
        assert_eq!(halt.exit, Exit::Refused);
        let problem = halt.problems.iter().find(|one| one.code == "drain-unreachable").expect("a problem");
        assert_eq!(state_of(&region, &loaded, &instance), "running");
        let said = format!("drain-unreachable:{}", problem.digest.as_deref().expect("a digest"));
        assert!(problem.help.contains(&said), "{}", problem.help);

        let ended = destroy(&region, &loaded, None, &[said]).await.expect("a destroy");
        assert_eq!(ended.exit(), Exit::Done, "{:#?} {:#?}", ended.problems, ended.applied.outcome.reports);
        assert_ne!(state_of(&region, &loaded, &instance), "running");
        assert!(ended.notes.iter().any(|note| note.contains("removed 1 instance")), "{:?}", ended.notes);
    });
}

/// A workload of so many pods, each on a node of its own, of one pool.
fn workload(kind: &str, name: &str, pool: &str, replicas: u32) -> Json {
    let labels = json!({ "app": name });
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": { "namespace": "shop", "name": name },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": {
                    "nodeSelector": { "workload-type": pool },
                    "tolerations": [{ "key": "workload-type", "operator": "Equal", "value": pool, "effect": "NoSchedule" }],
                    "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [
                        { "topologyKey": "kubernetes.io/hostname", "labelSelector": { "matchLabels": labels } },
                    ] } },
                    "containers": [{ "name": name, "image": "registry.example.com/app:1",
                        "resources": { "requests": { "cpu": "500m", "memory": "512Mi" } } }],
                },
            },
        },
    });
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
        object["spec"]["podManagementPolicy"] = json!("Parallel");
        object["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] =
            json!([{ "name": "data", "mountPath": "/data" }]);
        object["spec"]["volumeClaimTemplates"] = json!([{
            "metadata": { "name": "data" },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "20Gi" } } },
        }]);
    }
    object
}

/// Lets time pass until a list of the cluster is as it should be.
async fn until(client: &kube::Client, path: &str, what: &str, fits: impl Fn(&[Json]) -> bool) {
    let mut items = Vec::new();
    for _ in 0..120 {
        let request = Request::get(path).body(Vec::new()).expect("a request");
        let mut list: Json = client.request(request).await.expect(path);
        items = match list["items"].take() {
            Json::Array(items) => items,
            _ => Vec::new(),
        };
        if fits(&items) {
            return;
        }
        pause(Duration::from_secs(10)).await;
    }
    let seen: Vec<String> = items
        .iter()
        .map(|one| format!("{} {} {}", one["metadata"]["name"], one["spec"]["nodeName"], one["status"]))
        .collect();
    panic!("{what} did not come: {seen:#?}");
}

/// 40 nodes in three pools, with all that makes an end hard.
async fn full(region: &Region, loaded: &Loaded) {
    let world = region.world(loaded);
    let client = world.cloud.kube(&loaded.spec.cluster.name).await.expect("a way in").expect("a cluster");
    create(
        &client,
        "/api/v1/namespaces",
        &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" } }),
    )
    .await;
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "namespace": "shop", "name": "db" },
        "spec": { "maxUnavailable": 0, "selector": { "matchLabels": { "app": "db" } } },
    });
    create(&client, "/apis/policy/v1/namespaces/shop/poddisruptionbudgets", &budget).await;
    create(&client, "/apis/apps/v1/namespaces/shop/deployments", &workload("Deployment", "web", "general-purpose", 20))
        .await;
    create(&client, "/apis/apps/v1/namespaces/shop/deployments", &workload("Deployment", "batch", "burst", 14)).await;
    create(&client, "/apis/apps/v1/namespaces/shop/statefulsets", &workload("StatefulSet", "db", "stateful", 6)).await;
    for name in ["web", "api"] {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "namespace": "shop", "name": name },
            "spec": { "type": "LoadBalancer", "selector": { "app": "web" }, "ports": [{ "port": 80, "targetPort": 8080 }] },
        });
        create(&client, "/api/v1/namespaces/shop/services", &service).await;
    }
    until(&client, "/api/v1/namespaces/shop/pods", "40 running pods", |pods| {
        pods.iter().filter(|pod| pod["status"]["phase"] == "Running").count() == 40
    })
    .await;
    until(&client, "/api/v1/namespaces/shop/services", "two load balancers", |services| {
        services.iter().filter(|one| one["status"]["loadBalancer"]["ingress"][0]["hostname"].is_string()).count() == 2
    })
    .await;
    until(&client, "/apis/karpenter.sh/v1/nodeclaims", "40 claims", |claims| claims.len() == 40).await;
    // Somebody's controller put a finalizer on a claim and is not there any more.
    objects(region, loaded, |store| {
        let of_batch = |claim: &&Json| claim["metadata"]["labels"]["karpenter.sh/nodepool"] == "burst";
        let claim = store.list("nodeclaims.karpenter.sh").find(of_batch).expect("a claim");
        let key = Key::of(claim);
        store.change("nodeclaims.karpenter.sh", &key, |claim| {
            if let Json::Array(finalizers) = &mut claim["metadata"]["finalizers"] {
                finalizers.push(json!("example.com/hold"));
            }
        });
    });
    litter::interface(region, loaded);
}

#[test]
fn forty_nodes_stop_at_the_budget_and_end_when_they_are_told_to() {
    virtual_time(async {
        let mut loaded = environment("prod");
        // Nodes that go by themselves are not what this is about.
        for disruption in loaded.spec.node_pools.values_mut().filter_map(|pool| pool.disruption.as_mut()) {
            "Never".clone_into(&mut disruption.consolidate_after);
            "WhenEmpty".clone_into(&mut disruption.consolidation_policy);
        }
        let region = Region::new(7, &loaded.spec.account);
        assert!(apply(&loaded, &region.world(&loaded)).await.expect("an apply").outcome.complete());
        full(&region, &loaded).await;

        let stopped = destroy(&region, &loaded, None, &[]).await.expect("a destroy");
        assert_eq!(stopped.exit(), Exit::Incomplete, "{:#?}", stopped.applied.outcome.reports);
        let titles: Vec<&str> = stopped.problems.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(titles.len(), 6, "{titles:#?}");
        assert!(
            titles.iter().all(|title| title.contains("PodDisruptionBudget shop/db allows 0 disruptions")),
            "{titles:#?}"
        );
        assert!(titles[0].starts_with("pod shop/db-0 cannot be moved from node "), "{titles:#?}");
        let help = "kubectl --namespace shop scale statefulset/db --replicas 0";
        assert!(stopped.problems.iter().all(|one| one.help.contains(help)), "{:#?}", stopped.problems);
        let running = |here: &mut rem_ci::sandbox::region::Here<'_>| {
            let of_karpenter = |id: &String| {
                here.region.ec2.tags.get(id).is_some_and(|tags| tags.contains_key("karpenter.sh/nodepool"))
            };
            let instances = here.region.ec2.instances.iter().filter(|(id, _)| of_karpenter(id));
            instances.filter(|(_, instance)| instance.going.is_none()).count()
        };
        litter::here(&region, &loaded, |here| {
            assert_eq!(running(here), 6, "the databases still run, and all else is gone");
            assert!(here.region.elb.classic.is_empty() && here.region.elb.second.is_empty());
        });

        let ended = destroy(&region, &loaded, Some(10), &[]).await.expect("a destroy");
        assert_eq!(ended.exit(), Exit::Done, "{:#?} {:#?}", ended.problems, ended.applied.outcome.reports);
        assert_eq!(ended.leftovers, []);
        let volumes: Vec<&str> =
            ended.kept.iter().filter(|one| one.noun == "volume").map(|one| one.why.as_str()).collect();
        assert_eq!(volumes.len(), 6, "{:#?}", ended.kept);
        assert!(volumes.iter().any(|why| why.contains("20") && why.contains("shop/data-db-0")), "{volumes:#?}");
        let said = [stopped.notes, ended.notes].concat().join("\n");
        for part in [
            "deleted Service shop/web",
            "deleted Service shop/api",
            "2 load balancers ended",
            "6 PersistentVolumes set to be retained",
            "deleted NodePool stateful",
            "example.com/hold off NodeClaim",
            "deleted pod shop/db-5 after 10m, although PodDisruptionBudget shop/db allows 0 disruptions",
        ] {
            assert!(said.contains(part), "{part}: {said}");
        }
        litter::here(&region, &loaded, |here| {
            assert_eq!(running(here), 0);
            assert!(here.region.eks.clusters.is_empty() && here.region.ec2.vpcs.is_empty());
            assert!(here.region.ec2.network_interfaces.is_empty());
            assert!(here.iam.profiles.is_empty(), "{:?}", here.iam.profiles.keys());
            assert!(here.region.ec2.launch_templates.is_empty());
            assert_eq!(here.region.ec2.volumes.len(), 6);
        });
    });
}
