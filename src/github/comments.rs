//! Comments of an issue or pull request. <https://docs.github.com/en/rest/issues/comments>

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client, Request, User};
use super::error::Error;
use super::retry::Course;

const LIST: Call = Call { does: "list the comments", needs: "pull-requests: read" };
const CREATE: Call = Call { does: "create a comment", needs: "pull-requests: write" };
const UPDATE: Call = Call { does: "update a comment", needs: "pull-requests: write" };
const DELETE: Call = Call { does: "delete a comment", needs: "pull-requests: write" };

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Comment {
    /// Grows with time: the smaller one is the older one.
    pub id: u64,
    /// Markdown.
    #[serde(default, deserialize_with = "super::client::or_default")]
    pub body: String,
    /// Nobody, if the account is gone.
    pub user: Option<User>,
    /// Where people read it.
    pub html_url: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339.
    pub updated_at: String,
}

impl Client {
    /// All comments, the oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn comments(&self, issue: u64) -> Result<Vec<Comment>, Error> {
        self.list(&LIST, &self.path(&format!("/issues/{issue}/comments"))).await
    }

    /// One comment; `None` if it is gone.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn comment(&self, id: u64) -> Result<Option<Comment>, Error> {
        found(self.get(&LIST, &self.path(&format!("/issues/comments/{id}"))).await)
    }

    /// Writes a new comment. After a lost answer it is looked for among the newer ones by `same`, before it is sent again.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn create_comment(
        &self,
        issue: u64,
        body: &str,
        same: impl Fn(&Comment) -> bool,
    ) -> Result<Comment, Error> {
        self.write_comment(issue, body, same, true).await
    }

    /// `paced: false` does not wait for its turn.
    pub(super) async fn write_comment(
        &self,
        issue: u64,
        body: &str,
        same: impl Fn(&Comment) -> bool,
        paced: bool,
    ) -> Result<Comment, Error> {
        let path = self.path(&format!("/issues/{issue}/comments"));
        let mut request = Request::new(Method::POST, path, Some(json!({ "body": body })));
        request.paced = paced;
        let look = async || {
            let all = self.comments(issue).await?;
            Ok(all.into_iter().rev().find(|comment| self.wrote(comment.user.as_ref()) && same(comment)))
        };
        self.create(&CREATE, &request, look).await
    }

    /// Writes a comment anew, in one try and without waiting for its turn: others write it too. Whether it is done; if not, it
    /// may be gone, or perhaps it is done all the same.
    pub(super) async fn update_comment(&self, id: u64, body: &str, course: &mut Course) -> Result<bool, Error> {
        let path = self.path(&format!("/issues/comments/{id}"));
        let mut request = Request::new(Method::PATCH, path, Some(json!({ "body": body })));
        request.paced = false;
        Ok(found(self.once_more(&UPDATE, &request, course).await)?.flatten().is_some())
    }

    /// Takes a comment away; one that is gone already is fine.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delete_comment(&self, id: u64) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, self.path(&format!("/issues/comments/{id}")), None::<Value>);
        found(self.send(&DELETE, &request).await).map(|_| ())
    }
}

/// `None` where it is not there.
pub(super) fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
