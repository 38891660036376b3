//! What EC2 offers: instance types by zone and way of buying, as nodes that could be, with a price.

use serde_json::{Map, Value as Json, json};

use super::super::inside::Inside;
use super::super::meta::{items, name};
use super::super::quantity::{self, Amounts};
use super::super::{affinity, node_object};
use crate::sandbox::aws::ec2::instance_type::{self, InstanceType};
use crate::sandbox::kube::store::text;
use crate::sandbox::region::Here;

/// A node that could be.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// `m7i.large`
    pub(super) kind: String,
    /// `us-east-1a`
    pub(super) zone: String,
    /// `spot` or `on-demand`
    pub(super) capacity: &'static str,
    /// Millionths of a dollar an hour.
    pub(super) price: u64,
    /// vCPUs.
    pub(super) vcpus: u64,
    /// As a Node with nothing but a name and labels.
    pub(super) node: Json,
    /// What it would have.
    pub(super) size: Amounts,
    /// What of it pods could have.
    pub(super) allocatable: Amounts,
}

/// Millionths of a dollar for a vCPU and hour, on demand in us-east-1: the relation between families is what matters.
const PRICES: &[(&str, u64)] = &[
    ("c5", 42_500),
    ("c6a", 38_250),
    ("c6g", 34_000),
    ("c6i", 42_500),
    ("c7a", 51_300),
    ("c7g", 36_250),
    ("c7i", 44_600),
    ("c8g", 39_900),
    ("m5", 48_000),
    ("m5d", 56_500),
    ("m6a", 43_200),
    ("m6g", 38_500),
    ("m6i", 48_000),
    ("m7a", 58_000),
    ("m7g", 40_800),
    ("m7gd", 53_400),
    ("m7i", 50_400),
    ("m8g", 44_900),
    ("r5", 63_000),
    ("r6a", 56_700),
    ("r6g", 50_400),
    ("r6i", 63_000),
    ("r7a", 76_100),
    ("r7g", 53_600),
    ("r7i", 66_200),
    ("r8g", 58_900),
    ("t3", 20_800),
    ("t3a", 18_800),
    ("t4g", 16_800),
];

fn family(kind: &str) -> &str {
    kind.split('.').next().unwrap_or_default()
}

/// On demand; burstable types cost by memory.
fn on_demand(kind: &InstanceType) -> u64 {
    let family = family(&kind.name);
    let price = PRICES.iter().find(|(name, _)| *name == family).map_or(50_000, |(_, price)| *price);
    if family.starts_with('t') { price * kind.memory_mib / 2048 } else { price * kind.vcpus }
}

/// The price of an offering by name; 0 for a type that does not exist.
pub(super) fn price(here: &Here<'_>, kind: &str, zone: &str, capacity: &str) -> u64 {
    instance_type::named(kind).map(|kind| price_of(here, &kind, zone, capacity)).unwrap_or_default()
}

/// What a type costs on spot in a zone, millionths of a dollar an hour; 0 for a type that does not exist.
pub(in crate::sandbox) fn spot_price(here: &Here<'_>, kind: &str, zone: &str) -> u64 {
    price(here, kind, zone, "spot")
}

/// What an instance type says of itself in labels.
fn described(kind: &InstanceType) -> Map<String, Json> {
    let family = family(&kind.name);
    let category: String = family.chars().take_while(char::is_ascii_alphabetic).collect();
    let generation: String =
        family.chars().skip_while(char::is_ascii_alphabetic).take_while(char::is_ascii_digit).collect();
    let maker = match family {
        _ if kind.arm => "aws",
        family if family.ends_with('a') => "amd",
        _ => "intel",
    };
    let size = kind.name.split('.').next_back().unwrap_or_default();
    let mut labels = Map::new();
    for (key, value) in [
        ("node.kubernetes.io/instance-type", kind.name.clone()),
        ("kubernetes.io/arch", if kind.arm { "arm64" } else { "amd64" }.to_owned()),
        ("kubernetes.io/os", "linux".to_owned()),
        ("karpenter.k8s.aws/instance-category", category),
        ("karpenter.k8s.aws/instance-family", family.to_owned()),
        ("karpenter.k8s.aws/instance-generation", generation),
        ("karpenter.k8s.aws/instance-size", size.to_owned()),
        ("karpenter.k8s.aws/instance-cpu", kind.vcpus.to_string()),
        ("karpenter.k8s.aws/instance-cpu-manufacturer", maker.to_owned()),
        ("karpenter.k8s.aws/instance-memory", kind.memory_mib.to_string()),
        ("karpenter.k8s.aws/instance-hypervisor", "nitro".to_owned()),
        ("karpenter.k8s.aws/instance-encryption-in-transit-supported", (!family.starts_with('t')).to_string()),
        ("karpenter.k8s.aws/instance-ebs-bandwidth", "10000".to_owned()),
        ("karpenter.k8s.aws/instance-network-bandwidth", (kind.vcpus * 390).to_string()),
    ] {
        labels.insert(key.to_owned(), json!(value));
    }
    if kind.disk_gb > 0 {
        labels.insert("karpenter.k8s.aws/instance-local-nvme".to_owned(), json!(kind.disk_gb.to_string()));
    }
    labels
}

/// Whether labels satisfy requirements.
fn fits(requirements: &[Json], labels: &Map<String, Json>) -> bool {
    requirements.iter().all(|one| {
        let have = labels.get(one["key"].as_str().unwrap_or_default()).and_then(Json::as_str);
        affinity::expression(one, have)
    })
}

