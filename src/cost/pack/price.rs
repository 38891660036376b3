//! What each pool of an environment costs a month: idle, expected, at its limits; on which nodes, and what does not fit.

use std::collections::BTreeMap;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::demand::Demand;
use super::facts::Type;
use super::ground::{Ground, micro};
use super::puzzle::{Kind, Node, Offer, Offers, Puzzle, fits};
use super::{exact, solve};
use crate::config::Spec;
use crate::config::spec::Spread;
use crate::cost::line::Rates;
use crate::cost::spot::Spot;

/// What spot saves when nobody says otherwise, and the range it is shown with, percent. In 2026 the means of zones for current general-purpose
/// families were about 54, those of whole families 51 to 69 (EC2 Spot Instance Advisor; price histories).
pub(crate) const SPOT_SAVING: (u8, u8, u8) = (45, 55, 70);

/// Nodes of one type in one pool, with the same share of spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeUse {
    /// `m7i.xlarge`.
    pub instance_type: String,
    /// How many.
    pub count: u32,
    /// USD a month for all of them, their volumes too.
    pub monthly: Decimal,
    /// How full they are with pods and DaemonSets, percent of what pods may request: cpu, memory.
    pub full_percent: (u8, u8),
    /// Workloads on them, with how many pods.
    pub pods: BTreeMap<String, u32>,
}

/// Pods that have no node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The workload.
    pub workload: String,
    /// How many of its pods.
    pub pods: u32,
    /// Why.
    pub why: String,
}

/// What a pool costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolCost {
    /// Its name.
    pub pool: String,
    /// USD a month when nothing is going on; `None` is "no price".
    pub idle: Option<Decimal>,
    /// USD a month for what is declared; `None` where nothing is, or there is no price.
    pub expected: Option<Decimal>,
    /// The same at the least and at the most that spot saves: dear, cheap. Equal where the saving is declared or nothing is spot.
    pub range: Option<(Decimal, Decimal)>,
    /// The same nodes all on demand.
    pub on_demand: Option<Decimal>,
    /// USD a month at its limits; `None` is unbounded or no price.
    pub max: Option<Decimal>,
    /// Whether `max` is missing because the limits are no bound.
    pub unbounded: bool,
    /// Expected nodes.
    pub nodes: Vec<NodeUse>,
    /// What is assumed, why there is no price.
    pub notes: Vec<String>,
    /// Percent of its nodes that are taken for spot.
    pub spot_share: Option<u8>,
}

/// What all pools cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// By name.
    pub pools: Vec<PoolCost>,
    /// Pods that have no node.
    pub left_out: Vec<LeftOut>,
    /// A code, and what is odd about which workload.
    pub warnings: Vec<(&'static str, String)>,
}

/// What spot saves, as shares of the on-demand price, and how that is known.
struct Saving {
    least: Decimal,
    mean: Decimal,
    most: Decimal,
    said: String,
}

/// Prices all pools of an environment.
#[must_use]
pub fn price(spec: &Spec, rates: &Rates) -> Pools {
    let mut all = Pools::default();
    if spec.node_pools.is_empty() {
        return all;
    }
    let demands = Demand::all(spec);
    let Some(book) = rates.book else {
        let none = |pool: &String| without(pool, "no price table for this region".to_owned());
        all.pools = spec.node_pools.keys().map(none).collect();
        return all;
    };
    let types = book.types();
    let mut grounds = Vec::new();
    let mut refused = BTreeMap::new();
    for name in spec.node_pools.keys() {
        match Ground::of(spec, name, types, &demands, rates) {
            Ok(ground) => grounds.push(ground),
            Err(why) => {
                refused.insert(name.clone(), why);
            }
        }
    }
    let mut homes: Vec<Vec<&Demand>> = vec![Vec::new(); grounds.len()];
    for demand in demands.iter().filter(|demand| !demand.daemon) {
        match demand.home(&grounds) {
            Some(home) => homes[home].push(demand),
            None if demand.replicas > 0 => all.left_out.push(LeftOut {
                workload: demand.name.clone(),
                pods: demand.replicas,
                why: nowhere(demand, &refused),
            }),
            None => {}
        }
    }
    let declared = demands.iter().any(|demand| !demand.daemon);
    for (ground, here) in grounds.iter().zip(&homes) {
        let (cost, left) = Pricing { ground, spec, rates }.cost(here, declared);
        all.pools.push(cost);
        all.left_out.extend(left);
    }
    all.pools.extend(refused.into_iter().map(|(pool, why)| without(&pool, why)));
    all.pools.sort_by(|a, b| a.pool.cmp(&b.pool));
    all.warnings = warnings(&demands, spec);
    all
}

