//! `rem-ci action`: what action.yml starts.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use futures_util::future::LocalBoxFuture;

use super::{Common, Say, progress};
use crate::action::inputs::Inputs;
use crate::action::role::{self, Role};
use crate::action::{Desk, Opener, Paper, outputs};
use crate::cloud::oidc::{Assume, SESSION, session_name};
use crate::cloud::{Clock, env};
use crate::config::{Git, Spec};
use crate::github::event::{self, Happened, MAX_PAYLOAD};
use crate::github::oidc::Runner;
use crate::github::{Client, Repo, Server};
use crate::problem::{Exit, Problem};
use crate::run::{self, Halt, Source, World};
use crate::view::annotations::annotation;
use crate::view::out;

/// Reads what happened, and does it.
pub(super) async fn run(common: &Common) -> Result<Exit, Halt> {
    // Before anything secret is looked at.
    super::harden().map_err(|problem| Halt::new(Exit::Failed, *problem))?;
    let variable = |name: &str| env(name);
    let happened = happened(&variable)?;
    let inputs = Inputs::of(&variable)?;
    let source = common.source();
    // Where the sandbox's time is virtual, so is GitHub's.
    let clock = if matches!(source, Source::Sandbox(_)) { Clock::starting(Clock::Wall.time()) } else { Clock::Wall };
    let halted = |error: crate::github::Error| Halt::new(error.exit(), error.problem());
    let server = Server::of(variable).map_err(halted)?;
    let (owner, name) = happened.run.owner_and_name();
    let repo = Repo { owner: owner.to_owned(), name: name.to_owned() };
    let github = Client::new(server, repo, clock).map_err(halted)?;
    github.telling(|waiting| {
        let text = format!("rem-ci: {} in {} s: {}\n", waiting.does, waiting.time.as_secs(), waiting.why);
        let _ = out::aside(&text);
    });
    // The action has gone into the working directory already.
    let git = Git::new(Path::new("."));
    let prefix = git.prefix().map_err(|problem| Halt::new(Exit::Invalid, *problem))?;
    let files = Files {
        output: variable("GITHUB_OUTPUT"),
        summary: variable("GITHUB_STEP_SUMMARY"),
        temp: variable("RUNNER_TEMP"),
        prefix,
    };
    let door = Door { source, run: happened.run.id.to_string(), attempt: happened.run.attempt.to_string() };
    let desk = Desk {
        happened: &happened,
        inputs: &inputs,
        github: &github,
        git,
        clock,
        began: clock.millis() / 1000,
        opener: &door,
        paper: &files,
        stop: progress::signals(),
    };
    // What ended it is on the log already, as annotations.
    Ok(Box::pin(crate::action::run(&desk)).await.unwrap_or_else(|halt| halt.exit))
}

/// What happened, by the runner's variables and the payload.
pub(super) fn happened(variable: &dyn Fn(&str) -> Option<String>) -> Result<Happened, Halt> {
    let refused = |problem: Box<Problem>| Halt::new(Exit::Refused, *problem);
    // An event that is not for us is not even read.
    if let Some(name) = variable("GITHUB_EVENT_NAME") {
        event::known(&name).map_err(refused)?;
    }
    event::read(variable, &payload(variable)?).map_err(refused)
}

/// The payload, of bounded size.
fn payload(variable: &dyn Fn(&str) -> Option<String>) -> Result<Vec<u8>, Halt> {
    let refuse = |title: String| {
        let help = "`rem-ci action` is what action.yml starts in a GitHub workflow; on a laptop use plan, apply, destroy and drift";
        Halt::new(Exit::Refused, Problem::error("not-a-workflow", title, help))
    };
    let path = variable("GITHUB_EVENT_PATH").filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| refuse("GITHUB_EVENT_PATH is not set".to_owned()))?;
    let mut bytes = Vec::new();
    let read = File::open(&path).and_then(|file| file.take(MAX_PAYLOAD + 1).read_to_end(&mut bytes));
    read.map_err(|error| refuse(format!("{path} cannot be read: {error}")))?;
    Ok(bytes)
}

/// Opens worlds by the job's own identity, or the sandbox.
struct Door {
    source: Source,
    run: String,
    attempt: String,
}

impl Door {
    async fn opened(&self, spec: &Spec, role: Role, pull: Option<u64>) -> Result<World, Halt> {
        let source = if let Source::Sandbox(path) = &self.source {
            Source::Sandbox(path.clone())
        } else {
            // Nothing else is ever a source of credentials here.
            let denied = |refusal: crate::github::oidc::Refusal| Halt::new(Exit::Denied, refusal.problem());
            let arn = role::of(spec, role).map_err(|problem| Halt::new(Exit::Refused, *problem))?;
            let mask: crate::github::oidc::Mask = std::sync::Arc::new(|secret: &str| out::mask(secret));
            Source::Role(Box::new(Assume {
                runner: Runner::of(&|name| env(name), Clock::Wall, mask).map_err(denied)?,
                role: arn.to_owned(),
                purpose: role,
                session: session_name(role, &self.run, &self.attempt, pull),
                length: SESSION,
            }))
        };
        let world = run::open(&source, spec).await?;
        world.ok_or_else(|| Halt::new(Exit::Failed, Problem::error("bug", "no world to work in", "please report this")))
    }
}

impl Opener for Door {
    fn open<'a>(&'a self, spec: &'a Spec, role: Role, pull: Option<u64>) -> LocalBoxFuture<'a, Result<World, Halt>> {
        Box::pin(self.opened(spec, role, pull))
    }

    fn without_roles(&self) -> bool {
        matches!(self.source, Source::Sandbox(_))
    }
}

/// The files that the runner gives a step.
struct Files {
    output: Option<String>,
    summary: Option<String>,
    temp: Option<String>,
    prefix: String,
}

impl Files {
    /// Appends to one of the runner's files; it has made them, so nothing else is there in their place.
    fn append(path: Option<&String>, text: &str) {
        let Some(path) = path.filter(|path| !path.is_empty()) else { return };
        let written =
            File::options().append(true).create(true).open(path).and_then(|mut file| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            Say::trouble(&format!("{path} cannot be written: {error}"));
        }
    }
}

impl Paper for Files {
    fn summary(&self, markdown: &str) {
        Self::append(self.summary.as_ref(), &format!("{markdown}\n"));
    }

    fn output(&self, name: &'static str, value: &str) {
        Self::append(self.output.as_ref(), &outputs::entry(name, value));
    }

    fn log(&self, text: &str) {
        let _ = out::aside(text);
    }

    fn annotate(&self, problem: &Problem) {
        let _ = out::result(&annotation(problem, &self.prefix));
    }

    fn plan_file(&self, json: &str) -> Option<String> {
        let folder = self.temp.as_ref().filter(|folder| !folder.is_empty())?;
        let path = Path::new(folder).join(format!("rem-ci-plan-{:032x}.json", fastrand::u128(..)));
        let written = File::options()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(json.as_bytes()));
        written.ok().and_then(|()| path.to_str().map(str::to_owned))
    }
}
