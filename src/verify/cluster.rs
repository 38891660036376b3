//! Control plane, add-ons, access entries.

use futures_util::future::try_join_all;

use super::{Check, scope, state};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::engine::{Address, Facts, Failure, Fields, Live, Resource as _, TAG_RESOURCE, Value};
use crate::model::Identity;
use crate::resources::aws::access_entry::AccessEntry;
use crate::resources::aws::addon::Addon;
use crate::resources::aws::cluster::Cluster;
use crate::resources::aws::node_group::NodeGroup;

pub(super) async fn checks(cloud: &Cloud, spec: &Spec, id: &Identity) -> Result<Vec<Check>, Failure> {
    let (scope, name) = (scope(id), spec.cluster.name.as_str());
    let live = Cluster::read(cloud, &scope, name).await?;
    let mut checks = control_plane(spec, live.as_ref());
    if live.is_none() {
        return Ok(checks);
    }
    let addons = spec.addons.keys().map(async |addon| {
        let live = Addon::read(cloud, &scope, &format!("{name}/{addon}")).await?;
        Ok(addon_healthy(addon, live.as_ref()))
    });
    checks.extend(try_join_all(addons).await?);
    checks.push(node_access(cloud, spec, id).await?);
    Ok(checks)
}

/// What the file says against what is there.
fn control_plane(spec: &Spec, live: Option<&Live>) -> Vec<Check> {
    let name = &spec.cluster.name;
    let (active, word) = state(live);
    let mut checks = vec![Check::new("verify-cluster-active", format!("cluster {name} is ACTIVE"), active, vec![word])];
    let Some(live) = live else { return checks };
    let want = wanted(spec);
    let mut same = |code, title: String, fields: &[&str]| {
        let passed = fields.iter().all(|field| want.get(*field) == live.fields.get(*field));
        let seen = |field: &&str| {
            let value = live.fields.get(*field).map_or("none".to_owned(), words);
            format!("{field}: {value}")
        };
        checks.push(Check::new(code, title, passed, fields.iter().map(seen).collect()));
    };
    let version = &spec.cluster.version;
    same("verify-cluster-version", format!("the control plane runs Kubernetes {version}"), &["version"]);
    let endpoint = ["endpointPrivate", "endpointPublic", "publicCidrs"];
    same("verify-endpoint-access", "the API server is open to whom the file says".to_owned(), &endpoint);
    same("verify-logging", "control-plane logs are sent".to_owned(), &["logging"]);
    checks
}

/// The comparable fields of the wanted cluster; what refers to other things is left out of these checks.
fn wanted(spec: &Spec) -> Fields {
    let cluster = Cluster {
        spec: spec.cluster.clone(),
        role: Value::text(""),
        vpc: Value::text(""),
        subnets: Vec::new(),
        encryption_key: None,
        tags: std::collections::BTreeMap::new(),
        after: Vec::new(),
    };
    cluster.want(&Facts::default())
}

fn words(value: &Value) -> String {
    match value.as_text() {
        Some(text) => text.to_owned(),
        None => value.item_texts().collect::<Vec<_>>().join(", "),
    }
}

fn addon_healthy(name: &str, live: Option<&Live>) -> Check {
    let (active, word) = state(live);
    let version = live.map(|live| format!("version {}", live.text("version")));
    let evidence = std::iter::once(word).chain(version).collect();
    Check::new("verify-addon-healthy", format!("add-on {name} is healthy"), active, evidence)
}

/// Karpenter's nodes have an entry of ours, found by its address; the system nodes one that EKS made, found by the role.
async fn node_access(cloud: &Cloud, spec: &Spec, id: &Identity) -> Result<Check, Failure> {
    let name = &spec.cluster.name;
    let mut scope = scope(id);
    let group = NodeGroup::read(cloud, &scope, &format!("{name}/{}", crate::model::cluster::SYSTEM)).await?;
    let system = match group.as_ref().map(|group| group.text("role")).filter(|role| !role.is_empty()) {
        Some(role) => AccessEntry::read(cloud, &scope, &format!("{name}/{role}")).await?,
        None => None,
    };
    let address = Address::keyed("cluster", "access-entry", "karpenter-node");
    let hint = Fields::from([("clusterName".to_owned(), Value::text(name))]);
    scope.wanted = vec![(address.clone(), hint)];
    let entries = AccessEntry::sweep(cloud, &scope).await?;
    let tagged = |live: &&Live| live.tags.get(TAG_RESOURCE).is_some_and(|tag| tag == address.as_str());
    let karpenter = entries.iter().find(tagged);
    Ok(entries_of_nodes(system.as_ref(), karpenter))
}

fn entries_of_nodes(system: Option<&Live>, karpenter: Option<&Live>) -> Check {
    let evidence = [("system nodes", system), ("Karpenter's nodes", karpenter)].map(|(who, live)| match live {
        None => (false, format!("{who}: no access entry")),
        Some(live) => {
            let (kind, principal) = (live.text("type"), live.text("principal"));
            (kind == "EC2_LINUX", format!("{who}: {kind} for {principal}"))
        }
    });
    let passed = evidence.iter().all(|(passed, _)| *passed);
    let evidence = evidence.into_iter().map(|(_, text)| text).collect();
    Check::new("verify-node-access", "the roles of nodes may join the cluster", passed, evidence)
}
