//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `conformance.rs` | every field of every kind: drifted by hand, shown, repaired |
//! | `money.rs` | fixed monthly cost, to the cent |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |

mod common;
mod conformance;
mod money;
mod whole;
