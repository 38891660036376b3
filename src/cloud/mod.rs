//! Clients, credentials, error classes, clock, lock. The only room that reads AWS's environment.

mod clients;
mod errors;

pub use clients::{Cloud, partition};
pub use errors::{classify, failed, gone_is_none};
