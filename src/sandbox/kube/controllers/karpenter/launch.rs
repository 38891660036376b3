//! What a launch is allowed: tags, and the calls behind it.

use serde_json::{Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::items;
use super::identity;
use crate::sandbox::aws::ec2;
use crate::sandbox::wire::Fault;

/// The tags of everything that a launch makes.
pub(super) fn tags(inside: &Inside<'_, '_>, class: &Json, pool: &str, claim: &str) -> ec2::Tags {
    let mut tags = ec2::Tags::from([
        (format!("kubernetes.io/cluster/{}", inside.name), "owned".to_owned()),
        ("eks:eks-cluster-name".to_owned(), inside.name.clone()),
        ("karpenter.sh/nodepool".to_owned(), pool.to_owned()),
        ("karpenter.k8s.aws/ec2nodeclass".to_owned(), super::super::meta::name(class).to_owned()),
    ]);
    if !claim.is_empty() {
        tags.insert("karpenter.sh/nodeclaim".to_owned(), claim.to_owned());
    }
    for (key, value) in class["spec"]["tags"].as_object().into_iter().flatten() {
        tags.insert(key.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    tags
}

/// Whether a role may make one of the calls of a launch, with these tags and as this class.
pub(super) fn may(
    inside: &mut Inside<'_, '_>,
    role: &str,
    operation: &str,
    tags: &ec2::Tags,
    _status: &Json,
) -> Result<(), Fault> {
    let pairs: Vec<Json> = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    identity::may(
        inside,
        role,
        "ec2",
        operation,
        json!({"TagSpecification": [{"ResourceType": "instance", "Tag": pairs}]}),
    )
}

/// The ids in a list of a class's status.
pub(super) fn ids(class: &Json, field: &str) -> Vec<String> {
    items(class, &format!("/status/{field}")).iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}
