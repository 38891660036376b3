//! What AWS says of an environment, each part read by itself: one that is refused costs the others nothing.

#![expect(clippy::redundant_closure_for_method_calls, reason = "a method's path would name an SDK outside its rooms")]

use std::collections::BTreeMap;

use futures_util::future::{join, join4, join5, try_join_all};
use percent_encoding::percent_decode_str;
use serde_json::Value as Json;

use crate::cloud::{Cloud, failed, gone_is_none};
use crate::config::Spec;
use crate::engine::{Failure, Read, TAG_RESOURCE, TAG_STACK};
use crate::model::Identity;
use crate::model::cluster::SYSTEM;
use crate::model::identity::addon_access;
use crate::resources::aws::filter;
use crate::verify::interruption;
use crate::verify::observed::{
    Addon, Association, Aws, Cluster, Entry, Instance, NodeGroup, Queue, Role, Seen, Subnet,
};

/// IAM actions of these reads, beside those of the kinds.
pub const ACTIONS: &[&str] = &[
    "ec2:DescribeInstances",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSubnets",
    "eks:DescribeAccessEntry",
    "eks:DescribeAddon",
    "eks:DescribeCluster",
    "eks:DescribeNodegroup",
    "eks:DescribePodIdentityAssociation",
    "eks:ListAccessEntries",
    "eks:ListAddons",
    "eks:ListPodIdentityAssociations",
    "events:ListRules",
    "events:ListTargetsByRule",
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListOpenIDConnectProviders",
    "iam:ListRolePolicies",
    "sqs:GetQueueAttributes",
    "sqs:GetQueueUrl",
];

/// Everything, in parallel.
pub(super) async fn aws(cloud: &Cloud, spec: &Spec, id: &Identity) -> Aws {
    let name = spec.cluster.name.as_str();
    let inside = Box::pin(join5(
        cluster(cloud, name),
        addons(cloud, name),
        node_group(cloud, name),
        entries(cloud, name),
        associations(cloud, name),
    ));
    let wiring = Box::pin(join(queue(cloud, id), interruption::rules(cloud, id)));
    let derived = id.derived("karpenter");
    let identity = Box::pin(join4(
        role(cloud, &derived, true),
        addon_roles(cloud, spec, id),
        providers(cloud),
        join(subnets(cloud, spec, id), instances(cloud, name)),
    ));
    let ((cluster, addons, node_group, entries, associations), (queue, rules), identity) =
        futures_util::join!(inside, wiring, identity);
    let (controller, addon_roles, providers, (subnets, instances)) = identity;
    Aws {
        cluster: Seen::of(cluster),
        addons: Seen::of(addons),
        node_group: Seen::of(node_group),
        entries: Seen::of(entries),
        queue: Seen::of(queue),
        rules: Seen::of(rules),
        controller: Seen::of(controller),
        addon_roles: Seen::of(addon_roles),
        providers: Seen::of(providers),
        associations: Seen::of(associations),
        subnets: Seen::of(subnets),
        instances: Seen::of(instances),
    }
}

async fn cluster(cloud: &Cloud, name: &str) -> Read<Option<Cluster>> {
    let answer = cloud.eks.describe_cluster().name(name).send().await.map_err(failed("eks:DescribeCluster"));
    Ok(gone_is_none(answer)?.and_then(|answer| answer.cluster).map(|cluster| {
        let issuer = cluster.identity().and_then(|identity| identity.oidc()?.issuer()).unwrap_or_default();
        let vpc = cluster.resources_vpc_config();
        Cluster {
            status: cluster.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            version: cluster.version().unwrap_or_default().to_owned(),
            issuer: issuer.trim_start_matches("https://").to_owned(),
            endpoint: cluster.endpoint().unwrap_or_default().to_owned(),
            security_group: vpc.and_then(|vpc| vpc.cluster_security_group_id()).unwrap_or_default().to_owned(),
        }
    }))
}

/// `CODE: words` of a health issue.
fn issue(code: Option<&str>, message: Option<&str>) -> String {
    format!("{}: {}", code.unwrap_or("issue"), message.unwrap_or("no message"))
}

