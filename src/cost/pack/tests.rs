//! The packer against a solver that knows no trick, on instances small enough for it, and on large ones for what must always hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ceiling::{self, Size};
use super::puzzle::{Kind, Limits, Load, Node, Offer, Offers, Puzzle};
use super::{exact, facts, solve};
use crate::cost::Book;
use crate::cost::pack::ground::micro;

const GIB: i64 = 1 << 30;

/// All plain types of us-east-1, a selector bit for each architecture.
fn real_offers() -> Vec<Offer> {
    let book = Book::embedded("us-east-1").expect("a book");
    let types = facts::types(book);
    let offer = |found: &facts::Type| {
        let mut room = found.allocatable(&serde_json::Map::new());
        room[0] -= 180;
        room[3] -= 4;
        Offer {
            price: micro(found.usd_per_hour * rust_decimal::Decimal::from(730)) + 4_000_000,
            room,
            vcpu: found.vcpu,
            memory_mib: found.memory_mib,
            classes: if found.arch == "arm64" { 1 } else { 2 },
            values: Vec::new(),
        }
    };
    let plain = types.iter().filter(|found| !found.exotic()).map(offer);
    plain.filter(|offer| offer.room.iter().all(|left| *left >= 0)).collect()
}

fn random(dice: &mut fastrand::Rng, all: &[Offer]) -> Puzzle {
    let offers: Vec<Offer> = all.iter().filter(|_| dice.u8(..) < 40).cloned().collect();
    let mut pods = dice.u32(1..=6);
    let mut kinds = Vec::new();
    while pods > 0 {
        let count = dice.u32(1..=pods);
        pods -= count;
        kinds.push(Kind {
            need: [dice.i64(100..4000), dice.i64(GIB / 8..12 * GIB), 0, 1],
            count,
            zone: (dice.u8(..) < 60).then(|| dice.u8(0..3)),
            alone: dice.u8(..) < 30,
            classes: if dice.u8(..) < 60 { 2 } else { 0 },
        });
    }
    Puzzle { offers: Arc::new(Offers::new(offers, Vec::new())), kinds, limits: Limits::default() }
}

/// The least cost over all partitions of the pods: each pod joins a node that is there, or a new one.
fn by_partitions(puzzle: &Puzzle, pods: &[usize], nodes: &mut Vec<Vec<usize>>, best: &mut Option<i64>) {
    let Some((pod, rest)) = pods.split_first() else {
        let mut sum = 0;
        for node in nodes.iter() {
            let mut counts: BTreeMap<usize, u32> = BTreeMap::new();
            for kind in node {
                *counts.entry(*kind).or_insert(0) += 1;
            }
            let counts: Vec<(usize, u32)> = counts.into_iter().collect();
            let Some(offer) = puzzle.load(&counts).and_then(|load| cheapest(puzzle, &load)) else { return };
            sum += offer;
        }
        *best = Some(best.map_or(sum, |best| best.min(sum)));
        return;
    };
    for index in 0..=nodes.len() {
        if index == nodes.len() {
            nodes.push(Vec::new());
        }
        nodes[index].push(*pod);
        by_partitions(puzzle, rest, nodes, best);
        nodes[index].pop();
        if nodes[index].is_empty() {
            nodes.truncate(index);
        }
    }
}

/// The cheapest of all offers, not only of those at the front.
fn cheapest(puzzle: &Puzzle, load: &Load) -> Option<i64> {
    let holds = |offer: &&Offer| {
        offer.classes & load.classes == load.classes && load.need.iter().zip(&offer.room).all(|(a, b)| a <= b)
    };
    puzzle.offers.all.iter().filter(holds).map(|offer| offer.price).min()
}

/// Every pod is on exactly one node that holds it and takes it.
fn assert_sound(puzzle: &Puzzle, nodes: &[Node], left_out: &[(usize, u32)]) {
    let mut placed = vec![0; puzzle.kinds.len()];
    for node in nodes {
        let load = puzzle.load(&node.pods).expect("pods that may share a node");
        let offer = puzzle.offer(node.offer);
        assert_eq!(offer.classes & load.classes, load.classes);
        assert!(load.need.iter().zip(&offer.room).all(|(need, room)| need <= room), "{load:?} on {offer:?}");
        for (kind, count) in &node.pods {
            placed[*kind] += count;
        }
    }
    for (kind, count) in left_out {
        placed[*kind] += count;
    }
    assert_eq!(placed, puzzle.kinds.iter().map(|kind| kind.count).collect::<Vec<_>>());
}

