//! A repository, a GitHub, a region with dev in it, and jobs that run there.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use rem_ci::action::inputs::Inputs;
use rem_ci::action::role::Role;
use rem_ci::action::{Desk, Opener, Paper};
use rem_ci::config::{Git, Loaded, Spec};
use rem_ci::engine::Stop;
use rem_ci::github::event;
use rem_ci::problem::{Exit, Problem};
use rem_ci::run::{Halt, World};
use rem_ci::view::report::Mode;
use serde_json::Value as Json;

use crate::common::{Region, apply, virtual_time};
use crate::fault::{bucket_region, bucket_world, failures, reopened, with_bucket, written};
use crate::github_double::Double;
use crate::github_double::state::{Actor, Environment};

pub(super) const FILE: &str = "environments/dev.yaml";
pub(super) const PLAN: &str = "rem-ci/plan/dev";
pub(super) const APPLY: &str = "rem-ci/apply/dev";
const TOKEN: &str = "ghs_workflow";

/// The author of pull requests.
pub(super) fn ann() -> Actor {
    Actor::user("ann", 1001)
}

/// Somebody else.
pub(super) fn bea() -> Actor {
    Actor::user("bea", 1002)
}

/// The region after dev was applied for the first time, made once for all tests.
fn applied() -> &'static [u8] {
    static STATE: OnceLock<Vec<u8>> = OnceLock::new();
    // In a thread of its own: whoever asks first is in a runtime already.
    let made = || {
        virtual_time(async {
            let loaded = with_bucket("dev");
            let region = bucket_region(7, &loaded).await;
            let done = apply(&loaded, &bucket_world(&region, &loaded)).await.expect("an apply");
            assert_eq!(failures(&done.outcome), Vec::<String>::new());
            written(&region)
        })
    };
    STATE.get_or_init(|| std::thread::spawn(made).join().expect("a region"))
}

/// How a pull request is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Merge,
    Squash,
    Rebase,
}

/// All of it.
pub(super) struct Lab {
    pub(super) double: Double,
    pub(super) region: Region,
    repository: tempfile::TempDir,
    runs: Cell<u64>,
    /// Whether worlds call themselves live: guards that are notes in the sandbox are errors then.
    pub(super) live: Cell<bool>,
    /// Whose credentials a job gets, if not those of the account that its file names.
    pub(super) account: RefCell<Option<String>>,
    /// Worlds that were opened, by what for.
    pub(super) opened: RefCell<Vec<&'static str>>,
    /// Done when the next world is opened: the world goes on while a run looks.
    pub(super) meanwhile: RefCell<Option<Meanwhile>>,
}

type Meanwhile = Box<dyn FnOnce(&Lab)>;

/// What a job left behind.
pub(super) struct Done {
    pub(super) exit: Exit,
    pub(super) codes: Vec<&'static str>,
    pub(super) outputs: BTreeMap<&'static str, String>,
    pub(super) summary: String,
    pub(super) annotated: Vec<Problem>,
    /// Seconds from when it was told to stop to its end.
    pub(super) stopping: Option<f64>,
}

impl Done {
    /// Exit and the codes that ended it.
    pub(super) fn ended(&self) -> (Exit, Vec<&'static str>) {
        (self.exit, self.codes.clone())
    }
}

/// A job that is about to run.
pub(super) struct Job<'a> {
    lab: &'a Lab,
    event: &'static str,
    payload: Json,
    sha: String,
    reference: String,
    actor: String,
    attempt: u32,
    run: Option<u64>,
    inputs: BTreeMap<&'static str, String>,
    stop_at: Option<usize>,
    stop_after: Option<Duration>,
}

impl Lab {
    /// A region in which dev was applied from the first commit of `main`. Inside [`virtual_time`].
    pub(super) fn new() -> Self {
        let region = reopened(applied(), Duration::from_hours(1));
        let double = Double::by(region.clock);
        Self::over(region, double)
    }

    /// The same with a GitHub that another process speaks to: its clock goes by itself.
    pub(super) fn served() -> Self {
        let region = reopened(applied(), Duration::from_hours(1));
        Self::over(region, Double::new(crate::github_double::ticking()))
    }

