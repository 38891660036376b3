//! Issues; one of ours, found by a marker. <https://docs.github.com/en/rest/issues/issues>

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client, Request, User, segment};
use super::comments::Comment;
use super::error::Error;

const LIST: Call = Call { does: "list the issues", needs: "issues: read" };
const CREATE: Call = Call { does: "open an issue", needs: "issues: write" };
const UPDATE: Call = Call { does: "change an issue", needs: "issues: write" };

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// `rem-ci:drift`.
    pub name: String,
}

/// An issue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// `7`.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    #[serde(default, deserialize_with = "super::client::or_default")]
    pub body: String,
    /// `open`, `closed`.
    pub state: String,
    /// Nobody, if the account is gone.
    pub user: Option<User>,
    /// Its labels.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Where people read it.
    pub html_url: String,
    /// There for what is a pull request: GitHub lists them among the issues.
    #[serde(default)]
    pub pull_request: Option<Value>,
}

impl Issue {
    /// Whether it is open.
    #[must_use]
    pub fn open(&self) -> bool {
        self.state == "open"
    }
}

/// What an issue of which there is one should say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// One line.
    pub title: String,
    /// Markdown; its first line is the marker.
    pub body: String,
    /// What it is found by. GitHub makes a label that is not there.
    pub label: String,
}

impl Marked {
    /// The marker.
    fn line(&self) -> &str {
        self.body.lines().next().unwrap_or_default()
    }
}

impl Client {
    /// The issues with a label, open and closed, without pull requests, the newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn issues(&self, label: &str) -> Result<Vec<Issue>, Error> {
        let path = self.path(&format!("/issues?state=all&labels={}", segment(label)));
        let mut all: Vec<Issue> = self.list(&LIST, &path).await?;
        all.retain(|issue| issue.pull_request.is_none());
        Ok(all)
    }

    /// Ours among them, by author and first line: an open one, else the newest. Whoever else writes that line is not looked at.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn marked_issue(&self, label: &str, marker: &str) -> Result<Option<Issue>, Error> {
        let ours = self.ours_marked(label, marker).await?;
        Ok(ours.iter().rfind(|issue| issue.open()).or(ours.last()).cloned())
    }

    /// Ours, the oldest first.
    async fn ours_marked(&self, label: &str, marker: &str) -> Result<Vec<Issue>, Error> {
        let mut all = self.issues(label).await?;
        all.retain(|issue| self.wrote(issue.user.as_ref()) && issue.body.lines().next() == Some(marker));
        all.sort_by_key(|issue| issue.number);
        Ok(all)
    }

    /// Opens the one issue, or opens it again, or changes what it says. Two runs at once may both open one: the younger is
    /// closed again by whoever comes next.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_issue(&self, marked: &Marked) -> Result<Issue, Error> {
        let ours = self.ours_marked(&marked.label, marked.line()).await?;
        let open: Vec<&Issue> = ours.iter().filter(|issue| issue.open()).collect();
        for twin in open.iter().skip(1) {
            self.close(twin.number, "duplicate").await?;
        }
        match open.first().copied().or(ours.last()) {
            Some(issue) if issue.open() && issue.title == marked.title && issue.body == marked.body => {
                Ok(issue.clone())
            }
            Some(issue) => {
                let mut body = json!({ "title": marked.title, "body": marked.body });
                if !issue.open() {
                    body["state"] = json!("open");
                    body["state_reason"] = json!("reopened");
                }
                self.change(&UPDATE, Method::PATCH, &self.path(&format!("/issues/{}", issue.number)), body).await
            }
            None => self.open_issue(marked).await,
        }
    }

    async fn open_issue(&self, marked: &Marked) -> Result<Issue, Error> {
        let body = json!({ "title": marked.title, "body": marked.body, "labels": [marked.label] });
        let request = Request::new(Method::POST, self.path("/issues"), Some(body));
        let look = async || self.marked_issue(&marked.label, marked.line()).await.map(|it| it.filter(Issue::open));
        self.create(&CREATE, &request, look).await
    }

    /// Closes the open ones of ours with this marker; says which there were. A last word is written first, if there is one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn close_issue(&self, label: &str, marker: &str, word: Option<&str>) -> Result<Vec<Issue>, Error> {
        let mut closed = Vec::new();
        for issue in self.ours_marked(label, marker).await?.iter().filter(|issue| issue.open()) {
            if let Some(word) = word {
                self.create_comment(issue.number, word, |comment: &Comment| comment.body == word).await?;
            }
            closed.push(self.close(issue.number, "completed").await?);
        }
        Ok(closed)
    }

    async fn close(&self, number: u64, reason: &str) -> Result<Issue, Error> {
        let body = json!({ "state": "closed", "state_reason": reason });
        self.change(&UPDATE, Method::PATCH, &self.path(&format!("/issues/{number}")), body).await
    }
}
