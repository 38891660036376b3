//! The three parts together: identity, interruption, karpenter.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;
use crate::engine::{Facts, Fields};
use crate::model::interruption;

const ISSUER: &str = "oidc.eks.us-east-1.amazonaws.com/id/0123ABCD";

fn spec(name: &str, more: Json) -> Spec {
    let mut spec = json!({
        "name": name,
        "owner": "acme/platform",
        "account": "123456789012",
        "region": "us-east-1",
        "tags": { "team": "platform" },
        "cluster": { "name": "rem-prod", "version": "1.36", "upgradePolicy": "STANDARD" },
        "addons": {
            "vpc-cni": { "identity": "irsa" },
            "coredns": {},
            "aws-ebs-csi-driver": { "identity": "podIdentity" },
        },
        "karpenter": { "version": "1.15.1" },
    });
    merge(&mut spec, more);
    serde_json::from_value(spec).unwrap()
}

fn merge(into: &mut Json, from: Json) {
    match (into, from) {
        (Json::Object(into), Json::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Json::Null), value));
        }
        (into, from) => *into = from,
    }
}

struct World {
    graph: Graph<Cloud>,
    id: Identity,
}

fn world(spec: &Spec) -> World {
    let mut graph = Graph::default();
    let id = Identity::of(spec);
    let base = identity::base_roles(&mut graph, spec, &id);
    let queue = interruption::add(&mut graph, spec, &id);
    let plane = parts::ControlPlane {
        address: Address::single("cluster", "cluster"),
        name: Value::text("rem-prod"),
        issuer: ISSUER.to_owned(),
        security_group: Value::text("sg-0"),
        cluster_name: "rem-prod".to_owned(),
        doors: Vec::new(),
    };
    identity::pod_roles(&mut graph, spec, &id, &plane);
    add(&mut graph, spec, &id, &plane, &base.karpenter_node, &queue);
    World { graph, id }
}

impl World {
    fn want(&self, address: &str) -> Fields {
        let address = Address::parse(address).unwrap();
        self.graph.get(&address).unwrap_or_else(|| panic!("no {address}")).want(&Facts::default())
    }

    fn document(&self, address: &str, field: &str) -> Json {
        serde_json::from_str(self.want(address)[field].as_text().unwrap()).unwrap()
    }

    fn addresses(&self, kind: &str) -> Vec<&str> {
        let nodes = self.graph.nodes().iter().map(|node| node.address.as_str());
        nodes.filter(|address| address.split('/').nth(1) == Some(kind)).collect()
    }

    fn needs(&self, address: &str) -> BTreeSet<&str> {
        let node = self.graph.get(&Address::parse(address).unwrap()).unwrap();
        node.needs.iter().map(|index| self.graph.nodes()[*index].address.as_str()).collect()
    }

    fn names(&self) -> Vec<(String, String)> {
        let named = |node: &crate::engine::Node<Cloud>| {
            let name = node.want(&Facts::default()).get("name")?.as_text()?.to_owned();
            (!name.starts_with("AWS")).then(|| (node.kind.kind().name.to_owned(), name))
        };
        self.graph.nodes().iter().filter_map(named).collect()
    }
}

#[test]
fn everything_karpenter_needs_is_there() {
    let world = world(&spec("prod", json!({})));
    assert_eq!(
        world.addresses("iam-role"),
        [
            "identity/iam-role/cluster",
            "identity/iam-role/system-node",
            "karpenter/iam-role/node",
            "identity/iam-role/aws-ebs-csi-driver",
            "identity/iam-role/vpc-cni",
            "karpenter/iam-role/controller",
        ]
    );
    assert_eq!(world.addresses("iam-policy").len(), 6);
    assert_eq!(world.addresses("event-rule").len(), 5);
    assert_eq!(world.addresses("sqs-queue"), ["interruption/sqs-queue"]);
    assert_eq!(world.addresses("service-linked-role"), ["identity/service-linked-role/spot"]);
    let role = world.want("karpenter/iam-role/controller");
    let attached: Vec<_> = role["policies"].items().iter().map(token).collect();
    assert_eq!(attached.len(), 6);
    assert!(attached.contains(&"$[karpenter/iam-policy/node-lifecycle#arn]".to_owned()));
    assert_eq!(role["path"].as_text(), Some("/rem-ci/prod/"));
    assert_eq!(role["tags"], Value::tags([("team", "platform")]));
}

#[test]
fn no_kind_wants_a_field_that_it_does_not_declare() {
    for node in world(&spec("prod", json!({ "cluster": { "ipFamily": "ipv6" } }))).graph.nodes() {
        for field in node.want(&Facts::default()).keys() {
            assert!(node.kind.kind().field(field).is_some(), "{}: {field}", node.address);
        }
    }
}

