//! What is inside the cluster, as a plan and an apply see it: other managers, fields that go, pools that are renamed, an
//! endpoint that does not answer.

use rem_ci::cloud::kubernetes::{Api, Place, objects};
use rem_ci::config::Loaded;
use rem_ci::config::spec::{Moved, Quantity};
use rem_ci::engine::{Action, Address, Stop};
use rem_ci::problem::Exit;
use rem_ci::run::{self, Looked, World};
use rem_ci::sandbox::state;
use serde_json::json;

use crate::common::{Region, apply, approval, environment, look, virtual_time};
use crate::fault::{failures, fault, set_faults};

const POOLS: Api = Api { group: "karpenter.sh", version: "v1", kind: "NodePool", plural: "nodepools" };
const CLASSES: Api = Api { group: "storage.k8s.io", version: "v1", kind: "StorageClass", plural: "storageclasses" };

const BURST: &str = "karpenter/node-pool/burst";

async fn applied() -> (Loaded, Region) {
    let loaded = environment("dev");
    let region = Region::new(7, &loaded.spec.account);
    let done = apply(&loaded, &region.world(&loaded)).await.expect("an apply");
    assert_eq!(failures(&done.outcome), Vec::<String>::new());
    (loaded, region)
}

async fn inside(world: &World, loaded: &Loaded) -> kube::Client {
    world.cloud.kube(&loaded.spec.cluster.name).await.expect("a way in").expect("a cluster")
}

fn action(looked: &Looked, at: &str) -> String {
    let address = Address::parse(at).expect("an address");
    looked.plan.step(&address).map_or("no", |step| step.action.word()).to_owned()
}

fn cpu(loaded: &mut Loaded, cpu: u64) {
    let burst = loaded.spec.node_pools.get_mut("burst").expect("a pool");
    burst.limits.insert("cpu".to_owned(), Quantity::Number(cpu));
}

#[test]
fn a_program_that_sets_our_field_is_named_and_a_hand_is_put_back() {
    virtual_time(async {
        let (loaded, region) = applied().await;
        let world = region.world(&loaded);
        let client = inside(&world, &loaded).await;
        let limit = |cpu: &str| json!({"spec": {"limits": {"cpu": cpu}}});
        let burst = Place::global("burst");
        objects::merge_as(&client, &POOLS, burst, "kubectl-edit", &limit("77")).await.expect("a patch");
        let looked = look(&loaded, &world).await.expect("a look");
        assert_eq!(action(&looked, BURST), "update");
        let done = apply(&loaded, &world).await.expect("an apply");
        assert_eq!(failures(&done.outcome), Vec::<String>::new());
        assert_eq!(action(&look(&loaded, &world).await.expect("a look"), BURST), "keep");

        objects::merge_as(&client, &POOLS, burst, "argocd-controller", &limit("88")).await.expect("a patch");
        let done = apply(&loaded, &world).await.expect("an apply");
        assert!(!done.outcome.complete());
        let failures = failures(&done.outcome);
        assert!(
            failures
                .iter()
                .any(|failure| failure.contains("\"argocd-controller\"") && failure.contains(".spec.limits.cpu")),
            "{failures:?}"
        );
    });
}

#[test]
fn a_field_that_the_file_says_no_more_goes_and_what_others_added_stays() {
    virtual_time(async {
        let (mut loaded, region) = applied().await;
        let world = region.world(&loaded);
        let client = inside(&world, &loaded).await;
        let burst = Place::global("burst");
        let theirs = json!({"spec": {"limits": {"nodes": "9"}}});
        objects::merge_as(&client, &POOLS, burst, "somebody", &theirs).await.expect("a patch");
        assert_eq!(action(&look(&loaded, &world).await.expect("a look"), BURST), "keep");
        loaded.spec.node_pools.get_mut("burst").expect("a pool").limits.remove("memory");
        assert_eq!(action(&look(&loaded, &world).await.expect("a look"), BURST), "update");
        let done = apply(&loaded, &world).await.expect("an apply");
        assert_eq!(failures(&done.outcome), Vec::<String>::new());
        let pool = objects::get(&client, &POOLS, burst).await.expect("a read").expect("a pool");
        assert_eq!(pool["spec"]["limits"], json!({"cpu": "20", "nodes": "9"}));
        assert_eq!(action(&look(&loaded, &world).await.expect("a look"), BURST), "keep");
    });
}

#[test]
fn a_renamed_pool_is_made_before_the_old_one_goes() {
    virtual_time(async {
        let (mut loaded, region) = applied().await;
        let world = region.world(&loaded);
        let pool = loaded.spec.node_pools.remove("burst").expect("a pool");
        loaded.spec.node_pools.insert("batch".to_owned(), pool);
        let moved = Moved { from: "nodePools/burst".to_owned(), to: "nodePools/batch".to_owned() };
        loaded.spec.moved.push(moved);
        let looked = look(&loaded, &world).await.expect("a look");
        assert_eq!(
            (action(&looked, "karpenter/node-pool/batch"), action(&looked, BURST)),
            ("create".into(), "delete".into())
        );
        let reason =
            |at: &str| looked.plan.step(&Address::parse(at).expect("an address")).and_then(|step| step.reason.clone());
        assert_eq!(reason(BURST).as_deref(), Some("moved to karpenter/node-pool/batch"));
        assert_eq!(reason("karpenter/node-pool/batch").as_deref(), Some("moved from karpenter/node-pool/burst"));
        let done = apply(&loaded, &world).await.expect("an apply");
        assert_eq!(failures(&done.outcome), Vec::<String>::new());
        let report =
            |at: &str| done.outcome.reports.iter().find(|report| report.address.as_str() == at).expect("a report");
        assert!(report("karpenter/node-pool/batch").end <= report(BURST).start);
        assert_eq!(action(&look(&loaded, &world).await.expect("a look"), BURST), "no");
    });
}

