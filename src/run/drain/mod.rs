//! Before a cluster ends: what lives in it ends in order, so that nothing is left running, billed or in the way outside.
//!
//! 1. Volumes with data in them are told to outlive their claims, unless somebody acknowledged their end.
//! 2. What has a load balancer is deleted while the nodes still stand; load balancers, their interfaces and security groups
//!    are waited for.
//! 3. NodePools are deleted all at once, which also freezes what would make new nodes; NodeClaims follow, and Karpenter drains.
//!    Budgets are respected: what they hold back is named and the run stops, unless `--force-drain-after` says when not to.
//! 4. EC2NodeClasses, which free their instance profiles.
//! 5. What is left on AWS's side and has nobody who would end it.
//!
//! The plan's own rows come after that. A drain decides at every look from what is there, so a run may be cut at any point and
//! begun again. The order and its evidence: eksctl `pkg/elb/cleanup.go`; karpenter issues 6870, 1134, 5582.
//!
//! | file | what it does |
//! |---|---|
//! | `survey.rs` | what is inside, before anything is done: findings for the plan |
//! | `decide.rs`, `objects.rs` | from lists of objects to decisions, pure |
//! | `work.rs` | one stage: look, act, wait, look again |
//! | `balancers.rs`, `nodes.rs`, `classes.rs`, `sweep.rs` | the stages |

mod balancers;
mod classes;
mod decide;
mod nodes;
mod objects;
mod survey;
mod sweep;
#[cfg(test)]
mod tests;
mod work;

use std::cell::RefCell;
use std::time::Duration;

use self::decide::Volume;
use self::work::{Stay, Work};
use super::{Leftover, World};
use crate::cloud::{Cloud, Lock};
use crate::engine::{Event, Report, Stop};
use crate::problem::Problem;
use crate::resources::aws::leftovers::{self, Whose};
use crate::resources::k8s::hold::{Hold, Thing};

pub use survey::Survey;
pub(super) use survey::survey;

/// The codes of a drain, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "drain-blocked",
        "A pod may not be moved from a node that has to go: a PodDisruptionBudget allows no disruption, or Karpenter's \
         do-not-disrupt annotation forbids it. Everything else goes on being drained. Scale down what makes the pod, ease the \
         budget, or pass --force-drain-after DURATION: after that time such pods are deleted, with the time that they asked for, \
         and without any only if that was not enough.",
    ),
    (
        "persistent-volumes",
        "Volumes hold what workloads have written. A destroy keeps them, tells the cluster to keep them too (reclaim policy \
         Retain), and lists them at its end: they cost money until somebody deletes them. The acknowledgement with its digest, which \
         is of exactly these volumes, makes the destroy delete them. Snapshots are always kept.",
    ),
    (
        "inside-cluster",
        "What a destroy will end inside the cluster before the cluster itself: nodes, load balancers, and which disruption budgets \
         will hold pods back, as things stand now.",
    ),
    (
        "drain-unreachable",
        "The cluster is there, but its API server cannot be reached or lets this role not in, so that nothing inside can be ended in \
         order. Run where the endpoint is reachable (`connect` in the file says how), or acknowledge: then instances, load balancers \
         and interfaces that carry the cluster's tag are ended from AWS's side alone, without draining and without regard to \
         disruption budgets.",
    ),
];

/// IAM actions of a drain, beside those of the kinds and the audit.
pub const DRAIN_ACTIONS: &[&str] = leftovers::END_ACTIONS;

/// What a person has decided about a drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `--force-drain-after`: since the drain of the nodes began.
    pub force_after: Option<Duration>,
}

/// What the stages stand on.
struct Ground<'a> {
    cloud: &'a Cloud,
    hold: Option<&'a Hold>,
    whose: Whose,
    force_after: Option<Duration>,
    /// Somebody acknowledged the end of exactly these volumes.
    delete_volumes: bool,
}

/// How a drain went.
#[derive(Debug, Default)]
pub(super) struct Drained {
    /// One for every stage that had something to do.
    pub(super) reports: Vec<Report>,
    /// What it did, for people.
    pub(super) notes: Vec<String>,
    /// What a person has to decide.
    pub(super) problems: Vec<Problem>,
    /// It came to its end: the rest may follow.
    pub(super) complete: bool,
    /// Told to stop.
    pub(super) interrupted: bool,
    /// Volumes that the cluster has and a destroy keeps.
    pub(super) kept: Vec<Leftover>,
}