#[test]
fn older_minors_have_less() {
    let world = |version: &str| world(&spec("prod", json!({ "karpenter": { "version": version } })));
    assert_eq!(world("1.1.0").addresses("event-rule").len(), 4);
    assert_eq!(world("1.9.0").addresses("event-rule").len(), 4);
    assert_eq!(world("1.10.0").addresses("event-rule").len(), 5);
    assert_eq!(world("1.1.0").addresses("iam-policy").len(), 5);
    assert_eq!(world("1.16.0").addresses("iam-policy").len(), 0);
}

#[test]
fn edges_are_true_needs_only() {
    let world = world(&spec("prod", json!({})));
    assert_eq!(world.needs("interruption/event-rule/spot"), BTreeSet::from(["interruption/sqs-queue"]));
    assert!(world.needs("interruption/sqs-queue").is_empty());
    assert_eq!(world.needs("karpenter/iam-policy/iam-integration"), BTreeSet::from(["karpenter/iam-role/node"]));
    assert_eq!(world.needs("karpenter/iam-policy/interruption"), BTreeSet::from(["interruption/sqs-queue"]));
    // The rest of the policies need nothing, and so hide under the control plane's creation.
    assert!(world.needs("karpenter/iam-policy/node-lifecycle").is_empty());
    assert!(world.needs("identity/iam-role/cluster").is_empty());
    assert_eq!(world.needs("identity/iam-role/vpc-cni"), BTreeSet::from(["identity/oidc-provider"]));
    assert!(world.needs("identity/iam-role/aws-ebs-csi-driver").is_empty());
    assert!(world.needs("karpenter/iam-role/controller").contains("identity/oidc-provider"));
}

#[test]
fn a_service_account_is_named_in_full_in_every_trust() {
    let irsa = world(&spec("prod", json!({})));
    assert_eq!(
        irsa.document("karpenter/iam-role/controller", "trust")["Statement"][0],
        json!({
            "Effect": "Allow",
            "Principal": { "Federated": "$[identity/oidc-provider#arn]" },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": {
                "oidc.eks.us-east-1.amazonaws.com/id/0123ABCD:aud": "sts.amazonaws.com",
                "oidc.eks.us-east-1.amazonaws.com/id/0123ABCD:sub": "system:serviceaccount:karpenter:karpenter",
            } },
        })
    );
    let more = json!({ "karpenter": { "identity": "podIdentity", "namespace": "kube-system" } });
    let statement =
        world(&spec("prod", more)).document("karpenter/iam-role/controller", "trust")["Statement"][0].clone();
    assert_eq!(statement["Principal"], json!({ "Service": "pods.eks.amazonaws.com" }));
    assert_eq!(statement["Action"], json!(["sts:AssumeRole", "sts:TagSession"]));
    assert_eq!(
        statement["Condition"]["StringEquals"],
        json!({
            "aws:RequestTag/eks-cluster-arn": "arn:aws:eks:us-east-1:123456789012:cluster/rem-prod",
            "aws:RequestTag/kubernetes-namespace": "kube-system",
            "aws:RequestTag/kubernetes-service-account": "karpenter",
        })
    );
}

#[test]
fn without_an_oidc_provider_of_ours_a_trust_names_the_one_there_would_be() {
    let world = world(&spec("prod", json!({ "cluster": { "oidcProvider": false } })));
    assert!(world.addresses("oidc-provider").is_empty());
    assert_eq!(
        world.document("identity/iam-role/vpc-cni", "trust")["Statement"][0]["Principal"]["Federated"],
        format!("arn:aws:iam::123456789012:oidc-provider/{ISSUER}")
    );
}

#[test]
fn references_resolve_inside_keys_and_values_of_a_trust() {
    let trust = crate::model::policies::trust::irsa(
        "$[identity/oidc-provider#arn]",
        "$[cluster/cluster#issuer]",
        "kube-system",
        &["b", "a"],
    );
    let resolved = trust.resolve(&|node, attr| Some(format!("{}-{attr}", node.kind()))).unwrap();
    let document: Json = serde_json::from_str(resolved.as_text().unwrap()).unwrap();
    let equals = &document["Statement"][0]["Condition"]["StringEquals"];
    assert_eq!(equals["cluster-issuer:aud"], "sts.amazonaws.com");
    assert_eq!(
        equals["cluster-issuer:sub"],
        json!(["system:serviceaccount:kube-system:a", "system:serviceaccount:kube-system:b"])
    );
    assert_eq!(document["Statement"][0]["Principal"]["Federated"], "oidc-provider-arn");
}

