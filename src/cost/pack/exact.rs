//! Small puzzles, solved: the least cost over all ways to deal the pods out to nodes.
//!
//! A state is how many pods of each kind are left. Some node holds a pod of the first kind that is left, so only such fills are
//! tried. The work is the product of `(n + 1)(n + 2) / 2` over the kinds, and known before it begins.

use std::collections::HashMap;

use super::puzzle::{Load, Node, Packing, Puzzle, Used};

/// Beyond so many steps a puzzle is not small.
pub(crate) const STEPS: u64 = 300_000;

/// Beyond so many states under a limit that binds a puzzle is not small.
const BOUND_STATES: usize = 60_000;

/// How much work an exact solution is.
pub(crate) fn steps(counts: &[u32]) -> u64 {
    counts.iter().fold(1_u64, |all, count| {
        let count = u64::from(*count);
        all.saturating_mul((count + 1).saturating_mul(count + 2) / 2)
    })
}

/// The states of a puzzle as numbers of mixed radix.
struct States {
    counts: Vec<u32>,
    weights: Vec<usize>,
    size: usize,
}

impl States {
    fn new(counts: Vec<u32>) -> Self {
        let mut size = 1;
        let mut weights = Vec::with_capacity(counts.len());
        for count in &counts {
            weights.push(size);
            size *= *count as usize + 1;
        }
        Self { counts, weights, size }
    }

    fn digit(&self, state: usize, kind: usize) -> u32 {
        let digit = state / self.weights[kind] % (self.counts[kind] as usize + 1);
        u32::try_from(digit).unwrap_or(u32::MAX)
    }

    fn pods(&self, state: usize) -> Vec<(usize, u32)> {
        (0..self.counts.len()).map(|kind| (kind, self.digit(state, kind))).filter(|(_, count)| *count > 0).collect()
    }

    /// Calls `visit` with every fill of `state` that has the first kind left in it.
    fn fills(&self, state: usize, visit: &mut impl FnMut(usize)) {
        let pods = self.pods(state);
        let Some(((first, most), rest)) = pods.split_first() else { return };
        for count in 1..=*most {
            self.deeper(rest, self.weights[*first] * count as usize, visit);
        }
    }

    fn deeper(&self, rest: &[(usize, u32)], fill: usize, visit: &mut impl FnMut(usize)) {
        let Some(((kind, most), rest)) = rest.split_first() else { return visit(fill) };
        for count in 0..=*most {
            self.deeper(rest, fill + self.weights[*kind] * count as usize, visit);
        }
    }
}

/// The cheapest packing of `counts` pods of each kind that ignores limits; `None` where a pod fits nowhere.
pub(crate) fn free(puzzle: &Puzzle, counts: &[u32]) -> Option<Vec<Node>> {
    let states = States::new(counts.to_vec());
    let holders = holders(puzzle, &states);
    // By state: what it costs, and the fill that is best taken first.
    let mut best: Vec<Option<(i64, usize)>> = vec![None; states.size];
    best[0] = Some((0, 0));
    for state in 1..states.size {
        let mut found: Option<(i64, usize)> = None;
        states.fills(state, &mut |fill| {
            if let (Some(offer), Some((rest, _))) = (holders[fill], best[state - fill]) {
                let price = puzzle.offer(offer).price + rest;
                if found.is_none_or(|(least, _)| price < least) {
                    found = Some((price, fill));
                }
            }
        });
        best[state] = found;
    }
    let mut nodes = Vec::new();
    let mut state = states.size - 1;
    while state > 0 {
        let (_, fill) = best[state]?;
        nodes.push(Node { offer: holders[fill]?, pods: states.pods(fill) });
        state -= fill;
    }
    Some(nodes)
}

fn holders(puzzle: &Puzzle, states: &States) -> Vec<Option<usize>> {
    (0..states.size).map(|fill| puzzle.holder(&puzzle.load(&states.pods(fill))?)).collect()
}

