//! The price tables that come with the program: EC2 on demand for three regions, and the few services we use.
//!
//! A region without an EC2 table has no book at all: its lines say "no price". Prices are kept as text in the tables, so
//! that no figure ever passes through a float. Each table says where it is from and of which day it is.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};

use rust_decimal::Decimal;
use serde::Deserialize;

use super::NodeFacts;
use super::pack::facts::{self, Type};
use crate::config::codes::code::FILE_NOT_FOUND;
use crate::config::files::{Disk, Source as _};

/// EC2 tables by region.
const INSTANCES: [(&str, &str); 3] = [
    ("us-east-1", include_str!("data/ec2-us-east-1.json")),
    ("us-gov-east-1", include_str!("data/ec2-us-gov-east-1.json")),
    ("us-gov-west-1", include_str!("data/ec2-us-gov-west-1.json")),
];

/// All services, all regions.
const SERVICES: &str = include_str!("data/services.json");

static BOOKS: [OnceLock<Option<Book>>; INSTANCES.len()] = [const { OnceLock::new() }; INSTANCES.len()];

/// One instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstancePrice {
    /// USD an hour, on demand, Linux, shared tenancy.
    pub usd_per_hour: Decimal,
    /// Virtual CPUs.
    pub vcpu: u32,
    /// MiB.
    pub memory_mib: u64,
    /// `x86_64` or `arm64`, as EC2 spells it.
    pub arch: &'static str,
    /// Whether it is sold on the spot market.
    pub spot: bool,
    /// Whether it carries a GPU.
    pub gpu: bool,
}

/// One price of a service.
#[derive(Clone, Debug)]
struct ServicePrice {
    usd: Decimal,
    source: &'static str,
}

/// The prices of one region, of one day.
#[derive(Clone, Debug)]
pub struct Book {
    region: &'static str,
    date: &'static str,
    source: &'static str,
    instances: BTreeMap<&'static str, InstancePrice>,
    services: BTreeMap<&'static str, ServicePrice>,
    /// Of a table that was refreshed by EC2: they go before the embedded ones.
    facts: BTreeMap<&'static str, NodeFacts>,
    /// What the packer knows of the types, made on first use.
    types: OnceLock<Vec<Type>>,
}

#[derive(Deserialize)]
struct Ec2Table<'a> {
    #[serde(borrow)]
    region: &'a str,
    as_of: &'a str,
    source: &'a str,
    #[serde(borrow)]
    instance_types: BTreeMap<&'a str, (&'a str, u32, u64, &'a str, bool, bool)>,
    /// Of a table that was read from AWS's lists: they go before the embedded ones.
    #[serde(borrow, default)]
    services: BTreeMap<&'a str, &'a str>,
    /// Of a table that was refreshed by EC2: pods, whether it is Xen, the name and number of GPUs.
    #[serde(borrow, default)]
    facts: BTreeMap<&'a str, (i64, bool, &'a str, i64)>,
}

#[derive(Deserialize)]
struct ServiceRow {
    region: &'static str,
    key: &'static str,
    usd: &'static str,
    // The sources quote titles, so the text has escapes and cannot be borrowed.
    source: String,
}

