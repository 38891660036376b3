//! What the views are given: plain models, complete, so that a view decides nothing but looks.

mod health;

use std::collections::BTreeMap;

use serde::Serialize;

use super::text::Untrusted;
use crate::cost::Bill;
use crate::engine::{Address, Order, Value};
use crate::problem::Problem;

pub use health::{
    AddonRow, Amounts, CauseRow, ControlPlaneRow, CostNow, DiagnoseReport, ErrorRow, EventRow, KarpenterRow,
    LandingRow, LimitRow, NodeRow, PendingRow, PodRow, PoolRow, QueueRow, StatusReport, Verdict,
};

/// Where the live side of a report is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// AWS.
    Live,
    /// The simulated region.
    Sandbox,
    /// Nowhere: everything is taken as absent.
    Offline,
}

impl Mode {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
            Self::Offline => "offline",
        }
    }
}

/// What is done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Changed, and its nodes are replaced gradually.
    Roll,
    /// Made anew, the old one deleted.
    Replace,
    /// Deleted.
    Delete,
    /// Waited for.
    Settle,
    /// Left alone.
    Keep,
    /// Could not be read.
    Unknown,
}

impl Action {
    /// As in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Roll => "roll",
            Self::Replace => "replace",
            Self::Delete => "delete",
            Self::Settle => "settle",
            Self::Keep => "keep",
            Self::Unknown => "unknown",
        }
    }
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// See [`Action::Create`].
    pub create: usize,
    /// See [`Action::Update`].
    pub update: usize,
    /// See [`Action::Roll`].
    pub roll: usize,
    /// See [`Action::Replace`].
    pub replace: usize,
    /// See [`Action::Delete`].
    pub delete: usize,
    /// See [`Action::Settle`].
    pub settle: usize,
    /// See [`Action::Keep`].
    pub keep: usize,
    /// See [`Action::Unknown`].
    pub unknown: usize,
}

impl Counts {
    /// Counts rows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let mut counts = Self::default();
        for row in rows {
            *match row.action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Roll => &mut counts.roll,
                Action::Replace => &mut counts.replace,
                Action::Delete => &mut counts.delete,
                Action::Settle => &mut counts.settle,
                Action::Keep => &mut counts.keep,
                Action::Unknown => &mut counts.unknown,
            } += 1;
        }
        counts
    }

    /// Updates and rolls.
    #[must_use]
    pub const fn changed(&self) -> usize {
        self.update + self.roll
    }

    /// Deletes, and replaces, which delete too.
    #[must_use]
    pub const fn destroyed(&self) -> usize {
        self.delete + self.replace
    }

    /// Everything that would be done.
    #[must_use]
    pub const fn changes(&self) -> usize {
        self.create + self.update + self.roll + self.replace + self.delete + self.settle
    }
}

/// One leaf of a changed field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRow {
    /// `limits.cpu`, `routes.0.0.0.0/0`. Keys are untrusted.
    pub path: String,
    /// Live leaf. An element of a set that goes has only this.
    pub before: Option<Value>,
    /// Desired leaf. An element that comes to a set has only this.
    pub after: Option<Value>,
    /// Whether this is why the resource is replaced.
    pub forces_replace: bool,
    /// Never shown: the views print `(sensitive)`.
    pub sensitive: bool,
}

/// One resource in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it stands; its first part is the section it is shown under.
    pub address: Address,
    /// The kind's name: `nat-gateway`.
    pub kind: String,
    /// For people: `NAT gateway`.
    pub noun: String,
    /// What is done.
    pub action: Action,
    /// Why: `cidr cannot change`, `no longer in the configuration`. May be empty.
    pub reason: Untrusted,
    /// What it does to what runs, beyond the action: `one update at a time`. May be empty.
    pub effect: String,
    /// Of a replacement.
    pub order: Option<Order>,
    /// What changes, leaf by leaf; for a create, what it will be.
    pub fields: Vec<FieldRow>,
    /// What it waits for.
    pub needs: Vec<Address>,
    /// Usual seconds.
    pub estimate_secs: u64,
    /// Planned from the last apply's record, as the cluster could not be reached.
    pub assumed: bool,
}

/// Something that carries our tags and is not ours: shown, never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// For people: `NAT gateway`.
    pub noun: String,
    /// Its id.
    pub id: Untrusted,
    /// What is short: `stack tag of another owner`.
    pub why: Untrusted,
}

