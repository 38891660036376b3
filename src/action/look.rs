//! One environment looked at, for any event.

use super::desk::Desk;
use super::role::Role;
use super::settle::Settled;
use crate::config::Loaded;
use crate::guard::Verb;
use crate::problem::Problem;
use crate::run::{self, Halt, Look, Looked, Record, World, plan_report};
use crate::view::comment::Environment;
use crate::view::report::{Mode, PlanReport};

/// What a look gave.
pub(super) struct Seen {
    pub(super) looked: Looked,
    pub(super) report: PlanReport,
    pub(super) record: Option<Record>,
}

impl Seen {
    /// For the comment.
    pub(super) fn environment(&self, stage: crate::view::comment::Stage) -> Environment {
        let changes = self.report.counts().changes() > 0;
        let topology = changes.then(|| run::topology(&self.looked.spec));
        Environment::new(self.looked.spec.name.clone(), stage).with(self.report.clone(), topology)
    }

    /// What stops it.
    pub(super) fn stops(&self) -> Vec<Problem> {
        self.looked.findings.iter().filter(|finding| finding.stops()).cloned().collect()
    }
}

/// Plans under the base's guards; what the pull request changes of them comes first. `base` also is what costs are compared
/// with, where `against` names it.
///
/// # Errors
/// As [`run::look`].
pub(super) async fn look(
    desk: &Desk<'_>,
    settled: &Settled,
    base: Option<&Loaded>,
    against: Option<&str>,
    world: Option<&World>,
) -> Result<Seen, Halt> {
    let record = match world {
        Some(world) => run::recorded(world, &settled.loaded.spec).await?,
        None => None,
    };
    let ask = Look {
        verb: Verb::Apply,
        after_incomplete: record.as_ref().is_some_and(Record::incomplete),
        acknowledged: &[],
        today: desk.today(),
    };
    let mut looked = Box::pin(run::look(&settled.loaded, world, ask)).await?;
    if let Some(name) = against {
        Box::pin(run::against(&mut looked, &settled.loaded, base, name, desk.today())).await?;
    }
    looked.input_digest.clone_from(&settled.input_digest);
    looked.findings.splice(0..0, settled.cautions.iter().cloned());
    let mode = world.map_or(Mode::Offline, |world| world.mode);
    let report = plan_report(&looked, mode);
    Ok(Seen { looked, report, record })
}

/// The world of a plan: none where the pull request gets no cloud.
pub(super) async fn world(
    desk: &Desk<'_>,
    settled: &Settled,
    offline: bool,
    pull: Option<u64>,
) -> Result<Option<World>, Halt> {
    // A file that says another account than the base is not planned with either's role.
    if offline || settled.cautions.iter().any(Problem::stops) {
        return Ok(None);
    }
    desk.open(&settled.loaded.spec, Role::Plan, pull).await.map(Some)
}
