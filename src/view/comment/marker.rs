//! Line 1 of the comment: an HTML comment with JSON in base64url, by which it is found again and told old from new.
//!
//! It is no approval and proves nothing: anyone with write access can edit a comment of a bot.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::stage::Origin;
use crate::view::markdown::mark;
use crate::view::text::code;

/// The version of what is in the marker.
const FORMAT: &str = "rem-ci/comment/v1";

/// What line 1 holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// `rem-ci/comment/v1`.
    pub format: String,
    /// By name.
    pub environments: BTreeMap<String, Entry>,
}

/// Where an environment stands, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// A plan is being made.
    Planning,
    /// A plan was made.
    Planned,
    /// It waits at a gate.
    Waiting,
    /// It is being applied.
    Applying,
    /// It was applied and verified.
    Done,
    /// Something failed.
    Failed,
    /// It was stopped half-way.
    Interrupted,
    /// It was not begun.
    Refused,
    /// Something else was applied since the plan was made.
    Stale,
    /// It was planned without AWS.
    Offline,
}

/// A run of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// GitHub's id.
    pub id: u64,
    /// The number that people see.
    pub number: u64,
    /// From 1.
    pub attempt: u32,
    /// Where it is seen.
    pub url: String,
}

impl Run {
    /// `[run 42](https://…)`; without the link where the address is not a plain one.
    #[must_use]
    pub fn link(&self) -> String {
        let attempt = if self.attempt > 1 { format!(".{}", self.attempt) } else { String::new() };
        let name = format!("run {}{attempt}", self.number);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/?=&%".contains(c);
        let web = self.url.starts_with("https://") || self.url.starts_with("http://127.0.0.1");
        if web && self.url.chars().all(plain) && self.url.len() < 300 {
            format!("[{name}]({})", self.url)
        } else {
            name
        }
    }
}

/// Where an environment stands and who says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// In one word.
    pub stage: Word,
    /// The commit that this is about.
    pub head: String,
    /// The base branch's commit that it was merged with.
    pub base_sha: String,
    /// By which run.
    pub run: Run,
    /// When that attempt of the run began, in seconds since 1970. What began later wins.
    pub began: i64,
    /// When this was written.
    pub at: i64,
    /// `sha256:…` of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_digest: Option<String>,
    /// `sha256:…` of what went into it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_digest: Option<String>,
    /// AWS region.
    #[serde(default)]
    pub region: String,
    /// Numbers for verdict and table.
    #[serde(default)]
    pub figures: Figures,
    /// The first 16 hex digits of a hash of the environment's own parts.
    #[serde(default)]
    pub seal: String,
}

/// Numbers for verdict and table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// To create.
    pub create: usize,
    /// To change.
    pub change: usize,
    /// To replace.
    pub replace: usize,
    /// To destroy.
    pub delete: usize,
    /// To wait for.
    pub settle: usize,
    /// Not known.
    pub unknown: usize,
    /// Findings that stop an apply.
    pub errors: usize,
    /// Findings that open something.
    pub widens: usize,
    /// Usual seconds of an apply.
    pub seconds: u64,
    /// USD a month after; none where a price is missing.
    pub monthly: Option<rust_decimal::Decimal>,
    /// USD a month more; none where a price is missing.
    pub delta: Option<rust_decimal::Decimal>,
    /// Seconds that an apply took, or has taken.
    pub took: u64,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub steps: usize,
    /// Checks that hold.
    pub good: usize,
    /// Checks in all.
    pub checks: usize,
}

impl Figures {
    /// Everything that would be done.
    #[must_use]
    pub const fn changes(&self) -> usize {
        self.create
            .saturating_add(self.change)
            .saturating_add(self.replace)
            .saturating_add(self.delete)
            .saturating_add(self.settle)
    }
}

impl Entry {
    /// Whether the run that wrote this began after another.
    #[must_use]
    pub fn newer_than(&self, origin: &Origin) -> bool {
        (self.began, self.run.id, self.run.attempt) > (origin.began, origin.run.id, origin.run.attempt)
    }
}

impl Marker {
    /// A marker of this version.
    #[must_use]
    pub fn new(environments: BTreeMap<String, Entry>) -> Self {
        Self { format: FORMAT.to_owned(), environments }
    }

    /// The line, with its end.
    #[must_use]
    pub fn encode(&self) -> String {
        mark::encode(self)
    }

    /// The marker of a comment: its first line, whole, or nothing.
    #[must_use]
    pub fn decode(body: &str) -> Option<Self> {
        mark::decode::<Self>(body).filter(|marker| marker.format == FORMAT)
    }

    /// Without all that can be done without.
    pub(super) fn short(&self) -> Self {
        let bare = |entry: &Entry| Entry {
            base_sha: String::new(),
            input_digest: None,
            figures: Figures::default(),
            run: Run { url: String::new(), ..entry.run.clone() },
            ..entry.clone()
        };
        Self::new(self.environments.iter().map(|(name, entry)| (name.clone(), bare(entry))).collect())
    }
}

/// A short hash of an environment's parts as they stand in the comment.
pub(super) fn seal(parts: &[String; 3]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.trim().as_bytes());
        hash.update([0]);
    }
    hex::encode(&hash.finalize()[..8])
}

/// `abc1234`.
pub(super) fn short_sha(sha: &str) -> String {
    code(&sha.chars().take(7).collect::<String>())
}
