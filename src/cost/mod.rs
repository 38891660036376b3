//! Prices, lines, totals. Money is [`rust_decimal::Decimal`], in USD, never a float.
//!
//! A kind turns its fields into [`Line`]s with the functions of [`lines`]; [`usage`] adds what hangs on declared
//! assumptions and on Karpenter; [`Bill`] sets before against after. What has no price is a line without one, never 0.
//!
//! | file | what it holds |
//! |---|---|
//! | `book.rs` | the embedded price tables of a region |
//! | `calendar.rs` | support dates of Kubernetes versions, where AWS was not asked |
//! | `instance_facts.rs` | what EC2 says of types beyond their price |
//! | `line.rs` | one line, and what a kind is given to make it |
//! | `lines.rs` | the fixed lines, one function per component |
//! | `pack/` | what Karpenter would start for the declared workloads |
//! | `prices.rs` | new tables out of AWS's price lists |
//! | `spot.rs` | what spot saves right now |
//! | `running.rs` | workloads out of a list of pods |
//! | `usage.rs` | the lines of a whole environment: assumptions, node pools |
//! | `bill.rs` | totals, delta, what could not be priced |
//! | `coverage.rs` | how every kind is accounted for |
//! | `driver.rs` | what drives the delta, in one sentence |

mod bill;
mod book;
mod calendar;
pub mod coverage;
mod driver;
mod instance_facts;
mod line;
pub mod lines;
pub mod pack;
mod prices;
mod running;
pub mod services;
pub mod spot;
pub mod usage;

#[cfg(test)]
mod tests;

pub use bill::{Bill, Compared, Entry, Priced, Side, Totals, Unpriced};
pub use book::{Book, InstancePrice};
pub use instance_facts::{AllFacts, InstanceFacts, NodeFacts};
pub use line::{Line, LineClass, Rates};
pub use pack::{LeftOut, NodeUse, PoolCost, Pools};
pub use prices::{Gathered, Move, Refused};
pub use running::{Running, running};
