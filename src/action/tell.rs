//! Where an apply tells how it goes: its pull requests, the others on the environment, the job's summary, the log.

use super::desk::{Desk, halted};
use super::look::Seen;
use super::standing::short;
use super::status;
use crate::engine::{Canonical, Event};
use crate::github::{Pull, State};
use crate::problem::Problem;
use crate::run::Halt;
use crate::view::comment::{self, Comment, Ended, Environment, Origin, Stage};
use crate::view::markdown::{self, SUMMARY_LIMIT};
use crate::view::report::{ApplyReport, VerifyReport};
use crate::view::{Untrusted, redact};

/// A line of the log for something that happened.
pub(super) fn line(event: &Event) -> String {
    use crate::engine::Happening as What;
    let at = event.at.as_secs();
    let (minutes, seconds) = (at / 60, at % 60);
    let what = match &event.what {
        What::Started { action, .. } => (*action).to_owned(),
        What::Waiting { .. } => return String::new(),
        What::Retrying { .. } => "tries again".to_owned(),
        What::Done { .. } => "done".to_owned(),
        What::Failed { .. } => "failed".to_owned(),
    };
    format!("  {minutes:>3}:{seconds:02}  {} {what}\n", event.address)
}

/// For the status.
pub(super) fn told(report: &ApplyReport, checks: Option<&VerifyReport>) -> String {
    use crate::view::report::Outcome;
    let took = report.elapsed_ms / 1000;
    let ending = match report.outcome {
        Outcome::Done => format!("applied in {}:{:02}", took / 60, took % 60),
        Outcome::Incomplete => "incomplete: run the job again, it goes on".to_owned(),
        Outcome::Refused => "refused".to_owned(),
        Outcome::Interrupted => "interrupted: run the job again, it goes on".to_owned(),
    };
    match checks {
        Some(checks) if checks.passed() => format!("{ending}, verified ({} checks)", checks.checks.len()),
        Some(_) => format!("{ending}, not verified"),
        None => ending,
    }
}

/// Plans of other open pull requests on the environment were made before this apply: they are to be made again.
pub(super) async fn stale(desk: &Desk<'_>, name: &str, merged: &[Pull]) -> Result<(), Halt> {
    let context = status::plan_context(name);
    let open = desk.hub().open_pulls(&desk.happened.default_branch).await.map_err(halted)?;
    for pull in open.iter().filter(|pull| merged.iter().all(|merged| merged.number != pull.number)) {
        let there = desk.hub().status(&pull.head.sha, &context).await.map_err(halted)?;
        if there.is_some_and(|status| status.state == State::Success && status.description != status::OFFLINE) {
            let text = format!("stale: {name} was applied since, re-run the plan");
            desk.status(&pull.head.sha, context.clone(), State::Failure, &text).await?;
            let origin = desk.origin(&pull.head.sha, &pull.base.branch, &pull.base.sha);
            let branch = &desk.happened.default_branch;
            let what = format!("{branch} at {} was applied since; re-run this plan", short(desk.sha()));
            let stage = Stage::Stale(Untrusted::new(what));
            desk.tell(pull.number, &origin, vec![Environment::new(name, stage)], None).await?;
        }
    }
    Ok(())
}

/// Tells the pull requests that are applied, and the summary.
pub(super) struct Teller<'a, 'd> {
    pub(super) desk: &'a Desk<'d>,
    pub(super) name: &'a str,
    pub(super) before: String,
    pub(super) pulls: Vec<Pull>,
    pub(super) seen: Option<Seen>,
    /// What may be done.
    pub(super) approved: Option<Canonical>,
}

impl Teller<'_, '_> {
    fn origin(&self, pull: &Pull) -> Origin {
        self.desk.origin(&pull.head.sha, &pull.base.branch, &self.before)
    }

    pub(super) async fn stage(&self, stage: Stage) -> Result<(), Halt> {
        for pull in &self.pulls {
            let environment = match &self.seen {
                Some(seen) => seen.environment(stage.clone()),
                None => Environment::new(self.name, stage.clone()),
            };
            self.desk.tell(pull.number, &self.origin(pull), vec![environment], None).await?;
        }
        Ok(())
    }

    pub(super) async fn ended(&self, report: &ApplyReport, checks: Option<&VerifyReport>) -> Result<(), Halt> {
        let (public, checked) = if self.desk.happened.public {
            (redact::apply(report), checks.map(redact::verify))
        } else {
            (report.clone(), checks.cloned())
        };
        self.desk.paper.summary(&markdown::applied(&public, checked.as_ref(), SUMMARY_LIMIT));
        self.stage(Stage::Ended(Box::new(Ended { report: report.clone(), verify: checks.cloned() }))).await
    }

    pub(super) async fn refused(&self, problems: &[Problem]) -> Result<(), Halt> {
        let beyond = match (&self.seen, &self.approved) {
            (Some(seen), Some(approved)) => comment::beyond(&seen.looked.plan.canonical(), approved),
            _ => Vec::new(),
        };
        let stage = Stage::Refused { verb: "apply", problems: problems.to_vec(), beyond };
        if let (Stage::Refused { beyond, .. }, Some(seen)) = (&stage, &self.seen)
            && !beyond.is_empty()
        {
            // The plan against the approved one, for whoever has no pull request to look at.
            let mut said = Comment::default();
            said.put(
                &self.desk.origin(self.desk.sha(), &self.desk.happened.default_branch, &self.before),
                &seen.environment(stage.clone()),
            );
            self.desk.paper.summary(&said.summary(SUMMARY_LIMIT));
        }
        self.stage(stage).await
    }
}
