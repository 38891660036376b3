//! The words and rows that the human and the Markdown view share, so that they cannot say different things.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rust_decimal::Decimal;

use super::number;
use super::report::{Action, Counts, PlanReport, Row};
use super::text;
use crate::cost::{Bill, Entry, LineClass, Side, lines, usage};
use crate::engine::Order;
use crate::problem::{Place, Problem, Severity};

/// One or two characters that carry the action without colour.
pub(super) const fn glyph(row: &Row) -> &'static str {
    match (row.action, row.order) {
        (Action::Create, _) => "+",
        (Action::Update | Action::Roll, _) => "~",
        (Action::Replace, Some(Order::CreateFirst)) => "+/-",
        (Action::Replace, _) => "-/+",
        (Action::Delete, _) => "-",
        (Action::Settle, _) => ".",
        (Action::Keep, _) => "=",
        (Action::Unknown, _) => "?",
    }
}

/// `in place, about 2 min, one update at a time: why`.
pub(super) fn action(row: &Row) -> String {
    let mut words = match (row.action, row.order) {
        (Action::Create, _) => "create",
        (Action::Update, _) => "in place",
        (Action::Roll, _) => "rolls nodes gradually",
        (Action::Replace, Some(Order::CreateFirst)) => "REPLACE, the new one first",
        (Action::Replace, _) => "REPLACE, the old one goes first",
        (Action::Delete, _) => "DESTROY",
        (Action::Settle, _) => "wait until ready",
        (Action::Keep, _) => "unchanged",
        (Action::Unknown, _) => "unknown, not touched",
    }
    .to_owned();
    if row.estimate_secs >= 30 && !matches!(row.action, Action::Keep | Action::Unknown) {
        let _ = write!(words, ", about {}", number::about(row.estimate_secs));
    }
    if !row.effect.is_empty() {
        let _ = write!(words, ", {}", text::visible(&row.effect));
    }
    if row.assumed {
        words.push_str(", assumed");
    }
    if !row.reason.is_empty() {
        let _ = write!(words, ": {}", text::visible(row.reason.raw()));
    }
    words
}

/// `2 to create, 3 to change, 0 to destroy, 52 unchanged`.
pub(super) fn counts(counts: &Counts) -> String {
    let mut parts = vec![
        format!("{} to create", counts.create),
        format!("{} to change", counts.changed()),
        format!("{} to destroy", counts.delete),
    ];
    for (number, words) in [
        (counts.replace, "to replace"),
        (counts.settle, "to wait for"),
        (counts.unknown, "unknown"),
        (counts.keep, "unchanged"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {words}"));
        }
    }
    parts.join(", ")
}

/// What a verdict over environments is made of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Verdict {
    /// How many change.
    pub(super) environments: usize,
    pub(super) create: usize,
    pub(super) change: usize,
    pub(super) replace: usize,
    pub(super) delete: usize,
    pub(super) unknown: usize,
    /// USD a month; none where a price is missing.
    pub(super) delta: Option<Decimal>,
    /// Of the one that takes longest.
    pub(super) seconds: u64,
}

impl Verdict {
    /// `1 environment changes: 2 to create, 3 to change, nothing is destroyed, +$36.50 a month, about 4 min`.
    pub(super) fn words(&self) -> String {
        let environments = match self.environments {
            1 => "1 environment changes".to_owned(),
            more => format!("{more} environments change"),
        };
        let mut parts = Vec::new();
        for (number, words) in [(self.create, "to create"), (self.change, "to change")] {
            if number > 0 {
                parts.push(format!("{number} {words}"));
            }
        }
        match (self.replace, self.delete) {
            (0, 0) => parts.push("nothing is destroyed".to_owned()),
            (replace, delete) => {
                for (number, words) in [(replace, "to replace"), (delete, "to destroy")] {
                    if number > 0 {
                        parts.push(format!("**{number} {words}**"));
                    }
                }
            }
        }
        if self.unknown > 0 {
            parts.push(format!("**{} unknown**", self.unknown));
        }
        let money = |delta: Decimal| match number::signed_dollars(delta).as_str() {
            "$0.00" => "at the same cost".to_owned(),
            figure => format!("{figure} a month"),
        };
        parts.push(self.delta.map_or_else(|| "cost not known".to_owned(), money));
        if self.seconds > 0 {
            parts.push(format!("about {}", number::about(self.seconds)));
        }
        format!("{environments}: {}", parts.join(", "))
    }
}

