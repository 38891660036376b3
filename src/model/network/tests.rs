use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;
use crate::engine::{Facts, Node};

fn build(network: Json) -> (Graph<Cloud>, parts::Network) {
    let spec = json!({
        "name": "prod", "owner": "acme/platform", "account": "123456789012", "region": "us-east-1",
        "tags": { "team": "platform" },
        "network": network,
        "cluster": { "name": "rem-prod", "version": "1.36", "upgradePolicy": "STANDARD" },
        "karpenter": { "version": "1.15.1" },
    });
    let spec: Spec = serde_json::from_value(spec).unwrap();
    let mut graph = Graph::default();
    let network = add(&mut graph, &spec, &Identity::of(&spec));
    (graph, network)
}

fn addresses(graph: &Graph<Cloud>) -> BTreeSet<&str> {
    graph.nodes().iter().map(|node| node.address.as_str()).collect()
}

fn node<'a>(graph: &'a Graph<Cloud>, address: &str) -> &'a Node<Cloud> {
    graph.get(&Address::parse(address).unwrap()).unwrap_or_else(|| panic!("no {address}"))
}

fn needs<'a>(graph: &'a Graph<Cloud>, address: &str) -> BTreeSet<&'a str> {
    node(graph, address).needs.iter().map(|index| graph.nodes()[*index].address.as_str()).collect()
}

#[test]
fn the_default_network_has_these_addresses() {
    let (graph, network) = build(json!({}));
    let mut expected: BTreeSet<String> =
        ["vpc", "internet-gateway", "route-table/public", "vpc-endpoint/s3"].map(str::to_owned).into();
    for zone in 1..=3 {
        for key in ["subnet/public", "subnet/private", "route-table/private"] {
            expected.insert(format!("{key}-{zone}"));
        }
        expected.insert(format!("eip/{zone}"));
        expected.insert(format!("nat-gateway/{zone}"));
    }
    let expected: BTreeSet<_> = expected.into_iter().map(|one| format!("network/{one}")).collect();
    assert_eq!(addresses(&graph), expected.iter().map(String::as_str).collect());
    assert_eq!((network.private_subnets.len(), network.public_subnets.len()), (3, 3));
    let egress: Vec<_> = network.egress.iter().map(Address::as_str).collect();
    assert_eq!(
        egress,
        [
            "network/route-table/public",
            "network/route-table/private-1",
            "network/route-table/private-2",
            "network/route-table/private-3",
        ]
    );
}

