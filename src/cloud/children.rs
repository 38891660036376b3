//! Other programs: found by absolute path, started with an environment that holds a list of names and nothing else.
//!
//! No child gets `AWS_*`, `GITHUB_TOKEN` or `ACTIONS_*`: what it needs of ours it is given by name.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::env::env;
use crate::engine::Failure;

/// How a child gets to the network, and whom it trusts there: the caller's own settings, none of them a secret of ours.
const NETWORK: [&str; 8] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"];

/// No more of what a child says is kept.
const KEPT: usize = 64 << 10;

/// Whether this run may start programs for itself. A plan may not: it reads, and starts nothing but git.
#[derive(Clone, Debug, Default)]
pub struct Programs(Arc<AtomicBool>);

impl Programs {
    /// This run may.
    pub fn permit(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it may.
    #[must_use]
    pub fn permitted(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// A program by its name, at the first absolute folder of `PATH` that has it.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    let path = env("PATH")?;
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(|file| runs(file))
}

fn runs(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A command with nothing of our environment but how to reach the network. It is killed when it is dropped.
#[must_use]
pub fn command(program: &std::path::Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    for name in NETWORK {
        if let Some(value) = env(name) {
            command.env(name, value);
        }
    }
    command
}

/// What a child said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Standard output, cut.
    pub out: String,
    /// Standard error, cut.
    pub err: String,
    /// Whether it ended well.
    pub success: bool,
}

impl Ended {
    /// Its last words: what to show of a failure.
    #[must_use]
    pub fn words(&self) -> String {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(4)..].join("; ")
    }
}

/// Runs a child to its end; one that takes longer than it may is killed.
///
/// # Errors
/// If it cannot be started, or is not done in time.
pub async fn run(mut command: Command, call: &str, within: Duration) -> Result<Ended, Failure> {
    let mut child = command.spawn().map_err(|error| Failure::fatal(call, format!("cannot be started: {error}")))?;
    let (out, err) = (Said::of(child.stdout.take()), Said::of(child.stderr.take()));
    let waited = tokio::time::timeout(within, async {
        let ended = child.wait().await;
        out.done().await;
        err.done().await;
        ended
    });
    match waited.await {
        Ok(Ok(status)) => Ok(Ended { out: out.text(), err: err.text(), success: status.success() }),
        Ok(Err(error)) => Err(Failure::fatal(call, error.to_string())),
        Err(_) => {
            let _ = child.kill().await;
            let said = Ended { out: out.text(), err: err.text(), success: false }.words();
            Err(Failure::fatal(
                call,
                format!("was not done within {} s and was stopped; its last words: {said}", within.as_secs()),
            ))
        }
    }
}

/// What a child says, read as it comes so that it never waits for a reader.
#[derive(Clone, Debug, Default)]
pub struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    done: Arc<tokio::sync::Notify>,
}

impl Said {
    /// Reads a stream of a child to its end.
    #[must_use]
    pub fn of<R: AsyncRead + Unpin + Send + 'static>(stream: Option<R>) -> Self {
        let said = Self::default();
        let (text, done) = (Arc::clone(&said.text), Arc::clone(&said.done));
        crate::engine::wait::beside(async move {
            let mut buffer = [0; 4096];
            if let Some(mut stream) = stream {
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
                    let room = KEPT.saturating_sub(text.len());
                    text.extend_from_slice(&buffer[..length.min(room)]);
                }
            }
            done.notify_one();
        });
        said
    }

    async fn done(&self) {
        self.done.notified().await;
    }

    /// So far.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
