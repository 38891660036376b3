//! `rem-ci import-config`: an old Pulumi stack's configuration to the text of an environment file.

use std::sync::Arc;

use super::codes::code;
use super::node::{Kind, Node, Text};
use super::{text, yaml};
use crate::problem::Problem;

/// Old key, and where its counterpart stands.
const KEYS: &[(&str, &str)] = &[
    ("aws:region", "region"),
    ("rem:cluster_name", "cluster.name"),
    ("rem:cluster_version", "cluster.version"),
    ("rem:enable_public_endpoint", "cluster.endpoint.public"),
    ("rem:enable_private_endpoint", "cluster.endpoint.private"),
    ("rem:enable_cluster_logging", "cluster.logging.types"),
    ("rem:karpenter_version", "karpenter.version"),
    ("rem:vpc_cidr", "network.cidr"),
];

/// The environment file that says what `text`, a `Pulumi.<stack>.yaml` called `file`, says. What the old one left to its
/// defaults (Kubernetes 1.31, Karpenter 1.1.0) is written as the newest pair that rem-ci ships.
///
/// # Errors
/// What cannot be taken over: a file that is not such a configuration, keys without a counterpart, values of a wrong type.
pub fn import_pulumi(text: &str, file: &str) -> Result<String, Vec<Problem>> {
    let source = text::decode(file, text.as_bytes().to_vec()).map_err(|problem| vec![*problem])?;
    let tree = yaml::read(&source)?;
    let mut import = Import { file: source, problems: Vec::new() };
    let config = if let Some(Node { kind: Kind::Map(entries), .. }) = tree.get("config") {
        entries.as_slice()
    } else {
        let help = "give a Pulumi.<stack>.yaml, which has `config:` with `aws:region` and `rem:…` below it";
        let problem = Problem::error(code::IMPORT_VALUE, "there is no `config` map", help);
        import.problems.push(problem.at(Some(tree.at.place())));
        &[]
    };
    for (key, node) in config {
        if !KEYS.iter().any(|(known, _)| known == key) {
            let known: Vec<&str> = KEYS.iter().map(|(known, _)| *known).collect();
            let near = super::decode::nearest(key, known.iter().copied());
            let help = near.map_or_else(
                || "remove it there, and set what it meant in the new file by hand".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let place = node.key.as_ref().unwrap_or(&node.at).place();
            let title = format!("`{key}` has no counterpart");
            import.problems.push(Problem::error(code::IMPORT_UNKNOWN, title, help).at(Some(place)));
        }
    }
    let get = |key: &str| config.iter().find(|(name, _)| name == key).map(|(_, node)| node);
    let name = import.name();
    let region = import.word(get("aws:region"), "us-east-1");
    let cluster = import.word(get("rem:cluster_name"), &format!("rem-{name}"));
    let version = import.word(get("rem:cluster_version"), "1.36");
    let karpenter = import.word(get("rem:karpenter_version"), "1.15.1");
    let cidr = import.word(get("rem:vpc_cidr"), "10.0.0.0/16");
    let public = import.switch(get("rem:enable_public_endpoint"), false);
    let private = import.switch(get("rem:enable_private_endpoint"), true);
    let logging = import.switch(get("rem:enable_cluster_logging"), true);
    if !import.problems.is_empty() {
        return Err(import.problems);
    }
    let q = yaml::quoted;
    let types = if logging { "[api, audit, authenticator, controllerManager]" } else { "[]" };
    let connect = if public { "direct" } else { "ssm" };
    // The old program opened a public endpoint to the whole internet; here that has to be written down.
    let cidrs = if public { "[0.0.0.0/0]" } else { "[]" };
    Ok(format!(
        "# yaml-language-server: $schema=schema.json
# From {shown} by `rem-ci import-config`. Look at every line marked CHECK before you plan.
extends: base.yaml
name: {name}
owner: acme/platform            # CHECK: who owns this environment, usually the repository
account: \"123456789012\"         # CHECK: the AWS account
region: {region}
connect: {connect}
network:
  cidr: {cidr}
cluster:
  name: {cluster}
  version: {version}
  upgradePolicy: STANDARD       # CHECK: EXTENDED keeps the version a year longer, at 0.50 USD an hour more
  endpoint: {{private: {private}, public: {public}, publicCidrs: {cidrs}}}
  logging: {{types: {types}, retentionDays: 90}}
  access: {{}}                    # CHECK: who may use the cluster; nobody has access that is not named
karpenter:
  version: {karpenter}
",
        shown = file.rsplit('/').next().unwrap_or(file),
        region = q(&region),
        cidr = q(&cidr),
        cluster = q(&cluster),
        version = q(&version),
        karpenter = q(&karpenter),
    ))
}

struct Import {
    file: Arc<Text>,
    problems: Vec<Problem>,
}

impl Import {
    /// `dev` of `Pulumi.dev.yaml`, as far as it can name an environment.
    fn name(&self) -> String {
        let stem = self.file.name.rsplit('/').next().unwrap_or_default();
        let stem = stem.strip_prefix("Pulumi.").unwrap_or(stem);
        let stem = stem.strip_suffix(".yaml").or_else(|| stem.strip_suffix(".yml")).unwrap_or(stem);
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let name: String = stem.chars().map(plain).take(32).collect();
        let name = name.trim_matches(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit());
        if name.starts_with(|c: char| c.is_ascii_lowercase()) { name.to_owned() } else { format!("env-{name}") }
    }

    fn refuse(&mut self, node: &Node, title: &str, help: &str) {
        self.problems.push(Problem::error(code::IMPORT_VALUE, title, help).at(Some(node.at.place())));
    }

    /// Text; a number as it was written (Pulumi writes `1.31` without quotes).
    fn word(&mut self, node: Option<&Node>, default: &str) -> String {
        match node.map(|node| (node, &node.kind)) {
            None => default.to_owned(),
            Some((_, Kind::Scalar { value, raw })) if value.is_string() || value.is_number() => raw.clone(),
            Some((node, _)) => {
                let help = "an encrypted value or a map cannot be taken over";
                self.refuse(node, "not plain text", help);
                default.to_owned()
            }
        }
    }

    /// True or false; Pulumi writes them as text.
    fn switch(&mut self, node: Option<&Node>, default: bool) -> bool {
        match node.map(|node| (node, &node.kind)) {
            None => default,
            Some((_, Kind::Scalar { raw, .. })) if raw == "true" || raw == "false" => raw == "true",
            Some((node, _)) => {
                self.refuse(node, "neither true nor false", "write `true` or `false`");
                default
            }
        }
    }
}