    fn over(region: Region, double: Double) -> Self {
        let lab = Self {
            double,
            region,
            repository: tempfile::tempdir().expect("a folder"),
            runs: Cell::new(9000),
            live: Cell::new(false),
            account: RefCell::default(),
            opened: RefCell::new(Vec::new()),
            meanwhile: RefCell::new(None),
        };
        lab.git(&["init", "--quiet", "--initial-branch=main"]);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("environments");
        let read = |name: &str| std::fs::read_to_string(root.join(name)).expect("a file");
        lab.write("environments/base.yaml", &read("base.yaml"));
        // Its budget is on what it costs, so that a test can go over it.
        let dev = read("dev.yaml")
            .replace("tags: {team: platform}\n", "tags: {team: platform}\nstate: {bucket: acme-rem-ci-state}\n");
        lab.write(FILE, &dev);
        lab.commit("The environment");
        lab.double.with(|state| state.git = crate::github_double::git::Git::default());
        lab.sync();
        lab
    }

    pub(super) fn folder(&self) -> &Path {
        self.repository.path()
    }

    pub(super) fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(self.folder())
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").expect("a path"));
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "ann").env(format!("GIT_{who}_EMAIL"), "ann@example.org");
            git.env(format!("GIT_{who}_DATE"), "2026-11-24T12:00:00Z");
        }
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let run = git.output().expect("git");
        assert!(run.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("text").trim().to_owned()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    pub(super) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder().join(path)).expect("a file")
    }

    /// Commits everything on the branch that is checked out.
    pub(super) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// GitHub gets to know what git knows.
    pub(super) fn sync(&self) {
        self.double.with(|state| state.git.import(self.folder()));
    }

    pub(super) fn tip(&self) -> String {
        self.git(&["rev-parse", "main"])
    }

    /// Changes dev's file on the branch that is checked out.
    pub(super) fn edit(&self, from: &str, to: &str) -> String {
        let text = self.read(FILE);
        assert!(text.contains(from), "{from} is not in {text}");
        self.write(FILE, &text.replacen(from, to, 1));
        self.commit(to)
    }

    /// Opens a pull request that changes dev's file.
    pub(super) fn open(&self, branch: &str, from: &str, to: &str) -> u64 {
        self.git(&["switch", "--quiet", "--create", branch, "main"]);
        self.edit(from, to);
        self.git(&["switch", "--quiet", "main"]);
        self.sync();
        self.double.with(|state| state.open_pull(branch, "main", &ann(), branch))
    }

    /// Opens a pull request that changes nothing but the version of rem-ci in a workflow.
    pub(super) fn bump(&self) -> u64 {
        let branch = "rem-ci-2";
        self.git(&["switch", "--quiet", "--create", branch, "main"]);
        self.write(".github/workflows/rem-ci.yml", "jobs:\n  a:\n    steps:\n      - uses: acme/rem-ci@2\n");
        self.commit("Another rem-ci");
        self.git(&["switch", "--quiet", "main"]);
        self.sync();
        self.double.with(|state| state.open_pull(branch, "main", &ann(), branch))
    }

    /// Pushes another change to a pull request.
    pub(super) fn push(&self, pull: u64, from: &str, to: &str) -> String {
        let branch = self.double.with(|state| state.pulls[&pull].head_branch.clone());
        self.git(&["switch", "--quiet", &branch]);
        let sha = self.edit(from, to);
        self.git(&["switch", "--quiet", "main"]);
        self.sync();
        self.double.with(|state| state.pushed(pull, &sha));
        sha
    }

    /// Merges a pull request into main; gives what main was before.
    pub(super) fn merge(&self, pull: u64, how: How) -> String {
        let branch = self.double.with(|state| state.pulls[&pull].head_branch.clone());
        let before = self.tip();
        self.git(&["switch", "--quiet", "main"]);
        match how {
            How::Merge => {
                let message = format!("Merge pull request #{pull} from octo/{branch}");
                self.git(&["merge", "--quiet", "--no-ff", "-m", &message, &branch]);
            }
            How::Squash => {
                self.git(&["merge", "--quiet", "--squash", &branch]);
                self.git(&["commit", "--quiet", "-m", &format!("{branch} (#{pull})")]);
            }
            How::Rebase => {
                // GitHub makes new commits always, though nothing is in between.
                let range = format!("main..{branch}");
                let commits = self.git(&["rev-list", "--reverse", &range]);
                for commit in commits.lines() {
                    self.git(&["cherry-pick", "--allow-empty", "--no-commit", commit]);
                    self.git(&["commit", "--quiet", "-m", &format!("{commit} rebased")]);
                }
            }
        }
        self.brought(&[(pull, format!("{before}..main"))]);
        before
    }

    /// These pull requests are merged by the commits of these ranges on main's own line.
    pub(super) fn brought(&self, pulls: &[(u64, String)]) {
        self.sync();
        for (pull, range) in pulls {
            let commits = self.git(&["rev-list", "--first-parent", "--reverse", range]);
            let commits: Vec<String> = commits.lines().map(str::to_owned).collect();
            self.double.with(|state| state.merged(*pull, commits));
        }
    }

    /// Three pull requests that have nothing to do with one another.
    pub(super) fn three(&self) -> [u64; 3] {
        [
            self.open("longer-logs", "retentionDays: 7", "retentionDays: 14"),
            self.open("more-room", "limits: {cpu: 20, memory: 80Gi}", "limits: {cpu: 30, memory: 80Gi}"),
            self.open("burst", "limits: {cpu: 20, memory: 40Gi}", "limits: {cpu: 20, memory: 60Gi}"),
        ]
    }

    /// The merge queue puts one on the other. Gives the group (branch, base, head) and which commits each brings.
    pub(super) fn queue(&self, pulls: &[u64]) -> ((String, String, String), Vec<(u64, String)>) {
        let before = self.tip();
        let last = pulls.last().expect("a pull request");
        let queue = format!("gh-readonly-queue/main/pr-{last}-{before}");
        self.git(&["switch", "--quiet", "--create", &queue]);
        let mut ranges = Vec::new();
        for pull in pulls {
            let branch = self.double.with(|state| state.pulls[pull].head_branch.clone());
            let message = format!("Merge pull request #{pull} from octo/{branch}");
            self.git(&["merge", "--quiet", "--no-ff", "-m", &message, &branch]);
            ranges.push((*pull, format!("{0}^..{0}", self.git(&["rev-parse", "HEAD"]))));
        }
        let head = self.git(&["rev-parse", "HEAD"]);
        self.git(&["switch", "--quiet", "main"]);
        self.sync();
        ((queue, before, head), ranges)
    }

    fn job(&self, event: &'static str, payload: Json, sha: &str, reference: &str) -> Job<'_> {
        Job {
            lab: self,
            event,
            payload,
            sha: sha.to_owned(),
            reference: reference.to_owned(),
            actor: "ann".to_owned(),
            attempt: 1,
            run: None,
            inputs: BTreeMap::new(),
            stop_at: None,
            stop_after: None,
        }
    }

    /// The plan of a pull request.
    pub(super) fn planned(&self, pull: u64, action: &str) -> Job<'_> {
        let (payload, sha) =
            self.double.with(|state| (state.pull_request_event(pull, action), state.pulls[&pull].head_sha.clone()));
        self.job("pull_request", payload, &sha, &format!("refs/pull/{pull}/merge"))
    }

    /// The push that brought main from `before` to where it is.
    pub(super) fn pushed(&self, before: &str) -> Job<'_> {
        let tip = self.tip();
        let payload = self.double.with(|state| state.push_event("main", before, &tip, &ann()));
        self.job("push", payload, &tip, "refs/heads/main")
    }

    pub(super) fn grouped(&self, group: &(String, String, String)) -> Job<'_> {
        let payload = self.double.with(|state| state.merge_group_event(group));
        self.job("merge_group", payload, &group.2, &format!("refs/heads/{}", group.0))
    }

    pub(super) fn dispatched(&self, command: &str) -> Job<'_> {
        let payload = self.double.with(|state| state.dispatch_event("main", &serde_json::json!({}), &ann()));
        self.job("workflow_dispatch", payload, &self.tip(), "refs/heads/main").with("REM_CI_COMMAND", command)
    }

    pub(super) fn scheduled(&self) -> Job<'_> {
        let payload = self.double.with(|state| state.schedule_event("17 5 * * *"));
        self.job("schedule", payload, &self.tip(), "refs/heads/main")
    }

    /// Plans a pull request, which has to go well.
    pub(super) async fn plan(&self, pull: u64) -> Done {
        let done = self.planned(pull, "opened").run().await;
        assert_eq!(done.ended(), (Exit::Done, Vec::new()), "{:#?}", done.annotated);
        assert_eq!(self.status(&self.head(pull), PLAN).0, "success");
        done
    }

    pub(super) fn head(&self, pull: u64) -> String {
        self.double.with(|state| state.pulls[&pull].head_sha.clone())
    }

    /// The newest status of a commit: state and description.
    pub(super) fn status(&self, sha: &str, context: &str) -> (String, String) {
        self.double.with(|state| {
            let status = state.status_of(sha, context).unwrap_or_else(|| panic!("no status {context} of {sha}"));
            (status.state.clone(), status.description.clone().unwrap_or_default())
        })
    }

    /// The comments of ours on a pull request, which has to be one.
    pub(super) fn comment(&self, pull: u64) -> (u64, String) {
        self.double.with(|state| {
            let all = state.comments_of(pull);
            let ours: Vec<_> = all.iter().filter(|comment| comment.author == Actor::actions()).collect();
            assert_eq!(ours.len(), 1, "{:?}", ours.iter().map(|comment| &comment.body).collect::<Vec<_>>());
            (ours[0].id, ours[0].body.clone())
        })
    }

    /// A comment as a reviewer reads it: without the marker, and with commits and runs by one name.
    pub(super) fn shown(&self, pull: u64) -> String {
        let (_, body) = self.comment(pull);
        let mut text: String = body.lines().skip(1).collect::<Vec<_>>().join("\n");
        for commit in self.git(&["rev-list", "--all"]).lines() {
            text = text.replace(commit, "COMMIT").replace(&commit[..7], "c0mm1t0");
        }
        masked(&text)
    }

    /// Commits that touch nothing can have the same name as others; everything else is one store.
    pub(super) fn loaded(&self) -> Loaded {
        let source = rem_ci::config::Commit::of_tree(self.folder(), "main");
        rem_ci::config::load_from(&source, FILE, crate::common::today()).expect("dev")
    }

    /// An administrator's world: what a person can reach.
    pub(super) fn world(&self) -> World {
        bucket_world(&self.region, &self.loaded())
    }

    /// The GitHub environment waits for somebody.
    pub(super) fn with_reviewers(&self) {
        let reviewed = Environment { reviewers: vec![("User".to_owned(), 1002)], ..Environment::default() };
        self.double.with(|state| state.environments.insert("dev".to_owned(), reviewed));
    }
}

