//! What is known of instance types beyond their price: labels, pods, GPUs, and what a node of one can hold.
//!
//! The rules are Karpenter's for AL2023 (karpenter-provider-aws at commit 1d927085 of 2026-08-21, instance type provider). Where a pool asks for a
//! label that the tables do not know, nothing is guessed: the pool has no price, and says which label.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::puzzle::Amount;
use crate::config::check::quantity;
use crate::config::spec::Requirement;
use crate::cost::{Book, NodeFacts};

const MIB: i64 = 1 << 20;

#[derive(Deserialize)]
struct PodTable {
    #[serde(borrow)]
    xen_families: Vec<&'static str>,
    #[serde(borrow)]
    max_pods: BTreeMap<&'static str, i64>,
}

#[derive(Deserialize)]
struct GpuTable {
    #[serde(borrow)]
    gpus: BTreeMap<&'static str, (&'static str, i64)>,
}

#[derive(Deserialize)]
struct DaemonTable {
    #[serde(borrow)]
    daemonsets: BTreeMap<&'static str, DaemonRow>,
}

#[derive(Clone, Copy, Deserialize)]
struct DaemonRow {
    cpu_milli: i64,
    memory_mib: i64,
}

/// The embedded tables, parsed on first use; the tests prove that they parse.
struct Tables {
    pods: PodTable,
    gpus: GpuTable,
    daemons: DaemonTable,
}

fn tables() -> Option<&'static Tables> {
    static TABLES: OnceLock<Option<Tables>> = OnceLock::new();
    let parse = || {
        Some(Tables {
            pods: serde_json::from_str(include_str!("../data/ec2-pods.json")).ok()?,
            gpus: serde_json::from_str(include_str!("../data/gpus.json")).ok()?,
            daemons: serde_json::from_str(include_str!("../data/daemonsets.json")).ok()?,
        })
    };
    TABLES.get_or_init(parse).as_ref()
}

/// Labels that neither a name nor a price list tells. Parsed only where a requirement asks for one.
#[derive(Deserialize)]
struct Labels {
    /// GiB of local NVMe, Mbit/s of network and of EBS, MHz that all cores hold, whether traffic is encrypted in transit; 0 is no label.
    #[serde(borrow)]
    types: BTreeMap<&'static str, (i64, i64, i64, i64, bool)>,
    #[serde(borrow)]
    gpu_memory_mib: BTreeMap<&'static str, i64>,
    /// Name, maker, how many.
    #[serde(borrow)]
    accelerators: BTreeMap<&'static str, (&'static str, &'static str, i64)>,
    /// Of families whose name does not tell.
    #[serde(borrow)]
    cpu_manufacturers: BTreeMap<&'static str, &'static str>,
}

fn labels() -> Option<&'static Labels> {
    static LABELS: OnceLock<Option<Labels>> = OnceLock::new();
    LABELS.get_or_init(|| serde_json::from_str(include_str!("../data/labels.json")).ok()).as_ref()
}

/// What the DaemonSet of an EKS add-on requests on every node; `None` for an add-on without one.
pub(crate) fn daemon(addon: &str) -> Option<Amount> {
    let row = tables()?.daemons.daemonsets.get(addon)?;
    Some([row.cpu_milli, row.memory_mib * MIB, 0, 1])
}

/// One instance type.
#[derive(Clone, Debug)]
pub(crate) struct Type {
    pub(crate) name: String,
    pub(crate) usd_per_hour: Decimal,
    pub(crate) vcpu: i64,
    pub(crate) memory_mib: i64,
    /// `amd64` or `arm64`.
    pub(crate) arch: &'static str,
    pub(crate) spot: bool,
    exotic: bool,
    /// Where in its name the category ends, the generation, and the family: asked for thousands of times.
    ends: [usize; 3],
    /// Pods by its network interfaces.
    eni_pods: i64,
    /// Name and number of its GPUs, where known.
    gpus: Option<(String, i64)>,
    xen: bool,
}

/// What the embedded tables say of a type.
pub(in crate::cost) fn embedded(name: &str) -> Option<NodeFacts> {
    let tables = tables()?;
    Some(NodeFacts {
        pods: tables.pods.max_pods.get(name).copied()?,
        xen: tables.pods.xen_families.contains(&name.split('.').next().unwrap_or_default()),
        gpu: tables.gpus.gpus.get(name).map(|(gpu, count)| ((*gpu).to_owned(), *count)),
    })
}

/// All types of a book, by name. Types whose limit on pods is not known are left out: nothing can be said of what they hold.
pub(crate) fn types(book: &Book) -> Vec<Type> {
    let exotic = |name: &str, gpu: bool| {
        name.contains("metal") || gpu || matches!(&name[..ends(name)[0]], "inf" | "trn" | "vt" | "f" | "dl")
    };
    let known = |(name, price)| {
        let facts = book.facts(name).cloned().or_else(|| embedded(name))?;
        Some((name, price, facts))
    };
    let one = |(name, price, facts): (&str, &crate::cost::InstancePrice, NodeFacts)| Type {
        name: name.to_owned(),
        usd_per_hour: price.usd_per_hour,
        vcpu: i64::from(price.vcpu),
        memory_mib: i64::try_from(price.memory_mib).unwrap_or(i64::MAX),
        arch: if price.arch == "arm64" { "arm64" } else { "amd64" },
        spot: price.spot,
        exotic: exotic(name, price.gpu),
        ends: ends(name),
        eni_pods: facts.pods,
        gpus: facts.gpu,
        xen: facts.xen,
    };
    book.instances().filter_map(known).map(one).collect()
}

