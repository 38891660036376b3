//! The managed node group of the system nodes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_eks::types as sdk;

use super::eks;
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::cost::{Line, Rates, lines};
use crate::engine::{
    Address, Change, Custody, Cx, Facts, Failure, Field, Fields, Kind, Live, Order, Patience, Read, Ready, Resource,
    Scope, Value,
};

/// A managed node group of fixed size, on demand.
#[derive(Clone, Debug)]
pub struct NodeGroup {
    /// The cluster's name, as a reference.
    pub cluster: Value,
    /// The cluster's name, as text.
    pub cluster_name: String,
    /// Name in EKS and third part of the address.
    pub name: String,
    /// Kubernetes minor version: the cluster's.
    pub version: String,
    /// `AL2023_x86_64_STANDARD` or `AL2023_ARM_64_STANDARD`, see [`ami_type`].
    pub ami_type: &'static str,
    /// The instance type, where the launch template has none. With it in the template, another type is a new version of the
    /// template and rolls the nodes; here it would replace the group.
    pub instance_type: Option<String>,
    /// Smallest, desired and largest size in one.
    pub count: u16,
    /// Ids of its subnets.
    pub subnets: Vec<Value>,
    /// ARN of the nodes' role.
    pub role: Value,
    /// Id of the launch template.
    pub launch_template: Value,
    /// A version number of it, never `$Latest`.
    pub launch_template_version: Value,
    /// Node labels.
    pub labels: BTreeMap<String, String>,
    /// Node taints, `key=value:Effect` as kubectl prints them.
    pub taints: Vec<String>,
    /// Free tags; nodes get theirs from the launch template.
    pub tags: BTreeMap<String, String>,
    /// What nodes need to reach AWS.
    pub after: Vec<Address>,
}

/// The AL2023 image type that fits an instance type.
#[must_use]
pub fn ami_type(instance_type: &str) -> &'static str {
    if is_arm(instance_type) { "AL2023_ARM_64_STANDARD" } else { "AL2023_x86_64_STANDARD" }
}

/// Whether an instance type has Graviton cores: a `g` right after the generation (`m7g`, `c7gd`, `r8gn`, `im4gn`, `t4g`)
/// or the first one, `a1`. The `g` of a GPU family (`g5`) stands before it, and `g5g` has both. Source: EC2 User Guide,
/// "Amazon EC2 instance type naming conventions".
#[must_use]
pub fn is_arm(instance_type: &str) -> bool {
    let family = instance_type.split('.').next().unwrap_or_default();
    let series = family.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let options = series.trim_start_matches(|letter: char| letter.is_ascii_digit());
    family == "a1" || options.starts_with('g')
}

/// The fact that holds the AL2023 release for a Kubernetes version and image type, `1.36.0-20261105`.
#[must_use]
pub fn release_fact(version: &str, ami_type: &str) -> String {
    format!("node-release/{version}/{ami_type}")
}

impl NodeGroup {
    /// The address of the group of this name.
    #[must_use]
    pub fn at(name: &str) -> Address {
        Address::keyed("cluster", "node-group", name)
    }
}

impl Resource for NodeGroup {
    type World = Cloud;