#[test]
fn never_above_a_tenth_over_the_optimum() {
    let all = real_offers();
    let (mut judged, mut within) = (0, 0);
    for seed in 0..200 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let puzzle = random(&mut dice, &all);
        if !(0..puzzle.kinds.len()).all(|kind| exact::lone(&puzzle, kind)) {
            continue;
        }
        let pods: Vec<usize> = puzzle
            .kinds
            .iter()
            .enumerate()
            .flat_map(|(kind, of)| std::iter::repeat_n(kind, of.count as usize))
            .collect();
        let mut best = None;
        by_partitions(&puzzle, &pods, &mut Vec::new(), &mut best);
        let best = best.expect("every pod fits somewhere");
        let solved = solve::solve(&puzzle);
        assert_sound(&puzzle, &solved.nodes, &solved.left_out);
        assert_eq!(puzzle.price(&solved.nodes), best, "seed {seed}: small problems are solved");
        // The rules that large problems are packed by, on the same.
        let ruled = solve::by_rule(&puzzle, 1);
        assert_sound(&puzzle, &ruled, &[]);
        let price = puzzle.price(&ruled);
        assert!(price * 100 <= best * 115, "seed {seed}: {price} is far above {best}");
        within += i64::from(price * 10 <= best * 11);
        judged += 1;
    }
    assert!(within * 100 >= judged * 99, "the rules alone are within a tenth in {within} of {judged}");
    assert!(judged > 130, "{judged}");
}

#[test]
fn large_problems_are_sound_and_near_what_they_need() {
    let offers = Arc::new(Offers::new(real_offers(), Vec::new()));
    let mut dice = fastrand::Rng::with_seed(1);
    let kind = |_| Kind {
        need: [dice.i64(50..1000), dice.i64(GIB / 16..3 * GIB), 0, 1],
        count: 25,
        zone: None,
        alone: false,
        classes: 0,
    };
    let kinds: Vec<Kind> = (0..60).map(kind).collect();
    let puzzle = Puzzle { offers, kinds, limits: Limits::default() };
    let solved = solve::solve(&puzzle);
    assert_sound(&puzzle, &solved.nodes, &solved.left_out);
    let need = |d: usize| -> i64 { puzzle.kinds.iter().map(|kind| kind.need[d] * i64::from(kind.count)).sum() };
    // Nodes are at least three quarters full of what they are fullest of.
    let room = |d: usize| -> i64 { solved.nodes.iter().map(|node| puzzle.offer(node.offer).room[d]).sum() };
    assert!(need(0) * 4 > room(0) * 3 || need(1) * 4 > room(1) * 3, "{} of {}", need(0), room(0));
}

#[test]
fn limits_hold_and_what_they_keep_out_is_said() {
    let offers = Arc::new(Offers::new(real_offers(), Vec::new()));
    for (count, vcpu) in [(6, 8), (200, 64)] {
        let kinds =
            (1..=3).map(|size| Kind { need: [size * 700, GIB, 0, 1], count, zone: None, alone: false, classes: 0 });
        let limits = Limits { vcpu: Some(vcpu), ..Limits::default() };
        let puzzle = Puzzle { offers: Arc::clone(&offers), kinds: kinds.collect(), limits };
        let solved = solve::solve(&puzzle);
        assert_sound(&puzzle, &solved.nodes, &solved.left_out);
        assert!(limits.hold(puzzle.used(&solved.nodes)));
        assert!(!solved.nodes.is_empty() && !solved.left_out.is_empty());
        // Nothing is kept out for which there was room: what is left of the limit is no more than a node.
        assert!(puzzle.used(&solved.nodes).vcpu + 2 > vcpu, "{:?} of {vcpu}", puzzle.used(&solved.nodes));
    }
}

#[test]
fn limits_that_bind_a_little_choose_leaner_nodes_and_keep_nothing_out() {
    let offers = Arc::new(Offers::new(real_offers(), Vec::new()));
    let mut dice = fastrand::Rng::with_seed(3);
    let kind = |_| Kind {
        need: [dice.i64(50..250), dice.i64(GIB..6 * GIB), 0, 1],
        count: 20,
        zone: None,
        alone: false,
        classes: 0,
    };
    let kinds: Vec<Kind> = (0..60).map(kind).collect();
    let free = Puzzle { offers, kinds, limits: Limits::default() };
    let used = free.used(&solve::solve(&free).nodes);
    for limits in [
        Limits { nodes: Some(used.nodes * 3 / 4), memory_mib: Some(used.memory_mib * 102 / 100), vcpu: None },
        Limits { vcpu: Some(used.vcpu * 9 / 10), ..Limits::default() },
    ] {
        let bound = Puzzle { limits, ..free.clone() };
        let solved = solve::solve(&bound);
        assert_sound(&bound, &solved.nodes, &solved.left_out);
        assert!(limits.hold(bound.used(&solved.nodes)));
        assert!(solved.left_out.is_empty(), "{limits:?}: {:?}", solved.left_out);
    }
}

