//! What is packed onto what: plain numbers, so that the solvers know neither files nor Kubernetes.

use std::sync::Arc;

/// cpu in milli, memory in bytes, GPUs, pods.
pub(crate) type Amount = [i64; 4];

/// How many dimensions an [`Amount`] has.
pub(crate) const DIMENSIONS: usize = 4;

/// Whether `need` fits into `room`.
pub(crate) fn fits(need: &Amount, room: &Amount) -> bool {
    need.iter().zip(room).all(|(need, room)| need <= room)
}

/// `a + b x count`.
pub(crate) fn plus(a: &Amount, b: &Amount, count: i64) -> Amount {
    std::array::from_fn(|dimension| a[dimension] + b[dimension] * count)
}

/// An instance type that a pool may use.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    /// What a node of it costs a month, in millionths of a USD: the instance at the pool's share of spot, and its volumes.
    pub(crate) price: i64,
    /// What is left for pods once the DaemonSets are on it.
    pub(crate) room: Amount,
    /// vCPUs, as limits count them.
    pub(crate) vcpu: i64,
    /// MiB, as limits count them.
    pub(crate) memory_mib: i64,
    /// Which selectors it satisfies, a bit each.
    pub(crate) classes: u64,
    /// Its value of each label that `minValues` counts.
    pub(crate) values: Vec<u32>,
}

/// Pods that are all alike.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// What one of them asks for.
    pub(crate) need: Amount,
    /// How many.
    pub(crate) count: u32,
    /// The zone they are bound to.
    pub(crate) zone: Option<u8>,
    /// At most one on a node.
    pub(crate) alone: bool,
    /// Selectors that its node must satisfy, a bit each.
    pub(crate) classes: u64,
}

/// Upper bounds on what all nodes are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) vcpu: Option<i64>,
    pub(crate) memory_mib: Option<i64>,
    pub(crate) nodes: Option<i64>,
}

impl Limits {
    /// What is left of them once `used` is there.
    pub(crate) fn less(self, used: Used) -> Self {
        let less = |limit: Option<i64>, used: i64| limit.map(|limit| limit - used);
        Self {
            vcpu: less(self.vcpu, used.vcpu),
            memory_mib: less(self.memory_mib, used.memory_mib),
            nodes: less(self.nodes, used.nodes),
        }
    }

    /// Whether `used` is within.
    pub(crate) fn hold(self, used: Used) -> bool {
        let within = |limit: Option<i64>, used: i64| limit.is_none_or(|limit| used <= limit);
        within(self.vcpu, used.vcpu) && within(self.memory_mib, used.memory_mib) && within(self.nodes, used.nodes)
    }
}

/// What nodes are together, as limits count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Used {
    pub(crate) vcpu: i64,
    pub(crate) memory_mib: i64,
    pub(crate) nodes: i64,
}

impl Used {
    pub(crate) fn plus(self, offer: &Offer) -> Self {
        Self { vcpu: self.vcpu + offer.vcpu, memory_mib: self.memory_mib + offer.memory_mib, nodes: self.nodes + 1 }
    }
}

/// A node and the pods on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Index of its offer.
    pub(crate) offer: usize,
    /// Index of a kind, and how many of it; ascending.
    pub(crate) pods: Vec<(usize, u32)>,
}

/// A packing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packing {
    pub(crate) nodes: Vec<Node>,
    /// Index of a kind, and how many of it the limits keep out.
    pub(crate) left_out: Vec<(usize, u32)>,
}

/// What may be used.
#[derive(Debug)]
pub(crate) struct Offers {
    /// Cheapest first; ties by the caller's order.
    pub(crate) all: Vec<Offer>,
    /// How many different values the offers that hold a node's pods must have, by place in [`Offer::values`].
    pub(crate) min_values: Vec<usize>,
    /// Indices of offers that no cheaper one outdoes: only these are ever the cheapest to hold something.
    pub(crate) front: Vec<usize>,
}

