//! GitHub, and what its runner gives a job.
//!
//! | file | what it does |
//! |---|---|
//! | `oidc.rs` | the job's identity token |

pub mod oidc;