/// Without what differs from one run to the next: times, drawn ids, how much a log holds by then.
pub(super) fn masked(text: &str) -> String {
    let rules = [
        (r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME"),
        (r"\d+ lines, 0 errors in the last \d+ min", "N lines, 0 errors in the last N min"),
        (r"\b(nat|eipalloc|rtb)-[0-9a-f]{17}\b", "$1-ID"),
        (r"\b\d+:\d\d\b", "M:SS"),
        (r"0 of \d+ pods", "0 of N pods"),
        (r"`[0-9a-f]{8}…[0-9a-f]{4}`", "`DIGEST`"),
    ];
    rules.iter().fold(text.to_owned(), |text, (pattern, with)| {
        let pattern = regex_lite::Regex::new(pattern).expect("a pattern");
        pattern.replace_all(&text, *with).into_owned()
    })
}

impl Opener for Lab {
    fn open<'a>(&'a self, spec: &'a Spec, role: Role, _: Option<u64>) -> LocalBoxFuture<'a, Result<World, Halt>> {
        self.opened.borrow_mut().push(role.word());
        let meanwhile = self.meanwhile.borrow_mut().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(self);
        }
        let mut spec = spec.clone();
        if let Some(account) = &*self.account.borrow() {
            spec.account.clone_from(account);
        }
        let world = World::simulated(self.region.sandbox.clone(), self.region.clock, &spec, None);
        let mode = if self.live.get() { Mode::Live } else { world.mode };
        Box::pin(std::future::ready(Ok(World { mode, ..world })))
    }

    fn without_roles(&self) -> bool {
        true
    }
}

