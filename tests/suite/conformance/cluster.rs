//! Drifts of the cluster and of what is in it.

use aws_sdk_ec2::types::{
    LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateInstanceMetadataOptionsRequest, RequestLaunchTemplateData, VolumeType,
};
use aws_sdk_eks::types as eks;
use serde_json::json;

use super::hand::{Insides, Row, replaced, row};

/// The cluster's name in the state.
const CLUSTER: &str = "rem-prod";
const PERSON: &str = "cluster/access-entry/user-sre";
const NODES: &str = "cluster/node-group/system";
const KARPENTER: &str = "cluster/pod-identity-association/karpenter";

fn config(
    h: &super::hand::Hand<'_>,
) -> aws_sdk_eks::operation::update_cluster_config::builders::UpdateClusterConfigFluentBuilder {
    h.cloud.eks.update_cluster_config().name(CLUSTER)
}

/// The body of the node group.
fn group(all: &mut Insides) -> &mut serde_json::Value {
    &mut all.cluster()["groups"]["system"]["body"]
}

pub(super) const ROWS: &[Row] = &[
    row!("cluster", ["subnets", "securityGroups"], "cluster/cluster", InPlace, |h| {
        // Others in the same zones: EKS takes no other zones.
        let public = ["1", "2", "3"].map(|number| h.id(&format!("network/subnet/public-{number}")));
        let subnets = eks::VpcConfigRequest::builder().set_subnet_ids(Some(public.to_vec()));
        config(h).resources_vpc_config(subnets.build()).send().await.expect("UpdateClusterConfig");
        h.wait().await;
        let groups = eks::VpcConfigRequest::builder().security_group_ids(h.id("network/security-group/nodes"));
        config(h).resources_vpc_config(groups.build()).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["endpointPrivate", "publicCidrs"], "cluster/cluster", InPlace, |h| {
        let vpc =
            eks::VpcConfigRequest::builder().endpoint_private_access(false).public_access_cidrs("198.51.100.0/24");
        config(h).resources_vpc_config(vpc.build()).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["endpointPublic"], "cluster/cluster", Endpoint, |h| {
        let vpc = eks::VpcConfigRequest::builder().endpoint_public_access(false);
        config(h).resources_vpc_config(vpc.build()).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["logging"], "cluster/cluster", InPlace, |h| {
        let off = eks::LogSetup::builder().types(eks::LogType::Audit).enabled(false).build();
        let logging = eks::Logging::builder().cluster_logging(off).build();
        config(h).logging(logging).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["upgradePolicy"], "cluster/cluster", InPlace, |h| {
        let policy = eks::UpgradePolicyRequest::builder().support_type(eks::SupportType::Standard).build();
        config(h).upgrade_policy(policy).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["zonalShift"], "cluster/cluster", InPlace, |h| {
        let shift = eks::ZonalShiftConfigRequest::builder().enabled(false).build();
        config(h).zonal_shift_config(shift).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    row!("cluster", ["deletionProtection"], "cluster/cluster", InPlace, |h| {
        config(h).deletion_protection(false).send().await.expect("UpdateClusterConfig");
        h.wait().await;
    }),
    // Neither goes back by a call.
    row!("cluster", ["authenticationMode", "version"], "cluster/cluster", InPlace, |h| {
        h.edit(|all| {
            let body = &mut all.cluster()["body"];
            body["accessConfig"]["authenticationMode"] = json!("API_AND_CONFIG_MAP");
            body["version"] = json!("1.35");
        });
    }),
    row!("cluster", ["tags"], "cluster/cluster", InPlace, |h| h.eks_tag("cluster/cluster").await),
    row!("cluster", ["role", "encryptionKey"], "cluster/cluster", Fixed, |h| {
        h.edit(|all| {
            let body = &mut all.cluster()["body"];
            body["roleArn"] = json!("arn:aws:iam::123456789012:role/by-hand");
            body["encryptionConfig"][0]["provider"]["keyArn"] = json!("arn:aws:kms:us-east-1:123456789012:key/by-hand");
        });
    }),
    row!("cluster", ["name", "serviceCidr", "ipFamily"], "cluster/cluster", Cluster, |h| {
        h.edit(|all| {
            all.region["eks"] = replaced(&all.region["eks"], CLUSTER, "by-hand");
            all.region["kube"] = replaced(&all.region["kube"], CLUSTER, "by-hand");
            // Karpenter has no rights in a cluster of another name, so what only it takes away would stay.
            let objects = &mut all.region["kube"]["clusters"]["by-hand"]["store"]["objects"];
            let classes = objects["ec2nodeclasses.karpenter.k8s.aws"].as_object_mut().expect("node classes");
            for class in classes.values_mut() {
                class["metadata"]["finalizers"] = json!([]);
            }
            let network = &mut all.cluster()["body"]["kubernetesNetworkConfig"];
            network["serviceIpv4Cidr"] = json!("10.96.0.0/16");
            network["ipFamily"] = json!("ipv6");
        });
    }),
    row!("cluster", ["vpc"], "cluster/cluster", Vpc, |_h| ()),
    row!("cluster-security-group", ["tags"], "cluster/cluster-security-group", InPlace, |h| {
        h.ec2_tag("cluster/cluster-security-group").await;
    }),
    row!("cluster-security-group", ["marked"], "cluster/cluster-security-group", InPlace, |h| {
        let key = |key: &str| aws_sdk_ec2::types::Tag::builder().key(key).build();
        let keys = [rem_ci::engine::TAG_ENVIRONMENT, rem_ci::engine::TAG_STACK, rem_ci::engine::TAG_RESOURCE].map(key);
        let call = h.cloud.ec2.delete_tags().resources(h.id("cluster/cluster-security-group"));
        call.set_tags(Some(keys.to_vec())).send().await.expect("DeleteTags")
    }),
    row!("cluster-security-group", ["cluster"], "cluster/cluster-security-group", Apart, |h| {
        let id = h.id("cluster/cluster-security-group");
        h.edit(|all| all.region["ec2"]["tags"][&id] = replaced(&all.region["ec2"]["tags"][&id], CLUSTER, "by-hand"));
    }),
    row!("auto-scaling-group", ["tags", "propagated"], "cluster/auto-scaling-group/system", InPlace, |h| {
        let tag = aws_sdk_autoscaling::types::Tag::builder()
            .resource_id(h.id("cluster/auto-scaling-group/system"))
            .resource_type("auto-scaling-group");
        let tag = tag.key("team").value("intruders").propagate_at_launch(false).build();
        h.cloud.autoscaling.create_or_update_tags().tags(tag).send().await.expect("CreateOrUpdateTags")
    }),
    row!("auto-scaling-group", ["marked"], "cluster/auto-scaling-group/system", InPlace, |h| {
        let tag = aws_sdk_autoscaling::types::Tag::builder()
            .resource_id(h.id("cluster/auto-scaling-group/system"))
            .resource_type("auto-scaling-group");
        let tag = tag.key(rem_ci::engine::TAG_STACK).build();
        h.cloud.autoscaling.delete_tags().tags(tag).send().await.expect("DeleteTags")
    }),
    row!("auto-scaling-group", ["nodeGroup"], "cluster/auto-scaling-group/system", Fixed, |h| {
        let id = h.id("cluster/auto-scaling-group/system");
        h.edit(|all| {
            all.region["autoscaling"]["groups"][&id]["tags"]["eks:nodegroup-name"] = json!(["by-hand", true]);
        });
    }),
    row!("auto-scaling-group", ["cluster"], "cluster/auto-scaling-group/system", Apart, |h| {
        let id = h.id("cluster/auto-scaling-group/system");
        h.edit(|all| {
            all.region["autoscaling"]["groups"][&id]["tags"]["eks:cluster-name"] = json!(["by-hand", true]);
        });
    }),
    row!(
        "launch-template",
        ["metadata", "volume", "securityGroups", "instanceTags", "volumeTags", "interfaceTags"],
        "cluster/launch-template/system",
        InPlace,
        |h| {
            let optional = LaunchTemplateInstanceMetadataOptionsRequest::builder();
            let optional = optional.http_tokens(LaunchTemplateHttpTokensState::Optional);
            let disk = LaunchTemplateEbsBlockDeviceRequest::builder().volume_size(21).volume_type(VolumeType::Gp3);
            let disk = LaunchTemplateBlockDeviceMappingRequest::builder().device_name("/dev/xvda").ebs(disk.build());
            let data = RequestLaunchTemplateData::builder().metadata_options(optional.build());
            let data = data.block_device_mappings(disk.build()).build();
            let call = h.cloud.ec2.create_launch_template_version().launch_template_data(data);
            let call = call.launch_template_id(h.id("cluster/launch-template/system"));
            call.send().await.expect("CreateLaunchTemplateVersion")
        }
    ),
    row!("launch-template", ["tags"], "cluster/launch-template/system", InPlace, |h| {
        h.ec2_tag("cluster/launch-template/system").await;
    }),
    row!("launch-template", ["name"], "cluster/launch-template/system", Nodes, |h| {
        let id = h.id("cluster/launch-template/system");
        h.edit(|all| all.region["ec2"]["launch_templates"][&id]["name"] = json!("by-hand"));
    }),
    row!("node-group", ["size", "labels", "taints", "updateConfig"], "cluster/node-group/system", InPlace, |h| {
        let size = eks::NodegroupScalingConfig::builder().min_size(1).desired_size(2).max_size(3).build();
        let labels = eks::UpdateLabelsPayload::builder().add_or_update_labels("by", "hand").build();
        let taint = eks::Taint::builder().key("by").value("hand").effect(eks::TaintEffect::NoExecute).build();
        let taints = eks::UpdateTaintsPayload::builder().add_or_update_taints(taint).build();
        let update = eks::NodegroupUpdateConfig::builder().max_unavailable(2).build();
        let call = h.cloud.eks.update_nodegroup_config().cluster_name(CLUSTER).nodegroup_name("system");
        let call = call.scaling_config(size).labels(labels).taints(taints).update_config(update);
        call.send().await.expect("UpdateNodegroupConfig");
        h.wait().await;
    }),
    // The release follows the version: a newer one of the same version is a choice that stays.
    row!("node-group", ["version", "releaseVersion"], "cluster/node-group/system", InPlace, |h| {
        h.edit(|all| {
            group(all)["version"] = json!("1.35");
            group(all)["releaseVersion"] = json!("1.35.4-20261018");
        });
    }),
    // Says the same as the template's own drift: its newest version is another.
    row!("node-group", ["launchTemplateVersion"], "cluster/node-group/system", InPlace, |h| {
        h.edit(|all| group(all)["launchTemplate"]["version"] = json!("9"));
    }),
    row!("node-group", ["tags"], "cluster/node-group/system", InPlace, |h| h.eks_tag(NODES).await),
    row!(
        "node-group",
        ["role", "subnets", "amiType", "capacityType", "instanceType", "launchTemplate"],
        "cluster/node-group/system",
        Nodes,
        |h| {
            let subnet = h.id("network/subnet/private-1");
            h.edit(|all| {
                let body = group(all);
                body["nodeRole"] = json!("arn:aws:iam::123456789012:role/by-hand");
                body["subnets"] = json!([subnet]);
                body["amiType"] = json!("AL2023_ARM_64_STANDARD");
                body["capacityType"] = json!("SPOT");
                body["instanceTypes"] = json!(["t4g.medium"]);
                body["launchTemplate"]["id"] = json!("lt-0123456789abcdef0");
            });
        }
    ),
    row!("node-group", ["name"], "cluster/node-group/system", Cluster, |h| {
        h.edit(|all| {
            let groups = &mut all.cluster()["groups"];
            Insides::rename(groups, "system", "by-hand");
            // Its tags say what it was made as.
            groups["by-hand"]["body"]["tags"]["rem-ci:resource"] = json!(NODES);
        });
    }),
    row!("node-group", ["cluster", "clusterName"], "cluster/node-group/system", Cluster, |_h| ()),
    row!("addon", ["version"], "cluster/addon/vpc-cni", InPlace, |h| {
        h.edit(|all| all.cluster()["addons"]["vpc-cni"]["body"]["addonVersion"] = json!("v1.20.5-eksbuild.1"));
    }),
    row!("addon", ["serviceAccountRole"], "cluster/addon/vpc-cni", InPlace, |h| {
        let role = h.name("identity/iam-role/aws-ebs-csi-driver", "arn");
        let call = h.cloud.eks.update_addon().cluster_name(CLUSTER).addon_name("vpc-cni");
        let call = call.service_account_role_arn(role);
        call.send().await.expect("UpdateAddon");
        h.wait().await;
    }),
    row!("addon", ["configuration"], "cluster/addon/coredns", InPlace, |h| {
        let call = h.cloud.eks.update_addon().cluster_name(CLUSTER).addon_name("coredns");
        call.configuration_values(r#"{"replicaCount":3}"#).send().await.expect("UpdateAddon");
        h.wait().await;
    }),
    row!("addon", ["podIdentity"], "cluster/addon/aws-ebs-csi-driver", InPlace, |h| {
        let call = h.cloud.eks.update_addon().cluster_name(CLUSTER).addon_name("aws-ebs-csi-driver");
        call.set_pod_identity_associations(Some(Vec::new())).send().await.expect("UpdateAddon");
        h.wait().await;
    }),
    row!("addon", ["tags"], "cluster/addon/kube-proxy", InPlace, |h| h.eks_tag("cluster/addon/kube-proxy").await),
    row!("addon", ["name"], "cluster/addon/metrics-server", Leaf, |h| {
        h.edit(|all| {
            let addons = &mut all.cluster()["addons"];
            Insides::rename(addons, "metrics-server", "kube-state-metrics");
            let tags = &mut addons["kube-state-metrics"]["body"]["tags"];
            tags["rem-ci:resource"] = json!("cluster/addon/metrics-server");
        });
    }),
    row!("addon", ["cluster", "clusterName"], "cluster/addon/coredns", Cluster, |_h| ()),
    row!("access-entry", ["groups"], "cluster/access-entry/user-sre", InPlace, |h| {
        let call = h.cloud.eks.update_access_entry().cluster_name(CLUSTER).kubernetes_groups("intruders");
        call.principal_arn(h.name(PERSON, "principal")).send().await.expect("UpdateAccessEntry")
    }),
    row!("access-entry", ["policies"], "cluster/access-entry/user-sre", InPlace, |h| {
        let whole = eks::AccessScope::builder().r#type(eks::AccessScopeType::Cluster).build();
        let call = h.cloud.eks.associate_access_policy().cluster_name(CLUSTER).access_scope(whole);
        let call = call.policy_arn("arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy");
        call.principal_arn(h.name(PERSON, "principal")).send().await.expect("AssociateAccessPolicy")
    }),
    row!("access-entry", ["tags"], "cluster/access-entry/user-sre", InPlace, |h| h.eks_tag(PERSON).await),
    row!("access-entry", ["principal"], "cluster/access-entry/user-sre", Leaf, |h| {
        let arn = h.name(PERSON, "principal");
        h.edit(|all| Insides::rename(&mut all.cluster()["entries"], &arn, "arn:aws:iam::123456789012:role/by-hand"));
    }),
    row!("access-entry", ["type"], "cluster/access-entry/karpenter-node", Leaf, |h| {
        let arn = h.name("cluster/access-entry/karpenter-node", "principal");
        h.edit(|all| all.cluster()["entries"][&arn]["body"]["type"] = json!("EC2_WINDOWS"));
    }),
    row!("access-entry", ["cluster", "clusterName"], "cluster/access-entry/user-sre", Cluster, |_h| ()),
    row!("pod-identity-association", ["role"], "cluster/pod-identity-association/karpenter", InPlace, |h| {
        let id = h.id(KARPENTER);
        let (_, association) = id.split_once('/').expect("an id");
        let call = h.cloud.eks.update_pod_identity_association().cluster_name(CLUSTER).association_id(association);
        let role = h.name("identity/iam-role/aws-ebs-csi-driver", "arn");
        call.role_arn(role).send().await.expect("UpdatePodIdentityAssociation")
    }),
    row!("pod-identity-association", ["tags"], "cluster/pod-identity-association/karpenter", InPlace, |h| {
        h.eks_tag(KARPENTER).await;
    }),
    row!(
        "pod-identity-association",
        ["namespace", "serviceAccount"],
        "cluster/pod-identity-association/karpenter",
        Leaf,
        |h| {
            let id = h.id(KARPENTER);
            let (_, association) = id.split_once('/').expect("an id");
            h.edit(|all| {
                let found = &mut all.cluster()["associations"][association];
                let body = if found["body"].is_object() { &mut found["body"] } else { found };
                body["namespace"] = json!("by-hand");
                body["serviceAccount"] = json!("by-hand");
            });
        }
    ),
    row!(
        "pod-identity-association",
        ["cluster", "clusterName"],
        "cluster/pod-identity-association/karpenter",
        Cluster,
        |_h| ()
    ),
];
