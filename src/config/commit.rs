//! Environment files as another commit has them, from git's objects: the working tree is not touched.

use std::path::Path;

use super::codes::code;
use super::files::{MAX_BYTES, Source};
use super::git::Git;
use crate::problem::Problem;

/// The files of a commit beneath a folder of the working tree.
#[derive(Clone, Debug)]
pub struct Commit {
    git: Git,
    reference: String,
}

impl Commit {
    /// The commit that `reference` names in the repository around `folder`.
    ///
    /// # Errors
    /// When git is not there, or knows no such commit.
    pub fn open(folder: &Path, reference: &str) -> Result<Self, Box<Problem>> {
        let git = Git::new(folder);
        if git.commit(reference)?.is_some() {
            return Ok(Self { git, reference: reference.to_owned() });
        }
        Err(Box::new(Problem::error(
            code::BASE_UNKNOWN,
            format!("`{reference}` is neither a commit that git knows here nor a .yaml file"),
            "name a branch, tag or commit (a shallow checkout may have to fetch it), or a file",
        )))
    }

    /// The files of a tree that is known to be here: one that [`Git::merge`] has written.
    #[must_use]
    pub fn of_tree(folder: &Path, tree: &str) -> Self {
        Self { git: Git::new(folder), reference: tree.to_owned() }
    }
}

/// The repository on GitHub that the remote `origin` names, `OWNER/NAME`; none where there is no such remote, or no git.
#[must_use]
pub fn origin(folder: &Path) -> Option<String> {
    let url = Git::new(folder).ask(&["remote", "get-url", "origin"]).ok()??;
    let url = String::from_utf8(url).ok()?;
    named(url.trim())
}

/// `acme/platform` of `git@github.com:acme/platform.git` and of `https://github.com/acme/platform`.
fn named(url: &str) -> Option<String> {
    let path = url.strip_suffix(".git").unwrap_or(url);
    let mut parts = path.rsplit(['/', ':']);
    let (name, owner) = (parts.next()?, parts.next()?);
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
            && !part.starts_with('.')
    };
    let hosted = parts.next().is_some_and(|host| host.contains(|c: char| c.is_ascii_alphanumeric()));
    (hosted && plain(owner) && plain(name)).then(|| format!("{owner}/{name}"))
}

impl Source for Commit {
    fn read(&self, path: &str) -> Result<Vec<u8>, Box<Problem>> {
        let entry = self.git.ask(&["ls-tree", "--end-of-options", &self.reference, "--", path])?.unwrap_or_default();
        // A link or a submodule is no environment file.
        let regular = entry.starts_with(b"100644 blob ") || entry.starts_with(b"100755 blob ");
        let object = entry.split(u8::is_ascii_whitespace).nth(2).filter(|_| regular);
        let hash = object.and_then(|hash| std::str::from_utf8(hash).ok()).unwrap_or_default();
        let bytes = if hash.is_empty() { None } else { self.git.ask(&["cat-file", "blob", hash])? };
        let missing = || {
            let title = format!("there is no `{path}` in {}", self.reference);
            Box::new(Problem::error(code::FILE_NOT_FOUND, title, "compare with a commit that has it"))
        };
        let bytes = bytes.ok_or_else(missing)?;
        if bytes.len() as u64 > MAX_BYTES {
            let title = format!("`{path}` in {} is bigger than 1 MiB", self.reference);
            return Err(Box::new(Problem::error(
                code::FILE_TOO_BIG,
                title,
                "an environment file is a few hundred lines",
            )));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn a_remote_names_its_repository() {
        for url in [
            "git@github.com:acme/platform.git",
            "https://github.com/acme/platform",
            "https://github.com/acme/platform.git",
            "ssh://git@github.com:22/acme/platform.git",
        ] {
            assert_eq!(named(url).as_deref(), Some("acme/platform"), "{url}");
        }
        for url in
            ["", "platform", "acme/platform", "../acme/platform", "git@host:plat form/x", "https://github.com/acme/"]
        {
            assert_eq!(named(url), None, "{url}");
        }
    }
}