/// A label's value on the nodes of a type.
enum Label<'a> {
    Text(&'a str),
    Number(i64),
    Absent,
}

/// The tables do not know this label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

/// The ends of `m`, `7` and `7i-flex` in `m7i-flex.large`.
fn ends(name: &str) -> [usize; 3] {
    let family = name.find('.').unwrap_or(name.len());
    let until =
        |from: usize, outside: fn(char) -> bool| name[from..family].find(outside).map_or(family, |at| from + at);
    let category = until(0, |c| !c.is_ascii_alphabetic());
    [category, until(category, |c| !c.is_ascii_digit()), family]
}

impl Type {
    fn family(&self) -> &str {
        &self.name[..self.ends[2]]
    }

    /// Letters before the generation: `m`, `inf`, `u`.
    pub(crate) fn category(&self) -> &str {
        &self.name[..self.ends[0]]
    }

    fn generation(&self) -> &str {
        &self.name[self.ends[0]..self.ends[1]]
    }

    fn size(&self) -> &str {
        self.name.split_once('.').map_or("", |(_, size)| size)
    }

    /// Bare metal and accelerated types: Karpenter takes them only where nothing else is allowed.
    pub(crate) fn exotic(&self) -> bool {
        self.exotic
    }

    fn maker(&self) -> &'static str {
        let rest = &self.name[self.ends[1]..self.ends[2]];
        let letters = rest.split('-').next().unwrap_or_default();
        if let Some(maker) = labels().and_then(|labels| labels.cpu_manufacturers.get(self.family())) {
            return maker;
        }
        match self.arch {
            "arm64" => "aws",
            _ if letters.contains('a') => "amd",
            _ => "intel",
        }
    }

    /// A label that differs from node to node, or that is the user's own, is `None`: it does not choose types.
    fn label(&self, key: &str) -> Result<Option<Label<'_>>, Unknown> {
        Ok(Some(match key {
            "node.kubernetes.io/instance-type" | "beta.kubernetes.io/instance-type" => Label::Text(&self.name),
            "kubernetes.io/arch" | "beta.kubernetes.io/arch" => Label::Text(self.arch),
            "kubernetes.io/os" | "beta.kubernetes.io/os" => Label::Text("linux"),
            "karpenter.k8s.aws/instance-category" => Label::Text(self.category()),
            "karpenter.k8s.aws/instance-generation" => Label::Text(self.generation()),
            "karpenter.k8s.aws/instance-family" => Label::Text(self.family()),
            "karpenter.k8s.aws/instance-size" => Label::Text(self.size()),
            "karpenter.k8s.aws/instance-cpu" => Label::Number(self.vcpu),
            "karpenter.k8s.aws/instance-memory" => Label::Number(self.memory_mib),
            "karpenter.k8s.aws/instance-cpu-manufacturer" => Label::Text(self.maker()),
            "karpenter.k8s.aws/instance-capability-flex" => {
                Label::Text(if self.family().ends_with("-flex") { "true" } else { "false" })
            }
            "karpenter.k8s.aws/instance-tenancy" => Label::Text("default"),
            "karpenter.k8s.aws/instance-hypervisor" => match (self.name.contains("metal"), self.xen) {
                (true, _) => Label::Text(""),
                (_, true) => Label::Text("xen"),
                _ => Label::Text("nitro"),
            },
            "karpenter.k8s.aws/instance-gpu-count" => {
                self.gpus.as_ref().map_or(Label::Absent, |(_, count)| Label::Number(*count))
            }
            "karpenter.k8s.aws/instance-gpu-name" => {
                self.gpus.as_ref().map_or(Label::Absent, |(name, _)| Label::Text(name))
            }
            "karpenter.k8s.aws/instance-gpu-manufacturer" => {
                self.gpus.as_ref().map_or(Label::Absent, |_| Label::Text("nvidia"))
            }
            _ if key.starts_with("karpenter.k8s.aws/instance-") => return self.listed(key).map(Some),
            _ => return Ok(None),
        }))
    }

    /// A label that only the table of labels knows; of types that are newer than it, none of them is known.
    fn listed(&self, key: &str) -> Result<Label<'_>, Unknown> {
        let unknown = || Unknown(key.to_owned());
        let labels = labels().ok_or_else(unknown)?;
        let name = self.name.as_str();
        let (nvme, network, ebs, clock, encrypted) = labels.types.get(name).ok_or_else(unknown)?;
        let some = |number: i64| if number == 0 { Label::Absent } else { Label::Number(number) };
        let accelerator = labels.accelerators.get(name);
        Ok(match key.strip_prefix("karpenter.k8s.aws/instance-").unwrap_or_default() {
            "local-nvme" => some(*nvme),
            "network-bandwidth" => some(*network),
            "ebs-bandwidth" => some(*ebs),
            "cpu-sustained-clock-speed-mhz" => some(*clock),
            "encryption-in-transit-supported" => Label::Text(if *encrypted { "true" } else { "false" }),
            "gpu-memory" => some(labels.gpu_memory_mib.get(name).copied().unwrap_or(0)),
            "accelerator-name" => accelerator.map_or(Label::Absent, |(name, _, _)| Label::Text(name)),
            "accelerator-manufacturer" => accelerator.map_or(Label::Absent, |(_, maker, _)| Label::Text(maker)),
            "accelerator-count" => accelerator.map_or(Label::Absent, |(_, _, count)| Label::Number(*count)),
            _ => return Err(unknown()),
        })
    }

    /// Whether a label chooses among types.
    pub(crate) fn chosen_by(&self, key: &str) -> Result<bool, Unknown> {
        Ok(self.label(key)?.is_some())
    }

    /// The value that `minValues` counts.
    pub(crate) fn value(&self, key: &str) -> String {
        match self.label(key) {
            Ok(Some(Label::Text(text))) => text.to_owned(),
            Ok(Some(Label::Number(number))) => number.to_string(),
            _ => String::new(),
        }
    }

    /// Whether nodes of this type satisfy a requirement.
    pub(crate) fn meets(&self, requirement: &Requirement) -> Result<bool, Unknown> {
        let Some(label) = self.label(&requirement.key)? else { return Ok(true) };
        let values = &requirement.values;
        let among = || match label {
            Label::Text(text) => values.iter().any(|value| value == text),
            Label::Number(number) => values.iter().any(|value| value.parse() == Ok(number)),
            Label::Absent => false,
        };
        let number = || match label {
            Label::Text(text) => text.parse::<i64>().ok(),
            Label::Number(number) => Some(number),
            Label::Absent => None,
        };
        let compare = |holds: fn(i64, i64) -> bool| {
            let bound = values.first().and_then(|value| value.parse::<i64>().ok());
            number().zip(bound).is_some_and(|(number, bound)| holds(number, bound))
        };
        Ok(match requirement.operator.as_str() {
            "In" => among(),
            "NotIn" => !among(),
            "Exists" => !matches!(label, Label::Absent),
            "DoesNotExist" => matches!(label, Label::Absent),
            "Gt" => compare(|a, b| a > b),
            "Lt" => compare(|a, b| a < b),
            "Gte" => compare(|a, b| a >= b),
            "Lte" => compare(|a, b| a <= b),
            _ => false,
        })
    }

    /// What pods may request on a node of this type: its size, less what the hypervisor, the kubelet and the system keep.
    pub(crate) fn allocatable(&self, kubelet: &Map<String, Json>) -> Amount {
        let eni = self.eni_pods;
        // The 7.5 % is Karpenter's VM_MEMORY_OVERHEAD_PERCENT; on arm64 the kernel's contiguous area is not counted.
        let size = self.memory_mib - if self.arch == "arm64" { 64 } else { 0 };
        let memory = (size - (size * 75 + 999) / 1000) * MIB;
        let kept = |part: &str, key: &str| {
            let text = match kubelet.get(part)?.get(key)? {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            match text.strip_suffix('%') {
                Some(percent) => Some(memory / 100 * percent.parse::<i64>().ok()?),
                None => i64::try_from(quantity(&text)? / if key == "cpu" { 1 } else { 1000 }).ok(),
            }
        };
        let cpu_kept = kept("kubeReserved", "cpu").unwrap_or_else(|| reserved_cpu(self.vcpu));
        // 11 MiB a pod by the address limit, whatever maxPods says: AL2023 counts it so.
        let memory_kept = kept("kubeReserved", "memory").unwrap_or((11 * eni + 255) * MIB);
        let evicted = kept("evictionHard", "memory.available").unwrap_or(100 * MIB);
        let number = |key: &str| kubelet.get(key).and_then(Json::as_i64);
        let pods = number("maxPods").unwrap_or(eni);
        let pods = number("podsPerCore").filter(|each| *each > 0).map_or(pods, |each| pods.min(each * self.vcpu));
        [
            self.vcpu * 1000 - cpu_kept - kept("systemReserved", "cpu").unwrap_or(0),
            memory - memory_kept - evicted - kept("systemReserved", "memory").unwrap_or(0),
            self.gpus.as_ref().map_or(0, |(_, count)| *count),
            pods,
        ]
    }
}

/// kube-reserved cpu in milli: 6 % of the first core, 1 % of the second, 0.5 % of the third and fourth, 0.25 % of the rest.
fn reserved_cpu(vcpu: i64) -> i64 {
    let part = |from: i64, to: i64| (vcpu.min(to) - from).max(0);
    part(0, 1) * 60 + part(1, 2) * 10 + part(2, 4) * 5 + part(4, i64::MAX) * 5 / 2
}
