//! The environment file as Rust types. The doc comments become the descriptions in `environments/schema.json`.
//!
//! Shapes only: what the values may be is checked in `config::check`, so that every error can be reported at once. Maps
//! instead of lists wherever things have names, because a map's twins are errors and `extends` merges it by key.

mod pools;
mod workloads;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use pools::{Budget, Disruption, NodeClass, NodePool, Requirement, Taint};
pub use workloads::{Spread, Toleration, Workload};

/// One environment: everything rem-ci needs to know to plan, price, apply, verify and destroy it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// A file beside this one whose values are defaults for this one. Maps merge, lists replace, null removes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// The environment's name: the file's stem, and the name of its GitHub environment. Lower-case letters, digits and `-`.
    pub name: String,
    /// Who may own this name in the account, `acme/platform`. Part of the stack id: two owners that both say `prod` clash
    /// loudly instead of deleting each other.
    pub owner: String,
    /// The AWS account, 12 digits, quoted. Credentials of any other account are refused.
    pub account: String,
    /// The AWS region.
    pub region: String,
    /// How in-cluster work reaches a private endpoint.
    #[serde(default)]
    pub connect: Connect,
    /// Refuses `destroy` while true.
    #[serde(default = "yes")]
    pub protect: bool,
    /// Tags for everything that can be tagged.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Where lock, plan and apply records are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// The roles that the GitHub Action assumes; written by `rem-ci bootstrap`.
    #[serde(default)]
    pub roles: Roles,
    /// VPC, subnets, gateways, endpoints.
    #[serde(default)]
    pub network: Network,
    /// The EKS control plane.
    pub cluster: Cluster,
    /// EKS add-ons by name.
    #[serde(default)]
    pub addons: BTreeMap<String, Addon>,
    /// The managed node group that carries the Karpenter controller and the add-ons.
    #[serde(default)]
    pub system_nodes: SystemNodes,
    /// The Karpenter controller.
    pub karpenter: Karpenter,
    /// EC2NodeClasses by name.
    #[serde(default)]
    pub node_classes: BTreeMap<String, NodeClass>,
    /// NodePools by name.
    #[serde(default)]
    pub node_pools: BTreeMap<String, NodePool>,
    /// Declared pods, for cost only.
    #[serde(default)]
    pub workloads: BTreeMap<String, Workload>,
    /// Assumptions and budget.
    #[serde(default)]
    pub cost: Cost,
    /// Reviews and waivers.
    #[serde(default)]
    pub policy: Policy,
    /// What becomes of data-bearing things on destroy.
    #[serde(default)]
    pub on_destroy: OnDestroy,
    /// Renamed pools: `{from: nodePools/old, to: nodePools/new}`.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// Findings acknowledged by exactly their digest, `CODE:DIGEST`.
    #[serde(default)]
    pub acknowledge: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// How in-cluster work reaches a private endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Connect {
    /// The runner can reach it: a public endpoint, or a runner in the VPC.
    #[default]
    Direct,
    /// Through a system node by a Systems Manager port-forward.
    Ssm,
    /// By opening the public endpoint to the runner's own address for the time of an apply.
    RunnerCidr,
}

/// Where lock, plan and apply records are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct State {
    /// An S3 bucket in the environment's account and region.
    pub bucket: String,
}

/// Role ARNs, by verb.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Roles {
    /// Reads only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Changes this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// Deletes this environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroy: Option<String>,
}

/// VPC, subnets, gateways, endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    /// The VPC's IPv4 range, /16 to /24.
    pub cidr: String,
    /// How many zones, or which, by AZ id (`use1-az1`): letters differ from account to account.
    pub zones: Zones,
    /// One NAT gateway per zone, one in all, or none.
    pub nat_gateways: NatGateways,
    /// VPC endpoints by service: `s3` is a free gateway endpoint, all others are interface endpoints with an hourly price.
    pub endpoints: Vec<String>,
    /// An existing VPC to use instead of making one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub existing: Option<ExistingVpc>,
    /// A second security group for nodes, with these rules. The one EKS makes always applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_security_group: Option<NodeSecurityGroup>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            cidr: "10.0.0.0/16".to_owned(),
            zones: Zones::Count(3),
            nat_gateways: NatGateways::PerZone,
            endpoints: vec!["s3".to_owned()],
            existing: None,
            node_security_group: None,
        }
    }
}

/// A number of zones, or their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a number of zones or a list of AZ ids")]
pub enum Zones {
    /// The first so many that EKS takes, by AZ id.
    Count(u8),
    /// Exactly these AZ ids.
    Ids(Vec<String>),
}

/// How many NAT gateways.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NatGateways {
    /// One in each zone: a zone's loss does not cut the others off.
    #[default]
    PerZone,
    /// One in all: cheaper, and a zone's loss may cut all off.
    Single,
    /// None: nodes reach AWS through interface endpoints only.
    None,
}

