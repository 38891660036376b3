//! What an environment's jobs on GitHub may do, and how they come to it: roles, trust, boundary, state bucket, rules of the
//! GitHub environments. Pure but for `run.rs`: from a Spec and a repository to a graph of its own.
//!
//! | file | what it says |
//! |---|---|
//! | `repository.rs` | which repository, by name and by number; whose workflows |
//! | `trust.rs` | which tokens of GitHub open which role |
//! | `actions.rs` | which IAM actions each role has, out of what the kinds declare |
//! | `home.rs` | on what, and under which condition, each action is allowed |
//! | `permissions.rs` | a role's policies: allowed and denied, cut to IAM's sizes |
//! | `boundary.rs` | what no role of the environment can ever do |
//! | `bucket.rs` | the bucket's policy and its rules |
//! | `gates.rs` | rules of the GitHub environments |
//! | `github.rs` | makes those, and reads them back |
//! | `build.rs` | all of it as a graph |
//! | `run.rs` | look and apply |
//! | `print.rs` | documents and commands, for those who make it by hand |
//! | `edit.rs` | the lines for the environment's file |
//!
//! Rules by number are those of the security model in SECURITY.md.

pub mod actions;
pub mod boundary;
pub mod bucket;
mod build;
mod edit;
pub mod gates;
pub mod github;
mod home;
pub mod permissions;
mod print;
mod repository;
mod run;
pub mod trust;

pub use build::{Wish, build, named};
pub use edit::{Edit, applied, by_hand, edits};
pub use print::{Document, Printed, print};
pub use repository::{Repository, WORKFLOWS, Workflow};
pub use run::{apply, look};

/// The codes of this room, for `rem-ci explain`.
pub const CODES: &[(&str, &str)] = &[
    (
        "bootstrap-repository",
        "`rem-ci bootstrap` writes trust policies, which name the repository by its number too: a name can be given to somebody \
         else later, a number cannot. The numbers are in `gh api repos/OWNER/NAME --jq '.id, .owner.id'`.",
    ),
    (
        "bootstrap-gates",
        "A job that names a GitHub environment which does not exist creates it, without any rule. So the environments and their rules come \
         before the roles that trust them: give bootstrap a GITHUB_TOKEN that may administrate the repository, or run the commands of \
         `rem-ci bootstrap ENV --print` and pass --gates-exist.",
    ),
    (
        "bootstrap-trust-length",
        "A trust policy has 2,048 characters unless AWS raises the quota, and it names the repository a dozen times: names of more than about \
         75 characters do not fit.",
    ),
    (
        "bootstrap-write",
        "`rem-ci bootstrap` writes `state` and `roles` into the environment's file. Where the place cannot be told, or the file cannot be \
         written, it says what to write by hand.",
    ),
];
