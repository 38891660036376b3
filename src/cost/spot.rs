//! What spot saves right now, out of the prices that EC2 has for the types an environment is expected to run on.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::{Book, Pools};

/// What spot saves, as shares of the on-demand price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// In the dearest zone of the type that saves least.
    pub least: Decimal,
    /// The mean over zones, then over types.
    pub mean: Decimal,
    /// In the cheapest zone of the type that saves most.
    pub most: Decimal,
    /// How many types that is about.
    pub types: usize,
}

impl Spot {
    /// Out of `(type, USD an hour)`, one for each zone. What costs as much as on demand or more saves nothing: it is never
    /// below 0. `None` where no type has both prices.
    #[must_use]
    pub fn measured(prices: &[(String, Decimal)], book: &Book) -> Option<Self> {
        let mut savings: BTreeMap<&str, Vec<Decimal>> = BTreeMap::new();
        for (name, usd) in prices {
            let Some(known) = book.instance(name).filter(|known| !known.usd_per_hour.is_zero()) else { continue };
            let saved = (Decimal::ONE - usd / known.usd_per_hour).clamp(Decimal::ZERO, Decimal::ONE);
            savings.entry(name).or_default().push(saved);
        }
        let mean = |all: &[Decimal]| all.iter().sum::<Decimal>() / Decimal::from(all.len());
        let means: Vec<Decimal> = savings.values().map(|zones| mean(zones)).collect();
        let all = || savings.values().flatten().copied();
        // A tenth of a percent is more than anybody knows of next month.
        let round = |share: Decimal| share.round_dp(3).normalize();
        Some(Self {
            least: round(all().min()?),
            mean: round(mean(&means)),
            most: round(all().max()?),
            types: savings.len(),
        })
    }
}

/// The types that are expected to run on spot, at least in part.
#[must_use]
pub fn types(pools: &Pools) -> BTreeSet<String> {
    let spot = pools.pools.iter().filter(|pool| pool.range.is_some_and(|(dear, cheap)| dear != cheap));
    spot.flat_map(|pool| &pool.nodes).map(|node| node.instance_type.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn savings_are_means_over_zones_then_types_and_never_below_nothing() {
        let book = Book::embedded("us-east-1").unwrap();
        let full = |name: &str| book.instance(name).unwrap().usd_per_hour;
        let share = |name: &str, of: &str| (name.to_owned(), full(name) * usd(of));
        let prices = [
            share("m7i.large", "0.3"),
            share("m7i.large", "0.5"),
            share("c7g.large", "0.2"),
            // Dearer than on demand: it happens where a zone is full.
            share("c7g.large", "1.2"),
            ("x99.huge".to_owned(), usd("1")),
        ];
        let spot = Spot::measured(&prices, book).unwrap();
        assert_eq!((spot.least, spot.most, spot.types), (usd("0"), usd("0.8"), 2));
        // (0.6 + 0.4) / 2
        assert_eq!(spot.mean, usd("0.5"));
        assert_eq!(Spot::measured(&[("x99.huge".to_owned(), usd("1"))], book), None);
        assert_eq!(Spot::measured(&[], book), None);
    }
}
