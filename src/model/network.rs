//! `network/`: VPC, subnets, gateways, routes, security groups, endpoints.
//!
//! Edges are true needs only. The cluster needs subnets; NAT gateways and routes come while it is being made, and
//! [`Network::egress`](parts::Network::egress) says what a node waits for.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::{Identity, parts, subnets};
use crate::cloud::Cloud;
use crate::config::Spec;
use crate::config::spec::{ExistingVpc, NatGateways, NodeSecurityGroup, Zones};
use crate::engine::{Address, Graph, Ref, Value};
use crate::resources::aws::eip::Eip;
use crate::resources::aws::internet_gateway::InternetGateway;
use crate::resources::aws::nat_gateway::NatGateway;
use crate::resources::aws::route_table::RouteTable;
use crate::resources::aws::security_group::{Rule, SecurityGroup};
use crate::resources::aws::subnet::{self, ROLE_PRIVATE, ROLE_PUBLIC, Subnet, SubnetTags};
use crate::resources::aws::vpc::Vpc;
use crate::resources::aws::vpc_endpoint::{Form, VpcEndpoint, service_name};

const ANYWHERE: &str = "0.0.0.0/0";

/// Adds the network and says what it offers.
pub fn add(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity) -> parts::Network {
    match &spec.network.existing {
        Some(existing) => theirs(graph, spec, id, existing),
        None => ours(graph, spec, id),
    }
}

/// One zone's subnets, for pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Laid {
    /// `use1-az1`, or `zone 1` where the file leaves the choice to rem-ci.
    pub name: String,
    /// The public subnet's CIDR, or its id.
    pub public: Option<String>,
    /// The private subnet's CIDR, or its id.
    pub private: Option<String>,
}

/// How the network is laid out, without asking AWS.
#[must_use]
pub fn layout(spec: &Spec) -> Vec<Laid> {
    let network = &spec.network;
    if let Some(existing) = &network.existing {
        let count = existing.private_subnet_ids.len().max(existing.public_subnet_ids.len());
        return (0..count)
            .map(|index| Laid {
                name: format!("subnet {}", index + 1),
                public: existing.public_subnet_ids.get(index).cloned(),
                private: existing.private_subnet_ids.get(index).cloned(),
            })
            .collect();
    }
    let (count, ids): (usize, &[String]) = match &network.zones {
        Zones::Count(count) => (usize::from(*count), &[]),
        Zones::Ids(ids) => (ids.len(), ids),
    };
    let range = network.cidr.parse::<Ipv4Net>().ok();
    let pairs = range.and_then(|range| subnets::split(range, count)).unwrap_or_default();
    let zones = pairs.iter().enumerate();
    zones
        .map(|(index, pair)| Laid {
            name: ids.get(index).cloned().unwrap_or_else(|| format!("zone {}", index + 1)),
            public: Some(pair.public.to_string()),
            private: Some(pair.private.to_string()),
        })
        .collect()
}

/// The environment's tags and a `Name`.
fn named(id: &Identity, what: &str) -> BTreeMap<String, String> {
    let mut tags = id.tags.clone();
    tags.insert("Name".to_owned(), format!("rem-ci-{}-{what}", id.environment));
    tags
}

/// A network of our own.
fn ours(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity) -> parts::Network {
    let network = &spec.network;
    let (count, ids): (usize, &[String]) = match &network.zones {
        Zones::Count(count) => (usize::from(*count), &[]),
        Zones::Ids(ids) => (ids.len(), ids),
    };
    // `config::check` refuses what cannot be parsed or split; without it there would be no subnets, and no cluster either.
    let range = network.cidr.parse::<Ipv4Net>().ok();
    let cidr = range.map_or_else(|| network.cidr.clone(), |range| range.trunc().to_string());
    let pairs = range.and_then(|range| subnets::split(range, count)).unwrap_or_default();

    let vpc = graph.add(Vpc { cidr: cidr.clone(), tags: named(id, "vpc") }).attr("id");
    let add_subnet = |graph: &mut Graph<Cloud>, public: bool, number: usize, range: Ipv4Net| {
        let mut tags = named(id, &subnet::key(public, number));
        tags.insert(if public { ROLE_PUBLIC } else { ROLE_PRIVATE }.to_owned(), "1".to_owned());
        let zone = ids.get(number - 1).cloned();
        graph.add(Subnet { public, number, vpc: vpc.clone(), cidr: range.to_string(), zone, tags }).attr("id")
    };
    let (mut public, mut private) = (Vec::new(), Vec::new());
    for (pair, number) in pairs.iter().zip(1..) {
        public.push(add_subnet(graph, true, number, pair.public));
        private.push(add_subnet(graph, false, number, pair.private));
    }

    let gateway = graph.add(InternetGateway { vpc: vpc.clone(), tags: named(id, "internet-gateway") });
    let out = |target: Option<Value>| target.map(|target| (ANYWHERE.to_owned(), target)).into_iter().collect();
    let public_table = graph.add(RouteTable {
        key: "public".to_owned(),
        vpc: vpc.clone(),
        routes: out(Some(gateway.attr("id"))),
        subnets: public.clone(),
        tags: named(id, "public"),
    });
    let nats = nat_gateways(graph, id, network.nat_gateways, &public, &gateway);

    let mut egress = vec![public_table.address().clone()];
    let mut tables = Vec::new();
    for (subnet, number) in private.iter().zip(1_usize..) {
        // Its zone's own gateway, or the only one.
        let nat = nats.get(number - 1).or(nats.first());
        let table = graph.add(RouteTable {
            key: subnet::key(false, number),
            vpc: vpc.clone(),
            routes: out(nat.map(|nat| nat.attr("id"))),
            subnets: vec![subnet.clone()],
            tags: named(id, &subnet::key(false, number)),
        });
        egress.push(table.address().clone());
        tables.push(table.attr("id"));
    }
    egress.extend(endpoints(graph, spec, id, &vpc, &cidr, &private, &tables));
    let node_security_group =
        network.node_security_group.as_ref().map(|group| node_group(graph, id, group, vpc.clone()));
    parts::Network { vpc, private_subnets: private, public_subnets: public, node_security_group, egress }
}

