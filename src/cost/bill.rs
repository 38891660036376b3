//! Before against after: totals, delta, and what could not be priced.
//!
//! Sums are of unrounded figures; rounding to cents, half to even, is the views' work.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::line::{Line, LineClass, Rates};
use super::pack::Pools;
use crate::engine::Address;

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Units a month; none where nobody has declared it.
    pub quantity: Option<Decimal>,
    /// USD per unit; none is "no price".
    pub unit_price: Option<Decimal>,
    /// USD a month, unrounded; none where either is not known.
    pub monthly: Option<Decimal>,
    /// See [`Line::idle`].
    pub idle: Option<Decimal>,
    /// See [`Line::max`].
    pub max: Option<Decimal>,
    /// See [`Line::note`].
    pub note: String,
}

/// One line on both sides of the plan, matched by address, component and item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Whose line it is.
    pub address: Address,
    /// See [`Line::component`].
    pub component: &'static str,
    /// See [`Line::item`].
    pub item: String,
    /// See [`Line::unit`].
    pub unit: &'static str,
    /// See [`LineClass`].
    pub class: LineClass,
    /// As it is.
    pub before: Option<Side>,
    /// As it will be.
    pub after: Option<Side>,
}

/// A sum, and whether it is the whole of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Priced {
    /// USD a month over all lines that have a price.
    pub sum: Decimal,
    /// Lines with a price.
    pub priced: usize,
    /// Lines without.
    pub unpriced: usize,
}

impl Priced {
    fn add(&mut self, figure: Option<Decimal>) {
        match figure {
            Some(figure) => {
                self.sum += figure;
                self.priced += 1;
            }
            None => self.unpriced += 1,
        }
    }

    fn plus(self, other: Self) -> Self {
        Self { sum: self.sum + other.sum, priced: self.priced + other.priced, unpriced: self.unpriced + other.unpriced }
    }

    /// The sum, unless there are lines and none has a price.
    #[must_use]
    pub fn known(self) -> Option<Decimal> {
        (self.priced > 0 || self.unpriced == 0).then_some(self.sum)
    }
}

/// The totals of one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that follow from the plan alone.
    pub fixed: Priced,
    /// Lines that follow from assumptions.
    pub usage: Priced,
    /// Node pools when idle.
    pub pools_idle: Priced,
    /// Node pools as expected.
    pub pools: Priced,
    /// Node pools at their limits.
    pub pools_max: Priced,
}

impl Totals {
    fn add(&mut self, class: LineClass, side: &Side) {
        match class {
            LineClass::Fixed => self.fixed.add(side.monthly),
            LineClass::Usage => self.usage.add(side.monthly),
            LineClass::NodePool => {
                self.pools.add(side.monthly);
                self.pools_idle.add(side.idle);
                self.pools_max.add(side.max);
            }
        }
    }

    /// All that is expected, over the lines that have a price.
    #[must_use]
    pub fn total(&self) -> Priced {
        self.fixed.plus(self.usage).plus(self.pools)
    }
}

/// A line that is not in the totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// Whose.
    pub address: Address,
    /// See [`Line::component`].
    pub component: &'static str,
    /// See [`Line::item`].
    pub item: String,
    /// Why: no price in the table, or nothing declared.
    pub why: String,
}

/// What the before side is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compared {
    /// Nothing: everything is taken as absent.
    #[default]
    Nothing,
    /// What is live.
    Live,
    /// The environment as another commit or file has it, by the name the user gave.
    Base(String),
}

/// What an environment costs a month, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// Hours a month.
    pub hours_per_month: Decimal,
    /// Day of the price table; none where the region has none.
    pub price_date: Option<String>,
    /// Every line, by address, component and item.
    pub entries: Vec<Entry>,
    /// Totals as it is.
    pub before: Totals,
    /// Totals as it will be.
    pub after: Totals,
    /// Lines of the after side that are not in its totals.
    pub unpriced: Vec<Unpriced>,
    /// Which nodes the after side's pools are expected to have.
    pub pools: Pools,
    /// What the before side is.
    pub compared: Compared,
    /// Days between the price table and the day of the run; none without a table.
    pub price_age_days: Option<i32>,
    /// Whether a line rests on the price of an accelerated type, which goes stale sooner.
    pub gpu: bool,
}

