//! Large puzzles: nodes are filled by rule, in several ways, and the cheapest outcome is taken.
//!
//! Each way fills nodes of one size at a time, the pods that are largest for it first; then every node becomes the cheapest type
//! that holds what is on it, as Karpenter's launch would choose. Nodes with the same pods are made all at once, so that the work
//! grows with the number of different pods, not of pods.

use super::puzzle::{DIMENSIONS, Load, Node, Puzzle, fits, plus};

/// About so many steps are spent on trying node sizes.
pub(crate) const STEPS: usize = 10_000_000;

/// Nodes with the same pods.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) offer: usize,
    pub(crate) pods: Vec<(usize, u32)>,
    pub(crate) times: u32,
}

/// The cheapest of all ways; `None` where a pod fits nowhere.
pub(crate) fn cheapest(puzzle: &Puzzle, counts: &[u32], steps: usize) -> Option<Vec<Batch>> {
    let price = |batches: &[Batch]| -> i64 {
        batches.iter().map(|batch| puzzle.offer(batch.offer).price * i64::from(batch.times)).sum()
    };
    let mut best: Option<(i64, Vec<Batch>)> = None;
    let mut take = |found: Option<Vec<Batch>>| {
        let Some(found) = found else { return };
        let cost = price(&found);
        if best.as_ref().is_none_or(|(least, _)| cost < *least) {
            best = Some((cost, found));
        }
    };
    let kinds = counts.iter().filter(|count| **count > 0).count().max(1);
    // One size makes at most about twice as many batches as there are kinds, and each batch looks at every kind.
    let pass = kinds * kinds * 2;
    for size in sizes(puzzle, (steps / pass).clamp(4, 200)) {
        take(one_size(puzzle, counts, size, Order::Largest));
    }
    for size in sizes(puzzle, (steps / (pass * 16)).clamp(2, 60)) {
        take(one_size(puzzle, counts, size, Order::Balanced));
    }
    let few = sizes(puzzle, (steps / (pass * 2)).clamp(3, 40));
    let tilts = [(1, 1), (3, 1), (1, 3), (1, 0), (0, 1)];
    for tilt in &tilts[..if kinds > 500 { 1 } else { tilts.len() }] {
        take(by_worth(puzzle, counts, &few, *tilt));
    }
    best.map(|(_, batches)| batches)
}

/// At most so many node sizes, spread over the whole range.
fn sizes(puzzle: &Puzzle, most: usize) -> Vec<usize> {
    let front = puzzle.front();
    if front.len() <= most {
        return front.to_vec();
    }
    (0..most).map(|step| front[step * (front.len() - 1) / (most - 1)]).collect()
}

/// In which order pods are put on a node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// By the largest share of the node that a pod takes.
    Largest,
    /// What fills the node most evenly.
    Balanced,
}

/// All pods on nodes of one size; pods that do not fit it go to nodes of the next larger one that holds them.
fn one_size(puzzle: &Puzzle, counts: &[u32], size: usize, order: Order) -> Option<Vec<Batch>> {
    let mut left = counts.to_vec();
    let mut batches = Vec::new();
    let mut sorted = by_share(puzzle, size);
    while left.iter().any(|count| *count > 0) {
        sorted.retain(|kind| left[*kind] > 0);
        let mut pods = fill(puzzle, &left, &sorted, size, order);
        if pods.is_empty() {
            // Too large for this size: onto the cheapest that holds one, with what fits beside it.
            let first = *sorted.first()?;
            let load = Load::default().with(&puzzle.kinds[first], 1)?;
            let larger = puzzle.holder(&load)?;
            pods = fill_from(puzzle, &left, &sorted, larger, order, Some(first));
        }
        batches.push(batch(puzzle, &mut left, pods)?);
    }
    Some(batches)
}

/// What a node's pods are worth, its price, and the pods.
type Worth = (i128, i128, Vec<(usize, u32)>);

