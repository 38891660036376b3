//! `rem-ci action`: what is done on each GitHub event.
//!
//! The pure half decides, the other half asks and tells. Nothing here believes a status, a comment or a pull request's own
//! word about its guards; the rules are A1 to A13 of SECURITY.md.
//!
//! | file | what |
//! |---|---|
//! | `approval.rs` | the write-once document that approves a plan |
//! | `union.rs` | what several approvals allow together |
//! | `settle.rs` | guards from the base commit |
//! | `role.rs` | which role a job may take |
//! | `status.rs` | what a commit status says |

pub mod approval;
pub mod role;
pub mod settle;
pub mod status;
pub mod union;