/// A drain that can go on where it was: before the rest of a destroy and after it.
pub(super) struct Drain<'a> {
    work: Work<'a>,
    ground: Ground<'a>,
    survey: &'a Survey,
}

impl<'a> Drain<'a> {
    pub(super) fn new(
        world: &'a World,
        survey: &'a Survey,
        wishes: Wishes,
        lock: &'a Lock,
        sink: &'a dyn Fn(&Event),
        stop: &'a Stop,
    ) -> Self {
        let clock = world.clock;
        let (reports, notes) = (RefCell::default(), RefCell::default());
        Self {
            work: Work { clock, lock, sink, stop, began: clock.boot(), reports, notes },
            ground: Ground {
                cloud: &world.cloud,
                hold: survey.hold.as_ref(),
                whose: survey.whose.clone(),
                force_after: wishes.force_after,
                delete_volumes: survey.delete_volumes,
            },
            survey,
        }
    }

    /// Since it was made.
    pub(super) fn elapsed(&self) -> Duration {
        self.work.elapsed()
    }

    /// Everything that has to be before the plan's rows.
    pub(super) async fn run(&self) -> Drained {
        if !self.survey.ours {
            return Drained { complete: true, ..Drained::default() };
        }
        let ended = Box::pin(self.stages()).await;
        self.told(ended)
    }

    /// Once more over AWS's side, when the plan's rows are gone: interfaces that were let go of meanwhile.
    pub(super) async fn last(&self) -> Drained {
        if !self.survey.ours {
            return Drained { complete: true, ..Drained::default() };
        }
        let ended = Box::pin(sweep::rest(&self.work, &self.ground)).await;
        self.told(ended)
    }

    async fn stages(&self) -> Result<(), Stay> {
        let (work, ground, inside) = (&self.work, &self.ground, &self.survey.inside);
        if let Some(hold) = ground.hold {
            Box::pin(self.retain(hold)).await?;
        }
        Box::pin(balancers::end(work, ground, inside)).await?;
        if let Some(hold) = ground.hold {
            Box::pin(nodes::end(work, ground, hold, inside)).await?;
            Box::pin(classes::end(work, hold, inside)).await?;
        }
        Box::pin(sweep::rest(work, ground)).await
    }

    /// Kubernetes must not delete what a person has not given up, whatever becomes of a claim.
    async fn retain(&self, hold: &Hold) -> Result<(), Stay> {
        use crate::engine::Gate as _;
        if self.ground.delete_volumes {
            return Ok(());
        }
        let mut told = 0;
        for object in &self.survey.inside.volumes {
            let reclaimed = self.survey.volumes.iter().any(|one| one.reclaimed && one.object == objects::name(object));
            if reclaimed {
                self.work.lock.check()?;
                hold.retain(object).await?;
                told += 1;
            }
        }
        if told > 0 {
            let noun = Thing::Volume.noun();
            self.work.note(format!("{} set to be retained", work::count(told, noun)));
        }
        Ok(())
    }

    fn told(&self, ended: Result<(), Stay>) -> Drained {
        let mut drained = Drained {
            reports: self.work.reports.take(),
            notes: self.work.notes.take(),
            kept: self.survey.kept(),
            complete: ended.is_ok(),
            ..Drained::default()
        };
        match ended {
            Ok(()) => {}
            Err(Stay::Stopped) => drained.interrupted = true,
            Err(Stay::Asks(problems)) => drained.problems = problems,
            // A call outside of a stage: nothing else tells of it.
            Err(Stay::Failed(failure)) => {
                if drained.reports.iter().all(|report| report.error.is_none()) {
                    drained.problems.push(survey::failed(&failure));
                }
            }
        }
        drained
    }
}

impl Volume {
    /// As the end of a destroy lists it.
    fn leftover(&self) -> Leftover {
        let claim = if self.claim.is_empty() { String::new() } else { format!(" of the claim {}", self.claim) };
        Leftover { noun: "volume".to_owned(), id: self.id.clone(), why: format!("{} of data{claim}", self.size) }
    }
}
