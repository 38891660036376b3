//! An environment as a picture: Mermaid for comments, DOT for tools, SVG for eyes. All three from one [`Topology`], all
//! deterministic.

mod dot;
mod marks;
mod mermaid;
mod svg;

use super::text::Untrusted;
use crate::config::Spec;
use crate::config::spec::{NatGateways, NodePool};

/// One availability zone of the VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// `use1-az1`, or `zone 1` before it is resolved.
    pub name: Untrusted,
    /// CIDR or id of the public subnet.
    pub public: Option<Untrusted>,
    /// CIDR or id of the private subnet.
    pub private: Option<Untrusted>,
    /// Whether a NAT gateway stands in its public subnet.
    pub nat_gateway: bool,
}

/// One NodePool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: Untrusted,
    /// `spot and on demand`.
    pub capacity: Untrusted,
    /// `cpu 100, memory 400Gi`, or `no limits`.
    pub limits: Untrusted,
}

/// What the picture shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// The environment's name.
    pub environment: Untrusted,
    /// AWS region.
    pub region: Untrusted,
    /// The VPC's CIDR, or the id of an existing one.
    pub vpc: Untrusted,
    /// Whether there are public subnets with an internet gateway.
    pub internet_gateway: bool,
    /// In order.
    pub zones: Vec<Zone>,
    /// VPC endpoints.
    pub endpoints: Vec<Untrusted>,
    /// The cluster's name.
    pub cluster: Untrusted,
    /// `1.36`.
    pub version: Untrusted,
    /// `private endpoint`.
    pub endpoint: &'static str,
    /// `2 x t3.medium`.
    pub system_nodes: Untrusted,
    /// Chart version.
    pub karpenter: Untrusted,
    /// By name.
    pub pools: Vec<Pool>,
}

/// A zone's name and the CIDRs (or ids) of its subnets, as the model lays them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnets {
    /// `use1-az1`, or `zone 1`.
    pub zone: String,
    /// Public subnet, where there is one.
    pub public: Option<String>,
    /// Private subnet, where there is one.
    pub private: Option<String>,
}

impl Topology {
    /// The picture of a Spec; how the VPC is cut into subnets is the model's word.
    #[must_use]
    pub fn of(spec: &Spec, subnets: &[Subnets]) -> Self {
        let ours = spec.network.existing.is_none();
        let zones = subnets.iter().enumerate().map(|(index, subnet)| Zone {
            name: Untrusted::new(&subnet.zone),
            public: subnet.public.as_deref().map(Untrusted::new),
            private: subnet.private.as_deref().map(Untrusted::new),
            nat_gateway: ours
                && subnet.public.is_some()
                && match spec.network.nat_gateways {
                    NatGateways::PerZone => true,
                    NatGateways::Single => index == 0,
                    NatGateways::None => false,
                },
        });
        let endpoint = match (spec.cluster.endpoint.private, spec.cluster.endpoint.public) {
            (true, true) => "private and public endpoint",
            (false, true) => "public endpoint",
            _ => "private endpoint",
        };
        let vpc = spec.network.existing.as_ref().map_or(&spec.network.cidr, |existing| &existing.vpc_id);
        Self {
            environment: Untrusted::new(&spec.name),
            region: Untrusted::new(&spec.region),
            vpc: Untrusted::new(vpc),
            internet_gateway: subnets.iter().any(|subnet| subnet.public.is_some()),
            zones: zones.collect(),
            endpoints: spec.network.endpoints.iter().map(Untrusted::new).collect(),
            cluster: Untrusted::new(&spec.cluster.name),
            version: Untrusted::new(&spec.cluster.version),
            endpoint,
            system_nodes: Untrusted::new(format!("{} x {}", spec.system_nodes.count, spec.system_nodes.instance_type)),
            karpenter: Untrusted::new(&spec.karpenter.version),
            pools: spec.node_pools.iter().map(|(name, pool)| picture(name, pool)).collect(),
        }
    }
}

fn picture(name: &str, pool: &NodePool) -> Pool {
    let types = pool
        .requirements
        .iter()
        .find(|requirement| requirement.key == "karpenter.sh/capacity-type" && requirement.operator == "In")
        .map(|requirement| {
            let names: Vec<_> =
                requirement.values.iter().map(|value| value.replace("on-demand", "on demand")).collect();
            names.join(" and ")
        });
    // Karpenter's own default where a pool says nothing: on demand.
    let mut capacity = types.unwrap_or_else(|| "on demand".to_owned());
    if !pool.taints.is_empty() {
        capacity.push_str(", tainted");
    }
    let limits: Vec<_> = pool.limits.iter().map(|(key, quantity)| format!("{key} {quantity}")).collect();
    let limits = if limits.is_empty() { "no limits".to_owned() } else { limits.join(", ") };
    Pool { name: Untrusted::new(name), capacity: Untrusted::new(capacity), limits: Untrusted::new(limits) }
}
