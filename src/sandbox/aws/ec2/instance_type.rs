//! Instance types: current families as size times family (Amazon EC2 instance types), and where they are offered.

use serde_json::{Value as Json, json};

use super::common::{self, invalid};
use super::zones::zones;
use crate::sandbox::region::{Here, text, texts};
use crate::sandbox::wire::{Answer, Call, Fault};

/// One instance type.
#[derive(Clone, Debug)]
pub(in crate::sandbox) struct InstanceType {
    pub(in crate::sandbox) name: String,
    pub(in crate::sandbox) vcpus: u64,
    pub(in crate::sandbox) memory_mib: u64,
    pub(in crate::sandbox) arm: bool,
    pub(in crate::sandbox) disk_gb: u64,
    pub(in crate::sandbox) interfaces: u64,
    pub(in crate::sandbox) addresses: u64,
}

/// Family, MiB per vCPU, Arm, GB of local disk per vCPU.
const FAMILIES: &[(&str, u64, bool, u64)] = &[
    ("c5", 2048, false, 0),
    ("c6a", 2048, false, 0),
    ("c6g", 2048, true, 0),
    ("c6i", 2048, false, 0),
    ("c7a", 2048, false, 0),
    ("c7g", 2048, true, 0),
    ("c7i", 2048, false, 0),
    ("c8g", 2048, true, 0),
    ("m5", 4096, false, 0),
    ("m5d", 4096, false, 37),
    ("m6a", 4096, false, 0),
    ("m6g", 4096, true, 0),
    ("m6i", 4096, false, 0),
    ("m7a", 4096, false, 0),
    ("m7g", 4096, true, 0),
    ("m7gd", 4096, true, 59),
    ("m7i", 4096, false, 0),
    ("m8g", 4096, true, 0),
    ("r5", 8192, false, 0),
    ("r6a", 8192, false, 0),
    ("r6g", 8192, true, 0),
    ("r6i", 8192, false, 0),
    ("r7a", 8192, false, 0),
    ("r7g", 8192, true, 0),
    ("r7i", 8192, false, 0),
    ("r8g", 8192, true, 0),
];

/// Size, vCPUs, network interfaces, addresses per interface.
const SIZES: &[(&str, u64, u64, u64)] = &[
    ("large", 2, 3, 10),
    ("xlarge", 4, 4, 15),
    ("2xlarge", 8, 4, 15),
    ("4xlarge", 16, 8, 30),
    ("8xlarge", 32, 8, 30),
    ("12xlarge", 48, 8, 30),
    ("16xlarge", 64, 15, 50),
];

/// The burstable ones do not follow the rule: name, vCPUs, MiB, Arm, interfaces, addresses.
const BURSTABLE: &[(&str, u64, u64, bool, u64, u64)] = &[
    ("t3.small", 2, 2048, false, 3, 4),
    ("t3.medium", 2, 4096, false, 3, 6),
    ("t3.large", 2, 8192, false, 3, 12),
    ("t3.xlarge", 4, 16384, false, 4, 15),
    ("t3a.medium", 2, 4096, false, 3, 6),
    ("t3a.large", 2, 8192, false, 3, 12),
    ("t4g.small", 2, 2048, true, 3, 4),
    ("t4g.medium", 2, 4096, true, 3, 6),
    ("t4g.large", 2, 8192, true, 3, 12),
    ("t4g.xlarge", 4, 16384, true, 4, 15),
];

