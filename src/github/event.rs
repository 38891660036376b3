//! The event that started a workflow run, out of the runner's variables and the payload file.
//!
//! Variables: <https://docs.github.com/en/actions/reference/workflows-and-actions/variables>. Payloads:
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>. Only what is used is decoded; all of it is text that
//! somebody else has written, so every name, number and commit is checked for its shape before anybody believes it.

use serde::Deserialize;

use crate::problem::Problem;

/// Bytes of the payload that are read at most: GitHub caps webhook payloads at 25 MB
/// (<https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap>).
pub const MAX_PAYLOAD: u64 = 25 * 1000 * 1000;

/// A workflow run: who, where, on what commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// `https://github.com`.
    pub server_url: String,
    /// `https://api.github.com`.
    pub api_url: String,
    /// `OWNER/NAME`.
    pub repository: String,
    /// Never reused, unlike the name.
    pub repository_id: u64,
    /// The commit that is checked out by default.
    pub sha: String,
    /// `refs/heads/main`, `refs/pull/7/merge`.
    pub reference: String,
    /// Of the run; attempts share it.
    pub id: u64,
    /// The number that people see.
    pub number: u64,
    /// From 1.
    pub attempt: u32,
    /// Who pushed, dispatched, or runs it again.
    pub actor: String,
}

impl Run {
    /// The run's page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/{}/actions/runs/{}", self.server_url, self.repository, self.id)
    }

    /// Owner and name.
    #[must_use]
    pub fn owner_and_name(&self) -> (&str, &str) {
        self.repository.split_once('/').unwrap_or((&self.repository, ""))
    }

    /// Orders runs: a later run, or a later attempt of the same one, is newer.
    #[must_use]
    pub const fn order(&self) -> (u64, u32) {
        (self.id, self.attempt)
    }
}

/// What happened, and in which repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happened {
    /// The run.
    pub run: Run,
    /// `main`.
    pub default_branch: String,
    /// Whether anybody can read the repository: what is written then shows no account.
    pub public: bool,
    /// What.
    pub event: Event,
}

/// The events that rem-ci knows what to do on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A pull request was opened, pushed to, or moved to another base.
    PullRequest(Box<PullRequest>),
    /// A merge queue wants to know whether a group may be merged.
    MergeGroup(MergeGroup),
    /// Commits came to a branch.
    Push(Push),
    /// Somebody pressed the button.
    Dispatch,
    /// It is time.
    Schedule,
}

impl Event {
    /// As GitHub calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PullRequest(_) => "pull_request",
            Self::MergeGroup(_) => "merge_group",
            Self::Push(_) => "push",
            Self::Dispatch => "workflow_dispatch",
            Self::Schedule => "schedule",
        }
    }
}

/// A pull request as its event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// `opened`, `synchronize`, `closed`, …
    pub action: String,
    /// Its number.
    pub number: u64,
    /// The last commit of the branch that is to be merged: statuses belong to it, not to the merge commit.
    pub head_sha: String,
    /// The repository that branch is in; none if it is gone.
    pub head_repository: Option<u64>,
    /// The branch it goes to.
    pub base_ref: String,
    /// That branch's commit at the time of the last push, which may be old.
    pub base_sha: String,
    /// The repository it goes to.
    pub base_repository: u64,
    /// Who opened it.
    pub author: String,
    /// Whether that is a program.
    pub by_bot: bool,
}

impl PullRequest {
    /// Whether its code is somebody else's: a fork, or a repository that is gone.
    #[must_use]
    pub fn from_fork(&self) -> bool {
        self.head_repository != Some(self.base_repository)
    }
}

/// Why a pull request is looked at without AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offline {
    /// Its code is not this repository's.
    Fork,
    /// A program has opened it or runs it: what it proposes to run has not been seen by a person yet.
    Bot,
}

impl Happened {
    /// Why this pull request gets no cloud, if so.
    #[must_use]
    pub fn offline(&self, pull: &PullRequest) -> Option<Offline> {
        if pull.from_fork() {
            Some(Offline::Fork)
        } else if pull.by_bot || is_bot(&pull.author) || is_bot(&self.run.actor) {
            Some(Offline::Bot)
        } else {
            None
        }
    }

    /// Whether the run is on the default branch itself.
    #[must_use]
    pub fn on_default_branch(&self) -> bool {
        self.run.reference.strip_prefix("refs/heads/") == Some(&self.default_branch)
    }
}

