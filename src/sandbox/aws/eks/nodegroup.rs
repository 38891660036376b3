//! Managed node groups: an Auto Scaling group, an instance profile of EKS's own and instances that join late.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::common::{
    Made, active_cluster, cluster, good_name, in_use, invalid, missing, need, paged, role, tags, uuid,
};
use super::outside::{self, Launch};
use super::{What, access, addon, later, versions};
use crate::sandbox::aws::iam;
use crate::sandbox::region::{Here, epoch, list, text, texts};
use crate::sandbox::state::Millis;
use crate::sandbox::wire::{Answer, Call, Fault};

/// How long a node group's nodes may take to join before EKS gives up, in milliseconds.
const PATIENCE: Millis = 25 * 60 * 1000;

/// One node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// `i-…`.
    pub instance: String,
    /// Whether it has joined and is ready.
    pub ready: bool,
    /// When it became ready, or 0.
    pub since: Millis,
}

/// One node group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// As `DescribeNodegroup` shows it.
    pub body: Json,
    /// Its request.
    pub made: Made,
    /// The instance profile's name, `eks-…`.
    pub profile: String,
    /// The Auto Scaling group's name.
    pub scaling: String,
    /// Its nodes, ready or not.
    pub nodes: Vec<Node>,
    /// When EKS began to wait for them.
    pub launched: Millis,
}

impl Group {
    /// Least, most and wanted number of nodes.
    #[must_use]
    pub fn sizes(&self) -> (u64, u64, u64) {
        let of = |key: &str| self.body["scalingConfig"][key].as_u64().unwrap_or_default();
        (of("minSize"), of("maxSize"), of("desiredSize"))
    }
}

/// The node group that a request names.
pub(super) fn group<'a>(here: &'a mut Here<'_>, params: &Json) -> Result<&'a mut Group, Fault> {
    let name = need(params, "nodegroupName")?;
    let found = cluster(here, params)?.groups.get_mut(name);
    found.ok_or_else(|| missing(format!("No node group found for name: {name}.")))
}

pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    let params = &call.params;
    Some(match call.operation.as_str() {
        "CreateNodegroup" => create(here, params),
        "DescribeNodegroup" => group(here, params).map(|group| json!({ "nodegroup": group.body })),
        "ListNodegroups" => cluster(here, params).and_then(|cluster| {
            let names: Vec<Json> = cluster.groups.keys().map(|name| json!(name)).collect();
            paged(params, "nodegroups", &names)
        }),
        "DeleteNodegroup" => delete(here, params),
        _ => return None,
    })
}

/// Checks `scalingConfig` and fills what it leaves out.
pub(super) fn scaling(wanted: &Json, old: &Json) -> Result<Json, Fault> {
    let of = |key: &str, default: u64| wanted[key].as_u64().or_else(|| old[key].as_u64()).unwrap_or(default);
    let (least, most, size) = (of("minSize", 1), of("maxSize", 2), of("desiredSize", 2));
    if most < 1 || least > most {
        return Err(invalid(format!("Minimum capacity {least} can't be greater than maximum size {most}")));
    }
    if size < least || size > most {
        return Err(invalid(format!(
            "desired capacity {size} must be between minimum size {least} and maximum size {most}"
        )));
    }
    Ok(json!({ "minSize": least, "maxSize": most, "desiredSize": size }))
}

/// Checks taints: at most 50, effects as EKS spells them.
pub(super) fn taints(taints: &[Json]) -> Result<(), Fault> {
    let effects = ["NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"];
    if taints.len() > 50
        || taints.iter().any(|taint| !effects.contains(&text(taint, "effect")) || text(taint, "key").is_empty())
    {
        return Err(invalid(
            "A taint needs a key and an effect out of NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE; 50 at most",
        ));
    }
    Ok(())
}

