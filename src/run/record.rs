//! What is written down between runs: what is being applied, so that a run after a crash goes on under the same approval; and
//! what was applied last, which drift compares with.

use serde::{Deserialize, Serialize};

use crate::cloud::Store;
use crate::config::Spec;
use crate::engine::{Canonical, Failure};

/// Where an environment stands between runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// An apply began and has not ended well.
    Applying,
    /// A destroy began and has not ended well.
    Destroying,
    /// The last apply ended well.
    Done,
}

/// The document `records/ENV.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// `rem-ci/record/v1`.
    pub format: String,
    /// The environment.
    pub environment: String,
    /// Its stack id: a record of another owner's environment of the same name does not count.
    pub stack: String,
    /// See [`State`].
    pub state: State,
    /// Digest of the plan that was approved.
    pub approval: String,
    /// Makes the approval's client tokens its own: a later apply of an equal plan must not be answered with resources
    /// that have been deleted since.
    pub nonce: String,
    /// The approved plan; believed only if it hashes to `approval`.
    pub plan: Canonical,
    /// What was being applied.
    pub spec: Spec,
    /// RFC 3339.
    pub started: String,
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// The commit whose apply was the last that ended well, where one was known: what was merged since then is still to be
    /// applied, and its approvals still hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

fn key(environment: &str) -> String {
    format!("records/{environment}.json")
}

impl Record {
    /// Reads an environment's record.
    ///
    /// # Errors
    /// If the store does not answer. A record of another format counts as none.
    pub async fn read(store: &Store, environment: &str, stack: &str) -> Result<Option<Self>, Failure> {
        Ok(Self::read_any(store, environment).await?.filter(|record| record.stack == stack))
    }

    /// Reads the record under an environment's name, whichever stack it is of.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_any(store: &Store, environment: &str) -> Result<Option<Self>, Failure> {
        let stored = store.get(&key(environment)).await?;
        let record: Option<Self> = stored.and_then(|stored| serde_json::from_slice(&stored.body).ok());
        Ok(record.filter(|record| record.format == "rem-ci/record/v1"))
    }

    /// Writes it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn write(&self, store: &Store) -> Result<(), Failure> {
        let body = serde_json::to_vec(self).map_err(|error| Failure::fatal("record", error.to_string()))?;
        store.put(&key(&self.environment), body, None).await.map(drop)
    }

    /// Removes it.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn remove(store: &Store, environment: &str) -> Result<(), Failure> {
        store.delete(&key(environment)).await
    }

    /// Whether the last run did not end well.
    #[must_use]
    pub fn incomplete(&self) -> bool {
        self.state != State::Done
    }
}

/// The last record of an environment in a world, if there is one.
///
/// # Errors
/// If the store does not answer.
pub async fn recorded(world: &super::World, spec: &Spec) -> Result<Option<Record>, super::Halt> {
    let id = crate::model::Identity::of(spec);
    match &world.store {
        Some(store) => Ok(Record::read(store, &id.environment, &id.stack).await?),
        None => Ok(None),
    }
}
