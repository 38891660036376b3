use std::collections::BTreeMap;

use super::{Found, Sort, Whose};

fn whose() -> Whose {
    Whose {
        cluster: "rem-prod".to_owned(),
        environment: "prod".to_owned(),
        stack: "0123456789abcdef".to_owned(),
        vpc: Some("vpc-1".to_owned()),
    }
}

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn found(sort: Sort, pairs: &[(&str, &str)]) -> Found {
    let (tags, vpc) = (tags(pairs), Some("vpc-1".to_owned()));
    let why = whose().reason(&tags).unwrap_or_default();
    Found { sort, id: "x".to_owned(), why, vpc, state: String::new(), gib: None, tags }
}

const OWNED: (&str, &str) = ("kubernetes.io/cluster/rem-prod", "owned");

#[test]
fn a_tag_says_whose_it_is_and_another_stack_says_whose_it_is_not() {
    let reason = |pairs: &[(&str, &str)]| whose().reason(&tags(pairs));
    assert_eq!(reason(&[OWNED]).as_deref(), Some("tag kubernetes.io/cluster/rem-prod"));
    assert_eq!(reason(&[("elbv2.k8s.aws/cluster", "rem-prod")]).as_deref(), Some("tag elbv2.k8s.aws/cluster"));
    assert_eq!(reason(&[("elbv2.k8s.aws/cluster", "rem-prod-eu")]), None);
    assert_eq!(reason(&[("rem-ci:environment", "prod")]).as_deref(), Some("tag rem-ci:environment"));
    assert_eq!(reason(&[("kubernetes.io/cluster/rem-prod", "shared")]), None);
    assert_eq!(reason(&[OWNED, ("rem-ci:stack", "fedcba9876543210")]), None);
    assert_eq!(reason(&[("kubernetes.io/cluster/rem-prod-eu", "owned")]), None);
}

#[test]
fn only_what_nobody_else_ends_is_swept_and_only_inside() {
    let sweepable = |one: &Found| one.sweepable(&whose());
    let node = found(Sort::Instance, &[OWNED, ("karpenter.sh/nodepool", "burst")]);
    assert!(sweepable(&node));
    assert!(!sweepable(&found(Sort::Instance, &[OWNED, ("eks:nodegroup-name", "system")])), "EKS ends it");
    assert!(!sweepable(&Found { vpc: Some("vpc-2".to_owned()), ..node.clone() }), "a copied tag");
    let blind = Whose { vpc: None, ..whose() };
    assert!(!node.sweepable(&blind), "it is in a VPC, and nobody knows ours");
    let marked = found(Sort::Instance, &[("rem-ci:environment", "prod"), ("karpenter.sh/nodepool", "burst")]);
    assert!(!sweepable(&marked), "the environment's tag alone does not say that it was the cluster's");
    let group = |name: &str| Found { state: name.to_owned(), ..found(Sort::SecurityGroup, &[OWNED]) };
    assert!(sweepable(&group("k8s-elb-a123")));
    assert!(!sweepable(&group("eks-cluster-sg-rem-prod-1")), "EKS ends it");
    let interface = |state: &str| Found { state: state.to_owned(), ..found(Sort::Interface, &[OWNED]) };
    assert!(sweepable(&interface("available")) && !sweepable(&interface("in-use")));
    assert!(
        !sweepable(&Found { vpc: None, ..found(Sort::Snapshot, &[OWNED]) }),
        "a snapshot is somebody's copy of data"
    );
}

#[test]
fn a_claims_volume_is_data_and_a_nodes_root_is_not() {
    let claim =
        [OWNED, ("kubernetes.io/created-for/pvc/namespace", "shop"), ("kubernetes.io/created-for/pvc/name", "db")];
    let volume = found(Sort::Volume, &claim);
    assert!(volume.data());
    assert_eq!(volume.claim().as_deref(), Some("shop/db"));
    let root = found(Sort::Volume, &[OWNED, ("karpenter.sh/nodepool", "burst")]);
    assert!(!root.data() && root.claim().is_none());
}
