//! Broken worlds from end to end: an applied `prod`, one thing broken in the region or in the cluster, then everything is
//! looked at through the real clients. The right check fails and the right cause comes first.

use std::sync::Mutex;
use std::time::Duration;

use rem_ci::cloud::kubernetes::{Api, Client, Place, objects};
use rem_ci::config::Loaded;
use rem_ci::config::spec::Identity as Access;
use rem_ci::engine::wait::pause;
use rem_ci::model::Identity;
use rem_ci::run::World;
use rem_ci::sandbox::aws::ec2::Shortage;
use rem_ci::sandbox::state::{RegionState, State};
use rem_ci::verify::diagnose::{Cause, diagnose};
use rem_ci::verify::observed::Observed;
use rem_ci::verify::{self, canary, checks, observe};
use serde_json::{Value as Json, json};

use crate::common::{Region, apply, environment, virtual_time};
use crate::fault::failures;

const PODS: Api = Api { group: "", version: "v1", kind: "Pod", plural: "pods" };
const NODES: Api = Api { group: "", version: "v1", kind: "Node", plural: "nodes" };
const CLAIMS: Api = Api { group: "", version: "v1", kind: "PersistentVolumeClaim", plural: "persistentvolumeclaims" };
const ACCOUNTS: Api = Api { group: "", version: "v1", kind: "ServiceAccount", plural: "serviceaccounts" };
const DEPLOYMENTS: Api = Api { group: "apps", version: "v1", kind: "Deployment", plural: "deployments" };
const BUDGETS: Api =
    Api { group: "policy", version: "v1", kind: "PodDisruptionBudget", plural: "poddisruptionbudgets" };
const POOLS: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodePool", plural: "nodepools" };
const NODE_CLAIMS: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodeClaim", plural: "nodeclaims" };
const CLASSES: Api = Api { group: "karpenter.k8s.aws", version: "v1", kind: "EC2NodeClass", plural: "ec2nodeclasses" };
const DEFINITIONS: Api = Api {
    group: "apiextensions.k8s.io",
    version: "v1",
    kind: "CustomResourceDefinition",
    plural: "customresourcedefinitions",
};

/// The shipped `prod`, applied once for all of these tests.
async fn prod() -> (Loaded, Region) {
    static APPLIED: Mutex<Option<(State, Duration)>> = Mutex::new(None);
    let loaded = environment("prod");
    if let Some((state, later)) = APPLIED.lock().expect("a lock").as_ref() {
        return (loaded, Region::over(state.clone(), *later));
    }
    let began = tokio::time::Instant::now();
    let region = Region::new(23, &loaded.spec.account);
    let done = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
    assert_eq!(failures(&done.outcome), Vec::<String>::new());
    let later = began.elapsed() + Duration::from_mins(10);
    let state = region.sandbox.with(|state| state.clone());
    *APPLIED.lock().expect("a lock") = Some((state.clone(), later));
    (loaded, Region::over(state, later))
}

/// A world to break.
struct Broken {
    loaded: Loaded,
    region: Region,
    world: World,
    id: Identity,
    client: Client,
}

impl Broken {
    async fn new(loaded: Loaded, region: Region) -> Self {
        let world = region.world(&loaded);
        let client = world.cloud.kube(&loaded.spec.cluster.name).await.expect("a way in").expect("a cluster");
        let id = Identity::of(&loaded.spec);
        Self { loaded, region, world, id, client }
    }

    async fn seen(&self) -> Observed {
        observe::observe(&self.world.cloud, &self.world.clock, &self.loaded.spec, &self.id).await
    }

    fn causes(&self, seen: &Observed) -> Vec<Cause> {
        diagnose(seen, &self.loaded.spec, &self.id, None)
    }

    /// Changes the region's insides.
    fn region(&self, change: impl FnOnce(&mut RegionState)) {
        self.region.sandbox.with(|state| {
            let account = state.accounts.get_mut(&self.loaded.spec.account).expect("the account");
            change(account.regions.get_mut(&self.loaded.spec.region).expect("the region"));
        });
    }

    async fn merge(&self, api: &Api, namespace: &str, name: &str, patch: Json) {
        let place = Place { namespace: (!namespace.is_empty()).then_some(namespace), name };
        objects::merge(&self.client, api, place, &patch).await.expect("a patch");
    }

    async fn delete(&self, api: &Api, namespace: &str, name: &str) {
        let place = Place { namespace: (!namespace.is_empty()).then_some(namespace), name };
        objects::delete(&self.client, api, place, "").await.expect("a delete");
    }

