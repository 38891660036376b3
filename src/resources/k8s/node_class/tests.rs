use super::*;

fn class(alias: &str) -> NodeClass {
    let none = || Value::List(Vec::new());
    NodeClass {
        name: "default".to_owned(),
        home: Home { cluster: Value::text("c"), cluster_name: "c".to_owned(), doors: Vec::new() },
        karpenter: Karpenter { crds: Address::single("karpenter", "crds"), controller: Vec::new() },
        role: Value::text("node"),
        ami_alias: Some(alias.to_owned()),
        ami_terms: none(),
        ami_family: None,
        subnets: vec![Value::text("subnet-1")],
        security_groups: vec![Value::text("sg-1")],
        tags: BTreeMap::new(),
        volumes: none(),
        metadata: none(),
        kubelet: none(),
        user_data: None,
        detailed_monitoring: None,
        instance_store: None,
    }
}

fn chosen(alias: &str, facts: &[(&str, &str)]) -> Value {
    let facts = facts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    class(alias).want(&Facts(facts))["amiSelectorTerms"].clone()
}

fn terms(alias: &str) -> Value {
    Value::List(vec![Value::tags([("alias", alias)])])
}

#[test]
fn the_default_alias_is_chosen_once_and_then_kept() {
    let offered = ("ami-alias/al2023/default", "al2023@v20261118");
    assert_eq!(chosen("al2023@default", &[offered]), terms("al2023@v20261118"));
    let kept = ("node-class/default/alias", "al2023@v20261021");
    assert_eq!(chosen("al2023@default", &[offered, kept]), terms("al2023@v20261021"));
    // Another family is another choice.
    let other = ("node-class/default/alias", "bottlerocket@v1.49.0");
    assert_eq!(chosen("al2023@default", &[offered, other]), terms("al2023@v20261118"));
    assert_eq!(chosen("al2023@v20260101", &[offered, kept]), terms("al2023@v20260101"));
    assert_eq!(chosen("al2023@default", &[]), Value::Pending("ami-alias/al2023/default".to_owned()));
}

#[test]
fn subnets_and_groups_are_chosen_by_id() {
    let want = class("al2023@default").want(&Facts::default());
    assert_eq!(want["subnetSelectorTerms"], Value::List(vec![Value::tags([("id", "subnet-1")])]));
    assert_eq!(want["securityGroupSelectorTerms"], Value::List(vec![Value::tags([("id", "sg-1")])]));
}