/// Whether a login is a program's: apps' logins end in `[bot]`, and Renovate can run as a plain user.
#[must_use]
pub fn is_bot(login: &str) -> bool {
    let login = login.to_ascii_lowercase();
    login.ends_with("[bot]") || matches!(login.as_str(), "dependabot" | "renovate" | "renovate-bot")
}

/// A merge group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeGroup {
    /// What would become the base branch's commit.
    pub head_sha: String,
    /// What is its commit now.
    pub base_sha: String,
    /// `refs/heads/main`.
    pub base_ref: String,
}

/// Commits that came to a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The branch's commit before; none for a new branch.
    pub before: Option<String>,
    /// And after.
    pub after: String,
    /// Whether history was rewritten.
    pub forced: bool,
    /// Whether the branch was deleted.
    pub deleted: bool,
}

/// Reads what happened. `variable` gives the runner's variables, `payload` the content of `GITHUB_EVENT_PATH`.
///
/// # Errors
/// An event that is not for rem-ci, or a payload that is not GitHub's.
pub fn read(variable: &dyn Fn(&str) -> Option<String>, payload: &[u8]) -> Result<Happened, Box<Problem>> {
    let name = needed(variable, "GITHUB_EVENT_NAME")?;
    known(&name)?;
    if payload.len() as u64 > MAX_PAYLOAD {
        return Err(payload_problem("is longer than GitHub makes them"));
    }
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|error| payload_problem(&format!("cannot be read: {error}")))?;
    let run = run(variable)?;
    let repository = payload.repository.clone().unwrap_or_default();
    if repository.id.is_some_and(|id| id != run.repository_id) {
        return Err(payload_problem("is of another repository than GITHUB_REPOSITORY_ID says"));
    }
    // A schedule runs on the default branch alone, so its own ref says which that is, should the payload not.
    let branch = run.reference.strip_prefix("refs/heads/").filter(|_| name == "schedule").map(str::to_owned);
    let default_branch = repository.default_branch.or(branch).unwrap_or_default();
    if !branch_name(&default_branch) {
        return Err(payload_problem("does not say what the default branch is"));
    }
    let event = match name.as_str() {
        "pull_request" => Event::PullRequest(Box::new(pull_request(&payload)?)),
        "merge_group" => Event::MergeGroup(merge_group(&payload)?),
        "push" => Event::Push(push(&payload)?),
        "workflow_dispatch" => Event::Dispatch,
        _ => Event::Schedule,
    };
    Ok(Happened { run, default_branch, public: repository.private == Some(false), event })
}

/// Refuses events by name, before anything else of them is looked at.
///
/// # Errors
/// Why there is nothing to be done on it.
pub fn known(name: &str) -> Result<(), Box<Problem>> {
    match name {
        "pull_request" | "merge_group" | "push" | "workflow_dispatch" | "schedule" => Ok(()),
        "pull_request_target" | "workflow_run" => {
            let title = format!("`{name}` gives a pull request's code the rights of the default branch");
            let help = "use `on: pull_request`, as the workflows that `rem-ci init` writes do";
            Err(Box::new(Problem::error("event-refused", title, help)))
        }
        other => {
            let title = format!("nothing is to be done on `{other}`");
            let help = "use pull_request (plan), merge_group (plan again), push (apply), workflow_dispatch (destroy, apply) or schedule (drift)";
            Err(Box::new(Problem::error("event-unknown", title, help)))
        }
    }
}

fn needed(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<String, Box<Problem>> {
    variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
        let help = "`rem-ci action` is what action.yml starts in a GitHub workflow; on a laptop use plan, apply, destroy and drift";
        Box::new(Problem::error("not-a-workflow", format!("{name} is not set"), help))
    })
}

fn run(variable: &dyn Fn(&str) -> Option<String>) -> Result<Run, Box<Problem>> {
    let number = |name: &str| -> Result<u64, Box<Problem>> {
        needed(variable, name)?.parse().map_err(|_| payload_problem(&format!("comes with a {name} that is no number")))
    };
    let repository = needed(variable, "GITHUB_REPOSITORY")?;
    if !repository_name(&repository) {
        return Err(payload_problem("comes with a GITHUB_REPOSITORY that is not OWNER/NAME"));
    }
    let url = |name: &str, default: &str| {
        let url = variable(name).filter(|url| !url.is_empty()).unwrap_or_else(|| default.to_owned());
        url.trim_end_matches('/').to_owned()
    };
    Ok(Run {
        server_url: url("GITHUB_SERVER_URL", "https://github.com"),
        api_url: url("GITHUB_API_URL", "https://api.github.com"),
        repository_id: number("GITHUB_REPOSITORY_ID")?,
        repository,
        sha: commit(&needed(variable, "GITHUB_SHA")?)?,
        reference: needed(variable, "GITHUB_REF")?,
        id: number("GITHUB_RUN_ID")?,
        number: variable("GITHUB_RUN_NUMBER").and_then(|number| number.parse().ok()).unwrap_or_default(),
        attempt: u32::try_from(number("GITHUB_RUN_ATTEMPT")?).unwrap_or(u32::MAX),
        actor: needed(variable, "GITHUB_ACTOR")?,
    })
}

