//! One line of a bill, and what a kind is given to make it.

use rust_decimal::Decimal;

/// Which subtotal a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineClass {
    /// Follows from the plan alone, exact.
    Fixed,
    /// Follows from a declared assumption.
    Usage,
    /// Follows from what Karpenter may do.
    NodePool,
}

/// One line of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Row of the summary it is added to: `NAT gateways`.
    pub component: &'static str,
    /// What exactly: `t3.medium, on demand`.
    pub item: String,
    /// How many units a month.
    pub quantity: Decimal,
    /// `hour`, `GB`, `GB-month`.
    pub unit: &'static str,
    /// USD per unit; none where the price is not known.
    pub unit_price: Option<Decimal>,
    /// See [`LineClass`].
    pub class: LineClass,
}

/// What a kind is given to price itself: one region's prices, the calendar and the declared assumptions.
#[derive(Debug)]
pub struct Rates {}