/// What reading cost, for the header.
pub(super) fn reads(report: &PlanReport) -> String {
    let reads = report.reads;
    if report.mode == super::report::Mode::Offline {
        return "offline: everything is taken as absent".to_owned();
    }
    format!(
        "{}, {} in {}, {}.{} s",
        report.mode.as_str(),
        number::count(usize::try_from(reads.calls).unwrap_or(usize::MAX), "call"),
        number::count(usize::try_from(reads.rounds).unwrap_or(usize::MAX), "round"),
        reads.elapsed_ms / 1000,
        reads.elapsed_ms % 1000 / 100
    )
}

/// Findings that have not been set aside, the gravest first.
pub(super) fn findings(report: &PlanReport) -> Vec<&Problem> {
    let mut open: Vec<_> = report.findings.iter().filter(|problem| !problem.waived).collect();
    open.sort_by_key(|problem| problem.severity);
    open
}

/// `90 s`, `4 min`, `3 h`, `2 d`: how old something is.
pub(super) fn age(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `error`, `widens`, `warning`, `note`.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Widens => "widens",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// `environments/prod.yaml:31:20`.
pub(super) fn place(place: &Place) -> String {
    format!("{}:{}:{}", place.file, place.line, place.column)
}

/// One row of the cost table.
pub(super) struct CostRow {
    /// Trusted first word, untrusted rest; still to be made inert.
    pub(super) label: String,
    pub(super) before: Figure,
    pub(super) after: Figure,
    pub(super) delta: Option<Decimal>,
    /// A subtotal or the total.
    pub(super) sum: bool,
}

/// One figure of the cost table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    /// Nothing is there.
    None,
    /// Something is there, without a price.
    NoPrice,
    /// USD a month.
    Usd(Decimal),
}

impl Figure {
    fn of(sides: &[&Side]) -> Self {
        let priced: Vec<_> = sides.iter().filter_map(|side| side.monthly).collect();
        match (sides.is_empty(), priced.is_empty()) {
            (true, _) => Self::None,
            (false, true) => Self::NoPrice,
            (false, false) => Self::Usd(priced.into_iter().sum()),
        }
    }

    fn total(priced: crate::cost::Priced) -> Self {
        match priced.known() {
            None => Self::NoPrice,
            Some(_) if priced.priced == 0 => Self::None,
            Some(sum) => Self::Usd(sum),
        }
    }

    const fn number(self) -> Option<Decimal> {
        match self {
            Self::None => Some(Decimal::ZERO),
            Self::NoPrice => None,
            Self::Usd(usd) => Some(usd),
        }
    }

    pub(super) fn show(self) -> String {
        match self {
            Self::None => String::new(),
            Self::NoPrice => "no price".to_owned(),
            Self::Usd(usd) => number::money(usd),
        }
    }
}

const ORDER: [&str; 17] = [
    lines::CONTROL_PLANE,
    lines::SYSTEM_NODES,
    lines::VOLUMES,
    lines::NAT_GATEWAYS,
    lines::PUBLIC_IPV4,
    lines::ENDPOINTS,
    lines::KMS_KEYS,
    lines::RULES,
    usage::NAT_DATA,
    usage::EGRESS,
    usage::CROSS_AZ,
    usage::ENDPOINT_DATA,
    usage::LOGS,
    usage::SQS,
    usage::KMS_REQUESTS,
    usage::LOAD_BALANCERS,
    usage::NODE_POOLS,
];

/// The cost table: one row per component, a subtotal per class, the total.
pub(super) fn cost_rows(bill: &Bill) -> Vec<CostRow> {
    let mut rows = Vec::new();
    for (class, name) in
        [(LineClass::Fixed, "fixed"), (LineClass::Usage, "usage, as assumed"), (LineClass::NodePool, "")]
    {
        let of_class: Vec<_> = bill.entries.iter().filter(|entry| entry.class == class).collect();
        let mut components: Vec<_> = of_class.iter().map(|entry| entry.component).collect();
        components.sort_by_key(|component| (ORDER.iter().position(|known| known == component), *component));
        components.dedup();
        let start = rows.len();
        if class == LineClass::NodePool {
            // A pool that nothing is declared for, or that has no price, is in the notes.
            let known = of_class.iter().filter(|entry| sides(entry).any(|side| side.monthly.is_some()));
            rows.extend(known.map(|entry| pool_row(bill, entry)));
            continue;
        }
        for component in components {
            let entries: Vec<_> = of_class.iter().copied().filter(|entry| entry.component == component).collect();
            let undeclared = entries.iter().all(|entry| sides(entry).all(|side| side.quantity.is_none()));
            if class == LineClass::Usage && undeclared {
                continue;
            }
            rows.push(component_row(bill, component, class, &entries));
        }
        let (before, after) = match class {
            LineClass::Fixed => (bill.before.fixed, bill.after.fixed),
            LineClass::Usage | LineClass::NodePool => (bill.before.usage, bill.after.usage),
        };
        if rows.len() > start {
            rows.push(sum_row(name, Figure::total(before), Figure::total(after)));
        }
    }
    let total = |priced: crate::cost::Priced| Figure::total(priced);
    rows.push(sum_row("total expected", total(bill.before.total()), total(bill.after.total())));
    rows
}