fn payload_problem(what: &str) -> Box<Problem> {
    let help = "GITHUB_EVENT_PATH names the file that the runner has written; nothing else may write it";
    Box::new(Problem::error("event-payload", format!("the event's payload {what}"), help))
}

/// Whether a text is a commit's name in full.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn commit(text: &str) -> Result<String, Box<Problem>> {
    if is_commit(text) {
        return Ok(text.to_owned());
    }
    Err(payload_problem(&format!("names `{text}`, which is no commit")))
}

/// Whether a text can be a branch's name: what git allows, less what a shell or an option parser would mind
/// (<https://git-scm.com/docs/git-check-ref-format>).
#[must_use]
pub fn branch_name(text: &str) -> bool {
    let strange = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    !text.is_empty()
        && text.len() <= 255
        && !text.starts_with(['-', '/', '.'])
        && !text.ends_with(['/', '.'])
        && !text.contains("..")
        && !text.contains("@{")
        && !text.chars().any(strange)
}

fn branch(text: &str) -> Result<String, Box<Problem>> {
    if branch_name(text) {
        return Ok(text.to_owned());
    }
    Err(payload_problem(&format!("names `{text}`, which is no branch")))
}

fn repository_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 100
            && !matches!(part, "." | "..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

#[derive(Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Option<Repository>,
    pull_request: Option<Pull>,
    merge_group: Option<Group>,
    before: Option<String>,
    after: Option<String>,
    forced: Option<bool>,
    deleted: Option<bool>,
}

#[derive(Clone, Default, Deserialize)]
struct Repository {
    id: Option<u64>,
    default_branch: Option<String>,
    private: Option<bool>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    head: Side,
    base: Side,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Side {
    sha: String,
    #[serde(rename = "ref")]
    reference: String,
    repo: Option<SideRepository>,
}

#[derive(Deserialize)]
struct SideRepository {
    id: u64,
}

#[derive(Deserialize)]
struct User {
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Group {
    head_sha: String,
    base_sha: String,
    base_ref: String,
}

fn pull_request(payload: &Payload) -> Result<PullRequest, Box<Problem>> {
    let pull = payload.pull_request.as_ref().ok_or_else(|| payload_problem("has no pull request in it"))?;
    let base_repository = pull.base.repo.as_ref().ok_or_else(|| payload_problem("does not say what it goes to"))?;
    // An account that was deleted shows as none: nobody vouches for it, which is as much as a program.
    let author = pull.user.as_ref().map(|user| user.login.clone()).unwrap_or_default();
    let by_bot = pull.user.as_ref().is_none_or(|user| user.kind.as_deref() == Some("Bot"));
    Ok(PullRequest {
        action: payload.action.clone().unwrap_or_default(),
        number: pull.number,
        head_sha: commit(&pull.head.sha)?,
        head_repository: pull.head.repo.as_ref().map(|repository| repository.id),
        base_ref: branch(&pull.base.reference)?,
        base_sha: commit(&pull.base.sha)?,
        base_repository: base_repository.id,
        author,
        by_bot,
    })
}

fn merge_group(payload: &Payload) -> Result<MergeGroup, Box<Problem>> {
    let group = payload.merge_group.as_ref().ok_or_else(|| payload_problem("has no merge group in it"))?;
    let base = group.base_ref.strip_prefix("refs/heads/").unwrap_or(&group.base_ref);
    Ok(MergeGroup { head_sha: commit(&group.head_sha)?, base_sha: commit(&group.base_sha)?, base_ref: branch(base)? })
}

fn push(payload: &Payload) -> Result<Push, Box<Problem>> {
    // Of a branch that was just made: forty noughts.
    let before = payload.before.as_deref().filter(|before| before.bytes().any(|byte| byte != b'0'));
    Ok(Push {
        before: before.map(commit).transpose()?,
        after: commit(payload.after.as_deref().unwrap_or_default())?,
        forced: payload.forced == Some(true),
        deleted: payload.deleted == Some(true),
    })
}

#[cfg(test)]
mod tests;
