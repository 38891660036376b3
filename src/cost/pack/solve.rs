//! One pool's pods onto its types: exactly where that is little work, by rule and then improved where it is not.

use std::sync::Arc;

use super::puzzle::{Amount, DIMENSIONS, Node, Offer, Offers, Packing, Puzzle, Used, plus};
use super::{exact, fill, improve};

/// The cheapest packing found. Every kind must fit some offer alone ([`exact::lone`]); what the limits keep out is in
/// [`Packing::left_out`].
pub(crate) fn solve(puzzle: &Puzzle) -> Packing {
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    let small = exact::steps(&counts) <= exact::STEPS;
    // What no nodes could hold within the limits need not be packed without them first.
    let least = least_used(puzzle);
    let hopeless = !puzzle.limits.hold(least);
    let unbound = match (hopeless, small) {
        (true, _) => Vec::new(),
        (false, true) => exact::free(puzzle, &counts).unwrap_or_default(),
        (false, false) => by_rule(puzzle, 1),
    };
    let used = if hopeless { least } else { puzzle.used(&unbound) };
    if puzzle.limits.hold(used) {
        return Packing { nodes: unbound, left_out: Vec::new() };
    }
    if small && let Some(packing) = exact::bound(puzzle) {
        return packing;
    }
    if hopeless { rest(puzzle, lean(puzzle, [16; 3], 1)) } else { bound(puzzle, used) }
}

/// As for a large problem, with one part in so many of the effort.
pub(crate) fn by_rule(puzzle: &Puzzle, part: u32) -> Vec<Node> {
    let counts: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    let steps = fill::STEPS / part as usize;
    let nodes = fill::cheapest(puzzle, &counts, steps).map(|batches| fill::nodes(&batches)).unwrap_or_default();
    improve::improve(puzzle, nodes, improve::STEPS / u64::from(part))
}

/// What all pods ask for together.
fn asked(puzzle: &Puzzle) -> Amount {
    puzzle.kinds.iter().fold([0; DIMENSIONS], |sum, kind| plus(&sum, &kind.need, i64::from(kind.count)))
}

/// Less than this no nodes are that hold all pods: what a vCPU and a MiB could give if nodes kept nothing for themselves.
fn least_used(puzzle: &Puzzle) -> Used {
    let [cpu, memory, ..] = asked(puzzle);
    Used { vcpu: div_up(cpu, 1000), memory_mib: div_up(memory, 1 << 20), nodes: i64::from(cpu + memory > 0) }
}

fn div_up(a: i64, b: i64) -> i64 {
    a / b + i64::from(a % b > 0)
}

/// At least so much the pods cost without limits, in millionths of a USD: each of cpu and memory where it is cheapest.
fn least_price(puzzle: &Puzzle) -> i64 {
    let asked = asked(puzzle);
    let cheapest = |dimension: usize| {
        let each = |offer: &Offer| {
            i128::from(asked[dimension]) * i128::from(offer.price) / i128::from(offer.room[dimension].max(1))
        };
        puzzle.offers.all.iter().map(each).min().unwrap_or(0)
    };
    i64::try_from(cheapest(0).max(cheapest(1))).unwrap_or(i64::MAX)
}

/// A large problem under limits that bind: what a limit that is passed counts is made ever dearer until the packing is within, or
/// pods have to stay out.
fn bound(puzzle: &Puzzle, mut used: Used) -> Packing {
    const ROUNDS: usize = 5;
    let limits = puzzle.limits;
    let mut weights = [0; 3];
    let mut leanest = Vec::new();
    for _ in 0..ROUNDS {
        let passed = [
            limits.vcpu.is_some_and(|limit| used.vcpu > limit),
            limits.memory_mib.is_some_and(|limit| used.memory_mib > limit),
            limits.nodes.is_some_and(|limit| used.nodes > limit),
        ];
        for (weight, _) in weights.iter_mut().zip(passed).filter(|(_, passed)| *passed) {
            *weight = (*weight * 4).clamp(1, 16);
        }
        leanest = lean(puzzle, weights, 4);
        used = puzzle.used(&leanest);
        if limits.hold(used) {
            return Packing { nodes: leanest, left_out: Vec::new() };
        }
    }
    rest(puzzle, leanest)
}

