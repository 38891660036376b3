//! Whose API it is, and the token.

use http::Uri;
use secrecy::SecretString;

use super::error::Error;

/// Who a workflow's own token writes as.
pub const BOT: &str = "github-actions[bot]";

/// A GitHub server's API. Not printable: it holds the token.
#[derive(Clone)]
pub struct Server {
    pub(super) api: Uri,
    pub(super) token: SecretString,
    pub(super) bot: String,
}

impl Server {
    /// The API at `api_url` of the server at `server_url`, both as a runner names them: `https://api.github.com` and
    /// `https://github.com`, `https://HOST/api/v3` and `https://HOST`, `https://api.NAME.ghe.com` and `https://NAME.ghe.com`.
    /// The token goes nowhere else: to that host, to its `api.` neighbour, or to this machine (security rule R5).
    ///
    /// # Errors
    /// If the API is anywhere else, or not behind TLS.
    pub fn new(server_url: &str, api_url: &str, token: SecretString) -> Result<Self, Error> {
        let odd = |url: &str| Error::endpoint(format!("{url:?} is not the address of a server"));
        let api: Uri = api_url.trim_end_matches('/').parse().map_err(|_| odd(api_url))?;
        let host = api.host().ok_or_else(|| odd(api_url))?.to_ascii_lowercase();
        if api.query().is_some() || api.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(odd(api_url));
        }
        let loopback = crate::cloud::kubernetes::road::loopback(&host);
        if !loopback {
            let server: Uri = server_url.parse().map_err(|_| odd(server_url))?;
            let own = server.host().ok_or_else(|| odd(server_url))?.to_ascii_lowercase();
            if host != own && host != format!("api.{own}") {
                return Err(Error::endpoint(format!("{api_url} is not the API of {server_url}")));
            }
        }
        match api.scheme_str() {
            Some("https") => {}
            Some("http") if loopback => {}
            _ => return Err(Error::endpoint(format!("{api_url} is not https"))),
        }
        Ok(Self { api, token, bot: BOT.to_owned() })
    }

    /// From what a runner sets: `GITHUB_SERVER_URL`, `GITHUB_API_URL` and, handed on by the action, `GITHUB_TOKEN`.
    ///
    /// # Errors
    /// See [`Self::new`]; if there is no token.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let server = set("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
        let api = set("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
        let token = set("GITHUB_TOKEN").ok_or_else(Error::no_token)?;
        Self::new(&server, &api, SecretString::from(token))
    }

    /// Writes as somebody else than [`BOT`]: the bot of a GitHub App whose token this is.
    #[must_use]
    pub fn writing_as(mut self, login: impl Into<String>) -> Self {
        self.bot = login.into();
        self
    }

    /// The API's address.
    #[must_use]
    pub fn api(&self) -> &Uri {
        &self.api
    }
}

/// A repository's name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repo {
    /// The user or organisation.
    pub owner: String,
    /// Without the owner.
    pub name: String,
}

impl Repo {
    /// From `owner/name`, as `GITHUB_REPOSITORY` has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |part: &str| {
            !part.is_empty()
                && !matches!(part, "." | "..")
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let (owner, name) = text.split_once('/')?;
        (plain(owner) && plain(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

impl std::fmt::Display for Repo {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(server: &str, api: &str) -> Result<Server, Error> {
        Server::new(server, api, SecretString::from("t"))
    }

    #[test]
    fn the_token_goes_to_the_servers_own_api_and_to_this_machine() {
        for (server, api) in [
            ("https://github.com", "https://api.github.com"),
            ("https://git.example.org", "https://git.example.org/api/v3"),
            ("https://octo.ghe.com", "https://api.octo.ghe.com/"),
            ("https://github.com", "http://127.0.0.1:8080/api/v3"),
            ("https://github.com", "http://localhost:8080"),
        ] {
            assert!(made(server, api).is_ok(), "{server} {api}");
        }
    }

    #[test]
    fn the_token_goes_nowhere_else() {
        for (server, api) in [
            ("https://github.com", "https://api.github.com.example.org"),
            ("https://github.com", "https://example.org/api.github.com"),
            ("https://github.com", "http://api.github.com"),
            ("https://github.com", "https://api.github.com@example.org"),
            ("https://github.com", "https://user@api.github.com"),
            ("https://github.com", "ftp://127.0.0.1/"),
            ("https://github.com", "api.github.com"),
            ("https://git.example.org", "https://api.github.com"),
            ("https://github.com", "https://127.0.0.1.example.org"),
        ] {
            assert!(made(server, api).is_err(), "{server} {api}");
        }
    }

    #[test]
    fn a_repository_is_two_plain_words() {
        assert_eq!(Repo::parse("octo/app.js").expect("a name").to_string(), "octo/app.js");
        for odd in ["octo", "octo/", "/app", "octo/app/x", "octo/..", "octo/a b", "octo/a%2fb", "octo/a?x"] {
            assert_eq!(Repo::parse(odd), None, "{odd}");
        }
    }

    #[test]
    fn without_a_token_it_says_so() {
        let error = Server::of(|_| None).err().expect("no token");
        assert!(error.to_string().contains("GITHUB_TOKEN"), "{error}");
        assert!(Server::of(|name| (name == "GITHUB_TOKEN").then(|| "t".to_owned())).is_ok());
    }
}
