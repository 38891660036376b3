//! Names and ids that others build upon: what `pulumi stack output` gave, without the secrets.

use std::collections::BTreeMap;

use super::Looked;
use crate::engine::{Address, Live};
use crate::view::Untrusted;
use crate::view::report::{OutputReport, OutputValue};

/// The outputs of what is live. What is not there yet has none.
#[must_use]
pub fn outputs(looked: &Looked) -> OutputReport {
    let owned = &looked.plan.sorted.owned;
    let mut outputs = BTreeMap::new();
    let mut text = |name: &str, value: &str| {
        if !value.is_empty() {
            outputs.insert(name.to_owned(), OutputValue::Text(Untrusted::new(value)));
        }
    };
    let live = |address: &str| Address::parse(address).and_then(|address| owned.get(&address));
    let attr = |address: &str, attr: &str| live(address).map_or(String::new(), |live| live.name(attr).to_owned());
    text("account", &looked.spec.account);
    text("region", &looked.spec.region);
    for (name, attribute) in [
        ("cluster_name", "name"),
        ("cluster_arn", "arn"),
        ("cluster_endpoint", "endpoint"),
        ("cluster_version", "version"),
        ("cluster_certificate_authority", "certificate-authority"),
        ("cluster_security_group_id", "security-group"),
        ("oidc_issuer", "issuer"),
    ] {
        text(name, &attr("cluster/cluster", attribute));
    }
    text("oidc_provider_arn", &attr("identity/oidc-provider", "arn"));
    text("vpc_id", &attr("network/vpc", "id"));
    text("karpenter_queue_name", &attr("interruption/sqs-queue", "name"));
    text("karpenter_queue_url", &attr("interruption/sqs-queue", "url"));
    text("karpenter_controller_role_arn", &attr("karpenter/iam-role/controller", "arn"));
    text("karpenter_node_role_name", &attr("karpenter/iam-role/node", "name"));
    text("node_role_arn", &attr("identity/iam-role/system-node", "arn"));
    text("kms_key_arn", &attr("cluster/kms-key", "arn"));
    text("log_group_name", &attr("cluster/log-group", "name"));
    let list = |prefix: &str| {
        let found = owned.iter().filter(|(address, _)| address.as_str().starts_with(prefix));
        let mut found: Vec<(&str, &Live)> =
            found.map(|(address, live)| (address.key().unwrap_or_default(), live)).collect();
        found.sort_by_key(|(key, _)| (key.len(), *key));
        found.into_iter().map(|(_, live)| live.name("id").to_owned()).collect::<Vec<_>>()
    };
    let existing = looked.spec.network.existing.as_ref();
    let private = existing.map_or_else(|| list("network/subnet/private-"), |vpc| vpc.private_subnet_ids.clone());
    let public = existing.map_or_else(|| list("network/subnet/public-"), |vpc| vpc.public_subnet_ids.clone());
    for (name, ids) in [("private_subnet_ids", private), ("public_subnet_ids", public)] {
        if !ids.is_empty() {
            outputs.insert(name.to_owned(), OutputValue::List(ids.into_iter().map(Untrusted::new).collect()));
        }
    }
    OutputReport { environment: Untrusted::new(&looked.spec.name), outputs }
}
