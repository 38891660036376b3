//! Users and teams, by their names.

use serde::Deserialize;

use super::client::{Call, Client, User, segment};
use super::error::Error;

const USER: Call = Call { does: "look a user up", needs: "metadata: read" };
const TEAM: Call = Call { does: "look a team up", needs: "members: read" };

#[derive(Deserialize)]
struct Team {
    id: u64,
}

impl Client {
    /// A user's number. <https://docs.github.com/en/rest/users/users#get-a-user>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn user_id(&self, login: &str) -> Result<u64, Error> {
        let user: User = self.get(&USER, &format!("/users/{}", segment(login))).await?;
        Ok(user.id)
    }

    /// The number of a team of the repository's owner. <https://docs.github.com/en/rest/teams/teams#get-a-team-by-name>
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn team_id(&self, slug: &str) -> Result<u64, Error> {
        let path = format!("/orgs/{}/teams/{}", segment(&self.inner.repo.owner), segment(slug));
        let team: Team = self.get(&TEAM, &path).await?;
        Ok(team.id)
    }
}