    async fn apply(&self, api: &Api, object: &Json) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
        let place = Place { namespace: Some(text("/metadata/namespace")), name: text("/metadata/name") };
        objects::apply(&self.client, api, place, "test", object).await.expect("an apply");
    }

    /// A pod that asks for a node of a pool, and tolerates its taint.
    async fn pod(&self, name: &str, pool: &str, change: impl FnOnce(&mut Json)) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
            "spec": {
                "nodeSelector": {"workload-type": pool},
                "tolerations": [{"key": "workload-type", "operator": "Equal", "value": pool, "effect": "NoSchedule"}],
                "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}],
            },
        });
        change(&mut pod);
        self.apply(&PODS, &pod).await;
    }

    fn role(&self, what: &str) -> String {
        self.id.derived(what)
    }
}

/// One broken world: what is done to it, how long it is left alone, which check fails and which cause comes first.
fn breaks(cause: &str, check: &str, seconds: u64, broken: impl AsyncFnOnce(&Broken)) {
    virtual_time(async {
        let (loaded, region) = prod().await;
        let world = Broken::new(loaded, region).await;
        broken(&world).await;
        pause(Duration::from_secs(seconds)).await;
        judge(&world, cause, check).await;
    });
}

async fn judge(world: &Broken, cause: &str, check: &str) {
    let seen = world.seen().await;
    let causes = world.causes(&seen);
    let codes: Vec<_> = causes.iter().map(|cause| cause.code).collect();
    assert_eq!(codes.first(), Some(&cause), "{codes:?}\n{causes:#?}");
    if !check.is_empty() {
        let (spec, id) = (&world.loaded.spec, &world.id);
        let mut all = checks::inside(&seen, spec, id);
        all.extend(verify::aws(&world.world.cloud, spec, id).await.expect("checks"));
        let failed: Vec<_> = all.iter().filter(|check| !check.passed).map(|check| check.code).collect();
        assert!(failed.contains(&check), "{failed:?}");
    }
}

#[test]
fn an_applied_environment_has_no_cause_and_every_check_holds() {
    virtual_time(async {
        let (loaded, region) = prod().await;
        let world = Broken::new(loaded, region).await;
        let seen = world.seen().await;
        assert_eq!(world.causes(&seen), []);
        let all =
            verify::all(&world.world.cloud, &world.world.clock, &world.loaded.spec, &world.id).await.expect("checks");
        let failed: Vec<_> = all.iter().filter(|check| !check.passed).collect();
        assert!(failed.is_empty() && all.len() > 25, "{failed:#?}");
    });
}

#[test]
fn there_is_no_cluster() {
    virtual_time(async {
        let loaded = environment("prod");
        let region = Region::new(5, &loaded.spec.account);
        let world = region.world(&loaded);
        let id = Identity::of(&loaded.spec);
        let seen = observe::observe(&world.cloud, &world.clock, &loaded.spec, &id).await;
        assert_eq!(diagnose(&seen, &loaded.spec, &id, None)[0].code, "cause-cluster-absent");
    });
}

#[test]
fn the_queue_is_not_wired() {
    breaks("cause-queue-not-wired", "verify-interruption", 5, async |world| {
        world.world.cloud.events.disable_rule().name(world.role("spot")).send().await.expect("a call");
    });
}

#[test]
fn the_wrong_helm_key() {
    breaks("cause-queue-unset", "verify-queue-read", 60, async |world| {
        let place = Place::new("karpenter", "karpenter");
        let deployment = objects::get(&world.client, &DEPLOYMENTS, place).await.expect("a get").expect("a deployment");
        let mut containers = deployment["spec"]["template"]["spec"]["containers"].clone();
        let variables = containers[0]["env"].as_array_mut().expect("variables");
        variables.retain(|variable| variable["name"] != "INTERRUPTION_QUEUE");
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        world.merge(&DEPLOYMENTS, "karpenter", "karpenter", patch).await;
    });
}

