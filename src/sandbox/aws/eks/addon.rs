//! Add-ons of a cluster. What runs replicas (CoreDNS, controllers) is `DEGRADED` with `InsufficientNumberOfReplicas`
//! as long as no node takes it, and fails for good if that is still so after twenty minutes.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::addon_catalogue::check as check_values;
use super::addon_table::{Row, row_of};
use super::cluster::inner_arn;
use super::common::{Made, active_cluster, cluster, in_use, invalid, missing, need, paged, tags};
use super::updates::{Begin, begin, free, repeated};
use super::{Cluster, Event, What, later, pod_identity, versions};
use crate::sandbox::region::{Here, epoch, list, text};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// How long EKS waits for an add-on, in milliseconds.
const PATIENCE: Millis = 20 * 60 * 1000;

/// One add-on of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Addon {
    /// As `DescribeAddon` shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
    /// When its pods can be ready at the earliest.
    pub earliest: Millis,
}

/// The add-on that a request names.
fn named<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Addon, Fault> {
    let name = need(params, "addonName")?;
    let cluster = cluster(here, params)?;
    let words = format!("No addon: {name} found in cluster: {}", text(&cluster.body, "name"));
    cluster.addons.get_mut(name).ok_or_else(|| missing(words))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateAddon" => create(here, params),
        "DescribeAddon" => named(here, params).map(|addon| json!({ "addon": addon.body })),
        "ListAddons" => cluster(here, params).and_then(|cluster| {
            let names: Vec<Json> = cluster.addons.keys().map(|name| json!(name)).collect();
            paged(params, "addons", &names)
        }),
        "UpdateAddon" => update(here, params),
        "DeleteAddon" => delete(here, params),
        _ => return None,
    })
}

/// The version to run: the asked one if it fits the cluster, else the default.
fn version(row: &Row, cluster: &str, wanted: &str) -> Result<String, Fault> {
    let minor = versions::known(cluster).map(|version| version.minor).unwrap_or_default();
    let found = if wanted.is_empty() { row.default(minor) } else { row.of(minor).find(|version| *version == wanted) };
    found.map(str::to_owned).ok_or_else(|| invalid("Addon version specified is not supported"))
}

fn irsa(here: &Here<'_>, params: &Json) -> Result<(), Fault> {
    let arn = text(params, "serviceAccountRoleArn");
    if !arn.is_empty() && !arn.contains(":role/") {
        return Err(invalid(format!("Invalid role ARN: {arn}")));
    }
    if !arn.is_empty() && here.iam.role(arn).is_none() {
        return Err(invalid(format!("The role {arn} does not exist")));
    }
    Ok(())
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "addonName")?.to_owned();
    let cluster = active_cluster(here, params)?;
    if let Some(known) = cluster.addons.get(&name) {
        if known.made.repeated(params)? {
            return Ok(json!({ "addon": known.body }));
        }
        return Err(in_use("Addon already exists."));
    }
    let (cluster_name, kubernetes) = (text(&cluster.body, "name").to_owned(), cluster.version().to_owned());
    let row = row_of(&name).ok_or_else(|| missing(format!("Addon {name} specified is not supported")))?;
    let version = version(row, &kubernetes, text(params, "addonVersion"))?;
    check_values(&name, text(params, "configurationValues"))?;
    conflicts(params)?;
    irsa(here, params)?;
    let tags = tags(params)?;
    let arn = inner_arn(here, "addon", &cluster_name, &name);
    let identities = pod_identity::for_addon(here, params, &cluster_name, &arn)?;
    let mut body = json!({
        "addonName": name,
        "clusterName": cluster_name,
        "status": "CREATING",
        "addonVersion": version,
        "health": { "issues": [] },
        "addonArn": arn,
        "createdAt": epoch(here.now),
        "modifiedAt": epoch(here.now),
        "tags": tags,
        "publisher": row.publisher,
        "owner": row.owner,
        "podIdentityAssociations": identities,
        "namespaceConfig": { "namespace": row.namespace },
    });
    for key in ["serviceAccountRoleArn", "configurationValues"] {
        if !text(params, key).is_empty() {
            body[key] = params[key].clone();
        }
    }
    // Seen: 24 to 35 s for the CNI and the agent, about 25 s for the proxy, 14 to 34 s for CoreDNS with nodes.
    let earliest = match name.as_str() {
        "kube-proxy" => here.due(23.0, 27.0),
        _ if row.replicas => here.due(14.0, 34.0),
        _ => here.due(24.0, 35.0),
    };
    let limit = here.now + PATIENCE;
    let addon = Addon { body: body.clone(), made: Made::by(params), earliest };
    if let Some(cluster) = here.region.eks.clusters.get_mut(&cluster_name) {
        cluster.addons.insert(name.clone(), addon);
    }
    here.span(format!("addon:{cluster_name}/{name}"), [format!("cluster:{cluster_name}")], earliest);
    later(here, earliest, &cluster_name, What::AddonCheck(name.clone()));
    later(here, limit, &cluster_name, What::AddonTimeout(name));
    Ok(json!({ "addon": body }))
}

