//! What an instance type offers: the labels Karpenter derives from it, and the room it leaves for pods.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::cost::Book;

/// By region; made once, for they are asked for with every pod.
static OFFERED: Mutex<BTreeMap<String, &'static [Shape]>> = Mutex::new(BTreeMap::new());

/// One instance type on offer.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) labels: BTreeMap<&'static str, String>,
    /// Whether it is sold on the spot market.
    pub(super) spot: bool,
    /// Thousandths of a CPU left for pods.
    pub(super) cpu: u128,
    /// Thousandths of a byte left for pods.
    pub(super) memory: u128,
    /// All of it, in thousandths: what counts against a pool's limits.
    pub(super) whole: BTreeMap<String, u128>,
}

const MIB: u128 = 1000 * 1024 * 1024;

/// The instance types of a region's price table; none where there is no table.
pub(super) fn offered(region: &str) -> Option<&'static [Shape]> {
    let mut offered = OFFERED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = offered.get(region) {
        return Some(known);
    }
    let book = Book::embedded(region)?;
    let shapes = book.instances().map(|(name, price)| {
        let mut labels = labels(name);
        labels.insert("karpenter.k8s.aws/instance-cpu", price.vcpu.to_string());
        labels.insert("karpenter.k8s.aws/instance-memory", price.memory_mib.to_string());
        labels.insert("kubernetes.io/arch", if price.arch == "arm64" { "arm64" } else { "amd64" }.to_owned());
        labels.insert("kubernetes.io/os", "linux".to_owned());
        let (cpu, memory) = room(price.vcpu, price.memory_mib);
        let whole = [("cpu", u128::from(price.vcpu) * 1000), ("memory", u128::from(price.memory_mib) * MIB)];
        let whole = BTreeMap::from(whole.map(|(resource, all)| (resource.to_owned(), all)));
        Shape { labels, spot: price.spot, cpu, memory, whole }
    });
    // The price tables live as long as the process, and so does what is made of them.
    let shapes: &'static [Shape] = Box::leak(shapes.collect::<Vec<_>>().into_boxed_slice());
    offered.insert(region.to_owned(), shapes);
    Some(shapes)
}

/// Labels that follow from the name: `m7i-flex.2xlarge` is category `m`, generation `7`, family `m7i-flex`.
///
/// Source: Karpenter, "Scheduling", "Well-Known Labels".
fn labels(name: &str) -> BTreeMap<&'static str, String> {
    let (family, size) = name.split_once('.').unwrap_or((name, ""));
    let category: String = family.chars().take_while(char::is_ascii_alphabetic).collect();
    let generation = family[category.len()..].trim_start_matches('-').trim_start_matches(|c: char| !c.is_ascii_digit());
    let generation: String = generation.chars().take_while(char::is_ascii_digit).collect();
    BTreeMap::from([
        ("node.kubernetes.io/instance-type", name.to_owned()),
        ("karpenter.k8s.aws/instance-category", category),
        ("karpenter.k8s.aws/instance-generation", generation),
        ("karpenter.k8s.aws/instance-family", family.to_owned()),
        ("karpenter.k8s.aws/instance-size", size.to_owned()),
    ])
}

/// What the kubelet leaves for pods, roughly: Karpenter takes 7.5 % of the memory for the hypervisor, and the kubelet keeps
/// 255 MiB and 11 MiB a pod (58 of them taken) besides 100 MiB before it evicts; of CPUs 6 %, 1 %, 0.5 % and 0.25 % of the
/// first, second, next two and further ones; 250m are left for DaemonSets.
///
/// Source: Karpenter, "NodeClasses", "Reserved Resources"; "Settings", `VM_MEMORY_OVERHEAD_PERCENT`.
fn room(vcpu: u32, memory_mib: u64) -> (u128, u128) {
    let cores = u128::from(vcpu);
    let kept = match vcpu {
        0 | 1 => 60,
        2 => 70,
        3 | 4 => 70 + 5 * (cores - 2),
        _ => 80 + (cores - 4) * 5 / 2,
    };
    let memory = u128::from(memory_mib) * 925 / 1000;
    let left = memory.saturating_sub(255 + 11 * 58 + 100);
    ((cores * 1000).saturating_sub(kept + 250), left * MIB)
}
