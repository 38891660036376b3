//! New price tables out of AWS's price lists: what is read, whether it is to be believed, and the file it becomes.
//!
//! Two sources give the same products: the bulk files of a region (`offers/v1.0/aws/OFFER/current/REGION/index.json`, AWS Price List, "Reading
//! the price list files") and `pricing:GetProducts`. Instances are filtered as Karpenter filters them: Linux, no software, shared tenancy, or
//! dedicated for bare metal; services by `services.rs`. The file has the format of the embedded tables and takes their place for its region.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Json;

use super::book::{Book, InstancePrice};
use super::services;
use super::{AllFacts, InstanceFacts, NodeFacts};

/// A price that moved by more than this factor is not believed unasked.
const ABSURD: u32 = 5;

/// Fewer types than this are no region's price list.
const FEWEST: usize = 20;

/// Attributes of a product that matter here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Attributes {
    instance_type: String,
    vcpu: String,
    memory: String,
    physical_processor: String,
    gpu: Option<String>,
    operating_system: String,
    tenancy: String,
    pre_installed_sw: String,
    capacitystatus: String,
    region_code: String,
    marketoption: Option<String>,
    usagetype: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Product {
    product_family: String,
    attributes: Attributes,
}

impl Product {
    /// Whether it is what a node of Karpenter's is billed as.
    fn counts(&self, region: &str) -> bool {
        let of = &self.attributes;
        let tenancy = match self.product_family.as_str() {
            "Compute Instance" => "Shared",
            "Compute Instance (bare metal)" => {
                return self.plain(region) && matches!(of.tenancy.as_str(), "Shared" | "Dedicated");
            }
            _ => return false,
        };
        self.plain(region) && of.tenancy == tenancy
    }

    /// The services' prices that it is; in the list of this offer and region.
    fn items(&self, offer: &str, region: &str) -> Vec<&'static services::Item> {
        let of = &self.attributes;
        if of.region_code != region {
            return Vec::new();
        }
        services::items(offer, &self.product_family, &of.usagetype, region).collect()
    }

    fn plain(&self, region: &str) -> bool {
        let of = &self.attributes;
        of.operating_system == "Linux"
            && of.pre_installed_sw == "NA"
            && of.capacitystatus == "Used"
            && of.region_code == region
            && of.marketoption.as_ref().is_none_or(|market| market == "OnDemand")
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Term {
    price_dimensions: BTreeMap<String, Dimension>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Dimension {
    unit: String,
    begin_range: String,
    price_per_unit: BTreeMap<String, String>,
}

impl Dimension {
    fn usd(&self) -> Option<Decimal> {
        let text = self.price_per_unit.get("USD")?;
        Decimal::from_str_exact(text).ok().or_else(|| Decimal::from_scientific(text).ok())
    }
}

impl Term {
    fn usd_per_hour(&self) -> Option<Decimal> {
        let hourly = self.price_dimensions.values().filter(|dimension| dimension.unit == "Hrs");
        hourly.filter_map(Dimension::usd).max()
    }

    /// USD a unit in the tier that begins there. What has one tier says so, or nothing.
    fn usd_from(&self, begin: &str) -> Option<Decimal> {
        let begins = |dimension: &&Dimension| match dimension.begin_range.as_str() {
            "" => begin == "0",
            range => range == begin,
        };
        self.price_dimensions.values().find(begins).and_then(Dimension::usd)
    }
}

/// What was read of one region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// The region.
    pub region: String,
    /// Day of AWS's list, `YYYY-MM-DD`.
    pub as_of: String,
    /// Where from, for the file.
    pub source: String,
    rows: BTreeMap<String, InstancePrice>,
    /// By key, in the lists' own units.
    listed: BTreeMap<&'static str, Decimal>,
    /// By type.
    facts: BTreeMap<String, NodeFacts>,
}

/// Why a price list is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It ends in the middle, or is something else.
    #[error("the price list cannot be read: {0}")]
    Torn(String),
    /// It has too little in it.
    #[error("the price list has {0} instance types, which is too few to be true")]
    Few(usize),
    /// A price is none.
    #[error("the price list has {0} at {1} USD")]
    NoPrice(String, Decimal),
}

