//! Makes a packing cheaper: nodes are taken apart two to four at a time and packed anew, as consolidation would.

use super::puzzle::{Node, Puzzle};
use super::{exact, fill};

/// About so much work is spent on a whole problem.
pub(crate) const STEPS: u64 = 2_000_000;
/// A group of nodes that is more work than this is packed by rule.
const GROUP_STEPS: u32 = 20_000;

/// A packing of the same pods that costs no more, for about so much work.
pub(crate) fn improve(puzzle: &Puzzle, mut nodes: Vec<Node>, mut budget: u64) -> Vec<Node> {
    // The dearest per pod first; those are the ones that are badly filled.
    loop {
        let before = puzzle.price(&nodes);
        for size in [2, 3, 4] {
            nodes.sort_by_key(|node| (std::cmp::Reverse(emptiness(puzzle, node)), node.offer, node.pods.clone()));
            nodes = pass(puzzle, nodes, size, &mut budget);
        }
        if puzzle.price(&nodes) >= before || budget == 0 {
            return nodes;
        }
    }
}

/// How much of a node's price is for room that nothing uses, by its fullest dimension.
fn emptiness(puzzle: &Puzzle, node: &Node) -> i64 {
    let offer = puzzle.offer(node.offer);
    let Some(load) = puzzle.load(&node.pods) else { return 0 };
    let share = |d: usize| i128::from(load.need[d]) * 1000 / i128::from(offer.room[d].max(1));
    let fullness = i64::try_from(share(0) + share(1)).unwrap_or(0);
    offer.price / 1000 * (2000 - fullness).max(0)
}

/// Tries groups of `size` nodes that stand near each other in the order, the emptiest with all others first.
fn pass(puzzle: &Puzzle, mut nodes: Vec<Node>, size: usize, budget: &mut u64) -> Vec<Node> {
    let window = [24, 8, 6][size - 2];
    let mut start = 0;
    while start + size <= nodes.len() && *budget > 0 {
        let end = nodes.len().min(start + 1 + window);
        let mut group = Group { puzzle, nodes: &nodes, end, tried: Vec::new(), budget: &mut *budget };
        match group.better(&mut vec![start], size) {
            Some((chosen, better)) => {
                for index in chosen.into_iter().rev() {
                    nodes.remove(index);
                }
                nodes.splice(start..start, better);
            }
            None => start += 1,
        }
    }
    nodes
}

struct Group<'a> {
    puzzle: &'a Puzzle,
    nodes: &'a [Node],
    end: usize,
    tried: Vec<Vec<&'a Node>>,
    budget: &'a mut u64,
}

impl Group<'_> {
    /// The first group of `size` nodes, `chosen` among them, that can be packed for less: its indices, and the better nodes.
    fn better(&mut self, chosen: &mut Vec<usize>, size: usize) -> Option<(Vec<usize>, Vec<Node>)> {
        if chosen.len() == size {
            let these: Vec<&Node> = chosen.iter().map(|index| &self.nodes[*index]).collect();
            // Nodes alike make groups alike.
            if *self.budget == 0 || self.tried.contains(&these) {
                return None;
            }
            let better = anew(self.puzzle, &these, self.budget);
            self.tried.push(these);
            return better.map(|better| (chosen.clone(), better));
        }
        let from = chosen.last().map_or(0, |last| last + 1);
        for next in from..self.end {
            chosen.push(next);
            let found = self.better(chosen, size);
            chosen.pop();
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// The pods of these nodes on other nodes that cost less.
fn anew(puzzle: &Puzzle, these: &[&Node], budget: &mut u64) -> Option<Vec<Node>> {
    let mut pods: std::collections::BTreeMap<usize, u32> = std::collections::BTreeMap::new();
    for (kind, count) in these.iter().flat_map(|node| &node.pods) {
        *pods.entry(*kind).or_insert(0) += count;
    }
    let old: i64 = these.iter().map(|node| puzzle.offer(node.offer).price).sum();
    let counts: Vec<u32> = pods.values().copied().collect();
    let steps = exact::steps(&counts);
    let kinds: Vec<usize> = pods.keys().copied().collect();
    let part = puzzle.part(&kinds, &counts);
    let found = if steps <= u64::from(GROUP_STEPS) {
        *budget = budget.saturating_sub(steps + 200);
        exact::free(&part, &counts)?
    } else {
        *budget = budget.saturating_sub(u64::from(GROUP_STEPS));
        fill::nodes(&fill::cheapest(&part, &counts, GROUP_STEPS as usize)?)
    };
    (part.price(&found) < old).then(|| {
        let back = |node: Node| Node {
            offer: node.offer,
            pods: node.pods.into_iter().map(|(kind, count)| (kinds[kind], count)).collect(),
        };
        found.into_iter().map(back).collect()
    })
}