#[test]
fn the_ceiling_is_above_every_mix_and_not_far() {
    let mut dice = fastrand::Rng::with_seed(7);
    for _ in 0..200 {
        let sizes: Vec<Size> = (0..dice.usize(1..5))
            .map(|_| Size { vcpu: dice.i64(1..9), memory_mib: dice.i64(1..9), price: dice.i64(1..100) })
            .collect();
        let (vcpu, memory) = (dice.i64(20..60), dice.i64(20..60));
        // By what is left of both limits: the dearest whole nodes.
        let mut value: BTreeMap<(i64, i64), i64> = BTreeMap::new();
        for c in 0..=vcpu {
            for m in 0..=memory {
                let reach = sizes.iter().filter(|size| size.vcpu <= c && size.memory_mib <= m);
                let with = |size: &Size| value[&(c - size.vcpu, m - size.memory_mib)] + size.price;
                let best = reach.map(with).max().unwrap_or(0);
                value.insert((c, m), best);
            }
        }
        let truth = value[&(vcpu, memory)];
        let bound = ceiling::most(&sizes, Some(vcpu), Some(memory)).expect("a bound");
        // What a linear bound may be above: no more than two nodes that are cut in half.
        let slack = 2 * sizes.iter().map(|size| size.price).max().unwrap_or(0);
        assert!(truth <= bound && bound <= truth + slack, "{sizes:?} {vcpu} {memory}: {truth} {bound}");
    }
}

#[test]
fn the_embedded_facts_parse_and_cover_every_priced_type() {
    for region in Book::regions() {
        let book = Book::embedded(region).expect("a book");
        assert_eq!(facts::types(book).len(), book.instances().count(), "{region}: a type without a limit on pods");
    }
    assert_eq!(facts::daemon("kube-proxy"), Some([100, 0, 0, 1]));
    assert_eq!(facts::daemon("coredns"), None);
}

#[test]
fn a_node_holds_what_karpenter_would_say() {
    let types = facts::types(Book::embedded("us-east-1").expect("a book"));
    let of = |name: &str| types.iter().find(|found| found.name == name).expect("a type");
    // 8,192 less 7.5 % (615), less 11 x 29 + 255 and 100; 2 cores less 60 and 10.
    let plain = serde_json::Map::new();
    assert_eq!(of("m7i.large").allocatable(&plain), [1930, (8192 - 615 - 574 - 100) << 20, 0, 29]);
    let kubelet = serde_json::json!({"maxPods": 20, "systemReserved": {"cpu": "100m"}, "evictionHard": {"memory.available": "200Mi"}});
    let kubelet = kubelet.as_object().expect("a map");
    assert_eq!(of("m7i.large").allocatable(kubelet), [1830, (8192 - 615 - 574 - 200) << 20, 0, 20]);
    assert_eq!(of("g6.12xlarge").allocatable(&plain)[2], 4);
}

#[test]
fn labels_are_what_karpenter_puts_on_nodes() {
    let types = facts::types(Book::embedded("us-east-1").expect("a book"));
    let of = |name: &str| types.iter().find(|found| found.name == name).expect("a type");
    let meets = |name: &str, label: &str, operator: &str, value: &str| {
        let requirement = serde_json::json!({"key": format!("karpenter.k8s.aws/instance-{label}"), "operator": operator, "values": [value]});
        of(name).meets(&serde_json::from_value(requirement).expect("a requirement")).expect("a label that is known")
    };
    // As karpenter.sh/docs/reference/instance-types has them.
    for (name, label, value) in [
        ("m5d.xlarge", "local-nvme", "150"),
        ("c7gn.16xlarge", "network-bandwidth", "200000"),
        ("m7i.large", "ebs-bandwidth", "10000"),
        ("g5.xlarge", "gpu-memory", "22888"),
        ("g5.xlarge", "cpu-manufacturer", "amd"),
        ("g6f.large", "gpu-name", "l4"),
        ("inf2.xlarge", "accelerator-name", "inferentia2"),
        ("m7i.large", "encryption-in-transit-supported", "true"),
        ("a1.large", "cpu-sustained-clock-speed-mhz", "2300"),
    ] {
        assert!(meets(name, label, "In", value), "{name} {label} {value}");
        assert!(!meets(name, label, "NotIn", value), "{name} {label} {value}");
    }
    assert!(meets("m5d.xlarge", "local-nvme", "Gt", "100") && !meets("m5.xlarge", "local-nvme", "Gt", "100"));
    assert!(meets("m5.xlarge", "local-nvme", "DoesNotExist", ""));
    let unknown = serde_json::json!({"key": "karpenter.k8s.aws/instance-shade", "operator": "Exists"});
    assert!(of("m5.xlarge").meets(&serde_json::from_value(unknown).expect("a requirement")).is_err());
}