#[test]
fn the_queue_takes_messages_from_its_own_rules_only() {
    let world = world(&spec("prod", json!({})));
    let policy = world.document("interruption/sqs-queue", "policy");
    let name = world.want("interruption/sqs-queue")["name"].as_text().unwrap().to_owned();
    assert_eq!(policy["Statement"][0]["Resource"], format!("arn:aws:sqs:us-east-1:123456789012:{name}"));
    let senders = policy["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"].as_array().unwrap().clone();
    let rules = world.addresses("event-rule");
    assert_eq!(senders.len(), rules.len());
    for rule in rules {
        let name = world.want(rule)["name"].as_text().unwrap().to_owned();
        assert!(senders.contains(&json!(format!("arn:aws:events:us-east-1:123456789012:rule/{name}"))), "{name}");
    }
    assert_eq!(policy["Statement"][1]["Effect"], "Deny");
    assert_eq!(policy["Statement"][1]["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }));
    assert_eq!(world.want("interruption/sqs-queue")["retentionSeconds"].as_text(), Some("300"));
    assert_eq!(
        world.want("interruption/event-rule/spot")["pattern"].as_text(),
        Some(r#"{"detail-type":["EC2 Spot Instance Interruption Warning"],"source":["aws.ec2"]}"#)
    );
}

#[test]
fn nodes_get_the_partitions_own_arns_and_principals() {
    let world = |region: &str| world(&spec("prod", json!({ "region": region })));
    let china = world("cn-north-1");
    let policies = china.want("karpenter/iam-role/node")["policies"].clone();
    let policies: Vec<_> = policies.item_texts().collect();
    assert_eq!(
        policies,
        [
            "arn:aws-cn:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly",
            "arn:aws-cn:iam::aws:policy/AmazonEKSWorkerNodePolicy",
            "arn:aws-cn:iam::aws:policy/AmazonEKS_CNI_Policy",
            "arn:aws-cn:iam::aws:policy/AmazonSSMManagedInstanceCore",
        ]
    );
    let principal =
        |world: &World| world.document("karpenter/iam-role/node", "trust")["Statement"][0]["Principal"].clone();
    assert_eq!(principal(&china), json!({ "Service": "ec2.amazonaws.com.cn" }));
    assert_eq!(principal(&world("us-gov-west-1")), json!({ "Service": "ec2.amazonaws.com" }));
    let ebs = world("us-gov-west-1").want("identity/iam-role/aws-ebs-csi-driver")["policies"].clone();
    assert_eq!(ebs, Value::texts(["arn:aws-us-gov:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"]));
}

#[test]
fn an_ipv6_cluster_gets_the_cni_policy_that_aws_does_not_have() {
    let world = world(&spec("prod", json!({ "cluster": { "ipFamily": "ipv6" } })));
    let cni = world.want("identity/iam-role/vpc-cni");
    assert!(!cni.contains_key("policies"));
    let inline = cni["inline"].get("vpc-cni-ipv6").and_then(Value::as_text).unwrap();
    assert!(inline.contains("ec2:AssignIpv6Addresses"));
    assert!(world.want("karpenter/iam-role/node").contains_key("inline"));
}

#[test]
fn an_add_on_whose_needs_are_not_known_gets_no_role() {
    let world = world(&spec("prod", json!({ "addons": { "metrics-server": { "identity": "irsa" } } })));
    assert!(!world.addresses("iam-role").contains(&"identity/iam-role/metrics-server"));
    assert_eq!(identity::addon_access("metrics-server"), None);
}

#[test]
fn every_name_fits_and_is_no_beginning_of_a_neighbours() {
    let longest = "e".repeat(32);
    let addons = json!({
        "addons": {
            "aws-efs-csi-driver": { "identity": "irsa" },
            "amazon-cloudwatch-observability": { "identity": "irsa" },
        },
    });
    for (kind, name) in world(&spec(&longest, addons)).names() {
        let limit = match kind.as_str() {
            "iam-role" | "event-rule" => 64,
            "sqs-queue" => 80,
            _ => 128,
        };
        assert!(name.len() <= limit, "{kind} {name}: {}", name.len());
    }
    let (prod, eu) = (world(&spec("prod", json!({}))), world(&spec("prod-eu", json!({}))));
    assert_ne!(prod.id.short(), eu.id.short());
    for (_, ours) in prod.names() {
        for (_, theirs) in eu.names() {
            assert!(!theirs.starts_with(&ours) && !ours.starts_with(&theirs), "{ours} {theirs}");
        }
    }
    assert!(!eu.id.iam_path().starts_with(&prod.id.iam_path()));
    // Within one environment and kind, too: a listing by prefix must not confuse them.
    let names = prod.names();
    for (kind, one) in &names {
        for (other, two) in &names {
            assert!(kind != other || one == two || !two.starts_with(one.as_str()), "{one} {two}");
        }
    }
}