#[test]
fn edges_are_true_needs_only() {
    let (graph, _) = build(json!({}));
    let set = |items: &[&'static str]| items.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(needs(&graph, "network/vpc"), set(&[]));
    assert_eq!(needs(&graph, "network/subnet/private-1"), set(&["network/vpc"]));
    assert_eq!(needs(&graph, "network/eip/2"), set(&["network/internet-gateway"]));
    assert_eq!(
        needs(&graph, "network/nat-gateway/2"),
        set(&["network/internet-gateway", "network/eip/2", "network/subnet/public-2"])
    );
    assert_eq!(
        needs(&graph, "network/route-table/private-2"),
        set(&["network/vpc", "network/nat-gateway/2", "network/subnet/private-2"])
    );
    assert_eq!(
        needs(&graph, "network/vpc-endpoint/s3"),
        set(&[
            "network/vpc",
            "network/route-table/private-1",
            "network/route-table/private-2",
            "network/route-table/private-3"
        ])
    );
}

#[test]
fn every_wanted_field_is_declared_and_named() {
    let network = json!({
        "endpoints": ["s3", "ecr.api"],
        "nodeSecurityGroup": { "ingress": { "hooks": { "peer": "self", "protocol": "tcp", "why": "webhooks" } } },
    });
    for node in build(network).0.nodes() {
        let kind = node.kind.kind();
        let want = node.want(&Facts::default());
        assert_eq!(node.address.kind(), kind.name);
        for field in want.keys() {
            assert!(kind.field(field).is_some(), "{}: `{field}` is not declared", node.address);
        }
        assert_eq!(want["tags"].get("team"), Some(&"platform".into()), "{}", node.address);
        assert!(want["tags"].get("Name").is_some(), "{}", node.address);
    }
}

#[test]
fn zones_are_chosen_once_or_named() {
    let (graph, _) = build(json!({ "zones": 2 }));
    let zone = |graph: &Graph<Cloud>, facts: &Facts, key: &str| {
        node(graph, &format!("network/subnet/{key}")).want(facts)["zone"].clone()
    };
    assert_eq!(zone(&graph, &Facts::default(), "private-2"), Value::Pending("zone/2".to_owned()));
    let facts = Facts(BTreeMap::from([("zone/2".to_owned(), "use1-az6".to_owned())]));
    assert_eq!(zone(&graph, &facts, "private-2"), "use1-az6".into());
    assert_eq!(zone(&graph, &facts, "public-2"), "use1-az6".into());
    let (graph, _) = build(json!({ "zones": ["use1-az1", "use1-az2"] }));
    assert_eq!(zone(&graph, &facts, "private-2"), "use1-az2".into());
}

#[test]
fn subnets_carry_their_load_balancers_role() {
    let (graph, _) = build(json!({}));
    let want = |key: &str| node(&graph, &format!("network/subnet/{key}")).want(&Facts::default());
    let (public, private) = (want("public-3"), want("private-3"));
    assert_eq!((&public["cidr"], &private["cidr"]), (&"10.0.32.0/20".into(), &"10.0.160.0/20".into()));
    assert_eq!((&public["mapPublicIp"], &private["mapPublicIp"]), (&"true".into(), &"false".into()));
    assert_eq!(public["tags"].get("kubernetes.io/role/elb"), Some(&"1".into()));
    assert_eq!(public["tags"].get("kubernetes.io/role/internal-elb"), None);
    assert_eq!(private["tags"].get("kubernetes.io/role/internal-elb"), Some(&"1".into()));
}

#[test]
fn one_nat_gateway_serves_all_zones_and_none_serves_none() {
    let routes = |graph: &Graph<Cloud>, key: &str| {
        node(graph, &format!("network/route-table/{key}")).want(&Facts::default()).get("routes").cloned()
    };
    let (graph, _) = build(json!({ "natGateways": "single" }));
    assert!(addresses(&graph).contains("network/nat-gateway/1"));
    assert!(!addresses(&graph).contains("network/nat-gateway/2"));
    assert_eq!(routes(&graph, "private-1"), routes(&graph, "private-3"));
    assert!(routes(&graph, "private-3").is_some());
    let (graph, _) = build(json!({ "natGateways": "none" }));
    assert!(!addresses(&graph).iter().any(|address| address.contains("nat-gateway") || address.contains("eip")));
    assert_eq!(routes(&graph, "private-1"), None);
    assert!(routes(&graph, "public").is_some());
}

#[test]
fn interface_endpoints_share_one_guard() {
    let (graph, network) = build(json!({ "endpoints": ["s3", "sts", "ecr.api"], "cidr": "10.9.1.1/20" }));
    let sts = node(&graph, "network/vpc-endpoint/sts").want(&Facts::default());
    assert_eq!(sts["service"], "com.amazonaws.us-east-1.sts".into());
    assert_eq!(sts["subnets"].items().len(), 3);
    assert!(needs(&graph, "network/vpc-endpoint/ecr.api").contains("network/security-group/endpoints"));
    let guard = node(&graph, "network/security-group/endpoints").want(&Facts::default());
    assert_eq!(guard["ingress"].items()[0].get("peer"), Some(&"10.9.0.0/20".into()));
    assert!(network.egress.iter().any(|address| address.as_str() == "network/vpc-endpoint/ecr.api"));
}

#[test]
fn an_existing_vpc_is_left_alone_unless_it_may_be_tagged() {
    let existing = |tag: bool| {
        json!({ "existing": {
            "vpcId": "vpc-1", "privateSubnetIds": ["subnet-1", "subnet-2"], "publicSubnetIds": ["subnet-3"],
            "tagSubnets": tag,
        } })
    };
    let (graph, network) = build(existing(false));
    assert!(graph.nodes().is_empty());
    assert_eq!(network.vpc, "vpc-1".into());
    assert_eq!(network.private_subnets, ["subnet-1".into(), "subnet-2".into()]);
    let (graph, _) = build(existing(true));
    let expected = ["network/subnet-tags/private-1", "network/subnet-tags/private-2", "network/subnet-tags/public-1"];
    assert_eq!(addresses(&graph), expected.into());
}