#[test]
fn the_policy_lacks_actions() {
    breaks("cause-policy-action", "verify-karpenter-permissions", 120, async |world| {
        let role = world.role("karpenter");
        let call = world.world.cloud.iam.list_attached_role_policies().role_name(&role).send().await;
        let policies = call.expect("a call");
        let lifecycle =
            policies.attached_policies().iter().find(|one| one.policy_name().unwrap_or_default().contains("lifecycle"));
        let arn = lifecycle.and_then(|one| one.policy_arn()).expect("the policy");
        world.world.cloud.iam.detach_role_policy().role_name(&role).policy_arn(arn).send().await.expect("a call");
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn the_service_account_names_no_role() {
    breaks("cause-service-account", "verify-karpenter-identity", 60, async |world| {
        let patch = json!({"metadata": {"annotations": {"eks.amazonaws.com/role-arn": null}}});
        world.merge(&ACCOUNTS, "karpenter", "karpenter", patch).await;
    });
}

#[test]
fn the_association_is_gone() {
    virtual_time(async {
        let mut loaded = environment("dev");
        loaded.spec.karpenter.identity = Access::PodIdentity;
        let region = Region::new(29, &loaded.spec.account);
        let done = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
        assert_eq!(failures(&done.outcome), Vec::<String>::new());
        let world = Broken::new(loaded, region).await;
        assert_eq!(world.causes(&world.seen().await), []);
        let cluster = &world.loaded.spec.cluster.name;
        let call = world.world.cloud.eks.list_pod_identity_associations().cluster_name(cluster).send().await;
        let call = call.expect("a call");
        let one = call.associations().iter().find(|one| one.namespace() == Some("karpenter"));
        let one = one.and_then(|one| one.association_id()).expect("the association");
        let delete = world.world.cloud.eks.delete_pod_identity_association().cluster_name(cluster).association_id(one);
        delete.send().await.expect("a call");
        judge(&world, "cause-association-missing", "verify-karpenter-identity").await;
    });
}

#[test]
fn the_trust_policy_names_another_subject() {
    breaks("cause-trust", "verify-karpenter-identity", 60, async |world| {
        let role = world.role("karpenter");
        let call = world.world.cloud.iam.get_role().role_name(&role).send().await.expect("a call");
        let trust = call.role().and_then(|role| role.assume_role_policy_document()).expect("a document");
        let trust = percent_encoding::percent_decode_str(trust).decode_utf8_lossy().into_owned();
        let other = trust.replace("serviceaccount:karpenter:karpenter", "serviceaccount:kube-system:karpenter");
        assert_ne!(other, trust);
        let call = world.world.cloud.iam.update_assume_role_policy().role_name(role).policy_document(other);
        call.send().await.expect("a call");
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn the_oidc_provider_is_gone() {
    breaks("cause-provider-missing", "verify-karpenter-identity", 60, async |world| {
        let all = world.world.cloud.iam.list_open_id_connect_providers().send().await.expect("a call");
        for one in all.open_id_connect_provider_list() {
            let call = world.world.cloud.iam.delete_open_id_connect_provider();
            call.open_id_connect_provider_arn(one.arn().unwrap_or_default()).send().await.expect("a call");
        }
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn nodes_have_no_access_entry() {
    breaks("cause-node-entry", "verify-node-access", 240, async |world| {
        let principal = world.id.iam_arn(&format!("role{}{}", world.id.iam_path(), world.role("karpenter-node")));
        let call = world.world.cloud.eks.delete_access_entry().cluster_name(&world.loaded.spec.cluster.name);
        call.principal_arn(principal).send().await.expect("a call");
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn subnets_have_no_way_out() {
    breaks("cause-node-route", "", 5, async |world| {
        let tables = world.world.cloud.ec2.describe_route_tables().send().await.expect("a call");
        let nat = |table: &&aws_sdk_ec2::types::RouteTable| {
            table.routes().iter().any(|route| route.nat_gateway_id().is_some())
        };
        for table in tables.route_tables().iter().filter(nat) {
            let id = table.route_table_id().unwrap_or_default();
            let call = world.world.cloud.ec2.delete_route().route_table_id(id).destination_cidr_block("0.0.0.0/0");
            call.send().await.expect("a call");
        }
    });
}

#[test]
fn a_pool_is_at_its_limit() {
    breaks("cause-pool-limit", "", 120, async |world| {
        world.merge(&POOLS, "", "burst", json!({"spec": {"limits": {"cpu": "1"}}})).await;
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn a_taint_is_not_tolerated() {
    breaks("cause-taint", "", 120, async |world| {
        world.pod("worker", "stateful", |pod| pod["spec"]["tolerations"] = json!([])).await;
    });
}

#[test]
fn no_pool_satisfies_a_selector() {
    breaks("cause-selector", "", 120, async |world| world.pod("worker", "bursty", |_| {}).await);
}

#[test]
fn a_pod_is_larger_than_any_machine() {
    breaks("cause-pod-too-large", "", 120, async |world| {
        world.merge(&POOLS, "", "burst", json!({"spec": {"limits": null}})).await;
        let huge = json!({"cpu": "700", "memory": "9000Gi"});
        world.pod("worker", "burst", |pod| pod["spec"]["containers"][0]["resources"]["requests"] = huge).await;
    });
}

#[test]
fn the_image_alias_is_gone() {
    breaks("cause-image-gone", "verify-node-class", 120, async |world| {
        let patch = json!({"spec": {"amiSelectorTerms": [{"alias": "al2023@v20200101"}]}});
        world.merge(&CLASSES, "", "default", patch).await;
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn the_class_finds_no_subnets() {
    breaks("cause-class-subnets", "verify-node-pool", 120, async |world| {
        let patch = json!({"spec": {"subnetSelectorTerms": [{"tags": {"karpenter.sh/discovery": "other"}}]}});
        world.merge(&CLASSES, "", "default", patch).await;
    });
}

#[test]
fn subnets_have_no_addresses() {
    breaks("cause-subnet-full", "", 120, async |world| {
        world.region(|region| {
            for subnet in region.ec2.subnets.values_mut() {
                subnet.cidr = format!("{}/29", subnet.cidr.network()).parse().expect("a block");
            }
        });
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn spot_capacity_is_gone() {
    breaks("cause-spot-capacity", "", 120, async |world| {
        world.region(|region| {
            region.ec2.capacity_gone.push(Shortage { capacity: "spot".to_owned(), ..Shortage::default() });
        });
        world.pod("worker", "burst", |_| {}).await;
    });
}

#[test]
fn the_vcpu_quota_is_used_up() {
    breaks("cause-quota", "", 120, async |world| {
        world.region(|region| region.ec2.limits.vcpus = (4, 4));
        world.pod("worker", "stateful", |_| {}).await;
    });
}

#[test]
fn a_budget_blocks_a_drain() {
    breaks("cause-budget-blocks", "", 420, async |world| {
        world.pod("db", "stateful", |_| {}).await;
        let budget = json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "db", "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "db"}}},
        });
        world.apply(&BUDGETS, &budget).await;
        pause(Duration::from_secs(150)).await;
        let claims = objects::list(&world.client, &NODE_CLAIMS, None, "").await.expect("a list");
        assert_eq!(claims.len(), 1, "{claims:#?}");
        world.delete(&NODE_CLAIMS, "", claims[0]["metadata"]["name"].as_str().expect("a name")).await;
    });
}

#[test]
fn a_finalizer_stays_without_a_controller() {
    breaks("cause-controller-absent", "verify-karpenter-rollout", 420, async |world| {
        world.pod("worker", "burst", |_| {}).await;
        pause(Duration::from_secs(150)).await;
        world.merge(&DEPLOYMENTS, "karpenter", "karpenter", json!({"spec": {"replicas": 0}})).await;
        pause(Duration::from_secs(30)).await;
        let claims = objects::list(&world.client, &NODE_CLAIMS, None, "").await.expect("a list");
        world.delete(&NODE_CLAIMS, "", claims[0]["metadata"]["name"].as_str().expect("a name")).await;
        pause(Duration::from_secs(400)).await;
        let seen = world.seen().await;
        let causes = world.causes(&seen);
        assert!(causes.iter().any(|cause| cause.code == "cause-finalizer"), "{causes:#?}");
    });
}

#[test]
fn a_replica_of_the_controller_has_no_node() {
    breaks("cause-controller-unschedulable", "verify-karpenter-rollout", 90, async |world| {
        let pods = objects::list(&world.client, &PODS, Some("karpenter"), "app.kubernetes.io/name=karpenter")
            .await
            .expect("a list");
        let text = |pointer: &str| pods[0].pointer(pointer).and_then(Json::as_str).expect("text").to_owned();
        world.merge(&NODES, "", &text("/spec/nodeName"), json!({"spec": {"unschedulable": true}})).await;
        world.delete(&PODS, "karpenter", &text("/metadata/name")).await;
    });
}

#[test]
fn definitions_are_missing_or_old() {
    breaks("cause-definitions-missing", "verify-karpenter-definitions", 60, async |world| {
        world.delete(&DEFINITIONS, "", "nodeclaims.karpenter.sh").await;
    });
    breaks("cause-definitions-old", "verify-karpenter-definitions", 5, async |world| {
        let patch = json!({"metadata": {"annotations": {"rem-ci.dev/chart": "1.1.0"}}});
        world.merge(&DEFINITIONS, "", "nodepools.karpenter.sh", patch).await;
    });
}

#[test]
fn an_image_cannot_be_pulled() {
    breaks("cause-image-pull", "", 120, async |world| {
        world
            .pod("worker", "burst", |pod| {
                pod["spec"]["containers"][0]["image"] = "registry.invalid/does-not-exist:1".into();
            })
            .await;
    });
}

#[test]
fn a_volume_is_of_a_class_that_is_not_there() {
    breaks("cause-volume-class", "", 120, async |world| {
        let claim = json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "default"},
            "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        });
        world.apply(&CLAIMS, &claim).await;
        let volumes = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
        world.pod("worker", "stateful", |pod| pod["spec"]["volumes"] = volumes).await;
    });
}

#[test]
fn the_role_of_the_volume_driver_is_gone() {
    breaks("cause-addon-role", "", 5, async |world| {
        let role = world.role("ebs-csi");
        let call = world.world.cloud.iam.update_assume_role_policy().role_name(&role);
        let nobody = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {"Service": "ec2.amazonaws.com"}}]});
        call.policy_document(nobody.to_string()).send().await.expect("a call");
    });
}

fn example(name: &str) -> Json {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let mut pod: Json = serde_yaml::from_str(&std::fs::read_to_string(path).expect("an example")).expect("a pod");
    pod["metadata"]["namespace"] = "default".into();
    pod
}

/// What is said of where pods may land is where they land.
#[test]
fn the_example_pods_land_where_they_may() {
    for name in ["general.yaml", "stateful-as-it-was.yaml", "stateful.yaml", "burst-as-it-was.yaml", "burst.yaml"] {
        virtual_time(async {
            let (loaded, region) = prod().await;
            let world = Broken::new(loaded, region).await;
            let pod = example(name);
            world.apply(&PODS, &pod).await;
            pause(Duration::from_secs(150)).await;
            let seen = world.seen().await;
            let full = format!("default/{}", pod["metadata"]["name"].as_str().expect("a name"));
            let landings = diagnose_landing(&seen, &world, &full);
            let place = Place::new("default", full.rsplit('/').next().expect("a name"));
            let live = objects::get(&world.client, &PODS, place).await.expect("a get").expect("the pod");
            let node = live["spec"]["nodeName"].as_str().unwrap_or_else(|| panic!("{name}: no node: {live:#?}"));
            let node = objects::get(&world.client, &NODES, Place::global(node)).await.expect("a get").expect("a node");
            let pool = node["metadata"]["labels"]["karpenter.sh/nodepool"].as_str().expect("a pool").to_owned();
            assert!(landings.contains(&pool), "{name} is in {pool}, may be in {landings:?}");
            let chosen = pod["spec"]["nodeSelector"]["workload-type"].as_str();
            assert!(chosen.is_none_or(|chosen| chosen == pool), "{name} is in {pool}");
            let warned = world.causes(&seen).iter().any(|cause| cause.code == "cause-toleration-only");
            assert_eq!(warned, name.contains("as-it-was"), "{name}");
        });
    }
}

fn diagnose_landing(seen: &Observed, world: &Broken, pod: &str) -> Vec<String> {
    let all = verify::diagnose::landing_of(seen, &world.loaded.spec, pod).expect("the pod");
    all.into_iter().filter(|one| one.may).map(|one| one.pool).collect()
}

/// A node for each pool comes and goes, a message is taken, and nothing of it is left.
#[test]
fn the_canary_proves_by_doing() {
    virtual_time(async {
        let (loaded, region) = prod().await;
        let world = Broken::new(loaded, region).await;
        let checks = canary::canary(&world.world.cloud, &world.world.clock, &world.loaded.spec, &world.id).await;
        assert!(checks.iter().all(|check| check.passed), "{checks:#?}");
        assert_eq!(checks.len(), 4);
        let claims = objects::list(&world.client, &NODE_CLAIMS, None, "").await.expect("a list");
        let pods = objects::list(&world.client, &PODS, Some("rem-ci-canary"), "").await.expect("a list");
        assert!(claims.is_empty() && pods.is_empty(), "{claims:#?} {pods:#?}");
    });
}

/// A canary that gets no node says why, and takes away what it made.
#[test]
fn a_canary_without_capacity_names_the_cause() {
    virtual_time(async {
        let (loaded, region) = prod().await;
        let world = Broken::new(loaded, region).await;
        world.region(|region| {
            region.ec2.capacity_gone.push(Shortage { capacity: "spot".to_owned(), ..Shortage::default() });
        });
        let checks = canary::canary(&world.world.cloud, &world.world.clock, &world.loaded.spec, &world.id).await;
        let failed: Vec<_> = checks.iter().filter(|check| !check.passed).collect();
        assert_eq!(failed.len(), 1, "{checks:#?}");
        assert!(failed[0].title.contains("burst"), "{failed:#?}");
        assert!(failed[0].evidence.iter().any(|text| text.starts_with("cause-spot-capacity")), "{failed:#?}");
        let pods = objects::list(&world.client, &PODS, Some("rem-ci-canary"), "").await.expect("a list");
        assert!(pods.is_empty(), "{pods:#?}");
    });
}
