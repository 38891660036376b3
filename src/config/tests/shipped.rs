//! The environments that come with rem-ci, merging, versions, digests, import.

use super::*;

fn shipped(name: &str) -> Loaded {
    load(name, &root(), TODAY).unwrap_or_else(|problems| panic!("{name}:\n{}", shown(&problems)))
}

#[test]
fn shipped_environments_are_valid_without_a_word() {
    for name in ["dev", "staging", "prod"] {
        let loaded = shipped(name);
        assert!(loaded.findings.is_empty(), "{name}:\n{}", shown(&loaded.findings));
        assert_eq!(loaded.files, [format!("environments/{name}.yaml"), "environments/base.yaml".to_owned()]);
        let text = std::fs::read_to_string(root().join("environments").join(format!("{name}.yaml"))).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=schema.json\n"));
        // Nothing may rest on a calendar that is kept by hand: the versions are supported, and a year from now still load.
        assert!(load(name, &root(), date(2027, 11, 24)).is_ok());
    }
    assert_eq!(load("base", &root(), TODAY).unwrap_err()[0].code, "fragment");
}

#[test]
fn prod_is_what_the_readme_promises() {
    let spec = shipped("prod").spec;
    assert_eq!((spec.cluster.version.as_str(), spec.karpenter.version.as_str()), ("1.36", "1.15.1"));
    let pools: Vec<_> = spec.node_pools.keys().map(String::as_str).collect();
    assert_eq!(pools, ["burst", "general-purpose", "stateful"]);
    assert_eq!(spec.node_pools["stateful"].expire_after.as_deref(), Some("Never"));
    assert_eq!(spec.network.nat_gateways, spec::NatGateways::PerZone);
    let dev = shipped("dev").spec;
    assert_eq!(dev.network.nat_gateways, spec::NatGateways::Single);
    assert!(!dev.node_pools.contains_key("stateful"), "null removes");
    assert_eq!(dev.node_pools["burst"].requirements, spec.node_pools["burst"].requirements, "maps merge");
    assert_eq!(dev.cluster.logging.types, ["audit", "authenticator"], "lists replace");
}

#[test]
fn a_value_from_the_base_is_placed_in_the_base() {
    let places = shipped("prod").places;
    let cidr = places.at("network.cidr").unwrap();
    assert_eq!((cidr.file.as_str(), cidr.column), ("environments/base.yaml", 9));
    assert!(cidr.text.contains("cidr: 10.0.0.0/16"));
    assert_eq!(places.at("cluster.name").unwrap().file, "environments/prod.yaml");
    // What stands nowhere is shown where it would stand.
    assert_eq!(places.at("cluster.zonalShift"), places.at("cluster"));
    assert!(places.written("cluster.name") && !places.written("cluster.zonalShift"));
}

#[test]
fn the_pair_of_the_original_is_valid_with_a_warning() {
    let text = GOOD.replace("1.36", "1.31").replace("1.15.1", "1.1.0");
    let findings = load_text(&text).unwrap().findings;
    assert_eq!(lines(&findings), "warning out-of-support prod.yaml:8:12\n");
    assert!(findings[0].title.contains("extended support ends 2026-11-26 (2 days)"), "{}", findings[0].title);
    let later = load_from(&memory(&[("prod.yaml", &text)]), "prod.yaml", date(2026, 11, 27)).unwrap().findings;
    assert!(later[0].title.contains("out of support since 2026-11-26"), "{}", later[0].title);
}

#[test]
fn the_matrix_holds() {
    for (kubernetes, karpenter, good) in [
        ("1.32", "1.1.0", false),
        ("1.32", "1.2.0", true),
        ("1.33", "1.4.9", false),
        ("1.34", "1.6.0", true),
        ("1.35", "1.8.6", false),
        ("1.36", "1.13.0", true),
        ("1.36", "1.12.9", false),
    ] {
        let result = load_text(&GOOD.replace("1.36", kubernetes).replace("1.15.1", karpenter));
        let code = result.as_ref().err().map(|problems| problems.iter().find(|p| p.stops()).unwrap().code);
        assert_eq!(code, (!good).then_some("version-pair"), "{kubernetes} {karpenter}");
    }
}

#[test]
fn subnets_need_room() {
    for (size, zones, code) in [
        (16, 3, None),
        (20, 6, None),
        (21, 3, Some("subnet-small")),
        (23, 4, Some("subnet-small")),
        (23, 5, Some("subnet-too-small")),
        (24, 2, Some("subnet-too-small")),
        (25, 2, Some("cidr-size")),
    ] {
        let text = GOOD.replace("10.0.0.0/16, zones: 3", &format!("10.0.0.0/{size}, zones: {zones}"));
        let found = load_text(&text).map_or_else(|problems| problems, |loaded| loaded.findings);
        assert_eq!(found.first().map(|problem| problem.code), code, "/{size} in {zones} zones");
    }
}