impl Offers {
    /// Sorts them and sees which are ever of use.
    pub(crate) fn new(mut all: Vec<Offer>, min_values: Vec<usize>) -> Self {
        all.sort_by_key(|offer| offer.price);
        let outdoes = |a: &Offer, b: &Offer| fits(&b.room, &a.room) && a.classes & b.classes == b.classes;
        let mut front: Vec<usize> = Vec::new();
        for (index, offer) in all.iter().enumerate() {
            if !front.iter().any(|better| outdoes(&all[*better], offer)) {
                front.push(index);
            }
        }
        Self { all, min_values, front }
    }
}

/// What is to be packed, and onto what.
#[derive(Clone, Debug)]
pub(crate) struct Puzzle {
    pub(crate) offers: Arc<Offers>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) limits: Limits,
}

/// The pods of a node while it is filled.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) need: Amount,
    pub(crate) classes: u64,
    pub(crate) zone: Option<u8>,
}

impl Load {
    /// With `count` more pods of a kind; `None` where these may not share a node.
    pub(crate) fn with(&self, kind: &Kind, count: u32) -> Option<Self> {
        if kind.alone && count > 1 {
            return None;
        }
        let zone = match (self.zone, kind.zone) {
            (Some(here), Some(there)) if here != there => return None,
            (here, there) => here.or(there),
        };
        Some(Self { need: plus(&self.need, &kind.need, i64::from(count)), classes: self.classes | kind.classes, zone })
    }
}

impl Puzzle {
    /// An offer by its index.
    pub(crate) fn offer(&self, index: usize) -> &Offer {
        &self.offers.all[index]
    }

    /// The offers that are ever the cheapest to hold something, cheapest first.
    pub(crate) fn front(&self) -> &[usize] {
        &self.offers.front
    }

    /// The same with some of the kinds only, so many of each.
    pub(crate) fn part(&self, kinds: &[usize], counts: &[u32]) -> Self {
        let kinds = kinds.iter().zip(counts).map(|(kind, count)| Kind { count: *count, ..self.kinds[*kind].clone() });
        Self { offers: Arc::clone(&self.offers), kinds: kinds.collect(), limits: Limits::default() }
    }

    /// The cheapest offer for a load; `None` where none holds it, or not as many different ones as `minValues` asks for.
    pub(crate) fn holder(&self, load: &Load) -> Option<usize> {
        let holds = |offer: &Offer| offer.classes & load.classes == load.classes && fits(&load.need, &offer.room);
        let offers = &self.offers;
        if offers.min_values.is_empty() {
            return self.front().iter().copied().find(|index| holds(self.offer(*index)));
        }
        let mut first = None;
        let mut seen = vec![std::collections::BTreeSet::new(); offers.min_values.len()];
        for (index, offer) in offers.all.iter().enumerate().filter(|(_, offer)| holds(offer)) {
            first.get_or_insert(index);
            for (seen, value) in seen.iter_mut().zip(&offer.values) {
                seen.insert(*value);
            }
            if seen.iter().zip(&offers.min_values).all(|(seen, least)| seen.len() >= *least) {
                return first;
            }
        }
        None
    }

    /// The load of some pods; `None` where they may not share a node.
    pub(crate) fn load(&self, pods: &[(usize, u32)]) -> Option<Load> {
        pods.iter().try_fold(Load::default(), |load, (kind, count)| load.with(&self.kinds[*kind], *count))
    }

    /// What nodes cost a month, in millionths.
    pub(crate) fn price(&self, nodes: &[Node]) -> i64 {
        nodes.iter().map(|node| self.offer(node.offer).price).sum()
    }

    /// What nodes are together.
    pub(crate) fn used(&self, nodes: &[Node]) -> Used {
        nodes.iter().fold(Used::default(), |used, node| used.plus(self.offer(node.offer)))
    }
}
