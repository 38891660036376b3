//! GitHub: what we say there and what we ask it. The only room that names octocrab.
//!
//! octocrab carries the requests; its own retry is off, because it replays a POST whose effect has already happened. What is
//! tried again, when, and how often is decided in `retry.rs` and nowhere else. Every type has only the fields that are used.
//!
//! | file | what |
//! |---|---|
//! | `server.rs` | whose API it is, and the token; which hosts may be asked |
//! | `client.rs` | one client for a repository: requests, pages, entity tags |
//! | `retry.rs` | our rules: what is sent again, waits, limits, one write a second |
//! | `wire.rs` | HTTPS, or a service in this process |
//! | `error.rs` | what went wrong and which permission is missing |
//! | `event.rs` | what happened, out of the runner's variables and the payload |
//! | `oidc.rs` | the job's identity token |
//! | `comments.rs` | comments of an issue or pull request |
//! | `sticky.rs` | the one comment of ours, whoever else writes it at this moment |
//! | `statuses.rs` | commit statuses |
//! | `pulls.rs` | pull requests, their files and reviews; of a commit, of a base |
//! | `commits.rs` | commits, comparisons, branches |
//! | `issues.rs` | issues; one of ours by a marker |
//! | `environments.rs` | environments and what protects them |
//! | `people.rs` | users and teams, by name |
//! | `oidc.rs` | the job's identity token |
//! | `repository.rs` | the repository, its `sub` claim, the rules of a branch |

mod client;
mod comments;
mod commits;
mod environments;
mod error;
pub mod event;
mod issues;
pub mod oidc;
mod people;
mod pulls;
mod repository;
mod retry;
mod server;
mod statuses;
mod sticky;
mod wire;

pub use client::{Client, User};
pub use comments::Comment;
pub use commits::{Commit, Comparison, Parent};
pub use environments::{BranchPolicies, BranchPolicy, Environment, Protection, Reviewer, Wanted};
pub use error::{CODES, Error, Kind};
pub use issues::{Issue, Label, Marked};
pub use pulls::{Account, Changed, Files, Pull, Review, Side, SideRepository};
pub use repository::{Branch, Claims, Repository, Rule};
pub use retry::{Patience, TRY, Waiting};
pub use server::{BOT, Repo, Server};
pub use statuses::{NewStatus, State, Status};
pub use sticky::{Next, Put, Run, Sticky, Whole};
pub use wire::{Body, Wire};
