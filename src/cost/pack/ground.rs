//! What one pool allows: its types, what they cost there, and what the DaemonSets leave of them.

use rust_decimal::Decimal;
use serde_json::Value as Json;

use super::ceiling::{self, Size};
use super::demand::{Demand, tolerated};
use super::facts::{self, Type, Unknown};
use super::puzzle::{Amount, DIMENSIONS, Limits, plus};
use crate::config::Spec;
use crate::config::check::quantity;
use crate::config::spec::{NodePool, Taint};
use crate::cost::line::Rates;

/// A pool, as far as prices are concerned.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) name: &'a str,
    pub(crate) pool: &'a NodePool,
    /// What it may use, by name.
    pub(crate) types: Vec<&'a Type>,
    /// What pods find on a node of each, DaemonSets apart.
    pub(crate) rooms: Vec<Amount>,
    /// What all DaemonSets take of every node.
    pub(crate) daemons: Amount,
    pub(crate) spot: bool,
    pub(crate) on_demand: bool,
    /// USD a month for the volumes of one node.
    pub(crate) volume: Decimal,
    pub(crate) limits: Limits,
    /// What a reader must know of it.
    pub(crate) notes: Vec<String>,
}

impl<'a> Ground<'a> {
    /// Looks at a pool; `Err` says why it has no price.
    pub(crate) fn of(
        spec: &'a Spec,
        name: &'a str,
        types: &'a [Type],
        demands: &[Demand],
        rates: &Rates,
    ) -> Result<Self, String> {
        let pool = spec.node_pools.get(name).ok_or("there is no such pool")?;
        let mut notes = Vec::new();
        let operating_system = |requirement: &&crate::config::spec::Requirement| {
            requirement.key.ends_with("kubernetes.io/os")
                && requirement.operator == "In"
                && !requirement.values.iter().any(|value| value == "linux")
        };
        if pool.requirements.iter().any(|requirement| operating_system(&requirement)) {
            return Err("Windows nodes have a price of their own, which the table lacks".to_owned());
        }
        let (spot, on_demand) = capacity(pool);
        let mut allowed = allowed(pool, types)?;
        if !on_demand {
            allowed.retain(|found| found.spot);
        }
        notes.extend(not_in_table(pool, types));
        let hard: Vec<&Taint> = pool.taints.iter().filter(|taint| taint.effect != "PreferNoSchedule").collect();
        let mut daemons = [0; DIMENSIONS];
        for need in spec.addons.keys().filter_map(|addon| facts::daemon(addon)) {
            daemons = plus(&daemons, &need, 1);
        }
        let here = |demand: &&Demand| {
            demand.daemon
                && demand.pool.as_deref().is_none_or(|pool| pool == name)
                && hard.iter().all(|taint| tolerated(&demand.tolerations, taint))
        };
        for demand in demands.iter().filter(here) {
            daemons = plus(&daemons, &demand.need, 1);
        }
        let class = spec.node_classes.get(&pool.node_class).cloned().unwrap_or_default();
        let mut kept = Vec::new();
        let mut rooms = Vec::new();
        for found in allowed {
            let room = plus(&found.allocatable(&class.kubelet), &daemons, -1);
            if room.iter().all(|left| *left >= 0) {
                kept.push(found);
                rooms.push(room);
            }
        }
        if kept.is_empty() {
            return Err("no type that the table has a price for satisfies its requirements".to_owned());
        }
        let volume = volume(&class, rates).unwrap_or_else(|why| {
            notes.push(why);
            Decimal::ZERO
        });
        Ok(Self { name, pool, types: kept, rooms, daemons, spot, on_demand, volume, limits: limits(pool), notes })
    }

    /// USD a month for one node of a type, `spot` of 1 being the share that is spot and `saving` what that saves.
    pub(crate) fn node(&self, index: usize, share: Decimal, saving: Decimal, rates: &Rates) -> Decimal {
        self.instance(index, rates) * (Decimal::ONE - share * saving) + self.volume
    }

    /// USD a month for the instance alone, on demand.
    pub(crate) fn instance(&self, index: usize, rates: &Rates) -> Decimal {
        rates.discounted("ec2", self.types[index].usd_per_hour) * rates.hours_per_month
    }

    /// The most its limits allow, USD a month on demand; `None` where they are no bound. Limits count what is there, and Karpenter
    /// may have begun a node when they are reached: one more of the dearest that fits is on top.
    pub(crate) fn most(&self, rates: &Rates) -> Option<Decimal> {
        let all = 0..self.types.len();
        let prices: Vec<Decimal> = all.clone().map(|index| self.instance(index, rates) + self.volume).collect();
        let price = |index: usize| prices[index];
        if let Some(replicas) = self.pool.replicas {
            let count = self.limits.nodes.unwrap_or_else(|| i64::from(replicas));
            return all.map(price).max().map(|dearest| dearest * Decimal::from(count));
        }
        let Limits { vcpu, memory_mib, nodes } = self.limits;
        if vcpu.is_none() && memory_mib.is_none() && nodes.is_none() {
            return None;
        }
        let within = |index: &usize| {
            let found = self.types[*index];
            vcpu.is_none_or(|limit| found.vcpu <= limit) && memory_mib.is_none_or(|limit| found.memory_mib <= limit)
        };
        let fitting: Vec<usize> = all.filter(within).collect();
        let Some(dearest) = fitting.iter().map(|index| price(*index)).max() else { return Some(Decimal::ZERO) };
        let by_number = nodes.map(|nodes| dearest * Decimal::from(nodes));
        let size = |index: &usize| Size {
            vcpu: self.types[*index].vcpu,
            memory_mib: self.types[*index].memory_mib,
            price: micro(price(*index)) + 1,
        };
        let sizes: Vec<Size> = fitting.iter().map(size).collect();
        let by_size = ceiling::most(&sizes, vcpu, memory_mib).map(|micro| Decimal::new(micro, 6));
        let bound = match (by_number, by_size) {
            (Some(a), Some(b)) => a.min(b),
            (a, b) => a.or(b)?,
        };
        Some(bound + dearest)
    }
}

