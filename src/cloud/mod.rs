//! Clients, credentials, error classes, clock, lock. The only room that reads AWS's environment.

pub mod actual;
pub mod address;
pub mod children;
mod clients;
mod clock;
mod config;
mod counting;
mod env;
mod errors;
mod flights;
mod guarding;
pub mod helm;
pub mod kubernetes;
mod lock;
pub mod oidc;
pub mod prices;
mod store;
pub mod strict;
mod telling;
pub mod temp;
pub mod web;

pub use clients::{Cloud, partition};
pub use clock::Clock;
pub use config::LONGEST_CALL;
pub use config::{LiveError, live, simulated};
pub use env::{env, env_names, run_name};
pub use errors::{classify, failed, gone_is_none};
pub use flights::Flights;
pub use lock::{HEARTBEAT, Holder, LEASE, Lock, Refusal, lock_key};
pub use store::{Store, Stored};
