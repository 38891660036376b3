//! A run as the views want it.

use std::time::Duration;

use super::destroy::Destroyed;
use super::{Applied, Looked};
use crate::config::Spec;
use crate::engine::{self, Order, Step};
use crate::problem::{Exit, Problem};
use crate::resources;
use crate::verify;
use crate::view::diagram::{Subnets, Topology};
use crate::view::report::{
    Action, ApplyReport, Check, Counts, Estimate, Left, Mode, Outcome, PlanReport, Row, Step as Done, Stray,
    VerifyReport,
};
use crate::view::{Untrusted, field_rows_of};

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn word(word: &str) -> Action {
    match word {
        "create" => Action::Create,
        "update" => Action::Update,
        "roll" => Action::Roll,
        "replace" => Action::Replace,
        "delete" => Action::Delete,
        "settle" => Action::Settle,
        "keep" => Action::Keep,
        _ => Action::Unknown,
    }
}

fn row(step: &Step) -> Row {
    let kind = resources::about(&step.kind);
    let order = match step.action {
        engine::Action::Replace(order) => Some(order),
        _ => None,
    };
    let usual = kind.map_or(Duration::ZERO, |kind| engine::wait::usual(&kind.patience, step.action.word()));
    let changes: Vec<engine::Change> = match (&step.action, &step.want) {
        // What a new one will be, field by field; views fold it.
        (engine::Action::Create, Some(want)) => want
            .iter()
            .map(|(field, value)| engine::Change { field: field.clone(), before: None, after: Some(value.clone()) })
            .collect(),
        _ => step.changes.clone(),
    };
    let effect = match (&step.action, order) {
        (engine::Action::Roll, _) => "nodes are replaced one by one",
        (engine::Action::Replace(_), Some(Order::DeleteFirst)) => "deleted first, then made anew",
        (engine::Action::Replace(_), Some(Order::CreateFirst)) => "made anew first, then the old one is deleted",
        (engine::Action::Update, _) if step.kind == "cluster" => "one update at a time",
        _ => "",
    };
    Row {
        address: step.address.clone(),
        kind: step.kind.clone(),
        noun: kind.map_or(step.kind.as_str(), |kind| kind.noun).to_owned(),
        action: word(step.action.word()),
        reason: Untrusted::new(step.reason.clone().unwrap_or_default()),
        effect: effect.to_owned(),
        order,
        fields: changes
            .iter()
            .flat_map(|change| kind.map_or_else(|| crate::view::field_rows(change), |kind| field_rows_of(kind, change)))
            .collect(),
        needs: step.needs.clone(),
        estimate_secs: usual.as_secs(),
        assumed: step.assumed,
    }
}

/// What to say of a run that did not come to its end.
#[must_use]
pub fn unfinished(outcome: &engine::Outcome, environment: &str, verb: &str) -> Vec<Problem> {
    let again = format!("run rem-ci {verb} {environment} again: it goes on from where it is");
    let failed = outcome.reports.iter().filter_map(|report| Some((report, report.error.as_ref()?)));
    failed
        .map(|(report, failure)| {
            Problem::error("incomplete", failure.to_string(), again.clone()).about(&report.address)
        })
        .collect()
}

/// The picture of a Spec, with the subnets as the model lays them out.
#[must_use]
pub fn topology(spec: &Spec) -> Topology {
    let zones = crate::model::network::layout(spec);
    let subnets: Vec<Subnets> =
        zones.into_iter().map(|zone| Subnets { zone: zone.name, public: zone.public, private: zone.private }).collect();
    Topology::of(spec, &subnets)
}