/// Checks `updateConfig`: one of number and share.
pub(super) fn update_config(wanted: &Json) -> Result<Json, Fault> {
    let (number, share) = (&wanted["maxUnavailable"], &wanted["maxUnavailablePercentage"]);
    match (number.as_u64(), share.as_u64()) {
        (None, None) => Ok(json!({ "maxUnavailable": 1 })),
        (Some(1..=100), None) | (None, Some(1..=100)) => Ok(wanted.clone()),
        _ => Err(invalid("You must specify either maxUnavailable or maxUnavailablePercentage, from 1 to 100")),
    }
}

/// The kubelet's version and the image's release, the newest where none is wanted: no newer than the control plane, and no Amazon Linux 2 after 1.32.
pub(super) fn version(
    here: &Here<'_>,
    cluster: &str,
    (wanted, release): (&str, &str),
    ami: &str,
) -> Result<(String, String), Fault> {
    let name = if wanted.is_empty() { cluster } else { wanted };
    let known =
        versions::known(name).ok_or_else(|| invalid(format!("Requested Nodegroup version {name} is not supported")))?;
    let control = versions::known(cluster).map_or(known.minor, |version| version.minor);
    if known.minor > control {
        return Err(invalid(format!("Nodegroup Kubernetes version {name} is not valid for cluster version {cluster}")));
    }
    if ami.starts_with("AL2_") && known.minor > 32 {
        return Err(invalid(format!("AMI Type {ami} is only supported for kubernetes versions 1.32 or earlier")));
    }
    let found =
        outside::release(here, ami, |one| one.minor == name && (release.is_empty() || one.version() == release));
    let found = found.ok_or_else(|| {
        invalid(format!("Requested release version {release} is not valid for kubernetes version {name}"))
    })?;
    Ok((name.to_owned(), found.version()))
}

