//! What EC2 says of instance types beyond their price (`ec2:DescribeInstanceTypes`): how a refreshed table knows types that are newer than
//! the embedded ones.

use std::collections::BTreeMap;

/// One instance type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceFacts {
    /// Virtual CPUs by default.
    pub vcpu: u32,
    /// MiB.
    pub memory_mib: u64,
    /// `x86_64` or `arm64`, as EC2 spells it.
    pub arch: &'static str,
    /// Whether it is sold on the spot market.
    pub spot: bool,
    /// Whether it carries a GPU or another accelerator.
    pub accelerated: bool,
    /// What the packer asks for.
    pub node: NodeFacts,
}

/// What packing needs, and a price list does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Pods by its network interfaces: interfaces of the default network card x (IPv4 addresses of each - 1) + 2 (Amazon EKS user guide,
    /// "Choose an optimal EC2 node instance type").
    pub pods: i64,
    /// Whether its hypervisor is Xen.
    pub xen: bool,
    /// NVIDIA GPUs: the name as Karpenter spells it, and how many.
    pub gpu: Option<(String, i64)>,
}

impl NodeFacts {
    /// The limit on pods, from a network card.
    #[must_use]
    pub fn pods(interfaces: i64, addresses: i64) -> i64 {
        interfaces * (addresses - 1) + 2
    }
}

/// By type.
pub type AllFacts = BTreeMap<String, InstanceFacts>;
