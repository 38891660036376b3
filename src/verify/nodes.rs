//! The node group, the Auto Scaling group that EKS made for it, and the launch template.

#![expect(clippy::redundant_closure_for_method_calls, reason = "a method's path would name an SDK outside its rooms")]

use super::{Check, scope, state};
use crate::cloud::{Cloud, failed, gone_is_none};
use crate::config::Spec;
use crate::engine::{Failure, Live, Resource as _};
use crate::model::{Identity, cluster::SYSTEM};
use crate::resources::aws::node_group::NodeGroup;

pub(super) async fn checks(cloud: &Cloud, spec: &Spec, id: &Identity) -> Result<Vec<Check>, Failure> {
    let live = NodeGroup::read(cloud, &scope(id), &format!("{}/{SYSTEM}", spec.cluster.name)).await?;
    let (active, word) = state(live.as_ref());
    let issues = match &live {
        Some(_) => issues(cloud, &spec.cluster.name).await?,
        None => Vec::new(),
    };
    let title = "the system node group is ACTIVE without health issues";
    let passed = active && issues.is_empty();
    let evidence = std::iter::once(word).chain(issues).collect();
    let mut checks = vec![Check::new("verify-node-group", title, passed, evidence)];
    if let Some(live) = live {
        checks.push(in_service(cloud, &live, usize::from(spec.system_nodes.count)).await?);
        checks.push(template(cloud, &live, &spec.system_nodes.instance_type).await?);
    }
    Ok(checks)
}

/// Health issues, which a group can have while it is ACTIVE.
async fn issues(cloud: &Cloud, cluster: &str) -> Result<Vec<String>, Failure> {
    let call = cloud.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(SYSTEM);
    let answer = gone_is_none(call.send().await.map_err(failed("eks:DescribeNodegroup")))?;
    let health = answer.and_then(|answer| answer.nodegroup?.health);
    let issues = health.and_then(|health| health.issues).unwrap_or_default();
    let text = |code: Option<&str>, message: Option<&str>| {
        format!("{}: {}", code.unwrap_or("issue"), message.unwrap_or("no message"))
    };
    Ok(issues.iter().map(|issue| text(issue.code().map(|code| code.as_str()), issue.message())).collect())
}

async fn in_service(cloud: &Cloud, live: &Live, wanted: usize) -> Result<Check, Failure> {
    let name = live.name("auto-scaling-group");
    if name.is_empty() {
        let evidence = vec!["EKS names no Auto Scaling group for it".to_owned()];
        return Ok(Check::new("verify-system-nodes", "all system nodes are in service", false, evidence));
    }
    let call = cloud.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
    let answer = call.send().await.map_err(failed("autoscaling:DescribeAutoScalingGroups"))?;
    let instances = answer.auto_scaling_groups().iter().flat_map(|group| group.instances());
    let instances: Vec<_> = instances
        .map(|instance| {
            let word = instance.lifecycle_state().map_or("unknown", |state| state.as_str());
            let health = instance.health_status().unwrap_or("unknown");
            let sound = word == "InService" && health.eq_ignore_ascii_case("healthy");
            (sound, format!("{}: {word}, {health}", instance.instance_id().unwrap_or_default()))
        })
        .collect();
    let sound = instances.iter().filter(|(sound, _)| *sound).count();
    let evidence = std::iter::once(format!("{sound} of {wanted} in service in {name}"));
    let evidence = evidence.chain(instances.into_iter().map(|(_, text)| text)).collect();
    Ok(Check::new("verify-system-nodes", "all system nodes are in service", sound == wanted, evidence))
}

/// The version that the group has pinned: tokens required, every volume encrypted, and an AL2023 image chosen by EKS.
async fn template(cloud: &Cloud, live: &Live, instance_type: &str) -> Result<Check, Failure> {
    let (id, version) = (live.text("launchTemplate"), live.text("launchTemplateVersion"));
    let call = cloud.ec2.describe_launch_template_versions().launch_template_id(id).versions(version);
    let answer = gone_is_none(call.send().await.map_err(failed("ec2:DescribeLaunchTemplateVersions")))?;
    let versions = answer.map(|answer| answer.launch_template_versions().to_vec()).unwrap_or_default();
    let data = versions.iter().find_map(|version| version.launch_template_data());
    let tokens = data.and_then(|data| data.metadata_options()?.http_tokens()).map_or("none", |tokens| tokens.as_str());
    let volumes = data.map(|data| data.block_device_mappings()).unwrap_or_default();
    let volumes: Vec<_> = volumes.iter().filter_map(|volume| volume.ebs()).map(|ebs| ebs.encrypted()).collect();
    let encrypted = !volumes.is_empty() && volumes.iter().all(|encrypted| *encrypted == Some(true));
    let ami = live.text("amiType");
    let kind = data.and_then(|data| data.instance_type()).map(|kind| kind.as_str().to_owned());
    let kind = kind.unwrap_or_else(|| live.text("instanceType").to_owned());
    let pinned = version.parse::<u64>().is_ok();
    let passed = data.is_some()
        && tokens == "required"
        && encrypted
        && ami.starts_with("AL2023_")
        && kind == instance_type
        && pinned;
    let evidence = vec![
        format!("template {id}, version {version}"),
        format!("metadata tokens: {tokens}"),
        format!("volumes: {}, encrypted: {encrypted}", volumes.len()),
        format!("image type: {ami}"),
        format!("instance type: {kind}"),
    ];
    Ok(Check::new(
        "verify-launch-template",
        "system nodes are AL2023 with IMDSv2 and encrypted volumes",
        passed,
        evidence,
    ))
}
