//! `rem-ci cost`, the real binary: workloads, base, budget, forms; and that no kind is forgotten.

use std::process::Command;

use rem_ci::cost::coverage::{COVERAGE, Cover, cover};

use crate::cli::{Place, document};

const WORKLOADS: &str = "workloads:
  web: {pool: general-purpose, replicas: 6, minReplicas: 2, requests: {cpu: 500m, memory: 1Gi}}
  db: {pool: stateful, replicas: 2, requests: {cpu: '2', memory: 14Gi}, spread: zone}
";

fn with_workloads() -> Place {
    let place = Place::new();
    let prod = place.read("environments/prod.yaml");
    place.write("environments/prod.yaml", format!("{prod}\n{WORKLOADS}"));
    place
}

fn git(place: &Place, arguments: &[&str]) {
    let mut git = Command::new("git");
    git.current_dir(place.path()).args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments);
    let done = git.env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn declared_workloads_have_nodes_and_a_price() {
    let place = with_workloads();
    let run = place.ends(0, &["cost", "prod", "--offline"]);
    for word in ["NODE POOLS", "general-purpose", "6 web", "unbounded", "SPLIT", "█"] {
        assert_eq!(run.out.contains(word), word != "unbounded", "{word}\n{}", run.out);
    }
    let json = document(&place.ends(0, &["cost", "prod", "--offline", "--format", "json", "--by", "pool"]));
    let cost = &json["environments"][0]["cost"];
    let pool = |name: &str| {
        let pools = cost["pools"].as_array().expect("pools");
        pools.iter().find(|pool| pool["pool"] == name).expect("a pool").clone()
    };
    let general = pool("general-purpose");
    let figure = |key: &str| general[key].as_str().expect(key).parse::<rust_decimal::Decimal>().expect("a decimal");
    assert!(figure("idle_monthly") > rust_decimal::Decimal::ZERO);
    assert!(figure("idle_monthly") < figure("expected_monthly"));
    assert!(figure("expected_low_monthly") < figure("expected_monthly"));
    assert!(figure("expected_monthly") < figure("expected_high_monthly"));
    assert!(figure("expected_high_monthly") < figure("on_demand_monthly"));
    assert!(figure("on_demand_monthly") < figure("max_monthly"));
    assert_eq!(pool("stateful")["spot_share_percent"], serde_json::Value::Null);
    assert_eq!(pool("burst")["expected_monthly"], "0");
    let groups = json["environments"][0]["groups"].as_array().expect("groups");
    assert!(groups.iter().any(|group| group["name"] == "shared by all pools"));
    let markdown = place.ends(0, &["cost", "prod", "--offline", "--format", "markdown"]);
    assert!(markdown.out.contains("```mermaid\npie showData"), "{}", markdown.out);
    let csv = place.ends(0, &["cost", "prod", "dev", "--offline", "--format", "csv"]);
    assert!(csv.out.starts_with("SubAccountId,RegionId,ServiceName,"), "{}", csv.out);
    place.ends(64, &["plan", "prod", "--offline", "--format", "csv"]);
}

#[test]
fn a_base_says_what_drives_the_difference() {
    let place = with_workloads();
    git(&place, &["init", "--quiet", "--initial-branch", "main"]);
    git(&place, &["add", "environments"]);
    git(&place, &["commit", "--quiet", "-m", "first"]);
    let base = place.read("environments/base.yaml");
    place.write("environments/base.yaml", base.replace("natGateways: perZone", "natGateways: single"));
    let json = document(&place.ends(0, &["cost", "prod", "--offline", "--base", "main", "--format", "json"]));
    let cost = &json["environments"][0]["cost"];
    assert_eq!(cost["delta_monthly"], "-73", "2 x (32.85 + 3.65)");
    assert_eq!(cost["driver"], "two fewer NAT gateways");
    assert_eq!(cost["compared_with"], "main");
    let run = place.ends(0, &["cost", "prod", "--offline", "--base", "main"]);
    assert!(run.out.contains("-$73.00 a month"), "{}", run.out);
    // A plan takes a base too.
    let run = place.run(&["plan", "prod", "--offline", "--base", "main", "--format", "json"]);
    assert_eq!(document(&run)["environments"][0]["cost"]["delta_monthly"], "-73");
    let bad = place.ends(3, &["cost", "prod", "--offline", "--base", "no-such-branch"]);
    assert!(bad.err.contains("base-unknown"), "{}", bad.err);
    place.ends(3, &["cost", "prod", "--offline", "--base=--output=x"]);
}

#[test]
fn the_budget_stops_what_is_too_dear_until_it_is_acknowledged() {
    let place = with_workloads();
    let prod = place.read("environments/prod.yaml");
    let tight =
        prod.replace("budget: {fixed: {warn: 300, fail: 400}}", "budget: {fixed: {fail: 200}, max: {warn: 100}}");
    place.write("environments/prod.yaml", &tight);
    let json = document(&place.ends(4, &["cost", "prod", "--offline", "--format", "json"]));
    let findings = json["environments"][0]["findings"].as_array().expect("findings").clone();
    let budget: Vec<_> = findings.iter().filter(|finding| finding["code"] == "budget").collect();
    assert_eq!(budget.iter().map(|finding| &finding["severity"]).collect::<Vec<_>>(), ["error", "warning"]);
    assert!(budget[0]["title"].as_str().expect("a title").starts_with("fixed is 247.44 USD a month"), "{budget:?}");
    let said = format!("budget:{}", budget[0]["digest"].as_str().expect("a digest"));
    let plan = place.ends(4, &["plan", "prod", "--offline"]);
    assert!(plan.out.contains("budget"), "{}", plan.out);
    place.write("environments/prod.yaml", tight.replace("acknowledge: [] ", &format!("acknowledge: ['{said}'] ")));
    place.ends(0, &["cost", "prod", "--offline"]);
}

