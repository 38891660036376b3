//! Node pools and groups of a bill: which nodes, how full, what each costs; who spends it, as bars.

use std::fmt::Write as _;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::Serialize;

use super::report::PlanReport;
use super::text::{bounded, code_cell, prose, visible};
use super::{Style, number, words};
use crate::cost::{Bill, LineClass, PoolCost};

/// What a bill is added up by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// Each node pool, and all that is shared.
    Pool,
    /// Control plane, NAT gateways, node pools …
    Component,
    /// Each environment.
    Environment,
}

/// One group of a bill, USD a month.
struct Group {
    name: String,
    before: Decimal,
    after: Decimal,
}

fn groups(bill: &Bill, environment: &str, by: By) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for entry in &bill.entries {
        let name = match by {
            By::Environment => environment,
            By::Component => entry.component,
            By::Pool if entry.class == LineClass::NodePool => &entry.item,
            By::Pool => "shared by all pools",
        };
        let index = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
            groups.push(Group { name: name.to_owned(), before: Decimal::ZERO, after: Decimal::ZERO });
            groups.len() - 1
        });
        groups[index].before += entry.before.as_ref().and_then(|side| side.monthly).unwrap_or_default();
        groups[index].after += entry.after.as_ref().and_then(|side| side.monthly).unwrap_or_default();
    }
    groups.sort_by_key(|group| (std::cmp::Reverse(group.after), group.name.clone()));
    groups
}

fn all_groups(reports: &[PlanReport], by: By) -> Vec<Group> {
    let mut all: Vec<Group> = Vec::new();
    for report in reports {
        let environment = bounded(report.environment.raw(), 40);
        for group in groups(&report.cost, &environment, by) {
            let name = if by == By::Pool { format!("{environment}: {}", group.name) } else { group.name.clone() };
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) => {
                    known.before += group.before;
                    known.after += group.after;
                }
                None => all.push(Group { name, ..group }),
            }
        }
    }
    all
}

/// A bar of at most `width` cells, the part of `whole`.
fn bar(part: Decimal, whole: Decimal, width: usize) -> String {
    if whole <= Decimal::ZERO || part <= Decimal::ZERO {
        return String::new();
    }
    let eighths = (part / whole * Decimal::from(width * 8)).round().to_usize().unwrap_or(0).min(width * 8);
    let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
    format!("{}{rest}", "█".repeat(eighths / 8))
}

