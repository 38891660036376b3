use crate::config::Spec;
use crate::engine::{Address, Facts, Fields, Graph, Value};
use crate::model;

fn spec(more: &str) -> Spec {
    let text = format!(
        "{{name: prod, owner: acme, account: '123456789012', region: us-east-1, cluster: {{name: c, version: '1.36', \
         upgradePolicy: STANDARD}}, karpenter: {{version: '1.15.1'}}, addons: {{aws-ebs-csi-driver: {{}}}}, \
         nodeClasses: {{default: {{amiAlias: al2023@v20261118, volumeGiB: 50}}}}, \
         nodePools: {{new: {{nodeClass: default, limits: {{cpu: 10}}, \
         requirements: [{{key: karpenter.sh/capacity-type, operator: In, values: [spot], minValues: 1}}]}}}}, \
         moved: [{{from: nodePools/old, to: nodePools/new}}]{more}}}"
    );
    serde_yaml::from_str(&text).expect("a spec")
}

fn want(graph: &Graph<crate::cloud::Cloud>, address: &str) -> Fields {
    graph.get(&Address::parse(address).expect("an address")).expect(address).want(&Facts::default())
}

#[test]
fn the_plan_role_sees_no_secrets() {
    let plan = ", roles: {plan: 'arn:aws:iam::123456789012:role/plan', apply: 'arn:aws:iam::123456789012:role/apply'}";
    let graph = model::build(&spec(plan));
    let rules = want(&graph, "kubernetes/cluster-role/plan")["rules"].clone();
    for rule in rules.items() {
        let texts = |part: &str| -> Vec<String> {
            rule.get(part).into_iter().flat_map(Value::item_texts).map(str::to_owned).collect()
        };
        assert!(!texts("resources").contains(&"secrets".to_owned()), "{rule:?}");
        assert!(!texts("resources").contains(&"*".to_owned()) || !texts("apiGroups").contains(&String::new()));
        assert!(texts("verbs").iter().all(|verb| ["get", "list", "watch"].contains(&verb.as_str())), "{rule:?}");
    }
    let subjects = &want(&graph, "kubernetes/cluster-role-binding/plan")["subjects"];
    assert_eq!(subjects.items()[0].get("name"), Some(&Value::text(crate::model::cluster::PLAN_GROUP)));
    assert!(model::build(&spec("")).get(&Address::keyed("kubernetes", "cluster-role", "plan")).is_none());
}

#[test]
fn whoever_applies_has_an_entry_where_the_file_gives_nobody_the_cluster() {
    let operator = Address::keyed("cluster", "access-entry", "operator");
    assert!(model::build(&spec("")).get(&operator).is_some());
    let apply = ", roles: {apply: 'arn:aws:iam::123456789012:role/apply'}";
    let graph = model::build(&spec(apply));
    assert!(graph.get(&operator).is_none());
    // Nobody can be let in before the entry is there.
    let class = graph.get(&Address::keyed("kubernetes", "storage-class", "gp3")).expect("a class");
    let needs: Vec<_> = class.needs.iter().map(|index| graph.nodes()[*index].address.as_str()).collect();
    assert_eq!(needs, ["cluster/cluster", "cluster/access-entry/role-apply"]);
}

#[test]
fn a_pool_is_what_the_file_says_with_its_own_label() {
    let graph = model::build(&spec(""));
    let pool = want(&graph, "karpenter/node-pool/new");
    assert_eq!(pool["labels"], Value::tags([("workload-type", "new")]));
    assert_eq!(pool["limits"], Value::tags([("cpu", "10")]));
    assert_eq!(pool["requirements"].items()[0].get("minValues"), Some(&Value::text(1)));
    assert!(!pool.contains_key("taints") && !pool.contains_key("disruption"));
    let node = graph.get(&Address::keyed("karpenter", "node-pool", "new")).expect("a pool");
    assert_eq!(node.formerly, Some(Address::keyed("karpenter", "node-pool", "old")));
    // It is made without Karpenter, and ends before it.
    let release = Address::single("karpenter", "helm-release");
    assert_eq!(node.leans, std::slice::from_ref(&release));
    assert!(node.needs.iter().all(|index| graph.nodes()[*index].address != release));
}

#[test]
fn nodes_have_encrypted_disks_and_no_old_metadata_service() {
    let class = want(&model::build(&spec("")), "karpenter/node-class/default");
    let ebs = class["blockDeviceMappings"].items()[0].get("ebs").expect("a disk").clone();
    assert_eq!(ebs.get("encrypted"), Some(&Value::text("true")));
    assert_eq!(ebs.get("volumeSize"), Some(&Value::text("50Gi")));
    assert_eq!(class["metadataOptions"].get("httpTokens"), Some(&Value::text("required")));
    assert_eq!(class["metadataOptions"].get("httpPutResponseHopLimit"), Some(&Value::text("1")));
    assert_eq!(class["tags"].get("rem-ci:environment"), Some(&Value::text("prod")));
    assert!(class["tags"].get("rem-ci:resource").is_none(), "instances are children");
}