#[test]
fn spot_is_priced_as_it_is_right_now() {
    let place = with_workloads();
    let note = |run: &crate::cli::Run| {
        let json = document(run);
        let pools = json["environments"][0]["cost"]["pools"].as_array().expect("pools").clone();
        let general = pools.iter().find(|pool| pool["pool"] == "general-purpose").expect("the pool").clone();
        let notes: Vec<_> =
            general["notes"].as_array().expect("notes").iter().filter_map(|note| note.as_str()).collect();
        (notes.join("; "), general["expected_monthly"].clone())
    };
    let (assumed, guess) = note(&place.ends(0, &["cost", "prod", "--offline", "--format", "json"]));
    assert!(assumed.contains("saving 55 % assumed, 45 to 70 %"), "{assumed}");
    let (measured, now) = note(&place.ends(0, &["cost", "prod", "--sandbox", "--format", "json"]));
    assert!(measured.contains("by today's prices of 1 type, "), "{measured}");
    assert_ne!(guess, now);
    // Who says what spot saves has said it.
    let prod = place.read("environments/prod.yaml");
    let declared = prod.replace("natGb: 1000", "natGb: 1000, spotSavingPercent: 60");
    assert_ne!(prod, declared);
    place.write("environments/prod.yaml", declared);
    let (declared, _) = note(&place.ends(0, &["cost", "prod", "--sandbox", "--format", "json"]));
    assert!(declared.contains("saving 60 % declared"), "{declared}");
}

#[test]
fn pods_that_run_take_the_place_of_what_is_declared() {
    let place = with_workloads();
    let pod = |name: &str, cpu: &str, extra: &str| {
        format!(
            r#"{{"kind": "Pod", "metadata": {{"namespace": "shop", "name": "{name}", "ownerReferences": [{{"kind": "ReplicaSet", "name": "web-7d9"}}]}},
                "spec": {{"containers": [{{"resources": {{"requests": {{"cpu": "{cpu}", "memory": "1Gi"}}}}}}]{extra}}}, "status": {{"phase": "Running"}}}}"#
        )
    };
    let silent = r#"{"metadata": {"namespace": "shop", "name": "quiet"}, "spec": {"containers": [{}]}, "status": {"phase": "Running"}}"#;
    let done = r#"{"metadata": {"namespace": "shop", "name": "done"}, "spec": {"containers": [{}]}, "status": {"phase": "Succeeded"}}"#;
    let tolerant =
        r#", "tolerations": [{"key": "workload-type", "operator": "Equal", "value": "burst", "effect": "NoSchedule"}]"#;
    let pods = [
        pod("web-7d9-a", "500m", ""),
        pod("web-7d9-b", "500m", ""),
        pod("web-7d9-c", "300m", tolerant),
        silent.into(),
        done.into(),
    ];
    place.write("pods.json", format!(r#"{{"kind": "List", "items": [{}]}}"#, pods.join(",")));
    let run = place.ends(0, &["cost", "prod", "--offline", "--workloads", "pods.json", "--format", "json"]);
    let json = document(&run);
    let pools = json["environments"][0]["cost"]["pools"].as_array().expect("pools").clone();
    let on = |pool: &str| -> u64 {
        let pool = pools.iter().find(|found| found["pool"] == pool).expect("a pool");
        let nodes = pool["nodes"].as_array().expect("nodes");
        nodes
            .iter()
            .flat_map(|node| node["pods"].as_object().expect("pods").values())
            .filter_map(serde_json::Value::as_u64)
            .sum()
    };
    // The tolerant one goes to the first pool by name that takes it, as nothing tells it from a better one.
    assert_eq!((on("general-purpose"), on("burst"), on("stateful")), (3, 1, 0));
    let findings = json["environments"][0]["findings"].as_array().expect("findings").clone();
    let codes: Vec<&str> = findings.iter().filter_map(|finding| finding["code"].as_str()).collect();
    assert!(codes.contains(&"workload-requests") && codes.contains(&"workload-selector"), "{codes:?}");
    let piped = crate::cli::run(
        place
            .command(&["cost", "prod", "--offline", "--workloads", "-", "--format", "json"])
            .write_stdin(place.read("pods.json")),
    );
    assert_eq!(piped.out, run.out);
    place.write("pods.json", r#"{"items": [{"kind": "Node"}]}"#);
    let bad = place.ends(3, &["cost", "prod", "--offline", "--workloads", "pods.json"]);
    assert!(bad.err.contains("workloads-file"), "{}", bad.err);
}

#[test]
fn every_kind_is_priced_or_free_or_part_of_a_line() {
    for kind in rem_ci::resources::KINDS {
        let name = kind.kind().name;
        let cover =
            cover(name).unwrap_or_else(|| panic!("{name} is neither priced nor free: enter it in cost/coverage.rs"));
        if let Cover::Free(page) = cover {
            assert!(page.starts_with("https://aws.amazon.com/"), "{name}: {page}");
        }
    }
    let mut loaded = crate::common::environment("prod");
    loaded.spec.network.endpoints.push("ecr.api".to_owned());
    let bill = crate::bill::offline(&loaded);
    for (name, cover) in COVERAGE {
        let line = bill.entries.iter().any(|entry| entry.address.kind() == *name);
        let component = |component: &str| bill.entries.iter().any(|entry| entry.component == component);
        match cover {
            Cover::Priced => assert!(line, "{name} is said to be priced and has no line"),
            Cover::Free(_) => assert!(!line, "{name} is said to be free and has a line"),
            Cover::Within(within) => assert!(component(within), "{name} is said to be within {within}"),
        }
    }
}