/// The packing within the limits that leaves out the fewest pods, then costs least; `None` where that is too much work.
pub(crate) fn bound(puzzle: &Puzzle) -> Option<Packing> {
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    let states = States::new(counts);
    let choices = (0..states.size).map(|fill| choices(puzzle, &states, fill)).collect();
    let mut search = Search { puzzle, choices, seen: HashMap::new(), states };
    let start = search.states.size - 1;
    search.best(start, Used::default())?;
    let mut packing = Packing::default();
    let (mut state, mut used) = (start, Used::default());
    while state > 0 {
        match search.seen.get(&(state, used))?.2 {
            Step::Skip(kind) => {
                match packing.left_out.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, count)) => *count += 1,
                    None => packing.left_out.push((kind, 1)),
                }
                state -= search.states.weights[kind];
            }
            Step::Take(fill, offer) => {
                packing.nodes.push(Node { offer, pods: search.states.pods(fill) });
                state -= fill;
                used = used.plus(puzzle.offer(offer));
            }
        }
    }
    Some(packing)
}

/// Offers that hold a fill and that differ in what limits count, the cheapest of each.
fn choices(puzzle: &Puzzle, states: &States, fill: usize) -> Vec<usize> {
    let Some(load) = puzzle.load(&states.pods(fill)) else { return Vec::new() };
    if fill == 0 || puzzle.holder(&load).is_none() {
        return Vec::new();
    }
    let mut found: Vec<usize> = Vec::new();
    for (index, offer) in puzzle.offers.all.iter().enumerate() {
        let holds = offer.classes & load.classes == load.classes && super::puzzle::fits(&load.need, &offer.room);
        let leaner = |known: &&usize| {
            let known = puzzle.offer(**known);
            known.vcpu <= offer.vcpu && known.memory_mib <= offer.memory_mib
        };
        if holds && found.iter().find(leaner).is_none() {
            found.push(index);
        }
    }
    found
}

#[derive(Clone, Copy)]
enum Step {
    /// A pod of this kind stays out.
    Skip(usize),
    /// A node with this fill, of this offer.
    Take(usize, usize),
}

struct Search<'a> {
    puzzle: &'a Puzzle,
    states: States,
    choices: Vec<Vec<usize>>,
    seen: HashMap<(usize, Used), (u32, i64, Step)>,
}

impl Search<'_> {
    /// Pods left out and cost from here on; `None` when it has become too much.
    fn best(&mut self, state: usize, used: Used) -> Option<(u32, i64)> {
        if state == 0 {
            return Some((0, 0));
        }
        if let Some((out, price, _)) = self.seen.get(&(state, used)) {
            return Some((*out, *price));
        }
        if self.seen.len() > BOUND_STATES {
            return None;
        }
        let first = self.states.pods(state).first()?.0;
        let (out, price) = self.best(state - self.states.weights[first], used)?;
        let mut best = (out + 1, price, Step::Skip(first));
        let mut fills = Vec::new();
        self.states.fills(state, &mut |fill| fills.push(fill));
        for fill in fills {
            for choice in 0..self.choices[fill].len() {
                let offer = self.choices[fill][choice];
                let after = used.plus(self.puzzle.offer(offer));
                if self.puzzle.limits.hold(after) {
                    let (out, rest) = self.best(state - fill, after)?;
                    let price = rest + self.puzzle.offer(offer).price;
                    if (out, price) < (best.0, best.1) {
                        best = (out, price, Step::Take(fill, offer));
                    }
                }
            }
        }
        self.seen.insert((state, used), best);
        Some((best.0, best.1))
    }
}

/// Whether one load of all pods of one kind exists at all: the reason a pod fits nowhere is asked of the offers.
pub(crate) fn lone(puzzle: &Puzzle, kind: usize) -> bool {
    Load::default().with(&puzzle.kinds[kind], 1).is_some_and(|load| puzzle.holder(&load).is_some())
}