#[test]
fn support_that_ends_soon_is_a_note() {
    let findings = load_text(&GOOD.replace("1.36", "1.34")).unwrap().findings;
    assert_eq!(lines(&findings), "note support-ends prod.yaml:8:12\n");
    assert!(findings[0].title.contains("2026-12-02 (8 days)"), "{}", findings[0].title);
}

#[test]
fn the_world_as_public_range_widens() {
    let text = GOOD.replace("STANDARD\n", "STANDARD\n  endpoint: {public: true, publicCidrs: [0.0.0.0/0]}\n");
    let findings = load_text(&text).unwrap().findings;
    assert_eq!(findings[0].severity, Severity::Widens);
    assert_eq!(lines(&findings), "widens endpoint-world prod.yaml:10:42\n");
}

#[test]
fn waivers_set_aside_until_their_day() {
    let text = GOOD.replace(
        "    limits: {cpu: 100}\n",
        "policy: {waivers: [{code: no-limit, reason: a test of waivers, until: 2026-12-01}]}\n",
    );
    let findings = load_text(&text).unwrap().findings;
    assert!(findings.iter().any(|problem| problem.code == "no-limit" && problem.waived));
    let source = memory(&[("prod.yaml", &text)]);
    let mut later = load_from(&source, "prod.yaml", date(2026, 12, 2)).unwrap();
    assert!(later.findings.iter().all(|problem| !problem.waived));
    assert!(later.findings.iter().any(|problem| problem.code == "waiver-expired"));
    // The base commit's policy decides in the Action, both ways.
    waive(&mut later.findings, &later.spec.policy, TODAY);
    assert!(later.findings.iter().any(|problem| problem.waived));
    waive(&mut later.findings, &spec::Policy::default(), TODAY);
    assert!(later.findings.iter().all(|problem| !problem.waived));
}

#[test]
fn the_input_digest_is_of_what_is_said_not_how() {
    let digest = |text: &str| input_digest(&load_text(text).unwrap().spec);
    let plain = digest(GOOD);
    assert!(plain.starts_with("sha256:") && plain.len() == 71);
    assert_eq!(plain, digest(&format!("# comment\n{GOOD}")));
    assert_eq!(plain, digest(&format!("{GOOD}acknowledge: [\"replace-cluster:0123456789ab\"]\n")));
    assert_ne!(plain, digest(&GOOD.replace("cpu: 100", "cpu: 101")));
}

#[test]
fn extends_reads_whole_chains() {
    let files = [
        ("e/prod.yaml", "extends: sub/a.yaml\nname: prod\ntags: {x: null, y: mine}\n"),
        ("e/sub/a.yaml", "extends: b.yaml\ntags: {x: a, y: a}\n"),
        ("e/sub/b.yaml", &GOOD.replace("name: prod\n", "tags: {z: b}\n")),
    ];
    let loaded = load_from(&memory(&files), "e/prod.yaml", TODAY).unwrap_or_else(|p| panic!("{}", shown(&p)));
    let tags: Vec<_> = loaded.spec.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(tags, ["y=mine", "z=b"]);
    assert_eq!(loaded.places.at("tags.z").unwrap().file, "e/sub/b.yaml");
}

#[test]
fn an_old_stack_is_imported() {
    let old = "config:\n  aws:region: eu-west-1\n  rem:cluster_name: rem-dev-cluster\n  rem:cluster_version: 1.31\n  \
               rem:karpenter_version: 1.1.0\n  rem:enable_public_endpoint: \"false\"\n  rem:vpc_cidr: 10.3.0.0/16\n";
    let new = import_pulumi(old, "infra/Pulumi.dev.yaml").unwrap_or_else(|p| panic!("{}", shown(&p)));
    let base = std::fs::read_to_string(root().join("environments/base.yaml")).unwrap();
    let files = memory(&[("dev.yaml", &new), ("base.yaml", &base)]);
    let loaded = load_from(&files, "dev.yaml", TODAY).unwrap_or_else(|p| panic!("{new}\n{}", shown(&p)));
    let spec = loaded.spec;
    assert_eq!(
        (spec.name.as_str(), spec.region.as_str(), spec.network.cidr.as_str()),
        ("dev", "eu-west-1", "10.3.0.0/16")
    );
    assert_eq!((spec.cluster.name.as_str(), spec.cluster.version.as_str()), ("rem-dev-cluster", "1.31"));
    assert_eq!(spec.karpenter.version, "1.1.0");
    assert!(spec.cluster.endpoint.private && !spec.cluster.endpoint.public);
}

#[test]
fn import_reports_what_it_cannot_take() {
    let old = "config:\n  rem:cluster_nam: x\n  rem:vpc_cidr: {secure: abc}\n  other:thing: 1\n";
    let problems = import_pulumi(old, "Pulumi.dev.yaml").unwrap_err();
    let found = lines(&problems);
    assert_eq!(
        found,
        "error import-unknown Pulumi.dev.yaml:2:3\nerror import-unknown Pulumi.dev.yaml:4:3\nerror import-value Pulumi.dev.yaml:3:17\n"
    );
    assert!(import_pulumi("[1, 2]", "Pulumi.dev.yaml").is_err());
}