fn conflicts(params: &Json) -> Result<(), Fault> {
    match text(params, "resolveConflicts") {
        "" | "NONE" | "OVERWRITE" | "PRESERVE" => Ok(()),
        other => Err(invalid(format!("{other} is not a way to resolve conflicts"))),
    }
}

/// Whether pods with these tolerations fit a node group's taints. AWS's own charts tolerate `CriticalAddonsOnly`.
fn tolerated(taints: &[Json], tolerations: &[Json]) -> bool {
    let strict = taints.iter().filter(|taint| taint["effect"] != "PREFER_NO_SCHEDULE");
    strict.into_iter().all(|taint| {
        let (key, value) = (text(taint, "key"), text(taint, "value"));
        key == "CriticalAddonsOnly"
            || tolerations.iter().any(|one| {
                let (wanted, operator) = (text(one, "key"), text(one, "operator"));
                (wanted == key || (wanted.is_empty() && operator == "Exists"))
                    && (operator == "Exists" || text(one, "value") == value)
            })
    })
}

/// The moment from which a ready node takes an add-on's replicas; `None` if there is none.
fn hosted_since(cluster: &Cluster, addon: &Addon) -> Option<Millis> {
    let values =
        check_values(text(&addon.body, "addonName"), text(&addon.body, "configurationValues")).unwrap_or_default();
    let mut tolerations = list(&values, "tolerations");
    tolerations.extend(list(&values["controller"], "tolerations"));
    let groups = cluster.groups.values().filter(|group| tolerated(&list(&group.body, "taints"), &tolerations));
    groups.flat_map(|group| &group.nodes).filter(|node| node.ready).map(|node| node.since).min()
}

/// Looks at an add-on's pods: healthy when they have had their time, and a node if they need one.
pub(super) fn check(here: &mut Here<'_>, cluster_name: &str, name: &str) {
    let now = here.now;
    let Some(cluster) = here.region.eks.clusters.get(cluster_name) else { return };
    let (Some(addon), Some(row)) = (cluster.addons.get(name), row_of(name)) else { return };
    let hosted = !row.replicas || hosted_since(cluster, addon).is_some();
    let waits = addon.earliest > now;
    let Some(addon) = here.region.eks.clusters.get_mut(cluster_name).and_then(|cluster| cluster.addons.get_mut(name))
    else {
        return;
    };
    let body = &mut addon.body;
    let status = text(body, "status").to_owned();
    let next = match status.as_str() {
        "CREATING" | "DEGRADED" | "ACTIVE" if !hosted => "DEGRADED",
        "CREATING" | "DEGRADED" if !waits => "ACTIVE",
        _ => return,
    };
    if next == status {
        return;
    }
    body["status"] = json!(next);
    body["modifiedAt"] = epoch(now);
    let issue = json!({
        "code": "InsufficientNumberOfReplicas",
        "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
        "resourceIds": [],
    });
    body["health"] = json!({ "issues": if next == "DEGRADED" { vec![issue] } else { Vec::new() } });
}

/// Nodes have come or gone: replicas start on them in 14 to 34 s, or have nowhere to be.
pub(super) fn nodes_changed(here: &mut Here<'_>, cluster_name: &str) {
    let Some(cluster) = here.region.eks.clusters.get(cluster_name) else { return };
    let waiting: Vec<(String, bool)> = cluster
        .addons
        .iter()
        .filter(|(name, _)| row_of(name).is_some_and(|row| row.replicas))
        .map(|(name, addon)| (name.clone(), ["CREATING", "DEGRADED"].contains(&text(&addon.body, "status"))))
        .collect();
    for (name, waits) in waiting {
        let at = if waits { here.due(14.0, 34.0) } else { here.now };
        if waits
            && let Some(addon) =
                here.region.eks.clusters.get_mut(cluster_name).and_then(|cluster| cluster.addons.get_mut(&name))
        {
            addon.earliest = addon.earliest.max(at);
        }
        later(here, at, cluster_name, What::AddonCheck(name));
    }
}

/// Twenty minutes are over: what was never healthy has failed for good.
pub(super) fn timeout(here: &mut Here<'_>, cluster: &str, name: &str) {
    let now = here.now;
    let Some(addon) = here.region.eks.clusters.get_mut(cluster).and_then(|cluster| cluster.addons.get_mut(name)) else {
        return;
    };
    if ["CREATING", "DEGRADED"].contains(&text(&addon.body, "status")) {
        addon.body["status"] = json!("CREATE_FAILED");
        addon.body["modifiedAt"] = epoch(now);
    }
}

