//! `rem-ci action` from event to end, against the GitHub of `github_double/`, a real repository and the simulated region: what a
//! person sees of each stage, and every refusal beside the same story with one fact changed.
//!
//! | module | what |
//! |---|---|
//! | `lab.rs` | a repository, a GitHub, a region with dev in it, and jobs that run there |
//! | `merged.rs` | opened, pushed to, merged in every way, applied |
//! | `refused.rs` | approvals that are none, plans that have changed, runs that are late |
//! | `guards.rs` | what a pull request may not decide itself; forks, bots, accounts |
//! | `others.rs` | drift, destroy, what is touched, signals |
//! | `program.rs` | the program itself, over loopback |

mod guards;
mod lab;
mod merged;
mod others;
mod program;
mod refused;