async fn addons(cloud: &Cloud, cluster: &str) -> Read<Vec<Addon>> {
    let call = cloud.eks.list_addons().cluster_name(cluster).into_paginator().items().send();
    let names: Result<Vec<String>, _> = call.collect().await;
    let names = gone_is_none(names.map_err(failed("eks:ListAddons")))?.unwrap_or_default();
    let each = names.into_iter().map(async |name| {
        let call = cloud.eks.describe_addon().cluster_name(cluster).addon_name(&name).send().await;
        let answer = gone_is_none(call.map_err(failed("eks:DescribeAddon")))?;
        Ok(answer.and_then(|answer| answer.addon).map(|addon| {
            let issues = addon.health().map(|health| health.issues()).unwrap_or_default();
            Addon {
                name,
                status: addon.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                version: addon.addon_version().unwrap_or_default().to_owned(),
                issues: issues.iter().map(|one| issue(one.code().map(|code| code.as_str()), one.message())).collect(),
                role: addon.service_account_role_arn().unwrap_or_default().to_owned(),
            }
        }))
    });
    Ok(try_join_all(each).await?.into_iter().flatten().collect())
}

async fn node_group(cloud: &Cloud, cluster: &str) -> Read<Option<NodeGroup>> {
    let call = cloud.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(SYSTEM).send().await;
    let answer = gone_is_none(call.map_err(failed("eks:DescribeNodegroup")))?;
    Ok(answer.and_then(|answer| answer.nodegroup).map(|group| {
        let issues = group.health().map(|health| health.issues()).unwrap_or_default();
        NodeGroup {
            status: group.status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            desired: group.scaling_config().and_then(|config| config.desired_size()).unwrap_or_default().into(),
            issues: issues.iter().map(|one| issue(one.code().map(|code| code.as_str()), one.message())).collect(),
        }
    }))
}