fn without(pool: &str, why: String) -> PoolCost {
    PoolCost {
        pool: pool.to_owned(),
        idle: None,
        expected: None,
        range: None,
        on_demand: None,
        max: None,
        unbounded: false,
        nodes: Vec::new(),
        notes: vec![why],
        spot_share: None,
    }
}

fn nowhere(demand: &Demand, refused: &BTreeMap<String, String>) -> String {
    match &demand.pool {
        Some(pool) => refused
            .get(pool)
            .map_or_else(|| format!("there is no pool {pool}"), |why| format!("pool {pool} has no price: {why}")),
        None => "no pool takes it: its tolerations, requirements or requests fit none".to_owned(),
    }
}

/// What is odd about workloads: the two mistakes that make a cluster dearer than it looks.
fn warnings(demands: &[Demand], spec: &Spec) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for demand in demands.iter().filter(|demand| !demand.daemon) {
        if demand.silent {
            let text = format!(
                "{} requests neither cpu nor memory: its pods weigh nothing here, and crowd nodes",
                demand.name
            );
            found.push(("workload-requests", text));
        }
        let tainted = spec.node_pools.iter().find(|(_, pool)| {
            let named = demand.tolerations.iter().filter(|toleration| toleration.key.is_some());
            let named: Vec<_> = named.cloned().collect();
            pool.taints.iter().any(|taint| super::demand::tolerated(&named, taint))
        });
        if let Some((pool, _)) = tainted.filter(|_| demand.pool.is_none()) {
            let text = format!(
                "{} tolerates the taint of pool {pool} but does not select it: it may run on any pool that has none",
                demand.name
            );
            found.push(("workload-selector", text));
        }
    }
    found
}

struct Pricing<'a> {
    ground: &'a Ground<'a>,
    spec: &'a Spec,
    rates: &'a Rates<'a>,
}

/// Nodes and the share of spot they are taken at.
struct Packed {
    share: u8,
    nodes: Vec<Node>,
    demands: Vec<usize>,
}

