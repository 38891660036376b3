//! One line of a bill, and what a kind is given to make it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::calendar;
use super::spot::Spot;
use crate::config::spec::Assumptions;
use crate::engine::Facts;

/// Which subtotal a line belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
    /// What exactly: `t3.medium`. Lines of one resource and component differ in it.
    pub item: String,
    /// How many units a month; none where nobody has declared it.
    pub quantity: Option<Decimal>,
    /// `hour`, `GB`, `GB-month`.
    pub unit: &'static str,
    /// USD per unit; none where the price is not known.
    pub unit_price: Option<Decimal>,
    /// See [`LineClass`].
    pub class: LineClass,
    /// What is assumed, or why there is no price. Empty where there is nothing to say.
    pub note: String,
    /// Node pools only: USD a month when nothing runs on it; none is "not priced".
    pub idle: Option<Decimal>,
    /// Node pools only: USD a month at its limits; none is "unbounded or not priced".
    pub max: Option<Decimal>,
}

impl Line {
    /// A fixed line.
    #[must_use]
    pub fn fixed(
        component: &'static str,
        item: impl Into<String>,
        quantity: Decimal,
        unit: &'static str,
        unit_price: Option<Decimal>,
    ) -> Self {
        Self {
            component,
            item: item.into(),
            quantity: Some(quantity),
            unit,
            unit_price,
            class: LineClass::Fixed,
            note: String::new(),
            idle: None,
            max: None,
        }
    }

    /// The same with a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// USD a month, unrounded; `None` where price or quantity is not known.
    #[must_use]
    pub fn monthly(&self) -> Option<Decimal> {
        self.quantity?.checked_mul(self.unit_price?)
    }
}

/// What a kind is given to price itself: one region's prices, the calendar and the declared assumptions.
#[derive(Clone, Debug)]
pub struct Rates<'a> {
    /// The region's prices; none where the region has no table.
    pub book: Option<&'a Book>,
    /// Hours a month: 730, as AWS counts.
    pub hours_per_month: Decimal,
    /// Today, by the injected clock.
    pub today: Date,
    /// Declared monthly quantities.
    pub assumptions: &'a Assumptions,
    /// What is paid less than the public price, percent, by service; see [`crate::config::spec::Cost::discount`].
    pub discount: &'a BTreeMap<String, u8>,
    /// Where `cluster-version/1.31/standardEnd` and `…/extendedEnd` (YYYY-MM-DD) are looked up.
    pub facts: &'a Facts,
    /// What spot saves, where EC2 was asked.
    pub spot: Option<Spot>,
}

impl<'a> Rates<'a> {
    /// With 730 hours a month.
    #[must_use]
    pub fn new(book: Option<&'a Book>, today: Date, assumptions: &'a Assumptions, facts: &'a Facts) -> Self {
        static NONE: BTreeMap<String, u8> = BTreeMap::new();
        Self { book, hours_per_month: Decimal::from(730), today, assumptions, discount: &NONE, facts, spot: None }
    }

    /// The same with the user's discounts.
    #[must_use]
    pub fn less(self, discount: &'a BTreeMap<String, u8>) -> Self {
        Self { discount, ..self }
    }

    /// A public price less the user's discount on that service.
    #[must_use]
    pub fn discounted(&self, service: &str, price: Decimal) -> Decimal {
        match self.discount.get(service).or_else(|| self.discount.get("all")) {
            Some(percent) => price * (Decimal::ONE - Decimal::new(i64::from(*percent), 2)),
            None => price,
        }
    }

    /// USD per unit of a service's item, the user's discount taken off; see [`Book::get`].
    #[must_use]
    pub fn price(&self, key: &str) -> Option<Decimal> {
        let service = match key.split('.').next().unwrap_or_default() {
            "nat" | "ipv4" | "vpce" | "data" => "vpc",
            "logs" => "cloudwatch",
            "alb" => "elb",
            same => same,
        };
        self.book?.get(key).map(|price| self.discounted(service, price))
    }

    /// `count` things for a whole month, in hours.
    #[must_use]
    pub fn hours(&self, count: u64) -> Decimal {
        Decimal::from(count) * self.hours_per_month
    }

    /// Ends of standard and of extended support of a Kubernetes version: AWS's word, else the embedded calendar's.
    #[must_use]
    pub fn support_ends(&self, version: &str) -> Option<(Date, Date)> {
        let fact = |which: &str| self.facts.get(&format!("cluster-version/{version}/{which}"))?.parse::<Date>().ok();
        match (fact("standardEnd"), fact("extendedEnd"), calendar::ends(version)) {
            (Some(standard), Some(extended), _) => Some((standard, extended)),
            (Some(standard), None, known) => Some((standard, known.map_or(standard, |(_, extended)| extended))),
            (None, _, known) => known,
        }
    }

    /// Why a line of this region has no price.
    pub(super) fn no_price(&self, what: &str) -> String {
        match self.book {
            None => "no price table for this region".to_owned(),
            Some(book) => format!("the price table of {} ({}) has no {what}", book.region(), book.date()),
        }
    }
}