fn create(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "nodegroupName")?.to_owned();
    let cluster = active_cluster(here, params)?;
    if let Some(known) = cluster.groups.get(&name) {
        if known.made.repeated(params)? {
            return Ok(json!({ "nodegroup": known.body }));
        }
        return Err(in_use(format!(
            "NodeGroup already exists with name {name} and cluster name {}",
            text(&cluster.body, "name")
        )));
    }
    let (cluster_name, cluster_version) = (text(&cluster.body, "name").to_owned(), cluster.version().to_owned());
    let vpc = text(&cluster.body["resourcesVpcConfig"], "vpcId").to_owned();
    if !good_name(&name, 63) {
        return Err(invalid(
            "The node group name must begin with a letter or a digit and have only letters, digits, hyphens and underscores, 63 at most",
        ));
    }
    let subnet_ids = texts(params, "subnets");
    if subnet_ids.is_empty() {
        return Err(invalid("subnets is required"));
    }
    if outside::subnets(here, &subnet_ids)?.iter().any(|subnet| subnet.vpc != vpc) {
        return Err(invalid("Subnets are not in the cluster's VPC"));
    }
    let node_role = need(params, "nodeRole")?;
    let pull = ["AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryReadOnly"];
    let work = ["AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy"];
    role(here, node_role, "ec2.amazonaws.com", &[&work, &pull])?;
    let template = if params["launchTemplate"].is_null() {
        None
    } else {
        Some(outside::template(here, &params["launchTemplate"])?)
    };
    let mut instance_types = texts(params, "instanceTypes");
    if let Some(template) = &template {
        if !params["diskSize"].is_null() {
            return Err(invalid("Disk size must be specified within the launch template."));
        }
        if template.has_instance_type && !instance_types.is_empty() {
            return Err(invalid("Cannot specify instance types in launch template and API request"));
        }
    }
    if instance_types.is_empty() && !template.as_ref().is_some_and(|template| template.has_instance_type) {
        instance_types.push("t3.medium".to_owned());
    }
    let ami = match text(params, "amiType") {
        "" => "AL2023_x86_64_STANDARD",
        ami => ami,
    };
    let wanted = (text(params, "version"), text(params, "releaseVersion"));
    let (version, release) = version(here, &cluster_version, wanted, ami)?;
    let capacity = match text(params, "capacityType") {
        "" => "ON_DEMAND",
        capacity @ ("ON_DEMAND" | "SPOT") => capacity,
        other => return Err(invalid(format!("{other} is not a capacity type"))),
    };
    taints(&list(params, "taints"))?;
    let scaling = scaling(&params["scalingConfig"], &Json::Null)?;
    let tags = tags(params)?;
    iam::ensure_service_linked(here, "eks-nodegroup.amazonaws.com");
    iam::ensure_service_linked(here, "autoscaling.amazonaws.com");
    let id = uuid(here);
    let profile = format!("eks-{id}");
    iam::make_profile_for_nodes(here, &profile, node_role);
    let mut body = json!({
        "nodegroupName": name,
        "nodegroupArn": here.arn("eks", &format!("nodegroup/{cluster_name}/{name}/{id}")),
        "clusterName": cluster_name,
        "version": version,
        "releaseVersion": release,
        "createdAt": epoch(here.now),
        "modifiedAt": epoch(here.now),
        "status": "CREATING",
        "capacityType": capacity,
        "scalingConfig": scaling,
        "subnets": subnet_ids,
        "amiType": ami,
        "nodeRole": node_role,
        "labels": params["labels"].as_object().cloned().unwrap_or_default(),
        "taints": list(params, "taints"),
        "health": { "issues": [] },
        "updateConfig": update_config(&params["updateConfig"])?,
        "tags": tags,
    });
    if !instance_types.is_empty() {
        body["instanceTypes"] = json!(instance_types);
    }
    match &template {
        Some(template) => {
            body["launchTemplate"] = json!({ "id": template.id, "name": template.name, "version": template.version });
        }
        None => body["diskSize"] = params["diskSize"].as_u64().map_or(json!(20), |size| json!(size)),
    }
    if !params["nodeRepairConfig"].is_null() {
        body["nodeRepairConfig"] = params["nodeRepairConfig"].clone();
    }
    let ready = here.due(88.0, 201.0);
    let group = Group { body: body.clone(), made: Made::by(params), profile, ..Group::default() };
    if let Some(cluster) = here.region.eks.clusters.get_mut(&cluster_name) {
        cluster.groups.insert(name.clone(), group);
    }
    access::for_nodes(here, &cluster_name);
    let mut after = outside::ways_out(here, &subnet_ids);
    after.extend(subnet_ids);
    after.extend([format!("cluster:{cluster_name}"), node_role.to_owned()]);
    after.extend(template.map(|template| template.id));
    // Instances start in the first quarter, and the last eighth is EKS's own checks: pods run on the nodes before.
    let wait = ready - here.now;
    here.span(format!("nodes:{cluster_name}/{name}"), after.clone(), here.now + wait * 7 / 8);
    here.span(format!("nodegroup:{cluster_name}/{name}"), after, ready);
    later(here, here.now + wait / 5, &cluster_name, What::GroupLaunch(name.clone()));
    later(here, here.now + wait * 7 / 8, &cluster_name, What::NodesJoin(name.clone()));
    later(here, ready, &cluster_name, What::GroupActive(name));
    Ok(json!({ "nodegroup": body }))
}

fn found<'a>(here: &'a mut Here<'_>, cluster: &str, name: &str) -> Option<&'a mut Group> {
    here.region.eks.clusters.get_mut(cluster)?.groups.get_mut(name)
}

