//! What the repository is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::fault::Fault;
use super::git::Git;
use super::oidc::Job;

/// Who can do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) login: String,
    pub(crate) id: u64,
    /// `User`, `Bot`.
    pub(crate) kind: &'static str,
}

impl Actor {
    pub(crate) fn user(login: &str, id: u64) -> Self {
        Self { login: login.to_owned(), id, kind: "User" }
    }

    pub(crate) fn actions() -> Self {
        Self { login: "github-actions[bot]".to_owned(), id: 41_898_282, kind: "Bot" }
    }
}

/// A token, what it may, and what is left of its hour.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) actor: Actor,
    /// `issues` -> `write`; names as `X-Accepted-GitHub-Permissions` has them.
    pub(crate) permissions: BTreeMap<String, String>,
    pub(crate) remaining: u64,
    pub(crate) limit: u64,
    /// Seconds since 1970.
    pub(crate) reset: i64,
}

impl Token {
    /// A workflow's own token, with the permissions of a job: `"pull_requests=write statuses=write"`.
    pub(crate) fn of_workflow(permissions: &str) -> Self {
        let pair = |pair: &str| {
            let (name, level) = pair.split_once('=').expect("name=level");
            (name.replace('-', "_"), level.to_owned())
        };
        Self {
            actor: Actor::actions(),
            permissions: permissions.split_whitespace().map(pair).collect(),
            remaining: 1000,
            limit: 1000,
            reset: 0,
        }
    }

    /// A person's, who may everything.
    pub(crate) fn of_person(login: &str, id: u64) -> Self {
        let mut token = Self::of_workflow("administration=write");
        for name in ["contents", "pull_requests", "issues", "statuses", "actions", "environments", "metadata"] {
            token.permissions.insert(name.to_owned(), "write".to_owned());
        }
        Self { actor: Actor::user(login, id), remaining: 5000, limit: 5000, ..token }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    /// Of the issue or pull request.
    pub(crate) number: u64,
    pub(crate) body: String,
    pub(crate) author: Actor,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Status {
    pub(crate) id: u64,
    pub(crate) sha: String,
    pub(crate) state: String,
    pub(crate) context: String,
    pub(crate) description: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) creator: Actor,
    pub(crate) created: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Issue {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) open: bool,
    pub(crate) reason: Option<String>,
    pub(crate) labels: BTreeSet<String>,
    pub(crate) author: Actor,
    pub(crate) created: i64,
    pub(crate) updated: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Review {
    pub(crate) author: Actor,
    pub(crate) state: String,
    pub(crate) sha: String,
    pub(crate) at: i64,
}

/// Where the head of a pull request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// In the same repository.
    Own,
    /// In another one: its number and full name.
    Fork(u64, String),
    /// In one that is gone.
    Gone,
}

#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) author: Actor,
    pub(crate) head_branch: String,
    pub(crate) head_sha: String,
    pub(crate) home: Home,
    pub(crate) base_branch: String,
    /// As it was when the head was pushed last.
    pub(crate) base_sha: String,
    pub(crate) open: bool,
    pub(crate) draft: bool,
    pub(crate) merged_at: Option<i64>,
    pub(crate) merge_sha: Option<String>,
    /// What the merge put on the base.
    pub(crate) introduced: Vec<String>,
    pub(crate) reviews: Vec<Review>,
    pub(crate) created: i64,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) id: u64,
    pub(crate) wait_timer: u64,
    pub(crate) prevent_self_review: bool,
    pub(crate) reviewers: Vec<(String, u64)>,
    /// (protected branches, custom policies).
    pub(crate) branches: Option<(bool, bool)>,
    /// (id, name, type).
    pub(crate) policies: Vec<(u64, String, String)>,
}