impl Pricing<'_> {
    fn cost(&self, demands: &[&Demand], declared: bool) -> (PoolCost, Vec<LeftOut>) {
        let ground = self.ground;
        let most = ground.most(self.rates);
        let base = PoolCost {
            idle: Some(Decimal::ZERO),
            expected: declared.then_some(Decimal::ZERO),
            max: most,
            unbounded: most.is_none(),
            notes: ground.notes.clone(),
            ..without(ground.name, String::new())
        };
        if let Some(replicas) = ground.pool.replicas {
            return self.fixed(base, replicas, demands);
        }
        let (idle, _) = self.pack(demands, |demand| demand.least);
        let (packed, left) = self.pack(demands, |demand| demand.replicas);
        let Saving { least, mean: saving, most: most_saved, said } = self.saving();
        let sum = |packed: &[Packed], saving: Decimal| -> Decimal {
            let of = |one: &Packed| -> Decimal {
                one.nodes.iter().map(|node| ground.node(node.offer, percent(one.share), saving, self.rates)).sum()
            };
            packed.iter().map(of).sum()
        };
        let spot = packed.iter().any(|one| one.share > 0 && !one.nodes.is_empty());
        let mut cost = base;
        cost.idle = Some(sum(&idle, saving));
        if declared {
            cost.expected = Some(sum(&packed, saving));
            cost.range = Some((sum(&packed, least), sum(&packed, most_saved)));
            cost.on_demand = Some(sum(&packed, Decimal::ZERO));
        } else {
            cost.notes.push("no workloads are declared: what to expect is not known".to_owned());
        }
        if spot {
            let hundred = |share: Decimal| (share * Decimal::ONE_HUNDRED).normalize();
            let range = match (hundred(least), hundred(most_saved)) {
                (least, most) if least == most => String::new(),
                (least, most) => format!(", {least} to {most} %"),
            };
            let shares: Vec<String> = packed.iter().map(|one| format!("{} %", one.share)).collect();
            cost.spot_share = packed.first().filter(|_| packed.len() == 1).map(|one| one.share);
            cost.notes.push(format!("spot share {}, saving {} % {said}{range}", shares.join(" and "), hundred(saving)));
        }
        cost.nodes = self.uses(&packed, demands, saving);
        (cost, left)
    }

    /// A pool of fixed size.
    fn fixed(&self, mut cost: PoolCost, replicas: u32, demands: &[&Demand]) -> (PoolCost, Vec<LeftOut>) {
        let ground = self.ground;
        let share = self.share(None);
        let saving = self.saving().mean;
        let price = |index: usize| ground.node(index, percent(share), saving, self.rates);
        let cheapest = (0..ground.types.len()).min_by_key(|index| (price(*index), &ground.types[*index].name));
        let Some(index) = cheapest else { return (cost, Vec::new()) };
        let all = price(index) * Decimal::from(replicas);
        cost.idle = Some(all);
        cost.expected = Some(all);
        cost.on_demand = Some(ground.node(index, Decimal::ZERO, saving, self.rates) * Decimal::from(replicas));
        cost.notes.push(format!("{replicas} static nodes, pods or not"));
        let mut pods = BTreeMap::new();
        for demand in demands {
            pods.insert(demand.name.clone(), demand.replicas);
        }
        let monthly = all;
        let instance_type = ground.types[index].name.clone();
        cost.nodes = vec![NodeUse { instance_type, count: replicas, monthly, full_percent: (0, 0), pods }];
        (cost, Vec::new())
    }

    /// What spot saves: as declared, else as measured, else as assumed.
    fn saving(&self) -> Saving {
        if let Some(declared) = self.rates.assumptions.spot_saving_percent.map(percent) {
            return Saving { least: declared, mean: declared, most: declared, said: "declared".to_owned() };
        }
        if let Some(Spot { least, mean, most, types }) = self.rates.spot {
            let what = if types == 1 { "1 type" } else { &format!("{types} types") };
            return Saving { least, mean, most, said: format!("by today's prices of {what}") };
        }
        let (least, mean, most) = SPOT_SAVING;
        let [least, mean, most] = [least, mean, most].map(percent);
        Saving { least, mean, most, said: "assumed".to_owned() }
    }

    /// The share of spot: what the pool leaves no choice in, what the workload says, what is assumed, or all of it, as Karpenter
    /// takes spot wherever it may.
    fn share(&self, workload: Option<u8>) -> u8 {
        match (self.ground.spot, self.ground.on_demand) {
            (false, _) => 0,
            (true, false) => 100,
            (true, true) => workload.or(self.rates.assumptions.spot_share_percent).unwrap_or(100),
        }
    }

    /// Packs so many pods of each; those of different spot shares never share a node.
    fn pack(&self, demands: &[&Demand], count: impl Fn(&Demand) -> u32) -> (Vec<Packed>, Vec<LeftOut>) {
        let mut by_share: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (index, demand) in demands.iter().enumerate().filter(|(_, demand)| count(demand) > 0) {
            by_share.entry(self.share(demand.spot_share)).or_default().push(index);
        }
        let (mut packed, mut left) = (Vec::new(), Vec::new());
        let mut limits = self.ground.limits;
        let saving = self.saving().mean;
        for (share, indices) in by_share {
            let mut puzzle = self.puzzle(demands, &indices, &count, percent(share), saving);
            puzzle.puzzle.limits = limits;
            puzzle.drop_homeless(|origin, pods| {
                let demand = demands[origin];
                left.push(LeftOut { workload: demand.name.clone(), pods, why: self.too_large(demand) });
            });
            let packing = solve::solve(&puzzle.puzzle);
            limits = limits.less(puzzle.puzzle.used(&packing.nodes));
            let out = packing.left_out.iter().map(|(kind, pods)| LeftOut {
                workload: demands[puzzle.origin[*kind]].name.clone(),
                pods: *pods,
                why: format!("the limits of pool {} are reached", self.ground.name),
            });
            merge(&mut left, out);
            let back = |node: Node| Node { offer: puzzle.types[node.offer], ..node };
            packed.push(Packed { share, nodes: packing.nodes.into_iter().map(back).collect(), demands: puzzle.origin });
        }
        (packed, left)
    }

    fn too_large(&self, demand: &Demand) -> String {
        let ground = self.ground;
        let alike = ground.types.iter().any(|found| demand.takes(found));
        let fit =
            ground.types.iter().zip(&ground.rooms).any(|(found, room)| demand.takes(found) && fits(&demand.need, room));
        match (alike, fit) {
            (false, _) => format!("no type of pool {} satisfies its requirements", ground.name),
            (true, false) => format!("no type of pool {} is large enough for one pod and the DaemonSets", ground.name),
            (true, true) => format!("fewer types of pool {} hold it than minValues asks for", ground.name),
        }
    }

    fn puzzle(
        &self,
        demands: &[&Demand],
        indices: &[usize],
        count: &impl Fn(&Demand) -> u32,
        share: Decimal,
        saving: Decimal,
    ) -> Posed {
        let ground = self.ground;
        let zones = zones(self.spec);
        let mut classes: Vec<&[crate::config::spec::Requirement]> = Vec::new();
        let (mut kinds, mut origin) = (Vec::new(), Vec::new());
        for index in indices {
            let demand = demands[*index];
            let class = if demand.requirements.is_empty() {
                0
            } else {
                let known = classes.iter().position(|known| *known == demand.requirements.as_slice());
                let bit = known.unwrap_or_else(|| {
                    classes.push(&demand.requirements);
                    classes.len() - 1
                });
                // More than 63 different selectors share the last bit, which asks for all of theirs.
                1_u64 << bit.min(63)
            };
            let total = count(demand);
            let mut add = |zone: Option<u8>, count: u32| {
                if count > 0 {
                    let alone = demand.spread == Some(Spread::Host);
                    kinds.push(Kind { need: demand.need, count, zone, alone, classes: class });
                    origin.push(*index);
                }
            };
            if demand.spread == Some(Spread::Zone) {
                for zone in 0..zones {
                    add(Some(zone), total / u32::from(zones) + u32::from(u32::from(zone) < total % u32::from(zones)));
                }
            } else {
                add(None, total);
            }
        }
        let counted: Vec<&crate::config::spec::Requirement> =
            ground.pool.requirements.iter().filter(|requirement| requirement.min_values.is_some()).collect();
        let mut numbers: Vec<BTreeMap<String, u32>> = vec![BTreeMap::new(); counted.len()];
        let mut all: Vec<(usize, Offer)> = Vec::with_capacity(ground.types.len());
        for (index, found) in ground.types.iter().enumerate() {
            let satisfies = |bit: usize| {
                let here = |class: usize| classes[class].iter().all(|r| found.meets(r).unwrap_or(false));
                if bit < 63 { here(bit) } else { (63..classes.len()).all(here) }
            };
            let bits =
                (0..classes.len().min(64)).filter(|bit| satisfies(*bit)).fold(0, |bits, bit| bits | 1_u64 << bit);
            let value = |(requirement, numbers): (&&crate::config::spec::Requirement, &mut BTreeMap<String, u32>)| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(found.value(&requirement.key)).or_insert(next)
            };
            let values = counted.iter().zip(&mut numbers).map(value).collect();
            all.push((
                index,
                offer(ground, index, found, bits, values, micro(ground.node(index, share, saving, self.rates))),
            ));
        }
        all.sort_by_key(|(_, offer)| offer.price);
        let types = all.iter().map(|(index, _)| *index).collect();
        let least = counted.iter().map(|requirement| usize::from(requirement.min_values.unwrap_or(1))).collect();
        let offers = Arc::new(Offers::new(all.into_iter().map(|(_, offer)| offer).collect(), least));
        Posed { puzzle: Puzzle { offers, kinds, limits: ground.limits }, origin, types }
    }

    fn uses(&self, packed: &[Packed], demands: &[&Demand], saving: Decimal) -> Vec<NodeUse> {
        let ground = self.ground;
        let mut uses: BTreeMap<(&str, u8), (NodeUse, [i64; 4])> = BTreeMap::new();
        for (one, node) in packed.iter().flat_map(|one| one.nodes.iter().map(move |node| (one, node))) {
            let name = ground.types[node.offer].name.as_str();
            let empty = || NodeUse {
                instance_type: name.to_owned(),
                count: 0,
                monthly: Decimal::ZERO,
                full_percent: (0, 0),
                pods: BTreeMap::new(),
            };
            let (entry, full) = uses.entry((name, one.share)).or_insert_with(|| (empty(), [0; 4]));
            entry.count += 1;
            entry.monthly += ground.node(node.offer, percent(one.share), saving, self.rates);
            for (kind, count) in &node.pods {
                let demand = demands[one.demands[*kind]];
                *entry.pods.entry(demand.name.clone()).or_insert(0) += count;
                full[0] += demand.need[0] * i64::from(*count);
                full[1] += demand.need[1] * i64::from(*count);
            }
            full[0] += ground.daemons[0];
            full[1] += ground.daemons[1];
            full[2] += ground.rooms[node.offer][0] + ground.daemons[0];
            full[3] += ground.rooms[node.offer][1] + ground.daemons[1];
        }
        let part =
            |used: i64, all: i64| u8::try_from(i128::from(used) * 100 / i128::from(all.max(1))).unwrap_or(100).min(100);
        uses.into_values()
            .map(|(mut entry, full)| {
                entry.full_percent = (part(full[0], full[2]), part(full[1], full[3]));
                entry
            })
            .collect()
    }
}

