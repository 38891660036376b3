//! What is expected to run, so that node pools can be priced before a node exists.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Quantity, Requirement};

/// Declared pods, for cost only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// A key of `nodePools`: the pods select that pool and tolerate its taints. Left out, they go to the first pool that takes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
    /// How many pods, as a rule.
    pub replicas: u32,
    /// How many there are when nothing is going on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_replicas: Option<u32>,
    /// Requests of one pod: `{cpu: 500m, memory: 1Gi}`.
    pub requests: BTreeMap<String, Quantity>,
    /// NVIDIA GPUs of one pod; short for `requests: {nvidia.com/gpu: …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<u32>,
    /// Taints it tolerates, as in a pod.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// What its nodes must be: labels of instance types, as in a pool's requirements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<Requirement>,
    /// `amd64` or `arm64`, where its image runs on one only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arch: Option<String>,
    /// Share of its nodes that are spot where the pool allows both, percent. In place of `cost.assumptions.spotSharePercent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_share_percent: Option<u8>,
    /// How its pods keep apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// One pod on every node whose taints it tolerates; `replicas` means nothing then.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub daemon_set: bool,
}

/// How pods keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// Evenly over the zones.
    Zone,
    /// At most one on a node.
    Host,
}

/// A taint that pods tolerate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Toleration {
    /// Taint key; with `Exists` it may be left out, which tolerates everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// `Equal` (when left out) or `Exists`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Taint value, with `Equal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule`, `NoExecute`; all when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<String>,
}