/// NAT gateways with their addresses, in zone order.
fn nat_gateways(
    graph: &mut Graph<Cloud>,
    id: &Identity,
    how_many: NatGateways,
    public: &[Value],
    gateway: &Ref<InternetGateway>,
) -> Vec<Ref<NatGateway>> {
    let count = match how_many {
        NatGateways::PerZone => public.len(),
        NatGateways::Single => 1,
        NatGateways::None => 0,
    };
    let mut all = Vec::new();
    for (subnet, number) in public.iter().take(count).zip(1..) {
        let (after, tags) = (gateway.address().clone(), named(id, &format!("nat-{number}")));
        let eip = graph.add(Eip { number, after: after.clone(), tags: tags.clone() }).attr("id");
        all.push(graph.add(NatGateway { number, subnet: subnet.clone(), eip, after, tags }));
    }
    all
}

/// Endpoints, and the group that guards those with interfaces. Gives the addresses of those that nodes cannot do without: S3 is
/// reached through a NAT gateway as well, so its gateway endpoint neither holds up nodes nor waits for their end.
fn endpoints(
    graph: &mut Graph<Cloud>,
    spec: &Spec,
    id: &Identity,
    vpc: &Value,
    cidr: &str,
    private: &[Value],
    tables: &[Value],
) -> Vec<Address> {
    let mut guard: Option<Value> = None;
    let mut all = Vec::new();
    for service in &spec.network.endpoints {
        let form = if service == "s3" {
            Form::Gateway { route_tables: tables.to_vec() }
        } else {
            let guard = guard.get_or_insert_with(|| endpoint_group(graph, id, vpc, cidr));
            Form::Interface { subnets: private.to_vec(), security_groups: vec![guard.clone()] }
        };
        let endpoint = VpcEndpoint {
            key: service.clone(),
            service: service_name(id.partition, &id.region, service),
            vpc: vpc.clone(),
            form,
            tags: named(id, service),
        };
        let spare = matches!(endpoint.form, Form::Gateway { .. }) && spec.network.nat_gateways != NatGateways::None;
        let address = graph.add(endpoint).address().clone();
        if !spare {
            all.push(address);
        }
    }
    all
}

/// Interface endpoints speak TLS with everything in the VPC, and start no connections themselves.
fn endpoint_group(graph: &mut Graph<Cloud>, id: &Identity, vpc: &Value, cidr: &str) -> Value {
    let rule = Rule {
        protocol: "tcp".to_owned(),
        ports: Some("443".to_owned()),
        peer: Value::text(cidr),
        why: Some("AWS APIs from inside the VPC".to_owned()),
    };
    let group = SecurityGroup {
        key: "endpoints".to_owned(),
        name: id.derived("endpoints"),
        description: format!("Interface endpoints of {}", id.environment),
        vpc: vpc.clone(),
        ingress: vec![rule],
        egress: Vec::new(),
        tags: named(id, "endpoints"),
    };
    graph.add(group).attr("id")
}

/// The second security group of nodes, with the rules of the configuration.
fn node_group(graph: &mut Graph<Cloud>, id: &Identity, group: &NodeSecurityGroup, vpc: Value) -> Value {
    let rules = group.ingress.values().map(|rule| Rule {
        protocol: rule.protocol.clone(),
        ports: rule.ports.clone(),
        peer: Value::text(&rule.peer),
        why: Some(rule.why.clone()),
    });
    let group = SecurityGroup {
        key: "nodes".to_owned(),
        name: id.derived("nodes"),
        description: format!("Nodes of {}", id.environment),
        vpc,
        ingress: rules.collect(),
        egress: vec![Rule::anywhere()],
        tags: named(id, "nodes"),
    };
    graph.add(group).attr("id")
}

/// Somebody else's network: role tags on its subnets if we may, and the nodes' second group if one is asked for.
fn theirs(graph: &mut Graph<Cloud>, spec: &Spec, id: &Identity, existing: &ExistingVpc) -> parts::Network {
    let texts = |ids: &[String]| ids.iter().map(Value::text).collect::<Vec<_>>();
    if existing.tag_subnets {
        for (public, ids) in [(true, &existing.public_subnet_ids), (false, &existing.private_subnet_ids)] {
            for (subnet, number) in ids.iter().zip(1..) {
                graph.add(SubnetTags { public, number, subnet: subnet.clone() });
            }
        }
    }
    let vpc = Value::text(&existing.vpc_id);
    let node_security_group =
        spec.network.node_security_group.as_ref().map(|group| node_group(graph, id, group, vpc.clone()));
    parts::Network {
        vpc,
        private_subnets: texts(&existing.private_subnet_ids),
        public_subnets: texts(&existing.public_subnet_ids),
        node_security_group,
        egress: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