impl Book {
    /// The embedded book of a region, parsed on first use; `None` where there is no table. Never another region's.
    #[must_use]
    pub fn embedded(region: &str) -> Option<&'static Self> {
        let index = INSTANCES.iter().position(|(name, _)| *name == region)?;
        BOOKS[index].get_or_init(|| Self::parse(INSTANCES[index].1)).as_ref()
    }

    /// The book of a region from a table that `rem-ci prices refresh` wrote, if it is newer than the embedded one.
    ///
    /// # Errors
    /// When the text is no table of this region.
    pub fn refreshed(region: &str, text: String) -> Result<Option<Self>, String> {
        // Once per region and process: the books live as long as the process.
        let table: &'static str = Box::leak(text.into_boxed_str());
        let book = Self::parse(table).ok_or("it is no price table")?;
        if book.region != region {
            return Err(format!("it is the table of {}", book.region));
        }
        let newer = Self::embedded(region).is_none_or(|known| known.date < book.date);
        Ok(newer.then_some(book))
    }

    /// The book of a region: the repository's own, `prices/ec2-REGION.json` in the current folder, where there is a newer one, else the
    /// embedded one. Looked for once per region and process.
    ///
    /// # Errors
    /// When there is such a file and it is no price table of that region.
    pub fn of(region: &str) -> Result<Option<&'static Self>, String> {
        static FOUND: Mutex<BTreeMap<String, Result<Option<&'static Book>, String>>> = Mutex::new(BTreeMap::new());
        let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = found.get(region) {
            return known.clone();
        }
        let disk = Disk::new(Path::new("."));
        let book = match disk.read(&format!("prices/ec2-{region}.json")) {
            Err(problem) if problem.code == FILE_NOT_FOUND => Ok(Self::embedded(region)),
            Err(problem) => Err(problem.title),
            Ok(bytes) => String::from_utf8(bytes).map_err(|error| error.to_string()).and_then(|text| {
                let book = Self::refreshed(region, text)?;
                Ok(book.map(|book| &*Box::leak(Box::new(book))).or_else(|| Self::embedded(region)))
            }),
        };
        found.insert(region.to_owned(), book.clone());
        book
    }

    /// What the packer knows of the types, by name.
    pub(super) fn types(&self) -> &[Type] {
        self.types.get_or_init(|| facts::types(self))
    }

    /// How many prices of services there are.
    #[must_use]
    pub fn services(&self) -> usize {
        self.services.len()
    }

    /// The regions that have a book.
    pub fn regions() -> impl Iterator<Item = &'static str> {
        INSTANCES.iter().map(|(region, _)| *region)
    }

    /// A table that does not parse is no book; the tests prove that all do.
    fn parse(table: &'static str) -> Option<Self> {
        let table: Ec2Table<'static> = serde_json::from_str(table).ok()?;
        let services: Vec<ServiceRow> = serde_json::from_str(SERVICES).ok()?;
        let instances = table.instance_types.into_iter().map(|(name, (usd, vcpu, memory_mib, arch, spot, gpu))| {
            let usd_per_hour = Decimal::from_str_exact(usd).ok()?;
            Some((name, InstancePrice { usd_per_hour, vcpu, memory_mib, arch, spot, gpu }))
        });
        // `*` is what AWS gives away, by its public pages: GovCloud has pages of its own.
        let public = !table.region.starts_with("us-gov-");
        let here = |row: &ServiceRow| row.region == table.region || (public && row.region == "*");
        let services = services.into_iter().filter(here).map(|row| {
            // Once per region and process: the books live as long as the process.
            let source: &'static str = Box::leak(row.source.into_boxed_str());
            Some((row.key, ServicePrice { usd: Decimal::from_str_exact(row.usd).ok()?, source }))
        });
        let own = table.services.iter().map(|(key, usd)| {
            Some((*key, ServicePrice { usd: Decimal::from_str_exact(usd).ok()?, source: table.source }))
        });
        let facts = table.facts.into_iter().map(|(name, (pods, xen, gpu, count))| {
            let gpu = (!gpu.is_empty()).then(|| (gpu.to_owned(), count));
            (name, NodeFacts { pods, xen, gpu })
        });
        Some(Self {
            facts: facts.collect(),
            region: table.region,
            date: table.as_of,
            source: table.source,
            instances: instances.collect::<Option<_>>()?,
            services: services.chain(own).collect::<Option<_>>()?,
            types: OnceLock::new(),
        })
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        self.region
    }

    /// Day of the EC2 table, `YYYY-MM-DD`.
    #[must_use]
    pub fn date(&self) -> &str {
        self.date
    }

    /// Where the EC2 table is from.
    #[must_use]
    pub fn source(&self) -> &str {
        self.source
    }

    /// USD per unit of a service's item: `nat.gateway` an hour, `ebs.gp3.storage` a GB-month. `None` is "no price".
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Decimal> {
        self.services.get(key).map(|price| price.usd)
    }

    /// Where an item's price is from.
    #[must_use]
    pub fn source_of(&self, key: &str) -> Option<&str> {
        self.services.get(key).map(|price| price.source)
    }

    /// An instance type's price and size; `None` for a type that the table lacks.
    #[must_use]
    pub fn instance(&self, instance_type: &str) -> Option<&InstancePrice> {
        self.instances.get(instance_type)
    }

    /// What EC2 said of a type when the table was refreshed.
    #[must_use]
    pub fn facts(&self, instance_type: &str) -> Option<&NodeFacts> {
        self.facts.get(instance_type)
    }

    /// All instance types, by name.
    pub fn instances(&self) -> impl Iterator<Item = (&str, &InstancePrice)> {
        self.instances.iter().map(|(name, price)| (*name, price))
    }
}