impl Gathered {
    /// Of products as GetProducts gives them, a JSON text each; `as_of` is the day of the call.
    ///
    /// # Errors
    /// When one of them is no product.
    pub fn from_products(region: &str, as_of: &str, products: &[String]) -> Result<Self, Refused> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Whole {
            service_code: String,
            product: Product,
            terms: BTreeMap<String, BTreeMap<String, Term>>,
        }
        let mut gathered = Self::new(region, as_of, "AWS Price List API, GetProducts");
        for text in products {
            let whole: Whole = serde_json::from_str(text).map_err(|error| Refused::Torn(error.to_string()))?;
            let term = whole.terms.get("OnDemand").and_then(|terms| terms.values().next());
            gathered.take(&whole.service_code, &whole.product, term);
        }
        Ok(gathered)
    }

    /// Of EC2's bulk file, read as it comes: it has hundreds of megabytes, of which little is kept.
    ///
    /// # Errors
    /// When it ends too early or is no price list.
    pub fn from_bulk(region: &str, file: impl std::io::Read) -> Result<Self, Refused> {
        let mut gathered = Self::new(region, "", "AWS Price List, bulk files");
        gathered.add_bulk("AmazonEC2", file)?;
        Ok(gathered)
    }

    /// With another offer's bulk file. The day is EC2's.
    ///
    /// # Errors
    /// When it ends too early or is not that offer's price list.
    pub fn add_bulk(&mut self, offer: &str, file: impl std::io::Read) -> Result<(), Refused> {
        let torn = |error: serde_json::Error| Refused::Torn(format!("{offer}: {error}"));
        let mut reader = serde_json::Deserializer::from_reader(file);
        let wanted = BulkFile { offer, region: &self.region };
        let bulk = serde::Deserializer::deserialize_map(&mut reader, wanted).map_err(torn)?;
        reader.end().map_err(torn)?;
        let as_of = bulk.published.get(..10).unwrap_or_default();
        if as_of.parse::<jiff::civil::Date>().is_err() || bulk.offer != offer {
            return Err(Refused::Torn(format!("it is not the price list of {offer}")));
        }
        if self.as_of.is_empty() {
            as_of.clone_into(&mut self.as_of);
        }
        for (sku, product) in &bulk.products {
            self.take(offer, product, bulk.terms.get(sku));
        }
        Ok(())
    }

    fn new(region: &str, as_of: &str, source: &str) -> Self {
        let [region, as_of, source] = [region, as_of, source].map(str::to_owned);
        Self { region, as_of, source, rows: BTreeMap::new(), listed: BTreeMap::new(), facts: BTreeMap::new() }
    }

    fn take(&mut self, offer: &str, product: &Product, term: Option<&Term>) {
        for item in product.items(offer, &self.region) {
            if let Some(usd) = term.and_then(|term| term.usd_from(item.from)) {
                // Listed twice, as by operation, it is taken at the higher price.
                let known = self.listed.entry(item.key).or_insert(usd);
                *known = (*known).max(usd);
            }
        }
        let of = &product.attributes;
        if offer != "AmazonEC2" {
            return;
        }
        let priced = term.and_then(Term::usd_per_hour).filter(|_| product.counts(&self.region));
        let Some((usd_per_hour, row)) = priced.zip(row(of)) else { return };
        // A type that is listed twice, as bare metal is by tenancy, is taken at the higher price.
        let known = self.rows.entry(of.instance_type.clone()).or_insert_with(|| row.clone());
        known.usd_per_hour = known.usd_per_hour.max(usd_per_hour);
    }

    /// With what EC2 says of types, which goes before what the lists say.
    pub fn know(&mut self, facts: AllFacts) {
        for (name, found) in facts {
            let Some(row) = self.rows.get_mut(&name) else { continue };
            let InstanceFacts { vcpu, memory_mib, arch, spot, accelerated, node } = found;
            *row = InstancePrice { usd_per_hour: row.usd_per_hour, vcpu, memory_mib, arch, spot, gpu: accelerated };
            self.facts.insert(name, node);
        }
    }

    /// With what EC2 said when the known table was made, of types that it says nothing of now.
    pub fn keep_facts(&mut self, known: &Book) {
        for (name, row) in &mut self.rows {
            let (Some(node), Some(old)) = (known.facts(name), known.instance(name)) else { continue };
            if !self.facts.contains_key(name) {
                *row = InstancePrice { usd_per_hour: row.usd_per_hour, ..old.clone() };
                self.facts.insert(name.clone(), node.clone());
            }
        }
    }

    /// Types with a price of which nobody knows how many pods a node holds: no pods are packed onto them.
    pub fn unpacked(&self) -> impl Iterator<Item = &str> {
        let known = |name: &&str| self.facts.contains_key(*name) || super::pack::facts::embedded(name).is_some();
        self.rows.keys().map(String::as_str).filter(move |name| !known(name))
    }

    /// Prices of services, by key, in our units.
    #[must_use]
    pub fn services(&self) -> BTreeMap<&'static str, Decimal> {
        services::converted(&self.listed)
    }

    /// How many types have a price.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether this may take the place of what is known, and what moved so far that a person should say so first.
    ///
    /// # Errors
    /// When it is no price list of a region: never to be accepted.
    pub fn judged(&self, known: Option<&Book>) -> Result<Vec<Move>, Refused> {
        let before = known.map_or(0, |book| book.instances().count());
        if self.rows.len() < FEWEST.max(before / 2) {
            return Err(Refused::Few(self.rows.len()));
        }
        if let Some((name, row)) = self.rows.iter().find(|(_, row)| row.usd_per_hour <= Decimal::ZERO) {
            return Err(Refused::NoPrice(name.clone(), row.usd_per_hour));
        }
        let services = self.services();
        if let Some((key, usd)) = services.iter().find(|(_, usd)| **usd <= Decimal::ZERO) {
            return Err(Refused::NoPrice((*key).to_owned(), *usd));
        }
        let types = self
            .rows
            .iter()
            .filter_map(|(name, row)| Some((name.as_str(), known?.instance(name)?.usd_per_hour, row.usd_per_hour)));
        let items = services.iter().filter_map(|(key, usd)| Some((*key, known?.get(key)?, *usd)));
        let factor = Decimal::from(ABSURD);
        let far = types.chain(items).filter(|(_, old, new)| *new > *old * factor || *old > *new * factor);
        Ok(far.map(|(name, old, new)| Move { name: name.to_owned(), old, new }).collect())
    }

    /// How many prices differ from what is known, how many types are new, how many are gone.
    #[must_use]
    pub fn changes(&self, known: Option<&Book>) -> (usize, usize, usize) {
        let Some(book) = known else { return (0, self.rows.len(), 0) };
        let (mut changed, mut new) = (0, 0);
        for (name, row) in &self.rows {
            match book.instance(name) {
                Some(old) if old.usd_per_hour != row.usd_per_hour => changed += 1,
                Some(_) => {}
                None => new += 1,
            }
        }
        let here: BTreeSet<&str> = self.rows.keys().map(String::as_str).collect();
        (changed, new, book.instances().filter(|(name, _)| !here.contains(name)).count())
    }

    /// The file, in the format of the embedded tables.
    #[must_use]
    pub fn table(&self) -> String {
        let text = |text: &str| Json::String(text.to_owned()).to_string();
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|(name, row)| {
                let usd = row.usd_per_hour.normalize();
                let InstancePrice { vcpu, memory_mib, arch, spot, gpu, .. } = row;
                format!("{}:[\"{usd}\",{vcpu},{memory_mib},\"{arch}\",{spot},{gpu}]", text(name))
            })
            .collect();
        let services: Vec<String> = self.services().iter().map(|(key, usd)| format!("\"{key}\":\"{usd}\"")).collect();
        let services = if services.is_empty() {
            String::new()
        } else {
            format!("\"services\":{{\n{}\n}},\n", services.join(",\n"))
        };
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|(name, NodeFacts { pods, xen, gpu })| {
                let (gpu, count) = gpu.as_ref().map_or(("", 0), |(gpu, count)| (gpu.as_str(), *count));
                format!("{}:[{pods},{xen},{},{count}]", text(name), text(gpu))
            })
            .collect();
        let facts =
            if facts.is_empty() { String::new() } else { format!("\"facts\":{{\n{}\n}},\n", facts.join(",\n")) };
        format!(
            "{{\n\"region\":{},\n\"currency\":\"USD\",\n\"as_of\":{},\n\"source\":{},\n\"columns\":[\"usd_per_hour\",\"vcpu\",\"memory_mib\",\"arch\",\"spot\",\"gpu\"],\n\
             {services}{facts}\"instance_types\":{{\n{}\n}}\n}}\n",
            text(&self.region),
            text(&self.as_of),
            text(&self.source),
            rows.join(",\n")
        )
    }
}