fn sides(entry: &Entry) -> impl Iterator<Item = &Side> {
    entry.before.iter().chain(&entry.after)
}

fn sum_row(name: &str, before: Figure, after: Figure) -> CostRow {
    CostRow { label: name.to_owned(), before, after, delta: difference(before, after), sum: true }
}

fn difference(before: Figure, after: Figure) -> Option<Decimal> {
    Some(after.number()? - before.number()?)
}

/// `node pool burst, expected: 2 x c7i.xlarge`.
fn pool_row(bill: &Bill, entry: &Entry) -> CostRow {
    let figure = |side: &Option<Side>| Figure::of(&side.iter().collect::<Vec<_>>());
    let (before, after) = (figure(&entry.before), figure(&entry.after));
    let nodes = bill.pools.pools.iter().find(|pool| pool.pool == entry.item).map(pool_nodes).unwrap_or_default();
    let nodes = if entry.after.is_some() && !nodes.is_empty() { format!(": {nodes}") } else { String::new() };
    let label = format!("node pool {}, expected{nodes}", entry.item);
    CostRow { label, before, after, delta: difference(before, after), sum: false }
}

/// `2 x m7i.large, 1 x c7i.xlarge`.
pub(super) fn pool_nodes(pool: &crate::cost::PoolCost) -> String {
    let mut parts: Vec<String> =
        pool.nodes.iter().take(3).map(|node| format!("{} x {}", node.count, node.instance_type)).collect();
    if pool.nodes.len() > 3 {
        parts.push(format!("{} more types", pool.nodes.len() - 3));
    }
    parts.join(", ")
}

fn component_row(bill: &Bill, component: &str, class: LineClass, entries: &[&Entry]) -> CostRow {
    let before: Vec<_> = entries.iter().filter_map(|entry| Some((*entry, entry.before.as_ref()?))).collect();
    let after: Vec<_> = entries.iter().filter_map(|entry| Some((*entry, entry.after.as_ref()?))).collect();
    let (old, new) = (side_words(bill, class, &before), side_words(bill, class, &after));
    let words = match (before.is_empty(), after.is_empty()) {
        (false, false) if old != new => format!("{old} -> {new}"),
        (_, true) => old,
        _ => new,
    };
    let figures = |sides: &[(&Entry, &Side)]| Figure::of(&sides.iter().map(|(_, side)| *side).collect::<Vec<_>>());
    let (before, after) = (figures(&before), figures(&after));
    let label = if words.is_empty() { component.to_owned() } else { format!("{component} {words}") };
    CostRow { label, before, after, delta: difference(before, after), sum: false }
}

/// What one side of a component is: `2 x t3.medium`, `3`, `40 GB-month gp3`, `(natGb: 1000 assumed)`.
fn side_words(bill: &Bill, class: LineClass, sides: &[(&Entry, &Side)]) -> String {
    let items: BTreeSet<_> = sides.iter().map(|(entry, _)| entry.item.as_str()).collect();
    if class == LineClass::Usage {
        return sides
            .iter()
            .find(|(_, side)| !side.note.is_empty())
            .map_or(String::new(), |(_, side)| format!("({})", side.note));
    }
    let amount: Option<Decimal> = sides.iter().map(|(_, side)| side.quantity).sum();
    let unit = sides.first().map_or("", |(entry, _)| entry.unit);
    let count = amount.map(|amount| if unit == "hour" { amount / bill.hours_per_month } else { amount });
    let count = count.map(number::quantity).unwrap_or_default();
    let mut items: Vec<_> = items.into_iter().filter(|item| !item.is_empty()).collect();
    let more = items.len().saturating_sub(3);
    items.truncate(3);
    let mut joined = items.join(", ");
    if more > 0 {
        let _ = write!(joined, " and {more} more");
    }
    match (joined.is_empty(), unit) {
        (true, _) => count,
        (false, "hour") if items.len() == 1 && count != "1" => format!("{count} x {joined}"),
        (false, "GB-month") if items.len() == 1 => format!("{count} GB {joined}"),
        _ => joined,
    }
}

