//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `bill.rs` | what the shipped environments cost, to the cent |
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `fault.rs` | a film of a run, faults, what a region holds |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |
//! | `cuts.rs` | killed or cut at every single call, then run again |
//! | `reads.rs` | each read denied, throttled out, cut short, failing |
//! | `lock.rs` | one run at a time: folder, lease, frozen holders, unlock |
//! | `clash.rs` | neighbours in one account |
//! | `credentials.rs` | sessions shorter than the run |
//! | `signals.rs` | stopped and killed |

mod bill;
mod clash;
mod common;
mod credentials;
mod cuts;
mod fault;
mod lock;
mod reads;
mod signals;
mod whole;