/// Nodes one after the other, each the one whose pods are worth most for its price. What a pod is worth follows from what is
/// scarce: its share of all cpu, memory and GPUs, tilted to one or the other.
fn by_worth(puzzle: &Puzzle, counts: &[u32], sizes: &[usize], tilt: (i64, i64)) -> Option<Vec<Batch>> {
    let mut left = counts.to_vec();
    let orders: Vec<(usize, Vec<usize>)> = sizes.iter().map(|size| (*size, by_share(puzzle, *size))).collect();
    let total = puzzle
        .kinds
        .iter()
        .zip(counts)
        .fold([0; DIMENSIONS], |sum, (kind, count)| plus(&sum, &kind.need, i64::from(*count)));
    let part = |need: i64, total: i64| i128::from(need) * 1_000_000_000 / i128::from(total.max(1));
    let worth = |kind: usize| {
        let need = &puzzle.kinds[kind].need;
        i128::from(tilt.0) * part(need[0], total[0])
            + i128::from(tilt.1) * part(need[1], total[1])
            + part(need[2], total[2])
            + part(need[3], total[3]) / 4
            + 1
    };
    let mut batches: Vec<Batch> = Vec::new();
    while left.iter().any(|count| *count > 0) {
        let mut best: Option<Worth> = None;
        for (size, sorted) in &orders {
            let pods = fill(puzzle, &left, sorted, *size, Order::Largest);
            if pods.is_empty() {
                continue;
            }
            let offer = puzzle.holder(&puzzle.load(&pods)?)?;
            let value: i128 = pods.iter().map(|(kind, count)| worth(*kind) * i128::from(*count)).sum();
            let price = i128::from(puzzle.offer(offer).price.max(1));
            if best.as_ref().is_none_or(|(known, paid, _)| value * paid > known * price) {
                best = Some((value, price, pods));
            }
        }
        let Some((_, _, pods)) = best else {
            // No size tried holds what is left: each on the cheapest that does.
            let kind = left.iter().position(|count| *count > 0)?;
            batches.push(batch(puzzle, &mut left, vec![(kind, 1)])?);
            continue;
        };
        batches.push(batch(puzzle, &mut left, pods)?);
    }
    Some(batches)
}

/// As many nodes with these pods as there are pods for.
fn batch(puzzle: &Puzzle, left: &mut [u32], mut pods: Vec<(usize, u32)>) -> Option<Batch> {
    pods.sort_unstable();
    let offer = puzzle.holder(&puzzle.load(&pods)?)?;
    let times = pods.iter().map(|(kind, count)| left[*kind] / count).min()?;
    for (kind, count) in &pods {
        left[*kind] -= count * times;
    }
    Some(Batch { offer, pods, times })
}

/// Kinds by the largest share of this offer that a pod takes, largest first.
fn by_share(puzzle: &Puzzle, size: usize) -> Vec<usize> {
    let room = puzzle.offer(size).room;
    let share = |kind: usize| {
        let need = puzzle.kinds[kind].need;
        (0..DIMENSIONS).map(|d| i128::from(need[d]) * 1_000_000 / i128::from(room[d].max(1))).max().unwrap_or(0)
    };
    let mut kinds: Vec<usize> = (0..puzzle.kinds.len()).collect();
    kinds.sort_by_key(|kind| (std::cmp::Reverse(share(*kind)), *kind));
    kinds
}

fn fill(puzzle: &Puzzle, left: &[u32], sorted: &[usize], size: usize, order: Order) -> Vec<(usize, u32)> {
    fill_from(puzzle, left, sorted, size, order, None)
}

