//! Pull requests. <https://docs.github.com/en/rest/pulls/pulls>

use std::time::Duration;

use serde::Deserialize;

use super::client::{Call, Client, User, segment};
use super::commits::Commit;
use super::error::{Error, Kind};
use crate::engine::wait::pause;

const GET: Call = Call { does: "read the pull request", needs: "pull-requests: read" };
const FILES: Call = Call { does: "list the files of the pull request", needs: "pull-requests: read" };
const OF_COMMIT: Call = Call { does: "find the pull requests of a commit", needs: "pull-requests: read" };
const OPEN: Call = Call { does: "list the open pull requests", needs: "pull-requests: read" };
const REVIEWS: Call = Call { does: "list the reviews of the pull request", needs: "pull-requests: read" };
const COMMITS: Call = Call { does: "list the commits of the pull request", needs: "pull-requests: read" };

/// "Responses include a maximum of 3000 files."
const MOST_FILES: usize = 3000;

/// How the list of a commit's pull requests is asked for again: it lags behind a merge.
const LAG: [u64; 5] = [1, 2, 4, 8, 15];

/// An account that something belongs to.
pub type Account = User;

/// A repository, as a side of a pull request names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SideRepository {
    /// Never changes.
    pub id: u64,
    /// `octo/app`.
    pub full_name: String,
    /// Whether it is a fork of something.
    #[serde(default)]
    pub fork: bool,
}

/// One side of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Side {
    /// The branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// Its commit. Of the base: as it was at the last push to the head, not as it is now.
    pub sha: String,
    /// Nothing, if the repository is gone.
    pub repo: Option<SideRepository>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// `7`.
    pub number: u64,
    /// `open`, `closed`.
    pub state: String,
    /// As its author wrote it.
    pub title: String,
    /// Nobody, if the account is gone.
    pub user: Option<Account>,
    /// Where it comes from.
    pub head: Side,
    /// Where it goes.
    pub base: Side,
    /// What it became on the base, once merged; before that, a trial merge.
    pub merge_commit_sha: Option<String>,
    /// RFC 3339; nothing while it is not merged.
    pub merged_at: Option<String>,
    /// Nobody but GitHub looks at it yet.
    #[serde(default, deserialize_with = "super::client::or_default")]
    pub draft: bool,
    /// Where people read it.
    pub html_url: String,
    /// In the answer about one pull request only.
    pub changed_files: Option<usize>,
}

impl Pull {
    /// Whether its head is in another repository than its base, or in one that is gone.
    #[must_use]
    pub fn from_fork(&self) -> bool {
        match (&self.head.repo, &self.base.repo) {
            (Some(head), Some(base)) => head.id != base.id,
            _ => true,
        }
    }

    /// Whether it was merged. The lists have no `merged`; `merged_at` is in all.
    #[must_use]
    pub fn merged(&self) -> bool {
        self.merged_at.is_some()
    }
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Changed {
    /// From the repository's root.
    pub filename: String,
    /// `added`, `removed`, `modified`, `renamed`, `copied`, `changed`, `unchanged`.
    pub status: String,
    /// Its name before it was renamed.
    pub previous_filename: Option<String>,
}

/// The files that a pull request changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// All that GitHub tells.
    pub files: Vec<Changed>,
    /// Whether that is all: GitHub tells 3,000 at most.
    pub complete: bool,
}

/// A review.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Review {
    /// Nobody, if the account is gone.
    pub user: Option<Account>,
    /// `APPROVED`, `CHANGES_REQUESTED`, `COMMENTED`, `DISMISSED`, `PENDING`.
    pub state: String,
    /// The commit that was looked at.
    pub commit_id: Option<String>,
    /// RFC 3339.
    pub submitted_at: Option<String>,
    /// `OWNER`, `MEMBER`, `COLLABORATOR`, `CONTRIBUTOR`, `NONE`, …
    #[serde(default)]
    pub author_association: String,
}

impl Client {
    /// One pull request.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pull(&self, number: u64) -> Result<Pull, Error> {
        self.get(&GET, &self.path(&format!("/pulls/{number}"))).await
    }

    /// The files that a pull request changes.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pull_files(&self, number: u64) -> Result<Files, Error> {
        let files: Vec<Changed> = self.list(&FILES, &self.path(&format!("/pulls/{number}/files"))).await?;
        let complete = files.len() < MOST_FILES;
        Ok(Files { files, complete })
    }

    /// The commits of a pull request, the oldest first; GitHub tells 250 at most.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pull_commits(&self, number: u64) -> Result<Vec<Commit>, Error> {
        self.list(&COMMITS, &self.path(&format!("/pulls/{number}/commits"))).await
    }

    /// The reviews of a pull request, the oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        self.list(&REVIEWS, &self.path(&format!("/pulls/{number}/reviews"))).await
    }

    /// The pull requests that a commit belongs to, or that it is the merge of. Once, without patience.
    /// <https://docs.github.com/en/rest/commits/commits#list-pull-requests-associated-with-a-commit>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pulls_of(&self, sha: &str) -> Result<Vec<Pull>, Error> {
        self.list(&OF_COMMIT, &self.path(&format!("/commits/{}/pulls", segment(sha)))).await
    }

    /// The pull requests of a commit that was just pushed: asked for again, for half a minute, until one fits. The list lags
    /// behind a merge, and where it is kept the commit itself may not be known yet. What does not fit in the end comes back all the same: it may be a direct push.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pulls_of_push(&self, sha: &str, fits: impl Fn(&Pull) -> bool) -> Result<Vec<Pull>, Error> {
        let mut waits = LAG.iter();
        loop {
            let pulls = self.pulls_of(sha).await;
            let unknown = matches!(&pulls, Err(error) if matches!(error.kind, Kind::NotFound | Kind::Rejected(422)));
            if !unknown && pulls.as_ref().map_or(true, |pulls| pulls.iter().any(&fits)) {
                return pulls;
            }
            let Some(wait) = waits.next() else { return pulls };
            pause(Duration::from_secs(*wait)).await;
        }
    }

    /// The open pull requests that go to a branch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_pulls(&self, base: &str) -> Result<Vec<Pull>, Error> {
        self.list(&OPEN, &self.path(&format!("/pulls?state=open&base={}", segment(base)))).await
    }
}