/// Whether a requirement is about a label that no instance has by itself.
fn own(requirement: &Json) -> bool {
    let key = requirement["key"].as_str().unwrap_or_default();
    let known = [
        "karpenter.k8s.aws/",
        "karpenter.sh/",
        "kubernetes.io/",
        "node.kubernetes.io/",
        "topology.kubernetes.io/",
        "topology.k8s.aws/",
    ];
    !known.iter().any(|domain| key.starts_with(domain))
}

/// Labels that requirements choose themselves, with the values they leave open.
pub(super) fn open(requirements: &[Json]) -> Vec<(String, Vec<String>)> {
    requirements
        .iter()
        .filter(|one| own(one) && one["operator"] == "In")
        .map(|one| {
            let values = items(one, "/values").iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
            (one["key"].as_str().unwrap_or_default().to_owned(), values)
        })
        .collect()
}

/// Every offering that satisfies the requirements of a pool (or of a claim, where given), cheapest first. What EC2 has said
/// it has none of is left out for some minutes.
pub(super) fn of(inside: &Inside<'_, '_>, pool: &Json, class: &Json, narrowed: &[Json]) -> Vec<Offer> {
    let template = &pool["spec"]["template"];
    let mut requirements: Vec<Json> = items(template, "/spec/requirements").to_vec();
    requirements.extend(narrowed.iter().cloned());
    let mut fixed: Map<String, Json> = template["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    for (key, values) in open(&requirements) {
        if let Some(value) = values.first() {
            fixed.entry(key).or_insert_with(|| json!(value));
        }
    }
    fixed.insert("karpenter.sh/nodepool".to_owned(), json!(name(pool)));
    fixed.insert("karpenter.k8s.aws/ec2nodeclass".to_owned(), json!(name(class)));
    fixed.insert("topology.kubernetes.io/region".to_owned(), json!(inside.here.name));
    let (placed, typed): (Vec<Json>, Vec<Json>) = requirements.into_iter().partition(|one| {
        ["topology.kubernetes.io/zone", "topology.k8s.aws/zone-id", "karpenter.sh/capacity-type"]
            .contains(&one["key"].as_str().unwrap_or_default())
    });
    let mut zones: Vec<(String, String)> = items(class, "/status/subnets")
        .iter()
        .map(|subnet| (text(subnet, "/zone").to_owned(), text(subnet, "/zoneID").to_owned()))
        .collect();
    zones.sort();
    zones.dedup();
    let architectures: Vec<&str> = items(class, "/status/amis")
        .iter()
        .filter_map(|ami| ami.pointer("/requirements/0/values/0")?.as_str())
        .collect();
    let (disk, most) = (disk(class), class["spec"]["kubelet"]["maxPods"].as_i64());
    let mut offers = Vec::new();
    for kind in instance_type::all() {
        let mut labels = described(&kind);
        labels.extend(fixed.clone());
        let built =
            labels.get("kubernetes.io/arch").and_then(Json::as_str).is_some_and(|arch| architectures.contains(&arch));
        if !built || !fits(&typed, &labels) {
            continue;
        }
        let (mut size, mut allocatable) = node_object::sizes(&kind, disk);
        if let Some(most) = most {
            size.insert("pods".to_owned(), i128::from(most) * 1000);
            allocatable.insert("pods".to_owned(), i128::from(most) * 1000);
        }
        for (zone, zone_id) in zones.iter().filter(|(_, id)| instance_type::offered(&kind.name, id)) {
            for capacity in ["spot", "on-demand"] {
                let gone = inside.work.karpenter.moments.get(&format!("gone/{}/{zone}/{capacity}", kind.name));
                let mut labels = labels.clone();
                labels.insert("topology.kubernetes.io/zone".to_owned(), json!(zone));
                labels.insert("topology.k8s.aws/zone-id".to_owned(), json!(zone_id));
                labels.insert("karpenter.sh/capacity-type".to_owned(), json!(capacity));
                if gone.is_some_and(|until| *until > inside.here.now) || !fits(&placed, &labels) {
                    continue;
                }
                offers.push(Offer {
                    price: price_of(inside.here, &kind, zone, capacity),
                    kind: kind.name.clone(),
                    zone: zone.clone(),
                    capacity,
                    vcpus: kind.vcpus,
                    node: json!({"metadata": {"name": "", "labels": labels}}),
                    size: size.clone(),
                    allocatable: allocatable.clone(),
                });
            }
        }
    }
    offers.sort_by(|one, other| (one.price, &one.kind, &one.zone).cmp(&(other.price, &other.kind, &other.zone)));
    offers
}

/// Spot is 28 to 44 % of on demand, by type and zone.
fn price_of(here: &Here<'_>, kind: &InstanceType, zone: &str, capacity: &str) -> u64 {
    let full = on_demand(kind);
    if capacity == "spot" { full * (28 + here.chance(&format!("spot/{}/{zone}", kind.name)) % 17) / 100 } else { full }
}

/// GiB of the root volume.
pub(super) fn disk(class: &Json) -> u64 {
    let all = items(class, "/spec/blockDeviceMappings");
    let root = all.iter().find(|one| one["rootVolume"] == true).or_else(|| all.first());
    let size = root.map(|root| quantity::parse(&root["ebs"]["volumeSize"])).unwrap_or_default();
    let gib = u64::try_from(size / 1000 / (1 << 30)).unwrap_or_default();
    if gib == 0 { 20 } else { gib }
}