/// An existing VPC to use instead of making one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExistingVpc {
    /// `vpc-…`
    pub vpc_id: String,
    /// Private subnets for nodes and the cluster's interfaces, two zones at least.
    pub private_subnet_ids: Vec<String>,
    /// Public subnets for load balancers.
    #[serde(default)]
    pub public_subnet_ids: Vec<String>,
    /// Whether rem-ci may put load-balancer role tags on them.
    #[serde(default)]
    pub tag_subnets: bool,
}

/// A second security group for nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NodeSecurityGroup {
    /// Rules by name; nothing is open that is not listed, except all traffic out.
    #[serde(default)]
    pub ingress: BTreeMap<String, IngressRule>,
}

/// One ingress rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressRule {
    /// A CIDR (never `0.0.0.0/0`), a security group id, or `self`.
    pub peer: String,
    /// `tcp`, `udp`, `icmp` or `all`.
    pub protocol: String,
    /// A port, or a range `8000-8100`. Left out for `all` and `icmp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ports: Option<String>,
    /// Why it is open; becomes the rule's description.
    pub why: String,
}

/// The EKS control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The cluster's name in EKS.
    pub name: String,
    /// Kubernetes minor version, quoted: `"1.36"`. One minor up at a time, never down.
    pub version: String,
    /// What happens at the end of standard support. Must be stated: `EXTENDED` costs 0.50 USD an hour more from then on.
    pub upgrade_policy: UpgradePolicy,
    /// Who can reach the API server.
    #[serde(default)]
    pub endpoint: Endpoint,
    /// Control-plane logs.
    #[serde(default)]
    pub logging: Logging,
    /// Envelope encryption of Secrets with a KMS key of our own. Cannot be switched off again.
    #[serde(default = "yes")]
    pub secrets_encryption: bool,
    /// EKS refuses to delete the cluster while true.
    #[serde(default)]
    pub deletion_protection: bool,
    /// ARC zonal shift.
    #[serde(default)]
    pub zonal_shift: bool,
    /// IRSA: an OIDC provider for the cluster in IAM.
    #[serde(default = "yes")]
    pub oidc_provider: bool,
    /// Range of Service addresses; EKS chooses 10.100.0.0/16 or 172.20.0.0/16 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_cidr: Option<String>,
    /// `ipv4` or `ipv6`.
    #[serde(default)]
    pub ip_family: IpFamily,
    /// People and roles with access, by a name of your choice. Nobody else has any, the creator neither.
    #[serde(default)]
    pub access: BTreeMap<String, Access>,
}

/// What happens at the end of standard support.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum UpgradePolicy {
    /// AWS upgrades the cluster by force.
    Standard,
    /// The version stays for a year more, at 0.50 USD an hour more.
    Extended,
}

impl UpgradePolicy {
    /// As EKS spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "STANDARD",
            Self::Extended => "EXTENDED",
        }
    }
}

/// Service and pod address family.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

/// Who can reach the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// From inside the VPC.
    pub private: bool,
    /// From the internet, as far as `publicCidrs` says.
    pub public: bool,
    /// Who may reach the public endpoint. An empty list with `public: true` would mean the whole world and is an error.
    pub public_cidrs: Vec<String>,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self { private: true, public: false, public_cidrs: Vec::new() }
    }
}

/// Control-plane logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Logging {
    /// Any of `api`, `audit`, `authenticator`, `controllerManager`, `scheduler`.
    pub types: Vec<String>,
    /// Days that CloudWatch Logs takes: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, …
    pub retention_days: i32,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            types: ["api", "audit", "authenticator", "controllerManager"].map(str::to_owned).to_vec(),
            retention_days: 90,
        }
    }
}

/// One principal's access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// An IAM role or user ARN that exists.
    pub principal: String,
    /// An EKS access policy: `AmazonEKSClusterAdminPolicy`, `AmazonEKSAdminPolicy`, `AmazonEKSAdminViewPolicy`,
    /// `AmazonEKSEditPolicy`, `AmazonEKSSecretReaderPolicy`, `AmazonEKSViewPolicy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Limits `policy` to these namespaces.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Kubernetes groups, for your own RBAC.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// One EKS add-on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Addon {
    /// `default` or `latest` (resolved at creation, then kept), or an exact version.
    #[serde(default = "default_version")]
    pub version: String,
    /// How its pods get AWS permissions, where they need any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Configuration values, checked by EKS against the add-on's own schema.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<std::collections::BTreeMap<String, serde_json::Value>>")]
    pub configuration: Option<serde_json::Value>,
}

fn default_version() -> String {
    "default".to_owned()
}

/// How pods get AWS permissions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// IAM roles for service accounts, through the cluster's OIDC provider.
    #[default]
    Irsa,
    /// EKS Pod Identity, through its agent add-on.
    PodIdentity,
}