/// A price that moved too far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Of which instance type or item.
    pub name: String,
    /// USD a unit as known; of a type, an hour.
    pub old: Decimal,
    /// USD a unit as read.
    pub new: Decimal,
}

/// Size, architecture and the rest of a type: as us-east-1 has it where it does, for lists round memory and know nothing of spot.
fn row(of: &Attributes) -> Option<InstancePrice> {
    let none = Decimal::ZERO;
    if let Some(known) = Book::embedded("us-east-1").and_then(|book| book.instance(&of.instance_type)) {
        return Some(InstancePrice { usd_per_hour: none, ..known.clone() });
    }
    let gib = Decimal::from_str_exact(&of.memory.strip_suffix(" GiB")?.replace(',', "")).ok()?;
    let graviton = of.physical_processor.contains("Graviton");
    Some(InstancePrice {
        usd_per_hour: none,
        vcpu: of.vcpu.parse().ok()?,
        memory_mib: u64::try_from((gib * Decimal::from(1024)).round().mantissa()).ok()?,
        arch: if graviton { "arm64" } else { "x86_64" },
        spot: true,
        gpu: of.gpu.as_ref().is_some_and(|gpus| gpus != "0"),
    })
}

/// What is kept of a bulk file.
#[derive(Default)]
struct Bulk {
    offer: String,
    published: String,
    products: BTreeMap<String, Product>,
    terms: BTreeMap<String, Term>,
}