/// In millionths, as the solvers count.
pub(crate) fn micro(usd: Decimal) -> i64 {
    i64::try_from((usd * Decimal::from(1_000_000)).trunc().mantissa()).unwrap_or(i64::MAX / 1_000_000)
}

/// The types that satisfy all requirements; exotic ones only where there are no others.
fn allowed<'a>(pool: &NodePool, types: &'a [Type]) -> Result<Vec<&'a Type>, String> {
    // Which labels the table knows, and which of them choose among types, does not depend on the type.
    let mut choosing = Vec::new();
    for requirement in &pool.requirements {
        match types.first().map(|found| found.chosen_by(&requirement.key)) {
            Some(Err(Unknown(label))) => {
                let what = "which its requirements ask for";
                return Err(format!("the table does not know {label} of instance types, {what}"));
            }
            Some(Ok(true)) => choosing.push(requirement),
            _ => {}
        }
    }
    let all = |found: &&Type| choosing.iter().all(|requirement| found.meets(requirement) == Ok(true));
    let fitting: Vec<&Type> = types.iter().filter(all).collect();
    let plain: Vec<&Type> = fitting.iter().copied().filter(|found| !found.exotic()).collect();
    Ok(if plain.is_empty() { fitting } else { plain })
}

/// Types that the pool names and that have no price here.
fn not_in_table(pool: &NodePool, types: &[Type]) -> Option<String> {
    let named = pool
        .requirements
        .iter()
        .filter(|requirement| requirement.operator == "In" && requirement.key.ends_with("kubernetes.io/instance-type"));
    let missing: Vec<&str> = named
        .flat_map(|requirement| &requirement.values)
        .filter(|value| !types.iter().any(|found| found.name == **value))
        .map(String::as_str)
        .collect();
    (!missing.is_empty()).then(|| format!("no price: {}", missing.join(", ")))
}

/// Whether spot and on-demand are allowed. A pool that does not say allows both.
fn capacity(pool: &NodePool) -> (bool, bool) {
    let allows = |kind: &str| {
        let of_capacity = pool.requirements.iter().filter(|r| r.key == "karpenter.sh/capacity-type");
        of_capacity.fold(true, |so_far, requirement| {
            let named = requirement.values.iter().any(|value| value == kind);
            so_far
                && match requirement.operator.as_str() {
                    "In" => named,
                    "NotIn" => !named,
                    "DoesNotExist" => false,
                    _ => true,
                }
        })
    };
    (allows("spot"), allows("on-demand"))
}

fn limits(pool: &NodePool) -> Limits {
    let thousandths = |key: &str| pool.limits.get(key).and_then(|limit| quantity(&limit.to_string()));
    let whole = |unit: u128| move |value: u128| i64::try_from(value / unit).unwrap_or(i64::MAX);
    Limits {
        vcpu: thousandths("cpu").map(whole(1000)),
        memory_mib: thousandths("memory").map(whole(1000 << 20)),
        nodes: thousandths("nodes").map(whole(1000)),
    }
}

/// USD a month for the volumes of one node, or why that is not known.
fn volume(class: &crate::config::spec::NodeClass, rates: &Rates) -> Result<Decimal, String> {
    let gp3 = |gib: u64, iops: Option<u64>, throughput: Option<u64>| {
        let lines = crate::cost::lines::gp3_volumes(1, gib, iops, throughput, rates);
        lines.iter().map(crate::cost::Line::monthly).sum::<Option<Decimal>>()
    };
    let missing = || rates.no_price("gp3: the volumes of its nodes are not counted");
    if class.block_device_mappings.is_empty() {
        // Karpenter's own default for AL2023 is 20 GiB.
        return gp3(u64::from(class.volume_gib.unwrap_or(20)), None, None).ok_or_else(missing);
    }
    let mut sum = Decimal::ZERO;
    for mapping in &class.block_device_mappings {
        let Some(ebs) = mapping.get("ebs") else { continue };
        let kind = ebs.get("volumeType").and_then(Json::as_str).unwrap_or("gp3");
        if kind != "gp3" {
            return Err(format!("no price: {kind} volumes of its nodes are not counted"));
        }
        let size = ebs.get("volumeSize").and_then(Json::as_str).and_then(quantity);
        let gib = size.map_or(20, |bytes| bytes.div_ceil(1000 << 30));
        let number = |key: &str| ebs.get(key).and_then(Json::as_u64);
        let gib = u64::try_from(gib).unwrap_or(u64::MAX);
        sum += gp3(gib, number("iops"), number("throughput")).ok_or_else(missing)?;
    }
    Ok(sum)
}