/// The managed node group of the system nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SystemNodes {
    /// An instance type, on demand.
    pub instance_type: String,
    /// Fixed size, at least `karpenter.values.replicas`: two replicas never share a host.
    pub count: u16,
    /// Root volume (gp3, encrypted), 20 to 16384 GiB.
    #[serde(rename = "volumeGiB")]
    pub volume_gib: u16,
}

impl Default for SystemNodes {
    fn default() -> Self {
        Self { instance_type: "t3.medium".to_owned(), count: 2, volume_gib: 20 }
    }
}

/// The Karpenter controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Karpenter {
    /// Chart version, quoted, three numbers: `"1.15.1"`.
    pub version: String,
    /// Where the controller runs.
    #[serde(default = "karpenter_namespace")]
    pub namespace: String,
    /// How the controller gets its AWS permissions.
    #[serde(default)]
    pub identity: Identity,
    /// Digest of the chart's OCI manifest, `sha256:…`; written by `rem-ci pin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart_digest: Option<String>,
    /// A mirror (`oci://…`) or a local file instead of AWS's public registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<String>,
    /// The few chart values that are yours to set.
    #[serde(default)]
    pub values: KarpenterValues,
}

fn karpenter_namespace() -> String {
    "karpenter".to_owned()
}

/// The few chart values that are yours to set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct KarpenterValues {
    /// Controller replicas, each on a host of its own.
    pub replicas: u8,
    /// Karpenter's feature gates.
    pub feature_gates: BTreeMap<String, bool>,
    /// Requests and limits of the controller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl Default for KarpenterValues {
    fn default() -> Self {
        Self { replicas: 2, feature_gates: BTreeMap::new(), resources: None }
    }
}

/// Kubernetes requests and limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// `{cpu: "1", memory: 1Gi}`
    #[serde(default)]
    pub requests: BTreeMap<String, Quantity>,
    /// `{cpu: "1", memory: 1Gi}`
    #[serde(default)]
    pub limits: BTreeMap<String, Quantity>,
}

/// A Kubernetes quantity: a number, or text such as `500m` or `16Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected a whole number or a quantity in quotes such as \"500m\" or \"16Gi\"")]
pub enum Quantity {
    /// A whole number.
    Number(u64),
    /// With a suffix.
    Text(String),
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Text(text) => out.write_str(text),
        }
    }
}

/// Assumptions and budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Cost {
    /// Monthly quantities that no plan can know; each is printed beside its line.
    pub assumptions: Assumptions,
    /// Thresholds, USD a month, on `fixed`, `expected`, `max` or `total` of the summary, or on its `delta` (`deltaPercent`).
    pub budget: BTreeMap<String, Threshold>,
    /// Refuses where a figure that a budget asks for is unbounded or has no price.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
    /// What you pay less than the public price, percent, by `ec2` (instances on demand), `eks`, `ebs`, `vpc`, `cloudwatch`, `kms`, `elb` or
    /// `all`: a private rate or a Savings Plan's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub discount: BTreeMap<String, u8>,
}

/// Monthly quantities that no plan can know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Assumptions {
    /// GB through the NAT gateways.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_gb: Option<u64>,
    /// GB out to the internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress_gb: Option<u64>,
    /// GB between zones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_az_gb: Option<u64>,
    /// GB of control-plane logs taken in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_gb: Option<u64>,
    /// Millions of SQS requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqs_millions: Option<u64>,
    /// GB through interface endpoints.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_gb: Option<u64>,
    /// Application load balancers that controllers in the cluster make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<u64>,
    /// Millions of KMS requests; Secrets are few, so this is left out as a rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_millions: Option<u64>,
    /// Share of spot in pools that allow both, percent; 100 when left out, as Karpenter takes spot wherever it may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_share_percent: Option<u8>,
    /// Spot saving over on-demand, percent; 55 when left out, and shown with a range of 45 to 70.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_saving_percent: Option<u8>,
}

/// One budget threshold, USD a month.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Threshold {
    /// Warn from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn: Option<u64>,
    /// Refuse from here on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail: Option<u64>,
}

/// Reviews and waivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Apply only what somebody else has approved in review.
    pub require_review: bool,
    /// Findings set aside for a time.
    pub waivers: Vec<Waiver>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { require_review: true, waivers: Vec::new() }
    }
}

/// A finding set aside for a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiver {
    /// The finding's code.
    pub code: String,
    /// Why.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub until: String,
}

/// What becomes of data-bearing things on destroy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OnDestroy {
    /// The key of the cluster's Secrets.
    pub kms_key: Keep,
    /// The control-plane logs.
    pub log_group: Keep,
}

/// Keep or delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// It stays, and the leftover audit lists it.
    #[default]
    Keep,
    /// It goes.
    Delete,
}

/// A renamed pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moved {
    /// `nodePools/old`
    pub from: String,
    /// `nodePools/new`
    pub to: String,
}