    const KIND: Kind = Kind {
        name: "node-group",
        noun: "managed node group",
        actions: &[
            "eks:CreateNodegroup",
            "eks:DescribeNodegroup",
            "eks:ListNodegroups",
            "eks:UpdateNodegroupConfig",
            "eks:UpdateNodegroupVersion",
            "eks:DeleteNodegroup",
            "eks:DescribeCluster",
            "eks:ListClusters",
            "eks:TagResource",
            "eks:UntagResource",
            "iam:PassRole",
            "iam:GetRole",
            "iam:ListAttachedRolePolicies",
            "iam:CreateServiceLinkedRole",
            "ec2:DescribeSubnets",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:RunInstances",
            "ec2:CreateTags",
        ],
        fields: &[
            Field::replaces("cluster", Order::DeleteFirst, "The cluster it is in"),
            Field::replaces("clusterName", Order::DeleteFirst, "The cluster's name, by which a read finds the group"),
            Field::replaces("name", Order::DeleteFirst, "The group's name in EKS"),
            Field::replaces("role", Order::DeleteFirst, "The role of its nodes"),
            Field::replaces("subnets", Order::DeleteFirst, "Where its nodes are"),
            Field::replaces("amiType", Order::DeleteFirst, "Operating system and architecture"),
            Field::replaces("capacityType", Order::DeleteFirst, "`ON_DEMAND`: what runs here must not be reclaimed"),
            Field::replaces("instanceType", Order::DeleteFirst, "Instance type, where the launch template has none"),
            Field::replaces("launchTemplate", Order::DeleteFirst, "Id of the launch template"),
            Field::rolls("launchTemplateVersion", "Version of the launch template, a number"),
            Field::rolls("version", "Kubernetes minor version of its nodes"),
            Field::rolls("releaseVersion", "AL2023 release; resolved at creation and kept until the version moves"),
            Field::in_place("size", "Smallest, desired and largest number of nodes"),
            Field::in_place("labels", "Node labels"),
            Field::in_place("taints", "Node taints, `key=value:Effect`"),
            Field::in_place("updateConfig", "How many nodes may be away during an update"),
            Field::in_place("tags", "Free tags of the group"),
        ],
        rank: 95,
        custody: Custody::Owned,
        // Create 1m28 to 3m21, delete 2 to 4m12 (public Terraform logs). An update starts a new node for each old one and
        // waits up to 15 min for pods to move (EKS User Guide, "Understand each phase of node updates").
        patience: Patience::secs(110, 480, 180, 3600),
        docs: "EC2 instances that EKS starts, drains and replaces, in an Auto Scaling group of its own. It carries Karpenter's \
               controller and the add-ons, so its size is fixed and its nodes are tainted. Updates respect \
               PodDisruptionBudgets: `force` is never sent. Its launch template has the disk, the metadata options and the tags \
               of instances. Source: Amazon EKS API Reference, CreateNodegroup, UpdateNodegroupVersion; EKS User \
               Guide, \"Customize managed nodes with launch templates\".",
    };

    fn address(&self) -> Address {
        Self::at(&self.name)
    }

    fn want(&self, facts: &Facts) -> Fields {
        let mut want = Fields::from([
            ("cluster".to_owned(), self.cluster.clone()),
            ("clusterName".to_owned(), Value::text(&self.cluster_name)),
            ("name".to_owned(), Value::text(&self.name)),
            ("role".to_owned(), self.role.clone()),
            ("subnets".to_owned(), Value::set(self.subnets.clone())),
            ("amiType".to_owned(), Value::text(self.ami_type)),
            ("capacityType".to_owned(), Value::text("ON_DEMAND")),
            ("launchTemplate".to_owned(), self.launch_template.clone()),
            ("launchTemplateVersion".to_owned(), self.launch_template_version.clone()),
            ("version".to_owned(), Value::text(&self.version)),
            ("size".to_owned(), size(self.count, self.count, self.count)),
            ("labels".to_owned(), Value::tags(self.labels.clone())),
            ("taints".to_owned(), Value::texts(&self.taints)),
            ("updateConfig".to_owned(), Value::tags([("maxUnavailable", 1)])),
            ("tags".to_owned(), Value::tags(self.tags.clone())),
        ]);
        if let Some(instance_type) = &self.instance_type {
            want.insert("instanceType".to_owned(), Value::text(instance_type));
        }
        // The release of a live group of this version, else the one AWS recommends; where neither is known, EKS takes its
        // newest.
        if let Some(release) = facts.get(&release_fact(&self.version, self.ami_type)) {
            want.insert("releaseVersion".to_owned(), Value::text(release));
        }
        want
    }

    fn after(&self) -> Vec<Address> {
        self.after.clone()
    }

    fn cost(fields: &Fields, rates: &Rates) -> Vec<Line> {
        let count = fields.get("size").and_then(|size| size.get("desired")?.as_text()?.parse().ok());
        vec![lines::instances(eks::text(fields, "instanceType"), count.unwrap_or_default(), rates)]
    }

