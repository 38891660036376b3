//! The parts of one environment: what needs eyes first, the detail in the order in which it is asked for, where it is from.

use std::fmt::Write as _;

use super::marker::{Entry, Figures, Word, short_sha};
use super::stage::{Beyond, Environment, Offline, Origin, Progress, Stage};
use super::{Kept, words};
use crate::view::markdown::document::{Part, Rank};
use crate::view::markdown::{ended, plan};
use crate::view::number;
use crate::view::redact;
use crate::view::report::{Mode, PlanReport};
use crate::view::text::{code, prose, visible};

/// An environment's part of the comment, with what was there before.
pub(super) fn kept(origin: &Origin, environment: &Environment, before: Option<Kept>) -> Kept {
    let hidden;
    let environment = if origin.public {
        hidden = redact::environment(environment);
        &hidden
    } else {
        environment
    };
    let was = before.as_ref().map(|kept| kept.entry.clone());
    let entry = entry(origin, environment, was);
    let mut detail = detail(environment);
    if let (Stage::Stale(_), None, Some(before)) = (&environment.stage, &environment.plan, before) {
        // What was planned is still worth reading, below the word that it is stale.
        let [_, old, _] = before.parts;
        detail.extend(old);
    }
    let foot = Part::whole(Rank::Footer, "where it is from", foot(origin, environment, &entry));
    Kept { entry, parts: [danger(environment), detail, vec![foot]] }
}

fn entry(origin: &Origin, environment: &Environment, before: Option<Entry>) -> Entry {
    let plan = environment.plan.as_ref();
    let same = before.filter(|entry| plan.is_none() && entry.head == origin.head);
    let mut figures = plan.map(figures).or(same.as_ref().map(|entry| entry.figures)).unwrap_or_default();
    match &environment.stage {
        Stage::Applying(progress) => {
            (figures.done, figures.steps, figures.took) = (progress.done, progress.steps, progress.elapsed);
        }
        Stage::Ended(ended) => {
            figures.took = ended.report.elapsed_ms / 1000;
            figures.steps = ended.report.steps.len() + ended.report.not_begun.len();
            figures.done = ended.report.steps.iter().filter(|step| step.error.is_none()).count();
            if let Some(verify) = &ended.verify {
                figures.checks = verify.checks.len();
                figures.good = verify.checks.iter().filter(|check| check.passed).count();
            }
        }
        _ => {}
    }
    let old = |of: fn(&Entry) -> Option<String>| same.as_ref().and_then(of);
    Entry {
        stage: environment.stage.word(),
        head: origin.head.clone(),
        base_sha: origin.base_sha.clone(),
        run: origin.run.clone(),
        began: origin.began,
        at: origin.at,
        plan_digest: plan.map(|plan| plan.plan_digest.clone()).or(old(|entry| entry.plan_digest.clone())),
        input_digest: plan.map(|plan| plan.input_digest.clone()).or(old(|entry| entry.input_digest.clone())),
        region: plan.map_or_else(
            || old(|entry| Some(entry.region.clone())).unwrap_or_default(),
            |plan| plan.region.raw().to_owned(),
        ),
        figures,
        seal: String::new(),
    }
}

fn figures(plan: &PlanReport) -> Figures {
    let counts = plan.counts();
    Figures {
        create: counts.create,
        change: counts.changed(),
        replace: counts.replace,
        delete: counts.delete,
        settle: counts.settle,
        unknown: counts.unknown,
        errors: plan.findings.iter().filter(|problem| problem.stops()).count(),
        widens: plan
            .findings
            .iter()
            .filter(|problem| !problem.waived && problem.severity == crate::problem::Severity::Widens)
            .count(),
        seconds: plan.estimate.seconds,
        monthly: plan.cost.after.total().known(),
        delta: plan.cost.delta(),
        ..Figures::default()
    }
}

/// What needs eyes before all else.
fn danger(environment: &Environment) -> Vec<Part> {
    let name = code(&environment.name);
    let alert = |kind: &str, what, lines: Vec<String>| Part::alert(Rank::Danger, what, kind, &lines);
    match &environment.stage {
        Stage::Refused { verb, problems, .. } => {
            let mut lines = vec![format!("**{verb} of {name} was refused**; nothing was changed")];
            lines.extend(problems.iter().map(plan::finding));
            vec![alert("CAUTION", "the refusal", lines)]
        }
        Stage::Stale(why) => {
            let line = format!("**the plan of {name} is stale**: {}", prose(why.raw()));
            vec![alert("WARNING", "the warnings", vec![line])]
        }
        Stage::Ended(ended) if environment.stage.word() != Word::Done => {
            // The failures lead; the plan's own dangers have been looked at.
            let mut parts = super::super::markdown::ended(&ended.report, ended.verify.as_ref());
            parts.retain(Part::leads);
            parts
        }
        Stage::Ended(_) => Vec::new(),
        _ => {
            let Some(report) = &environment.plan else { return Vec::new() };
            let lines: Vec<_> = plan::danger(report, false).iter().map(|line| format!("in {name}: {line}")).collect();
            if lines.is_empty() { Vec::new() } else { vec![alert("CAUTION", "the dangers", lines)] }
        }
    }
}

