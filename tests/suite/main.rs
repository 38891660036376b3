//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `architecture.rs` | the walls of the house |
//! | `cli.rs` | the real binary: exit codes, streams, help, bad files |
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `contract.rs` | every request written down, for AWS's own API models |
//! | `moto.rs` | the kinds against a simulator that is not ours |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |

#![expect(unreachable_pub, reason = "a test binary has no users; its parts share what is pub")]

mod architecture;
mod cli;
mod common;
mod contract;
mod moto;
mod whole;