/// All types, by name.
pub(in crate::sandbox) fn all() -> Vec<InstanceType> {
    let regular = FAMILIES.iter().flat_map(|&(family, memory, arm, disk)| {
        SIZES.iter().map(move |&(size, vcpus, interfaces, addresses)| InstanceType {
            name: format!("{family}.{size}"),
            vcpus,
            memory_mib: vcpus * memory,
            arm,
            disk_gb: vcpus * disk,
            interfaces,
            addresses,
        })
    });
    let burstable = BURSTABLE.iter().map(|&(name, vcpus, memory_mib, arm, interfaces, addresses)| InstanceType {
        name: name.to_owned(),
        vcpus,
        memory_mib,
        arm,
        disk_gb: 0,
        interfaces,
        addresses,
    });
    let mut all: Vec<InstanceType> = regular.chain(burstable).collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// The type of this name.
pub(in crate::sandbox) fn named(name: &str) -> Option<InstanceType> {
    let (family, size) = name.split_once('.')?;
    let burstable =
        BURSTABLE.iter().find(|row| row.0 == name).map(|&(_, vcpus, memory_mib, arm, interfaces, addresses)| {
            InstanceType { name: name.to_owned(), vcpus, memory_mib, arm, disk_gb: 0, interfaces, addresses }
        });
    burstable.or_else(|| {
        let &(_, memory, arm, disk) = FAMILIES.iter().find(|row| row.0 == family)?;
        let &(_, vcpus, interfaces, addresses) = SIZES.iter().find(|row| row.0 == size)?;
        let (memory_mib, disk_gb) = (vcpus * memory, vcpus * disk);
        Some(InstanceType { name: name.to_owned(), vcpus, memory_mib, arm, disk_gb, interfaces, addresses })
    })
}

fn unknown(names: &[&str]) -> Fault {
    let message = format!("The following supplied instance types do not exist: [{}]", names.join(", "));
    Fault::new("InvalidInstanceType", message)
}

impl InstanceType {
    /// As `Describe` calls name the processor.
    pub(super) fn architecture(&self) -> &'static str {
        if self.arm { "arm64" } else { "x86_64" }
    }

    fn print(&self) -> Json {
        let family = self.name.split('.').next().unwrap_or_default();
        let threads = if self.arm || family.ends_with("7a") { 1 } else { 2 };
        let manufacturer = match family {
            _ if self.arm => "AWS",
            family if family.ends_with('a') => "AMD",
            _ => "Intel",
        };
        let disk = (self.disk_gb > 0).then(|| {
            json!({
                "totalSizeInGB": self.disk_gb,
                "disks": [{ "sizeInGB": self.disk_gb, "count": 1, "type": "ssd" }],
                "nvmeSupport": "required", "encryptionSupport": "required",
            })
        });
        let burstable = family.starts_with('t');
        json!({
            "instanceType": self.name,
            "currentGeneration": true,
            "freeTierEligible": false,
            "supportedUsageClasses": ["on-demand", "spot"],
            "supportedRootDeviceTypes": ["ebs"],
            "supportedVirtualizationTypes": ["hvm"],
            "bareMetal": false,
            "hypervisor": "nitro",
            "processorInfo": { "supportedArchitectures": [self.architecture()], "manufacturer": manufacturer },
            "vCpuInfo": {
                "defaultVCpus": self.vcpus,
                "defaultCores": self.vcpus / threads,
                "defaultThreadsPerCore": threads,
            },
            "memoryInfo": { "sizeInMiB": self.memory_mib },
            "instanceStorageSupported": disk.is_some(),
            "instanceStorageInfo": disk,
            "ebsInfo": { "ebsOptimizedSupport": "default", "encryptionSupport": "supported", "nvmeSupport": "required" },
            "networkInfo": {
                "networkPerformance": if burstable { "Up to 5 Gigabit" } else { "Up to 12.5 Gigabit" },
                "maximumNetworkInterfaces": self.interfaces,
                "maximumNetworkCards": 1,
                "defaultNetworkCardIndex": 0,
                "ipv4AddressesPerInterface": self.addresses,
                "ipv6AddressesPerInterface": self.addresses,
                "ipv6Supported": true,
                "enaSupport": "required",
                "efaSupported": false,
                "encryptionInTransitSupported": !burstable,
            },
            "placementGroupInfo": { "supportedStrategies": ["partition", "spread"] },
            "hibernationSupported": false,
            "burstablePerformanceSupported": burstable,
            "dedicatedHostsSupported": !burstable,
            "autoRecoverySupported": true,
            "supportedBootModes": if self.arm { json!(["uefi"]) } else { json!(["legacy-bios", "uefi"]) },
        })
    }
}

pub(super) fn describe(_here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[
        ("bare-metal", "bareMetal"),
        ("burstable-performance-supported", "burstablePerformanceSupported"),
        ("current-generation", "currentGeneration"),
        ("hypervisor", "hypervisor"),
        ("instance-storage-supported", "instanceStorageSupported"),
        ("instance-type", "instanceType"),
        ("memory-info.size-in-mib", "memoryInfo.sizeInMiB"),
        ("processor-info.supported-architecture", "processorInfo.supportedArchitectures"),
        ("supported-usage-class", "supportedUsageClasses"),
        ("vcpu-info.default-vcpus", "vCpuInfo.defaultVCpus"),
    ];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let wanted = texts(&call.params, "InstanceType");
    let all = all();
    let strange: Vec<&str> =
        wanted.iter().filter(|name| all.iter().all(|kind| kind.name != **name)).map(String::as_str).collect();
    if !strange.is_empty() {
        return Err(unknown(&strange));
    }
    let mut found: Vec<Json> = all
        .iter()
        .filter(|kind| wanted.is_empty() || wanted.contains(&kind.name))
        .map(InstanceType::print)
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    // At most a hundred at a time.
    let next = common::paged(&mut found, call, "instanceType", 5, 100)?;
    Ok(json!({ "instanceTypeSet": found, "nextToken": next }))
}

/// Everything is offered everywhere, but `use1-az3` has none of these: its hardware is old.
pub(in crate::sandbox) fn offered(name: &str, zone_id: &str) -> bool {
    zone_id != "use1-az3" && named(name).is_some()
}

pub(super) fn offerings(here: &mut Here<'_>, call: &Call) -> Answer {
    const FILTERS: &[(&str, &str)] = &[("instance-type", "instanceType"), ("location", "location")];
    let filters = common::filters(&call.params, FILTERS, &[])?;
    let kind = match text(&call.params, "LocationType") {
        "" => "region",
        kind @ ("region" | "availability-zone" | "availability-zone-id") => kind,
        other => return Err(invalid(format!("Value ({other}) for parameter locationType is invalid."))),
    };
    let mut places = Vec::new();
    for zone in zones(here.name, here.account) {
        match kind {
            "region" => places.push((here.name.to_owned(), String::new())),
            "availability-zone" => places.push((zone.name, zone.id)),
            _ => places.push((zone.id.clone(), zone.id)),
        }
    }
    places.dedup();
    let all = all();
    let mut found: Vec<Json> = all
        .iter()
        .flat_map(|kind| places.iter().map(move |place| (kind, place)))
        .filter(|(_, (_, zone))| zone != "use1-az3")
        .map(|(instance, (place, _))| {
            json!({
                "instanceType": instance.name, "locationType": kind, "location": place,
                "place": format!("{}/{place}", instance.name),
            })
        })
        .filter(|entry| filters.iter().all(|filter| filter.matches(entry)))
        .collect();
    found.sort_by(|one, other| text(one, "place").cmp(text(other, "place")));
    let next = common::paged(&mut found, call, "place", 5, 1000)?;
    for entry in found.iter_mut().filter_map(Json::as_object_mut) {
        entry.remove("place");
    }
    Ok(json!({ "instanceTypeOfferingSet": found, "nextToken": next }))
}
