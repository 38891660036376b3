use aws_sdk_eks::types as sdk;

use super::versions::{addon_facts, day, newer};
use super::*;

fn offered(ids: &[&str]) -> BTreeMap<String, String> {
    ids.iter().map(|id| ((*id).to_owned(), format!("name-of-{id}"))).collect()
}

#[test]
fn zones_are_the_first_usable_by_id() {
    let facts = choose_zones(offered(&["use1-az4", "use1-az3", "use1-az2", "use1-az1"]), &Zones::Count(3));
    assert_eq!(facts["zone/1"], "use1-az1");
    assert_eq!(facts["zone/2"], "use1-az2");
    assert_eq!(facts["zone/3"], "use1-az4");
    assert_eq!(facts["zones"], "use1-az1 use1-az2 use1-az4");
    assert_eq!(facts["zone-name/use1-az3"], "name-of-use1-az3");
}

#[test]
fn fewer_zones_than_wanted_leave_the_last_unknown() {
    let facts = choose_zones(offered(&["usw1-az1", "usw1-az2", "usw1-az3"]), &Zones::Count(3));
    assert_eq!(facts.get("zone/2").map(String::as_str), Some("usw1-az3"));
    assert!(!facts.contains_key("zone/3"));
}

#[test]
fn named_zones_keep_the_order_of_the_file() {
    let ids = Zones::Ids(vec!["use1-az5".to_owned(), "use1-az1".to_owned()]);
    assert_eq!(choose_zones(offered(&["use1-az1", "use1-az5"]), &ids)["zone/1"], "use1-az5");
}

#[test]
fn builds_are_compared_as_numbers() {
    let mut versions = ["v1.20.4-eksbuild.9", "v1.9.0-eksbuild.1", "v1.20.4-eksbuild.10"];
    versions.sort_by(|one, other| newer(one, other));
    assert_eq!(versions, ["v1.20.4-eksbuild.10", "v1.20.4-eksbuild.9", "v1.9.0-eksbuild.1"]);
}

#[test]
fn only_versions_that_fit_the_cluster_count() {
    let offer = |version: &str, cluster: &str, default: bool| {
        let fit = sdk::Compatibility::builder().cluster_version(cluster).default_version(default).build();
        sdk::AddonVersionInfo::builder().addon_version(version).compatibilities(fit).build()
    };
    let addon = sdk::AddonInfo::builder()
        .addon_name("coredns")
        .addon_versions(offer("v1.12.4-eksbuild.1", "1.36", true))
        .addon_versions(offer("v1.13.0-eksbuild.1", "1.36", false))
        .addon_versions(offer("v1.14.0-eksbuild.1", "1.37", true))
        .build();
    let facts = addon_facts(&addon, "1.36");
    assert_eq!(facts["addon/coredns/default"], "v1.12.4-eksbuild.1");
    assert_eq!(facts["addon/coredns/latest"], "v1.13.0-eksbuild.1");
    assert_eq!(facts["addon/coredns/versions"], "v1.13.0-eksbuild.1 v1.12.4-eksbuild.1");
}

#[test]
fn the_embedded_calendar_parses_and_its_ends_are_in_order() {
    let calendar = calendar::embedded();
    assert!(calendar.versions.len() >= 6);
    for (version, support) in &calendar.versions {
        assert!(support.standard_end < support.extended_end, "{version}");
    }
    assert_eq!(calendar::facts()["cluster-version/1.36/standardEnd"], "2027-08-02");
}

#[test]
fn days_are_utc() {
    assert_eq!(day(1_795_651_199).as_deref(), Some("2026-11-25"));
    assert_eq!(day(1_795_651_200).as_deref(), Some("2026-11-26"));
}
