//! Commits and what is between two of them. <https://docs.github.com/en/rest/commits/commits>

use serde::Deserialize;

use super::client::{Call, Client, User, segment};
use super::error::Error;
use super::pulls::Changed;

const GET: Call = Call { does: "read a commit", needs: "contents: read" };
const COMPARE: Call = Call { does: "compare two commits", needs: "contents: read" };

/// "A maximum of 300 files", all on the first page.
const MOST_FILES: usize = 300;

/// A commit's parent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Parent {
    /// 40 hex digits.
    pub sha: String,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Commit {
    /// 40 hex digits.
    pub sha: String,
    /// Two or more: a merge.
    #[serde(default)]
    pub parents: Vec<Parent>,
    /// GitHub's account of its author, if it knows one.
    #[serde(default, deserialize_with = "user")]
    pub author: Option<User>,
}

/// An author without an account is null, or an empty object.
fn user<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Option<User>, D::Error> {
    let value = Option::<serde_json::Value>::deserialize(given)?;
    Ok(value.and_then(|value| serde_json::from_value(value).ok()))
}

/// What is in one commit's history and not in another's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// `ahead`, `behind`, `identical`, `diverged`.
    pub status: String,
    /// The oldest first.
    pub commits: Vec<Commit>,
    /// What changed since their common ancestor.
    pub files: Vec<Changed>,
    /// Whether those are all commits, and all files.
    pub complete: bool,
    /// Their common ancestor.
    pub merge_base: String,
}

#[derive(Deserialize)]
struct Page {
    status: String,
    total_commits: usize,
    commits: Vec<Commit>,
    #[serde(default)]
    files: Vec<Changed>,
    merge_base_commit: Parent,
}

impl Client {
    /// A commit, by its digits or the name of a branch.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn commit(&self, name: &str) -> Result<Commit, Error> {
        self.get(&GET, &self.path(&format!("/commits/{}", segment(name)))).await
    }

    /// What `head` has that `base` has not. <https://docs.github.com/en/rest/commits/commits#compare-two-commits>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn compare(&self, base: &str, head: &str) -> Result<Comparison, Error> {
        let path = self.path(&format!("/compare/{}...{}", segment(base), segment(head)));
        let pages: Vec<Page> = self.pages(&COMPARE, &path).await?;
        let mut found = Comparison {
            status: String::new(),
            commits: Vec::new(),
            files: Vec::new(),
            complete: true,
            merge_base: String::new(),
        };
        let mut total = 0;
        for (at, page) in pages.into_iter().enumerate() {
            if at == 0 {
                found.status = page.status;
                found.merge_base = page.merge_base_commit.sha;
                found.complete = page.files.len() < MOST_FILES;
                found.files = page.files;
                total = page.total_commits;
            }
            found.commits.extend(page.commits);
        }
        found.complete &= found.commits.len() == total;
        Ok(found)
    }
}
