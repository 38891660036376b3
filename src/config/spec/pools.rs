//! What Karpenter makes nodes from: EC2NodeClasses and NodePools.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Quantity;

/// An EC2NodeClass. `amiAlias` and `volumeGiB` are ours, the rest are fields of its `spec`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeClass {
    /// `al2023@default` (resolved at creation, then kept) or an exact `al2023@vYYYYMMDD`. Either this or `amiSelectorTerms`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_alias: Option<String>,
    /// Root volume (gp3, encrypted), GiB.
    #[serde(rename = "volumeGiB", skip_serializing_if = "Option::is_none")]
    pub volume_gib: Option<u16>,
    /// Where `amiAlias` does not fit: 1 to 30 selector terms.
    pub ami_selector_terms: Vec<serde_json::Map<String, serde_json::Value>>,
    /// `AL2023`, `Bottlerocket`, `Custom` …; needed with `amiSelectorTerms` unless an alias says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ami_family: Option<String>,
    /// Extra tags on instances, volumes and interfaces.
    pub tags: BTreeMap<String, String>,
    /// Text for cloud-init or the family's own format. It runs as root on every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// Kubelet settings, as in `spec.kubelet`.
    pub kubelet: serde_json::Map<String, serde_json::Value>,
    /// Volumes in place of the one that `volumeGiB` makes; every one must be encrypted.
    pub block_device_mappings: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Metadata service; tokens are always required.
    pub metadata_options: serde_json::Map<String, serde_json::Value>,
    /// One-minute metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detailed_monitoring: Option<bool>,
    /// `RAID0` puts instance-store volumes under the kubelet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_store_policy: Option<String>,
}

/// A Karpenter NodePool: its `spec` with the template flattened into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePool {
    /// A key of `nodeClasses`.
    pub node_class: String,
    /// What its nodes may be, at most 100.
    #[serde(default)]
    pub requirements: Vec<Requirement>,
    /// Taints of its nodes.
    #[serde(default)]
    pub taints: Vec<Taint>,
    /// Taints that go once a node is set up.
    #[serde(default)]
    pub startup_taints: Vec<Taint>,
    /// Labels of its nodes. `workload-type: POOL` is added.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Annotations of its nodes.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Age at which a node is replaced, budgets or not: `720h`, `Never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after: Option<String>,
    /// How long a draining node may take before it is ended by force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub termination_grace_period: Option<String>,
    /// Consolidation and its budgets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disruption: Option<Disruption>,
    /// Upper bounds on what the pool may hold: `{cpu: 100, memory: 400Gi}`.
    #[serde(default)]
    pub limits: BTreeMap<String, Quantity>,
    /// Preferred over pools of less weight, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u8>,
    /// A fixed number of nodes; goes with no weight and only `limits.nodes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// One requirement of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Requirement {
    /// A well-known label.
    pub key: String,
    /// `In`, `NotIn`, `Exists`, `DoesNotExist`, `Gt`, `Lt`, `Gte`, `Lte`.
    pub operator: String,
    /// Values; one for `Gt` and its kin, none for `Exists` and its.
    #[serde(default)]
    pub values: Vec<String>,
    /// At least so many different values must be on offer, 1 to 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_values: Option<u8>,
}

/// A node taint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Taint {
    /// Taint key.
    pub key: String,
    /// Taint value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`.
    pub effect: String,
}

/// Consolidation of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disruption {
    /// `WhenEmpty`, `WhenEmptyOrUnderutilized`, `Balanced`.
    #[serde(default = "when_underutilized")]
    pub consolidation_policy: String,
    /// `30s`, `1m`, `Never`. Required by Karpenter wherever `disruption` is set.
    pub consolidate_after: String,
    /// How much may go at once, at most 50.
    #[serde(default)]
    pub budgets: Vec<Budget>,
}

fn when_underutilized() -> String {
    "WhenEmptyOrUnderutilized".to_owned()
}

/// One disruption budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// `"3"` or `"10%"`.
    pub nodes: String,
    /// `Underutilized`, `Empty`, `Drifted`; all when left out.
    #[serde(default)]
    pub reasons: Vec<String>,
    /// Cron in UTC, together with `duration`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// How long it holds from each start of `schedule`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
}