    async fn sweep(cloud: &Cloud, scope: &Scope) -> Read<Vec<Live>> {
        let list = async |cluster| {
            let pages = cloud.eks.list_nodegroups().cluster_name(cluster).into_paginator().items().send();
            pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("eks:ListNodegroups"))
        };
        eks::sweep(cloud, scope, &["name"], list, async |id| Self::read(cloud, scope, &id).await).await
    }

    async fn read(cloud: &Cloud, _: &Scope, id: &str) -> Read<Option<Live>> {
        find(cloud, id).await
    }

    async fn create(cloud: &Cloud, cx: &Cx, want: &Fields) -> Result<String, Failure> {
        let (cluster, name) = (eks::text(want, "cluster"), eks::text(want, "name"));
        let taints = eks::texts(want, "taints").iter().filter_map(|taint| taint_of(taint)).collect();
        let call = cloud
            .eks
            .create_nodegroup()
            .cluster_name(cluster)
            .nodegroup_name(name)
            .node_role(eks::text(want, "role"))
            .set_subnets(Some(eks::texts(want, "subnets")))
            .ami_type(eks::text(want, "amiType").into())
            .capacity_type(eks::text(want, "capacityType").into())
            .set_instance_types(eks::some_text(want, "instanceType").map(|kind| vec![kind]))
            .launch_template(template(want))
            .version(eks::text(want, "version"))
            .set_release_version(eks::some_text(want, "releaseVersion"))
            .scaling_config(scaling(want)?)
            .update_config(update_config(want)?)
            .set_labels(Some(eks::entries(want, "labels").into_iter().collect()))
            .set_taints(Some(taints))
            .client_request_token(&cx.token)
            .set_tags(Some(eks::all_tags(cx, want)));
        let created = call.send().await.map_err(failed("eks:CreateNodegroup"));
        let id = eks::inside(cluster, name);
        eks::or_ours(cx, created, id.clone(), find(cloud, &id)).await
    }

    /// Starts one update: first the configuration, then, in the next call, what rolls the nodes.
    async fn update(cloud: &Cloud, cx: &Cx, live: &Live, want: &Fields, changes: &[Change]) -> Result<(), Failure> {
        eks::retag(cloud, cx, live, want).await?;
        let (cluster, name) = eks::split(&live.id);
        if eks::changed(changes, &["size", "labels", "taints", "updateConfig"]) {
            let call = cloud
                .eks
                .update_nodegroup_config()
                .cluster_name(cluster)
                .nodegroup_name(name)
                .scaling_config(scaling(want)?)
                .update_config(update_config(want)?)
                .set_labels(labels(&eks::entries(want, "labels"), &eks::entries(&live.fields, "labels")))
                .set_taints(taints(&eks::texts(want, "taints"), &eks::texts(&live.fields, "taints")));
            return call.send().await.map(drop).map_err(failed("eks:UpdateNodegroupConfig"));
        }
        if eks::changed(changes, &["version", "releaseVersion", "launchTemplateVersion"]) {
            // All three are said each time: without them EKS would move the image along with a new template version.
            let call = cloud
                .eks
                .update_nodegroup_version()
                .cluster_name(cluster)
                .nodegroup_name(name)
                .version(eks::text(want, "version"))
                .set_release_version(eks::some_text(want, "releaseVersion"))
                .launch_template(template(want));
            call.send().await.map_err(failed("eks:UpdateNodegroupVersion"))?;
        }
        Ok(())
    }

    async fn delete(cloud: &Cloud, _: &Cx, live: &Live) -> Result<(), Failure> {
        let (cluster, name) = eks::split(&live.id);
        let call = cloud.eks.delete_nodegroup().cluster_name(cluster).nodegroup_name(name);
        gone_is_none(call.send().await.map_err(failed("eks:DeleteNodegroup"))).map(drop)
    }
}

async fn find(cloud: &Cloud, id: &str) -> Read<Option<Live>> {
    let (cluster, name) = eks::split(id);
    let call = cloud.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name);
    let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribeNodegroup")))?;
    Ok(answer.and_then(|answer| answer.nodegroup).map(|group| live(&group)))
}

fn template(want: &Fields) -> sdk::LaunchTemplateSpecification {
    sdk::LaunchTemplateSpecification::builder()
        .id(eks::text(want, "launchTemplate"))
        .version(eks::text(want, "launchTemplateVersion"))
        .build()
}

fn size(min: impl ToString, desired: impl ToString, max: impl ToString) -> Value {
    Value::map([("min", Value::text(min)), ("desired", Value::text(desired)), ("max", Value::text(max))])
}

fn number(want: &Fields, field: &str, key: &str) -> Result<i32, Failure> {
    let text = want.get(field).and_then(|map| map.get(key)?.as_text()).unwrap_or_default();
    text.parse()
        .map_err(|_| Failure::fatal("eks:CreateNodegroup", format!("`{field}.{key}` is not a number: `{text}`")))
}