/// Starts what is missing to the wanted size, or ends what is too much.
pub(super) fn launch(here: &mut Here<'_>, cluster: &str, name: &str) {
    let Some(group) = found(here, cluster, name).cloned() else { return };
    let vpc = here.region.eks.body(cluster).map(|body| body["resourcesVpcConfig"].clone()).unwrap_or_default();
    let body = &group.body;
    let mut tags: std::collections::BTreeMap<String, String> =
        [("eks:cluster-name", cluster), ("eks:nodegroup-name", name)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
    tags.insert(format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned());
    let launch = Launch {
        cluster,
        group: name,
        subnets: texts(body, "subnets"),
        instance_types: texts(body, "instanceTypes"),
        ami: text(body, "amiType"),
        release: text(body, "releaseVersion"),
        profile: &group.profile,
        security_groups: vec![text(&vpc, "clusterSecurityGroupId").to_owned()],
        template: body.get("launchTemplate"),
        spot: body["capacityType"] == "SPOT",
        tags,
    };
    let (least, most, wanted) = group.sizes();
    let scaling = if group.launched == 0 {
        outside::make_scaling(here, &launch, (least, most, wanted))
    } else {
        outside::resize_scaling(here, &group.scaling, (least, most, wanted));
        group.scaling.clone()
    };
    let have = group.nodes.len() as u64;
    let new = outside::launch_nodes(here, &launch, wanted.saturating_sub(have));
    let now = here.now;
    let mut ended = Vec::new();
    if let Some(group) = found(here, cluster, name) {
        group.launched = now;
        group.body["resources"] = json!({ "autoScalingGroups": [{ "name": scaling }] });
        group.scaling = scaling;
        group.nodes.extend(new.into_iter().map(|instance| Node { instance, ..Node::default() }));
        let keep = usize::try_from(wanted).unwrap_or(usize::MAX);
        ended = group.nodes.split_off(keep.min(group.nodes.len()));
    }
    let ended: Vec<String> = ended.into_iter().map(|node| node.instance).collect();
    outside::terminate_nodes(here, &ended);
    if let Some(group) = found(here, cluster, name).cloned() {
        let running: Vec<String> = group.nodes.iter().map(|node| node.instance.clone()).collect();
        outside::hold(here, &group.scaling, &running);
    }
}

/// Whether the kubelet of an instance in a subnet, with a role, reaches the control plane and is let in by it.
pub(in crate::sandbox) fn may_join(here: &Here<'_>, cluster: &str, subnet: &str, role: &str) -> bool {
    let Some(of) = here.region.eks.clusters.get(cluster) else { return false };
    let known = of.body["accessConfig"]["authenticationMode"] == "CONFIG_MAP" || of.entries.contains_key(role);
    known && outside::reaches_out(here, subnet)
}

/// What keeps the nodes of a group from becoming ready: no way out of a subnet, no access entry for their role, no CNI.
fn hindered(here: &Here<'_>, cluster: &str, group: &Group) -> Option<&'static str> {
    let of = here.region.eks.clusters.get(cluster)?;
    if texts(&group.body, "subnets").iter().any(|subnet| !outside::reaches_out(here, subnet)) {
        return Some("Instances failed to join the kubernetes cluster");
    }
    let entries = of.body["accessConfig"]["authenticationMode"] == "CONFIG_MAP"
        || of.entries.contains_key(text(&group.body, "nodeRole"));
    if !entries {
        return Some("Instances failed to join the kubernetes cluster");
    }
    let cni = of.self_managed
        || of.addons.get("vpc-cni").is_some_and(|addon| ["ACTIVE", "UPDATING"].contains(&text(&addon.body, "status")));
    (!cni).then_some("Unhealthy nodes in the kubernetes cluster")
}

/// Nodes try to join. Whoever cannot tries again; a group that was made stays DEGRADED until they can.
pub(super) fn join(here: &mut Here<'_>, cluster: &str, name: &str) {
    let now = here.now;
    let Some(group) = found(here, cluster, name).cloned() else { return };
    if group.nodes.iter().all(|node| node.ready) && group.body["status"] != "DEGRADED" {
        return;
    }
    if let Some(why) = hindered(here, cluster, &group) {
        if group.launched + PATIENCE > now {
            later(here, now + 5_000, cluster, What::NodesJoin(name.to_owned()));
        } else if let Some(group) = found(here, cluster, name) {
            let waiting = group.nodes.iter().filter(|node| !node.ready);
            let ids: Vec<&String> = waiting.map(|node| &node.instance).collect();
            let issue = json!({ "code": "NodeCreationFailure", "message": why, "resourceIds": ids });
            group.body["health"] = json!({ "issues": [issue] });
            if group.body["status"] == "CREATING" {
                group.body["status"] = json!("CREATE_FAILED");
            } else {
                group.body["status"] = json!("DEGRADED");
                later(here, now + 60_000, cluster, What::NodesJoin(name.to_owned()));
            }
        }
        return;
    }
    if let Some(group) = found(here, cluster, name) {
        if group.body["status"] == "DEGRADED" {
            group.body["status"] = json!("ACTIVE");
            group.body["health"] = json!({ "issues": [] });
        }
        for node in group.nodes.iter_mut().filter(|node| !node.ready) {
            node.ready = true;
            node.since = now;
        }
    }
    addon::nodes_changed(here, cluster);
}

/// The group is ready if its nodes are; otherwise EKS goes on waiting.
pub(super) fn active(here: &mut Here<'_>, cluster: &str, name: &str) {
    let now = here.now;
    let Some(group) = found(here, cluster, name) else { return };
    if group.body["status"] != "CREATING" {
        return;
    }
    if group.nodes.iter().all(|node| node.ready) {
        group.body["status"] = json!("ACTIVE");
        group.body["modifiedAt"] = epoch(now);
    } else {
        later(here, now + 5_000, cluster, What::GroupActive(name.to_owned()));
    }
}

/// An update has ended: the size may be another, which takes its time, or every node has been replaced.
pub(super) fn updated(here: &mut Here<'_>, cluster: &str, name: &str, replaced: bool) {
    let old = match found(here, cluster, name) {
        Some(group) if replaced => std::mem::take(&mut group.nodes),
        _ => Vec::new(),
    };
    launch(here, cluster, name);
    if replaced {
        // The new nodes joined one by one while the update ran.
        let now = here.now;
        for node in found(here, cluster, name).into_iter().flat_map(|group| &mut group.nodes) {
            node.ready = true;
            node.since = now;
        }
        let ids: Vec<String> = old.into_iter().map(|node| node.instance).collect();
        outside::terminate_nodes(here, &ids);
    } else {
        let join = here.due(40.0, 70.0);
        later(here, join, cluster, What::NodesJoin(name.to_owned()));
    }
    addon::nodes_changed(here, cluster);
}

fn delete(here: &mut Here<'_>, params: &Json) -> Answer {
    let name = need(params, "nodegroupName")?.to_owned();
    let cluster_name = text(&cluster(here, params)?.body, "name").to_owned();
    let group = group(here, params)?;
    match text(&group.body, "status") {
        "DELETING" => return Ok(json!({ "nodegroup": group.body })),
        "UPDATING" => return Err(in_use(format!("Nodegroup {name} has an update in progress"))),
        _ => {}
    }
    group.body["status"] = json!("DELETING");
    let body = group.body.clone();
    let ready = here.due(120.0, 252.0);
    let span = format!("-nodegroup:{cluster_name}/{name}");
    outside::leans_on(here, &texts(&body, "subnets"), &span);
    let own = |what: &What| matches!(what, What::GroupLaunch(one) | What::NodesJoin(one) | What::GroupActive(one) if *one == name);
    here.region.eks.due.retain(|event| event.cluster != cluster_name || !own(&event.what));
    here.span(span, [], ready);
    later(here, ready, &cluster_name, What::GroupGone(name));
    Ok(json!({ "nodegroup": body }))
}

/// A group has gone, with its instances, its Auto Scaling group and its instance profile.
pub(super) fn gone(here: &mut Here<'_>, cluster: &str, name: &str) {
    let Some(of) = here.region.eks.clusters.get_mut(cluster) else { return };
    let Some(group) = of.groups.remove(name) else { return };
    of.updates.retain(|update| update.group != name);
    let ids: Vec<String> = group.nodes.into_iter().map(|node| node.instance).collect();
    for id in &ids {
        let span = format!("-nodegroup:{cluster}/{name}");
        here.region.ec2.departed.entry(id.clone()).or_default().push(span);
    }
    outside::terminate_nodes(here, &ids);
    if !group.scaling.is_empty() {
        outside::remove_scaling(here, &group.scaling);
    }
    here.iam.profiles.remove(&group.profile);
    access::nodes_gone(here, cluster, text(&group.body, "nodeRole"));
    addon::nodes_changed(here, cluster);
}
