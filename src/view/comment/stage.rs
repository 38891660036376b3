//! What there is to say of one environment, and who says it.

use super::marker::{Run, Word};
use crate::engine::Address;
use crate::problem::Problem;
use crate::view::Untrusted;
use crate::view::diagram::Topology;
use crate::view::report::{ApplyReport, Outcome, PlanReport, VerifyReport};

/// The run that speaks, and what it speaks about.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The pull request's head commit.
    pub head: String,
    /// The branch it goes to.
    pub base: String,
    /// That branch's commit which the head was merged with.
    pub base_sha: String,
    /// The run.
    pub run: Run,
    /// When this attempt of it began, in seconds since 1970.
    pub began: i64,
    /// Now, in seconds since 1970.
    pub at: i64,
    /// Whether anybody can read this: account ids and ARNs are shortened then.
    pub public: bool,
}

/// One environment as a run knows it.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub stage: Stage,
    /// The plan that this is about, where there is one.
    pub plan: Option<PlanReport>,
    /// Its picture.
    pub topology: Option<Topology>,
    /// What must hold before it can be applied.
    pub gates: Vec<Gate>,
    /// Until when the plan can be applied, in seconds since 1970; none where only a change ends it.
    pub valid_until: Option<i64>,
}

impl Environment {
    /// An environment of which nothing is known but where it stands.
    #[must_use]
    pub fn new(name: impl Into<String>, stage: Stage) -> Self {
        Self { name: name.into(), stage, plan: None, topology: None, gates: Vec::new(), valid_until: None }
    }

    /// With its plan.
    #[must_use]
    pub fn with(mut self, plan: PlanReport, topology: Option<Topology>) -> Self {
        self.plan = Some(plan);
        self.topology = topology;
        self
    }
}

/// Something that must hold before an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Whether it does; none while that is not known here.
    pub met: Option<bool>,
    /// What must hold.
    pub text: Untrusted,
}

/// Why no plan was made with AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// The pull request is from a fork: GitHub gives it no identity.
    Fork,
    /// Its author is a bot.
    Bot,
    /// The environment names no plan role yet.
    NoRole,
}

/// How far an apply is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub steps: usize,
    /// Seconds so far.
    pub elapsed: u64,
    /// Seconds that are usually left.
    pub left: u64,
    /// What is being waited for.
    pub now: Vec<Address>,
}

/// How an apply ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What was done.
    pub report: ApplyReport,
    /// The verification, if it came to one.
    pub verify: Option<VerifyReport>,
}

/// One difference between what was approved and what would be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// Which resource.
    pub address: Address,
    /// The field, if it is about one.
    pub field: Option<String>,
    /// What was approved: an action, or a value.
    pub approved: Untrusted,
    /// What it would be now.
    pub now: Untrusted,
}

/// Where an environment stands.
#[derive(Clone, Debug)]
pub enum Stage {
    /// A plan is being made.
    Planning,
    /// A plan was made: [`Environment::plan`].
    Planned,
    /// It waits at a gate: what for.
    Waiting(Untrusted),
    /// It is being applied.
    Applying(Progress),
    /// The apply has ended, well or not; and so has the verification.
    Ended(Box<Ended>),
    /// Nothing was begun.
    Refused {
        /// `plan` or `apply`.
        verb: &'static str,
        /// Why.
        problems: Vec<Problem>,
        /// What differs from the approved plan.
        beyond: Vec<Beyond>,
    },
    /// Something else was applied since the plan was made: what.
    Stale(Untrusted),
    /// It was planned without AWS.
    Offline(Offline),
}

impl Stage {
    /// In one word.
    #[must_use]
    pub fn word(&self) -> Word {
        match self {
            Self::Planning => Word::Planning,
            Self::Planned => Word::Planned,
            Self::Waiting(_) => Word::Waiting,
            Self::Applying(_) => Word::Applying,
            Self::Ended(ended) => match ended.report.outcome {
                Outcome::Done if ended.verify.as_ref().is_some_and(|verify| !verify.passed()) => Word::Failed,
                Outcome::Done => Word::Done,
                Outcome::Incomplete => Word::Failed,
                Outcome::Interrupted => Word::Interrupted,
                Outcome::Refused => Word::Refused,
            },
            Self::Refused { .. } => Word::Refused,
            Self::Stale(_) => Word::Stale,
            Self::Offline(_) => Word::Offline,
        }
    }
}