/// What a job writes.
#[derive(Default)]
struct Sheet {
    outputs: RefCell<BTreeMap<&'static str, String>>,
    summary: RefCell<String>,
    annotated: RefCell<Vec<Problem>>,
    lines: Cell<usize>,
    stop_at: Option<usize>,
    stop: Stop,
    told: Cell<Option<Duration>>,
    clock: Option<rem_ci::cloud::Clock>,
}

impl Paper for Sheet {
    fn summary(&self, markdown: &str) {
        self.summary.borrow_mut().push_str(markdown);
    }

    fn output(&self, name: &'static str, value: &str) {
        self.outputs.borrow_mut().insert(name, value.to_owned());
    }

    fn log(&self, _: &str) {
        self.lines.set(self.lines.get() + 1);
        if Some(self.lines.get()) == self.stop_at {
            self.told.set(self.clock.map(|clock| clock.boot()));
            self.stop.tell();
        }
    }

    fn annotate(&self, problem: &Problem) {
        self.annotated.borrow_mut().push(problem.clone());
    }

    fn plan_file(&self, json: &str) -> Option<String> {
        assert!(json.starts_with('{'), "{json}");
        Some("/tmp/plan.json".to_owned())
    }
}

impl Job<'_> {
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.inputs.insert(name, value.to_owned());
        self
    }

    /// Somebody presses "re-run": the same run, another attempt.
    pub(super) fn again(mut self, run: u64, attempt: u32) -> Self {
        (self.run, self.attempt) = (Some(run), attempt);
        self
    }

    pub(super) fn by(mut self, actor: &str) -> Self {
        actor.clone_into(&mut self.actor);
        self
    }

    /// On another commit than the newest.
    pub(super) fn at(mut self, sha: &str) -> Self {
        sha.clone_into(&mut self.sha);
        self
    }

    pub(super) fn on(mut self, reference: &str) -> Self {
        reference.clone_into(&mut self.reference);
        self
    }

    /// Told to stop at this line of its log.
    pub(super) fn stopped_at(mut self, line: usize) -> Self {
        self.stop_at = Some(line);
        self
    }

    /// Told to stop after a time.
    pub(super) fn stopped_after(mut self, time: Duration) -> Self {
        self.stop_after = Some(time);
        self
    }

    pub(super) async fn run(self) -> Done {
        let lab = self.lab;
        lab.runs.set(lab.runs.get() + 1);
        let id = self.run.unwrap_or_else(|| lab.runs.get());
        let (name, repository) = lab.double.with(|state| (state.full_name(), state.id.to_string()));
        let mut variables: BTreeMap<&str, String> = [
            ("GITHUB_EVENT_NAME", self.event.to_owned()),
            ("GITHUB_REPOSITORY", name),
            ("GITHUB_REPOSITORY_ID", repository),
            ("GITHUB_SHA", self.sha.clone()),
            ("GITHUB_REF", self.reference.clone()),
            ("GITHUB_RUN_ID", id.to_string()),
            ("GITHUB_RUN_NUMBER", (id - 9000).to_string()),
            ("GITHUB_RUN_ATTEMPT", self.attempt.to_string()),
            ("GITHUB_ACTOR", self.actor.clone()),
        ]
        .into();
        variables.extend(self.inputs.iter().map(|(name, value)| (*name, value.clone())));
        let variable = |name: &str| variables.get(name).cloned();
        let payload = self.payload.to_string();
        let happened = event::read(&variable, payload.as_bytes()).expect("an event");
        let stop = Stop::default();
        let sheet =
            Sheet { stop_at: self.stop_at, stop: stop.clone(), clock: Some(lab.region.clock), ..Sheet::default() };
        let github = lab.double.client(TOKEN, lab.region.clock);
        let ended = match Inputs::of(&variable) {
            Err(halt) => Err(halt),
            Ok(inputs) => {
                let desk = Desk {
                    happened: &happened,
                    inputs: &inputs,
                    github: &github,
                    git: Git::new(lab.folder()),
                    clock: lab.region.clock,
                    began: lab.region.clock.millis() / 1000,
                    opener: lab,
                    paper: &sheet,
                    stop: stop.clone(),
                };
                let signal = async {
                    if let Some(time) = self.stop_after {
                        rem_ci::engine::wait::pause(time).await;
                        stop.tell();
                    }
                };
                let work = Box::pin(rem_ci::action::run(&desk));
                futures_util::join!(work, signal).0
            }
        };
        let (exit, codes) = match &ended {
            Ok(exit) => (*exit, Vec::new()),
            Err(halt) => (halt.exit, halt.problems.iter().map(|problem| problem.code).collect()),
        };
        Done {
            exit,
            codes,
            outputs: sheet.outputs.take(),
            summary: sheet.summary.take(),
            annotated: sheet.annotated.take(),
            stopping: sheet.told.get().map(|told| lab.region.clock.boot().saturating_sub(told).as_secs_f64()),
        }
    }
}
