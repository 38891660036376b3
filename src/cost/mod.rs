//! Prices, lines, totals.

mod line;

pub use line::{Line, LineClass, Rates};
