//! One pool's pods onto its types: exactly where that is little work, by rule and then improved where it is not.

use std::sync::Arc;

use super::puzzle::{Offer, Offers, Packing, Puzzle, Used};
use super::{exact, fill, improve};

/// The cheapest packing found. Every kind must fit some offer alone ([`exact::lone`]); what the limits keep out is in
/// [`Packing::left_out`].
pub(crate) fn solve(puzzle: &Puzzle) -> Packing {
    let unbound = unbound(puzzle);
    if puzzle.limits.hold(puzzle.used(&unbound)) {
        return Packing { nodes: unbound, left_out: Vec::new() };
    }
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    if exact::steps(&counts) <= exact::STEPS
        && let Some(packing) = exact::bound(puzzle)
    {
        return packing;
    }
    bound(puzzle, unbound)
}

fn unbound(puzzle: &Puzzle) -> Vec<super::puzzle::Node> {
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    if exact::steps(&counts) <= exact::STEPS {
        exact::free(puzzle, &counts).unwrap_or_default()
    } else {
        by_rule(puzzle)
    }
}

/// As for a large problem.
pub(crate) fn by_rule(puzzle: &Puzzle) -> Vec<super::puzzle::Node> {
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    let nodes = fill::cheapest(puzzle, &counts, fill::STEPS).map(|batches| fill::nodes(&batches)).unwrap_or_default();
    improve::improve(puzzle, nodes)
}

/// A large problem under limits that bind: what limits count is made ever dearer until the packing is within, or nodes have
/// to stay out.
fn bound(puzzle: &Puzzle, unbound: Vec<super::puzzle::Node>) -> Packing {
    let limits = puzzle.limits;
    let mut leanest = unbound;
    let spent = puzzle.price(&leanest);
    for weight in [1, 4, 16] {
        let extra = |offer: &Offer| {
            let share = |used: i64, limit: Option<i64>| {
                limit.map_or(0, |limit| i128::from(used) * i128::from(spent) * weight / i128::from(limit.max(1)))
            };
            let all =
                share(offer.vcpu, limits.vcpu) + share(offer.memory_mib, limits.memory_mib) + share(1, limits.nodes);
            i64::try_from(all).unwrap_or(i64::MAX / 4)
        };
        let mut dear: Vec<(usize, Offer)> = puzzle.offers.all.iter().cloned().enumerate().collect();
        for (_, offer) in &mut dear {
            offer.price = offer.price.saturating_add(extra(offer));
        }
        dear.sort_by_key(|(_, offer)| offer.price);
        let back: Vec<usize> = dear.iter().map(|(index, _)| *index).collect();
        let all = dear.into_iter().map(|(_, offer)| offer).collect();
        let offers = Arc::new(Offers::new(all, puzzle.offers.min_values.clone()));
        let mut nodes = by_rule(&Puzzle { offers, kinds: puzzle.kinds.clone(), limits });
        for node in &mut nodes {
            node.offer = back[node.offer];
        }
        let done = limits.hold(puzzle.used(&nodes));
        leanest = nodes;
        if done {
            return Packing { nodes: leanest, left_out: Vec::new() };
        }
    }
    // The nodes with the most pods for what they take of the limits come first.
    let pods = |node: &super::puzzle::Node| node.pods.iter().map(|(_, count)| i64::from(*count)).sum::<i64>();
    leanest.sort_by_key(|node| {
        let offer = puzzle.offer(node.offer);
        std::cmp::Reverse(pods(node) * 1_000_000 / (offer.vcpu * 1000 + offer.memory_mib).max(1))
    });
    let (mut used, mut packing) = (Used::default(), Packing::default());
    for node in leanest {
        let after = used.plus(puzzle.offer(node.offer));
        if limits.hold(after) {
            used = after;
            packing.nodes.push(node);
        } else {
            for (kind, count) in node.pods {
                match packing.left_out.iter_mut().find(|(known, _)| *known == kind) {
                    Some((_, out)) => *out += count,
                    None => packing.left_out.push((kind, count)),
                }
            }
        }
    }
    packing
}