fn scaling(want: &Fields) -> Result<sdk::NodegroupScalingConfig, Failure> {
    Ok(sdk::NodegroupScalingConfig::builder()
        .min_size(number(want, "size", "min")?)
        .desired_size(number(want, "size", "desired")?)
        .max_size(number(want, "size", "max")?)
        .build())
}

fn update_config(want: &Fields) -> Result<sdk::NodegroupUpdateConfig, Failure> {
    let away = number(want, "updateConfig", "maxUnavailable")?;
    Ok(sdk::NodegroupUpdateConfig::builder().max_unavailable(away).build())
}

fn labels(want: &BTreeMap<String, String>, have: &BTreeMap<String, String>) -> Option<sdk::UpdateLabelsPayload> {
    let set = want.iter().filter(|(key, value)| have.get(*key) != Some(value));
    let set: HashMap<_, _> = set.map(|(key, value)| (key.clone(), value.clone())).collect();
    let gone: Vec<_> = have.keys().filter(|key| !want.contains_key(*key)).cloned().collect();
    let none = set.is_empty() && gone.is_empty();
    let payload = sdk::UpdateLabelsPayload::builder()
        .set_add_or_update_labels(Some(set).filter(|set| !set.is_empty()))
        .set_remove_labels(Some(gone).filter(|gone| !gone.is_empty()));
    (!none).then(|| payload.build())
}

/// A taint of the same key and effect with another value is an update, not a removal.
fn taints(want: &[String], have: &[String]) -> Option<sdk::UpdateTaintsPayload> {
    let parts = |taint: &String| {
        let (rest, effect) = taint.rsplit_once(':').unwrap_or((taint, ""));
        (rest.split('=').next().unwrap_or_default().to_owned(), effect.to_owned())
    };
    let kept: BTreeSet<_> = want.iter().map(parts).collect();
    let set: Vec<_> = want.iter().filter(|taint| !have.contains(taint)).filter_map(|taint| taint_of(taint)).collect();
    let gone = have.iter().filter(|taint| !kept.contains(&parts(taint)));
    let gone: Vec<_> = gone.filter_map(|taint| taint_of(taint)).collect();
    let none = set.is_empty() && gone.is_empty();
    let payload = sdk::UpdateTaintsPayload::builder()
        .set_add_or_update_taints(Some(set).filter(|set| !set.is_empty()))
        .set_remove_taints(Some(gone).filter(|gone| !gone.is_empty()));
    (!none).then(|| payload.build())
}

/// `key=value:NoSchedule` as EKS takes it.
fn taint_of(text: &str) -> Option<sdk::Taint> {
    let (rest, effect) = text.rsplit_once(':')?;
    let (key, value) = rest.split_once('=').map_or((rest, None), |(key, value)| (key, Some(value.to_owned())));
    let effect = match effect {
        "NoSchedule" => sdk::TaintEffect::NoSchedule,
        "NoExecute" => sdk::TaintEffect::NoExecute,
        "PreferNoSchedule" => sdk::TaintEffect::PreferNoSchedule,
        _ => return None,
    };
    Some(sdk::Taint::builder().key(key).set_value(value).effect(effect).build())
}

/// A taint of EKS as `key=value:NoSchedule`.
fn taint_text(taint: &sdk::Taint) -> String {
    let effect = match taint.effect() {
        Some(sdk::TaintEffect::NoSchedule) => "NoSchedule",
        Some(sdk::TaintEffect::NoExecute) => "NoExecute",
        Some(sdk::TaintEffect::PreferNoSchedule) => "PreferNoSchedule",
        other => other.map_or("", sdk::TaintEffect::as_str),
    };
    let key = taint.key().unwrap_or_default();
    match taint.value().filter(|value| !value.is_empty()) {
        Some(value) => format!("{key}={value}:{effect}"),
        None => format!("{key}:{effect}"),
    }
}