fn detail(environment: &Environment) -> Vec<Part> {
    let name = code(&environment.name);
    let mut parts = Vec::new();
    let say = |rank, text: String| Part::whole(rank, "where it stands", text);
    match &environment.stage {
        Stage::Planning | Stage::Planned => {}
        Stage::Waiting(what) => parts.push(say(Rank::Stage, format!("**{name}** waits: {}\n\n", prose(what.raw())))),
        Stage::Applying(progress) => parts.push(say(Rank::Stage, applying(&name, progress))),
        Stage::Ended(done) => {
            let mut all = ended(&done.report, done.verify.as_ref());
            all.retain(|part| environment.stage.word() == Word::Done || !part.leads());
            parts.extend(all);
        }
        Stage::Refused { beyond, .. } => parts.extend(difference(&environment.name, beyond)),
        Stage::Stale(_) => {}
        Stage::Offline(why) => {
            let why = match why {
                Offline::Fork => "the pull request is from a fork, and GitHub gives those no identity",
                Offline::Bot => "its author is a bot, whose pull requests get no role",
                Offline::NoRole => "the environment names no plan role yet (`rem-ci bootstrap` makes one)",
            };
            let line = format!("{name} was checked and priced **without AWS**, as if nothing existed: {why}");
            parts.push(Part::alert(Rank::Stage, "where it stands", "NOTE", &[line]));
        }
    }
    if let Some(report) = &environment.plan {
        parts.extend(planned(environment, report));
    }
    if !environment.gates.is_empty() {
        let gates = environment.gates.iter().map(|gate| {
            let mark = match gate.met {
                Some(true) => "✅",
                Some(false) => "❌",
                None => "⏳",
            };
            format!("- {mark} {}", prose(gate.text.raw()))
        });
        parts.push(Part::rows(Rank::Next, "the gates", &format!("**Gates of {name}**\n\n"), gates.collect(), ""));
    }
    parts
}

/// The plan itself: all of it while it is ahead, folded once it is behind.
fn planned(environment: &Environment, report: &PlanReport) -> Vec<Part> {
    let mut parts = Vec::new();
    let ahead = matches!(environment.stage, Stage::Planning | Stage::Planned | Stage::Waiting(_) | Stage::Offline(_));
    if !plan::speaks(report) {
        return parts;
    }
    if ahead {
        let warnings = plan::warnings(report, false);
        parts.push(Part::alert(Rank::Warning, "the warnings", "WARNING", &warnings));
        parts.extend(plan::cost(report));
        parts.extend(plan::pools(report));
        if report.mode != Mode::Offline {
            parts.push(plan::outline(report));
        }
    }
    parts.push(plan::full(report));
    if let (Some(topology), true) = (&environment.topology, ahead) {
        parts.push(plan::picture(topology, &report.rows));
    }
    parts
}

fn applying(name: &str, progress: &Progress) -> String {
    let mut text = format!(
        "**{name}** is being applied: {} of {} after {}",
        progress.done,
        number::count(progress.steps, "step"),
        number::clock(progress.elapsed)
    );
    if progress.left > 0 {
        let _ = write!(text, ", usually about {} more", number::about(progress.left));
    }
    let now: Vec<_> = progress.now.iter().take(6).map(|address| code(address.as_str())).collect();
    if !now.is_empty() {
        let _ = write!(text, ". Waiting for {}", now.join(", "));
    }
    text.push_str(".\n\n");
    text
}

/// What was approved against what would be done now.
pub(in crate::view) fn difference(name: &str, beyond: &[Beyond]) -> Vec<Part> {
    if beyond.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    for one in beyond {
        let what = match &one.field {
            Some(field) => format!("{} {field}", one.address),
            None => one.address.to_string(),
        };
        lines.push(format!("# {}", visible(&what)));
        lines.push(format!("- approved: {}", visible(one.approved.raw())));
        lines.push(format!("+ now:      {}", visible(one.now.raw())));
    }
    let title = format!("**Approved and now**, where {} would go further than what was approved\n\n", code(name));
    vec![Part::fence(Rank::Stage, "the differences", &title, "diff", lines, "")]
}

/// `abc1234 on main@def5678 · run 42 · rem-ci 0.1.0 · planned … · valid until …`.
fn foot(origin: &Origin, environment: &Environment, entry: &Entry) -> String {
    let mut parts = vec![code(&environment.name)];
    if !origin.head.is_empty() {
        let base = format!("{}@{}", origin.base, origin.base_sha.chars().take(7).collect::<String>());
        parts.push(format!("{} on {}", short_sha(&origin.head), code(&base)));
    }
    if let Some(digest) = &entry.plan_digest {
        parts.push(format!("plan {}", code(&plan::short(digest))));
    }
    parts.push(format!("{} {}", words::past(entry.stage), code(&words::time(origin.at))));
    if let Some(until) = environment.valid_until {
        parts.push(format!("valid until {}", code(&words::time(until))));
    }
    parts.push(origin.run.link());
    parts.push(format!("rem-ci {}", env!("CARGO_PKG_VERSION")));
    format!("<sub>{}</sub>\n\n", parts.join(" · "))
}
