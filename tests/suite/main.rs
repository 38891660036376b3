//! One test binary for everything above the unit tests: whole environments in the simulated region.
//!
//! | module | what it shows |
//! |---|---|
//! | `bill.rs` | what the shipped environments cost, to the cent |
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `authz.rs` | what the kinds declare is enough for a role, and hardly more |
//! | `destroy.rs` | protection, what goes, what stays, what was forgotten |
//! | `speed.rs` | apply and destroy against the region's own critical path; calls and rounds of a plan |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |

mod authz;
mod bill;
mod common;
mod destroy;
mod speed;
//! | `architecture.rs` | the walls of the house |
//! | `cli.rs` | the real binary: exit codes, streams, help, bad files |
//! | `common.rs` | a region in virtual time, an environment, a run |
//! | `contract.rs` | every request written down, for AWS's own API models |
//! | `moto.rs` | the kinds against a simulator that is not ours |
//! | `whole.rs` | plan, apply, plan again, destroy, for every shipped environment |

mod architecture;
mod cli;
mod common;
mod contract;
mod moto;
mod whole;
