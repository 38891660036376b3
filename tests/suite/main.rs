//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |

mod architecture;
mod cli;
mod common;
mod contract;
mod moto;
mod whole;
