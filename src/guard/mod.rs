//! Rules over a plan. One file per rule, with its documentation in it; [`GUARDS`] is the list.
//!
//! A guard looks and speaks, it never changes the plan. An error it raises stops an apply until a person acknowledges exactly
//! that (`acknowledge: [CODE:DIGEST]` in the file, or `--acknowledge` on a laptop), if it can be acknowledged at all.

pub mod budget;
mod clash;
mod data;
mod fixed;
mod moved;
mod newer;
mod offered;
mod protect;
mod replace;
mod storage;
mod subnets;
mod unknown;
mod version;
mod widens;

use jiff::civil::Date;

use crate::config::Spec;
use crate::cost::Bill;
use crate::engine::{Plan, Step, acknowledgement};
use crate::problem::{Place, Problem};

/// What a run is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Bring the environment to its file.
    Apply,
    /// End it. Its name was typed, which acknowledges what the verb is for.
    Destroy,
}

/// What a guard is given.
pub struct Case<'a> {
    /// The environment.
    pub spec: &'a Spec,
    /// What was applied last under this name, where that was written down; it may be of another stack.
    pub last: Option<&'a Spec>,
    /// What would be done.
    pub plan: &'a Plan,
    /// What it costs.
    pub bill: &'a Bill,
    /// Why.
    pub verb: Verb,
    /// UTC.
    pub today: Date,
    /// Whether AWS was asked; guards about what AWS offers are silent otherwise.
    pub live: bool,
    /// Whether it is only the simulated region.
    pub sandbox: bool,
    /// Where a value of the file stands.
    pub place: &'a dyn Fn(&str) -> Option<Place>,
}

/// One rule.
#[derive(Clone, Copy)]
pub struct Guard {
    /// The codes it raises, each with what `rem-ci explain` says.
    pub codes: &'static [(&'static str, &'static str)],
    /// Looks at a case.
    pub check: fn(&Case<'_>) -> Vec<Problem>,
}

/// All rules, in the order in which they speak.
pub const GUARDS: &[Guard] = &[
    unknown::GUARD,
    moved::GUARD,
    clash::GUARD,
    fixed::GUARD,
    offered::GUARD,
    protect::GUARD,
    version::GUARD,
    replace::GUARD,
    subnets::GUARD,
    data::GUARD,
    storage::GUARD,
    widens::GUARD,
    newer::GUARD,
    budget::GUARD,
];

/// Everything the guards have to say, with what is acknowledged or waived set aside.
#[must_use]
pub fn check(case: &Case<'_>, acknowledged: &[String]) -> Vec<Problem> {
    let mut findings: Vec<Problem> = GUARDS.iter().flat_map(|guard| (guard.check)(case)).collect();
    set_aside(&mut findings, case.spec, case.today, acknowledged);
    findings
}

/// Marks what is acknowledged or waived.
pub fn set_aside(findings: &mut [Problem], spec: &Spec, today: Date, acknowledged: &[String]) {
    for finding in findings {
        let said = finding.digest.as_ref().map(|digest| format!("{}:{digest}", finding.code));
        let acknowledged = said.is_some_and(|said| acknowledged.contains(&said));
        let waiver = spec.policy.waivers.iter().find(|waiver| waiver.code == finding.code);
        // Waivers are for findings about a state; what destroys something wants an acknowledgement of exactly that.
        let waived = finding.digest.is_none()
            && waiver.is_some_and(|waiver| waiver.until.parse::<Date>().is_ok_and(|until| until >= today));
        finding.waived = acknowledged || waived;
    }
}

/// An error about a step that a person may acknowledge.
fn acknowledgeable(code: &'static str, step: &Step, title: String, help: &str) -> Problem {
    let digest = acknowledgement(code, step);
    let help = format!(
        "{help}; if it is meant, add `{code}:{digest}` to acknowledge: in the environment file, or pass --acknowledge {code}:{digest}"
    );
    Problem { digest: Some(digest), ..Problem::error(code, title, help).about(&step.address) }
}

#[cfg(test)]
mod tests;
