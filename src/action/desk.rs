//! Where a run works: what happened, whom it may ask, and how it tells.

use futures_util::future::LocalBoxFuture;
use jiff::civil::Date;

use super::inputs::Inputs;
use super::role::{self, Role};
use crate::cloud::Clock;
use crate::config::{Commit, Git, Loaded, Spec, load_from};
use crate::engine::Stop;
use crate::github::event::Happened;
use crate::github::{Client, Error, Kind, NewStatus, Next, Patience, State, Sticky};
use crate::problem::{Exit, Problem};
use crate::run::{self, Halt, World};
use crate::view::comment::{COMMENT_LIMIT, Comment, Environment, Origin};

/// Opens worlds: by OIDC, or the sandbox.
pub trait Opener {
    /// A world of the environment, by its role for this.
    fn open<'a>(&'a self, spec: &'a Spec, role: Role, pull: Option<u64>) -> LocalBoxFuture<'a, Result<World, Halt>>;

    /// Whether it takes an environment that names no roles: the sandbox does.
    fn without_roles(&self) -> bool;
}

/// The runner's files and its log.
pub trait Paper {
    /// Appends to the job's summary.
    fn summary(&self, markdown: &str);
    /// Sets an output.
    fn output(&self, name: &'static str, value: &str);
    /// A line on the log.
    fn log(&self, text: &str);
    /// A problem as an annotation.
    fn annotate(&self, problem: &Problem);
    /// Keeps the plan as JSON, and says where.
    fn plan_file(&self, json: &str) -> Option<String>;
}

/// Everything that a run has.
pub struct Desk<'a> {
    /// What happened.
    pub happened: &'a Happened,
    /// What is asked for.
    pub inputs: &'a Inputs,
    /// GitHub.
    pub github: &'a Client,
    /// The checkout.
    pub git: Git,
    /// Time.
    pub clock: Clock,
    /// When the run began, in seconds since 1970.
    pub began: i64,
    /// AWS.
    pub opener: &'a dyn Opener,
    /// The runner.
    pub paper: &'a dyn Paper,
    /// Told by a signal.
    pub stop: Stop,
}

/// A problem of GitHub's as the end of a run.
pub(super) fn halted(error: Error) -> Halt {
    Halt::new(error.exit(), error.problem())
}

/// A problem of the checkout's as the end of a run.
#[expect(clippy::boxed_local, reason = "errors come boxed")]
pub(super) fn invalid(problem: Box<Problem>) -> Halt {
    Halt::new(Exit::Invalid, *problem)
}