/// What reading cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reads {
    /// AWS HTTP requests.
    pub calls: u64,
    /// Dependent rounds.
    pub rounds: u64,
    /// Milliseconds.
    pub elapsed_ms: u64,
    /// Requests to the cluster's own API, which are not among `calls`.
    pub kubernetes_calls: u64,
}

/// How long an apply would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Seconds over the critical path.
    pub seconds: u64,
    /// Addresses on it, first to last.
    pub critical_path: Vec<Address>,
}

/// A plan of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanReport {
    /// Its name.
    pub environment: Untrusted,
    /// Its owner.
    pub owner: Untrusted,
    /// 12 digits.
    pub account: Untrusted,
    /// AWS region.
    pub region: Untrusted,
    /// Where live is from.
    pub mode: Mode,
    /// `sha256:…`.
    pub plan_digest: String,
    /// `sha256:…`.
    pub input_digest: String,
    /// All resources, kept ones too, in the plan's order.
    pub rows: Vec<Row>,
    /// Findings of guards and checks.
    pub findings: Vec<Problem>,
    /// See [`Stray`].
    pub strays: Vec<Stray>,
    /// What it costs.
    pub cost: Bill,
    /// What reading cost.
    pub reads: Reads,
    /// How long it would take.
    pub estimate: Estimate,
}

impl PlanReport {
    /// How many of each action.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::of(&self.rows)
    }
}

/// How an apply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of it.
    Done,
    /// Something failed or is left; run again.
    Incomplete,
    /// Not begun.
    Refused,
    /// Stopped by a signal.
    Interrupted,
}

/// One step of an apply.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Which resource.
    pub address: Address,
    /// What was done.
    pub action: Action,
    /// Milliseconds from the start of the run.
    pub start_ms: u64,
    /// Milliseconds from the start of the run.
    pub end_ms: u64,
    /// API calls.
    pub calls: u64,
    /// How much longer it could have taken without making the run longer, in milliseconds.
    pub slack_ms: u64,
    /// Why it failed.
    pub error: Option<Untrusted>,
    /// Whether it is on the critical path.
    pub critical: bool,
}

/// A thing that stays behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// For people: `KMS key`.
    pub noun: String,
    /// Its id.
    pub id: Untrusted,
    /// Why it stays: `onDestroy: keep`, `pending deletion until 2026-12-24`.
    pub why: Untrusted,
}

/// What an apply or a destroy did.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplyReport {
    /// `apply` or `destroy`.
    pub verb: &'static str,
    /// The environment's name.
    pub environment: Untrusted,
    /// How it ended.
    pub outcome: Outcome,
    /// What was done, by action.
    pub summary: Counts,
    /// Milliseconds on the wall.
    pub elapsed_ms: u64,
    /// Milliseconds of the longest chain of waits.
    pub critical_path_ms: u64,
    /// Steps in order of their start.
    pub steps: Vec<Step>,
    /// Steps of the plan that were not begun.
    pub not_begun: Vec<Address>,
    /// Found by the leftover audit and not wanted.
    pub leftovers: Vec<Left>,
    /// Kept on purpose.
    pub kept: Vec<Left>,
    /// What was done beside the plan: inside the cluster, before it ended.
    pub notes: Vec<Untrusted>,
    /// Why it was refused or what to do next; empty when done.
    pub problems: Vec<Problem>,
}

/// One check of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// A kebab word.
    pub code: &'static str,
    /// What is checked.
    pub title: String,
    /// Whether it holds.
    pub passed: bool,
    /// What was seen.
    pub evidence: Untrusted,
    /// What to do when it does not hold.
    pub help: String,
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// The environment's name.
    pub environment: Untrusted,
    /// All checks, in order.
    pub checks: Vec<Check>,
}

impl VerifyReport {
    /// Whether every check holds, and there is one.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.passed)
    }
}

/// What moved without us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftReport {
    /// What live is compared with: `the apply of 2026-11-24 22:10 UTC (abc1234)`, or `the working tree: no apply is recorded`.
    pub baseline: Untrusted,
    /// The plan back to it.
    pub plan: PlanReport,
}

/// One output of an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputValue {
    /// One value.
    Text(Untrusted),
    /// Several.
    List(Vec<Untrusted>),
}

/// The outputs of an environment: names and ids that others build upon. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputReport {
    /// The environment's name.
    pub environment: Untrusted,
    /// By name.
    pub outputs: BTreeMap<String, OutputValue>,
}
