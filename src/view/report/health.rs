//! What `status` and `diagnose` show. The models are the JSON as well: keys are only ever added.

use rust_decimal::Decimal;
use serde::Serialize;

use super::Mode;
use crate::view::Untrusted;

/// The one word that a person at night wants first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing is wrong that can be seen.
    Healthy,
    /// Something is wrong.
    Degraded,
    /// Too little could be read to say.
    Unknown,
}

/// A cause, as views show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CauseRow {
    /// A kebab word that `rem-ci explain` knows.
    pub code: &'static str,
    /// What is wrong.
    pub title: Untrusted,
    /// `certain`, `likely`, `warning`.
    pub certainty: &'static str,
    /// What was seen, one fact each.
    pub evidence: Vec<Untrusted>,
    /// What to do.
    pub help: &'static str,
    /// The command that does it or shows more.
    pub command: Untrusted,
}

/// Where a pod may land.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LandingRow {
    /// The pool.
    pub pool: Untrusted,
    /// Whether it takes the pod.
    pub may: bool,
    /// Why, or why not.
    pub reasons: Vec<Untrusted>,
    /// `on-demand`, `spot`.
    pub markets: Vec<&'static str>,
    /// Nodes that would take it right now.
    pub nodes: Vec<Untrusted>,
}

/// `rem-ci diagnose`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiagnoseReport {
    /// The environment's name.
    pub environment: Untrusted,
    /// `namespace/name`, if the question was about a pod.
    pub pod: Option<Untrusted>,
    /// The likeliest first.
    pub causes: Vec<CauseRow>,
    /// Where the pod may land; empty without one.
    pub landing: Vec<LandingRow>,
    /// Parts that could not be read, with the reason: what they would have shown is not known.
    pub unread: Vec<Untrusted>,
}

/// `rem-ci status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The environment's name.
    pub environment: Untrusted,
    /// The cluster's name.
    pub cluster: Untrusted,
    /// The region.
    pub region: Untrusted,
    /// Where it was looked.
    pub mode: Mode,
    /// When, `2026-11-24 12:00 UTC`.
    pub at: String,
    /// See [`Verdict`].
    pub verdict: Verdict,
    /// What is wrong, the likeliest cause first; warnings come last.
    pub causes: Vec<CauseRow>,
    /// The control plane.
    pub control_plane: ControlPlaneRow,
    /// Add-ons.
    pub addons: Vec<AddonRow>,
    /// The controller.
    pub karpenter: KarpenterRow,
    /// Nodes, by pool and name.
    pub nodes: Vec<NodeRow>,
    /// NodePools by name.
    pub pools: Vec<PoolRow>,
    /// Pods on nodes, those that ask for most first.
    pub pods: Vec<PodRow>,
    /// Pods without a node.
    pub pending: Vec<PendingRow>,
    /// Interruptions of nodes within the last day, the newest first.
    pub interruptions: Vec<EventRow>,
    /// The interruption queue.
    pub queue: QueueRow,
    /// What the nodes cost now.
    pub cost: CostNow,
    /// Parts that could not be read, with the reason.
    pub unread: Vec<Untrusted>,
}

/// The control plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ControlPlaneRow {
    /// `ACTIVE`, …; empty where it could not be read.
    pub status: Untrusted,
    /// `1.36`
    pub version: Untrusted,
    /// Whether the API server is ready by its own word; none where it does not answer.
    pub api_ready: Option<bool>,
    /// How many checks of its own hold.
    pub api_checks: usize,
    /// Those that do not.
    pub api_failing: Vec<Untrusted>,
    /// ComponentStatuses that are not healthy.
    pub components_unhealthy: Vec<Untrusted>,
}

/// An add-on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddonRow {
    /// Its name.
    pub name: Untrusted,
    /// Its version.
    pub version: Untrusted,
    /// `ACTIVE`, …
    pub status: Untrusted,
    /// Health issues.
    pub issues: Vec<Untrusted>,
}

/// The controller.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KarpenterRow {
    /// Chart version; empty where there is none.
    pub version: Untrusted,
    /// Replicas wanted.
    pub replicas: i64,
    /// Replicas available.
    pub available: i64,
    /// The last errors of its log, the newest first.
    pub errors: Vec<ErrorRow>,
    /// How many errors there were in half an hour.
    pub error_count: usize,
}