impl Desk<'_> {
    /// Today: files, waivers and calendars are judged by the wall clock of the run.
    pub(super) fn today(&self) -> Date {
        self.clock.today()
    }

    /// Puts a problem beside its line, as this repository may show it.
    pub(super) fn note(&self, problem: &Problem) {
        if self.happened.public {
            self.paper.annotate(&crate::view::redact::problem(problem));
        } else {
            self.paper.annotate(problem);
        }
    }

    /// Seconds since 1970.
    pub(super) fn seconds(&self) -> i64 {
        self.clock.millis() / 1000
    }

    /// RFC 3339.
    pub(super) fn stamp(&self) -> String {
        jiff::Timestamp::from_second(self.seconds()).unwrap_or_default().to_string()
    }

    /// The commit that is checked out.
    pub(super) fn sha(&self) -> &str {
        &self.happened.run.sha
    }

    /// GitHub; with five seconds left, a hurried one.
    pub(super) fn hub(&self) -> Client {
        if self.stop.is_told() { self.github.patient(Patience::hurried()) } else { self.github.clone() }
    }

    /// An environment as a commit or tree has it.
    ///
    /// # Errors
    /// Everything that is wrong with its files.
    pub(super) fn load(&self, tree: &str, name: &str) -> Result<Loaded, Halt> {
        let loaded = load_from(&Commit::of_tree(self.git.folder(), tree), &file(name), self.today());
        let loaded = loaded.map_err(|problems| Halt { exit: Exit::Invalid, problems })?;
        role::named(&loaded.spec, name).map_err(|problem| Halt::new(Exit::Refused, *problem))?;
        Ok(loaded)
    }

    /// An environment as the base has it. None where it has none, or one that says nothing any more: then the strictest
    /// defaults guard it.
    pub(super) fn base(&self, commit: &str, name: &str) -> Option<Loaded> {
        load_from(&Commit::of_tree(self.git.folder(), commit), &file(name), self.today()).ok()
    }

    /// A world by a role of the environment's own account, and whose it is asked first.
    ///
    /// # Errors
    /// Roles of another account, no token, a role that refuses.
    pub(super) async fn open(&self, spec: &Spec, role: Role, pull: Option<u64>) -> Result<World, Halt> {
        match role::of(spec, role) {
            Err(problem) if problem.code == "role-missing" && self.opener.without_roles() => {}
            Err(problem) => return Err(Halt::new(Exit::Refused, *problem)),
            Ok(_) => {}
        }
        let mut world = self.opener.open(spec, role, pull).await?;
        run::account(&world, spec).await?;
        world.commit = Some(self.sha().to_owned());
        Ok(world)
    }

    /// Sets a commit status.
    ///
    /// # Errors
    /// What GitHub says.
    pub(super) async fn status(&self, sha: &str, context: String, state: State, text: &str) -> Result<(), Halt> {
        let target_url = Some(self.happened.run.url());
        let status = NewStatus { state, context, description: text.to_owned(), target_url };
        self.hub().set_status(sha, &status).await.map(drop).map_err(halted)
    }

    /// Who speaks in a comment, about this commit on that base.
    pub(super) fn origin(&self, head: &str, base: &str, base_sha: &str) -> Origin {
        let run = &self.happened.run;
        Origin {
            head: head.to_owned(),
            base: base.to_owned(),
            base_sha: base_sha.to_owned(),
            run: crate::view::comment::Run {
                id: run.id,
                number: if run.number == 0 { run.id } else { run.number },
                attempt: run.attempt,
                url: run.url(),
            },
            began: self.began,
            at: self.seconds(),
            public: self.happened.public,
        }
    }

    /// Puts what is known of some environments into the comment of a pull request. Environments that are not in `keep`, if
    /// there is one, are taken out.
    ///
    /// # Errors
    /// What GitHub says.
    pub(super) async fn tell(
        &self,
        pull: u64,
        origin: &Origin,
        environments: Vec<Environment>,
        keep: Option<&[String]>,
    ) -> Result<(), Halt> {
        let said = Said { origin: Origin { at: self.seconds(), ..origin.clone() }, environments, keep };
        match self.hub().put_comment(pull, &said).await {
            // There is none, and nothing to say.
            Err(error) if error.kind == Kind::NotFound && said.silent() => Ok(()),
            done => done.map(drop).map_err(halted),
        }
    }

    /// The same where it may fail: a pull request from a fork has a token that only reads.
    pub(super) fn forgive(&self, done: Result<(), Halt>) -> Result<(), Halt> {
        match done {
            Err(halt) if halt.problems.iter().all(|problem| problem.code == "github-permission") => {
                self.paper.log("GitHub does not let this run comment or set a status; the summary says all of it\n");
                Ok(())
            }
            done => done,
        }
    }
}

/// Where an environment's file is.
pub(super) fn file(name: &str) -> String {
    format!("{}/{name}.yaml", super::touched::FOLDER)
}

/// What a run says of some environments, put into whatever the comment says already.
struct Said<'a> {
    origin: Origin,
    environments: Vec<Environment>,
    keep: Option<&'a [String]>,
}

impl Said<'_> {
    /// The comment with our part in it; whether anything of ours went in.
    fn onto(&self, now: Option<&str>) -> (Comment, bool) {
        let mut comment = now.and_then(Comment::parse).unwrap_or_default();
        let mut spoke = false;
        for environment in &self.environments {
            spoke |= comment.put(&self.origin, environment);
        }
        if let Some(keep) = self.keep {
            let names: Vec<&str> = keep.iter().map(String::as_str).collect();
            comment.retain(&self.origin, &names);
        }
        (comment, spoke)
    }

    /// Whether there would be nothing to say in a new comment.
    fn silent(&self) -> bool {
        self.onto(None).0.quiet()
    }
}

impl Sticky for Said<'_> {
    fn knows(&self, body: &str) -> bool {
        Comment::parse(body).is_some()
    }

    fn next(&self, now: Option<&str>) -> Next {
        let (comment, spoke) = self.onto(now);
        match now {
            None if comment.quiet() => Next::Stand,
            Some(_) if !spoke && !self.environments.is_empty() => Next::Stand,
            _ => Next::Write(comment.render(COMMENT_LIMIT)),
        }
    }

    fn holds(&self, body: &str) -> bool {
        let Some(comment) = Comment::parse(body) else { return false };
        let there = |environment: &Environment| {
            comment.entries().any(|(name, entry)| {
                let ours = entry.run.id == self.origin.run.id && entry.run.attempt == self.origin.run.attempt;
                name == environment.name
                    && (entry.newer_than(&self.origin)
                        || ours
                            && (entry.at > self.origin.at
                                || entry.at == self.origin.at && entry.stage == environment.stage.word()))
            })
        };
        self.environments.iter().all(there)
    }
}