fn offer(ground: &Ground<'_>, index: usize, found: &Type, classes: u64, values: Vec<u32>, price: i64) -> Offer {
    Offer { price, room: ground.rooms[index], vcpu: found.vcpu, memory_mib: found.memory_mib, classes, values }
}

/// A puzzle, and what its indices mean.
struct Posed {
    puzzle: Puzzle,
    /// By kind: the demand.
    origin: Vec<usize>,
    /// By offer: the type.
    types: Vec<usize>,
}

impl Posed {
    /// Takes out the kinds of which not even one pod fits.
    fn drop_homeless(&mut self, mut tell: impl FnMut(usize, u32)) {
        let fitting: Vec<bool> = (0..self.puzzle.kinds.len()).map(|kind| exact::lone(&self.puzzle, kind)).collect();
        let mut told: BTreeMap<usize, u32> = BTreeMap::new();
        for (kind, _) in fitting.iter().enumerate().filter(|(_, fits)| !**fits) {
            *told.entry(self.origin[kind]).or_insert(0) += self.puzzle.kinds[kind].count;
        }
        for (origin, pods) in told {
            tell(origin, pods);
        }
        let mut keep = fitting.iter();
        self.puzzle.kinds.retain(|_| *keep.next().unwrap_or(&true));
        let mut keep = fitting.iter();
        self.origin.retain(|_| *keep.next().unwrap_or(&true));
    }
}

fn merge(left: &mut Vec<LeftOut>, more: impl Iterator<Item = LeftOut>) {
    for one in more {
        match left.iter_mut().find(|known| known.workload == one.workload && known.why == one.why) {
            Some(known) => known.pods += one.pods,
            None => left.push(one),
        }
    }
}

fn percent(value: u8) -> Decimal {
    Decimal::new(i64::from(value), 2)
}

fn zones(spec: &Spec) -> u8 {
    use crate::config::spec::Zones;
    let given = match (&spec.network.existing, &spec.network.zones) {
        (Some(existing), _) => u8::try_from(existing.private_subnet_ids.len()).unwrap_or(u8::MAX),
        (None, Zones::Count(count)) => *count,
        (None, Zones::Ids(ids)) => u8::try_from(ids.len()).unwrap_or(u8::MAX),
    };
    given.max(1)
}