/// An add-on that has been healthy does not fail for its creation's sake any more.
fn settled(event: &Event, cluster: &str, name: &str) -> bool {
    event.cluster == cluster && event.what == What::AddonTimeout(name.to_owned())
}

fn update(here: &mut Here<'_>, params: &Json) -> Answer {
    if let Some(answer) = repeated(here, params)? {
        return Ok(answer);
    }
    let name = need(params, "addonName")?;
    let body = named(here, params)?.body.clone();
    free(here, params, "", name)?;
    match text(&body, "status") {
        "CREATING" | "UPDATING" | "DELETING" => {
            return Err(in_use(format!("Addon {name} is currently {} and cannot be updated", text(&body, "status"))));
        }
        _ => {}
    }
    let cluster = cluster(here, params)?;
    let (cluster_name, kubernetes) = (text(&cluster.body, "name").to_owned(), cluster.version().to_owned());
    let row = row_of(name).ok_or_else(|| missing(format!("Addon {name} specified is not supported")))?;
    let mut patch = serde_json::Map::new();
    let mut said = Vec::new();
    let wanted = text(params, "addonVersion");
    // The version that runs stays allowed, also after an update of the control plane.
    if !wanted.is_empty() && body["addonVersion"] != wanted {
        let version = version(row, &kubernetes, wanted)?;
        said.push(("AddonVersion", version.clone()));
        patch.insert("addonVersion".to_owned(), json!(version));
    }
    conflicts(params)?;
    irsa(here, params)?;
    if let Some(values) = params["configurationValues"].as_str() {
        check_values(name, values)?;
        said.push(("ConfigurationValues", values.to_owned()));
        patch.insert("configurationValues".to_owned(), json!(values));
    }
    // "If you don't specify an existing IAM role, then the add-on uses the permissions assigned to the node IAM role"
    // (UpdateAddon, Amazon EKS API reference): what is not said again goes.
    let arn = params["serviceAccountRoleArn"].as_str();
    if let Some(arn) = arn {
        said.push(("ServiceAccountRoleArn", arn.to_owned()));
    }
    patch.insert("serviceAccountRoleArn".to_owned(), json!(arn));
    if !params["podIdentityAssociations"].is_null() {
        let arn = text(&body, "addonArn").to_owned();
        pod_identity::drop_owned(here, &cluster_name, &arn);
        let identities = pod_identity::for_addon(here, params, &cluster_name, &arn)?;
        said.push(("PodIdentityAssociations", params["podIdentityAssociations"].to_string()));
        patch.insert("podIdentityAssociations".to_owned(), json!(identities));
    }
    if let Some(way) = params["resolveConflicts"].as_str() {
        said.push(("ResolveConflicts", way.to_owned()));
    }
    here.region.eks.due.retain(|event| !settled(event, &cluster_name, name));
    let ready = here.due(20.0, 60.0);
    begin(
        here,
        params,
        Begin { kind: "AddonUpdate", params: said, group: "", addon: name, patch: Json::Object(patch), ready },
    )
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let addon = named(here, params)?;
    let name = text(&addon.body, "addonName").to_owned();
    match text(&addon.body, "status") {
        "DELETING" => return Ok(json!({ "addon": addon.body })),
        status @ ("CREATING" | "UPDATING") => {
            return Err(in_use(format!("Addon {name} is {status} and cannot be deleted")));
        }
        _ => {}
    }
    addon.body["status"] = json!("DELETING");
    let body = addon.body.clone();
    let cluster_name = text(&body, "clusterName").to_owned();
    // Seen: seconds for most, with "preserve" as well.
    let ready = here.due(6.0, 25.0);
    here.span(format!("-addon:{cluster_name}/{name}"), [], ready);
    later(here, ready, &cluster_name, What::AddonGone(name));
    Ok(json!({ "addon": body }))
}

/// An add-on has gone, with the associations it owns.
pub(super) fn gone(here: &mut Here<'_>, cluster: &str, name: &str) {
    let Some(of) = here.region.eks.clusters.get_mut(cluster) else { return };
    let Some(addon) = of.addons.remove(name) else { return };
    of.updates.retain(|update| update.addon != name);
    let events = |what: &What| matches!(what, What::AddonCheck(one) | What::AddonTimeout(one) if one == name);
    here.region.eks.due.retain(|event| event.cluster != cluster || !events(&event.what));
    pod_identity::drop_owned(here, cluster, text(&addon.body, "addonArn"));
}