pub(super) fn human_groups(reports: &[PlanReport], by: By, style: Style) -> String {
    let groups = all_groups(reports, by);
    let widest = groups.iter().map(|group| visible(&group.name).chars().count()).max().unwrap_or(0).clamp(8, 48);
    let whole = groups.iter().map(|group| group.after).max().unwrap_or_default();
    let mut out = format!("  {:widest$}  {:>12}  {:>12}  {:>12}\n", "USD a month", "before", "after", "delta");
    for group in &groups {
        let name: String = visible(&group.name).chars().take(widest).collect();
        let line = format!(
            "  {name:widest$}  {:>12}  {:>12}  {:>12}  {}",
            number::money(group.before),
            number::money(group.after),
            number::delta(group.after - group.before),
            bar(group.after, whole, style.width.saturating_sub(widest + 46).min(30))
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

pub(super) fn markdown_groups(out: &mut String, reports: &[PlanReport], by: By) {
    out.push_str("\n| USD a month | before | after | delta |\n|---|--:|--:|--:|\n");
    for group in all_groups(reports, by) {
        let (before, after) = (number::money(group.before), number::money(group.after));
        let delta = number::delta(group.after - group.before);
        let _ = writeln!(out, "| {} | {before} | {after} | {delta} |", code_cell(&group.name));
    }
}

fn amount(figure: Option<Decimal>, missing: &str) -> String {
    figure.map_or_else(|| missing.to_owned(), number::money)
}

/// Idle, expected, max.
fn figures(pool: &PoolCost) -> [String; 3] {
    let max = if pool.unbounded { "unbounded" } else { "no price" };
    let expected = if pool.idle.is_some() { "not declared" } else { "no price" };
    [amount(pool.idle, "no price"), amount(pool.expected, expected), amount(pool.max, max)]
}

/// `62.00 to 80.00 by what spot saves; all on demand 120.00, 50.00 more`.
fn savings(pool: &PoolCost) -> Option<String> {
    let (expected, on_demand) = (pool.expected?, pool.on_demand?);
    if expected == on_demand {
        return None;
    }
    let saved = number::money(on_demand - expected);
    Some(match pool.range {
        Some((dear, cheap)) if dear != cheap => format!(
            "{} to {} by what spot saves; all on demand {}, {saved} more",
            number::money(cheap),
            number::money(dear),
            number::money(on_demand)
        ),
        _ => format!("all on demand {}, {saved} more", number::money(on_demand)),
    })
}

fn node_words(node: &crate::cost::NodeUse) -> String {
    let mut pods: Vec<String> = node.pods.iter().take(6).map(|(name, count)| format!("{count} {name}")).collect();
    if node.pods.len() > 6 {
        pods.push(format!("{} more", node.pods.len() - 6));
    }
    let (cpu, memory) = node.full_percent;
    let full = if cpu + memory == 0 { String::new() } else { format!(", cpu {cpu} %, memory {memory} % full") };
    format!("{} x {}: {}{full}: {}", node.count, node.instance_type, number::money(node.monthly), pods.join(", "))
}

/// The part of `rem-ci cost` that is about pools, and the split by component.
pub(super) fn human(out: &mut String, bill: &Bill, style: Style) {
    let pools = &bill.pools.pools;
    if !pools.is_empty() {
        let widest = pools.iter().map(|pool| visible(&pool.pool).chars().count()).max().unwrap_or(0).clamp(10, 40);
        let _ = writeln!(out, "\n  {:widest$}  {:>12}  {:>12}  {:>12}", "NODE POOLS", "idle", "expected", "max");
        for pool in pools {
            let [idle, expected, max] = figures(pool);
            let name: String = visible(&pool.pool).chars().take(widest).collect();
            let bar = bar(pool.expected.unwrap_or_default(), pool.max.unwrap_or_default(), 20);
            let line = format!("  {name:widest$}  {idle:>12}  {expected:>12}  {max:>12}  {bar}");
            let _ = writeln!(out, "{}", line.trim_end());
            let details = pool.nodes.iter().map(node_words).chain(savings(pool)).chain(pool.notes.iter().cloned());
            for detail in details {
                for line in super::human::wrap(&visible(&detail), style.width.saturating_sub(6)) {
                    let _ = writeln!(out, "    {line}");
                }
            }
        }
    }
    let split = groups(bill, "", By::Component);
    let whole = split.iter().map(|group| group.after).max().unwrap_or_default();
    if whole > Decimal::ZERO {
        let sum: Decimal = split.iter().map(|group| group.after).sum();
        let _ = writeln!(out, "\n  SPLIT");
        for group in split.iter().filter(|group| group.after > Decimal::ZERO) {
            let percent = (group.after / sum * Decimal::ONE_HUNDRED).round_dp(0);
            let bar = bar(group.after, whole, 30);
            let _ = writeln!(out, "  {:22}  {:>10}  {percent:>3} %  {bar}", group.name, number::money(group.after));
        }
    }
}

/// The same for Markdown.
pub(super) fn markdown(out: &mut String, bill: &Bill) {
    if !bill.pools.pools.is_empty() {
        out.push_str("| node pool | idle | expected | max | nodes |\n|---|--:|--:|--:|---|\n");
        for pool in &bill.pools.pools {
            let [idle, expected, max] = figures(pool);
            let nodes = words::pool_nodes(pool);
            let _ = writeln!(
                out,
                "| {} | {idle} | {expected} | {max} | {} |",
                code_cell(&pool.pool),
                if nodes.is_empty() { String::new() } else { code_cell(&nodes) }
            );
        }
        out.push('\n');
        for pool in &bill.pools.pools {
            for detail in pool.nodes.iter().map(node_words).chain(savings(pool)).chain(pool.notes.iter().cloned()) {
                let _ = writeln!(out, "<sub>• {}: {}</sub><br>", prose(&pool.pool), prose(&detail));
            }
        }
        out.push('\n');
    }
}

/// The split by component, a pie that GitHub draws.
pub(super) fn markdown_split(out: &mut String, bill: &Bill) {
    let split: Vec<Group> =
        groups(bill, "", By::Component).into_iter().filter(|group| group.after > Decimal::ZERO).collect();
    if !split.is_empty() {
        // Names of components are ours, so nothing in this fence is untrusted.
        out.push_str("```mermaid\npie showData title USD a month\n");
        for group in split {
            let _ = writeln!(out, "    \"{}\" : {}", group.name, number::cents(group.after));
        }
        out.push_str("```\n\n");
    }
}

/// What JSON says of pools, beside the lines.
#[derive(Serialize)]
pub(super) struct Ahead {
    compared_with: Option<String>,
    driver: Option<String>,
    price_age_days: Option<i32>,
    price_stale: bool,
    pools: Vec<JsonPool>,
    left_out: Vec<JsonLeft>,
}

#[derive(Serialize)]
struct JsonPool {
    pool: String,
    idle_monthly: Option<String>,
    expected_monthly: Option<String>,
    expected_low_monthly: Option<String>,
    expected_high_monthly: Option<String>,
    on_demand_monthly: Option<String>,
    max_monthly: Option<String>,
    unbounded: bool,
    spot_share_percent: Option<u8>,
    nodes: Vec<JsonNode>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct JsonNode {
    instance_type: String,
    count: u32,
    monthly: String,
    cpu_percent: u8,
    memory_percent: u8,
    pods: std::collections::BTreeMap<String, u32>,
}

#[derive(Serialize)]
struct JsonLeft {
    workload: String,
    pods: u32,
    why: String,
}

/// One group of `--by` in JSON.
#[derive(Serialize)]
pub(super) struct JsonGroup {
    name: String,
    before_monthly: String,
    after_monthly: String,
}

pub(super) fn json_groups(bill: &Bill, by: By) -> Vec<JsonGroup> {
    let one = |group: Group| JsonGroup {
        name: group.name,
        before_monthly: group.before.normalize().to_string(),
        after_monthly: group.after.normalize().to_string(),
    };
    groups(bill, "this environment", by).into_iter().map(one).collect()
}

pub(super) fn ahead(bill: &Bill) -> Ahead {
    let text = |figure: Option<Decimal>| figure.map(|figure| figure.normalize().to_string());
    let pool = |pool: &PoolCost| JsonPool {
        pool: pool.pool.clone(),
        idle_monthly: text(pool.idle),
        expected_monthly: text(pool.expected),
        expected_low_monthly: text(pool.range.map(|(_, cheap)| cheap)),
        expected_high_monthly: text(pool.range.map(|(dear, _)| dear)),
        on_demand_monthly: text(pool.on_demand),
        max_monthly: text(pool.max),
        unbounded: pool.unbounded,
        spot_share_percent: pool.spot_share,
        nodes: pool
            .nodes
            .iter()
            .map(|node| JsonNode {
                instance_type: node.instance_type.clone(),
                count: node.count,
                monthly: node.monthly.normalize().to_string(),
                cpu_percent: node.full_percent.0,
                memory_percent: node.full_percent.1,
                pods: node.pods.clone(),
            })
            .collect(),
        notes: pool.notes.clone(),
    };
    Ahead {
        compared_with: match &bill.compared {
            crate::cost::Compared::Nothing => None,
            crate::cost::Compared::Live => Some("live".to_owned()),
            crate::cost::Compared::Base(name) => Some(name.clone()),
        },
        driver: bill.driver(),
        price_age_days: bill.price_age_days,
        price_stale: bill.price_age_days.is_some_and(|days| days > bill.stale_after()),
        pools: bill.pools.pools.iter().map(pool).collect(),
        left_out: bill
            .pools
            .left_out
            .iter()
            .map(|left| JsonLeft { workload: left.workload.clone(), pods: left.pods, why: left.why.clone() })
            .collect(),
    }
}
