//! What of the region a cluster notices, as one number: when it is another, controllers that look at the region run.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::sandbox::region::{Here, text};

/// The number. Documents count by their length: whoever edits one changes it.
pub(super) fn print(here: &Here<'_>, name: &str) -> u64 {
    let mut hash = DefaultHasher::new();
    let region = &*here.region;
    if let Some(cluster) = region.eks.clusters.get(name) {
        (cluster.status(), cluster.version(), cluster.self_managed).hash(&mut hash);
        for (principal, entry) in &cluster.entries {
            (principal, entry.policies.len()).hash(&mut hash);
        }
        for (group, of) in &cluster.groups {
            (group, text(&of.body, "status"), of.body["taints"].as_array().map(Vec::len)).hash(&mut hash);
            of.body["labels"].as_object().map(serde_json::Map::len).hash(&mut hash);
            for node in &of.nodes {
                (&node.instance, node.ready).hash(&mut hash);
            }
        }
        for (addon, of) in &cluster.addons {
            (addon, text(&of.body, "status"), text(&of.body, "addonVersion")).hash(&mut hash);
            (text(&of.body, "configurationValues"), text(&of.body, "serviceAccountRoleArn")).hash(&mut hash);
        }
        for (id, association) in &cluster.associations {
            (id, text(&association.body, "roleArn"), text(&association.body, "serviceAccount")).hash(&mut hash);
        }
    }
    for (id, instance) in &region.ec2.instances {
        (id, instance.state(here.now).0).hash(&mut hash);
    }
    for (name, queue) in &region.sqs.queues {
        (name, queue.gone.is_some(), queue.messages.len()).hash(&mut hash);
    }
    rights(here, &mut hash);
    for shortage in &region.ec2.capacity_gone {
        (&shortage.instance_type, &shortage.zone, &shortage.capacity).hash(&mut hash);
    }
    region.ec2.limits.vcpus.hash(&mut hash);
    (region.ec2.volumes.len(), here.iam.profiles.values().filter(|one| one.usable <= here.now).count()).hash(&mut hash);
    hash.finish()
}

/// What a node class depends on, as one number: selectors' tags, and who may do what.
pub(super) fn grounds(here: &Here<'_>) -> u64 {
    let mut hash = DefaultHasher::new();
    rights(here, &mut hash);
    // The newest machine images are others every other week.
    (here.now / 86_400_000).hash(&mut hash);
    hash.finish()
}

fn rights(here: &Here<'_>, hash: &mut DefaultHasher) {
    let region = &*here.region;
    for (id, tags) in &region.ec2.tags {
        if id.starts_with("subnet-") || id.starts_with("sg-") {
            (id, tags).hash(hash);
        }
    }
    (region.ec2.subnets.len(), region.ec2.security_groups.len()).hash(hash);
    for role in here.iam.roles.values() {
        (&role.arn, role.trust.len(), &role.attached, role.usable <= here.now).hash(hash);
        for (name, document) in &role.inline {
            (name, document.len()).hash(hash);
        }
    }
    for policy in here.iam.policies.values() {
        let document = policy.versions.get(&policy.default).map(|version| version.document.len());
        (&policy.arn, policy.default, document).hash(hash);
    }
    for (arn, provider) in &here.iam.providers {
        (arn, &provider.client_ids).hash(hash);
    }
    for (name, profile) in &here.iam.profiles {
        (name, &profile.role).hash(hash);
    }
}