/// All of it.
pub(crate) struct State {
    /// Where this is served: `https://api.github.com`.
    pub(crate) base: String,
    pub(crate) owner: (String, u64),
    pub(crate) name: String,
    pub(crate) id: u64,
    pub(crate) private: bool,
    pub(crate) default_branch: String,
    pub(crate) git: Git,
    pub(crate) tokens: BTreeMap<String, Token>,
    pub(crate) pulls: BTreeMap<u64, Pull>,
    pub(crate) issues: BTreeMap<u64, Issue>,
    pub(crate) comments: BTreeMap<u64, Comment>,
    pub(crate) statuses: Vec<Status>,
    pub(crate) environments: BTreeMap<String, Environment>,
    /// Of the default branch, each as `rules/branches/{branch}` gives it.
    pub(crate) rules: Vec<Value>,
    /// Branch protection of the older kind, by branch.
    pub(crate) protections: BTreeMap<String, Value>,
    /// As `actions/oidc/customization/sub` gives it.
    pub(crate) claims: Value,
    /// Jobs that may ask for tokens, by their request token.
    pub(crate) jobs: BTreeMap<String, Job>,
    pub(crate) faults: Vec<Fault>,
    /// How long after a merge the pull requests of its commits are not told, in seconds.
    pub(crate) lag: i64,
    /// `METHOD template`, one for each request, also of those that failed.
    pub(crate) calls: Vec<String>,
    /// Seconds since 1970.
    pub(crate) now: i64,
    next: u64,
    numbers: u64,
}

impl State {
    /// `octo/infra`, with a token `ghs_workflow` that may what our workflows ask for, and one commit on `main`.
    pub(crate) fn new() -> Self {
        let may = "metadata=read contents=read actions=read pull_requests=write issues=write statuses=write";
        let mut state = Self {
            base: "https://api.github.com".to_owned(),
            owner: ("octo".to_owned(), 101),
            name: "infra".to_owned(),
            id: 7_001,
            private: true,
            default_branch: "main".to_owned(),
            git: Git::default(),
            tokens: BTreeMap::from([("ghs_workflow".to_owned(), Token::of_workflow(may))]),
            pulls: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            statuses: Vec::new(),
            environments: BTreeMap::new(),
            rules: Vec::new(),
            protections: BTreeMap::new(),
            claims: json!({ "use_default": true, "use_immutable_subject": true, "sub_claim_prefix": "repo:octo@101/infra@7001" }),
            jobs: BTreeMap::new(),
            faults: Vec::new(),
            lag: 0,
            calls: Vec::new(),
            now: 0,
            next: 5_000_000,
            numbers: 0,
        };
        state.git.commit("main", &[("README.md", Some("read me\n"))], "octocat");
        state
    }

    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner.0, self.name)
    }

    /// The next id of anything; ids grow with time.
    pub(crate) fn id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// The next number: issues and pull requests share them.
    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Writes a comment as somebody.
    pub(crate) fn comment(&mut self, number: u64, author: &Actor, body: &str) -> u64 {
        let id = self.id();
        let (now, body) = (self.now, body.to_owned());
        self.comments.insert(id, Comment { id, number, body, author: author.clone(), created: now, updated: now });
        id
    }

    /// Opens an issue as somebody.
    pub(crate) fn issue(&mut self, author: &Actor, title: &str, body: &str, labels: &[&str]) -> u64 {
        let number = self.number();
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let (title, body) = (title.to_owned(), body.to_owned());
        let (created, updated) = (self.now, self.now);
        let author = author.clone();
        self.issues
            .insert(number, Issue { number, title, body, open: true, reason: None, labels, author, created, updated });
        number
    }

    /// Sets a status as somebody: forged ones too.
    pub(crate) fn status(&mut self, sha: &str, context: &str, state: &str, description: &str, creator: &Actor) -> u64 {
        let id = self.id();
        self.statuses.push(Status {
            id,
            sha: sha.to_owned(),
            state: state.to_owned(),
            context: context.to_owned(),
            description: Some(description.to_owned()),
            target_url: None,
            creator: creator.clone(),
            created: self.now,
        });
        id
    }

    /// The comments of an issue or pull request, the oldest first.
    pub(crate) fn comments_of(&self, number: u64) -> Vec<&Comment> {
        self.comments.values().filter(|comment| comment.number == number).collect()
    }

    /// The newest status of a context.
    pub(crate) fn status_of(&self, sha: &str, context: &str) -> Option<&Status> {
        self.statuses.iter().rfind(|status| status.sha == sha && status.context.eq_ignore_ascii_case(context))
    }

    /// How often a call came: `POST /repos/{owner}/{repo}/issues/{issue_number}/comments`.
    pub(crate) fn count(&self, call: &str) -> usize {
        self.calls.iter().filter(|made| made.as_str() == call).count()
    }
}