type Key = (Address, &'static str, String);

impl Bill {
    /// Sets the lines of two sides against each other. Twins on one side are added up.
    #[must_use]
    pub fn compute(before: &[(Address, Vec<Line>)], after: &[(Address, Vec<Line>)], rates: &Rates) -> Self {
        let mut entries: BTreeMap<Key, Entry> = BTreeMap::new();
        enter(&mut entries, before, |entry| &mut entry.before);
        enter(&mut entries, after, |entry| &mut entry.after);
        let mut bill = Self {
            hours_per_month: rates.hours_per_month,
            price_date: rates.book.map(|book| book.date().to_owned()),
            entries: entries.into_values().collect(),
            before: Totals::default(),
            after: Totals::default(),
            unpriced: Vec::new(),
            pools: Pools::default(),
            compared: Compared::Nothing,
            price_age_days: rates.book.and_then(|book| age(book.date(), rates.today)),
            gpu: false,
        };
        bill.add_up();
        bill
    }

    /// The same with the after side of another bill as what was before: the environment as its base branch has it.
    #[must_use]
    pub fn against(mut self, base: &Self, name: &str) -> Self {
        for entry in &mut self.entries {
            entry.before = None;
        }
        self.entries.retain(|entry| entry.after.is_some());
        for old in base.entries.iter().filter(|old| old.after.is_some()) {
            let same = |entry: &&mut Entry| {
                (&entry.address, entry.component, &entry.item) == (&old.address, old.component, &old.item)
            };
            match self.entries.iter_mut().find(same) {
                Some(entry) => entry.before.clone_from(&old.after),
                None => self.entries.push(Entry { before: old.after.clone(), after: None, ..old.clone() }),
            }
        }
        self.entries.sort_by(|a, b| (&a.address, a.component, &a.item).cmp(&(&b.address, b.component, &b.item)));
        self.compared = Compared::Base(name.to_owned());
        self.add_up();
        self
    }

    /// Days after which prices should be looked up again: 90, for accelerated types 30.
    #[must_use]
    pub const fn stale_after(&self) -> i32 {
        if self.gpu { 30 } else { 90 }
    }

    fn add_up(&mut self) {
        self.before = Totals::default();
        self.after = Totals::default();
        self.unpriced.clear();
        let bill = self;
        for entry in &bill.entries {
            if let Some(side) = &entry.before {
                bill.before.add(entry.class, side);
            }
            if let Some(side) = &entry.after {
                bill.after.add(entry.class, side);
                if side.monthly.is_none() {
                    bill.unpriced.push(Unpriced {
                        address: entry.address.clone(),
                        component: entry.component,
                        item: entry.item.clone(),
                        why: side.note.clone(),
                    });
                }
            }
        }
    }

    /// After less before, over the lines that have a price; `None` where one side has lines and no price at all.
    #[must_use]
    pub fn delta(&self) -> Option<Decimal> {
        Some(self.after.total().known()? - self.before.total().known()?)
    }
}

fn age(date: &str, today: jiff::civil::Date) -> Option<i32> {
    let day: jiff::civil::Date = date.parse().ok()?;
    today.since(day).ok().map(|span| span.get_days())
}

fn enter(
    entries: &mut BTreeMap<Key, Entry>,
    lines: &[(Address, Vec<Line>)],
    side: impl Fn(&mut Entry) -> &mut Option<Side>,
) {
    for (address, line) in lines.iter().flat_map(|(address, lines)| lines.iter().map(move |line| (address, line))) {
        let entry = entries.entry((address.clone(), line.component, line.item.clone())).or_insert_with(|| Entry {
            address: address.clone(),
            component: line.component,
            item: line.item.clone(),
            unit: line.unit,
            class: line.class,
            before: None,
            after: None,
        });
        let new = Side {
            quantity: line.quantity,
            unit_price: line.unit_price,
            monthly: line.monthly(),
            idle: line.idle,
            max: line.max,
            note: line.note.clone(),
        };
        let place = side(entry);
        *place = Some(match place.take() {
            None => new,
            Some(old) => Side {
                quantity: old.quantity.zip(new.quantity).map(|(a, b)| a + b),
                monthly: old.monthly.zip(new.monthly).map(|(a, b)| a + b),
                idle: old.idle.zip(new.idle).map(|(a, b)| a + b),
                max: old.max.zip(new.max).map(|(a, b)| a + b),
                ..new
            },
        });
    }
}