/// All pods, on nodes that take little of the limits: `weights` for vCPU, memory and the number of nodes. At a weight of 1 what takes a
/// whole limit is dearer by about what all pods cost.
fn lean(puzzle: &Puzzle, weights: [i128; 3], part: u32) -> Vec<Node> {
    let limits = puzzle.limits;
    let spent = i128::from(least_price(puzzle));
    let extra = |offer: &Offer| {
        let share = |used: i64, limit: Option<i64>, weight: i128| {
            limit.map_or(0, |limit| i128::from(used) * spent * weight / i128::from(limit.max(1)))
        };
        let all = share(offer.vcpu, limits.vcpu, weights[0])
            + share(offer.memory_mib, limits.memory_mib, weights[1])
            + share(1, limits.nodes, weights[2]);
        i64::try_from(all).unwrap_or(i64::MAX / 4)
    };
    let dear = |offer: &Offer| Offer { price: offer.price.saturating_add(extra(offer)), ..offer.clone() };
    on(puzzle, puzzle.offers.all.iter().map(dear).enumerate().collect(), part)
}

/// Packs onto these offers only, each with its index in the puzzle.
fn on(puzzle: &Puzzle, offers: Vec<(usize, Offer)>, part: u32) -> Vec<Node> {
    let (posed, back) = among(puzzle, offers);
    by_rule(&posed, part).into_iter().map(|node| Node { offer: back[node.offer], ..node }).collect()
}

/// The puzzle with these offers only, and where each of them stood.
fn among(puzzle: &Puzzle, mut offers: Vec<(usize, Offer)>) -> (Puzzle, Vec<usize>) {
    offers.sort_by_key(|(_, offer)| offer.price);
    let (back, all): (Vec<usize>, Vec<Offer>) = offers.into_iter().unzip();
    let offers = Arc::new(Offers::new(all, puzzle.offers.min_values.clone()));
    (Puzzle { offers, kinds: puzzle.kinds.clone(), limits: puzzle.limits }, back)
}

/// As many of these nodes as the limits allow, those with the most pods for what they take first; then, for what is left of the
/// limits, smaller ones for what is left of the pods, as Karpenter tries smaller types when a limit is near.
fn rest(puzzle: &Puzzle, mut nodes: Vec<Node>) -> Packing {
    const ROUNDS: usize = 4;
    let (mut used, mut packing) = (Used::default(), Packing::default());
    let mut left: Vec<u32> = puzzle.kinds.iter().map(|kind| kind.count).collect();
    for _ in 0..ROUNDS {
        let pods = |node: &Node| node.pods.iter().map(|(_, count)| i64::from(*count)).sum::<i64>();
        nodes.sort_by_key(|node| {
            let offer = puzzle.offer(node.offer);
            std::cmp::Reverse(pods(node) * 1_000_000 / (offer.vcpu * 1000 + offer.memory_mib).max(1))
        });
        let before = packing.nodes.len();
        for node in nodes {
            let after = used.plus(puzzle.offer(node.offer));
            if puzzle.limits.hold(after) {
                used = after;
                node.pods.iter().for_each(|(kind, count)| left[*kind] -= count);
                packing.nodes.push(node);
            }
        }
        let some = packing.nodes.len() > before || before == 0;
        nodes = if some { smaller(puzzle, &left, used) } else { Vec::new() };
        if nodes.is_empty() {
            break;
        }
    }
    packing.left_out = left.into_iter().enumerate().filter(|(_, count)| *count > 0).collect();
    packing
}

/// What is left of the pods, on nodes of which one at least is within what is left of the limits.
fn smaller(puzzle: &Puzzle, left: &[u32], used: Used) -> Vec<Node> {
    let within = |offer: &Offer| puzzle.limits.hold(used.plus(offer));
    let offers: Vec<(usize, Offer)> =
        puzzle.offers.all.iter().cloned().enumerate().filter(|(_, offer)| within(offer)).collect();
    let (all, _) = among(puzzle, offers.clone());
    let kinds: Vec<usize> =
        (0..puzzle.kinds.len()).filter(|kind| left[*kind] > 0 && exact::lone(&all, *kind)).collect();
    if kinds.is_empty() {
        return Vec::new();
    }
    let counts: Vec<u32> = kinds.iter().map(|kind| left[*kind]).collect();
    let part = Puzzle { limits: puzzle.limits, ..puzzle.part(&kinds, &counts) };
    let back = |node: Node| Node {
        offer: node.offer,
        pods: node.pods.into_iter().map(|(kind, count)| (kinds[kind], count)).collect(),
    };
    on(&part, offers, 8).into_iter().map(back).collect()
}
