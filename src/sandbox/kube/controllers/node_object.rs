//! How a node looks: what its kubelet and the cloud provider say of an instance.

use serde_json::{Map, Value as Json, json};

use super::quantity;
use crate::sandbox::aws::{ec2, ssm};
use crate::sandbox::kube::store::time;
use crate::sandbox::region::Here;
use crate::sandbox::state::Millis;

/// What is not the kubelet's to know.
pub(super) struct Extra {
    /// Labels of the node group or the pool.
    pub(super) labels: Map<String, Json>,
    /// Taints of the node group or the pool.
    pub(super) taints: Vec<Json>,
}

/// What a kubelet reserves and what a node can hold, from the instance type: capacity and allocatable.
///
/// Reserved as the AL2023 bootstrap does (awslabs/amazon-eks-ami, nodeadm's defaults): 6 % of the first core, 1 % of the
/// second, 0.5 % of the next two, 0.25 % of the rest; 11 MiB a pod and 255 MiB; 100 MiB before eviction.
pub(in crate::sandbox) fn sizes(
    kind: &ec2::instance_type::InstanceType,
    disk_gib: u64,
) -> (quantity::Amounts, quantity::Amounts) {
    let pods = kind.interfaces * (kind.addresses - 1) + 2;
    let pods = if kind.vcpus > 30 { pods.min(250) } else { pods.min(110) };
    let reserved_cpu: u64 = (0..kind.vcpus)
        .map(|core| [600, 100, 50, 50].get(usize::try_from(core).unwrap_or(9)).copied().unwrap_or(25))
        .sum::<u64>()
        / 10;
    // The hypervisor and the kernel keep about a fourteenth.
    let memory = kind.memory_mib * 1024 * 93 / 100;
    let reserved = (11 * pods + 255 + 100) * 1024;
    let disk = disk_gib.saturating_sub(1) * 1024 * 1024;
    let of = |cpu: u64, memory: u64, disk: u64| {
        quantity::Amounts::from([
            ("cpu".to_owned(), i128::from(cpu)),
            ("memory".to_owned(), i128::from(memory) * 1_024_000),
            ("ephemeral-storage".to_owned(), i128::from(disk) * 1_024_000),
            ("pods".to_owned(), i128::from(pods) * 1000),
        ])
    };
    (
        of(kind.vcpus * 1000, memory, disk),
        of(kind.vcpus * 1000 - reserved_cpu, memory.saturating_sub(reserved), disk * 9 / 10),
    )
}

/// The Node of an instance, not ready yet.
pub(super) fn make(here: &Here<'_>, id: &str, extra: Extra, minor: &str) -> Option<Json> {
    let instance = here.region.ec2.instances.get(id)?;
    let kind = ec2::instance_type::named(&instance.instance_type)?;
    let disk =
        instance.volumes.first().and_then(|volume| here.region.ec2.volumes.get(volume)).map_or(20, |one| one.size);
    let (capacity, allocatable) = sizes(&kind, u64::from(disk));
    let arch = if kind.arm { "arm64" } else { "amd64" };
    let release = ssm::releases(here.now).find(|one| one.image(here.name) == instance.image);
    let patch = release.as_ref().map_or_else(|| format!("{minor}.0"), |release| release.patch.clone());
    let mut labels = Map::new();
    for (key, value) in [
        ("beta.kubernetes.io/arch", arch),
        ("beta.kubernetes.io/instance-type", &instance.instance_type),
        ("beta.kubernetes.io/os", "linux"),
        ("failure-domain.beta.kubernetes.io/region", here.name),
        ("failure-domain.beta.kubernetes.io/zone", &instance.zone),
        ("kubernetes.io/arch", arch),
        ("kubernetes.io/hostname", &instance.private_dns),
        ("kubernetes.io/os", "linux"),
        ("node.kubernetes.io/instance-type", &instance.instance_type),
        ("topology.ebs.csi.aws.com/zone", &instance.zone),
        ("topology.k8s.aws/zone-id", &instance.zone_id),
        ("topology.kubernetes.io/region", here.name),
        ("topology.kubernetes.io/zone", &instance.zone),
    ] {
        labels.insert(key.to_owned(), json!(value));
    }
    labels.extend(extra.labels);
    let mut taints = extra.taints;
    taints.push(json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}));
    Some(json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": instance.private_dns, "labels": labels,
            "annotations": {
                "alpha.kubernetes.io/provided-node-ip": instance.private_ip.to_string(),
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
        },
        "spec": {"providerID": format!("aws:///{}/{id}", instance.zone), "taints": taints},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": instance.private_ip.to_string()},
                {"type": "InternalDNS", "address": instance.private_dns},
                {"type": "Hostname", "address": instance.private_dns},
            ],
            "capacity": quantity::printed(&capacity), "allocatable": quantity::printed(&allocatable),
            "conditions": conditions(here.now, false, here.now),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [],
            "nodeInfo": {
                "architecture": arch, "operatingSystem": "linux",
                "bootID": "", "machineID": "", "systemUUID": format!("ec2{}", id.trim_start_matches("i-0")),
                "containerRuntimeVersion": "containerd://2.1.4",
                "kernelVersion": format!("6.12.46-66.121.amzn2023.{}", if kind.arm { "aarch64" } else { "x86_64" }),
                "kubeProxyVersion": "", "kubeletVersion": format!("v{patch}-eks-a1b2c3d"),
                "osImage": "Amazon Linux 2023.9.20251110",
            },
        },
    }))
}

/// The four conditions a kubelet reports.
pub(super) fn conditions(now: Millis, ready: bool, since: Millis) -> Json {
    let quiet = |kind: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": "False", "reason": reason, "message": message,
            "lastHeartbeatTime": time(now), "lastTransitionTime": time(since),
        })
    };
    let (status, reason, message) = if ready {
        ("True", "KubeletReady", "kubelet is posting ready status")
    } else {
        (
            "False",
            "KubeletNotReady",
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        )
    };
    json!([
        quiet("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        quiet("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        quiet("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        {
            "type": "Ready", "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": time(now), "lastTransitionTime": time(now),
        },
    ])
}