/// DEGRADED passes when what is missing comes back (a launch template, capacity), so it is no reason for a replace.
fn ready(group: &sdk::Nodegroup) -> Ready {
    let issues = group.health().map(sdk::NodegroupHealth::issues).unwrap_or_default();
    let issues = issues.iter().map(|issue| {
        let code = issue.code().map_or("Unknown", sdk::NodegroupIssueCode::as_str);
        format!("{code}: {} ({})", issue.message().unwrap_or_default(), issue.resource_ids().join(", "))
    });
    let issues = issues.collect::<Vec<_>>().join("; ");
    let word = |status: &str| if issues.is_empty() { status.to_owned() } else { format!("{status}: {issues}") };
    match group.status() {
        Some(sdk::NodegroupStatus::Active) => Ready::Yes,
        Some(sdk::NodegroupStatus::Deleting) => Ready::Leaving(word("DELETING")),
        Some(status @ (sdk::NodegroupStatus::CreateFailed | sdk::NodegroupStatus::DeleteFailed)) => {
            Ready::Never(word(status.as_str()))
        }
        Some(status) => Ready::NotYet(word(status.as_str())),
        None => Ready::NotYet("no status yet".to_owned()),
    }
}

fn live(group: &sdk::Nodegroup) -> Live {
    let (cluster, name) = (group.cluster_name().unwrap_or_default(), group.nodegroup_name().unwrap_or_default());
    let (version, release) = (group.version().unwrap_or_default(), group.release_version().unwrap_or_default());
    let ami_type = group.ami_type().map_or("", sdk::AmiTypes::as_str);
    let mut live = Live::new(eks::inside(cluster, name));
    live.ready = ready(group);
    live.tags = eks::tags(group.tags().cloned());
    let scaling_group = group.resources().and_then(|made| made.auto_scaling_groups().first()?.name());
    for (attr, value) in [
        ("arn", group.nodegroup_arn().unwrap_or_default()),
        ("name", name),
        ("version", version),
        ("releaseVersion", release),
        ("auto-scaling-group", scaling_group.unwrap_or_default()),
    ] {
        if !value.is_empty() {
            live.names.insert(attr.to_owned(), value.to_owned());
        }
    }
    let sizes = group.scaling_config();
    let sized = |size: Option<i32>| size.unwrap_or_default();
    let update = group.update_config();
    let away = update
        .and_then(aws_sdk_eks::types::NodegroupUpdateConfig::max_unavailable)
        .map(|nodes| ("maxUnavailable", nodes));
    let share = update.and_then(aws_sdk_eks::types::NodegroupUpdateConfig::max_unavailable_percentage);
    let share = share.map(|percent| ("maxUnavailablePercentage", percent));
    live.fields = Fields::from([
        ("cluster".to_owned(), Value::text(cluster)),
        ("clusterName".to_owned(), Value::text(cluster)),
        ("name".to_owned(), Value::text(name)),
        ("role".to_owned(), Value::text(group.node_role().unwrap_or_default())),
        ("subnets".to_owned(), Value::texts(group.subnets())),
        ("amiType".to_owned(), Value::text(ami_type)),
        ("capacityType".to_owned(), Value::text(group.capacity_type().map_or("ON_DEMAND", sdk::CapacityTypes::as_str))),
        ("version".to_owned(), Value::text(version)),
        (
            "size".to_owned(),
            size(
                sized(sizes.and_then(aws_sdk_eks::types::NodegroupScalingConfig::min_size)),
                sized(sizes.and_then(aws_sdk_eks::types::NodegroupScalingConfig::desired_size)),
                sized(sizes.and_then(aws_sdk_eks::types::NodegroupScalingConfig::max_size)),
            ),
        ),
        ("labels".to_owned(), Value::tags(group.labels().cloned().unwrap_or_default())),
        ("taints".to_owned(), Value::texts(group.taints().iter().map(taint_text))),
        ("updateConfig".to_owned(), Value::tags(away.into_iter().chain(share))),
        ("tags".to_owned(), live.free_tags()),
    ]);
    if let [only] = group.instance_types() {
        live.fields.insert("instanceType".to_owned(), Value::text(only));
    } else if !group.instance_types().is_empty() {
        live.fields.insert("instanceType".to_owned(), Value::text(group.instance_types().join(",")));
    }
    if let Some(template) = group.launch_template() {
        live.fields.insert("launchTemplate".to_owned(), Value::text(template.id().unwrap_or_default()));
        let number = Value::text(template.version().unwrap_or_default());
        live.fields.insert("launchTemplateVersion".to_owned(), number);
    }
    if !release.is_empty() {
        live.fields.insert("releaseVersion".to_owned(), Value::text(release));
        live.facts.insert(release_fact(version, ami_type), release.to_owned());
    }
    live
}

#[cfg(test)]
mod tests;
