//! Folders that nobody else can look into and that go when they are dropped.

use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::env::env;

/// A private folder (0700), removed with all that is in it when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A fresh one: under `RUNNER_TEMP` on a runner, else where the system keeps such things.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> std::io::Result<Self> {
        let parent = env("RUNNER_TEMP").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = parent.join(format!("rem-ci-{:016x}", fastrand::u64(..)));
        // Never one that is there already: somebody else may have made it.
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A folder in it.
    ///
    /// # Errors
    /// What the system says.
    pub fn folder(&self, name: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&path)?;
        Ok(path)
    }

    /// A new file in it that only this user can read (0600).
    ///
    /// # Errors
    /// What the system says.
    pub fn file(&self, name: &str, content: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        private(&path, content)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a new file that only this user can read (0600).
///
/// # Errors
/// What the system says, also that it is there already.
pub fn private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_looks_in_and_nothing_stays() {
        let folder = Folder::new().expect("a folder");
        let (path, file) = (folder.path().to_owned(), folder.file("secret", b"x").expect("a file"));
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&file)), (0o700, 0o600));
        assert!(folder.file("secret", b"y").is_err(), "never over one that is there");
        drop(folder);
        assert!(!path.exists());
    }
}
