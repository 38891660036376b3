//! Commit statuses: append-only, per commit, always shown. <https://docs.github.com/en/rest/commits/statuses>

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Client, Request, User, segment};
use super::error::Error;

const LIST: Call = Call { does: "list the statuses of a commit", needs: "statuses: read" };
const CREATE: Call = Call { does: "set the status of a commit", needs: "statuses: write" };

/// A description may be so long, in characters: "Description is too long (maximum is 140 characters)".
const LONGEST: usize = 140;

/// The states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Something broke.
    Error,
    /// It is not so.
    Failure,
    /// We shall see.
    Pending,
    /// It is so.
    Success,
}

impl State {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Failure => "failure",
            Self::Pending => "pending",
            Self::Success => "success",
        }
    }
}

/// A status of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// Grows with time.
    pub id: u64,
    /// See [`State`].
    pub state: State,
    /// `rem-ci/plan/prod`.
    pub context: String,
    /// Up to 140 characters.
    #[serde(default, deserialize_with = "super::client::or_default")]
    pub description: String,
    /// Where "Details" leads.
    pub target_url: Option<String>,
    /// Any workflow of the repository writes as [`super::BOT`]: this is display, not proof.
    pub creator: Option<User>,
    /// RFC 3339.
    pub created_at: String,
}

/// A status to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStatus {
    /// See [`State`].
    pub state: State,
    /// `rem-ci/plan/prod`.
    pub context: String,
    /// Cut at 140 characters.
    pub description: String,
    /// Where "Details" leads.
    pub target_url: Option<String>,
}

impl NewStatus {
    fn says(&self, status: &Status, description: &str) -> bool {
        self.state == status.state
            && self.context.eq_ignore_ascii_case(&status.context)
            && description == status.description
            && self.target_url == status.target_url
    }
}

impl Client {
    /// All statuses of a commit, the newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn statuses(&self, sha: &str) -> Result<Vec<Status>, Error> {
        self.list(&LIST, &self.path(&format!("/commits/{}/statuses", segment(sha)))).await
    }

    /// The newest status of a context that this client's own bot has set. Contexts are not case-sensitive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self, sha: &str, context: &str) -> Result<Option<Status>, Error> {
        Ok(self.statuses(sha).await?.into_iter().filter(|status| self.sets(status, context)).max_by_key(|it| it.id))
    }

    fn sets(&self, status: &Status, context: &str) -> bool {
        status.context.eq_ignore_ascii_case(context) && self.wrote(status.creator.as_ref())
    }

    /// Sets a status. After a lost answer, it is not set again if the newest of its context says the same.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn set_status(&self, sha: &str, status: &NewStatus) -> Result<Status, Error> {
        let description: String = status.description.chars().take(LONGEST).collect();
        let mut body = json!({ "state": status.state.word(), "context": status.context, "description": description });
        if let Some(url) = &status.target_url {
            body["target_url"] = json!(url);
        }
        let request = Request::new(Method::POST, self.path(&format!("/statuses/{}", segment(sha))), Some(body));
        let look = async || {
            let newest = self.status(sha, &status.context).await?;
            Ok(newest.filter(|newest| status.says(newest, &description)))
        };
        self.create(&CREATE, &request, look).await
    }
}