/// The pods that go onto one node of an offer, `first` among them.
fn fill_from(
    puzzle: &Puzzle,
    left: &[u32],
    sorted: &[usize],
    size: usize,
    order: Order,
    first: Option<usize>,
) -> Vec<(usize, u32)> {
    let offer = puzzle.offer(size);
    let mut node = Filling { puzzle, load: Load::default(), pods: Vec::new() };
    if let Some(first) = first {
        node.put(first, 1);
    }
    let mut room = offer.room;
    if order == Order::Largest {
        for kind in sorted {
            let taken = if first == Some(*kind) { node.here(*kind) } else { 0 };
            let free = room_left(&room, &node.load.need);
            let most = node.most(*kind, left[*kind].saturating_sub(taken), offer.classes, &free);
            if most > 0 {
                node.put(*kind, most);
            }
        }
    } else {
        // One pod at a time, whichever leaves the node's cpu and memory used most alike; ever smaller ones at the end.
        for dimension in &mut room {
            *dimension = (*dimension).max(0);
        }
        let sorted: Vec<usize> = sorted.iter().copied().filter(|kind| left[*kind] > 0).take(64).collect();
        for _ in 0..256 {
            let free = room_left(&room, &node.load.need);
            let next = sorted
                .iter()
                .copied()
                .filter(|kind| {
                    let taken = node.here(*kind);
                    node.most(*kind, left[*kind].saturating_sub(taken).min(1), offer.classes, &free) > 0
                })
                .min_by_key(|kind| (imbalance(&plus(&node.load.need, &puzzle.kinds[*kind].need, 1), &room), *kind));
            let Some(kind) = next else { break };
            node.put(kind, 1);
        }
        for kind in &sorted {
            let taken = node.here(*kind);
            let free = room_left(&room, &node.load.need);
            let most = node.most(*kind, left[*kind].saturating_sub(taken), offer.classes, &free);
            if most > 0 {
                node.put(*kind, most);
            }
        }
    }
    node.pods
}

fn room_left(room: &[i64; DIMENSIONS], need: &[i64; DIMENSIONS]) -> [i64; DIMENSIONS] {
    plus(room, need, -1)
}

/// How far apart the shares of cpu and memory are, less how much is used: small is good.
fn imbalance(need: &[i64; DIMENSIONS], room: &[i64; DIMENSIONS]) -> i128 {
    let share = |d: usize| i128::from(need[d]) * 1_000_000 / i128::from(room[d].max(1));
    (share(0) - share(1)).abs() * 2 - share(0) - share(1)
}

struct Filling<'a> {
    puzzle: &'a Puzzle,
    load: Load,
    pods: Vec<(usize, u32)>,
}

impl Filling<'_> {
    fn here(&self, kind: usize) -> u32 {
        self.pods.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
    }

    /// How many more pods of a kind may come onto this node.
    fn most(&self, kind: usize, left: u32, classes: u64, free: &[i64; DIMENSIONS]) -> u32 {
        let kind_of = &self.puzzle.kinds[kind];
        let bars = left == 0
            || classes & kind_of.classes != kind_of.classes
            || (self.load.zone.is_some() && kind_of.zone.is_some() && self.load.zone != kind_of.zone)
            || !fits(&kind_of.need, free);
        if bars || (kind_of.alone && self.here(kind) > 0) {
            return 0;
        }
        let room = (0..DIMENSIONS).filter(|d| kind_of.need[*d] > 0).map(|d| free[d] / kind_of.need[d]).min();
        let most = room.map_or(left, |room| u32::try_from(room).unwrap_or(u32::MAX)).min(left);
        if kind_of.alone { most.min(1) } else { most }
    }

    fn put(&mut self, kind: usize, count: u32) {
        // `most` has seen to it that they may share the node; a lone pod has nothing to clash with.
        if let Some(load) = self.load.with(&self.puzzle.kinds[kind], count) {
            self.load = load;
            match self.pods.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, here)) => *here += count,
                None => self.pods.push((kind, count)),
            }
        }
    }
}

/// Nodes one by one.
pub(crate) fn nodes(batches: &[Batch]) -> Vec<Node> {
    let one = |batch: &Batch| Node { offer: batch.offer, pods: batch.pods.clone() };
    batches.iter().flat_map(|batch| (0..batch.times).map(move |_| one(batch))).collect()
}
