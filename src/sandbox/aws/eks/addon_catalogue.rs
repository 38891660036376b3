//! Which add-ons there are, in which versions, and how they can be configured.

use serde_json::{Value as Json, json};

use super::addon_table::{ADDONS, Row, row_of};
use super::common::{invalid, missing, need, paged};
use super::versions;
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call};

pub(super) fn handle(_here: &mut Here<'_>, call: &Call) -> Option<Answer> {
    Some(match call.operation.as_str() {
        "DescribeAddonVersions" => describe(&call.params),
        "DescribeAddonConfiguration" => configuration(&call.params),
        _ => return None,
    })
}

fn describe(params: &Json) -> Answer {
    let wanted = text(params, "kubernetesVersion");
    let only = match wanted {
        "" => None,
        name => Some(
            versions::known(name)
                .ok_or_else(|| invalid(format!("The specified kubernetesVersion {name} is not supported")))?
                .minor,
        ),
    };
    let name = text(params, "addonName");
    if !name.is_empty() && row_of(name).is_none() {
        return Err(missing(format!("Addon {name} not found")));
    }
    let fits = |key: &str, value: &str| {
        let values = texts(params, key);
        values.is_empty() || values.iter().any(|one| one == value)
    };
    let found: Vec<Json> = ADDONS
        .iter()
        .filter(|row| name.is_empty() || row.name == name)
        .filter(|row| fits("types", row.kind) && fits("publishers", row.publisher) && fits("owners", row.owner))
        .map(|row| shown(row, only))
        .filter(|row| !row["addonVersions"].as_array().is_some_and(Vec::is_empty))
        .collect();
    paged(params, "addons", &found)
}

fn shown(row: &Row, only: Option<u32>) -> Json {
    let versions: Vec<Json> = row
        .versions
        .iter()
        .filter_map(|(version, from, to)| {
            let compatible: Vec<Json> = (*from..=*to)
                .rev()
                .filter(|minor| only.is_none_or(|only| only == *minor))
                .map(|minor| {
                    json!({
                        "clusterVersion": format!("1.{minor}"),
                        "platformVersions": ["*"],
                        "defaultVersion": row.default(minor) == Some(*version),
                    })
                })
                .collect();
            (!compatible.is_empty()).then(|| {
                json!({
                    "addonVersion": version,
                    "architecture": ["amd64", "arm64"],
                    "computeTypes": ["ec2", "auto"],
                    "compatibilities": compatible,
                    "requiresConfiguration": false,
                    "requiresIamPermissions": row.needs_iam,
                })
            })
        })
        .collect();
    json!({
        "addonName": row.name,
        "type": row.kind,
        "addonVersions": versions,
        "publisher": row.publisher,
        "owner": row.owner,
        "defaultNamespace": row.namespace,
    })
}

/// What an add-on's configuration may have on its top level, beside what all have. Values are not looked at.
fn own_keys(name: &str) -> &'static [&'static str] {
    match name {
        "vpc-cni" => &[
            "env",
            "init",
            "enableNetworkPolicy",
            "enableWindowsIpam",
            "nodeAgent",
            "livenessProbeTimeoutSeconds",
            "readinessProbeTimeoutSeconds",
            "eniConfig",
        ],
        "kube-proxy" => &["ipvs", "mode"],
        "coredns" => &[
            "replicaCount",
            "corefile",
            "autoScaling",
            "podDisruptionBudget",
            "topologySpreadConstraints",
            "computeType",
        ],
        "aws-ebs-csi-driver" | "aws-efs-csi-driver" => {
            &["controller", "node", "sidecars", "defaultStorageClass", "snapshotter", "replicaCount"]
        }
        "eks-pod-identity-agent" => &["agent", "priorityClassName", "updateStrategy"],
        "metrics-server" => &[
            "replicas",
            "addonResizer",
            "metrics",
            "podDisruptionBudget",
            "updateStrategy",
            "topologySpreadConstraints",
            "args",
        ],
        _ => &[
            "replicas",
            "replicaCount",
            "args",
            "env",
            "agent",
            "controller",
            "node",
            "webhook",
            "cainjector",
            "provider",
            "domainFilters",
            "policy",
            "manager",
            "collector",
        ],
    }
}

const KEYS: &[&str] = &["affinity", "tolerations", "nodeSelector", "resources", "podAnnotations", "podLabels"];

/// Checks an add-on's `configurationValues` against its schema: JSON or YAML, an object, known keys.
pub(in crate::sandbox) fn check(name: &str, values: &str) -> Result<Json, crate::sandbox::wire::Fault> {
    if values.trim().is_empty() {
        return Ok(json!({}));
    }
    let parsed: Json =
        serde_yaml::from_str(values).map_err(|_| invalid("ConfigurationValue is not in JSON or YAML format"))?;
    let Some(object) = parsed.as_object() else {
        return Err(invalid("ConfigurationValue is not in JSON or YAML format"));
    };
    match object.keys().find(|key| !KEYS.contains(&key.as_str()) && !own_keys(name).contains(&key.as_str())) {
        Some(key) => Err(invalid(format!(
            "ConfigurationValue provided in request is not supported: Json schema validation failed with error: [$.{key}: is not defined in the schema and the schema does not allow additional properties]"
        ))),
        None => Ok(parsed),
    }
}

fn configuration(params: &Json) -> Answer {
    let (name, version) = (need(params, "addonName")?, need(params, "addonVersion")?);
    let row = row_of(name).filter(|row| row.versions.iter().any(|row| row.0 == version));
    let row = row.ok_or_else(|| missing(format!("Addon {name} with version {version} not found")))?;
    let properties: serde_json::Map<String, Json> =
        KEYS.iter().chain(own_keys(name)).map(|key| ((*key).to_owned(), json!({}))).collect();
    let schema = json!({
        "$schema": "http://json-schema.org/draft-06/schema#",
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let identity: Vec<Json> = row
        .identity
        .iter()
        .map(|(account, policy)| {
            json!({ "serviceAccount": account, "recommendedManagedPolicies": [format!("arn:aws:iam::aws:policy/{policy}")] })
        })
        .collect();
    Ok(json!({
        "addonName": name,
        "addonVersion": version,
        "configurationSchema": schema.to_string(),
        "podIdentityConfiguration": identity,
    }))
}