#[test]
fn another_default_class_is_a_warning() {
    virtual_time(async {
        let (loaded, region) = applied().await;
        let world = region.world(&loaded);
        let client = inside(&world, &loaded).await;
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "ebs.csi.aws.com",
            "metadata": {"name": "fast", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        });
        objects::apply(&client, &CLASSES, Place::global("fast"), "somebody", &class).await.expect("a class");
        let looked = look(&loaded, &world).await.expect("a look");
        let found = looked.findings.iter().find(|finding| finding.code == "second-default-class");
        assert!(
            found.is_some_and(|finding| finding.title.contains("fast") && !finding.stops()),
            "{:#?}",
            looked.findings
        );
        assert!(looked.plan.steps.iter().all(|step| step.action == Action::Keep));
    });
}

/// Nothing inside the cluster answers.
fn silence(region: &Region) {
    set_faults(region, vec![fault("kubernetes", "*", 0, state::Action::CutBefore)]);
}

#[test]
fn an_endpoint_that_does_not_answer_is_planned_from_the_last_apply() {
    virtual_time(async {
        let (mut loaded, region) = applied().await;
        let plain = look(&loaded, &region.world(&loaded)).await.expect("a look");
        silence(&region);
        let world = region.world(&loaded);
        let looked = look(&loaded, &world).await.expect("a look");
        let moved: Vec<_> = looked.plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
        assert!(moved.is_empty(), "{moved:#?}");
        let assumed = looked.plan.steps.iter().filter(|step| step.assumed);
        assert!(assumed.clone().count() >= 8);
        assert!(assumed.clone().all(|step| ["karpenter", "kubernetes"].contains(&step.address.section())));
        assert!(looked.findings.iter().any(|finding| finding.code == "assumed") && !looked.refused());
        // What is assumed is part of what is approved.
        assert_ne!(looked.digest, plain.digest);

        cpu(&mut loaded, 30);
        let looked = look(&loaded, &world).await.expect("a look");
        let step = looked.plan.step(&Address::parse(BURST).expect("an address")).expect("a step");
        assert_eq!((step.action.word(), step.assumed), ("update", true));
        assert_eq!(step.changes.iter().map(|change| &*change.field).collect::<Vec<_>>(), ["limits"]);
        let approved = approval(&looked);
        // To be done it must be seen.
        let refused = run::apply(&loaded, &world, &approved, &|_| {}, &Stop::default()).await.expect_err("unseen");
        assert_eq!((refused.exit, refused.problems[0].code), (Exit::Incomplete, "cluster-silent"));

        // Seen, it is no more than was approved.
        set_faults(&region, Vec::new());
        let world = region.world(&loaded);
        let done = run::apply(&loaded, &world, &approved, &|_| {}, &Stop::default()).await.expect("an apply");
        assert_eq!(failures(&done.outcome), Vec::<String>::new());
    });
}

#[test]
fn without_a_record_what_is_inside_is_unknown_and_the_rest_stands() {
    virtual_time(async {
        let (loaded, region) = applied().await;
        silence(&region);
        let elsewhere = Region { folder: tempfile::tempdir().expect("a folder"), ..region };
        let looked = look(&loaded, &elsewhere.world(&loaded)).await.expect("a look");
        let unknown = |step: &&rem_ci::engine::Step| step.action == Action::Unknown;
        assert!(looked.plan.steps.iter().filter(unknown).count() >= 8);
        let rest = looked.plan.steps.iter().filter(|step| step.action != Action::Unknown);
        assert!(rest.clone().count() > 40 && rest.clone().all(|step| step.action == Action::Keep));
        let found: Vec<_> = looked.findings.iter().filter(|finding| finding.stops()).collect();
        assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), ["cluster-silent"]);
    });
}

#[test]
fn whoever_else_looks_is_told_that_the_cluster_does_not_know_them() {
    virtual_time(async {
        let (loaded, region) = applied().await;
        // Somebody else has applied: whoever looks now has no entry, and none is wanted for them.
        region.sandbox.with(|state| {
            let region =
                state.accounts.values_mut().next().expect("an account").regions.get_mut("us-east-1").expect("it");
            let cluster = region.eks.clusters.values_mut().next().expect("a cluster");
            let principal = cluster.entries.keys().find(|arn| arn.contains(":user/")).expect("an entry").clone();
            let mut entry = cluster.entries.remove(&principal).expect("the entry");
            let other = principal.replace(":user/", ":user/else-");
            entry.body["principalArn"] = other.as_str().into();
            cluster.entries.insert(other, entry);
        });
        let looked = look(&loaded, &region.world(&loaded)).await.expect("a look");
        // Not absent: nothing is made anew that may be there.
        assert_eq!(action(&looked, BURST), "unknown");
        assert!(
            looked
                .findings
                .iter()
                .any(|finding| finding.code == "unreadable" && finding.title.contains("access entry"))
        );
    });
}
