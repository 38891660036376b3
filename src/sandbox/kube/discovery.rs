//! What the API serves: `/api`, `/apis` and below, `/version`.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::types::Kind;

/// `/api`.
#[must_use]
pub fn versions(host: &str) -> Json {
    json!({
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": host }],
    })
}

/// Groups with their versions, newest first, by name.
fn grouped(kinds: &[Kind]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in kinds.iter().filter(|kind| !kind.group.is_empty()) {
        let versions = groups.entry(&kind.group).or_default();
        if !versions.contains(&kind.version.as_str()) {
            versions.push(&kind.version);
        }
    }
    for versions in groups.values_mut() {
        // v1 before v1beta1 before v1alpha1: among these lengths the order is that.
        versions.sort_by_key(|version| (version.len(), std::cmp::Reverse((*version).to_owned())));
    }
    groups
}

fn group_of(group: &str, versions: &[&str]) -> Json {
    let one = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    let all: Vec<Json> = versions.iter().map(one).collect();
    json!({ "name": group, "preferredVersion": all.first(), "versions": all })
}

/// `/apis`.
#[must_use]
pub fn groups(kinds: &[Kind]) -> Json {
    let groups: Vec<Json> = grouped(kinds).iter().map(|(group, versions)| group_of(group, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

/// `/apis/GROUP`; nothing when it is not served.
#[must_use]
pub fn group(kinds: &[Kind], name: &str) -> Option<Json> {
    let mut found = group_of(name, grouped(kinds).get(name)?);
    found["kind"] = json!("APIGroup");
    found["apiVersion"] = json!("v1");
    Some(found)
}

/// `/apis/GROUP/VERSION`; nothing when it is not served.
#[must_use]
pub fn resources(kinds: &[Kind], group: &str, version: &str) -> Option<Json> {
    let mut resources = Vec::new();
    for kind in kinds.iter().filter(|kind| kind.group == group && kind.version == version) {
        let mut one = json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": kind.verbs(),
        });
        if !kind.short.is_empty() {
            one["shortNames"] = json!(kind.short);
        }
        if !kind.categories.is_empty() {
            one["categories"] = json!(kind.categories);
        }
        resources.push(one);
        for subresource in &kind.subresources {
            let (of, verbs): (&str, &[&str]) = match subresource.as_str() {
                "scale" => ("Scale", &["get", "patch", "update"]),
                "eviction" => ("Eviction", &["create"]),
                "binding" => ("Binding", &["create"]),
                "log" => ("Pod", &["get"]),
                "finalize" => ("Namespace", &["update"]),
                _ => (&kind.kind, &["get", "patch", "update"]),
            };
            let mut one = json!({
                "name": format!("{}/{subresource}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": of, "verbs": verbs,
            });
            if subresource == "scale" {
                one["group"] = json!("autoscaling");
                one["version"] = json!("v1");
            }
            if subresource == "eviction" {
                one["group"] = json!("policy");
                one["version"] = json!("v1");
            }
            resources.push(one);
        }
    }
    if resources.is_empty() {
        return None;
    }
    let version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources }))
}

/// `/version`, for a cluster of `1.36`.
#[must_use]
pub fn version(version: &str) -> Json {
    let (major, minor) = version.split_once('.').unwrap_or(("1", "36"));
    json!({
        "major": major, "minor": minor, "gitVersion": format!("v{version}.1-eks-3025e55"), "gitCommit": "sandbox",
        "gitTreeState": "clean", "buildDate": "2026-06-02T00:00:00Z", "goVersion": "go1.26", "compiler": "gc",
        "platform": "linux/amd64",
    })
}
