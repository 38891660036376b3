//! `rem-ci action`: what is done on each GitHub event.
//!
//! The pure half decides, the other half asks and tells. Nothing here believes a status, a comment or a pull request's own
//! word about its guards; the rules are A1 to A13 of SECURITY.md.
//!
//! | file | what |
//! |---|---|
//! | `inputs.rs` | what is asked for, and what that means on an event |
//! | `touched.rs`, `matrix.rs`, `changed.rs` | which environments a change touches, and the jobs for them |
//! | `settle.rs` | guards from the base commit |
//! | `role.rs` | which role a job may take |
//! | `approval.rs`, `status.rs` | the write-once document that approves a plan, and the status beside it |
//! | `eligible.rs`, `union.rs` | which merged pull requests count, and what they allow together |
//! | `entry.rs`, `desk.rs`, `look.rs` | from an event to its end; whom a run may ask; one environment looked at |
//! | `standing.rs`, `approvals.rs` | whether a run still has a say; what was approved |
//! | `pull_request.rs`, `merge_group.rs`, `push.rs`, `destroy.rs`, `drift.rs` | one event each |
//! | `tell.rs` | where an apply tells how it goes |
//! | `outputs.rs` | what the next step gets |
//! | `codes.rs` | every code with its explanation |

pub mod approval;
mod approvals;
pub mod changed;
mod codes;
pub mod desk;
mod destroy;
mod drift;
pub mod eligible;
mod entry;
pub mod inputs;
mod look;
pub mod matrix;
mod merge_group;
pub mod outputs;
mod pull_request;
mod push;
pub mod role;
pub mod settle;
mod standing;
pub mod status;
mod tell;
pub mod touched;
pub mod union;

pub use codes::CODES;
pub use desk::{Desk, Opener, Paper};
pub use drift::LABEL;
pub use entry::run;
