use super::*;
use crate::engine::{Facts, Fields};

const FILE: &str = r#"
name: prod
owner: acme/platform
account: "123456789012"
region: eu-west-1
roles:
  plan: arn:aws:iam::123456789012:role/rem-ci-access/plan
  apply: arn:aws:iam::123456789012:role/rem-ci-access/apply
  destroy: arn:aws:iam::123456789012:role/rem-ci-access/apply
cluster:
  name: rem-prod
  version: "1.36"
  upgradePolicy: STANDARD
  access:
    sre: {principal: "arn:aws:iam::123456789012:role/sre", policy: AmazonEKSViewPolicy, namespaces: [web]}
addons:
  vpc-cni: {identity: irsa}
  kube-proxy: {}
  coredns: {}
  aws-ebs-csi-driver: {identity: podIdentity}
systemNodes: {instanceType: m7g.large, count: 2, volumeGiB: 20}
karpenter: {version: "1.15.1", identity: podIdentity}
"#;

fn spec() -> Spec {
    serde_yaml::from_str(FILE).unwrap()
}

fn graph(spec: &Spec) -> Graph<Cloud> {
    let mut graph = Graph::default();
    let id = Identity::of(spec);
    let network = parts::Network {
        vpc: Value::text("vpc-1"),
        private_subnets: vec![Value::text("subnet-1"), Value::text("subnet-2")],
        public_subnets: Vec::new(),
        node_security_group: None,
        egress: Vec::new(),
    };
    let base = parts::BaseRoles {
        cluster: Value::text("cluster-role"),
        system_node: Value::text("system-role"),
        karpenter_node: Value::text("karpenter-role"),
        karpenter_node_name: Value::text("karpenter-role"),
    };
    let plane = control_plane(&mut graph, spec, &id, &network, &base, None, None);
    let pods = parts::PodRoles {
        addons: BTreeMap::from([
            ("vpc-cni".to_owned(), Value::text("cni-role")),
            ("aws-ebs-csi-driver".to_owned(), Value::text("ebs-role")),
        ]),
        karpenter: Some(Value::text("controller-role")),
    };
    let template = (Value::text("lt-1"), Value::text("1"), spec.system_nodes.instance_type.clone());
    nodes_and_addons(&mut graph, spec, &id, &network, &plane, &base, &pods, template);
    graph
}

fn want(graph: &Graph<Cloud>, address: &str) -> Fields {
    graph.get(&Address::parse(address).unwrap()).unwrap().want(&Facts::default())
}

fn needs(graph: &Graph<Cloud>, address: &str) -> Vec<String> {
    let node = graph.get(&Address::parse(address).unwrap()).unwrap();
    node.needs.iter().map(|index| graph.nodes()[*index].address.to_string()).collect()
}

#[test]
fn everything_in_the_cluster_waits_for_it_and_for_nothing_else() {
    let graph = graph(&spec());
    assert_eq!(needs(&graph, "cluster/addon/vpc-cni"), ["cluster/cluster"]);
    assert_eq!(needs(&graph, "cluster/node-group/system"), ["cluster/cluster"]);
    assert_eq!(needs(&graph, "cluster/addon/coredns"), ["cluster/cluster"]);
    assert_eq!(needs(&graph, "cluster/pod-identity-association/karpenter"), ["cluster/cluster"]);
    assert_eq!(needs(&graph, "cluster/access-entry/karpenter-node"), ["cluster/cluster"]);
}

#[test]
fn access_is_as_wide_as_the_file_says_and_a_shared_role_has_one_entry() {
    let graph = graph(&spec());
    let policies = |address: &str| want(&graph, address)["policies"].clone();
    let arn = |name: &str| format!("arn:aws:eks::aws:cluster-access-policy/{name}");
    let admin = Value::map([(arn("AmazonEKSClusterAdminPolicy"), Value::map([("type", Value::text("cluster"))]))]);
    assert_eq!(policies("cluster/access-entry/role-apply"), admin);
    assert_eq!(policies("cluster/access-entry/role-plan"), Value::map::<String>([]));
    assert_eq!(want(&graph, "cluster/access-entry/role-plan")["groups"], Value::texts([PLAN_GROUP]));
    let namespaced = Value::map([("type", Value::text("namespace")), ("namespaces", Value::texts(["web"]))]);
    assert_eq!(policies("cluster/access-entry/user-sre"), Value::map([(arn("AmazonEKSViewPolicy"), namespaced)]));
    assert!(graph.get(&Address::keyed("cluster", "access-entry", "role-destroy")).is_none());
}

#[test]
fn add_ons_get_their_role_the_way_the_file_says() {
    let graph = graph(&spec());
    assert_eq!(want(&graph, "cluster/addon/vpc-cni")["serviceAccountRole"], Value::text("cni-role"));
    let ebs = want(&graph, "cluster/addon/aws-ebs-csi-driver");
    assert_eq!(ebs["podIdentity"], Value::map([("ebs-csi-controller-sa", Value::text("ebs-role"))]));
    assert!(!ebs.contains_key("serviceAccountRole"));
}

#[test]
fn system_nodes_follow_the_architecture_of_their_type() {
    let graph = graph(&spec());
    let group = want(&graph, "cluster/node-group/system");
    assert_eq!(group["amiType"], Value::text("AL2023_ARM_64_STANDARD"));
    assert_eq!(group["instanceType"], Value::text("m7g.large"));
    assert_eq!(group["taints"], Value::texts([SYSTEM_TAINT]));
}
