//! An in-process GitHub: one repository, its pull requests, issues, comments, statuses, environments, and the OIDC tokens of its
//! jobs. Written from GitHub's documentation, not from our client.
//!
//! | file | what |
//! |---|---|
//! | `state.rs` | what the repository is, as plain data that tests set and read |
//! | `git.rs` | commits, branches, the ways of merging, a merge queue, forks; import of a real repository |
//! | `api.rs` | the table of paths: which permission each wants |
//! | `discuss.rs`, `code.rs`, `settings.rs` | the answers: comments, issues, statuses; commits and pull requests; everything else |
//! | `render.rs` | how things look on the wire, pages with `Link` |
//! | `fault.rs` | what goes wrong, by rule |
//! | `oidc.rs` | the runner's token endpoint |
//! | `payload.rs` | event payloads of the state as it is |
//! | `door.rs` | in process for a client, over loopback for a binary |
//! | `record.rs` | every request, for `.ci/contract/github_check.py` |
//!
//! Time is a function that the maker gives: the clock of a paused runtime, or [`ticking`]. Ids count up from fixed numbers.

pub(crate) mod api;
pub(crate) mod code;
pub(crate) mod discuss;
pub(crate) mod door;
pub(crate) mod fault;
pub(crate) mod git;
pub(crate) mod oidc;
pub(crate) mod payload;
pub(crate) mod record;
pub(crate) mod render;
pub(crate) mod settings;
pub(crate) mod state;

pub(crate) use door::{Double, Served};
pub(crate) use fault::{Does, Fault};
pub(crate) use git::How;
pub(crate) use oidc::Job;
pub(crate) use state::Token;

/// A clock of its own: 2026-11-24T12:00:00Z, a second more at every look.
pub(crate) fn ticking() -> impl Fn() -> i64 + Send + Sync + 'static {
    let time = std::sync::atomic::AtomicI64::new(1_795_521_600);
    move || time.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}