struct BulkFile<'a> {
    offer: &'a str,
    region: &'a str,
}

impl<'de> Visitor<'de> for BulkFile<'_> {
    type Value = Bulk;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a price list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bulk, A::Error> {
        let mut bulk = Bulk::default();
        let mut whole = [false; 2];
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "offerCode" => bulk.offer = map.next_value()?,
                "publicationDate" => bulk.published = map.next_value()?,
                "products" => {
                    map.next_value_seed(Kept {
                        keep: &|_, product: &Product| {
                            (self.offer == "AmazonEC2" && product.counts(self.region))
                                || !product.items(self.offer, self.region).is_empty()
                        },
                        into: &mut bulk.products,
                    })?;
                    whole[0] = true;
                }
                "terms" => {
                    map.next_value_seed(Terms { products: &bulk.products, into: &mut bulk.terms })?;
                    whole[1] = true;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if whole == [true; 2] { Ok(bulk) } else { Err(serde::de::Error::custom("products or terms are missing")) }
    }
}

/// A map of which only some entries are kept.
struct Kept<'a, T> {
    keep: &'a dyn Fn(&str, &T) -> bool,
    into: &'a mut BTreeMap<String, T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Kept<'_, T> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Kept<'_, T> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry::<String, T>()? {
            if (self.keep)(&key, &value) {
                self.into.insert(key, value);
            }
        }
        Ok(())
    }
}

/// The on-demand terms of the products that were kept.
struct Terms<'a> {
    products: &'a BTreeMap<String, Product>,
    into: &'a mut BTreeMap<String, Term>,
}

impl<'de> DeserializeSeed<'de> for Terms<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Terms<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("terms")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "OnDemand" {
                let mut offers: BTreeMap<String, BTreeMap<String, Term>> = BTreeMap::new();
                let keep = |sku: &str, _: &BTreeMap<String, Term>| self.products.contains_key(sku);
                map.next_value_seed(Kept { keep: &keep, into: &mut offers })?;
                let first = |(sku, terms): (String, BTreeMap<String, Term>)| Some((sku, terms.into_values().next()?));
                self.into.extend(offers.into_iter().filter_map(first));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
