//! A simulated AWS region, below the real SDK clients.
//!
//! It is one plain function, [`Region::handle`](region::answer): `(state, now, request) -> response`. It first settles
//! what is due by `now` and has no task or timer of its own, so that the paused clock in process and the wall clock times a
//! speed when served give the same answers.
//!
//! It is built from AWS's API reference, not from the kinds: nothing here imports `resources` or `model`, its durations
//! share no constant with [`Patience`](crate::engine::Patience), and permissions are decided from policy documents and the
//! operation's name.
//!
//! | file | what it holds |
//! |---|---|
//! | `region.rs` | the function, and what a service is given ([`Here`](region::Here)) |
//! | `state.rs` | all state, as it is written to the file |
//! | `wire/` | HTTP to [`Call`](wire::Call) and back, for every protocol |
//! | `connector.rs` | the door for SDK clients in process |
//! | `serve.rs` | the door for everybody else: HTTP on loopback |
//! | `clock.rs`, `file.rs` | its time and its file |
//! | `critical.rs` | how fast it could have gone |
//! | `recorded.rs` | requests as lines, for the contract checks |
//! | `summary.rs` | what is in it, for people |
//! | `kube/` | the Kubernetes API of its clusters |
//! | `aws/SERVICE…` | one service each: `handle` and `settle` |

pub mod aws;
pub mod clock;
pub mod connector;
pub mod critical;
pub mod file;
pub mod kube;
pub mod recorded;
pub mod region;
pub mod serve;
pub mod state;
pub mod summary;
pub mod wire;
