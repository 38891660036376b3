//! What was seen of an environment, as plain data: the lists of its cluster as Kubernetes gives them, and what AWS says.
//!
//! Everything that judges ([checks](super::checks), [status](super::status), [diagnose](super::diagnose)) works on this
//! alone. A part that could not be read is [`Seen::Unknown`] with the reason, never an empty list.

use serde_json::Value as Json;

/// A part of what was to be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It was read.
    Known(T),
    /// It could not be read, and why.
    Unknown(String),
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self::Unknown("nobody looked".to_owned())
    }
}

impl<T> Seen<T> {
    /// What was read, if it was.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Why it could not be read.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }

    /// From a read: a failure is `Unknown` with its words.
    pub fn of<E: std::fmt::Display>(read: Result<T, E>) -> Self {
        match read {
            Ok(value) => Self::Known(value),
            Err(error) => Self::Unknown(error.to_string()),
        }
    }
}

impl<T> Seen<Vec<T>> {
    /// The items; none where the list could not be read. Whoever concludes from absence asks [`Seen::known`] instead.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.known().map_or([].iter(), |items| items.iter())
    }
}

impl<'a, T> IntoIterator for &'a Seen<Vec<T>> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Everything that was seen at one moment.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// When: seconds since 1970, by the clock of the world that was looked at.
    pub now: i64,
    /// What AWS says.
    pub aws: Aws,
    /// What the cluster says.
    pub kube: Kube,
}

/// The cluster's own lists; each item is the object as the API gives it.
#[derive(Clone, Debug, Default)]
pub struct Kube {
    /// `/readyz?verbose`, one check a line; an answer that is not "ok" is in it, too.
    pub ready: Seen<Vec<String>>,
    /// ComponentStatuses.
    pub components: Seen<Vec<Json>>,
    /// Nodes.
    pub nodes: Seen<Vec<Json>>,
    /// Pods of all namespaces.
    pub pods: Seen<Vec<Json>>,
    /// Deployments of all namespaces.
    pub deployments: Seen<Vec<Json>>,
    /// DaemonSets of all namespaces.
    pub daemon_sets: Seen<Vec<Json>>,
    /// ServiceAccounts of Karpenter's namespace and kube-system.
    pub service_accounts: Seen<Vec<Json>>,
    /// PersistentVolumeClaims of all namespaces.
    pub claims: Seen<Vec<Json>>,
    /// StorageClasses.
    pub storage_classes: Seen<Vec<Json>>,
    /// PodDisruptionBudgets of all namespaces.
    pub budgets: Seen<Vec<Json>>,
    /// Events of all namespaces.
    pub events: Seen<Vec<Json>>,
    /// CustomResourceDefinitions of Karpenter's two groups.
    pub definitions: Seen<Vec<Json>>,
    /// NodePools.
    pub node_pools: Seen<Vec<Json>>,
    /// EC2NodeClasses.
    pub node_classes: Seen<Vec<Json>>,
    /// NodeClaims.
    pub node_claims: Seen<Vec<Json>>,
    /// The last lines of all Karpenter pods, oldest first.
    pub karpenter_log: Seen<Vec<String>>,
    /// `NodeMetrics` of metrics-server.
    pub node_metrics: Seen<Vec<Json>>,
}

/// What AWS says of the environment.
#[derive(Clone, Debug, Default)]
pub struct Aws {
    /// The control plane; none where there is no such cluster.
    pub cluster: Seen<Option<Cluster>>,
    /// Its add-ons.
    pub addons: Seen<Vec<Addon>>,
    /// The system node group; none where there is no such group.
    pub node_group: Seen<Option<NodeGroup>>,
    /// Access entries.
    pub entries: Seen<Vec<Entry>>,
    /// The interruption queue; none where the one that is wanted does not exist.
    pub queue: Seen<Option<Queue>>,
    /// The environment's event rules.
    pub rules: Seen<Vec<Rule>>,
    /// The controller's role; none where it does not exist.
    pub controller: Seen<Option<Role>>,
    /// The roles of add-ons with an identity, by the add-on's name.
    pub addon_roles: Seen<Vec<(String, Role)>>,
    /// ARNs of the account's OIDC providers.
    pub providers: Seen<Vec<String>>,
    /// Pod Identity associations of the cluster.
    pub associations: Seen<Vec<Association>>,
    /// The private subnets of the environment, or those of the existing VPC.
    pub subnets: Seen<Vec<Subnet>>,
    /// Instances with the cluster's ownership tag, or of the system node group.
    pub instances: Seen<Vec<Instance>>,
}

/// A control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// `ACTIVE`, `CREATING`, …
    pub status: String,
    /// `1.36`
    pub version: String,
    /// Its OIDC issuer without `https://`.
    pub issuer: String,
    /// `https://….eks.amazonaws.com`
    pub endpoint: String,
    /// The security group that EKS made for it and its nodes.
    pub security_group: String,
}

/// An add-on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addon {
    /// `coredns`
    pub name: String,
    /// `ACTIVE`, `DEGRADED`, …
    pub status: String,
    /// `v1.13.1-eksbuild.1`
    pub version: String,
    /// Health issues, `CODE: words`.
    pub issues: Vec<String>,
    /// ARN of its service account's role, if it has one.
    pub role: String,
}

/// The system node group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeGroup {
    /// `ACTIVE`, …
    pub status: String,
    /// Desired size.
    pub desired: i64,
    /// Health issues, `CODE: words`.
    pub issues: Vec<String>,
}

/// An access entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// ARN of whom it lets in.
    pub principal: String,
    /// `STANDARD`, `EC2_LINUX`, …
    pub kind: String,
}

/// The interruption queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Its name: what the controller must be told.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its policy, as JSON text.
    pub policy: String,
    /// Messages that nobody has taken, by SQS's own estimate.
    pub waiting: i64,
    /// Messages that were taken and not yet deleted.
    pub in_flight: i64,
}

/// One event rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Its pattern, as JSON text.
    pub pattern: String,
    /// ARNs of its targets.
    pub targets: Vec<String>,
}

/// An IAM role with everything that is attached to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// Who may assume it.
    pub trust: Json,
    /// The documents of its policies, by their names.
    pub policies: Vec<(String, Json)>,
}

/// A Pod Identity association.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Association {
    /// Namespace.
    pub namespace: String,
    /// Service account.
    pub account: String,
    /// ARN of the role.
    pub role: String,
}

/// A private subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subnet {
    /// `subnet-…`
    pub id: String,
    /// `us-east-1a`
    pub zone: String,
    /// Addresses left in it.
    pub free: i64,
    /// What its default route leads to: `nat-…`, `igw-…`; empty where there is none.
    pub way_out: String,
    /// Whether that route is active.
    pub way_out_active: bool,
}

/// An EC2 instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`
    pub id: String,
    /// `running`, `terminated`, …
    pub state: String,
    /// `m7i.large`
    pub kind: String,
    /// `us-east-1a`
    pub zone: String,
    /// Its subnet.
    pub subnet: String,
    /// Its security groups.
    pub groups: Vec<String>,
    /// `required` or `optional`: whether metadata wants a token.
    pub tokens: String,
    /// The NodePool that it was started for; empty for system nodes.
    pub pool: String,
    /// Whether it is a spot instance.
    pub spot: bool,
    /// Seconds since 1970 of its start.
    pub launched: i64,
}