/// An error of the controller's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorRow {
    /// How long ago, seconds.
    pub ago_s: i64,
    /// Message and error.
    pub text: Untrusted,
}

/// One resource of a node: millicores or MiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// What pods may have.
    pub allocatable: u64,
    /// What pods ask for.
    pub requests: u64,
    /// What pods may take.
    pub limits: u64,
    /// What is used, by metrics-server.
    pub used: Option<u64>,
}

impl Amounts {
    /// A share of the allocatable, whole percent.
    #[must_use]
    pub fn percent(&self, part: u64) -> u64 {
        (part * 100).checked_div(self.allocatable).unwrap_or(0)
    }
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeRow {
    /// Its name.
    pub name: Untrusted,
    /// Its NodePool; `system` for the managed group; empty for neither.
    pub pool: Untrusted,
    /// `m7i.large`
    pub instance_type: Untrusted,
    /// `us-east-1a`
    pub zone: Untrusted,
    /// `spot` or `on-demand`.
    pub market: Untrusted,
    /// Whether it is Ready.
    pub ready: bool,
    /// What it is besides: `NotReady`, `leaving`, `cordoned`; empty where it is only Ready.
    pub state: Untrusted,
    /// Kubelet's version.
    pub version: Untrusted,
    /// Seconds since it was made.
    pub age_s: i64,
    /// CPU, millicores.
    pub cpu: Amounts,
    /// Memory, MiB.
    pub memory: Amounts,
    /// Pods on it.
    pub pods: u64,
    /// Pods it may hold.
    pub pods_allocatable: u64,
    /// USD an hour on demand; none where the table lacks its type.
    pub usd_per_hour: Option<Decimal>,
}

/// A NodePool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PoolRow {
    /// Its name.
    pub name: Untrusted,
    /// Whether it is Ready; none where nobody has said.
    pub ready: Option<bool>,
    /// Conditions that do not hold.
    pub conditions: Vec<Untrusted>,
    /// Nodes of it.
    pub nodes: usize,
    /// Limits with what is used of them.
    pub limits: Vec<LimitRow>,
}

/// One limit of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LimitRow {
    /// `cpu`, `memory`, …
    pub resource: Untrusted,
    /// What its nodes add up to.
    pub used: String,
    /// The limit.
    pub limit: String,
    /// Whole percent.
    pub percent: u64,
}

/// A pod on a node: millicores and MiB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PodRow {
    /// `namespace/name`
    pub pod: Untrusted,
    /// Its node.
    pub node: Untrusted,
    /// CPU it asks for.
    pub cpu_requests: u64,
    /// CPU it may take; 0 where nothing bounds it.
    pub cpu_limits: u64,
    /// Memory it asks for.
    pub memory_requests: u64,
    /// Memory it may take; 0 where nothing bounds it.
    pub memory_limits: u64,
    /// What it asks for of its node, whole percent: the greater of CPU and memory.
    pub percent: u64,
}

/// A pod without a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PendingRow {
    /// `namespace/name`
    pub pod: Untrusted,
    /// Seconds since it was made.
    pub age_s: i64,
    /// Why it waits.
    pub reason: Untrusted,
}

/// An interruption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// How long ago, seconds.
    pub ago_s: i64,
    /// `SpotInterrupted`, …
    pub reason: Untrusted,
    /// What it was about.
    pub object: Untrusted,
    /// Its words.
    pub message: Untrusted,
}

/// The interruption queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// Its name; empty where it does not exist or could not be read.
    pub name: Untrusted,
    /// Messages that nobody has taken.
    pub waiting: i64,
    /// Messages that are being handled.
    pub in_flight: i64,
    /// Whether the controller was told of it.
    pub wired: bool,
}

/// What the nodes cost now, by the embedded on-demand prices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CostNow {
    /// USD an hour of all nodes that have a price; spot nodes at the on-demand price, which they never exceed.
    pub usd_per_hour: Decimal,
    /// The same for 730 hours.
    pub usd_per_month: Decimal,
    /// USD an hour of that which is spot, at the on-demand price.
    pub spot_at_on_demand: Decimal,
    /// Nodes without a price.
    pub unpriced: usize,
    /// Day of the prices; empty where the region has no table.
    pub price_date: String,
}