/// A look as a plan report.
#[must_use]
pub fn plan_report(looked: &Looked, mode: Mode) -> PlanReport {
    let strays = looked.plan.sorted.strays.iter().map(|(kind, live)| Stray {
        noun: resources::about(kind).map_or(kind.as_str(), |kind| kind.noun).to_owned(),
        id: Untrusted::new(&live.id),
        why: Untrusted::new("carries this environment's tag but is not fully its own"),
    });
    PlanReport {
        environment: Untrusted::new(&looked.spec.name),
        owner: Untrusted::new(&looked.spec.owner),
        account: Untrusted::new(&looked.spec.account),
        region: Untrusted::new(&looked.spec.region),
        mode,
        plan_digest: looked.digest.clone(),
        input_digest: looked.input_digest.clone(),
        rows: looked.plan.steps.iter().map(row).collect(),
        findings: looked.findings.iter().filter(|finding| finding.code != "stray").cloned().collect(),
        strays: strays.collect(),
        cost: looked.bill.clone(),
        reads: looked.reads,
        estimate: Estimate { seconds: looked.estimate.0.as_secs(), critical_path: looked.estimate.1.clone() },
    }
}

/// An apply as a report.
#[must_use]
pub fn apply_report(verb: &'static str, applied: &Applied, problems: Vec<Problem>) -> ApplyReport {
    let outcome = &applied.outcome;
    let mut steps: Vec<Done> = outcome
        .reports
        .iter()
        .map(|report| Done {
            address: report.address.clone(),
            action: word(report.action),
            start_ms: millis(report.start),
            end_ms: millis(report.end),
            calls: report.calls,
            slack_ms: millis(report.slack),
            error: report.error.as_ref().map(|failure| Untrusted::new(failure.to_string())),
            critical: outcome.critical_path.iter().any(|(address, _)| *address == report.address),
        })
        .collect();
    steps.sort_by_key(|step| step.start_ms);
    let done = |action: Action| steps.iter().filter(|step| step.action == action && step.error.is_none()).count();
    let summary = Counts {
        create: done(Action::Create),
        update: done(Action::Update),
        roll: done(Action::Roll),
        delete: done(Action::Delete),
        settle: done(Action::Settle),
        keep: applied.looked.plan.steps.iter().filter(|step| step.action == engine::Action::Keep).count(),
        ..Counts::default()
    };
    let ended = match applied.exit() {
        Exit::Done => Outcome::Done,
        Exit::Interrupted => Outcome::Interrupted,
        _ => Outcome::Incomplete,
    };
    ApplyReport {
        verb,
        environment: Untrusted::new(&applied.looked.spec.name),
        outcome: ended,
        summary,
        elapsed_ms: millis(outcome.took),
        critical_path_ms: millis(outcome.critical()),
        steps,
        not_begun: outcome.skipped.clone(),
        leftovers: Vec::new(),
        kept: Vec::new(),
        notes: Vec::new(),
        problems: problems.into_iter().chain(applied.notes.iter().cloned()).collect(),
    }
}

impl Destroyed {
    /// A destroy as a report.
    #[must_use]
    pub fn report(&self, problems: Vec<Problem>) -> ApplyReport {
        let left = |items: &[super::audit::Leftover]| {
            items
                .iter()
                .map(|item| Left {
                    noun: item.noun.clone(),
                    id: Untrusted::new(&item.id),
                    why: Untrusted::new(&item.why),
                })
                .collect()
        };
        let report = apply_report("destroy", &self.applied, problems);
        let outcome = match report.outcome {
            Outcome::Done if self.exit() != Exit::Done => Outcome::Incomplete,
            outcome => outcome,
        };
        ApplyReport {
            outcome,
            leftovers: left(&self.leftovers),
            kept: left(&self.kept),
            notes: self.notes.iter().map(Untrusted::new).collect(),
            ..report
        }
    }
}

/// A verification as a report.
#[must_use]
pub fn verify_report(environment: &str, checks: &[verify::Check]) -> VerifyReport {
    let checks = checks.iter().map(|check| Check {
        code: check.code,
        title: check.title.clone(),
        passed: check.passed,
        evidence: Untrusted::new(check.evidence.join("; ")),
        help: check.help.to_owned(),
    });
    VerifyReport { environment: Untrusted::new(environment), checks: checks.collect() }
}
