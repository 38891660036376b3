use serde_json::json;

use super::*;

fn example(name: &str) -> Json {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    serde_yaml::from_str(&std::fs::read_to_string(path).expect("an example")).expect("a pod")
}

fn shipped() -> Vec<Pool> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let loaded = crate::config::load("prod", root, jiff::civil::date(2026, 11, 24)).expect("prod");
    loaded.spec.node_pools.iter().map(|(name, pool)| Pool::wanted(name, pool)).collect()
}

/// The pools that may take a pod.
fn may(pod: &Json, pools: &[Pool]) -> Vec<String> {
    landing(pod, pools, &[], &[], "us-east-1").into_iter().filter(|one| one.may).map(|one| one.pool).collect()
}

#[test]
fn the_general_pod_lands_in_the_one_pool_without_a_taint() {
    let all = landing(&example("general.yaml"), &shipped(), &[], &[], "us-east-1");
    let one = |pool: &str| all.iter().find(|one| one.pool == pool).expect("the pool");
    assert!(one("general-purpose").may);
    assert_eq!(one("general-purpose").markets, ["on-demand", "spot"]);
    assert_eq!(one("stateful").reasons, ["taint workload-type=stateful:NoSchedule is not tolerated"]);
    assert_eq!(one("burst").reasons, ["taint workload-type=burst:NoSchedule is not tolerated"]);
}

#[test]
fn the_original_postgres_may_land_on_a_spot_node() {
    let pod = example("stateful-as-it-was.yaml");
    assert_eq!(may(&pod, &shipped()), ["general-purpose", "stateful"]);
    let all = landing(&pod, &shipped(), &[], &[], "us-east-1");
    let general = all.iter().find(|one| one.pool == "general-purpose").expect("the pool");
    assert!(general.markets.contains(&"spot"), "{general:?}");
}

#[test]
fn postgres_as_it_should_be_lands_on_demand_only() {
    let all = landing(&example("stateful.yaml"), &shipped(), &[], &[], "us-east-1");
    let taken: Vec<_> = all.iter().filter(|one| one.may).collect();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].pool.as_str(), taken[0].markets.as_slice()), ("stateful", &["on-demand"][..]));
}

#[test]
fn the_batch_job_is_where_it_was_written_for_only_with_a_selector() {
    assert_eq!(may(&example("burst-as-it-was.yaml"), &shipped()), ["burst", "general-purpose"]);
    assert_eq!(may(&example("burst.yaml"), &shipped()), ["burst"]);
}

#[test]
fn the_name_of_a_pool_decides_nothing() {
    let mut pools = shipped();
    for pool in &mut pools {
        pool.name = format!("{}-2", pool.name);
    }
    assert_eq!(may(&example("burst.yaml"), &pools), ["burst-2"]);
    assert_eq!(may(&example("general.yaml"), &pools), ["general-purpose-2"]);
}

#[test]
fn affinity_zones_size_and_limits_decide_too() {
    let pools = shipped();
    let mut pod = example("general.yaml");
    let affinity = |key: &str, operator: &str, values: &[&str]| {
        let terms = json!([{"matchExpressions": [{"key": key, "operator": operator, "values": values}]}]);
        json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}})
    };
    pod["spec"]["affinity"] = affinity("kubernetes.io/arch", "In", &["arm64"]);
    assert!(may(&pod, &pools).is_empty(), "the pools buy amd64 only");
    pod["spec"]["affinity"] = affinity("karpenter.k8s.aws/instance-generation", "Lt", &["5"]);
    assert!(may(&pod, &pools).is_empty(), "above 4 and below 5");
    pod["spec"]["affinity"] = affinity("team", "NotIn", &["red"]);
    assert_eq!(may(&pod, &pools), ["general-purpose"], "a node without the label is not red");
    pod["spec"]["affinity"] = affinity("team", "Exists", &[]);
    assert!(may(&pod, &pools).is_empty(), "nodes have no such label");
    pod["spec"].as_object_mut().expect("a spec").remove("affinity");
    pod["spec"]["containers"][0]["resources"]["requests"]["memory"] = "30000Gi".into();
    let all = landing(&pod, &pools, &[], &[], "us-east-1");
    assert!(all.iter().flat_map(|one| &one.reasons).any(|why| why.contains("no instance type")), "{all:?}");
    let pod = example("general.yaml");
    let mut pools = pools;
    let general = pools.iter_mut().find(|pool| pool.name == "general-purpose").expect("the pool");
    general.used.insert("cpu".to_owned(), 99_500);
    let all = landing(&pod, &pools, &[], &[], "us-east-1");
    let why = &all.iter().find(|one| one.pool == "general-purpose").expect("the pool").reasons;
    assert_eq!(why, &["limits.cpu is 100: 99.5 in use, another node needs 2 at least"]);
}

#[test]
fn tolerations_match_as_kubernetes_says() {
    let taint = Taint { key: "k".into(), value: "v".into(), effect: "NoSchedule".into() };
    let with = |toleration: Json| tolerated(&json!({"spec": {"tolerations": [toleration]}}), &taint);
    assert!(with(json!({"operator": "Exists"})));
    assert!(with(json!({"key": "k", "operator": "Exists"})));
    assert!(with(json!({"key": "k", "value": "v"})));
    assert!(with(json!({"key": "k", "value": "v", "effect": "NoSchedule"})));
    assert!(!with(json!({"key": "k", "value": "v", "effect": "NoExecute"})));
    assert!(!with(json!({"key": "k", "value": "w"})));
    assert!(!with(json!({"key": "k"})));
}

#[test]
fn a_pool_that_nothing_satisfies_is_too_narrow() {
    let pool = |requirements: Json| {
        Pool::live(&json!({"metadata": {"name": "p"}, "spec": {"template": {"spec": {"requirements": requirements}}}}))
    };
    let row = |key: &str, operator: &str, values: &[&str]| json!({"key": key, "operator": operator, "values": values});
    let category = "karpenter.k8s.aws/instance-category";
    assert_eq!(pool(json!([row(category, "In", &["m"])])).too_narrow("us-east-1"), Vec::<String>::new());
    assert!(
        !pool(json!([row(category, "In", &["m"]), row(category, "NotIn", &["m"])])).too_narrow("us-east-1").is_empty()
    );
    assert!(!pool(json!([row(category, "In", &["zz"])])).too_narrow("us-east-1").is_empty());
    let mut few = row("karpenter.k8s.aws/instance-family", "In", &["m7i", "m7a"]);
    few["minValues"] = 15.into();
    let narrow = pool(json!([few])).too_narrow("us-east-1");
    assert_eq!(narrow, ["karpenter.k8s.aws/instance-family: minValues 15, but 2 are on offer"]);
}

#[test]
fn amounts_are_written_as_people_do() {
    assert_eq!(amount("cpu", 1500), "1.5");
    assert_eq!(amount("cpu", 250), "250m");
    assert_eq!(amount("memory", 16 * 1024_u128.pow(3) * 1000), "16Gi");
    assert_eq!(amount("memory", 512 * 1024_u128.pow(2) * 1000), "512Mi");
}