/// What the reader must know of the figures: what is not in them, and that columns may be off.
pub(super) fn cost_notes(bill: &Bill) -> Vec<String> {
    let mut notes = pool_notes(bill);
    let undeclared: Vec<_> = bill
        .unpriced
        .iter()
        .filter_map(|line| line.why.strip_prefix("cost.assumptions.")?.strip_suffix(" is not declared"))
        .collect();
    if !undeclared.is_empty() {
        notes.push(format!("not in the total, as cost.assumptions does not say: {}", undeclared.join(", ")));
    }
    let mut whys: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for line in &bill.unpriced {
        if line.component == usage::NODE_POOLS || line.why.ends_with(" is not declared") {
            continue;
        }
        match whys.iter_mut().find(|(why, _)| *why == line.why) {
            Some((_, components)) => {
                components.insert(line.component);
            }
            None => whys.push((&line.why, BTreeSet::from([line.component]))),
        }
    }
    for (why, components) in whys {
        let components = components.into_iter().collect::<Vec<_>>().join(", ");
        notes.push(format!("no price: {components}: {why}"));
    }
    if let Some(days) = bill.price_age_days.filter(|days| *days > bill.stale_after()) {
        let what = if bill.gpu { "prices of accelerated types" } else { "prices" };
        notes.push(format!("{what} are {days} days old: rem-ci prices refresh looks them up"));
    }
    let rows = cost_rows(bill);
    let column = |figure: fn(&CostRow) -> Figure| {
        let cents = |row: &CostRow| figure(row).number().map_or(Decimal::ZERO, number::cents);
        let parts: Decimal = rows.iter().filter(|row| !row.sum).map(cents).sum();
        rows.last().map(cents) != Some(parts)
    };
    if column(|row| row.before) || column(|row| row.after) {
        notes.push("columns may be a cent off: totals are sums of unrounded figures".to_owned());
    }
    notes
}

/// What there is to say of node pools: what they cost at their limits, and what is not in the total.
fn pool_notes(bill: &Bill) -> Vec<String> {
    let mut notes = Vec::new();
    let pools = &bill.pools.pools;
    let names = |some: &[&crate::cost::PoolCost]| some.iter().map(|p| p.pool.as_str()).collect::<Vec<_>>().join(", ");
    let undeclared: Vec<_> = pools.iter().filter(|pool| pool.expected.is_none() && pool.idle.is_some()).collect();
    if !undeclared.is_empty() {
        notes.push(format!(
            "not in the total: node pools {}, as workloads does not say what runs on them",
            names(&undeclared)
        ));
    }
    let bounded: Vec<_> = pools.iter().filter(|pool| pool.max.is_some()).collect();
    if !bounded.is_empty() {
        let most: Decimal = bounded.iter().filter_map(|pool| pool.max).sum();
        notes.push(format!("at their limits node pools {} cost {} a month", names(&bounded), number::money(most)));
    }
    let unbounded: Vec<_> = pools.iter().filter(|pool| pool.unbounded).collect();
    if !unbounded.is_empty() {
        notes.push(format!("without limits, so unbounded: node pools {}", names(&unbounded)));
    }
    for pool in pools.iter().filter(|pool| pool.idle.is_none()) {
        notes.push(format!("no price: node pool {}: {}", pool.pool, pool.notes.join("; ")));
    }
    notes
}

/// `+$65.70 a month against main: two more NAT gateways`; nothing where nothing was there before.
pub(super) fn driven(bill: &Bill) -> Option<String> {
    use crate::cost::Compared;
    let against = match &bill.compared {
        Compared::Nothing => return None,
        Compared::Live => "what is live",
        Compared::Base(name) => name,
    };
    let before = bill.before.total().known().filter(|before| !before.is_zero())?;
    let delta = bill.delta().filter(|delta| !number::cents(*delta).is_zero())?;
    let percent = (delta / before * Decimal::ONE_HUNDRED).round_dp(1).normalize();
    let sign = if percent.is_sign_negative() { "" } else { "+" };
    let driver = bill.driver()?;
    Some(format!("{} a month ({sign}{percent} %) against {against}: {driver}", number::signed_dollars(delta)))
}

/// `prices of 2026-07-20`, or that there are none.
pub(super) fn price_date(bill: &Bill) -> String {
    bill.price_date.as_ref().map_or("no price table for this region".to_owned(), |date| format!("prices of {date}"))
}