async fn entries(cloud: &Cloud, cluster: &str) -> Read<Vec<Entry>> {
    let call = cloud.eks.list_access_entries().cluster_name(cluster).into_paginator().items().send();
    let principals: Result<Vec<String>, _> = call.collect().await;
    let principals = gone_is_none(principals.map_err(failed("eks:ListAccessEntries")))?.unwrap_or_default();
    let each = principals.into_iter().map(async |principal| {
        let call = cloud.eks.describe_access_entry().cluster_name(cluster).principal_arn(&principal).send().await;
        let answer = gone_is_none(call.map_err(failed("eks:DescribeAccessEntry")))?;
        Ok(answer
            .and_then(|answer| answer.access_entry)
            .map(|entry| Entry { principal, kind: entry.r#type().unwrap_or_default().to_owned() }))
    });
    Ok(try_join_all(each).await?.into_iter().flatten().collect())
}

async fn associations(cloud: &Cloud, cluster: &str) -> Read<Vec<Association>> {
    let call = cloud.eks.list_pod_identity_associations().cluster_name(cluster).into_paginator().items().send();
    let found: Result<Vec<_>, _> = call.collect().await;
    let found = gone_is_none(found.map_err(failed("eks:ListPodIdentityAssociations")))?.unwrap_or_default();
    let each = found.iter().map(async |one| {
        let id = one.association_id().unwrap_or_default();
        let call = cloud.eks.describe_pod_identity_association().cluster_name(cluster).association_id(id).send().await;
        let answer = gone_is_none(call.map_err(failed("eks:DescribePodIdentityAssociation")))?;
        Ok(answer.and_then(|answer| answer.association).map(|one| Association {
            namespace: one.namespace().unwrap_or_default().to_owned(),
            account: one.service_account().unwrap_or_default().to_owned(),
            role: one.role_arn().unwrap_or_default().to_owned(),
        }))
    });
    Ok(try_join_all(each).await?.into_iter().flatten().collect())
}

/// The queue of the environment by its name, with its URL for who wants to send.
pub(in crate::verify) async fn queue_url(cloud: &Cloud, id: &Identity) -> Read<Option<String>> {
    let call = cloud.sqs.get_queue_url().queue_name(id.derived("interruption")).send().await;
    Ok(gone_is_none(call.map_err(failed("sqs:GetQueueUrl")))?.and_then(|answer| answer.queue_url))
}

pub(in crate::verify) async fn queue(cloud: &Cloud, id: &Identity) -> Read<Option<Queue>> {
    let Some(url) = queue_url(cloud, id).await? else { return Ok(None) };
    let call = cloud.sqs.get_queue_attributes().queue_url(url).attribute_names("All".into()).send().await;
    let answer = gone_is_none(call.map_err(failed("sqs:GetQueueAttributes")))?;
    Ok(answer.map(|answer| {
        let all = answer.attributes.unwrap_or_default();
        let all: BTreeMap<String, String> =
            all.into_iter().map(|(key, value)| (key.as_str().to_owned(), value)).collect();
        let text = |key: &str| all.get(key).cloned().unwrap_or_default();
        let number = |key: &str| text(key).parse().unwrap_or_default();
        Queue {
            name: id.derived("interruption"),
            arn: text("QueueArn"),
            policy: text("Policy"),
            waiting: number("ApproximateNumberOfMessages"),
            in_flight: number("ApproximateNumberOfMessagesNotVisible"),
        }
    }))
}

/// A document as IAM gives it: URL-encoded JSON.
fn document(text: &str) -> Json {
    serde_json::from_str(&percent_decode_str(text).decode_utf8_lossy()).unwrap_or_default()
}

/// A role by name; with everything that it may do, if that is wanted.
async fn role(cloud: &Cloud, name: &str, whole: bool) -> Read<Option<Role>> {
    let call = cloud.iam.get_role().role_name(name).send().await;
    let Some(found) = gone_is_none(call.map_err(failed("iam:GetRole")))?.and_then(|answer| answer.role) else {
        return Ok(None);
    };
    let mut role = Role {
        arn: found.arn().to_owned(),
        trust: found.assume_role_policy_document().map(document).unwrap_or_default(),
        policies: Vec::new(),
    };
    if whole {
        role.policies = attached(cloud, name).await?;
        role.policies.extend(inline(cloud, name).await?);
    }
    Ok(Some(role))
}

async fn attached(cloud: &Cloud, role: &str) -> Read<Vec<(String, Json)>> {
    let call = cloud.iam.list_attached_role_policies().role_name(role).into_paginator().items().send();
    let found: Result<Vec<_>, _> = call.collect().await;
    let found = found.map_err(failed("iam:ListAttachedRolePolicies"))?;
    let each = found.iter().map(async |one| {
        let arn = one.policy_arn().unwrap_or_default();
        let answer = cloud.iam.get_policy().policy_arn(arn).send().await.map_err(failed("iam:GetPolicy"))?;
        let version = answer.policy().and_then(|policy| policy.default_version_id()).unwrap_or_default();
        let call = cloud.iam.get_policy_version().policy_arn(arn).version_id(version).send().await;
        let answer = call.map_err(failed("iam:GetPolicyVersion"))?;
        let text = answer.policy_version().and_then(|version| version.document()).map(document);
        Ok::<_, Failure>((one.policy_name().unwrap_or_default().to_owned(), text.unwrap_or_default()))
    });
    try_join_all(each).await
}

async fn inline(cloud: &Cloud, role: &str) -> Read<Vec<(String, Json)>> {
    let call = cloud.iam.list_role_policies().role_name(role).into_paginator().items().send();
    let names: Result<Vec<String>, _> = call.collect().await;
    let each = names.map_err(failed("iam:ListRolePolicies"))?.into_iter().map(async |name| {
        let call = cloud.iam.get_role_policy().role_name(role).policy_name(&name).send().await;
        let answer = call.map_err(failed("iam:GetRolePolicy"))?;
        Ok::<_, Failure>((name, document(answer.policy_document())))
    });
    try_join_all(each).await
}

/// The roles of add-ons that should have one; what is not there is left out.
async fn addon_roles(cloud: &Cloud, spec: &Spec, id: &Identity) -> Read<Vec<(String, Role)>> {
    let wanted = spec.addons.iter().filter(|(_, addon)| addon.identity.is_some());
    let wanted = wanted.filter_map(|(name, _)| Some((name.clone(), addon_access(name)?.role_name(id))));
    let each = wanted.map(async |(addon, name)| Ok::<_, Failure>((addon, role(cloud, &name, false).await?)));
    Ok(try_join_all(each).await?.into_iter().filter_map(|(addon, role)| Some((addon, role?))).collect())
}

async fn providers(cloud: &Cloud) -> Read<Vec<String>> {
    let call = cloud.iam.list_open_id_connect_providers().send().await;
    let answer = call.map_err(failed("iam:ListOpenIDConnectProviders"))?;
    let all = answer.open_id_connect_provider_list().iter();
    Ok(all.filter_map(|one| one.arn().map(str::to_owned)).collect())
}

/// The private subnets, each with where its default route leads.
async fn subnets(cloud: &Cloud, spec: &Spec, id: &Identity) -> Read<Vec<Subnet>> {
    let mut call = cloud.ec2.describe_subnets();
    call = match &spec.network.existing {
        Some(existing) => call.set_subnet_ids(Some(existing.private_subnet_ids.clone())),
        None => call.filters(filter(format!("tag:{TAG_STACK}"), [id.stack.as_str()])),
    };
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let found = gone_is_none(found.map_err(failed("ec2:DescribeSubnets")))?.unwrap_or_default();
    let private = found.into_iter().filter(|subnet| {
        let address = subnet.tags().iter().find(|tag| tag.key() == Some(TAG_RESOURCE)).and_then(|tag| tag.value());
        spec.network.existing.is_some() || address.is_some_and(|address| address.contains("/private"))
    });
    let private: Vec<_> = private.collect();
    if private.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = private.iter().filter_map(|subnet| subnet.subnet_id().map(str::to_owned)).collect();
    let call = cloud.ec2.describe_route_tables().filters(filter("association.subnet-id", ids));
    let tables: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let tables = tables.map_err(failed("ec2:DescribeRouteTables"))?;
    let way = |id: &str| {
        let of = |one: &str| one == id;
        let table =
            tables.iter().find(|table| table.associations().iter().any(|one| one.subnet_id().is_some_and(of)))?;
        let route = table.routes().iter().find(|route| route.destination_cidr_block() == Some("0.0.0.0/0"))?;
        let targets =
            [route.nat_gateway_id(), route.gateway_id(), route.transit_gateway_id(), route.network_interface_id()];
        let active = route.state().is_some_and(|state| state.as_str() == "active");
        Some((targets.into_iter().flatten().next()?.to_owned(), active))
    };
    Ok(private
        .iter()
        .map(|subnet| {
            let id = subnet.subnet_id().unwrap_or_default();
            let (way_out, way_out_active) = way(id).unwrap_or_default();
            Subnet {
                id: id.to_owned(),
                zone: subnet.availability_zone().unwrap_or_default().to_owned(),
                free: subnet.available_ip_address_count().unwrap_or_default().into(),
                way_out,
                way_out_active,
            }
        })
        .collect())
}

/// Instances of the cluster that have not ended: EKS and Karpenter tag theirs with the cluster's name.
async fn instances(cloud: &Cloud, cluster: &str) -> Read<Vec<Instance>> {
    let tag = format!("kubernetes.io/cluster/{cluster}");
    let call = cloud.ec2.describe_instances().filters(filter("tag-key", [tag]));
    let found: Result<Vec<_>, _> = call.into_paginator().items().send().collect().await;
    let reservations = found.map_err(failed("ec2:DescribeInstances"))?;
    let instances = reservations.iter().flat_map(|reservation| reservation.instances());
    Ok(instances
        .map(|instance| {
            let tag = |key: &str| instance.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value());
            let tokens = instance.metadata_options().and_then(|options| options.http_tokens());
            Instance {
                id: instance.instance_id().unwrap_or_default().to_owned(),
                state: instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str()).to_owned(),
                kind: instance.instance_type().map_or("", |kind| kind.as_str()).to_owned(),
                zone: instance.placement().and_then(|place| place.availability_zone()).unwrap_or_default().to_owned(),
                subnet: instance.subnet_id().unwrap_or_default().to_owned(),
                groups: instance
                    .security_groups()
                    .iter()
                    .filter_map(|group| group.group_id().map(str::to_owned))
                    .collect(),
                tokens: tokens.map_or("none", |tokens| tokens.as_str()).to_owned(),
                pool: tag("karpenter.sh/nodepool").unwrap_or_default().to_owned(),
                spot: instance.instance_lifecycle().is_some_and(|cycle| cycle.as_str() == "spot"),
                launched: instance.launch_time().map_or(0, |time| time.secs()),
            }
        })
        .collect())
}
